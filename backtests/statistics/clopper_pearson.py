"""The exact interval of a share (Clopper and Pearson 1934)."""

from scipy.stats import beta

LEVEL = 0.95


def share_interval(count: int, of: int, level: float = LEVEL) -> tuple[float, float]:
    """Interval of a probability that was met `count` times in `of` independent trials.

    Clopper and Pearson (1934), by quantiles of the beta distribution: it holds the probability in
    at least `level` of all samples.

    Raises
    ------
    ValueError
        There is no trial, or the count is none of them.

    """
    if not 0 <= count <= of or of < 1:
        raise ValueError(f"{count} of {of}: must be a number of trials out of at least one")
    tail = (1.0 - level) / 2.0
    low = float(beta.ppf(tail, count, of - count + 1)) if count else 0.0
    high = float(beta.ppf(1.0 - tail, count + 1, of - count)) if count < of else 1.0
    return low, high
