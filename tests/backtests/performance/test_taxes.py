"""A tax on realised gains, by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.engine.simulation import Run
from backtests.performance.taxes import tax_gains
from brokers.orders.simulated import OrderRecord

# Bars end at 24:00: the first of 2021 is that of 31 December 2020.
ENDS = pd.DatetimeIndex(
    ["2020-06-01", "2020-12-31", "2021-01-01", "2021-06-01", "2022-01-01", "2022-06-01"], tz="UTC"
)
EQUITY = [1000.0, 1200.0, 1200.0, 1000.0, 900.0, 1500.0]


def order(day: str, size: float, price: float, fee: float = 0.0, **changes: Any) -> OrderRecord:
    filled = int(pd.Timestamp(day, tz="UTC").timestamp())
    plain = OrderRecord(filled, filled, "BTC", size, price, fee, "filled")
    return plain._replace(**changes)


def taxed(orders: list[OrderRecord], rate: float = 0.25, equity: list[float] = EQUITY) -> Any:
    return tax_gains(Run([], orders), pd.Series(equity, ENDS), rate)


def test_a_gain_is_what_a_sale_brought_less_its_fee_and_average_cost() -> None:
    """Bought at 100 and 200 with fees of 1: 302 for two, 151 each. Sold one at 300, fee 3: 146.

    A quarter of that, 36.50, is due at the year's last bar; the account is smaller from there on.
    """
    orders = [
        order("2020-06-02", 1.0, 100.0, 1.0),
        order("2020-06-03", 1.0, 200.0, 1.0),
        order("2020-12-31", -1.0, 300.0, 3.0),
    ]
    got = taxed(orders)
    left = (1200.0 - 36.5) / 1200.0
    assert got.paid == pytest.approx(36.5)
    assert got.equity.tolist() == pytest.approx(
        [1000.0, 1200.0, 1163.5, 1000.0 * left, 900.0 * left, 1500.0 * left]
    )


def test_what_is_not_sold_is_not_taxed() -> None:
    got = taxed([order("2020-06-02", 1.0, 100.0)])
    assert (got.paid, got.equity.tolist()) == (0.0, EQUITY)


def test_losses_offset_gains_of_their_year_and_of_later_ones() -> None:
    """2020: 100 gained, 300 lost; 2021: 50 gained; 2022: 250 gained, of which 100 are taxable."""
    orders = [
        order("2020-06-02", 5.0, 400.0),
        order("2020-06-03", -1.0, 500.0),
        order("2020-06-04", -1.0, 100.0),
        order("2021-03-01", -1.0, 450.0),
        order("2022-03-01", -1.0, 650.0),
    ]
    got = taxed(orders, rate=0.5)
    assert got.paid == pytest.approx(0.5 * (100 - 300 + 50 + 250))
    assert got.equity.tolist() == pytest.approx([*EQUITY[:-1], 1450.0])


def test_a_later_gain_is_that_of_the_smaller_account() -> None:
    """Tax takes 100 of 1200 in 2020, so that 400 gained in 2021 are 400 * 11 / 12 of it."""
    orders = [
        order("2020-06-02", 2.0, 100.0),
        order("2020-06-03", -1.0, 300.0),
        order("2021-03-01", -1.0, 500.0),
    ]
    assert taxed(orders, rate=0.5).paid == pytest.approx(100.0 + 0.5 * 400.0 * 11 / 12)


def test_coins_have_costs_of_their_own_and_orders_that_did_not_fill_have_none() -> None:
    orders = [
        order("2020-06-02", 1.0, 100.0),
        order("2020-06-02", 1.0, 10.0, symbol="ETH"),
        order("2020-06-03", 7.0, 0.0, filled=None, status="no cash"),
        order("2020-06-04", -1.0, 30.0, symbol="ETH"),
    ]
    assert taxed(orders).paid == pytest.approx(0.25 * 20.0)


def test_a_sale_at_midnight_of_new_year_is_of_the_year_that_ends() -> None:
    """Filled at the open of 31 December, in the bar that ends at 24:00."""
    orders = [order("2020-06-02", 1.0, 100.0), order("2021-01-01", -1.0, 200.0)]
    assert taxed(orders).equity.iloc[2] == pytest.approx(1200.0 - 25.0)
    assert np.isclose(taxed(orders).equity.iloc[1], 1200.0)
