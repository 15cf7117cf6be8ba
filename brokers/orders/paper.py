"""An account on paper: orders are filled here against a live order book, and no signed request is ever made."""

import math
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from brokers.exchange.types import Book
from brokers.journal.client_ids import client_id
from brokers.journal.journal import Journal
from brokers.journal.records import FillRow, HaltedError, Intent, OrderRow
from brokers.orders.book import walked
from brokers.orders.fills import Costs, fill
from brokers.orders.nav import Units

CASH = "cash"  # journal key: what the account began with, quote units


class Rules(NamedTuple):
    """What the exchange asks of an order in one coin: coin units, quote units."""

    step: float
    min_notional: float


class Terms(NamedTuple):
    """What the account begins with (quote units), the fee (a fraction of traded value), how far the price may be off the close, and a level
    of the book off the best one (fractions).
    """

    cash: float
    fee: float
    tick_gap: float
    price_guard: float


class PaperAccount:
    """Cash and coins as the journal's fills have left them.

    The one rule: a fill is in the journal before it is in the account, so that a restart finds the same account.
    """

    def __init__(
        self,
        journal: Journal,
        terms: Terms,
        coins: Collection[str],
        rules: Callable[[], Mapping[str, Rules]],
        books: Callable[[str], Book],
        now: Callable[[], float],
    ) -> None:
        """`rules` tells those of all coins, once asked by `start`; `books` gives the book of a coin now."""
        self._journal = journal
        self._terms = terms
        self._told = rules
        self._rules: Mapping[str, Rules] = {}
        self._books = books
        self._now = now
        self.units = Units(journal)
        if journal.get(CASH) is None:
            journal.put(CASH, repr(terms.cash))
        self.cash = self.began_with = float(journal.get(CASH) or terms.cash)
        self.positions = dict.fromkeys(coins, 0.0)
        self._filled: dict[str, FillRow] = {}
        for row in journal.fills():
            self._book(row)

    def start(self) -> None:
        """Learn the exchange's rules.

        Raises
        ------
        CallAPersonError
            It does not list a coin.
        TryLaterError
            It cannot be asked now.

        """
        self._rules = self._told()

    def time(self) -> float:
        """Now, epoch seconds."""
        return self._now()

    def refresh(self, closes: Mapping[str, float]) -> float:
        """What was put in since the bar before: on paper nobody does."""
        return 0.0

    def limits(self, coin: str) -> tuple[float, float]:
        """Progress (coin units) and minimum notional (quote units) of an order."""
        return self._rules[coin]

    def largest_drawdown(self, since: float, value: float) -> float:
        """Largest fall of the unit value from a peak, both since `since`, as a fraction."""
        return self.units.largest_drawdown(since, self.units.value(value, 0.0))

    def carry_out(self, intent: Intent, may_send: bool) -> None:
        """Fill one intent as far as the book and the cash allow, once: a second time finds the fill.

        Raises
        ------
        TryLaterError
            The book cannot be had.

        """
        id_ = client_id(self._journal.account_id, intent.time, intent.symbol, intent.leg, 1)
        why = (
            "" if id_ in self._filled else self._fill(intent, id_) if may_send else "came too late"
        )
        if not why:
            row = self._filled[id_]
            self._journal.update_order(id_, status="filled", filled=row.size, average=row.price)
        self._journal.set_intent(intent.id, "abandoned" if why else "done", why or "filled")

    def _fill(self, intent: Intent, id_: str) -> str:
        """Fill `intent`; why not, "" if so."""
        book = self._books(intent.symbol)
        levels = book.asks if intent.size > 0 else book.bids
        terms, buying = self._terms, intent.size > 0
        if levels and (gap := abs(levels[0][0] / intent.price - 1.0)) > terms.tick_gap:
            return f"the price is {gap:.0%} off the close it was decided on; guards.tick_gap allows {terms.tick_gap:.0%}"
        worst = (
            levels[0][0] * (1.0 + terms.price_guard if buying else 1.0 - terms.price_guard)
            if levels
            else 0.0
        )
        wanted = (
            intent.size if intent.size > 0 else -min(-intent.size, self.positions[intent.symbol])
        )
        there, average = walked(levels, abs(wanted), worst, buying)
        if not there:
            return "the book is empty" if wanted else "nothing is left to sell"
        step, min_notional = self._rules[intent.symbol]
        size, price, fee = fill(
            math.copysign(there, wanted),
            average,
            self.cash,
            step,
            Costs(terms.fee, 0.0, min_notional),
        )
        if not size:
            return "no cash"
        if abs(size) < there:  # fewer levels, a better price
            price = walked(levels, abs(size))[1]
            fee = abs(size) * price * terms.fee
        now = self._now()
        if self._journal.order(id_) is None:
            try:
                self._journal.sending(
                    OrderRow(
                        id_,
                        intent.id,
                        1,
                        intent.symbol,
                        size,
                        None,
                        now,
                        None,
                        "open",
                        0.0,
                        None,
                        now,
                    )
                )
            except HaltedError as halted:
                return str(halted)
        row = FillRow(intent.symbol, id_, id_, now, size, price, fee, "", fee)
        self._journal.add_fills([row])
        self._book(row)
        return ""

    def _book(self, row: FillRow) -> None:
        self.cash -= row.size * row.price + row.fee
        self.positions[row.symbol] = self.positions.get(row.symbol, 0.0) + row.size
        self._filled[row.client_id] = row
