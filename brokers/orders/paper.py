"""A paper account: orders fill here against a live order book, and no request is ever signed."""

import math
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import NamedTuple

from brokers.exchange.errors import CallAPersonError, RefusedError, TryLaterError
from brokers.exchange.types import Book
from brokers.journal.client_ids import client_id
from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.reader import FLOW
from brokers.journal.records import FillRow, HaltedError, Intent, IntentState, OrderRow
from brokers.orders.balances import CASH
from brokers.orders.book import Levels, levels_beyond, walk_book
from brokers.orders.fills import Costs, fill
from brokers.orders.gone_coins import GoneCoins, Leaving
from brokers.orders.holdings import paper_balances
from brokers.orders.market_rules import RULES_PERIOD
from brokers.orders.nav import NetAssetValue
from brokers.orders.outcome import end_intent, put_off
from brokers.orders.pricing import why_cut
from brokers.orders.remainder import (
    MOST_ORDERS,
    TOO_LATE,
    TOO_MANY,
    Smallest,
    next_part,
    units_left,
)

NONE: Mapping[str, Leaving] = {}


class Rules(NamedTuple):
    """What the exchange requires of an order in one coin: coin units, quote units.

    `why_closed` is why none is taken now, "" if they are.
    """

    step: float
    min_notional: float
    why_closed: str = ""


class PartFill(NamedTuple):
    """Signed coin units, their average price and fee (quote units); why not more, or none."""

    size: float = 0.0
    price: float = 0.0
    fee: float = 0.0
    cut: str = ""


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
        report: Callable[[Incident], None],
        gone: Mapping[str, Leaving] = NONE,
    ) -> None:
        """`rules` loads those of all coins, first in `start`; `books` gives a coin's book now."""
        self._journal = journal
        self._terms = terms
        self._load_rules = rules
        self._rules: Mapping[str, Rules] = {}
        self._loaded_at = -math.inf
        self._books = books
        self._now = now
        self._report = report
        self.nav = NetAssetValue(journal)
        if journal.get(CASH) is None:
            journal.put(CASH, repr(terms.cash))
        self.initial_cash = float(journal.get(CASH) or terms.cash)
        fills = journal.fills()
        self.cash, self.positions = paper_balances(journal, self.initial_cash, coins, fills)
        self._filled = {row.client_id: row for row in fills}
        self._flow = 0.0
        self._gone = GoneCoins(journal, gone, bases={coin: coin for coin in coins}, report=report)

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
        self._loaded_at = self._now()
        for coin in self._gone.take_out(lambda name: not self._rules[name].why_closed):
            self.positions[coin] = 0.0

    def refresh(self, closes: Mapping[str, float]) -> float:
        """What was paid in since the bar before: on paper only what has left with a coin.

        The exchange's rules are loaded again when they are an hour old.
        """
        if self._now() - self._loaded_at >= RULES_PERIOD:
            # Until then those of an hour ago will do; a coin that is gone shows at its next order.
            with suppress(TryLaterError, CallAPersonError):
                self.start()
        self._flow = float(self._journal.get(FLOW) or 0.0)
        return self._flow

    def limits(self, coin: str) -> tuple[float, float]:
        """Step (coin units) and minimum notional (quote units) of an order."""
        rules = self._rules[coin]
        return rules.step, rules.min_notional

    def price(self, coin: str) -> float:
        """The best bid, quote units; NaN in an empty book."""
        bids = self._books(coin).bids
        return bids[0][0] if bids else math.nan

    def largest_drawdown(self, since: float, value: float) -> float:
        """Largest fall of the unit value from a peak, both since `since`, as a fraction."""
        return self.nav.largest_drawdown(since, self.nav.unit_value(value, self._flow))

    def carry_out(self, intent: Intent, *, may_send: bool, budget: float = math.inf) -> str:
        """Fill one intent as far as book and cash allow, once; why it is not filled, "" if it is.

        At most `budget` quote units are spent. Without `may_send` it is at its end as it is.

        Raises
        ------
        TryLaterError
            The book cannot be loaded.

        """
        left = self._left(intent)
        why = self._why_over(intent, may_send=may_send) if left else ""
        if why or not left:
            return self._end(intent, "abandoned", why)
        try:
            cut = self._fill(next_part(intent, left), budget)
        except (HaltedError, RefusedError) as refused:
            state: IntentState = "refused" if isinstance(refused, RefusedError) else "abandoned"
            return self._end(intent, state, str(refused))
        if not self._left(intent):
            return self._end(intent, "done", "")
        filled, is_sent = self._filled_units(intent), bool(self._journal.orders(intent.id))
        return put_off(self._journal, intent, filled, is_sent=is_sent, why=cut)

    def _left(self, intent: Intent) -> float:
        step, min_notional = self.limits(intent.symbol)
        return units_left(intent, self._filled_units(intent), Smallest(step, min_notional))

    def _filled_units(self, intent: Intent) -> float:
        """Signed coin units filled; a crash may have left their order without them."""
        orders = self._journal.orders(intent.id)
        for order in orders:
            row = self._filled.get(order.client_id)
            if row is not None and order.status != "filled":
                self._journal.update_order(
                    order.client_id, status="filled", filled=row.size, average=row.price
                )
        ids = [order.client_id for order in orders if order.client_id in self._filled]
        return sum(self._filled[id_].size for id_ in ids)

    def _why_over(self, intent: Intent, *, may_send: bool) -> str:
        """Why nothing more is filled, now or later; "" if something may be."""
        if len(self._journal.orders(intent.id)) >= MOST_ORDERS:
            return TOO_MANY
        if not may_send:
            return intent.why or TOO_LATE
        return self._rules[intent.symbol].why_closed

    def _end(self, intent: Intent, state: IntentState, why: str) -> str:
        filled = self._filled_units(intent)
        return end_intent(self._journal, self._report, intent, filled, state=state, why=why)

    def _next_id(self, part: Intent) -> str:
        """The client id of the next order; one that a crash has left without its fill is used."""
        orders = self._journal.orders(part.id)
        is_open = bool(orders) and orders[-1].client_id not in self._filled
        return client_id(
            self._journal.account_id,
            bar=part.time,
            symbol=part.symbol,
            leg=part.leg,
            attempt=len(orders) + (0 if is_open else 1),
        )

    def _fill(self, part: Intent, budget: float) -> str:
        """Fill `part` as far as book and cash allow; why not all of it, "" if all.

        What earlier parts have taken of the book they have taken: it does not know that.
        """
        book = self._books(part.symbol)
        levels: Levels = book.asks if part.size > 0 else book.bids
        tick_gap = self._terms.tick_gap
        if levels and (gap := abs(levels[0][0] / part.price - 1.0)) > tick_gap:
            return (
                f"the price is {gap:.0%} off the close it was decided on; "
                f"guards.tick_gap allows {tick_gap:.0%}"
            )
        worst = levels[0][0] * self._guard(part) if levels else 0.0
        levels = levels_beyond(levels, abs(self._filled_units(part)))
        given = self._fill_from(levels, part, worst, min(self.cash, budget))
        if not given.size:
            return given.cut
        id_, now = self._next_id(part), self._now()
        if self._journal.order(id_) is None:
            attempt = len(self._journal.orders(part.id)) + 1
            self._journal.record_order(_order_row(part, id_, attempt, given.size, now))
        row = FillRow(
            symbol=part.symbol,
            trade_id=id_,
            client_id=id_,
            time=now,
            size=given.size,
            price=given.price,
            fee=given.fee,
            fee_coin="",
            fee_quote=given.fee,
        )
        self._journal.add_fills([row])
        self._apply(row)
        return given.cut

    def _guard(self, part: Intent) -> float:
        """How far a price may be off the best one, as a factor."""
        guard = self._terms.price_guard
        return 1.0 + guard if part.size > 0 else 1.0 - guard

    def _fill_from(self, levels: Levels, part: Intent, worst: float, cash: float) -> PartFill:
        """What `levels` not worse than `worst`, and `cash`, give."""
        terms, buying, asked = self._terms, part.size > 0, abs(part.size)
        wanted = asked if buying else min(asked, self.positions[part.symbol])
        available, average = walk_book(levels, wanted, worst, buying=buying)
        if not available:
            return PartFill(cut="the order book is empty" if wanted else "nothing is left to sell")
        step, min_notional = self.limits(part.symbol)
        costs = Costs(terms.fee, 0.0, min_notional)
        size, price, fee = fill(math.copysign(available, part.size), average, cash, step, costs)
        if not size:
            return PartFill(cut="no cash")
        if abs(size) < available:  # fewer levels, a better price
            price = walk_book(levels, abs(size))[1]
            fee = abs(size) * price * terms.fee
        there = f"{cash:,.2f} of cash" if buying else f"{wanted:g} {part.symbol}"
        on_offer = available if buying or available < wanted else asked
        cut = why_cut(abs(size), asked, on_offer=on_offer, there=there, market=part.symbol)
        return PartFill(size, price, fee, cut)

    def _apply(self, row: FillRow) -> None:
        self.cash -= row.size * row.price + row.fee
        self.positions[row.symbol] = self.positions.get(row.symbol, 0.0) + row.size
        self._filled[row.client_id] = row


def _order_row(intent: Intent, id_: str, attempt: int, size: float, now: float) -> OrderRow:
    return OrderRow(
        client_id=id_,
        intent=intent.id,
        attempt=attempt,
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
