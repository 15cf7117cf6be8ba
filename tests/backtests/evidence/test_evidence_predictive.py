"""What one week tells of the next: slopes against Newey and West's own formulas, and nothing that was known too late."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from backtests.evidence.predictive import Slope, ahead, change, fit_of, fitted, hidden, saturdays, told_of, weighed
from strategies.indicators import Floats

SATURDAYS = pd.date_range("2020-01-04", "2020-06-27", freq="W-SAT", tz="UTC")


def instants(*days: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(days, utc=True))


def closes(values: dict[str, float]) -> pd.Series:
    return pd.Series(list(values.values()), index=instants(*values))


def columns(seed: int, n: int, count: int) -> Floats:
    return np.random.default_rng(seed).normal(0.0, 1.0, (n, count))


def lasting(seed: int, n: int) -> Floats:
    """Noise of which 0.7 is left a week later."""
    steps = np.random.default_rng(seed).normal(0.0, 1.0, n)
    for week in range(1, n):
        steps[week] += 0.7 * steps[week - 1]
    return steps


def newey_west(target: Floats, values: Floats, lags: int) -> tuple[Floats, Floats]:
    """Slopes, the constant first, and their covariance: Bartlett's weights, and n / (n - columns) for so few weeks."""
    n = len(target)
    x = np.column_stack((np.ones(n), values))
    inverse = np.linalg.inv(x.T @ x)
    slopes = inverse @ x.T @ target
    scores = x * (target - x @ slopes)[:, None]
    middle = scores.T @ scores
    for lag in range(1, lags + 1):
        product = sum(np.outer(scores[week], scores[week - lag]) for week in range(lag, n))
        middle = middle + (1.0 - lag / (lags + 1.0)) * (product + product.T)
    return slopes, inverse @ middle @ inverse * n / (n - x.shape[1])


def slope(low: float, high: float, power: float = 1.0) -> Slope:
    return Slope(200, (low + high) / 2.0, low, high, 0.5, power)


# --- regressions ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "lags"), [(104, 4), (272, 4), (274, 5), (700, 6)])
def test_slopes_errors_and_ps_are_those_of_newey_and_west(n: int, lags: int) -> None:
    """4 (n / 100)^(2 / 9) reaches 5 at n = 100 * 1.25^4.5 = 272.98."""
    values = columns(1, n, 3)
    values[:, 0] = lasting(2, n)
    target = 1.0 + 0.05 * values[:, 0] - 0.1 * values[:, 2] + lasting(3, n)
    slopes, covariance = newey_west(target, values, lags)
    fit = fitted(target, values)
    reach, seen = stats.t.ppf(0.975, n - 4), stats.norm.ppf(0.95)
    for found, expected, error in zip(fit.slopes, slopes[1:], np.sqrt(np.diag(covariance))[1:], strict=True):
        assert found.n == n and found.estimate == pytest.approx(expected)
        assert (found.low, found.high) == pytest.approx((expected - reach * error, expected + reach * error))
        assert found.p == pytest.approx(2.0 * stats.t.sf(abs(expected / error), n - 4))
        assert found.power == pytest.approx(stats.norm.cdf(abs(expected / error) - seen))
    wald = slopes[1:] @ np.linalg.inv(covariance[1:, 1:]) @ slopes[1:] / 3.0
    assert fit.joint_p == pytest.approx(stats.f.sf(wald, 3, n - 4))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(-10.0, 10.0))
def test_a_constant_of_the_target_changes_no_slope(seed: int, constant: float) -> None:
    values, target = columns(seed, 120, 2), columns(seed + 1, 120, 1)[:, 0]
    for one, other in zip(fitted(target, values).slopes, fitted(target + constant, values).slopes, strict=True):
        assert tuple(one) == pytest.approx(tuple(other), abs=1e-9)


def test_what_lasts_from_week_to_week_makes_intervals_wider() -> None:
    """Both sides keep 0.7: the variance of the slope is (1 + 0.49) / (1 - 0.49) = 2.9 times as large as were weeks independent."""
    column, target = lasting(4, 2000), lasting(5, 2000)
    found = fitted(target, column[:, None]).slopes[0]
    independent = 2.0 * 1.96 * target.std() / column.std() / math.sqrt(2000)
    assert 1.25 * independent < found.high - found.low < 1.8 * independent


def test_power_is_a_half_where_a_one_sided_test_just_sees_it() -> None:
    """Of slopes scaled so that they are 1.645 errors."""
    column, noise = columns(6, 200, 1), columns(7, 200, 1)[:, 0]
    free = noise - np.column_stack((np.ones(200), column)) @ newey_west(noise, column, 4)[0]
    error = math.sqrt(newey_west(free, column, 4)[1][1, 1])
    found = fitted(free - stats.norm.ppf(0.95) * error * column[:, 0], column).slopes[0]
    assert found.estimate < 0.0 and found.power == pytest.approx(0.5)


def test_a_slope_in_another_unit_keeps_n_p_and_power() -> None:
    assert Slope(5, 1.0, -2.0, 3.0, 0.4, 0.6).times(2.5) == Slope(5, 2.5, -5.0, 7.5, 0.4, 0.6)


# --- weeks ------------------------------------------------------------------------------------------------------------------


def test_saturdays_are_all_midnights_after_a_friday_that_the_series_has() -> None:
    """2020-01-03 is a Friday; the last Friday's close is known after the last midnight of the series."""
    found = saturdays(closes({"2020-01-03 21:00": 1.0, "2020-01-10 21:00": 2.0, "2020-01-17 21:00": 3.0}))
    assert found.tolist() == instants("2020-01-04", "2020-01-11").tolist()


def test_a_series_that_begins_and_ends_at_midnight_has_both_saturdays() -> None:
    found = saturdays(closes({"2020-01-04": 1.0, "2020-01-11": 2.0}))
    assert found.tolist() == instants("2020-01-04", "2020-01-11").tolist()


def test_changes_are_by_what_was_known_at_each_instant() -> None:
    """A close of a second later is none yet; that of the very instant is."""
    series = closes({"2020-01-03 21:00": 100.0, "2020-01-11": 110.0, "2020-01-18 00:00:01": 999.0})
    at = instants("2020-01-11", "2020-01-18")
    assert change(series, at, 1).tolist() == pytest.approx([math.log(1.1), 0.0])
    assert change(series, at + pd.Timedelta(seconds=1), 1)[1] == pytest.approx(math.log(999.0 / 110.0))


def test_changes_span_so_many_weeks() -> None:
    series = pd.Series(np.exp(np.arange(len(SATURDAYS)) ** 2.0 / 100.0), index=SATURDAYS)
    for weeks in (1, 4, 13):
        found = change(series, SATURDAYS, weeks)
        assert np.isnan(found[:weeks]).all()
        assert found[weeks:].tolist() == pytest.approx([(week**2 - (week - weeks) ** 2) / 100.0 for week in range(weeks, len(SATURDAYS))])


def test_a_close_of_more_than_ten_days_ago_is_known_no_more() -> None:
    series = closes({"2020-01-01": 100.0, "2020-01-08": 120.0})
    last = pd.Timestamp("2020-01-18", tz="UTC")
    found = change(series, pd.DatetimeIndex([last, last + pd.Timedelta(seconds=1)]), 1)
    assert found[0] == pytest.approx(math.log(120.0 / 120.0)) and np.isnan(found[1])
    assert np.isnan(change(series, instants("2020-01-15"), 3)[0])  # nothing was known three weeks before


def test_the_week_ahead_is_the_one_that_begins() -> None:
    series = pd.Series([100.0, 110.0, 99.0], index=SATURDAYS[:3])
    found = ahead(series, SATURDAYS[:3])
    assert found[:2].tolist() == pytest.approx([math.log(1.1), math.log(0.9)]) and np.isnan(found[2])


def test_a_week_that_is_not_over_is_none() -> None:
    """The last close is of Friday, half a day before the week's end: what it earned so far is not what it earned."""
    at = instants("2020-01-04", "2020-01-11")
    running = closes({"2020-01-04": 100.0, "2020-01-11": 110.0, "2020-01-17 12:00": 150.0})
    over = closes({"2020-01-04": 100.0, "2020-01-11": 110.0, "2020-01-18": 150.0})
    assert np.isnan(ahead(running, at)).tolist() == [False, True]
    assert ahead(over, at)[1] == pytest.approx(math.log(150.0 / 110.0))


def test_what_comes_later_changes_nothing_that_was_known() -> None:
    series = pd.Series(np.exp(columns(8, len(SATURDAYS), 1)[:, 0]), index=SATURDAYS - pd.Timedelta(hours=3))
    for week in range(5, len(SATURDAYS)):
        other = series.copy()
        other.iloc[week + 1 :] *= 7.0
        assert change(other, SATURDAYS[: week + 1], 4).tolist() == pytest.approx(change(series, SATURDAYS[: week + 1], 4).tolist(), nan_ok=True)


# --- what columns tell ------------------------------------------------------------------------------------------------------


def test_slopes_are_by_a_deviation_of_each_column_the_others_known() -> None:
    values = columns(9, 300, 2) * [5.0, 0.01] + 3.0
    values[:, 1] += 0.001 * values[:, 0]
    target = 0.02 * values[:, 0] + 4.0 * values[:, 1] + 0.1 * columns(10, 300, 1)[:, 0]
    found = told_of(target, {"one": values[:, 0], "other": values[:, 1]})
    assert found is not None and list(found) == ["one", "other"]
    plain = np.linalg.lstsq(np.column_stack((np.ones(300), values)), target, rcond=None)[0]
    assert found["one"].estimate == pytest.approx(plain[1] * values[:, 0].std())
    assert found["other"].estimate == pytest.approx(plain[2] * values[:, 1].std())


def test_the_unit_of_a_column_does_not_matter() -> None:
    one, target = columns(11, 150, 1)[:, 0], columns(12, 150, 1)[:, 0]
    found, scaled = told_of(target, {"x": one}), told_of(target, {"x": 1e6 * one - 5.0})
    assert found is not None and scaled is not None and tuple(found["x"]) == pytest.approx(tuple(scaled["x"]))


def test_weeks_that_lack_anything_are_left_out() -> None:
    one, two, target = columns(13, 200, 1)[:, 0], columns(14, 200, 1)[:, 0], columns(15, 200, 1)[:, 0]
    gone = np.arange(200) % 50
    expected = fitted(target[gone > 2], np.column_stack([column[gone > 2] / column[gone > 2].std() for column in (one, two)]))
    one[gone == 0], two[gone == 1], target[gone == 2] = np.nan, np.inf, np.nan
    found = fit_of(target, {"one": one, "two": two})
    assert found is not None and found.slopes[0].n == 188
    assert [tuple(slope) for slope in found.slopes] == [pytest.approx(tuple(slope)) for slope in expected.slopes]
    assert found.joint_p == pytest.approx(expected.joint_p)


@pytest.mark.parametrize(("known", "enough"), [(103, False), (104, True)])
def test_two_years_of_weeks_are_the_fewest(known: int, enough: bool) -> None:
    one, target = columns(16, 150, 1)[:, 0], columns(17, 150, 1)[:, 0]
    target[known:] = np.nan
    assert (told_of(target, {"x": one}) is not None) == enough
    assert (fit_of(target, {"x": one}) is not None) == enough


def test_a_column_that_never_changes_tells_nothing() -> None:
    target = columns(18, 150, 1)[:, 0]
    assert told_of(target, {"x": columns(19, 150, 1)[:, 0], "gate": np.ones(150)}) is None


def test_a_column_that_changes_only_where_there_is_no_target_tells_nothing() -> None:
    target, gate = columns(20, 150, 1)[:, 0], np.zeros(150)
    target[120:], gate[120:] = np.nan, 1.0
    assert told_of(target, {"gate": gate}) is None


# --- words ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "word", "falls"),
    [
        (0.1, 0.2, "supported", "contradicted"),
        (-0.2, -0.1, "contradicted", "supported"),
        (-0.1, 0.1, "cannot be told", "cannot be told"),
        (0.0, 0.1, "cannot be told", "cannot be told"),
        (-0.1, 0.0, "cannot be told", "cannot be told"),
    ],
)
def test_the_whole_interval_decides(low: float, high: float, word: str, falls: str) -> None:
    assert (weighed(slope(low, high)), weighed(slope(low, high), rises=False)) == (word, falls)


def test_how_rarely_it_would_be_seen_is_said_where_nothing_can_be_told_for_want_of_weeks() -> None:
    assert hidden(slope(-1.0, 1.0, 0.25), "cannot be told") == "; were that the truth, weeks as many would show it in 25%"
    assert hidden(slope(-1.0, 1.0, 0.8), "cannot be told") == ""
    assert hidden(slope(1.0, 2.0, 0.25), "supported") == ""
