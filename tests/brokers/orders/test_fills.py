"""What an order becomes at a price: arithmetic, and what must hold whatever the numbers."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.orders.fills import Costs, Fill, fill, interest

FREE = Costs(0.0, 0.0, 0.0)
MANY = settings(max_examples=200, deadline=None, database=None)
PRICES = st.floats(1e-6, 1e6)
CASH = st.just(0.0) | st.floats(1e-12, 1e9)  # below, numbers lose their digits
STEPS = st.sampled_from([0.0, 1e-5, 0.001, 0.1, 1.0, 7.0])
COSTS = st.builds(
    Costs,
    fee=st.floats(0.0, 0.09),
    slippage=st.floats(0.0, 0.09),
    min_notional=st.sampled_from([0.0, 5.0, 100.0]),
)


def test_a_buy_pays_slippage_and_fee() -> None:
    size, price, fee = fill(2.0, 100.0, 1000.0, 0.0, Costs(0.001, 0.01, 5.0))
    assert (size, price) == (2.0, 100.0 * 1.01)
    assert fee == pytest.approx(2.0 * 101.0 * 0.001, rel=1e-15)


def test_a_sell_gets_less_by_slippage_and_pays_the_fee() -> None:
    size, price, fee = fill(-2.0, 100.0, 0.0, 0.0, Costs(0.001, 0.01, 5.0))
    assert (size, price) == (-2.0, 100.0 * 0.99)
    assert fee == pytest.approx(2.0 * 99.0 * 0.001, rel=1e-15)


def test_a_sell_is_never_cut_nor_refused() -> None:
    assert Fill(*fill(-1e-9, 100.0, 0.0, 1.0, Costs(0.0, 0.0, 1000.0))) == Fill(-1e-9, 100.0, 0.0)


def test_a_buy_beyond_the_cash_is_cut_to_what_can_be_paid() -> None:
    """1010 / (100 * 1.01 * 1.25) = 8."""
    size, price, fee = fill(20.0, 100.0, 1010.0, 0.0, Costs(0.25, 0.01, 5.0))
    assert size == pytest.approx(8.0, rel=1e-14)
    assert size * price + fee <= 1010.0


def test_a_cut_buy_is_whole_steps() -> None:
    assert fill(20.0, 100.0, 999.0, 0.5, FREE)[0] == 9.5


def test_a_buy_that_can_be_paid_is_left_as_it_is_even_off_the_steps() -> None:
    assert fill(0.3, 100.0, 1000.0, 0.5, FREE)[0] == 0.3


@pytest.mark.parametrize(("minimum", "size"), [(950.0, 9.5), (951.0, 0.0)])
def test_a_rest_below_the_minimum_notional_is_not_bought(minimum: float, size: float) -> None:
    assert fill(20.0, 100.0, 999.0, 0.5, Costs(0.0, 0.0, minimum))[0] == size


def test_nothing_filled_is_all_zero() -> None:
    assert Fill(*fill(1.0, 100.0, 0.0, 0.0, FREE)) == Fill(0.0, 0.0, 0.0)
    assert Fill(*fill(1.0, 100.0, 50.0, 1.0, FREE)) == Fill(0.0, 0.0, 0.0)


@MANY
@given(size=st.floats(1e-9, 1e9), quote=PRICES, cash=CASH, step=STEPS, costs=COSTS)
def test_cash_never_falls_below_zero(
    size: float, quote: float, cash: float, step: float, costs: Costs
) -> None:
    bought, price, fee = fill(size, quote, cash, step, costs)
    assert cash - (bought * price + fee) >= 0.0
    assert 0.0 <= bought <= size


@MANY
@given(size=st.floats(1e-3, 1e9), quote=PRICES, cash=CASH, step=STEPS.filter(bool), costs=COSTS)
def test_a_cut_is_the_largest_number_of_whole_steps_the_cash_pays(
    size: float, quote: float, cash: float, step: float, costs: Costs
) -> None:
    bought, price, _ = fill(size, quote, cash, step, costs)
    if bought in (0.0, size):
        return
    steps = round(bought / step)
    assert bought == steps * step
    assert (steps + 1) * step * price * (1 + costs.fee) > cash * (1 - 1e-12)


@MANY
@given(size=st.floats(1e-9, 1e9), quote=PRICES, cash=CASH, step=STEPS, costs=COSTS)
def test_a_cut_buy_is_never_below_the_minimum_notional(
    size: float, quote: float, cash: float, step: float, costs: Costs
) -> None:
    bought, price, _ = fill(size, quote, cash, step, costs)
    assert bought in (0.0, size) or bought * price >= costs.min_notional


@MANY
@given(size=st.floats(1e-9, 1e9), quote=PRICES, costs=COSTS)
def test_buying_and_selling_at_one_quote_never_gains(
    size: float, quote: float, costs: Costs
) -> None:
    bought, price, fee = fill(size, quote, math.inf, 0.0, costs)
    sold, lower, second = fill(-bought, quote, 0.0, 0.0, costs)
    assert -sold * lower - second <= (bought * price + fee) * (1 + 1e-12)


def test_interest_compounds_to_the_yearly_rate() -> None:
    cash = 1000.0
    for _ in range(365):
        cash += interest(cash, 0.05, 86_400.0)
    assert cash == pytest.approx(1050.0, rel=1e-12)
    assert interest(1000.0, 0.05, 365 * 86_400.0) == pytest.approx(50.0, rel=1e-12)


def test_no_time_and_no_yield_earn_nothing() -> None:
    assert interest(1000.0, 0.05, 0.0) == 0.0
    assert interest(1000.0, 0.0, 1e9) == 0.0
