"""Weekly returns, and figures of them with bootstrapped intervals.

Weeks end with Friday's close, because coins trade while exchanges are closed. Weeks are drawn in
blocks for every interval: volatility clusters, so weeks hold less information than their number.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.evidence.estimate import Estimate
from backtests.evidence.events import NORMAL, SEEN, SIDES, daily_closes
from backtests.statistics.stationary_bootstrap import draw_days, parts_of_draws
from strategies.indicators import Floats

BLOCK_WEEKS = 9.0  # the backtests' 60 days
FEWEST_WEEKS = 104
WEEKS_A_YEAR = 365.25 / 7
DRAWS = 2000
NOTHING_LEFT = 1e-12  # share of a variance that rounding leaves of it
# An older price, published value or row of the gate is treated as missing.
STALE = pd.Timedelta(days=10)


def weekly_returns(closes: dict[str, pd.Series]) -> pd.DataFrame:
    """Log returns of the weeks that all series have.

    A week ends at Saturday's midnight UTC, when Friday's closes are known.
    """
    daily = pd.DataFrame({name: daily_closes(series) for name, series in closes.items()}).dropna()
    saturdays = daily[pd.DatetimeIndex(daily.index).day_of_week == 5]
    logs = np.log(saturdays.to_numpy())
    return pd.DataFrame(logs, index=saturdays.index, columns=saturdays.columns).diff().dropna()


def bootstrap_estimate(
    weeks: Floats, figure: Callable[[Floats], Floats], seed: int, null: float = 0.0
) -> Estimate:
    """A figure of weeks x series, tested against `null`.

    `figure` gets draws x weeks x series and gives one number a draw.
    """
    rows = draw_days(len(weeks), DRAWS, seed, BLOCK_WEEKS)
    drawn = np.concatenate([figure(weeks[part]) for part in parts_of_draws(rows)])
    estimate, error = float(figure(weeks[None])[0]), float(np.nanstd(drawn))
    return students_estimate(len(weeks), estimate, error, null)


def students_estimate(n: int, estimate: float, error: float, null: float = 0.0) -> Estimate:
    """With Student's interval for as many independent blocks as the weeks hold.

    Quantiles of so few draws would make it too narrow.
    """
    blocks = n / BLOCK_WEEKS - 1.0
    quantile = students_quantile(SIDES[1], blocks)
    return Estimate(
        n=n,
        estimate=estimate,
        low=estimate - quantile * error,
        high=estimate + quantile * error,
        p=students_p((estimate - null) / error, blocks) if error > 0.0 else None,
        smallest=(quantile + NORMAL.inv_cdf(SEEN)) * error,
    )


def students_quantile(share: float, freedom: float) -> float:
    """The quantile of Student's distribution."""
    from scipy.stats import t  # as long to load as all the rest

    return float(t.ppf(share, freedom))


def students_p(ratio: float, freedom: float) -> float:
    """Two-sided p of an estimate's distance from its null, in standard errors."""
    from scipy.stats import t

    return float(2.0 * t.sf(abs(ratio), freedom))


def correlation(pairs: Floats) -> Floats:
    """Of the first with the last series, by draw; 0 where one does not move."""
    deviations = pairs - pairs.mean(axis=1, keepdims=True)
    first, last = deviations[..., 0], deviations[..., -1]
    spread = np.sqrt((first**2).sum(axis=1) * (last**2).sum(axis=1))
    return _divide((first * last).sum(axis=1), spread)


def beta(pairs: Floats) -> Floats:
    """Of the first on the last series, by draw; 0 where that does not move."""
    deviations = pairs - pairs.mean(axis=1, keepdims=True)
    first, last = deviations[..., 0], deviations[..., -1]
    return _divide((first * last).sum(axis=1), (last**2).sum(axis=1))


def partial_correlation(series: Floats) -> Floats:
    """Of the first with the last series, those between them held fixed, by draw.

    The correlation of what least squares on those leaves of both; 0 where nothing is left.
    """
    deviations = series - series.mean(axis=1, keepdims=True)
    ends, controls = deviations[..., [0, -1]], deviations[..., 1:-1]
    inverse = np.linalg.pinv(np.einsum("dwi,dwj->dij", controls, controls))
    slopes = inverse @ np.einsum("dwi,dwj->dij", controls, ends)
    left = ends - controls @ slopes
    squares = (left**2).sum(axis=1)
    squares[squares <= NOTHING_LEFT * (ends**2).sum(axis=1)] = 0.0
    return _divide(left.prod(axis=2).sum(axis=1), np.sqrt(squares.prod(axis=1)))


def beta_by_sign(pairs: Floats) -> Floats:
    """Beta in the weeks in which the last series rises less that in those in which it falls."""
    last = pairs[..., -1]
    return _beta_within(pairs, last > 0.0) - _beta_within(pairs, last < 0.0)


def _beta_within(pairs: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Of the first on the last series over the chosen weeks, by draw; 0 where that is still."""
    weights = chosen[..., None].astype(np.float64)
    counts = np.maximum(weights.sum(axis=1, keepdims=True), 1.0)
    deviations = (pairs - (pairs * weights).sum(axis=1, keepdims=True) / counts) * weights
    first, last = deviations[..., 0], deviations[..., -1]
    return _divide((first * last).sum(axis=1), (last**2).sum(axis=1))


def _divide(values: Floats, spread: Floats) -> Floats:
    return np.divide(values, spread, out=np.zeros_like(values), where=spread > 0.0)
