"""What becomes of orders: matching against the books, commissions, balances.

No unit is ever made or lost.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from itertools import count
from typing import NamedTuple

from tests.exchange.account import Balances
from tests.exchange.books import Books
from tests.exchange.markets import Market, RefusalError

SMALLEST = Decimal("0.00000001")
BNB_SHARE = Decimal("0.75")  # of the usual commission when it is paid in BNB
OPEN = ("NEW", "PARTIALLY_FILLED")


class Trade(NamedTuple):
    """One execution; `commission` in units of `commission_coin`, `time` in milliseconds."""

    id: int
    order_id: int
    market: Market
    side: str
    price: Decimal
    size: Decimal
    commission: Decimal
    commission_coin: str
    time: int
    maker: bool


class Portion(NamedTuple):
    """An order that fills only by `fraction` at first: the rest after it was asked for `queries`
    times, or never (None: it expires).
    """

    fraction: Decimal
    queries: int | None


@dataclass
class Order:
    """One order; `size` in coins, `quote_size` as sent with quoteOrderQty, `locked` in units of
    what it gives, times in milliseconds.
    """

    client_id: str
    market: Market
    side: str
    kind: str
    time_in_force: str
    price: Decimal
    size: Decimal
    quote_size: Decimal
    time: int
    updated: int
    id: int = 0  # given when it is taken
    status: str = "NEW"
    executed: Decimal = Decimal(0)
    spent: Decimal = Decimal(0)
    locked: Decimal = Decimal(0)
    trades: list[Trade] = field(default_factory=list)
    hidden_for: int = 0  # queries that will not find it
    trades_hidden_for: int = 0  # queries that will not show its trades
    rest_after: int | None = None  # queries until the rest of a market order fills

    @property
    def open(self) -> bool:
        return self.status in OPEN

    @property
    def rest(self) -> Decimal:
        return self.size - self.executed

    @property
    def gives(self) -> str:
        return self.market.quote if self.side == "BUY" else self.market.base


class Matching:
    """The orders and trades of one account since the last reset."""

    def __init__(self, books: Books, balances: Balances, stamp: Callable[[], int]) -> None:
        self.books, self.balances, self.stamp = books, balances, stamp
        self.fee = Decimal("0.001")
        self.pay_in_bnb = False
        self.orders: dict[int, Order] = {}
        self.trades: list[Trade] = []
        self.order_ids, self.trade_ids = count(1), count(1)

    def open_orders(self) -> Iterator[Order]:
        return (order for order in list(self.orders.values()) if order.open)

    def place(self, order: Order, portion: Portion | None = None) -> None:
        """Take `order` and fill what can be filled now.

        Raises
        ------
        RefusalError
            Closed market, filters, balance or a client id among the open orders; nothing has
            changed then.
        """
        market, market_order = order.market, order.kind == "MARKET"
        market.check_tradable()
        enough = self._sized(order)
        if order.size or enough:
            market.check_size(order.size, market_order=market_order)
            last = self.books.last(market.symbol)
            if not market_order:
                market.check_price(order.price, last)
            market.check_notional(
                order.quote_size or order.size * (last if market_order else order.price)
            )
        if any(other.client_id == order.client_id for other in self.open_orders()):
            raise RefusalError(-2010, "Duplicate order sent.")
        if order.kind == "LIMIT_MAKER" and self.books.offered(market, order.side, order.price):
            raise RefusalError(-2010, "Order would immediately match and take.")
        self._reserve(order)
        order.id = next(self.order_ids)
        self.orders[order.id] = order
        self._fill_first(order, portion, enough=enough)

    def touch(self) -> None:
        """Fill resting limit orders that the books have come to."""
        for order in self.open_orders():
            if (
                order.kind != "MARKET"
                and order.rest_after is None
                and order.market.status == "TRADING"
            ):
                self._take(order, order.rest, maker=True)

    def asked_for(self, order: Order) -> None:
        """Count a query for an order whose rest comes later; when its time has come, the rest
        fills.
        """
        if order.rest_after is None or not order.open:
            return
        if order.rest_after > 0:
            order.rest_after -= 1
            return
        order.rest_after = None
        if order.kind != "MARKET":
            self._take(order, order.rest)
            return
        self._unlock(order)
        if (
            order.side == "SELL"
            or self.books.cost(order.market, "BUY", order.rest) <= self.balances.free[order.gives]
        ):
            self._take(order, order.rest)
        if order.open:
            self.close(order, "EXPIRED")

    def complete(self, order: Order) -> None:
        """Fill the rest of an open order at its own price (a market order's at the last)."""
        price = order.price or self.books.last(order.market.symbol)
        if order.kind == "MARKET":
            self._unlock(order)
        self._trade(order, price, order.rest, maker=True)

    def close(self, order: Order, status: str) -> None:
        """End an open order: CANCELED or EXPIRED."""
        self._unlock(order)
        order.status, order.updated = status, self.stamp()

    def differences(self) -> dict[str, Decimal]:
        """Units by coin that the balances have too many, against deposits, trades and commissions
        counted again; empty when all is well.
        """
        expected = dict(self.balances.moved)
        for trade in self.trades:
            sign, quote = (1 if trade.side == "BUY" else -1), trade.price * trade.size
            changes = (
                (trade.market.base, sign * trade.size),
                (trade.market.quote, -sign * quote),
                (trade.commission_coin, -trade.commission),
            )
            for coin, change in changes:
                expected[coin] = expected.get(coin, Decimal(0)) + change
        locked = dict.fromkeys(self.balances.locked, Decimal(0))
        for order in self.open_orders():
            locked[order.gives] += order.locked
        found = {
            coin: free + self.balances.locked[coin] - expected.get(coin, Decimal(0))
            for coin, free in self.balances.free.items()
        }
        found |= {
            f"{coin} locked": units - locked[coin] for coin, units in self.balances.locked.items()
        }
        found |= {f"{coin} free": free for coin, free in self.balances.free.items() if free < 0}
        return {name: units for name, units in found.items() if units}

    def _sized(self, order: Order) -> bool:
        """Give an order of quote units its size; whether the book has enough for all of it."""
        if order.quote_size:
            order.size, enough = self.books.worth(order.market, order.side, order.quote_size)
            return enough
        return True

    def _reserve(self, order: Order) -> None:
        if order.kind != "MARKET":
            order.locked = order.size * (order.price if order.side == "BUY" else 1)
            self.balances.lock(order.gives, order.locked)
            return
        buys = order.side == "BUY"
        needed = (
            (order.quote_size or self.books.cost(order.market, "BUY", order.size))
            if buys
            else order.size
        )
        self.balances.take(order.gives, needed)
        self.balances.add(order.gives, needed)

    def _fill_first(self, order: Order, portion: Portion | None, *, enough: bool) -> None:
        if (
            order.time_in_force == "FOK"
            and self.books.offered(order.market, order.side, order.price) < order.size
        ):
            self.close(order, "EXPIRED")
            return
        step = order.market.step
        self._take(
            order, order.size if portion is None else order.size * portion.fraction // step * step
        )
        if portion is not None and portion.queries is not None:
            order.rest_after = portion.queries
            self._lock_rest(order)
        elif order.open and (
            portion is not None or order.kind == "MARKET" or order.time_in_force == "IOC"
        ):
            self.close(order, "EXPIRED")
        elif not enough:
            order.status = "EXPIRED"

    def _lock_rest(self, order: Order) -> None:
        if order.kind == "MARKET":
            needed = (
                self.books.cost(order.market, "BUY", order.rest)
                if order.side == "BUY"
                else order.rest
            )
            order.locked = min(needed, self.balances.free[order.gives])
            self.balances.lock(order.gives, order.locked)

    def _take(self, order: Order, size: Decimal, *, maker: bool = False) -> None:
        limit = None if order.kind == "MARKET" else order.price
        for taken in self.books.taken(order.market, order.side, size, limit):
            self._trade(order, order.price if maker else taken.price, taken.size, maker=maker)

    def _trade(self, order: Order, price: Decimal, size: Decimal, *, maker: bool) -> None:
        market, quote, buys = order.market, price * size, order.side == "BUY"
        released = min(size * (order.price or price) if buys else size, order.locked)
        self.balances.unlock(order.gives, released)
        order.locked -= released
        self.balances.take(order.gives, quote if buys else size)
        receives, received = (market.base, size) if buys else (market.quote, quote)
        self.balances.add(receives, received)
        commission, coin = self._commission(receives, received, market, quote)
        self.balances.take(coin, commission)
        now = self.stamp()
        trade = Trade(
            next(self.trade_ids),
            order.id,
            market,
            order.side,
            price,
            size,
            commission,
            coin,
            now,
            maker,
        )
        self.trades.append(trade)
        order.trades.append(trade)
        order.executed += size
        order.spent += quote
        order.status, order.updated = "PARTIALLY_FILLED" if order.rest else "FILLED", now

    def _commission(
        self, receives: str, received: Decimal, market: Market, quote: Decimal
    ) -> tuple[Decimal, str]:
        if self.pay_in_bnb and market.quote == "USDT":
            units = (quote * self.fee * BNB_SHARE / self.books.last("BNBUSDT")).quantize(
                SMALLEST, ROUND_DOWN
            )
            if units <= self.balances.free.get("BNB", Decimal(0)):
                return units, "BNB"
        return (received * self.fee).quantize(SMALLEST, ROUND_DOWN), receives

    def _unlock(self, order: Order) -> None:
        self.balances.unlock(order.gives, order.locked)
        order.locked = Decimal(0)
