"""The second engine: one parameter set's whole backtest in numba, on the strategy's functions.

`strategies` and `brokers.orders.fills` are compiled as they stand; here is only the order of events
that backtrader gives them. Parity of the two engines is a test.
"""

import numpy as np

from backtests.engine.arrays import Account, Bars, Gate, Orders, Sessions
from backtests.engine.compiled import compiled, inlined, lean
from brokers.orders import fills
from strategies import breakout, decision, risk_curve
from strategies.breakout import DORMANT, BreakoutRules
from strategies.decision import NO_GATE, DecisionRules, GateLine
from strategies.indicators import Floats

FILLED, NO_CASH, CANCELLED, OPEN = range(4)
STATUS = ("filled", "no cash", "cancelled", "open")


find_breakouts = compiled(breakout.find_breakouts)
ceiling_of = inlined(risk_curve.ceiling)
decide = inlined(decision.decide)
nothing_to_decide = inlined(decision.nothing_to_decide)
order_size = inlined(decision.order_size)
fill = inlined(fills.fill)
interest = inlined(fills.interest)


@inlined
def _add_order(  # noqa: PLR0917  # compiled: arguments by position
    orders: Orders,
    count: int,
    decided: int,
    filled: int,
    coin: int,
    size: float,
    price: float,
    fee: float,
    status: int,
) -> int:
    if count < len(orders.coin):
        orders.decided[count], orders.filled[count], orders.coin[count], orders.status[count] = (
            decided,
            filled,
            coin,
            status,
        )
        orders.size[count], orders.price[count], orders.fee[count] = size, price, fee
    return count + 1


@inlined
def _fill_pending(  # noqa: PLR0917  # compiled: arguments by position
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
    """Fill at this open what the bar before decided, sells first.

    An order whose coin has no bar is cancelled.
    """
    for selling in (True, False):
        for k in range(len(pending)):
            wanted = pending[k]
            if wanted == 0.0 or (wanted < 0.0) != selling:
                continue
            pending[k] = 0.0
            if 0.0 < bars.missing[i, k] < max_missing:
                count = _add_order(orders, count, i - 1, -1, k, wanted, 0.0, 0.0, CANCELLED)
                continue
            size, price, fee = fill(wanted, bars.open[i, k], cash, steps[k], costs)
            cash -= size * price + fee
            position[k] += size
            if size == 0.0:
                count = _add_order(orders, count, i - 1, -1, k, wanted, 0.0, 0.0, NO_CASH)
            else:
                count = _add_order(orders, count, i - 1, i, k, size, price, fee, FILLED)
    return cash, count


@inlined
def _leave_open(last: int, pending: Floats, orders: Orders, count: int) -> int:
    """Add what the last bar decided and no bar can fill."""
    for selling in (True, False):
        for k in range(len(pending)):
            if pending[k] != 0.0 and (pending[k] < 0.0) == selling:
                count = _add_order(orders, count, last, -1, k, pending[k], 0.0, 0.0, OPEN)
    return count


@inlined
def _value(cash: float, position: Floats, close: Floats) -> float:
    value = cash
    for k in range(len(position)):
        if position[k] != 0.0:
            value += position[k] * close[k]
    return value


@inlined
def _holds(position: Floats) -> bool:
    held = False
    for k in range(len(position)):
        held = held or position[k] != 0.0
    return held


@compiled
def trade(  # noqa: PLR0917  # compiled: arguments by position
    gate: Gate,
    bars: Bars,
    rules: DecisionRules,
    costs: fills.Costs,
    account: Account,
    equity: Floats,
    cash_held: Floats,
    orders: Orders,
) -> int:
    """Trade one gate over all bars; return the number of orders.

    Writes `equity` and `cash_held` by bar, and `orders`. At each bar, as in backtrader: orders
    decided at the bar before fill at this open, sells first; equity is taken at the close; then the
    next orders are decided. `orders` of length 0 counts without storing them.
    """
    room = np.zeros((4, len(account.steps)))
    return _trade(
        gate, bars, rules, costs, account, equity, cash_held, orders, room, np.max(rules.lags)
    )


@lean
def _trade(  # noqa: PLR0917  # compiled: arguments by position
    gate: Gate,
    bars: Bars,
    rules: DecisionRules,
    costs: fills.Costs,
    account: Account,
    equity: Floats,
    cash_held: Floats,
    orders: Orders,
    room: Floats,
    longest_lag: float,
) -> int:
    """As `trade`; `room` is for four numbers a coin, all zero."""
    closes, steps = bars.close, account.steps
    position, current, targets, pending = room[0], room[1], room[2], room[3]
    coins = len(steps)
    cash = account.cash
    since = peak = drawdown = 0.0
    count = 0
    waiting = invested = False
    follows_gate = (
        rules.own_trend == decision.TREND_OFF
        and rules.target_volatility <= 0.0
        and rules.drawdown_stop <= 0.0
    )
    decided, reusable = NO_GATE, False
    for i in range(len(bars.time)):
        if account.cash_yield > 0.0 and i > 0:
            cash += interest(cash, account.cash_yield, bars.time[i] - bars.time[i - 1])
        if waiting:
            cash, count = _fill_pending(
                i, pending, position, cash, bars, rules.max_missing, costs, steps, orders, count
            )
            waiting, invested = False, _holds(position)
        row = bars.session[i]
        if nothing_to_decide(invested, gate.ceiling[row] if row >= 0 else 0.0, rules.own_trend):
            equity[i], cash_held[i], reusable = cash, cash, False
            continue  # and no drawdown grows
        close, missing = closes[i], bars.missing[i]
        value = _value(cash, position, close)
        equity[i], cash_held[i] = value, cash
        line = (
            GateLine(
                gate.state[row],
                gate.ceiling[row],
                gate.filled[row],
                gate.confirmed_at[row],
                gate.stale[row] + bars.late[i],
            )
            if row >= 0
            else NO_GATE
        )
        if (
            line.confirmed_at != since
        ):  # always so before the first confirmation, which keeps the drawdown at zero
            since, peak, drawdown = line.confirmed_at, value, 0.0
        peak = max(peak, value)
        drawdown = max(drawdown, 1.0 - value / peak)
        for k in range(coins):
            current[k] = position[k] * close[k] / value if position[k] != 0.0 else 0.0
        if not (reusable and bars.settled[i] and line == decided):
            decide(
                bars.time[i],
                line,
                close,
                bars.own_average[i],
                bars.volatility[i],
                missing,
                current,
                drawdown,
                rules,
                targets,
            )
            # Targets that follow the gate alone are reused while it and the coins do not change,
            # if all lags have passed now.
            decided, reusable = (
                line,
                follows_gate
                and line.stale == 0.0
                and bars.time[i] - line.confirmed_at >= longest_lag,
            )
        for k in range(coins):
            size = order_size(
                targets[k],
                current[k],
                value,
                close[k],
                position[k],
                rules.band,
                steps[k],
                costs.min_notional,
            )
            if size != 0.0:
                pending[k], waiting = size, True
    return _leave_open(len(bars.time) - 1, pending, orders, count)


@compiled
def gate_of(
    sessions: Sessions, breakouts: BreakoutRules, confirmed: Floats, dormant: Floats, first: int
) -> None:
    """Write one parameter set's gate, from session `first` on, into `sessions.lines`.

    Ceilings are by the number of risk checks that pass.
    """
    changes, out = sessions.changes, sessions.lines
    rows, states, confirmed_rows = changes.row, changes.state, changes.confirmed_row
    known_at, filled, haircut = sessions.known_at, sessions.filled, sessions.haircut
    state, allowed, confirmed_at, shown, stale = (
        out.state,
        out.ceiling,
        out.confirmed_at,
        out.filled,
        out.stale,
    )
    while first > 0 and (stale[first] > 0.0 or sessions.substituted[first] > 0.0):
        first -= 1  # to the session whose row the first one repeats or may not exceed
    count = find_breakouts(
        sessions.close, sessions.records, sessions.average, sessions.confirming, breakouts, changes
    )
    now, since, start = DORMANT, np.nan, first
    for change in range(count + 1):
        end = rows[change] if change < count else len(known_at)
        for row in range(start, end):
            state[row], confirmed_at[row] = now, since
            allowed[row] = (
                ceiling_of(now, confirmed[filled[row]], dormant[filled[row]]) * haircut[row]
            )
        start = max(start, end)
        if change < count:
            now = states[change]
            since = known_at[confirmed_rows[change]] if confirmed_rows[change] >= 0 else np.nan
    for row in range(first + 1, len(known_at)):
        if stale[row] > 0.0:
            state[row], confirmed_at[row], allowed[row], shown[row] = (
                state[row - 1],
                confirmed_at[row - 1],
                allowed[row - 1],
                shown[row - 1],
            )
        elif sessions.substituted[row] > 0.0:
            allowed[row] = min(allowed[row], allowed[row - 1])


@compiled
def run_set(  # noqa: PLR0917  # compiled: arguments by position
    sessions: Sessions,
    breakouts: BreakoutRules,
    confirmed: Floats,
    dormant: Floats,
    bars: Bars,
    rules: DecisionRules,
    costs: fills.Costs,
    account: Account,
    equity: Floats,
    cash_held: Floats,
    orders: Orders,
) -> int:
    """A whole backtest of one parameter set: its gate, then `trade`."""
    gate_of(sessions, breakouts, confirmed, dormant, max(bars.session[0], 0))
    return trade(sessions.lines, bars, rules, costs, account, equity, cash_held, orders)
