"""The pictures of a paper session as Plotly figures; colours as in `figures`."""

from collections.abc import Mapping, Sequence

import pandas as pd

from backtests.paper_sessions.execution import Filled
from backtests.paper_sessions.recording import Kept
from backtests.paper_sessions.summary import SessionReport
from backtests.report.figures import COIN_COLOURS, Figure, spread_rows

MOST = 2_000  # points of a line: more than a screen has, and a page of minute bars would not end
LIVE, BACKTEST = (
    {"width": 2.5, "color": "--strategy"},
    {"width": 1.6, "color": "--line-1", "dash": "dash"},
)
SIDES = (("bought", "triangle-up", "--good"), ("sold", "triangle-down", "--bad"))


def pictures(report: SessionReport) -> dict[str, Figure]:
    """Every figure by the id of its place on the page."""
    found: dict[str, Figure] = {}
    if len(report.kept.decisions) > 1:
        found["equity"] = equity(report)
        if report.kept.setup.coins:
            found["exposure"] = exposure(report)
        if report.beside is not None:
            found["difference"] = difference(report)
    if report.filled:
        found["slippage"] = slippage(report.filled)
    return found


def equity(report: SessionReport) -> Figure:
    """What a unit of the session has gained, and the backtest; buys and sells on the session's line, missed bars shaded."""
    kept = report.kept
    live = pd.Series(
        {row.time: row.unit_value / kept.equity[0].unit_value - 1.0 for row in kept.equity},
        dtype=float,
    )
    traces = [_line(live, "session", LIVE)]
    if report.beside is not None:
        traces.append(
            _line(_by_second(report.beside.curves["backtest"]) - 1.0, "backtest", BACKTEST)
        )
    for side, symbol, colour in SIDES:
        if texts := _fills([one for one in report.filled if (one.size > 0) == (side == "bought")]):
            traces.append(_marks(texts, live, side, {"symbol": symbol, "size": 9, "color": colour}))
    if flows := {
        row.time: f"{'paid in' if row.flow > 0 else 'taken out'}: {abs(row.flow):,.2f}"
        for row in report.flows
    }:
        traces.append(
            _marks(
                flows,
                live,
                "paid in or out",
                {"symbol": "diamond-open", "size": 11, "color": "--accent"},
            )
        )
    shapes = [_band(one.first, one.last, kept) for one in report.attendance.missed]
    return {
        "data": traces,
        "layout": {
            "yaxis": {"tickformat": "+.1%", "title": {"text": "since the start"}},
            "shapes": shapes,
        },
    }


def difference(report: SessionReport) -> Figure:
    """How far the session is ahead of the backtest, in basis points of what both started with."""
    assert report.beside is not None
    curves = report.beside.curves
    gap = _by_second((curves["live"] - curves["backtest"]) * 1e4)
    line = _line(gap, "session less backtest", {"width": 1.6, "color": "--strategy"}, 2) | {
        "fill": "tozeroy"
    }
    shapes = [_band(one.first, one.last, report.kept) for one in report.attendance.missed]
    hover = {"hovertemplate": "%{y:+.1f} bp<extra></extra>"}
    return {
        "data": [line | hover],
        "layout": {
            "yaxis": {"title": {"text": "basis points"}},
            "shapes": shapes,
            "showlegend": False,
        },
    }


def exposure(report: SessionReport) -> Figure:
    """Share of equity in each coin, stacked, and the backtest's together."""
    kept, decisions = report.kept, report.kept.run.decisions
    traces = []
    for number, coin in enumerate(kept.setup.coins):
        shares = pd.Series({one.time: one.current[number] for one in decisions}, dtype=float)
        look = {"width": 0.5, "color": COIN_COLOURS[number % len(COIN_COLOURS)]}
        traces.append(
            _line(shares, coin, look) | {"stackgroup": "coins", "hovertemplate": "%{y:.1%}"}
        )
    if report.beside is not None:
        line = {"width": 1.2, "color": "--ink", "dash": "dot"}
        together = _line(
            _by_second(report.beside.curves["backtest_exposure"]), "backtest, together", line
        )
        traces.append(together | {"hovertemplate": "%{y:.1%}"})
    return {
        "data": traces,
        "layout": {
            "yaxis": {
                "tickformat": ".0%",
                "title": {"text": "share of equity"},
                "rangemode": "tozero",
            }
        },
    }


def slippage(fills: Sequence[Filled]) -> Figure:
    """Each order's price against the next bar's open, or the close it was decided on where that is all there is."""
    known = [one for one in fills if one.open or one.close]
    traces = []
    for number, coin in enumerate(dict.fromkeys(one.coin for one in known)):
        own = [one for one in known if one.coin == coin]
        text = [
            f"{_moment(one.at)}: {'bought' if one.size > 0 else 'sold'} {abs(one.size):g} {coin} at {one.price:,.6g}"
            for one in own
        ]
        marker = {
            "size": 9,
            "color": COIN_COLOURS[number % len(COIN_COLOURS)],
            "symbol": ["circle" if one.open else "circle-open" for one in own],
        }
        points = [round(one.against(one.open or one.close or one.price), 2) for one in own]
        where = {
            "x": [_moment(one.at) for one in own],
            "y": points,
            "name": coin,
            "mode": "markers",
            "marker": marker,
        }
        traces.append(
            where | {"text": text, "hovertemplate": "%{text}: %{y:+.1f} bp<extra></extra>"}
        )
    zero = {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": 0,
        "y1": 0,
        "line": {"color": "--soft", "width": 1},
    }
    return {
        "data": traces,
        "layout": {
            "yaxis": {"title": {"text": "basis points worse"}},
            "shapes": [zero],
            "showlegend": True,
        },
    }


def _line(values: pd.Series, name: str, look: Figure, digits: int = 6) -> Figure:
    """`values` by epoch second; of very many every so manieth, and the last."""
    chosen = values.iloc[spread_rows(len(values), MOST)]
    y = [None if value != value else round(float(value), digits) for value in chosen]
    return {
        "x": [_moment(time) for time in chosen.index],
        "y": y,
        "name": name,
        "mode": "lines",
        "line": look,
        "hovertemplate": "%{y:+.2%}",
    }


def _fills(fills: Sequence[Filled]) -> dict[int, str]:
    """What was traded, by the bar it was decided on."""
    texts: dict[int, list[str]] = {}
    for one in fills:
        texts.setdefault(one.time, []).append(f"{abs(one.size):g} {one.coin} at {one.price:,.6g}")
    return {time: ", ".join(lines) for time, lines in texts.items()}


def _marks(texts: Mapping[int, str], live: pd.Series, name: str, marker: Figure) -> Figure:
    """Marks on the session's line."""
    y = [round(float(live[time]), 6) for time in texts]
    where = {
        "x": [_moment(time) for time in texts],
        "y": y,
        "name": name,
        "mode": "markers",
        "marker": marker,
    }
    return where | {
        "text": [f"{name}: {text}" for text in texts.values()],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _band(first: int, last: int, kept: Kept) -> Figure:
    """Bars that nobody decided."""
    length = kept.setup.length
    ends = {"x0": _moment(first - length), "x1": _moment(last + length)}
    return {
        "type": "rect",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "layer": "below",
        "fillcolor": "--gap",
        "line": {"width": 0},
    } | ends


def _by_second(values: pd.Series) -> pd.Series:
    return values.set_axis(pd.DatetimeIndex(values.index).as_unit("s").asi8)


def _moment(seconds: float) -> str:
    return f"{pd.Timestamp(int(seconds), unit='s'):%Y-%m-%d %H:%M}"
