"""Bull and bear markets: their turns, how long they last, and that the gate has no part in them."""

from math import log, sqrt

import numpy as np
import pandas as pd
import pytest

from backtests.calibration.coin_days import read_coin_days
from backtests.calibration.regimes import Regimes, bull_days, draw_states, find_regimes
from backtests.calibration.worlds import draw_world, drifts, make_source
from brokers.prices.series import DataError
from tests.backtests.calibration.test_worlds import bars, made_series

DAYS = pd.date_range("2015-01-01", periods=900, tz="UTC", unit="ns")


def cycles(count: int, up: int, down: int) -> np.ndarray:
    """Closes that rise fourfold in `up` days and fall by three quarters in `down`."""
    rise, fall = (np.linspace(0.0, log(4.0), length + 1) for length in (up, down))
    return 100.0 * np.exp(np.concatenate([np.concatenate((rise[:-1], fall[:0:-1]))] * count))


def test_a_market_turns_at_the_peak_before_it_halves_and_at_the_trough_before_it_doubles() -> None:
    closes = np.array([100, 150, 220, 180, 200, 109, 90, 150, 70, 141, 300, 160])
    # 220 halves by 109; 90 has not doubled by 150, but 70 has by 141; 300 has not halved.
    assert bull_days(closes).tolist() == [True] * 3 + [False] * 6 + [True] * 3


def test_prices_that_halve_first_begin_in_a_bear_market() -> None:
    closes = np.array([100, 120, 80, 59, 40, 70, 81])  # 59 is below half of 120, 81 twice 40
    assert bull_days(closes).tolist() == [False] * 5 + [True] * 2


def test_markets_last_on_average_what_the_real_ones_did() -> None:
    regimes = find_regimes(pd.Series(cycles(3, 200, 100), DAYS), DAYS)
    # Three rises of 200 days, the first with the first day, and three falls of 100, of which the
    # last lacks its trough.
    assert regimes.bull.sum() == 601
    assert regimes.ends_bull == pytest.approx(3 / 601)
    assert regimes.ends_bear == pytest.approx(3 / 299)
    assert regimes.share == pytest.approx(601 / 900)


def test_prices_that_never_halved_have_no_regimes() -> None:
    closes = pd.Series(np.linspace(100.0, 300.0, 900), DAYS)
    with pytest.raises(DataError, match="never halved"):
        find_regimes(closes, DAYS)


def test_the_chain_stays_as_long_as_its_chances_say() -> None:
    """Geometric durations of mean 50 and 25 days: two thirds of the days are in bull markets."""
    regimes = Regimes(np.ones(1, dtype=bool), 1 / 50, 1 / 25)
    states = draw_states(regimes, 400_000, np.random.default_rng(5))
    lengths = np.diff(np.flatnonzero(np.diff(states) != 0))
    number = len(lengths) / 2
    begins = states[np.flatnonzero(np.diff(states) != 0)[:-1] + 1]
    assert lengths[begins == 1].mean() == pytest.approx(50, abs=5 * 50 / sqrt(number))
    assert lengths[begins == 0].mean() == pytest.approx(25, abs=5 * 25 / sqrt(number))
    assert states.mean() == pytest.approx(2 / 3, abs=0.02)


def test_worlds_with_regimes_have_long_markets_and_the_mean_of_the_coin() -> None:
    """Real days rise by log(4) / 200 in bull markets and fall twice as fast in bear markets."""
    closes = cycles(3, 200, 100)
    coins = read_coin_days([made_series("BTC-USD", bars(closes, DAYS))])
    regimes = find_regimes(pd.Series(closes, DAYS), coins.days)
    source = make_source(coins, np.zeros(900, dtype=bool), regimes=regimes)
    means, switches = [], []
    for number in range(200):
        frame = draw_world(source, 1, number).frames[coins.requests[0]]
        moves = np.log(frame["close"]).diff().iloc[1:].to_numpy()
        means.append(moves.mean())
        switches.append(np.mean(np.diff(moves > 0.0) != 0))
    real = log(closes[-1] / closes[0]) / 899
    assert np.mean(means) == pytest.approx(real, abs=4 * np.std(means) / sqrt(200))
    # A chain that stays 200 and 100 days switches 2 times in 300; days drawn one by one, on 4 of 9.
    assert np.mean(switches) == pytest.approx(2 / 300, abs=0.002)
    # In the long run it is in bull markets on 601 of 900 days, which the drift makes up for.
    bull, bear = log(4.0) / 200, -log(4.0) / 100
    expected = (601 * bull + 299 * bear) / 900
    assert drifts(source)[1:, 0] == pytest.approx(real - expected, abs=1e-5)
