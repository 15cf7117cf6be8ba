"""What a search has found, and how much of it is luck: the content of tune.json."""

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtests.performance.metrics import DAYS
from backtests.statistics.bootstrap import Interval
from backtests.statistics.cscv import Overfitting, overfitting
from backtests.statistics.deflated_sharpe import Deflation, deflate
from backtests.statistics.intervals import headline_intervals
from backtests.statistics.spa import SuperiorAbility, superior_ability
from backtests.tuning.search.evaluator import MOST_SERIES, Field
from backtests.tuning.search.segment_stats import Figures, block_sums, figures, objective, of_sets
from backtests.tuning.search.study import DEFAULT, Study, sample_of
from backtests.tuning.validation import verdict as judging
from backtests.tuning.validation.engine_check import Agreement, agreement
from backtests.tuning.validation.leave_one_out import LeaveOneOut, leave_one_out
from backtests.tuning.validation.robustness import (
    HeatMap,
    Importance,
    Neighbours,
    heat_map,
    importance,
    neighbours,
)
from backtests.tuning.validation.searched_gates import SearchedGates, searched_gates
from backtests.tuning.validation.stress import Stressed, stressed
from backtests.tuning.validation.walk_forward import WalkForward, drift, stitched, walk_forward
from brokers.progress import Progress
from config.settings import ConfigError, Settings
from config.tuning import Tune
from strategies.indicators import Floats

NAMES = tuple(name for name in Figures._fields if name != "days")
PBO_SETS = 10_000  # more do not make the probability more exact, only slower
MAPPED = 4  # the most important parameters, each pair of which gets a heat map
LIBRARIES = ("numpy", "pandas", "numba", "backtrader")


class Findings(NamedTuple):
    """Everything that was worked out of a study. None: it does not exist, or, on sample prices, would prove nothing."""

    study: Study
    sample: list[
        int
    ]  # rows whose daily returns were looked at, the best set and the settings first
    overfitting: Overfitting
    deflation: Deflation | None
    ability: SuperiorAbility | None
    gates: SearchedGates | None
    rolling: WalkForward
    anchored: WalkForward
    left_out: LeaveOneOut
    neighbours: Neighbours
    importance: list[Importance]
    maps: list[HeatMap]
    stressed: list[Stressed]
    agreement: Agreement
    intervals: Mapping[str, Interval]  # of the best set's returns
    verdict: judging.Verdict | None


def find(field: Field, study: Study, settings: Settings, step: Progress) -> Findings:
    """Ask everything that a person should know before using the best set."""
    tune, sampled = settings.tune, field.inputs.prices.sample
    step("overfitting")
    sample = sample_of(study, MOST_SERIES, tune.seed, list(dict.fromkeys((study.row, DEFAULT))))
    returns = field.series(study.codes[sample]).returns
    paid = (1.0 + settings.costs.cash_yield) ** (
        1.0 / DAYS
    ) - 1.0  # a day's interest is nobody's skill
    rows = sample_of(study, PBO_SETS, tune.seed, [study.row])
    overfit = overfitting(
        block_sums(of_sets(study.segments, np.array(rows)), study.partition), field.threads
    )
    step("luck")
    deflation = deflate(
        returns[:, 0] - paid,
        _drawn(returns, study, sample) - paid,
        study.figures.sharpe / np.sqrt(DAYS),
        tune.seed,
    )
    ability = (
        None
        if sampled
        else superior_ability(returns - returns[:, [sample.index(DEFAULT)]], tune.seed)
    )
    gates = _searched(field, study, settings, step) if tune.searched_gates and not sampled else None
    step("walk-forward")
    steps = tune.walk_forward.train_months // tune.walk_forward.step_months
    rolling, anchored = (
        walk_forward(study.segments, study.partition, study.rule, train, DEFAULT, steps)
        for train in (steps, None)
    )
    left_out = leave_one_out(study.segments, study.partition, study.rule, DEFAULT)
    step("robustness")
    effects = importance(study.space, study.codes, study.objective, possible(study, tune))
    near = neighbours(
        study.space,
        study.codes,
        study.objective,
        study.row,
        lambda codes: _evaluated(field, study, codes),
    )
    found = Findings(
        study, sample, overfit, deflation, ability, gates, rolling, anchored, left_out, near, effects, _maps(study, effects),
        stressed(settings, study.changes(study.row), field.inputs.prices), agreement(field, study, settings),
        headline_intervals(returns[:, 0], tune.seed), None,
    )  # fmt: skip
    return found if sampled else found._replace(verdict=judging.judge(facts(found), tune.verdict))


def possible(study: Study, tune: Tune) -> int:
    """How many sets there are to try. Of a grid all were, however many combinations its conditions make alike."""
    return (
        len(study.codes)
        if tune.method == "grid"
        else max(study.space.combinations(), len(study.codes))
    )


def facts(found: Findings) -> judging.Facts:
    """What the verdict is about."""
    study, left_out = found.study, found.left_out
    return judging.Facts(
        is_default=study.row == DEFAULT,
        sets=len(study.codes),
        objective=None if study.best is None else float(study.objective[study.best]),
        events=breakouts_held(study),
        pbo=found.overfitting.pbo,
        at_median=found.overfitting.at_median,
        probability_of_loss=found.overfitting.probability_of_loss,
        deflated_sharpe=found.deflation.deflated_sharpe if found.deflation else None,
        won=int(left_out.won.sum()),
        folds=len(left_out.won),
        neighbours=found.neighbours.share_of_best,
        searched_gates_p=found.gates.p if found.gates else None,
        searched_gates=found.gates.n if found.gates else 0,
        agrees=found.agreement.agrees,
        superior_p=found.ability.p_consistent if found.ability else None,
    )


def breakouts_held(study: Study) -> int:
    """Breakouts in whose folds the best set held coins."""
    fold, held = study.partition.fold, study.segments.exposed[study.row]
    return sum(bool(held[fold == one].any()) for one in range(len(study.partition.events)))


def stitched_returns(field: Field, found: WalkForward, study: Study, settings: Settings) -> Floats:
    """Daily returns of trading each step with the set chosen before it."""
    rows = np.unique(found.chosen)
    own = field.series(study.codes[rows])
    cost = settings.costs.fee + settings.costs.slippage
    return stitched(
        found,
        lambda chosen: own.returns[:, np.searchsorted(rows, chosen)],
        lambda chosen: own.exposure[:, np.searchsorted(rows, chosen)],
        cost,
    )


def axis_drift(found: WalkForward, study: Study) -> dict[str, int]:
    """How often each parameter changed from one step to the next."""
    return dict(
        zip(study.space.keys, (int(times) for times in drift(found, study.codes)), strict=True)
    )


def versions() -> Mapping[str, str]:
    """Of what a study hangs on."""
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}


def _drawn(returns: Floats, study: Study, sample: list[int]) -> Floats:
    """Returns of sets drawn at random alone: the best is no random one, unless all were drawn."""
    kept = (
        slice(None) if len(sample) == len(study.codes) else slice(len({study.row, DEFAULT}), None)
    )
    return returns[:, kept]


def _searched(field: Field, study: Study, settings: Settings, step: Progress) -> SearchedGates:
    tune = settings.tune
    rows = sample_of(study, tune.searched_sets, tune.seed)

    def progress(done: int, of: int) -> None:
        step("shifted gates", done, of)

    return searched_gates(
        field, study.codes[rows], study.rule, tune.searched_gates, tune.seed, progress
    )


def _evaluated(field: Field, study: Study, codes: Any) -> Floats:
    """Objective of sets that were not tried, NaN where the settings refuse one."""
    found = np.full(len(codes), np.nan)
    for row in range(len(codes)):
        try:
            segments = field.sweep(codes[row : row + 1], study.partition.edges)
        except ConfigError:
            continue
        found[row] = objective(
            figures(
                segments, study.partition.lengths, np.ones(len(study.partition.lengths), dtype=bool)
            ),
            study.rule,
        )[0]
    return found


def _maps(study: Study, effects: list[Importance]) -> list[HeatMap]:
    keys = [one.key for one in effects[:MAPPED]]
    pairs = [(x, y) for place, y in enumerate(keys) for x in keys[place + 1 :]]
    return [heat_map(study.space, study.codes, study.objective, x, y) for x, y in pairs]


def day_texts(days: pd.DatetimeIndex) -> list[str]:
    """Dates as text."""
    return [f"{day:%Y-%m-%d}" for day in days]
