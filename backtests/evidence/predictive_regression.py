"""Regressions of next week's return on what was known when the week began."""

from collections.abc import Mapping
from math import ceil, sqrt
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.claim import Statement, estimated_claim
from backtests.evidence.document import Claim, Verdict
from backtests.evidence.estimate import Estimate
from backtests.evidence.events import NORMAL, SEEN, Side, daily_closes, share_as_high
from backtests.evidence.weekly_returns import BLOCK_WEEKS, FEWEST_WEEKS, STALE
from backtests.statistics.stationary_bootstrap import draw_days, parts_of_draws
from strategies.indicators import Floats
from strategies.market import latest

WEEK = pd.Timedelta(days=7)
DRAWS = 5000  # the smallest p: a fiftieth of it must be small after the correction for all tests
COLLINEAR = 1e-6  # standard deviations by which a column must differ from all others combined
TAIL = 0.025  # on each side of an interval


class Fit(NamedTuple):
    """One slope for each column, and the p of all slopes being zero together."""

    slopes: tuple[Estimate, ...]
    joint_p: float


def fit_regression(target: Floats, columns: Floats, seed: int) -> Fit:
    """Least squares of `target` on weeks x columns and a constant; the larger of two errors counts.

    The first is that of Newey and West (1987), which allows for autocorrelation. The columns
    change slowly, so lags are many (1.3 times the root of the weeks) and errors are widened by
    what that costs (Lazarus, Lewis, Stock and Watson 2018; `fixed_b_ratio`). It is too small where
    a few weeks of a column stand out, as those of 2020 do. The second is that of the slopes of
    residuals drawn in blocks.
    """
    from scipy.stats import f as fishers
    from statsmodels.regression.linear_model import OLS  # two seconds to load

    n, count = columns.shape
    lags = ceil(1.3 * sqrt(n))
    design = np.column_stack((np.ones(n), columns))
    fit = OLS(target, design).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}
    )
    ratio = fixed_b_ratio(lags / n)
    errors, estimates = np.asarray(fit.bse[1:]) * ratio, np.asarray(fit.params[1:])
    residuals, solve = np.asarray(fit.resid), np.linalg.pinv(design)[1:].T
    rows = draw_days(n, DRAWS, seed, BLOCK_WEEKS)
    drawn = np.concatenate([residuals[part] @ solve for part in parts_of_draws(rows)])
    slopes = tuple(
        _slope(n, float(estimates[k]), float(errors[k]), drawn[:, k]) for k in range(count)
    )
    wald = float(fit.f_test(np.eye(count + 1)[1:]).fvalue) / ratio**2
    return Fit(
        slopes,
        max(float(fishers.sf(wald, count, n - count - 1)), _joint_share(estimates, drawn)),
    )


def _joint_share(estimates: Floats, drawn: Floats) -> float:
    """Share of draws whose slopes together lie as far from zero as the estimates."""
    count = len(estimates)
    inverse = np.linalg.pinv(np.cov(drawn.T).reshape(count, count))
    distances = np.einsum("di,ij,dj->d", drawn, inverse, drawn)
    return share_as_high(distances, float(estimates @ inverse @ estimates))


def fixed_b_ratio(share: float) -> float:
    """The 97.5 % point of a slope over its error, over that of the normal distribution.

    `share`: lags over weeks. Kiefer and Vogelsang 2005, table 1, Bartlett's kernel.
    """
    return (1.96 + 2.9694 * share + 0.4160 * share**2 - 0.5324 * share**3) / 1.96


def _slope(n: int, estimate: float, error: float, drawn: Floats) -> Estimate:
    reach = NORMAL.inv_cdf(1.0 - TAIL) * error
    low, high = estimate - np.quantile(drawn, (1.0 - TAIL, TAIL))
    larger_error = max(error, float(drawn.std()))
    normal_p = 2.0 * NORMAL.cdf(-abs(estimate) / error)
    return Estimate(
        n=n,
        estimate=estimate,
        low=min(estimate - reach, float(low)),
        high=max(estimate + reach, float(high)),
        p=max(normal_p, share_as_high(np.abs(drawn), abs(estimate))),
        smallest=(NORMAL.inv_cdf(1.0 - TAIL) + NORMAL.inv_cdf(SEEN)) * larger_error,
    )


def saturdays(closes: pd.Series) -> pd.DatetimeIndex:
    """Midnights at which a US week's closes are all known, from the first to the last."""
    days = pd.DatetimeIndex(daily_closes(closes).index)
    return days[days.day_of_week == 5]


def log_change(closes: pd.Series, at: pd.DatetimeIndex, weeks: int) -> Floats:
    """Log change over so many weeks to each instant, by what was known then; else NaN."""
    return np.log(latest(closes, at, STALE)) - np.log(latest(closes, at - weeks * WEEK, STALE))


def next_week_return(closes: pd.Series, at: pd.DatetimeIndex) -> Floats:
    """Log return of the week that begins at each instant; NaN where it is not over."""
    returns = log_change(closes, at + WEEK, 1)
    returns[at + WEEK > closes.index[-1]] = np.nan
    return returns


def estimate_slopes(
    target: Floats, columns: Mapping[str, Floats], seed: int
) -> dict[str, Estimate] | None:
    """The slope of `target` on each column, controlling for the others, by name.

    Columns are scaled to a standard deviation of 1, so that slopes compare. Weeks with a NaN are
    left out. None: too few weeks, or a column is a combination of the others.
    """
    fit = fit_columns(target, columns, seed)
    return None if fit is None else dict(zip(columns, fit.slopes, strict=True))


def fit_columns(target: Floats, columns: Mapping[str, Floats], seed: int) -> Fit | None:
    """As `estimate_slopes`, with the p of all together."""
    values = np.column_stack(list(columns.values()))
    known = np.isfinite(target) & np.isfinite(values).all(axis=1)
    values = values[known]
    if known.sum() < FEWEST_WEEKS or np.ptp(values, axis=0).min() == 0.0:
        return None
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    rank = np.linalg.matrix_rank(scaled, tol=COLLINEAR * sqrt(len(scaled)))
    return fit_regression(target[known], scaled, seed) if rank == scaled.shape[1] else None


def slope_claim(
    statement: Statement,
    slope: Estimate,
    *,
    data: str,
    verdict: Verdict,
    effect: str,
    predictors: str,
    note: str = "",
    side: Side = "both",
) -> Claim:
    """The claim that a slope, an annualised log return, decides.

    `effect`: the first half of a sentence that ends "12% higher"; `predictors`: the right-hand
    side of the regression; `note`: further sentences; `side` as in `estimated_claim`.
    """
    why = f"{effect} {slope.percent}.{note}"
    return estimated_claim(
        statement,
        slope,
        test=f"regression of next week's return on {predictors}; the larger of the Newey-West and"
        " the block bootstrap error",
        data=data,
        unit="log a year",
        verdict=verdict,
        why=why,
        side=side,
    )
