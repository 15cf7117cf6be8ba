"""A paper account: orders fill here against a live order book, and no request is ever signed."""

import math
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from brokers.exchange.types import Book
from brokers.journal.client_ids import client_id
from brokers.journal.journal import Journal
from brokers.journal.records import FillRow, HaltedError, Intent, OrderRow
from brokers.orders.book import Levels, walk_book
from brokers.orders.fills import Costs, fill
from brokers.orders.nav import NetAssetValue

CASH = "cash"  # journal key: what the account began with, quote units


class Rules(NamedTuple):
    """What the exchange requires of an order in one coin: coin units, quote units."""

    step: float
    min_notional: float


class Terms(NamedTuple):
    """What the account begins with (quote units) and how orders fill.

    `fee` is a fraction of traded value, `tick_gap` how far the price may be off the close, and
    `price_guard` a level of the book off the best one (fractions).
    """

    cash: float
    fee: float
    tick_gap: float
    price_guard: float


class PaperAccount:
    """Cash and coins as the journal's fills have left them.

    The one rule: a fill is in the journal before it is in the account, so that a restart finds the
    same account.
    """

    def __init__(
        self,
        journal: Journal,
        terms: Terms,
        coins: Collection[str],
        *,
        rules: Callable[[], Mapping[str, Rules]],
        books: Callable[[str], Book],
        now: Callable[[], float],
    ) -> None:
        """`rules` loads those of all coins, once, in `start`; `books` gives a coin's book now."""
        self._journal = journal
        self._terms = terms
        self._load_rules = rules
        self._rules: Mapping[str, Rules] = {}
        self._books = books
        self._now = now
        self.nav = NetAssetValue(journal)
        if journal.get(CASH) is None:
            journal.put(CASH, repr(terms.cash))
        self.cash = self.initial_cash = float(journal.get(CASH) or terms.cash)
        self.positions = dict.fromkeys(coins, 0.0)
        self._filled: dict[str, FillRow] = {}
        for row in journal.fills():
            self._apply(row)

    def start(self) -> None:
        """Load the exchange's rules.

        Raises
        ------
        CallAPersonError
            It does not list a coin.
        TryLaterError
            It cannot be reached now.

        """
        self._rules = self._load_rules()

    def time(self) -> float:
        """Now, epoch seconds."""
        return self._now()

    def refresh(self, closes: Mapping[str, float]) -> float:
        """What was paid in since the bar before: on paper nothing ever is."""
        return 0.0

    def limits(self, coin: str) -> tuple[float, float]:
        """Step (coin units) and minimum notional (quote units) of an order."""
        return self._rules[coin]

    def largest_drawdown(self, since: float, value: float) -> float:
        """Largest fall of the unit value from a peak, both since `since`, as a fraction."""
        return self.nav.largest_drawdown(since, self.nav.unit_value(value, 0.0))

    def carry_out(self, intent: Intent, *, may_send: bool) -> None:
        """Fill one intent as far as book and cash allow, once: a second time finds the fill.

        Raises
        ------
        TryLaterError
            The book cannot be loaded.

        """
        id_ = client_id(
            self._journal.account_id,
            bar=intent.time,
            symbol=intent.symbol,
            leg=intent.leg,
            attempt=1,
        )
        why = ""
        if id_ not in self._filled:
            why = self._fill(intent, id_) if may_send else "too late to be sent"
        if not why:
            row = self._filled[id_]
            self._journal.update_order(id_, status="filled", filled=row.size, average=row.price)
        self._journal.set_intent(intent.id, "abandoned" if why else "done", why or "filled")

    def _fill(self, intent: Intent, id_: str) -> str:
        """Fill `intent`; why not, "" if so."""
        book = self._books(intent.symbol)
        levels = book.asks if intent.size > 0 else book.bids
        tick_gap = self._terms.tick_gap
        if levels and (gap := abs(levels[0][0] / intent.price - 1.0)) > tick_gap:
            return (
                f"the price is {gap:.0%} off the close it was decided on; "
                f"guards.tick_gap allows {tick_gap:.0%}"
            )
        size, price, fee, why = self._fill_from(levels, intent)
        if why:
            return why
        now = self._now()
        if self._journal.order(id_) is None:
            try:
                self._journal.record_order(_order_row(intent, id_, size, now))
            except HaltedError as halted:
                return str(halted)
        row = FillRow(
            symbol=intent.symbol,
            trade_id=id_,
            client_id=id_,
            time=now,
            size=size,
            price=price,
            fee=fee,
            fee_coin="",
            fee_quote=fee,
        )
        self._journal.add_fills([row])
        self._apply(row)
        return ""

    def _fill_from(self, levels: Levels, intent: Intent) -> tuple[float, float, float, str]:
        """Signed units, average price and fee that `levels` and the cash give; why none, or ""."""
        terms, buying = self._terms, intent.size > 0
        guard = 1.0 + terms.price_guard if buying else 1.0 - terms.price_guard
        worst = levels[0][0] * guard if levels else 0.0
        wanted = intent.size
        if not buying:
            wanted = -min(-intent.size, self.positions[intent.symbol])
        available, average = walk_book(levels, abs(wanted), worst, buying=buying)
        if not available:
            why = "the order book is empty" if wanted else "nothing is left to sell"
            return 0.0, 0.0, 0.0, why
        step, min_notional = self._rules[intent.symbol]
        costs = Costs(terms.fee, 0.0, min_notional)
        size, price, fee = fill(math.copysign(available, wanted), average, self.cash, step, costs)
        if not size:
            return 0.0, 0.0, 0.0, "no cash"
        if abs(size) < available:  # fewer levels, a better price
            price = walk_book(levels, abs(size))[1]
            fee = abs(size) * price * terms.fee
        return size, price, fee, ""

    def _apply(self, row: FillRow) -> None:
        self.cash -= row.size * row.price + row.fee
        self.positions[row.symbol] = self.positions.get(row.symbol, 0.0) + row.size
        self._filled[row.client_id] = row


def _order_row(intent: Intent, id_: str, size: float, now: float) -> OrderRow:
    return OrderRow(
        client_id=id_,
        intent=intent.id,
        attempt=1,
        symbol=intent.symbol,
        size=size,
        limit=None,
        sent_at=now,
        venue_id=None,
        status="open",
        filled=0.0,
        average=None,
        updated=now,
    )
