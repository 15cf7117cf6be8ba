"""Which bars a session has decided, how late, and which it has missed and why."""

from collections.abc import Iterator, Set
from statistics import median
from typing import NamedTuple

from backtests.paper_sessions.recording import Kept
from brokers.journal.records import DecisionRow, Session


class Ran(NamedTuple):
    """One session of the journal, its outcome in words."""

    id: int
    started: float
    ended: float | None
    mode: str
    outcome: str
    decisions: int
    version: str
    killed: bool


class Missed(NamedTuple):
    """Bars in a row that were not decided, by the ends of the first and the last, and why."""

    first: int
    last: int
    bars: int
    why: str


class Late(NamedTuple):
    """A bar decided later than a session that runs should."""

    time: int
    minutes: float
    why: str


class Attendance(NamedTuple):
    """Bars between the first and the last that were decided. `usual` is the median delay of a decision, in seconds."""

    decided: int
    usual: float | None
    missed: tuple[Missed, ...]
    late: tuple[Late, ...]

    @property
    def missing(self) -> int:
        """Number of bars that were not decided."""
        return sum(one.bars for one in self.missed)


def attendance(kept: Kept, idle: Set[int] = frozenset()) -> Attendance:
    """Who was there at each bar; at those in `idle` no coin had a price, so that nobody was missed."""
    rows = kept.decisions
    missed: list[Missed] = []
    for time, length, why in _missed(kept, idle):
        before = missed[-1] if missed else None
        if before and before.last + length == time and before.why == why:
            missed[-1] = before._replace(last=time, bars=before.bars + 1)
        else:
            missed.append(Missed(time, time, 1, why))
    usual = median(row.decided_at - row.time for row in rows) if rows else None
    return Attendance(len(rows), usual, tuple(missed), tuple(_late(kept)))


def ran(kept: Kept) -> list[Ran]:
    """All sessions, oldest first."""
    counts: dict[int, int] = {}
    for row in kept.decisions:
        counts[row.session] = counts.get(row.session, 0) + 1
    return [
        Ran(
            one.id,
            one.started,
            one.ended,
            one.mode,
            _outcome(kept, one),
            counts.get(one.id, 0),
            one.version,
            _killed(kept, one),
        )
        for one in kept.sessions
    ]


def _missed(kept: Kept, idle: Set[int]) -> Iterator[tuple[int, int, str]]:
    """End of each bar that should have been decided, its length, and why it was not."""
    last_decided = {row.session: row.time for row in kept.decisions}
    for before, after in zip(kept.decisions, kept.decisions[1:], strict=False):
        length = max(kept.of(before).length, kept.of(after).length)
        for time in range((before.time // length + 1) * length, after.time, length):
            if time not in idle:
                yield time, length, _why(kept, time, length, last_decided)


def _why(kept: Kept, time: int, length: int, last_decided: dict[int, int]) -> str:
    begun = [one for one in kept.sessions if one.started < time + length]
    if not begun:
        return "no session ran"
    last = begun[-1]
    if last.ended is not None and last.ended <= time:
        return f"no session ran: the one before ended as {last.outcome}"
    if last.ended is None and last_decided.get(last.id, 0) < time and _killed(kept, last):
        return "no session ran: the one before was killed"
    return _trouble(kept, time, length) or "a session ran and left no word"


def _trouble(kept: Kept, time: int, length: int) -> str:
    """What a session that ran had to say around that bar."""
    found = [
        one
        for one in kept.incidents
        if one.severity != "info" and one.time < time + length and one.last >= time
    ]
    return f"{found[0].kind}: {found[0].text}" if found else ""


def _late(kept: Kept) -> Iterator[Late]:
    started = {one.id: one.started for one in kept.sessions}
    for row in kept.decisions:
        delay = row.decided_at - row.time
        if delay > kept.of(row).in_time:
            yield Late(
                row.time, delay / 60.0, _late_because(kept, row, started.get(row.session, 0.0))
            )


def _late_because(kept: Kept, row: DecisionRow, started: float) -> str:
    why = (
        f"the session began {(started - row.time) / 60.0:,.0f} minutes after the bar"
        if started > row.time
        else ""
    )
    return (
        "; ".join(text for text in (why, row.note) if text)
        or _trouble(kept, row.time, kept.of(row).length)
        or "nothing was written down about it"
    )


def _killed(kept: Kept, session: Session) -> bool:
    return session.ended is None and not (kept.running and session is kept.sessions[-1])


def _outcome(kept: Kept, session: Session) -> str:
    if _killed(kept, session):
        return "killed: it had no time to say how it ended"
    return "running" if session.outcome is None else session.outcome
