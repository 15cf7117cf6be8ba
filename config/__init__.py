"""What is tuned: frozen settings models and the TOML files."""
