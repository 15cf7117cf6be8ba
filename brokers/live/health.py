"""Whether an account is well, recovers by itself, or needs a person; and why."""

import builtins
from collections.abc import Iterator
from typing import Final

from brokers.clock import utc_text
from brokers.errors import RETRY_LATER, STOPPED
from brokers.live.session_setup import Lateness, SessionSetup
from brokers.live.status_document import (
    Health,
    IncidentNow,
    SessionNow,
    StatusReport,
    TradingNow,
)
from brokers.plurals import count

EXIT_CODES: Final[dict[Health, int]] = {
    "well": 0,
    "needs a person": STOPPED,
    "recovering": RETRY_LATER,
}
# Outcomes of a session that was not ended by an error.
ENDED_WELL = ("done", "stopped", "interrupted", "replayed")
# Errors that pass without a person: units start such a session again.
PASSING_ERRORS = (
    "BusyError",
    "DataError",
    "ImplausibleError",
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
    grave = tuple(_grave(report, setup))
    passing = tuple(
        reason
        for reason in _passing(report, setup)
        if not any(worse.startswith(reason) for worse in grave)  # with what to do about it
    )
    health: Health = "needs a person" if grave else "recovering" if passing else "well"
    return health, (*grave, *passing)


def _grave(report: StatusReport, setup: SessionSetup) -> Iterator[str]:
    """What does not change without a person."""
    trading, session = report.trading, report.session
    if trading.state != "on":
        yield _why_not_on(trading, session)
    if session is None:
        yield "no session has run yet; start `paper`"
    elif not session.running:
        yield from _needs_a_start(report, session, setup)
        if _waits_for_a_person(report, session, setup) and (left := _left_open(report)):
            yield f"{left}; start `paper`"
    for incident in report.incidents:
        if _is_critical(incident) and incident.kind not in PASSING_INCIDENTS:
            yield f"{incident.kind}: {incident.text}"


def _why_not_on(trading: TradingNow, session: SessionNow | None) -> str:
    reason = trading.reason or "no reason was given"
    if trading.state == "flatten":  # `resume` would call it off
        is_running = session is not None and session.running
        way = "its session goes on with it" if is_running else "start `paper` or `flatten` again"
        return f"everything is still to be sold ({reason}): {way}; `halt` calls it off"
    advice = "" if "`resume`" in reason else "; see `resume`"
    return f"trading is {trading.state}: {reason}{advice}"


def _needs_a_start(report: StatusReport, session: SessionNow, setup: SessionSetup) -> Iterator[str]:
    if session.outcome and not _passes(session.outcome):
        ended = utc_text(session.ended or 0.0)
        yield f"the last session ended at {ended}: {_without_class(session.outcome)}"
    elif _lateness(report, session, setup) == "missed":
        yield f"no session runs and {_missing_decision(report, setup)}; start `paper`"


def _passing(report: StatusReport, setup: SessionSetup) -> Iterator[str]:
    """What is not well and comes right without a person."""
    if report.session is not None:
        yield from _late_decision(report, report.session, setup)
        yield from _late_orders(report, report.session, setup)
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
    passed = session.outcome and session.outcome not in ENDED_WELL and _passes(session.outcome)
    if passed and not session.running:
        yield f"the last session ended: {_without_class(session.outcome or '')}"
    elif _lateness(report, session, setup) != "in time":
        runs = "a session runs, but" if session.running else "no session runs and"
        yield f"{runs} {_missing_decision(report, setup)}"


def _late_orders(report: StatusReport, session: SessionNow, setup: SessionSetup) -> Iterator[str]:
    """Orders that a session, or the start of the next one, should have sent or settled by now."""
    left = _left_open(report)
    if not left:
        return
    if session.running:
        decided_at = report.decision.decided_at if report.decision else 0.0
        if report.at - max(decided_at, session.started) > setup.in_time:
            yield f"{left}; its session tries again"
    elif not _waits_for_a_person(report, session, setup):
        yield left


def _waits_for_a_person(report: StatusReport, session: SessionNow, setup: SessionSetup) -> bool:
    """Whether nothing starts a session that has ended: a person has ended it, or time has passed.

    Units start one that was killed or ended on an error that passes again within minutes.
    """
    if session.outcome in ENDED_WELL:
        return True
    return report.at - (session.ended or session.last_seen) > setup.in_time


def _left_open(report: StatusReport) -> str:
    """The orders that are still to be sent or settled, in words; "" if there are none."""
    states = [order.state for order in report.open_orders]
    parts = [
        f"{states.count(state)} {words}"
        for state, words in (("planned", "not sent"), ("sent", "not settled"))
        # While trading is off what was not sent is not sent any more.
        if state in states and not (state == "planned" and report.trading.state == "off")
    ]
    return f"orders left open: {', '.join(parts)}" if parts else ""


def _without_class(outcome: str) -> str:
    """How a session ended, in words: the class of its error says something of a bug only."""
    name, _, text = outcome.partition(": ")
    return text if text and name.endswith("Error") and not hasattr(builtins, name) else outcome


def _passes(outcome: str) -> bool:
    return outcome in ENDED_WELL or outcome.partition(":")[0] in PASSING_ERRORS


def _is_critical(incident: IncidentNow) -> bool:
    return incident.open and incident.severity == "critical"


def _lateness(report: StatusReport, session: SessionNow, setup: SessionSetup) -> Lateness:
    return setup.lateness(
        report.at,
        decided=report.decision.bar if report.decision else None,
        started=session.started,
        outcome=session.outcome,
        running=session.running,
    )


def _missing_decision(report: StatusReport, setup: SessionSetup) -> str:
    decision = report.decision
    last = f"the last was made at {utc_text(decision.decided_at)}" if decision else "none was yet"
    return f"the bar of {utc_text(setup.newest_bar(report.at))} is not decided ({last})"
