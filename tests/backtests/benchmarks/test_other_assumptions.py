"""The strategy under other assumptions: against backtrader on delayed inputs, and by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.benchmarks.benchmarks import prepare_kernel
from backtests.benchmarks.other_assumptions import Variant, delay_bars, other_assumptions
from backtests.engine.inputs import Inputs, prepare_inputs
from backtests.engine.simulation import simulate
from backtests.performance.metrics import DAYS, Metrics, measure, returns, sharpe
from backtests.performance.result import evaluate_run
from brokers.prices.clean import bar_length
from tests.scenes import DAY, bars, changed, ends, gate_rows, random_backtest, written

HOUR = pd.Timedelta(hours=1)
LATER = ["decided an hour later", "decided a day later"]


def gate(ceilings: list[float], known_at: pd.DatetimeIndex) -> pd.DataFrame:
    table = gate_rows(ceilings, known_at)
    return table.assign(after_base=True, level=90.0, base_age=300, reason="")


def variants(inputs: Inputs) -> dict[str, Variant]:
    result = evaluate_run(inputs, simulate(inputs))
    return {one.name: one for one in other_assumptions(result, prepare_kernel(inputs))}


def figures(inputs: Inputs, name: str) -> Metrics:
    metrics = variants(inputs)[name].metrics
    assert metrics is not None
    return metrics


def rising(count: int, length: pd.Timedelta, **changes: Any) -> Inputs:
    """One coin whose opens are 100, 101, ... and a gate that opens, without costs.

    It is known half a bar before the fourth bar of the second day ends.
    """
    opens = np.arange(100.0, 100.0 + count)
    index = ends(count, length=length)
    frame = bars(opens + 1.0, index, opens=opens)
    opening = _opening_row(length)
    known_at = index[opening - 1 : opening + 1] - length / 2
    timeframe = {HOUR: "1h", DAY: "1d", 4 * HOUR: "4h"}[length]
    settings = {"exchange.timeframe": timeframe} | changes
    return written({"BTC": frame}, gate([0.0, 1.0], known_at), settings, length)


def _opening_row(length: pd.Timedelta) -> int:
    """The fourth bar of the second day; a coin has no lines before its first day has ended."""
    return round(DAY / length) + 3


@pytest.mark.parametrize(
    ("length", "name", "delay"),
    [
        (HOUR, LATER[0], 1),
        (HOUR, LATER[1], 24),
        (4 * HOUR, LATER[1], 6),
        (DAY, LATER[1], 1),
    ],
)
def test_a_delay_buys_at_the_open_that_many_bars_later(
    length: pd.Timedelta, name: str, delay: int
) -> None:
    """Decided as the gate is known, without delay it is bought at the next bar's open."""
    inputs = rising(60, length)
    at_once = evaluate_run(inputs, simulate(inputs)).metrics.total_return
    bought = 100.0 + _opening_row(length) + 1
    assert at_once == pytest.approx(160.0 / bought - 1)
    expected = 160.0 / (bought + delay) - 1
    assert figures(inputs, name).total_return == pytest.approx(expected)


@pytest.mark.parametrize("length", [4 * HOUR, DAY])
def test_an_hour_is_not_made_up_where_bars_are_longer(length: pd.Timedelta) -> None:
    hour = variants(rising(20, length))[LATER[0]]
    assert hour.metrics is None
    assert "needs hourly bars" in hour.text


def test_lags_are_delayed_too() -> None:
    """Ready two days after the confirmation, which is known in the middle of the fifth day."""
    inputs = rising(30, DAY)
    coins = [inputs.settings.coins[0].model_dump() | {"lag_days": 2}]
    settings = changed(inputs.settings, {"coins": coins})
    inputs = inputs._replace(settings=settings, rules=inputs.rules._replace(lags=(2.0 * 86400,)))
    at_once = evaluate_run(inputs, simulate(inputs)).metrics.total_return
    assert at_once == pytest.approx(130.0 / 107.0 - 1)
    assert figures(inputs, LATER[1]).total_return == pytest.approx(130.0 / 108.0 - 1)


def delayed(inputs: Inputs) -> Inputs:
    """The inputs of a trader to whom everything but prices becomes known a day later."""
    moved = inputs.table.assign(confirmed_at=inputs.table["confirmed_at"] + DAY)
    moved.index = moved.index + DAY
    bars_of_a_day = round(DAY / bar_length(inputs.settings.exchange.timeframe))
    coins = {
        name: lines.assign(volatility=lines["volatility"].shift(bars_of_a_day))
        for name, lines in inputs.coins.items()
    }
    return inputs._replace(table=moved, coins=coins)


def drawn() -> list[Inputs]:
    """Random markets in which the gate opens after the first day.

    Every coin is listed from the first bar.
    """
    chosen = []
    for seed in range(30):
        inputs = random_backtest(np.random.default_rng((17, seed)))
        inputs = prepare_inputs(
            changed(inputs.settings, {"allocation.own_trend": "off"}), inputs.prices
        )
        listed = all(lines["close"].notna()[:1].sum() for lines in inputs.coins.values())
        ceiling, first = inputs.table["ceiling"], inputs.grid[0]
        is_shut = ceiling[ceiling.index <= first + DAY].iloc[-1:].sum() == 0.0
        if listed and is_shut and (ceiling[ceiling.index > first] > 0).any():
            chosen.append(inputs)
    return chosen


def test_a_day_later_is_what_backtrader_does_when_all_is_known_a_day_later() -> None:
    compared = 0
    for inputs in drawn():
        run = simulate(delayed(inputs))
        expected = evaluate_run(inputs, run).metrics
        got = figures(inputs, LATER[1])
        assert got.orders == expected.orders
        assert got.total_return == pytest.approx(expected.total_return, rel=1e-9, abs=1e-12)
        assert got.exposure == pytest.approx(expected.exposure, rel=1e-9, abs=1e-12)
        compared += expected.orders > 2
    assert compared >= 5


@pytest.mark.parametrize("own_trend", ["and", "or"])
def test_a_coins_own_trend_is_the_earlier_one(own_trend: str) -> None:
    """Averages of two days: day 3 falls below, day 6 rises above; the gate is open all the time.

    With `or` and a closed gate the coin is bought the day after it rose, a day later with delay.
    """
    closes = [100.0, 101.0, 90.0, 80.0, 70.0, 90.0, 100.0, 110.0, 120.0]
    index = ends(len(closes))
    ceiling = 1.0 if own_trend == "and" else 0.0
    table = gate([ceiling], index[:1] - DAY)
    changes = {"allocation.own_trend": own_trend, "exchange.timeframe": "1d"}
    inputs = written({"BTC": bars(closes, index)}, table, changes)
    later = delay_bars(prepare_kernel(inputs).basket, 1)
    above = later.close[2:, 0] > later.own_average[2:, 0]
    assert above.tolist() == [True, False, False, False, True, True, True]
    # Bought at 101 as day 3 begins and sold at 80, or 90 without delay; bought again as day 8
    # begins, at 100, or at 90 a day before.
    run = evaluate_run(inputs, simulate(inputs)).metrics
    assert run.total_return == pytest.approx(90.0 / 101.0 * 120.0 / 90.0 - 1)
    assert figures(inputs, LATER[1]).total_return == pytest.approx(80.0 / 90.0 * 120.0 / 100.0 - 1)


def test_a_coin_is_listed_a_delay_later() -> None:
    index = ends(8)
    young = bars([np.nan] * 3 + [10.0, 20.0, 40.0, 80.0, 80.0], index)
    frames = {"BTC": bars([100.0] * 8, index), "ETH": young}
    inputs = written(frames, gate([1.0], index[:1] - DAY), {"exchange.timeframe": "1d"})
    later = delay_bars(prepare_kernel(inputs).basket, 2)
    assert np.isnan(later.missing[:, 1]).tolist() == [True] * 5 + [False] * 3
    assert later.missing[5:, 1].tolist() == [0.0] * 3
    assert later.settled[5] == 0  # decided anew, as the coin may be bought from here on


def test_in_excess_of_cash_an_account_of_cash_alone_gains_nothing() -> None:
    inputs = rising(400, DAY, **{"costs.cash_yield": 0.05})
    closed = inputs._replace(table=inputs.table.assign(ceiling=0.0, state="dormant"))
    run = evaluate_run(closed, simulate(closed)).metrics
    assert run.total_return == pytest.approx(1.05 ** (399 / DAYS) - 1)
    excess = figures(closed, "in excess of cash")
    assert excess.total_return == pytest.approx(0.0, abs=1e-9)
    assert excess.sharpe is None


def test_in_excess_of_cash_the_account_is_measured_in_what_cash_became() -> None:
    inputs = rising(400, DAY, **{"costs.cash_yield": 0.05})
    result = evaluate_run(inputs, simulate(inputs))
    cash = 1.05 ** (np.arange(400) / 365)
    expected = measure(result.equity["value"] / cash, np.zeros(400), 0.0, 0, 0.0)
    got = figures(inputs, "in excess of cash")
    assert (got.sharpe, got.cagr) == pytest.approx((expected.sharpe, expected.cagr))
    assert got.sharpe != pytest.approx(sharpe(returns(result.equity["value"].to_numpy())))
    assert "costs.cash_yield is 0" in variants(rising(20, DAY))["in excess of cash"].text


def test_the_line_after_tax_is_there_at_a_tax_rate_only() -> None:
    """Bought at 104, the gate closes again and all is sold at 108: 4 of each 104 are taxed."""
    opens = np.arange(100.0, 130.0)
    index = ends(30)
    table = gate([0.0, 1.0, 0.0], index[[2, 3, 7]] - DAY / 2)
    frame = {"BTC": bars(opens + 1.0, index, opens=opens)}
    changes = {"exchange.timeframe": "1d"}
    assert "after tax" not in variants(written(frame, table, changes))
    inputs = written(frame, table, changes | {"costs.tax_rate": 0.5})
    untaxed = evaluate_run(inputs, simulate(inputs)).metrics.total_return
    assert untaxed == pytest.approx(108.0 / 104.0 - 1)
    after = variants(inputs)["after tax"]
    assert after.metrics is not None
    assert after.metrics.total_return == pytest.approx(0.5 * 4.0 / 104.0)
    assert "50.0% of each year's realised gains" in after.text
    assert "19 paid in all" in after.text  # 1000 * 0.5 * 4 / 104 = 19.2
