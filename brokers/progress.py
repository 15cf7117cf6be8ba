"""How work says how far it is."""

from typing import Protocol


class Progress(Protocol):
    """Called with what is being done and, where they are known, how many parts are done of how many."""

    def __call__(self, text: str, done: int = 0, of: int = 0) -> object:
        """Show it; what is raised here ends the work."""
