"""Who wants to be left alone, and for how long."""

import json
import time
from collections.abc import Callable
from typing import Protocol


class Store(Protocol):
    """A place for texts that outlives the process."""

    def get(self, key: str) -> str | None:
        """What was last put under `key`."""

    def put(self, key: str, value: str) -> None:
        """Keep `value` under `key`."""


class Quiet:
    """Pauses that hosts have asked for, by name. Limits count by address: all parts of a program that ask one host share one of these."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """`now` is the clock, epoch seconds."""
        self._now = now
        self._pauses: dict[str, tuple[float, float]] = {}  # from, until
        self._kept: Callable[[str], None] | None = None

    def remember(self, store: Store, key: str) -> None:
        """Go by the pauses an earlier process kept in `store` under `key`, and keep there what is asked for from now on: asking
        within a ban makes it longer, and a restart must not be a reason to ask.
        """
        self._pauses |= {
            name: (start, end) for name, (start, end) in json.loads(store.get(key) or "{}").items()
        }
        self._kept = lambda pauses: store.put(key, pauses)

    def keep(self, name: str, seconds: float) -> None:
        """Leave `name` alone for `seconds` from now on."""
        start = self._now()
        self._pauses[name] = (start, start + seconds)
        if self._kept is not None:
            self._kept(json.dumps(self._pauses))

    def left(self, name: str) -> float:
        """Seconds left of the pause that `name` has asked for."""
        start, end = self._pauses.get(name, (0.0, 0.0))
        now = self._now()
        return (
            end - now if start <= now < end else 0.0
        )  # a clock set back must not make the pause longer
