"""What ccxt makes of an exchange's response, checked before it is used.

ccxt raises nothing for an HTTP 200 with a login page, an empty body or half of one: it returns an
empty account, an order without an id, a price of None. Here that is an UnusableError.
"""

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from brokers.exchange.sandboxes import ANY, BodyPath, Facts
from brokers.exchange.types import (
    Balances,
    Book,
    ExchangeOrder,
    Listing,
    Permissions,
    Side,
    Status,
    Trade,
)

EARLIEST = 1_293_840_000.0  # 2011-01-01; no exchange is older, so an earlier clock is wrong
TOLERANCE = 1e-9  # relative; what is lost on the way from decimals to floats

STATUSES: Mapping[str, Status] = {
    "open": "open",
    "PENDING_NEW": "open",  # Binance's word for the second order of a list, which ccxt passes on
    "canceling": "open",
    "closed": "filled",
    "canceled": "cancelled",
    "expired": "expired",
    "rejected": "refused",
    # Gate's words for an order whose rest is gone, where ccxt passes them on.
    "depth_not_enough": "expired",
    "fok": "expired",
    "liquidate_cancelled": "cancelled",
    "poc": "expired",
    "price_protect_cancelled": "expired",
    "small": "expired",
    "stp": "expired",
    "trader_not_enough": "expired",
}


# What ccxt's parsers, and ours, raise on a body that is not what it should be.
PARSE_ERRORS = (AttributeError, TypeError, LookupError, ValueError, ArithmeticError, RecursionError)


class UnusableError(Exception):
    """A response that the exchange cannot have meant; the message says what is wrong with it."""


def parse_server_time(milliseconds: Any) -> float:
    """The exchange's time in epoch seconds."""
    seconds = _number(milliseconds, "the time") / 1000
    if seconds < EARLIEST:
        raise UnusableError(f"an impossible time: {milliseconds!r}")
    return seconds


def parse_listings(markets: Any) -> dict[str, Listing]:
    """Spot markets by symbol; one whose numbers make no sense is left out."""
    listings = {}
    for market in _items(markets, "markets"):
        if (
            isinstance(market, Mapping)
            and market.get("spot")
            and (listing := _listing(market)) is not None
        ):
            listings[listing.symbol] = listing
    if not listings:
        raise UnusableError("a list of markets without a spot market")
    return listings


def parse_balances(response: Any, facts: Facts) -> Balances:
    """The account; used only if the body it was read from really is one."""
    raw = value_at(_member(response, "info"), facts.account)
    # Gate's body is the bare list: an empty one looks like no response.
    if not isinstance(raw, list) or (not raw and not facts.account):
        raise UnusableError("an account without its list of coins")
    for coin in raw:
        _require(coin, facts.account_fields, "a coin of the account")
    free: dict[str, float] = {}
    total: dict[str, float] = {}
    for coin in _items(_member(response, "total"), "coins"):
        amounts = _member(response, coin)
        free[coin] = _size(_member(amounts, "free"), f"free {coin}")
        total[coin] = _size(_member(amounts, "total"), f"all {coin}")
        if free[coin] > total[coin] * (1 + TOLERANCE):
            raise UnusableError(f"more {coin} free than there is")
    held = [coin for coin, units in total.items() if units > 0.0]
    return Balances({coin: free[coin] for coin in held}, {coin: total[coin] for coin in held})


def parse_permissions(response: Any) -> Permissions:
    """What the account reports of trading and withdrawing."""
    raw = _member(response, "info")
    trade, withdraw = (
        raw.get(name) if isinstance(raw, Mapping) else None for name in ("canTrade", "canWithdraw")
    )
    return Permissions(
        trade if isinstance(trade, bool) else None, withdraw if isinstance(withdraw, bool) else None
    )


def parse_order(order: Any, symbol: str, facts: Facts) -> ExchangeOrder:
    """One order of `symbol`. Its client id is ours, without the exchange's prefix."""
    _require(_member(order, "info"), facts.order_fields, "an order")
    if order.get("symbol") != symbol:
        raise UnusableError(f"an order of {order.get('symbol')!r} in place of {symbol}")
    size = _size(order.get("amount"), "an order's size")
    filled = _size(order.get("filled"), "an order's filled size")
    if size == 0.0 or filled > size * (1 + TOLERANCE):
        raise UnusableError(f"an order of {size:g} coins with {filled:g} filled")
    average = _size(order.get("cost"), "an order's cost") / filled if filled else math.nan
    if average == 0.0:
        raise UnusableError("an order filled for nothing")
    status = STATUSES.get(str(order.get("status")))
    if status is None:
        raise UnusableError(f"an order of unknown status {order.get('status')!r}")
    if status == "filled" and filled < size * (1 - TOLERANCE):
        status = "expired"  # Bybit and Gate report an order as closed when its rest has expired
    return ExchangeOrder(
        id=_name(order, "id"),
        client_id=parse_client_id(order, facts),
        symbol=symbol,
        side=_side(order),
        size=size,
        filled=filled,
        average=average,
        status=status,
        time=_time(order),
        words=_end_in_words(order, facts) if status in ("expired", "refused") else "",
    )


def _end_in_words(order: Any, facts: Facts) -> str:
    """How and why an order ended, in the exchange's own words, as in "EXPIRED_IN_MATCH"."""
    raw = _member(order, "info")
    words = (raw.get(name) for name in facts.end_fields)
    return ", ".join(str(word) for word in words if word)


def parse_client_id(order: Any, facts: Facts) -> str:
    """An order's client id without the exchange's prefix; "" for none."""
    return str(_member(order, "clientOrderId") or "").removeprefix(facts.id_prefix)


def parse_order_id(order: Any, client_id: str, facts: Facts) -> str:
    """The exchange's id of a new order, where the response holds little else."""
    if str(order.get("clientOrderId") or "") != facts.id_prefix + client_id:
        raise UnusableError("an order of another client id")
    return _name(order, "id")


def parse_trades(response: Any, of: ExchangeOrder) -> list[Trade]:
    """Executions of one order, in the exchange's sequence; none may mean not yet."""
    return [_trade(trade, of) for trade in _items(response, "trades")]


def parse_book(response: Any, content: Any, facts: Facts) -> Book:
    """Price levels; a side counts as empty only if the body has it."""
    shown = all(isinstance(value_at(content, side), list) for side in (facts.bids, facts.asks))
    if not shown and (
        facts is not ANY or not _member(response, "bids") or not _member(response, "asks")
    ):
        raise UnusableError("an order book without bids and asks")
    bids, asks = (_levels(_member(response, side)) for side in ("bids", "asks"))
    if any(after[0] > before[0] for before, after in pairwise(bids)):
        raise UnusableError("bids out of order")
    if any(after[0] < before[0] for before, after in pairwise(asks)):
        raise UnusableError("asks out of order")
    if bids and asks and bids[0][0] > asks[0][0]:
        raise UnusableError(f"a bid of {bids[0][0]:g} above an ask of {asks[0][0]:g}")
    return Book(bids, asks)


def parse_price(ticker: Any) -> float:
    """The last price, quote units."""
    last = _size(_member(ticker, "last"), "the last price")
    if last == 0.0:
        raise UnusableError("a last price of 0")
    return last


def value_at(content: Any, path: BodyPath) -> Any:
    """The value at `path` in a body; None where there is none."""
    for step in path:
        if isinstance(step, int):
            content = content[step] if isinstance(content, list) and len(content) > step else None
        else:
            content = content.get(step) if isinstance(content, Mapping) else None
    return content


def _listing(market: Mapping[str, Any]) -> Listing | None:
    symbol, base, quote = (market.get(name) for name in ("symbol", "base", "quote"))
    if not (isinstance(symbol, str) and isinstance(base, str) and isinstance(quote, str)):
        return None
    precision, limits = market.get("precision") or {}, market.get("limits") or {}
    least = ((limits.get(name) or {}).get("min") for name in ("amount", "cost"))
    # "market" is the lot of a market order.
    most = ((limits.get(name) or {}).get("max") for name in ("amount", "market", "cost"))
    try:
        step, tick, min_size, min_notional = (
            0.0 if rule is None else _size(rule, "a rule")
            for rule in (precision.get("amount"), precision.get("price"), *least)
        )
        lot, market_lot, max_notional = (
            _size(rule, "a rule") if rule else math.inf for rule in most
        )
    except UnusableError:
        return None
    return Listing(
        symbol=symbol,
        base=base,
        quote=quote,
        active=market.get("active") is not False,
        step=step,
        min_size=min_size,
        min_notional=min_notional,
        tick=tick,
        max_size=min(lot, market_lot),
        max_notional=max_notional,
    )


def _trade(trade: Any, of: ExchangeOrder) -> Trade:
    side, symbol = _side(trade), _member(trade, "symbol")
    if (trade.get("order"), symbol, side) != (of.id, of.symbol, of.side):
        raise UnusableError(
            f"a trade of order {trade.get('order')!r}, {symbol!r}, {side} among those of order "
            f"{of.id}"
        )
    size = _size(trade.get("amount"), "a trade's size")
    paid = _size(trade.get("price"), "a trade's price")
    if size == 0.0 or paid == 0.0:
        raise UnusableError("a trade of nothing")
    fee, coin = _fee(trade)
    return Trade(_name(trade, "id"), of.id, of.symbol, side, size, paid, fee, coin, _time(trade))


def _fee(trade: Mapping[str, Any]) -> tuple[float, str]:
    """Cost and coin; where several coins are named, the one with a cost."""
    fees = [
        (_number(_member(fee, "cost"), "a fee"), fee.get("currency"))
        for fee in trade.get("fees") or [trade.get("fee")]
    ]
    cost, coin = next((fee for fee in fees if fee[0]), fees[0])
    if not coin:
        raise UnusableError("a fee without a coin")
    return cost, str(coin)


def _levels(levels: Any) -> tuple[tuple[float, float], ...]:
    parsed = []
    for level in _items(levels, "price levels"):
        if not isinstance(level, list) or len(level) < 2:
            raise UnusableError("a price level without price and size")
        price, size = _size(level[0], "a level's price"), _size(level[1], "a level's size")
        if price == 0.0:
            raise UnusableError("a price level at 0")
        parsed.append((price, size))
    return tuple(parsed)


def _side(response: Any) -> Side:
    side = _member(response, "side")
    if side == "buy":
        return "buy"
    if side == "sell":
        return "sell"
    raise UnusableError(f"neither a buy nor a sell: {side!r}")


def _time(response: Mapping[str, Any]) -> float:
    return parse_server_time(response.get("timestamp"))


def _name(response: Any, member: str) -> str:
    name = _member(response, member)
    if not isinstance(name, str) or not name:
        raise UnusableError(f"no {member}")
    return name


def _size(value: Any, what: str) -> float:
    number = _number(value, what)
    if number < 0.0:
        raise UnusableError(f"{what} of {number:g}")
    return number


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UnusableError(f"{what} is not a number: {str(value)[:40]!r}")
    return float(value)


def _items(response: Any, what: str) -> Iterable[Any]:
    if not isinstance(response, list | dict):
        raise UnusableError(f"no list of {what}")
    return response


def _member(response: Any, name: str) -> Any:
    if not isinstance(response, Mapping):
        raise UnusableError(f"no {name}")
    return response.get(name)


def _require(raw: Any, fields: tuple[str, ...], what: str) -> None:
    missing = [
        name
        for name in fields
        if not _is_given(raw.get(name) if isinstance(raw, Mapping) else None)
    ]
    if missing:
        raise UnusableError(f"{what} without {', '.join(missing)}")


def _is_given(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
