"""The thesis on trial: what history says about each of its claims, and how little it can."""
