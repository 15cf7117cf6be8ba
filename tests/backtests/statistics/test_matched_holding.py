"""Exposure-matched holding takes away what takes no skill, and nothing else."""

import numpy as np
import pytest

from backtests.statistics.matched_holding import excess_returns, matched_holding

BASKET = np.array([0.1, -0.2, 0.3, 0.0])


def test_it_holds_the_mean_exposure_every_day() -> None:
    """A path that was in coins on two of four days, at 80 % and 40 %, holds 30 % on all."""
    exposure = np.array([[0.8], [0.0], [0.4], [0.0]])
    assert matched_holding(exposure, BASKET)[:, 0] == pytest.approx([0.03, -0.06, 0.09, 0.0])
    assert matched_holding(exposure, BASKET, 0.001)[:, 0] == pytest.approx(
        [0.03 + 0.0007, -0.06 + 0.0007, 0.09 + 0.0007, 0.0007]
    )


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_constant_exposure_has_no_excess(share: float) -> None:
    returns = share * BASKET[:, None] + (1 - share) * 0.001
    excess = excess_returns(returns, np.full((4, 1), share), BASKET, 0.001)
    assert excess == pytest.approx(np.zeros((4, 1)), abs=1e-15)


def test_what_timing_earns_is_left() -> None:
    """In coins on the two good days only: 0.1 + 0.3 in place of half of 0.2."""
    exposure = np.array([[1.0], [0.0], [1.0], [0.0]])
    excess = excess_returns(exposure * BASKET[:, None], exposure, BASKET)
    assert excess.sum() == pytest.approx(0.4 - 0.5 * 0.2)


def test_every_path_has_its_own() -> None:
    exposure = np.array([[1.0, 0.0]] * 4)
    assert pytest.approx(np.array([BASKET, 0 * BASKET])) == matched_holding(exposure, BASKET).T
