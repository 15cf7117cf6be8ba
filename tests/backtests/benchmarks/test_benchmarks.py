"""Benchmarks against arithmetic, dates and literal loops."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.benchmarks.benchmarks import (
    Curve,
    KernelInputs,
    after_halving,
    benchmarks,
    gate_from_ceiling,
    prepare_kernel,
    run_kernel,
)
from backtests.engine.inputs import Inputs
from brokers.prices.series import Request
from tests.scenes import FIRST, bars, ends, gate_rows, written

NAMES = [
    "hold_bitcoin",
    "hold_basket",
    "bitcoin_own_trend",
    "broad_trend",
    "index_trend",
    "halving",
    "constant_exposure",
    "bitcoin_only",
]


def closes(seed: int, count: int, deviation: float = 0.04) -> np.ndarray:
    return 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, deviation, count)))


def scene(
    days: int = 300, index: Any = None, first: pd.Timestamp = FIRST, **changes: Any
) -> Inputs:
    """Two coins and a gate that is closed.

    The index's closes are given, sessions known at noon of every day.
    """
    instants = ends(days, first)
    frames = {"BTC": bars(closes(1, days), instants), "ETH": bars(closes(2, days), instants)}
    known_at = instants - pd.Timedelta(hours=12)
    table = gate_rows([0.0] * days, known_at).assign(
        close=closes(3, days) if index is None else index
    )
    return written(
        frames, table, {name.replace("__", "."): value for name, value in changes.items()}
    )


def with_broad(inputs: Inputs, broad: np.ndarray) -> Inputs:
    request = Request(inputs.settings.signal.broad, "session")
    series = dict(inputs.prices.series)
    series[request] = series[request]._replace(
        frame=bars(broad, pd.DatetimeIndex(inputs.table.index))
    )
    return inputs._replace(prices=inputs.prices._replace(series=series))


def test_all_benchmarks_design_names_are_there() -> None:
    assert list(benchmarks(prepare_kernel(scene()), 0.3)) == NAMES


def test_holding_bitcoin_by_hand() -> None:
    """Decided at the first close (100), filled at the next open (100 again), then held.

    The fill pays slippage and fee, in whole steps.
    """
    frame = bars([100.0, 110.0, 40.0, 300.0], ends(4), opens=[100.0, 100.0, 109.0, 41.0])
    costs = {
        "costs.fee": 0.01,
        "costs.slippage": 0.005,
        "costs.step": 0.001,
        "allocation.cash_reserve": 0.02,
        "allocation.band": 0.2,
    }
    held = benchmarks(
        prepare_kernel(written({"BTC": frame}, gate_rows([0.0] * 4, frame.index), costs)), 0.0
    )["hold_bitcoin"]
    price = 100.0 * 1.005
    size = np.floor(1000.0 / (price * 1.01) / 0.001) * 0.001
    assert (
        980.0 / 100.0 < size < 1000.0 / 100.0
    )  # what was wanted; the costs cut it, no cash reserve does
    cash = 1000.0 - size * price * 1.01
    assert held.equity.tolist() == pytest.approx(
        [1000.0, cash + size * 110.0, cash + size * 40.0, cash + size * 300.0], rel=1e-9
    )
    assert held.metrics.total_return == pytest.approx((cash + size * 300.0) / 1000.0 - 1, rel=1e-9)
    assert held.metrics.orders == 1
    assert held.metrics.fees == pytest.approx(size * price * 0.01, rel=1e-9)
    assert held.exposure.tolist() == pytest.approx(
        [0.0] + [size * close / (cash + size * close) for close in (110.0, 40.0, 300.0)], rel=1e-9
    )


def test_bitcoin_is_held_although_it_is_no_coin_of_the_strategy() -> None:
    inputs = scene(30)
    without = inputs._replace(
        coins={"ETH": inputs.coins["ETH"]}, rules=inputs.rules._replace(weights=(1.0,), lags=(0.0,))
    )
    alone, both = (
        benchmarks(prepare_kernel(one), 0.0)["hold_bitcoin"].equity for one in (without, inputs)
    )
    pd.testing.assert_series_equal(alone, both)


def test_a_gate_always_closed_ends_with_the_cash_it_began_with() -> None:
    inputs = scene(costs__fee=0.01)
    place = prepare_kernel(inputs)
    shut = run_kernel(
        place,
        place.basket,
        tuple(inputs.coins),
        gate_from_ceiling(np.zeros(len(inputs.table))),
        inputs.rules,
    )
    assert (shut.equity == 1000.0).all()
    assert (shut.exposure == 0.0).all()
    assert (shut.metrics.orders, shut.metrics.sharpe, shut.metrics.total_return) == (0, None, 0.0)


def test_halving_windows_last_18_months() -> None:
    days = pd.date_range("2016-01-01", "2026-01-01", freq="D", tz="UTC")
    within = after_halving(days.as_unit("s").asi8.astype(float)).astype(bool)
    inside = [
        ("2016-07-10", "2018-01-09"),
        ("2020-05-12", "2021-11-11"),
        ("2024-04-21", "2025-10-20"),
    ]
    expected = np.zeros(len(days), dtype=bool)
    for first, last in inside:
        expected |= (days >= pd.Timestamp(first, tz="UTC")) & (days <= pd.Timestamp(last, tz="UTC"))
    assert days[within != expected].tolist() == []


def test_halving_benchmark_holds_bitcoin_inside_the_window_only() -> None:
    inputs = scene(40, first=pd.Timestamp("2020-05-01", tz="UTC"))
    held = benchmarks(prepare_kernel(inputs), 0.0)["halving"]
    end = inputs.grid
    # Known at the bar that ends 2020-05-12 00:00, filled on the bar after.
    assert (held.exposure[end <= pd.Timestamp("2020-05-12", tz="UTC")] == 0.0).all()
    assert held.exposure[end > pd.Timestamp("2020-05-12", tz="UTC")] == pytest.approx(1.0)


def literal_trend(values: np.ndarray, sessions: int) -> list[bool]:
    """Is the value above the mean of the last so many, itself included?"""
    return [
        row >= sessions - 1 and values[row] > sum(values[row - sessions + 1 : row + 1]) / sessions
        for row in range(len(values))
    ]


def literal_hold(inputs: Inputs, wanted: list[bool], names: list[str]) -> list[float]:
    """Equity of holding `names` at equal shares, without costs, never rebalanced.

    Held from the open after it is wanted to the open after it is not.
    """
    cash, held, equity = 1000.0, dict.fromkeys(names, 0.0), []
    before = False
    value = cash
    last = {name: inputs.coins[name]["close"].iloc[0] for name in names}
    for row in range(len(inputs.grid)):
        opens = {name: inputs.coins[name]["open"].iloc[row] for name in names}
        if before and not any(held.values()):
            for name in names:
                size = min(value / len(names) / last[name], cash / opens[name])
                held[name], cash = size, cash - size * opens[name]
        elif not before and any(held.values()):
            cash, held = (
                cash + sum(held[name] * opens[name] for name in names),
                dict.fromkeys(names, 0.0),
            )
        last = {name: inputs.coins[name]["close"].iloc[row] for name in names}
        value = cash + sum(held[name] * last[name] for name in names)
        equity.append(value)
        before = wanted[row]
    return equity


@pytest.mark.parametrize("seed", [3, 4])
def test_index_trend_is_the_index_above_its_own_200_session_average(seed: int) -> None:
    index = closes(seed, 420, 0.02)
    inputs = scene(420, index, allocation__band=0.99)
    got = benchmarks(prepare_kernel(inputs), 0.0)["index_trend"].equity
    assert got.tolist() == pytest.approx(
        literal_hold(inputs, literal_trend(index, 200), ["BTC", "ETH"]), rel=1e-9
    )


@pytest.mark.parametrize("seed", [5, 6])
def test_broad_trend_is_the_broad_market_above_its_own_200_session_average(seed: int) -> None:
    broad = closes(seed, 420, 0.02)
    inputs = with_broad(scene(420, allocation__band=0.99), broad)
    got = benchmarks(prepare_kernel(inputs), 0.0)["broad_trend"].equity
    assert got.tolist() == pytest.approx(
        literal_hold(inputs, literal_trend(broad, 200), ["BTC", "ETH"]), rel=1e-9
    )


@pytest.mark.parametrize("seed", [7, 8])
def test_bitcoin_own_trend_is_bitcoin_above_its_own_200_day_average(seed: int) -> None:
    from strategies.coins import coin_lines

    inputs = scene(420, allocation__band=0.5)
    price = closes(seed, 420)
    frame = bars(price, inputs.grid)
    lines = coin_lines(frame, frame["close"], inputs.grid, 200, 2)
    inputs = inputs._replace(coins={"BTC": lines, "ETH": lines}, bitcoin=lines)
    got = benchmarks(prepare_kernel(inputs), 0.0)["bitcoin_own_trend"].equity
    assert got.tolist() == pytest.approx(
        literal_hold(inputs, literal_trend(price, 200), ["BTC"]), rel=1e-9
    )


def test_bitcoin_own_trend_is_200_days_whatever_the_strategys_own_trend_days_are() -> None:
    """The benchmark holds BTC while it is above its own 200-day average."""
    results = []
    for days in (5, 200):
        from backtests.engine.inputs import prepare_inputs

        inputs = prepared(days)
        assert (
            prepare_inputs(inputs.settings, inputs.prices).settings.allocation.own_trend_days
            == days
        )
        results.append(benchmarks(prepare_kernel(inputs), 0.0)["bitcoin_own_trend"].equity)
    pd.testing.assert_series_equal(*results)


def prepared(own_trend_days: int) -> Inputs:
    """A random market through `prepare_inputs`, whose features depend on the settings."""
    from backtests.engine.inputs import prepare_inputs
    from tests.scenes import configured, random_backtest

    drawn = next(
        one
        for one in (random_backtest(np.random.default_rng((12, seed))) for seed in range(50))
        if len(one.grid) > 210
    )
    allocation = drawn.settings.allocation.model_copy(update={"own_trend_days": own_trend_days})
    settings = drawn.settings.model_copy(
        update={"allocation": allocation, "backtest": configured({}).backtest}
    )
    return prepare_inputs(settings, drawn.prices)


def test_constant_exposure_stays_within_the_band() -> None:
    inputs = scene(200, allocation__band=0.2)
    place: KernelInputs = prepare_kernel(inputs)
    constant: Curve = benchmarks(place, 0.4)["constant_exposure"]
    # Each coin within a fifth of its 0.2 at the decision; a day's move on top before the next open.
    shares = constant.exposure[1:]
    assert constant.exposure[0] == 0.0
    assert shares.min() > 0.4 * 0.8 * 0.8
    assert shares.max() < 0.4 / 0.8 * 1.2
    assert shares.mean() == pytest.approx(0.4, rel=0.05)
    assert constant.metrics.orders > 2  # bought, and moved back at least once


def test_constant_exposure_of_nothing_is_cash() -> None:
    assert (benchmarks(prepare_kernel(scene(30)), 0.0)["constant_exposure"].equity == 1000.0).all()


def test_benchmarks_do_not_inherit_the_strategys_stops_and_lags() -> None:
    plain, ruled = (
        scene(120),
        scene(
            120,
            allocation__drawdown_stop=0.01,
            allocation__own_trend="and",
            allocation__target_volatility=0.01,
        ),
    )
    slow = ruled._replace(rules=ruled.rules._replace(lags=(1e9, 1e9)))
    for name in NAMES[:-1]:  # the last one is the strategy
        pd.testing.assert_series_equal(
            benchmarks(prepare_kernel(plain), 0.3)[name].equity,
            benchmarks(prepare_kernel(slow), 0.3)[name].equity,
            obj=name,
        )


def test_bitcoin_only_is_a_backtest_of_the_same_settings_with_one_coin() -> None:
    """In backtrader, on random markets: its lag and its own average are those of the settings."""
    from backtests.engine.inputs import prepare_inputs
    from backtests.engine.simulation import simulate
    from tests.scenes import changed, random_backtest

    compared = 0
    for seed in range(12):
        inputs = random_backtest(np.random.default_rng((13, seed)))
        coins = inputs.settings.coins
        only = coins[0].model_dump() | {"weight": min(sum(coin.weight for coin in coins), 1.0)}
        assert only["name"] == "BTC"
        alone = changed(inputs.settings, {"coins": [only]})
        again = prepare_inputs(alone, inputs.prices)
        if not again.grid.equals(inputs.grid):
            continue  # another coin began earlier
        run = simulate(again)
        got = benchmarks(prepare_kernel(inputs), 0.0)["bitcoin_only"]
        expected = [decision.equity for decision in run.decisions]
        assert got.equity.tolist() == pytest.approx(expected, rel=1e-9), seed
        assert got.metrics.orders == sum(order.filled is not None for order in run.orders)
        compared += got.metrics.orders > 2
    assert compared >= 3
