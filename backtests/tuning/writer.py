"""The content of tune.json, made from the findings on a study."""

import numpy as np

from backtests.runs.document import Figures as BacktestFigures
from backtests.tuning import overlay
from backtests.tuning.chance_parts import (
    deflated_record,
    luck_record,
    overfitting_record,
    searched_gates_record,
    superior_ability_record,
)
from backtests.tuning.document import VERSION, TuneDocument
from backtests.tuning.document_parts import (
    AxisRecord,
    BestRecord,
    CheckRecord,
    CurvesRecord,
    DefaultsRecord,
    FoldRecord,
    HeatMapRecord,
    ImportanceRecord,
    IntervalRecord,
    KernelRecord,
    LeaveOneOutRecord,
    NeighboursRecord,
    PathFigures,
    RobustnessRecord,
    SearchRecord,
    SetFigures,
    StepRecord,
    StressRecord,
    TrialsRecord,
    VerdictRecord,
    WalkForwardRecord,
    WalkRecord,
    WindowRecord,
)
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.segment_stats import Figures, from_returns
from backtests.tuning.search.segment_stats import figures as figures_of
from backtests.tuning.search.space import Value
from backtests.tuning.search.study import DEFAULT, Study
from backtests.tuning.short_search import without_yearly_figures
from backtests.tuning.validation.findings import (
    Findings,
    axis_drift,
    day_texts,
    library_versions,
    possible,
    walk_forward_returns,
)
from backtests.tuning.validation.leave_one_out import LeaveOneOut
from backtests.tuning.validation.robustness import HeatMap
from backtests.tuning.validation.stress import StressResult
from backtests.tuning.validation.walk_forward import WalkForward
from config.settings import Settings
from strategies.indicators import Floats


def make_document(evaluator: Evaluator, findings: Findings, settings: Settings) -> TuneDocument:
    """The content of tune.json; without yearly figures where the window is too short for them."""
    document = _whole_document(evaluator, findings, settings)
    return without_yearly_figures(document) if document.is_short else document


def _whole_document(evaluator: Evaluator, findings: Findings, settings: Settings) -> TuneDocument:
    study, inputs = findings.study, evaluator.inputs
    effective = findings.deflation.effective_trials if findings.deflation else None
    return TuneDocument(
        version=VERSION,
        best=_best(findings),
        defaults=DefaultsRecord(in_sample=_set_figures(study.figures, DEFAULT)),
        verdict=_verdict(findings),
        search=_search(study, settings),
        trials=TrialsRecord(
            n=len(study.codes), paths=len(findings.survey.paths.first), effective=effective
        ),
        luck=luck_record(findings),
        pbo=overfitting_record(findings),
        deflated_sharpe=deflated_record(findings),
        superior_ability=superior_ability_record(findings),
        searched_gates=searched_gates_record(findings),
        walk_forward=WalkForwardRecord(
            rolling=_walk(evaluator, findings.rolling, study, settings),
            anchored=_walk(evaluator, findings.anchored, study, settings),
        ),
        leave_one_breakout_out=_left_out(findings.left_out, study, evaluator),
        robustness=_robustness(findings),
        kernel=_kernel(evaluator),
        sample=inputs.prices.sample,
        fallback=inputs.prices.fallback,
        window=WindowRecord(
            first=inputs.grid[0].isoformat(),
            last=inputs.grid[-1].isoformat(),
            days=len(evaluator.days) + 1,
        ),
        events=tuple(day_texts(study.partition.events)),
        warnings=_warnings(findings),
        versions=library_versions(),
    )


def _path_figures(figures: Figures, row: int) -> PathFigures:
    names = PathFigures.model_fields
    return PathFigures(**{name: float(getattr(figures, name)[row]) for name in names})


def _set_figures(figures: Figures, row: int) -> SetFigures:
    values = _path_figures(figures, row).model_dump()
    return SetFigures(**values, orders=int(figures.orders[row]))


def _changed(study: Study) -> dict[str, tuple[Value, Value]]:
    """Settings in which the best set differs: current value, value of the set."""
    current = dict(zip(study.space.keys, study.space.current, strict=True))
    return {key: (current[key], value) for key, value in study.changes(study.row).items()}


def _best(findings: Findings) -> BestRecord:
    study, row = findings.study, findings.study.row
    check = findings.agreement
    return BestRecord(
        row=row,
        keeps_the_rule=study.best is not None,
        point=study.point(row),
        changed=_changed(study),
        in_sample=_set_figures(study.figures, row),
        backtrader=BacktestFigures(**check.metrics._asdict()),
        agrees=check.agrees,
        equity_difference=check.equity_difference,
        orders_differ=check.orders_differ,
        intervals={
            name: IntervalRecord(**interval._asdict())
            for name, interval in findings.intervals.items()
        },
    )


def _verdict(findings: Findings) -> VerdictRecord | None:
    verdict = findings.verdict
    if verdict is None:
        return None
    tests = tuple(CheckRecord(**test._asdict()) for test in verdict.tests)
    action = overlay.advice(verdict.word, _changed(findings.study))
    return VerdictRecord(word=verdict.word, action=action, why=verdict.why, tests=tests)


def _search(study: Study, settings: Settings) -> SearchRecord:
    tune = settings.tune
    return SearchRecord(
        method=tune.method,
        sets=len(study.codes),
        possible=possible(study, tune),
        seed=tune.seed,
        objective={str(name): weight for name, weight in tune.weights().items()},
        min_orders=tune.min_orders,
        max_drawdown=tune.max_drawdown,
        feasible=int(np.isfinite(study.objective).sum()),
        space=tuple(
            AxisRecord(key=axis.key, values=axis.values, when=axis.when)
            for axis in study.space.axes
        ),
    )


def _walk(evaluator: Evaluator, walk: WalkForward, study: Study, settings: Settings) -> WalkRecord:
    first, last = (int(walk.edges[0]), int(walk.edges[-1])) if len(walk.step) else (0, 0)
    chosen = np.zeros(0)
    if len(walk.step):
        chosen = walk_forward_returns(evaluator, walk, study, settings)
    defaults = evaluator.series(study.codes[[DEFAULT]]).returns[first:last, 0]
    return WalkRecord(
        steps=tuple(_step(walk, row, study) for row in range(len(walk.step))),
        figures=_joined_figures(chosen),
        defaults=_joined_figures(defaults),
        drift=axis_drift(walk, study),
        equity=CurvesRecord(
            days=tuple(day_texts(evaluator.days[first:last])),
            chosen=np.cumprod(1.0 + chosen).tolist(),
            defaults=np.cumprod(1.0 + defaults).tolist(),
        ),
    )


def _step(walk: WalkForward, row: int, study: Study) -> StepRecord:
    return StepRecord(
        first=f"{walk.first[row]:%Y-%m-%d}",
        chosen=study.changes(int(walk.chosen[row])),
        kept_defaults=bool(walk.kept_default[row]),
        in_sample=float(walk.in_sample[row]),
        out_of_sample=float(walk.out_of_sample[row]),
        defaults=float(walk.defaults[row]),
    )


def _joined_figures(returns: Floats) -> PathFigures | None:
    """Figures of one path of daily returns; None of an empty one."""
    if not len(returns):
        return None
    column = returns[:, None]
    orders = np.zeros_like(column, dtype=np.int64)
    segments = from_returns(column, column != 0.0, orders, np.array([0, len(returns)]))
    return _path_figures(figures_of(segments, np.array([len(returns)]), np.array([True])), 0)


def _left_out(left_out: LeaveOneOut, study: Study, evaluator: Evaluator) -> LeaveOneOutRecord:
    last = np.append(left_out.edges[1:], left_out.edges[-1:]) - 1
    folds = tuple(
        FoldRecord(
            event=f"{left_out.events[row]:%Y-%m-%d}",
            first=f"{left_out.first[row]:%Y-%m-%d}",
            last=f"{evaluator.days[int(last[row])]:%Y-%m-%d}",
            chosen=study.changes(int(left_out.chosen[row])),
            in_sample=float(left_out.in_sample[row]),
            out_of_sample=float(left_out.out_of_sample[row]),
            defaults=float(left_out.defaults[row]),
            holding=float(left_out.holding[row]),
            rank=float(left_out.rank[row]),
            won=bool(left_out.won[row]),
        )
        for row in range(len(left_out.events))
    )
    return LeaveOneOutRecord(
        folds=folds,
        won=int(left_out.won.sum()),
        ahead=left_out.ahead,
        of=len(left_out.won),
        share=left_out.share,
        median_rank=left_out.median_rank,
    )


def _robustness(findings: Findings) -> RobustnessRecord:
    near = findings.neighbours
    return RobustnessRecord(
        neighbours=NeighboursRecord(
            n=len(near.codes),
            median=near.median,
            worst=near.worst,
            best=near.best,
            share_of_best=near.share_of_best,
        ),
        importance=tuple(
            ImportanceRecord(key=effect.key, share=effect.share) for effect in findings.importance
        ),
        heat_maps=tuple(_heat_map(heat) for heat in findings.maps),
        stress=tuple(_stress(result) for result in findings.stress),
    )


def _heat_map(heat: HeatMap) -> HeatMapRecord:
    return HeatMapRecord(
        x=heat.x,
        y=heat.y,
        x_values=heat.x_values,
        y_values=heat.y_values,
        median=heat.median.tolist(),
        best=heat.best.tolist(),
    )


def _stress(result: StressResult) -> StressRecord:
    names = ("sharpe", "cagr", "max_drawdown", "total_return")
    figures = {name: getattr(result.metrics, name, None) for name in names}
    return StressRecord(name=result.name, why=result.why, **figures)


def _kernel(evaluator: Evaluator) -> KernelRecord:
    return KernelRecord(
        sets=evaluator.run,
        seconds=evaluator.seconds,
        threads=evaluator.threads,
        microseconds_a_set=evaluator.seconds / evaluator.run * 1e6 if evaluator.run else None,
    )


def _warnings(findings: Findings) -> tuple[str, ...]:
    warnings = [findings.no_verdict] if findings.no_verdict else []
    if findings.study.best is None:
        rule = findings.study.rule
        warnings.append(
            f"no parameter set has {rule.min_orders} orders or more and a drawdown of at most"
            f" {rule.max_drawdown:.0%} (tune.min_orders, tune.max_drawdown): the current settings"
            " are shown"
        )
    if not findings.agreement.agrees:
        warnings.append(
            "kernel and backtrader disagree about the best parameter set (equity by"
            f" {findings.agreement.equity_difference:.1e}): report this"
        )
    return tuple(warnings)
