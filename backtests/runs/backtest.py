"""A whole backtest: the strategy in backtrader, and its comparison with benchmarks."""

from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from backtests.engine.inputs import Inputs
from backtests.engine.simulation import Run, simulate
from backtests.performance.gate_periods import Events
from backtests.performance.metrics import Metrics
from backtests.performance.result import evaluate_run
from brokers.progress import Progress

if TYPE_CHECKING:  # costs numba's start-up, which a run without benchmarks does not need
    from backtests.benchmarks.comparison import Comparison


class Backtest(NamedTuple):
    """Everything a run folder is written from: a `Result` and its comparison with benchmarks.

    `comparison` is None where no benchmarks were asked for.
    """

    inputs: Inputs
    run: Run
    equity: pd.DataFrame
    metrics: Metrics
    events: Events
    comparison: "Comparison | None"


def backtest(
    inputs: Inputs, *, with_benchmarks: bool = True, progress: Progress | None = None
) -> Backtest:
    """Simulate the inputs, evaluate the run and compare it with the benchmarks."""
    run = simulate(inputs)
    return compare_run(inputs, run, with_benchmarks=with_benchmarks, progress=progress)


def compare_run(
    inputs: Inputs, run: Run, *, with_benchmarks: bool = True, progress: Progress | None = None
) -> Backtest:
    """Evaluate a run over the inputs, a backtest's or a replay's, and compare it."""
    result = evaluate_run(inputs, run)
    if not with_benchmarks:
        return Backtest(*result, comparison=None)

    from backtests.benchmarks.comparison import compare

    return Backtest(*result, comparison=compare(result, progress))
