"""Many parameter sets, each a whole backtest of the kernel, and what is kept of each: sums by segment."""

from typing import NamedTuple

import numpy as np

from backtests.engine import arrays, kernel
from backtests.engine.arrays import Account, Bars, Gate, Orders, Sessions
from backtests.engine.compiled import compiled
from backtests.engine.kernel import gate_of, trade
from backtests.tuning.search.precomputed import Places, Stacks
from backtests.tuning.search.segment_stats import Segments
from brokers.orders.fills import Costs
from strategies.breakout import CONFIRMED, BreakoutRules, Changes
from strategies.decision import DecisionRules
from strategies.indicators import Floats, Ints

# Of `stacks.GROUPS` the first ones make a gate. It stands here because numba would not notice that another file's constant has changed.
GATE_GROUPS = 6


class Days(NamedTuple):
    """`rows`: last bar of each day; `edges`: first daily return of each segment, and their number; `segment` of each bar."""

    rows: Ints
    edges: Ints
    segment: Ints


class Room(NamedTuple):
    """What one thread writes into."""

    lines: Gate
    turned: Gate
    changes: Changes
    equity: Floats
    cash: Floats
    orders: Orders


def room_for(sessions: Sessions, bars: Bars) -> Room:
    """Room for runs on these sessions and bars, one after the other."""
    lines, turned_lines = (
        Gate(*np.zeros((len(Gate._fields), len(sessions.close)))) for _ in range(2)
    )
    lines = lines._replace(stale=sessions.lines.stale)
    changes = Changes(*(np.empty_like(line) for line in sessions.changes))
    equity, cash = np.empty((2, len(bars.time)))
    return Room(lines, turned_lines, changes, equity, cash, arrays.room(bars.close.size))


def empty(sets: int, segments: int) -> Segments:
    """Room for so many."""
    kinds = (*[np.float64] * 2, *[np.float32] * 5, np.uint16, np.int32)
    return Segments(*(np.zeros((sets, segments), dtype=kind) for kind in kinds))


@compiled
def run_one(
    row: int,
    places: Places,
    stacks: Stacks,
    sessions: Sessions,
    bars: Bars,
    costs: Costs,
    account: Account,
    room: Room,
    turn: int,
) -> int:
    """The whole backtest of one set of a plan, into `room`, its gate moved by `turn` sessions within the traded window; the number of orders."""
    set_gate(row, places, stacks, sessions, bars, room, turn)
    return trade_set(row, places, stacks, bars, costs, account, room, turn)


@compiled
def set_gate(
    row: int, places: Places, stacks: Stacks, sessions: Sessions, bars: Bars, room: Room, turn: int
) -> None:
    """Write one set's gate into `room`."""
    place = places[row]
    b, c, filled = stacks.breakout[place[0]], stacks.ceilings[place[4]], stacks.filled[place[3]]
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
    shown = room.lines.filled
    for session in range(len(filled)):
        shown[session] = filled[session]
    own = Sessions(
        sessions.known_at, sessions.close, sessions.records, stacks.average[place[1]], stacks.confirming[place[2]], filled,
        stacks.haircut[place[5]], room.lines, room.changes,
    )  # fmt: skip
    first = max(bars.session[0], 0)
    gate_of(own, breakouts, c[0], c[1], first)
    if turn > 0:
        turned(room.lines, sessions.known_at, first, bars.session[-1], turn, room.turned)


@compiled
def trade_set(
    row: int,
    places: Places,
    stacks: Stacks,
    bars: Bars,
    costs: Costs,
    account: Account,
    room: Room,
    turn: int,
) -> int:
    """Trade one set through the gate that `room` holds; the number of orders."""
    place = places[row]
    d = stacks.decision[place[8]]
    rules = DecisionRules(
        stacks.weights[place[8]], stacks.lags[place[8]], d[0] != 0.0, int(d[1]), d[2], d[3], d[4], d[5], int(d[6]), int(d[7])
    )  # fmt: skip
    lines = Bars(
        bars.time,
        bars.session,
        bars.settled,
        bars.open,
        bars.close,
        stacks.own_average[place[6]],
        stacks.volatility[place[7]],
        bars.missing,
    )
    gate = room.turned if turn > 0 else room.lines
    return trade(gate, lines, rules, costs, account, room.equity, room.cash, room.orders)


@compiled
def turned(gate: Gate, known_at: Floats, first: int, last: int, turn: int, out: Gate) -> None:
    """As `random_gates.shifted` within the sessions `first` to `last`: the gate `turn` sessions later in a circle."""
    sessions, since, was_open = last - first + 1, np.nan, False
    for session in range(sessions):
        to, source = first + session, first + (session - turn) % sessions
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
def sweep_sets(
    order: Ints, places: Places, stacks: Stacks, sessions: Sessions, bars: Bars, costs: Costs, account: Account, days: Days, room: Room,
    found: Segments, first: int, last: int, turn: int,
) -> None:  # fmt: skip
    """Run the sets order[first] to before order[last], each gate moved by `turn` sessions, and write what is kept of them into `found`.

    Neighbours in `order` that have a gate in common share it.
    """
    segment, ordered = days.segment, found.orders
    for one in range(first, last):
        row = order[one]
        if one == first or not same_gate(places[row], places[order[one - 1]]):
            set_gate(row, places, stacks, sessions, bars, room, turn)
        orders = trade_set(row, places, stacks, bars, costs, account, room, turn)
        status, filled = room.orders.status, room.orders.filled
        for number in range(orders):
            if status[number] == kernel.FILLED:
                ordered[row, segment[filled[number]]] += 1
        keep(row, room.equity, room.cash, days.rows, days.edges, found)


@compiled
def same_gate(place: Places, other: Places) -> bool:
    """Whether two sets run on the same entries of the stacks that make a gate."""
    same = True
    for group in range(GATE_GROUPS):
        same = same and place[group] == other[group]
    return same


@compiled
def keep(row: int, equity: Floats, cash: Floats, rows: Ints, edges: Ints, found: Segments) -> None:
    """Sum one set's daily returns by segment."""
    # Local names, because every access to an array inside a tuple costs an atomic reference count.
    totals, squared, downsides, growths, highs, lows, falls, held, _ = found
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
        totals[row, segment], squared[row, segment], downsides[row, segment], held[row, segment] = (
            total,
            squares,
            downside,
            exposed,
        )
        growths[row, segment], highs[row, segment] = np.log(value / start), np.log(high / start)
        lows[row, segment], falls[row, segment] = np.log(low / start), -np.log(deepest)
