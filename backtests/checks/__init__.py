"""The promises, checked on the user's own configuration and data."""
