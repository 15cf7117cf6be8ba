"""A whole backtest: the strategy in backtrader, and everything it is compared with."""

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
    """Everything a run folder is written from: a `Result` and its comparison, None where no benchmarks were asked for."""

    inputs: Inputs
    run: Run
    equity: pd.DataFrame
    metrics: Metrics
    events: Events
    comparison: "Comparison | None"


def backtest(
    inputs: Inputs, with_benchmarks: bool = True, progress: Progress | None = None
) -> Backtest:
    """Run everything over the inputs; `progress(stage, done, of)` is called along the way."""
    return compare_run(inputs, simulate(inputs), with_benchmarks, progress)


def compare_run(
    inputs: Inputs, run: Run, with_benchmarks: bool = True, progress: Progress | None = None
) -> Backtest:
    """A run over the inputs, whoever made it, with its figures and all it is compared with."""
    result = evaluate_run(inputs, run)
    if not with_benchmarks:
        return Backtest(*result, comparison=None)

    from backtests.benchmarks.comparison import compare

    return Backtest(*result, comparison=compare(result, progress))
