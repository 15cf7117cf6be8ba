"""A paper session's journal read back: uptime, execution, comparison with the backtest."""
