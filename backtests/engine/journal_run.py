"""What a paper session's journal holds, as the run of a backtest."""

import math
from collections.abc import Iterable

from backtests.engine.simulation import Run
from brokers.journal.decision import gate_values
from brokers.journal.journal import Journal
from brokers.journal.records import DecisionRow, FillRow, Intent
from brokers.orders.simulated import OrderRecord
from strategies.decision import Decision, GateLine


def run_of(
    journal: Journal, length: int, since: int | None = None, until: int | None = None
) -> Run:
    """Decisions and orders as a backtest has them.

    An order's fill is dated by the end of the bar it fell into, and its price is the average of its
    executions.

    Parameters
    ----------
    length : seconds of a bar.
    since, until : the window, epoch seconds of the ends of its first and last bar; None: all.

    """
    decisions = [decision_of(row) for row in journal.decisions(since, until)]
    times = {decision.time for decision in decisions}
    intents = [intent for intent in journal.intents() if intent.time in times]
    by_order = {order.client_id: order.intent for order in journal.orders()}
    fills: dict[int, list[FillRow]] = {}
    for row in journal.fills():
        fills.setdefault(by_order.get(row.client_id, -1), []).append(row)
    return Run(decisions, [_order(intent, fills.get(intent.id, []), length) for intent in intents])


def decision_of(row: DecisionRow) -> Decision:
    """A decision as the strategy made it, mapped by field name."""
    gate = GateLine(**gate_values(row))
    return Decision._make(
        gate if name == "gate" else getattr(row, name) for name in Decision._fields
    )


def _order(intent: Intent, fills: Iterable[FillRow], length: int) -> OrderRecord:
    rows = list(fills)
    size = sum(row.size for row in rows)
    if not size:
        return OrderRecord(
            decided=intent.time,
            filled=None,
            symbol=intent.symbol,
            size=intent.size,
            price=0.0,
            fee=0.0,
            status=_status(intent),
        )
    price = rows[0].price if len(rows) == 1 else sum(row.size * row.price for row in rows) / size
    return OrderRecord(
        decided=intent.time,
        filled=round(rows[-1].time) // length * length + length,
        symbol=intent.symbol,
        size=size,
        price=price,
        fee=sum(row.fee_quote for row in rows if not math.isnan(row.fee_quote)),
        status="filled",
    )


def _status(unfilled: Intent) -> str:
    if unfilled.why == "no cash":
        return "no cash"
    return "open" if unfilled.state in ("planned", "sent") else "cancelled"
