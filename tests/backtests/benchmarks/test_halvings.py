"""Issuance by the protocol's rule.

Numbers are worked out by hand, or are those everybody publishes.
"""

from datetime import date
from itertools import pairwise

import pytest

from backtests.benchmarks.halvings import (
    HALVINGS,
    INTERVAL,
    UNITS,
    mined_units,
    share_mined,
    subsidy,
    supply,
    yearly_issuance,
)


@pytest.mark.parametrize(
    ("height", "coins"),
    [(0, 50), (209_999, 50), (210_000, 25), (420_000, 12.5), (630_000, 6.25), (840_000, 3.125)],
)
def test_the_subsidy_is_cut_in_half_every_210000_blocks(height: int, coins: float) -> None:
    assert subsidy(height) == coins * UNITS


def test_halves_are_rounded_down_to_whole_units_until_nothing_is_left() -> None:
    """50e8 = 5,000,000,000 units; the tenth cut would leave 4,882,812.5.

    Shifts of 64 and more are none in the protocol.
    """
    assert subsidy(10 * INTERVAL) == 4_882_812
    assert (
        subsidy(32 * INTERVAL) == 1
        and subsidy(33 * INTERVAL) == 0
        and subsidy(10_000 * INTERVAL) == 0
    )


def test_all_that_will_ever_be() -> None:
    """20,999,999.9769 coins, as every client of the network has it."""
    assert supply() == 2_099_999_997_690_000


def test_what_is_mined_is_the_sum_of_the_subsidies() -> None:
    for height in (0, 1, 209_999, 210_000, 210_001, 630_010):
        assert mined_units(height) == sum(subsidy(block) for block in range(height))


def test_the_landmarks_of_2024() -> None:
    """15 / 16 of 21 million.

    52,596 blocks a year of 6.25 and of 3.125 coins over 19,687,500: 1.67 and 0.83 %.
    """
    assert share_mined(840_000) == pytest.approx(0.9375, abs=1e-8)
    assert yearly_issuance(839_999) == pytest.approx(52_596 * 6.25 / 19_687_500, rel=1e-6)
    assert f"{yearly_issuance(839_999):.2%} {yearly_issuance(840_000):.2%}" == "1.67% 0.83%"


def test_halvings_lie_four_years_apart_and_one_interval() -> None:
    heights, days = [one.height for one in HALVINGS], [one.day for one in HALVINGS]
    assert heights == [INTERVAL * number for number in range(1, 5)]
    assert all(3.5 < (after - before).days / 365.25 < 4.1 for before, after in pairwise(days))
    assert days == [
        date(2012, 11, 28),
        date(2016, 7, 9),
        date(2020, 5, 11),
        date(2024, 4, 20),
    ]  # as block explorers give them
