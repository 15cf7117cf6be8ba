"""The tables of a parameter search as text."""

from collections.abc import Mapping, Sequence
from typing import Any

from backtests.report.cells import (
    BENCHMARK_COLUMNS,
    NONE,
    Cell,
    Column,
    Table,
    gain,
    number,
    side_by_side,
)
from backtests.report.tune.words import Found, at, measure, short, shown, standing

Tile = tuple[str, str, str]
BEST, DEFAULTS, ANEW = "this set", "as it stands", "chosen at each step"
EQUALS = "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"
AS_IT_IS = "as it is"  # the stress that is none
AFTERWARDS = (("then", True), (DEFAULTS, True), ("ahead", True))
TOLD = (
    "total_return",
    "cagr",
    "sharpe",
    "max_drawdown",
    "volatility",
    "sortino",
    "calmar",
    "days_held",
    "orders",
)  # figures of a set
DAYS_IN_COINS = "days in coins"  # of a search: how many of the days; a backtest's exposure is how much of the account
OWN_COLUMNS: tuple[Column, ...] = tuple(
    (DAYS_IN_COINS, "days_held", form) if key == "exposure" else (name, key, form)
    for name, key, form in BENCHMARK_COLUMNS
)
COLUMNS: tuple[Column, ...] = tuple(column for column in OWN_COLUMNS if column[1] in TOLD)
FORMS = {key: form for _, key, form in OWN_COLUMNS} | {
    "max_drawdown_days": "{:,.0f}"
}  # of an interval, no whole number
NAMES = {key: heading for heading, key, _ in OWN_COLUMNS}


def tiles(found: Found) -> list[Tile]:
    """The headline: what, the figure, what stands beside it."""
    own, plain = (at(found, name, "in_sample", "sharpe") for name in ("best", "defaults"))
    mode = "rolling" if at(found, "walk_forward", "rolling", "figures") else "anchored"
    unseen, beside = (
        at(found, "walk_forward", mode, name, "sharpe") for name in ("figures", "defaults")
    )
    pbo, luck, folds = (
        at(found, "pbo", "pbo"),
        at(found, "deflated_sharpe", "value"),
        found["leave_one_breakout_out"],
    )
    effective = at(found, "trials", "effective")
    return [
        (
            "Sharpe ratio, days tuned on",
            number(own, "{:.2f}").text,
            "" if plain is None else f"{DEFAULTS} {plain:.2f}",
        ),
        (
            "Sharpe ratio, days not seen",
            number(unseen, "{:.2f}").text,
            "" if beside is None else f"{DEFAULTS} {beside:.2f}",
        ),
        ("overfitting", number(pbo, "{:.0%}").text, "of choices did not last; half is chance"),
        ("more than luck", number(luck, "{:.0%}").text, "probability, many tries allowed for"),
        (
            "breakouts left out",
            f"{folds['won']} of {folds['of']}" if at(folds, "of") else NONE,
            "made money without being seen",
        ),
        (
            "sets tried",
            number(at(found, "trials", "n"), "{:,}").text,
            "" if effective is None else f"worth {effective:,.0f} independent ones",
        ),
    ]


def tests(found: Found) -> Table:
    """What a set must pass to be recommended; a text such as "Luck: ..." names its test."""
    rows = []
    for one in at(found, "verdict", "tests") or ():
        name, named, text = (
            one["text"].partition(": ")
            if one["text"].partition(": ")[0].count(" ") < 3
            else ("", "", one["text"])
        )
        passed = (
            Cell("not possible")
            if one["passed"] is None
            else Cell("yes", None, "good")
            if one["passed"]
            else Cell("no", None, "bad")
        )
        cells = [
            Cell(name if named else one["name"].replace("_", " ")),
            passed,
            number(one["value"], "{:.3g}"),
            number(one["limit"], "{:.3g}"),
        ]
        rows.append(
            [
                *cells,
                Cell(f"{text[:1].upper()}{text[1:]}" if named else one["text"], None, "sentence"),
            ]
        )
    return Table(
        [("test", False), ("passed", False), ("found", True), ("limit", True), ("in words", False)],
        rows,
    )


def changed(found: Found) -> Table:
    """The keys the best set changes."""
    pairs: Mapping[str, Any] = at(found, "best", "changed") or {}
    rows = [
        [Cell(key), Cell(shown(was)), Cell(shown(now), None, "own")]
        for key, (was, now) in pairs.items()
    ]
    return Table([("setting", False), ("was", False), ("is", False)], rows)


def compared(found: Found) -> Table:
    """The best set beside the settings as they stand, both on the days that were tuned on."""
    bounds = at(found, "best", "intervals") or {}
    spans = {
        key: (one["low"], one["high"])
        for key, one in bounds.items()
        if at(one, "low") is not None and at(one, "high") is not None
    }
    rows = tuned_on(found)
    return side_by_side(rows, {BEST: spans}, known(rows), BEST)


def unseen(found: Found, mode: str) -> Table:
    """The steps of a walk-forward joined together, beside the settings as they stand."""
    rows = not_seen(found, mode)
    return side_by_side(rows, {}, known(rows), ANEW)


def tuned_on(found: Found) -> dict[str, Mapping[str, Any]]:
    """Figures on the days tuned on, by the name of what has them."""
    again = at(found, "best", "backtrader")
    own = {BEST: at(found, "best", "in_sample"), f"{BEST}, in backtrader": again}
    return _whole(own | {DEFAULTS: at(found, "defaults", "in_sample")})


def not_seen(found: Found, mode: str) -> dict[str, Mapping[str, Any]]:
    """Figures on days not seen, by the name of what has them."""
    return _whole(
        {
            ANEW: at(found, "walk_forward", mode, "figures"),
            DEFAULTS: at(found, "walk_forward", mode, "defaults"),
        }
    )


def known(rows: Mapping[str, Mapping[str, Any]]) -> list[Column]:
    """The columns of figures that are written down for any of `rows`."""
    return [column for column in COLUMNS if any(column[1] in figures for figures in rows.values())]


def _whole(rows: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Mapping[str, Any]]:
    """Without the rows that do not exist; what one row has and another lacks is None there."""
    there = {name: figures for name, figures in rows.items() if figures}
    keys = {key for figures in there.values() for key in figures}
    return {name: {key: figures.get(key) for key in keys} for name, figures in there.items()}


def steps(found: Found, mode: str) -> Table:
    """Each step with what was chosen for it."""
    name = measure(found)
    headings = (
        ("from", False),
        ("chosen, where it is not as it stands", False),
        (f"{name}, learned on", True),
    )
    rows = [
        [
            Cell(one["first"][:10]),
            _chosen(one["chosen"], one["kept_defaults"], found),
            *_promise(one),
        ]
        for one in at(found, "walk_forward", mode, "steps") or ()
    ]
    return Table([*headings, *AFTERWARDS], rows)


def folds(found: Found) -> Table:
    """Each breakout with what was chosen without it."""
    name = measure(found)
    headings = (
        ("breakout", False),
        ("days left out", False),
        ("chosen, where it is not as it stands", False),
        (f"{name}, learned on", True),
    )
    rows = [
        [
            Cell(one["event"][:10]),
            Cell(f"{one['first'][:10]} to {one['last'][:10]}"),
            _chosen(one["chosen"], False, found),
            *_promise(one),
            number(one["rank"], "{:.0%}"),
        ]
        for one in at(found, "leave_one_breakout_out", "folds") or ()
    ]
    return Table([*headings, *AFTERWARDS, ("rank", True)], rows)


def _promise(one: Mapping[str, Any]) -> list[Cell]:
    """What the chosen set had where it was chosen, what it had then, the defaults', and the difference."""
    own, plain = one["out_of_sample"], one["defaults"]
    return [
        *(number(value, "{:.2f}") for value in (one["in_sample"], own, plain)),
        gain(_less(own, plain), "{:+.2f}"),
    ]


def _less(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value - other


def _chosen(point: Mapping[str, Any] | None, kept: bool, found: Found) -> Cell:
    """The values that are not the settings' own; all that are known where these are not."""
    own = {key: shown(value) for key, value in standing(found).items()}
    texts = [
        f"{short(key, found)}{EQUALS}{shown(value)}"
        for key, value in (point or {}).items()
        if own.get(key) != shown(value)
    ]
    return Cell(
        "nothing could be chosen: as it stands"
        if kept or point is None
        else ", ".join(texts) or DEFAULTS,
        None,
        "sentence",
    )


def drift(found: Found, mode: str) -> Table:
    """How often the choice of each setting changed from one step to the next, the most restless first."""
    counts: Mapping[str, int] = at(found, "walk_forward", mode, "drift") or {}
    chances = max(len(at(found, "walk_forward", mode, "steps") or ()) - 1, 0)
    rows = [
        [Cell(key), number(times, "{:,}"), number(chances, "{:,}")]
        for key, times in sorted(counts.items(), key=lambda item: -item[1])
    ]
    return Table([("setting", False), ("times changed", True), ("of", True)], rows)


def stress(found: Found) -> Table:
    """The best set under harder conditions, and as it is."""
    keys = ("sharpe", "cagr", "max_drawdown", "total_return")
    harder: Sequence[Mapping[str, Any]] = at(found, "robustness", "stress") or ()
    plain = next((one for one in harder if one["name"] == AS_IT_IS), at(found, "best", "in_sample"))
    rows = []
    for one in harder:
        first = one is plain
        less = None if first else _less(one["sharpe"], at(plain, "sharpe"))
        name = f"{one['name']}\n{one['why']}" if one.get("why") else one["name"]
        rows.append(
            [
                Cell(name, None, "own" if first else ""),
                *(number(one[key], FORMS[key]) for key in keys),
                gain(less, "{:+.2f}"),
            ]
        )
    return Table(
        [("made harder", False), *((NAMES[key], True) for key in keys), ("Sharpe, change", True)],
        rows,
    )


def intervals(found: Found) -> Table:
    """Between what each figure of the best set lies, with 95 % confidence."""
    spans: Mapping[str, Any] = at(found, "best", "intervals") or {}
    rows = [
        [
            Cell(NAMES.get(key, key.replace("_", " "))),
            *(number(one[end], FORMS.get(key, "{:.2f}")) for end in ("estimate", "low", "high")),
        ]
        for key, one in spans.items()
        if one
    ]
    return Table([("figure", False), ("found", True), ("from", True), ("to", True)], rows)


def space(found: Found) -> Table:
    """What was searched."""
    own, best = (
        {key: shown(value) for key, value in point.items()}
        for point in (standing(found), at(found, "best", "point") or {})
    )
    rows = [
        [
            Cell(axis["key"]),
            Cell(", ".join(shown(value) for value in axis["values"]), None, "sentence"),
            Cell(
                "; ".join(
                    f"{key} is {' or '.join(map(shown, values))}"
                    for key, values in (axis["when"] or {}).items()
                )
                or NONE
            ),
            Cell(own.get(axis["key"], NONE)),
            Cell(best.get(axis["key"], NONE)),
        ]
        for axis in found["search"]["space"]
    ]
    return Table(
        [
            ("setting", False),
            ("values tried", False),
            ("only where", False),
            (DEFAULTS, False),
            (BEST, False),
        ],
        rows,
    )


def top(rows: Sequence[Mapping[Any, Any]], found: Found) -> Table:
    """Sets as `rows` of the trials, each with its number, their settings and figures."""
    figures = ("sharpe", "cagr", "max_drawdown", "days_held", "orders")
    keys = [axis["key"] for axis in found["search"]["space"]]
    table = [
        [
            Cell(f"{row['set']:,}", row["set"], "number"),
            number(row["objective"], "{:.3f}"),
            *(Cell(shown(row[key])) for key in keys),
            *(number(row[key], FORMS[key]) for key in figures),
        ]
        for row in rows
    ]
    names = [("set", True), (measure(found), True), *((short(key, found), False) for key in keys)]
    return Table([*names, *((NAMES[key], True) for key in figures)], table)
