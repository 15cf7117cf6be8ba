"""The exchange: its sandbox with keys, its public prices without."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from difflib import get_close_matches
from functools import partial
from typing import Any, NamedTuple, TypeVar

from brokers.exchange import responses as answers
from brokers.exchange.calls import Calls, MissingError
from brokers.exchange.connection import made, paced, walled_in
from brokers.exchange.errors import CallAPersonError, RefusedError, UnknownOutcomeError
from brokers.exchange.rate_limits import Quiet
from brokers.exchange.sandboxes import ANY, FACTS, facts_of
from brokers.exchange.types import Balances, Book, Listing, Permissions, Placed, Side, Trade

BOOK_LEVELS = 100  # every supported exchange gives as many
LIST_LENGTH = 50  # orders of a list, newest first; Bybit's most
TRADES = 100  # executions of one order; Bybit's most
SLIVER = Decimal(
    "1e-6"
)  # of a step; a size that close below a whole number of steps is that number, spoiled by float arithmetic

Result = TypeVar("Result")


class Keys(NamedTuple):
    """The API key of a sandbox account. It prints masked."""

    key: str
    secret: str

    def __repr__(self) -> str:
        return "Keys(***, ***)"


class Client:
    """One exchange. Questions are repeated until they have a usable answer, orders are sent once.

    With `keys`, requests go to the sandbox only; without, unsigned GET requests to the live public hosts only; anything else is a
    SafetyError. `timeout` is seconds to connect and seconds without a byte, `recv_window` milliseconds for which a signed request
    holds. Every method may raise TryLaterError, CallAPersonError and SafetyError, and RefusedError for an unknown symbol.
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
        quiet: Quiet | None = None,
    ) -> None:
        """`quiet` is shared with whoever else asks the same hosts."""
        self.id = exchange_id
        self.clock_offset = 0.0  # the exchange's time minus ours, seconds
        self._facts = facts_of(exchange_id) if keys else FACTS.get(exchange_id, ANY)
        self._keys, self._now = keys, now
        self._exchange = made(exchange_id, self._facts, timeout, sandbox=keys is not None)
        self._transport = walled_in(self._exchange, self._facts, keys is not None)
        paced(self._exchange, sleep, now)
        self._exchange.options["recvWindow"] = recv_window
        if keys is not None:
            self._exchange.apiKey, self._exchange.secret = keys
        self._calls = Calls(
            exchange_id, self._facts, self._transport, set_clock=self._set_clock, sleep=sleep, now=now, secrets=tuple(keys or ()),
            quiet=quiet or Quiet(now),
        )  # fmt: skip
        self._listings: Mapping[str, Listing] = {}

    def close(self) -> None:
        """End its connections."""
        self._exchange.close()

    def sync_clock(self) -> float:
        """Measure `clock_offset` and use it from now on."""
        return self._calls.ask("server time", self._set_clock)

    def server_time(self) -> float:
        """The exchange's time, epoch seconds."""
        return self._calls.ask(
            "server time", lambda: answers.server_time(self._exchange.fetch_time())
        )

    def listings(self, reload: bool = False) -> Mapping[str, Listing]:
        """Spot markets by symbol; asked for once unless `reload`."""
        if reload or not self._listings:
            self._listings = self._calls.ask("markets", self._fetch_listings)
        return self._listings

    def book(self, symbol: str) -> Book:
        """The best price levels."""

        def call() -> Book:
            found = self._exchange.fetch_order_book(symbol, BOOK_LEVELS)
            return answers.book(found, self._content(), self._facts)

        return self._about(symbol, "order book", call)

    def price(self, symbol: str) -> float:
        """The last price, quote units."""
        return self._about(
            symbol, "price", lambda: answers.price(self._exchange.fetch_ticker(symbol))
        )

    def balances(self) -> Balances:
        """All coins of the account."""
        return self._private(
            "balances", lambda: answers.balances(self._exchange.fetch_balance(), self._facts)
        )

    def permissions(self) -> Permissions:
        """What the key may do. On Binance both are the account's: its sandbox does not tell those of a key."""
        if self._facts.account != ("balances",):
            return Permissions(None, None)

        def call() -> Permissions:
            account = self._exchange.fetch_balance()
            answers.balances(account, self._facts)
            return answers.permissions(account)

        return self._private("permissions", call)

    def order(self, client_id: str, symbol: str) -> Placed | None:
        """The order of a client id; None only if the exchange has clearly said that there is none, which can be too early to be true."""
        try:
            return self._private(
                f"order {client_id}", partial(self._find, client_id, symbol), symbol
            )
        except MissingError:
            return None

    def open_orders(self, symbol: str) -> list[Placed]:
        """Orders of `symbol` that may still fill, whoever placed them."""

        def call() -> list[Placed]:
            return list(self._read(self._exchange.fetch_open_orders(symbol), symbol))

        return self._private(f"open orders of {symbol}", call, symbol)

    def trades(self, placed: Placed) -> list[Trade]:
        """Executions of one order; they can come later than the order says that it has filled."""

        def call() -> list[Trade]:
            found = self._exchange.fetch_order_trades(placed.id, placed.symbol, None, TRADES)
            self._check_rows()
            return answers.trades(found, placed)

        try:
            return self._private(f"trades of order {placed.id}", call, placed.symbol)
        except MissingError:  # of an order that a reset took away
            return []

    def place(
        self, symbol: str, side: Side, size: float, client_id: str, limit: float | None = None
    ) -> Placed:
        """Send an order of `size` coins once: at the market, or with `limit` for what is on offer at that price or better at this moment.

        Raises
        ------
        UnknownOutcomeError
            It may exist or not.
        RefusedError
            It does not exist. So it is with TryLaterError and CallAPersonError.

        """
        listing = self._known(symbol)
        steps = _steps(size, listing)
        about = f"{side} {steps:g} {listing.base}, order {client_id}"
        kind, price, params = "market", None, {"clientOrderId": self._facts.id_prefix + client_id}
        if limit is not None:
            kind, price, params["timeInForce"] = "limit", _no_worse(limit, listing, side), "IOC"
        elif side == "buy" and self._facts.quote_buys:
            raise CallAPersonError(
                f"{self.id}: {about}: takes the size of a market buy in {listing.quote}; place it with a limit"
            )

        def call() -> Placed:
            # No price with a market order: for Binance ccxt would make the size quote units of it.
            order = self._exchange.create_order(symbol, kind, side, steps, price, params)
            if not self._facts.answers_in_full:
                id_ = answers.acknowledged(order, client_id, self._facts)
                return Placed(
                    id_,
                    client_id,
                    symbol,
                    side,
                    steps,
                    0.0,
                    math.nan,
                    "open",
                    self._now() + self.clock_offset,
                )
            placed = answers.placed(order, symbol, self._facts)
            if (placed.client_id, placed.side) != (client_id, side) or not math.isclose(
                placed.size, steps, rel_tol=1e-9
            ):
                raise answers.UnusableError(
                    f"another order, {placed.side} {placed.size:g}, client id {placed.client_id}"
                )
            return placed

        self._need_keys(about)
        try:
            return self._calls.send_once(about, call)
        except MissingError as error:  # no answer to a new order
            raise UnknownOutcomeError(
                f"{error}. Ask for the order by its client id before anything else"
            ) from None

    def cancel(self, placed: Placed) -> Placed:
        """Withdraw an order, and tell how it stands then: it may have filled first.

        Raises
        ------
        UnknownOutcomeError
            It may be withdrawn or not, or is not to be found any more.

        """
        about = f"cancel order {placed.client_id}"
        self._known(placed.symbol)
        self._need_keys(about)
        with suppress(MissingError):  # it has ended before
            self._calls.send_once(
                about, lambda: self._exchange.cancel_order(placed.id, placed.symbol)
            )
        ended = self.order(placed.client_id, placed.symbol)
        if ended is None:
            raise UnknownOutcomeError(
                f"{self.id}: {about}: neither can it be cancelled nor found; was the sandbox reset?"
            )
        return ended

    def _set_clock(self) -> float:
        # Against the moment the answer is here: a stamp that is the way back too early is taken for `recv_window`, one too late is not.
        self.clock_offset = answers.server_time(self._exchange.fetch_time()) - self._now()
        self._exchange.options["timeDifference"] = round(-self.clock_offset * 1000)
        return self.clock_offset

    def _fetch_listings(self) -> dict[str, Listing]:
        # Not load_markets, which takes an empty body for an exchange without markets.
        markets = self._exchange.fetch_markets()
        found = answers.listings(markets)
        self._exchange.set_markets(
            [
                market
                for market in markets
                if market and market.get("symbol") in found and market.get("spot")
            ]
        )
        return found

    def _find(self, client_id: str, symbol: str) -> Placed:
        import ccxt

        id_ = self._facts.id_prefix + client_id
        if self._facts.takes_client_id:
            try:
                found = answers.placed(
                    self._exchange.fetch_order(id_, symbol, {"clientOrderId": id_}),
                    symbol,
                    self._facts,
                )
            except ccxt.OrderNotFound:
                if not self._facts.lists:
                    raise
            else:
                return self._checked(found, client_id)
        for name in self._facts.lists:
            params = {self._facts.list_filter: id_} if self._facts.list_filter else {}
            for order in self._read(
                getattr(self._exchange, name)(symbol, None, LIST_LENGTH, params), symbol
            ):
                if order.client_id == client_id:
                    return order
        raise MissingError(client_id)

    def _checked(self, found: Placed, client_id: str) -> Placed:
        if found.client_id != client_id:
            raise answers.UnusableError(f"order {found.client_id!r} in place of {client_id!r}")
        return found

    def _read(self, orders: Any, symbol: str) -> Iterator[Placed]:
        self._check_rows()
        for order in orders:
            yield answers.placed(order, symbol, self._facts)

    def _check_rows(self) -> None:
        if not isinstance(answers.inside(self._content(), self._facts.rows), list):
            raise answers.UnusableError("no list")

    def _content(self) -> Any:
        reply = self._transport.reply
        return reply.content() if reply is not None else None

    def _known(self, symbol: str) -> Listing:
        known = self.listings()
        if symbol not in known:
            near = ", ".join(get_close_matches(symbol, known, 3)) or "none is like it"
            raise RefusedError(
                f"{self.id}: lists no spot market {symbol!r}; nearest: {near}", "market"
            )
        return known[symbol]

    def _about(self, symbol: str, what: str, call: Callable[[], Result]) -> Result:
        self._known(symbol)
        return self._calls.ask(f"{what} of {symbol}", call)

    def _private(self, what: str, call: Callable[[], Result], symbol: str = "") -> Result:
        self._need_keys(what)
        self._known(symbol) if symbol else self.listings()
        return self._calls.ask(what, call)

    def _need_keys(self, what: str) -> None:
        if self._keys is None:
            raise CallAPersonError(
                f"{self.id}: {what}: needs keys, and this client reads public prices; set exchange.mode to testnet for orders"
            )


def _steps(size: float, listing: Listing) -> float:
    """`size` in whole steps, never more than it was."""
    step = Decimal(repr(listing.step)) if listing.step else Decimal("1e-8")
    whole = (Decimal(repr(size)) / step + SLIVER).to_integral_value(ROUND_FLOOR) * step
    if whole <= 0:
        raise RefusedError(
            f"{listing.symbol}: a size of {size:g} is less than one step of {step:g}; nothing was sent",
            "limits",
        )
    return float(whole)


def _no_worse(limit: float, listing: Listing, side: Side) -> float:
    """`limit` on the grid of prices: a buy's rounded down, a sell's up."""
    tick = Decimal(repr(listing.tick)) if listing.tick else Decimal("1e-8")
    rounding = ROUND_FLOOR if side == "buy" else ROUND_CEILING
    price = (Decimal(repr(limit)) / tick).to_integral_value(rounding) * tick
    if price <= 0:
        raise RefusedError(
            f"{listing.symbol}: a limit of {limit:g} is less than one tick of {tick:g}; nothing was sent",
            "limits",
        )
    return float(price)
