"""Orders, exactly once.

Recorded before they are sent, looked up by their id until their state is known, and never sent
again before it is.
"""

import math
from collections.abc import Mapping

from brokers.clock import Clock
from brokers.exchange.client import Client
from brokers.exchange.errors import RefusedError, TryLaterError, UnknownOutcomeError
from brokers.exchange.types import ExchangeOrder, Listing, Trade
from brokers.journal.client_ids import client_id
from brokers.journal.journal import Journal
from brokers.journal.records import FillRow, HaltedError, Intent, OrderChanges, OrderRow

ATTEMPTS = 2  # an order that never arrived is sent a second time, and no third
REQUEST_DELAY = 10.0  # seconds an exchange may take over a request, beyond its receive window
POLL_EVERY = 1.0  # seconds between two requests for an order
# Requests for an order in a row, where the exchange's time or ours stands still.
MOST_POLLS = 120
CANCELS = 5  # cancellations in a row that are accepted and leave the order open
ABSENT_ANSWERS = 2  # times an exchange must say that there is no such order
# Requests for an order's fills, which may be listed later than the order is reported filled.
FILL_REQUESTS = 5
ROUNDING = 1e-9  # of a size
TURNED_AWAY = "turned away"  # by an exchange's rate limit: counts as no attempt
GONE = "gone"  # acknowledged once, and no longer known: how much it filled is not known
NEVER_ACCEPTED = ("refused", "absent", TURNED_AWAY)
ENDED = ("filled", "cancelled", "expired", GONE, *NEVER_ACCEPTED)


class OrderSubmission:
    """Sends the orders of one account and follows them to their end.

    The one rule: `create_order` is called once for an id, and only after that id is in the journal.
    What became of it is what the exchange says of the id. "Not found" counts once the exchange's
    time is the receive window and 10 s past the sending, or past the first request if that came
    later, and it has said so twice.
    """

    def __init__(
        self,
        client: Client,
        journal: Journal,
        listings: Mapping[str, Listing],
        *,
        clock: Clock,
        recv_window: int,
        fill_within: float,
    ) -> None:
        """`listings` by coin; `recv_window` in milliseconds, `fill_within` in seconds."""
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
            The exchange has refused it, which is recorded; or the session was halted meanwhile.
        TryLaterError
            The exchange did not look at it; recorded.
        UnknownOutcomeError
            Its end is not known yet; `settle` finds out.

        """
        now = self._clock.now()
        id_ = self._record(intent, size, limit, now)
        market = self._listings[intent.symbol].symbol
        try:
            placed = self._client.place(
                market, "buy" if size > 0 else "sell", abs(size), id_, limit
            )
        except RefusedError as refused:
            if refused.why != "duplicate":  # which means that it was accepted
                self._journal.update_order(id_, status="refused", venue_text=refused.words)
                raise
            raise UnknownOutcomeError(str(refused), refused.words) from refused
        except TryLaterError as away:
            self._journal.update_order(id_, status=TURNED_AWAY, venue_text=away.words)
            raise
        try:
            self._follow(placed, now)
        except RefusedError as gone:  # the market, not the order: that one was accepted
            raise UnknownOutcomeError(str(gone), gone.words) from gone

    def _record(self, intent: Intent, size: float, limit: float | None, now: float) -> str:
        """Record the next attempt at `intent`; its client id."""
        attempt = len(self._journal.orders(intent.id)) + 1
        id_ = client_id(
            self._journal.account_id,
            bar=intent.time,
            symbol=intent.symbol,
            leg=intent.leg,
            attempt=attempt,
        )
        row = OrderRow(
            client_id=id_,
            intent=intent.id,
            attempt=attempt,
            symbol=intent.symbol,
            size=size,
            limit=limit,
            sent_at=now,
            venue_id=None,
            status="sent",
            filled=0.0,
            average=None,
            updated=now,
        )
        try:
            self._journal.record_order(row)
        except HaltedError as halted:
            raise RefusedError(str(halted), "other") from None
        return id_

    def settle(self, order: OrderRow) -> bool:
        """Look up an order sent before and follow it to its end; whether it ever arrived.

        Raises
        ------
        UnknownOutcomeError
            That cannot be known yet.

        """
        market = self._listings[order.symbol].symbol
        # It may have left later than was recorded: after a wait, or again when our clock was set.
        conclusive_from = (
            max(order.sent_at, self._client.server_time()) + self._window + REQUEST_DELAY
        )
        absent = polls = 0
        while absent < ABSENT_ANSWERS:
            if polls >= MOST_POLLS:
                raise UnknownOutcomeError(
                    f"order {order.client_id}: {self._client.id} does not find it, and its time "
                    "stands still, so that it is unknown whether it arrived; it is looked up again"
                )
            polls += 1
            placed = self._client.order(order.client_id, market)
            if placed is not None:
                self._follow(placed, order.sent_at)
                return True
            # The exchange's own time: ours may be wrong.
            if self._client.server_time() > conclusive_from:
                absent += 1
            if self._clock.stopped:
                raise UnknownOutcomeError(
                    f"order {order.client_id}: it is unknown whether it arrived; "
                    "the next start looks it up"
                )
            if absent < ABSENT_ANSWERS:
                self._clock.sleep(POLL_EVERY)
        # One that the exchange had acknowledged is gone, not absent: a list that ends before it, or
        # a reset. It is not sent again.
        gone = order.venue_id is not None
        self._journal.update_order(order.client_id, status=GONE if gone else "absent")
        return gone

    def _follow(self, placed: ExchangeOrder, sent_at: float) -> None:
        """Look up an order until it has ended; what has not filled in time is cancelled.

        That it has ended is recorded after its fills: a crash in between must not leave it without
        them.
        """
        polls = cancels = 0
        while placed.status == "open":
            self._store(placed)
            # By the number of requests too: a clock that was set back would wait for days.
            is_late = polls * POLL_EVERY > self._fill_within
            if is_late or self._clock.now() > sent_at + self._fill_within:
                if cancels:
                    self._pause_after_cancel(placed, cancels)
                placed, cancels = self._client.cancel(placed), cancels + 1
            else:
                self._clock.sleep(POLL_EVERY)
                latest = self._client.order(placed.client_id, placed.symbol)
                placed = placed if latest is None else latest  # it may be invisible for a moment
                polls += 1
            if self._clock.stopped and placed.status == "open":
                self._store(placed)
                raise UnknownOutcomeError(
                    f"order {placed.client_id}: was still open when the session ended; "
                    "the next start follows it"
                )
        self.store_fills(placed, FILL_REQUESTS)
        self._store(placed)

    def _store(self, placed: ExchangeOrder) -> None:
        sign = 1.0 if placed.side == "buy" else -1.0
        changes = OrderChanges(status=placed.status)
        if placed.id:  # of an archived order nothing else is known
            changes["venue_id"] = placed.id
            changes["filled"] = sign * placed.filled
            changes["average"] = None if math.isnan(placed.average) else placed.average
        if placed.words:
            changes["venue_text"] = placed.words
        self._journal.update_order(placed.client_id, **changes)

    def _pause_after_cancel(self, placed: ExchangeOrder, cancels: int) -> None:
        """Wait before an order that is still open is cancelled once more, longer each time."""
        if cancels >= CANCELS:
            raise UnknownOutcomeError(
                f"order {placed.client_id}: was cancelled {cancels} times and is still open; it is "
                "looked up again, or cancel it by hand"
            )
        self._clock.sleep(POLL_EVERY * 2.0 ** (cancels - 1))

    def store_fills(self, placed: ExchangeOrder, requests: int) -> bool:
        """Store an order's fills; whether the exchange listed them all within so many requests."""
        for request in range(requests if placed.filled > 0.0 else 0):
            trades = self._client.trades(placed)
            self._journal.add_fills([self._fill(trade, placed) for trade in trades])
            if sum(trade.size for trade in trades) >= placed.filled * (1.0 - ROUNDING):
                return True
            if request + 1 < requests:
                self._clock.sleep(POLL_EVERY)
        return placed.filled <= 0.0

    def _fill(self, trade: Trade, placed: ExchangeOrder) -> FillRow:
        coin = next(
            name for name, listing in self._listings.items() if listing.symbol == trade.symbol
        )
        listing = self._listings[coin]
        size = trade.size if trade.side == "buy" else -trade.size
        return FillRow(
            symbol=coin,
            trade_id=trade.id,
            client_id=placed.client_id,
            time=trade.time,
            size=size,
            price=trade.price,
            fee=trade.fee,
            fee_coin=trade.fee_coin,
            fee_quote=trade.fee * self._fee_price(trade, listing) if trade.fee else 0.0,
        )

    def _fee_price(self, trade: Trade, listing: Listing) -> float:
        """Price of the coin that the fee was paid in, quote units; NaN where it is unknown."""
        if trade.fee_coin in (listing.base, listing.quote):
            return trade.price if trade.fee_coin == listing.base else 1.0
        try:
            return self._client.price(f"{trade.fee_coin}/{listing.quote}")
        except (RefusedError, TryLaterError):
            return math.nan

    def orders_without_fills(self) -> list[OrderRow]:
        """Orders that have filled more than their stored fills."""
        known: dict[str, float] = {}
        for row in self._journal.fills():
            known[row.client_id] = known.get(row.client_id, 0.0) + abs(row.size)
        return [
            order
            for order in self._journal.orders()
            if abs(order.filled) * (1.0 - ROUNDING) > known.get(order.client_id, 0.0)
        ]
