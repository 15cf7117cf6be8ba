"""Does any parameter set of a search beat the benchmark, or is the best a result of many trials?

Hansen (2005), "A test for superior predictive ability", Journal of Business & Economic Statistics
23(4), with the stationary bootstrap. Unlike the reality check of White (2000) it divides the mean
of each set by its own standard error, and poor sets do not weaken it.
"""

from typing import NamedTuple

import numpy as np

from backtests.performance.metrics import FLAT
from backtests.statistics.bootstrap import BLOCK_DAYS, DRAWS
from backtests.statistics.stationary_bootstrap import DrawnDays, count_days, draw_days
from strategies.indicators import Floats

DRAWS_AT_ONCE = 100
SETS_AT_ONCE = 64


class SuperiorAbility(NamedTuple):
    """The largest t-ratio of a mean difference (0 if no set is ahead), its set, and its p-values.

    `p_consistent` is Hansen's p-value. `p_lower` takes sets below the benchmark for as bad as they
    look, `p_upper` (his SPA_u) for as good as the benchmark: they bound it, and a wide gap says
    that many poor sets were tried. All are (1 + draws at least as large) / (1 + draws), as the p of
    the random gates: never 0.
    """

    statistic: float
    best: int
    p_lower: float
    p_consistent: float
    p_upper: float


def superior_ability(
    differences: Floats, seed: int, block_days: float = BLOCK_DAYS, draws: int = DRAWS
) -> SuperiorAbility:
    """Test that no set has a mean above the benchmark's.

    Parameters
    ----------
    differences : daily returns of each set minus those of the benchmark, days x sets.
    seed : of the bootstrap.
    block_days : mean length of the blocks of days drawn, also in the standard errors.
    draws : number of resamples.

    Raises
    ------
    ValueError
        Fewer than 3 days (the bound of the consistent test is sqrt(2 * log(log(days)))), or a
        number that is not finite.

    """
    return superior_ability_on(
        draw_days(len(differences), draws, seed, block_days), differences, block_days
    )


def superior_ability_on(rows: DrawnDays, differences: Floats, block_days: float) -> SuperiorAbility:
    """The test on given resamples: rows of `differences`, draws x days."""
    days = len(differences)
    if days < 3 or not np.isfinite(differences).all():
        raise ValueError(
            f"differences: {days} days x {differences.shape[1]} sets,"
            " must be 3 days or more, all finite numbers"
        )
    errors = standard_errors(differences, block_days)
    varies = errors > FLAT  # a copy of the benchmark is not ahead and never will be
    ratios = np.divide(
        np.sqrt(days) * differences.mean(axis=0), errors, out=np.zeros(len(errors)), where=varies
    )
    hopeless = ratios < -np.sqrt(2.0 * np.log(np.log(days)))
    # What the ratio of a draw is compared with. The lower test leaves sets below the benchmark
    # where they are; the others are moved to the benchmark.
    centres = np.stack((np.maximum(ratios, 0.0), np.where(hopeless, 0.0, ratios), ratios))
    scaled = np.divide(
        differences, errors * np.sqrt(days), out=np.zeros_like(differences), where=varies
    )
    statistic = max(float(ratios.max()), 0.0)
    reached = _count_reached(rows, scaled, centres, statistic)
    lower, consistent, upper = (1.0 + reached) / (1.0 + len(rows))
    return SuperiorAbility(
        statistic, int(ratios.argmax()), float(lower), float(consistent), float(upper)
    )


def standard_errors(differences: Floats, block_days: float = BLOCK_DAYS) -> Floats:
    """Standard error of each mean times sqrt(days), exact under the stationary bootstrap.

    Hansen (2005), p. 372: variance = c(0) + 2 * sum over lags i of c(i) * ((1 - i / days) *
    (1 - q) ** i + i / days * (1 - q) ** (days - i)), c being the sample autocovariance and
    q = 1 / `block_days`.
    """
    days = len(differences)
    lag = np.arange(days)
    stay = 1.0 - 1.0 / block_days
    weight = (1.0 - lag / days) * stay**lag + lag / days * stay ** (days - lag)
    weight[1:] *= 2.0
    variances = np.empty(differences.shape[1])
    for first in range(0, len(variances), SETS_AT_ONCE):
        part = differences[:, first : first + SETS_AT_ONCE]
        spectrum = np.abs(np.fft.rfft(part - part.mean(axis=0), 2 * days, axis=0)) ** 2
        variances[first : first + SETS_AT_ONCE] = (
            weight @ np.fft.irfft(spectrum, axis=0)[:days] / days
        )
    return np.sqrt(np.maximum(variances, 0.0))


def _count_reached(rows: DrawnDays, scaled: Floats, centres: Floats, statistic: float) -> Floats:
    """Number of draws whose highest ratio is at least `statistic`, one for each centring."""
    reached = np.zeros(len(centres))
    for first in range(0, len(rows), DRAWS_AT_ONCE):
        drawn = count_days(rows[first : first + DRAWS_AT_ONCE]) @ scaled
        highest = np.stack([(drawn - centre).max(axis=1) for centre in centres])
        reached += (np.maximum(highest, 0.0) >= statistic).sum(axis=1)
    return reached
