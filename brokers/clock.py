"""The session's clock: the machine's, or a simulated one for replays; and instants as text."""

import threading
import time
from datetime import UTC, datetime


def utc_text(seconds: float) -> str:
    """An instant (epoch seconds) to the minute, as in "2026-01-31 14:05 UTC"."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


class Clock:
    """The machine's time. `stop` ends every wait at once; nothing else can."""

    # Seconds. A sleep does not count the time the machine was suspended; the clock does.
    longest_sleep = 20.0

    def __init__(self) -> None:
        self._stopped = threading.Event()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, or until stopped."""
        self._stopped.wait(max(seconds, 0.0))

    def stop(self) -> None:
        """End every wait, now and later."""
        self._stopped.set()


class SimulatedClock(Clock):
    """Time that passes only by waiting."""

    longest_sleep = float("inf")

    def __init__(self, now: float) -> None:
        super().__init__()
        self._now = now

    def now(self) -> float:
        """Epoch seconds."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Move the time forward by `seconds`."""
        self._now += max(seconds, 0.0)
