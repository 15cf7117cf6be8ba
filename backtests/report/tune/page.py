"""A parameter search as one self-contained HTML page."""

import json
from ast import literal_eval
from functools import cache
from pathlib import Path
from typing import NamedTuple, get_args

import pandas as pd

from backtests.report import shell
from backtests.report.calibration import CalibrationSection, calibration_section
from backtests.report.cells import Table
from backtests.report.tune import chance_words, parallel_sets, tables, verdict_table, words
from backtests.report.tune import figures as tune_figures
from backtests.report.tune.tables import Mode
from backtests.runs.document import DocumentError
from backtests.runs.folder import RunError
from backtests.tuning import document
from backtests.tuning.document import TuneDocument
from backtests.tuning.read_document import parse

NAME = "report.html"
TRIALS = "trials.parquet"
# Columns of trials.parquet besides the settings. A short window has only those of `WHOLE`.
WHOLE = ("total_return", "max_drawdown", "days_held", "orders")
FIGURES = ("objective", "sharpe", "cagr", *WHOLE)
# Functions of `tables`.
TABLES = ("changed_settings", "in_sample_figures", "folds", "stress", "intervals", "space")
# Functions of `chance_words` with their headings.
CHANCE = {
    "luck": "Chance",
    "time_shift_test": "Time-shift test",
    "overfitting": "Probability of backtest overfitting",
    "superior_ability": "SPA test against the current settings",
    "deflated_sharpe": "Deflated Sharpe ratio",
}
TOP = 10  # parameter sets listed
TALL_ROWS = 6  # settings whose lines need a taller picture


class RecordedSearch(NamedTuple):
    """A search as its folder holds it.

    `trials` has one row for each parameter set, the current settings first; `calibration` is None
    where the search was not repeated in made-up worlds.
    """

    name: str
    result: TuneDocument
    trials: pd.DataFrame
    calibration: CalibrationSection | None = None


def write(folder: Path, name: str | None = None) -> Path:
    """Write the page of the search in `folder` into it.

    `name` is what to call it; None: the folder's own name.

    Raises
    ------
    RunError
        `folder` holds no search, a file of it is missing or damaged, or the page cannot be written.

    """
    return shell.save_page(folder / NAME, html(read_search(folder, name)))


def read_search(folder: Path, name: str | None = None) -> RecordedSearch:
    """Read the folder of a search.

    Raises
    ------
    RunError
        A file of it is missing, damaged or of a newer version.

    """
    result = read_document(folder)
    path = folder / TRIALS
    try:
        trials = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # of pyarrow's errors too
        raise _damaged(path, str(error).partition("\n")[0]) from None
    axes = result.search.space
    columns = [*(axis.key for axis in axes), *(WHOLE if result.is_short else FIGURES)]
    if missing := [column for column in columns if column not in trials]:
        raise _damaged(path, f"has no column {', '.join(missing)}")
    lists = [axis.key for axis in axes if any(isinstance(value, tuple) for value in axis.values)]
    trials = trials.assign(**{key: trials[key].astype(str).map(_parse_list) for key in lists})
    trials = trials.reset_index(drop=True)
    return RecordedSearch(
        name or folder.resolve().name, result, trials, calibration_section(folder)
    )


@cache
def _parse_list(text: str) -> object:
    """A list that the table holds as Python writes it."""
    try:
        return literal_eval(text) if text.startswith("[") else text
    except (SyntaxError, ValueError):
        return text


def read_document(folder: Path) -> TuneDocument:
    """The tune.json of a search.

    Raises
    ------
    RunError
        There is none, or it is damaged or of a newer version.

    """
    path = folder / document.NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise RunError(
            f"{folder}: is no folder of a search (no tune.json); `tune` makes one"
        ) from None
    try:
        return parse(content)
    except DocumentError as error:
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, reason: str) -> RunError:
    return RunError(
        f"{path}: a file of the search is missing or damaged ({reason}); run `tune` again"
    )


def html(search: RecordedSearch) -> str:
    """The page; everything it needs is inside."""
    result = search.result
    modes: tuple[Mode, ...] = get_args(Mode)
    return shell.html(
        "tune.html",
        tune_figures.pictures(result, search.trials),
        name=search.name,
        result=result,
        sample=result.sample,
        numbers_stand="in tune.json and trials.parquet",
        words=words,
        would_decide=chance_words.what_would_decide(result),
        calibrated=chance_words.calibration(result),
        tiles=tables.tiles(result),
        tests=verdict_table.tests(result),
        calibration=search.calibration,
        tables={name: getattr(tables, name)(result) for name in TABLES},
        modes=words.MODES,
        walks={
            mode: (
                tables.out_of_sample_table(result, mode),
                tables.steps(result, mode),
                tables.drift(result, mode),
            )
            for mode in modes
        },
        chance=[
            (name, title, getattr(chance_words, name)(result)) for name, title in CHANCE.items()
        ],
        heat_maps=result.robustness.heat_maps,
        best_sets=best_sets(search),
        tall=len(result.search.space) > TALL_ROWS,
    )


def best_sets(search: RecordedSearch) -> Table:
    """The best parameter sets that were tried; none of a short window, in which none is scored."""
    if search.result.is_short:
        return tables.best_sets([], search.result)
    best = parallel_sets.rank_trials(search.trials).head(TOP)
    rows = [
        {**row, "set": number}
        for number, row in zip(best.index, best.to_dict("records"), strict=True)
    ]
    return tables.best_sets(rows, search.result)
