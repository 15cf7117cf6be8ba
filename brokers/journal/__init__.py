"""The journal of paper trading: decisions, orders and fills, one SQLite file an account."""
