"""Superior predictive ability: against another implementation, by hand, and its error rate."""

from types import ModuleType

import numpy as np
import pytest

from backtests.statistics.spa import standard_errors, superior_ability, superior_ability_on
from backtests.statistics.stationary_bootstrap import draw_days

BINOMIAL_99 = 2.5758


def noise(seed: int, days: int, sets: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.02, (days, sets))


def clinging(seed: int, days: int, sets: int) -> np.ndarray:
    """Each day has half of the one before."""
    daily = noise(seed, days, sets)
    for day in range(1, days):
        daily[day] += 0.5 * daily[day - 1]
    return daily


# against arch


@pytest.fixture(scope="module")
def arch() -> ModuleType:
    return pytest.importorskip(
        "arch.bootstrap", reason="arch, the other implementation of the test, is not installed"
    )


def of_ratios(seed: int, ratios: np.ndarray, block_days: float) -> np.ndarray:
    """250 days of differences with standard error 1 and these t-ratios: arch takes `studentize` but
    compares plain means.
    """
    daily = clinging(seed, 250, len(ratios))
    return (daily - daily.mean(axis=0)) / standard_errors(daily, block_days) + ratios / np.sqrt(250)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ahead", [0.5, 1.5, 2.5])
def test_the_same_days_give_the_same_p_values_as_arch(
    arch: ModuleType, seed: int, ahead: float
) -> None:
    draws, block_days = 400, 12
    differences = of_ratios(seed, np.array([0.0, -0.5, -1.0, -4.0, -9.0, ahead]), block_days)
    theirs = arch.SPA(
        np.zeros(250), -differences, block_size=block_days, reps=draws, seed=seed
    )  # losses: less is better
    theirs.compute()
    days = arch.StationaryBootstrap(block_days, np.arange(250), seed=seed)
    rows = np.array([drawn[0][0] for drawn in days.bootstrap(draws)])
    got = superior_ability_on(rows, differences, block_days)
    assert (got.statistic, got.best) == (pytest.approx(ahead), 5)
    # They divide the number of draws above the statistic by that of draws, we add the study itself
    # to both.
    for ours, their in zip(got[2:], theirs.pvalues, strict=True):
        assert ours == pytest.approx((1 + their * draws) / (1 + draws), abs=1e-12)


def test_other_days_give_nearly_the_p_values_of_arch(arch: ModuleType) -> None:
    """2,000 draws each: two shares of p apart by chance stay within 4 * sqrt(2 * p * (1 - p) /
    2000).
    """
    differences = of_ratios(9, np.array([0.3, -0.5, 1.6, -6.0]), 10)
    theirs = arch.SPA(np.zeros(250), -differences, block_size=10, reps=2000, seed=1)
    theirs.compute()
    for ours, their in zip(
        superior_ability(differences, 2, 10.0, 2000)[2:], theirs.pvalues, strict=True
    ):
        assert ours == pytest.approx(their, abs=4 * np.sqrt(2 * their * (1 - their) / 2000))


# standard errors


@pytest.mark.parametrize("daily", [noise(1, 60, 3), clinging(2, 60, 3)])
def test_errors_are_the_formula_written_out(daily: np.ndarray) -> None:
    days, q = len(daily), 1 / 7
    apart = daily - daily.mean(axis=0)
    expected = (apart**2).mean(axis=0)
    for lag in range(1, days):
        weight = (1 - lag / days) * (1 - q) ** lag + lag / days * (1 - q) ** (days - lag)
        expected = expected + 2 * weight * (apart[lag:] * apart[:-lag]).sum(axis=0) / days
    np.testing.assert_allclose(standard_errors(daily, 7.0), np.sqrt(expected), rtol=1e-10)


def test_errors_are_what_resampled_means_scatter_by() -> None:
    daily = clinging(3, 200, 2)
    means = daily[draw_days(200, 8000, 1, 15.0)].mean(axis=1)
    np.testing.assert_allclose(
        means.std(axis=0) * np.sqrt(200), standard_errors(daily, 15.0), rtol=0.04
    )


def test_errors_do_not_depend_on_neighbours() -> None:
    daily = noise(4, 90, 150)
    np.testing.assert_allclose(
        standard_errors(daily)[100], standard_errors(daily[:, 100:101])[0], rtol=1e-12
    )


# what it says


def test_the_statistic_is_the_largest_ratio() -> None:
    daily = noise(5, 300, 4) + np.array([0.0, 0.002, 0.001, -0.001])
    ratios = np.sqrt(300) * daily.mean(axis=0) / standard_errors(daily)
    got = superior_ability(daily, 1)
    assert got.best == ratios.argmax()
    assert got.statistic == pytest.approx(ratios.max())


def test_the_three_p_values_are_in_order() -> None:
    for seed in range(10):
        got = superior_ability(noise(seed, 200, 6) + np.linspace(-0.004, 0.001, 6), seed, 10.0, 200)
        assert 1 / 201 <= got.p_lower <= got.p_consistent <= got.p_upper <= 1.0


def test_luck_among_many_is_seldom_taken_for_ability() -> None:
    """120 searches among 20 sets without ability: 5 % are called better, within the 99 % band;
    taken alone, most of the best would be.
    """
    searches = 120
    p = np.array(
        [superior_ability(noise(seed, 250, 20), seed, 5.0, 200)[2:] for seed in range(searches)]
    )
    assert (p[:, 1] <= 0.05).mean() <= 0.05 + BINOMIAL_99 * np.sqrt(0.05 * 0.95 / searches)
    alone = [
        superior_ability(best(noise(seed, 250, 20)), seed, 5.0, 200).p_consistent
        for seed in range(30)
    ]
    assert np.mean(np.array(alone) <= 0.05) > 0.3


def best(daily: np.ndarray) -> np.ndarray:
    return daily[:, [daily.mean(axis=0).argmax()]]


def test_ability_is_found_among_many() -> None:
    daily = noise(6, 500, 50)
    daily[:, 31] += 0.005
    got = superior_ability(daily, 1)
    assert got.best == 31
    assert got.p_upper < 0.01


def test_hopeless_sets_do_not_hide_a_good_one() -> None:
    """Forty sets that lose far beyond chance weaken the upper test only, Hansen's point against the
    reality check.
    """
    daily = noise(7, 400, 1)
    good = daily - daily.mean() + 0.0024  # a t-ratio of about 0.0024 / 0.02 * sqrt(400) = 2.4
    got = superior_ability(np.column_stack((good, noise(8, 400, 40) - 0.02)), 1, 5.0)
    alone = superior_ability(good, 1, 5.0)
    assert got.p_consistent == pytest.approx(alone.p_consistent, abs=1e-9)
    assert got.p_upper > 5 * got.p_consistent


@pytest.mark.parametrize("differences", [np.zeros((50, 3)), noise(9, 50, 3) - 0.05])
def test_where_no_set_is_ahead_nothing_speaks_for_ability(differences: np.ndarray) -> None:
    got = superior_ability(differences, 1, 5.0)
    assert got.statistic == 0.0
    assert got[2:] == (1.0, 1.0, 1.0)


def test_copies_of_the_benchmark_change_nothing() -> None:
    daily = noise(10, 200, 3) + 0.002
    # Where arrays lie in memory decides the order of a sum, and with it a statistic's last bit.
    assert superior_ability(np.column_stack((daily, np.zeros((200, 2)))), 1) == pytest.approx(
        superior_ability(daily, 1), rel=1e-12
    )


def test_the_stake_changes_nothing() -> None:
    daily = noise(11, 200, 4) + 0.001
    assert superior_ability(daily * np.array([1.0, 2.0, 0.25, 8.0]), 1) == pytest.approx(
        superior_ability(daily, 1), rel=1e-9
    )


def test_a_seed_reproduces_a_test() -> None:
    daily = noise(13, 200, 4)
    assert superior_ability(daily, 1) == superior_ability(daily, 1)
    assert superior_ability(daily, 1) != superior_ability(daily, 2)


@pytest.mark.parametrize("differences", [np.zeros((2, 3)), np.full((20, 2), np.nan)])
def test_what_cannot_be_tested_is_refused(differences: np.ndarray) -> None:
    with pytest.raises(ValueError, match="must be 3 days or more, all finite numbers"):
        superior_ability(differences, 1)
