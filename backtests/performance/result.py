"""The result of a run, before it is compared with anything."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.engine.inputs import Inputs
from backtests.engine.simulation import Run
from backtests.performance.gate_periods import Events, events
from backtests.performance.metrics import Metrics, measure
from backtests.performance.short_windows import window_days, without_annualised


class Result(NamedTuple):
    """A run over its inputs, with its equity by bar, its figures and the gate's periods."""

    inputs: Inputs
    run: Run
    equity: pd.DataFrame
    metrics: Metrics
    events: Events


def evaluate_run(inputs: Inputs, run: Run) -> Result:
    """The figures of a run over these inputs, a backtest's or a replay's.

    A short window has no yearly ones.
    """
    equity = equity_frame(run)
    filled = [order for order in run.orders if order.filled is not None]
    metrics = measure(
        equity["value"],
        equity["exposure"].to_numpy(),
        traded=sum(abs(order.size * order.price) for order in filled),
        orders=len(filled),
        fees=sum(order.fee for order in filled),
    )
    days = window_days(equity.index[0], equity.index[-1])
    bitcoin = inputs.bitcoin["close"].reindex(equity.index)
    return Result(
        inputs=inputs,
        run=run,
        equity=equity,
        metrics=without_annualised(metrics, days),
        events=events(inputs.table, equity["value"], bitcoin),
    )


def equity_frame(run: Run) -> pd.DataFrame:
    """`value`, `cash` (quote units) and `exposure` (share of value in coins) by end of bar."""
    decisions = run.decisions
    times = np.array([decision.time for decision in decisions], dtype="datetime64[s]")
    frame = pd.DataFrame(
        {
            "value": [decision.equity for decision in decisions],
            "cash": [decision.cash for decision in decisions],
        },
        index=pd.DatetimeIndex(times, tz="UTC", name="time").as_unit("ns"),
    )
    frame["exposure"] = 1.0 - frame["cash"] / frame["value"]
    return frame
