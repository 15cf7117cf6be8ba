"""The page of the evidence."""
