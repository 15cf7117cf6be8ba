"""Gains after events against random dates: by hand or by plain loops."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from backtests.engine.rules import breakout_rules
from backtests.evidence.events import (
    ForwardGains,
    above_own_mean,
    compare_with_dates,
    confirmed_breakouts,
    daily_closes,
    deviation_of_gain,
    draw_any_dates,
    draw_matching_dates,
    draw_nearby_dates,
    forward_gains,
    leave_one_out_means,
    smallest_difference,
)
from strategies.breakout import BreakoutRules
from tests.scenes import configured

RULES: BreakoutRules = breakout_rules(configured({}))._replace(confirm_sessions=1)
HOUR = pd.Timedelta(hours=1)


def daily(values: list[float], first: str = "2020-01-01") -> pd.Series:
    return pd.Series(values, index=pd.date_range(first, periods=len(values), freq="D", tz="UTC"))


def walk(days: int, seed: int) -> pd.Series:
    return daily(np.exp(np.cumsum(np.random.default_rng(seed).normal(0.001, 0.04, days))).tolist())


def sessions(values: list[float]) -> pd.Series:
    return pd.Series(
        values,
        index=pd.bdate_range("2000-01-03", periods=len(values), tz="UTC") + pd.Timedelta(hours=21),
    )


# --- gains ----------------------------------------------------------------------------------------


def test_a_gain_begins_with_the_first_close_known_at_the_event() -> None:
    """Closes double every day; over two days a log gain is 2 log 2, from whatever day."""
    closes = daily([1.0, 2.0, 4.0, 8.0, 32.0])
    found = forward_gains(closes, pd.DatetimeIndex([closes.index[1] - HOUR, closes.index[2]]), 2)
    assert found.rows.tolist() == [1, 2]
    assert found.gains == pytest.approx(np.log([4.0, 8.0]))
    assert found.every == pytest.approx(np.log([4.0, 4.0, 8.0]))


def test_events_before_the_asset_or_whose_horizon_is_not_over_are_left_out() -> None:
    closes = daily([1.0] * 10)
    first, last = closes.index[0], closes.index[-1]
    events = pd.DatetimeIndex(
        [
            first - pd.Timedelta(days=40),
            first - HOUR,
            last - pd.Timedelta(days=3),
            last - pd.Timedelta(days=2),
        ]
    )
    assert forward_gains(closes, events, 3).events.tolist() == events[1:3].tolist()


def test_sessions_become_days_on_which_the_newest_close_stands() -> None:
    """Friday's close of 21:00 is Saturday's, Sunday's and Monday's.

    Monday's own is known at Tuesday's midnight.
    """
    closes = sessions(
        [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    )  # Monday 3 to Friday 7 January 2000, Monday 10
    found = daily_closes(closes)
    assert found.index[0] == pd.Timestamp("2000-01-04", tz="UTC") and found.index[
        -1
    ] == pd.Timestamp("2000-01-10", tz="UTC")
    assert found.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60))
def test_gains_are_those_of_a_plain_loop(seed: int, days: int) -> None:
    closes = walk(150, seed)
    events = pd.DatetimeIndex(closes.index[[3, 40, 77, 120]] - 5 * HOUR)
    found = forward_gains(closes, events, days)
    expected = {}
    for event in events:
        start = next(row for row, instant in enumerate(closes.index) if instant >= event)
        if start + days < len(closes):
            expected[event] = np.log(closes.iloc[start + days] / closes.iloc[start])
    assert found.events.tolist() == list(expected)
    assert found.gains == pytest.approx(list(expected.values()))


def test_own_trend_is_known_once_its_mean_is() -> None:
    closes = daily([5.0, 4.0, 6.0, 5.0, 1.0, 9.0])
    found = above_own_mean(closes, pd.DatetimeIndex(closes.index), days=3)
    assert found.tolist() == [False, False, True, False, False, True]  # means 5, 5, 4, 5


# --- dates ----------------------------------------------------------------------------------------


def scene(rows: list[int], days: int = 10, length: int = 400) -> ForwardGains:
    closes = walk(length + days, 5)
    found = forward_gains(closes, pd.DatetimeIndex(closes.index[rows]), days)
    assert len(found.every) == length
    return found


@pytest.mark.parametrize(("rows", "apart"), [([50, 200, 300], 10), ([50, 54, 300], 4), ([7], 0)])
def test_dates_are_as_far_apart_as_horizon_and_events_ask(rows: list[int], apart: int) -> None:
    drawn = draw_any_dates(scene(rows), 5000, 1)
    assert drawn.shape == (5000, len(rows)) and drawn.min() == 0 and drawn.max() == 399
    if len(rows) > 1:
        assert np.diff(drawn, axis=1).min() == apart


def test_every_place_is_as_likely() -> None:
    """Two dates 10 apart at least: the first is even on 0 to 389 or below.

    Shares of the halves of a symmetric draw are one half.
    """
    drawn = draw_any_dates(scene([50, 200]), 40_000, 2)
    assert np.mean(drawn < 200) == pytest.approx(0.5, abs=0.01)
    assert (
        draw_any_dates(scene([50, 200]), 10, 2).tolist()
        == draw_any_dates(scene([50, 200]), 10, 2).tolist()
    )


def test_more_events_than_there_is_room_for_still_get_dates() -> None:
    drawn = draw_any_dates(scene([0, 10, 20, 30], days=10, length=32), 500, 3)
    assert drawn.min() >= 0 and drawn.max() <= 31


def test_matched_dates_are_like_their_event() -> None:
    found = scene([50, 200])
    like = np.arange(400) % 3 == 0
    drawn = draw_matching_dates(found, like, 2000, 4)
    assert (drawn[:, 0] % 3 != 0).all() and (
        drawn[:, 1] % 3 != 0
    ).all()  # 50 = 2 mod 3, 200 = 2 mod 3
    found = scene([51, 200])
    drawn = draw_matching_dates(found, like, 2000, 4)
    assert (drawn[:, 0] % 3 == 0).all() and (drawn[:, 1] % 3 != 0).all()


def test_near_dates_lie_around_their_event_and_inside() -> None:
    drawn = draw_nearby_dates(scene([5, 200, 398]), 20, 3000, 5)
    assert (drawn.min(axis=0).tolist(), drawn.max(axis=0).tolist()) == (
        [0, 180, 378],
        [25, 220, 399],
    )


# --- the comparison -------------------------------------------------------------------------------


def by_hand(every: list[float], rows: list[int]) -> ForwardGains:
    starts = pd.date_range("2020-01-01", periods=len(every), freq="D", tz="UTC")
    return ForwardGains(1, starts, np.array(every), starts[rows], np.array(rows))


def test_compared_by_hand() -> None:
    """Gains 0 to 9, events at 8 and 9: mean 8.5.

    Of four pairs drawn, means 1, 5, 8.5 and 8.5: two of four reach it, 3 / 5, and all four are as
    low, 5 / 5; twice the smaller is above 1. Student's interval of two values 1 apart is
    12.706 x 0.7071 / 1.4142 to each side of 2.75.
    """
    found = compare_with_dates(
        by_hand(list(range(10)), [8, 9]), np.array([[0, 2], [4, 6], [8, 9], [8, 9]])
    )
    assert (found.n, found.mean, found.usual, found.difference) == (2, 8.5, 5.75, 2.75)
    assert found.p == 1.0
    assert found.spread_p == 1.0  # variances 1, 1, 0.25, 0.25 against 0.25: four of four
    assert (found.low, found.high) == pytest.approx((2.75 - 6.3531, 2.75 + 6.3531), abs=1e-3)


def test_the_interval_is_students_and_its_end_at_zero_is_a_p_of_5_percent() -> None:
    """As scipy has both; dates alike, so that p is Student's."""
    after = np.array([0.9, 2.1, -0.4, 1.6, 0.3])
    found = compare_with_dates(by_hand([*after, 0.0], [0, 1, 2, 3, 4]), np.full((999, 5), 5))
    expected = stats.ttest_1samp(after, 0.0)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.p == pytest.approx(expected.pvalue)
    reach = float(stats.t.ppf(0.975, 4)) * after.std(ddof=1) / 5**0.5
    at_zero = after - after.mean() + reach
    found = compare_with_dates(by_hand([*at_zero, 0.0], [0, 1, 2, 3, 4]), np.full((999, 5), 5))
    assert found.low == pytest.approx(0.0, abs=1e-12) and found.p == pytest.approx(0.05)


def test_where_dates_differ_more_than_events_theirs_is_the_p() -> None:
    """Events of 1.0 and 1.1 are far from 0 by Student, and one in three dates is higher."""
    gains = by_hand([-3.0, 0.0, 3.0, 1.0, 1.1], [3, 4])
    random = np.random.default_rng(1).integers(0, 3, (9999, 2))
    found = compare_with_dates(gains, random)
    means = gains.every[random].mean(axis=1)
    assert float(stats.ttest_1samp([1.0, 1.1], 0.0).pvalue) < 0.05
    assert found.p == pytest.approx(2.0 * (1 + (means >= 1.05).sum()) / 10_000)


def test_p_is_that_of_either_side() -> None:
    """Mirrored gains have the same p."""
    every = np.random.default_rng(4).normal(size=300)
    rows = np.random.default_rng(5).integers(0, 300, (999, 3))
    up = compare_with_dates(by_hand(every.tolist(), [1, 50, 90]), rows)
    down = compare_with_dates(by_hand((-every).tolist(), [1, 50, 90]), rows)
    assert up.p == pytest.approx(down.p) and up.difference == pytest.approx(-down.difference)


def test_p_without_each_is_that_of_the_others_alone() -> None:
    every = np.random.default_rng(6).normal(size=200)
    rows = np.random.default_rng(7).integers(0, 200, (999, 3))
    whole = compare_with_dates(by_hand(every.tolist(), [10, 20, 30]), rows)
    for left_out in range(3):
        others = [row for row in (10, 20, 30) if row != 10 * (left_out + 1)]
        columns = [column for column in range(3) if column != left_out]
        alone = compare_with_dates(by_hand(every.tolist(), others), rows[:, columns])
        assert whole.without_each[left_out] == pytest.approx((alone.p, alone.difference))
    assert compare_with_dates(by_hand([1.0, 2.0], [0]), np.array([[1]])).without_each == ()


def test_the_smallest_difference_is_seen_with_80_percent_power() -> None:
    """By simulation: of 40,000 samples of so many normals 80 % pass Student's test."""
    spread = 0.7
    for n in (3, 5, 12):
        drawn = np.random.default_rng(8).normal(smallest_difference(n, spread), spread, (40_000, n))
        p = stats.ttest_1samp(drawn, 0.0, axis=1).pvalue
        assert np.mean(p < 0.05) == pytest.approx(0.8, abs=0.01)
    assert np.isnan(smallest_difference(1, spread))


@pytest.mark.parametrize(
    ("after", "means", "expected"),
    [
        ([1.0, 3.0], [0.0, 0.0], 2.0**0.5),  # among events: 1 and 3 have a deviation of 1.414
        ([1.0, 1.0], [-1.0, 1.0], 2.0**0.5),  # among dates: of means 1, of one of two 1.414
        ([1.0], [-2.0, 2.0], 2.0),
    ],
)
def test_the_larger_spread_counts(after: list[float], means: list[float], expected: float) -> None:
    assert deviation_of_gain(np.array(after), np.array(means)) == pytest.approx(expected)


def test_a_single_event_has_no_interval() -> None:
    found = compare_with_dates(by_hand([1.0, 0.0, 2.0], [1]), np.array([[0], [2]]))
    assert np.isnan(found.low) and np.isnan(found.high) and np.isnan(found.spread_p)
    assert np.isnan(found.smallest)


def test_p_is_uniform_where_events_have_no_effect() -> None:
    """Of 300 worlds of four events at random dates at most 5 % should have a p of 5 % or less.

    99.9 % of binomials lie below 30 of 300. The larger of two p is small in fewer.
    """
    small = 0
    for seed in range(300):
        closes = walk(600, seed)
        random = np.random.default_rng(seed + 10**6)
        events = pd.DatetimeIndex(closes.index[np.sort(random.choice(19, 4, replace=False)) * 30])
        found = forward_gains(closes, events, 20)
        small += compare_with_dates(found, draw_any_dates(found, 200, seed)).p <= 0.05
    assert 1 <= small <= 29


def test_each_event_in_turn_is_left_out() -> None:
    assert leave_one_out_means(by_hand([1.0, 2.0, 6.0], [0, 1, 2])).tolist() == [4.0, 3.5, 1.5]
    assert leave_one_out_means(by_hand([1.0], [0])).tolist() == []


# --- breakouts ------------------------------------------------------------------------------------


def test_a_breakout_is_a_close_above_a_record_that_stood_for_a_base() -> None:
    """A record on day 0, 300 days below it, a close above.

    Then a record every day, which is no breakout.
    """
    closes = sessions([100.0] + [90.0] * 300 + [101.0, 102.0, 103.0])
    assert confirmed_breakouts(closes, RULES, 200).tolist() == [closes.index[301]]
    assert confirmed_breakouts(closes, RULES._replace(base_sessions=400), 200).tolist() == []
    assert confirmed_breakouts(closes, RULES._replace(confirm_sessions=3), 200).tolist() == [
        closes.index[303]
    ]


def test_re_armed_breakouts_are_no_events_of_their_own() -> None:
    """After a failure the gate takes a younger record; that is the same event."""
    failed = (
        [100.0]
        + [90.0] * 300
        + [101.0, 101.0, 50.0, 50.0, 50.0]
        + [95.0] * 40
        + [105.0, 106.0, 107.0]
    )
    assert len(confirmed_breakouts(sessions(failed), RULES, 5)) == 1


def test_missing_closes_are_no_events() -> None:
    closes = sessions([100.0] + [90.0] * 300 + [np.nan, 101.0])
    assert confirmed_breakouts(closes, RULES, 200).tolist() == [closes.index[302]]
