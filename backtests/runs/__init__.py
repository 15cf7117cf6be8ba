"""One backtest or replay as a folder of documents."""
