"""Does one thing tell next week's return of another? Regressions on what was known when the week began."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.claim import Word
from backtests.evidence.events import LEVEL, NORMAL, SEEN, every_day
from backtests.evidence.together import FEWEST_WEEKS
from strategies.indicators import Floats
from strategies.market import latest

WEEK = pd.Timedelta(days=7)
STALE = pd.Timedelta(days=10)  # a value older than that is not known any more
TAILS = 0.05  # both of an interval together


class Slope(NamedTuple):
    """What `n` weeks say of one column, the others known: slope, 95 % interval, two-sided p.

    `power`: how often a one-sided test at 5 % would see that slope, were it the truth.
    """

    n: int
    estimate: float
    low: float
    high: float
    p: float
    power: float

    def times(self, factor: float) -> "Slope":
        """In another unit; `factor` above 0."""
        return self._replace(estimate=self.estimate * factor, low=self.low * factor, high=self.high * factor)


class Fit(NamedTuple):
    """A slope a column, and the p of all of them together being nothing."""

    slopes: tuple[Slope, ...]
    joint_p: float


def fitted(target: Floats, columns: Floats) -> Fit:
    """Least squares of `target` on weeks x columns and a constant.

    Errors allow for what is left of a week in the next ones (Newey and West 1987, with as many lags as their rule of 1994 gives).
    Student's distribution stands in for the normal one.
    """
    from statsmodels.regression.linear_model import OLS  # two seconds to load

    n, count = columns.shape
    lags = {"maxlags": int(4.0 * (n / 100.0) ** (2.0 / 9.0)), "use_correction": True}
    fit = OLS(target, np.column_stack((np.ones(n), columns))).fit(cov_type="HAC", cov_kwds=lags, use_t=True)
    between, power = fit.conf_int(TAILS), [NORMAL.cdf(abs(t) - NORMAL.inv_cdf(1.0 - LEVEL)) for t in fit.tvalues]
    numbers = zip(fit.params, *between.T, fit.pvalues, power, strict=True)
    slopes = tuple(Slope(n, *(float(number) for number in column)) for column in numbers)[1:]
    return Fit(slopes, float(fit.f_test(np.eye(count + 1)[1:]).pvalue))


def saturdays(closes: pd.Series) -> pd.DatetimeIndex:
    """Midnights at which a US week's closes are all known, from the series' first to its last."""
    days = pd.DatetimeIndex(every_day(closes).index)
    return days[days.day_of_week == 5]


def change(closes: pd.Series, at: pd.DatetimeIndex, weeks: int) -> Floats:
    """Log change over so many weeks to each instant, by what was known then; NaN where nothing was."""
    return np.log(latest(closes, at, STALE)) - np.log(latest(closes, at - weeks * WEEK, STALE))


def ahead(closes: pd.Series, at: pd.DatetimeIndex) -> Floats:
    """Log return of the week that begins at each instant; NaN where it is not over."""
    found = change(closes, at + WEEK, 1)
    found[at + WEEK > closes.index[-1]] = np.nan
    return found


def told_of(target: Floats, columns: Mapping[str, Floats]) -> dict[str, Slope] | None:
    """What each of the columns tells of `target`, all others known, by name; NaNs are left out. None: too few weeks, or one that never changes.

    Columns are put on a deviation of 1, so that slopes compare.
    """
    fit = fit_of(target, columns)
    return None if fit is None else dict(zip(columns, fit.slopes, strict=True))


def fit_of(target: Floats, columns: Mapping[str, Floats]) -> Fit | None:
    """As `told_of`, with the p of all together."""
    values = np.column_stack(list(columns.values()))
    known = np.isfinite(target) & np.isfinite(values).all(axis=1)
    values = values[known]
    if known.sum() < FEWEST_WEEKS or (spread := values.std(axis=0)).min() == 0.0:
        return None
    return fitted(target[known], values / spread)


def weighed(found: Slope, *, rises: bool = True) -> Word:
    """By the interval: all of it on the claim's side supports, all of it on the other contradicts."""
    sides = (found.low > 0.0, found.high < 0.0)
    holds, fails = sides if rises else sides[::-1]
    return "supported" if holds else "contradicted" if fails else "cannot be told"


def hidden(found: Slope, word: Word) -> str:
    """How rarely what was measured would have been seen, where nothing can be told for want of weeks."""
    missed = word == "cannot be told" and found.power < SEEN
    return f"; were that the truth, weeks as many would show it in {found.power:.0%}" if missed else ""
