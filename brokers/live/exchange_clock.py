"""The exchange's time: the machine's clock, corrected by what the exchange says the time is."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

from brokers.clock import Clock, duration_text, utc_text
from brokers.exchange.errors import CallAPersonError, NotServedError, TryLaterError
from brokers.journal.incident import Incident
from brokers.journal.records import JournalError, Known
from brokers.live.retries import pause_after

OFFSET_PERIOD = 3600.0  # seconds from one measurement of the offset to the next
# Seconds: an offset that a decision rests on is no older. A paused virtual machine that goes on as
# if no time had passed shows no jump.
DECISION_OFFSET_AGE = 60.0
REPORTED_OFFSET_AGE = 2.0 * OFFSET_PERIOD  # seconds; an offset of this age is reported
# Seconds by which the machine's clock may depart from its monotonic one between two looks: more,
# and it was set, or the machine was suspended.
JUMP = 5.0
REPORT_BEYOND = 60.0  # seconds; a larger offset is reported
DAY = 86_400.0
CLOCK = "clock"  # the kind of these incidents, and the name of what is known
OFFSET = re.compile(r", ([+-][0-9.]+) s$")  # in what is recorded of it


def _ignore(_: object) -> None:
    """Nobody asked for it."""


class TimeSource(Protocol):
    """Who is asked for the time: the client of an exchange."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def clock_offset(self) -> float:
        """Its time minus the machine's as last measured, seconds."""

    def sync_clock(self) -> float:
        """Measure `clock_offset`."""

    def answers(self) -> bool:
        """Whether it answers now, asked once."""


class ExchangeClock(Clock):
    """The time of the exchange whose bars are decided on.

    The one rule: whatever the machine's clock shows, is set to or sleeps through, `now` is the
    exchange's time after `synchronise` has returned. Until `follow` it is the machine's.
    """

    def __init__(self, machine: Clock) -> None:
        """`machine` is the clock that is corrected; it also does the waiting."""
        super().__init__()
        self.machine = machine
        self.longest_sleep = machine.longest_sleep
        self._source: TimeSource | None = None
        self._measured_at: float | None = None  # by the monotonic clock
        self._next_at = 0.0  # the same; nobody is asked before, where the last attempt has failed
        self._failures = 0  # attempts in a row that have failed
        self._why_unknown = ""  # what time it is, by the last of them; "": the old offset held
        self._drift = 0.0  # of the machine's clock from its monotonic one, when measured
        self._reported = (0.0, 0.0)  # offset, and when by the monotonic clock
        self._report: Callable[[Incident], None] = _ignore
        self._remember: Callable[[Known], None] = _ignore
        self._oldest = 0.0

    def follow(
        self,
        source: TimeSource,
        *,
        oldest_decision: float,
        report: Callable[[Incident], None] = _ignore,
        remember: Callable[[Known], None] = _ignore,
    ) -> None:
        """Follow the time of `source` from now on.

        `oldest_decision` is paper.max_decision_age (minutes); `remember` records until when the
        offset is good.
        """
        self._source, self._oldest = source, oldest_decision
        self._report, self._remember = report, remember
        self._measured_at = None

    @property
    def stopped(self) -> bool:
        """Whether the machine's clock was stopped."""
        return self.machine.stopped

    @property
    def offset(self) -> float:
        """The exchange's time minus the machine's, seconds; 0 where none was measured yet."""
        return self._source.clock_offset if self._source else 0.0

    def now(self) -> float:
        """Epoch seconds by the exchange's clock."""
        return self.machine.now() + self.offset

    def monotonic(self) -> float:
        """The machine's."""
        return self.machine.monotonic()

    def source_answers(self) -> bool:
        """Whether the exchange answers now, asked once."""
        return self._source is None or self._source.answers()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, or until stopped."""
        self.machine.sleep(seconds)

    def stop(self) -> None:
        """End every wait, now and later."""
        self.machine.stop()

    def synchronise(self, within: float = OFFSET_PERIOD) -> None:
        """Measure the offset where that is due: first, hourly, and after the clock has jumped.

        Also where it was not measured `within` the last seconds. After an attempt that has failed
        nobody is asked for a while, however often this is called.

        Raises
        ------
        TryLaterError
            The exchange does not say what time it is, or did not a while ago, and no earlier answer
            holds: none was given yet, or the machine's clock has jumped since.
        NotServedError
            It does not serve this place.

        """
        if self._source is None:
            return
        jumped = self._measured_at is not None and abs(self._jump()) > JUMP
        if self._measured_at is not None and not jumped and not self._is_due(within):
            return
        if self._why_unknown and (left := self._next_at - self.monotonic()) > 0.0:
            raise TryLaterError(self._why_unknown, left)
        try:
            self._source.sync_clock()
        except TryLaterError as error:
            self._keep_offset(self._source, error, jumped=jumped)
        except NotServedError:
            raise
        except CallAPersonError as error:
            self._use_machine(self._source, error)
        else:
            self._accept_offset(self._source)

    def _is_due(self, within: float) -> bool:
        age = self.monotonic() - (self._measured_at or 0.0)
        return age >= min(within, OFFSET_PERIOD) and self.monotonic() >= self._next_at

    def _jump(self) -> float:
        """Seconds the machine's clock has moved beyond the time that has passed."""
        return self.machine.now() - self.monotonic() - self._drift

    def _accept_offset(self, source: TimeSource) -> None:
        self._start_period(f"{source.id}, {self.offset:+.1f} s")
        reported, when = self._reported
        repeats = abs(self.offset - reported) <= REPORT_BEYOND and self.monotonic() - when < DAY
        if abs(self.offset) > REPORT_BEYOND and not repeats:
            self._reported = self.offset, self.monotonic()
            self._report(_offset_incident(self.offset, source.id, self._oldest))

    def _start_period(self, source: str) -> None:
        """The offset holds for an hour from now."""
        self._measured_at, self._failures, self._why_unknown = self.monotonic(), 0, ""
        self._drift = self.machine.now() - self._measured_at
        with suppress(JournalError):  # a busy file or a full disk must not end a session that waits
            self._remember(Known(CLOCK, self.now() + OFFSET_PERIOD, source, self.now()))

    def _keep_offset(self, source: TimeSource, error: TryLaterError, *, jumped: bool) -> None:
        """The old offset goes on where it can; a person hears of it when it is old."""
        self._failures += 1
        self._next_at, self._why_unknown = self.monotonic() + pause_after(self._failures, error), ""
        if self._measured_at is None or jumped:
            why = "the machine's clock has jumped, and " if jumped else ""
            self._why_unknown = f"{why}it is not known what time it is: {error}"
            raise TryLaterError(self._why_unknown, error.wait)
        age = self.monotonic() - self._measured_at
        if age >= REPORTED_OFFSET_AGE:
            measured = utc_text(self.now() - age)
            self._report(
                Incident(
                    CLOCK,
                    "warning",
                    f"{source.id} has not said what time it is since {measured}: this machine's "
                    f"clock and the difference measured then ({self.offset:+.1f} s) are used",
                )
            )

    def _use_machine(self, source: TimeSource, error: CallAPersonError) -> None:
        """Go on by the machine's clock: this exchange has no such request."""
        first = self._measured_at is None
        self._start_period(f"this machine; {source.id} does not say the time")
        if first:
            text = (
                f"{source.id} does not say what time it is ({error}): this machine's clock is "
                "used; see that it is synchronised (timedatectl set-ntp true)"
            )
            self._report(Incident(CLOCK, "warning", text))


def present_offset(known: Iterable[Known], now: float) -> float:
    """The recorded offset if it is still good at the machine's time `now`, else 0.

    Since an older one the machine's clock may have been set.
    """
    rows = [row for row in known if row.what == CLOCK]
    offset = stored_offset(rows) or 0.0
    return offset if rows and now + offset <= rows[0].until else 0.0


def stored_offset(known: Iterable[Known]) -> float | None:
    """The offset that was recorded last, seconds; None where none was."""
    texts = (row.source for row in known if row.what == CLOCK)
    found = OFFSET.search(next(texts, ""))
    return float(found[1]) if found else None


def why_too_far_off(offset: float, oldest: float) -> str:
    """Why nothing is bought at this `offset` (seconds); "" if it may be.

    `oldest` is paper.max_decision_age, minutes.
    """
    if abs(offset) <= oldest * 60.0:
        return ""
    return (
        f"this machine's clock is {_side(offset)} the exchange's, paper.max_decision_age allows "
        f"{oldest:g} minutes: nothing is bought until it is set"
    )


def _side(offset: float) -> str:
    return f"{duration_text(offset)} {'behind' if offset > 0.0 else 'ahead of'}"


def _offset_incident(offset: float, name: str, oldest: float) -> Incident:
    remedy = "set the clock: timedatectl set-ntp true, or w32tm /resync"
    if why := why_too_far_off(offset, oldest):
        return Incident(CLOCK, "critical", f"{why}; {remedy}")
    text = (
        f"this machine's clock is {_side(offset)} that of {name}, whose time is followed; {remedy}"
    )
    return Incident(CLOCK, "warning", text)
