"""What a search found, and how much of it is chance: the content of tune.json."""

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.engine.doubtful_prices import why_no_verdict
from backtests.performance.metrics import DAYS
from backtests.performance.short_windows import is_short, why_short
from backtests.statistics.bootstrap import Interval
from backtests.statistics.cscv import Overfitting, overfitting
from backtests.statistics.deflated_sharpe import Deflation
from backtests.statistics.intervals import headline_intervals
from backtests.statistics.matched_holding import matched_holding
from backtests.statistics.reality_check import RealityCheck
from backtests.statistics.spa import SuperiorAbility, superior_ability
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.segment_stats import Figures, figures, objective
from backtests.tuning.search.space import Codes
from backtests.tuning.search.study import DEFAULT, Study, sample_of
from backtests.tuning.validation.checks import Facts
from backtests.tuning.validation.engine_check import Agreement, check_engines
from backtests.tuning.validation.leave_one_out import Holding, LeaveOneOut, leave_one_out
from backtests.tuning.validation.luck import Survey, check_luck, deflate_excess, survey_paths
from backtests.tuning.validation.robustness import (
    HeatMap,
    Importance,
    Neighbours,
    heat_map,
    importance,
    neighbours,
)
from backtests.tuning.validation.searched_gates import SearchedGates, search_shifted_gates
from backtests.tuning.validation.stress import StressResult, run_stress_tests
from backtests.tuning.validation.verdict import Verdict, judge
from backtests.tuning.validation.walk_forward import (
    WalkForward,
    drift,
    stitch_returns,
    walk_forward,
)
from brokers.progress import Progress
from config.settings import ConfigError, Settings
from config.tuning import Tune
from strategies.indicators import Floats

NAMES = tuple(name for name in Figures._fields if name != "days")
MAPPED = 4  # the most important parameters: each pair of them gets a heat map
LIBRARIES = ("numpy", "pandas", "numba", "backtrader")


class Findings(NamedTuple):
    """All results on a study.

    None: the figure does not exist, or prices would prove nothing: of the sample, doubtful ones, or
    of a window that `short_windows` calls short; `no_verdict` says which of the last two. `luck`
    and `deflation` are of returns above exposure-matched holding; `intervals` are of the best set's
    returns.
    """

    study: Study
    survey: Survey
    overfitting: Overfitting
    luck: RealityCheck | None
    deflation: Deflation | None
    ability: SuperiorAbility | None
    gates: SearchedGates | None
    rolling: WalkForward
    anchored: WalkForward
    left_out: LeaveOneOut
    neighbours: Neighbours
    importance: list[Importance]
    maps: list[HeatMap]
    stress: list[StressResult]
    agreement: Agreement
    intervals: Mapping[str, Interval]
    verdict: Verdict | None
    no_verdict: str = ""


def find(evaluator: Evaluator, study: Study, settings: Settings, step: Progress) -> Findings:
    """Run every test on a study and judge its best parameter set."""
    tune, sampled = settings.tune, evaluator.inputs.prices.sample
    is_too_short = is_short(len(evaluator.days))
    may_judge = not sampled and not is_too_short
    interest = (1.0 + settings.costs.cash_yield) ** (1.0 / DAYS) - 1.0  # a day's; it is no skill
    survey = survey_paths(evaluator, study, tune.seed, interest, step)
    step("overfitting")
    differences = survey.returns - survey.returns[:, [survey.current]]
    ability = superior_ability(differences, tune.seed) if may_judge else None
    shifted = tune.searched_gates and may_judge
    gates = _search_gates(evaluator, study, settings, step) if shifted else None
    step("walk-forward")
    rolling, anchored = _walks(study, tune)
    holding = _holding(evaluator, study, interest)
    left_out = leave_one_out(study.segments, study.partition, study.rule, holding, DEFAULT)
    step("robustness")
    effects = importance(study.space, study.codes, study.objective, possible(study, tune))
    findings = Findings(
        study=study,
        survey=survey,
        overfitting=overfitting(survey.sums, evaluator.threads),
        luck=check_luck(survey, survey.excess[:, 0]) if may_judge else None,
        deflation=deflate_excess(survey, tune.seed),
        ability=ability,
        gates=gates,
        rolling=rolling,
        anchored=anchored,
        left_out=left_out,
        neighbours=_neighbours(evaluator, study),
        importance=effects,
        maps=_maps(study, effects),
        stress=run_stress_tests(settings, study.changes(study.row), evaluator.inputs.prices),
        agreement=check_engines(evaluator, study, settings),
        intervals=headline_intervals(survey.returns[:, 0], tune.seed),
        verdict=None,
    )
    if sampled:
        return findings
    short = why_short(len(evaluator.days)) if is_too_short else ""
    if no_verdict := f"{short} {why_no_verdict(evaluator.inputs)}".strip():
        return findings._replace(no_verdict=no_verdict)
    return findings._replace(verdict=judge(facts(findings), tune.verdict))


def possible(study: Study, tune: Tune) -> int:
    """How many parameter sets the space has; of a grid all were tried.

    Conditions make some combinations of a grid equal; these count once.
    """
    return (
        len(study.codes)
        if tune.method == "grid"
        else max(study.space.combinations(), len(study.codes))
    )


def facts(findings: Findings) -> Facts:
    """What the verdict is about."""
    study, left_out = findings.study, findings.left_out
    return Facts(
        is_default=study.row == DEFAULT,
        sets=len(study.codes),
        paths=len(findings.survey.paths.first),
        objective=None if study.best is None else float(study.objective[study.best]),
        events=breakouts_held(study),
        pbo=findings.overfitting.pbo,
        at_median=findings.overfitting.at_median,
        probability_behind=findings.overfitting.probability_behind,
        luck_p=findings.luck.p if findings.luck else None,
        won=int(left_out.won.sum()),
        folds=len(left_out.won),
        searched_gates_p=findings.gates.p if findings.gates else None,
        searched_gates=findings.gates.n if findings.gates else 0,
        agrees=findings.agreement.agrees,
        superior_p=findings.ability.p_consistent if findings.ability else None,
    )


def breakouts_held(study: Study) -> int:
    """Breakouts in whose folds the best parameter set held coins."""
    fold, held = study.partition.fold, study.segments.exposed[study.row]
    return sum(bool(held[fold == event].any()) for event in range(len(study.partition.events)))


def walk_forward_returns(
    evaluator: Evaluator, walk: WalkForward, study: Study, settings: Settings
) -> Floats:
    """Daily returns of trading each step with the parameter set chosen before it."""
    rows = np.unique(walk.chosen)
    series = evaluator.series(study.codes[rows])
    cost = settings.costs.fee + settings.costs.slippage
    return stitch_returns(
        walk,
        lambda chosen: series.returns[:, np.searchsorted(rows, chosen)],
        lambda chosen: series.exposure[:, np.searchsorted(rows, chosen)],
        cost,
    )


def axis_drift(walk: WalkForward, study: Study) -> dict[str, int]:
    """How often each parameter changed from one step to the next."""
    return dict(
        zip(study.space.keys, (int(times) for times in drift(walk, study.codes)), strict=True)
    )


def library_versions() -> dict[str, str]:
    """Versions that the numbers of a study depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}


def day_texts(days: pd.DatetimeIndex) -> list[str]:
    """Dates as text."""
    return [f"{day:%Y-%m-%d}" for day in days]


def _walks(study: Study, tune: Tune) -> tuple[WalkForward, WalkForward]:
    """The walk-forward on the last years before each step, and on all days before the same ones."""
    steps = tune.walk_forward.train_months // tune.walk_forward.step_months
    rolling, anchored = (
        walk_forward(
            study.segments,
            study.partition,
            study.rule,
            train,
            default=DEFAULT,
            first_step=steps,
        )
        for train in (steps, None)
    )
    return rolling, anchored


def _holding(evaluator: Evaluator, study: Study, interest: float) -> Holding:
    basket = evaluator.basket_returns

    def of(row: int, begin: int, end: int) -> Floats:
        exposure = evaluator.series(study.codes[[row]]).exposure[begin:end]
        return matched_holding(exposure, basket[begin:end], interest)[:, 0]

    return of


def _search_gates(
    evaluator: Evaluator, study: Study, settings: Settings, step: Progress
) -> SearchedGates:
    tune = settings.tune
    rows = sample_of(study, tune.searched_sets, tune.seed)

    def progress(done: int, of: int) -> None:
        step("shifted gates", done, of)

    return search_shifted_gates(
        evaluator,
        study.codes[rows],
        study.rule,
        count=tune.searched_gates,
        seed=tune.seed,
        progress=progress,
    )


def _neighbours(evaluator: Evaluator, study: Study) -> Neighbours:
    return neighbours(
        study.space,
        study.codes,
        study.objective,
        study.row,
        lambda codes: _objective(evaluator, study, codes),
    )


def _objective(evaluator: Evaluator, study: Study, codes: Codes) -> Floats:
    """Objective of sets that were not tried, NaN where the settings refuse one."""
    lengths = study.partition.lengths
    whole = np.ones(len(lengths), dtype=bool)
    scores = np.full(len(codes), np.nan)
    for row in range(len(codes)):
        try:
            segments = evaluator.sweep(codes[row : row + 1], study.partition.edges)
        except ConfigError:
            continue
        scores[row] = objective(figures(segments, lengths, whole), study.rule)[0]
    return scores


def _maps(study: Study, effects: list[Importance]) -> list[HeatMap]:
    keys = [effect.key for effect in effects[:MAPPED]]
    pairs = [(x, y) for number, y in enumerate(keys) for x in keys[number + 1 :]]
    return [heat_map(study.space, study.codes, study.objective, x, y) for x, y in pairs]
