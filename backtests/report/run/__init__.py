"""The page of a backtest or replay."""
