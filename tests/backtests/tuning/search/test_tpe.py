"""The search that is led by what it found: sixty trials, gone on with, along the frontier, under
conditions, among sets that are refused.
"""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtests.engine.inputs import prepare_inputs
from backtests.tuning.search import tpe as module
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.segment_stats import Figures, Rule, Segments, figures, objective
from backtests.tuning.search.space import CURRENT, Codes
from backtests.tuning.search.sweep import empty_segments
from backtests.tuning.search.tpe import search_tpe
from config.settings import with_changes
from config.tuning import Tune
from tests.backtests.tuning.evaluators import folder_evaluator, folder_prices, halves, spaced

OWN = {"allocation.own_trend": ("and", "or")}
VALUES: dict[str, tuple[Any, ...]] = {
    "allocation.own_trend_days": (50, 100, 200),
    "gate.base_sessions": (60, 90, 126, 189, 252),
    "allocation.own_trend": ("off", "and", "or"),
    "allocation.band": (0.0, 0.1, 0.2, 0.3, 0.4),
    "confirmations.credit.enabled": (True, False),
}
RULE = Rule({"sharpe": 1.0}, 5, 1.0)


def quiet(done: int, of: int) -> None:
    """Progress that nobody watches."""


def tune(**changes: Any) -> Tune:
    from config.settings import load

    return with_changes(
        load(),
        {f"tune.{key}": value for key, value in ({"method": "tpe", "sets": 40} | changes).items()},
        "the test",
    ).tune


@pytest.fixture
def evaluator(whole_folder: Path, cache: Path) -> Evaluator:
    settings, prices = folder_prices(whole_folder, cache)
    return Evaluator(
        prepare_inputs(settings, prices),
        spaced(settings, VALUES, {"allocation.own_trend_days": OWN}),
        1,
    )


def run(
    evaluator: Evaluator,
    folder: Path,
    progress: Callable[[int, int], object] = quiet,
    rule: Rule = RULE,
    **changes: Any,
) -> tuple[Codes, Segments]:
    return search_tpe(
        evaluator,
        halves(evaluator),
        rule=rule,
        tune=tune(**changes),
        cache=folder,
        progress=progress,
    )


def assert_found(evaluator: Evaluator, codes: Codes, segments: Segments) -> None:
    """Sets once, the settings first, each with the segments of a sweep of its own."""
    assert (codes[0] == CURRENT).all()
    np.testing.assert_array_equal(evaluator.space.distinct(codes[1:]), codes[1:])
    for one, other in zip(segments, evaluator.sweep(codes, halves(evaluator).edges), strict=True):
        np.testing.assert_array_equal(one, other)


def test_sixty_trials_and_the_settings(evaluator: Evaluator, tmp_path: Path) -> None:
    codes, segments = run(evaluator, tmp_path, sets=60)
    assert 40 < len(codes) <= 61
    assert_found(evaluator, codes, segments)
    days, trend = (
        evaluator.space.keys.index("allocation.own_trend_days"),
        evaluator.space.keys.index("allocation.own_trend"),
    )
    off = codes[:, trend] == CURRENT
    assert off.any() and (codes[off, days] == CURRENT).all()
    assert (codes[~off, days] != CURRENT).any()


def kept(folder: Path) -> Any:
    """The study on disk."""
    import optuna

    (file,) = folder.rglob("optuna.sqlite")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.load_study(study_name=None, storage=f"sqlite:///{file}")


def test_a_parameter_is_asked_for_where_its_condition_holds(
    evaluator: Evaluator, tmp_path: Path
) -> None:
    """Of what is not asked for the estimator must learn nothing."""
    run(evaluator, tmp_path, sets=20)
    asked = [trial.params for trial in kept(tmp_path).trials]
    words = VALUES["allocation.own_trend"]
    days = {
        words[params["allocation.own_trend"]]: "allocation.own_trend_days" in params
        for params in asked
    }
    assert days == {"off": False, "and": True, "or": True}


def test_a_search_that_is_whole_is_read(evaluator: Evaluator, tmp_path: Path) -> None:
    first, _ = run(evaluator, tmp_path, sets=20)
    evaluator.run = 0
    again, _ = run(evaluator, tmp_path, sets=20)
    np.testing.assert_array_equal(again, first)
    assert evaluator.run == 0


@pytest.mark.proof
def test_the_seed_leads_it(evaluator: Evaluator, tmp_path: Path) -> None:
    one, same, other = (
        run(evaluator, tmp_path / name, seed=seed)[0]
        for name, seed in (("one", 3), ("same", 3), ("other", 4))
    )
    np.testing.assert_array_equal(one, same)
    assert one.shape != other.shape or (one != other).any()


@pytest.mark.parametrize("batches", [1, pytest.param(2, marks=pytest.mark.proof)])
def test_an_interrupted_search_is_as_one_without_interruption(
    batches: int, evaluator: Evaluator, tmp_path: Path
) -> None:
    """Of batches of 20, those that were finished are not run again, and what comes next is what
    would have come.
    """
    sets = 20 * (batches + 1)
    whole, _ = run(evaluator, tmp_path / "whole", sets=sets)
    calls: list[int] = []

    def interrupt(done: int, of: int) -> None:
        calls.append(done)
        if len(calls) > batches:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(evaluator, tmp_path / "cut", interrupt, sets=sets)
    assert calls == [20 * batch for batch in range(batches + 1)]
    evaluator.run = 0
    codes, segments = run(evaluator, tmp_path / "cut", sets=sets)
    np.testing.assert_array_equal(codes, whole)
    assert evaluator.run == 20 + len(codes)
    assert_found(evaluator, codes, segments)


def test_more_sets_go_on_where_fewer_ended(evaluator: Evaluator, tmp_path: Path) -> None:
    fewer, _ = run(evaluator, tmp_path, sets=20)
    evaluator.run = 0
    more, _ = run(evaluator, tmp_path, sets=40)
    assert evaluator.run == 20 + len(more)
    np.testing.assert_array_equal(more[: len(fewer)], fewer)


@pytest.mark.parametrize(
    "changes",
    [
        {"objective": "calmar"},
        {"min_orders": 6},
        {"max_drawdown": 0.3},
        {"frontier": True},
        {"seed": 1},
    ],
)
def test_another_question_is_another_search(
    changes: Mapping[str, Any], evaluator: Evaluator, tmp_path: Path
) -> None:
    run(evaluator, tmp_path, sets=20)
    evaluator.run = 0
    codes, _ = run(evaluator, tmp_path, sets=20, **changes)
    assert evaluator.run in (
        20,
        20 + len(codes),
    )  # the very same sets may come up again; their batch is read


def test_the_frontier_is_searched_and_the_objective_chooses(
    evaluator: Evaluator, tmp_path: Path
) -> None:
    codes, segments = run(evaluator, tmp_path, frontier=True)
    assert_found(evaluator, codes, segments)
    found = figures(segments, halves(evaluator).lengths, np.array([True, True]))
    assert np.isfinite(objective(found, RULE)).sum() > 10
    told = kept(tmp_path)
    assert [direction.name for direction in told.directions] == ["MAXIMIZE", "MINIMIZE"]
    trial = told.trials[0]
    row = int(
        np.flatnonzero(
            (
                codes
                == evaluator.space.distinct(
                    np.array([module._codes_of(trial.params, evaluator.space)], dtype=np.int16)
                )
            ).all(axis=1)
        )[0]
    )
    assert trial.values == pytest.approx([found.cagr[row], found.max_drawdown[row]])


def test_the_estimator_gets_return_and_drawdown_or_the_objective() -> None:
    """Three sets: one kept, one with too few orders, one refused."""
    numbers = np.array([0.5, 0.9, 0.7])
    found = Figures(
        100,
        *(numbers for _ in range(6)),
        max_drawdown=np.array([0.1, 0.2, 0.3]),
        days_held=numbers,
        orders=np.array([9, 4, 9]),
    )
    refused = np.array([False, False, True])
    assert module._reported_values(found, refused, RULE, tune()) == [[0.5], [-1000.0], [-1000.0]]
    assert module._reported_values(found, refused, RULE, tune(frontier=True)) == [
        [0.5, 0.1],
        [-1000.0, 1.0],
        [-1000.0, 1.0],
    ]


def test_sets_that_the_settings_refuse_are_left_out(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Of 3 x 3 pairs those are refused whose re-armed record is older than the full one: (30, 40),
    (30, 60), (50, 60).
    """
    evaluator = folder_evaluator(
        whole_folder,
        cache,
        {"gate.base_sessions": (30, 50, 252), "gate.rearm_sessions": (21, 40, 60)},
    )
    codes, segments = run(evaluator, tmp_path)
    points = {tuple(evaluator.space.point(row).values()) for row in codes}
    assert points == {
        (base, again) for base in (30, 50, 252) for again in (21, 40, 60) if again <= base
    }
    assert_found(evaluator, codes, segments)


def test_a_damaged_file_is_made_again(evaluator: Evaluator, tmp_path: Path) -> None:
    first, _ = run(evaluator, tmp_path, sets=20)
    (file,) = tmp_path.rglob("optuna.sqlite")
    file.write_bytes(b"SQLite format 3\0" + bytes(3000))
    again, _ = run(evaluator, tmp_path, sets=20)
    np.testing.assert_array_equal(again, first)


def hill(evaluator: Evaluator) -> Evaluator:
    """An evaluator whose sets make more of a year the nearer they lie to one place; one axis says
    nothing.
    """
    goal = np.array([14, 3, 8, 0])

    def sweep(codes: Codes, edges: np.ndarray, progress: Any = None) -> Segments:
        found = empty_segments(len(codes), 2)
        standing = np.array(
            [
                axis.values.index(value)
                for axis, value in zip(evaluator.space.axes, evaluator.space.current, strict=True)
            ]
        )
        places = np.where(codes == CURRENT, standing, codes)
        found.growth[:] = -(((places - goal) * [1, 1, 1, 0]) ** 2).sum(axis=1)[:, None] / 400.0
        found.orders[:] = 9
        return found

    evaluator.sweep = sweep  # type: ignore[method-assign]
    return evaluator


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(8))
def test_it_finds_more_than_chance(
    seed: int, whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """A hill in three of four parameters of 20 values, whose top 19 of 8,000 places, within
    sqrt(2), 120 draws miss three times in four.
    """
    values = {
        "gate.base_sessions": tuple(range(100, 120)),
        "gate.trend_sessions": tuple(range(190, 210)),
        "gate.rearm_sessions": tuple(range(10, 30)),
        "gate.confirm_within": tuple(range(50, 70)),
    }
    evaluator = hill(folder_evaluator(whole_folder, cache, values, "gate.base_sessions=110"))
    _, segments = run(evaluator, tmp_path, rule=Rule({"cagr": 1.0}, 5, 1.0), sets=120, seed=seed)
    assert np.sqrt(-segments.growth[:, 0].max() * 400.0) < 1.42
