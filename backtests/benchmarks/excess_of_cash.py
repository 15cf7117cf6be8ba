"""What an account earns in excess of cash: interest is no skill, and no verdict rests on it."""

import numpy as np
import pandas as pd

from backtests.performance.metrics import DAYS, daily_rows, returns, sharpe
from strategies.indicators import Floats


def cash_growth(instants: pd.DatetimeIndex, cash_yield: float) -> Floats:
    """What a unit of cash has become at each of `instants` since the first of them.

    `cash_yield` is the effective rate of a year of 365 days, as simulated accounts pay it.
    """
    days = (instants - instants[0]) / pd.Timedelta(days=1)
    return np.asarray((1.0 + cash_yield) ** (np.asarray(days, dtype=float) / DAYS))


def in_excess_of_cash(equity: pd.Series, cash_yield: float) -> pd.Series:
    """`equity`, by the instants at which bars ended, measured in what cash alone became."""
    return equity / cash_growth(pd.DatetimeIndex(equity.index), cash_yield)


def daily_excess(equity: pd.Series, cash_yield: float) -> Floats:
    """Daily returns in excess of cash."""
    excess = in_excess_of_cash(equity, cash_yield)
    rows = daily_rows(pd.DatetimeIndex(excess.index))
    return returns(excess.to_numpy(dtype=float)[rows])


def sharpe_in_excess(equity: pd.Series, cash_yield: float) -> float | None:
    """Sharpe ratio of the daily returns in excess of cash; None: they do not vary."""
    return sharpe(daily_excess(equity, cash_yield))
