"""The pictures of the evidence as Plotly figures; colours as in `figures`."""

from collections.abc import Mapping, Sequence
from typing import Any

from backtests.evidence.breakouts import FORMED
from backtests.evidence.events import LEVEL, SEEN
from backtests.evidence.history import INDEX
from backtests.evidence.lag_scan import SAID
from backtests.report.figures import Figure

Found = Mapping[str, Any]
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
MARKS = ("circle", "square", "diamond", "star")


def pictures(found: Found) -> dict[str, Figure]:
    """Every figure by the id of its place on the page; what is missing in `found` is left out."""
    drawn: dict[str, Figure] = {}
    if found["paths"]:
        drawn["paths"] = paths(found["paths"])
    if any("p" in one for one in found["definitions"]):
        drawn["definitions"] = definitions(found["definitions"])
    if found["gate_test"]:
        drawn["lags"] = lags(found["gate_test"])
    if crosses := [one for one in found["crosses"] if one["first"] == INDEX]:
        drawn["crosses"] = correlations(crosses)
    if found["turns"]:
        drawn["turns"] = turns(found["turns"])
    if found["until"]:
        drawn["power"] = power(found["until"])
    if found["cycles"]:
        drawn["cycles"] = cycles(found["cycles"])
    return drawn


def paths(lines: Sequence[Mapping[str, Any]]) -> Figure:
    """Bitcoin around each breakout; those that formed the thesis are dashed."""
    traces = [
        _line(
            one,
            one["opened"][:10],
            COLOURS[number % len(COLOURS)],
            "dash" if int(one["opened"][:4]) in FORMED else "solid",
        )
        for number, one in enumerate(lines)
    ]
    return {"data": traces, "layout": _axes("days from the breakout") | {"shapes": [START]}}


def cycles(lines: Sequence[Mapping[str, Any]]) -> Figure:
    """Bitcoin from each halving on."""
    traces = [
        _line(one, f"from {one['halving']}", COLOURS[number % len(COLOURS)], "solid")
        for number, one in enumerate(lines)
    ]
    return {"data": traces, "layout": _axes("days from the halving")}


def definitions(found: Sequence[Mapping[str, Any]]) -> Figure:
    """The p of each definition of a breakout, by how long a record had to stand."""
    traces = []
    for number, confirm in enumerate(sorted({one["confirm_sessions"] for one in found})):
        some = [one for one in found if one["confirm_sessions"] == confirm and "p" in one]
        text = [
            f"{one['n']} of {one['breakouts']} breakouts with a price of BTC, p {one['p']:.3f}"
            for one in some
        ]
        name = f"{confirm} close{'s' if confirm > 1 else ''} above"
        look = {"size": 9, "color": COLOURS[number % len(COLOURS)]}
        where = {
            "x": [one["base_sessions"] for one in some],
            "y": [round(one["p"], 4) for one in some],
            "name": name,
        }
        traces.append(
            where
            | {
                "mode": "lines+markers",
                "marker": look,
                "text": text,
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    axes = {
        "xaxis": {"title": {"text": "sessions a record must have stood"}},
        "yaxis": {"title": {"text": "p"}, "rangemode": "tozero"},
    }
    return {
        "data": traces,
        "layout": axes | {"shapes": [_across(LEVEL, "--soft")], "hovermode": "closest"},
    }


def lags(scans: Sequence[Mapping[str, Any]]) -> Figure:
    """What each coin earned beside other days, by days since the gate was open; dotted what the best lag reaches by chance."""
    traces, bands = [], []
    for number, one in enumerate(scans):
        colour = COLOURS[number % len(COLOURS)]
        where = {
            "days": list(range(len(one["apart"]))),
            "values": [round(value, 4) for value in one["apart"]],
        }
        traces.append(_line(where, one["asset"], colour, "solid", "%{y:+.2f} a year in logs"))
        bands.append(_across(one["band"], colour))
    said: Figure = {
        "type": "rect",
        "yref": "y domain",
        "y0": 0,
        "y1": 1,
        "x0": SAID[0],
        "x1": SAID[1],
        "fillcolor": "--shade",
        "line": {"width": 0},
    }
    axes = {
        "xaxis": {"title": {"text": "days since the gate was open"}},
        "yaxis": {"title": {"text": "log return a year, beside other days"}},
    }
    return {"data": traces, "layout": axes | {"shapes": [said, *bands], "hovermode": "closest"}}


def correlations(crosses: Sequence[Mapping[str, Any]]) -> Figure:
    """Weekly returns of each coin so many weeks after the index's; dotted what unrelated ones reach."""
    traces, bands = [], []
    for number, one in enumerate(crosses):
        colour = COLOURS[number % len(COLOURS)]
        traces.append(
            _line(
                {"days": one["lags"], "values": one["correlation"]},
                one["second"],
                colour,
                "solid",
                "correlation %{y:+.2f}",
            )
        )
        bands += [_across(sign * one["band"], colour) for sign in (1.0, -1.0)]
    axes = {
        "xaxis": {"title": {"text": f"weeks after the {INDEX}"}},
        "yaxis": {"title": {"text": "correlation"}},
    }
    return {"data": traces, "layout": axes | {"shapes": [START, *bands], "hovermode": "closest"}}


def turns(found: Sequence[Mapping[str, Any]]) -> Figure:
    """Days from each of Bitcoin's turns at which the layers had their own."""
    names = [f"{one['kind']} of {one['day'][:7]}" for one in found]
    traces = []
    for number, layer in enumerate(found[0]["layers"]):
        look = {
            "size": 11,
            "color": COLOURS[number % len(COLOURS)],
            "symbol": MARKS[number % len(MARKS)],
        }
        hover = f"{layer}: day %{{x:+}}<extra>%{{y}}</extra>"
        days = [one["layers"][layer] for one in found]
        traces.append(
            {
                "x": days,
                "y": names,
                "name": layer,
                "mode": "markers",
                "marker": look,
                "hovertemplate": hover,
            }
        )
    axes = {
        "xaxis": {"title": {"text": "days from Bitcoin's turn"}},
        "yaxis": {"type": "category", "autorange": "reversed"},
    }
    return {"data": traces, "layout": axes | {"shapes": [START], "hovermode": "closest"}}


def power(until: Sequence[Mapping[str, Any]]) -> Figure:
    """How often so many breakouts would show the difference that was measured, were it the truth."""
    traces = []
    for number, one in enumerate(until):
        where = {"days": list(range(1, len(one["power"]) + 1)), "values": one["power"]}
        traces.append(
            _line(
                where,
                f"BTC over {one['horizon']}",
                COLOURS[number % len(COLOURS)],
                "solid",
                "seen in %{y:.0%}",
            )
        )
    had: Figure = START | {"x0": until[0]["had"], "x1": until[0]["had"]}
    axes = {
        "xaxis": {"title": {"text": "breakouts that did not form the thesis"}},
        "yaxis": {"tickformat": ".0%", "range": [0, 1.02]},
    }
    return {
        "data": traces,
        "layout": axes | {"shapes": [had, _across(SEEN, "--soft")], "hovermode": "closest"},
    }


def _across(height: float, colour: str) -> Figure:
    """A dotted line all across."""
    line = {"color": colour, "width": 1, "dash": "dot"}
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": height,
        "y1": height,
        "line": line,
    }


def _line(
    one: Mapping[str, Any], name: str, colour: str, dash: str, told: str = "%{y:.3~g} times"
) -> Figure:
    look = {"width": 2, "color": colour, "dash": dash}
    return {
        "x": one["days"],
        "y": one["values"],
        "name": name,
        "mode": "lines",
        "line": look,
        "hovertemplate": f"{name}: %{{x}}, {told}<extra></extra>",
    }


def _axes(across: str) -> Figure:
    return {
        "xaxis": {"title": {"text": across}},
        "yaxis": {
            "type": "log",
            "title": {"text": "BTC, start = 1"},
            "tickformat": "~g",
            "dtick": "D2",
        },
        "hovermode": "closest",
    }
