"""Predictive regressions: against Newey and West's own formulas, by what was known in time."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from backtests.evidence.claim import Statement, conclusion, estimated_claim, verdict_by_interval
from backtests.evidence.document import Verdict
from backtests.evidence.estimate import Estimate
from backtests.evidence.events import Side
from backtests.evidence.predictive_regression import (
    DRAWS,
    estimate_slopes,
    fit_columns,
    fit_regression,
    fixed_b_ratio,
    log_change,
    next_week_return,
    saturdays,
)
from backtests.evidence.weekly_returns import BLOCK_WEEKS
from backtests.statistics.stationary_bootstrap import draw_days
from strategies.indicators import Floats

SATURDAYS = pd.date_range("2020-01-04", "2020-06-27", freq="W-SAT", tz="UTC")


def instants(*days: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex([pd.Timestamp(day, tz="UTC") for day in days])


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
    """Slopes, the constant first, and their covariance: Bartlett's weights, and n / (n - columns)
    for so few weeks.
    """
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


def slope(low: float, high: float) -> Estimate:
    return Estimate(200, (low + high) / 2.0, low, high, 0.5, 0.25)


def figures(of: Estimate) -> tuple[float | None, ...]:
    return of.n, of.estimate, of.low, of.high, of.p, of.smallest


# --- regressions ----------------------------------------------------------------------------------


def by_draws(target: Floats, values: Floats) -> Floats:
    """Slopes of drawn residuals, by numpy's least squares."""
    rows, x = (
        draw_days(len(target), DRAWS, 1, BLOCK_WEEKS),
        np.column_stack((np.ones(len(target)), values)),
    )
    rest = target - x @ np.linalg.lstsq(x, target)[0]
    return np.linalg.lstsq(x, rest[rows].T)[0][1:].T


def scene(n: int, leaning: float) -> tuple[Floats, Floats]:
    """Three columns, one that lasts and one that stands out in 5 weeks by `leaning`, and a target
    that lasts.
    """
    values = columns(1, n, 3)
    values[:, 0] = lasting(2, n)
    values[50:55, 1] += leaning
    return 1.0 + 0.05 * values[:, 0] - 0.1 * values[:, 2] + lasting(3, n), values


@pytest.mark.parametrize(
    ("n", "lags", "leaning"), [(104, 14, 0.0), (106, 14, 20.0), (700, 35, 0.0)]
)
def test_of_two_errors_the_larger_one_counts(n: int, lags: int, leaning: float) -> None:
    """1.3 sqrt(104) = 13.3, 1.3 sqrt(106) = 13.4, 1.3 sqrt(700) = 34.4 lags.

    Kiefer and Vogelsang's point over the normal one widens.
    """
    target, values = scene(n, leaning)
    slopes, covariance = newey_west(target, values, lags)
    wide, drawn, fit = (
        fixed_b_ratio(lags / n),
        by_draws(target, values),
        fit_regression(target, values, 1),
    )
    for k, found in enumerate(fit.slopes):
        own, error = slopes[1 + k], wide * math.sqrt(covariance[1 + k, 1 + k])
        reach = stats.norm.ppf(0.975) * error
        assert found.n == n and found.estimate == pytest.approx(own)
        assert found.low == pytest.approx(min(own - reach, own - np.quantile(drawn[:, k], 0.975)))
        assert found.high == pytest.approx(max(own + reach, own - np.quantile(drawn[:, k], 0.025)))
        share = (1 + (np.abs(drawn[:, k]) >= abs(own)).sum()) / (1 + DRAWS)
        assert found.p == pytest.approx(max(2.0 * stats.norm.sf(abs(own) / error), share))
        both = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
        assert found.smallest == pytest.approx(both * max(error, drawn[:, k].std()))
    wald = slopes[1:] @ np.linalg.inv(covariance[1:, 1:]) @ slopes[1:] / 3.0 / wide**2
    inverse = np.linalg.inv(np.cov(drawn.T))
    as_far = (
        1 + sum(one @ inverse @ one >= slopes[1:] @ inverse @ slopes[1:] for one in drawn)
    ) / (1 + DRAWS)
    assert fit.joint_p == pytest.approx(max(stats.f.sf(wald, 3, n - 4), as_far))


def test_the_scene_needs_both_errors() -> None:
    """Of a column with five weeks that stand out draws give the larger error, of one that lasts
    Newey and West do in one scene or the other.
    """
    larger = set()
    for n, lags, leaning in ((106, 14, 20.0), (700, 35, 0.0)):
        target, values = scene(n, leaning)
        errors = fixed_b_ratio(lags / n) * np.sqrt(np.diag(newey_west(target, values, lags)[1]))[1:]
        larger |= set((errors > by_draws(target, values).std(axis=0)).tolist())
    assert larger == {True, False}


@pytest.mark.parametrize(("share", "point"), [(0.02, 2.019), (0.1, 2.260), (0.5, 3.482)])
def test_critical_values_are_kiefer_and_vogelsangs(share: float, point: float) -> None:
    """1.96 + 2.9694 b + 0.4160 b^2 - 0.5324 b^3 for Bartlett's kernel: at b = 0.5 1.96 + 1.4847 +
    0.1040 - 0.0666.
    """
    assert 1.96 * fixed_b_ratio(share) == pytest.approx(point, abs=1e-3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(-10.0, 10.0))
def test_a_constant_of_the_target_changes_no_slope(seed: int, constant: float) -> None:
    values, target = columns(seed, 120, 2), columns(seed + 1, 120, 1)[:, 0]
    for one, other in zip(
        fit_regression(target, values, 1).slopes,
        fit_regression(target + constant, values, 1).slopes,
        strict=True,
    ):
        assert figures(one) == pytest.approx(figures(other), abs=1e-9)


def test_what_lasts_from_week_to_week_makes_intervals_wider() -> None:
    """Both sides keep 0.7: the variance of the slope is (1 + 0.49) / (1 - 0.49) = 2.9 times as
    large as were weeks independent.
    """
    column, target = lasting(4, 2000), lasting(5, 2000)
    found = fit_regression(target, column[:, None], 1).slopes[0]
    independent = 2.0 * 1.96 * target.std() / column.std() / math.sqrt(2000)
    assert 1.25 * independent < found.high - found.low < 2.0 * independent


def test_a_slope_in_another_unit_keeps_n_and_p() -> None:
    whole = Estimate(5, 1.0, -2.0, 3.0, 0.4, 2.0, (0.1,))
    assert whole.times(2.5) == Estimate(5, 2.5, -5.0, 7.5, 0.4, 5.0, (0.1,))


# --- weeks ----------------------------------------------------------------------------------------


def test_saturdays_are_all_midnights_after_a_friday_that_the_series_has() -> None:
    """2020-01-03 is a Friday; the last Friday's close is known after the last midnight of the
    series.
    """
    found = saturdays(
        closes({"2020-01-03 21:00": 1.0, "2020-01-10 21:00": 2.0, "2020-01-17 21:00": 3.0})
    )
    assert found.tolist() == instants("2020-01-04", "2020-01-11").tolist()


def test_a_series_that_begins_and_ends_at_midnight_has_both_saturdays() -> None:
    found = saturdays(closes({"2020-01-04": 1.0, "2020-01-11": 2.0}))
    assert found.tolist() == instants("2020-01-04", "2020-01-11").tolist()


def test_changes_are_by_what_was_known_at_each_instant() -> None:
    """A close of a second later is none yet; that of the very instant is."""
    series = closes({"2020-01-03 21:00": 100.0, "2020-01-11": 110.0, "2020-01-18 00:00:01": 999.0})
    at = instants("2020-01-11", "2020-01-18")
    assert log_change(series, at, 1).tolist() == pytest.approx([math.log(1.1), 0.0])
    assert log_change(series, at + pd.Timedelta(seconds=1), 1)[1] == pytest.approx(
        math.log(999.0 / 110.0)
    )


def test_changes_span_so_many_weeks() -> None:
    series = pd.Series(np.exp(np.arange(len(SATURDAYS)) ** 2.0 / 100.0), index=SATURDAYS)
    for weeks in (1, 4, 13):
        found = log_change(series, SATURDAYS, weeks)
        assert np.isnan(found[:weeks]).all()
        assert found[weeks:].tolist() == pytest.approx(
            [(week**2 - (week - weeks) ** 2) / 100.0 for week in range(weeks, len(SATURDAYS))]
        )


def test_a_close_of_more_than_ten_days_ago_is_treated_as_missing() -> None:
    series = closes({"2020-01-01": 100.0, "2020-01-08": 120.0})
    last = pd.Timestamp("2020-01-18", tz="UTC")
    found = log_change(series, pd.DatetimeIndex([last, last + pd.Timedelta(seconds=1)]), 1)
    assert found[0] == pytest.approx(math.log(120.0 / 120.0)) and np.isnan(found[1])
    assert np.isnan(
        log_change(series, instants("2020-01-15"), 3)[0]
    )  # nothing was known three weeks before


def test_a_close_that_was_too_old_at_the_start_is_treated_as_missing() -> None:
    series = closes({"2020-01-01": 100.0, "2020-02-01": 120.0})
    at = pd.Timestamp("2020-01-18", tz="UTC") + pd.Timedelta(weeks=3)
    found = log_change(
        series, pd.DatetimeIndex([at - pd.Timedelta(days=7), at - pd.Timedelta(days=6)]), 3
    )
    assert found[0] == pytest.approx(math.log(1.2)) and np.isnan(
        found[1]
    )  # 10 and 11 days old three weeks before


def test_the_week_ahead_is_the_one_that_begins() -> None:
    series = pd.Series([100.0, 110.0, 99.0], index=SATURDAYS[:3])
    found = next_week_return(series, SATURDAYS[:3])
    assert found[:2].tolist() == pytest.approx([math.log(1.1), math.log(0.9)]) and np.isnan(
        found[2]
    )


def test_a_week_that_is_not_over_is_none() -> None:
    """The last close is of Friday, half a day before the week's end: what it earned so far is not
    what it earned.
    """
    at = instants("2020-01-04", "2020-01-11")
    running = closes({"2020-01-04": 100.0, "2020-01-11": 110.0, "2020-01-17 12:00": 150.0})
    over = closes({"2020-01-04": 100.0, "2020-01-11": 110.0, "2020-01-18": 150.0})
    assert np.isnan(next_week_return(running, at)).tolist() == [False, True]
    assert next_week_return(over, at)[1] == pytest.approx(math.log(150.0 / 110.0))


def test_what_comes_later_changes_nothing_that_was_known() -> None:
    series = pd.Series(
        np.exp(columns(8, len(SATURDAYS), 1)[:, 0]), index=SATURDAYS - pd.Timedelta(hours=3)
    )
    for week in range(5, len(SATURDAYS)):
        other = series.copy()
        other.iloc[week + 1 :] *= 7.0
        assert log_change(other, SATURDAYS[: week + 1], 4).tolist() == pytest.approx(
            log_change(series, SATURDAYS[: week + 1], 4).tolist(), nan_ok=True
        )


# --- what columns tell ----------------------------------------------------------------------------


def test_slopes_are_by_standard_deviation_of_each_column_controlling_for_the_others() -> None:
    values = columns(9, 300, 2) * [5.0, 0.01] + 3.0
    values[:, 1] += 0.001 * values[:, 0]
    target = 0.02 * values[:, 0] + 4.0 * values[:, 1] + 0.1 * columns(10, 300, 1)[:, 0]
    found = estimate_slopes(target, {"one": values[:, 0], "other": values[:, 1]}, 1)
    assert found is not None and list(found) == ["one", "other"]
    plain = np.linalg.lstsq(np.column_stack((np.ones(300), values)), target, rcond=None)[0]
    assert found["one"].estimate == pytest.approx(plain[1] * values[:, 0].std())
    assert found["other"].estimate == pytest.approx(plain[2] * values[:, 1].std())


def test_the_unit_of_a_column_does_not_matter() -> None:
    one, target = columns(11, 150, 1)[:, 0], columns(12, 150, 1)[:, 0]
    found, scaled = (
        estimate_slopes(target, {"x": one}, 1),
        estimate_slopes(target, {"x": 1e6 * one - 5.0}, 1),
    )
    assert (
        found is not None
        and scaled is not None
        and figures(found["x"]) == pytest.approx(figures(scaled["x"]))
    )


def test_weeks_that_lack_anything_are_left_out() -> None:
    one, two, target = (
        columns(13, 200, 1)[:, 0],
        columns(14, 200, 1)[:, 0],
        columns(15, 200, 1)[:, 0],
    )
    gone = np.arange(200) % 50
    expected = fit_regression(
        target[gone > 2],
        np.column_stack([column[gone > 2] / column[gone > 2].std() for column in (one, two)]),
        1,
    )
    one[gone == 0], two[gone == 1], target[gone == 2] = np.nan, np.inf, np.nan
    found = fit_columns(target, {"one": one, "two": two}, 1)
    assert found is not None and found.slopes[0].n == 188
    assert [figures(slope) for slope in found.slopes] == [
        pytest.approx(figures(slope)) for slope in expected.slopes
    ]
    assert found.joint_p == pytest.approx(expected.joint_p)


@pytest.mark.parametrize(("known", "enough"), [(103, False), (104, True)])
def test_two_years_of_weeks_are_the_fewest(*, known: int, enough: bool) -> None:
    one, target = columns(16, 150, 1)[:, 0], columns(17, 150, 1)[:, 0]
    target[known:] = np.nan
    assert (estimate_slopes(target, {"x": one}, 1) is not None) == enough
    assert (fit_columns(target, {"x": one}, 1) is not None) == enough


def test_a_column_that_never_changes_has_no_slope() -> None:
    target = columns(18, 150, 1)[:, 0]
    assert (
        estimate_slopes(target, {"x": columns(19, 150, 1)[:, 0], "gate": np.ones(150)}, 1) is None
    )


def test_a_column_that_never_changes_has_no_slope_however_its_mean_is_rounded() -> None:
    """The mean of 150 times 0.1 is not 0.1, so that numpy's deviation of it is 3e-17."""
    assert (
        estimate_slopes(
            columns(18, 150, 1)[:, 0],
            {"x": columns(19, 150, 1)[:, 0], "gate": np.full(150, 0.1)},
            1,
        )
        is None
    )


def test_a_column_that_changes_only_where_there_is_no_target_has_no_slope() -> None:
    target, gate = columns(20, 150, 1)[:, 0], np.zeros(150)
    target[120:], gate[120:] = np.nan, 1.0
    assert estimate_slopes(target, {"gate": gate}, 1) is None


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "word", "falls"),
    [
        (0.1, 0.2, "supported", "contradicted"),
        (-0.2, -0.1, "contradicted", "supported"),
        (-0.1, 0.1, "inconclusive", "inconclusive"),
        (0.0, 0.1, "inconclusive", "inconclusive"),
        (-0.1, 0.0, "inconclusive", "inconclusive"),
    ],
)
def test_the_whole_interval_decides(low: float, high: float, word: str, falls: str) -> None:
    assert (
        verdict_by_interval(low, high),
        verdict_by_interval(low, high, rises=False),
    ) == (word, falls)


def test_the_smallest_detectable_effect_is_stated_where_nothing_can_be_concluded() -> None:
    """As it is, or of a difference of logs as a trader reads it: e^0.25 - 1 = 28 %."""
    found = slope(-1.0, 1.0)

    def why(estimate: Estimate, verdict: Verdict, unit: str = "beta", side: Side = "above") -> str:
        claim = estimated_claim(
            Statement("B8", "It rises"),
            estimate,
            test="",
            data="",
            unit=unit,
            verdict=verdict,
            why="So.",
            side=side,
        )
        return claim.why + conclusion(claim, claim)

    start = "So. Smallest effect detectable with 80 % power: "
    assert why(found, "inconclusive") == f"{start}+0.25."
    assert why(found, "inconclusive", side="below") == f"{start}-0.25."
    assert why(found, "inconclusive", unit="log") == f"{start}+28%."
    assert why(found, "supported") == why(found, "contradicted") == "So."
    assert why(found._replace(smallest=math.nan), "inconclusive") == "So."


def test_a_difference_of_logs_is_said_in_percent() -> None:
    """Logs of 1.5, 0.8 and 12: 50 % more, between 20 % less and 1,100 % more."""
    ends = {"low": math.log(0.8), "high": math.log(12.0)}
    found = slope(0.0, 0.0)._replace(estimate=math.log(1.5), **ends)
    assert found.percent == "50% higher (95 % CI -20% to +1,100%)"
    assert found._replace(estimate=math.log(0.9)).percent.startswith("10% lower")
    assert found._replace(high=math.nan).percent == "50% higher (95 % CI -20% to ?)"


@pytest.mark.parametrize("twin", [(1.0, 0.0), (-3.0, 0.0), (0.5, 0.5)])
def test_collinear_columns_are_refused(twin: tuple[float, float]) -> None:
    values = columns(21, 200, 3)
    same = np.column_stack((values[:, :2], values[:, :2] @ np.array(twin)))
    assert fit_columns(values[:, 2], dict(zip("abc", same.T, strict=True)), 1) is None
    nearly = same + 0.01 * columns(22, 200, 3)
    assert fit_columns(values[:, 2], dict(zip("abc", nearly.T, strict=True)), 1) is not None
