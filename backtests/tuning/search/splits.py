"""How the days of a study are split for its tests.

One list of segments, of which blocks, folds and walk-forward steps are made.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.statistics.cscv import BLOCKS, block_edges
from strategies.breakout import records_of
from strategies.indicators import Ints


class Partition(NamedTuple):
    """Days cut into segments, of which blocks, folds and steps are made.

    Segment s has daily returns edges[s] to edges[s + 1] - 1. All labels count from 0 and never
    decrease from one segment to the next. A segment is `purged` if it lies directly after a fold:
    it is not trained on when that fold, fold[s] - 1, is the test.
    """

    edges: Ints  # segments + 1, from 0 to the number of daily returns
    block: Ints  # by segment: which of the equal blocks of CSCV (`statistics.cscv.block_edges`)
    fold: Ints  # by segment: which breakout's fold
    purged: NDArray[np.bool_]  # by segment
    step: Ints  # by segment: which walk-forward step
    starts: pd.DatetimeIndex  # by segment: its first day
    events: pd.DatetimeIndex  # by fold: its breakout

    @property
    def lengths(self) -> Ints:
        """Days of each segment."""
        return np.diff(self.edges)


def partition(
    days: pd.DatetimeIndex,
    events: pd.DatetimeIndex,
    step_months: int,
    purge_days: int,
    blocks: int = BLOCKS,
) -> Partition:
    """Cut the days of a study.

    Parameters
    ----------
    days : the day of each daily return, in order: UTC midnight at which the day it ends in begins.
    events : instants of breakouts, in order (`breakouts`). Those outside `days` get no fold. Fold
        borders lie halfway between neighbouring events, in the first day that begins there or
        later; without an event all days are fold 0.
    step_months : length of a walk-forward step in calendar months, counted from the first day; the
        last step may be shorter.
    purge_days : calendar days after a fold that are not trained on when it is the test: coins held
        on these days were bought inside the fold.
    blocks : of CSCV.

    Raises
    ------
    ValueError
        Days or events out of order, fewer days than blocks, a step of less than a month, or folds
        shorter than `purge_days`, so that days of the next fold would be purged as well.

    """
    _check(days, events, step_months, purge_days, blocks)
    inside = events[(events >= days[0]) & (events < days[-1] + pd.Timedelta(days=1))]
    borders = days.searchsorted(inside[:-1] + (inside[1:] - inside[:-1]) / 2)
    purge_ends = days.searchsorted(days[borders] + pd.Timedelta(days=purge_days))
    folds = np.concatenate(([0], borders))
    _check_folds(inside, folds, purge_ends, days=len(days), purge_days=purge_days)
    block_rows, steps = block_edges(len(days), blocks), _step_rows(days, step_months)
    edges = np.unique(np.concatenate((block_rows, folds, purge_ends, steps))).astype(np.int64)
    first = edges[:-1]
    fold = _label(folds, first)
    purged = first < np.concatenate(([0], purge_ends))[fold]
    return Partition(
        edges, _label(block_rows, first), fold, purged, _label(steps, first), days[first], inside
    )


def breakouts(closes: pd.Series, base: int) -> pd.DatetimeIndex:
    """Instants at which the index closed above a record that had stood `base` sessions or more.

    `closes` has one entry for each session, indexed by the instant it was known; a missing close is
    NaN: its session counts but is no event. No parameter of a set enters. Each event is itself a
    record, so none has another in the `base` - 1 sessions before it.
    """
    values = closes.to_numpy(dtype=float)
    records = records_of(values)
    rows = np.flatnonzero((values > records.record) & (records.base_age >= base))
    return pd.DatetimeIndex(closes.index[rows])


def _label(rows: Ints, first: Ints) -> Ints:
    return np.searchsorted(np.unique(rows), first, side="right").astype(np.int64) - 1


def _step_rows(days: pd.DatetimeIndex, step_months: int) -> Ints:
    # Counted from the first day, not from the step before: after a step from the 31st all others
    # would begin on the 28th.
    months = 12 * (days[-1].year - days[0].year) + days[-1].month - days[0].month
    begins = [days[0] + pd.DateOffset(months=step) for step in range(0, months + 1, step_months)]
    return np.asarray(days.searchsorted(pd.DatetimeIndex(begins)))


def _check(
    days: pd.DatetimeIndex, events: pd.DatetimeIndex, step_months: int, purge_days: int, blocks: int
) -> None:
    for name, times in (("days", days), ("events", events)):
        if not (times.is_monotonic_increasing and times.is_unique):
            raise ValueError(f"{name}: must be in order of time, each once")
    if len(days) < blocks:
        raise ValueError(
            f"days: {len(days)}, must be at least one for each of {blocks} blocks;"
            " trade a longer window"
        )
    if step_months < 1:
        raise ValueError(f"step_months: {step_months}, must be 1 or more")
    if purge_days < 0:
        raise ValueError(f"purge_days: {purge_days}, must be 0 or more")


def _check_folds(
    events: pd.DatetimeIndex, folds: Ints, purge_ends: Ints, *, days: int, purge_days: int
) -> None:
    lengths = np.diff(np.append(folds, days))
    too_far = np.concatenate(([False], purge_ends > np.append(folds[2:], days)[: len(purge_ends)]))
    short = np.flatnonzero((lengths == 0) | too_far)
    if len(short):
        raise ValueError(
            f"the fold of {events[short[0]]:%Y-%m-%d} has {lengths[short[0]]} days, must have at"
            f" least one and the purge_days of {purge_days};"
            " purge fewer days, or ask for breakouts above older records"
        )
