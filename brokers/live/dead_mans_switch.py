"""An alarm for a decision that does not come."""

import threading
import time
from collections.abc import Callable
from typing import Any

from brokers.clock import utc_text

# Seconds between two looks at the clock: a wait does not count the time a computer sleeps.
LOOK_PERIOD = 5.0


class DeadMansSwitch:
    """Raises an alarm for a bar without a decision, from its own thread: also while a call hangs.

    The one rule: one alarm a bar. After the first `expect` each next bar is due a bar later,
    whether the session says so or not.
    """

    def __init__(
        self,
        bar_seconds: int,
        alarm: Callable[[str], None],
        log: Any,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`alarm` gets the sentence that is logged, in this class's thread; errors are logged.

        `now` is the clock that bars end by, epoch seconds.
        """
        self._bar_seconds, self._alarm, self._log, self._now = bar_seconds, alarm, log, now
        self._due: tuple[int, float] | None = None  # bar and instant, epoch seconds
        self._settled = -1  # the newest bar that was decided or raised an alarm
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name="dead man's switch", daemon=True)
        self._thread.start()

    def expect(self, bar: int, by: float) -> None:
        """The decision for `bar` (epoch seconds of its end) is due `by` (epoch seconds).

        An earlier bar that is still due stays so.
        """
        with self._changed:
            if bar > self._settled and (self._due is None or bar <= self._due[0]):
                self._due = (bar, by)
                self._changed.notify()

    def decided(self, bar: int) -> None:
        """The decision for `bar` has been made: the next one is due, and none before."""
        with self._changed:
            self._settle(bar)

    def close(self) -> None:
        """Expect nothing any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(LOOK_PERIOD)

    def _settle(self, bar: int) -> None:
        self._settled = max(self._settled, bar)
        if self._due and self._due[0] <= bar:
            passed = (bar - self._due[0]) // self._bar_seconds + 1
            self._due = (
                self._due[0] + passed * self._bar_seconds,
                self._due[1] + passed * self._bar_seconds,
            )

    def _watch(self) -> None:
        while not self._closed:
            sentence = self._look()
            if sentence:
                self._log.error(sentence)
                try:
                    self._alarm(sentence)
                except Exception as error:  # the next bar's alarm must come all the same
                    self._log.error(
                        f"the alarm for a missed decision failed: {type(error).__name__}: {error}"
                    )

    def _look(self) -> str:
        """Wait a little, or settle what has not come in time and say so."""
        with self._changed:
            wait = LOOK_PERIOD if self._due is None else self._due[1] - self._now()
            if self._closed or self._due is None or wait > 0:
                self._changed.wait(min(LOOK_PERIOD, wait))
                return ""
            bar, by = self._due
            # More than one after the computer slept, or its clock was set: one alarm for them all.
            last = bar + int(-wait // self._bar_seconds) * self._bar_seconds
            self._settle(last)
        return _missed_text(bar, last, by)


def _missed_text(first: int, last: int, by: float) -> str:
    bars = (
        f"the bar of {utc_text(first)}"
        if first == last
        else f"the bars of {utc_text(first)} to {utc_text(last)}"
    )
    return (
        f"no decision for {bars}, due by {utc_text(by)}: the session hangs, was suspended, "
        "or lacks prices or the exchange; see its log"
    )
