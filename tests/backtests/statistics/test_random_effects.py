"""Random effects against a published example and an independent library."""

from math import inf, sqrt

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from backtests.statistics.random_effects import (
    PooledEffect,
    pool_random_effects,
    predict_next,
)

# Trials of the BCG vaccine (Colditz and others 1994): ill and well among the vaccinated, ill and
# well among the others. metafor's manual works them out as log relative risks.
BCG = np.array(
    [
        *([4, 119, 11, 128], [6, 300, 29, 274], [3, 228, 11, 209], [62, 13536, 248, 12619]),
        *([33, 5036, 47, 5761], [180, 1361, 372, 1079], [8, 2537, 10, 619]),
        *([505, 87886, 499, 87892], [29, 7470, 45, 7232], [17, 1699, 65, 1600]),
        *([186, 50448, 141, 27197], [5, 2493, 3, 2338], [27, 16886, 29, 17825]),
    ],
    dtype=float,
)


def log_risks() -> tuple[np.ndarray, np.ndarray]:
    """Log relative risk of each trial and its sampling variance."""
    ill, well, ill_other, well_other = BCG.T
    vaccinated, others = ill + well, ill_other + well_other
    effects = np.log((ill / vaccinated) / (ill_other / others))
    return effects, 1 / ill - 1 / vaccinated + 1 / ill_other - 1 / others


def test_the_bcg_trials_have_the_published_figures():
    """metafor: rma(yi, vi, data=dat, method="DL"): tau^2 0.3088, estimate -0.7141, Q 152.2330."""
    pooled = pool_random_effects(*log_risks())
    assert pooled.tau_squared == pytest.approx(0.3088, abs=5e-5)
    assert pooled.mean == pytest.approx(-0.7141, abs=5e-5)
    assert pooled.heterogeneity == pytest.approx(152.2330, abs=5e-4)


def test_the_error_without_hartung_and_knapp_is_the_published_one():
    """0.1787 is 1 / sqrt(sum of weights); here their q is above 1, and the error the larger."""
    effects, variances = log_risks()
    pooled = pool_random_effects(effects, variances)
    plain = 1 / sqrt((1 / (variances + pooled.tau_squared)).sum())
    assert plain == pytest.approx(0.1787, abs=5e-5)
    assert pooled.error > plain


def test_statsmodels_has_the_same_error_and_interval():
    effects, variances = log_risks()
    ours = pool_random_effects(effects, variances)
    theirs = combine_effects(effects, variances, method_re="dl")
    assert ours.mean == pytest.approx(theirs.mean_effect_re)
    assert ours.error == pytest.approx(theirs.sd_eff_w_re_hksj)
    ends = stats.t.interval(0.95, 12, theirs.mean_effect_re, theirs.sd_eff_w_re_hksj)
    assert (ours.low, ours.high) == pytest.approx(ends)


def test_p_belongs_to_the_interval():
    """At the p of 5 % the interval ends at 0."""
    effects, variances = log_risks()
    pooled = pool_random_effects(effects, variances)
    assert pooled.p == pytest.approx(2 * stats.t.cdf(pooled.mean / pooled.error, 12))
    at_the_edge = pool_random_effects(effects - pooled.high, variances)
    assert at_the_edge.p == pytest.approx(0.05)


def test_equal_variances_give_students_interval():
    """Then tau^2 is what the estimates scatter beyond v, and the mean is the plain one."""
    effects = np.array([3.0, -2.0, 5.0, 0.5])
    pooled = pool_random_effects(effects, np.full(4, 0.25))
    student = stats.t.interval(0.95, 3, effects.mean(), stats.sem(effects))
    assert (pooled.low, pooled.high) == pytest.approx(student)
    assert pooled.tau_squared == pytest.approx(effects.var(ddof=1) - 0.25)


def test_estimates_that_agree_by_chance_are_no_more_certain_than_their_errors():
    pooled = pool_random_effects(np.array([1.0, 1.0, 1.01]), np.full(3, 0.09))
    assert pooled.tau_squared == 0.0
    assert pooled.error == pytest.approx(sqrt(0.09 / 3))


def test_one_more_effect_lies_wider_than_the_mean():
    pooled = PooledEffect(10, 0.5, 0.3, 0.0, 0.0, 0.0, 0.16, 0.0)
    low, high = predict_next(pooled)
    reach = stats.t.ppf(0.975, 8) * sqrt(0.16 + 0.09)
    assert (low, high) == pytest.approx((0.5 - reach, 0.5 + reach))
    assert predict_next(pooled, 0.24)[1] == pytest.approx(0.5 + stats.t.ppf(0.975, 8) * 0.7)


def test_two_estimates_predict_nothing():
    pooled = pool_random_effects(np.array([1.0, 2.0]), np.array([0.1, 0.1]))
    assert predict_next(pooled) == (-inf, inf)


@pytest.mark.parametrize(
    ("effects", "variances"), [([1.0], [1.0]), ([1.0, 2.0], [1.0, 0.0]), ([], [])]
)
def test_what_cannot_be_pooled_is_refused(effects: list[float], variances: list[float]):
    with pytest.raises(ValueError, match="two estimates at least"):
        pool_random_effects(np.array(effects), np.array(variances))
