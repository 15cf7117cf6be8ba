"""How much of a search's best result is luck."""
