"""A search from its space to its best set: against single backtests, where nothing is good enough,
where there is nothing to search.
"""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.engine.inputs import prepare_inputs
from backtests.performance.metrics import Metrics
from backtests.runs.backtest import backtest
from backtests.statistics.cscv import block_edges
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.segment_stats import Rule
from backtests.tuning.search.space import space_of
from backtests.tuning.search.study import Study, partition_of, rule_of, run_search, sample_of
from config.settings import ConfigError, Settings, with_changes
from tests.backtests.tuning.evaluators import folder_prices

BASES, BANDS = [126, 252], [0.1, 0.2, 0.5]
SPACE = f'tune.space={{"gate.base_sessions" = {BASES}, "allocation.band" = {BANDS}}}'


def silent(*_: Any) -> None:
    """Steps that nobody watches."""


@pytest.fixture(scope="module")
def place(whole_folder: Path, cache: Path) -> tuple[Path, Path]:
    return whole_folder, cache


def searched(
    place: tuple[Path, Path], *more: str, space: str = SPACE
) -> tuple[Study, Evaluator, Settings]:
    settings, prices = folder_prices(*place, space, *more)
    evaluator = Evaluator(prepare_inputs(settings, prices), space_of(settings), 1)
    return run_search(evaluator, settings, silent), evaluator, settings


def refused(place: tuple[Path, Path], *more: str, space: str = SPACE) -> str:
    with pytest.raises(ConfigError) as caught:
        searched(place, *more, space=space)
    return str(caught.value)


def alone(settings: Settings, evaluator: Evaluator, **point: Any) -> Metrics:
    """A backtest of one set."""
    own = with_changes(
        settings, {key.replace("__", "."): value for key, value in point.items()}, "the set"
    )
    return backtest(prepare_inputs(own, evaluator.inputs.prices), with_benchmarks=False).metrics


def test_the_best_set_is_that_of_single_backtests(place: tuple[Path, Path]) -> None:
    """Six sets, the current settings first; their Calmar ratios from backtrader."""
    found, evaluator, settings = searched(place, "tune.objective=calmar")
    assert found.point(0) == {"gate.base_sessions": 252, "allocation.band": 0.2}
    ratios = {
        (base, band): alone(
            settings, evaluator, gate__base_sessions=base, allocation__band=band
        ).calmar
        for base, band in product(BASES, BANDS)
    }
    tried = [tuple(found.point(row).values()) for row in range(len(found.codes))]
    assert sorted(tried) == sorted(ratios)
    assert found.objective == pytest.approx([ratios[one] for one in tried], rel=1e-5)
    best = max(ratios.values(), key=float)
    assert ratios[tuple(found.point(found.row).values())] == pytest.approx(best)
    assert found.best == found.row


def test_changes_are_what_differs(place: tuple[Path, Path]) -> None:
    found, _, _ = searched(place)
    assert [found.changes(row) for row in range(3)] == [
        {},
        {"gate.base_sessions": 126, "allocation.band": 0.1},
        {"gate.base_sessions": 126},
    ]


def test_a_mix_is_a_weighted_sum(place: tuple[Path, Path]) -> None:
    found, _, _ = searched(place, "tune.objective={sharpe = 0.5, cagr = -2}")
    assert found.objective == pytest.approx(0.5 * found.figures.sharpe - 2.0 * found.figures.cagr)


def test_the_rule_is_the_settings(place: tuple[Path, Path]) -> None:
    settings = folder_prices(
        *place,
        SPACE,
        "tune.objective={sharpe = 2, calmar = 1}",
        "tune.min_orders=7",
        "tune.max_drawdown=0.4",
    )[0]
    assert rule_of(settings.tune) == Rule({"sharpe": 2.0, "calmar": 1.0}, 7, 0.4)


def test_a_set_that_breaks_the_rule_is_not_the_best(place: tuple[Path, Path]) -> None:
    """As many orders are asked for as the second best has and the best has not, by the
    unconstrained search itself.
    """
    free, _, _ = searched(place)
    order = np.argsort(-free.objective, kind="stable")
    more = [row for row in order if free.figures.orders[row] > free.figures.orders[order[0]]]
    found, _, _ = searched(place, f"tune.min_orders={free.figures.orders[order[0]] + 1}")
    equal = [row for row in more if free.objective[row] == free.objective[more[0]]]
    assert found.point(found.row) == free.point(min(equal, key=lambda row: len(free.changes(row))))
    assert found.objective[order[0]] == -np.inf


def test_where_nothing_keeps_the_rule_the_settings_stand(place: tuple[Path, Path]) -> None:
    for rule in ("tune.min_orders=100000", "tune.max_drawdown=0.0001"):
        found, _, _ = searched(place, rule)
        assert (found.best, found.row, found.changes(found.row)) == (None, 0, {})
        assert not np.isfinite(found.objective).any()


def test_among_equals_the_settings_stand(place: tuple[Path, Path]) -> None:
    """A limit of age that no spell reaches changes nothing."""
    found, _, _ = searched(place, space='tune.space={"gate.max_sessions" = [2500, 2510]}')
    assert len(set(found.objective)) == 1
    assert (found.best, found.changes(found.row)) == (0, {})


def test_a_grid_that_is_too_large_is_refused_before_it_is_run(place: tuple[Path, Path]) -> None:
    said = (
        "tune.space: a grid of 6 sets, tune.sets allows 5; take values out, raise tune.sets, "
        'or set tune.method = "random"'
    )
    assert refused(place, "tune.sets=5") == said
    assert len(searched(place, "tune.sets=6")[0].codes) == 6


def test_a_huge_grid_is_refused_at_once(place: tuple[Path, Path]) -> None:
    """20 to the power of 7: more than there is memory for."""
    tests = (
        f"confirmations.{name}"
        for name in ("credit.sessions", "leadership.sessions", "breadth.sessions")
    )
    keys = (
        "gate.trend_sessions",
        "gate.base_sessions",
        "risk_curve.broad_sessions",
        "allocation.own_trend_days",
        *tests,
    )
    space = ", ".join(f'"{key}" = {{low = 30, high = 300, steps = 20}}' for key in keys)
    assert "a grid of 1,280,000,000 sets" in refused(place, space=f"tune.space={{{space}}}")


def test_a_space_without_another_set_is_refused(place: tuple[Path, Path]) -> None:
    for more in ([], ["tune.method=random"], ["tune.method=tpe", "tune.sets=3"]):
        assert "holds no parameter set but the current settings" in refused(
            place, *more, space='tune.space={"allocation.band" = [0.2]}'
        )


def test_one_other_value_is_a_search(place: tuple[Path, Path]) -> None:
    found, _, _ = searched(place, space='tune.space={"allocation.band" = [0.5]}')
    assert [found.point(row) for row in range(2)] == [
        {"allocation.band": 0.2},
        {"allocation.band": 0.5},
    ]


def test_a_random_search_tries_so_many_and_the_settings(place: tuple[Path, Path]) -> None:
    found, _, _ = searched(place, "tune.method=random", "tune.sets=3")
    assert len(found.codes) == 4
    more, _, _ = searched(place, "tune.method=random", "tune.sets=100")
    assert len(more.codes) == 6
    again, _, _ = searched(place, "tune.method=random", "tune.sets=3", "tune.seed=2")
    assert found.codes[1:].tolist() != again.codes[1:].tolist()


def test_a_led_search_keeps_to_the_space(place: tuple[Path, Path]) -> None:
    found, _, _ = searched(place, "tune.method=tpe", "tune.sets=20")
    tried = {tuple(found.point(row).values()) for row in range(len(found.codes))}
    assert len(tried) == len(found.codes) > 3
    assert tried <= set(product(BASES, BANDS))


# How days are cut


def test_days_are_cut_by_blocks_breakouts_and_half_years(place: tuple[Path, Path]) -> None:
    """The record of June 2012 is broken in the summer of 2013, that of May 2014 in the summer of
    2015; 2012-06-02 to 2016-12-31 is ten half years.
    """
    _, evaluator, settings = searched(place)
    cut = partition_of(evaluator, settings)
    assert [f"{event:%Y-%m}" for event in cut.events] == ["2013-07", "2015-07"]
    days = evaluator.days
    halfway = cut.events[0] + (cut.events[1] - cut.events[0]) / 2
    assert cut.starts[np.flatnonzero(np.diff(cut.fold))[0] + 1] == days[days >= halfway][0]
    assert set(block_edges(len(days), 16)) <= set(cut.edges)
    assert (cut.step[-1], cut.starts[np.flatnonzero(cut.step == 1)[0]]) == (
        9,
        pd.Timestamp("2012-12-02", tz="UTC"),
    )
    assert cut.lengths[cut.purged].sum() == settings.tune.purge_days


def test_breakouts_are_the_same_whatever_is_searched_or_set(place: tuple[Path, Path]) -> None:
    """Nobody gets more independent breakouts, which the verdict counts, by asking for younger
    records.
    """
    found, _, _ = searched(place)
    for words in (("gate.base_sessions=21", "gate.rearm_sessions=21"), ("gate.base_sessions=504",)):
        assert searched(place, *words)[0].partition.events.equals(found.partition.events)
    plain, _, _ = searched(place, space='tune.space={"allocation.band" = [0.5]}')
    assert plain.partition.events.equals(found.partition.events)


def test_of_equals_the_best_is_what_changes_least(place: tuple[Path, Path]) -> None:
    """A haircut's factor does nothing while it is off: every set has its twin with one change
    fewer.
    """
    space = 'tune.space={"haircuts.flows.factor" = [0.5, 0.6], "allocation.band" = [0.0, 0.5]}'
    found, _, _ = searched(place, space=space)
    assert found.objective[found.row] == found.objective.max() > found.objective[0]
    assert len(np.flatnonzero(found.objective == found.objective.max())) == 2
    assert found.changes(found.row).keys() == {"allocation.band"}


def test_a_window_that_cannot_be_cut_is_refused(place: tuple[Path, Path]) -> None:
    """14 days have 13 returns."""
    said = (
        "tune: the traded window cannot be split: days: 13, must be at least one for each of "
        "16 blocks; trade a longer window"
    )
    assert refused(place, "backtest.start=2014-01-01", "backtest.end=2014-01-14") == said


def test_a_missing_session_is_no_breakout(place: tuple[Path, Path]) -> None:
    """The day of the first breakout has no close: the table repeats the day before, which had not
    broken out; the next day has.
    """
    settings, prices = folder_prices(*place, SPACE)
    _, evaluator, _ = searched(place)
    first = partition_of(evaluator, settings).events[0]
    series = dict(prices.series)
    for request, one in series.items():
        if request.symbol == settings.signal.index:
            series[request] = one._replace(frame=one.frame.drop(first))
    inputs = prepare_inputs(settings, prices._replace(series=series))
    assert inputs.table.loc[first, "stale"] == 1
    events = partition_of(Evaluator(inputs, evaluator.space, 1), settings).events
    assert first not in events and first < events[0] < first + pd.Timedelta(days=7)


# Samples


def test_a_sample_has_what_must_be_in_it_first(place: tuple[Path, Path]) -> None:
    found, _, _ = searched(place)
    rows = sample_of(found, 4, 1, [5, 0])
    assert rows[:2] == [5, 0] and len(set(rows)) == 4
    assert sorted(sample_of(found, 100, 1, [5, 0])) == list(range(6))
    assert sample_of(found, 3, 1) == sample_of(found, 3, 1) != sample_of(found, 3, 2)
