"""What a run stands beside: benchmarks, intervals, the strategy without each rule, its gate at random times, the verdict."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.benchmarks.ablation import Without, drop_one
from backtests.benchmarks.benchmarks import Curve, arena, benchmarks
from backtests.benchmarks.random_gates import RandomGates, random_gates
from backtests.benchmarks.verdict import RIVALS, Verdict, verdict
from backtests.performance.metrics import daily_rows, returns
from backtests.performance.result import Result
from backtests.statistics.bootstrap import FIGURES, Draws, interval, resampled, sharpe_difference
from brokers.progress import Progress
from strategies.indicators import Floats

Intervals = Mapping[str, Mapping[str, tuple[float, float]]]


class Comparison(NamedTuple):
    """`benchmarks` by name; `intervals` by name ("strategy" among them) and figure; `without` each rule.

    Random gates None: none were asked for. On sample prices there are neither random gates nor a verdict: a simulation
    proves nothing.
    """

    benchmarks: Mapping[str, Curve]
    intervals: Intervals
    without: list[Without]
    random_gates: RandomGates | None
    verdict: Verdict | None


def compare(own: Result, progress: Progress | None = None) -> Comparison:
    """Run everything `own` must stand beside; `progress(stage, done, of)` is called along the way."""
    inputs, settings = own.inputs, own.inputs.settings.backtest
    if progress:
        progress("benchmarks", 0, 0)
    place = arena(inputs)
    curves = benchmarks(place, own.metrics.exposure)
    without = drop_one(place)
    if progress:
        progress("intervals", 0, 0)
    names = ["strategy", *curves]
    daily = _daily_returns(
        [own.equity["value"], *(curve.equity for curve in curves.values())], inputs.grid
    )
    draws = resampled(daily, settings.seed) if len(daily) else None
    intervals = (
        {name: _intervals(draws, column) for column, name in enumerate(names)} if draws else {}
    )
    if inputs.prices.sample:
        return Comparison(curves, intervals, without, None, None)
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress:
            progress("random gates", done, settings.random_gates)

    shifted = (
        random_gates(place, settings.random_gates, settings.seed, tick)
        if settings.random_gates
        else None
    )
    sharpes = {"strategy": own.metrics.sharpe} | {
        name: curves[name].metrics.sharpe for name in RIVALS
    }
    gaps = (
        {name: sharpe_difference(daily, 0, names.index(name), draws) for name in RIVALS}
        if draws
        else {}
    )
    word = verdict(
        sharpes,
        gaps,
        shifted.p_sharpe if shifted else None,
        own.events,
        _drift(inputs.bitcoin["close"].reindex(inputs.grid)),
    )
    return Comparison(curves, intervals, without, shifted, word)


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
