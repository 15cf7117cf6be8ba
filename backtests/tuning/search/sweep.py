"""Many parameter sets, each a whole backtest of the kernel, of which sums by segment are kept."""

from typing import NamedTuple

import numpy as np

from backtests.engine import arrays, kernel
from backtests.engine.arrays import Account, Bars, Gate, Orders, Sessions
from backtests.engine.compiled import compiled
from backtests.engine.kernel import gate_of, trade
from backtests.tuning.search.precomputed import FeatureArrays, Indices
from backtests.tuning.search.segment_stats import Segments
from brokers.orders.fills import Costs
from strategies.breakout import CONFIRMED, BreakoutRules, Changes
from strategies.decision import DecisionRules
from strategies.indicators import Floats, Ints

# The first groups of `precomputed.GROUPS` determine the gate. The number stands here because numba
# would not notice that a constant of another file has changed.
GATE_GROUPS = 6


class Days(NamedTuple):
    """Where days and segments begin, for `store_segments`.

    `rows`: last bar of each day. `edges`: first daily return of each segment, then the number of
    returns. `segment`: of each bar.
    """

    rows: Ints
    edges: Ints
    segment: Ints


class Workspace(NamedTuple):
    """Arrays that one thread writes into, used again for every parameter set."""

    gate: Gate
    shifted_gate: Gate
    changes: Changes
    equity: Floats
    cash: Floats
    orders: Orders


def make_workspace(sessions: Sessions, bars: Bars) -> Workspace:
    """A workspace for runs on these sessions and bars."""
    gate, shifted_gate = (
        Gate(*np.zeros((len(Gate._fields), len(sessions.close)))) for _ in range(2)
    )
    gate = gate._replace(stale=sessions.lines.stale)
    changes = Changes(*(np.empty_like(line) for line in sessions.changes))
    equity, cash = np.empty((2, len(bars.time)))
    return Workspace(gate, shifted_gate, changes, equity, cash, arrays.room(bars.close.size))


def empty_segments(sets: int, segments: int) -> Segments:
    """Arrays of zeros, sets x segments, to be written by `sweep_sets`."""
    kinds = (*[np.float64] * 2, *[np.float32] * 5, np.uint16, np.int32)
    return Segments(*(np.zeros((sets, segments), dtype=kind) for kind in kinds))


@compiled
def run_planned_set(  # noqa: PLR0917  # compiled: keywords would be looked up at every call
    row: int,
    indices: Indices,
    features: FeatureArrays,
    sessions: Sessions,
    bars: Bars,
    costs: Costs,
    account: Account,
    space: Workspace,
    shift: int,
) -> int:
    """The whole backtest of one parameter set of a plan, written into `space`.

    Its gate is moved `shift` sessions later within the traded window. Returns the number of orders.
    """
    set_gate(row, indices, features, sessions, bars, space, shift)
    return trade_set(row, indices, features, bars, costs, account, space, shift)


@compiled
def set_gate(  # noqa: PLR0917  # compiled
    row: int,
    indices: Indices,
    features: FeatureArrays,
    sessions: Sessions,
    bars: Bars,
    space: Workspace,
    shift: int,
) -> None:
    """Write the gate of one parameter set into `space`."""
    index = indices[row]
    b, c = features.breakout[index[0]], features.ceilings[index[4]]
    filled = features.filled[index[3]]
    breakouts = BreakoutRules(
        int(b[0]),
        int(b[1]),
        int(b[2]),
        int(b[3]),
        int(b[4]),
        b[5],
        int(b[6]),
        int(b[7]),
        b[8],
        int(b[9]),
    )
    shown = space.gate.filled
    for session in range(len(filled)):
        shown[session] = filled[session]
    of_set = Sessions(
        sessions.known_at,
        sessions.close,
        sessions.records,
        features.average[index[1]],
        features.confirming[index[2]],
        filled,
        features.haircut[index[5]],
        sessions.substituted,
        space.gate,
        space.changes,
    )
    first = max(bars.session[0], 0)
    gate_of(of_set, breakouts, c[0], c[1], first)
    if shift > 0:
        last = bars.session[-1]
        shift_circularly(space.gate, sessions.known_at, first, last, shift, space.shifted_gate)


@compiled
def trade_set(  # noqa: PLR0917  # compiled
    row: int,
    indices: Indices,
    features: FeatureArrays,
    bars: Bars,
    costs: Costs,
    account: Account,
    space: Workspace,
    shift: int,
) -> int:
    """Trade one parameter set through the gate in `space`; returns the number of orders."""
    index = indices[row]
    d = features.decision[index[8]]
    rules = DecisionRules(
        features.weights[index[8]],
        features.lags[index[8]],
        d[0] != 0.0,
        int(d[1]),
        d[2],
        d[3],
        d[4],
        d[5],
        int(d[6]),
        int(d[7]),
    )
    lines = Bars(
        bars.time,
        bars.session,
        bars.late,
        bars.settled,
        bars.open,
        bars.close,
        features.own_average[index[6]],
        features.volatility[index[7]],
        bars.missing,
    )
    gate = space.shifted_gate if shift > 0 else space.gate
    return trade(gate, lines, rules, costs, account, space.equity, space.cash, space.orders)


@compiled
def shift_circularly(  # noqa: PLR0917  # compiled
    gate: Gate, known_at: Floats, first: int, last: int, shift: int, out: Gate
) -> None:
    """Write `gate` moved `shift` sessions later in a circle of the sessions `first` to `last`.

    The same operation as `random_gates.shift_circularly`, without new arrays.
    """
    sessions, since, was_open = last - first + 1, np.nan, False
    for session in range(sessions):
        to, source = first + session, first + (session - shift) % sessions
        is_open = gate.state[source] == CONFIRMED
        if is_open and not was_open:
            since = known_at[to]
        was_open = is_open
        out.state[to], out.ceiling[to], out.filled[to] = (
            gate.state[source],
            gate.ceiling[source],
            gate.filled[source],
        )
        out.confirmed_at[to], out.stale[to] = since, gate.stale[source]


@compiled
def sweep_sets(  # noqa: PLR0917  # compiled
    order: Ints,
    indices: Indices,
    features: FeatureArrays,
    sessions: Sessions,
    bars: Bars,
    costs: Costs,
    account: Account,
    days: Days,
    space: Workspace,
    segments: Segments,
    first: int,
    last: int,
    shift: int,
) -> None:
    """Run the parameter sets order[first] to before order[last] and write them into `segments`.

    Each gate is moved `shift` sessions later. Neighbours in `order` with equal gates share one.
    """
    segment, ordered = days.segment, segments.orders
    for number in range(first, last):
        row = order[number]
        if number == first or not same_gate(indices[row], indices[order[number - 1]]):
            set_gate(row, indices, features, sessions, bars, space, shift)
        orders = trade_set(row, indices, features, bars, costs, account, space, shift)
        status, filled = space.orders.status, space.orders.filled
        for entry in range(orders):
            if status[entry] == kernel.FILLED:
                ordered[row, segment[filled[entry]]] += 1
        store_segments(row, space.equity, space.cash, days.rows, days.edges, segments)


@compiled
def same_gate(index: Indices, other: Indices) -> bool:
    """Whether two parameter sets use the same rows of all arrays that determine a gate."""
    same = True
    for group in range(GATE_GROUPS):
        same = same and index[group] == other[group]
    return same


@compiled
def store_segments(  # noqa: PLR0917  # compiled
    row: int, equity: Floats, cash: Floats, rows: Ints, edges: Ints, segments: Segments
) -> None:
    """Sum the daily returns of one parameter set by segment."""
    # Local names, because every access to an array in a tuple costs an atomic reference count.
    totals, squared, downsides, growths, highs, lows, falls, held, _ = segments
    value = equity[rows[0]]
    for segment in range(len(edges) - 1):
        start = high = low = peak = value
        total = squares = downside = 0.0
        deepest, exposed = 1.0, 0
        for day in range(edges[segment] + 1, edges[segment + 1] + 1):
            bar = rows[day]
            now = equity[bar]
            if cash[bar] != now:
                exposed += 1
            if now != value:
                gain = now / value - 1.0
                total += gain
                squares += gain * gain
                if gain < 0.0:
                    downside += gain * gain
                    low = min(low, now)
                    deepest = min(deepest, now / peak)
                else:
                    high = max(high, now)
                    peak = max(peak, now)
                value = now
        totals[row, segment], squared[row, segment] = total, squares
        downsides[row, segment], held[row, segment] = downside, exposed
        growths[row, segment], highs[row, segment] = np.log(value / start), np.log(high / start)
        lows[row, segment], falls[row, segment] = np.log(low / start), -np.log(deepest)
