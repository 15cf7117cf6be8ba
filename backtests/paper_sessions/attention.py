"""What in a paper session needs a person's attention."""

from collections import Counter
from collections.abc import Iterator
from typing import Literal, NamedTuple

from backtests.paper_sessions.execution import count_unmatched
from backtests.paper_sessions.summary import IncidentSummary, SessionReport
from brokers.clock import utc_text
from brokers.plurals import count, times


class Attention(NamedTuple):
    """Something to look at before the figures (high) or after them (medium)."""

    severity: Literal["high", "medium"]
    about: str
    text: str


def attention(report: SessionReport) -> list[Attention]:
    """What needs attention, worst first."""
    found = [*_about_running(report), *_about_orders(report), *_about_comparison(report)]
    return sorted(found, key=lambda item: item.severity != "high")


def _about_running(report: SessionReport) -> Iterator[Attention]:
    journal, uptime = report.journal, report.uptime
    if journal.halted is not None:
        yield Attention("high", "halted", f"no orders until resumed: {journal.halted}")
    for session in report.sessions:
        if session.killed:
            text = f"the paper session started at {utc_text(session.started)} has no recorded end"
            yield Attention("high", "killed", text)
    for kind in report.incidents:
        if kind.severity == "critical":
            yield Attention("high", kind.kind, f"{_when(kind)}: {kind.text}")
    if missing := uptime.missing:
        verb = "was" if missing == 1 else "were"
        text = f"{count(missing, 'bar')} between the first and the last decision {verb} missed"
        yield Attention("high", "bars missed", text)
    if uptime.late:
        worst = count(round(max(decision.minutes for decision in uptime.late)), "minute")
        text = f"{count(len(uptime.late), 'bar')} decided late, at worst by {worst}"
        yield Attention("medium", "late decisions", text)
    if flows := report.flows:
        total = f"{sum(row.flow for row in flows):+,.2f} {journal.setup.quote}"
        text = (
            f"{total} in {count(len(flows), 'cash flow')}, the last at {utc_text(flows[-1].time)}; "
            "not counted as return"
        )
        yield Attention("medium", "deposits and withdrawals", text)


def _about_orders(report: SessionReport) -> Iterator[Attention]:
    states = Counter(order.state for order in report.unfilled)
    if states["refused"] or states["abandoned"]:
        text = f"{states['refused']} refused by the exchange, {states['abandoned']} abandoned"
        yield Attention("medium", "unfilled orders", text)
    if blocked := states["kept back"]:
        text = f"the guards blocked orders on {count(blocked, 'bar')}"
        yield Attention("medium", "blocked orders", text)
    if states["open"] and not report.journal.running:
        text = f"{count(states['open'], 'order')} not settled: the next start asks the exchange"
        yield Attention("high", "open orders", text)
    if unknown := sum(fees.unknown for fees in report.fees):
        text = (
            f"the fee or its worth is not known for {count(unknown, 'execution')}; "
            "totals leave them out"
        )
        yield Attention("medium", "fees not known", text)
    if unmatched := count_unmatched(report.journal):
        verb = "belongs" if unmatched == 1 else "belong"
        text = (
            f"{count(unmatched, 'execution')} {verb} to no order of this journal; "
            "was an older copy restored?"
        )
        yield Attention("medium", "executions without an order", text)


def _about_comparison(report: SessionReport) -> Iterator[Attention]:
    for note in report.comparison.notes if report.comparison else ():
        yield Attention("medium", "the comparison", note)


def _when(kind: IncidentSummary) -> str:
    if kind.times == 1:
        return f"at {utc_text(kind.last)}"
    return f"{times(kind.times)}, the last at {utc_text(kind.last)}"
