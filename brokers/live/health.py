"""Whether an account is well, recovers by itself, or needs a person; and why."""

from collections.abc import Iterator
from typing import Final

from brokers.clock import utc_text
from brokers.live.session_setup import SessionSetup
from brokers.live.status_document import Health, IncidentNow, SessionNow, StatusReport
from brokers.plurals import count

EXIT_CODES: Final[dict[Health, int]] = {"well": 0, "needs a person": 5, "recovering": 75}
# Outcomes of a session that was not ended by an error.
ENDED_WELL = ("done", "stopped", "interrupted", "replayed")
# Errors that pass without a person: units start such a session again.
PASSING_ERRORS = (
    "DataError",
    "JournalUnavailableError",
    "RetryLaterError",
    "TryLaterError",
    "UnknownOutcomeError",
    "UnreachableError",
)
# Critical incidents that pass without a person: the other kinds stop something for good.
PASSING_INCIDENTS = ("gate stale", "held close", "reset")
CALENDAR = "calendar"  # without it no session is known to be missing


def judge(report: StatusReport, setup: SessionSetup) -> tuple[Health, tuple[str, ...]]:
    """The health of an account and why it is not better, the worst first.

    `report` is complete but for these two; `setup` is that of its session.
    """
    grave, passing = tuple(_grave(report, setup)), tuple(_passing(report, setup))
    health: Health = "needs a person" if grave else "recovering" if passing else "well"
    return health, (*grave, *passing)


def _grave(report: StatusReport, setup: SessionSetup) -> Iterator[str]:
    """What does not change without a person."""
    trading, session = report.trading, report.session
    if trading.state != "on":
        yield f"trading is {trading.state}: {trading.reason or 'no reason was given'}; see `resume`"
    if session is None:
        yield "no session has run yet; start `paper`"
    elif not session.running:
        yield from _needs_a_start(report, session, setup)
    for incident in report.incidents:
        if _is_critical(incident) and incident.kind not in PASSING_INCIDENTS:
            yield f"{incident.kind}: {incident.text}"


def _needs_a_start(report: StatusReport, session: SessionNow, setup: SessionSetup) -> Iterator[str]:
    if session.outcome and not _passes(session.outcome):
        yield f"the last session ended at {utc_text(session.ended or 0.0)}: {session.outcome}"
    elif _undecided_for(report, session, setup) > max(setup.bar_seconds, setup.largest_age):
        yield f"no session runs and {_missing_decision(report, setup)}; start `paper`"


def _passing(report: StatusReport, setup: SessionSetup) -> Iterator[str]:
    """What is not well and comes right without a person."""
    if report.session is not None:
        yield from _late_decision(report, report.session, setup)
    if report.gate is not None and report.gate.stale > 0:
        rule = "nothing may be held" if report.gate.stale > setup.gate_age else "nothing is bought"
        yield f"the gate is {count(report.gate.stale, 'session')} old: {rule}"
    for coin, bars in report.decision.missing.items() if report.decision else ():
        yield f"{coin}: no bar for {count(round(bars), 'bar')}"
    for incident in report.incidents:
        if _is_critical(incident) and incident.kind in PASSING_INCIDENTS:
            yield f"{incident.kind}: {incident.text}"
    for row in report.known:
        if row.what == CALENDAR and row.passed:
            yield f"US sessions are known until {utc_text(row.until)} only"


def _late_decision(report: StatusReport, session: SessionNow, setup: SessionSetup) -> Iterator[str]:
    undecided = _undecided_for(report, session, setup)
    if session.running:
        if min(undecided, report.at - session.started) > setup.in_time:
            yield f"a session runs, but {_missing_decision(report, setup)}"
        return
    if session.outcome and session.outcome not in ENDED_WELL and _passes(session.outcome):
        yield f"the last session ended: {session.outcome}"
    # A timer may still start the next one.
    elif undecided > (setup.largest_age if session.outcome == "done" else setup.in_time):
        yield f"no session runs and {_missing_decision(report, setup)}"


def _passes(outcome: str) -> bool:
    return outcome in ENDED_WELL or outcome.partition(":")[0] in PASSING_ERRORS


def _is_critical(incident: IncidentNow) -> bool:
    return incident.open and incident.severity == "critical"


def _undecided_for(report: StatusReport, session: SessionNow, setup: SessionSetup) -> float:
    """Seconds since the end of the oldest bar that lacks its decision; 0 where none does.

    Before the first decision the oldest is the newest bar at the session's start.
    """
    if report.decision is None:
        first = setup.newest_bar(session.started)
    else:
        first = (report.decision.bar // setup.bar_seconds + 1) * setup.bar_seconds
    return report.at - first if first <= setup.newest_bar(report.at) else 0.0


def _missing_decision(report: StatusReport, setup: SessionSetup) -> str:
    decision = report.decision
    last = f"the last was made at {utc_text(decision.decided_at)}" if decision else "none was yet"
    return f"the bar of {utc_text(setup.newest_bar(report.at))} is not decided ({last})"
