"""Two sources of one series against two series, on made-up returns and on the real files."""

from functools import cache
from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest

from brokers.prices.same_series import (
    COMPARED_RETURNS,
    FEWEST_RETURNS,
    LARGEST_DIFFERENCE,
    LARGEST_SHARE,
    QUARTER,
    RECENT_FACTOR,
    RECENT_RETURNS,
    difference_in_returns,
)
from brokers.prices.series import DataError
from tests.scenes import REAL, realdata

DAYS = pd.bdate_range("2020-01-01", periods=1000)


def closes_of(returns: np.ndarray) -> pd.Series:
    return pd.Series(100.0 * np.exp(np.cumsum(returns)), DAYS[: len(returns)])


def walk(days: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.01, days)


def apart_by(returns: np.ndarray, difference: float) -> pd.Series:
    """Closes whose every return differs by exactly this, now up, now down."""
    return closes_of(returns + difference * np.where(np.arange(len(returns)) % 2, 1.0, -1.0))


@pytest.mark.parametrize(("factor", "same"), [(0.99, True), (1.01, False)])
def test_the_bound_of_a_us_series_is_the_median_difference(factor: float, *, same: bool) -> None:
    returns = walk(400)
    other = apart_by(returns, factor * LARGEST_DIFFERENCE)
    text = difference_in_returns(closes_of(returns), other, "session")
    assert (text == "") is same
    if not same:
        assert text == (
            "their daily returns differ by 0.03% (median) over the last 250 that both have, more "
            "than 0.03%"
        )


@pytest.mark.parametrize(("factor", "same"), [(0.99, True), (1.01, False)])
def test_the_bound_of_a_coin_is_a_share_of_its_median_move(factor: float, *, same: bool) -> None:
    returns = 0.04 * np.where(np.arange(400) % 3, 1.0, -1.0)
    other = apart_by(returns, factor * LARGEST_SHARE * 0.04)
    assert (difference_in_returns(closes_of(returns), other, "coin") == "") is same


def test_few_wrong_closes_and_dividends_that_one_has_taken_out_are_no_other_series() -> None:
    returns = walk(400)
    other = returns.copy()
    other[::21] += 0.005  # a dividend a month
    other[[200, 201, 390, 391]] += [0.3, -0.3, 0.04, -0.04]
    assert difference_in_returns(closes_of(returns), closes_of(other), "session") == ""


def test_another_series_of_late_is_seen_although_the_year_agrees() -> None:
    returns = walk(400)
    other = returns.copy()
    other[-RECENT_RETURNS:] = walk(RECENT_RETURNS, seed=2)
    text = difference_in_returns(closes_of(returns), closes_of(other), "session")
    assert f"over the last {RECENT_RETURNS} that" in text


def test_a_short_common_history_is_judged_by_the_wider_bound_and_a_few_rows_not_at_all() -> None:
    returns = walk(QUARTER)
    ours = closes_of(returns)
    near, far = (factor * RECENT_FACTOR * LARGEST_DIFFERENCE for factor in (0.9, 1.1))
    assert difference_in_returns(ours, apart_by(returns, near), "session") == ""
    assert difference_in_returns(ours, apart_by(returns, far), "session")
    with pytest.raises(DataError, match="has only 5 rows in common"):
        difference_in_returns(ours, ours.iloc[-FEWEST_RETURNS:], "session")
    assert difference_in_returns(ours, ours.iloc[-FEWEST_RETURNS - 1 :], "session") == ""


def test_returns_over_a_gap_of_one_source_are_those_of_both() -> None:
    returns = walk(400)
    ours = closes_of(returns)
    weekly = ours.iloc[::5]
    assert difference_in_returns(weekly, ours, "session") == ""


@cache
def real_closes(name: str, column: str = "Close") -> pd.Series:
    return pd.read_csv(REAL / f"daily/{name}.csv", index_col=0, parse_dates=True)[column]


US = [
    *("GSPC", "HYG", "IEF", "IWM", "KRE", "LQD", "QQQ", "RSP"),
    *("RUT", "SHY", "SPY", "TLT", "VIX", "XBI", "XLI"),
]
COINS = ["ADA", "BNB", "BTC", "DOGE", "ETH", "LINK", "LTC", "SOL", "XRP"]
OWN_FUND = {("GSPC", "SPY")}  # the one pair that is the same within rounding, in some years


def windows(*series: pd.Series) -> pd.Series:
    """The median difference of returns in each run of `COMPARED_RETURNS`."""
    common = pd.concat(series, axis=1, sort=True).dropna()
    returns = np.log(common).diff().dropna()
    apart = (returns.iloc[:, 0] - returns.iloc[:, 1]).abs()
    return apart.rolling(COMPARED_RETURNS).median().dropna()


def share(*series: pd.Series) -> pd.Series:
    """The same of coins, as a share of the first's median move."""
    common = pd.concat(series, axis=1, sort=True).dropna()
    moves = np.log(common.iloc[:, 0]).diff().dropna().abs()
    return windows(*series) / moves.rolling(COMPARED_RETURNS).median().dropna()


@realdata
def test_no_two_us_series_are_taken_for_one_in_any_year() -> None:
    nearest = {
        pair: windows(*map(real_closes, pair)).min()
        for pair in combinations(US, 2)
        if pair not in OWN_FUND
    }
    pair = min(nearest, key=lambda pair: nearest[pair])
    assert pair == ("IWM", "RUT") and nearest[pair] == pytest.approx(0.00032, abs=1e-5)
    assert nearest[pair] > LARGEST_DIFFERENCE
    del nearest[pair]
    assert min(nearest.values()) > 1.9 * LARGEST_DIFFERENCE, "IEF and LQD"


@realdata
@pytest.mark.parametrize("name", US)
def test_another_vendor_of_a_us_series_is_the_same_series_in_every_year(name: str) -> None:
    """Rounded to cents, less dividends, both, and with an error of a basis point a day."""
    closes, total = real_closes(name), real_closes(name, "Adj Close")
    error = np.random.default_rng(0).normal(0.0, 1e-4, len(closes))
    for other in (closes.round(2), total, total.round(2), (closes * np.exp(error)).round(2)):
        assert windows(closes, other).max() < 0.75 * LARGEST_DIFFERENCE
        for end in range(len(closes) - 1, 500, -500):
            pair = (closes.iloc[:end], other.iloc[:end])
            assert difference_in_returns(*pair, "session") == ""


@realdata
def test_coins_of_two_vendors_are_the_same_since_2021_and_no_two_coins_ever() -> None:
    for coin in COINS:
        pair = [real_closes(f"{coin}{vendor}") for vendor in ("-USD", "USDT")]
        assert share(*pair)["2021-06":].max() < 0.1, coin
        assert difference_in_returns(*pair, "coin") == "", coin
    names = [f"{coin}{vendor}" for coin in COINS for vendor in ("-USD", "USDT")]
    for one, other in permutations(names, 2):
        if one[:3] != other[:3]:
            assert share(real_closes(one), real_closes(other)).min() > LARGEST_SHARE
