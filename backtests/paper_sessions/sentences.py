"""A paper session's report as a headline and a sentence or three."""

from backtests.paper_sessions.summary import Agreement, SessionReport
from brokers.clock import utc_text
from brokers.plurals import count

REMEDY = (
    "Run it again when prices are available, or name another source, "
    "as in --set prices.source=folder --set prices.folder=FOLDER."
)
HEADLINES = {
    Agreement.NO_DECISIONS: "No decisions yet.",
    Agreement.NOT_COMPARED: "Not compared with the backtest.",
    Agreement.MATCHES: "Matches the backtest.",
}


def headline(report: SessionReport) -> str:
    """The report in a few words."""
    if report.agreement in HEADLINES:
        return HEADLINES[report.agreement]
    bars, decisions, orders = report.difference_counts
    counts = ((bars, "missed bar"), (decisions, "decision"), (orders, "order"))
    parts = [count(number, noun) for number, noun in counts if number]
    listed = " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
    return f"Differs from the backtest: {listed}."


def sentence(report: SessionReport) -> str:
    """What was compared, and how the returns differ."""
    decisions, comparison = report.journal.decisions, report.comparison
    if not decisions:
        return "Only sessions and incidents are recorded."
    first, last = utc_text(decisions[0].time), utc_text(decisions[-1].time)
    span = f"{count(len(decisions), 'bar')} from {first} to {last}"
    if comparison is None:
        return (
            f"{span}, from the journal alone. The backtest of these days could not be run: "
            f"{report.why_not.rstrip('.')}. {REMEDY}"
        )
    return (
        f"{span}, {_orders(report)}. The paper session returned "
        f"{comparison.live.total_return:+.2%}, the backtest "
        f"{comparison.backtest.total_return:+.2%}: {_gap(comparison.tracking.total)}."
    )


def _orders(report: SessionReport) -> str:
    """The filled orders, and how many of them wait for a price to be compared at."""
    waiting = report.waiting_orders
    text = count(len(report.filled), "filled order")
    return f"{text} ({waiting:,} not compared yet)" if waiting else text


def _gap(difference: float) -> str:
    points = round(abs(difference) * 1e4)
    if not points:
        return "a difference below one basis point"
    return f"{count(points, 'basis point')} {'ahead' if difference > 0 else 'behind'}"
