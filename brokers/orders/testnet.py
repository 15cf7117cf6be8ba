"""An account on an exchange's testnet: part of what is there, traded in exactly once."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from brokers.clock import Clock
from brokers.exchange.client import Client
from brokers.exchange.errors import CallAPersonError, RefusedError, TryLaterError
from brokers.exchange.types import Balances, Listing
from brokers.journal.client_ids import is_ours
from brokers.journal.incident import Problem
from brokers.journal.journal import Journal
from brokers.journal.records import Intent, IntentState, OrderRow
from brokers.orders.ledger import BEGUN, Ledger, Moved
from brokers.orders.nav import Units
from brokers.orders.pricing import Means, Plan, planned
from brokers.orders.submission import ATTEMPTS, ENDED, NEVER_WAS, TURNED_AWAY, Orders
from config.settings import Settings

LOOKS = 4  # at balances that do not agree: after a fill they may lag
LAG = 2.0  # seconds between two looks
LAGGING = 600.0  # seconds after a trade in which balances without it are believed to be old ones
TOLD_WITHIN = 3 * 86_400.0  # seconds after which executions that were never told are not waited for
RELISTED = 3600.0  # seconds until the markets' rules are asked for anew


class TestnetAccount:
    """Cash and coins as the exchange says, minus what was there before us."""

    __test__ = False  # not a test, whatever its name begins with

    def __init__(
        self,
        settings: Settings,
        client: Client,
        live: Callable[[str], float],
        journal: Journal,
        clock: Clock,
        tell: Callable[[Problem], None],
    ) -> None:
        """`live` is the price of a market now, where it is really traded; `tell` says what a person should know."""
        self._settings = settings
        self._client = client
        self._live = live
        self._journal = journal
        self._clock = clock
        self._tell = tell
        self._listings: dict[str, Listing] = {}
        self._listed_at = -math.inf
        exchange = settings.exchange
        self._orders = Orders(
            client, journal, self._listings, clock, exchange.recv_window, exchange.fill_within
        )
        self._ledger = Ledger(journal, self._listings)
        self.units = Units(journal)
        self._flow = 0.0
        self.cash = 0.0
        self.positions: dict[str, float] = dict.fromkeys(
            (coin.name for coin in settings.coins), 0.0
        )

    def start(self) -> None:
        """Make sure of clock, key and account; settle what an earlier session left open.

        Raises
        ------
        CallAPersonError
            The key cannot trade, there is nothing to trade with, or a coin is not listed.

        """
        self._list()
        self._client.sync_clock()
        allowed = self._client.permissions()
        if allowed.trade is False:
            raise CallAPersonError(
                f"{self._client.id}: this key may not trade; make one at the testnet that may"
            )
        if allowed.withdraw:
            if self._settings.guards.withdraw_key == "refuse":
                raise CallAPersonError(
                    f'{self._client.id}: this key may withdraw, guards.withdraw_key = "refuse"; make one that may not'
                )
            self._tell(
                Problem(
                    "withdraw key",
                    "info",
                    f"{self._client.id}: this account may withdraw; never use such a key at a live exchange",
                )
            )
        balances = self._client.balances()
        if not self._ledger.begun:
            self._begin(balances)
        self._ledger.welcome(balances.total)
        self._look_for_strays()
        self._see(balances)

    def refresh(self, closes: Mapping[str, float]) -> float:
        """Look at the account; what was put in (negative: taken out) since it was looked at last, quote units at `closes`."""
        if self._clock.now() - self._listed_at >= RELISTED:
            with suppress(TryLaterError):  # the rules and the time of an hour ago will do
                self._client.sync_clock()
                self._list()
        for order in self._lacking():
            placed = self._client.order(order.client_id, self._market(order))
            if placed is not None:
                self._orders.keep_fills(placed, 1)
        balances = self._client.balances()
        moved = self._ledger.moved(balances.total)
        for _ in range(LOOKS if moved else 0):
            self._clock.sleep(LAG)
            balances = self._client.balances()
            if not (moved := self._ledger.moved(balances.total)):
                break
        if moved:
            self._explain(moved, balances, closes)
        else:
            self._ledger.agree(balances.total)
        self._see(balances)
        self._flow = self._ledger.flow()
        return self._flow

    def time(self) -> float:
        """The exchange's time, epoch seconds: bars end by its clock."""
        return self._clock.now() + self._client.clock_offset

    def limits(self, coin: str) -> tuple[float, float]:
        """Progress (coin units) and minimum notional (quote units) of an order."""
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
                try:
                    self._orders.settle(last)
                except RefusedError as gone:  # a market that was taken down answers no questions: the balances say what it came to
                    self._finish(intent, "abandoned", str(gone))
                    return
            elif last is not None and last.status not in NEVER_WAS:
                self._finish(intent, "done", "")
                return
            elif why := self._no_more(
                sum(order.status != TURNED_AWAY for order in orders), may_send
            ):
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
            plan = (
                Plan(last.size, last.limit)
                if last is not None and last.status == "absent"
                else self._plan(intent)
            )
            if not isinstance(plan, str):
                self._orders.send(intent, plan.size, plan.limit)
                return True
            self._finish(intent, "abandoned", plan)
        except RefusedError as refused:
            if refused.why == "limits":
                self._list()
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
            self._tell(
                Problem(
                    state,
                    "warning",
                    f"{'buy' if intent.size > 0 else 'sell'} {abs(intent.size):g} {intent.symbol}: {why}",
                )
            )

    def _plan(self, intent: Intent) -> Plan | str:
        """What to send for `intent` now, or why nothing."""
        listing = self._listings[intent.symbol]
        if not listing.active:
            return f"{listing.symbol} is not traded at {self._client.id} now; the position is kept"
        book, live, balances = (
            self._client.book(listing.symbol),
            self._live(listing.symbol),
            self._client.balances(),
        )
        self._see(balances)
        cash = min(self.cash, balances.free.get(self._ledger.quote, 0.0))
        units = min(self.positions[intent.symbol], balances.free.get(listing.base, 0.0))
        return planned(intent, listing, book, live, Means(cash, units), self._settings)

    def _list(self) -> None:
        """Learn the markets' rules anew. A coin that is no longer listed is kept, and not traded; at the first start it is refused."""
        listings = self._client.listings(reload=True)
        missing = [coin.market for coin in self._settings.coins if coin.market not in listings]
        if missing and not self._ledger.begun:
            what = f"its testnet does not list {', '.join(missing)}; take those coins out, or choose another exchange.id"
            raise CallAPersonError(f"{self._client.id}: {what}")
        for coin in self._settings.coins:
            base, _, quote = coin.market.partition("/")
            known = self._listings.get(
                coin.name, Listing(coin.market, base, quote, False, 0.0, 0.0, 0.0, 0.0)
            )
            self._listings[coin.name] = listings.get(coin.market, known._replace(active=False))
        self._listed_at = self._clock.now()

    def _see(self, balances: Balances) -> None:
        self.cash, self.positions = self._ledger.owned(balances.total)

    def _begin(self, balances: Balances) -> None:
        cash = self._granted(balances)
        self._ledger.begin(
            balances.total, cash, self._settings.exchange.adopt, self.time(), lambda: 0.0
        )
        held = ", ".join(sorted(set(balances.total) - {self._ledger.quote})) or "nothing else"
        ours = (
            "theirs too is ours (exchange.adopt)"
            if self._settings.exchange.adopt
            else "they are left alone"
        )
        self._tell(
            Problem(
                "account",
                "info",
                f"the account begins with {cash:,.2f} {self._ledger.quote}; there are {held}: {ours}",
            )
        )

    def _granted(self, balances: Balances) -> float:
        exchange, quote = self._settings.exchange, self._ledger.quote
        there = balances.total.get(quote, 0.0)
        cash = min(exchange.amount or math.inf, exchange.share * there)
        if cash <= 0.0 and not exchange.adopt:
            raise CallAPersonError(
                f"{self._client.id}: there is no {quote} to trade with; a testnet grants some when it is reset"
            )
        return cash

    def _explain(
        self, moved: Sequence[Moved], balances: Balances, closes: Mapping[str, float]
    ) -> None:
        """Say what somebody else has done, and note what it was worth; or begin anew after a reset.

        Raises
        ------
        TryLaterError
            These are the balances before our last trades: positions read off them would be bought again.

        """
        if self._wiped(moved):
            self._begin_anew(balances, closes)
            return
        if self._ledger.behind(balances.total, self.time() - LAGGING):
            raise TryLaterError(
                f"{self._client.id}: the balances do not show our last trades yet; nothing is decided on old ones"
            )
        if self._lacking():
            return  # whose the difference is will be known when all executions are
        before = self._worth(self._ledger.expected(), closes)
        self._ledger.give_up(
            moved, balances.total, lambda: self._worth(balances.total, closes) - before
        )
        said = ", ".join(f"{one.units:+g} {one.coin}" for one in moved)
        self._tell(
            Problem(
                "moved",
                "warning",
                f"{self._client.id}: somebody else changed the account ({said}); it is no profit of ours",
            )
        )

    def _begin_anew(self, balances: Balances, closes: Mapping[str, float]) -> None:
        """Take what a reset has granted for the account, with the flow that makes neither profit nor loss of it."""
        self._ledger.begin(
            balances.total,
            self._granted(balances),
            False,
            self.time(),
            lambda: self.units.rebased(self._worth(balances.total, closes)),
        )
        value, quote = self._worth(balances.total, closes), self._ledger.quote
        text = f"the testnet was reset: orders and balances are gone; the account goes on with {value:,.2f} {quote}"
        self._tell(Problem("reset", "critical", f"{self._client.id}: {text}"))

    def _worth(self, totals: Mapping[str, float], closes: Mapping[str, float]) -> float:
        """What of `totals` is ours, quote units."""
        cash, positions = self._ledger.owned(totals)
        return cash + sum(units * closes.get(coin, 0.0) for coin, units in positions.items())

    def _wiped(self, moved: Sequence[Moved]) -> bool:
        """Whether the exchange has forgotten us: a reset, as testnets have monthly.

        Every coin we hold has another balance, and our last order that arrived is not known any more. Neither alone says it: people
        move balances, and old orders are forgotten by exchanges that were not reset.
        """
        listed, elsewhere = self._client.listings(), {one.coin for one in moved}
        _, positions = self._ledger.owned(self._ledger.expected())
        if any(
            units > 0.0 and self._listings[coin].base not in elsewhere
            for coin, units in positions.items()
        ):
            return False
        arrived = [
            order
            for order in self._journal.orders()
            if order.venue_id is not None
            and order.sent_at >= self._begun()
            and self._market(order) in listed
        ]
        if not arrived:
            return False
        last = arrived[-1]
        return all(self._client.order(last.client_id, self._market(last)) is None for _ in range(2))

    def _lacking(self) -> list[OrderRow]:
        """Orders whose executions are still to be told."""
        since, listed = max(self._begun(), self.time() - TOLD_WITHIN), self._client.listings()
        return [
            order
            for order in self._orders.lacking()
            if order.sent_at >= since and self._market(order) in listed
        ]

    def _market(self, order: OrderRow) -> str:
        """Where an order was sent to; "" for a coin that is traded no more."""
        listing = self._listings.get(order.symbol)
        return listing.symbol if listing else ""

    def _begun(self) -> float:
        return float(self._journal.get(BEGUN) or 0.0)

    def _look_for_strays(self) -> None:
        """Open orders under our id that the journal does not know: cancelled, so that nothing fills behind its back."""
        listed = self._client.listings()
        for symbol in (
            listing.symbol for listing in self._listings.values() if listing.symbol in listed
        ):
            for placed in self._client.open_orders(symbol):
                if (
                    is_ours(placed.client_id, self._journal.account_id)
                    and self._journal.order(placed.client_id) is None
                ):
                    self._client.cancel(placed)
                    self._tell(
                        Problem(
                            "stray",
                            "warning",
                            f"open order {placed.client_id} of {placed.symbol} is in no journal: cancelled",
                        )
                    )
