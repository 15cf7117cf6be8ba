"""Neighbours, importances, heat maps and stresses: by hand on small spaces, by formula on made-up
objectives, in the engine.
"""

import math
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtests.engine.inputs import Inputs, prepare_inputs
from backtests.engine.simulation import simulate
from backtests.tuning.search.space import CURRENT, Axis, Codes, Space
from backtests.tuning.validation.robustness import (
    Neighbours,
    delay_gate,
    heat_map,
    importance,
    neighbouring_codes,
    neighbours,
    stress_tests,
)
from config.settings import DEFAULT, Settings, load, with_changes
from strategies.gate import gate_lines
from tests.scenes import configured, random_backtest, real_prices, realdata

NUMBERS, WORDS = (
    Axis("gate.base_sessions", (63, 126, 252, 504), {}),
    Axis("allocation.own_trend", ("off", "and", "or"), {}),
)
DAYS = Axis("allocation.own_trend_days", (100, 200, 300), {"allocation.own_trend": ("and", "or")})
SPACE = Space((NUMBERS, WORDS, DAYS), (252, "off", 200))
GRID = np.concatenate([SPACE.defaults(), SPACE.grid()])


def codes(*values: int) -> Codes:
    return np.array(values, dtype=np.int16)


def points(found: Codes, space: Space = SPACE) -> list[tuple[Any, ...]]:
    return sorted(tuple(space.point(one).values()) for one in found)


def free(*lengths: int) -> Space:
    """Axes without conditions, whose values are their places and whose settings stand at the first
    of each.
    """
    axes = tuple(
        Axis(f"gate.a{place}", tuple(range(length)), {}) for place, length in enumerate(lengths)
    )
    return Space(axes, (0,) * len(lengths))


def all_of(space: Space) -> Codes:
    """The whole grid in its codes, the settings' own values as -1."""
    every = np.array(
        list(product(*(range(len(axis.values)) for axis in space.axes))), dtype=np.int16
    )
    own = np.array(
        [axis.values.index(value) for axis, value in zip(space.axes, space.current, strict=True)]
    )
    return np.where(every == own, CURRENT, every).astype(np.int16)


def values_of(space: Space, sets: Codes) -> np.ndarray:
    return np.array([list(space.point(one).values()) for one in sets], dtype=float)


# Neighbours


def test_numbers_go_one_place_up_or_down_words_to_any_other() -> None:
    """Own trend off: its days are not tried, so they have no neighbours."""
    assert points(neighbouring_codes(SPACE, codes(-1, -1, -1))) == [
        (126, "off", 200),
        (252, "and", 200),
        (252, "or", 200),
        (504, "off", 200),
    ]


def test_parameters_that_are_tried_have_neighbours_and_lose_them_with_their_condition() -> None:
    """Of (63, "or", 300)."""
    assert points(neighbouring_codes(SPACE, codes(0, 2, 2))) == [
        (63, "and", 300),
        (63, "off", 200),
        (63, "or", 200),
        (126, "or", 300),
    ]


def test_the_settings_as_they_stand_are_a_neighbour() -> None:
    assert codes(-1, -1, -1).tolist() in neighbouring_codes(SPACE, codes(-1, 1, -1)).tolist()


@pytest.mark.parametrize(
    ("code", "expected"),
    [(-1, [126, 252]), (1, [63, 200]), (2, [200, 504]), (0, [126]), (3, [252])],
)
def test_an_own_value_that_is_not_listed_has_its_place_among_the_others(
    code: int, expected: list[int]
) -> None:
    space = Space((NUMBERS,), (200,))
    assert points(neighbouring_codes(space, codes(code)), space) == [(value,) for value in expected]


def test_places_are_those_of_the_values_however_they_are_listed() -> None:
    space = Space((Axis("gate.base_sessions", (504, 63, 252, 126), {}),), (252,))
    assert points(neighbouring_codes(space, codes(-1)), space) == [(126,), (504,)]


def test_switches_and_lists_have_no_order() -> None:
    switch, ceilings = (
        Axis("confirmations.volume.enabled", (True, False), {}),
        Axis("risk_curve.ceilings", ((0.0, 1.0), (0.5, 1.0), (1.0, 1.0)), {}),
    )
    space = Space((switch, ceilings), (True, (0.0, 1.0)))
    assert points(neighbouring_codes(space, codes(-1, -1)), space) == [
        (False, (0.0, 1.0)),
        (True, (0.5, 1.0)),
        (True, (1.0, 1.0)),
    ]


def refuse(missing: Codes) -> Any:
    raise AssertionError(f"asked for {missing}")


def test_the_figures_of_the_neighbours_by_hand() -> None:
    """Around the middle of 3 x 3: up 0.8, down 0.6, left 0.9, right -0.1; the corners do not count.
    Median 0.7 of 1.0.
    """
    space = free(3, 3)
    sets = all_of(space)
    scores = {(1, 1): 1.0, (0, 1): 0.8, (2, 1): 0.6, (1, 0): 0.9, (1, 2): -0.1}
    objective = np.array([scores.get(tuple(one), 5.0) for one in values_of(space, sets)])
    found = neighbours(space, sets, objective, int(np.flatnonzero(objective == 1.0)[0]), refuse)
    assert sorted(found.objective.tolist()) == [-0.1, 0.6, 0.8, 0.9]
    assert (found.worst, found.best) == (-0.1, 0.9)
    assert found.median == pytest.approx(0.7)
    assert found.share_of_best == pytest.approx(0.7)


def test_what_was_not_tried_is_run() -> None:
    space = free(3, 3)
    tried, objective = codes(1, 1, 2, 1).reshape(2, 2), np.array([2.0, 0.6])
    asked = []

    def evaluate(missing: Codes) -> np.ndarray:
        asked.extend(points(missing, space))
        return np.array([0.1 * float(sum(space.point(one).values())) for one in missing])

    found = neighbours(space, tried, objective, 0, evaluate)
    assert sorted(asked) == [(0, 1), (1, 0), (1, 2)]
    assert dict(
        zip(
            map(tuple, values_of(space, found.codes).astype(int).tolist()),
            found.objective,
            strict=True,
        )
    ) == pytest.approx({(2, 1): 0.6, (0, 1): 0.1, (1, 0): 0.1, (1, 2): 0.3})
    assert found.share_of_best == pytest.approx(0.2 / 2.0)


def test_sets_the_settings_refuse_are_no_neighbours() -> None:
    space = free(3)
    found = neighbours(
        space,
        codes(1).reshape(1, 1),
        np.array([2.0]),
        0,
        lambda missing: np.where(missing[:, 0] == 2, np.nan, 1.0),
    )
    assert points(found.codes, space) == [(0,)]
    assert found.share_of_best == 0.5
    alone = neighbours(
        space,
        codes(1).reshape(1, 1),
        np.array([2.0]),
        0,
        lambda missing: np.full(len(missing), np.nan),
    )
    assert alone.share_of_best is None and math.isnan(alone.median) and not len(alone.codes)


def test_one_value_alone_has_no_neighbours() -> None:
    space = free(1)
    found = neighbours(space, space.defaults(), np.array([1.0]), 0, refuse)
    assert found.codes.shape == (0, 1) and found.share_of_best is None


def beside(own: float, *others: float) -> Neighbours:
    """A set of one switch of many values with these objectives."""
    space = Space((Axis("allocation.own_trend", tuple("abcdefgh"[: len(others) + 1]), {}),), ("a",))
    return neighbours(space, all_of(space), np.array([own, *others]), 0, refuse)


def test_a_best_of_nothing_or_less_has_no_share() -> None:
    for own in (0.0, -1.0, -math.inf):
        assert beside(own, -2.0, -3.0).share_of_best is None


def test_neighbours_that_break_a_constraint_count_as_the_worst() -> None:
    assert beside(2.0, 1.0, 1.5, -math.inf).median == 1.0
    assert beside(2.0, 1.0, 1.5, -math.inf).worst == -math.inf
    assert beside(2.0, 1.0, -math.inf).share_of_best == -math.inf
    assert beside(2.0, 1.0, -math.inf, -math.inf).share_of_best == -math.inf


# Importance


def shares(found: list[Any]) -> dict[str, float]:
    return {one.key: one.share for one in found}


def test_additive_effects_have_the_shares_of_their_variances() -> None:
    """f = 3 a + b + noise-free interaction 0: over the grid, 9 var(a) : var(b), var of 0..n-1 being
    (n² - 1) / 12.
    """
    space = free(4, 6, 2)
    sets = all_of(space)
    a, b, _ = values_of(space, sets).T
    found = importance(space, sets, 3 * a + b, len(sets))
    parts = 9 * (4**2 - 1) / 12, (6**2 - 1) / 12
    assert [one.key for one in found] == ["gate.a0", "gate.a1", "gate.a2"]
    assert [one.share for one in found] == pytest.approx(
        [parts[0] / sum(parts), parts[1] / sum(parts), 0.0]
    )


def test_what_parameters_do_together_is_nobodys() -> None:
    """f = (-1) ** (a + b): both means are 0 at every value."""
    space = free(2, 2)
    sets = all_of(space)
    found = importance(space, sets, (-1.0) ** values_of(space, sets).sum(axis=1), len(sets))
    assert shares(found) == {"gate.a0": 0.0, "gate.a1": 0.0}


def test_an_objective_that_never_varies_has_no_cause() -> None:
    sets = all_of(free(3, 3))
    assert set(shares(importance(free(3, 3), sets, np.full(9, 0.1), 9)).values()) == {0.0}
    assert set(shares(importance(free(3, 3), sets, np.full(9, -np.inf), 9)).values()) == {0.0}


def test_sets_that_break_a_constraint_are_left_out() -> None:
    space = free(4, 3)
    sets = all_of(space)
    a, b = values_of(space, sets).T
    objective = np.where(b == 2, -np.inf, a + 2 * b)
    kept = importance(
        free(4, 2),
        all_of(free(4, 2)),
        (lambda v: v[:, 0] + 2 * v[:, 1])(values_of(free(4, 2), all_of(free(4, 2)))),
        8,
    )
    assert shares(importance(space, sets, objective, len(sets))) == pytest.approx(shares(kept))


def test_chance_is_taken_off_where_few_sets_were_tried() -> None:
    """400 of 160,000 sets, an objective that hangs on a0 (a third of the variance) and else on
    chance; twenty values of each of three others.

    Without the correction each of them would be given (20 - 1) / 400 = 4.75 %.
    """
    space = free(20, 20, 20, 20)
    given: dict[str, list[float]] = {axis.key: [] for axis in space.axes}
    for seed in range(40):
        random = np.random.default_rng(seed)
        sets = space.draw(400, seed)
        a0 = values_of(space, sets)[:, 0]
        deviation = math.sqrt((20**2 - 1) / 12)
        objective = a0 / deviation + random.normal(0.0, math.sqrt(2.0), len(sets))
        for key, share in shares(importance(space, sets, objective, 160_000)).items():
            given[key].append(share)
    means = {key: float(np.mean(found)) for key, found in given.items()}
    assert means["gate.a0"] == pytest.approx(1 / 3, abs=0.02)
    for key in ("gate.a1", "gate.a2", "gate.a3"):
        assert means[key] < 0.01  # not 0: less than nothing is cut off


def test_all_sets_tried_leave_nothing_to_chance() -> None:
    """Two values each, four sets: 4 a + b has 16 parts of 17, of few sets as of many."""
    space = free(2, 2)
    sets = all_of(space)
    a, b = values_of(space, sets).T
    assert shares(importance(space, sets, 4 * a + b, 4)) == pytest.approx(
        {"gate.a0": 16 / 17, "gate.a1": 1 / 17}
    )
    assert shares(importance(space, sets, 4 * a + b, 1000))["gate.a0"] < 16 / 17


def test_a_condition_is_measured_where_it_holds() -> None:
    """f = days / 100 with "and" and "or", 0 with "off", where days are not tried: 4 x (0, 1, 2, 3,
    1, 2, 3), mean 12 / 7.

    Sum of squares between days, among the sets that have them: 2 x 4 x (1 + 0 + 1) = 16.
    """
    sets = GRID
    objective = np.array(
        [
            0.0 if point[1] == "off" else point[2] / 100
            for point in (tuple(SPACE.point(one).values()) for one in sets)
        ]
    )
    assert len(sets) == 4 * 7
    total = 4 * (2 * (1 + 4 + 9) - 7 * (12 / 7) ** 2)
    found = shares(importance(SPACE, sets, objective, len(sets)))
    assert found["allocation.own_trend_days"] == pytest.approx(16 / total)
    assert found["gate.base_sessions"] == pytest.approx(0.0)
    assert found["allocation.own_trend"] == pytest.approx(
        4 * ((12 / 7) ** 2 + 6 * (2 - 12 / 7) ** 2) / total
    )


def test_an_own_value_that_is_not_listed_belongs_to_no_value() -> None:
    space = Space((Axis("gate.base_sessions", (63, 126), {}),), (252,))
    found = importance(space, codes(-1, 0, 1).reshape(3, 1), np.array([9.0, 1.0, 3.0]), 3)
    total = 9**2 + 1 + 3**2 - 13**2 / 3
    assert found[0].share == pytest.approx(2.0 / total)  # (1 - 2)² + (3 - 2)²


# Heat maps


def test_a_map_by_hand() -> None:
    """3 x 2 values and a third parameter of three: the cell of (2, 1) has 1, 5 and -inf, that of
    (0, 0) only -inf, (1, 1) was not tried.
    """
    space = free(3, 2, 3)
    sets = all_of(space)
    values = values_of(space, sets)
    objective = values.sum(axis=1)
    here = (values[:, 0] == 2) & (values[:, 1] == 1)
    objective[here] = [1.0, 5.0, -np.inf]
    objective[(values[:, 0] == 0) & (values[:, 1] == 0)] = -np.inf
    tried = ~((values[:, 0] == 1) & (values[:, 1] == 1))
    found = heat_map(space, sets[tried], objective[tried], "gate.a0", "gate.a1")
    assert (found.x, found.y, found.x_values, found.y_values) == (
        "gate.a0",
        "gate.a1",
        (0, 1, 2),
        (0, 1),
    )
    np.testing.assert_array_equal(
        found.median, [[np.nan, 2.0, 3.0], [2.0, np.nan, 3.0]]
    )  # others: x + y + (0, 1 or 2)
    np.testing.assert_array_equal(found.best, [[np.nan, 3.0, 4.0], [3.0, np.nan, 5.0]])


def test_a_map_turned_is_the_same_map() -> None:
    space = free(4, 3, 2)
    sets = space.draw(15, 3)
    objective = np.random.default_rng(1).normal(size=len(sets))
    one, other = (
        heat_map(space, sets, objective, *keys)
        for keys in (("gate.a0", "gate.a1"), ("gate.a1", "gate.a0"))
    )
    np.testing.assert_array_equal(one.median, other.median.T)
    np.testing.assert_array_equal(one.best, other.best.T)


def test_a_map_has_no_sets_in_which_a_parameter_is_not_tried() -> None:
    objective = np.arange(len(GRID), dtype=float)
    found = heat_map(SPACE, GRID, objective, "allocation.own_trend", "allocation.own_trend_days")
    assert found.median.shape == (3, 3)
    assert np.isnan(found.median[:, 0]).all()  # off: its days are not tried
    assert np.isfinite(found.median[:, 1:]).all()


def test_a_map_of_nothing_is_empty() -> None:
    found = heat_map(free(2, 3), all_of(free(2, 3)), np.full(6, -np.inf), "gate.a0", "gate.a1")
    assert found.best.shape == (3, 2) and np.isnan(found.best).all()


# StressTest


def stressed(settings: Settings) -> dict[str, Mapping[str, Any]]:
    return {one.name: one.changes for one in stress_tests(settings)}


def test_the_stresses_of_the_defaults() -> None:
    assert stressed(load()) == {
        "fee doubled": {"costs.fee": 2 * 0.001},
        "slippage doubled": {"costs.slippage": 2 * 0.0005},
        "slippage times five": {"costs.slippage": 5 * 0.0005},
        "gate one bar late": {},
        **{
            f"without the {name} confirmation": {f"confirmations.{name}.enabled": False}
            for name in ("volume", "breadth", "leadership", "credit")
        },
        "gate on IWM": stressed(load())["gate on IWM"],
    }
    assert [one.name for one in stress_tests(load()) if one.late] == ["gate one bar late"]


@pytest.mark.parametrize(
    "file",
    [None, *sorted(DEFAULT.parent.glob("*.toml"))],
    ids=lambda file: file.stem if file else "none",
)
def test_every_stress_loads_as_overrides_and_changes_what_it_names(file: Path | None) -> None:
    files = [file] if file else []
    settings = load(files)
    assert len(stress_tests(settings)) > 5
    for one in stress_tests(settings):
        assert load(files, one.overrides) == with_changes(settings, one.changes, one.name)
        assert (load(files, one.overrides) == settings) == one.late


def test_a_confirmation_is_dropped_and_as_many_asked_for_as_there_are() -> None:
    """All four must hold: of three left, three. None need hold: none is asked for, so none is
    missed.
    """
    all_four = with_changes(load(), {"gate.min_confirmations": 4}, "test")
    assert stressed(all_four)["without the volume confirmation"] == {
        "confirmations.volume.enabled": False,
        "gate.min_confirmations": 3,
    }
    none = with_changes(load(), {"gate.min_confirmations": 0}, "test")
    assert not [name for name in stressed(none) if name.startswith("without")]


def test_costs_that_are_none_cannot_be_multiplied_and_bounds_are_kept() -> None:
    names = set(stressed(with_changes(load(), {"costs.fee": 0.0, "costs.slippage": 0.02}, "test")))
    assert not {"fee doubled", "slippage times five"} & names  # 5 x 0.02 = 0.1 is refused
    assert "slippage doubled" in names


def test_the_other_index_goes_both_ways_and_is_left_out_where_it_cannot_be() -> None:
    fund = with_changes(load(), stressed(load())["gate on IWM"], "test")
    assert (fund.signal.index, str(fund.signal.history_from)) == ("IWM", "2000-05-26")
    assert with_changes(fund, stressed(fund)["gate on ^RUT"], "test").signal == load().signal
    own_source = with_changes(load(), {"prices.sources": {"^RUT": "yahoo"}}, "test")
    other_index = with_changes(load(), {"signal.index": "^GSPC"}, "test")
    for settings in (own_source, other_index):
        assert not [name for name in stressed(settings) if name.startswith("gate on ")]


@realdata
def test_the_fund_makes_a_gate_on_real_prices(tmp_path: Path) -> None:
    from tests.scenes import REAL

    prices = real_prices("1d", REAL, tmp_path)
    base = configured(
        {"prices.source": "folder", "prices.folder": str(REAL), "prices.cache": str(tmp_path)}
    )
    table = prepare_inputs(with_changes(base, stressed(base)["gate on IWM"], "test"), prices).table
    assert str(table.index[0].date()) == "2000-05-26"
    assert (table["state"] == "confirmed").any()


SEEDS = (21, 38, 26)  # 26 intraday


def lines_at(inputs: Inputs) -> np.ndarray:
    """The gate's lines known at each bar, NaN before the first."""
    lines = gate_lines(inputs.table)
    rows = lines.index.searchsorted(inputs.grid, side="right") - 1
    return np.where(rows[:, None] >= 0, lines.to_numpy()[np.maximum(rows, 0)], np.nan)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_delayed_gate_is_the_gate_of_the_bar_before(seed: int) -> None:
    inputs = random_backtest(np.random.default_rng((88, seed)))
    before, after = lines_at(inputs), lines_at(delay_gate(inputs))
    confirmed_at, length = 3, (inputs.grid[1] - inputs.grid[0]).total_seconds()
    before[:, confirmed_at] += length
    np.testing.assert_array_equal(after[1:], before[:-1])
    assert (after[1:] != before[1:]).any()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_delayed_gate_decides_a_bar_late_in_backtrader(seed: int) -> None:
    inputs = random_backtest(np.random.default_rng((88, seed)))
    on_time, late = (
        [(one.gate.state, one.gate.ceiling) for one in simulate(one).decisions]
        for one in (inputs, delay_gate(inputs))
    )
    assert late[1:] == on_time[:-1]
    assert late != on_time
    assert simulate(delay_gate(inputs)).orders
