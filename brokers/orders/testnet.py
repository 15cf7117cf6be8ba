"""An account on an exchange's testnet: part of what is there, traded exactly once."""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress

from brokers.clock import Clock
from brokers.exchange.client import Client
from brokers.exchange.errors import CallAPersonError, RefusedError, TryLaterError
from brokers.exchange.types import Balances, Listing
from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.records import Intent, IntentState, OrderRow
from brokers.orders.ledger import Ledger, Movement
from brokers.orders.nav import NetAssetValue
from brokers.orders.pricing import Means, Plan, plan_order
from brokers.orders.reconciliation import Reconciliation
from brokers.orders.submission import (
    ATTEMPTS,
    ENDED,
    NEVER_ACCEPTED,
    TURNED_AWAY,
    OrderSubmission,
)
from config.settings import Settings

LOOKS = 4  # at balances that do not agree: after a fill they may lag
LAG = 2.0  # seconds between two looks
RELISTED = 3600.0  # seconds until the markets' rules are loaded again


class TestnetAccount:
    """Cash and coins as the exchange reports them, minus what was there before us."""

    __test__ = False  # not a test, whatever its name begins with

    def __init__(
        self,
        settings: Settings,
        client: Client,
        *,
        live_price: Callable[[str], float],
        journal: Journal,
        clock: Clock,
        report: Callable[[Incident], None],
    ) -> None:
        """`live_price` is the price of a market now, at the exchange where it is really traded."""
        self._settings = settings
        self._client = client
        self._live_price = live_price
        self._journal = journal
        self._clock = clock
        self._report = report
        self._listings: dict[str, Listing] = {}
        self._listed_at = -math.inf
        self._orders = OrderSubmission(
            client,
            journal,
            self._listings,
            clock=clock,
            recv_window=settings.exchange.recv_window,
            fill_within=settings.exchange.fill_within,
        )
        self._ledger = Ledger(journal, self._listings)
        self.nav = NetAssetValue(journal)
        self._reconciliation = Reconciliation(
            client,
            journal,
            ledger=self._ledger,
            orders=self._orders,
            listings=self._listings,
            nav=self.nav,
            time=self.time,
            granted=self._granted,
            report=report,
        )
        self._flow = 0.0
        self.cash = 0.0
        self.positions: dict[str, float] = dict.fromkeys(
            (coin.name for coin in settings.coins), 0.0
        )

    def start(self) -> None:
        """Check clock, key and account; cancel orders that are in no journal.

        Raises
        ------
        CallAPersonError
            The key cannot trade, there is nothing to trade with, or a coin is not listed.

        """
        self._list_markets()
        self._client.sync_clock()
        self._check_permissions()
        balances = self._client.balances()
        if not self._ledger.has_begun:
            self._begin(balances)
        self._ledger.add_new_coins(balances.total)
        self._reconciliation.cancel_unknown_orders()
        self._read_balances(balances)

    def refresh(self, closes: Mapping[str, float]) -> float:
        """Read the account again; what was paid in (negative: out) since the last decision.

        Quote units at `closes`.
        """
        if self._clock.now() - self._listed_at >= RELISTED:
            with suppress(TryLaterError):  # the rules and the time of an hour ago will do
                self._client.sync_clock()
                self._list_markets()
        for order in self._reconciliation.orders_without_fills():
            placed = self._client.order(order.client_id, self._reconciliation.market_of(order))
            if placed is not None:
                self._orders.store_fills(placed, 1)
        balances, movements = self._compare_balances()
        if movements:
            self._reconciliation.account_for(movements, balances, closes)
        else:
            self._ledger.accept_balances(balances.total)
        self._read_balances(balances)
        self._flow = self._ledger.flow()
        return self._flow

    def _compare_balances(self) -> tuple[Balances, list[Movement]]:
        """The balances, and what differs from the expected ones after a few looks."""
        balances = self._client.balances()
        movements = self._ledger.movements(balances.total)
        for _ in range(LOOKS if movements else 0):
            self._clock.sleep(LAG)
            balances = self._client.balances()
            if not (movements := self._ledger.movements(balances.total)):
                break
        return balances, movements

    def time(self) -> float:
        """The exchange's time, epoch seconds: bars end by its clock."""
        return self._clock.now() + self._client.clock_offset

    def limits(self, coin: str) -> tuple[float, float]:
        """Step (coin units) and minimum notional (quote units) of an order."""
        listing = self._listings[coin]
        return listing.step, listing.min_notional

    def largest_drawdown(self, since: float, value: float) -> float:
        """Largest fall of the unit value from a peak, both since `since`, as a fraction."""
        return self.nav.largest_drawdown(since, self.nav.unit_value(value, self._flow))

    def carry_out(self, intent: Intent, *, may_send: bool) -> None:
        """Bring one intent to its end: settle what was sent, send what was not.

        What never arrived is sent a second time.

        Raises
        ------
        TryLaterError, UnknownOutcomeError
            Not now: the journal knows how far it is.

        """
        while True:
            orders = self._journal.orders(intent.id)
            last = orders[-1] if orders else None
            attempts = sum(order.status != TURNED_AWAY for order in orders)
            if last is not None and last.status not in ENDED:
                try:
                    self._orders.settle(last)
                except RefusedError as gone:
                    # A market that is gone answers no requests; the balances show what was filled.
                    self._finish(intent, "abandoned", str(gone))
                    return
            elif last is not None and last.status not in NEVER_ACCEPTED:
                self._finish(intent, "done", "")
                return
            elif why := _why_no_attempt(attempts, may_send=may_send):
                self._finish(intent, "abandoned", why)
                return
            elif not self._send(intent, last):
                return

    def _send(self, intent: Intent, last: OrderRow | None) -> bool:
        """Send `intent`; False: it has come to its end without."""
        try:
            plan = self._plan(intent, last)
            if not isinstance(plan, str):
                self._orders.send(intent, plan.size, plan.limit)
                return True
            self._finish(intent, "abandoned", plan)
        except RefusedError as refused:
            if refused.why == "limits":
                self._list_markets()
            if refused.why in ("funds", "limits"):
                return True  # once more with what there is now
            self._finish(intent, "refused", str(refused))
        return False

    def _finish(self, intent: Intent, state: IntentState, why: str) -> None:
        filled = sum(order.filled for order in self._journal.orders(intent.id))
        self._journal.set_intent(
            intent.id, state, why or f"{abs(filled):g} of {abs(intent.size):g} filled"
        )
        if why:
            self._report(Incident(state, "warning", f"{intent.order_text}: {why}"))

    def _plan(self, intent: Intent, last: OrderRow | None) -> Plan | str:
        """What to send for `intent` now, or why nothing."""
        if last is not None and last.status == "absent":
            return Plan(last.size, last.limit)  # sent again as it was, never computed anew
        listing = self._listings[intent.symbol]
        if not listing.active:
            return f"{listing.symbol} is not traded at {self._client.id} now; the position is kept"
        book = self._client.book(listing.symbol)
        live_price = self._live_price(listing.symbol)
        balances = self._client.balances()
        self._read_balances(balances)
        means = Means(
            cash=min(self.cash, balances.free.get(self._ledger.quote, 0.0)),
            units=min(self.positions[intent.symbol], balances.free.get(listing.base, 0.0)),
        )
        return plan_order(
            intent,
            listing,
            book=book,
            live_price=live_price,
            means=means,
            settings=self._settings,
        )

    def _check_permissions(self) -> None:
        allowed = self._client.permissions()
        if allowed.trade is False:
            raise CallAPersonError(
                f"{self._client.id}: the API key may not trade; create one at the testnet that may"
            )
        if not allowed.withdraw:
            return
        if self._settings.guards.withdraw_key == "refuse":
            raise CallAPersonError(
                f'{self._client.id}: the API key may withdraw and guards.withdraw_key = "refuse"; '
                "create one without that permission"
            )
        text = (
            f"{self._client.id}: the API key may withdraw; never use such a key at a live exchange"
        )
        self._report(Incident("withdraw key", "info", text))

    def _list_markets(self) -> None:
        """Load the markets' rules.

        A coin that is no longer listed is kept and not traded; at the first start it is refused.
        """
        listings = self._client.listings(reload=True)
        missing = [coin.market for coin in self._settings.coins if coin.market not in listings]
        if missing and not self._ledger.has_begun:
            raise CallAPersonError(
                f"{self._client.id}: its testnet does not list {', '.join(missing)}; "
                "remove those coins, or choose another exchange.id"
            )
        for coin in self._settings.coins:
            known = self._listings.get(coin.name, _unknown_listing(coin.market))
            self._listings[coin.name] = listings.get(coin.market, known._replace(active=False))
        self._listed_at = self._clock.now()

    def _read_balances(self, balances: Balances) -> None:
        self.cash, self.positions = self._ledger.own_balances(balances.total)

    def _begin(self, balances: Balances) -> None:
        cash, adopt = self._granted(balances), self._settings.exchange.adopt
        self._ledger.begin(balances.total, cash, adopt=adopt, now=self.time(), flow=lambda: 0.0)
        others = ", ".join(sorted(set(balances.total) - {self._ledger.quote}))
        use = "the configured ones are used too (exchange.adopt)" if adopt else "left alone"
        text = f"the account begins with {cash:,.2f} {self._ledger.quote}"
        text += f"; other coins there: {others}: {use}" if others else "; there are no other coins"
        self._report(Incident("account", "info", text))

    def _granted(self, balances: Balances) -> float:
        """Quote units of `balances` that become ours."""
        exchange, quote = self._settings.exchange, self._ledger.quote
        available = balances.total.get(quote, 0.0)
        cash = min(exchange.amount or math.inf, exchange.share * available)
        if cash <= 0.0 and not exchange.adopt:
            raise CallAPersonError(
                f"{self._client.id}: the testnet account has no {quote} to trade with; "
                "a testnet grants some when it is reset"
            )
        return cash


def _why_no_attempt(attempts: int, *, may_send: bool) -> str:
    """Why nothing may be sent any more; "" if it may."""
    if attempts >= ATTEMPTS:
        return f"not accepted by the exchange in {attempts} attempts"
    return "" if may_send else "too late to be sent"


def _unknown_listing(market: str) -> Listing:
    base, _, quote = market.partition("/")
    return Listing(
        symbol=market,
        base=base,
        quote=quote,
        active=False,
        step=0.0,
        min_size=0.0,
        min_notional=0.0,
        tick=0.0,
    )
