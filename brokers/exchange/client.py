"""The exchange: its sandbox with keys, its public prices without."""

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any, NamedTuple, TypeVar

from brokers.exchange import responses
from brokers.exchange.calls import ArchivedError, Calls, MissingError
from brokers.exchange.connection import create_exchange, restrict_hosts, set_pace
from brokers.exchange.errors import (
    CallAPersonError,
    ExchangeError,
    RefusedError,
    UnknownOutcomeError,
)
from brokers.exchange.order_responses import (
    SentOrder,
    acknowledged_order,
    archived_order,
    new_order,
    same_order,
)
from brokers.exchange.rate_limits import RateLimits
from brokers.exchange.rounding import round_limit, round_size
from brokers.exchange.sandboxes import ANY, FACTS, facts_of
from brokers.exchange.types import Balances, Book, ExchangeOrder, Listing, Permissions, Side, Trade

BOOK_LEVELS = 100  # every supported exchange gives as many
LIST_LENGTH = 50  # orders of a list, newest first; Bybit's most
TRADES = 100  # executions of one order; Bybit's most

Result = TypeVar("Result")


class Keys(NamedTuple):
    """The API key of a sandbox account. It prints masked."""

    key: str
    secret: str

    def __repr__(self) -> str:
        return "Keys(***, ***)"


class Client:
    """One exchange. Read requests are repeated until a usable response comes, orders are sent once.

    With `keys`, requests go to the sandbox only; without, unsigned GET requests to the live public
    hosts only; anything else is a SafetyError. `timeout` is seconds to connect and seconds without
    a byte, `recv_window` milliseconds for which a signed request is valid. Every method may raise
    TryLaterError, CallAPersonError and SafetyError, and RefusedError for an unknown symbol.
    """

    def __init__(
        self,
        exchange_id: str,
        keys: Keys | None,
        *,
        timeout: float,
        recv_window: int,
        sleep: Callable[[float], None],
        now: Callable[[], float],
        rate_limits: RateLimits | None = None,
    ) -> None:
        """`rate_limits` is shared by all clients of the same hosts."""
        self.id = exchange_id
        self.clock_offset = 0.0  # the exchange's time minus ours, seconds
        self._facts = facts_of(exchange_id) if keys else FACTS.get(exchange_id, ANY)
        self._keys, self._now = keys, now
        self._exchange = create_exchange(
            exchange_id, self._facts, timeout, sandbox=keys is not None
        )
        self._transport = restrict_hosts(self._exchange, self._facts, keys=keys is not None)
        set_pace(self._exchange, sleep, now)
        self._exchange.options["recvWindow"] = recv_window
        if keys is not None:
            self._exchange.apiKey, self._exchange.secret = keys
        self._calls = Calls(
            exchange_id,
            self._facts,
            self._transport,
            set_clock=self._set_clock,
            sleep=sleep,
            now=now,
            server_now=lambda: now() + self.clock_offset,
            secrets=tuple(keys or ()),
            rate_limits=rate_limits or RateLimits(now),
        )
        self._listings: Mapping[str, Listing] = {}

    def close(self) -> None:
        """End its connections."""
        self._exchange.close()

    def sync_clock(self) -> float:
        """Measure `clock_offset` and use it from now on."""
        return self._calls.ask("server time", self._set_clock)

    def server_time(self) -> float:
        """The exchange's time, epoch seconds."""
        return self._calls.ask("server time", self._fetch_time)

    def answers(self) -> bool:
        """Whether the exchange answers at all, asked once."""
        try:
            self._calls.send_once("server time", self._fetch_time)
        except ExchangeError:
            return False
        return True

    def listings(self, *, reload: bool = False) -> Mapping[str, Listing]:
        """Spot markets by symbol; asked for once unless `reload`."""
        if reload or not self._listings:
            self._listings = self._calls.ask("markets", self._fetch_listings)
        return self._listings

    def book(self, symbol: str) -> Book:
        """The best price levels."""

        def call() -> Book:
            book = self._exchange.fetch_order_book(symbol, BOOK_LEVELS)
            return responses.parse_book(book, self._content(), self._facts)

        return self._ask_about(symbol, "order book", call)

    def price(self, symbol: str) -> float:
        """The last price, quote units."""
        return self._ask_about(
            symbol, "price", lambda: responses.parse_price(self._exchange.fetch_ticker(symbol))
        )

    def balances(self) -> Balances:
        """All coins of the account."""
        return self._private(
            "balances",
            lambda: responses.parse_balances(self._exchange.fetch_balance(), self._facts),
        )

    def permissions(self) -> Permissions:
        """What the key may do; on Binance what the account may, as its sandbox reports no more."""
        if self._facts.account != ("balances",):
            return Permissions(None, None)

        def call() -> Permissions:
            account = self._exchange.fetch_balance()
            responses.parse_balances(account, self._facts)
            return responses.parse_permissions(account)

        return self._private("permissions", call)

    def order(self, client_id: str, symbol: str) -> ExchangeOrder | None:
        """The order of a client id; None only if the exchange reports that there is none.

        Shortly after an order was sent, that report can be wrong. One that it has archived, which
        ended long ago with nothing filled, comes without an id, a size and a time.
        """
        try:
            return self._private(
                f"order {client_id}", partial(self._find, client_id, symbol), symbol
            )
        except ArchivedError as archived:
            return archived_order(client_id, symbol, archived.words)
        except MissingError:
            return None

    def open_orders(self, symbol: str) -> list[ExchangeOrder]:
        """Orders of `symbol` that may still fill, whoever placed them."""

        def call() -> list[ExchangeOrder]:
            return list(self._read(self._exchange.fetch_open_orders(symbol), symbol))

        return self._private(f"open orders of {symbol}", call, symbol)

    def recent_orders(self, symbol: str, wanted: Callable[[str], bool]) -> list[ExchangeOrder]:
        """The newest orders of `symbol`, ended ones too, whose client id is `wanted`."""

        def call() -> list[ExchangeOrder]:
            fetch, length = getattr(self._exchange, self._facts.history), self._facts.history_length
            return list(self._read(fetch(symbol, None, length), symbol, wanted))

        return self._private(f"orders of {symbol}", call, symbol)

    def trades(self, order: ExchangeOrder) -> list[Trade]:
        """Executions of one order; they can appear later than the order is reported as filled."""

        def call() -> list[Trade]:
            trades = self._exchange.fetch_order_trades(order.id, order.symbol, None, TRADES)
            self._check_rows()
            return responses.parse_trades(trades, order)

        try:
            return self._private(f"trades of order {order.id}", call, order.symbol)
        except MissingError:  # the sandbox was reset
            return []

    def place(
        self, symbol: str, side: Side, size: float, client_id: str, limit: float | None = None
    ) -> ExchangeOrder:
        """Send an order of `size` coins once: at the market, or immediate-or-cancel at `limit`.

        Raises
        ------
        UnknownOutcomeError
            It may exist or not.
        RefusedError
            It does not exist. The same holds for TryLaterError and CallAPersonError.

        """
        listing = self._listing(symbol)
        size = round_size(size, listing)
        about = f"{side} {size:g} {listing.base}, order {client_id}"
        kind, price, params = "market", None, {"clientOrderId": self._facts.id_prefix + client_id}
        if limit is not None:
            kind, price, params["timeInForce"] = "limit", round_limit(limit, listing, side), "IOC"
        elif side == "buy" and self._facts.quote_buys:
            raise CallAPersonError(
                f"{self.id}: {about}: takes the size of a market buy in {listing.quote}; place it "
                "with a limit"
            )

        def call() -> ExchangeOrder:
            # No price with a market order: for Binance ccxt would turn the size into quote units.
            raw = self._exchange.create_order(symbol, kind, side, size, price, params)
            sent = SentOrder(client_id, symbol, side, size)
            if self._facts.returns_whole_order:
                return new_order(raw, sent, self._facts)
            return acknowledged_order(raw, sent, self._facts, self._now() + self.clock_offset)

        self._need_keys(about)
        try:
            return self._calls.send_once(about, call)
        except MissingError as error:  # not a response to a new order
            raise UnknownOutcomeError(
                f"{error}. Ask for the order by its client id before anything else"
            ) from None

    def cancel(self, order: ExchangeOrder) -> ExchangeOrder:
        """Cancel an order, and return it as it is then: it may have filled first, or be open still.

        Raises
        ------
        UnknownOutcomeError
            It may be cancelled or not, cannot be found any more, or is open because its
            cancellation was refused.

        """
        about = f"cancel order {order.client_id}"
        self._listing(order.symbol)
        self._need_keys(about)
        refusal = ""
        try:
            self._calls.send_once(
                about, lambda: self._exchange.cancel_order(order.id, order.symbol)
            )
        except (MissingError, RefusedError) as error:  # mostly: it has ended before
            refusal = error.words or str(error)
        ended = self.order(order.client_id, order.symbol)
        if ended is None:
            raise UnknownOutcomeError(
                f"{self.id}: {about}: cannot be cancelled and cannot be found; was the sandbox "
                "reset?"
            )
        if refusal and ended.status == "open":
            raise UnknownOutcomeError(
                f"{self.id}: {about}: was refused ({refusal}) and the order is still open; it is "
                "tried again later, or cancel it by hand",
                refusal,
            )
        return ended

    def _fetch_time(self) -> float:
        return responses.parse_server_time(self._exchange.fetch_time())

    def _set_clock(self) -> float:
        # Measured when the response is here: a time stamp that is early by the way back is accepted
        # within `recv_window`, one that is late is not.
        self.clock_offset = self._fetch_time() - self._now()
        self._exchange.options["timeDifference"] = round(-self.clock_offset * 1000)
        return self.clock_offset

    def _fetch_listings(self) -> dict[str, Listing]:
        # Not load_markets, which reads an empty body as an exchange without markets.
        markets = self._exchange.fetch_markets()
        listings = responses.parse_listings(markets)
        spot = [market for market in markets if market and market.get("spot")]
        self._exchange.set_markets([market for market in spot if market.get("symbol") in listings])
        return listings

    def _find(self, client_id: str, symbol: str) -> ExchangeOrder:
        import ccxt

        id_ = self._facts.id_prefix + client_id
        if self._facts.takes_client_id:
            try:
                raw = self._exchange.fetch_order(id_, symbol, {"clientOrderId": id_})
                order = responses.parse_order(raw, symbol, self._facts)
            except ccxt.OrderNotFound:
                if not self._facts.lists:
                    raise
            else:
                return same_order(order, client_id)
        params = {self._facts.list_filter: id_} if self._facts.list_filter else {}
        for name in self._facts.lists:
            rows = getattr(self._exchange, name)(symbol, None, LIST_LENGTH, params)
            for order in self._read(rows, symbol):
                if order.client_id == client_id:
                    return order
        raise MissingError(client_id)

    def _read(
        self, orders: Any, symbol: str, wanted: Callable[[str], bool] | None = None
    ) -> Iterator[ExchangeOrder]:
        self._check_rows()
        for order in orders:
            if wanted is None or wanted(responses.parse_client_id(order, self._facts)):
                yield responses.parse_order(order, symbol, self._facts)

    def _check_rows(self) -> None:
        if not isinstance(responses.value_at(self._content(), self._facts.rows), list):
            raise responses.UnusableError("no list")

    def _content(self) -> Any:
        reply = self._transport.reply
        return reply.content() if reply is not None else None

    def _listing(self, symbol: str) -> Listing:
        listings = self.listings()
        if symbol not in listings:
            near = ", ".join(get_close_matches(symbol, listings, 3)) or "none"
            raise RefusedError(
                f"{self.id}: lists no spot market {symbol!r}; nearest: {near}", "market"
            )
        return listings[symbol]

    def _ask_about(self, symbol: str, what: str, call: Callable[[], Result]) -> Result:
        self._listing(symbol)
        return self._calls.ask(f"{what} of {symbol}", call)

    def _private(self, what: str, call: Callable[[], Result], symbol: str = "") -> Result:
        self._need_keys(what)
        self._listing(symbol) if symbol else self.listings()
        return self._calls.ask(what, call)

    def _need_keys(self, what: str) -> None:
        if self._keys is None:
            raise CallAPersonError(
                f"{self.id}: {what}: needs keys, and this client reads public prices; set "
                "exchange.mode to testnet for orders"
            )
