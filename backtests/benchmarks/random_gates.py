"""Permutation test: how often does the strategy's gate, shifted in time, do as well?"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.benchmarks.benchmarks import KernelInputs
from backtests.benchmarks.excess_of_cash import cash_growth
from backtests.engine import arrays, kernel
from backtests.engine.arrays import Bars, Gate
from backtests.engine.inputs import Inputs
from backtests.performance.metrics import daily_rows, returns, sharpe
from strategies.breakout import CONFIRMED
from strategies.indicators import Floats


class RandomGates(NamedTuple):
    """Sharpe ratio and total return of each shifted gate, and of the real one in the same engine.

    Sharpe ratios are of returns in excess of cash: a shift may leave more of it to earn interest.
    p = (1 + shifted gates at least as good) / (1 + n), None where the strategy has no such figure.
    `effective_n` is the number of independent shifts the window holds: its sessions over the
    autocorrelation time of the ceiling.
    """

    n: int
    effective_n: float
    p_sharpe: float | None
    p_return: float | None
    own_sharpe: float  # NaN: none
    sharpes: Floats
    total_returns: Floats


def random_gates(
    kernel_inputs: KernelInputs, n: int, seed: int, progress: Callable[[], object] | None = None
) -> RandomGates:
    """Run `n` gates made by shifting state and ceiling circularly within the traded window.

    Shifts are drawn without repetition. A window has one shift fewer than sessions; there are no
    more gates than that. `progress` is called after each.
    """
    inputs, basket = kernel_inputs.inputs, kernel_inputs.basket
    first, last = max(int(basket.session[0]), 0), int(basket.session[-1])
    inside = slice(first, last + 1)
    window = Gate(*(line[inside] for line in arrays.gate_arrays(inputs.table)))
    known_at = pd.DatetimeIndex(inputs.table.index).as_unit("s").asi8[inside].astype(float)
    figures = _trader(inputs, basket._replace(session=_sessions_from(basket.session, first)))
    shifts = np.random.default_rng(seed).permutation(np.arange(1, len(known_at)))[:n]
    results = np.empty((len(shifts), 2))
    for row, shift in enumerate(shifts):
        results[row] = figures(shift_circularly(window, known_at, int(shift)))
        if progress:
            progress()
    own = figures(window)
    p_sharpe, p_return = (_p(results[:, column], own[column]) for column in range(2))
    return RandomGates(
        n=len(shifts),
        effective_n=effective_shifts(window.ceiling),
        p_sharpe=p_sharpe,
        p_return=p_return,
        own_sharpe=own[0],
        sharpes=results[:, 0],
        total_returns=results[:, 1],
    )


def _sessions_from(session: NDArray[np.int64], first: int) -> NDArray[np.int64]:
    """Rows of sessions counted from `first`; -1 (none yet) stays."""
    return np.where(session < 0, -1, session - first)


def _trader(inputs: Inputs, bars: Bars) -> Callable[[Gate], tuple[float, float]]:
    """A function that trades a gate over the bars: its Sharpe ratio (NaN: none) and return.

    The ratio is of returns in excess of cash.
    """
    equity, cash = np.empty(len(bars.time)), np.empty(len(bars.time))
    rules, account = arrays.as_arrays(inputs.rules), arrays.account_of(inputs)
    uncounted = arrays.room(0)
    days = daily_rows(inputs.grid)
    cash_by_day = cash_growth(inputs.grid, inputs.settings.costs.cash_yield)[days]

    def figures(gate: Gate) -> tuple[float, float]:
        kernel.trade(gate, bars, rules, inputs.costs, account, equity, cash, uncounted)
        by_day = equity[days]
        ratio = sharpe(returns(by_day / cash_by_day))
        return (np.nan if ratio is None else ratio), by_day[-1] / by_day[0] - 1.0

    return figures


def shift_circularly(gate: Gate, known_at: Floats, shift: int) -> Gate:
    """`gate` moved `shift` sessions later, the end of the window coming round to its beginning.

    `confirmed_at` becomes the instant at which the session that now opens a gate period was known.
    """
    moved = Gate(*(np.roll(line, shift) for line in gate))
    is_open = moved.state == CONFIRMED
    opens = is_open & ~np.concatenate(([False], is_open[:-1]))
    row = np.maximum.accumulate(np.where(opens, np.arange(len(opens)), -1))
    return moved._replace(confirmed_at=np.where(row >= 0, known_at[np.maximum(row, 0)], np.nan))


def effective_shifts(ceiling: Floats) -> float:
    """Sessions over autocorrelation time, which is 1 + 2 * the sum of autocorrelations.

    The sum ends before the first negative one (Geyer 1992).
    """
    centred = ceiling - ceiling.mean()
    if not centred.any():
        return 1.0
    spectrum = np.abs(np.fft.rfft(centred, 2 * len(centred))) ** 2
    correlation = np.fft.irfft(spectrum)[: len(centred)]
    correlation = correlation / correlation[0]
    negative = np.flatnonzero(correlation < 0)
    until = negative[0] if len(negative) else len(correlation)
    return float(len(ceiling) / (1.0 + 2.0 * correlation[1:until].sum()))


def _p(values: Floats, own: float) -> float | None:
    return (
        None
        if np.isnan(own) or not len(values)
        else float((1 + (values >= own).sum()) / (1 + len(values)))
    )
