"""An account on an exchange's testnet: part of what is there, traded in exactly once."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from brokers.clock import Clock
from brokers.journal.journal import Journal
from brokers.journal.records import Intent, IntentState, OrderRow
from brokers.orders.book import walked
from brokers.orders.client import Client
from brokers.orders.errors import CallAPersonError, RefusedError
from brokers.orders.fills import Costs, fill
from brokers.orders.ids import is_ours
from brokers.orders.ledger import Ledger, Moved
from brokers.orders.sending import ATTEMPTS, ENDED, NEVER_WAS, Orders
from brokers.orders.units import Units
from brokers.orders.venue import Balances, Listing
from brokers.problems import Problem
from config.settings import Settings

LOOKS = 4  # at balances that do not agree: after a fill they may lag
LAG = 2.0  # seconds between two looks


class Plan(NamedTuple):
    """One order as it will be sent: signed coin units, and the worst price (None: at the market)."""

    size: float
    limit: float | None


class TestnetAccount:
    """Cash and coins as the exchange says, minus what was there before us."""

    __test__ = False  # not a test, whatever its name begins with

    def __init__(
        self, settings: Settings, client: Client, live: Callable[[str], float], journal: Journal, clock: Clock, tell: Callable[[Problem], None]
    ) -> None:
        """`live` is the price of a market now, where it is really traded; `tell` says what a person should know."""
        self._settings = settings
        self._client = client
        self._live = live
        self._journal = journal
        self._clock = clock
        self._tell = tell
        self._listings = _listed(client, settings)
        exchange = settings.exchange
        self._orders = Orders(client, journal, self._listings, clock, exchange.recv_window, exchange.fill_within)
        self._ledger = Ledger(journal, self._listings)
        self.units = Units(journal)
        self._flow = 0.0
        self.cash = 0.0
        self.positions: dict[str, float] = dict.fromkeys(self._listings, 0.0)

    def start(self) -> None:
        """Make sure of clock, key and account; settle what an earlier session left open.

        Raises
        ------
        CallAPersonError
            The key cannot trade, or there is nothing to trade with.

        """
        self._client.sync_clock()
        allowed = self._client.permissions()
        if allowed.trade is False:
            raise CallAPersonError(f"{self._client.id}: this key may not trade; make one at the testnet that may")
        if allowed.withdraw:
            if self._settings.guards.withdraw_key == "refuse":
                raise CallAPersonError(f'{self._client.id}: this key may withdraw, guards.withdraw_key = "refuse"; make one that may not')
            self._tell(Problem("withdraw key", "info", f"{self._client.id}: this account may withdraw; never use such a key at a live exchange"))
        balances = self._client.balances()
        if not self._ledger.begun:
            self._begin(balances)
        self._look_for_strays()
        self._see(balances)

    def refresh(self, closes: Mapping[str, float]) -> float:
        """Look at the account; what was put in (negative: taken out) since it was looked at last, quote units at `closes`."""
        late = self._orders.lacking()
        for order in late:
            placed = self._client.order(order.client_id, self._listings[order.symbol].symbol)
            if placed is not None:
                self._orders.keep_fills(placed, 1)
        balances = self._client.balances()
        moved = self._ledger.moved(balances.total)
        for _ in range(LOOKS if moved else 0):
            self._clock.sleep(LAG)
            balances = self._client.balances()
            if not (moved := self._ledger.moved(balances.total)):
                break
        self._flow = 0.0
        if moved and not (late and self._orders.lacking()):
            self._flow = self._explained(moved, balances, closes)
        if not moved:
            self._ledger.agree(balances.total)
        self._see(balances)
        return self._flow

    def limits(self, coin: str) -> tuple[float, float]:
        """Step (coin units) and minimum notional (quote units) of an order."""
        listing = self._listings[coin]
        return listing.step, listing.min_notional

    def largest_drawdown(self, since: float, value: float) -> float:
        """Largest fall of the unit value from a peak, both since `since`, as a fraction."""
        return self.units.largest_drawdown(since, self.units.value(value, self._flow))

    def carry_out(self, intent: Intent, may_send: bool) -> None:
        """Bring one intent to its end: settle what was sent, send what was not, a second time what never arrived.

        Raises
        ------
        TryLaterError, UnknownOutcomeError
            Not now: the journal knows how far it is.

        """
        while True:
            orders = self._journal.orders(intent.id)
            last = orders[-1] if orders else None
            if last is not None and last.status not in ENDED:
                self._orders.settle(last)
            elif last is not None and last.status not in NEVER_WAS:
                self._finish(intent, "done", "")
                return
            elif why := self._no_more(len(orders), may_send):
                self._finish(intent, "abandoned", why)
                return
            elif not self._sent(intent, last):
                return

    def _no_more(self, attempts: int, may_send: bool) -> str:
        """Why nothing may be sent any more."""
        if attempts >= ATTEMPTS:
            return f"came to nothing at the exchange {attempts} times"
        return "" if may_send else "came too late"

    def _sent(self, intent: Intent, last: OrderRow | None) -> bool:
        """Send `intent`; False: it has come to its end without."""
        try:
            # What never arrived is sent again as it was, never worked out anew.
            plan = Plan(last.size, last.limit) if last is not None and last.status == "absent" else self._plan(intent)
            if not isinstance(plan, str):
                self._orders.send(intent, plan.size, plan.limit)
                return True
            self._finish(intent, "abandoned", plan)
        except RefusedError as refused:
            if refused.why == "limits":
                self._listings.update(_listed(self._client, self._settings, reload=True))
            if refused.why in ("funds", "limits"):
                return True  # once more with what there is now
            self._finish(intent, "refused", str(refused))
        return False

    def _finish(self, intent: Intent, state: IntentState, why: str) -> None:
        filled = sum(order.filled for order in self._journal.orders(intent.id))
        self._journal.set_intent(intent.id, state, why or f"{abs(filled):g} of {abs(intent.size):g} filled")
        if why:
            self._tell(Problem("order", "warning", f"{'buy' if intent.size > 0 else 'sell'} {abs(intent.size):g} {intent.symbol}: {why}"))

    def _plan(self, intent: Intent) -> Plan | str:
        """What to send for `intent` now, given book, balances and guards; or why nothing."""
        listing, guards, exchange = self._listings[intent.symbol], self._settings.guards, self._settings.exchange
        if not listing.active:
            return f"{listing.symbol} is not traded at {self._client.id} now; the position is kept"
        buying = intent.size > 0
        book = self._client.book(listing.symbol)
        levels = book.asks if buying else book.bids
        if not levels:
            return f"the book of {listing.symbol} is empty"
        live, best = self._live(listing.symbol), levels[0][0]
        if (gap := abs(best / live - 1.0)) > guards.price_gap:
            return f"the testnet's {best:g} is {gap:.0%} off the live {live:g}; guards.price_gap allows {guards.price_gap:.0%}"
        if (gap := abs(live / intent.price - 1.0)) > guards.tick_gap:
            return f"the price {live:g} is {gap:.0%} off the close {intent.price:g} it was decided on; guards.tick_gap allows {guards.tick_gap:.0%}"
        limit = best * (1.0 + exchange.price_guard if buying else 1.0 - exchange.price_guard)
        there, average = walked(levels, abs(intent.size), limit, buying)
        balances = self._client.balances()
        self._see(balances)
        size = self._affordable(there if buying else -there, max(average, best), balances, intent)
        if abs(size) < listing.min_size or abs(size) * best < listing.min_notional or not size:
            return f"{abs(size):g} {listing.base} at {best:g} is below the exchange's smallest order"
        return Plan(size, limit if exchange.order == "limit" else None)

    def _affordable(self, size: float, price: float, balances: Balances, intent: Intent) -> float:
        listing = self._listings[intent.symbol]
        if size < 0.0:
            units = min(-size, self.positions[intent.symbol], balances.free.get(listing.base, 0.0))
            return -_floored(units, listing.step)
        cash = min(self.cash, balances.free.get(self._ledger.quote, 0.0))
        size, _, _ = fill(size, price, cash, listing.step, Costs(self._settings.costs.fee, 0.0, listing.min_notional))
        return _floored(size, listing.step)

    def _see(self, balances: Balances) -> None:
        self.cash, self.positions = self._ledger.owned(balances.total)

    def _begin(self, balances: Balances) -> None:
        cash = self._granted(balances)
        self._ledger.begin(balances.total, cash, self._settings.exchange.adopt)
        held = ", ".join(sorted(set(balances.total) - {self._ledger.quote})) or "nothing else"
        ours = "theirs too is ours (exchange.adopt)" if self._settings.exchange.adopt else "they are left alone"
        self._tell(Problem("account", "info", f"the account begins with {cash:,.2f} {self._ledger.quote}; there are {held}: {ours}"))

    def _granted(self, balances: Balances) -> float:
        exchange, quote = self._settings.exchange, self._ledger.quote
        there = balances.total.get(quote, 0.0)
        cash = min(exchange.amount or math.inf, exchange.share * there)
        if cash <= 0.0 and not exchange.adopt:
            raise CallAPersonError(f"{self._client.id}: there is no {quote} to trade with; a testnet grants some when it is reset")
        return cash

    def _explained(self, moved: Sequence[Moved], balances: Balances, closes: Mapping[str, float]) -> float:
        """Say what somebody else has done, and what it was worth; or begin anew after a reset."""
        if self._wiped():
            self._ledger.begin(balances.total, self._granted(balances), adopt=False)
            cash, positions = self._ledger.owned(balances.total)
            value = cash + sum(units * closes.get(coin, 0.0) for coin, units in positions.items())
            text = (
                f"{self._client.id}: the testnet was reset: orders and balances are gone; the account goes on with {value:,.2f} {self._ledger.quote}"
            )
            self._tell(Problem("reset", "critical", text))
            return self.units.rebased(value)
        before_cash, before = self.cash, dict(self.positions)
        cash, positions = self._ledger.owned(balances.total)
        flow = cash - before_cash + sum((units - before.get(coin, 0.0)) * closes.get(coin, 0.0) for coin, units in positions.items())
        said = ", ".join(f"{one.units:+g} {one.coin}" for one in moved)
        self._tell(Problem("moved", "warning", f"{self._client.id}: somebody else changed the account ({said}); it is no profit of ours"))
        self._ledger.agree(balances.total)
        return flow

    def _wiped(self) -> bool:
        """Whether the exchange has forgotten our last order that arrived: a reset, as testnets have monthly."""
        arrived = [order for order in self._journal.orders() if order.venue_id is not None]
        if not arrived:
            return False
        last = arrived[-1]
        market = self._listings[last.symbol].symbol
        return all(self._client.order(last.client_id, market) is None for _ in range(2))

    def _look_for_strays(self) -> None:
        """Open orders under our id that the journal does not know: cancelled, so that nothing fills behind its back."""
        for listing in self._listings.values():
            for placed in self._client.open_orders(listing.symbol):
                if is_ours(placed.client_id, self._journal.account_id) and self._journal.order(placed.client_id) is None:
                    self._client.cancel(placed)
                    self._tell(Problem("stray", "warning", f"open order {placed.client_id} of {placed.symbol} is in no journal: cancelled"))


def _listed(client: Client, settings: Settings, reload: bool = False) -> dict[str, Listing]:
    """The listings of the coins to trade; refused by name where the testnet has none."""
    listings = client.listings(reload)
    missing = [coin.market for coin in settings.coins if coin.market not in listings]
    if missing:
        raise CallAPersonError(f"{client.id}: its testnet does not list {', '.join(missing)}; take those coins out, or choose another exchange.id")
    return {coin.name: listings[coin.market] for coin in settings.coins}


def _floored(units: float, step: float) -> float:
    """`units` in whole steps, as an exchange wants it."""
    return math.floor(units / step + 1e-6) * step if step > 0.0 else units
