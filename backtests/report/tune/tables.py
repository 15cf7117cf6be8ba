"""The tables of a parameter search as text."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

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
from backtests.report.tune.words import current_point, measure, short_key, value_text
from backtests.tuning.document import TuneDocument
from backtests.tuning.document_parts import (
    FoldRecord,
    PathFigures,
    Point,
    StepRecord,
    StressRecord,
    WalkRecord,
)

Mode = Literal["rolling", "anchored"]
Tile = tuple[str, str, str]
Rows = Mapping[str, Mapping[str, float | None]]  # figures by name
BEST, CURRENT, CHOSEN = "best set", "current settings", "chosen at each step"
HELD = "same exposure held"
EQUALS = "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"
DIFFERENCES = "chosen (differences from the current settings)"
OUT_OF_SAMPLE = (("out-of-sample", True), (CURRENT, True), ("difference", True))
SHOWN = (
    "total_return",
    "cagr",
    "sharpe",
    "max_drawdown",
    "volatility",
    "sortino",
    "calmar",
    "days_held",
    "orders",
)
# Of a search: a share of days. The exposure of a backtest is a share of equity.
DAYS_IN_COINS = "time in market"
SEARCH_COLUMNS: tuple[Column, ...] = tuple(
    (DAYS_IN_COINS, "days_held", form) if key == "exposure" else (name, key, form)
    for name, key, form in BENCHMARK_COLUMNS
)
COLUMNS: tuple[Column, ...] = tuple(column for column in SEARCH_COLUMNS if column[1] in SHOWN)
# In an interval days are no whole number.
FORMS = {key: form for _, key, form in SEARCH_COLUMNS} | {"max_drawdown_days": "{:,.0f}"}
NAMES = {key: heading for heading, key, _ in SEARCH_COLUMNS}


def walk_of(result: TuneDocument, mode: Mode) -> WalkRecord:
    """The walk-forward of one mode."""
    walks = result.walk_forward
    return walks.rolling if mode == "rolling" else walks.anchored


def tiles(result: TuneDocument) -> list[Tile]:
    """The headline: what, the figure, what it is compared with."""
    walks = result.walk_forward
    walk = walks.rolling if walks.rolling.figures else walks.anchored
    luck, folds = result.luck, result.leave_one_breakout_out
    paths = result.trials.paths
    return [
        (
            "Sharpe ratio, in-sample",
            number(result.best.in_sample.sharpe, "{:.2f}").text,
            _note_on_defaults(result.defaults.in_sample.sharpe),
        ),
        (
            "Sharpe ratio, out-of-sample",
            number(walk.figures.sharpe if walk.figures else None, "{:.2f}").text,
            _note_on_defaults(walk.defaults.sharpe if walk.defaults else None),
        ),
        (
            "chance does as well",
            number(luck.p if luck else None, "{:.0%}").text,
            "of histories without any skill at timing",
        ),
        ("PBO", number(result.pbo.pbo, "{:.0%}").text, "50% is chance, less is better"),
        (
            "breakouts left out",
            f"{folds.won} of {folds.of}" if folds.of and folds.won is not None else NONE,
            "better than no timing" if luck else "out-of-sample",
        ),
        (
            "parameter sets tried",
            number(result.trials.n, "{:,}").text,
            "" if paths is None else f"{paths:,} different path{'' if paths == 1 else 's'}",
        ),
    ]


def _note_on_defaults(sharpe: float | None) -> str:
    return "" if sharpe is None else f"{CURRENT} {sharpe:.2f}"


def changed_settings(result: TuneDocument) -> Table:
    """The settings in which the best parameter set differs from the current ones."""
    rows = [
        [Cell(key), Cell(value_text(old)), Cell(value_text(new), None, "own")]
        for key, (old, new) in result.best.changed.items()
    ]
    return Table([("setting", False), ("current", False), (BEST, False)], rows)


def in_sample_figures(result: TuneDocument) -> Table:
    """The best parameter set and the current settings, both in-sample."""
    bounds = {
        key: (interval.low, interval.high)
        for key, interval in result.best.intervals.items()
        if interval.low is not None and interval.high is not None
    }
    rows = in_sample(result)
    return side_by_side(rows, {BEST: bounds}, known_columns(rows), BEST)


def out_of_sample_table(result: TuneDocument, mode: Mode) -> Table:
    """The steps of a walk-forward joined, and the current settings on the same days."""
    rows = out_of_sample(result, mode)
    return side_by_side(rows, {}, known_columns(rows), CHOSEN)


def in_sample(result: TuneDocument) -> Rows:
    """In-sample figures by the name of the row."""
    return _same_keys(
        {
            BEST: result.best.in_sample.model_dump(),
            f"{BEST}, in backtrader": result.best.backtrader.model_dump(),
            CURRENT: result.defaults.in_sample.model_dump(),
        }
    )


def out_of_sample(result: TuneDocument, mode: Mode) -> Rows:
    """Out-of-sample figures of a walk-forward by the name of the row."""
    walk = walk_of(result, mode)
    figures: dict[str, PathFigures | None] = {CHOSEN: walk.figures, CURRENT: walk.defaults}
    return _same_keys({name: row.model_dump() for name, row in figures.items() if row})


def known_columns(rows: Rows) -> list[Column]:
    """The columns of figures that any of `rows` has."""
    return [column for column in COLUMNS if any(column[1] in figures for figures in rows.values())]


def _same_keys(rows: Rows) -> Rows:
    """What one row has and another lacks is None there."""
    keys = {key for figures in rows.values() for key in figures}
    return {name: {key: figures.get(key) for key in keys} for name, figures in rows.items()}


def steps(result: TuneDocument, mode: Mode) -> Table:
    """Each step of a walk-forward with the parameter set chosen for it."""
    headings = [("from", False), (DIFFERENCES, False), (f"{measure(result)}, in-sample", True)]
    rows = [
        [
            Cell(step.first[:10]),
            _chosen(step.chosen, result, kept=step.kept_defaults),
            *_results(step),
        ]
        for step in walk_of(result, mode).steps
    ]
    return Table([*headings, *OUT_OF_SAMPLE], rows)


def folds(result: TuneDocument) -> Table:
    """Each breakout with the parameter set chosen without it."""
    headings = [
        ("breakout", False),
        ("days left out", False),
        (DIFFERENCES, False),
        (f"{measure(result)}, in-sample", True),
    ]
    rows = [
        [
            Cell(fold.event[:10]),
            Cell(f"{fold.first[:10]} to {fold.last[:10]}"),
            _chosen(fold.chosen, result, kept=False),
            *_results(fold),
            number(fold.holding, "{:.2f}"),
            number(fold.rank, "{:.0%}"),
        ]
        for fold in result.leave_one_breakout_out.folds
    ]
    return Table([*headings, *OUT_OF_SAMPLE, (HELD, True), ("rank", True)], rows)


def _results(part: StepRecord | FoldRecord) -> list[Cell]:
    """In-sample, out-of-sample, current settings, and the difference of the last two."""
    scores = (part.in_sample, part.out_of_sample, part.defaults)
    return [
        *(number(score, "{:.2f}") for score in scores),
        gain(_difference(part.out_of_sample, part.defaults), "{:+.2f}"),
    ]


def _difference(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value - other


def _chosen(point: Point, result: TuneDocument, *, kept: bool) -> Cell:
    """The values that differ from the current ones."""
    current = {key: value_text(value) for key, value in current_point(result).items()}
    texts = [
        f"{short_key(key, result)}{EQUALS}{value_text(value)}"
        for key, value in point.items()
        if current.get(key) != value_text(value)
    ]
    text = f"nothing could be chosen: {CURRENT}" if kept else ", ".join(texts) or CURRENT
    return Cell(text, None, "sentence")


def drift(result: TuneDocument, mode: Mode) -> Table:
    """How often the choice of each setting changed between steps, the most frequent first."""
    walk = walk_of(result, mode)
    chances = max(len(walk.steps) - 1, 0)
    rows = [
        [Cell(key), number(times, "{:,}"), number(chances, "{:,}")]
        for key, times in sorted(walk.drift.items(), key=lambda item: -item[1])
    ]
    return Table([("setting", False), ("times changed", True), ("possible changes", True)], rows)


def stress(result: TuneDocument) -> Table:
    """The best parameter set under harder conditions, and unchanged."""
    keys = ("sharpe", "cagr", "max_drawdown", "total_return")
    tests = result.robustness.stress
    headings = [
        ("condition", False),
        *((NAMES[key], True) for key in keys),
        ("change in Sharpe ratio", True),
    ]
    return Table(headings, [_stress_row(test, keys, tests[0]) for test in tests])


def _stress_row(test: StressRecord, keys: Sequence[str], first: StressRecord) -> list[Cell]:
    unchanged = test is first
    name = f"{test.name}\n{test.why}" if test.why else test.name
    return [
        Cell(name, None, "own" if unchanged else ""),
        *(number(getattr(test, key), FORMS[key]) for key in keys),
        gain(None if unchanged else _difference(test.sharpe, first.sharpe), "{:+.2f}"),
    ]


def intervals(result: TuneDocument) -> Table:
    """The 95 % interval of each figure of the best parameter set."""
    rows = [
        [
            Cell(NAMES.get(key, key.replace("_", " "))),
            *(
                number(value, FORMS.get(key, "{:.2f}"))
                for value in (interval.estimate, interval.low, interval.high)
            ),
        ]
        for key, interval in result.best.intervals.items()
    ]
    return Table([("figure", False), ("estimate", True), ("low", True), ("high", True)], rows)


def space(result: TuneDocument) -> Table:
    """What was searched."""
    current, best = (
        {key: value_text(value) for key, value in point.items()}
        for point in (current_point(result), result.best.point)
    )
    rows = []
    for axis in result.search.space:
        conditions = [
            f"{key} is {' or '.join(map(value_text, values))}" for key, values in axis.when.items()
        ]
        rows.append(
            [
                Cell(axis.key),
                Cell(", ".join(value_text(value) for value in axis.values), None, "sentence"),
                Cell("; ".join(conditions) or NONE),
                Cell(current.get(axis.key, NONE)),
                Cell(best.get(axis.key, NONE)),
            ]
        )
    names = ("setting", "values tried", "only where", "current", BEST)
    return Table([(name, False) for name in names], rows)


def best_sets(rows: Sequence[Mapping[Any, Any]], result: TuneDocument) -> Table:
    """Parameter sets as `rows` of the trials, each with its number, settings and figures."""
    figures = ("sharpe", "cagr", "max_drawdown", "days_held", "orders")
    keys = [axis.key for axis in result.search.space]
    table = [
        [
            Cell(f"{row['set']:,}", row["set"], "number"),
            number(row["objective"], "{:.3f}"),
            *(Cell(value_text(row[key])) for key in keys),
            *(number(row[key], FORMS[key]) for key in figures),
        ]
        for row in rows
    ]
    headings = [("set", True), (f"objective ({measure(result)})", True)]
    headings += [(short_key(key, result), False) for key in keys]
    return Table([*headings, *((NAMES[key], True) for key in figures)], table)
