"""Search parameter sets, and test how much of the result is chance."""
