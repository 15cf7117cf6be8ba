"""How many events a claim needs: against statsmodels and scipy, and the cases without a number."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import NormalIndPower

from backtests.statistics.required_events import (
    effect_deviation,
    needed_for,
    required_events,
)

MEASURED = np.array([1.392, 0.732, -0.790])
EFFECTS = np.array([0.1, 0.3, 0.5, 0.1, 0.0])  # mean 0.2, sample standard deviation 0.2
CLOSE = np.array([0.2, 0.21, 0.19, 0.2, 0.2])


def by_statsmodels(mean: float, deviation: float) -> float:
    """Of a two-sided z test of one mean (`ratio` 0), the tail on the other side included."""
    return float(
        NormalIndPower(ddof=0).solve_power(
            effect_size=mean / deviation, alpha=0.05, power=0.8, ratio=0
        )
    )


def by_t_interval(effects: np.ndarray, deviation: float) -> tuple[float, float]:
    """The ends of the 95 % Student interval of a mean whose error comes from `deviation`."""
    low, high = stats.t.interval(
        0.95, len(effects) - 1, effects.mean(), deviation / math.sqrt(len(effects))
    )
    return float(low), float(high)


@pytest.mark.parametrize(("mean", "deviation"), [(0.2, 0.2), (0.4447, 1.1191), (0.1, 1.0)])
def test_the_number_is_that_of_statsmodels(mean: float, deviation: float) -> None:
    assert needed_for(mean, deviation) == pytest.approx(by_statsmodels(mean, deviation), rel=1e-4)


def test_three_events_of_the_index_would_need_fifty() -> None:
    deviation = effect_deviation(MEASURED, 0.8)
    assert needed_for(float(MEASURED.mean()), deviation) == pytest.approx(49.7, abs=0.05)


def test_a_mean_of_zero_or_below_needs_more_than_there_are() -> None:
    assert needed_for(0.0, 1.0) == needed_for(-1.0, 1.0) == math.inf


def test_events_and_years_by_hand() -> None:
    """(1.960 + 0.842)^2 * (0.2 / 0.2)^2 = 7.85 events, 2.85 more than 5; at 0.25 a year 11.4."""
    got = required_events(EFFECTS, 0.0, 0.25)
    assert (got.had, got.events) == (5, pytest.approx(7.8489, abs=1e-4))
    assert got.years == pytest.approx(2.8489 / 0.25, abs=1e-3)
    assert got.why.startswith(
        "About 8 events in all are needed for 80 % power, 3 more than there are, which takes about"
        " 11 years ("
    )


def test_the_range_is_that_of_the_students_interval() -> None:
    """Here the interval is 0.2 -+ 2.776 * 0.2 / sqrt(5): -0.048 to 0.448, so there is no end."""
    low, high = by_t_interval(EFFECTS, 0.2)
    assert low < 0 < high
    got = required_events(EFFECTS, 0.0, 0.5)
    assert got.low == pytest.approx((2.80159 * 0.2 / high) ** 2, rel=1e-4)
    assert (got.high, got.years_high) == (None, None)
    assert got.years_low == 0.0
    assert "(95 % range: 2 events to no number at all, 0 years to never)" in got.why


def test_a_narrow_interval_has_two_ends() -> None:
    """A deviation of 0.07 from placebo dates: 0.2 -+ 2.776 * 0.07 / sqrt(5) = 0.113 to 0.287."""
    low, high = by_t_interval(CLOSE, 0.07)
    got = required_events(CLOSE, 0.07, 0.5)
    assert got.low == pytest.approx((2.80159 * 0.07 / high) ** 2, rel=1e-4)
    assert got.high == pytest.approx((2.80159 * 0.07 / low) ** 2, rel=1e-4)
    assert "are enough for 80 % power at the measured effect" in got.why
    assert (got.years, got.years_low, got.years_high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(("spread", "deviation"), [(0.05, 0.2), (0.2, 0.2), (0.9, 0.9)])
def test_the_larger_spread_counts(spread: float, deviation: float) -> None:
    assert effect_deviation(EFFECTS, spread) == pytest.approx(deviation)
    got = required_events(EFFECTS, spread, 1.0)
    assert got.events == pytest.approx(by_statsmodels(0.2, deviation), rel=1e-4)


def test_below_five_events_nothing_is_estimated() -> None:
    got = required_events(MEASURED, 0.8, 0.2516)
    assert got[1:7] == (None,) * 6
    assert got.why == (
        "The number of events needed cannot be estimated: that takes at least 5, and there are 3."
    )
    assert "there is 1." in required_events(np.array([0.3]), 0.0, 1.0).why
    assert "there are 0." in required_events(np.zeros(0), 1.0, 0.0).why


def test_an_effect_in_the_other_direction_needs_no_number() -> None:
    for effects in (-EFFECTS, -MEASURED, np.zeros(5)):
        got = required_events(effects, 0.5, 1.0)
        assert got[1:7] == (None,) * 6
        assert "not in the claimed direction" in got.why


def test_at_an_unknown_rate_there_are_no_years() -> None:
    got = required_events(EFFECTS, 0.0, 0.0)
    assert got.events is not None
    assert (got.years, got.years_low, got.years_high) == (None, None, None)
    assert "year" not in got.why
