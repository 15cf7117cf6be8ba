"""The page of a paper session."""
