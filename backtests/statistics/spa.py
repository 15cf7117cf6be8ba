"""Does any set of a search beat the benchmark, or is the best of them what many tries bring? Hansen's test.

Hansen (2005), "A test for superior predictive ability", Journal of Business & Economic Statistics 23(4), with the stationary
bootstrap. Unlike White's (2000) reality check it weighs each set by its own error, and poor sets do not weaken it.
"""

from typing import NamedTuple

import numpy as np

from backtests.performance.metrics import FLAT
from backtests.statistics.bootstrap import BLOCK_DAYS, DRAWS
from backtests.statistics.stationary_bootstrap import Counted, drawn_days, how_often
from strategies.indicators import Floats

DRAWS_AT_ONCE = 100
SETS_AT_ONCE = 64


class SuperiorAbility(NamedTuple):
    """The largest t-ratio of a mean difference (0 if no set is ahead), the set it belongs to, and how often luck reaches it.

    `p_consistent` is Hansen's p-value. `p_lower` takes sets that trail the benchmark for as bad as they look, `p_upper` (his
    SPA_u) for as good as the benchmark: they bound it, and a wide gap says that many poor sets were tried. All are
    (1 + draws at least as large) / (1 + draws), as the p of the random gates: never 0.
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
    differences : daily returns of each set minus the benchmark's of the same days, days x sets.
    seed : of the bootstrap.
    block_days : mean length of the blocks of days drawn, also in the standard errors.
    draws : number of resamples.

    Raises
    ------
    ValueError : fewer than 3 days (the bound of the consistent test is sqrt(2 * log(log(days)))), or a number that is not finite.

    """
    return superior_ability_on(
        drawn_days(len(differences), draws, seed, block_days), differences, block_days
    )


def superior_ability_on(rows: Counted, differences: Floats, block_days: float) -> SuperiorAbility:
    """The same on resamples that have been drawn, as rows of `differences`, draws x days."""
    days = len(differences)
    if days < 3 or not np.isfinite(differences).all():
        raise ValueError(
            f"differences: {days} days x {differences.shape[1]} sets, must be 3 days or more, all finite numbers"
        )
    errors = standard_errors(differences, block_days)
    varies = errors > FLAT  # a copy of the benchmark is not ahead and never will be
    ratios = np.divide(
        np.sqrt(days) * differences.mean(axis=0), errors, out=np.zeros(len(errors)), where=varies
    )
    hopeless = ratios < -np.sqrt(2.0 * np.log(np.log(days)))
    # What a draw's ratio is compared with. The lower test leaves sets that trail where they are; what is centred moves to the benchmark.
    centres = np.stack((np.maximum(ratios, 0.0), np.where(hopeless, 0.0, ratios), ratios))
    scaled = np.divide(
        differences, errors * np.sqrt(days), out=np.zeros_like(differences), where=varies
    )
    statistic = max(float(ratios.max()), 0.0)
    lower, consistent, upper = (1.0 + _reached(rows, scaled, centres, statistic)) / (
        1.0 + len(rows)
    )
    return SuperiorAbility(
        statistic, int(ratios.argmax()), float(lower), float(consistent), float(upper)
    )


def standard_errors(differences: Floats, block_days: float = BLOCK_DAYS) -> Floats:
    """Standard error of each mean times sqrt(days): its exact spread under the stationary bootstrap (Hansen 2005, p. 372).

    variance = c(0) + 2 * sum over lags i of c(i) * ((1 - i / days) * (1 - q) ** i + i / days * (1 - q) ** (days - i)), c being
    the sample autocovariance and q = 1 / `block_days`.
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


def _reached(rows: Counted, scaled: Floats, centres: Floats, statistic: float) -> Floats:
    """Draws whose highest ratio is at least `statistic`, by way of centring."""
    reached = np.zeros(len(centres))
    for first in range(0, len(rows), DRAWS_AT_ONCE):
        drawn = how_often(rows[first : first + DRAWS_AT_ONCE]) @ scaled
        highest = np.stack([(drawn - centre).max(axis=1) for centre in centres])
        reached += (np.maximum(highest, 0.0) >= statistic).sum(axis=1)
    return reached
