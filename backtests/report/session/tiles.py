"""The headline figures of a paper session."""

from backtests.paper_sessions.summary import SessionReport
from backtests.paper_sessions.tracking import TrackingReport
from backtests.report.cells import NONE, gain, number

Tile = tuple[str, str, str]  # what, the figure, a remark


def tiles(report: SessionReport) -> list[Tile]:
    """Return, tracking, uptime, orders, slippage and fees."""
    comparison, uptime = report.comparison, report.uptime
    backtest = f"backtest {comparison.backtest.total_return:+.2%}" if comparison else "not compared"
    return [
        ("total return", number(report.total_return, "{:+.2%}").text, backtest),
        *([_tracking(comparison)] if comparison else []),
        (
            "bars decided",
            f"{uptime.decided:,}",
            f"{uptime.missing:,} missed, {len(uptime.late):,} late",
        ),
        _matching_orders(report, comparison) if comparison else _filled_orders(report),
        _slippage(report),
        _fees(report),
    ]


def _tracking(comparison: TrackingReport) -> Tile:
    daily = comparison.tracking.daily
    error = f"tracking error {daily * 1e4:,.1f} bp a day" if daily is not None else "one day"
    points = gain(comparison.tracking.total * 1e4, "{:+,.0f}").text
    return "tracking difference", f"{points} bp", error


def _matching_orders(report: SessionReport, comparison: TrackingReport) -> Tile:
    matching = comparison.orders - report.difference_counts.orders
    waiting = f" ({report.waiting_orders:,} not compared yet)" if report.waiting_orders else ""
    filled = f"{len(report.filled):,} filled{waiting}, backtest {comparison.backtest.orders:,}"
    return "matching orders", f"{matching:,} of {comparison.orders:,}", filled


def _filled_orders(report: SessionReport) -> Tile:
    return "filled orders", f"{len(report.filled):,}", f"of {len(report.journal.intents):,} decided"


def _slippage(report: SessionReport) -> Tile:
    cost = report.against_open or report.against_close
    if not cost:
        return "slippage, median", NONE, "no fills"
    reference = "next open" if report.against_open else "close"
    remark = f"against the {reference}; mean {cost.mean:+.1f}, worst {cost.worst:+.1f}"
    return "slippage, median", f"{cost.median:+.1f} bp", remark


def _fees(report: SessionReport) -> Tile:
    traded = sum(fill.value for fill in report.filled)
    paid = sum(fees.worth for fees in report.fees)
    share = f"{paid / traded * 1e4:.1f} bp of traded value" if traded else "nothing traded"
    return f"fees, {report.journal.setup.quote}", f"{paid:,.2f}", share
