"""Prices in: every source ends in the same frames, stamped with the instant each bar was known."""
