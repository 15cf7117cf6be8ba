"""The pictures of a run as Plotly figures: dictionaries of traces and layout.

Colours are names such as "--strategy": the page replaces them by those of its light or dark theme.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.benchmarks.labels import label
from backtests.performance.attribution import OUTSIDE
from backtests.performance.metrics import drawdowns
from backtests.runs.document import GatePeriodRecord, ProfitRecord, RandomGatesRecord

Figure = dict[str, Any]
COIN_COLOURS = ("--coin-1", "--coin-2", "--coin-3", "--coin-4", "--coin-5", "--coin-6")
SHOWN_AT_FIRST = ("strategy", "hold_bitcoin", "bitcoin_own_trend", "constant_exposure")
DAY_MS = 86_400_000
HOLDS_COLOURS = [[0.0, "--no"], [1.0, "--yes"]]
MARKS = {
    "breakout": "circle-open",
    "confirmed": "triangle-up",
    "lapsed": "x-thin",
    "failed": "x",
    "trend": "x",
    "age": "x",
}


def equity(curves: pd.DataFrame, periods: Sequence[GatePeriodRecord]) -> Figure:
    """Value of the strategy and the benchmarks on a log axis, gate periods shaded; start at 1."""
    names = [name for name in curves.columns if name != "time" and not name.startswith("exposure_")]
    traces = [
        _daily(curves, curves[name] / curves[name].iloc[0], label(name))
        | {
            "visible": True if name in SHOWN_AT_FIRST else "legendonly",
            "hovertemplate": "%{y:.3~g}",
        }
        | {"line": {"width": 2.5 if name == "strategy" else 1.2, "color": _colour(name, number)}}
        for number, name in enumerate(names)
    ]
    return _figure(
        traces,
        yaxis={"type": "log", "title": {"text": "value, start = 1"}},
        shapes=_shaded(_last_day(curves), periods),
        hovermode="x unified",
    )


def drawdown(curves: pd.DataFrame, periods: Sequence[GatePeriodRecord]) -> Figure:
    """Distance below the highest value so far, strategy and Bitcoin."""
    traces = []
    for name in [name for name in ("strategy", "hold_bitcoin") if name in curves]:
        below = pd.Series(drawdowns(curves[name].to_numpy()), curves.index)
        fill = {"fill": "tozeroy"} if name == "strategy" else {}
        trace = _daily(curves, below, label(name)) | {
            "hovertemplate": "%{y:.1%}",
            "line": {"width": 1.2, "color": _colour(name, 1)},
        }
        traces.append(trace | fill)
    return _figure(
        traces,
        yaxis={"tickformat": ".0%", "title": {"text": "below the peak"}},
        shapes=_shaded(_last_day(curves), periods),
        hovermode="x unified",
    )


def index(gate: pd.DataFrame, symbol: str, periods: Sequence[GatePeriodRecord]) -> Figure:
    """The index with levels and changes of state; below it, which checks passed in each session."""
    days = pd.DatetimeIndex(gate["session_close"]).strftime("%Y-%m-%d").tolist()
    close = rounded(gate["close"])
    traces: list[Figure] = [
        {
            "x": days,
            "y": close,
            "name": symbol,
            "mode": "lines",
            "line": {"width": 1.3, "color": "--ink"},
            "hovertemplate": "%{y:,.2f}",
        },
        {
            "x": days,
            "y": rounded(gate["level"]),
            "name": "breakout level",
            "mode": "lines",
            "line": {"width": 1.6, "color": "--accent", "dash": "dash"},
        },
        _marks(gate, days),
    ]
    upper = {"type": "log", "title": {"text": f"{symbol}, close"}, "tickformat": ",d", "nticks": 6}
    shapes = _shaded(days[-1], periods, "y domain")
    rows = [name for name in gate.columns if name.startswith(("channel_", "confirmation_"))][::-1]
    if not rows:  # an axis without height would draw nothing but errors
        return _figure(traces, yaxis=upper, shapes=shapes)
    holds = [[_answer(answer) for answer in gate[name]] for name in rows]
    traces.append(
        {
            "type": "heatmap",
            "x": days,
            "y": [_check_label(name) for name in rows],
            "z": holds,
            "yaxis": "y2",
            "showscale": False,
        }
        | {
            "zmin": 0,
            "zmax": 1,
            "colorscale": HOLDS_COLOURS,
            "xgap": 0,
            "ygap": 2,
            "hovertemplate": "%{x}: %{y}: %{z}<extra></extra>",
        }
    )
    share = min(0.05 * len(rows), 0.45)
    lower = {"domain": [0.0, share]}
    return _figure(
        traces,
        yaxis=upper | {"domain": [share + 0.03, 1.0]},
        yaxis2=lower,
        xaxis={"anchor": "y2"},
        shapes=shapes,
    )


def exposure(curves: pd.DataFrame, gate: pd.DataFrame) -> Figure:
    """Share of equity in each coin, stacked, under the ceiling the gate allowed."""
    names = [name for name in curves.columns if name.startswith("exposure_")]
    traces = [
        _daily(curves, curves[name], name.removeprefix("exposure_"))
        | {
            "stackgroup": "coins",
            "line": {"width": 0.5, "color": COIN_COLOURS[number % len(COIN_COLOURS)]},
            "hovertemplate": "%{y:.1%}",
        }
        for number, name in enumerate(names)
    ]
    changed = gate[(gate["ceiling"] != gate["ceiling"].shift()) | (gate.index == gate.index[-1])]
    days = pd.DatetimeIndex(changed["session_close"]).strftime("%Y-%m-%d").tolist()
    line = {"width": 1.2, "color": "--ink", "shape": "hv", "dash": "dot"}
    traces.append(
        {
            "x": days,
            "y": rounded(changed["ceiling"]),
            "name": "ceiling",
            "mode": "lines",
            "line": line,
            "hovertemplate": "%{y:.0%}",
        }
    )
    return _figure(
        traces,
        yaxis={"tickformat": ".0%", "title": {"text": "share of equity"}, "range": [0, 1]},
        hovermode="x unified",
    )


def profit(profits: ProfitRecord) -> Figure:
    """Profit of each gate period, stacked by coin."""
    rows = {
        name: amounts
        for name, amounts in profits.by_gate_period.items()
        if name != OUTSIDE or any(amounts)
    }
    traces = [
        {
            "type": "bar",
            "name": coin,
            "x": list(rows),
            "y": [round(amounts[column], 2) for amounts in rows.values()],
            "marker": {"color": COIN_COLOURS[column % len(COIN_COLOURS)]},
            "hovertemplate": "%{y:,.0f}",
        }
        for column, coin in enumerate(profits.coins)
    ]
    return _figure(
        traces,
        barmode="relative",
        yaxis={"title": {"text": "profit, quote units"}, "tickformat": "~s"},
        xaxis={"type": "category"},
    )


def random_gates(gates: RandomGatesRecord) -> Figure:
    """Sharpe ratios of the shifted gates, that of the real one marked."""
    if gates.own_sharpe is None:
        raise ValueError("the strategy has no Sharpe ratio to mark")
    return marked_histogram(
        gates.sharpes, gates.own_sharpe, name="this gate", what="Sharpe ratio", counted="gates"
    )


def marked_histogram(
    values: Sequence[float], own: float, name: str, what: str, counted: str
) -> Figure:
    """A histogram of `values` (axis title `what`) with the value `own` marked by its `name`.

    `counted` is what the vertical axis counts.
    """
    traces = [
        {
            "type": "histogram",
            "x": list(values),
            "name": counted,
            "nbinsx": 50,
            "marker": {"color": "--muted"},
        }
    ]
    shapes = [
        {
            "type": "line",
            "x0": own,
            "x1": own,
            "yref": "y domain",
            "y0": 0,
            "y1": 1,
            "line": {"color": "--strategy", "width": 3},
        }
    ]
    note = {
        "x": own,
        "yref": "y domain",
        "y": 1.0,
        "text": f"{name}: {own:.2f}",
        "showarrow": False,
        "xanchor": "left",
        "xshift": 6,
    }
    axes = {"xaxis": {"title": {"text": what}}, "yaxis": {"title": {"text": counted}}}
    return _figure(traces, **axes, shapes=shapes, annotations=[note], showlegend=False, bargap=0.02)


def _figure(traces: list[Figure], **layout: Any) -> Figure:
    return {"data": traces, "layout": layout}


def _daily(curves: pd.DataFrame, values: pd.Series, name: str) -> Figure:
    """A line on the curves' days, which have no gaps; each is the day that ended."""
    first = curves["time"].iloc[0] - pd.Timedelta(nanoseconds=1)
    return {
        "x0": f"{first:%Y-%m-%d}",
        "dx": DAY_MS,
        "y": rounded(values),
        "name": name,
        "mode": "lines",
    }


def _marks(gate: pd.DataFrame, days: list[str]) -> Figure:
    """Every change of state, with its reason."""
    changed = np.flatnonzero((gate["state"] != gate["state"].shift()).to_numpy())[1:]
    reasons = gate["reason"].iloc[changed].fillna("").tolist()
    text = [
        f"{days[row]}: {reason}, now {gate['state'].iloc[row]}"
        for row, reason in zip(changed, reasons, strict=True)
    ]
    marker = {
        "size": 9,
        "symbol": [MARKS.get(reason, "circle") for reason in reasons],
        "color": "--accent",
        "line": {"color": "--accent", "width": 1.5},
    }
    closes = rounded(gate["close"].iloc[changed])
    where = {
        "x": [days[row] for row in changed],
        "y": closes,
        "name": "change of state",
        "mode": "markers",
    }
    return where | {"marker": marker, "text": text, "hovertemplate": "%{text}<extra></extra>"}


def _last_day(curves: pd.DataFrame) -> str:
    return f"{curves['time'].iloc[-1]:%Y-%m-%d}"


def _shaded(end: str, periods: Sequence[GatePeriodRecord], yref: str = "paper") -> list[Figure]:
    """A band for each gate period; one that is still open lasts until `end`."""
    bands = []
    for period in periods:
        last = f"{period.closed:%Y-%m-%d}" if period.closed else end
        band = {
            "type": "rect",
            "yref": yref,
            "y0": 0,
            "y1": 1,
            "x0": f"{period.opened:%Y-%m-%d}",
            "x1": last,
            "layer": "below",
        }
        bands.append(band | {"fillcolor": "--shade", "line": {"width": 0}})
    return bands


def _check_label(column: str) -> str:
    kind, _, name = column.partition("_")
    return f"{'risk check' if kind == 'channel' else kind} {name.replace('_', ' ')}"


def _colour(name: str, number: int) -> str:
    return "--strategy" if name == "strategy" else f"--line-{number % 8}"


def _answer(answer: object) -> int | None:
    """1 passes, 0 does not, None unknown; a CSV column has words where an answer is unknown."""
    return None if answer is None or answer != answer else int(str(answer).lower() == "true")


def spread_rows(length: int, most: int) -> NDArray[np.intp]:
    """All rows; of very many, evenly spaced ones, the first and the last among them."""
    return np.unique(np.linspace(0, length - 1, min(length, most)).round().astype(np.intp))


def rounded(values: pd.Series) -> list[float | None]:
    """Five digits are more than a screen shows."""
    return [
        None if value != value else float(f"{value:.5g}") for value in values.astype(float).tolist()
    ]
