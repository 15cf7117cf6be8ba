"""The session's clock: the machine's, or a made-up one for replays."""

import threading
import time


class Clock:
    """The machine's time. `stop` ends every wait at once; nothing else can."""

    longest_sleep = 20.0  # seconds; sleeping does not count the time a machine was suspended, looking at the clock does

    def __init__(self) -> None:
        self._stopped = threading.Event()

    @property
    def stopped(self) -> bool:
        """Whether somebody wants the session to end."""
        return self._stopped.is_set()

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, or until stopped."""
        self._stopped.wait(max(seconds, 0.0))

    def stop(self) -> None:
        """Wake whoever waits, for good."""
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
        """`seconds` have passed."""
        self._now += max(seconds, 0.0)
