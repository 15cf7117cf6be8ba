"""The journal of paper trading: everything decided, sent and filled, in one SQLite file an account."""
