"""What fills cost: against the close decided on, against the next open, and in fees."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median
from typing import Literal, NamedTuple

from backtests.paper_sessions.recording import JournalSnapshot
from brokers.journal.records import FillRow, Intent

# Share of an order from which on it counts as filled: steps and fees take the rest.
WHOLE = 0.99
BASIS_POINT = 1e-4
UnfilledState = Literal["kept back", "refused", "abandoned", "open", "cut"]


class FilledOrder(NamedTuple):
    """All executions of one order together.

    `size` in signed coin units, `price` the average, `fee` in quote units as far as it is known.
    `time` is the end of the bar the order was decided on (epoch seconds), `at` its last execution.
    `close` is that of the bar it was decided on, `open` that of the next bar; None where unknown.
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

    def slippage(self, reference: float) -> float:
        """Basis points by which the price was worse than `reference`; negative: better."""
        return math.copysign(1.0, self.size) * (self.price / reference - 1.0) / BASIS_POINT


class Slippage(NamedTuple):
    """Slippage of a number of fills in basis points, positive where the price was worse.

    `cost` is the sum in quote units.
    """

    fills: int
    median: float
    mean: float
    worst: float
    cost: float


class Fees(NamedTuple):
    """Fees paid in one coin.

    `units` of the coin, `worth` in quote units, the number of executions and of those whose fee or
    its worth is not known.
    """

    coin: str
    units: float
    worth: float
    executions: int
    unknown: int


class UnfilledOrder(NamedTuple):
    """An order that was not filled, or not in full: what it was, its state, why."""

    time: int
    order: str
    state: UnfilledState
    why: str


def filled_orders(
    journal: JournalSnapshot, opens: Mapping[tuple[int, str], float]
) -> list[FilledOrder]:
    """Every order with an execution, by the time it was decided.

    `opens` are used where the journal has no bar.
    """
    executions, length = _executions(journal), journal.setup.bar_seconds
    known = {**opens, **journal.opens}
    return [
        _filled_order(intent, rows, known.get((intent.time + length, intent.symbol)))
        for intent in journal.intents
        if (rows := executions.get(intent.id)) and sum(row.size for row in rows)
    ]


def slippage(fills: Sequence[FilledOrder], *, against_open: bool) -> Slippage | None:
    """Against the next bar's open, or else the close decided on; None where no fill has one."""
    pairs = [
        (fill, reference)
        for fill in fills
        if (reference := fill.open if against_open else fill.close)
    ]
    if not pairs:
        return None
    points = [fill.slippage(reference) for fill, reference in pairs]
    return Slippage(
        fills=len(pairs),
        median=median(points),
        mean=mean(points),
        worst=max(points),
        cost=sum(fill.size * (fill.price - reference) for fill, reference in pairs),
    )


def fees(journal: JournalSnapshot) -> list[Fees]:
    """By the coin they were paid in."""
    by_coin: dict[str, list[FillRow]] = {}
    for row in journal.fills:
        by_coin.setdefault(row.fee_coin or journal.setup.quote, []).append(row)
    return [
        Fees(
            coin=coin,
            units=_sum_known(row.fee for row in rows),
            worth=_sum_known(row.fee_quote for row in rows),
            executions=len(rows),
            unknown=sum(math.isnan(row.fee) or math.isnan(row.fee_quote) for row in rows),
        )
        for coin, rows in sorted(by_coin.items())
    ]


def unfilled_orders(journal: JournalSnapshot) -> list[UnfilledOrder]:
    """Orders refused, abandoned, filled in part or still open, and those the guards blocked."""
    executions = _executions(journal)
    blocked = [
        UnfilledOrder(row.time, "", "kept back", row.note) for row in journal.decisions if row.note
    ]
    unfilled = (
        _unfilled_order(intent, executions.get(intent.id, ())) for intent in journal.intents
    )
    return sorted([*blocked, *(order for order in unfilled if order)])


def _unfilled_order(intent: Intent, rows: Sequence[FillRow]) -> UnfilledOrder | None:
    """None where the order was filled in full."""
    order = intent.order_text
    if intent.state == "refused" or intent.state == "abandoned":
        return UnfilledOrder(intent.time, order, intent.state, intent.why)
    if intent.state in ("planned", "sent"):
        return UnfilledOrder(intent.time, order, "open", intent.why or "not settled yet")
    share = sum(row.size for row in rows) / intent.size
    if share >= WHOLE:
        return None
    why = intent.why if share else f"{intent.why}: no execution is recorded"
    return UnfilledOrder(intent.time, order, "cut", why)


def count_unmatched(journal: JournalSnapshot) -> int:
    """Number of executions that belong to no order of the journal."""
    known = {order.client_id for order in journal.orders}
    return sum(row.client_id not in known for row in journal.fills)


def _executions(journal: JournalSnapshot) -> dict[int, list[FillRow]]:
    intent_of = {order.client_id: order.intent for order in journal.orders}
    by_intent: dict[int, list[FillRow]] = {}
    for row in journal.fills:
        if row.client_id in intent_of:
            by_intent.setdefault(intent_of[row.client_id], []).append(row)
    return by_intent


def _filled_order(intent: Intent, rows: Sequence[FillRow], next_open: float | None) -> FilledOrder:
    size = sum(row.size for row in rows)
    return FilledOrder(
        time=intent.time,
        at=rows[-1].time,
        coin=intent.symbol,
        size=size,
        price=sum(row.size * row.price for row in rows) / size,
        executions=len(rows),
        close=None if math.isnan(intent.price) else intent.price,
        open=next_open,
        fee=_sum_known(row.fee_quote for row in rows),
    )


def _sum_known(values: Iterable[float]) -> float:
    return sum(value for value in values if not math.isnan(value))
