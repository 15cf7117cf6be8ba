"""Intervals for differences of Sharpe ratios by the stationary bootstrap."""

from typing import NamedTuple

import numpy as np

from backtests.kernel import compiled
from backtests.metrics import DAYS, FLAT, sharpe
from strategies.indicators import Floats

BLOCK_DAYS = 60  # mean block: long enough for the spells of calm and storm crypto goes through
DRAWS = 1000
LEVEL = 0.95


class Interval(NamedTuple):
    """A difference and its equal-tailed bootstrap interval."""

    estimate: float
    low: float
    high: float


def sharpe_difference(first: Floats, second: Floats, seed: int) -> Interval:
    """Annualised Sharpe ratio of `first` minus that of `second`, daily returns of the same days, with its 95 % interval.

    Pairs of days are drawn together in blocks of geometric length (Politis and Romano 1994), around the end of the series.
    A side without any variation counts as ratio 0.
    """
    draws = _draw_differences(first, second, 1.0 / BLOCK_DAYS, DRAWS, seed)
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval((sharpe(first) or 0.0) - (sharpe(second) or 0.0), float(low), float(high))


@compiled
def _sample_ratio(total: float, squares: float, days: int) -> float:
    variance = (squares - total * total / days) / (days - 1)
    return total / days / np.sqrt(variance) * np.sqrt(DAYS) if variance > FLAT**2 else 0.0


@compiled
def _draw_differences(first: Floats, second: Floats, restart: float, draws: int, seed: int) -> Floats:
    np.random.seed(seed)
    days = len(first)
    found = np.empty(draws)
    for draw in range(draws):
        a1 = a2 = b1 = b2 = 0.0
        row = np.random.randint(days)
        for _ in range(days):
            row = np.random.randint(days) if np.random.random() < restart else (row + 1) % days
            a, b = first[row], second[row]
            a1, a2, b1, b2 = a1 + a, a2 + a * a, b1 + b, b2 + b * b
        found[draw] = _sample_ratio(a1, a2, days) - _sample_ratio(b1, b2, days)
    return found
