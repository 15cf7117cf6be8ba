"""Walk-forward: against a search over days, nothing from the future, the default set where nothing
can be chosen, costs by hand.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.performance.metrics import sharpe
from backtests.tuning.search.segment_stats import Rule, Segments, from_returns
from backtests.tuning.search.splits import Partition, partition
from backtests.tuning.validation.walk_forward import (
    Columns,
    WalkForward,
    drift,
    stitch_returns,
    walk_forward,
)

BEST_SHARPE = Rule({"sharpe": 1.0}, 0, 1.0)
EVENTS = pd.DatetimeIndex(["2020-02-10 21:00", "2020-08-20 21:00"], tz="UTC")


def cut(days: int = 300, months: int = 1) -> Partition:
    return partition(pd.date_range("2020-01-15", periods=days, tz="UTC"), EVENTS, months, 10)


def drawn(seed: int, days: int = 300, sets: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.02, (days, sets))


def kept(
    daily: np.ndarray,
    cuts: Partition,
    exposed: np.ndarray | None = None,
    orders: np.ndarray | None = None,
) -> Segments:
    held = np.ones_like(daily, dtype=bool) if exposed is None else exposed
    return from_returns(
        daily, held, np.zeros_like(daily, dtype=int) if orders is None else orders, cuts.edges
    )


def step_edges(days: int = 300) -> list[int]:
    """Rows of the 15th of each month from January 2020 on, and the end."""
    index = pd.date_range("2020-01-15", periods=days, tz="UTC")
    return [*np.flatnonzero(index.day == 15).tolist(), days]


@pytest.mark.parametrize("train_steps", [1, 4, None])
def test_choices_are_those_of_a_search_over_days(train_steps: int | None) -> None:
    daily, cuts, edges = drawn(1), cut(), step_edges()
    found = walk_forward(kept(daily, cuts), cuts, BEST_SHARPE, train_steps, default=2)
    assert found.step.tolist() == list(range(train_steps or 1, len(edges) - 1))
    assert found.edges.tolist() == edges[train_steps or 1 :]
    for place, step in enumerate(found.step):
        training = slice(edges[step - train_steps] if train_steps else 0, edges[step])
        test = slice(edges[step], edges[step + 1])
        ratios = [sharpe(daily[training, one]) for one in range(6)]
        row = int(np.argmax(ratios))
        assert found.chosen[place] == row
        assert found.in_sample[place] == pytest.approx(ratios[row], rel=1e-9)
        assert found.out_of_sample[place] == pytest.approx(sharpe(daily[test, row]), rel=1e-9)
        assert found.defaults[place] == pytest.approx(sharpe(daily[test, 2]), rel=1e-9)
        assert found.figures.total_return[place] == pytest.approx(
            np.prod(1 + daily[test, row]) - 1, abs=1e-6
        )
        assert found.default_figures.total_return[place] == pytest.approx(
            np.prod(1 + daily[test, 2]) - 1, abs=1e-6
        )
        assert np.asarray(found.figures.days)[place] == edges[step + 1] - edges[step]
    assert not found.kept_default.any()
    assert [f"{day:%d}" for day in found.first] == ["15"] * len(found.step)
    assert len(set(found.chosen.tolist())) > 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 9), st.sampled_from([1, 3, None]))
def test_no_choice_knows_its_own_step_or_a_later_one(
    seed: int, from_step: int, train_steps: int | None
) -> None:
    daily, other, cuts = drawn(seed), drawn(seed + 1), cut()
    row = step_edges()[from_step]
    changed = np.concatenate((daily[:row], other[row:]))
    before, after = (
        walk_forward(kept(series, cuts), cuts, BEST_SHARPE, train_steps)
        for series in (daily, changed)
    )
    known = before.step <= from_step
    np.testing.assert_array_equal(before.chosen[known], after.chosen[known])
    np.testing.assert_array_equal(before.in_sample[known], after.in_sample[known])


def test_a_rolling_search_forgets_and_an_anchored_one_does_not() -> None:
    """Set 1 earns a lot in the first two months, set 2 a little in all others."""
    daily, cuts, edges = 0.1 * drawn(2, sets=3), cut(), step_edges()
    daily[: edges[2], 1] += 0.05
    daily[edges[2] :, 2] += 0.001
    segments = kept(daily, cuts)
    rule = Rule({"cagr": 1.0}, 0, 1.0)
    rolling, anchored = (
        walk_forward(segments, cuts, rule, 2),
        walk_forward(segments, cuts, rule, None),
    )
    assert rolling.chosen.tolist() == [1, 1, *[2] * 6]
    assert set(anchored.chosen.tolist()) == {1}


def test_both_ways_can_test_the_same_steps() -> None:
    cuts = cut()
    segments = kept(drawn(3), cuts)
    rolling, anchored = (
        walk_forward(segments, cuts, BEST_SHARPE, 4),
        walk_forward(segments, cuts, BEST_SHARPE, None, first_step=4),
    )
    assert rolling.step.tolist() == anchored.step.tolist()
    assert rolling.edges.tolist() == anchored.edges.tolist()
    assert (
        walk_forward(segments, cuts, BEST_SHARPE, 4, first_step=2).step[0] == 4
    )  # never with less than it trains on


def test_the_default_set_is_kept_until_somebody_held_coins() -> None:
    cuts, edges = cut(), step_edges()
    exposed = np.broadcast_to(np.arange(300)[:, None] >= edges[3], (300, 6))
    found = walk_forward(
        kept(drawn(4) * exposed, cuts, exposed), cuts, BEST_SHARPE, None, default=5
    )
    assert found.kept_default.tolist() == [True] * 3 + [False] * 6
    assert found.chosen[:3].tolist() == [5] * 3
    assert np.isnan(found.in_sample).tolist() == found.kept_default.tolist()
    np.testing.assert_array_equal(found.out_of_sample[:3], found.defaults[:3])


def test_the_default_set_is_kept_where_no_set_keeps_the_rule() -> None:
    """One order every second day: 60 of them need 120 days of training. What is tested need not
    have as many.
    """
    cuts, edges = cut(), step_edges()
    orders = np.broadcast_to(np.arange(300)[:, None] % 2, (300, 6))
    found = walk_forward(
        kept(drawn(5), cuts, orders=orders), cuts, Rule({"sharpe": 1.0}, 60, 1.0), None
    )
    assert found.kept_default.tolist() == [edges[step] < 120 for step in range(1, 10)]
    assert np.isfinite(found.out_of_sample).all()


def test_among_equals_the_default_set_is_chosen() -> None:
    cuts = cut()
    found = walk_forward(
        kept(np.repeat(drawn(6, sets=1), 4, axis=1), cuts), cuts, BEST_SHARPE, 2, default=2
    )
    assert found.chosen.tolist() == [2] * len(found.step)
    assert not found.kept_default.any()


def test_a_window_shorter_than_the_training_tests_nothing() -> None:
    cuts = cut()
    found = walk_forward(kept(drawn(7), cuts), cuts, BEST_SHARPE, 99)
    assert [len(found.step), len(found.chosen), len(found.out_of_sample), len(found.first)] == [
        0
    ] * 4
    assert stitch_returns(found, columns(drawn(7)), columns(drawn(7)), 0.001).tolist() == []
    assert drift(found, np.zeros((6, 2), dtype=np.int16)).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("train_steps", "first_step", "name"), [(0, None, "train_steps: 0"), (None, 0, "first_step: 0")]
)
def test_steps_without_training_are_refused(
    train_steps: int | None, first_step: int | None, name: str
) -> None:
    cuts = cut()
    with pytest.raises(ValueError, match=name):
        walk_forward(kept(drawn(8), cuts), cuts, BEST_SHARPE, train_steps, first_step=first_step)


# drift and the path


def chosen_as(rows: list[int], edges: list[int]) -> WalkForward:
    cuts = cut()
    found = walk_forward(kept(drawn(9), cuts), cuts, BEST_SHARPE, None, first_step=10 - len(rows))
    assert len(found.chosen) == len(rows)
    return found._replace(chosen=np.array(rows), edges=np.array(edges))


def columns(values: np.ndarray) -> Columns:
    return lambda rows: values[:, rows]


def test_drift_counts_changes_of_value_not_of_set() -> None:
    codes = np.array([[0, 1, 5], [0, 2, 5], [3, 2, 5]], dtype=np.int16)
    found = chosen_as([0, 1, 1, 2, 0], [0, 1, 2, 3, 4, 5])
    # First axis 0 0 0 3 0, second 1 2 2 2 1, third always 5.
    assert drift(found, codes).tolist() == [2, 2, 0]


def test_the_path_pays_for_each_change_by_hand() -> None:
    """Sets 2, 0, 0 on the days 2 to 3, 4 to 5 and 6 to 7; a trade costs 1 %."""
    returns = np.arange(24).reshape(8, 3) / 100
    shares = np.zeros((8, 3))
    shares[1] = [0.3, 0.9, 0.5]  # entered from cash: only what set 2 holds is bought
    shares[3] = [0.4, 0.9, 0.6]  # set 2 is sold, set 0 is bought
    shares[5] = [0.7, 0.9, 0.8]  # nothing changes
    path = stitch_returns(
        chosen_as([2, 0, 0], [2, 4, 6, 8]), columns(returns), columns(shares), 0.01
    )
    expected = [
        1.08 * (1 - 0.01 * 0.5) - 1,
        0.11,
        1.12 * (1 - 0.01 * (0.6 + 0.4)) - 1,
        0.15,
        0.18,
        0.21,
    ]
    assert path == pytest.approx(expected, rel=1e-12)


def test_without_costs_the_path_is_the_chosen_sets_own_days() -> None:
    daily, cuts = drawn(10), cut()
    found = walk_forward(kept(daily, cuts), cuts, BEST_SHARPE, 3)
    path = stitch_returns(found, columns(daily), columns(np.ones_like(daily)), 0.0)
    assert len(path) == 300 - step_edges()[3]
    assert path == pytest.approx(
        np.concatenate(
            [
                daily[a:b, row]
                for a, b, row in zip(found.edges, found.edges[1:], found.chosen, strict=False)
            ]
        )
    )
    total = np.prod(1 + found.figures.total_return) - 1
    assert np.prod(1 + path) - 1 == pytest.approx(total, abs=1e-5)
