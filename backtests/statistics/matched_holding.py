"""Exposure-matched holding: what luck and skill at timing are measured against.

A long-only strategy earns two things: what its coins earned on average while it held some of them,
which takes no skill, and what it gained by holding them at some times rather than others. The first
is what holding the same share of equity in coins all the time earns; this module takes it away.
"""

import numpy as np

from strategies.indicators import Floats


def matched_holding(exposure: Floats, basket: Floats, interest: float = 0.0) -> Floats:
    """Daily returns of each path's own mean exposure held all the time, days x paths.

    Parameters
    ----------
    exposure : share of equity held in coins at the end of each day, days x paths.
    basket : daily returns of the coins at their weights, rebalanced daily without costs, by day.
    interest : a day's, on what is not held in coins.

    """
    held = exposure.mean(axis=0)
    return np.asarray(held * basket[:, None] + (1.0 - held) * interest)


def excess_returns(
    returns: Floats, exposure: Floats, basket: Floats, interest: float = 0.0
) -> Floats:
    """Daily returns of each path above those of exposure-matched holding, days x paths."""
    return returns - matched_holding(exposure, basket, interest)
