"""The comparison of a run: benchmarks, intervals, ablation, permutation test, verdict."""

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.benchmarks.ablation import Ablation, run_ablation
from backtests.benchmarks.benchmarks import Curve, KernelInputs, benchmarks, prepare_kernel
from backtests.benchmarks.random_gates import RandomGates, random_gates
from backtests.benchmarks.verdict import RIVALS, Verdict, verdict
from backtests.engine.doubtful_prices import why_no_verdict
from backtests.performance.metrics import daily_rows, returns
from backtests.performance.result import Result
from backtests.statistics.bootstrap import FIGURES, Draws, interval, resample, sharpe_difference
from brokers.progress import Progress
from strategies.indicators import Floats

Intervals = Mapping[str, Mapping[str, tuple[float, float]]]


class Comparison(NamedTuple):
    """`benchmarks` by name; `intervals` by name ("strategy" among them) and figure.

    `random_gates` is None where none were asked for. On sample prices there are neither random
    gates nor a verdict: a simulation proves nothing. The same holds for doubtful prices, and
    `no_verdict` then says why.
    """

    benchmarks: Mapping[str, Curve]
    intervals: Intervals
    ablation: list[Ablation]
    random_gates: RandomGates | None
    verdict: Verdict | None
    no_verdict: str = ""


def compare(result: Result, progress: Progress | None = None) -> Comparison:
    """Compare a run with everything; `progress(stage, done, of)` is called along the way."""
    inputs, settings = result.inputs, result.inputs.settings.backtest
    report = progress or _silent
    report("benchmarks", 0, 0)
    kernel_inputs = prepare_kernel(inputs)
    curves = benchmarks(kernel_inputs, result.metrics.exposure)
    ablation = run_ablation(kernel_inputs)
    report("intervals", 0, 0)
    names = ["strategy", *curves]
    values = [result.equity["value"], *(curve.equity for curve in curves.values())]
    daily = _daily_returns(values, inputs.grid)
    draws = resample(daily, settings.seed) if len(daily) else None
    intervals = (
        {name: _intervals(draws, column) for column, name in enumerate(names)} if draws else {}
    )
    doubt = why_no_verdict(inputs)
    if inputs.prices.sample or doubt:
        return Comparison(curves, intervals, ablation, None, None, doubt)
    gates = _permutation_test(kernel_inputs, settings.random_gates, settings.seed, report)
    gaps = (
        {name: sharpe_difference(daily, 0, names.index(name), draws) for name in RIVALS}
        if draws
        else {}
    )
    judgement = verdict(
        {"strategy": result.metrics.sharpe}
        | {name: curves[name].metrics.sharpe for name in RIVALS},
        gaps,
        gates.p_sharpe if gates else None,
        result.events,
        _drift(inputs.bitcoin["close"].reindex(inputs.grid)),
    )
    return Comparison(curves, intervals, ablation, gates, judgement)


def _permutation_test(
    kernel_inputs: KernelInputs, n: int, seed: int, report: Progress
) -> RandomGates | None:
    """The gate shifted in time `n` times; None for 0."""
    if not n:
        return None
    shifts = itertools.count(1)
    return random_gates(kernel_inputs, n, seed, lambda: report("permutation test", next(shifts), n))


def _silent(text: str, done: int = 0, of: int = 0) -> None:
    """Report no progress."""


def _daily_returns(curves: list[pd.Series], grid: pd.DatetimeIndex) -> Floats:
    rows = daily_rows(grid)
    return np.column_stack([returns(curve.to_numpy(dtype=float)[rows]) for curve in curves])


def _intervals(draws: Draws, column: int) -> dict[str, tuple[float, float]]:
    return {figure: interval(getattr(draws, figure)[:, column]) for figure in FIGURES}


def _drift(closes: pd.Series) -> float:
    """Mean daily log return."""
    known = closes.dropna()
    days = (known.index[-1] - known.index[0]).total_seconds() / 86400
    return float(np.log(known.iloc[-1] / known.iloc[0]) / max(days, 1.0))
