"""Does one thing tell next week's return of another? Regressions on what was known when the week began."""

from collections.abc import Mapping
from math import ceil, sqrt
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.claim import Claim, Word
from backtests.evidence.comovement import BLOCK_WEEKS, FEWEST_WEEKS, STALE
from backtests.evidence.events import LEVEL, NORMAL, SEEN, every_day, share_as_high
from backtests.statistics.stationary_bootstrap import drawn_days
from strategies.indicators import Floats
from strategies.market import latest

WEEK = pd.Timedelta(days=7)
DRAWS = 1000
ALIKE = 1e-6  # deviations by which columns must differ from what the others say
TAIL = 0.025  # on each side of an interval


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

    @property
    def told(self) -> str:
        """Slope and interval in words, where they are in logs a year."""
        return f"{self.estimate:+.2f} a year in logs ({self.low:+.2f} to {self.high:+.2f})"

    def times(self, factor: float) -> "Slope":
        """In another unit; `factor` above 0."""
        return self._replace(
            estimate=float(self.estimate * factor),
            low=float(self.low * factor),
            high=float(self.high * factor),
        )


class Fit(NamedTuple):
    """A slope a column, and the p of all of them together being nothing."""

    slopes: tuple[Slope, ...]
    joint_p: float


def fitted(target: Floats, columns: Floats, seed: int) -> Fit:
    """Least squares of `target` on weeks x columns and a constant; of two errors the larger one counts.

    One allows for what is left of a week in the next ones (Newey and West 1987). What is looked at changes slowly, so lags are many (1.3 times
    the root of the weeks) and errors widened by what that costs (Lazarus, Lewis, Stock and Watson 2018; `widened`). It is too small where a few
    weeks of a column stand out, as those of 2020 do. The other is what slopes come to when what the columns do not tell of is drawn in blocks.
    """
    from scipy.stats import f as fishers
    from statsmodels.regression.linear_model import OLS  # two seconds to load

    n, count = columns.shape
    lags = ceil(1.3 * sqrt(n))
    design = np.column_stack((np.ones(n), columns))
    fit = OLS(target, design).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}
    )
    errors, estimates = np.asarray(fit.bse[1:]) * widened(lags / n), np.asarray(fit.params[1:])
    drawn = (
        np.asarray(fit.resid)[drawn_days(n, DRAWS, seed, BLOCK_WEEKS)]
        @ np.linalg.pinv(design)[1:].T
    )
    slopes = tuple(
        _slope(n, float(estimates[k]), float(errors[k]), drawn[:, k]) for k in range(count)
    )
    wald = float(fit.f_test(np.eye(count + 1)[1:]).fvalue) / widened(lags / n) ** 2
    inverse = np.linalg.pinv(np.cov(drawn.T).reshape(count, count))
    far, own = (
        np.einsum("di,ij,dj->d", drawn, inverse, drawn),
        float(estimates @ inverse @ estimates),
    )
    return Fit(slopes, max(float(fishers.sf(wald, count, n - count - 1)), share_as_high(far, own)))


def widened(share: float) -> float:
    """Times by which the 97.5 % point of a slope over its error lies above the normal one, where lags are such a share of all weeks.

    Kiefer and Vogelsang 2005, table 1, Bartlett's kernel.
    """
    return (1.96 + 2.9694 * share + 0.4160 * share**2 - 0.5324 * share**3) / 1.96


def _slope(n: int, estimate: float, error: float, drawn: Floats) -> Slope:
    reach = NORMAL.inv_cdf(1.0 - TAIL) * error
    low, high = estimate - np.quantile(drawn, (1.0 - TAIL, TAIL))
    seen = abs(estimate) / max(error, float(drawn.std()))
    p, power = (
        max(2.0 * NORMAL.cdf(-abs(estimate) / error), share_as_high(np.abs(drawn), abs(estimate))),
        NORMAL.cdf(seen - NORMAL.inv_cdf(1.0 - LEVEL)),
    )
    return Slope(
        n, estimate, min(estimate - reach, float(low)), max(estimate + reach, float(high)), p, power
    )


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


def told_of(target: Floats, columns: Mapping[str, Floats], seed: int) -> dict[str, Slope] | None:
    """What each of the columns tells of `target`, all others known, by name; NaNs are left out. None: too few weeks, or one says nothing new.

    Columns are put on a deviation of 1, so that slopes compare.
    """
    fit = fit_of(target, columns, seed)
    return None if fit is None else dict(zip(columns, fit.slopes, strict=True))


def fit_of(target: Floats, columns: Mapping[str, Floats], seed: int) -> Fit | None:
    """As `told_of`, with the p of all together."""
    values = np.column_stack(list(columns.values()))
    known = np.isfinite(target) & np.isfinite(values).all(axis=1)
    values = values[known]
    if known.sum() < FEWEST_WEEKS or np.ptp(values, axis=0).min() == 0.0:
        return None
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    return (
        fitted(target[known], scaled, seed)
        if np.linalg.matrix_rank(scaled, tol=ALIKE * sqrt(len(scaled))) == scaled.shape[1]
        else None
    )


def weighed(found: Slope, *, rises: bool = True) -> Word:
    """By interval and power: all of it on the claim's side supports, all of it on the other contradicts.

    Where so many are tried, one that just about clears zero shows nothing: weeks as many must be likely to show what was measured.
    """
    seen = found.power >= SEEN
    sides = (seen and found.low > 0.0, seen and found.high < 0.0)
    holds, fails = sides if rises else sides[::-1]
    return "supported" if holds else "contradicted" if fails else "cannot be told"


def row(
    id_: str, said: str, reading: str, data: str, found: Slope, word: Word, why: str, known: str
) -> Claim:
    """The claim that a slope, in logs a year, decides; `known`: what the return was held against."""
    test = f"next week's return on {known}; the larger error of Newey and West's and of weeks drawn in blocks"
    return Claim(
        id_,
        said,
        reading,
        test,
        data,
        found.n,
        found.estimate,
        found.low,
        found.high,
        "log a year",
        found.p,
        found.power,
        word,
        why,
    )


def hidden(found: Slope, word: Word) -> str:
    """How rarely what was measured would have been seen, where nothing can be told for want of weeks."""
    missed = word == "cannot be told" and found.power < SEEN
    return (
        f"; were that the truth, weeks as many would show it in {found.power:.0%}" if missed else ""
    )
