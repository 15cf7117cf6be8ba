"""What fills cost: against the close decided on, against the next open, and in fees."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median
from typing import NamedTuple

from backtests.paper_sessions.recording import Kept
from brokers.journal.records import FillRow, Intent

WHOLE = 0.99  # share of an order from which on it counts as filled: steps and fees take the rest
BASIS_POINT = 1e-4


class Filled(NamedTuple):
    """All executions of one order together: signed coin units, average price, `fee` in quote units as far as it is known.

    `time` is the end of the bar it was decided on, `at` its last execution. `close` is what it was decided on, `open` that of the next bar;
    None where unknown.
    """

    time: int
    at: float
    coin: str
    size: float
    price: float
    executions: int
    close: float | None
    open: float | None
    fee: float

    @property
    def value(self) -> float:
        """Quote units traded."""
        return abs(self.size * self.price)

    def against(self, reference: float) -> float:
        """How much worse than `reference` the price was, in basis points; negative: better."""
        return math.copysign(1.0, self.size) * (self.price / reference - 1.0) / BASIS_POINT


class Slippage(NamedTuple):
    """Basis points of so many fills, positive where the price was worse; `cost` is the same in quote units, all together."""

    fills: int
    median: float
    mean: float
    worst: float
    cost: float


class Fees(NamedTuple):
    """Fees paid in one coin: its units, what they were worth (quote units), and executions of which fee or worth is not known."""

    coin: str
    units: float
    worth: float
    executions: int
    unknown: int


class Nothing(NamedTuple):
    """An order that came to nothing, or to less: what it was, what became of it, why."""

    time: int
    order: str
    state: str
    why: str


def filled(kept: Kept, opens: Mapping[tuple[int, str], float]) -> list[Filled]:
    """Every order that found something, by the time it was decided; `opens` serve where the journal has no bar."""
    executions, length = _executions(kept), kept.setup.length
    known = {**opens, **kept.opens}
    return [
        _together(intent, rows, known.get((intent.time + length, intent.symbol)))
        for intent in kept.intents
        if (rows := executions.get(intent.id)) and sum(row.size for row in rows)
    ]


def slippage(fills: Sequence[Filled], against_open: bool) -> Slippage | None:
    """Against the next bar's open, or else the close decided on; None where no fill has one."""
    found = [
        (one, reference) for one in fills if (reference := one.open if against_open else one.close)
    ]
    if not found:
        return None
    points = [one.against(reference) for one, reference in found]
    cost = sum(one.size * (one.price - reference) for one, reference in found)
    return Slippage(len(found), median(points), mean(points), max(points), cost)


def fees(kept: Kept) -> list[Fees]:
    """By the coin they were paid in."""
    by_coin: dict[str, list[FillRow]] = {}
    for row in kept.fills:
        by_coin.setdefault(row.fee_coin or kept.setup.quote, []).append(row)
    return [
        Fees(
            coin,
            _known(row.fee for row in rows),
            _known(row.fee_quote for row in rows),
            len(rows),
            sum(not _told(row) for row in rows),
        )
        for coin, rows in sorted(by_coin.items())
    ]


def came_to_nothing(kept: Kept) -> list[Nothing]:
    """Orders that were refused, abandoned, cut or are still open, and what the guards kept back."""
    executions = _executions(kept)
    found = [Nothing(row.time, "", "kept back", row.note) for row in kept.decisions if row.note]
    for intent in kept.intents:
        share = sum(row.size for row in executions.get(intent.id, ())) / intent.size
        if intent.state in ("refused", "abandoned"):
            found.append(Nothing(intent.time, told(intent), intent.state, intent.why))
        elif intent.state in ("planned", "sent"):
            found.append(
                Nothing(intent.time, told(intent), "open", intent.why or "not settled yet")
            )
        elif share < WHOLE:
            found.append(
                Nothing(
                    intent.time,
                    told(intent),
                    "cut",
                    intent.why if share else f"{intent.why}: no execution is known",
                )
            )
    return sorted(found)


def told(intent: Intent) -> str:
    """An order in words."""
    return f"{'buy' if intent.size > 0 else 'sell'} {abs(intent.size):g} {intent.symbol}"


def strays(kept: Kept) -> int:
    """Executions of no order the journal knows."""
    known = {order.client_id for order in kept.orders}
    return sum(row.client_id not in known for row in kept.fills)


def _executions(kept: Kept) -> dict[int, list[FillRow]]:
    intent_of = {order.client_id: order.intent for order in kept.orders}
    found: dict[int, list[FillRow]] = {}
    for row in kept.fills:
        if row.client_id in intent_of:
            found.setdefault(intent_of[row.client_id], []).append(row)
    return found


def _together(intent: Intent, rows: Sequence[FillRow], next_open: float | None) -> Filled:
    size = sum(row.size for row in rows)
    price = sum(row.size * row.price for row in rows) / size
    close = None if math.isnan(intent.price) else intent.price
    fee = _known(row.fee_quote for row in rows)
    return Filled(
        intent.time, rows[-1].time, intent.symbol, size, price, len(rows), close, next_open, fee
    )


def _known(values: Iterable[float]) -> float:
    return sum(value for value in values if not math.isnan(value))


def _told(row: FillRow) -> bool:
    return not (math.isnan(row.fee) or math.isnan(row.fee_quote))
