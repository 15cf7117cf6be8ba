"""A whole backtest: the strategy in backtrader, everything it must stand beside, and what may be said about it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from backtests.engine.simulation import Run, simulate
from backtests.performance.metrics import Metrics, measure
from backtests.engine.inputs import Inputs
from backtests.performance.gate_periods import Events, events

if TYPE_CHECKING:  # costs numba's start-up, which a run without benchmarks does not need
    from backtests.benchmarks.comparison import Comparison

Progress = Callable[[str, int, int], None]


class Result(NamedTuple):
    """Everything a run folder is written from; `comparison` None: no benchmarks were asked for."""

    inputs: Inputs
    run: Run
    equity: pd.DataFrame
    metrics: Metrics
    events: Events
    comparison: "Comparison | None"


def backtest(inputs: Inputs, with_benchmarks: bool = True, progress: Progress | None = None) -> Result:
    """Run everything over the inputs; `progress(stage, done, of)` is called along the way."""
    return judged(inputs, simulate(inputs), with_benchmarks, progress)


def judged(inputs: Inputs, run: Run, with_benchmarks: bool = True, progress: Progress | None = None) -> Result:
    """A run over the inputs, whoever made it, with its figures and all it must stand beside."""
    equity = equity_frame(run)
    filled = [order for order in run.orders if order.filled is not None]
    traded, fees = sum(abs(order.size * order.price) for order in filled), sum(order.fee for order in filled)
    metrics = measure(equity["value"], equity["exposure"].to_numpy(), traded, len(filled), fees)
    happened = events(inputs.table, equity["value"], inputs.bitcoin["close"].reindex(equity.index))
    own = Result(inputs, run, equity, metrics, happened, None)
    if not with_benchmarks:
        return own

    from backtests.benchmarks.comparison import compare

    return own._replace(comparison=compare(own, progress))


def equity_frame(run: Run) -> pd.DataFrame:
    """`value`, `cash` (quote units) and `exposure` (share of value in coins), one row a coin bar, by the instant it ended."""
    decisions = run.decisions
    index = pd.DatetimeIndex(np.array([decision.time for decision in decisions], dtype="datetime64[s]"), tz="UTC", name="time").as_unit("ns")
    frame = pd.DataFrame({"value": [one.equity for one in decisions], "cash": [one.cash for one in decisions]}, index=index)
    frame["exposure"] = 1.0 - frame["cash"] / frame["value"]
    return frame
