"""The pictures of a parameter search as Plotly figures; colours as in `figures`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from backtests.report.figures import HOLDS_COLOURS, Figure, marked_histogram, rounded, spread_rows
from backtests.report.tune import parallel_sets as tune_sets
from backtests.report.tune.parallel_sets import broken
from backtests.report.tune.words import MODES, Found, at, measure, shown, standing

MOST = 2_000  # days of a line: more than a screen has
MOST_LINES = 6  # rows of a heat map whose cells have room for two lines
MOST_NUMBERS = 80  # cells of a heat map that have their number written into them
WIDE = 3.0  # highest over lowest from which on a log axis has room for 1, 2 and 5 only
BARS = 15  # settings of the importance: the rest explains nothing
CHOSEN, STANDING = (
    {"width": 2.5, "color": "--strategy"},
    {"width": 1.6, "color": "--line-1", "dash": "dash"},
)
MODE_MARKS = {"rolling": ("circle", "--strategy"), "anchored": ("diamond", "--line-3")}
ZERO: Figure = {
    "type": "line",
    "xref": "paper",
    "x0": 0,
    "x1": 1,
    "y0": 0,
    "y1": 0,
    "line": {"color": "--soft", "width": 1},
}


def pictures(found: Found, trials: pd.DataFrame) -> dict[str, Figure]:
    """Every figure by the id of its place on the page; what is missing in `found` is left out."""
    drawn: dict[str, Figure] = {}
    for mode in MODES:
        if (curves := at(found, "walk_forward", mode, "equity")) and curves["days"]:
            drawn[f"{mode}-equity"] = equity(curves)
    if (steps := unseen(found))["data"]:
        drawn["promises"] = steps
    pbo = found["pbo"]
    if at(pbo, "logits_histogram", "counts"):
        drawn["logits"] = logits(pbo["logits_histogram"])
    if at(pbo, "scatter", "in_sample"):
        drawn["halves"] = halves(pbo)
    gates = found["searched_gates"]
    shifted = [
        value for value in at(gates, "shifted_best") or () if value is not None
    ]  # null: no set kept the conditions
    if shifted and gates["own_best"] is not None:
        drawn["searched-gates"] = marked_histogram(
            shifted, gates["own_best"], "this gate", f"best {measure(found)}", "gates"
        )
    shares = at(found, "robustness", "importance") or ()
    if len(shares) > 1:
        drawn["importance"] = importance(shares)
    for number, one in enumerate(at(found, "robustness", "heat_maps") or ()):
        drawn[f"heat-{number}"] = heat_map(one, found)
    return drawn | tune_sets.pictures(found, trials)


def equity(curves: Mapping[str, Any]) -> Figure:
    """The steps of a walk-forward joined together, beside the settings as they stand, on a log axis."""
    rows = spread_rows(len(curves["days"]), MOST)
    days = [curves["days"][row][:10] for row in rows]
    traces = [
        {
            "x": days,
            "y": rounded(_floats(curves[key]).iloc[rows]),
            "name": name,
            "mode": "lines",
            "line": look,
            "hovertemplate": "%{y:.3~g}",
        }
        for key, name, look in (
            ("chosen", "chosen at each step", CHOSEN),
            ("defaults", "as it stands", STANDING),
        )
    ]
    known = [value for trace in traces for value in trace["y"] if value]
    ticks = {"dtick": "D2"} if known and max(known) > WIDE * min(known) else {}
    axis = {"type": "log", "title": {"text": "value, start = 1"}, "tickformat": "~g"} | ticks
    return {"data": traces, "layout": {"yaxis": axis, "hovermode": "x unified"}}


def unseen(found: Found) -> Figure:
    """Each step of both walk-forwards: what the chosen set had on the days it was chosen on, and what it had then."""
    traces, low, high = [], 0.0, 0.0
    for mode, (symbol, colour) in MODE_MARKS.items():
        steps = [
            one
            for one in at(found, "walk_forward", mode, "steps") or ()
            if one["in_sample"] is not None and one["out_of_sample"] is not None
        ]
        if not steps:
            continue
        x, y = ([round(one[name], 4) for one in steps] for name in ("in_sample", "out_of_sample"))
        low, high = min(low, *x), max(high, *x)
        text = [
            f"{mode}, from {one['first'][:10]}: {one['in_sample']:.2f}, then {one['out_of_sample']:.2f}"
            for one in steps
        ]
        look = {"size": 9, "symbol": symbol, "color": colour}
        where = {"x": x, "y": y, "name": mode, "mode": "markers", "marker": look}
        traces.append(where | {"text": text, "hovertemplate": "%{text}<extra></extra>"})
    kept = {
        "type": "line",
        "x0": low,
        "x1": high,
        "y0": low,
        "y1": high,
        "line": {"color": "--soft", "width": 1, "dash": "dot"},
    }
    name = measure(found)
    axes = {
        "xaxis": {"title": {"text": f"{name}, days learned on"}},
        "yaxis": {"title": {"text": f"{name}, then"}},
    }
    return {"data": traces, "layout": axes | {"shapes": [ZERO, kept], "hovermode": "closest"}}


def logits(histogram: Mapping[str, Sequence[float]]) -> Figure:
    """Where the sets chosen on one half ranked on the other; at or below 0 is the worse half."""
    edges = np.asarray(histogram["edges"], dtype=float)
    middles = (edges[:-1] + edges[1:]) / 2
    colours = ["--bad" if middle <= 0 else "--yes" for middle in middles.tolist()]
    hover = "%{y:,} choices<extra></extra>"
    bars = {
        "type": "bar",
        "x": middles.round(4).tolist(),
        "y": list(histogram["counts"]),
        "width": np.diff(edges).round(4).tolist(),
    }
    middle = {
        "type": "line",
        "x0": 0,
        "x1": 0,
        "yref": "y domain",
        "y0": 0,
        "y1": 1,
        "line": {"color": "--ink", "width": 1.5, "dash": "dot"},
    }
    axes = {
        "xaxis": {"title": {"text": "rank on the other half (logit)"}},
        "yaxis": {"title": {"text": "choices"}},
    }
    trace = bars | {
        "name": "choices",
        "marker": {"color": colours, "opacity": 0.8},
        "hovertemplate": hover,
    }
    return {
        "data": [trace],
        "layout": axes | {"shapes": [middle], "showlegend": False, "bargap": 0},
    }


def halves(pbo: Mapping[str, Any]) -> Figure:
    """Each chosen set's Sharpe ratio on the half it was chosen on and on the other, with the line through them."""
    x, y = (rounded(_floats(pbo["scatter"][name])) for name in ("in_sample", "out_of_sample"))
    marker = {"size": 5, "color": "--line-3", "opacity": 0.55}
    traces = [
        {
            "x": x,
            "y": y,
            "name": "choices",
            "mode": "markers",
            "marker": marker,
            "hovertemplate": "%{x:.2f}, then %{y:.2f}<extra></extra>",
        }
    ]
    known = [value for value in x if value is not None]
    if pbo["slope"] is not None and pbo["intercept"] is not None and known:
        ends = [min(known), max(known)]
        line = {
            "x": ends,
            "y": [round(pbo["intercept"] + pbo["slope"] * end, 4) for end in ends],
            "name": "line through them",
        }
        traces.append(
            line | {"mode": "lines", "line": {"color": "--accent", "width": 2}, "hoverinfo": "skip"}
        )
    axes = {
        "xaxis": {"title": {"text": "Sharpe ratio, half chosen on"}},
        "yaxis": {"title": {"text": "Sharpe ratio, other half"}},
    }
    return {"data": traces, "layout": axes | {"shapes": [ZERO], "hovermode": "closest"}}


def importance(shares: Sequence[Mapping[str, Any]]) -> Figure:
    """How much of the differences between sets each setting explains, the most on top."""
    known = sorted(
        (one for one in shares if one["share"] is not None), key=lambda one: one["share"]
    )[-BARS:]
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": [broken(one["key"]) for one in known],
        "x": [round(one["share"], 4) for one in known],
    }
    trace = bars | {
        "name": "share",
        "marker": {"color": "--strategy"},
        "hovertemplate": "%{x:.0%}<extra></extra>",
    }
    axes = {
        "xaxis": {
            "tickformat": ".0%",
            "title": {"text": "of the differences"},
            "rangemode": "tozero",
        },
        "yaxis": {"type": "category"},
    }
    return {"data": [trace], "layout": axes | {"showlegend": False, "bargap": 0.35}}


def heat_map(one: Mapping[str, Any], found: Found) -> Figure:
    """The middle objective of each pair of values, the best one small below it; this set's cell and that of the settings as they stand are framed."""
    x, y = ([shown(value) for value in one[name]] for name in ("x_values", "y_values"))
    z = [rounded(_floats(row)) for row in one["median"]]
    text = [
        [_cell(*pair) for pair in zip(*rows, strict=True)]
        for rows in zip(one["median"], one["best"], strict=True)
    ]
    written = (
        {
            "texttemplate": "%{text}" if len(y) <= MOST_LINES else "%{z:.2f}",
            "textfont": {"size": 11},
        }
        if len(x) * len(y) <= MOST_NUMBERS
        else {}
    )
    hover = {"text": text, "hovertemplate": "%{x}, %{y}: %{text}<extra></extra>"}
    trace = (
        {
            "type": "heatmap",
            "x": x,
            "y": y,
            "z": z,
            "colorscale": HOLDS_COLOURS,
            "showscale": False,
            "xgap": 2,
            "ygap": 2,
        }
        | written
        | hover
    )
    frames = []
    for point, look in (
        (standing(found), {"width": 2, "dash": "dot"}),
        (at(found, "best", "point") or {}, {"width": 3}),
    ):
        own = shown(point.get(one["x"])), shown(point.get(one["y"]))
        if own[0] in x and own[1] in y:
            column, row = x.index(own[0]), y.index(own[1])
            box = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
            frames.append({"type": "rect", "line": {"color": "--ink"} | look} | box)
    axes = {
        name: {"type": "category", "title": {"text": one[name[0]]}} for name in ("xaxis", "yaxis")
    }
    return {"data": [trace], "layout": axes | {"shapes": frames}}


def _cell(median: float | None, best: float | None) -> str:
    """A cell's middle objective, and in a second line its best one in brackets."""
    return "" if median is None or best is None else f"{median:.2f}<br>({best:.2f})"


def _floats(values: Sequence[float | None]) -> pd.Series:
    return pd.Series(values, dtype=float)
