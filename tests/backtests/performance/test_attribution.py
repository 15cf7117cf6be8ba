"""Profit by coin, gate period and month.

It adds up to the change of equity, and each part is what arithmetic says.
"""

from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from backtests.engine.inputs import Inputs
from backtests.engine.simulation import Run
from backtests.performance.attribution import (
    OUTSIDE,
    by_gate_period,
    exposures,
    monthly_returns,
    profits,
    units_held,
)
from backtests.performance.gate_periods import GatePeriod
from backtests.runs.backtest import Backtest, backtest
from brokers.orders.fills import interest
from brokers.orders.simulated import OrderRecord
from tests.scenes import FIRST, bars, ends, gate_rows, random_backtest, written

SEEDS = range(14)


@cache
def drawn(seed: int) -> Backtest:
    return backtest(random_backtest(np.random.default_rng((77, seed))), with_benchmarks=False)


def paid_interest(result: Backtest) -> float:
    """Interest by the account's rule, from the cash the decisions report.

    What was held since the bar before earns until this one.
    """
    decisions, yearly = result.run.decisions, result.inputs.settings.costs.cash_yield
    return (
        sum(
            interest(before.cash, yearly, now.time - before.time)
            for before, now in pairwise(decisions)
        )
        if yearly
        else 0.0
    )


# --- sums -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_profits_add_up_to_the_change_of_equity_less_interest(seed: int) -> None:
    result = drawn(seed)
    values = result.equity["value"]
    total = profits(result.run, result.inputs).to_numpy().sum()
    assert total == pytest.approx(
        values.iloc[-1] - values.iloc[0] - paid_interest(result), abs=1e-9 * values.max()
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_profits_add_up_at_every_bar(seed: int) -> None:
    """Not only at the end: what one bar gains too much another may lose too much."""
    result = drawn(seed)
    yearly = result.inputs.settings.costs.cash_yield
    values, cash = result.equity["value"].to_numpy(), result.equity["cash"].to_numpy()
    seconds = np.diff(result.inputs.grid.as_unit("s").asi8)
    earned = (
        np.array([interest(held, yearly, span) for held, span in zip(cash, seconds, strict=False)])
        if yearly
        else 0.0
    )
    bars_sum = profits(result.run, result.inputs).sum(axis=1).to_numpy()
    assert bars_sum[0] == 0.0  # nothing is filled on the first bar
    np.testing.assert_allclose(bars_sum[1:], np.diff(values) - earned, atol=1e-9 * values.max())


def test_the_markets_drawn_have_what_could_go_wrong() -> None:
    results = [drawn(seed) for seed in SEEDS]
    assert (
        sum(
            bool(one.inputs.settings.costs.cash_yield) and len(one.run.orders) > 5
            for one in results
        )
        >= 3
    )
    assert (
        sum(not one.inputs.settings.costs.cash_yield and len(one.run.orders) > 5 for one in results)
        >= 3
    )
    assert (
        sum(
            one.inputs.settings.exchange.timeframe != "1d" and len(one.run.orders) > 5
            for one in results
        )
        >= 3
    )
    assert any(order.filled is None for one in results for order in one.run.orders)
    assert any(len(one.events.gate_periods) > 2 for one in results)
    late = [
        lines.index[0] > one.inputs.grid[0]
        for one in results
        for lines in one.inputs.coins.values()
    ]
    assert any(late)


def test_a_run_without_orders_earned_nothing_from_coins() -> None:
    inputs = written(
        {"BTC": bars([100.0, 200.0, 50.0], ends(3))},
        gate_rows([0.0] * 3, ends(3)).assign(after_base=False),
    )
    result = backtest(inputs, with_benchmarks=False)
    assert (profits(result.run, inputs) == 0.0).all(axis=None)
    assert (exposures(result.run, inputs, result.equity["value"]) == 0.0).all(axis=None)


# --- by hand --------------------------------------------------------------------------------------


def by_hand() -> tuple[Run, Inputs]:
    """Two coins over five bars: 3 AAA bought at 10.5 on bar 2 and 2 of them sold at 13 on bar 4.

    1 BTC, listed on bar 3, bought at 52 on bar 4.
    """
    instants = ends(5)
    frames = {
        "BTC": bars([float("nan"), float("nan"), 50.0, 55.0, 40.0], instants),
        "ETH": bars([10.0, 11.0, 14.0, 12.0, 9.0], instants),
    }
    seconds = instants.as_unit("s").asi8.tolist()
    orders = [
        OrderRecord(seconds[0], seconds[1], "ETH", 3.0, 10.5, 0.25, "filled"),
        OrderRecord(seconds[1], None, "BTC", 1.0, 0.0, 0.0, "cancelled"),
        OrderRecord(seconds[2], seconds[3], "ETH", -2.0, 13.0, 0.5, "filled"),
        OrderRecord(seconds[2], seconds[3], "BTC", 1.0, 52.0, 0.125, "filled"),
        OrderRecord(seconds[4], None, "ETH", -1.0, 0.0, 0.0, "open"),
    ]
    return Run([], orders), written(frames, gate_rows([0.0] * 5, instants))


def test_units_are_the_filled_orders_added_up() -> None:
    run, inputs = by_hand()
    held = units_held(run, inputs)
    assert held["ETH"].tolist() == [0.0, 3.0, 3.0, 1.0, 1.0]
    assert held["BTC"].tolist() == [0.0, 0.0, 0.0, 1.0, 1.0]


def test_profit_of_two_coins_by_hand() -> None:
    run, inputs = by_hand()
    gained = profits(run, inputs)
    eth = [
        0.0,
        3 * (11.0 - 10.5) - 0.25,  # bought at 10.5, closed at 11
        3 * (14.0 - 11.0),
        1 * (12.0 - 14.0)
        + 2 * (13.0 - 14.0)
        - 0.5,  # one kept until the close, two sold on the way
        1 * (9.0 - 12.0),
    ]
    assert gained["ETH"].tolist() == pytest.approx(eth, abs=1e-12)
    assert gained["BTC"].tolist() == pytest.approx(
        [0.0, 0.0, 0.0, 55.0 - 52.0 - 0.125, 40.0 - 55.0], abs=1e-12
    )
    bought_and_sold = -3 * 10.5 - 0.25 + 2 * 13.0 - 0.5 + 1 * 9.0
    assert gained["ETH"].sum() == pytest.approx(
        bought_and_sold
    )  # what came in less what went out, and the coin left


def test_exposure_by_hand() -> None:
    run, inputs = by_hand()
    shares = exposures(run, inputs, pd.Series([100.0, 100.0, 105.0, 110.0, 80.0], inputs.grid))
    assert shares["ETH"].tolist() == pytest.approx([0.0, 33 / 100, 42 / 105, 12 / 110, 9 / 80])
    assert shares["BTC"].tolist() == pytest.approx([0.0, 0.0, 0.0, 55 / 110, 40 / 80])


@pytest.mark.parametrize("seed", SEEDS)
def test_exposures_are_those_the_strategy_saw_and_the_equity_table_has(seed: int) -> None:
    result = drawn(seed)
    shares = exposures(result.run, result.inputs, result.equity["value"])
    np.testing.assert_allclose(
        shares.to_numpy(), [one.current for one in result.run.decisions], atol=1e-9
    )
    np.testing.assert_allclose(
        shares.sum(axis=1).to_numpy(), result.equity["exposure"].to_numpy(), atol=1e-9
    )


# --- by gate period ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_gate_periods_and_outside_share_all_profit_between_them(seed: int) -> None:
    result = drawn(seed)
    gained = profits(result.run, result.inputs)
    table = by_gate_period(gained, result.events.gate_periods)
    assert list(table.index) == [
        f"{gate_period.opened:%Y-%m-%d}" for gate_period in result.events.gate_periods
    ] + [OUTSIDE]
    np.testing.assert_allclose(
        table.sum().to_numpy(),
        gained.sum().to_numpy(),
        atol=1e-9 * abs(gained.to_numpy()).sum() + 1e-12,
    )


def test_nothing_is_earned_outside_where_only_an_open_gate_allows_anything() -> None:
    """No steps, no smallest order.

    Each spell is left whole, so that bars outside it hold nothing.
    """
    instants = ends(40)
    closes = 100.0 * np.exp(np.cumsum(np.random.default_rng(3).normal(0.0, 0.05, 40)))
    ceilings = np.zeros(40)
    ceilings[5:12], ceilings[20:29] = 1.0, 0.6
    table = gate_rows(ceilings, instants - pd.Timedelta(hours=3)).assign(
        level=100.0, base_age=300, after_base=True, reason=""
    )
    result = backtest(
        written(
            {"BTC": bars(closes, instants)}, table, {"costs.fee": 0.01, "allocation.band": 0.1}
        ),
        with_benchmarks=False,
    )
    gained = by_gate_period(profits(result.run, result.inputs), result.events.gate_periods)["BTC"]
    assert len(gained) == 3
    assert gained[OUTSIDE] == 0.0
    assert (gained.drop(OUTSIDE) != 0.0).all()
    assert gained.sum() == pytest.approx(result.equity["value"].iloc[-1] - 1000.0)


def gate_period(opened: pd.Timestamp, closed: pd.Timestamp | None) -> GatePeriod:
    return GatePeriod(
        opened,
        closed,
        level=100.0,
        base_age=300,
        rearmed=False,
        event_id=1,
        reason="failed" if closed else "",
        event_base=300,
    )


@pytest.mark.parametrize("length", [pd.Timedelta(days=1), pd.Timedelta(hours=4)], ids=["1d", "4h"])
def test_a_gate_period_has_the_bars_from_the_first_fill_to_the_exit(length: pd.Timedelta) -> None:
    """Known between two bar ends.

    Decided at the first end after it, filled on the bar after that one; so is the exit.
    """
    grid = ends(12, length=length)
    gained = pd.DataFrame({"BTC": 2.0 ** np.arange(12), "ETH": 1.0}, grid)
    between = 0.4 * length
    opened, closed = grid[2] + between, grid[6] + between
    table = by_gate_period(gained, [gate_period(opened, closed), gate_period(grid[9], None)])
    inside = [
        4,
        5,
        6,
        7,
        8,
    ]  # decided at 3, first filled on 4; exit decided at 7, filled at the open of 8
    last = [10, 11]
    assert table["BTC"].tolist() == [
        sum(2.0**row for row in rows) for rows in (inside, last, [0, 1, 2, 3, 9])
    ]
    assert table["ETH"].tolist() == [5.0, 2.0, 5.0]


def test_a_gate_period_without_any_bar_has_a_row_of_nothing() -> None:
    gained = pd.DataFrame({"BTC": [1.0, 2.0]}, ends(2))
    table = by_gate_period(gained, [gate_period(ends(2)[1], None)])
    assert table["BTC"].tolist() == [0.0, 3.0]


def test_without_gate_periods_all_is_outside() -> None:
    assert by_gate_period(pd.DataFrame({"BTC": [1.0, 2.0]}, ends(2)), []).to_dict("index") == {
        OUTSIDE: {"BTC": 3.0}
    }


# --- months ---------------------------------------------------------------------------------------


def test_monthly_returns_by_hand() -> None:
    """A bar that ends at 24:00 of 31 January belongs to January."""
    days = ["2020-01-31", "2020-02-01", "2020-02-02", "2020-03-01", "2020-03-02", "2020-04-01"]
    values = [100.0, 110.0, 99.0, 120.0, 150.0, 165.0]
    equity = pd.Series(values, pd.DatetimeIndex(days, tz="UTC"))
    assert {str(month): gain for month, gain in monthly_returns(equity).items()} == pytest.approx(
        {"2020-01": 110 / 100 - 1, "2020-02": 120 / 110 - 1, "2020-03": 165 / 120 - 1}
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_months_multiply_to_the_total_return(seed: int) -> None:
    result = drawn(seed)
    months = monthly_returns(result.equity["value"])
    assert np.prod(1.0 + months) - 1.0 == pytest.approx(
        result.metrics.total_return, rel=1e-9, abs=1e-12
    )
    assert months.index.is_unique and months.index.is_monotonic_increasing


@pytest.mark.parametrize(
    ("length", "count"),
    [(pd.Timedelta(days=1), 400), (pd.Timedelta(hours=4), 900), (pd.Timedelta(hours=1), 2000)],
)
def test_months_are_those_of_pandas(length: pd.Timedelta, count: int) -> None:
    """`resample` closed on the right puts 24:00 into the day and month that it ends."""
    instants = ends(count, FIRST + pd.Timedelta(days=11), length)
    equity = pd.Series(
        100.0 * np.exp(np.cumsum(np.random.default_rng(5).normal(0.0, 0.02, count))), instants
    )
    daily = equity.resample("1D", closed="right", label="left").last().dropna()
    monthly = daily.resample("MS").last()
    expected = pd.concat((pd.Series([daily.iloc[0]]), monthly)).pct_change().dropna()
    got = monthly_returns(equity)
    np.testing.assert_allclose(got.to_numpy(), expected.to_numpy(), rtol=1e-12)
    assert [f"{month}" for month in got.index] == [f"{day:%Y-%m}" for day in monthly.index]


def test_files_give_the_same_months(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The page reads them from equity.csv, whose instants have seconds only."""
    equity = drawn(0).equity["value"]
    place = tmp_path_factory.mktemp("months") / "equity.csv"
    equity.to_csv(place)
    read = pd.read_csv(place, parse_dates=["time"]).set_index("time")["value"]
    pd.testing.assert_series_equal(
        monthly_returns(read), monthly_returns(equity), check_freq=False, check_names=False
    )
