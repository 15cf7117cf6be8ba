"""The terminal people read."""

from rich.console import Console


def console(*, error: bool = False) -> Console:
    """Standard output or `error`; wide enough for the tables where it is no terminal."""
    terminal = Console(stderr=error, highlight=False)
    return terminal if terminal.is_terminal else Console(stderr=error, highlight=False, width=160)
