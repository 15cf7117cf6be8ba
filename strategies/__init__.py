"""What to hold: pure decisions, and the one backtrader strategy. No network, no files, no clock."""
