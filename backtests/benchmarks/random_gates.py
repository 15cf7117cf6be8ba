"""The strategy's own gate at the wrong time: how often does a shifted one do as well?"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.benchmarks.benchmarks import Arena
from backtests.engine import arrays, kernel
from backtests.engine.arrays import Gate
from backtests.performance.metrics import daily_rows, returns, sharpe
from strategies.breakout import CONFIRMED
from strategies.indicators import Floats


class RandomGates(NamedTuple):
    """Sharpe ratio and total return of each shifted gate, the strategy's own from the same engine, and how often it lost.

    p = (1 + gates at least as good) / (1 + n), None where the strategy has no such figure. `effective_n` is the number of
    independent shifts the window holds: its sessions over the autocorrelation time of the ceiling.
    """

    n: int
    effective_n: float
    p_sharpe: float | None
    p_return: float | None
    own_sharpe: float  # NaN: none
    sharpes: Floats
    total_returns: Floats


def random_gates(
    place: Arena, n: int, seed: int, progress: Callable[[], object] | None = None
) -> RandomGates:
    """Run `n` gates made by shifting state and ceiling in a circle within the traded window, shifts drawn without repetition.

    A window has one shift fewer than sessions; there are no more gates than that.
    """
    inputs = place.inputs
    whole = arrays.gate_arrays(inputs.table)
    first, last = max(int(place.basket.session[0]), 0), int(place.basket.session[-1])
    window = Gate(*(line[first : last + 1] for line in whole))
    known_at = (
        pd.DatetimeIndex(inputs.table.index).as_unit("s").asi8[first : last + 1].astype(float)
    )
    bars = place.basket._replace(
        session=np.where(place.basket.session < 0, -1, place.basket.session - first)
    )
    equity, cash = np.empty(len(bars.time)), np.empty(len(bars.time))
    fixed = (
        bars,
        arrays.as_arrays(inputs.rules),
        inputs.costs,
        arrays.account_of(inputs),
        equity,
        cash,
        arrays.room(0),
    )
    days = daily_rows(inputs.grid)

    def figures(gate: Gate) -> tuple[float, float]:
        kernel.trade(gate, *fixed)
        by_day = equity[days]
        ratio = sharpe(returns(by_day))
        return (np.nan if ratio is None else ratio), by_day[-1] / by_day[0] - 1.0

    shifts = np.random.default_rng(seed).permutation(np.arange(1, len(known_at)))[:n]
    found = np.empty((len(shifts), 2))
    for row, shift in enumerate(shifts):
        found[row] = figures(shifted(window, known_at, int(shift)))
        if progress:
            progress()
    own = figures(Gate(*(line[first : last + 1] for line in whole)))
    p_sharpe, p_return = (_p(found[:, column], own[column]) for column in range(2))
    return RandomGates(
        len(shifts),
        effective_shifts(window.ceiling),
        p_sharpe,
        p_return,
        own[0],
        found[:, 0],
        found[:, 1],
    )


def shifted(gate: Gate, known_at: Floats, shift: int) -> Gate:
    """`gate` moved `shift` sessions later in a circle; `confirmed_at` is then the instant its new spell was known."""
    moved = Gate(*(np.roll(line, shift) for line in gate))
    is_open = moved.state == CONFIRMED
    opens = is_open & ~np.concatenate(([False], is_open[:-1]))
    row = np.maximum.accumulate(np.where(opens, np.arange(len(opens)), -1))
    return moved._replace(confirmed_at=np.where(row >= 0, known_at[np.maximum(row, 0)], np.nan))


def effective_shifts(ceiling: Floats) -> float:
    """Sessions over autocorrelation time, 1 + 2 * sum of autocorrelations up to the first negative one (Geyer 1992)."""
    centred = ceiling - ceiling.mean()
    if not centred.any():
        return 1.0
    spectrum = np.abs(np.fft.rfft(centred, 2 * len(centred))) ** 2
    correlation = np.fft.irfft(spectrum)[: len(centred)]
    correlation = correlation / correlation[0]
    negative = np.flatnonzero(correlation < 0)
    until = negative[0] if len(negative) else len(correlation)
    return float(len(ceiling) / (1.0 + 2.0 * correlation[1:until].sum()))


def _p(found: Floats, own: float) -> float | None:
    return (
        None
        if np.isnan(own) or not len(found)
        else float((1 + (found >= own).sum()) / (1 + len(found)))
    )
