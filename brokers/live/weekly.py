"""The weekly message: the account against the backtest of the same days."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from brokers.live.notify import Notifier
from config.trading import Notify, Weekday

DAY = 86_400
WEEK = 7 * DAY
HOUR = 3_600
DAYS = get_args(Weekday)
FIRST = DAYS.index("thursday")  # 1 January 1970
TITLE = "Russell Gate: the week against the backtest"
# One line on the journal at a path at an instant (epoch seconds), computed until the event is set.
# What it raises becomes the message.
CompareWeek = Callable[[Path, float, threading.Event], str]


class WeeklyMessage:
    """Compares in a thread of its own and sends what came of it.

    The one rule: no decision waits for it, and whatever goes wrong in it is one line of the
    message.
    """

    def __init__(
        self, compare: CompareWeek | None, journal: Path, notifier: Notifier, settings: Notify
    ) -> None:
        """`journal` is the file of the account; without `compare` nothing is sent."""
        self._compare, self._journal, self._notifier = compare, journal, notifier
        self._settings = settings
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def is_due(self, previous: int, bar: int) -> bool:
        """Whether `bar` is the first since `previous` of another week; both epoch seconds."""
        return self._week(previous) != self._week(bar)

    def send(self, now: float) -> None:
        """Compare and send, in the background; not while an earlier one is being made."""
        compare = self._compare
        is_busy = self._thread is not None and self._thread.is_alive()
        if compare is None or is_busy or not self._notifier.sends("weekly"):
            return
        # A daemon: it must not keep the program from ending.
        self._thread = threading.Thread(
            target=self._work, args=(compare, now), name="weekly message", daemon=True
        )
        self._thread.start()

    def close(self, timeout: float, end: float) -> None:
        """Wait `timeout` seconds for one that is being made; then end it, within `end` seconds."""
        if self._thread:
            self._thread.join(timeout)
            self._stopped.set()
            self._thread.join(end)

    def _week(self, bar: int) -> int:
        days = DAYS.index(self._settings.weekly_on) - FIRST
        begin = days * DAY + self._settings.daily_at * HOUR
        return (bar - begin) // WEEK

    def _work(self, compare: CompareWeek, now: float) -> None:
        try:
            text = compare(self._journal, now, self._stopped)
        except Exception as error:  # the message says so, and the session goes on
            text = f"The comparison with the backtest failed: {type(error).__name__}: {error}"
        self._notifier.send("weekly", TITLE, text)
