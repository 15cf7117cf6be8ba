"""The history of `evidence` with drawn coins: all its coins are drawn, and nothing else is."""

import numpy as np
import pandas as pd
import pytest

from backtests.calibration.coin_days import read_coin_days
from backtests.calibration.evidence_worlds import EARLIER, coins_of, with_drawn_coins
from backtests.calibration.worlds import draw_world, make_source
from backtests.evidence.history import ALTS, BITCOIN, ETHER, INDEX, History
from backtests.evidence.measure import claims_without_coins
from brokers.prices.load import Prices
from brokers.prices.series import Request, Series
from config.settings import Settings
from tests.backtests.calibration.test_worlds import bars, made_series, walk
from tests.scenes import configured

SETTINGS: Settings = configured({"evidence.alts": ["LTC-USD"]})
DAYS = pd.date_range("2014-01-01", periods=500, tz="UTC", unit="ns")


def coin(symbol: str, seed: int, begin: int = 0) -> Series:
    return made_series(symbol, bars(walk(seed, 500 - begin), DAYS[begin:]))


@pytest.fixture
def history() -> History:
    """Bitcoin with closes of another source for 200 days before its own first bar."""
    bitcoin, ether, litecoin = coin("BTC-USD", 1), coin("ETH-USD", 2, 100), coin("LTC-USD", 3)
    before = pd.Series(walk(4, 200), pd.date_range(end=DAYS[0], periods=201, tz="UTC")[:-1])
    sessions = pd.Series(walk(5, 50), pd.date_range("2014-01-02 21:00", periods=50, tz="UTC"))
    index = Series(
        Request("^RUT", "session"), "folder", "made up", sessions.to_frame("close"), "0", ()
    )
    closes = {item.request.symbol: item.frame["close"] for item in (bitcoin, ether, litecoin)}
    series = (bitcoin, ether, litecoin, index)
    prices = Prices({item.request: item for item in (bitcoin, index)}, sessions, DAYS[-1])
    return History(
        prices=prices,
        bars=sessions.to_frame("close"),
        closes=sessions,
        broad=sessions,
        bonds={},
        assets={
            BITCOIN: pd.concat([before, closes["BTC-USD"]]),
            ETHER: closes["ETH-USD"],
            ALTS: closes["LTC-USD"] / closes["LTC-USD"].iloc[0],
            INDEX: sessions,
        },
        lacking={},
        series=series,
        alts={"LTC-USD": closes["LTC-USD"]},
        volumes={BITCOIN: bitcoin.frame["volume"], INDEX: sessions},
    )


def test_bitcoins_earlier_closes_are_a_coin_of_their_own(history: History) -> None:
    earlier, *others = coins_of(history, SETTINGS)
    assert earlier.request == EARLIER
    assert (len(earlier.frame), earlier.frame.index[-1]) == (200, DAYS[0] - pd.Timedelta(days=1))
    assert [item.request.symbol for item in others] == ["BTC-USD", "ETH-USD", "LTC-USD"]


def test_every_coin_is_the_drawn_one_and_the_market_is_as_it_was(history: History) -> None:
    coins = read_coin_days(coins_of(history, SETTINGS))
    frames = draw_world(make_source(coins, np.zeros(len(coins.days), dtype=bool)), 1, 0).frames
    world = with_drawn_coins(history, SETTINGS, frames)
    drawn = {request.symbol: frame for request, frame in frames.items()}
    bitcoin = drawn["BTC-USD"]["close"]
    assert world.assets[BITCOIN].iloc[200:].equals(bitcoin)
    assert world.assets[ETHER].equals(drawn["ETH-USD"]["close"])
    assert world.alts["LTC-USD"].equals(drawn["LTC-USD"]["close"])
    litecoin = drawn["LTC-USD"]["close"]
    np.testing.assert_allclose(world.assets[ALTS], litecoin / litecoin.iloc[0], rtol=1e-9)
    assert world.volumes[BITCOIN].equals(drawn["BTC-USD"]["volume"])
    assert world.prices.of("BTC-USD").frame["close"].equals(bitcoin)
    for name in ("bars", "closes", "broad"):
        assert getattr(world, name) is getattr(history, name)
    assert world.assets[INDEX] is history.assets[INDEX]
    assert world.volumes[INDEX] is history.volumes[INDEX]
    by_symbol = {item.request.symbol: item.frame for item in world.series}
    assert by_symbol["BTC-USD"]["close"].equals(bitcoin)
    assert by_symbol["^RUT"] is history.series[-1].frame
    # All are other prices than the real ones.
    for name in (BITCOIN, ETHER, ALTS):
        assert not np.allclose(world.assets[name], history.assets[name])


def test_the_return_between_both_sources_of_bitcoin_is_the_real_one(history: History) -> None:
    coins = read_coin_days(coins_of(history, SETTINGS))
    source = make_source(coins, np.zeros(len(coins.days), dtype=bool))
    for number in range(3):
        frames = draw_world(source, 1, number).frames
        world = with_drawn_coins(history, SETTINGS, frames).assets[BITCOIN]
        real = history.assets[BITCOIN]
        assert world.index.equals(real.index)
        assert world.iloc[200] / world.iloc[199] == pytest.approx(real.iloc[200] / real.iloc[199])
        # Earlier days are drawn from earlier days: there is no other coin on them.
        moves = np.log(world).diff().iloc[2:200].to_numpy()
        assert moves.std() == pytest.approx(np.log(real).diff().iloc[2:200].std(), rel=0.3)


def test_claims_of_the_market_alone_are_the_same_in_every_world(history: History) -> None:
    coins = read_coin_days(coins_of(history, SETTINGS))
    frames = draw_world(make_source(coins, np.zeros(len(coins.days), dtype=bool)), 1, 0).frames
    world = with_drawn_coins(history, SETTINGS, frames)
    of_market = claims_without_coins(history, SETTINGS)
    assert of_market == claims_without_coins(world, SETTINGS)
    assert {claim.id for claim in of_market} == {"A14", "B3"}
