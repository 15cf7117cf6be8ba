"""The terminal people read."""

from rich.console import Console


def console(error: bool = False) -> Console:
    """Where people read; wide enough for the table when there is no terminal to ask."""
    found = Console(stderr=error, highlight=False)
    return found if found.is_terminal else Console(stderr=error, highlight=False, width=160)
