"""What must hold between an exchange and a journal, whatever has happened to either."""

from collections import Counter
from decimal import Decimal

from brokers.journal.client_ids import is_ours
from brokers.journal.journal import Journal
from tests.exchange.matching import Order
from tests.exchange.venue import BinanceVenue

SLIVER = 1e-9  # coin units that floats lose


def ours(venue: BinanceVenue, journal: Journal) -> list[Order]:
    """Every order of this account there has ever been, those before a reset too."""
    return [order for order in venue.orders if is_ours(order.client_id, journal.account_id)]


def doubled(venue: BinanceVenue, journal: Journal) -> list[str]:
    """Orders there are too many of.

    A second one of an id, one that no intent asked for, more filled than an intent asked for, or an
    order of more than earlier ones had left: what one was cut short by, the next may ask for.
    """
    orders = ours(venue, journal)
    intents = {order.client_id: order.intent for order in journal.orders()}
    found = [
        f"{times} orders of {id_}"
        for id_, times in Counter(order.client_id for order in orders).items()
        if times > 1
    ]
    found += [
        f"order {order.client_id} is in no journal"
        for order in orders
        if order.client_id not in intents
    ]
    for intent in journal.intents():
        filled = [
            order
            for order in orders
            if intents.get(order.client_id) == intent.id and order.executed
        ]
        total = 0.0
        for order in filled:  # in the order in which they were sent
            if float(order.size) > abs(intent.size) - total + SLIVER:
                found.append(
                    f"order {order.client_id} asked for {order.size:g} of intent {intent.id}, "
                    f"of whose {abs(intent.size):g} {total:g} were filled before"
                )
            total += float(order.executed)
        if total > abs(intent.size) + SLIVER:
            found.append(
                f"intent {intent.id} of {intent.size:g} {intent.symbol} "
                f"was filled {len(filled)} times, {total:g} in all"
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
