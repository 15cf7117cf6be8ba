"""Binance's spot exchange as a site of the test internet: its REST API for the real ccxt client,
its account, its misfortunes.
"""

import json
import math
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from tests.exchange.account import GRANTS, Balances, Key, check_signed
from tests.exchange.books import Books
from tests.exchange.endpoints import Call, PrivateEndpoints, PublicEndpoints
from tests.exchange.faults import Faults, refusal
from tests.exchange.markets import Market, RefusalError, listed_markets
from tests.exchange.matching import Matching, Order, Portion
from tests.exchange.proxy import Answer, Asked
from tests.exchange.wire import Candle

TESTNET, LIVE = "testnet.binance.vision", "api.binance.com"
Hook = Callable[[Asked, int], Answer | None]
TURNED_AWAY = {
    429: "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. "
    "Please use WebSocket Streams for live updates.",
    418: "Way too much request weight used; IP banned until {until}. "
    "Please use WebSocket Streams for live updates to avoid bans.",
}


def no_candles(symbol: str, interval: str) -> Sequence[Candle]:
    return ()


class BinanceVenue:
    """One exchange with one account.

    At the `hosts` (the testnet) it serves market data and the account; at any other host it is
    registered for, market data only: a request there with a key or a signature is put into
    `signed_live`. `price(symbol, now)` makes prices and books, `candles(symbol, interval)` the
    candles, sorted, of which those opened by `now()` are shown. `now` is the time in epoch seconds;
    server time is `clock_offset` seconds ahead of it. `before_request` and `after_request` are
    called around each request with it and its number, from 1; an Answer from them is sent instead
    (before: nothing is executed).
    """

    def __init__(
        self,
        price: Callable[[str, float], float],
        candles: Callable[[str, str], Sequence[Candle]] = no_candles,
        now: Callable[[], float] = time.time,
        grants: Mapping[str, str] = GRANTS,
        hosts: Sequence[str] = (TESTNET,),
    ) -> None:
        self.candles, self.now, self.grants, self.hosts = candles, now, grants, hosts
        self.clock_offset = 0.0
        self.markets = listed_markets()
        self.books = Books(price, lambda: self.now())
        self.keys = {Key().name: Key()}
        self.faults = Faults()
        self.before_request: Hook | None = None
        self.after_request: Hook | None = None
        self.handled = 0
        self.signed_live: list[Asked] = []
        self.impatient: list[Asked] = []  # requests of somebody who had been told to wait
        self.wiped: list[Order] = []  # orders that a reset took away
        self.history_starts = 0  # milliseconds; the testnet's candles begin at the last reset
        self._away: dict[str, tuple[float, int]] = {}
        self._old_balances: tuple[list[dict[str, str]], int] = ([], 0)
        self.turn = threading.RLock()
        self.matching = Matching(self.books, Balances(grants), self.stamp)
        self.public, self.private = PublicEndpoints(self), PrivateEndpoints(self)
        self.person = Person(self)

    def stamp(self) -> int:
        """Server time in milliseconds."""
        return int((self.now() + self.clock_offset) * 1000)

    def answer(self, asked: Asked) -> Answer:
        """The site's answer to one request, with all that may happen to it on the way."""
        with self.turn:
            self.handled += 1
            number = self.handled
            if asked.host not in self.hosts and (
                "x-mbx-apikey" in asked.headers or "signature" in parameters(asked)
            ):
                self.signed_live.append(asked)
        if (
            self.before_request is not None
            and (instead := self.before_request(asked, number)) is not None
        ):
            return instead
        answer = self._misfortunate(asked)
        if (
            self.after_request is not None
            and (instead := self.after_request(asked, number)) is not None
        ):
            return instead
        return answer

    def market(self, symbol: str) -> Market:
        if symbol not in self.markets:
            raise RefusalError(-1121, "Invalid symbol.")
        return self.markets[symbol]

    def market_of(self, asked: Asked, symbol: str | None = None) -> Market:
        """The market named, or the one that a request is about."""
        return self.markets[symbol or parameters(asked)["symbol"]]

    @property
    def orders(self) -> list[Order]:
        """Every order there has ever been, oldest first, those before a reset too."""
        return [*self.wiped, *self.matching.orders.values()]

    def units(self, coin: str) -> Decimal:
        """Units of `coin` in the account, free and locked."""
        balances = self.matching.balances
        return balances.free.get(coin, Decimal(0)) + balances.locked.get(coin, Decimal(0))

    def conserved(self) -> bool:
        """Whether the balances are what deposits, trades and commissions make them, to the last
        decimal, and none is negative.
        """
        with self.turn:
            return not self.matching.differences()

    def reset(self) -> None:
        """The testnet's monthly reset: orders, trades, balances and history gone, ids from 1 again;
        keys and markets stay.
        """
        with self.turn:
            old = self.matching
            self.wiped += old.orders.values()
            self.matching = Matching(self.books, Balances(self.grants), self.stamp)
            self.matching.fee, self.matching.pay_in_bnb = old.fee, old.pay_in_bnb
            self.history_starts = self.stamp()

    def turn_away(self, host: str, status: int, retry_after: int) -> Answer:
        """Answer 429 or 418, and for `retry_after` seconds to everybody at `host`; whoever asks
        meanwhile is `impatient`.
        """
        self._away[host] = (self.now() + retry_after, status)
        return self._turned_away(host)

    def show_old_balances(self, queries: int) -> None:
        """Let the next `queries` questions for the account see the balances of now."""
        self._old_balances = (self.matching.balances.listed(), queries)

    def shown_balances(self) -> list[dict[str, str]]:
        old, left = self._old_balances
        self._old_balances = (old, left - 1)
        return old if left > 0 else self.matching.balances.listed()

    def fill_before_cancel(self, asked: Asked) -> None:
        """Fill the order that a cancellation is about."""
        with self.turn:
            order = self.private.find(parameters(asked))
            if order is not None and order.open:
                self.matching.complete(order)

    def _turned_away(self, host: str) -> Answer:
        until, status = self._away[host]
        answer = refusal(-1003, TURNED_AWAY[status].format(until=int(until * 1000)), status)
        return answer._replace(
            headers=(*answer.headers, ("Retry-After", str(math.ceil(until - self.now()))))
        )

    def _misfortunate(self, asked: Asked) -> Answer:
        if self.now() < self._away.get(asked.host, (0.0, 0))[0]:
            self.impatient.append(asked)
            return self._turned_away(asked.host)
        with self.turn:
            rule = self.faults.for_request(asked)

        def execute(
            shape: Callable[[Order], None] | None = None, portion: Portion | None = None
        ) -> Answer:
            return self._executed(asked, shape, portion)

        return execute() if rule is None else rule.fault(self, asked, execute, **rule.detail)

    def _executed(
        self, asked: Asked, shape: Callable[[Order], None] | None, portion: Portion | None
    ) -> Answer:
        path = asked.path.removeprefix("/api/v3/")
        name, params = asked.headers.get("x-mbx-apikey", ""), parameters(asked)
        private = (
            self.private.routes.get((asked.method, path)) if asked.host in self.hosts else None
        )
        endpoint = private or self.public.routes.get((asked.method, path))
        if endpoint is None:
            return Answer(404, b"<html><body>Not Found</body></html>")
        with self.turn:
            try:
                key = (
                    check_signed(self.keys, name, signed_text(asked), params, self.stamp())
                    if private
                    else None
                )
                self.matching.touch()
                return said(endpoint(Call(params, key, asked.host, shape, portion)))
            except RefusalError as error:
                return refusal(error.code, error.message, error.status)


class Person:
    """What the owner of the account does by hand, beside any program."""

    def __init__(self, venue: BinanceVenue) -> None:
        self._venue = venue

    def deposit(self, coin: str, units: str) -> None:
        with self._venue.turn:
            self._venue.matching.balances.move(coin, Decimal(units))

    def withdraw(self, coin: str, units: str) -> None:
        with self._venue.turn:
            self._venue.matching.balances.move(coin, -Decimal(units))

    def buy(self, symbol: str, size: str, **params: str) -> Order:
        """A market order, or with `price` and `timeInForce` and `type="LIMIT"` another."""
        return self._place(symbol=symbol, side="BUY", quantity=size, **params)

    def sell(self, symbol: str, size: str, **params: str) -> Order:
        return self._place(symbol=symbol, side="SELL", quantity=size, **params)

    def cancel(self, order: Order) -> None:
        with self._venue.turn:
            self._venue.matching.close(order, "CANCELED")

    def _place(self, **params: str) -> Order:
        with self._venue.turn:
            self._venue.private.place(
                Call(
                    {"type": "MARKET", "newClientOrderId": f"web_{secrets.token_hex(12)}", **params}
                )
            )
            return list(self._venue.matching.orders.values())[-1]


def parameters(asked: Asked) -> dict[str, str]:
    """Parameters from the query and the body."""
    return asked.query | dict(parse_qsl(asked.body.decode(), keep_blank_values=True))


def signed_text(asked: Asked) -> str:
    return asked.raw_query + asked.body.decode()


def said(content: Any) -> Answer:
    return Answer(
        200,
        json.dumps(content, separators=(",", ":")).encode(),
        (("Content-Type", "application/json;charset=UTF-8"),),
    )
