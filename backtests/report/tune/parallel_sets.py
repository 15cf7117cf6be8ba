"""All sets of a search in one picture: a line each, from setting to setting down to its result."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.report.cells import NONE
from backtests.report.figures import Figure, rounded, spread_rows
from backtests.report.tune.words import Found, at, measure, plain, shown, standing

DRAWN = 250  # best sets among the lines, and as many of the others
BEST_OF_ALL = 25  # of these, drawn apart
MOST_ROWS = 12  # settings of the lines: those that matter most
MOST_LABELS = 5  # values named along a setting
BLUR = 0.02  # of the width: lines through one value lie beside each other
FAINT = 0.4


class Row(NamedTuple):
    """One setting of the lines: its values in order as texts, and where each set has its own from 0 to 1, NaN where it is not known."""

    key: str
    values: Sequence[str]
    places: pd.Series


def pictures(found: Found, trials: pd.DataFrame) -> dict[str, Figure]:
    """The lines, or with one setting alone its profile, under the id "sets"; nothing if no set keeps the conditions."""
    if not len(ranked(trials)):
        return {}
    keys = settings(found)
    return {"sets": profile(found, trials, keys[0]) if len(keys) == 1 else lines(found, trials)}


def ranked(trials: pd.DataFrame) -> pd.DataFrame:
    """The sets that keep the conditions, best first."""
    kept: pd.DataFrame = trials[np.isfinite(trials["objective"].to_numpy(dtype=float))]
    return kept.sort_values("objective", ascending=False, kind="stable")


def settings(found: Found) -> list[str]:
    """The keys that were searched, the most important first where that is known."""
    keys = [axis["key"] for axis in found["search"]["space"]]
    shares = {
        one["key"]: one["share"] or 0.0 for one in at(found, "robustness", "importance") or ()
    }
    return sorted(keys, key=lambda key: -shares.get(key, 0.0))


def profile(found: Found, trials: pd.DataFrame, key: str) -> Figure:
    """The objective by the values of the only setting."""
    kept = ranked(trials)
    row = _row(found, kept, key, plain(trials[key].iloc[0]))
    by_value = (
        kept.assign(place=row.places).dropna(subset="place").sort_values("place", kind="stable")
    )
    x = [shown(value) for value in by_value[key]]
    look = {
        "mode": "lines+markers",
        "line": {"color": "--strategy", "width": 2},
        "marker": {"size": 8},
    }
    trace = {
        "x": x,
        "y": rounded(by_value["objective"]),
        "name": measure(found),
        "hovertemplate": "%{x}: %{y:.3f}<extra></extra>",
    } | look
    frames = []
    for point, dash in ((standing(found), "dot"), (at(found, "best", "point") or {}, "solid")):
        if (own := shown(point.get(key))) in x:
            line = {"color": "--ink", "width": 1.5, "dash": dash}
            frames.append(
                {
                    "type": "line",
                    "x0": x.index(own),
                    "x1": x.index(own),
                    "yref": "y domain",
                    "y0": 0,
                    "y1": 1,
                    "line": line,
                }
            )
    axes = {
        "xaxis": {"type": "category", "title": {"text": key}},
        "yaxis": {"title": {"text": measure(found)}},
    }
    return {"data": [trace], "layout": axes | {"shapes": frames, "showlegend": False}}


def lines(found: Found, trials: pd.DataFrame) -> Figure:
    """Each set as a line from setting to setting, down to its objective: the best, and some of the others drawn at random."""
    kept = ranked(trials)
    best, others = kept.iloc[:DRAWN], kept.iloc[DRAWN:]
    some = others.sample(min(DRAWN, len(others)), random_state=found["search"]["seed"] or 0)
    groups = [*_groups(found, [*best.index], [*some.index], {*kept.index})]
    sets = trials.loc[[*dict.fromkeys(number for _, numbers, _ in groups for number in numbers)]]
    own = {key: plain(trials[key].iloc[0]) for key in settings(found)[:MOST_ROWS]}
    rows = [*(_row(found, sets, key, value) for key, value in own.items()), _result(found, sets)]
    traces = []
    for name, numbers, look in groups:
        group = {"name": name, "legendgroup": name, "mode": "lines"}
        traces.append(_bundle(sets.loc[numbers], rows) | group | look | {"showlegend": False})
        traces.append(
            {"x": [None], "y": [None]} | group | look | {"opacity": 1.0}
        )  # a faint line could not be seen in the legend
    titles = {
        "tickmode": "array",
        "tickvals": list(range(len(rows))),
        "ticktext": [broken(row.key) for row in rows],
    }
    down = titles | {"zeroline": False, "showline": False, "range": [len(rows) - 0.5, -0.35]}
    axes = {"xaxis": {"visible": False, "range": [-0.06, 1.06]}, "yaxis": down}
    return {
        "data": [*traces, _ends(sets, rows)],
        "layout": axes | {"annotations": [*_labels(rows)], "hovermode": "closest"},
    }


def _result(found: Found, sets: pd.DataFrame) -> Row:
    """The last row: where each set's objective lies between the lowest and the highest."""
    worth = sets["objective"].astype(float)
    low, high = float(worth.min()), float(worth.max())
    return Row(
        measure(found),
        [f"{value:.2f}" for value in np.linspace(low, high, 3)],
        (worth - low) / ((high - low) or 1.0),
    )


def _ends(sets: pd.DataFrame, rows: Sequence[Row]) -> Figure:
    """A mark at the end of each line, which tells of its set."""
    records = zip(sets.index, sets[[row.key for row in rows[:-1]]].to_dict("records"), strict=True)
    text = [
        f"set {number:,}: {', '.join(f'{key} {shown(value)}' for key, value in one.items())}"
        for number, one in records
    ]
    where = {
        "x": rounded(rows[-1].places),
        "y": [len(rows) - 1] * len(sets),
        "name": "sets",
        "mode": "markers",
        "showlegend": False,
    }
    look = {
        "marker": {"size": 6, "color": "--ink", "opacity": 0.35},
        "text": text,
        "customdata": rounded(sets["objective"]),
    }
    return where | look | {"hovertemplate": "%{text}: %{customdata:.3f}<extra></extra>"}


def _groups(
    found: Found, best: list[int], some: list[int], kept: set[int]
) -> Iterator[tuple[str, list[int], Figure]]:
    """Name, sets and look of each bundle of lines, the most important last: it lies on top."""
    first, rest = best[:BEST_OF_ALL], best[BEST_OF_ALL:]
    if some:
        yield (
            f"{len(some)} others, at random",
            some,
            {"opacity": FAINT, "line": {"width": 1, "color": "--muted"}},
        )
    if rest:
        yield (
            f"next {len(rest)}",
            rest,
            {"opacity": FAINT, "line": {"width": 1, "color": "--line-3"}},
        )
    yield f"best {len(first)}", first, {"opacity": 0.8, "line": {"width": 1.4, "color": "--line-1"}}
    if 0 in kept:
        yield "as it stands", [0], {"line": {"width": 2.5, "color": "--ink", "dash": "dot"}}
    if at(found, "best", "row") in kept:
        yield "this set", [found["best"]["row"]], {"line": {"width": 4, "color": "--strategy"}}


def _bundle(sets: pd.DataFrame, rows: Sequence[Row]) -> Figure:
    """One trace for many lines; a gap divides them."""
    blur = (
        BLUR * (2 * np.random.default_rng(0).random(len(sets)) - 1)
        if len(sets) > 1
        else np.zeros(len(sets))
    )
    x = np.full((len(sets), len(rows) + 1), np.nan)
    for column, row in enumerate(rows):
        x[:, column] = row.places[sets.index].to_numpy(dtype=float) + (
            blur if column < len(rows) - 1 else 0.0
        )
    y = [*range(len(rows)), None] * len(sets)
    return {"x": rounded(pd.Series(x.ravel().round(4))), "y": y, "hoverinfo": "skip"}


def _row(found: Found, sets: pd.DataFrame, key: str, own: object) -> Row:
    """The values of a setting in order, the settings' `own` among them, and where each set lies."""
    (axis,) = (axis for axis in found["search"]["space"] if axis["key"] == key)
    values = list(axis["values"])
    if shown(own) not in [*map(shown, values), NONE]:
        numbers = all(isinstance(value, int | float) for value in [*values, own])
        values = sorted([*values, own]) if numbers else [*values, own]
    texts = [shown(value) for value in values]
    place = {text: number / max(len(texts) - 1, 1) for number, text in enumerate(texts)}
    return Row(key, texts, sets[key].map(lambda value: place.get(shown(value), np.nan)))


def _labels(rows: Sequence[Row]) -> Iterator[Figure]:
    """Some values along each setting, their ends among them."""
    for number, row in enumerate(rows):
        for place in spread_rows(len(row.values), MOST_LABELS):
            x = float(place) / max(len(row.values) - 1, 1)
            inside = {0.0: "left", 1.0: "right"}.get(x, "center")
            where = {
                "x": x,
                "y": number,
                "xanchor": inside,
                "yshift": -13,
                "text": row.values[place],
            }
            yield where | {
                "showarrow": False,
                "bgcolor": "--paper",
                "borderpad": 1,
                "opacity": 0.9,
                "font": {"size": 11, "color": "--ink"},
            }


def broken(key: str) -> str:
    """A dotted key on two lines."""
    section, dot, rest = key.partition(".")
    return f"{section}.<br>{rest}" if dot else key
