"""Who wants to be left alone, and for how long."""

import time
from collections.abc import Callable


class Quiet:
    """Pauses that hosts have asked for, by name. Limits count by address: all parts of a program that ask one host share one of these."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """`now` is the clock, epoch seconds."""
        self._now = now
        self._pauses: dict[str, tuple[float, float]] = {}  # from, until

    def keep(self, name: str, seconds: float) -> None:
        """Leave `name` alone for `seconds` from now on."""
        start = self._now()
        self._pauses[name] = (start, start + seconds)

    def left(self, name: str) -> float:
        """Seconds left of the pause that `name` has asked for."""
        start, end = self._pauses.get(name, (0.0, 0.0))
        now = self._now()
        return end - now if start <= now < end else 0.0  # a clock set back must not make the pause longer
