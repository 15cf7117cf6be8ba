"""How large an account the coins bear, by hand."""

from typing import Any

import pandas as pd
import pytest

from backtests.engine.inputs import Inputs
from backtests.engine.simulation import Run
from backtests.performance.capacity import measure_capacity
from brokers.orders.simulated import OrderRecord
from tests.scenes import bars, ends, gate_rows, written

DAYS = 60


def scene(volumes: dict[str, list[float]], source: str = "yahoo") -> Inputs:
    """Coins at a close of 50, with daily volumes as their source gives them."""
    index = ends(DAYS)
    inputs = written(
        {name: bars([50.0] * DAYS, index) for name in volumes}, gate_rows([0.0], index[:1])
    )
    series = dict(inputs.prices.series)
    for request, one in series.items():
        name = request.symbol.removesuffix("-USD")
        if name in volumes:
            frame = one.frame.assign(volume=volumes[name])
            series[request] = one._replace(frame=frame, source=source)
    return inputs._replace(prices=inputs.prices._replace(series=series))


def order(inputs: Inputs, bar: int, value: float, **changes: Any) -> OrderRecord:
    """An order decided at the end of a bar and filled in the next one, at 50."""
    decided, filled = (int(inputs.grid[row].timestamp()) for row in (bar, bar + 1))
    plain = OrderRecord(decided, filled, "BTC", value / 50.0, 50.0, 0.0, "filled")
    return plain._replace(**changes)


def capacity(inputs: Inputs, orders: list[OrderRecord], equity: float = 1000.0) -> Any:
    return measure_capacity(inputs, Run([], orders), pd.Series(equity, inputs.grid))


RISING = [float(1000 * day) for day in range(1, DAYS + 1)]


def test_the_largest_order_beside_the_volume_of_the_month_before() -> None:
    """At day 40 the median of days 11 to 40 is 25,500; at day 10 that of days 1 to 10, 5,500.

    600 is 60 % of the account; 1 % of the last year's median, 30,500, is 305: at 508 of account.
    """
    inputs = scene({"BTC": RISING})
    (got,) = capacity(inputs, [order(inputs, 39, -600.0), order(inputs, 9, 400.0)])
    assert (got.coin, got.decided, got.value) == ("BTC", inputs.grid[9], 400.0)
    assert got.share == pytest.approx(400.0 / 5500.0)
    assert got.of_equity == pytest.approx(0.6)
    assert got.account == pytest.approx(0.01 * 30500.0 / 0.6)
    (later,) = capacity(inputs, [order(inputs, 39, -600.0)])
    assert later.share == pytest.approx(600.0 / 25500.0)


@pytest.mark.parametrize(
    ("source", "factor"), [("yahoo", 1.0), ("folder", 1.0), ("exchange", 50.0)]
)
def test_an_exchanges_volume_is_in_coins(source: str, factor: float) -> None:
    inputs = scene({"BTC": [200.0] * DAYS}, source)
    (got,) = capacity(inputs, [order(inputs, 20, 100.0)])
    assert got.share == pytest.approx(100.0 / (200.0 * factor))


def test_the_tightest_coin_comes_first_and_what_is_unknown_is_left_out() -> None:
    none = [0.0] * DAYS
    inputs = scene({"BTC": [4e6] * DAYS, "ETH": [1e6] * DAYS, "SOL": none, "LTC": [1e3] * DAYS})
    orders = [order(inputs, 30, 100.0, symbol=name) for name in ("BTC", "ETH", "SOL")]
    unfilled = order(inputs, 30, 100.0, symbol="LTC", filled=None)
    assert [one.coin for one in capacity(inputs, [*orders, unfilled])] == ["ETH", "BTC"]


def test_the_sale_of_a_coin_that_has_ended_is_no_order_for_it() -> None:
    """It fills on a missing bar, at the last price: BTC has none from day 30 on."""
    inputs = scene({"BTC": [1000.0] * DAYS})
    lines = inputs.coins["BTC"].copy()
    lines.loc[lines.index[30] :, "stale"] = range(1, DAYS - 29)
    ended = inputs._replace(coins={"BTC": lines})
    real, forced = order(ended, 20, 100.0), order(ended, 40, -900.0)
    (got,) = capacity(ended, [real, forced])
    assert (got.value, got.of_equity, got.source) == (100.0, pytest.approx(0.1), "yahoo")
    assert capacity(ended, [forced]) == []


def test_days_after_the_window_do_not_count() -> None:
    inputs = scene({"BTC": [1000.0] * 20 + [1e9] * 40})
    shorter = inputs._replace(grid=inputs.grid[:20])
    (got,) = capacity(shorter, [order(shorter, 10, 100.0)])
    assert got.account == pytest.approx(0.01 * 1000.0 / 0.1)
