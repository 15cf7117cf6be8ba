"""The pictures of a paper session as Plotly figures; colours as in `backtests.report.figures`."""

from collections.abc import Mapping, Sequence

import pandas as pd

from backtests.paper_sessions.execution import FilledOrder
from backtests.paper_sessions.summary import SessionReport
from backtests.report.figures import COIN_COLOURS, Figure, spread_rows
from backtests.report.session.rows import moment

# Points of a line: more than a screen has; a page of minute bars would otherwise be huge.
MOST = 2_000
LIVE = {"width": 2.5, "color": "--strategy"}
BACKTEST = {"width": 1.6, "color": "--line-1", "dash": "dash"}
SIDES = (("bought", "triangle-up", "--good"), ("sold", "triangle-down", "--bad"))


def pictures(report: SessionReport) -> dict[str, Figure]:
    """Every figure by its id on the page."""
    figures: dict[str, Figure] = {}
    if len(report.journal.decisions) > 1:
        figures["equity"] = equity(report)
        if report.journal.setup.coins:
            figures["exposure"] = exposure(report)
        if report.comparison is not None:
            figures["difference"] = difference(report.comparison.curves, _missed_bands(report))
    if report.filled:
        figures["slippage"] = slippage(report.filled)
    return figures


def equity(report: SessionReport) -> Figure:
    """Return of the paper session and the backtest, buys and sells marked, missed bars shaded."""
    rows = report.journal.equity
    live = pd.Series(
        {row.time: row.unit_value / rows[0].unit_value - 1.0 for row in rows}, dtype=float
    )
    traces = [_line(live, "paper session", LIVE)]
    if report.comparison is not None:
        backtest = _by_second(report.comparison.curves["backtest"]) - 1.0
        traces.append(_line(backtest, "backtest", BACKTEST))
    for side, symbol, colour in SIDES:
        fills = [fill for fill in report.filled if (fill.size > 0) == (side == "bought")]
        if texts := _fill_texts(fills):
            traces.append(_marks(texts, live, side, {"symbol": symbol, "size": 9, "color": colour}))
    if flows := {
        row.time: f"{'deposit' if row.flow > 0 else 'withdrawal'}: {abs(row.flow):,.2f}"
        for row in report.flows
    }:
        marker = {"symbol": "diamond-open", "size": 11, "color": "--accent"}
        traces.append(_marks(flows, live, "deposit or withdrawal", marker))
    return {
        "data": traces,
        "layout": {
            "yaxis": {"tickformat": "+.1%", "title": {"text": "total return"}},
            "shapes": _missed_bands(report),
        },
    }


def difference(curves: pd.DataFrame, shapes: Sequence[Figure]) -> Figure:
    """How far the paper session is ahead of the backtest, in basis points of the start value."""
    gap = _by_second((curves["live"] - curves["backtest"]) * 1e4)
    line = _line(gap, "tracking difference", {"width": 1.6, "color": "--strategy"}, digits=2)
    line |= {"fill": "tozeroy", "hovertemplate": "%{y:+.1f} bp<extra></extra>"}
    return {
        "data": [line],
        "layout": {
            "yaxis": {"title": {"text": "basis points"}},
            "shapes": list(shapes),
            "showlegend": False,
        },
    }


def exposure(report: SessionReport) -> Figure:
    """Share of equity in each coin, stacked, and the backtest's total."""
    traces = []
    for number, coin in enumerate(report.journal.setup.coins):
        shares = pd.Series(
            {decision.time: decision.current[number] for decision in report.journal.run.decisions},
            dtype=float,
        )
        look = {"width": 0.5, "color": COIN_COLOURS[number % len(COIN_COLOURS)]}
        traces.append(
            _line(shares, coin, look) | {"stackgroup": "coins", "hovertemplate": "%{y:.1%}"}
        )
    if report.comparison is not None:
        total = _by_second(report.comparison.curves["backtest_exposure"])
        look = {"width": 1.2, "color": "--ink", "dash": "dot"}
        line = _line(total, "backtest, all coins", look)
        traces.append(line | {"hovertemplate": "%{y:.1%}"})
    yaxis = {"tickformat": ".0%", "title": {"text": "share of equity"}, "rangemode": "tozero"}
    return {"data": traces, "layout": {"yaxis": yaxis}}


def slippage(fills: Sequence[FilledOrder]) -> Figure:
    """Each order's price against the next bar's open, or the close decided on (hollow)."""
    known = [fill for fill in fills if fill.open or fill.close]
    traces = [
        _slippage_points(
            [fill for fill in known if fill.coin == coin],
            COIN_COLOURS[number % len(COIN_COLOURS)],
        )
        for number, coin in enumerate(dict.fromkeys(fill.coin for fill in known))
    ]
    zero = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0}
    zero |= {"line": {"color": "--soft", "width": 1}}
    return {
        "data": traces,
        "layout": {
            "yaxis": {"title": {"text": "slippage, basis points"}},
            "shapes": [zero],
            "showlegend": True,
        },
    }


def _slippage_points(fills: Sequence[FilledOrder], colour: str) -> Figure:
    """One coin's fills."""
    texts = [
        f"{moment(fill.at)}: {'bought' if fill.size > 0 else 'sold'} {abs(fill.size):g} "
        f"{fill.coin} at {fill.price:,.6g}"
        for fill in fills
    ]
    points = [fill.slippage(fill.open or fill.close or fill.price) for fill in fills]
    symbols = ["circle" if fill.open else "circle-open" for fill in fills]
    return {
        "x": [moment(fill.at) for fill in fills],
        "y": [round(value, 2) for value in points],
        "name": fills[0].coin,
        "mode": "markers",
        "marker": {"size": 9, "color": colour, "symbol": symbols},
        "text": texts,
        "hovertemplate": "%{text}: %{y:+.1f} bp<extra></extra>",
    }


def _line(values: pd.Series, name: str, look: Figure, digits: int = 6) -> Figure:
    """`values` by epoch second; of very many, evenly spaced ones."""
    chosen = values.iloc[spread_rows(len(values), MOST)]
    return {
        "x": [moment(time) for time in chosen.index],
        "y": [None if value != value else round(float(value), digits) for value in chosen],
        "name": name,
        "mode": "lines",
        "line": look,
        "hovertemplate": "%{y:+.2%}",
    }


def _fill_texts(fills: Sequence[FilledOrder]) -> dict[int, str]:
    """What was traded, by the bar it was decided on."""
    texts: dict[int, list[str]] = {}
    for fill in fills:
        text = f"{abs(fill.size):g} {fill.coin} at {fill.price:,.6g}"
        texts.setdefault(fill.time, []).append(text)
    return {time: ", ".join(lines) for time, lines in texts.items()}


def _marks(texts: Mapping[int, str], live: pd.Series, name: str, marker: Figure) -> Figure:
    """Marks on the paper session's line."""
    return {
        "x": [moment(time) for time in texts],
        # A sale of everything has no bar: it stands at the last known value.
        "y": [round(float(live.iloc[_row_at(live, time)]), 6) for time in texts],
        "name": name,
        "mode": "markers",
        "marker": marker,
        "text": [f"{name}: {text}" for text in texts.values()],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _row_at(values: pd.Series, time: int) -> int:
    """Number of the last row at or before `time`, or the first where all are later."""
    return max(int(values.index.searchsorted(time, side="right")) - 1, 0)


def _missed_bands(report: SessionReport) -> list[Figure]:
    """Bars without a decision, shaded."""
    length = report.journal.setup.bar_seconds
    return [
        {
            "type": "rect",
            "yref": "paper",
            "x0": moment(gap.first - length),
            "x1": moment(gap.last + length),
            "y0": 0,
            "y1": 1,
            "layer": "below",
            "fillcolor": "--gap",
            "line": {"width": 0},
        }
        for gap in report.uptime.missed
    ]


def _by_second(values: pd.Series) -> pd.Series:
    return values.set_axis(pd.DatetimeIndex(values.index).as_unit("s").asi8)
