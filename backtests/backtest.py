"""A whole backtest: the strategy in backtrader, everything it must stand beside, and what may be said about it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtests.engine import Run, simulate
from backtests.metrics import Metrics, daily_rows, measure
from backtests.prepare import Inputs
from backtests.spells import Events, events

Progress = Callable[[str, int, int], None]


class Result(NamedTuple):
    """Everything a run folder is written from. Without benchmarks there are no caveats about them, no random gates, no verdict."""

    inputs: Inputs
    run: Run
    equity: pd.DataFrame
    metrics: Metrics
    events: Events
    benchmarks: dict[str, Any]
    random_gates: Any
    verdict: Any


def backtest(inputs: Inputs, with_benchmarks: bool = True, progress: Progress | None = None) -> Result:
    """Run everything over the inputs; `progress(stage, done, of)` is called along the way."""
    run = simulate(inputs)
    equity = equity_frame(run)
    filled = [order for order in run.orders if order.filled is not None]
    traded, fees = sum(abs(order.size * order.price) for order in filled), sum(order.fee for order in filled)
    metrics = measure(equity["value"], equity["exposure"].to_numpy(), traded, len(filled), fees)
    bitcoin = inputs.bitcoin["close"].reindex(equity.index)
    happened = events(inputs.table, equity["value"], bitcoin)
    if not with_benchmarks:
        return Result(inputs, run, equity, metrics, happened, {}, None, None)

    from backtests.benchmarks import arena, benchmarks
    from backtests.random_gates import random_gates
    from backtests.verdict import RIVALS, verdict

    if progress:
        progress("benchmarks", 0, 0)
    place = arena(inputs)
    curves = benchmarks(place, metrics.exposure)
    wanted = inputs.settings.backtest.random_gates
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress:
            progress("random gates", done, wanted)

    shifted = random_gates(place, wanted, inputs.settings.backtest.seed, tick) if wanted else None
    rows = daily_rows(inputs.grid)
    days = {"strategy": equity["value"].to_numpy()[rows]} | {name: curves[name].equity.to_numpy()[rows] for name in RIVALS}
    sharpes = {"strategy": metrics.sharpe} | {name: curves[name].metrics.sharpe for name in RIVALS}
    known = bitcoin.dropna()
    drift = float(np.log(known.iloc[-1] / known.iloc[0])) / max((known.index[-1] - known.index[0]).total_seconds() / 86400, 1.0)
    word = verdict(sharpes, days, shifted.p_sharpe if shifted else None, happened, drift, inputs.settings.backtest.seed)
    return Result(inputs, run, equity, metrics, happened, curves, shifted, word)


def equity_frame(run: Run) -> pd.DataFrame:
    """`value`, `cash` (quote units) and `exposure` (share of value in coins), one row a coin bar, by the instant it ended."""
    decisions = run.decisions
    index = pd.DatetimeIndex(np.array([decision.time for decision in decisions], dtype="datetime64[s]"), tz="UTC", name="time").as_unit("ns")
    frame = pd.DataFrame({"value": [one.equity for one in decisions], "cash": [one.cash for one in decisions]}, index=index)
    frame["exposure"] = 1.0 - frame["cash"] / frame["value"]
    return frame
