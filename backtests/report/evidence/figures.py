"""The figures of the evidence for Plotly; colours as in `report.figures`."""

from collections.abc import Sequence
from math import expm1

from backtests.evidence.breakouts import FORMED
from backtests.evidence.document import (
    CrossRecord,
    CycleRecord,
    DefinitionRecord,
    EvidenceDocument,
    LagRecord,
    PathRecord,
    RequiredEventsRecord,
    TurnRecord,
)
from backtests.evidence.events import LEVEL
from backtests.evidence.history import INDEX
from backtests.evidence.lag_scan import CLAIMED
from backtests.report.evidence.words import detectable_effect
from backtests.report.figures import Figure
from brokers.plurals import count

COLOURS = ("--line-1", "--line-2", "--line-3", "--line-4", "--strategy")
START: Figure = {
    "type": "line",
    "x0": 0,
    "x1": 0,
    "yref": "y domain",
    "y0": 0,
    "y1": 1,
    "line": {"color": "--ink", "width": 1.5, "dash": "dot"},
}
BREAKOUTS = range(3, 51)  # of the curve of detectable effects: more than a century of them
PERCENT_AXIS: Figure = {
    "type": "log",
    "tickvals": [0.1, 0.25, 0.5, 1, 2, 5, 10, 20],
    "ticktext": ["+10%", "+25%", "+50%", "+100%", "+200%", "+500%", "+1,000%", "+2,000%"],
}
MARKS = ("circle", "square", "diamond", "star")


def all_figures(document: EvidenceDocument) -> dict[str, Figure]:
    """Every figure by the id of its place on the page; those without data are left out."""
    figures: dict[str, Figure] = {}
    if document.paths:
        figures["paths"] = breakout_paths(document.paths)
    if any(definition.p is not None for definition in document.definitions):
        figures["definitions"] = p_by_definition(document.definitions)
    if document.gate_test:
        figures["lags"] = returns_by_lag(document.gate_test)
    if crosses := [cross for cross in document.crosses if cross.first == INDEX]:
        figures["crosses"] = correlations(crosses)
    if document.turns:
        figures["turns"] = turning_points(document.turns)
    if any(record.spread for record in document.until):
        figures["detectable"] = detectable_effects(document.until)
    if document.cycles:
        figures["cycles"] = halving_cycles(document.cycles)
    return figures


def breakout_paths(paths: Sequence[PathRecord]) -> Figure:
    """Bitcoin around each breakout; those that formed the thesis are dashed."""
    traces = [
        _line(
            path.days,
            path.values,
            name=path.opened[:10],
            colour=_colour(number),
            dash="dash" if int(path.opened[:4]) in FORMED else "solid",
        )
        for number, path in enumerate(paths)
    ]
    return {"data": traces, "layout": _price_axes("days from the breakout") | {"shapes": [START]}}


def halving_cycles(cycles: Sequence[CycleRecord]) -> Figure:
    """Bitcoin from each halving on."""
    traces = [
        _line(cycle.days, cycle.values, name=f"from {cycle.halving}", colour=_colour(number))
        for number, cycle in enumerate(cycles)
    ]
    return {"data": traces, "layout": _price_axes("days from the halving")}


def p_by_definition(definitions: Sequence[DefinitionRecord]) -> Figure:
    """The p of each definition of a breakout, by how long a record had to stand."""
    confirms = sorted({definition.confirm_sessions for definition in definitions})
    traces = [
        _definition_trace(
            [
                definition
                for definition in definitions
                if definition.confirm_sessions == confirm and definition.p is not None
            ],
            confirm,
            _colour(number),
        )
        for number, confirm in enumerate(confirms)
    ]
    layout = {
        "xaxis": _axis("base: sessions a record must have stood"),
        "yaxis": _axis("p") | {"rangemode": "tozero"},
        "shapes": [_level_line(LEVEL, "--soft")],
        "hovermode": "closest",
    }
    return {"data": traces, "layout": layout}


def _definition_trace(definitions: Sequence[DefinitionRecord], confirm: int, colour: str) -> Figure:
    text = [
        f"{definition.n} of {count(definition.breakouts, 'breakout')} with a price of BTC,"
        f" p {definition.p:.3f}"
        for definition in definitions
    ]
    return {
        "x": [definition.base_sessions for definition in definitions],
        "y": [round(definition.p or 0.0, 4) for definition in definitions],
        "name": f"{count(confirm, 'close')} above",
        "mode": "lines+markers",
        "marker": {"size": 9, "color": colour},
        "text": text,
        "hovertemplate": "%{text}<extra></extra>",
    }


def returns_by_lag(scans: Sequence[LagRecord]) -> Figure:
    """Each coin's return by lag; dotted what the best lag reaches by chance."""
    traces = [
        _line(
            range(len(scan.apart)),
            [round(expm1(value), 4) for value in scan.apart],
            name=scan.asset,
            colour=_colour(number),
            hover="annualised return %{y:+.0%}",
        )
        for number, scan in enumerate(scans)
    ]
    bands = [_level_line(expm1(scan.band), _colour(number)) for number, scan in enumerate(scans)]
    claimed: Figure = {
        "type": "rect",
        "yref": "y domain",
        "y0": 0,
        "y1": 1,
        "x0": CLAIMED[0],
        "x1": CLAIMED[1],
        "fillcolor": "--shade",
        "line": {"width": 0},
    }
    layout = {
        "xaxis": _axis("days since the gate was open"),
        "yaxis": _axis("annualised return against other days") | {"tickformat": "+.0%"},
        "shapes": [claimed, *bands],
        "hovermode": "closest",
    }
    return {"data": traces, "layout": layout}


def correlations(crosses: Sequence[CrossRecord]) -> Figure:
    """Weekly returns of each coin by weeks after the index's; dotted what unrelated ones reach."""
    traces, bands = [], []
    for number, cross in enumerate(crosses):
        colour = _colour(number)
        trace = _line(
            cross.lags,
            cross.correlation,
            name=cross.second,
            colour=colour,
            hover="correlation %{y:+.2f}",
        )
        traces.append(trace)
        bands += [_level_line(sign * cross.band, colour) for sign in (1.0, -1.0)]
    layout = {
        "xaxis": _axis(f"weeks after the {INDEX}"),
        "yaxis": _axis("correlation"),
        "shapes": [START, *bands],
        "hovermode": "closest",
    }
    return {"data": traces, "layout": layout}


def turning_points(turns: Sequence[TurnRecord]) -> Figure:
    """Days from each of Bitcoin's turning points at which the layers had their own."""
    names = [f"{turn.kind} of {turn.day[:7]}" for turn in turns]
    traces = [
        {
            "x": [turn.layers[layer] for turn in turns],
            "y": names,
            "name": layer,
            "mode": "markers",
            "marker": {
                "size": 11,
                "color": _colour(number),
                "symbol": MARKS[number % len(MARKS)],
            },
            "hovertemplate": f"{layer}: day %{{x:+}}<extra>%{{y}}</extra>",
        }
        for number, layer in enumerate(turns[0].layers)
    ]
    layout = {
        "xaxis": _axis("days from Bitcoin's turning point"),
        "yaxis": {"type": "category", "autorange": "reversed"},
        "shapes": [START],
        "hovermode": "closest",
    }
    return {"data": traces, "layout": layout}


def detectable_effects(required: Sequence[RequiredEventsRecord]) -> Figure:
    """The smallest effect that so many breakouts show with 80 % power; marked what is measured."""
    known = [record for record in required if record.spread]
    traces = [
        _line(
            BREAKOUTS,
            [round(detectable_effect(record.spread or 0.0, n), 4) for n in BREAKOUTS],
            name=f"over {record.horizon}",
            colour=_colour(number),
            hover="from %{y:+.0%} on",
        )
        for number, record in enumerate(known)
    ]
    measured = [
        _measured_trace(record, _colour(number))
        for number, record in enumerate(known)
        if record.mean is not None and record.mean > 0.0
    ]
    layout = {
        "xaxis": _axis("breakouts"),
        "yaxis": _axis("Bitcoin above its usual gain") | PERCENT_AXIS,
        "hovermode": "closest",
    }
    return {"data": [*traces, *measured], "layout": layout}


def _measured_trace(record: RequiredEventsRecord, colour: str) -> Figure:
    return {
        "x": [record.had],
        "y": [round(expm1(record.mean or 0.0), 4)],
        "name": f"measured over {record.horizon}",
        "mode": "markers",
        "showlegend": False,
        "marker": {"size": 11, "color": colour, "symbol": "diamond"},
        "hovertemplate": f"measured over {record.horizon}: %{{y:+.0%}}<extra></extra>",
    }


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _axis(title: str) -> Figure:
    return {"title": {"text": title}}


def _level_line(height: float, colour: str) -> Figure:
    """A dotted line all across."""
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": height,
        "y1": height,
        "line": {"color": colour, "width": 1, "dash": "dot"},
    }


def _line(
    x: Sequence[int],
    y: Sequence[float | None],
    *,
    name: str,
    colour: str,
    dash: str = "solid",
    hover: str = "%{y:.3~g} times",
) -> Figure:
    return {
        "x": list(x),
        "y": list(y),
        "name": name,
        "mode": "lines",
        "line": {"width": 2, "color": colour, "dash": dash},
        "hovertemplate": f"{name}: %{{x}}, {hover}<extra></extra>",
    }


def _price_axes(across: str) -> Figure:
    return {
        "xaxis": _axis(across),
        "yaxis": {
            "type": "log",
            "title": {"text": "BTC, start = 1"},
            "tickformat": "~g",
            "dtick": "D2",
        },
        "hovermode": "closest",
    }
