"""Intents of a testnet account, each brought as far as it gets now, and once."""

from collections.abc import Callable, Mapping, Sequence

from brokers.exchange.client import Client
from brokers.exchange.errors import RefusedError
from brokers.exchange.types import Listing
from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.records import Intent, IntentState, OrderRow
from brokers.orders.outcome import end_intent, put_off
from brokers.orders.pricing import Means, Plan, plan_order
from brokers.orders.remainder import (
    MOST_ORDERS,
    TOO_LATE,
    TOO_MANY,
    Smallest,
    filled_units,
    next_part,
    units_left,
    why_not_traded,
)
from brokers.orders.submission import (
    ATTEMPTS,
    ENDED,
    GONE,
    NEVER_ACCEPTED,
    TURNED_AWAY,
    OrderSubmission,
)
from config.settings import Settings

# Refusals after which the same is tried once more, with what there is then.
SIZED_ANEW = ("funds", "limits")


class IntentExecution:
    """Sends the orders of an intent, one after the other, until it is filled or given up.

    The one rule: an order is sent only when how much all earlier ones of the intent have filled is
    known. What a thin book or too little cash has cut short is continued by the next call.
    """

    def __init__(
        self,
        settings: Settings,
        client: Client,
        *,
        journal: Journal,
        listings: Mapping[str, Listing],
        orders: OrderSubmission,
        live_price: Callable[[str], float],
        means: Callable[[Intent], Means],
        reload_markets: Callable[[], None],
        report: Callable[[Incident], None],
    ) -> None:
        """`listings` by coin; `means` reads the account and says what an intent may use of it."""
        self._settings = settings
        self._client = client
        self._journal = journal
        self._listings = listings
        self._orders = orders
        self._live_price = live_price
        self._means = means
        self._reload_markets = reload_markets
        self._report = report

    def carry_out(self, intent: Intent, *, may_send: bool, budget: float) -> str:
        """Settle what was sent and send what is left; why it is not at its end, "" if it is.

        At most `budget` quote units are spent. Without `may_send` it is at its end as it is.

        Raises
        ------
        TryLaterError, UnknownOutcomeError
            Not now: the journal knows how far it is.

        """
        cut = ""  # why the order that was sent here has left something
        while True:
            orders = self._journal.orders(intent.id)
            if orders and orders[-1].status not in ENDED:
                try:
                    self._orders.settle(orders[-1])
                except RefusedError as gone:
                    # A market that is gone answers no requests; the balances show what was filled.
                    return self._end(intent, orders, "abandoned", str(gone))
                continue
            left = self._left(intent, orders)
            why = self._why_over(intent, orders, may_send=may_send) if left else ""
            if why or not left:
                return self._end(intent, orders, "abandoned", why)
            if cut:
                return self._put_off(intent, orders, cut)
            try:
                cut = self._send(next_part(intent, left), orders, budget)
            except RefusedError as refused:
                if why := self._handle_refusal(refused):
                    return self._end(intent, self._journal.orders(intent.id), "refused", why)
                cut = str(refused) if refused.why == "depth" else ""

    def _left(self, intent: Intent, orders: Sequence[OrderRow]) -> float:
        listing = self._listings[intent.symbol]
        smallest = Smallest(max(listing.min_size, listing.step), listing.min_notional)
        return units_left(intent, filled_units(orders), smallest)

    def _why_over(self, intent: Intent, orders: Sequence[OrderRow], *, may_send: bool) -> str:
        """Why no further order is sent for `intent`, now or later; "" if one may be."""
        if orders and orders[-1].status == GONE:
            return f"{self._client.id} no longer knows order {orders[-1].client_id}"
        accepted = [order for order in orders if order.status not in NEVER_ACCEPTED]
        if len(accepted) >= MOST_ORDERS:
            return TOO_MANY
        since = orders[orders.index(accepted[-1]) + 1 :] if accepted else orders
        failed = [order for order in since if order.status != TURNED_AWAY]
        if len(failed) >= ATTEMPTS:
            words = failed[-1].venue_text
            why = f"not accepted by the exchange in {len(failed)} attempts"
            return f"{why} ({words})" if words else why
        if not may_send:
            return intent.why or TOO_LATE
        listing = self._listings[intent.symbol]
        if not listing.active:
            return why_not_traded(listing.symbol, self._client.id)
        return ""

    def _send(self, part: Intent, orders: Sequence[OrderRow], budget: float) -> str:
        """Send the next order, if there can be one; why what it has left must wait."""
        plan = self._plan(part, orders, budget)
        if not isinstance(plan, Plan):
            return plan
        self._orders.send(part, plan.size, plan.limit)
        return "" if plan.beyond_largest else plan.cut or self._how_ended(part)

    def _plan(self, part: Intent, orders: Sequence[OrderRow], budget: float) -> Plan | str:
        """The next order, or why there is none now."""
        if orders and orders[-1].status == "absent":
            # Sent again as it was, never computed anew.
            return Plan(orders[-1].size, orders[-1].limit)
        listing = self._listings[part.symbol]
        book = self._client.book(listing.symbol)
        live_price = self._live_price(listing.symbol)
        means = self._means(part)
        return plan_order(
            part,
            listing,
            book=book,
            live_price=live_price,
            means=means._replace(cash=min(means.cash, budget)),
            settings=self._settings,
            continued=any(order.status not in NEVER_ACCEPTED for order in orders),
        )

    def _handle_refusal(self, refused: RefusedError) -> str:
        """Why a refusal ends the intent; "" where another order may do better."""
        if refused.why == "limits":
            self._reload_markets()
        return "" if refused.why in (*SIZED_ANEW, "depth") else str(refused)

    def _how_ended(self, intent: Intent) -> str:
        """How the newest order ended, for one that has left something."""
        last = self._journal.orders(intent.id)[-1]
        how = f"the order ended as {last.status}"
        return f"{how} ({last.venue_text})" if last.venue_text else how

    def _put_off(self, intent: Intent, orders: Sequence[OrderRow], why: str) -> str:
        filled = filled_units(orders)
        return put_off(self._journal, intent, filled, is_sent=bool(orders), why=why)

    def _end(self, intent: Intent, orders: Sequence[OrderRow], state: IntentState, why: str) -> str:
        filled = filled_units(orders)
        return end_intent(self._journal, self._report, intent, filled, state=state, why=why)
