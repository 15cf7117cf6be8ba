"""Figures of an equity curve. Coins trade every day: a year has 365 of them."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from strategies.indicators import Floats

DAYS = 365
FLAT = 1e-12  # a deviation of daily returns below this is rounding, not risk


class Metrics(NamedTuple):
    """Fractions, not percent, some of them annualised; None: the figure does not exist."""

    total_return: float
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    max_drawdown: float
    max_drawdown_days: int
    exposure: float
    turnover: float | None
    orders: int
    fees: float


def daily_rows(ends: pd.DatetimeIndex) -> NDArray[np.intp]:
    """Rows of the last bar of each UTC day; `ends` are the instants at which bars ended.

    24:00 belongs to the day that it ends.
    """
    days = (ends - pd.Timedelta(nanoseconds=1)).floor("D").asi8
    return np.flatnonzero(np.append(np.diff(days) != 0, True))


def returns(values: Floats) -> Floats:
    """Simple returns between neighbouring values."""
    return np.asarray(values[1:] / values[:-1] - 1.0)


def sharpe(daily_returns: Floats) -> float | None:
    """Mean over sample standard deviation of daily returns, times sqrt(365), no risk-free rate.

    Sharpe 1994, equations 7 to 9.
    """
    deviation = daily_returns.std(ddof=1) if len(daily_returns) > 1 else 0.0
    return float(daily_returns.mean() / deviation * np.sqrt(DAYS)) if deviation > FLAT else None


def sortino(daily_returns: Floats) -> float | None:
    """Mean over downside deviation below 0, taken over all days, times sqrt(365).

    Sortino and Price 1994.
    """
    downside = np.sqrt(np.mean(np.minimum(daily_returns, 0.0) ** 2)) if len(daily_returns) else 0.0
    return float(daily_returns.mean() / downside * np.sqrt(DAYS)) if downside > FLAT else None


def drawdowns(values: Floats) -> Floats:
    """Distance below the highest value so far, as a fraction, zero or negative."""
    return np.asarray(values / np.maximum.accumulate(values) - 1.0)


def longest_drawdown(values: Floats) -> int:
    """Most values in a row below an earlier peak."""
    below = np.concatenate(([False], drawdowns(values) < 0, [False])).astype(np.int8)
    edges = np.flatnonzero(np.diff(below))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def measure(
    equity: pd.Series, exposure: Floats, traded: float, orders: int, fees: float
) -> Metrics:
    """All figures of an equity curve.

    Parameters
    ----------
    equity : quote units by instant a bar ended; the first value is the starting cash.
    exposure : share of equity in coins, one entry per bar.
    traded : quote units bought and sold together; turnover is that over mean equity and years.
    orders, fees : number of orders filled, and what they cost in quote units.

    """
    values = equity.to_numpy(dtype=float)[daily_rows(pd.DatetimeIndex(equity.index))]
    daily_returns = returns(values)
    years = len(daily_returns) / DAYS
    growth = values[-1] / values[0]
    # Compound annual growth: geometric mean over the years observed.
    cagr = float(growth ** (1 / years) - 1) if years > 0 else None
    worst = float(-drawdowns(values).min()) + 0.0  # no -0.0
    return Metrics(
        total_return=float(growth - 1),
        cagr=cagr,
        volatility=(
            float(daily_returns.std(ddof=1) * np.sqrt(DAYS)) if len(daily_returns) > 1 else None
        ),
        sharpe=sharpe(daily_returns),
        sortino=sortino(daily_returns),
        calmar=cagr / worst if cagr is not None and worst > 0 else None,  # Young 1991
        max_drawdown=worst,
        max_drawdown_days=longest_drawdown(values),
        exposure=float(exposure.mean()),
        turnover=traded / float(values.mean()) / years if years > 0 else None,
        orders=orders,
        fees=fees,
    )
