"""Closed candles of a spot market from an exchange's public endpoints, through ccxt."""

import math
from datetime import date
from functools import partial
from typing import Any, NamedTuple

import pandas as pd

from brokers.prices.public_exchange import (
    PublicExchange,
    ask,
    connect,
    nearest,
    retry,
    unusable,
)
from brokers.prices.series import BAR_COLUMNS, DataError, Request, UnreachableError

PAGE = 300  # candles asked for at a time where ccxt does not know the limit
RENEWED = pd.Timedelta(days=1)  # the life of a connection with its list of markets
# Rise between two closes (fraction, a fall by the same factor) beyond which the newer one waits for
# the next bar to begin near it. True days come close: SOL rose by 47 % on one. A true move that is
# larger loses the wait, a bad tick trades nothing.
FAR_APART = 0.5
FIRST_MARKET = date(2010, 7, 17)  # Mt. Gox opened on this day: no candle is older

Candle = list[float]


class _EmptyError(UnreachableError):
    """No candles: the market began later, or the call failed; a repetition shows which."""


class _Market(NamedTuple):
    """One market's candles; times are milliseconds since 1970, of bar starts."""

    public: PublicExchange
    name: str
    timeframe: str
    length: int
    last: int  # the last bar closed by now


def fetch(
    request: Request, start: date | None, exchange_id: str, now: pd.Timestamp
) -> pd.DataFrame:
    """Candles of `request.market` from `start` (None: the listing) that were closed at `now` (UTC).

    Returns
    -------
    Index: the start of each bar of `request.timeframe`, for "1d" as a naive midnight (the UTC day),
    else UTC. Columns `BAR_COLUMNS`; `adj_close` is the close, volume in coins. A gap stays a gap.
    Days before the listing are left out.

    Raises
    ------
    DataError
        Unknown exchange, market not listed for spot, timeframe not offered: each names the nearest
        there is. Or the newest close is far from the prices before and after it.
    UnreachableError
        No network, an outage, a rate limit, or HTTP 200 with a body that holds no candles (ccxt
        raises nothing then), after four attempts.

    """
    market = _market(connect(exchange_id, request), request, now)
    first = _milliseconds(pd.Timestamp(start or FIRST_MARKET, tz="UTC"))
    return _frame(_candles(market, first), request)


class Candles:
    """The newest candles of several markets, repeatedly.

    Connection and list of markets are a day old at most.
    """

    def __init__(self, exchange_id: str, count: int) -> None:
        """`count` candles are requested each time."""
        self._id = exchange_id
        self._count = count
        self._public: PublicExchange | None = None
        self._connected = pd.Timestamp(0, tz="UTC")

    def newest(self, request: Request, now: pd.Timestamp) -> pd.DataFrame:
        """The last candles of `request` that were closed at `now`, rows and errors as `fetch`."""
        if self._public is None or not now < self._connected + RENEWED:
            self._public, self._connected = self._reconnect(request), now
        market = _market(self._public, request, now)
        since = market.last - self._count * market.length
        return _frame(_closed_candles(market, retry(partial(_page, market, since))), request)

    def _reconnect(self, request: Request) -> PublicExchange:
        """A new connection; the old one where the list of markets cannot be loaded now."""
        try:
            public = connect(self._id, request)
        except UnreachableError:
            if self._public is None:
                raise
            return self._public
        if self._public is not None:
            self._public.exchange.close()
        return public


def _market(public: PublicExchange, request: Request, now: pd.Timestamp) -> _Market:
    _check_listed(public.exchange, request)
    length = public.exchange.parse_timeframe(request.timeframe) * 1000
    return _Market(
        public,
        request.market,
        request.timeframe,
        length,
        (_milliseconds(now) // length - 1) * length,
    )


def _check_listed(exchange: Any, request: Request) -> None:
    listed = exchange.markets.get(request.market)
    if listed is None or not listed.get("spot"):
        spot = [name for name, market in exchange.markets.items() if market.get("spot")]
        raise DataError(
            f"{exchange.id}: has no spot market {request.market!r}; {nearest(request.market, spot)}"
        )


def _candles(market: _Market, since: int) -> list[Candle]:
    """All pages from `since` on (milliseconds).

    Each page begins with the last candle already known, so that one without candles is a failed
    call, never the end.
    """
    try:
        candles = retry(partial(_page, market, since))
    except _EmptyError:
        # Some exchanges return the window [since, since + a page] and no later candles.
        candles = retry(partial(_page, market, _find_listing(market, since)))
    while candles[-1][0] < market.last:
        newest = int(candles[-1][0])
        new = [candle for candle in retry(partial(_page, market, newest)) if candle[0] > newest]
        if not new:
            break
        candles += new
    return _closed_candles(market, candles)


def _closed_candles(market: _Market, candles: list[Candle]) -> list[Candle]:
    """Those that were closed; the newest only if `why_unconfirmed` has nothing against it."""
    closed = [candle for candle in candles if candle[0] <= market.last]
    if len(closed) < 2:
        return closed
    after = candles[len(closed)][1] if len(candles) > len(closed) else None
    what = (
        f"{market.public.exchange.id}: the {market.timeframe} candle of {market.name} from "
        f"{pd.Timestamp(closed[-1][0], unit='ms'):%Y-%m-%d %H:%M}"
    )
    if why := why_unconfirmed(what, closed[-1][4], closed[-2][4], after):
        raise DataError(why)
    return closed


def why_unconfirmed(what: str, close: float, before: float, after: float | None) -> str:
    """Why the newest close of a coin, of the bar that is `what`, may not be used yet; "" if it may.

    One far from the close before needs a next bar that began near it, at `after` (None: not begun):
    nobody acts on one bad tick.
    """
    if not _are_far_apart(close, before):
        return ""
    if after is not None and not _are_far_apart(close, after):
        return ""
    began = "has not begun" if after is None else f"began at {after:g}"
    return (
        f"{what} closed at {close:g}, the one before at {before:g}, and the next {began}: not used "
        "before another candle confirms it; look at the market"
    )


def _are_far_apart(price: float, other: float) -> bool:
    """Whether consecutive prices are implausibly far apart; prices <= 0 are refused elsewhere."""
    return price > 0.0 and other > 0.0 and abs(math.log(price / other)) > math.log1p(FAR_APART)


def _find_listing(market: _Market, early: int) -> int:
    """A start whose page holds the first candle; the page of `early` has none (milliseconds)."""
    late = market.last
    while late - early > market.length:
        middle = (early + late) // 2
        try:
            retry(partial(_page, market, middle), attempts=2)
            late = middle
        except _EmptyError:
            early = middle
    return late


def _page(market: _Market, since: int) -> list[Candle]:
    """One attempt at the candles from `since` on, running ones included."""
    exchange = market.public.exchange
    spot = (exchange.features or {}).get("spot") or {}
    limit = (spot.get("fetchOHLCV") or {}).get("limit") or PAGE
    rows = ask(
        market.public, lambda: exchange.fetch_ohlcv(market.name, market.timeframe, since, limit)
    )
    if not isinstance(rows, list) or any(
        not isinstance(row, list) or not _are_numbers(row[:6]) for row in rows
    ):
        raise unusable(exchange, "rows that are not candles")
    if not rows:
        when = pd.Timestamp(since, unit="ms")
        raise _EmptyError(
            f"{exchange.id}: returned no {market.timeframe} candles of {market.name} from "
            f"{when:%Y-%m-%d %H:%M} on; try again later"
        )
    return [row[:6] for row in rows]


def _are_numbers(row: list[Any]) -> bool:
    return len(row) == 6 and all(isinstance(value, int | float) for value in row)


def _milliseconds(instant: pd.Timestamp) -> int:
    return int(instant.timestamp() * 1000)


def _frame(candles: list[Candle], request: Request) -> pd.DataFrame:
    table = pd.DataFrame(candles, columns=["start", "open", "high", "low", "close", "volume"])
    index = pd.DatetimeIndex(
        pd.to_datetime(table.pop("start").astype("int64"), unit="ms", utc=True)
    ).as_unit("ns")
    frame = table.astype(float).assign(adj_close=table["close"])[list(BAR_COLUMNS)]
    frame.index = (
        index.tz_localize(None).rename("date")
        if request.timeframe == "1d"
        else index.rename("start")
    )
    return frame
