"""The evidence as one self-contained HTML page."""

import json
from collections.abc import Mapping
from math import expm1
from pathlib import Path
from typing import Any

from backtests.performance.forward_returns import HORIZONS
from backtests.report import shell
from backtests.report.cells import Cell, Table, gain, number
from backtests.report.evidence import figures as evidence_figures
from backtests.report.evidence import words as evidence_words
from backtests.runs.folder import RunError

NAME = "evidence.html"
NEEDED = {
    *(
        "line",
        "verdicts",
        "claims",
        "events",
        "follows",
        "definitions",
        "gate_test",
        "leads",
        "crosses",
        "turns",
        "paths",
        "cycles",
        "until",
    ),
    *("lacking", "sample", "fallback", "seed", "draws", "data"),
}
KINDS = {"supported": "good", "contradicted": "bad"}
Found = Mapping[str, Any]


def write(folder: Path, name: str | None = None) -> Path:
    """Write the page of the evidence in `folder` into it; `name` is what to call it, the folder's own name if None.

    Raises
    ------
    RunError
        `folder` holds no evidence, or a damaged one, or the page cannot be written.

    """
    return shell.written(folder / NAME, html(read(folder), name or folder.resolve().name))


def read(folder: Path) -> Found:
    """The evidence.json of a run.

    Raises
    ------
    RunError
        There is none, or it lacks what the page tells.

    """
    path = folder / "evidence.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or (missing := NEEDED - found.keys()):
        why = (
            f"has no {', '.join(sorted(missing))}" if isinstance(found, dict) else "is no evidence"
        )
        raise RunError(f"{path}: is missing or damaged ({why}); run `evidence` again")
    return found


def html(found: Found, name: str) -> str:
    """The page; everything it needs is inside."""
    return shell.html(
        "evidence.html",
        evidence_figures.pictures(found),
        found=found,
        name=name,
        sample=found["sample"],
        numbers_stand="in evidence.json",
        words=evidence_words,
        tiles=tiles(found),
        claims=claims(found),
        events=events(found),
        follows=follows(found),
        definitions=definitions(found),
        leads=leads(found),
    )


def tiles(found: Found) -> list[tuple[str, str, str]]:
    """How many readings came to which word."""
    return [
        (word, str(count), f"of {len(found['claims'])}")
        for word, count in found["verdicts"].items()
    ]


def claims(found: Found) -> Table:
    """Every reading of every claim; small under the verdict n, under the estimate its unit and interval, under p what is left of it."""
    headings = [
        ("", False),
        ("claim", False),
        ("verdict", False),
        ("why", False),
        ("estimate", True),
        ("p", True),
    ]
    rows = []
    for one in found["claims"]:
        said = one["claim"] + (f"\n{one['reading']}" if one["reading"] else "")
        verdict = one["verdict"] + (f"\nn {one['n']:,}" if one["n"] else "")
        words = [
            Cell(one["id"]),
            Cell(said, kind="sentence"),
            Cell(verdict, kind=KINDS.get(one["verdict"], "")),
        ]
        words.append(Cell(f"{one['why']}\n{one['test']}", kind="sentence"))
        between = "" if one["low"] is None else f" {one['low']:+.2f} to {one['high']:+.2f}"
        told, p = number(one["estimate"], "{:,.2f}"), number(one["p"], "{:.3f}")
        told = (
            told._replace(text=f"{told.text}\n{one['unit']}{between}")
            if one["estimate"] is not None
            else told
        )
        p = p._replace(text=f"{p.text}\n{one['p_holm']:.3f} of all") if one["p"] is not None else p
        rows.append([*words, told, p])
    return Table(headings, rows)


def events(found: Found) -> Table:
    """What followed each breakout, one row an asset."""
    headings = (
        ("breakout", False),
        ("level", True),
        ("", False),
        *((horizon, True) for horizon in HORIZONS),
    )
    rows = []
    for event in found["events"]:
        for asset, gains in event["after"].items():
            if any(value is not None for value in gains.values()):
                opened = [
                    Cell(event["opened"][:10]),
                    number(event["level"], "{:,.2f}"),
                    Cell(asset),
                ]
                rows.append([*opened, *(gain(gains[horizon], "{:+,.0%}") for horizon in HORIZONS)])
    return Table(headings, rows)


def follows(found: Found) -> Table:
    """Gains after breakouts beside those at other dates, and how far their mean hangs on one breakout."""
    named = (
        "breakouts",
        "mean",
        "other dates",
        "without one of them",
        "p",
        "p that events differ so much",
    )
    rows = []
    for one in found["follows"]:
        left = [expm1(gain_) for gain_ in one["without_each"]]
        between = Cell(
            f"{min(left):+,.0%} to {max(left):+,.0%}" if left else "-",
            min(left, default=None),
            "number",
        )
        means = (gain(_share(one[name]), "{:+,.0%}") for name in ("mean", "usual"))
        ps = (number(one[name], "{:.3f}") for name in ("p", "spread_p"))
        rows.append(
            [
                Cell(one["asset"]),
                Cell(one["horizon"]),
                number(one["n"], "{:,}"),
                *means,
                between,
                *ps,
            ]
        )
    return Table([("", False), ("over", False), *((name, True) for name in named)], rows)


def definitions(found: Found) -> Table:
    """Bitcoin over 3 months, by what counts as a breakout."""
    named = ("record stood for", "closes above", "breakouts", "with BTC", "BTC", "other dates", "p")
    rows = []
    for one in found["definitions"]:
        figures = [
            number(one.get("n"), "{:,}"),
            *(gain(_share(one.get(name)), "{:+,.0%}") for name in ("mean", "usual")),
            number(one.get("p"), "{:.3f}"),
        ]
        rows.append(
            [
                *(
                    number(one[name], "{:,}")
                    for name in ("base_sessions", "confirm_sessions", "breakouts")
                ),
                *figures,
            ]
        )
    return Table([(name, True) for name in named], rows)


def leads(found: Found) -> Table:
    """Who tells of whose next week, pair by pair."""
    headings = (
        ("leader", False),
        ("follower", False),
        *((name, True) for name in ("weeks before", "n", "a year in logs", "95 % interval", "p")),
    )
    rows = []
    for one in found["leads"]:
        between = Cell(f"{one['low']:+.2f} to {one['high']:+.2f}", one["low"], "number")
        figures = [
            number(one["weeks"], "{:,}"),
            number(one["n"], "{:,}"),
            number(one["estimate"], "{:+.2f}"),
            between,
            number(one["p"], "{:.3f}"),
        ]
        rows.append([Cell(one["leader"]), Cell(one["follower"]), *figures])
    return Table(headings, rows)


def _share(log_gain: float | None) -> float | None:
    return None if log_gain is None else expm1(log_gain)
