"""The market side: prices in, orders out, and the record of both."""
