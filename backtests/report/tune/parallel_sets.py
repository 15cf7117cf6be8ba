"""All parameter sets of a search in one picture: a line each, from setting to setting."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.report.cells import NONE
from backtests.report.figures import Figure, rounded, spread_rows
from backtests.report.tune.words import current_point, measure, python_value, value_text
from backtests.tuning.document import TuneDocument

DRAWN = 250  # best parameter sets among the lines, and as many of the others
BEST_OF_ALL = 25  # of these, drawn apart
MOST_ROWS = 12  # settings of the lines: the most important ones
MOST_LABELS = 5  # values named along a setting
BLUR = 0.02  # of the width: lines through one value lie side by side
FAINT = 0.4


class Row(NamedTuple):
    """One setting of the lines.

    `values` are its values in order as texts, `positions` where each parameter set has its own,
    from 0 to 1, NaN where that is not known.
    """

    key: str
    values: Sequence[str]
    positions: pd.Series


def pictures(result: TuneDocument, trials: pd.DataFrame) -> dict[str, Figure]:
    """The lines under the id "sets"; of a single setting its profile.

    Empty if no parameter set meets the constraints, and of a short window, in which none is scored.
    """
    if result.is_short or not len(rank_trials(trials)):
        return {}
    keys = ordered_keys(result)
    figure = profile(result, trials, keys[0]) if len(keys) == 1 else lines(result, trials)
    return {"sets": figure}


def rank_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """The parameter sets that meet the constraints, best first."""
    feasible: pd.DataFrame = trials[np.isfinite(trials["objective"].to_numpy(dtype=float))]
    return feasible.sort_values("objective", ascending=False, kind="stable")


def ordered_keys(result: TuneDocument) -> list[str]:
    """The keys that were searched, the most important first where that is known."""
    keys = [axis.key for axis in result.search.space]
    shares = {effect.key: effect.share or 0.0 for effect in result.robustness.importance}
    return sorted(keys, key=lambda key: -shares.get(key, 0.0))


def profile(result: TuneDocument, trials: pd.DataFrame, key: str) -> Figure:
    """The objective by the values of the only setting."""
    ranked = rank_trials(trials)
    row = _row(result, ranked, key, python_value(trials[key].iloc[0]))
    by_value = (
        ranked.assign(position=row.positions)
        .dropna(subset="position")
        .sort_values("position", kind="stable")
    )
    x = [value_text(value) for value in by_value[key]]
    trace = {
        "x": x,
        "y": rounded(by_value["objective"]),
        "name": measure(result),
        "mode": "lines+markers",
        "line": {"color": "--strategy", "width": 2},
        "marker": {"size": 8},
        "hovertemplate": "%{x}: %{y:.3f}<extra></extra>",
    }
    axes = {
        "xaxis": {"type": "category", "title": {"text": key}},
        "yaxis": {"title": {"text": measure(result)}},
    }
    shapes = list(_profile_marks(result, key, x))
    return {"data": [trace], "layout": axes | {"shapes": shapes, "showlegend": False}}


def _profile_marks(result: TuneDocument, key: str, x: Sequence[str]) -> Iterator[Figure]:
    """Vertical lines at the current value, dotted, and at that of the best parameter set."""
    for point, dash in ((current_point(result), "dot"), (result.best.point, "solid")):
        text = value_text(point.get(key))
        if text in x:
            yield {
                "type": "line",
                "x0": x.index(text),
                "x1": x.index(text),
                "yref": "y domain",
                "y0": 0,
                "y1": 1,
                "line": {"color": "--ink", "width": 1.5, "dash": dash},
            }


def lines(result: TuneDocument, trials: pd.DataFrame) -> Figure:
    """Each parameter set as a line from setting to setting, down to its objective.

    The best ones, and some of the others drawn at random.
    """
    ranked = rank_trials(trials)
    best, others = ranked.iloc[:DRAWN], ranked.iloc[DRAWN:]
    drawn = others.sample(min(DRAWN, len(others)), random_state=result.search.seed)
    groups = [*_groups(result, [*best.index], [*drawn.index], {*ranked.index})]
    sets = trials.loc[[*dict.fromkeys(number for _, numbers, _ in groups for number in numbers)]]
    current = {key: python_value(trials[key].iloc[0]) for key in ordered_keys(result)[:MOST_ROWS]}
    rows = [
        *(_row(result, sets, key, value) for key, value in current.items()),
        _objective_row(result, sets),
    ]
    traces = []
    for name, numbers, look in groups:
        group = {"name": name, "legendgroup": name, "mode": "lines"}
        traces.append(_bundle(sets.loc[numbers], rows) | group | look | {"showlegend": False})
        # A faint line could not be seen in the legend.
        traces.append({"x": [None], "y": [None]} | group | look | {"opacity": 1.0})
    return {
        "data": [*traces, _ends(sets, rows)],
        "layout": _axes(rows) | {"annotations": [*_labels(rows)], "hovermode": "closest"},
    }


def _axes(rows: Sequence[Row]) -> Figure:
    return {
        "xaxis": {"visible": False, "range": [-0.06, 1.06]},
        "yaxis": {
            "tickmode": "array",
            "tickvals": list(range(len(rows))),
            "ticktext": [broken_key(row.key) for row in rows],
            "zeroline": False,
            "showline": False,
            "range": [len(rows) - 0.5, -0.35],
        },
    }


def _objective_row(result: TuneDocument, sets: pd.DataFrame) -> Row:
    """The last row: where each set's objective lies between the lowest and the highest."""
    objective = sets["objective"].astype(float)
    low, high = float(objective.min()), float(objective.max())
    values = [f"{value:.2f}" for value in np.linspace(low, high, 3)]
    return Row(measure(result), values, (objective - low) / ((high - low) or 1.0))


def _ends(sets: pd.DataFrame, rows: Sequence[Row]) -> Figure:
    """A mark at the end of each line, whose text names the values of its parameter set."""
    records = zip(sets.index, sets[[row.key for row in rows[:-1]]].to_dict("records"), strict=True)
    text = [f"set {number:,}: {_point_text(point)}" for number, point in records]
    return {
        "x": rounded(rows[-1].positions),
        "y": [len(rows) - 1] * len(sets),
        "name": "sets",
        "mode": "markers",
        "showlegend": False,
        "marker": {"size": 6, "color": "--ink", "opacity": 0.35},
        "text": text,
        "customdata": rounded(sets["objective"]),
        "hovertemplate": "%{text}: %{customdata:.3f}<extra></extra>",
    }


def _point_text(point: Mapping[object, object]) -> str:
    return ", ".join(f"{key} {value_text(value)}" for key, value in point.items())


def _groups(
    result: TuneDocument, best: list[int], drawn: list[int], feasible: set[int]
) -> Iterator[tuple[str, list[int], Figure]]:
    """Name, sets and look of each bundle of lines, the most important last: it lies on top."""
    first, rest = best[:BEST_OF_ALL], best[BEST_OF_ALL:]
    if drawn:
        name = f"{len(drawn)} others, at random"
        yield name, drawn, {"opacity": FAINT, "line": {"width": 1, "color": "--muted"}}
    if rest:
        look = {"opacity": FAINT, "line": {"width": 1, "color": "--line-3"}}
        yield f"next {len(rest)}", rest, look
    yield f"best {len(first)}", first, {"opacity": 0.8, "line": {"width": 1.4, "color": "--line-1"}}
    if 0 in feasible:
        yield "current settings", [0], {"line": {"width": 2.5, "color": "--ink", "dash": "dot"}}
    if result.best.row in feasible:
        yield "best set", [result.best.row], {"line": {"width": 4, "color": "--strategy"}}


def _bundle(sets: pd.DataFrame, rows: Sequence[Row]) -> Figure:
    """One trace for many lines; a gap divides them."""
    blur = np.zeros(len(sets))
    if len(sets) > 1:
        blur = BLUR * (2 * np.random.default_rng(0).random(len(sets)) - 1)
    x = np.full((len(sets), len(rows) + 1), np.nan)
    for column, row in enumerate(rows):
        positions = row.positions[sets.index].to_numpy(dtype=float)
        x[:, column] = positions + (blur if column < len(rows) - 1 else 0.0)
    y = [*range(len(rows)), None] * len(sets)
    return {"x": rounded(pd.Series(x.ravel().round(4))), "y": y, "hoverinfo": "skip"}


def _row(result: TuneDocument, sets: pd.DataFrame, key: str, current: object) -> Row:
    """The values of a setting in order, the `current` one among them, and where each set lies."""
    (axis,) = (axis for axis in result.search.space if axis.key == key)
    values: list[object] = list(axis.values)
    if value_text(current) not in [*map(value_text, values), NONE]:
        values = _with_current(values, current)
    texts = [value_text(value) for value in values]
    position = {text: number / max(len(texts) - 1, 1) for number, text in enumerate(texts)}
    positions = sets[key].map(lambda value: position.get(value_text(value), np.nan))
    return Row(key, texts, positions)


def _with_current(values: Sequence[object], current: object) -> list[object]:
    """The values and the current one, in order if all are numbers."""
    numbers = [value for value in (*values, current) if isinstance(value, int | float)]
    ordered: list[object] = [*sorted(numbers)]
    return ordered if len(numbers) == len(values) + 1 else [*values, current]


def _labels(rows: Sequence[Row]) -> Iterator[Figure]:
    """Some values along each setting, their ends among them."""
    for number, row in enumerate(rows):
        for index in spread_rows(len(row.values), MOST_LABELS):
            x = float(index) / max(len(row.values) - 1, 1)
            yield {
                "x": x,
                "y": number,
                "xanchor": {0.0: "left", 1.0: "right"}.get(x, "center"),
                "yshift": -13,
                "text": row.values[index],
                "showarrow": False,
                "bgcolor": "--paper",
                "borderpad": 1,
                "opacity": 0.9,
                "font": {"size": 11, "color": "--ink"},
            }


def broken_key(key: str) -> str:
    """A dotted key on two lines."""
    section, dot, rest = key.partition(".")
    return f"{section}.<br>{rest}" if dot else key
