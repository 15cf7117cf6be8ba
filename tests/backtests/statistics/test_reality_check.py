"""The best of many paths without skill: against an independent bootstrap, as often as it says."""

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap

from backtests.statistics.reality_check import ChanceMaxima, RealityCheck

BLOCK = 20.0


def noise(seed: int, days: int, paths: int, common: float = 0.0) -> np.ndarray:
    """Returns of 2 % a day; `common` is the correlation of all pairs."""
    random = np.random.default_rng(seed)
    own, shared = random.standard_normal((days, paths)), random.standard_normal((days, 1))
    return 0.02 * (np.sqrt(1 - common) * own + np.sqrt(common) * shared)


def maxima(excess: np.ndarray, seed: int = 1, draws: int = 1000) -> ChanceMaxima:
    chance = ChanceMaxima(len(excess), seed, draws, BLOCK)
    chance.add(excess)
    return chance


def ratio(excess: np.ndarray) -> np.ndarray:
    return excess.mean(axis=0) / excess.std(axis=0, ddof=1)


def check(excess: np.ndarray, seed: int = 1, draws: int = 1000) -> RealityCheck:
    """Of the best path."""
    return maxima(excess, seed, draws).check(float(ratio(excess).max()), excess.shape[1])


def test_the_best_ratios_by_chance_are_those_of_another_library_s_bootstrap() -> None:
    """Blocks that come in storms, so that their length matters: `arch` draws and takes ratios."""
    excess = noise(1, 600, 5, 0.5) * np.repeat(np.tile([0.3, 2.0], 10), 30)[:, None]
    excess += np.repeat(np.random.default_rng(2).normal(0, 0.004, 20), 30)[:, None]
    apart = excess - excess.mean(axis=0)
    theirs = StationaryBootstrap(BLOCK, apart, seed=3).apply(
        lambda drawn: np.array([ratio(drawn).max()]), 2000
    )[:, 0]
    ours = maxima(excess, draws=2000).highest
    quantiles = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95]
    spread = theirs.std()
    assert np.quantile(ours, quantiles) == pytest.approx(
        np.quantile(theirs, quantiles), abs=5 * spread / np.sqrt(2000) * 1.5
    )


def test_p_counts_the_draws_that_reach_the_ratio() -> None:
    chance = maxima(noise(4, 300, 3), draws=99)
    third = float(np.sort(chance.highest)[-3])
    assert chance.check(third, 3).p == pytest.approx((1 + 3) / 100)
    assert chance.check(third + 1e-9, 3).p == pytest.approx((1 + 2) / 100)
    assert chance.check(10.0, 3).p == pytest.approx(1 / 100)
    assert chance.check(-10.0, 3).p == 1.0


def test_without_skill_it_is_passed_as_often_as_its_p_says() -> None:
    """150 searches of 10 paths: 5 % at most by chance, within the 99 % band of 150 trials.

    Days are as many blocks as a decade has of 60 days: with fewer the bootstrap is too sure.
    """
    passed = sum(check(noise(seed, 1200, 10, 0.3), seed, 200).p <= 0.05 for seed in range(150))
    assert passed / 150 <= 0.05 + 2.5758 * np.sqrt(0.05 * 0.95 / 150)


def test_skill_passes() -> None:
    excess = noise(5, 1000, 30)
    excess[:, 7] += 0.004  # a t-ratio of 0.2 * sqrt(1000) = 6
    assert check(excess).p == pytest.approx(1 / 1001)


def test_more_different_paths_are_more_chances_and_copies_are_none() -> None:
    excess = noise(6, 500, 40)
    few, many = (float(np.median(maxima(excess[:, :count]).highest)) for count in (4, 40))
    # Expected maxima of 4 and 40 normal numbers are 1.03 and 2.16 standard errors.
    assert many - few == pytest.approx((2.16 - 1.03) / np.sqrt(500), rel=0.25)
    copies = maxima(np.repeat(excess[:, :4], 10, axis=1)).highest
    np.testing.assert_allclose(copies, maxima(excess[:, :4]).highest, rtol=1e-5, atol=1e-7)


def test_parts_are_as_good_as_the_whole() -> None:
    excess, parts = noise(7, 300, 12), ChanceMaxima(300, 1, 1000, BLOCK)
    parts.add(excess[:, :5])
    parts.add(excess[:, 5:])
    whole = maxima(excess)
    np.testing.assert_allclose(parts.highest, whole.highest, rtol=1e-5)
    assert (parts.paths, whole.paths) == (12, 12)


def test_a_path_s_mean_and_stake_change_nothing_for_the_others() -> None:
    excess = noise(8, 300, 6)
    other = excess * np.array([1.0, 3.0, 0.5, 1.0, 2.0, 1.0]) + np.arange(6) * 0.001
    np.testing.assert_allclose(maxima(excess).highest, maxima(other).highest, rtol=1e-4, atol=1e-6)


def test_paths_that_do_not_vary_have_a_ratio_of_0() -> None:
    flat = np.full((300, 2), 0.001)
    assert (maxima(flat).highest == 0.0).all()
    both = np.concatenate([noise(9, 300, 1), flat], axis=1)
    np.testing.assert_allclose(
        maxima(both).highest, np.maximum(maxima(both[:, :1]).highest, 0.0), rtol=1e-6
    )


def test_paths_that_were_not_looked_at_count_against_the_best() -> None:
    """A quarter looked at: four independent tries, 1 - 0.9 ** 4."""
    chance = maxima(noise(10, 300, 5), draws=99)
    tenth = float(np.sort(chance.highest)[-9])
    assert chance.check(tenth, 5).p == pytest.approx(0.1)
    assert chance.check(tenth, 20).p == pytest.approx(1 - 0.9**4)
