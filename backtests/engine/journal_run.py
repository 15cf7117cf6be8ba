"""What a session's journal holds, in the words of a backtest."""

import math
from collections.abc import Iterable

from backtests.engine.simulation import Run
from brokers.journal.journal import Journal
from brokers.journal.records import DecisionRow, FillRow, Intent
from brokers.orders.simulated import OrderRecord
from strategies.decision import Decision, GateLine


def run_of(
    journal: Journal, length: int, since: int | None = None, until: int | None = None
) -> Run:
    """Decisions and orders as a backtest has them; `length` is the seconds of a bar, the window counts bars by their ends.

    An order's fill is dated by the end of the bar it fell into, and its price is the average of its executions.
    """
    decisions = [decision_of(row) for row in journal.decisions(since, until)]
    times = {one.time for one in decisions}
    intents = [intent for intent in journal.intents() if intent.time in times]
    by_order = {order.client_id: order.intent for order in journal.orders()}
    fills: dict[int, list[FillRow]] = {}
    for row in journal.fills():
        fills.setdefault(by_order.get(row.client_id, -1), []).append(row)
    return Run(decisions, [_order(intent, fills.get(intent.id, []), length) for intent in intents])


def decision_of(row: DecisionRow) -> Decision:
    """A decision as the strategy made it."""
    confirmed_at = math.nan if row.confirmed_at is None else row.confirmed_at
    gate = GateLine(
        float(row.state), row.ceiling, float(row.filled), confirmed_at, float(row.gate_stale)
    )
    return Decision(
        row.time,
        gate,
        row.equity,
        row.cash,
        row.drawdown,
        tuple(row.missing),
        tuple(row.current),
        tuple(row.targets),
        row.gross,
        tuple(row.sizes),
    )


def _order(intent: Intent, fills: Iterable[FillRow], length: int) -> OrderRecord:
    rows = list(fills)
    size = sum(row.size for row in rows)
    if not size:
        status = (
            "no cash"
            if intent.why == "no cash"
            else "open"
            if intent.state in ("planned", "sent")
            else "cancelled"
        )
        return OrderRecord(intent.time, None, intent.symbol, intent.size, 0.0, 0.0, status)
    price = rows[0].price if len(rows) == 1 else sum(row.size * row.price for row in rows) / size
    fee = sum(row.fee_quote for row in rows if not math.isnan(row.fee_quote))
    return OrderRecord(
        intent.time,
        round(rows[-1].time) // length * length + length,
        intent.symbol,
        size,
        price,
        fee,
        "filled",
    )
