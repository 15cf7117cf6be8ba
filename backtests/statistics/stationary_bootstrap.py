"""Days drawn by the stationary bootstrap (Politis and Romano 1994).

For statistics that `statistics.bootstrap` does not compute.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backtests.engine.compiled import compiled
from backtests.statistics.bootstrap import BLOCK_DAYS, next_day
from strategies.indicators import Floats

DrawnDays = NDArray[np.int32]
PART = 100  # draws whose values stay in a processor's cache


@lru_cache(maxsize=2)  # what is measured of the same days, one after another
def draw_days(days: int, draws: int, seed: int, block_days: float = BLOCK_DAYS) -> DrawnDays:
    """Rows drawn, draws x days, in blocks of geometric length with mean `block_days`.

    The series is a circle. With the defaults these are the days of `bootstrap.resample` with the
    same seed. The array is read-only.
    """
    rows = _draw_rows(days, draws, 1.0 / block_days, seed)
    rows.flags.writeable = False
    return rows


def parts_of_draws(rows: DrawnDays) -> Iterator[DrawnDays]:
    """A few draws at a time: quicker than all at once, and with less memory."""
    return (rows[first : first + PART] for first in range(0, len(rows), PART))


def count_days(rows: DrawnDays) -> Floats:
    """How often each day is in each draw, draws x days.

    The mean of any values over a draw is the product of this and the values, over days.
    """
    days = rows.shape[1]
    return np.stack([np.bincount(row, minlength=days) for row in rows]).astype(np.float64)


@compiled
def _draw_rows(days: int, draws: int, restart: float, seed: int) -> DrawnDays:
    np.random.seed(seed)
    rows = np.empty((draws, days), dtype=np.int32)
    for draw in range(draws):
        row = np.random.randint(days)
        for day in range(days):
            row = next_day(row, days, restart)
            rows[draw, day] = row
    return rows
