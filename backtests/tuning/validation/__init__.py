"""What a search is worth: on days it has not seen, on gates shifted in time, at other costs."""
