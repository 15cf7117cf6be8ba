"""The pictures of a parameter search as Plotly figures; colours as in `report.figures`."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from backtests.report.figures import HOLDS_COLOURS, Figure, marked_histogram, rounded, spread_rows
from backtests.report.tune import parallel_sets
from backtests.report.tune.parallel_sets import broken_key
from backtests.report.tune.tables import Mode, walk_of
from backtests.report.tune.words import current_point, measure, value_text
from backtests.tuning.document import TuneDocument
from backtests.tuning.document_parts import (
    CurvesRecord,
    HeatMapRecord,
    HistogramRecord,
    ImportanceRecord,
    OverfittingRecord,
    SearchedGatesRecord,
    StepRecord,
)

MOST = 2_000  # days of a line: more than a screen has
MOST_LINES = 6  # rows of a heat map whose cells have room for two lines
MOST_NUMBERS = 80  # cells of a heat map that have their number written into them
WIDE = 3.0  # highest over lowest from which on a log axis has room for 1, 2 and 5 only
BARS = 15  # settings of the importance: the rest explains nothing
CHOSEN = {"width": 2.5, "color": "--strategy"}
CURRENT = {"width": 1.6, "color": "--line-1", "dash": "dash"}
MODE_MARKS: Mapping[Mode, tuple[str, str]] = {
    "rolling": ("circle", "--strategy"),
    "anchored": ("diamond", "--line-3"),
}
ZERO: Figure = {
    "type": "line",
    "xref": "paper",
    "x0": 0,
    "x1": 1,
    "y0": 0,
    "y1": 0,
    "line": {"color": "--soft", "width": 1},
}


def pictures(result: TuneDocument, trials: pd.DataFrame) -> dict[str, Figure]:
    """Every figure by the id of its place on the page; what has no numbers is left out."""
    figures: dict[str, Figure] = {}
    for mode in MODE_MARKS:
        if (curves := walk_of(result, mode).equity).days:
            figures[f"{mode}-equity"] = equity(curves)
    if (steps := in_and_out_of_sample(result))["data"]:
        figures["steps"] = steps
    if result.pbo.logits_histogram.counts:
        figures["logits"] = logits(result.pbo.logits_histogram)
    if result.pbo.scatter.in_sample:
        figures["halves"] = halves(result.pbo)
    if result.searched_gates and (shifts := time_shifts(result.searched_gates, measure(result))):
        figures["time-shifts"] = shifts
    if len(result.robustness.importance) > 1:
        figures["importance"] = importance(result.robustness.importance)
    for number, heat in enumerate(result.robustness.heat_maps):
        figures[f"heat-{number}"] = heat_map(heat, result)
    return figures | parallel_sets.pictures(result, trials)


def equity(curves: CurvesRecord) -> Figure:
    """The joined steps of a walk-forward and the current settings, on a log axis."""
    rows = spread_rows(len(curves.days), MOST)
    days = [curves.days[row][:10] for row in rows]
    lines = (
        (curves.chosen, "chosen at each step", CHOSEN),
        (curves.defaults, "current settings", CURRENT),
    )
    traces = [
        {
            "x": days,
            "y": rounded(_floats(values).iloc[rows]),
            "name": name,
            "mode": "lines",
            "line": look,
            "hovertemplate": "%{y:.3~g}",
        }
        for values, name, look in lines
    ]
    known = [value for trace in traces for value in trace["y"] if value]
    ticks = {"dtick": "D2"} if known and max(known) > WIDE * min(known) else {}
    axis = {"type": "log", "title": {"text": "value, start = 1"}, "tickformat": "~g"} | ticks
    return {"data": traces, "layout": {"yaxis": axis, "hovermode": "x unified"}}


def in_and_out_of_sample(result: TuneDocument) -> Figure:
    """The objective of each step of both walk-forwards, in-sample and out-of-sample."""
    traces, low, high = [], 0.0, 0.0
    for mode in MODE_MARKS:
        points = [
            (step.in_sample, step.out_of_sample, step)
            for step in walk_of(result, mode).steps
            if step.in_sample is not None and step.out_of_sample is not None
        ]
        if points:
            x = [round(in_sample, 4) for in_sample, _, _ in points]
            y = [round(out_of_sample, 4) for _, out_of_sample, _ in points]
            low, high = min(low, *x), max(high, *x)
            traces.append(_step_marks(mode, x, y, [step for _, _, step in points]))
    equal = {
        "type": "line",
        "x0": low,
        "x1": high,
        "y0": low,
        "y1": high,
        "line": {"color": "--soft", "width": 1, "dash": "dot"},
    }
    name = measure(result)
    axes = {
        "xaxis": {"title": {"text": f"{name}, in-sample"}},
        "yaxis": {"title": {"text": f"{name}, out-of-sample"}},
    }
    return {"data": traces, "layout": axes | {"shapes": [ZERO, equal], "hovermode": "closest"}}


def _step_marks(
    mode: Mode, x: Sequence[float], y: Sequence[float], steps: Sequence[StepRecord]
) -> Figure:
    symbol, colour = MODE_MARKS[mode]
    return {
        "x": x,
        "y": y,
        "name": mode,
        "mode": "markers",
        "marker": {"size": 9, "symbol": symbol, "color": colour},
        "text": [
            f"{mode}, from {step.first[:10]}: {step.in_sample:.2f} in-sample,"
            f" {step.out_of_sample:.2f} out-of-sample"
            for step in steps
        ],
        "hovertemplate": "%{text}<extra></extra>",
    }


def logits(histogram: HistogramRecord) -> Figure:
    """Ranks on the other half of the sets chosen on one half; 0 is the median."""
    edges = np.asarray(histogram.edges, dtype=float)
    centres = (edges[:-1] + edges[1:]) / 2
    colours = ["--bad" if centre <= 0 else "--yes" for centre in centres.tolist()]
    trace = {
        "type": "bar",
        "x": centres.round(4).tolist(),
        "y": list(histogram.counts),
        "width": np.diff(edges).round(4).tolist(),
        "name": "splits",
        "marker": {"color": colours, "opacity": 0.8},
        "hovertemplate": "%{y:,} splits<extra></extra>",
    }
    median = {
        "type": "line",
        "x0": 0,
        "x1": 0,
        "yref": "y domain",
        "y0": 0,
        "y1": 1,
        "line": {"color": "--ink", "width": 1.5, "dash": "dot"},
    }
    axes = {
        "xaxis": {"title": {"text": "out-of-sample rank (logit)"}},
        "yaxis": {"title": {"text": "splits"}},
    }
    layout = axes | {"shapes": [median], "showlegend": False, "bargap": 0}
    return {"data": [trace], "layout": layout}


def halves(pbo: OverfittingRecord) -> Figure:
    """Sharpe ratios of the chosen sets in-sample and out-of-sample, with the regression line."""
    x, y = (
        rounded(_floats(values)) for values in (pbo.scatter.in_sample, pbo.scatter.out_of_sample)
    )
    traces: list[Figure] = [
        {
            "x": x,
            "y": y,
            "name": "splits",
            "mode": "markers",
            "marker": {"size": 5, "color": "--line-3", "opacity": 0.55},
            "hovertemplate": "%{x:.2f} in-sample, %{y:.2f} out-of-sample<extra></extra>",
        }
    ]
    known = [value for value in x if value is not None]
    if pbo.slope is not None and pbo.intercept is not None and known:
        ends = [min(known), max(known)]
        traces.append(
            {
                "x": ends,
                "y": [round(pbo.intercept + pbo.slope * end, 4) for end in ends],
                "name": "regression line",
                "mode": "lines",
                "line": {"color": "--accent", "width": 2},
                "hoverinfo": "skip",
            }
        )
    axes = {
        "xaxis": {"title": {"text": "Sharpe ratio, in-sample"}},
        "yaxis": {"title": {"text": "Sharpe ratio, out-of-sample"}},
    }
    return {"data": traces, "layout": axes | {"shapes": [ZERO], "hovermode": "closest"}}


def time_shifts(gates: SearchedGatesRecord, name: str) -> Figure | None:
    """The best objectives on shifted gates, that of the real gate marked; None without any.

    Shifted gates on which no parameter set meets the constraints are left out.
    """
    best = [value for value in gates.shifted_best if value is not None]
    if not best or gates.own_best is None:
        return None
    return marked_histogram(best, gates.own_best, "this gate", f"best {name}", "shifted gates")


def importance(effects: Sequence[ImportanceRecord]) -> Figure:
    """Share of the variance between sets that each setting explains, the largest on top."""
    known = [(effect.key, effect.share) for effect in effects if effect.share is not None]
    largest = sorted(known, key=lambda effect: effect[1])[-BARS:]
    trace = {
        "type": "bar",
        "orientation": "h",
        "y": [broken_key(key) for key, _ in largest],
        "x": [round(share, 4) for _, share in largest],
        "name": "share",
        "marker": {"color": "--strategy"},
        "hovertemplate": "%{x:.0%}<extra></extra>",
    }
    axes = {
        "xaxis": {
            "tickformat": ".0%",
            "title": {"text": "share of variance"},
            "rangemode": "tozero",
        },
        "yaxis": {"type": "category"},
    }
    return {"data": [trace], "layout": axes | {"showlegend": False, "bargap": 0.35}}


def heat_map(heat: HeatMapRecord, result: TuneDocument) -> Figure:
    """The median objective of each pair of values, the best one small below it.

    The cells of the best set and of the current settings are framed.
    """
    x, y = ([value_text(value) for value in values] for values in (heat.x_values, heat.y_values))
    text = [
        [_cell(*pair) for pair in zip(*rows, strict=True)]
        for rows in zip(heat.median, heat.best, strict=True)
    ]
    trace = {
        "type": "heatmap",
        "x": x,
        "y": y,
        "z": [rounded(_floats(row)) for row in heat.median],
        "colorscale": HOLDS_COLOURS,
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "text": text,
        "hovertemplate": "%{x}, %{y}: %{text}<extra></extra>",
    }
    if len(x) * len(y) <= MOST_NUMBERS:
        trace["texttemplate"] = "%{text}" if len(y) <= MOST_LINES else "%{z:.2f}"
        trace["textfont"] = {"size": 11}
    axes = {
        "xaxis": {"type": "category", "title": {"text": heat.x}},
        "yaxis": {"type": "category", "title": {"text": heat.y}},
    }
    shapes = _frames(heat, result, x, y)
    return {"data": [trace], "layout": axes | {"shapes": shapes}}


def _frames(
    heat: HeatMapRecord, result: TuneDocument, x: Sequence[str], y: Sequence[str]
) -> list[Figure]:
    """Frames around the cells of the current settings, dotted, and of the best set."""
    frames: list[Figure] = []
    for point, look in (
        (current_point(result), {"width": 2, "dash": "dot"}),
        (result.best.point, {"width": 3}),
    ):
        values = value_text(point.get(heat.x)), value_text(point.get(heat.y))
        if values[0] in x and values[1] in y:
            column, row = x.index(values[0]), y.index(values[1])
            box = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
            frames.append({"type": "rect", "line": {"color": "--ink"} | look} | box)
    return frames


def _cell(median: float | None, best: float | None) -> str:
    """The median objective of a cell, and in a second line the best one in brackets."""
    return "" if median is None or best is None else f"{median:.2f}<br>({best:.2f})"


def _floats(values: Sequence[float | None]) -> pd.Series:
    return pd.Series(values, dtype=float)
