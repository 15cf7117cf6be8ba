"""Is the best Sharpe ratio of a search higher than the best of as many trials without skill?

Bailey and López de Prado (2012), "The Sharpe ratio efficient frontier", Journal of Risk 15(2);
(2014), "The deflated Sharpe ratio", Journal of Portfolio Management 40(5). Sharpe ratios are
*daily* here, never annualised: the formulas need one observation for each period. All of this asks
about a ratio of 0: to ask whether a strategy beats another, pass the returns of the difference.

**Effective trials.** The formula for the expected maximum is about independent trials, but
neighbouring parameter sets hold the same coins on most days. The number N that stands for them here
is *defined* by the formula: as many independent trials as have the same expected maximum as the
study's own, correlated ones, were none of them skilled. That maximum is simulated from the study's
returns with Gaussian multipliers (Chernozhukov, Chetverikov and Kato 2013, Annals of Statistics
41(6)), which give t-ratios with the correlations of the sample. N is 1 for copies, the number of
sets for independent sets, the number of groups for groups of copies. The mean correlation of Bailey
and López de Prado (2014, appendix: N = c + (1 - c) * sets) is not used: 5 groups of 20 copies would
count as 81. Nor are clusters (López de Prado and Lewis 2019): for one cluster of sets with
correlation 0.9 they say 1, while the best of a hundred such sets beats a single one by 0.8 of its
standard error.
"""

from math import e, log2, sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from backtests.performance.metrics import FLAT
from strategies.indicators import Floats

CONFIDENCE = 0.95
EULER_MASCHERONI = 0.5772156649015329
DRAWS = 2000
DRAWS_AT_ONCE = 250
NORMAL = NormalDist()


class TrackRecord(NamedTuple):
    """What a Sharpe ratio and its standard error are computed from.

    Ratio per day, number of days, shape of the returns (normal: skewness 0, kurtosis 3).
    """

    sharpe: float
    days: int
    skewness: float = 0.0
    kurtosis: float = 3.0


class Deflation(NamedTuple):
    """The probability that the best set's Sharpe ratio is more than chance, and its threshold.

    `expected_maximum` is the expected daily Sharpe ratio of the best of `effective_trials` trials
    without skill, where single trials have `variance`. `minimum_days` is the length of track record
    at which the ratio of the best set is above that with `CONFIDENCE`; None if no length would do.
    """

    deflated_sharpe: float
    record: TrackRecord
    expected_maximum: float
    effective_trials: float
    variance: float
    minimum_days: float | None


def track_record(daily_returns: Floats) -> TrackRecord | None:
    """Sharpe ratio as in `metrics`, but per day; skewness and kurtosis as moments of the sample.
    None without variation.
    """
    deviation = float(daily_returns.std(ddof=1)) if len(daily_returns) > 1 else 0.0
    if deviation <= FLAT:
        return None
    apart = (daily_returns - daily_returns.mean()) / daily_returns.std()
    return TrackRecord(
        float(daily_returns.mean()) / deviation,
        len(daily_returns),
        float(np.mean(apart**3)),
        float(np.mean(apart**4)),
    )


def probabilistic_sharpe(record: TrackRecord, benchmark: float = 0.0) -> float:
    """Probability that the true ratio is above `benchmark`, a daily one (2012)."""
    return NORMAL.cdf((record.sharpe - benchmark) * sqrt((record.days - 1) / _spread(record)))


def minimum_track_record(
    record: TrackRecord, benchmark: float = 0.0, confidence: float = CONFIDENCE
) -> float | None:
    """Days at which `probabilistic_sharpe` of the same ratio and shape reaches `confidence` (2012).

    None where the ratio is not above `benchmark`: no length would do.
    """
    if record.sharpe <= benchmark:
        return None
    return 1.0 + _spread(record) * (NORMAL.inv_cdf(confidence) / (record.sharpe - benchmark)) ** 2


def expected_maximum(trials: float) -> float:
    """Expected maximum of independent standard normal numbers (2014).

    The approximation is 8 % too low for 2, within 3 % from 3 on, within 1 % from 100 on. For a
    single number it is 0; between 1 and 2 it is interpolated in the logarithm of the number.
    """
    if trials < 2.0:
        return expected_maximum(2.0) * log2(max(trials, 1.0))
    at_one, at_e = NORMAL.inv_cdf(1.0 - 1.0 / trials), NORMAL.inv_cdf(1.0 - 1.0 / (trials * e))
    return (1.0 - EULER_MASCHERONI) * at_one + EULER_MASCHERONI * at_e


def deflated_sharpe(record: TrackRecord, trials: float, variance: float) -> float:
    """Probability that the true ratio is above the expected best of `trials` without skill (2014).

    `variance` is that of the daily Sharpe ratios of single trials.
    """
    return probabilistic_sharpe(record, sqrt(variance) * expected_maximum(trials))


def deflate(best: Floats, sample: Floats, sharpes: Floats, seed: int) -> Deflation | None:
    """The deflated Sharpe ratio of a study.

    Parameters
    ----------
    best : daily returns of the best set.
    sample : daily returns of sets drawn at random from all that were tried, days x sets.
    sharpes : daily Sharpe ratio of every set tried, 0 where it has none.
    seed : of the multipliers.

    Returns
    -------
    None if the best set's returns do not vary. The variance of single trials is at least that of
    trials without skill over that many days, 1 / (days - 1): ratios of similar sets lie closer
    together, but the effective number accounts for that.

    """
    record = track_record(best)
    if record is None:
        return None
    trials = effective_trials(sample, len(sharpes), seed)
    variance = max(
        float(np.var(sharpes, ddof=1)) if len(sharpes) > 1 else 0.0, 1.0 / (record.days - 1)
    )
    most = sqrt(variance) * expected_maximum(trials)
    return Deflation(
        probabilistic_sharpe(record, most),
        record,
        most,
        trials,
        variance,
        minimum_track_record(record, most),
    )


def effective_trials(daily_returns: Floats, tried: int, seed: int) -> float:
    """How many independent trials a search is worth, from 1 to `tried`.

    Parameters
    ----------
    daily_returns : days x sets, all the sets that were tried or some drawn from them at random.
    tried : how many sets were.
    seed : of the multipliers.

    Notes
    -----
    With fewer series than sets, the number of independent trials is assumed to grow further with
    the same power of the number of sets as from half of the series to all of them: not at all if
    they are copies of a few, in proportion if they are independent. The growth slows where sets
    fill a space of few parameters, so this errs towards more trials.

    Raises
    ------
    ValueError
        More series than sets tried, a single series for several sets, or a return that is not a
        finite number.

    """
    series = daily_returns.shape[1]
    if not min(tried, 2) <= series <= tried:
        raise ValueError(
            f"series: {series}, must be from {min(tried, 2)} to the {tried} sets that were tried"
        )
    if not np.isfinite(daily_returns).all():
        raise ValueError("daily returns: some are no finite numbers; leave those days or sets out")
    whole, half = (_trials(maximum, series) for maximum in _maxima(daily_returns, seed))
    return float(min(whole * (tried / series) ** min(log2(whole / half), 1.0), tried))


def _spread(record: TrackRecord) -> float:
    """Variance of the estimate of a Sharpe ratio, times days - 1 (Mertens 2002)."""
    spread = (
        1.0 - record.skewness * record.sharpe + (record.kurtosis - 1.0) / 4.0 * record.sharpe**2
    )
    if record.days < 2 or spread <= 0.0:
        raise ValueError(
            f"track record: {record}, must have 2 days or more and a kurtosis that its skewness"
            " allows, 1 + skewness ** 2 at least"
        )
    return spread


def _maxima(daily_returns: Floats, seed: int) -> tuple[float, float]:
    """Expected maximum of the t-ratios of all series, and of a random half, without skill.

    The highest and the lowest of a draw are equally useful, as every draw could have had the other
    sign: half their distance has the same mean and is exactly 0 for copies. Random halves are not
    drawn: the probability that the j-th highest of all is the highest of a half is known.
    """
    apart = daily_returns - daily_returns.mean(axis=0)
    deviations = apart.std(axis=0)
    scaled = np.divide(
        apart, deviations * sqrt(len(apart)), out=np.zeros_like(apart), where=deviations > FLAT
    )
    weights = _probability_of_highest(scaled.shape[1])
    random = np.random.default_rng(seed)
    whole = half = 0.0
    for _ in range(DRAWS // DRAWS_AT_ONCE):
        ratios = np.sort(random.standard_normal((DRAWS_AT_ONCE, len(apart))) @ scaled, axis=1)
        whole += float((ratios[:, -1] - ratios[:, 0]).sum()) / 2.0
        half += float((ratios @ (weights[::-1] - weights)).sum()) / 2.0
    return whole / DRAWS, half / DRAWS


def _probability_of_highest(series: int) -> Floats:
    """Probabilities that the highest of a random half is the highest of all, the second, ..."""
    higher = np.arange(series)
    drawn = max(series // 2, 1)
    one_more_missed = np.maximum(series - drawn - higher, 0) / (series - higher)
    return np.concatenate(([1.0], np.cumprod(one_more_missed)[:-1])) * drawn / (series - higher)


def _trials(maximum: float, most: int) -> float:
    """The number of independent trials with that expected maximum, from 1 to `most`."""
    low, high = 1.0, float(most)
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if expected_maximum(middle) < maximum else (low, middle)
    return high
