"""Which bars a paper session decided on, how late, and which it missed and why."""

from collections.abc import Iterator, Set
from statistics import median
from typing import NamedTuple

from backtests.paper_sessions.recording import JournalSnapshot
from brokers.journal.records import DecisionRow, SessionRecord
from brokers.plurals import count

NOT_RUNNING = "no paper session was running"
NO_REASON = "the journal gives no reason"


class SessionSummary(NamedTuple):
    """One session of the journal, its outcome as text."""

    id: int
    started: float
    ended: float | None
    mode: str
    outcome: str
    decisions: int
    version: str
    killed: bool


class MissedBars(NamedTuple):
    """Bars in a row without a decision, by the ends of the first and the last, and why."""

    first: int
    last: int
    bars: int
    why: str


class LateDecision(NamedTuple):
    """A bar decided too late to buy, or later than a session that runs would have."""

    time: int
    minutes: float
    why: str


class Uptime(NamedTuple):
    """Bars between the first and the last decision.

    `usual` is the median delay of a decision, in seconds.
    """

    decided: int
    usual: float | None
    missed: tuple[MissedBars, ...]
    late: tuple[LateDecision, ...]

    @property
    def missing(self) -> int:
        """Number of bars without a decision."""
        return sum(gap.bars for gap in self.missed)


def measure_uptime(journal: JournalSnapshot, idle: Set[int] = frozenset()) -> Uptime:
    """Decided, missed and late bars; at those in `idle` no coin had a price, so none is missed."""
    rows = journal.decisions
    missed: list[MissedBars] = []
    for time, length, why in _missed_bars(journal, idle):
        before = missed[-1] if missed else None
        if before and before.last + length == time and before.why == why:
            missed[-1] = before._replace(last=time, bars=before.bars + 1)
        else:
            missed.append(MissedBars(time, time, 1, why))
    usual = median(row.decided_at - row.time for row in rows) if rows else None
    return Uptime(len(rows), usual, tuple(missed), tuple(_late_decisions(journal)))


def summarize_sessions(journal: JournalSnapshot) -> list[SessionSummary]:
    """All sessions, oldest first."""
    counts: dict[int, int] = {}
    for row in journal.decisions:
        counts[row.session] = counts.get(row.session, 0) + 1
    return [
        SessionSummary(
            id=session.id,
            started=session.started,
            ended=session.ended,
            mode=session.mode,
            outcome=_outcome(journal, session),
            decisions=counts.get(session.id, 0),
            version=session.version,
            killed=_killed(journal, session),
        )
        for session in journal.sessions
    ]


def _missed_bars(journal: JournalSnapshot, idle: Set[int]) -> Iterator[tuple[int, int, str]]:
    """End of each bar that lacks a decision, its length in seconds, and why."""
    last_decided = {row.session: row.time for row in journal.decisions}
    for before, after in zip(journal.decisions, journal.decisions[1:], strict=False):
        length = max(journal.setup_at(before).bar_seconds, journal.setup_at(after).bar_seconds)
        for time in range((before.time // length + 1) * length, after.time, length):
            if time not in idle:
                yield time, length, _why_missed(journal, time, length, last_decided)


def _why_missed(
    journal: JournalSnapshot, time: int, length: int, last_decided: dict[int, int]
) -> str:
    started = [session for session in journal.sessions if session.started < time + length]
    if not started:
        return NOT_RUNNING
    last = started[-1]
    if last.ended is not None and last.ended <= time:
        return f"{NOT_RUNNING}: the previous one ended as {last.outcome}"
    if last.ended is None and last_decided.get(last.id, 0) < time and _killed(journal, last):
        return f"{NOT_RUNNING}: the previous one was killed"
    return _incident_at(journal, time, length) or f"a paper session was running; {NO_REASON}"


def _incident_at(journal: JournalSnapshot, time: int, length: int) -> str:
    """What a running session reported around that bar; empty for nothing."""
    return next(
        (
            f"{incident.kind}: {incident.text}"
            for incident in journal.incidents
            if incident.severity != "info"
            and incident.time < time + length
            and incident.last >= time
        ),
        "",
    )


def _late_decisions(journal: JournalSnapshot) -> Iterator[LateDecision]:
    started = {session.id: session.started for session in journal.sessions}
    for row in journal.decisions:
        begun = started.get(row.session, 0.0)
        if journal.setup_at(row).is_late(row.time, row.decided_at, begun):
            why = _why_late(journal, row, begun)
            yield LateDecision(row.time, (row.decided_at - row.time) / 60.0, why)


def _why_late(journal: JournalSnapshot, row: DecisionRow, started: float) -> str:
    reasons = [row.note] if row.note else []
    if started > row.time:
        minutes = count(round((started - row.time) / 60.0), "minute")
        reasons.insert(0, f"the paper session started {minutes} after the bar")
    length = journal.setup_at(row).bar_seconds
    return "; ".join(reasons) or _incident_at(journal, row.time, length) or NO_REASON


def _killed(journal: JournalSnapshot, session: SessionRecord) -> bool:
    return session.ended is None and not (journal.running and session is journal.sessions[-1])


def _outcome(journal: JournalSnapshot, session: SessionRecord) -> str:
    if _killed(journal, session):
        return "killed: no end is recorded"
    return "running" if session.outcome is None else session.outcome
