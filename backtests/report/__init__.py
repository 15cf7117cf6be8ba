"""A run as numbers and words."""
