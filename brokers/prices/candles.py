"""Closed candles of a spot market from an exchange's public endpoints, through ccxt."""

import math
from collections.abc import Callable
from datetime import date
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import pandas as pd
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from brokers.errors import SafetyError
from brokers.exchange.rate_limits import Quiet
from brokers.exchange.sandboxes import ANY, FACTS
from brokers.prices.quality import SPIKE
from brokers.prices.series import BAR_COLUMNS, DataError, Request, UnreachableError

if TYPE_CHECKING:
    from brokers.exchange.transport import Transport

TIMEOUT = 10.0  # seconds without a byte of an answer
STOP = stop_after_attempt(4) | stop_after_delay(20)
WAIT = wait_random_exponential(multiplier=1, max=5)
LONGEST_WAIT = 20.0  # seconds; an exchange that asks for a longer pause is left alone
PAGE = 300  # candles asked for at a time where ccxt does not know the limit
QUIET = Quiet()  # of this process, whoever in it asks for an exchange's public prices
FIRST_MARKET = date(2010, 7, 17)  # Mt. Gox opened on this day: no candle is older

Candle = list[float]
Answer = TypeVar("Answer")


class _BusyError(UnreachableError):
    """The exchange of this `name` is there and asks to be left alone for some `seconds`."""

    def __init__(self, name: str, seconds: float, said: str) -> None:
        super().__init__(f"{name}: {said}; wait, or choose another exchange.prices_id")
        self.name, self.seconds = name, seconds


class _EmptyError(UnreachableError):
    """No candles: the market began later, or the call failed; only asking again can tell."""


class _Public(NamedTuple):
    """An exchange's public endpoints, and the only way there."""

    exchange: Any
    transport: "Transport"


class _Market(NamedTuple):
    """One market's candles; times are milliseconds since 1970, of bar starts."""

    public: _Public
    name: str
    timeframe: str
    length: int
    last: int  # the last bar closed by now


def fetch(
    request: Request, start: date | None, exchange_id: str, now: pd.Timestamp
) -> pd.DataFrame:
    """Candles of `request.market` at `request.timeframe` from `start` (None: the listing) that were closed at `now` (UTC).

    Returns
    -------
    Index: the start of each bar, for "1d" as a naive midnight (the UTC day), else UTC. Columns `BAR_COLUMNS`; `adj_close` is the
    close, volume in coins. A gap stays a gap. Asking for days before the listing gives what there is.

    Raises
    ------
    DataError
        Unknown exchange, market not listed for spot, timeframe not offered: each names the nearest there is. Or the newest close is a
        price that nobody traded near before or after.
    UnreachableError
        No network, an outage, a rate limit, or HTTP 200 with a body that holds no candles (ccxt raises nothing then), after
        four attempts.

    """
    market = _market(_reached(exchange_id, request), request, now)
    return _frame(
        _candles(market, _milliseconds(pd.Timestamp(start or FIRST_MARKET, tz="UTC"))), request
    )


class Candles:
    """The newest candles of several markets, over and over: one connection, one list of markets."""

    def __init__(self, exchange_id: str, count: int) -> None:
        """`count` candles are asked for each time."""
        self._id = exchange_id
        self._count = count
        self._public: _Public | None = None

    def newest(self, request: Request, now: pd.Timestamp) -> pd.DataFrame:
        """The last candles of `request` that were closed at `now`, rows and errors as `fetch`."""
        if self._public is None:
            self._public = _reached(self._id, request)
        market = _market(self._public, request, now)
        return _frame(
            _closed(
                market, _retried(partial(_page, market, market.last - self._count * market.length))
            ),
            request,
        )


def address(exchange_id: str, request: Request) -> str:
    """A URL on the host whose public endpoints are asked for `request`.

    Raises
    ------
    DataError
        Unknown exchange, or timeframe not offered.

    """
    exchange = _public(exchange_id, request).exchange
    urls = exchange.urls["api"]
    while isinstance(urls, dict):
        urls = urls.get("public") or next(iter(urls.values()))
    return str(exchange.implode_hostname(urls))


def _public(exchange_id: str, request: Request) -> _Public:
    import ccxt

    from brokers.exchange.connection import made, walled_in

    if exchange_id not in ccxt.exchanges:
        raise DataError(
            f"exchange.prices_id {exchange_id!r} is no exchange that ccxt knows; {_nearest(exchange_id, ccxt.exchanges)}"
        )
    facts = FACTS.get(exchange_id, ANY)
    exchange = made(exchange_id, facts, TIMEOUT, sandbox=False)
    offered = exchange.timeframes or {}
    if exchange.has["fetchOHLCV"] is not True or request.timeframe not in offered:
        has = ", ".join(offered) or "none"
        raise DataError(
            f"{exchange_id}: has no {request.timeframe} candles, only {has}; change exchange.timeframe or prices_id"
        )
    return _Public(exchange, walled_in(exchange, facts, keys=False))


def _reached(exchange_id: str, request: Request) -> _Public:
    """The exchange once it has said which markets it lists."""
    public = _public(exchange_id, request)
    _retried(partial(_load_markets, public))
    return public


def _load_markets(public: _Public) -> None:
    _ask(public, lambda: public.exchange.load_markets(True))
    if not public.exchange.markets:
        raise _unusable(public.exchange, "a list of markets without one market")


def _market(public: _Public, request: Request, now: pd.Timestamp) -> _Market:
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
        spot = [name for name, other in exchange.markets.items() if other.get("spot")]
        raise DataError(
            f"{exchange.id}: has no spot market {request.market!r}; {_nearest(request.market, spot)}"
        )


def _candles(market: _Market, since: int) -> list[Candle]:
    """Page after page. Each begins with the last candle already known, so that a page without one is a failed call, never the end."""
    try:
        candles = _retried(partial(_page, market, since))
    except _EmptyError:
        # Exchanges that answer with the window [since, since + a page] show nothing of candles further on.
        candles = _retried(partial(_page, market, _listing(market, since)))
    while candles[-1][0] < market.last:
        newest = int(candles[-1][0])
        new = [candle for candle in _retried(partial(_page, market, newest)) if candle[0] > newest]
        if not new:
            break
        candles += new
    return _closed(market, candles)


def _closed(market: _Market, candles: list[Candle]) -> list[Candle]:
    """Those that were closed. A newest close far from the one before counts only if the next candle begins near it: nobody acts on one bad tick."""
    closed = [candle for candle in candles if candle[0] <= market.last]
    if len(closed) < 2:
        return closed
    close, before = closed[-1][4], closed[-2][4]
    after = candles[len(closed)][1] if len(candles) > len(closed) else None
    if _far(close, before) and (after is None or _far(close, after)):
        when, began = (
            pd.Timestamp(closed[-1][0], unit="ms"),
            "has not begun" if after is None else f"began at {after:g}",
        )
        raise DataError(
            f"{market.public.exchange.id}: the {market.timeframe} candle of {market.name} from {when:%Y-%m-%d %H:%M} closed at {close:g}, the one "
            f"before at {before:g}, and the next {began}: not believed before another one agrees; look at the market"
        )
    return closed


def _far(price: float, other: float) -> bool:
    """Whether two prices are too far apart to follow each other unnoticed; what is no price is somebody else's affair."""
    return price > 0.0 and other > 0.0 and abs(math.log(price / other)) > math.log1p(SPIKE["coin"])


def _listing(market: _Market, early: int) -> int:
    """A start whose page holds the first candle, by bisection between `early`, which has none, and the last closed bar."""
    late = market.last
    while late - early > market.length:
        middle = (early + late) // 2
        try:
            _retried(partial(_page, market, middle), attempts=2)
            late = middle
        except _EmptyError:
            early = middle
    return late


def _page(market: _Market, since: int) -> list[Candle]:
    """One attempt at the candles from `since` on, running ones included."""
    exchange = market.public.exchange
    spot = (exchange.features or {}).get("spot") or {}
    limit = (spot.get("fetchOHLCV") or {}).get("limit") or PAGE
    rows = _ask(
        market.public, lambda: exchange.fetch_ohlcv(market.name, market.timeframe, since, limit)
    )
    if not isinstance(rows, list) or any(
        not isinstance(row, list) or not _numbers(row[:6]) for row in rows
    ):
        raise _unusable(exchange, "rows that are no candles")
    if not rows:
        when = pd.Timestamp(since, unit="ms")
        raise _EmptyError(
            f"{exchange.id}: gave no {market.timeframe} candles of {market.name} from {when:%Y-%m-%d %H:%M} on; try again later"
        )
    return [row[:6] for row in rows]


def _numbers(row: list[Any]) -> bool:
    return len(row) == 6 and all(isinstance(value, int | float) for value in row)


def _ask(public: _Public, call: Callable[[], Any]) -> Any:
    """One call. ccxt's errors become ours; what it stumbles over in a body it did not expect is no answer."""
    import ccxt

    exchange = public.exchange
    if left := QUIET.left(exchange.id):
        raise _BusyError(exchange.id, left, f"wants to be left alone for another {left:.0f} s")
    try:
        return call()
    except ccxt.BaseError as error:
        raise _meant(public, error) from error
    except (
        SafetyError
    ) as error:  # for prices nobody's money is at stake: they are not to be had this way
        raise UnreachableError(f"{error}, or choose another exchange.prices_id") from error
    except (AttributeError, TypeError, KeyError, IndexError, ValueError) as error:
        raise _unusable(exchange, "a body that cannot be read") from error


def _meant(public: _Public, error: Exception) -> DataError:
    """What an error of ccxt means."""
    import ccxt

    from brokers.exchange.calls import asked_pause

    name, said, pause = (
        public.exchange.id,
        f"{type(error).__name__}: {str(error)[:200]}",
        asked_pause(public.transport.reply),
    )
    if pause or isinstance(error, ccxt.RateLimitExceeded | ccxt.DDoSProtection):
        return _BusyError(name, pause, said)
    if isinstance(error, ccxt.NetworkError):
        return UnreachableError(
            f"{name}: {said}; check the network, or choose another exchange.prices_id if this one is closed to your country"
        )
    if (
        type(error) is ccxt.ExchangeError
    ):  # what ccxt has no name for: mostly a body the exchange itself would not send
        return _unusable(public.exchange, said)
    return DataError(f"{name}: {said}; change the market or exchange.prices_id")


def _retried(call: Callable[[], Answer], attempts: int = 4) -> Answer:
    """`call` until it answers; only reads of public data come here, so asking again does no harm."""
    try:
        return Retrying(
            retry=retry_if_exception(_worth_it),
            stop=STOP | stop_after_attempt(attempts),
            wait=_pause,
            reraise=True,
        )(call)
    except _BusyError as error:
        QUIET.keep(error.name, error.seconds)
        raise


def _worth_it(error: BaseException) -> bool:
    return isinstance(error, UnreachableError) and getattr(error, "seconds", 0.0) <= LONGEST_WAIT


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return max(WAIT(state), getattr(error, "seconds", 0.0))


def _unusable(exchange: Any, what: str) -> UnreachableError:
    return UnreachableError(
        f"{exchange.id}: answered with {what}; is there a login page or a proxy between? Try again later"
    )


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 5, 0.4) or sorted(known)[:5]
    return f"nearest: {', '.join(near) or 'it has none'}"


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
