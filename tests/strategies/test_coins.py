"""A coin's lines: the grid, the gaps, and what its averages knew."""

import math

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.coins import COIN_LINES, coin_lines

DAYS = pd.date_range("2024-01-01", periods=12, freq="D", tz="UTC")


def bars(closes: list[float | None], ends: pd.DatetimeIndex = DAYS) -> pd.DataFrame:
    """Bars around the closes: open a half below, high one above, low one below, volume 10.

    None is a bar that is not there.
    """
    close = pd.Series(closes, ends[: len(closes)], dtype=float).dropna()
    return pd.DataFrame(
        {"open": close - 0.5, "high": close + 1, "low": close - 1, "close": close, "volume": 10.0}
    )


def lines(
    bar_closes: list[float | None],
    daily: list[float] | None = None,
    grid: pd.DatetimeIndex = DAYS,
    average_days: int = 2,
) -> pd.DataFrame:
    """Lines on a daily grid; the daily closes are the bars' own unless given."""
    some = bars(bar_closes)
    closes = some["close"] if daily is None else pd.Series(daily, DAYS[: len(daily)])
    return coin_lines(some, closes, grid, average_days, 2)


def test_one_row_an_instant_of_the_grid_with_the_bars_own_numbers() -> None:
    got = lines([10.0, 11.0, 12.0], grid=DAYS[:3])
    assert tuple(got.columns) == COIN_LINES
    assert got.index.equals(DAYS[:3])
    assert got.loc[DAYS[1], list(COIN_LINES[:5])].tolist() == [10.5, 12.0, 10.0, 11.0, 10.0]
    assert got["stale"].tolist() == [0.0, 0.0, 0.0]


def test_a_coin_listed_late_starts_at_its_first_bar() -> None:
    got = lines([None, None, None, 10.0, 11.0], grid=DAYS[:5])
    assert got.index.equals(DAYS[3:5])
    assert got["stale"].tolist() == [0.0, 0.0]


def test_a_missing_bar_stands_at_the_last_close_with_no_volume() -> None:
    got = lines([10.0, None, 12.0], grid=DAYS[:3])
    assert got.iloc[1][list(COIN_LINES[:5])].tolist() == [10.0, 10.0, 10.0, 10.0, 0.0]
    assert got.iloc[2]["close"] == 12.0


def test_stale_counts_the_bars_missing_since_the_last_real_one() -> None:
    got = lines([10.0, None, None, 12.0, None, 13.0], grid=DAYS[:8])
    assert got["stale"].tolist() == [
        0,
        1,
        2,
        0,
        1,
        0,
        1,
        2,
    ]  # the grid goes on after the coin has ended
    assert got["close"].tolist() == [10, 10, 10, 12, 12, 13, 13, 13]
    assert got["stale"].dtype == float


def test_a_bar_off_the_grid_is_left_out() -> None:
    off = DAYS[:3].insert(2, DAYS[1] + pd.Timedelta(hours=5))
    got = coin_lines(
        bars([10.0, 11.0, 99.0, 12.0], off), pd.Series([10.0, 11.0], DAYS[:2]), DAYS[:3], 2, 2
    )
    assert got["close"].tolist() == [10, 11, 12]


def test_average_and_volatility_are_of_the_daily_closes() -> None:
    got = lines([50.0] * 4, daily=[1.0, 2.0, 4.0, 4.0], grid=DAYS[:4])
    np.testing.assert_array_equal(got["own_average"], [math.nan, 1.5, 3.0, 4.0])
    # returns ln 2, ln 2: no deviation; ln 2, 0: mean ln 2 / 2, squares 2 * (ln 2 / 2)², over 2 - 1
    np.testing.assert_allclose(
        got["volatility"], [math.nan, math.nan, 0.0, math.sqrt(2 * (math.log(2) / 2) ** 2 * 365)]
    )


def test_hourly_bars_see_the_daily_close_at_24_00_and_not_before() -> None:
    hours = pd.date_range("2024-01-02 22:00", "2024-01-03 01:00", freq="h", tz="UTC")
    daily = pd.Series([1.0, 2.0, 6.0], DAYS[:3])  # known 2024-01-01, -02 and -03 at 00:00
    got = coin_lines(bars([5.0, 5.0, 5.0, 5.0], hours), daily, hours, 2, 2)
    assert got["own_average"].tolist() == [1.5, 1.5, 4.0, 4.0]


def test_features_of_a_missing_bar_are_still_those_of_the_daily_closes() -> None:
    got = lines([10.0, None, 10.0], daily=[1.0, 3.0, 5.0], grid=DAYS[:3])
    np.testing.assert_array_equal(got["own_average"], [math.nan, 2.0, 4.0])


@settings(max_examples=40, deadline=None, database=None)
@given(
    closes=st.lists(st.none() | st.floats(1, 100), min_size=11, max_size=11),
    daily=st.lists(st.floats(1, 100), min_size=12, max_size=12),
    cut=st.integers(0, 11),
    days=st.integers(2, 4),
)
def test_cutting_bars_and_daily_closes_changes_no_earlier_row(
    closes: list[float | None], daily: list[float], cut: int, days: int
) -> None:
    some, daily_closes = bars([7.0, *closes]), pd.Series(daily, DAYS)
    whole = coin_lines(some, daily_closes, DAYS, days, days)
    until = DAYS[: cut + 1]
    past = coin_lines(some[some.index <= DAYS[cut]], daily_closes[: cut + 1], until, days, days)
    pd.testing.assert_frame_equal(past, whole[: cut + 1], check_freq=False)


@settings(max_examples=30, deadline=None, database=None)
@given(closes=st.lists(st.none() | st.floats(1, 100), min_size=11, max_size=11))
def test_no_price_is_ever_missing_after_the_first_bar(closes: list[float | None]) -> None:
    got = lines([7.0, *closes])
    assert got[list(COIN_LINES[:5])].notna().all().all()
    assert (got["stale"] == 0).tolist() == [True, *(close is not None for close in closes)]


def test_a_first_bar_off_the_grid_lists_nothing_before_the_next_bar_on_it() -> None:
    off = DAYS[:2].insert(0, DAYS[0] - pd.Timedelta(hours=5))
    got = coin_lines(bars([9.0, None, 10.0], off), pd.Series([10.0], DAYS[:1]), DAYS[:2], 2, 2)
    assert not (got["close"].isna() & (got["stale"] == 0)).any()


def test_an_average_that_is_unknown_is_not_replaced_by_one_from_before() -> None:
    # Averages of three days, the close of day 3 unknown: those of days 3, 4 and 5 are unknown, not
    # day 2's.
    got = lines(
        [10.0] * 7,
        daily=[1.0, 2.0, 3.0, math.nan, 100.0, 100.0, 100.0],
        grid=DAYS[:7],
        average_days=3,
    )
    np.testing.assert_array_equal(
        got["own_average"], [math.nan, math.nan, 2.0, math.nan, math.nan, math.nan, 100.0]
    )


def test_a_bar_without_a_close_is_a_missing_bar() -> None:
    some = bars([10.0, 11.0, 12.0])
    some.loc[DAYS[1], "close"] = math.nan
    got = coin_lines(some, pd.Series([10.0], DAYS[:1]), DAYS[:3], 2, 2)
    assert got["stale"].tolist() == [0, 1, 0]
    assert got["close"].tolist() == [10, 10, 12]


def test_stale_counts_hours_on_an_hourly_grid() -> None:
    hours = pd.date_range("2024-01-01", periods=5, freq="h", tz="UTC")
    got = coin_lines(
        bars([10.0, None, None, 11.0, None], hours), pd.Series([10.0], DAYS[:1]), hours, 2, 2
    )
    assert got["stale"].tolist() == [0, 1, 2, 0, 1]


def test_a_bar_off_the_grid_is_the_last_price_of_the_missing_ones_after_it() -> None:
    ends = DAYS[:1].append(DAYS[:1] + pd.Timedelta(hours=5))
    got = coin_lines(bars([10.0, 99.0], ends), pd.Series([10.0], DAYS[:1]), DAYS[:3], 2, 2)
    assert got["close"].tolist() == [10, 99, 99]
    assert got["stale"].tolist() == [
        0,
        1,
        2,
    ]  # 19 and 43 hours after the last price: begun days count
    assert got["volume"].tolist() == [10, 0, 0]


def test_a_coin_without_bars_has_no_lines() -> None:
    empty = bars([])
    empty.index = DAYS[:0]
    assert len(coin_lines(empty, pd.Series([10.0], DAYS[:1]), DAYS[:3], 2, 2)) == 0
