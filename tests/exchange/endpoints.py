"""What each endpoint of Binance's spot API (/api/v3) answers, from parameters to JSON."""

import json
import re
import secrets
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.exchange import wire
from tests.exchange.account import Key, invalid_key
from tests.exchange.markets import KINDS, Market, RefusalError
from tests.exchange.matching import Order, Portion

if TYPE_CHECKING:
    from tests.exchange.venue import BinanceVenue

DAY = 86_400_000
LEGAL_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")


class Call(NamedTuple):
    """One request to an endpoint; `shape` and `portion` are what a fault does to the order it
    places.
    """

    params: Mapping[str, str]
    key: Key | None = None
    host: str = ""
    shape: Callable[[Order], None] | None = None
    portion: Portion | None = None


def missing(name: str) -> RefusalError:
    return RefusalError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def required(params: Mapping[str, str], name: str) -> str:
    if not params.get(name):
        raise missing(name)
    return params[name]


def number(params: Mapping[str, str], name: str) -> Decimal:
    """A positive number of at most eight decimals."""
    try:
        value = Decimal(required(params, name))
    except InvalidOperation:
        raise RefusalError(
            -1100,
            f"Illegal characters found in parameter '{name}'; legal range is "
            "'^([0-9]{1,20})(\\.[0-9]{1,20})?$'.",
        ) from None
    if value != value.quantize(Decimal("1e-8")):
        raise RefusalError(-1111, f"Parameter '{name}' has too much precision.")
    if value <= 0:
        raise RefusalError(-1013, "Invalid price." if name == "price" else "Invalid quantity.")
    return value


class PublicEndpoints:
    """Market data: no key, no signature."""

    def __init__(self, venue: "BinanceVenue") -> None:
        self.venue = venue
        self.routes: dict[tuple[str, str], Callable[[Call], Any]] = {
            ("GET", "ping"): lambda call: {},
            ("GET", "time"): lambda call: {"serverTime": venue.stamp()},
            ("GET", "exchangeInfo"): self.exchange_info,
            ("GET", "klines"): self.klines,
            ("GET", "depth"): self.depth,
            ("GET", "ticker/price"): lambda call: self._each(call, self._price),
            ("GET", "ticker/bookTicker"): lambda call: self._each(
                call, lambda market: {"symbol": market.symbol, **self._best(market)}
            ),
            ("GET", "ticker/24hr"): lambda call: self._each(call, self._day),
        }

    def exchange_info(self, call: Call) -> dict[str, Any]:
        limits = [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": 6000,
            }
        ]
        symbols = [market.listed() for market in self._markets(call)]
        return {
            "timezone": "UTC",
            "serverTime": self.venue.stamp(),
            "rateLimits": limits,
            "exchangeFilters": [],
            "symbols": symbols,
        }

    def klines(self, call: Call) -> list[list[Any]]:
        params, venue = call.params, self.venue
        market, interval = venue.market(required(params, "symbol")), required(params, "interval")
        if interval[-1:] not in wire.MILLISECONDS or not interval[:-1].isdigit():
            raise RefusalError(-1120, "Invalid interval.")
        rows = venue.candles(market.symbol, interval)
        end = min(int(params.get("endTime", 2**53)), int(venue.now() * 1000))
        start = int(params.get("startTime", 0))
        if call.host in venue.hosts:
            start = max(start, venue.history_starts)
        first = bisect_left(rows, start, key=lambda row: int(row[0]))
        last = bisect_right(rows, end, key=lambda row: int(row[0]))
        limit = min(int(params.get("limit", 500)), 1000)
        chosen = rows[first:last][:limit] if "startTime" in params else rows[first:last][-limit:]
        return [wire.candle(row, interval) for row in chosen]

    def depth(self, call: Call) -> dict[str, Any]:
        market, limit = (
            self.venue.market(required(call.params, "symbol")),
            int(call.params.get("limit", 100)),
        )
        sides = {"bids": self.venue.books.bids(market), "asks": self.venue.books.asks(market)}
        levels = {
            name: [[wire.units(price), wire.units(size)] for price, size in side[:limit]]
            for name, side in sides.items()
        }
        return {"lastUpdateId": self.venue.handled, **levels}

    def _markets(self, call: Call) -> list[Market]:
        if "symbol" in call.params:
            return [self.venue.market(call.params["symbol"])]
        if "symbols" in call.params:
            return [self.venue.market(symbol) for symbol in json.loads(call.params["symbols"])]
        return list(self.venue.markets.values())

    def _each(self, call: Call, shown: Callable[[Market], dict[str, Any]]) -> Any:
        answers = [shown(market) for market in self._markets(call)]
        return answers[0] if "symbol" in call.params else answers

    def _price(self, market: Market) -> dict[str, Any]:
        return {"symbol": market.symbol, "price": wire.units(self.venue.books.last(market.symbol))}

    def _best(self, market: Market) -> dict[str, Any]:
        best: dict[str, Any] = {}
        for name, side in (
            ("bid", self.venue.books.bids(market)),
            ("ask", self.venue.books.asks(market)),
        ):
            price, size = side[0] if side else (0, 0)
            best |= {f"{name}Price": wire.units(price), f"{name}Qty": wire.units(size)}
        return best

    def _day(self, market: Market) -> dict[str, Any]:
        before = Decimal(
            repr(float(self.venue.books.price_at(market.symbol, self.venue.now() - DAY / 1000)))
        )
        return wire.day_ticker(
            market.symbol,
            self.venue.books.last(market.symbol),
            before,
            self._best(market),
            self.venue.stamp(),
        )


class PrivateEndpoints:
    """The account: every request is signed."""

    def __init__(self, venue: "BinanceVenue") -> None:
        self.venue = venue
        self.routes: dict[tuple[str, str], Callable[[Call], Any]] = {
            ("GET", "account"): self.account,
            ("GET", "account/commission"): self.commission,
            ("POST", "order"): self.place,
            ("GET", "order"): self.order,
            ("DELETE", "order"): self.cancel,
            ("GET", "openOrders"): self.open_orders,
            ("DELETE", "openOrders"): self.cancel_all,
            ("GET", "allOrders"): self.all_orders,
            ("GET", "myTrades"): self.trades,
        }

    def account(self, call: Call) -> dict[str, Any]:
        assert call.key is not None
        balances = self.venue.shown_balances()
        if call.params.get("omitZeroBalances") == "true":
            balances = [
                balance
                for balance in balances
                if Decimal(balance["free"]) or Decimal(balance["locked"])
            ]
        fee = wire.units(self.venue.matching.fee)
        return {
            "makerCommission": 10,
            "takerCommission": 10,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {
                "maker": fee,
                "taker": fee,
                "buyer": wire.units(0),
                "seller": wire.units(0),
            },
            "canTrade": call.key.trade,
            "canWithdraw": call.key.withdraw,
            "canDeposit": True,
            "brokered": False,
            "updateTime": self.venue.stamp(),
            "accountType": "SPOT",
            "balances": balances,
            "permissions": ["SPOT"],
            "uid": 1,
        }

    def commission(self, call: Call) -> dict[str, Any]:
        rates = dict.fromkeys(
            ("maker", "taker"), wire.units(self.venue.matching.fee)
        ) | dict.fromkeys(("buyer", "seller"), wire.units(0))
        return {
            "symbol": self.venue.market(required(call.params, "symbol")).symbol,
            "standardCommission": rates,
        }

    def place(self, call: Call) -> dict[str, Any]:
        self._check_may_trade(call)
        order = self._new(call.params)
        self.venue.matching.place(order, call.portion)
        if call.shape is not None:
            call.shape(order)
        full = call.params.get("newOrderRespType", "FULL") == "FULL"
        answer = wire.order_placed(order, fills=full)
        if call.params.get("newOrderRespType") == "ACK":
            return {
                name: answer[name]
                for name in ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")
            }
        return answer

    def order(self, call: Call) -> dict[str, Any]:
        order = self.find(call.params)
        if order is not None and order.hidden_for:
            order.hidden_for -= 1
            order = None
        if order is None:
            raise RefusalError(-2013, "Order does not exist.")
        self.venue.matching.asked_for(order)
        return wire.order_queried(order)

    def cancel(self, call: Call) -> dict[str, Any]:
        self._check_may_trade(call)
        order = self.find(call.params)
        if order is None or not order.open or order.hidden_for:
            raise RefusalError(-2011, "Unknown order sent.")
        self.venue.matching.close(order, "CANCELED")
        return wire.order_cancelled(
            order, call.params.get("newClientOrderId", secrets.token_hex(11))
        )

    def cancel_all(self, call: Call) -> list[dict[str, Any]]:
        self._check_may_trade(call)
        market = self.venue.market(required(call.params, "symbol"))
        orders = [order for order in self.venue.matching.open_orders() if order.market is market]
        if not orders:
            raise RefusalError(-2011, "Unknown order sent.")
        for order in orders:
            self.venue.matching.close(order, "CANCELED")
        return [wire.order_cancelled(order, secrets.token_hex(11)) for order in orders]

    def open_orders(self, call: Call) -> list[dict[str, Any]]:
        symbol = (
            self.venue.market(call.params["symbol"]).symbol if "symbol" in call.params else None
        )
        orders = [
            order
            for order in self.venue.matching.open_orders()
            if symbol in (None, order.market.symbol) and not order.hidden_for
        ]
        for order in orders:
            self.venue.matching.asked_for(order)
        return [wire.order_queried(order) for order in orders if order.open]

    def all_orders(self, call: Call) -> list[dict[str, Any]]:
        market = self.venue.market(required(call.params, "symbol"))
        orders = [
            order
            for order in self.venue.matching.orders.values()
            if order.market is market and not order.hidden_for
        ]
        for order in orders:
            self.venue.matching.asked_for(order)
        first = "orderId" if "orderId" in call.params else None
        return [wire.order_queried(order) for order in _window(call.params, orders, first)]

    def trades(self, call: Call) -> list[dict[str, Any]]:
        market, matching = self.venue.market(required(call.params, "symbol")), self.venue.matching
        hidden = {
            order.id
            for order in matching.orders.values()
            if order.market is market and order.trades_hidden_for
        }
        for order_id in hidden:
            matching.orders[order_id].trades_hidden_for -= 1
        trades = [
            trade
            for trade in matching.trades
            if trade.market is market and trade.order_id not in hidden
        ]
        if "orderId" in call.params:
            trades = [trade for trade in trades if trade.order_id == int(call.params["orderId"])]
        return [
            wire.trade(trade)
            for trade in _window(call.params, trades, "fromId" if "fromId" in call.params else None)
        ]

    def find(self, params: Mapping[str, str]) -> Order | None:
        """The order of an exchange id, or the newest of a client id."""
        symbol = self.venue.market(required(params, "symbol")).symbol
        orders = self.venue.matching.orders
        if params.get("orderId"):
            order = orders.get(int(params["orderId"]))
            return order if order is not None and order.market.symbol == symbol else None
        wanted = required(params, "origClientOrderId")
        return next(
            (
                order
                for order in reversed(list(orders.values()))
                if order.client_id == wanted and order.market.symbol == symbol
            ),
            None,
        )

    def _check_may_trade(self, call: Call) -> None:
        if call.key is not None and not call.key.trade:
            raise invalid_key()

    def _new(self, params: Mapping[str, str]) -> Order:
        market, side, kind = (
            self.venue.market(required(params, "symbol")),
            required(params, "side"),
            required(params, "type"),
        )
        if side not in ("BUY", "SELL"):
            raise RefusalError(-1117, "Invalid side.")
        if kind not in KINDS[:3]:
            raise RefusalError(-1116, "Invalid orderType.")
        client_id = params.get("newClientOrderId") or secrets.token_hex(11)
        if not LEGAL_ID.fullmatch(client_id):
            legal = "'^[\\.A-Z\\:/a-z0-9_-]{1,36}$'"
            raise RefusalError(
                -1100,
                "Illegal characters found in parameter 'newClientOrderId'; legal range is "
                f"{legal}.",
            )
        price, size, quote_size = _amounts(params, kind)
        time_in_force = required(params, "timeInForce") if kind == "LIMIT" else "GTC"
        if time_in_force not in ("GTC", "IOC", "FOK"):
            raise RefusalError(-1115, "Invalid timeInForce.")
        now = self.venue.stamp()
        return Order(
            client_id, market, side, kind, time_in_force, price, size, quote_size, now, now
        )


def _amounts(params: Mapping[str, str], kind: str) -> tuple[Decimal, Decimal, Decimal]:
    """Price, size and quote size, zero for what the kind of order has not."""
    nothing = Decimal(0)
    if kind != "MARKET":
        return number(params, "price"), number(params, "quantity"), nothing
    for name in ("price", "timeInForce"):
        if name in params:
            raise RefusalError(-1106, f"Parameter '{name}' sent when not required.")
    if "quoteOrderQty" not in params:
        return nothing, number(params, "quantity"), nothing
    if "quantity" in params:
        raise RefusalError(-1128, "Combination of optional parameters invalid.")
    return nothing, nothing, number(params, "quoteOrderQty")


def _window(params: Mapping[str, str], found: list[Any], first_id: str | None) -> list[Any]:
    """The part of `found` that startTime, endTime, limit and a first id ask for: the oldest from a
    beginning on, or else the newest.
    """
    limit = min(int(params.get("limit", 500)), 1000)
    start, end = int(params.get("startTime", 0)), int(params.get("endTime", 2**53))
    if "startTime" in params and "endTime" in params and end - start > DAY:
        raise RefusalError(-1127, "More than 24 hours between startTime and endTime.")
    if (
        first_id is not None
        and first_id != "orderId"
        and ("startTime" in params or "endTime" in params)
    ):
        raise RefusalError(-1128, "Combination of optional parameters invalid.")
    least = int(params[first_id]) if first_id else 0
    chosen = [one for one in found if start <= one.time <= end and one.id >= least]
    return chosen[:limit] if "startTime" in params or first_id else chosen[-limit:]
