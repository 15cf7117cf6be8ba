"""An exchange's public endpoints through ccxt: what is asked, repeated, and what an error means."""

from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from brokers.clock import utc_text
from brokers.errors import SafetyError
from brokers.exchange.rate_limits import RateLimits
from brokers.exchange.sandboxes import ANY, FACTS
from brokers.prices import web
from brokers.prices.series import DataError, Request, UnreachableError

if TYPE_CHECKING:
    from brokers.exchange.transport import Transport

TIMEOUT = 10.0  # seconds without a byte of a response
RATE_LIMITS = RateLimits()  # of all requests for public prices in this process

Result = TypeVar("Result")


class _BusyError(web.BusyError):
    """The exchange of this `name` asks for a pause of `seconds`."""

    def __init__(self, name: str, seconds: float, text: str) -> None:
        super().__init__(f"{name}: {text}; wait, or choose another exchange.prices_id", seconds)
        self.name = name


class PublicExchange(NamedTuple):
    """An exchange's public endpoints, and the transport its requests take."""

    exchange: Any
    transport: "Transport"


def address(exchange_id: str, request: Request) -> str:
    """A URL on the host whose public endpoints serve `request`.

    Raises
    ------
    DataError
        Unknown exchange, or timeframe not offered.

    """
    exchange = open_exchange(exchange_id, request).exchange
    urls = exchange.urls["api"]
    while isinstance(urls, dict):
        urls = urls.get("public") or next(iter(urls.values()))
    return str(exchange.implode_hostname(urls))


def open_exchange(exchange_id: str, request: Request) -> PublicExchange:
    """The exchange, without a request to it.

    Raises
    ------
    DataError
        Unknown exchange, or timeframe not offered.

    """
    import ccxt

    from brokers.exchange.connection import create_exchange, restrict_hosts

    if exchange_id not in ccxt.exchanges:
        near = nearest(exchange_id, ccxt.exchanges)
        raise DataError(f"exchange.prices_id {exchange_id!r} is unknown to ccxt; {near}")
    facts = FACTS.get(exchange_id, ANY)
    exchange = create_exchange(exchange_id, facts, TIMEOUT, sandbox=False)
    offered = exchange.timeframes or {}
    if exchange.has["fetchOHLCV"] is not True or request.timeframe not in offered:
        has = ", ".join(offered) or "none"
        raise DataError(
            f"{exchange_id}: has no {request.timeframe} candles, only {has}; change "
            "exchange.timeframe or exchange.prices_id"
        )
    return PublicExchange(exchange, restrict_hosts(exchange, facts, keys=False))


def connect(exchange_id: str, request: Request) -> PublicExchange:
    """The exchange with its list of markets loaded; errors as `ask` and `open_exchange`."""
    public = open_exchange(exchange_id, request)
    retry(partial(_load_markets, public))
    return public


def _load_markets(public: PublicExchange) -> None:
    ask(public, lambda: public.exchange.load_markets(reload=True))
    if not public.exchange.markets:
        raise unusable(public.exchange, "an empty list of markets")


def ask(public: PublicExchange, call: Callable[[], Any]) -> Any:
    """One call. ccxt's errors become ours.

    Raises
    ------
    DataError
        The exchange refuses the request.
    UnreachableError
        No response, no usable one, or the exchange asks for a pause.

    """
    import ccxt

    exchange = public.exchange
    if left := RATE_LIMITS.seconds_left(exchange.id):
        until = utc_text(RATE_LIMITS.now() + left)
        raise _BusyError(exchange.id, left, f"asked to be left alone until {until}")
    try:
        return call()
    except ccxt.BaseError as error:
        raise _translate(public, error) from error
    except SafetyError as error:  # no orders here: the prices are not available this way
        raise UnreachableError(f"{error}, or choose another exchange.prices_id") from error
    except (AttributeError, TypeError, KeyError, IndexError, ValueError) as error:
        raise unusable(exchange, "a body that cannot be read") from error


def _translate(public: PublicExchange, error: Exception) -> DataError:
    """What an error of ccxt means."""
    import ccxt

    from brokers.exchange.failures import describe_failure, requested_pause, setup_advice

    name = public.exchange.id
    text = f"{type(error).__name__}: {str(error)[:200]}"
    if advice := setup_advice(error):
        return DataError(f"{name}: {type(error).__name__}: {advice}")
    pause = requested_pause(public.transport.reply, RATE_LIMITS.now())
    if pause or isinstance(error, ccxt.RateLimitExceeded | ccxt.DDoSProtection):
        return _BusyError(name, pause, text)
    if isinstance(error, ccxt.NetworkError):
        return UnreachableError(
            f"{name}: {text}; check the network, or choose another exchange.prices_id if this one "
            "does not serve your country"
        )
    # Unknown to ccxt: mostly a body that the exchange itself would not send.
    if type(error) is ccxt.ExchangeError:
        return unusable(public.exchange, describe_failure(error, public.transport.reply))
    return DataError(f"{name}: {text}; change the market or exchange.prices_id")


def retry(call: Callable[[], Result], attempts: int = web.ATTEMPTS) -> Result:
    """The result of `call`, repeated if necessary; a pause asked for holds for the process."""
    try:
        return web.repeat(call, attempts)
    except _BusyError as error:
        RATE_LIMITS.pause(error.name, error.seconds)
        raise


def unusable(exchange: Any, what: str) -> UnreachableError:
    """The error for a response that is `what`."""
    return UnreachableError(
        f"{exchange.id}: responded with {what}; is there a login page or a proxy in between? Try "
        "again later"
    )


def nearest(name: str, known: list[str]) -> str:
    """The names in `known` most like `name`, as messages end."""
    near = get_close_matches(name, known, 5, 0.4) or sorted(known)[:5]
    return f"nearest: {', '.join(near) or 'none'}"
