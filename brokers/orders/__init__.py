"""Orders out: brokers that fill what the strategy decides."""
