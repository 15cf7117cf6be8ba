"""Sets that did the same on every day are one path; sets that differ once are two."""

import numpy as np

from backtests.tuning.search.paths import distinct_paths
from backtests.tuning.search.segment_stats import Segments, from_returns, select_sets

EDGES = np.array([0, 20, 50, 90])


def segments_of(daily: np.ndarray, orders: np.ndarray | None = None) -> Segments:
    none = np.zeros(daily.shape, dtype=int)
    return from_returns(daily, daily != 0, none if orders is None else orders, EDGES)


def test_copies_are_found_wherever_they_stand() -> None:
    daily = np.random.default_rng(1).normal(0, 0.02, (90, 4))
    paths = distinct_paths(segments_of(daily[:, [2, 0, 2, 1, 0, 2, 3]]))
    assert paths.first.tolist() == [0, 1, 3, 6]
    assert paths.copies.tolist() == [3, 2, 1, 1]
    assert paths.of.tolist() == [0, 1, 0, 2, 1, 0, 3]


def test_one_day_by_the_smallest_step_makes_another_path() -> None:
    daily = np.repeat(np.random.default_rng(2).normal(0, 0.02, (90, 1)), 2, axis=1)
    daily[70, 1] = np.nextafter(daily[70, 1], 1.0) + 1e-15
    assert len(distinct_paths(segments_of(daily)).first) == 2


def test_days_in_another_order_within_a_segment_are_told_by_nothing_but_orders() -> None:
    """The same sums: what is kept of a set cannot tell them, unless their orders differ."""
    daily = np.repeat(np.tile([[0.25], [-0.5], [0.25]], (30, 1)), 2, axis=1)
    orders = np.zeros((90, 2), dtype=int)
    assert len(distinct_paths(segments_of(daily, orders)).first) == 1
    orders[3, 1] = 1
    assert len(distinct_paths(segments_of(daily, orders)).first) == 2


def test_the_order_of_sets_changes_numbers_only() -> None:
    daily = np.random.default_rng(3).normal(0, 0.02, (90, 5))[:, [0, 1, 1, 2, 3, 3, 4]]
    segments, order = segments_of(daily), np.random.default_rng(4).permutation(7)
    one, other = distinct_paths(segments), distinct_paths(select_sets(segments, order))
    assert sorted(one.copies) == sorted(other.copies)
    for a in range(7):
        for b in range(7):
            same = one.of[order[a]] == one.of[order[b]]
            assert (other.of[a] == other.of[b]) == same
