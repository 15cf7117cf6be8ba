"""The machine's clock, a simulated one for replays; instants and lengths of time as text."""

import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime


def utc_text(seconds: float) -> str:
    """An instant (epoch seconds) to the minute, as in "2026-01-31 14:05 UTC"."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def duration_text(seconds: float) -> str:
    """A length of time as a person says it, in its two largest units.

    Examples
    --------
    >>> duration_text(90.4), duration_text(7_200.0), duration_text(435_600.0)
    ('1 min 30 s', '2 h', '5 days 1 h')

    """
    left, parts = round(abs(seconds)), []
    for length, unit in ((86_400, "days"), (3_600, "h"), (60, "min"), (1, "s")):
        number, left = divmod(left, length)
        parts.append(f"{number} {'day' if unit == 'days' and number == 1 else unit}")
    largest = next((i for i, part in enumerate(parts) if not part.startswith("0 ")), 3)
    return " ".join(part for part in parts[largest : largest + 2] if not part.startswith("0 ")) or (
        "0 s"
    )


class Clock:
    """The machine's time. `stop` ends every wait at once; nothing else can."""

    # Seconds from one look at the clock and at what a person wants to the next. A sleep does not
    # count the time the machine was suspended; the clock does.
    longest_sleep = 2.0

    def __init__(self) -> None:
        self._stopped = threading.Event()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that nobody can set; only their differences mean something."""
        return time.monotonic()

    @property
    def offset(self) -> float:
        """The exchange's time minus the machine's (seconds), for a clock that follows one."""
        return 0.0

    def synchronise(self, within: float = math.inf) -> None:
        """Ask what time it is, where somebody can be asked and was not `within` so many seconds."""

    def source_answers(self) -> bool:
        """Whether the exchange that says what time it is answers now; True where there is none."""
        return True

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, or until stopped."""
        self._stopped.wait(max(seconds, 0.0))

    def wait(self, seconds: float, interrupted: Callable[[], bool]) -> None:
        """Wait for `seconds`, or until stopped or `interrupted`, which is asked again and again."""
        end = self.monotonic() + seconds
        while (left := end - self.monotonic()) > 0.0 and not self.stopped and not interrupted():
            self.sleep(min(left, self.longest_sleep))

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

    def monotonic(self) -> float:
        """The same seconds."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Move the time forward by `seconds`."""
        self._now += max(seconds, 0.0)
