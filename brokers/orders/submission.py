"""Orders, exactly once: written down before they are sent, asked for by their id until known, never sent again unasked."""

import math
from collections.abc import Mapping

from brokers.clock import Clock
from brokers.exchange.client import Client
from brokers.exchange.errors import RefusedError, TryLaterError, UnknownOutcomeError
from brokers.exchange.types import Listing, Placed, Trade
from brokers.journal.client_ids import client_id
from brokers.journal.journal import Journal
from brokers.journal.records import FillRow, HaltedError, Intent, OrderRow

ATTEMPTS = 2  # an order that never arrived is sent a second time, and no third
LATE = 10.0  # seconds an exchange may take over a request, beyond its receive window
ASK_EVERY = 1.0  # seconds between two looks at an order
SURE = 2  # times an exchange must say that there is no such order
FEES_WITHIN = (
    5  # looks at an order's executions, which may come later than the order says that it has filled
)
SLIVER = 1e-9  # of a size: what floats lose
TURNED_AWAY = "turned away"  # by an exchange that wants to be left alone: counts as no attempt
NEVER_WAS = ("refused", "absent", TURNED_AWAY)
ENDED = ("filled", "cancelled", "expired", *NEVER_WAS)


class Orders:
    """The orders of one account.

    The one rule: `create_order` is called once for an id, and only after that id is in the journal. What became of it is what the
    exchange says of the id; "not found" counts once its time is the receive window and 10 s past the sending, or past the first question
    if that came later, and it has said so twice.
    """

    def __init__(
        self,
        client: Client,
        journal: Journal,
        listings: Mapping[str, Listing],
        clock: Clock,
        recv_window: int,
        fill_within: float,
    ) -> None:
        """`listings` by coin."""
        self._client = client
        self._journal = journal
        self._listings = listings
        self._clock = clock
        self._window = recv_window / 1000.0
        self._fill_within = fill_within

    def send(self, intent: Intent, size: float, limit: float | None) -> None:
        """Send the next attempt at `intent`, of signed `size` coin units, and follow it to its end.

        Raises
        ------
        RefusedError
            The exchange has refused it, which is written down; or somebody has halted the session meanwhile.
        TryLaterError
            It was not looked at; written down.
        UnknownOutcomeError
            Its end is not known yet; `settle` finds out.

        """
        attempt = len(self._journal.orders(intent.id)) + 1
        id_ = client_id(self._journal.account_id, intent.time, intent.symbol, intent.leg, attempt)
        now = self._clock.now() + self._client.clock_offset
        try:
            self._journal.sending(
                OrderRow(
                    id_,
                    intent.id,
                    attempt,
                    intent.symbol,
                    size,
                    limit,
                    now,
                    None,
                    "sent",
                    0.0,
                    None,
                    now,
                )
            )
        except HaltedError as halted:
            raise RefusedError(str(halted), "other") from None
        market = self._listings[intent.symbol].symbol
        try:
            placed = self._client.place(
                market, "buy" if size > 0 else "sell", abs(size), id_, limit
            )
        except RefusedError as refused:
            if refused.why != "duplicate":  # which says that it is there
                self._journal.update_order(id_, status="refused")
                raise
            raise UnknownOutcomeError(str(refused)) from refused
        except TryLaterError:
            self._journal.update_order(id_, status=TURNED_AWAY)
            raise
        self._follow(placed, now)

    def settle(self, order: OrderRow) -> bool:
        """Find out what has become of an order sent before, and follow it to its end; whether it ever arrived.

        Raises
        ------
        UnknownOutcomeError
            That cannot be known yet.

        """
        market = self._listings[order.symbol].symbol
        # It may have left later than was written down: after a wait, or once more when our clock had been set.
        conclusive_from = max(order.sent_at, self._client.server_time()) + self._window + LATE
        absent = 0
        while absent < SURE:
            placed = self._client.order(order.client_id, market)
            if placed is not None:
                self._follow(placed, order.sent_at)
                return True
            # The exchange's own time: ours may be wrong, and its answer to "now" is the one that counts.
            if self._client.server_time() > conclusive_from:
                absent += 1
            if self._clock.stopped:
                raise UnknownOutcomeError(
                    f"order {order.client_id}: not known yet whether it arrived; the next start finds out"
                )
            if absent < SURE:
                self._clock.sleep(ASK_EVERY)
        # One that the exchange had acknowledged is gone, not absent: a list that ends before it, or a reset. It is not sent again.
        gone = order.venue_id is not None
        self._journal.update_order(order.client_id, status="expired" if gone else "absent")
        return gone

    def _follow(self, placed: Placed, sent_at: float) -> None:
        """Look at an order until it has ended; what has not filled in time is cancelled.

        That it has ended is written down after its executions: a crash in between must not leave it without them.
        """
        while placed.status == "open":
            self._keep(placed)
            if self._clock.now() + self._client.clock_offset > sent_at + self._fill_within:
                placed = self._client.cancel(placed)
            else:
                self._clock.sleep(ASK_EVERY)
                found = self._client.order(placed.client_id, placed.symbol)
                placed = placed if found is None else found  # not visible for a moment is no news
            if self._clock.stopped and placed.status == "open":
                self._keep(placed)
                raise UnknownOutcomeError(
                    f"order {placed.client_id}: was still open when the session ended; the next start goes on with it"
                )
        self.keep_fills(placed, FEES_WITHIN)
        self._keep(placed)

    def _keep(self, placed: Placed) -> None:
        sign = 1.0 if placed.side == "buy" else -1.0
        average = None if math.isnan(placed.average) else placed.average
        self._journal.update_order(
            placed.client_id,
            venue_id=placed.id,
            status=placed.status,
            filled=sign * placed.filled,
            average=average,
        )

    def keep_fills(self, placed: Placed, looks: int) -> bool:
        """Write down an order's executions as soon as the exchange tells them all; whether it did."""
        for look in range(looks if placed.filled > 0.0 else 0):
            trades = self._client.trades(placed)
            self._journal.add_fills([self._fill(trade, placed) for trade in trades])
            if sum(trade.size for trade in trades) >= placed.filled * (1.0 - SLIVER):
                return True
            if look + 1 < looks:
                self._clock.sleep(ASK_EVERY)
        return placed.filled <= 0.0

    def _fill(self, trade: Trade, placed: Placed) -> FillRow:
        coin = next(
            name for name, listing in self._listings.items() if listing.symbol == trade.symbol
        )
        listing = self._listings[coin]
        size = trade.size if trade.side == "buy" else -trade.size
        fee_quote = trade.fee * self._worth(trade, listing) if trade.fee else 0.0
        return FillRow(
            coin,
            trade.id,
            placed.client_id,
            trade.time,
            size,
            trade.price,
            trade.fee,
            trade.fee_coin,
            fee_quote,
        )

    def _worth(self, trade: Trade, listing: Listing) -> float:
        """What a unit of the coin that the fee was paid in is worth, quote units; NaN where nobody says."""
        if trade.fee_coin in (listing.base, listing.quote):
            return trade.price if trade.fee_coin == listing.base else 1.0
        try:
            return self._client.price(f"{trade.fee_coin}/{listing.quote}")
        except (RefusedError, TryLaterError):
            return math.nan

    def lacking(self) -> list[OrderRow]:
        """Orders that have filled more than the executions known of them."""
        known: dict[str, float] = {}
        for row in self._journal.fills():
            known[row.client_id] = known.get(row.client_id, 0.0) + abs(row.size)
        return [
            order
            for order in self._journal.orders()
            if abs(order.filled) * (1.0 - SLIVER) > known.get(order.client_id, 0.0)
        ]
