"""What the balances of a testnet account show beside our own trades: others' changes and resets."""

from collections.abc import Callable, Mapping, Sequence

from brokers.exchange.client import Client
from brokers.exchange.errors import TryLaterError
from brokers.exchange.types import Balances, Listing
from brokers.journal.client_ids import is_ours
from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.records import OrderRow
from brokers.orders.attribution import Movement
from brokers.orders.balances import BEGUN, LISTED_WITHIN, OwnBalances
from brokers.orders.ledger import Ledger
from brokers.orders.nav import NetAssetValue
from brokers.orders.own_movements import OwnMovements
from brokers.orders.submission import ENDED, OrderSubmission

# Seconds after a trade in which balances without it are believed to be old ones.
BALANCE_LAG = 600.0
LOOKUPS = 2  # that must not find our last order after a reset
ORDER_MEMORY = 7 * 86_400.0  # seconds for which every exchange still knows an order


class Reconciliation:
    """Compares an account's balances with what the ledger expects, and accounts for differences."""

    def __init__(
        self,
        client: Client,
        journal: Journal,
        *,
        ledger: Ledger,
        orders: OrderSubmission,
        listings: Mapping[str, Listing],
        nav: NetAssetValue,
        time: Callable[[], float],
        grant: Callable[[Balances], float],
        report: Callable[[Incident], None],
        deposits_are_ours: bool,
    ) -> None:
        """`time` is the exchange's clock, `grant` the quote units of balances that become ours.

        `listings` by coin.
        """
        self._client = client
        self._journal = journal
        self._ledger = ledger
        self._orders = orders
        self._listings = listings
        self._nav = nav
        self._time = time
        self._grant = grant
        self._report = report
        self._deposits_are_ours = deposits_are_ours
        self._own = OwnMovements(client, journal, orders=orders, listings=listings, report=report)

    def account_for(
        self, movements: Sequence[Movement], balances: Balances, closes: Mapping[str, float]
    ) -> None:
        """Report what somebody else has done and note its value; begin anew after a reset.

        Raises
        ------
        TryLaterError
            These are the balances before our last trades: positions read off them would be bought
            again.

        """
        if self._is_reset(movements):
            self._begin_anew(balances, closes)
            return
        if self._ledger.is_behind(balances.total, self._time() - BALANCE_LAG):
            raise TryLaterError(
                f"{self._client.id}: the balances do not include our last trades yet; "
                "nothing is decided on old balances"
            )
        if self._own.record(movements, self._time()):
            movements = self._ledger.movements(balances.total)
        if not movements or self.orders_without_fills():
            return  # whose the difference is will be known when all fills are
        ours = self._ledger.accept_movements(
            movements, balances.total, closes, deposits_are_ours=self._deposits_are_ours
        )
        part = f"of our part {_listed(ours)}" if ours else "nothing of our part"
        text = (
            f"{self._client.id}: somebody else changed the account ({_listed(movements)}), {part}; "
            "this does not count as profit or loss"
        )
        if not self._deposits_are_ours and any(change.units > 0.0 for change in movements):
            text += '. What others pay in is theirs unless exchange.deposits is "ours"'
        self._report(Incident("moved", "warning", text))

    def has_open_questions(self) -> bool:
        """Whether some balances may differ from the expected ones because of our own orders."""
        since = self._begun()
        return bool(self.orders_without_fills()) or any(
            order.status not in ENDED and order.sent_at >= since
            for intent in self._journal.unfinished_intents()
            for order in self._journal.orders(intent.id)
        )

    def orders_without_fills(self) -> list[OrderRow]:
        """Orders whose fills the exchange has still to list."""
        since = max(self._begun(), self._time() - LISTED_WITHIN)
        listed = self._client.listings()
        return [
            order
            for order in self._orders.orders_without_fills()
            if order.sent_at >= since and self.market_of(order) in listed
        ]

    def market_of(self, order: OrderRow) -> str:
        """The market an order was sent to; "" for a coin that is traded no more."""
        listing = self._listings.get(order.symbol)
        return listing.symbol if listing else ""

    def cancel_unknown_orders(self) -> None:
        """Cancel open orders with our ids that are in no journal: none may fill unseen."""
        listed = self._client.listings()
        for symbol in [listing.symbol for listing in self._listings.values()]:
            for order in self._client.open_orders(symbol) if symbol in listed else ():
                ours = is_ours(order.client_id, self._journal.account_id)
                if ours and self._journal.order(order.client_id) is None:
                    self._client.cancel(order)
                    text = (
                        f"open order {order.client_id} of {order.symbol} is not in the journal; "
                        "it was cancelled"
                    )
                    self._report(Incident("stray", "warning", text))

    def _begin_anew(self, balances: Balances, closes: Mapping[str, float]) -> None:
        """Take what a reset has granted, with the flow that makes neither profit nor loss of it."""
        self._ledger.begin(
            balances.total,
            self._grant(balances),
            adopt=False,
            now=self._time(),
            flow=lambda own: self._nav.reset_flow(_value(own, closes)),
        )
        value = _value(self._ledger.own_balances(balances.total), closes)
        text = (
            f"{self._client.id}: the testnet was reset: orders and balances are gone; "
            f"the account continues with {value:,.2f} {self._ledger.quote}"
        )
        self._report(Incident("reset", "critical", text))

    def _is_reset(self, movements: Sequence[Movement]) -> bool:
        """Whether the exchange has forgotten us: a reset, as testnets have monthly.

        Every coin we hold has another balance, and our last order that arrived is not known any
        more. Neither alone is proof: people move balances, and exchanges that were not reset forget
        old orders. Where we hold nothing only a young order can prove it.
        """
        listed, moved = self._client.listings(), {coin for coin, _ in movements}
        _, positions = self._ledger.own_balances(self._ledger.expected_balances())
        for coin, units in positions.items():
            if units > 0.0 and self._listings[coin].base not in moved:
                return False
        arrived = [
            order
            for order in self._journal.orders()
            if order.venue_id is not None
            and order.sent_at >= self._begun()
            and self.market_of(order) in listed
        ]
        if not arrived:
            return False
        last = arrived[-1]
        if not any(positions.values()) and last.sent_at < self._time() - ORDER_MEMORY:
            return False
        return all(
            self._client.order(last.client_id, self.market_of(last)) is None for _ in range(LOOKUPS)
        )

    def _begun(self) -> float:
        return float(self._journal.get(BEGUN) or 0.0)


def _value(own: OwnBalances, closes: Mapping[str, float]) -> float:
    """What is ours, quote units."""
    return own.cash + sum(units * closes.get(coin, 0.0) for coin, units in own.positions.items())


def _listed(movements: Sequence[Movement]) -> str:
    return ", ".join(f"{units:+g} {coin}" for coin, units in movements)
