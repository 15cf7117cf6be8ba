"""The ccxt client: connection, transport, calls, responses, rate limits, errors."""
