"""How long work reports its progress."""

from typing import Protocol


class Progress(Protocol):
    """Called with what is being done and, where known, how many parts of how many are done."""

    def __call__(self, text: str, done: int = 0, of: int = 0) -> object:
        """Show it; an exception raised here ends the work."""
