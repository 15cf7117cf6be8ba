"""Days drawn by the stationary bootstrap (Politis and Romano 1994), for statistics that `backtests.statistics.bootstrap` does not compute."""

import numpy as np
from numpy.typing import NDArray

from backtests.engine.compiled import compiled
from backtests.statistics.bootstrap import BLOCK_DAYS, next_day
from strategies.indicators import Floats

Counted = NDArray[np.int32]


def drawn_days(days: int, draws: int, seed: int, block_days: float = BLOCK_DAYS) -> Counted:
    """Rows drawn, draws x days: blocks of geometric length with mean `block_days`, around the end of the series.

    With the defaults these are the very days of `bootstrap.resampled` with that seed.
    """
    return _picked(days, draws, 1.0 / block_days, seed)


def how_often(rows: Counted) -> Floats:
    """Times each day stands in each draw, draws x days: the mean of anything over a draw is this times its values, over days."""
    days = rows.shape[1]
    return np.stack([np.bincount(row, minlength=days) for row in rows]).astype(np.float64)


@compiled
def _picked(days: int, draws: int, restart: float, seed: int) -> Counted:
    np.random.seed(seed)
    rows = np.empty((draws, days), dtype=np.int32)
    for draw in range(draws):
        row = np.random.randint(days)
        for day in range(days):
            row = next_day(row, days, restart)
            rows[draw, day] = row
    return rows
