"""The second engine: one parameter set's whole backtest in numba, out of the very functions the strategy runs on.

`strategies` and `brokers.orders.fills` are compiled as they stand; here is only the order of events that backtrader gives
them. Parity of the two engines is a test.
"""

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
import pandas as pd

from backtests.prepare import Inputs
from brokers.orders import fills
from strategies import breakout, decision, risk_curve
from strategies.breakout import BreakoutRules, BreakoutTable
from strategies.decision import DecisionRules, GateLine
from strategies.gate import GATE_LINES, gate_lines
from strategies.indicators import Floats, Ints

FILLED, NO_CASH, CANCELLED, OPEN = range(4)
STATUS = ("filled", "no cash", "cancelled", "open")


def _cache_folder() -> Path:
    """A cache that belongs to these sources: numba's own would not notice a change in a function called from another file."""
    digest = blake2b(digest_size=8)
    for source in (breakout.__file__, decision.__file__, risk_curve.__file__, fills.__file__, __file__):
        digest.update(Path(str(source)).read_bytes())
    return Path(__file__).parent / "__pycache__" / f"kernel-{digest.hexdigest()}"


numba.config.CACHE_DIR = str(_cache_folder())  # type: ignore[attr-defined]  # set at run time by numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """`function` as machine code, with Python's arithmetic in Python's order."""
    made: Any = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return cast("Function", made)


def inlined(function: Function) -> Function:
    """As `compiled`, put into its callers: handing arrays over costs more than these functions do."""
    made: Any = numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=True)(function)
    return cast("Function", made)


find_breakouts = compiled(breakout.find_breakouts)
ceilings = compiled(risk_curve.ceilings)
decide = inlined(decision.decide)
order_size = inlined(decision.order_size)
fill = compiled(fills.fill)
interest = compiled(fills.interest)


class Gate(NamedTuple):
    """The gate's lines, one entry a session row (`strategies.gate.GATE_LINES`)."""

    state: Floats
    ceiling: Floats
    filled: Floats
    confirmed_at: Floats
    stale: Floats


class Bars(NamedTuple):
    """Coin bars: `time` in epoch seconds and `session` (row of the gate known then, -1: none) by bar, the rest bar x coin.

    Prices and features are NaN before a coin is listed; `missing` is NaN there, 0 on a real bar.
    """

    time: Floats
    session: Ints
    open: Floats
    close: Floats
    own_average: Floats
    volatility: Floats
    missing: Floats


class Account(NamedTuple):
    """Cash at the start, its yearly yield, and each coin's order step."""

    cash: float
    cash_yield: float
    steps: Floats


class Orders(NamedTuple):
    """Room for orders, one entry each; an order filled at no bar has `filled` -1. `size` is signed."""

    decided: Ints
    filled: Ints
    coin: Ints
    size: Floats
    price: Floats
    fee: Floats
    status: Ints


@compiled
def _note(orders: Orders, count: int, decided: int, filled: int, coin: int, size: float, price: float, fee: float, status: int) -> int:
    if count < len(orders.coin):
        orders.decided[count], orders.filled[count], orders.coin[count], orders.status[count] = decided, filled, coin, status
        orders.size[count], orders.price[count], orders.fee[count] = size, price, fee
    return count + 1


@compiled
def _fill_pending(
    i: int,
    pending: Floats,
    position: Floats,
    cash: float,
    bars: Bars,
    max_missing: int,
    costs: fills.Costs,
    steps: Floats,
    orders: Orders,
    count: int,
) -> tuple[float, int]:
    """Fill at this open what the bar before decided, sells first; what meets a missing bar is cancelled."""
    for selling in (True, False):
        for k in range(len(pending)):
            wanted = pending[k]
            if wanted == 0.0 or (wanted < 0.0) != selling:
                continue
            pending[k] = 0.0
            if 0.0 < bars.missing[i, k] < max_missing:
                count = _note(orders, count, i - 1, -1, k, wanted, 0.0, 0.0, CANCELLED)
                continue
            size, price, fee = fill(wanted, bars.open[i, k], cash, steps[k], costs)
            cash -= size * price + fee
            position[k] += size
            if size == 0.0:
                count = _note(orders, count, i - 1, -1, k, wanted, 0.0, 0.0, NO_CASH)
            else:
                count = _note(orders, count, i - 1, i, k, size, price, fee, FILLED)
    return cash, count


@compiled
def _leave_open(last: int, pending: Floats, orders: Orders, count: int) -> int:
    """Note what the last bar decided and no bar can fill."""
    for selling in (True, False):
        for k in range(len(pending)):
            if pending[k] != 0.0 and (pending[k] < 0.0) == selling:
                count = _note(orders, count, last, -1, k, pending[k], 0.0, 0.0, OPEN)
    return count


@inlined
def _value(cash: float, position: Floats, closes: Floats, i: int) -> float:
    value = cash
    for k in range(len(position)):
        if position[k] != 0.0:
            value += position[k] * closes[i, k]
    return value


@compiled
def trade(
    gate: Gate, bars: Bars, rules: DecisionRules, costs: fills.Costs, account: Account, equity: Floats, cash_held: Floats, orders: Orders
) -> int:
    """Trade one gate over all bars; write `equity` and `cash_held` by bar and `orders`; return the number of orders.

    At each bar, as in backtrader: orders decided at the bar before fill at this open, sells first; equity is taken at the
    close; then the next orders are decided. `orders` of length 0 counts without keeping.
    """
    # Local names, because every access to an array inside a tuple costs an atomic reference count.
    times, session, closes, averages, volatilities, absent = bars.time, bars.session, bars.close, bars.own_average, bars.volatility, bars.missing
    states, ceiling, filled, confirmed_at, stale, steps = gate.state, gate.ceiling, gate.filled, gate.confirmed_at, gate.stale, account.steps
    coins = closes.shape[1]
    position, current, targets, pending = np.zeros(coins), np.zeros(coins), np.zeros(coins), np.zeros(coins)
    close, own_average, volatility, missing = np.zeros(coins), np.zeros(coins), np.zeros(coins), np.zeros(coins)
    cash = account.cash
    since = peak = drawdown = 0.0
    count = 0
    waiting = invested = False
    only_gate = rules.own_trend != decision.TREND_OR
    for i in range(len(times)):
        if account.cash_yield > 0.0 and i > 0:
            cash += interest(cash, account.cash_yield, times[i] - times[i - 1])
        if waiting:
            cash, count = _fill_pending(i, pending, position, cash, bars, rules.max_missing, costs, steps, orders, count)
            waiting, invested = False, (position != 0.0).any()
        value = _value(cash, position, closes, i) if invested else cash
        equity[i], cash_held[i] = value, cash
        row = session[i]
        line = GateLine(0.0, 0.0, 0.0, np.nan, 0.0)
        if row >= 0:
            line = GateLine(states[row], ceiling[row], filled[row], confirmed_at[row], stale[row])
        if line.confirmed_at != since:  # always so before the first confirmation, which keeps the drawdown at zero
            since, peak, drawdown = line.confirmed_at, value, 0.0
        peak = max(peak, value)
        drawdown = max(drawdown, 1.0 - value / peak)
        if only_gate and not invested and line.ceiling <= 0.0:
            continue  # nothing is held and nothing allowed: every target is zero
        for k in range(coins):
            current[k] = position[k] * closes[i, k] / value if position[k] != 0.0 else 0.0
            close[k], own_average[k], volatility[k], missing[k] = closes[i, k], averages[i, k], volatilities[i, k], absent[i, k]
        decide(times[i], line, close, own_average, volatility, missing, current, drawdown, rules, targets)
        for k in range(coins):
            if targets[k] != current[k]:
                pending[k] = order_size(targets[k], value, close[k], position[k], rules.band, steps[k], costs.min_notional)
                waiting = waiting or pending[k] != 0.0
    return _leave_open(len(times) - 1, pending, orders, count)


class Sessions(NamedTuple):
    """What the gate's state machine reads, one entry a session, and when each was known (epoch seconds)."""

    known_at: Floats
    close: Floats
    average: Floats
    confirming: Ints
    filled: Ints
    haircut: Floats


@compiled
def gate_of(sessions: Sessions, breakouts: BreakoutRules, confirmed: Floats, dormant: Floats) -> Gate:
    """The gate of one parameter set, ceilings by number of filled channels. A session whose close is missing shows the last one that has a close."""
    n = len(sessions.close)
    whole = np.empty((5, n), np.int64)
    record, level = np.empty(n), np.empty(n)
    out = BreakoutTable(whole[0], whole[1], record, whole[2], level, whole[3], np.empty(n, np.int64), whole[4])
    find_breakouts(sessions.close, sessions.average, sessions.confirming, breakouts, out)
    ceiling = ceilings(out.state, sessions.filled, confirmed, dormant) * sessions.haircut
    states, confirmed_rows, stales, known_at, counted = out.state, out.confirmed_row, out.stale, sessions.known_at, sessions.filled
    state, allowed, filled, confirmed_at, stale = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    for row in range(n):
        known = max(row - stales[row], 0)
        opened = confirmed_rows[known]
        state[row], allowed[row], filled[row], stale[row] = states[known], ceiling[known], counted[known], stales[row]
        confirmed_at[row] = known_at[opened] if opened >= 0 else np.nan
    return Gate(state, allowed, filled, confirmed_at, stale)


def bars_of(coins: list[pd.DataFrame], grid: pd.DatetimeIndex, known_at: pd.DatetimeIndex) -> Bars:
    """Coin lines on one grid as the kernel's arrays; `known_at` is the gate table's index."""

    def matrix(column: str) -> Floats:
        return np.column_stack([lines[column].reindex(grid).to_numpy(dtype=float) for lines in coins])

    names = ("open", "close", "own_average", "volatility", "stale")
    rows = known_at.searchsorted(grid, side="right") - 1
    return Bars(grid.as_unit("s").asi8.astype(float), rows.astype(np.int64), *(matrix(name) for name in names))


def gate_arrays(table: pd.DataFrame) -> Gate:
    """A gate table's lines as the kernel's arrays."""
    lines = gate_lines(table)
    return Gate(*(lines[name].to_numpy() for name in GATE_LINES))


def as_arrays(rules: DecisionRules) -> DecisionRules:
    """Rules the kernel takes for any number of coins without being compiled anew."""
    return rules._replace(weights=np.asarray(rules.weights, dtype=float), lags=np.asarray(rules.lags, dtype=float))


def room(orders: int) -> Orders:
    """Room for so many orders."""
    decided, filled, coin, status = np.zeros((4, orders), np.int64)
    size, price, fee = np.zeros((3, orders))
    return Orders(decided, filled, coin, size, price, fee, status)


def account_of(inputs: Inputs) -> Account:
    """The account the settings describe."""
    settings = inputs.settings
    return Account(settings.backtest.cash, settings.costs.cash_yield, np.array([settings.coin_step(name) for name in inputs.coins]))
