"""The exact interval of a share, against its definition and scipy's own implementation."""

from math import comb

import pytest
from scipy.stats import binomtest

from backtests.statistics.clopper_pearson import share_interval


@pytest.mark.parametrize(("count", "of"), [(0, 6), (1, 200), (10, 200), (199, 200), (50, 50)])
def test_it_is_that_of_scipy(count: int, of: int) -> None:
    expected = binomtest(count, of).proportion_ci(0.95, method="exact")
    assert share_interval(count, of) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_at_its_ends_a_count_as_extreme_has_a_chance_of_2_5_percent() -> None:
    low, high = share_interval(7, 40)
    chances = [
        sum(comb(40, k) * p**k * (1 - p) ** (40 - k) for k in counts)
        for p, counts in ((low, range(7, 41)), (high, range(8)))
    ]
    assert chances == pytest.approx([0.025, 0.025], rel=1e-9)


def test_of_none_in_n_the_upper_end_is_known_in_closed_form() -> None:
    assert share_interval(0, 500) == (0.0, pytest.approx(1.0 - 0.025 ** (1 / 500), rel=1e-12))


@pytest.mark.parametrize(("count", "of"), [(-1, 5), (6, 5), (0, 0)])
def test_a_count_that_is_no_number_of_trials_is_refused(count: int, of: int) -> None:
    with pytest.raises(ValueError, match="must be a number of trials"):
        share_interval(count, of)
