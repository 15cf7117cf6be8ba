"""trials.parquet: every parameter set of a search with its figures."""

from pathlib import Path
from typing import Any

import pandas as pd

from backtests.tuning.search.study import Study
from backtests.tuning.validation.findings import NAMES


def write_trials(study: Study, path: Path) -> None:
    """Write one row for each parameter set: its values, then its figures."""
    frame = pd.DataFrame(index=range(len(study.codes)))
    for column, (axis, current) in enumerate(
        zip(study.space.axes, study.space.current, strict=True)
    ):
        # The current value is last: the code of a setting that keeps it is -1.
        values = pd.Series([_cell(value) for value in (*axis.values, current)])
        frame[axis.key] = values.to_numpy()[study.codes[:, column]]
    frame["objective"] = study.objective
    for name in NAMES:
        frame[name] = getattr(study.figures, name)
    frame.to_parquet(path, index=False)


def _cell(value: Any) -> Any:
    """Lists, such as ceilings, as text: a column has one type."""
    return repr(list(value)) if isinstance(value, tuple) else value
