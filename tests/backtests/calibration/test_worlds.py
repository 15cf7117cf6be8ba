"""Worlds are what they claim: whole real days in blocks, a coin's own mean, and a gate that says as
much about coins as it should.
"""

from math import log, sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from backtests.calibration.coin_days import CLOSE, CoinDays, make_pools, read_coin_days
from backtests.calibration.worlds import (
    Source,
    World,
    draw_world,
    drifts,
    make_source,
    measured_effect,
    open_days,
    with_coins,
)
from backtests.engine.inputs import Inputs, prepare_inputs
from brokers.prices.load import load_prices
from brokers.prices.series import BAR_COLUMNS, DataError, Request, Series
from config.settings import load
from tests.backtests.tuning.evaluators import NOW
from tests.price_folder import overrides

COINS = ["BTC-USD", "ETH-USD", "SOL-USD"]
WORLDS = 150
DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def inputs(whole_folder: Path, cache: Path) -> Inputs:
    settings = load(None, overrides(whole_folder, cache))
    return prepare_inputs(settings, load_prices(settings, NOW))


@pytest.fixture(scope="module")
def coins(inputs: Inputs) -> CoinDays:
    return read_coin_days(inputs.prices.series.values())


@pytest.fixture(scope="module")
def source(inputs: Inputs, coins: CoinDays) -> Source:
    return make_source(coins, open_days(inputs.table, coins.days))


def log_returns(world: World, symbol: str) -> pd.Series:
    frame = next(frame for request, frame in world.frames.items() if request.symbol == symbol)
    return np.log(frame["close"]).diff().iloc[1:]


def made_series(symbol: str, frame: pd.DataFrame, timeframe: str = "1d") -> Series:
    request = Request(symbol, "coin", timeframe=timeframe)
    return Series(request, "folder", "made up", frame, "0", ())


def bars(closes: np.ndarray, index: pd.DatetimeIndex) -> pd.DataFrame:
    opened = np.concatenate((closes[:1], closes[:-1]))
    high, low = 1.01 * np.maximum(opened, closes), 0.99 * np.minimum(opened, closes)
    columns = (opened, high, low, closes, closes, np.arange(1.0, len(closes) + 1.0))
    return pd.DataFrame(dict(zip(BAR_COLUMNS, columns, strict=True)), index)


def walk(seed: int, count: int) -> np.ndarray:
    return np.asarray(
        100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.01, count)))
    )


def test_a_day_of_all_coins_is_one_real_day_of_all_of_them(inputs: Inputs, source: Source) -> None:
    """Except what is added to a coin's close: the same on all days with the same coins."""
    world = draw_world(source, 3, 0)
    days = source.coins.days
    for symbol in COINS:
        real = inputs.prices.of(symbol).frame
        drawn = log_returns(world, symbol)
        rows = world.rows[days.get_indexer(drawn.index)]
        was = np.log(real["close"]).diff().reindex(days).to_numpy()[rows]
        added = drawn.to_numpy() - was
        pools = source.pools.of[days.get_indexer(drawn.index)]
        for pool in np.unique(pools):
            assert np.ptp(added[pools == pool]) == pytest.approx(0.0, abs=1e-12)
        frame = next(frame for one, frame in world.frames.items() if one.symbol == symbol)
        opened = frame["open"].to_numpy()[1:] / frame["close"].to_numpy()[:-1]
        real_opened = (real["open"] / real["close"].shift()).reindex(days).to_numpy()[rows]
        assert_allclose(opened, real_opened, rtol=1e-9)
        volume = real["volume"].reindex(days).to_numpy()[rows]
        assert_array_equal(frame["volume"].to_numpy()[1:], volume)


def test_a_world_begins_with_the_real_first_bar_on_the_real_days_and_its_bars_are_bars(
    inputs: Inputs, source: Source
) -> None:
    prices = with_coins(inputs.prices, draw_world(source._replace(effect=0.02), 4, 0).frames)
    for request, series in prices.series.items():
        real = inputs.prices.series[request]
        if request.kind != "coin":
            assert series is real
            continue
        assert_array_equal(series.frame.index, real.frame.index)
        assert series.frame.index.dtype == real.frame.index.dtype
        assert_array_equal(series.frame.iloc[0], real.frame.iloc[0])
        assert list(series.frame.columns) == list(BAR_COLUMNS)
        top, bottom = (
            getattr(series.frame[["open", "close"]], name)(axis=1) for name in ("max", "min")
        )
        assert (series.frame["high"] >= top).all() and (series.frame["low"] <= bottom).all()
        assert (series.frame["low"] > 0.0).all() and not series.frame.isna().any(axis=None)
        assert (series.frame["adj_close"] == series.frame["close"]).all()
        assert series.vintage != real.vintage and series.origin == "drawn"


def test_worlds_of_one_seed_are_numbered_and_differ(source: Source) -> None:
    first, again, other, of_other_seed = (
        draw_world(source, seed, number).rows for seed, number in ((7, 2), (7, 2), (7, 3), (8, 2))
    )
    assert_array_equal(first, again)
    assert (first != other).mean() > 0.9 and (first != of_other_seed).mean() > 0.9


def test_blocks_are_as_long_as_those_of_a_stationary_bootstrap(source: Source) -> None:
    """A day follows the one before it unless a block ends, 1 in 60; each row is as likely."""
    draws = np.array([draw_world(source, 1, number).rows for number in range(200)])
    pool = len(source.pools.rows) - 1
    rows = source.pools.rows[pool]
    some = draws[:, source.pools.of == pool] - rows[0]
    assert (some.min(), some.max()) == (0, len(rows) - 1)
    follows = some[:, 1:] == (some[:, :-1] + 1) % len(rows)
    expected = 1 / 60 * (1 - 1 / len(rows))
    error = sqrt(1 / 60 / follows.size)
    assert 1.0 - follows.mean() == pytest.approx(expected, abs=5 * error)
    blocks = some.size / 120  # the mean of a row in a block counts about half of its days
    error = len(rows) / sqrt(12) / sqrt(blocks)
    assert some.mean() == pytest.approx((len(rows) - 1) / 2, abs=5 * error)


@pytest.mark.parametrize("effect", [0.0, 0.004])
def test_a_coin_earns_its_own_mean_and_the_effect_while_the_gate_is_open(
    inputs: Inputs, source: Source, effect: float
) -> None:
    worlds = [draw_world(source._replace(effect=effect), 11, number) for number in range(WORLDS)]
    for symbol in COINS:
        closes = inputs.prices.of(symbol).frame["close"]
        mean = log(closes.iloc[-1] / closes.iloc[0]) / (len(closes) - 1)
        drawn = np.array([log_returns(world, symbol).to_numpy() for world in worlds])
        is_open = source.is_open[source.coins.days.get_indexer(closes.index[1:])]
        assert 0 < is_open.sum() < len(is_open)
        means = drawn.mean(axis=1)
        assert means.mean() == pytest.approx(mean, abs=4 * means.std() / sqrt(WORLDS))
        apart = drawn[:, is_open].mean(axis=1) - drawn[:, ~is_open].mean(axis=1)
        assert apart.mean() == pytest.approx(effect, abs=4 * apart.std() / sqrt(WORLDS))


def test_what_is_added_makes_up_for_what_the_days_of_a_pool_earned() -> None:
    """Exactly: A earns 1 % on 99 days alone and loses 0.5 % on 100 beside B, so 0.246 % a day."""
    days = pd.date_range("2020-01-01", periods=200, tz="UTC", unit="ns")
    steps = np.concatenate(([0.0], np.full(99, 0.01), np.full(100, -0.005)))
    first = bars(100.0 * np.exp(np.cumsum(steps)), days)
    second = bars(walk(2, 101), days[99:])
    coins = read_coin_days([made_series("A", first), made_series("B", second)])
    added = drifts(make_source(coins, np.zeros(200, dtype=bool)))[:, 0]
    mean = (99 * 0.01 - 100 * 0.005) / 199
    assert_allclose(added[1:100], 0.0, atol=1e-12)  # alone it is drawn from all its days
    assert_allclose(added[100:], mean + 0.005, rtol=1e-9)
    assert added[0] == 0.0


def test_without_an_effect_no_draw_reads_the_gate_and_with_one_only_the_drift_does(
    source: Source,
) -> None:
    closed = source._replace(is_open=np.zeros_like(source.is_open))
    for symbol in COINS:
        none, some, of_closed = (
            log_returns(draw_world(one, 5, 1), symbol)
            for one in (source, source._replace(effect=0.01), closed)
        )
        assert_array_equal(none, of_closed)
        is_open = source.is_open[source.coins.days.get_indexer(none.index)]
        assert_allclose(some - none, 0.01 * (is_open - is_open.mean()), atol=1e-12)


def test_the_measured_effect_is_bitcoins_mean_day_with_the_gate_open_less_closed() -> None:
    """By hand: +2 % and +4 % open, -1 % and +1 % closed; log(1.02 * 1.04) / 2 - log(.9999) / 2."""
    days = pd.date_range("2020-01-01", periods=5, tz="UTC", unit="ns")
    closes = 100.0 * np.cumprod([1.0, 1.02, 0.99, 1.04, 1.01])
    coins = read_coin_days([made_series("BTC-USD", bars(closes, days))])
    is_open = np.array([True, True, False, True, False])  # nothing is earned on the first day
    expected = log(1.02 * 1.04) / 2 - log(0.99 * 1.01) / 2
    assert measured_effect(coins, "BTC-USD", is_open) == pytest.approx(expected, rel=1e-12)
    assert measured_effect(coins, "BTC-USD", np.ones(5, dtype=bool)) == 0.0


def test_the_gate_is_open_on_a_day_if_it_was_when_the_day_began() -> None:
    days = pd.date_range("2020-01-01", periods=4, tz="UTC", unit="ns")
    known_at = pd.DatetimeIndex(["2020-01-01 21:00", "2020-01-02 21:00"], tz="UTC")
    table = pd.DataFrame({"state": ["confirmed", "dormant"]}, known_at)
    # The day that ends on 3 January began on the 2nd at 00:00, before the second row was known.
    assert open_days(table, days).tolist() == [False, False, True, False]


def test_a_missing_day_is_never_drawn_and_the_world_has_none() -> None:
    days = pd.date_range("2020-01-01", periods=300, tz="UTC", unit="ns")
    whole, holed = bars(walk(1, 300), days), bars(walk(2, 300), days).drop(days[100])
    coins = read_coin_days([made_series("A", whole), made_series("B", holed)])
    source = make_source(coins, np.zeros(300, dtype=bool))
    rows = np.concatenate([draw_world(source, 1, number).rows[1:] for number in range(40)])
    assert not np.isin([100, 101], rows).any()  # the return of the day after a gap is of two days
    assert set(rows) == set(range(1, 300)) - {100, 101}
    frame = draw_world(source, 1, 0).frames[coins.requests[1]]
    assert len(frame) == 300 and not frame.isna().any(axis=None)


def test_coins_that_never_traded_on_the_same_day_cannot_be_drawn_together() -> None:
    """On the third day both are listed; the first has a return on the 2nd and 5th day only."""
    days = pd.date_range("2020-01-01", periods=5, tz="UTC", unit="ns")
    first = bars(walk(1, 5), days).drop(days[2])
    second = bars(walk(2, 5), days).iloc[1:3]
    with pytest.raises(DataError, match="on no day"):
        make_pools(read_coin_days([made_series("A", first), made_series("B", second)]))


def test_bars_within_days_are_whole_real_days_that_end_at_the_daily_close() -> None:
    """Hourly and daily bars of one path; from the 50th day on there are hours."""
    hours = pd.date_range("2020-01-01 01:00", periods=24 * 400, freq="h", tz="UTC", unit="ns")
    closes = walk(3, len(hours))
    daily = bars(closes[23::24], hours[23::24])
    hourly = bars(closes, hours).iloc[24 * 50 :]
    coins = read_coin_days(
        [made_series("BTC-USD", daily), made_series("BTC-USD", hourly, timeframe="1h")]
    )
    source = make_source(coins, np.arange(400) >= 200, effect=0.003)
    world = draw_world(source, 1, 0)
    drawn, hourly_drawn = world.frames.values()
    assert_array_equal(hourly_drawn.index, hourly.index)
    last = hourly_drawn["close"].iloc[23::24]
    assert_allclose(last, drawn["close"].reindex(last.index), rtol=1e-12)
    number = int(coins.days.searchsorted(hourly.index[23])) + 20  # any day with hours
    real_day = coins.days[world.rows[number]]
    moves, real = (
        np.log(frame["close"]).diff()[day - DAY + pd.Timedelta(hours=2) : day]
        for frame, day in ((hourly_drawn, coins.days[number]), (hourly, real_day))
    )
    drift = float(drifts(source)[number, 0]) / 24.0
    assert_allclose(moves.to_numpy() - real.to_numpy(), drift, rtol=1e-6)
    top, bottom = (
        getattr(hourly_drawn[["open", "close"]], name)(axis=1) for name in ("max", "min")
    )
    assert (hourly_drawn["high"] >= top).all() and (hourly_drawn["low"] <= bottom).all()
    # A day that has hours is drawn from days that have hours.
    assert coins.logs.shape == (400, 1, 4) and world.rows[60:].min() >= 50
    assert coins.logs[world.rows[60], 0, CLOSE] == pytest.approx(
        log_returns(world, "BTC-USD").iloc[59] - float(drifts(source)[60, 0])
    )
