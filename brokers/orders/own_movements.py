"""Changes of the balances that are our own, though the journal lacks the executions.

An older copy of the journal was put back, or a market went before an order's end was known.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from brokers.exchange.client import Client
from brokers.exchange.errors import TryLaterError
from brokers.exchange.types import ExchangeOrder, Listing
from brokers.journal.client_ids import is_ours
from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.records import FillRow, OrderRow
from brokers.orders.attribution import Movement
from brokers.orders.submission import ENDED, FILL_REQUESTS, GONE, OrderSubmission

DOUBT_FOR = 3 * 86_400.0  # seconds for which an order without an end may explain a change
BALANCE = "balance"  # trade id of an execution that only the balances show
PRICE_TOLERANCE = 0.25  # by how much its price may differ from the one decided on, a fraction


class OwnMovements:
    """Finds executions that are ours and records them, before anything counts as others'."""

    def __init__(
        self,
        client: Client,
        journal: Journal,
        *,
        orders: OrderSubmission,
        listings: Mapping[str, Listing],
        report: Callable[[Incident], None],
    ) -> None:
        """`listings` by coin."""
        self._client = client
        self._journal = journal
        self._orders = orders
        self._listings = listings
        self._report = report

    def record(self, movements: Sequence[Movement], now: float) -> bool:
        """Record our executions among `movements`; whether there were any."""
        missing = self._orders_not_in_journal()
        for order in missing:
            if not self._orders.store_fills(order, FILL_REQUESTS):
                raise TryLaterError(
                    f"{self._client.id}: does not list the executions of order {order.client_id} "
                    "yet; nothing is decided without them"
                )
        if missing:
            ids = ", ".join(order.client_id for order in missing)
            text = (
                f"{self._client.id}: orders of this account are not in the journal ({ids}); was an "
                "older copy put back? What they have traded is counted as ours"
            )
            self._report(Incident("stray", "warning", text))
        return self._record_doubtful(movements, now) or bool(missing)

    def _orders_not_in_journal(self) -> list[ExchangeOrder]:
        known = {row.client_id for row in self._journal.orders()}
        known |= {row.client_id for row in self._journal.fills()}
        account, listed = self._journal.account_id, self._client.listings()

        def is_missing(id_: str) -> bool:
            return is_ours(id_, account) and id_ not in known

        return [
            order
            for listing in self._listings.values()
            if listing.symbol in listed
            for order in self._client.recent_orders(listing.symbol, is_missing)
            if order.filled
        ]

    def _record_doubtful(self, movements: Sequence[Movement], now: float) -> bool:
        """Read off the balances what an order has filled whose market went before it ended."""
        moved = dict(movements)
        recorded, fills = False, self._journal.fills()
        for order in self._journal.orders():
            listing = self._listings.get(order.symbol)
            if listing is None or not self._is_doubtful(order, listing.symbol, now):
                continue
            known = sum(row.size for row in fills if row.client_id == order.client_id)
            units, left = moved.get(listing.base, 0.0), order.size - known
            if not units * left > 0.0:
                continue
            filled = math.copysign(min(abs(units), abs(left)), left)
            price = self._price(order, filled, moved.get(listing.quote, 0.0))
            self._journal.add_fills([_fill(order, filled, price, now)])
            self._journal.update_order(
                order.client_id, status="expired", filled=known + filled, average=price
            )
            moved[listing.base] = units - filled
            moved[listing.quote] = moved.get(listing.quote, 0.0) + filled * price
            recorded = True
        return recorded

    def _is_doubtful(self, order: OrderRow, market: str, now: float) -> bool:
        """Whether nobody says any more how much an order of these days has filled."""
        if order.sent_at < now - DOUBT_FOR:
            return False
        gone = market not in self._client.listings()
        return order.status == GONE or (gone and order.status not in ENDED)

    def _price(self, order: OrderRow, filled: float, quote: float) -> float:
        """What the quote coin's change makes the price of `filled`, if that can be it."""
        decided = next(
            intent.price for intent in self._journal.intents() if intent.id == order.intent
        )
        price = -quote / filled
        return decided if abs(price / decided - 1.0) > PRICE_TOLERANCE else price


def _fill(order: OrderRow, filled: float, price: float, now: float) -> FillRow:
    return FillRow(
        symbol=order.symbol,
        trade_id=BALANCE,
        client_id=order.client_id,
        time=now,
        size=filled,
        price=price,
        fee=0.0,
        fee_coin="",
        fee_quote=0.0,
    )
