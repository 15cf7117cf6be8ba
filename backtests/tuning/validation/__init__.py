"""What a search is worth: out of sample, on gates shifted in time, at other costs."""
