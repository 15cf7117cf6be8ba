"""What is implausible about values that somebody publishes: spacing, weekday, unit and jumps."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brokers.plurals import count
from brokers.prices.calendar import NEW_YORK
from brokers.prices.clean import DAY
from brokers.prices.jumps import REMAINING
from brokers.prices.series import DataIssue, Series

Floats = NDArray[np.float64]

THURSDAY, FRIDAY = 3, 4
# Values in a row that a holiday delays to Friday: true files 2 (Christmas and New Year).
MOST_FRIDAYS = 3


class Published(NamedTuple):
    """A series as it has been: bounds of its values and of their median, days between two.

    `longest_step` bounds the median of days, `shortest_step` each. `jump`: the log return by which
    no value departs and comes back at the next. `wednesdays`: it is observed on Wednesdays, so it
    is known on Thursday, after a holiday on Friday.
    """

    low: float
    high: float
    lowest_median: float
    longest_step: float
    unit: str
    shortest_step: float = 0.0
    jump: float = np.inf
    wednesdays: bool = False


# Beside each what it has been from its first day to 2026. Another unit is a factor of 1,000 (for
# the spread of 100); a series that is not listed has no bounds.
PUBLISHED = {
    # 712,809 to 8,965,487; steps of 6 to 8 days; out and back by 0.03 (2004-01-22)
    "WALCL": Published(
        1e5, 1e8, 1e5, 10.0, "millions of USD", shortest_step=5.0, jump=0.2, wednesdays=True
    ),
    # to 1,816,687, median 100,783; steps of 6 to 8 days; out and back by 0.81 (2013-05-30)
    "WTREGEN": Published(
        0.0, 1e8, 5e3, 10.0, "millions of USD", shortest_step=5.0, jump=1.2, wednesdays=True
    ),
    "RRPONTSYD": Published(0.0, 1e4, 0.0, 5.0, "billions of USD"),  # to 2,554
    # 2.41 to 21.82; out and back by 0.055 (2024-08-06)
    "BAMLH0A0HYM2": Published(0.5, 100.0, 0.5, 5.0, "percent", jump=0.35),
}


def macro_issues(series: Series) -> Iterator[DataIssue]:
    """What is implausible about a series of at least two published values; the first of it."""
    known = PUBLISHED.get(series.request.symbol)
    if known is not None:
        checks = (_check_steps, _check_weekday, _check_level, _check_jumps)
        issues = (issue for check in checks for issue in check(series, known))
        if issue := next(issues, None):
            yield issue


def _check_steps(series: Series, known: Published) -> Iterator[DataIssue]:
    known_at, name = pd.DatetimeIndex(series.frame.index), series.request.name
    steps = np.diff(known_at.as_unit("ns").asi8) / DAY.as_unit("ns").value
    step = float(np.median(steps))
    if step > known.longest_step:
        text = f"{series.origin}: values of {name} are {step:.0f} days apart; get all of them"
        yield DataIssue(name, "spacing", "refused", text, known_at[0], known_at[-1])
    elif steps.min() < known.shortest_step:
        row = int(steps.argmin())
        text = (
            f"{series.origin}: values of {name} from {known_at[row]:%Y-%m-%d} (the day of "
            f"publication) are {count(round(float(steps[row])), 'day')} apart; it is published "
            "once a week: were rows filled? Use the values of FRED alone"
        )
        yield DataIssue(name, "spacing", "refused", text, known_at[row], known_at[row + 1])


def _check_weekday(series: Series, known: Published) -> Iterator[DataIssue]:
    """Dates of another weekday: a value would be known before it was published."""
    if not known.wednesdays:
        return
    known_at, name = pd.DatetimeIndex(series.frame.index), series.request.name
    days = known_at.tz_convert(NEW_YORK).day_of_week
    fridays = np.convolve(days == FRIDAY, np.ones(MOST_FRIDAYS), "full")[: len(days)]
    wrong = ((days != THURSDAY) & (days != FRIDAY)) | (fridays == MOST_FRIDAYS)
    if wrong.any():
        rows = np.flatnonzero(wrong)
        text = (
            f"{series.origin}: {name} has dates that are not Wednesdays ({len(rows):,} of "
            f"{len(days):,} rows, the first is known on {known_at[rows[0]]:%Y-%m-%d}); it is "
            "observed on Wednesdays: correct the dates"
        )
        yield DataIssue(name, "spacing", "refused", text, known_at[rows[0]], known_at[rows[-1]])


def _check_level(series: Series, known: Published) -> Iterator[DataIssue]:
    values = series.frame["value"].to_numpy(dtype=float)
    known_at, name = pd.DatetimeIndex(series.frame.index), series.request.name
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


def _check_jumps(series: Series, known: Published) -> Iterator[DataIssue]:
    """A value that departs from both neighbours, which are near each other."""
    values = series.frame["value"].to_numpy(dtype=float)
    if not np.isfinite(known.jump) or len(values) < 3 or values.min() <= 0.0:
        return
    moves = np.diff(np.log(values))
    out, back = moves[:-1], moves[1:]
    size = np.minimum(np.abs(out), np.abs(back))
    bent = (size > known.jump) & (np.abs(out + back) <= REMAINING * size)
    if bent.any():
        row = int(np.argmax(bent)) + 1
        known_at, name = pd.DatetimeIndex(series.frame.index), series.request.name
        text = (
            f"{series.origin}: {name} is {values[row]:.10g} on {known_at[row]:%Y-%m-%d} (the day "
            f"of publication), between {values[row - 1]:.10g} and {values[row + 1]:.10g}: a jump "
            "that comes back; correct the file"
        )
        yield DataIssue(name, "jump", "refused", text, known_at[row], known_at[row])
