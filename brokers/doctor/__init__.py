"""Checks of a set-up, each with its fix: installation, exchange, data, journal and disk."""
