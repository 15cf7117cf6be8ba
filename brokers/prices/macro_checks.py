"""What is implausible about values that somebody publishes: spacing, weekday, unit and jumps."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brokers.plurals import count
from brokers.prices.bar_checks import acceptance_advice
from brokers.prices.calendar import NEW_YORK
from brokers.prices.clean import DAY
from brokers.prices.jumps import REMAINING
from brokers.prices.series import DataIssue, Series

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

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


class _Values(NamedTuple):
    """One series as the checks see it; `doubted`: the rows whose day nobody has accepted."""

    series: Series
    known: Published
    known_at: pd.DatetimeIndex
    values: Floats
    doubted: Bools

    @property
    def name(self) -> str:
        return self.series.request.name

    def day(self, row: int) -> str:
        """In messages, the day on which a value was known; a person accepts it by this day."""
        return f"{self.known_at[row]:%Y-%m-%d} (the day of publication)"

    def advice(self, rows: Ints, otherwise: str) -> str:
        """What to do about some rows: one alone may be true."""
        if len(rows) > 1:
            return otherwise
        return acceptance_advice(self.series.request, self.known_at[rows[0]].date())

    def rows_issue(
        self, kind: Literal["spacing", "level"], rows: Ints, text: str, otherwise: str
    ) -> DataIssue:
        """A refusal for some rows, with what to do about them, `otherwise` if they are several."""
        return self.issue(kind, f"{text}: {self.advice(rows, otherwise)}", rows[0], rows[-1])

    def issue(
        self, kind: Literal["spacing", "jump", "level"], text: str, first: int, last: int
    ) -> DataIssue:
        """A refusal of the rows `first` to `last`."""
        text = f"{self.series.origin}: {text}"
        return DataIssue(
            self.name, kind, "refused", text, self.known_at[first], self.known_at[last]
        )


def macro_issues(series: Series, accepted: frozenset[date]) -> Iterator[DataIssue]:
    """What is implausible about a series of at least two published values; the first of it.

    `accepted` are the days (UTC) on which a value was known that is odd and true.
    """
    known = PUBLISHED.get(series.request.symbol)
    if known is not None:
        known_at = pd.DatetimeIndex(series.frame.index)
        days = [pd.Timestamp(day, tz="UTC") for day in accepted]
        doubted = ~np.asarray(known_at.normalize().isin(days))
        floats = series.frame["value"].to_numpy(dtype=float)
        values = _Values(series, known, known_at, floats, doubted)
        issues = (issue for check in _CHECKS for issue in check(values))
        if issue := next(issues, None):
            yield issue


def _check_steps(values: _Values) -> Iterator[DataIssue]:
    steps = np.diff(values.known_at.as_unit("ns").asi8) / DAY.as_unit("ns").value
    step, everything = float(np.median(steps)), len(steps)
    if step > values.known.longest_step:
        text = f"values of {values.name} are {step:.0f} days apart; get all of them"
        yield values.issue("spacing", text, 0, everything)
        return
    short = steps < values.known.shortest_step
    rows = np.flatnonzero(short & values.doubted[1:] & values.doubted[:-1])
    if len(rows):
        row = int(rows[0])
        advice = values.advice(rows, "were rows filled? Use the values of FRED alone")
        text = (
            f"values of {values.name} from {values.day(row)} are "
            f"{count(round(float(steps[row])), 'day')} apart; it is published once a week: {advice}"
        )
        yield values.issue("spacing", text, row, row + 1)


def _check_weekday(values: _Values) -> Iterator[DataIssue]:
    """Dates of another weekday: a value would be known before it was published."""
    if not values.known.wednesdays:
        return
    days = values.known_at.tz_convert(NEW_YORK).day_of_week
    fridays = np.convolve(days == FRIDAY, np.ones(MOST_FRIDAYS), "full")[: len(days)]
    wrong = ((days != THURSDAY) & (days != FRIDAY)) | (fridays == MOST_FRIDAYS)
    rows = np.flatnonzero(wrong & values.doubted)
    if len(rows):
        text = (
            f"{values.name} has dates that are not Wednesdays ({len(rows):,} of "
            f"{len(days):,} rows, the first is known on {values.day(rows[0])}); it is "
            "observed on Wednesdays"
        )
        yield values.rows_issue("spacing", rows, text, "correct the dates")


def _check_level(values: _Values) -> Iterator[DataIssue]:
    floats, known = values.values, values.known
    outside = (floats < known.low) | (floats > known.high)
    rows = np.flatnonzero(outside & values.doubted)
    if len(rows):
        text = (
            f"{values.name} is {floats[rows[0]]:.10g} on {values.day(rows[0])}; it is in "
            f"{known.unit}, between {known.low:,.10g} and {known.high:,.10g}, and not so in "
            f"{len(rows):,} of {len(floats):,} rows"
        )
        yield values.rows_issue("level", rows, text, "correct the unit")
    elif (median := float(np.median(floats))) < known.lowest_median:
        text = (
            f"the median of {values.name} is {median:,.10g}; it is in {known.unit} and "
            f"was never below {known.lowest_median:,.10g} for years: correct the unit"
        )
        yield values.issue("level", text, 0, len(floats) - 1)


def _check_jumps(values: _Values) -> Iterator[DataIssue]:
    """A value that departs from both neighbours, which are near each other."""
    floats, known = values.values, values.known
    if not np.isfinite(known.jump) or len(floats) < 3 or floats.min() <= 0.0:
        return
    moves = np.diff(np.log(floats))
    out, back = moves[:-1], moves[1:]
    size = np.minimum(np.abs(out), np.abs(back))
    bent = (size > known.jump) & (np.abs(out + back) <= REMAINING * size) & values.doubted[1:-1]
    if bent.any():
        row = int(np.argmax(bent)) + 1
        advice = acceptance_advice(values.series.request, values.known_at[row].date())
        text = (
            f"{values.name} is {floats[row]:.10g} on {values.day(row)}, between "
            f"{floats[row - 1]:.10g} and {floats[row + 1]:.10g}: a jump that comes back; {advice}"
        )
        yield values.issue("jump", text, row, row)


_CHECKS: tuple[Callable[[_Values], Iterator[DataIssue]], ...] = (
    _check_steps,
    _check_weekday,
    _check_level,
    _check_jumps,
)
