"""What ccxt makes of an exchange's answer, checked before it is believed.

ccxt raises nothing for an HTTP 200 with a login page, an empty body or half of one: it gives an empty account, an order without an id,
a price of None. Here that is an UnusableError.
"""

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from brokers.exchange.sandboxes import ANY, Facts, Place
from brokers.exchange.types import Balances, Book, Listing, Permissions, Placed, Side, Status, Trade

EARLIEST = 1_293_840_000.0  # 2011 began; no exchange is older, and a clock that says so is wrong
A_HAIR = 1e-9  # relative; what is lost on the way from decimals to floats

STATUSES: Mapping[str, Status] = {
    "open": "open",
    "canceling": "open",
    "closed": "filled",
    "canceled": "cancelled",
    "expired": "expired",
    "rejected": "refused",
    # How Gate says that the rest of an order is gone, where ccxt passes the word on.
    "depth_not_enough": "expired",
    "fok": "expired",
    "liquidate_cancelled": "cancelled",
    "poc": "expired",
    "price_protect_cancelled": "expired",
    "small": "expired",
    "stp": "expired",
    "trader_not_enough": "expired",
}


# What ccxt, and we after it, stumble over in a body that is not what it should be.
STUMBLES = (AttributeError, TypeError, LookupError, ValueError, ArithmeticError, RecursionError)


class UnusableError(Exception):
    """An answer that cannot be what the exchange wanted to say; the message says what is wrong with it."""


def server_time(milliseconds: Any) -> float:
    """The exchange's time in epoch seconds."""
    seconds = _number(milliseconds, "the time") / 1000
    if seconds < EARLIEST:
        raise UnusableError(f"a time that cannot be: {milliseconds!r}")
    return seconds


def listings(markets: Any) -> dict[str, Listing]:
    """Spot markets by symbol; one whose numbers make no sense is left out."""
    found = {}
    for market in _items(markets, "markets"):
        if (
            isinstance(market, Mapping)
            and market.get("spot")
            and (listing := _listing(market)) is not None
        ):
            found[listing.symbol] = listing
    if not found:
        raise UnusableError("a list of markets without one spot market")
    return found


def balances(answer: Any, facts: Facts) -> Balances:
    """The account; believed only if the body it was read from really is one."""
    raw = inside(_member(answer, "info"), facts.account)
    # Gate's body is the bare list, so that none of it is the same as no answer.
    if not isinstance(raw, list) or (not raw and not facts.account):
        raise UnusableError("an account without its list of coins")
    for coin in raw:
        _require(coin, facts.account_fields, "a coin of the account")
    free: dict[str, float] = {}
    total: dict[str, float] = {}
    for coin in _items(_member(answer, "total"), "coins"):
        amounts = _member(answer, coin)
        free[coin] = _size(_member(amounts, "free"), f"free {coin}")
        total[coin] = _size(_member(amounts, "total"), f"all {coin}")
        if free[coin] > total[coin] * (1 + A_HAIR):
            raise UnusableError(f"more {coin} free than there is")
    held = [coin for coin, units in total.items() if units > 0.0]
    return Balances({coin: free[coin] for coin in held}, {coin: total[coin] for coin in held})


def permissions(answer: Any) -> Permissions:
    """What the account says of trading and withdrawing."""
    raw = _member(answer, "info")
    trade, withdraw = (
        raw.get(name) if isinstance(raw, Mapping) else None for name in ("canTrade", "canWithdraw")
    )
    return Permissions(
        trade if isinstance(trade, bool) else None, withdraw if isinstance(withdraw, bool) else None
    )


def placed(order: Any, symbol: str, facts: Facts) -> Placed:
    """One order of `symbol`. Its client id is what we gave it, without the exchange's prefix."""
    _require(_member(order, "info"), facts.order_fields, "an order")
    if order.get("symbol") != symbol:
        raise UnusableError(f"an order of {order.get('symbol')!r} in place of {symbol}")
    size, filled = (
        _size(order.get("amount"), "an order's size"),
        _size(order.get("filled"), "an order's filled size"),
    )
    if size == 0.0 or filled > size * (1 + A_HAIR):
        raise UnusableError(f"an order of {size:g} coins with {filled:g} filled")
    average = _size(order.get("cost"), "an order's cost") / filled if filled else math.nan
    if average == 0.0:
        raise UnusableError("an order filled for nothing")
    status = STATUSES.get(str(order.get("status")))
    if status is None:
        raise UnusableError(f"an order of unknown status {order.get('status')!r}")
    if status == "filled" and filled < size * (1 - A_HAIR):
        status = "expired"  # Bybit and Gate call an order closed whose rest has lapsed
    client_id = str(order.get("clientOrderId") or "").removeprefix(facts.id_prefix)
    return Placed(
        _name(order, "id"),
        client_id,
        symbol,
        _side(order),
        size,
        filled,
        average,
        status,
        _time(order),
    )


def acknowledged(order: Any, client_id: str, facts: Facts) -> str:
    """The exchange's id from an answer that says no more than that it has taken the order."""
    if str(order.get("clientOrderId") or "") != facts.id_prefix + client_id:
        raise UnusableError("an order of another client id")
    return _name(order, "id")


def trades(answer: Any, of: Placed) -> list[Trade]:
    """Executions of one order, in the exchange's order; none may mean not yet."""
    return [_trade(trade, of) for trade in _items(answer, "trades")]


def book(answer: Any, content: Any, facts: Facts) -> Book:
    """Price levels; a side is believed to be empty only if the body has it."""
    shown = all(isinstance(inside(content, side), list) for side in (facts.bids, facts.asks))
    if not shown and (
        facts is not ANY or not _member(answer, "bids") or not _member(answer, "asks")
    ):
        raise UnusableError("an order book without bids and asks")
    bids, asks = (_levels(_member(answer, side)) for side in ("bids", "asks"))
    if any(after[0] > before[0] for before, after in pairwise(bids)):
        raise UnusableError("bids out of order")
    if any(after[0] < before[0] for before, after in pairwise(asks)):
        raise UnusableError("asks out of order")
    if bids and asks and bids[0][0] > asks[0][0]:
        raise UnusableError(f"a bid of {bids[0][0]:g} above an ask of {asks[0][0]:g}")
    return Book(bids, asks)


def price(ticker: Any) -> float:
    """The last price, quote units."""
    last = _size(_member(ticker, "last"), "the last price")
    if last == 0.0:
        raise UnusableError("a last price of 0")
    return last


def inside(content: Any, place: Place) -> Any:
    """What is at `place` in a body; None where there is no such place."""
    for step in place:
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
    try:
        step, tick, size, notional = (
            0.0 if rule is None else _size(rule, "a rule")
            for rule in (precision.get("amount"), precision.get("price"), *least)
        )
    except UnusableError:
        return None
    return Listing(
        symbol, base, quote, market.get("active") is not False, step, size, notional, tick
    )


def _trade(trade: Any, of: Placed) -> Trade:
    side, symbol = _side(trade), _member(trade, "symbol")
    if (trade.get("order"), symbol, side) != (of.id, of.symbol, of.side):
        raise UnusableError(
            f"a trade of order {trade.get('order')!r}, {symbol!r}, {side} among those of order {of.id}"
        )
    size, paid = (
        _size(trade.get("amount"), "a trade's size"),
        _size(trade.get("price"), "a trade's price"),
    )
    if size == 0.0 or paid == 0.0:
        raise UnusableError("a trade of nothing")
    fee, coin = _fee(trade)
    return Trade(_name(trade, "id"), of.id, of.symbol, side, size, paid, fee, coin, _time(trade))


def _fee(trade: Mapping[str, Any]) -> tuple[float, str]:
    """Cost and coin; where several coins are named, the one that was paid in."""
    fees = [
        (_number(_member(fee, "cost"), "a fee"), fee.get("currency"))
        for fee in trade.get("fees") or [trade.get("fee")]
    ]
    cost, coin = next((fee for fee in fees if fee[0]), fees[0])
    if not coin:
        raise UnusableError("a fee in no coin")
    return cost, str(coin)


def _levels(levels: Any) -> tuple[tuple[float, float], ...]:
    read = []
    for level in _items(levels, "price levels"):
        if not isinstance(level, list) or len(level) < 2:
            raise UnusableError("a price level that is none")
        at, size = _size(level[0], "a level's price"), _size(level[1], "a level's size")
        if at == 0.0:
            raise UnusableError("a price level at 0")
        read.append((at, size))
    return tuple(read)


def _side(answer: Any) -> Side:
    side = _member(answer, "side")
    if side == "buy":
        return "buy"
    if side == "sell":
        return "sell"
    raise UnusableError(f"neither a buy nor a sell: {side!r}")


def _time(answer: Mapping[str, Any]) -> float:
    return server_time(answer.get("timestamp"))


def _name(answer: Any, member: str) -> str:
    name = _member(answer, member)
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
        raise UnusableError(f"{what} is no number: {str(value)[:40]!r}")
    return float(value)


def _items(answer: Any, what: str) -> Iterable[Any]:
    if not isinstance(answer, list | dict):
        raise UnusableError(f"no list of {what}")
    return answer


def _member(answer: Any, name: str) -> Any:
    if not isinstance(answer, Mapping):
        raise UnusableError(f"no {name}")
    return answer.get(name)


def _require(raw: Any, fields: tuple[str, ...], what: str) -> None:
    lacking = [
        name for name in fields if not _said(raw.get(name) if isinstance(raw, Mapping) else None)
    ]
    if lacking:
        raise UnusableError(f"{what} without {', '.join(lacking)}")


def _said(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
