"""An account on an exchange's testnet: part of what is there, traded exactly once."""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress

from brokers.clock import Clock
from brokers.exchange.client import Client
from brokers.exchange.errors import CallAPersonError, TryLaterError
from brokers.exchange.types import Balances, Listing
from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.records import Intent
from brokers.orders.attribution import Movement
from brokers.orders.beginning import AccountBeginning
from brokers.orders.gone_coins import GoneCoins
from brokers.orders.intents import IntentExecution
from brokers.orders.ledger import Ledger
from brokers.orders.market_rules import RULES_PERIOD, check_listed, known_markets
from brokers.orders.nav import NetAssetValue
from brokers.orders.pricing import Means
from brokers.orders.reconciliation import Reconciliation
from brokers.orders.submission import OrderSubmission
from config.settings import Settings

BALANCE_LOOKS = 4  # at balances that do not agree: after a fill they may lag
# Seconds until it is asked again what the key may do: for bars of a day, at every decision.
PERMISSIONS_PERIOD = 20 * 3600.0
LOOK_PAUSE = 2.0  # seconds between two looks


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
        """`live_price` is the price of a market now, at the exchange where it is really traded.

        `clock` follows the exchange's time.
        """
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
        self._beginning = AccountBeginning(
            settings,
            client,
            journal=journal,
            ledger=self._ledger,
            listings=self._listings,
            report=report,
        )
        self._reconciliation = Reconciliation(
            client,
            journal,
            ledger=self._ledger,
            orders=self._orders,
            listings=self._listings,
            nav=self.nav,
            time=clock.now,
            grant=self._beginning.grant,
            report=report,
            deposits_are_ours=settings.exchange.deposits == "ours",
        )
        self._intents = IntentExecution(
            settings,
            client,
            journal=journal,
            listings=self._listings,
            orders=self._orders,
            live_price=live_price,
            means=self._means,
            reload_markets=self._list_markets,
            report=report,
        )
        self._gone = GoneCoins(
            journal,
            settings.paper.gone,
            bases=settings.bases,
            report=report,
        )
        self._permitted_at = -math.inf
        self._flow = 0.0
        self.cash = 0.0
        self.positions: dict[str, float] = dict.fromkeys(
            (coin.name for coin in settings.coins), 0.0
        )

    def start(self) -> None:
        """Check key and account; cancel orders that are in no journal.

        Raises
        ------
        CallAPersonError
            The key cannot trade, there is nothing to trade with, or a coin is not listed.
        SafetyError
            The journal is new, and an earlier one's orders have left coins: a person must choose.

        """
        self._list_markets()
        self._check_permissions()
        balances = self._client.balances()
        if not self._ledger.has_begun:
            balances = self._beginning.begin(balances, self._clock.now())
        self._beginning.check_new_coins(balances)
        self._ledger.add_new_coins(balances.total)
        self._reconciliation.cancel_unknown_orders()
        self._gone.take_out(lambda coin: self._listings[coin].active)
        self._read_balances(balances)

    def refresh(self, closes: Mapping[str, float]) -> float:
        """Read the account again; what was paid in (negative: out) since the last decision.

        Quote units at `closes`.
        """
        if self._clock.now() - self._listed_at >= RULES_PERIOD:
            with suppress(TryLaterError):  # the rules of an hour ago will do
                self._list_markets()
        if self._clock.now() - self._permitted_at >= PERMISSIONS_PERIOD:
            with suppress(TryLaterError):
                self._check_permissions()
        for order in self._reconciliation.orders_without_fills():
            # One coin whose executions cannot be read keeps no other from being decided.
            with suppress(TryLaterError):
                placed = self._client.order(order.client_id, self._reconciliation.market_of(order))
                if placed is not None:
                    self._orders.store_fills(placed, 1)
        balances, movements = self._compare_balances()
        if movements:
            self._reconciliation.account_for(movements, balances, closes)
        self._read_balances(balances)
        self._flow = self._ledger.flow()
        return self._flow

    def _compare_balances(self) -> tuple[Balances, list[Movement]]:
        """The balances, and what differs from the expected ones after a few looks."""
        balances = self._client.balances()
        movements = self._ledger.movements(balances.total)
        for _ in range(BALANCE_LOOKS if movements else 0):
            self._clock.sleep(LOOK_PAUSE)
            balances = self._client.balances()
            if not (movements := self._ledger.movements(balances.total)):
                break
        return balances, movements

    def limits(self, coin: str) -> tuple[float, float]:
        """Step (coin units) and minimum notional (quote units) of an order."""
        listing = self._listings[coin]
        return listing.step, listing.min_notional

    def price(self, coin: str) -> float:
        """The live price, quote units."""
        return self._live_price(self._listings[coin].symbol)

    def largest_drawdown(self, since: float, value: float) -> float:
        """Largest fall of the unit value from a peak, both since `since`, as a fraction."""
        return self.nav.largest_drawdown(since, self.nav.unit_value(value, self._flow))

    def carry_out(self, intent: Intent, *, may_send: bool, budget: float = math.inf) -> str:
        """Bring one intent as far as it gets; see `IntentExecution.carry_out`."""
        return self._intents.carry_out(intent, may_send=may_send, budget=budget)

    def _means(self, intent: Intent) -> Means:
        """What an order for `intent` may use, the account read anew."""
        balances = self._client.balances()
        self._read_balances(balances)
        free, base = balances.free, self._listings[intent.symbol].base
        return Means(
            cash=min(self.cash, free.get(self._ledger.quote, 0.0)),
            units=min(self.positions[intent.symbol], free.get(base, 0.0)),
        )

    def _check_permissions(self) -> None:
        allowed = self._client.permissions()
        self._permitted_at = self._clock.now()
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
        check_listed(
            [coin.market for coin in self._settings.coins],
            listings,
            self._client.id,
            has_begun=self._ledger.has_begun,
            report=self._report,
            key="exchange.id",
        )
        for coin in self._settings.coins:
            known = self._listings.get(coin.name, Listing.unlisted(coin.market))
            self._listings[coin.name] = listings.get(coin.market, known._replace(active=False))
        self._listed_at = self._clock.now()
        self._journal.put_known(known_markets(self._client.id, self._listed_at))

    def _read_balances(self, balances: Balances) -> None:
        """Read what is ours: while nothing of ours is open, all else is somebody else's doing."""
        own = self._ledger.own_amid_movements
        if self._reconciliation.has_open_questions():
            own = self._ledger.own_balances
        self.cash, self.positions = own(balances.total)
