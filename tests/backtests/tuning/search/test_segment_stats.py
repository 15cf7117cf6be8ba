"""Figures from segments: against the metrics of the whole path, by hand, and where there is nothing
to divide by.
"""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.performance.metrics import Metrics, measure
from backtests.statistics import cscv
from backtests.tuning.search import segment_stats as module
from backtests.tuning.search.segment_stats import (
    Figures,
    Rule,
    Segments,
    best,
    block_sums,
    choose,
    figures,
    figures_by_part,
    from_returns,
    merit,
    objective,
)
from backtests.tuning.search.splits import partition
from tests.scenes import ends

SINGLE = 1e-5  # float32 keeps 6e-8 of a number; what is exponential in it over a year loses more
NOTHING = 1e-6


def drawn(seed: int, days: int, sets: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.001, 0.03, (days, sets))


def cut(
    daily: np.ndarray,
    edges: list[int],
    orders: np.ndarray | None = None,
    exposed: np.ndarray | None = None,
) -> Segments:
    held = np.ones_like(daily, dtype=bool) if exposed is None else exposed
    return from_returns(
        daily, held, np.zeros_like(daily, dtype=int) if orders is None else orders, np.array(edges)
    )


def every(edges: list[int]) -> np.ndarray:
    return np.ones(len(edges) - 1, dtype=bool)


def measured(daily: np.ndarray) -> Metrics:
    values = np.cumprod(np.append(1.0, 1.0 + daily))
    return measure(pd.Series(values, ends(len(values))), np.zeros(len(values)), 0.0, 0, 0.0)


def assert_measured(found: Figures, row: int, daily: np.ndarray) -> None:
    expected = measured(daily)
    # Both parts of a ratio may be off by NOTHING: the quotient is off by more where it divides by
    # a small drawdown.
    fall, ratio = expected.max_drawdown, abs(expected.calmar or 0.0)
    of_ratio = NOTHING * (1.0 + ratio) / fall if fall > 0.0 else 0.0
    for name in (
        "total_return",
        "cagr",
        "volatility",
        "sharpe",
        "sortino",
        "calmar",
        "max_drawdown",
    ):
        value = getattr(expected, name)
        assert getattr(found, name)[row] == pytest.approx(
            0.0 if value is None else value,
            rel=SINGLE,
            abs=NOTHING + (of_ratio if name == "calmar" else 0.0),
        ), name


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_figures_are_those_of_the_path_of_the_chosen_segments(data: st.DataObject) -> None:
    days = data.draw(st.integers(2, 60))
    draws = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    edges = [0, *np.unique(draws.integers(1, days, data.draw(st.integers(0, 8)))).tolist(), days]
    daily = draws.normal(0.0, 0.03, (days, 3)) * (draws.random((days, 3)) < 0.7)
    orders, exposed = draws.integers(0, 3, (days, 3)), draws.random((days, 3)) < 0.5
    exposed[:, :2] |= daily[:, :2] != 0
    exposed[0, :2] = True
    chosen = draws.random(len(edges) - 1) < 0.7
    chosen[0] = True
    path = [day for part in np.flatnonzero(chosen) for day in range(edges[part], edges[part + 1])]
    found = figures(cut(daily, edges, orders, exposed), np.diff(edges), chosen)
    assert found.days == len(path)
    for row in (0, 1):
        assert_measured(found, row, daily[path, row])
    assert found.days_held.tolist() == exposed[path].mean(axis=0).tolist()
    assert found.orders.tolist() == orders[path].sum(axis=0).tolist()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.integers(-3, 3), min_size=1, max_size=4), min_size=1, max_size=7))
def test_a_fall_is_found_wherever_it_begins_and_ends(parts: list[list[int]]) -> None:
    """Logs that are whole multiples of 1/8: the deepest fall is told in whole numbers."""
    steps = [step for part in parts for step in part]
    levels = [sum(steps[:day]) for day in range(len(steps) + 1)]
    deepest = max(earlier - later for day, earlier in enumerate(levels) for later in levels[day:])
    edges = np.cumsum([0, *map(len, parts)]).tolist()
    found = figures(
        cut(np.expm1(np.array(steps)[:, None] / 8), edges), np.diff(edges), every(edges)
    )
    assert found.max_drawdown[0] == pytest.approx(1.0 - np.exp(-deepest / 8), abs=1e-6)
    assert found.total_return[0] == pytest.approx(
        np.exp(levels[-1] / 8) - 1.0, rel=SINGLE, abs=1e-6
    )


def test_segments_by_hand() -> None:
    """+10 %, -20 %, +25 % and then -10 %: values 1, 1.1, 0.88, 1.1, 0.99."""
    daily = np.array([[0.10], [-0.20], [0.25], [-0.10]])
    found = cut(
        daily,
        [0, 3, 4],
        np.array([[1], [0], [2], [1]]),
        np.array([[True], [False], [True], [True]]),
    )
    expected = {
        "total": [0.15, -0.10],
        "squares": [0.01 + 0.04 + 0.0625, 0.01],
        "downside": [0.04, 0.01],
        "growth": [np.log(1.1), np.log(0.9)],
        "highest": [np.log(1.1), 0.0],
        "lowest": [np.log(0.88), np.log(0.9)],
        "fall": [np.log(1.1 / 0.88), np.log(1 / 0.9)],
        "exposed": [2, 1],
        "orders": [3, 1],
    }
    for name, values in expected.items():
        assert getattr(found, name).tolist() == [pytest.approx(values, rel=1e-6, abs=1e-7)], name
    kinds = [line.dtype.name for line in found]
    assert kinds == ["float64"] * 2 + ["float32"] * 5 + ["uint16", "int32"]
    both = figures(found, np.array([3, 1]), np.array([True, True]))
    assert both.max_drawdown[0] == pytest.approx(0.2)
    assert both.sortino[0] == pytest.approx(0.0125 / np.sqrt((0.04 + 0.01) / 4) * np.sqrt(365))
    assert both.sharpe[0] == pytest.approx(
        0.0125 / np.sqrt((0.1225 - 4 * 0.0125**2) / 3) * np.sqrt(365)
    )
    assert (both.days, both.days_held[0], both.orders[0]) == (4, 0.75, 4)


def test_numbers_of_segments_do_as_well_and_their_order_is_the_paths() -> None:
    daily, edges = drawn(1, 90, 2), [0, 20, 50, 90]
    whole = cut(daily, edges)
    mask, numbers = (
        figures(whole, np.diff(edges), chosen)
        for chosen in (np.array([True, False, True]), np.array([0, 2]))
    )
    for one, other in zip(mask, numbers, strict=True):
        np.testing.assert_array_equal(one, other)
    turned = figures(whole, np.diff(edges), np.array([2, 0]))
    assert_measured(turned, 0, np.concatenate((daily[50:, 0], daily[:20, 0])))


# nothing to divide by


def ratios(
    daily: np.ndarray, edges: list[int], exposed: np.ndarray | None = None
) -> tuple[float, float, float]:
    found = figures(cut(daily[:, None], edges, exposed=exposed), np.diff(edges), every(edges))
    return found.sharpe[0], found.sortino[0], found.calmar[0]


def test_a_flat_path_has_ratios_of_0() -> None:
    daily = np.zeros(30)
    assert ratios(daily, [0, 10, 30]) == (0.0, 0.0, 0.0)
    assert_measured(figures(cut(daily[:, None], [0, 30]), np.array([30]), every([0, 30])), 0, daily)


@pytest.mark.parametrize("rate", [0.0001, 0.05, 0.2, 0.3, 0.5])
def test_interest_alone_has_no_sharpe_ratio_of_rounding_errors(rate: float) -> None:
    """As the broker pays it, so that daily returns differ in their last bits."""
    values = 100_000.0 * np.cumprod(np.append(1.0, np.full(4000, (1 + rate) ** (1 / 365))))
    assert ratios(values[1:] / values[:-1] - 1.0, [0, 1000, 4000]) == (0.0, 0.0, 0.0)


def test_who_never_held_coins_has_no_ratio_even_if_interest_comes_in_lumps() -> None:
    daily = np.full(400, 0.0001)
    daily[::50] = 0.0002  # two days' interest after a gap
    never = np.zeros((400, 1), dtype=bool)
    assert ratios(daily, [0, 100, 400], never) == (0.0, 0.0, 0.0)
    assert ratios(daily, [0, 100, 400], ~never)[0] == pytest.approx(
        measured(daily).sharpe, rel=1e-6
    )


def test_one_day_has_no_deviation() -> None:
    found = figures(cut(np.array([[-0.1]]), [0, 1]), np.array([1]), every([0, 1]))
    assert (found.sharpe[0], found.volatility[0]) == (0.0, 0.0)
    assert found.max_drawdown[0] == pytest.approx(0.1)
    assert found.sortino[0] == pytest.approx(-np.sqrt(365))  # the mean over itself


def test_only_rising_has_no_downside_and_no_drawdown() -> None:
    daily = np.random.default_rng(2).uniform(0.001, 0.02, 200)
    sharpe, sortino, calmar = ratios(daily, [*range(0, 200, 7), 200])
    assert (sortino, calmar) == (0.0, 0.0)
    assert sharpe == pytest.approx(measured(daily).sharpe, rel=SINGLE)


# many sets


def test_parts_of_the_sets_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    edges = [0, 20, 50, 90]
    whole = cut(drawn(3, 90, 11), edges)
    at_once = figures(whole, np.diff(edges), every(edges))
    monkeypatch.setattr(module, "SETS_AT_ONCE", 4)
    for one, other in zip(at_once, figures(whole, np.diff(edges), every(edges)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_room_needed_is_that_of_a_part() -> None:
    edges = list(range(0, 101, 2))
    whole = cut(drawn(4, 100, 1), edges)
    many = Segments(*(np.tile(line, (40_000, 1)) for line in whole))
    tracemalloc.start()
    figures(many, np.diff(edges), every(edges))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2 * 40_000 * 50 * 8  # of all sets at once there would be nine such lines


def test_block_sums_are_those_of_the_series() -> None:
    days = pd.date_range("2020-01-01", periods=203, tz="UTC")
    daily, exposed = drawn(5, 203, 4), np.random.default_rng(6).random((203, 4)) < 0.5
    cuts = partition(days, pd.DatetimeIndex(["2020-02-01", "2020-06-01"], tz="UTC"), 1, 7, blocks=4)
    assert len(cuts.lengths) > 4
    expected = cscv.block_sums(daily, exposed, daily - 0.001, np.array([1, 2, 1, 3]), 4)
    segments = from_returns(daily, exposed, np.zeros((203, 4), dtype=int), cuts.edges)
    found = block_sums(segments, cuts, expected.excess, expected.copies)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)
    assert cscv.overfitting(found).pbo == cscv.overfitting(expected).pbo


def test_each_set_on_its_own_part() -> None:
    daily, edges = drawn(7, 90, 3), [0, 20, 50, 90]
    parts = [np.array([True, False, False]), np.array([False, True, True])]
    found = figures_by_part(cut(daily, edges), np.diff(edges), np.array([2, 0]), parts)
    assert np.asarray(found.days).tolist() == [20, 70]
    assert_measured(found, 0, daily[:20, 2])
    assert_measured(found, 1, daily[20:, 0])
    assert [
        len(np.atleast_1d(line))
        for line in figures_by_part(cut(daily, edges), np.diff(edges), np.array([], dtype=int), [])
    ] == [0] * 10


# the objective


def known() -> Figures:
    zero = np.zeros(3)
    return Figures(
        days=10,
        total_return=zero,
        cagr=np.array([0.5, 0.2, 0.9]),
        volatility=zero,
        sharpe=np.array([1.0, 2.0, 3.0]),
        sortino=np.array([4.0, 5.0, 6.0]),
        calmar=np.array([0.25, 0.5, 0.75]),
        max_drawdown=np.array([0.5, 0.4, 0.6]),
        days_held=zero,
        orders=np.array([10, 9, 30]),
    )


def test_the_objective_is_a_weighted_sum() -> None:
    weights = {"sharpe": 2.0, "sortino": -1.0, "calmar": 4.0, "cagr": 10.0}
    expected = [2 - 4 + 1 + 5, 4 - 5 + 2 + 2, 6 - 6 + 3 + 9]
    assert objective(known(), Rule(weights, 0, 1.0)).tolist() == expected
    assert merit(known(), Rule(weights, 99, 0.1)).tolist() == expected


@pytest.mark.parametrize(
    ("min_orders", "max_drawdown", "expected"),
    [
        (10, 1.0, [1.0, -np.inf, 3.0]),
        (11, 1.0, [-np.inf, -np.inf, 3.0]),
        (0, 0.5, [1.0, 2.0, -np.inf]),
        (10, 0.4, [-np.inf] * 3),
    ],
)
def test_a_broken_limit_is_worse_than_anything(
    min_orders: int, max_drawdown: float, expected: list[float]
) -> None:
    assert objective(known(), Rule({"sharpe": 1.0}, min_orders, max_drawdown)).tolist() == expected


def test_what_is_no_objective_is_refused() -> None:
    with pytest.raises(
        ValueError, match="objective: orders, must be of sharpe, sortino, calmar, cagr"
    ):
        objective(known(), Rule({"orders": 1.0}, 0, 1.0))


def test_among_equals_the_default_is_best_then_the_first() -> None:
    scores = np.array([1.0, 3.0, 2.0, 3.0])
    assert [best(scores, default) for default in range(4)] == [1, 1, 1, 3]


def test_no_choice_without_coins_or_where_no_set_keeps_the_rule() -> None:
    daily, edges = drawn(8, 90, 3) + np.array([0.0, 0.01, -0.01]), [0, 40, 90]
    exposed = np.arange(90)[:, None] >= np.array([[40]] * 3).T
    whole = cut(daily, edges, np.ones((90, 3), dtype=int), exposed)
    early, late = np.array([True, False]), np.array([False, True])
    row, score = choose(whole, np.diff(edges), Rule({"sharpe": 1.0}, 0, 1.0), late, 2)
    assert row == 1 and score == pytest.approx(measured(daily[40:, 1]).sharpe, rel=SINGLE)
    for rule, part in (
        (Rule({"sharpe": 1.0}, 0, 1.0), early),
        (Rule({"sharpe": 1.0}, 51, 1.0), late),
    ):
        row, score = choose(whole, np.diff(edges), rule, part, 2)
        assert row == 2 and np.isnan(score)


# refusals


@pytest.mark.parametrize("value", [-1.0, -1.5, np.nan, np.inf])
def test_a_return_without_a_log_is_refused(value: float) -> None:
    daily = drawn(9, 10, 2)
    daily[3, 1] = value
    with pytest.raises(ValueError, match="return of set 1 on day 3"):
        cut(daily, [0, 5, 10])


def test_figures_of_no_day_are_refused() -> None:
    with pytest.raises(ValueError, match="chosen: no segment"):
        figures(cut(drawn(9, 10, 2), [0, 5, 10]), np.array([5, 5]), np.array([False, False]))
