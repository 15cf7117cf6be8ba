"""From settings and prices to a run: in backtrader, or in the compiled kernel."""
