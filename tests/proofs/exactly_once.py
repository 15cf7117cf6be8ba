"""What must hold between an exchange and a journal, whatever has happened to either."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from brokers.journal.client_ids import is_ours
from brokers.journal.journal import Journal
from brokers.journal.records import Intent, OrderRow
from tests.exchange.matching import Order
from tests.exchange.venue import BinanceVenue

SLIVER = 1e-9  # coin units that floats lose


def ours(venue: BinanceVenue, journal: Journal) -> list[Order]:
    """Every order of this account there has ever been, those before a reset too."""
    return [order for order in venue.orders if is_ours(order.client_id, journal.account_id)]


def doubled(venue: BinanceVenue, journal: Journal) -> list[str]:
    """Orders there are too many of.

    A second one of an id, one that no intent asked for, more filled than an intent asked for, or an
    order of more than earlier ones had left: what one was cut short by, the next may ask for, and
    what a reset took away, once the exchange has said that it does not know it.
    """
    orders = ours(venue, journal)
    rows = {row.client_id: row for row in journal.orders()}
    found = [
        f"{times} orders of {id_}"
        for id_, times in Counter(order.client_id for order in orders).items()
        if times > 1
    ]
    found += [
        f"order {order.client_id} is in no journal"
        for order in orders
        if order.client_id not in rows
    ]
    resets = _resets_before(venue)
    executed: dict[int, list[Execution]] = {}
    for order in orders:  # in the order in which they came
        if order.client_id in rows and order.executed:
            row = rows[order.client_id]
            executed.setdefault(row.intent, []).append(Execution(order, row, resets[id(order)]))
    for intent in journal.intents():
        found += _beyond(intent, executed.get(intent.id, []))
    return found


class Execution(NamedTuple):
    """An order that was executed, its row in the journal, and how many resets came before it."""

    order: Order
    row: OrderRow
    resets: int

    def counts_for(self, later: "Execution") -> bool:
        """Whether what it filled was filled still when a later order came.

        Not where a reset in between took it away with its coins, and the journal says that the
        exchange does not know it.
        """
        return self.resets == later.resets or self.row.status != "absent"


def _resets_before(venue: BinanceVenue) -> dict[int, int]:
    """How many resets came before each order, by `id()`: after each, numbers begin at 1 again.

    One before which there were no orders is not counted.
    """
    begun = accumulate(int(order.id == 1) for order in venue.orders)
    return {id(order): count for order, count in zip(venue.orders, begun, strict=True)}


def _beyond(intent: Intent, executions: Sequence[Execution]) -> list[str]:
    """What the orders of an intent asked for, and filled, beyond what was left of it."""
    found, size, most = [], abs(intent.size), 0.0
    for number, one in enumerate(executions):
        earlier = [other for other in executions[:number] if other.counts_for(one)]
        filled = float(sum(other.order.executed for other in earlier))
        if float(one.order.size) > size - filled + SLIVER:
            found.append(
                f"order {one.order.client_id} asked for {one.order.size:g} of intent {intent.id}, "
                f"of whose {size:g} {filled:g} were filled before"
            )
        most = max(most, filled + float(one.order.executed))
    if most > size + SLIVER:
        found.append(
            f"intent {intent.id} of {intent.size:g} {intent.symbol} "
            f"was filled {len(executions)} times, {most:g} in all"
        )
    return found


def lost(venue: BinanceVenue, journal: Journal) -> list[str]:
    """Executions since the last reset that the journal does not know, and such that it knows and
    that never were.
    """
    known = {(row.client_id, row.trade_id): abs(row.size) for row in journal.fills()}
    orders = {order.client_id: abs(order.filled) for order in journal.orders()}
    found = []
    for order in venue.matching.orders.values():
        if not is_ours(order.client_id, journal.account_id):
            continue
        found += [
            f"trade {trade.id} of {order.client_id}, {trade.size} {order.market.base}, "
            "is not in the journal"
            for trade in order.trades
            if abs(known.get((order.client_id, str(trade.id)), 0.0) - float(trade.size)) > SLIVER
        ]
        if abs(orders.get(order.client_id, 0.0) - float(order.executed)) > SLIVER:
            found.append(
                f"order {order.client_id} has filled {order.executed}, "
                f"the journal says {orders.get(order.client_id)}"
            )
    real = {(order.client_id, str(trade.id)) for order in venue.orders for trade in order.trades}
    return found + [
        f"trade {trade} of {id_} never was" for id_, trade in known if (id_, trade) not in real
    ]


def unlike(venue: BinanceVenue, expected: dict[str, Decimal]) -> list[str]:
    """Coins of which there is another amount than expected, by more than one step (the quote coin.

    One step of each coin).
    """
    steps = {market.base: market.step for market in venue.markets.values()}
    quote = sum(
        (
            market.step * venue.books.last(market.symbol)
            for market in venue.markets.values()
            if market.base in expected
        ),
        Decimal(0),
    )
    allowed = {coin: steps.get(coin, quote) for coin in expected}
    return [
        f"{venue.units(coin)} {coin} in place of {units}"
        for coin, units in expected.items()
        if abs(venue.units(coin) - units) > allowed[coin]
    ]
