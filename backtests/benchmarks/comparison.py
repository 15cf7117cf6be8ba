"""The comparison of a run: benchmarks, intervals, ablation, permutation test, verdict.

And what the strategy is under other assumptions.
"""

import itertools
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd

from backtests.benchmarks.ablation import Ablation, run_ablation
from backtests.benchmarks.benchmarks import Curve, KernelInputs, benchmarks, prepare_kernel
from backtests.benchmarks.event_effects import event_effects
from backtests.benchmarks.excess_of_cash import daily_excess, sharpe_in_excess
from backtests.benchmarks.other_assumptions import Variant, other_assumptions
from backtests.benchmarks.random_gates import RandomGates, random_gates
from backtests.benchmarks.verdict import RIVALS, Chance, Verdict, verdict
from backtests.engine.doubtful_prices import why_no_verdict, why_not_bitcoin
from backtests.performance.metrics import daily_rows, returns
from backtests.performance.result import Result
from backtests.performance.short_windows import (
    is_short,
    why_short,
    window_days,
    without_annualised,
)
from backtests.statistics.bootstrap import FIGURES, Draws, interval, resample, sharpe_difference
from backtests.statistics.required_events import RequiredEvents
from brokers.progress import Progress
from strategies.indicators import Floats

Figured = TypeVar("Figured", Ablation, Curve, Variant)
Intervals = Mapping[str, Mapping[str, tuple[float, float]]]


class Comparison(NamedTuple):
    """`benchmarks` by name; `intervals` by name ("strategy" among them) and figure.

    `random_gates` is None where none were asked for. On sample prices there are neither random
    gates nor a verdict, nor a number of events that one would take: a simulation proves nothing.
    The same holds for doubtful prices, for benchmarks whose Bitcoin is another coin, and for a
    window that is too short, which has no intervals either; `no_verdict` then says why.
    """

    benchmarks: Mapping[str, Curve]
    intervals: Intervals
    ablation: list[Ablation]
    other_assumptions: list[Variant]
    random_gates: RandomGates | None = None
    verdict: Verdict | None = None
    required_events: RequiredEvents | None = None
    no_verdict: str = ""


def compare(result: Result, progress: Progress | None = None) -> Comparison:
    """Compare a run with everything; `progress(stage, done, of)` is called along the way."""
    inputs, settings = result.inputs, result.inputs.settings.backtest
    report = progress or _silent
    report("benchmarks", 0, 0)
    kernel_inputs = prepare_kernel(inputs)
    curves = benchmarks(kernel_inputs, result.metrics.exposure)
    days = window_days(inputs.grid[0], inputs.grid[-1])
    unjudged = Comparison(
        {name: _trimmed(curve, days) for name, curve in curves.items()},
        {},
        [_trimmed(row, days) for row in run_ablation(kernel_inputs)],
        [_trimmed(row, days) for row in other_assumptions(result, kernel_inputs)],
        no_verdict=why_no_verdict(inputs) or why_not_bitcoin(inputs),
    )
    if is_short(days):
        short = "" if inputs.prices.sample else why_short(days)
        return unjudged._replace(no_verdict=unjudged.no_verdict or short)
    report("intervals", 0, 0)
    names = ["strategy", *curves]
    values = [result.equity["value"], *(curve.equity for curve in curves.values())]
    daily = _daily_returns(values, inputs.grid)
    draws = resample(daily, settings.seed)
    intervals = {name: _intervals(draws, column) for column, name in enumerate(names)}
    unjudged = unjudged._replace(intervals=intervals)
    if inputs.prices.sample or unjudged.no_verdict:
        return unjudged
    gates = _permutation_test(kernel_inputs, settings.random_gates, settings.seed, report)
    judgement = _verdict(result, curves, gates)
    bitcoin = inputs.bitcoin["close"].reindex(inputs.grid)
    effects = event_effects(result.events.of_verdict().gate_periods, bitcoin)
    return unjudged._replace(
        random_gates=gates, verdict=judgement, required_events=effects.required()
    )


def _trimmed(row: Figured, days: int) -> Figured:
    """`row` without yearly figures where the window is too short for them."""
    metrics = row.metrics and without_annualised(row.metrics, days)
    return row._replace(metrics=metrics)


def _permutation_test(
    kernel_inputs: KernelInputs, n: int, seed: int, report: Progress
) -> RandomGates | None:
    """The gate shifted in time `n` times; None for 0."""
    if not n:
        return None
    shifts = itertools.count(1)
    return random_gates(kernel_inputs, n, seed, lambda: report("permutation test", next(shifts), n))


def _verdict(result: Result, curves: Mapping[str, Curve], gates: RandomGates | None) -> Verdict:
    """By returns in excess of cash, which at a yield of 0 are the returns themselves."""
    settings = result.inputs.settings
    cash_yield = settings.costs.cash_yield
    equities = {"strategy": result.equity["value"]}
    equities |= {name: curves[name].equity for name in RIVALS}
    daily = np.column_stack([daily_excess(equity, cash_yield) for equity in equities.values()])
    draws = resample(daily, settings.backtest.seed)
    return verdict(
        {name: sharpe_in_excess(equity, cash_yield) for name, equity in equities.items()},
        {
            name: sharpe_difference(daily, 0, column, draws)
            for column, name in enumerate(RIVALS, start=1)
        },
        Chance(gates.p_sharpe, gates.effective_n) if gates else None,
        result.events,
        cash_yield=cash_yield,
    )


def _silent(text: str, done: int = 0, of: int = 0) -> None:
    """Report no progress."""


def _daily_returns(curves: list[pd.Series], grid: pd.DatetimeIndex) -> Floats:
    rows = daily_rows(grid)
    return np.column_stack([returns(curve.to_numpy(dtype=float)[rows]) for curve in curves])


def _intervals(draws: Draws, column: int) -> dict[str, tuple[float, float]]:
    return {figure: interval(getattr(draws, figure)[:, column]) for figure in FIGURES}
