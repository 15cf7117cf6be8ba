"""The pictures of the evidence as Plotly figures; colours as in `figures`."""

from collections.abc import Mapping, Sequence
from typing import Any

from backtests.evidence.breakouts import FORMED
from backtests.report.figures import Figure

Found = Mapping[str, Any]
COLOURS = ("--line-1", "--line-2", "--line-3", "--line-4", "--strategy")
START: Figure = {"type": "line", "x0": 0, "x1": 0, "yref": "y domain", "y0": 0, "y1": 1, "line": {"color": "--ink", "width": 1.5, "dash": "dot"}}
USUAL = 0.05


def pictures(found: Found) -> dict[str, Figure]:
    """Every figure by the id of its place on the page; what is missing in `found` is left out."""
    drawn: dict[str, Figure] = {}
    if found["paths"]:
        drawn["paths"] = paths(found["paths"])
    if any("p" in one for one in found["definitions"]):
        drawn["definitions"] = definitions(found["definitions"])
    if found["cycles"]:
        drawn["cycles"] = cycles(found["cycles"])
    return drawn


def paths(lines: Sequence[Mapping[str, Any]]) -> Figure:
    """Bitcoin around each breakout; those that formed the thesis are dashed."""
    traces = [
        _line(one, one["opened"][:10], COLOURS[number % len(COLOURS)], "dash" if int(one["opened"][:4]) in FORMED else "solid")
        for number, one in enumerate(lines)
    ]
    return {"data": traces, "layout": _axes("days from the breakout") | {"shapes": [START]}}


def cycles(lines: Sequence[Mapping[str, Any]]) -> Figure:
    """Bitcoin from each halving on."""
    traces = [_line(one, f"from {one['halving']}", COLOURS[number % len(COLOURS)], "solid") for number, one in enumerate(lines)]
    return {"data": traces, "layout": _axes("days from the halving")}


def definitions(found: Sequence[Mapping[str, Any]]) -> Figure:
    """The p of each definition of a breakout, by how long a record had to stand."""
    traces = []
    for number, confirm in enumerate(sorted({one["confirm_sessions"] for one in found})):
        some = [one for one in found if one["confirm_sessions"] == confirm and "p" in one]
        text = [f"{one['n']} of {one['breakouts']} breakouts with a price of BTC, p {one['p']:.3f}" for one in some]
        name = f"{confirm} close{'s' if confirm > 1 else ''} above"
        look = {"size": 9, "color": COLOURS[number % len(COLOURS)]}
        where = {"x": [one["base_sessions"] for one in some], "y": [round(one["p"], 4) for one in some], "name": name}
        traces.append(where | {"mode": "lines+markers", "marker": look, "text": text, "hovertemplate": "%{text}<extra></extra>"})
    bound: Figure = {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": USUAL,
        "y1": USUAL,
        "line": {"color": "--soft", "width": 1, "dash": "dot"},
    }
    axes = {"xaxis": {"title": {"text": "sessions a record must have stood"}}, "yaxis": {"title": {"text": "p"}, "rangemode": "tozero"}}
    return {"data": traces, "layout": axes | {"shapes": [bound], "hovermode": "closest"}}


def _line(one: Mapping[str, Any], name: str, colour: str, dash: str) -> Figure:
    look = {"width": 2, "color": colour, "dash": dash}
    return {
        "x": one["days"],
        "y": one["values"],
        "name": name,
        "mode": "lines",
        "line": look,
        "hovertemplate": f"{name}: day %{{x}}, %{{y:.3~g}} times<extra></extra>",
    }


def _axes(across: str) -> Figure:
    return {
        "xaxis": {"title": {"text": across}},
        "yaxis": {"type": "log", "title": {"text": "BTC, start = 1"}, "tickformat": "~g", "dtick": "D2"},
        "hovermode": "closest",
    }
