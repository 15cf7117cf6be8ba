"""What a run earned, before it is compared with anything."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.engine.inputs import Inputs
from backtests.engine.simulation import Run
from backtests.performance.gate_periods import Events, events
from backtests.performance.metrics import Metrics, measure


class Result(NamedTuple):
    """A run over its inputs, with its equity by bar, its figures and the gate's periods."""

    inputs: Inputs
    run: Run
    equity: pd.DataFrame
    metrics: Metrics
    events: Events


def evaluate_run(inputs: Inputs, run: Run) -> Result:
    """The figures of a run over these inputs, whoever made it."""
    equity = equity_frame(run)
    filled = [order for order in run.orders if order.filled is not None]
    traded, fees = (
        sum(abs(order.size * order.price) for order in filled),
        sum(order.fee for order in filled),
    )
    metrics = measure(equity["value"], equity["exposure"].to_numpy(), traded, len(filled), fees)
    return Result(
        inputs,
        run,
        equity,
        metrics,
        events(inputs.table, equity["value"], inputs.bitcoin["close"].reindex(equity.index)),
    )


def equity_frame(run: Run) -> pd.DataFrame:
    """`value`, `cash` (quote units) and `exposure` (share of value in coins), one row a coin bar, by the instant it ended."""
    decisions = run.decisions
    index = pd.DatetimeIndex(
        np.array([decision.time for decision in decisions], dtype="datetime64[s]"),
        tz="UTC",
        name="time",
    ).as_unit("ns")
    frame = pd.DataFrame(
        {"value": [one.equity for one in decisions], "cash": [one.cash for one in decisions]},
        index=index,
    )
    frame["exposure"] = 1.0 - frame["cash"] / frame["value"]
    return frame
