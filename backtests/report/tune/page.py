"""A parameter search as one self-contained HTML page."""

import json
from ast import literal_eval
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from backtests.report import shell
from backtests.report.cells import Table
from backtests.report.tune import figures as tune_figures
from backtests.report.tune import parallel_sets as tune_sets
from backtests.report.tune import tables as tune_tables
from backtests.report.tune import words as tune_words
from backtests.report.tune.words import Found
from backtests.runs.folder import RunError

NAME = "report.html"
NEEDED = {
    *(
        "best",
        "defaults",
        "verdict",
        "search",
        "trials",
        "pbo",
        "deflated_sharpe",
        "superior_ability",
        "searched_gates",
    ),
    *(
        "walk_forward",
        "leave_one_breakout_out",
        "robustness",
        "kernel",
        "sample",
        "window",
        "events",
        "warnings",
        "versions",
    ),
}  # of tune.json
FIGURES = (
    "objective",
    "sharpe",
    "cagr",
    "total_return",
    "max_drawdown",
    "days_held",
    "orders",
)  # columns of trials.parquet, besides the settings
TABLES = (
    "tests",
    "changed",
    "compared",
    "folds",
    "stress",
    "intervals",
    "space",
)  # functions of `tune_tables`
LUCK = {
    "overfitting": "Does choosing help?",
    "deflated": "Is it the luck of many tries?",
    "superior": "Is any set better than the settings as they stand?",
    "searched_gates": "Could any gate be tuned as well?",
}  # functions of `tune_words` with their headings
TOP = 10  # sets listed
TALL_ROWS = 6  # settings whose lines need a taller picture


class Recorded(NamedTuple):
    """A search as its folder holds it; `trials` has one row a set, the settings as they stand first."""

    name: str
    found: Found
    trials: pd.DataFrame


def write(folder: Path, name: str | None = None) -> Path:
    """Write the page of the search in `folder` into it; `name` is what to call it, the folder's own name if None.

    Raises
    ------
    RunError
        `folder` holds no search, a file of it is missing or damaged, or the page cannot be written.

    """
    return shell.written(folder / NAME, html(recorded(folder, name)))


def recorded(folder: Path, name: str | None = None) -> Recorded:
    """Read the folder of a search.

    Raises
    ------
    RunError
        A file of it is missing, cut short, or lacks what the page tells.

    """
    found = read(folder)
    path = folder / "trials.parquet"
    try:
        trials = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # of pyarrow's errors too
        raise _damaged(path, str(error).partition("\n")[0]) from None
    columns = [*(axis["key"] for axis in found["search"]["space"]), *FIGURES]
    if missing := [column for column in columns if column not in trials]:
        raise _damaged(path, f"has no column {', '.join(missing)}")
    lists = {
        axis["key"]
        for axis in found["search"]["space"]
        if any(isinstance(value, list) for value in axis["values"])
    }
    trials = trials.assign(**{key: trials[key].astype(str).map(_listed) for key in lists})
    return Recorded(name or folder.resolve().name, found, trials.reset_index(drop=True))


@cache
def _listed(text: str) -> object:
    """A list that stands in the table as Python writes it."""
    try:
        return literal_eval(text) if text.startswith("[") else text
    except (SyntaxError, ValueError):
        return text


def read(folder: Path) -> Found:
    """The tune.json of a search.

    Raises
    ------
    RunError
        There is none, or it lacks what the page tells.

    """
    path = folder / "tune.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise RunError(
            f"{folder}: is no folder of a search (no tune.json); `tune` makes one"
        ) from None
    if not isinstance(found, dict) or (missing := NEEDED - found.keys()):
        raise _damaged(
            path,
            "is no search"
            if not isinstance(found, dict)
            else f"has no {', '.join(sorted(missing))}",
        )
    return found


def _damaged(path: Path, reason: str) -> RunError:
    return RunError(
        f"{path}: a file of the search is missing or damaged ({reason}); run `tune` again"
    )


def html(run: Recorded) -> str:
    """The page; everything it needs is inside."""
    found = run.found
    return shell.html(
        "tune.html",
        tune_figures.pictures(found, run.trials),
        run=run,
        found=found,
        sample=found["sample"],
        numbers_stand="in tune.json and trials.parquet",
        words=tune_words,
        tiles=tune_tables.tiles(found),
        tables={name: getattr(tune_tables, name)(found) for name in TABLES},
        modes=tune_words.MODES,
        ways={
            mode: (
                tune_tables.unseen(found, mode),
                tune_tables.steps(found, mode),
                tune_tables.drift(found, mode),
            )
            for mode in tune_words.MODES
        },
        luck=[(name, title, getattr(tune_words, name)(found)) for name, title in LUCK.items()],
        heat_maps=tune_words.at(found, "robustness", "heat_maps") or [],
        top=top(run),
        tall=len(found["search"]["space"]) > TALL_ROWS,
    )


def top(run: Recorded) -> Table:
    """The best sets that were tried."""
    best = tune_sets.ranked(run.trials).head(TOP)
    rows = [
        {**row, "set": number}
        for number, row in zip(best.index, best.to_dict("records"), strict=True)
    ]
    return tune_tables.top(rows, run.found)
