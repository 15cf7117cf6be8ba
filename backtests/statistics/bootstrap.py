"""Intervals for the figures of equity curves by the stationary bootstrap."""

from typing import NamedTuple

import numpy as np

from backtests.engine.compiled import compiled, inlined
from backtests.performance import short_windows
from backtests.performance.metrics import DAYS, FLAT, sharpe
from strategies.indicators import Floats

BLOCK_DAYS = short_windows.BLOCK_DAYS
DRAWS = 1000
LEVEL = 0.95
FIGURES = ("sharpe", "cagr", "max_drawdown")


class Interval(NamedTuple):
    """A figure and its equal-tailed bootstrap interval."""

    estimate: float
    low: float
    high: float


class Draws(NamedTuple):
    """Figures of resampled curves, draw x curve; without variation the Sharpe ratio is 0."""

    sharpe: Floats
    cagr: Floats
    max_drawdown: Floats


def resample(daily_returns: Floats, seed: int) -> Draws:
    """`DRAWS` resamples of curves (days x curves of simple returns), the same days for all curves
    of a draw.

    Days are drawn in blocks of geometric length, in a circle (Politis and Romano 1994).
    """
    return Draws(
        *_draws(
            np.ascontiguousarray(daily_returns),
            daily_returns.mean(axis=0),
            1.0 / BLOCK_DAYS,
            DRAWS,
            seed,
        )
    )


def interval(drawn: Floats) -> tuple[float, float]:
    """The equal-tailed interval that holds `LEVEL` of the draws."""
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def sharpe_difference(daily_returns: Floats, first: int, second: int, draws: Draws) -> Interval:
    """Sharpe ratio of one curve minus another's, with the interval of the paired difference.

    `draws` are those of `resample` on these returns.
    """
    ratios = [sharpe(daily_returns[:, curve]) or 0.0 for curve in (first, second)]
    return Interval(
        ratios[0] - ratios[1], *interval(draws.sharpe[:, first] - draws.sharpe[:, second])
    )


@inlined
def next_day(row: int, days: int, restart: float) -> int:
    """The day after `row` in a circle, or with probability `restart` any day.

    Politis and Romano (1994).
    """
    return np.random.randint(days) if np.random.random() < restart else (row + 1) % days


@compiled
def _draws(
    daily_returns: Floats, means: Floats, restart: float, draws: int, seed: int
) -> tuple[Floats, Floats, Floats]:
    np.random.seed(seed)
    days, curves = daily_returns.shape
    ratios, growths = np.empty((draws, curves)), np.empty((draws, curves))
    worsts, total = np.empty((draws, curves)), np.empty(curves)
    squares, value = np.empty(curves), np.empty(curves)
    peak, worst = np.empty(curves), np.empty(curves)
    for draw in range(draws):
        total[:], squares[:], value[:], peak[:], worst[:] = 0.0, 0.0, 1.0, 1.0, 1.0
        row = np.random.randint(days)
        for _ in range(days):
            row = next_day(row, days, restart)
            for k in range(curves):
                gain = daily_returns[row, k]
                # Squares of the returns themselves would leave rounding errors in flat curves.
                apart = gain - means[k]
                total[k] += apart
                squares[k] += apart * apart
                value[k] *= 1.0 + gain
                peak[k] = max(peak[k], value[k])
                worst[k] = min(worst[k], value[k] / peak[k])
        for k in range(curves):
            variance = (squares[k] - total[k] * total[k] / days) / (days - 1)
            mean = means[k] + total[k] / days
            ratios[draw, k] = (
                mean / np.sqrt(variance) * np.sqrt(DAYS) if variance > FLAT**2 else 0.0
            )
            growths[draw, k] = value[k] ** (DAYS / days) - 1.0
            worsts[draw, k] = 1.0 - worst[k]
    return ratios, growths, worsts
