"""Settings and prices into what the engines run on."""

from pathlib import Path

import pandas as pd
import pytest

from backtests.engine.inputs import Inputs, prepare_inputs
from backtests.engine.rules import MAX_MISSING, costs, decision_rules, gate_rules
from backtests.engine.simulation import simulate
from brokers.prices.load import Prices, load_prices
from brokers.prices.series import DataError
from config.sections import NEVER
from config.settings import Settings, load
from strategies.decision import OWN_TREND
from tests.price_folder import edit, overrides

NOW = pd.Timestamp("2017-01-02", tz="UTC")
FIRST, LAST = (
    pd.Timestamp("2012-06-02", tz="UTC"),
    pd.Timestamp("2017-01-01", tz="UTC"),
)  # BTC's bars, by their ends


@pytest.fixture(scope="module")
def prices(whole_folder: Path, cache: Path) -> Prices:
    return load_prices(load([], overrides(whole_folder, cache)), NOW)


def settings_with(folder: Path, cache: Path, *changes: str) -> Settings:
    return load([], [*overrides(folder, cache), *changes])


def prepared(folder: Path, cache: Path, prices: Prices, *changes: str) -> Inputs:
    return prepare_inputs(settings_with(folder, cache, *changes), prices)


def test_without_a_window_every_bar_of_the_first_coin_is_traded(
    whole_folder: Path, cache: Path, prices: Prices
):
    grid = prepared(whole_folder, cache, prices).grid
    assert (grid[0], grid[-1], len(grid)) == (FIRST, LAST, 1675)


@pytest.mark.parametrize(
    ("changes", "first", "last"),
    [
        (["backtest.start=2014-01-01"], "2014-01-02", "2017-01-01"),
        (["backtest.end=2014-01-01"], "2012-06-02", "2014-01-02"),
        (["backtest.start=2014-01-01", "backtest.end=2014-01-02"], "2014-01-02", "2014-01-03"),
        (["backtest.start=1999-01-01", "backtest.end=2050-01-01"], "2012-06-02", "2017-01-01"),
    ],
)
def test_a_window_trades_its_first_and_its_last_day(
    *,
    changes: list[str],
    first: str,
    last: str,
    whole_folder: Path,
    cache: Path,
    prices: Prices,
):  # a day's bar ends at 24:00, the next day's midnight
    grid = prepared(whole_folder, cache, prices, *changes).grid
    assert (grid[0], grid[-1]) == (pd.Timestamp(first, tz="UTC"), pd.Timestamp(last, tz="UTC"))


@pytest.mark.parametrize("changes", [["backtest.start=2018-01-01"], ["backtest.end=2011-01-01"]])
def test_a_window_without_a_bar_says_what_there_is(
    changes: list[str], whole_folder: Path, cache: Path, prices: Prices
):
    with pytest.raises(
        DataError, match=r"no coin has a bar .*backtest\.start.*2012-06-02 to 2017-01-01"
    ):
        prepared(whole_folder, cache, prices, *changes)


def test_the_gate_does_not_depend_on_the_window(whole_folder: Path, cache: Path, prices: Prices):
    whole = prepared(whole_folder, cache, prices).table
    part = prepared(
        whole_folder, cache, prices, "backtest.start=2014-01-01", "backtest.end=2014-06-01"
    ).table
    pd.testing.assert_frame_equal(whole, part)


def test_averages_of_coins_know_the_days_before_the_window(
    whole_folder: Path, cache: Path, prices: Prices
):
    lines = prepared(whole_folder, cache, prices, "backtest.start=2014-01-01").coins["BTC"]
    closes = prices.of("BTC-USD").frame["close"]
    assert lines["own_average"].iloc[0] == pytest.approx(
        closes[closes.index <= lines.index[0]].iloc[-200:].mean()
    )


def test_a_coin_appears_with_its_first_bar(whole_folder: Path, cache: Path, prices: Prices):
    coins = prepared(whole_folder, cache, prices).coins
    assert list(coins) == ["BTC", "ETH", "SOL"]
    assert coins["ETH"].index[0] == pd.Timestamp("2013-08-02", tz="UTC")


def test_a_coin_listed_after_the_window_is_never_traded(
    whole_folder: Path, cache: Path, prices: Prices
):
    inputs = prepared(whole_folder, cache, prices, "backtest.end=2013-12-01")
    assert len(inputs.coins["SOL"]) == 0
    assert {order.symbol for order in simulate(inputs).orders} == {"BTC", "ETH"}


def test_prices_as_of_a_day_before_a_listing_can_be_prepared(
    whole_folder: Path, cache: Path, prices: Prices
):
    then = prices.until(pd.Timestamp("2013-12-01", tz="UTC"))
    assert len(prepared(whole_folder, cache, then).coins["SOL"]) == 0


def test_a_missing_bar_is_counted_and_an_ended_coin_goes_on_counting(folder: Path, cache: Path):
    edit(
        folder / "daily/ETH-USD.csv",
        lambda rows: [
            row for row in rows if row < "2016-12-01" and not row.startswith("2015-05-05")
        ],
    )
    settings = settings_with(folder, cache)
    lines = prepare_inputs(settings, load_prices(settings, NOW)).coins["ETH"]
    assert lines["stale"][pd.Timestamp("2015-05-06", tz="UTC")] == 1.0
    assert lines["stale"][pd.Timestamp("2015-05-07", tz="UTC")] == 0.0
    assert lines["stale"].iloc[-1] == 31.0
    assert lines["close"].iloc[-1] == lines["close"][pd.Timestamp("2016-12-01", tz="UTC")], (
        "valued at its last price"
    )


def test_a_holding_in_a_coin_that_ends_is_closed_after_three_bars(folder: Path, cache: Path):
    edit(folder / "daily/ETH-USD.csv", lambda rows: [row for row in rows if row < "2016-12-01"])
    settings = settings_with(folder, cache)
    run = simulate(prepare_inputs(settings, load_prices(settings, NOW)))
    last = [order for order in run.orders if order.symbol == "ETH"][-1]
    assert last.size < 0
    assert last.filled is not None
    ended = pd.Timestamp("2016-12-01", tz="UTC")
    assert pd.Timestamp(last.decided, unit="s", tz="UTC") == ended + pd.Timedelta(days=MAX_MISSING)
    assert run.decisions[-1].current[1] == 0.0


def test_a_stale_index_keeps_its_row_and_counts(folder: Path, cache: Path):
    edit(folder / "daily/RUT.csv", lambda rows: [row for row in rows if row < "2016-12-16"])
    settings = settings_with(folder, cache)
    inputs = prepare_inputs(settings, load_prices(settings, NOW))
    tail = inputs.table.loc["2016-12-15":]
    assert tail["stale"].tolist() == list(range(len(tail)))
    assert tail["state"].nunique() == tail["close"].nunique() == 1
    run = simulate(inputs)
    by_day = {pd.Timestamp(one.time, unit="s", tz="UTC"): one for one in run.decisions}
    after = settings.gate.max_gate_age
    held = by_day[tail.index[after].ceil("D")]
    sold = by_day[tail.index[after + 1].ceil("D")]
    assert sum(held.targets) > 0
    assert sum(sold.targets) == 0


def test_bitcoin_for_the_benchmarks_is_no_holding(whole_folder: Path, cache: Path, prices: Prices):
    coin = "coins=[{name='ETH',history='ETH-USD',market='ETH/USDT',weight=1.0,lag_days=0}]"
    inputs = prepared(whole_folder, cache, prices, coin)
    assert list(inputs.coins) == ["ETH"]
    assert inputs.bitcoin["close"].iloc[-1] == prices.of("BTC-USD").frame["close"].iloc[-1]
    assert inputs.grid[0] == pd.Timestamp("2013-08-02", tz="UTC"), (
        "from the first bar of what is held"
    )


def test_rules_carry_the_settings_numbers():
    settings = load(
        [],
        [
            "coins=[{name='A',history='A-USD',market='A/USD',weight=0.5,lag_days=2}]",
            "allocation.own_trend=or",
            "allocation.unready=spread",
        ],
    )
    rules, gate = decision_rules(settings), gate_rules(settings)
    assert (rules.weights, rules.lags, rules.spread, rules.own_trend) == (
        (0.5,),
        (172_800.0,),
        True,
        OWN_TREND.index("or"),
    )
    assert gate.breakout.base_sessions == settings.gate.base_sessions
    assert gate.confirmations == ("volume", "breadth", "leadership", "credit")
    assert gate.curve.channels == ("credit", "broad", "leadership")
    assert costs(settings).fee == settings.costs.fee


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("gate.trend_sessions=33", lambda gate, _: gate.trend_sessions == 33),
        ("confirmations.volume.min_ratio=1.5", lambda gate, _: gate.measures.volume_ratio == 1.5),
        ("confirmations.volume.fast_sessions=7", lambda gate, _: gate.measures.volume_fast == 7),
        ("confirmations.breadth.min_share=0.9", lambda gate, _: gate.measures.breadth_share == 0.9),
        ("confirmations.credit.sessions=44", lambda gate, _: gate.measures.credit_sessions == 44),
        (
            "confirmations.leadership.sessions=45",
            lambda gate, _: gate.measures.leadership_sessions == 45,
        ),
        ("risk_curve.broad_sessions=46", lambda gate, _: gate.measures.broad_sessions == 46),
        ("risk_curve.rates_sessions=47", lambda gate, _: gate.measures.rates_sessions == 47),
        ("prices.max_age_sessions=3", lambda gate, _: gate.measures.max_age_sessions == 3),
        ("prices.max_age_macro=9", lambda gate, _: gate.measures.max_age_macro_days == 9),
        ("gate.max_gate_age=2", lambda _, decision: decision.max_gate_age == 2),
        ("gate.when_stale=hold", lambda _, decision: decision.max_gate_age == NEVER),
        ("allocation.cash_reserve=0.1", lambda _, decision: decision.cash_reserve == 0.1),
        ("allocation.drawdown_stop=0.3", lambda _, decision: decision.drawdown_stop == 0.3),
        ("allocation.target_volatility=0.4", lambda _, decision: decision.target_volatility == 0.4),
        ("allocation.band=0.5", lambda _, decision: decision.band == 0.5),
    ],
)
def test_a_changed_setting_reaches_its_rule_and_no_other(text: str, read: object):
    before, after = load(), load([], [text])
    assert read(gate_rules(after), decision_rules(after))
    assert not read(gate_rules(before), decision_rules(before))
    flat = [_flat((gate_rules(one), decision_rules(one))) for one in (before, after)]
    assert sum(was != now for was, now in zip(*flat, strict=True)) == 1


def _flat(value: object) -> list[object]:
    return [leaf for part in value for leaf in _flat(part)] if isinstance(value, tuple) else [value]
