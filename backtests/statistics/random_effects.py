"""Several estimates of one effect, each with its own error, as one: random effects.

Estimate i is y_i = mu + u_i + e_i with variances tau^2 of u and v_i of e, the latter known. tau^2
is DerSimonian and Laird's (1986, Controlled Clinical Trials 7), the interval of mu Hartung and
Knapp's (2001, Statistics in Medicine 20), never narrower than v and tau^2 alone make it (Knapp and
Hartung 2003, Statistics in Medicine 22), which matters where estimates happen to agree.
"""

from math import inf, sqrt
from typing import NamedTuple

from strategies.indicators import Floats


class PooledEffect(NamedTuple):
    """The common effect `mean` of `n` estimates, two at least.

    `error` is the standard error of the mean, `low` to `high` its 95 % interval and `p` its
    two-sided test against 0 by Student with n - 1 degrees of freedom. `tau_squared` is the variance
    of true effects between estimates, `heterogeneity` Cochran's Q.
    """

    n: int
    mean: float
    error: float
    low: float
    high: float
    p: float
    tau_squared: float
    heterogeneity: float


def pool_random_effects(effects: Floats, variances: Floats) -> PooledEffect:
    """The common effect of estimates with their sampling variances.

    With w_i = 1 / v_i, Q = sum w_i (y_i - sum w y / sum w)^2:

        tau^2 = max(0, (Q - (n - 1)) / (sum w - sum w^2 / sum w))
        w*_i = 1 / (v_i + tau^2),  mu = sum w* y / sum w*
        q = sum w*_i (y_i - mu)^2 / (n - 1),  error = sqrt(max(1, q) / sum w*)

    Parameters
    ----------
    effects, variances : one value an estimate, two at least; variances above 0.

    Raises
    ------
    ValueError
        Fewer than two estimates, or a variance that is not above 0.

    """
    from scipy.stats import t  # as long to load as all the rest

    n = len(effects)
    if n < 2 or not (variances > 0.0).all():
        raise ValueError("two estimates at least, each with a variance above 0")
    tau_squared, heterogeneity = between_variance(effects, variances)
    weights = 1.0 / (variances + tau_squared)
    total = float(weights.sum())
    mean = float(weights @ effects) / total
    scatter = float(weights @ (effects - mean) ** 2) / (n - 1)
    error = sqrt(max(1.0, scatter) / total)
    reach = float(t.ppf(0.975, n - 1)) * error
    return PooledEffect(
        n=n,
        mean=mean,
        error=error,
        low=mean - reach,
        high=mean + reach,
        p=2.0 * float(t.sf(abs(mean) / error, n - 1)),
        tau_squared=tau_squared,
        heterogeneity=heterogeneity,
    )


def between_variance(effects: Floats, variances: Floats) -> tuple[float, float]:
    """DerSimonian and Laird's tau^2 and Cochran's Q; as `pool_random_effects`."""
    weights = 1.0 / variances
    total = float(weights.sum())
    common = float(weights @ effects) / total
    heterogeneity = float(weights @ (effects - common) ** 2)
    scale = total - float(weights @ weights) / total
    return max(0.0, (heterogeneity - (len(effects) - 1)) / scale), heterogeneity


def predict_next(pooled: PooledEffect, variance: float = 0.0) -> tuple[float, float]:
    """95 % interval of the effect of one more estimate whose own sampling variance is `variance`.

    mu +- t(0.975, n - 2) sqrt(tau^2 + error^2 + variance) (Higgins, Thompson and Spiegelhalter
    2009, J. R. Statist. Soc. A 172, section 3.3); without bounds below three estimates. With a
    variance of 0 it is the interval of the true effect.
    """
    from scipy.stats import t

    if pooled.n < 3:
        return -inf, inf
    spread = sqrt(pooled.tau_squared + pooled.error**2 + variance)
    reach = float(t.ppf(0.975, pooled.n - 2)) * spread
    return pooled.mean - reach, pooled.mean + reach
