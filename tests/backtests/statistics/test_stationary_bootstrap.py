"""Days drawn by the stationary bootstrap: the same as elsewhere, in blocks as long as said."""

import numpy as np
import pytest

from backtests.statistics.bootstrap import DRAWS, resample
from backtests.statistics.stationary_bootstrap import count_days, draw_days

SEED = 3


def test_the_days_are_those_of_the_other_bootstrap() -> None:
    daily = np.random.default_rng(1).normal(0.001, 0.02, (300, 2))
    drawn = daily[draw_days(300, DRAWS, SEED)]
    other = resample(daily, SEED)
    np.testing.assert_allclose(
        drawn.mean(axis=1) / drawn.std(axis=1, ddof=1) * np.sqrt(365), other.sharpe, rtol=1e-8
    )
    np.testing.assert_allclose(np.prod(1 + drawn, axis=1) ** (365 / 300) - 1, other.cagr, rtol=1e-8)


@pytest.mark.parametrize("block_days", [1.0, 5.0, 40.0])
def test_blocks_are_as_long_as_said_on_average(block_days: float) -> None:
    """A day follows its neighbour unless a new block begins, and by chance even then: 1 - 1 / b + 1
    / (b * days) of the days.
    """
    days = 400
    rows = draw_days(days, 500, SEED, block_days)
    follows = np.mean(rows[:, 1:] == (rows[:, :-1] + 1) % days)
    expected = 1 - 1 / block_days + 1 / (block_days * days)
    assert follows == pytest.approx(
        expected, abs=4 * np.sqrt(expected * (1 - expected) / rows.size) + 1e-9
    )


def test_every_day_is_as_likely() -> None:
    counts = count_days(draw_days(50, 4000, SEED, 10.0)).mean(axis=0)
    assert counts == pytest.approx(np.ones(50), abs=0.2)
    assert counts.sum() == pytest.approx(50)


def test_counts_stand_for_the_days_drawn() -> None:
    values = np.random.default_rng(2).normal(size=(80, 3))
    rows = draw_days(80, 20, SEED)
    np.testing.assert_allclose(
        count_days(rows) @ values / 80, values[rows].mean(axis=1), atol=1e-12
    )


def test_a_seed_reproduces_the_days() -> None:
    np.testing.assert_array_equal(draw_days(60, 5, 1), draw_days(60, 5, 1))
    assert (draw_days(60, 5, 1) != draw_days(60, 5, 2)).any()
