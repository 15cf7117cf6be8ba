"""A paper session against the backtest: figures, differences, data."""

from collections import defaultdict

from backtests.paper_sessions.summary import SessionReport
from backtests.performance.metrics import Metrics
from backtests.report.cells import LAST, Cell, Table, gain, number
from backtests.report.session import rows


def metrics(report: SessionReport) -> Table:
    """The paper session, the backtest of the same bars, and their difference."""
    headings = (
        ("", False),
        ("total return", True),
        ("CAGR", True),
        ("max drawdown", True),
        ("average exposure", True),
        ("filled orders", True),
        ("fees", True),
    )
    comparison = report.comparison
    if comparison is None:
        return Table(headings, [])
    live, backtest, tracking = comparison.live, comparison.backtest, comparison.tracking
    difference = [
        Cell("difference", LAST),
        gain(tracking.total, "{:+.2%}"),
        gain(tracking.yearly, "{:+.2%}"),
        _uncoloured(live.max_drawdown - backtest.max_drawdown, "{:+.2%}"),
        _uncoloured(live.exposure - backtest.exposure, "{:+.1%}"),
        _uncoloured(live.orders - backtest.orders, "{:+,}"),
        _uncoloured(live.fees - backtest.fees, "{:+,.2f}"),
    ]
    return Table(
        headings,
        [
            [Cell("paper session", None, "own"), *_metrics_cells(live)],
            [Cell("backtest"), *_metrics_cells(backtest)],
            difference,
        ],
    )


def _metrics_cells(figures: Metrics) -> list[Cell]:
    return [
        gain(figures.total_return, "{:+.2%}"),
        gain(figures.cagr, "{:+.2%}"),
        number(figures.max_drawdown, "{:.2%}"),
        number(figures.exposure, "{:.1%}"),
        number(figures.orders, "{:,}"),
        number(figures.fees, "{:,.2f}"),
    ]


def _uncoloured(value: float, form: str) -> Cell:
    """A difference whose sign is neither good nor bad."""
    return gain(value, form)._replace(kind="number")


def causes(report: SessionReport) -> Table:
    """Differences counted by cause; consequences of earlier fills come last."""
    times: dict[tuple[bool, str, str], list[int]] = defaultdict(list)
    for difference in report.comparison.differences if report.comparison else ():
        kind = difference.what.partition(":")[0]
        times[difference.follows, kind, difference.cause].append(difference.time)
    ordered = sorted(times.items(), key=lambda item: (item[0][0], -len(item[1])))
    cells = [
        [
            Cell(cause, None, "sentence"),
            Cell(kind),
            number(len(at), "{:,}"),
            Cell("consequence" if follows else "independent"),
            Cell(rows.moment(at[0])),
        ]
        for (follows, kind, cause), at in ordered
    ]
    headings = (
        ("cause", False),
        ("what differs", False),
        ("number", True),
        ("kind", False),
        ("first bar (UTC)", False),
    )
    return Table(headings, rows.first(cells))


def differences(report: SessionReport) -> Table:
    """Every decision and order that differs from the backtest's, independent ones first."""
    comparison = report.comparison
    ordered = sorted(
        comparison.differences if comparison else (),
        key=lambda difference: (difference.follows, difference.time),
    )
    cells = [
        [
            Cell(rows.moment(difference.time)),
            Cell(difference.what),
            Cell(difference.live),
            Cell(difference.backtest),
            Cell(difference.cause, None, "sentence"),
        ]
        for difference in rows.first(ordered)
    ]
    headings = (
        ("bar (UTC)", False),
        ("what differs", False),
        ("paper session", False),
        ("backtest", False),
        ("cause", False),
    )
    return Table(headings, cells)


def data(report: SessionReport) -> Table:
    """Each series the backtest read."""
    headings = (
        ("series", False),
        ("source", False),
        ("first", False),
        ("last", False),
        ("rows", True),
        ("vintage", False),
        ("from", False),
    )
    comparison = report.comparison
    cells = [
        [
            Cell(request.name),
            Cell(series.source),
            Cell(f"{series.frame.index[0]:%Y-%m-%d}"),
            Cell(f"{series.frame.index[-1]:%Y-%m-%d}"),
            number(len(series.frame), "{:,}"),
            Cell(series.vintage[:12]),
            Cell(series.origin),
        ]
        for request, series in (comparison.prices.series.items() if comparison else ())
    ]
    return Table(headings, cells)
