"""Whether two sources have one series: by how their closes move from day to day.

A wrong symbol may be near in level for weeks; its daily returns are not. Medians are compared: a
wrong close, or a dividend that one of the two has taken out, moves a few returns and no median.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brokers.plurals import count
from brokers.prices.series import DataError, Kind

Floats = NDArray[np.float64]

COMPARED_RETURNS = 250  # the last ones of what both sources have
FEWEST_RETURNS = 5  # fewer say nothing
# Median difference of daily log returns. Of a US series an absolute one: closes rounded to cents
# and less dividends have up to 0.00022 (KRE, of 2010), with an error of 0.0001 a day up to 0.00021
# (XBI). The nearest pairs of different series in any 250 sessions: an index and its own fund,
# 0.00019 (^GSPC and SPY) and 0.00032 (^RUT and IWM); then IEF and LQD 0.0006, RSP and SPY 0.0007.
LARGEST_DIFFERENCE = 0.0003
# Of a coin as a share of its own median move, since exchanges differ by more when they move more:
# Yahoo and Binance up to 0.093 (DOGE) in the 250 days before any day since June 2021, before that
# up to 0.32, as Yahoo's days ended at other minutes; the nearest two coins ever 0.32 (DOGE, ADA).
LARGEST_SHARE = 0.25
# The same over the last weeks, for a source that has another series only of late, and instead of it
# for one with less than a quarter: true pairs have up to 0.00045 (XBI) there, and since then up to
# 0.21 of a coin's move (BTC).
RECENT_RETURNS, RECENT_FACTOR, QUARTER = 20, 3.0, 60


def difference_in_returns(
    ours: pd.Series, theirs: pd.Series, kind: Kind, jump: float = np.inf
) -> str:
    """How the daily returns of two sources differ too much for one series; "" if they do not.

    Parameters
    ----------
    ours, theirs : positive closes by the same kind of index, oldest first. Their returns are those
        between the rows that both have.
    jump : returns that differ by more (log return) are left out: one of the two is known to have
        wrong closes.

    Raises
    ------
    DataError
        They have too few rows in common to be compared.

    """
    common = ours.index.intersection(theirs.index)[-COMPARED_RETURNS - 1 :]
    if len(common) <= FEWEST_RETURNS:
        raise DataError(
            f"has only {count(len(common), 'row')} in common with the rows before it, too few to "
            "see whether it is the same series"
        )
    returns, others = (
        np.diff(np.log(closes.loc[common].to_numpy(dtype=float))) for closes in (ours, theirs)
    )
    usable = np.abs(returns - others) <= jump
    if usable.sum() < FEWEST_RETURNS:
        raise DataError(f"has only {count(int(usable.sum()), 'return')} without a jump")
    apart = np.abs(returns - others)[usable]
    bound = _bound(returns[usable], kind)
    for rows, limit in _limits(len(apart), bound):
        median = float(np.median(apart[-rows:]))
        if median > limit:
            return (
                f"their daily returns differ by {median:.2%} (median) over the last {rows} that "
                f"both have, more than {limit:.2%}"
            )
    return ""


def _limits(rows: int, bound: float) -> list[tuple[int, float]]:
    """Over how many of the last rows a median is taken, and what it may be."""
    recent = (min(rows, RECENT_RETURNS), RECENT_FACTOR * bound)
    return [(rows, bound), recent] if rows >= QUARTER else [recent]


def _bound(returns: Floats, kind: Kind) -> float:
    if kind == "coin":
        return LARGEST_SHARE * float(np.median(np.abs(returns)))
    return LARGEST_DIFFERENCE
