"""What is implausible about values that somebody publishes: their spacing and their unit."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from brokers.prices.clean import DAY
from brokers.prices.series import DataIssue, Series


class Published(NamedTuple):
    """A series as it has been: bounds of its values and of their median, days between two."""

    low: float
    high: float
    lowest_median: float
    longest_step: float
    unit: str


# Beside each what it has been from its first day to 2026. Another unit is a factor of 1,000 (for
# the spread of 100); a series that is not listed has no bounds.
PUBLISHED = {
    "WALCL": Published(1e5, 1e8, 1e5, 10.0, "millions of USD"),  # 712,809 to 8,965,487
    "WTREGEN": Published(0.0, 1e8, 5e3, 10.0, "millions of USD"),  # to 1,816,687, median 100,783
    "RRPONTSYD": Published(0.0, 1e4, 0.0, 5.0, "billions of USD"),  # to 2,554
    "BAMLH0A0HYM2": Published(0.5, 100.0, 0.5, 5.0, "percent"),  # 2.41 to 21.82
}


def macro_issues(series: Series) -> Iterator[DataIssue]:
    """What is implausible about a series of at least two published values."""
    known = PUBLISHED.get(series.request.symbol)
    if known is None:
        return
    values = series.frame["value"].to_numpy(dtype=float)
    known_at = pd.DatetimeIndex(series.frame.index)
    name = series.request.name
    step = float(np.median(np.diff(known_at.as_unit("ns").asi8))) / DAY.as_unit("ns").value
    if step > known.longest_step:
        text = f"{series.origin}: values of {name} are {step:.0f} days apart; get all of them"
        yield DataIssue(name, "spacing", "refused", text, known_at[0], known_at[-1])
        return
    outside = np.flatnonzero((values < known.low) | (values > known.high))
    if len(outside):
        row = int(outside[0])
        text = (
            f"{series.origin}: {name} is {values[row]:.10g} on {known_at[row]:%Y-%m-%d} (the day "
            f"of publication); it is in {known.unit}, between {known.low:,.10g} and "
            f"{known.high:,.10g}: correct the unit of {len(outside):,} of {len(values):,} rows"
        )
        yield DataIssue(name, "level", "refused", text, known_at[row], known_at[outside[-1]])
    elif (median := float(np.median(values))) < known.lowest_median:
        text = (
            f"{series.origin}: the median of {name} is {median:,.10g}; it is in {known.unit} and "
            f"was never below {known.lowest_median:,.10g} for years: correct the unit"
        )
        yield DataIssue(name, "level", "refused", text, known_at[0], known_at[-1])
