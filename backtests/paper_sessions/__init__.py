"""A journal read back: uptime, execution, and how closely the session tracked the backtest of its days."""
