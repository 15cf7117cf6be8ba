"""Rolling statistics with one arithmetic for all.

Every window is summed by itself, newest value first, as deviations from the newest value. So a
result depends on the window alone: the same whatever history lies before it, exact on flat series
(``value > mean`` is false there), and unchanged in sign when the series is rescaled.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Numbers = Sequence[float] | Floats  # for functions that plain Python and numba both run
Counts = Sequence[int] | Ints
ROUNDING = 1e-12  # far above the error of a rolling mean of doubles, far below a tick of any price


def rolling_mean(values: Floats, window: int) -> Floats:
    """Mean of the last `window` values including the current one.

    NaN while fewer are known or one of them is NaN.
    """
    return values + _deviation(values, window)


def excess(values: Floats, window: int) -> Floats:
    """`values` over their own rolling mean, minus one: above zero means above the average.

    NaN where that is unknown. Exactly zero where the two differ by rounding alone (`ROUNDING`), so
    that rescaling a series moves no tie.
    """
    mean_deviation = _deviation(values, window)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = -mean_deviation / (values + mean_deviation)
    return np.where(np.abs(distance) < ROUNDING, 0.0, distance)


def annualised_volatility(closes: Floats, window: int, periods: int = 365) -> Floats:
    """Sample standard deviation of `window` log returns, times sqrt(`periods`).

    A fraction a year; NaN while unknown.
    """
    returns = np.full_like(closes, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        returns[1:] = np.log(closes[1:] / closes[:-1])
    mean_deviation = _deviation(returns, window)
    squares = mean_deviation**2
    for lag in range(1, window):
        squares[lag:] += (returns[:-lag] - returns[lag:] - mean_deviation[lag:]) ** 2
    return np.sqrt(squares / (window - 1) * periods)


def rolling_max(values: Floats, window: int) -> Floats:
    """Largest of the last `window` values, current included.

    Windows are shorter at the start, NaN is ignored.
    """
    best = values.copy()
    for lag in range(1, min(window, len(values))):
        best[lag:] = np.fmax(best[lag:], values[:-lag])
    return best


def _deviation(values: Floats, window: int) -> Floats:
    """Mean of (past value - current value) over the window."""
    total = np.zeros_like(values)
    for lag in range(1, window):
        total[lag:] += values[:-lag] - values[lag:]
    total[: window - 1] = np.nan
    total[np.isnan(values)] = np.nan
    return total / window
