"""The tables of a search: trials.parquet, and block_sums.npz to compute its PBO again."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.performance.short_windows import ANNUALISED, is_short
from backtests.tuning.search.paths import distinct_paths
from backtests.tuning.search.study import Study
from backtests.tuning.validation.findings import NAMES, Findings
from brokers.atomic_files import replace_file

BLOCK_SUMS = "block_sums.npz"


def write_trials(study: Study, path: Path) -> None:
    """Write one row for each parameter set: its values, its path, then its figures.

    Sets with the same number of a `path` did the same on every day. A window that is too short for
    yearly figures (`performance.short_windows`) has none of them, and no objective.
    """
    frame = pd.DataFrame(index=range(len(study.codes)))
    for column, (axis, current) in enumerate(
        zip(study.space.axes, study.space.current, strict=True)
    ):
        # The current value is last: the code of a setting that keeps it is -1.
        values = pd.Series([_cell(value) for value in (*axis.values, current)])
        frame[axis.key] = values.to_numpy()[study.codes[:, column]]
    frame["path"] = distinct_paths(study.segments).of
    frame["objective"] = study.objective
    for name in NAMES:
        frame[name] = getattr(study.figures, name)
    if is_short(int(study.partition.edges[-1])):
        frame = frame.drop(columns=["objective", *ANNUALISED], errors="ignore")
    frame.to_parquet(path, index=False)


def write_block_sums(findings: Findings, path: Path) -> None:
    """Write what CSCV reads, for whoever wants to compute the PBO again.

    Arrays by path: `row` of trials.parquet of its first parameter set, `copies` (how many sets took
    it); by block: `days`; paths x blocks: `total` and `squares` (sums of daily returns and of their
    squares), `exposed` (days on which coins were held), `excess` (sums of daily returns above
    exposure-matched holding).
    """
    sums = findings.survey.sums
    arrays: dict[str, Any] = {"row": findings.survey.rows} | sums._asdict()
    arrays["exposed"] = sums.exposed.astype(np.int32)

    def save(file: str) -> None:
        with Path(file).open("wb") as opened:
            np.savez_compressed(opened, **arrays)

    replace_file(path, save, private=False)


def _cell(value: Any) -> Any:
    """Lists, such as ceilings, as text: a column has one type."""
    return repr(list(value)) if isinstance(value, tuple) else value
