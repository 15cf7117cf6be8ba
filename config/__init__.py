"""Settings: frozen models with units and bounds, and the TOML files with their values."""
