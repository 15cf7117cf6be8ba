"""A paper session: data provider, strategy, guards, observer, status."""
