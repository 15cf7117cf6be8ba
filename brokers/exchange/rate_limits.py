"""Pauses that exchanges ask for, by host."""

import json
import time
from collections.abc import Callable
from typing import Protocol


class Store(Protocol):
    """Texts by key that outlive the process."""

    def get(self, key: str) -> str | None:
        """What was last put under `key`."""

    def put(self, key: str, value: str) -> None:
        """Store `value` under `key`."""


class RateLimits:
    """Pauses that hosts have asked for, by name.

    Limits count by address: all parts of a program that ask one host share one of these.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """`now` is the clock, epoch seconds."""
        self.now = now
        self._pauses: dict[str, tuple[float, float]] = {}  # from, until
        self._save: Callable[[str], None] | None = None

    def restore(self, store: Store, key: str) -> None:
        """Read the pauses an earlier process saved in `store` under `key`; save later ones there.

        A request during a ban makes the ban longer, so a restart must respect it too.
        """
        self._pauses |= {
            name: (start, end) for name, (start, end) in json.loads(store.get(key) or "{}").items()
        }
        self._save = lambda pauses: store.put(key, pauses)

    def pause(self, name: str, seconds: float) -> None:
        """Send nothing to `name` for `seconds` from now on."""
        start = self.now()
        self._pauses[name] = (start, start + seconds)
        if self._save is not None:
            self._save(json.dumps(self._pauses))

    def seconds_left(self, name: str) -> float:
        """Seconds left of the pause that `name` has asked for."""
        start, end = self._pauses.get(name, (0.0, 0.0))
        now = self.now()
        # A clock that was set back must not make the pause longer.
        return end - now if start <= now < end else 0.0
