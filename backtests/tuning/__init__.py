"""Search the parameters, and say how much of the result is luck."""
