"""Returns in excess of cash: by hand, and nothing but the returns themselves without interest."""

import numpy as np
import pandas as pd
import pytest

from backtests.benchmarks.excess_of_cash import (
    cash_growth,
    daily_excess,
    in_excess_of_cash,
    sharpe_in_excess,
)
from backtests.performance.metrics import daily_rows, returns, sharpe
from brokers.orders.fills import interest
from tests.scenes import ends

HOUR = pd.Timedelta(hours=1)


def walk(days: int) -> pd.Series:
    steps = np.random.default_rng(5).normal(0.001, 0.02, days)
    return pd.Series(1000.0 * np.exp(np.cumsum(steps)), ends(days))


def test_cash_grows_as_simulated_accounts_are_paid() -> None:
    growth = cash_growth(ends(366), 0.05)
    assert (growth[0], growth[-1]) == (1.0, pytest.approx(1.05))
    assert growth[1] - 1.0 == pytest.approx(interest(1.0, 0.05, 86_400.0))


def test_an_account_of_cash_alone_has_no_ratio() -> None:
    cash = pd.Series(1000.0 * cash_growth(ends(400), 0.05), ends(400))
    assert in_excess_of_cash(cash, 0.05).to_numpy() == pytest.approx(1000.0)
    assert sharpe_in_excess(cash, 0.05) is None


def test_a_days_excess_is_its_growth_over_that_of_cash() -> None:
    equity = pd.Series([100.0, 110.0, 99.0], ends(3))
    day = 1.3 ** (1 / 365)
    assert daily_excess(equity, 0.3) == pytest.approx([1.1 / day - 1.0, 0.9 / day - 1.0])


def test_without_interest_they_are_the_returns_to_the_last_bit() -> None:
    equity = walk(300)
    values = equity.to_numpy()
    assert daily_excess(equity, 0.0).tolist() == returns(values).tolist()
    assert sharpe_in_excess(equity, 0.0) == sharpe(returns(values))


def test_of_bars_of_hours_the_days_are_taken() -> None:
    instants = ends(96, length=HOUR)
    equity = pd.Series(np.linspace(100.0, 120.0, 96), instants)
    days = in_excess_of_cash(equity, 0.1).to_numpy()[daily_rows(instants)]
    assert daily_excess(equity, 0.1).tolist() == returns(days).tolist()
    assert len(days) == 4
