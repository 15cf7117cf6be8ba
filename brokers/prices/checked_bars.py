"""One series as the checks see it: its columns, the steps between its rows, what is accepted."""

from collections.abc import Mapping
from datetime import date
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brokers.prices.calendar import NEW_YORK
from brokers.prices.clean import bar_length
from brokers.prices.series import DataIssue, Request, Series

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class CheckedBars(NamedTuple):
    """One series as the checks see it.

    `columns` are those of `BAR_COLUMNS` by name; `steps`: bars from each row to the next (1: no
    gap).
    """

    series: Series
    known_at: pd.DatetimeIndex
    columns: Mapping[str, Floats]
    steps: Ints
    accepted: frozenset[date]

    @property
    def closes(self) -> Floats:
        """The close of each row."""
        return self.columns["close"]

    @property
    def request(self) -> Request:
        """Whose prices they are."""
        return self.series.request

    def day(self, row: int) -> date:
        """The session, or the UTC day, of a row."""
        return bar_date(self.known_at[row], self.request)

    def issue(
        self,
        kind: Literal["spacing", "jump", "level", "gap", "frozen"],
        severity: Literal["refused", "high", "note"],
        text: str,
        rows: tuple[int, int],
    ) -> DataIssue:
        """An issue from one row to another, both included."""
        name, text = self.request.name, f"{self.series.origin}: {text}"
        return DataIssue(name, kind, severity, text, self.known_at[rows[0]], self.known_at[rows[1]])


def checked_bars(series: Series, sessions: pd.Series, accepted: frozenset[date]) -> CheckedBars:
    """A series of at least two bars; arguments as `bar_issues`."""
    known_at = pd.DatetimeIndex(series.frame.index)
    instants = known_at.as_unit("ns").asi8
    if series.request.kind == "session":
        due = pd.DatetimeIndex(sessions.index).as_unit("ns").asi8
        steps = np.diff(due.searchsorted(instants))
    else:
        length = bar_length(series.request.timeframe).as_unit("ns").value
        steps = np.diff(instants) // length
    values = np.ascontiguousarray(series.frame.to_numpy(dtype=float).T)
    columns = dict(zip(series.frame.columns, values, strict=True))
    return CheckedBars(series, known_at, columns, steps, accepted)


def bar_date(known_at: pd.Timestamp, request: Request) -> date:
    """The New York session, or the UTC day in which the bar began, of a bar known at `known_at`."""
    if request.kind == "session":
        return known_at.tz_convert(NEW_YORK).date()
    return (known_at - bar_length(request.timeframe)).date()
