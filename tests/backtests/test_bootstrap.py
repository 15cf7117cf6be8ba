"""The interval of a difference of Sharpe ratios: its estimate, its invariances, and how often it covers."""

import numpy as np
import pytest

from backtests.bootstrap import sharpe_difference


def drawn(seed: int, days: int = 500, mean: float = 0.001) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 0.02, days)


def ratio(daily: np.ndarray) -> float:
    return float(np.mean(daily) / np.std(daily, ddof=1) * np.sqrt(365))


def test_the_estimate_is_the_difference_of_annualised_ratios() -> None:
    one, other = drawn(1), drawn(2)
    assert sharpe_difference(one, other, 1).estimate == pytest.approx(ratio(one) - ratio(other), rel=1e-12)


def test_the_interval_holds_the_estimate_and_a_seed_reproduces_it() -> None:
    one, other = drawn(1), drawn(2)
    got = sharpe_difference(one, other, 5)
    assert got.low < got.estimate < got.high
    assert got == sharpe_difference(one, other, 5)
    assert got != sharpe_difference(one, other, 6)


def test_a_series_against_itself_differs_by_nothing() -> None:
    one = drawn(3)
    assert sharpe_difference(one, one, 1) == (0.0, 0.0, 0.0)


def test_sides_exchanged_turn_the_interval_round() -> None:
    one, other = drawn(1), drawn(2)
    got, turned = sharpe_difference(one, other, 9), sharpe_difference(other, one, 9)
    assert (turned.estimate, turned.low, turned.high) == pytest.approx((-got.estimate, -got.high, -got.low), rel=1e-9)


def test_days_are_drawn_in_pairs() -> None:
    """Twice the same returns with a shift of the mean: drawn apart, the interval would be as wide as for strangers."""
    one = drawn(4)
    paired = sharpe_difference(one + 0.001, one, 1)
    strangers = sharpe_difference(one + 0.001, drawn(5), 1)
    assert paired.high - paired.low < 0.2 * (strangers.high - strangers.low)


def test_a_side_without_variation_counts_as_zero() -> None:
    one = drawn(6)
    got = sharpe_difference(one, np.zeros(len(one)), 1)
    assert got.estimate == pytest.approx(ratio(one), rel=1e-12)
    assert np.isfinite(got).all()


def test_the_width_of_independent_days_is_the_textbooks() -> None:
    """For independent normal days the standard error of a yearly Sharpe ratio is about sqrt(365 / days); two strangers add up."""
    days = 4000
    widths = []
    for seed in range(4):
        got = sharpe_difference(drawn(10 + seed, days), drawn(20 + seed, days), seed)
        widths.append(got.high - got.low)
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.sqrt(2 * 365 / days), rel=0.15)


def test_equal_strategies_are_seldom_told_apart() -> None:
    """Two strangers of one mean: at most 15 % of 95 % intervals exclude zero (a block bootstrap of short series is a little too narrow)."""
    wrong = 0
    for seed in range(60):
        got = sharpe_difference(drawn(100 + seed, 700), drawn(300 + seed, 700), seed)
        wrong += got.low > 0 or got.high < 0
    assert wrong <= 9


def test_blocks_widen_the_interval_of_days_that_cling_together() -> None:
    """Runs of 30 equal days hold 30 times less information: the interval must be several times as wide as for days apart."""
    random = np.random.default_rng(7)
    clinging = np.repeat(random.normal(0.001, 0.02, 60), 30)
    apart = random.permutation(clinging)
    zeros = np.zeros(len(clinging))
    wide, narrow = (sharpe_difference(one, zeros, 1) for one in (clinging, apart))
    assert wide.high - wide.low > 2.5 * (narrow.high - narrow.low)
