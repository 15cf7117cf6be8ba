"""What a failed request means: by ccxt's class, or a venue's table where that class misleads."""

import re
from collections.abc import Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from brokers.clock import utc_text
from brokers.exchange.errors import ExchangeError
from brokers.exchange.sandboxes import ErrorKind, Facts
from brokers.exchange.transport import Reply

SHORTEST_BAN = 120.0  # seconds of a 418 without a length; Binance bans for two minutes at least
LONGEST_PAUSE = 3 * 86_400.0  # seconds; Binance's longest ban, a bound for what a proxy may say
# The end of a ban as Binance writes it: "IP banned until 1700000000000", milliseconds.
BAN_END = re.compile(r"(?<=banned until )(\d{13})\b", re.IGNORECASE)
# The length of a limit, as in "6000 request weight per 1 MINUTE". One of a day is no pause.
INTERVAL = re.compile(r"\bper (\d{1,4}) (SECOND|MINUTE)\b")
SECONDS = {"SECOND": 1.0, "MINUTE": 60.0}
SHOWN, LONGEST_WORDS = 160, 300  # characters of a body in a message, and of the exchange's words
NO_SOCKS = (
    "a SOCKS proxy is set in ALL_PROXY or HTTPS_PROXY, for which this program needs a package more:"
    " python -m pip install pysocks, or set HTTPS_PROXY to an http:// proxy"
)
BAD_PROXY = "check the address of the proxy in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"


def classify_error(error: Exception, reply: Reply | None, facts: Facts) -> ErrorKind:
    """What an error of ccxt means: by the table of its venue, else by its class."""
    if reply is None:
        return "setup" if setup_advice(error) else "lost"
    text, code = reply.text.lower(), error_code(reply, facts)
    if (
        reply.status == 451
        or "restricted location" in text
        or "block access from your country" in text
    ):
        return "location"
    if reply.status in (418, 429):
        return "busy"
    if reply.status >= 500 or (facts.error_code and not code):
        return "lost"
    by_text = next((kind for words, kind in facts.texts if words in text), None)
    return by_text or facts.kinds.get(code) or kind_of_class(error)


def kind_of_class(error: Exception) -> ErrorKind:
    """What the class of an error of ccxt means."""
    import ccxt

    kinds: tuple[tuple[type[Exception], ErrorKind], ...] = (
        (ccxt.OrderNotFound, "missing"),
        (ccxt.DuplicateOrderId, "duplicate"),
        (ccxt.InvalidNonce, "clock"),
        (ccxt.DDoSProtection, "busy"),
        (ccxt.RateLimitExceeded, "busy"),
        (ccxt.RestrictedLocation, "location"),
        (ccxt.AuthenticationError, "key"),  # PermissionDenied and AccountSuspended too
        (ccxt.InsufficientFunds, "funds"),
        (ccxt.MarketClosed, "market"),
        (ccxt.BadSymbol, "market"),
        (ccxt.OperationFailed, "lost"),
    )
    if not isinstance(error, ccxt.BaseError) or type(error) is ccxt.ExchangeError:
        return "lost"  # unknown to ccxt: mostly a body that the exchange itself would not send
    return next((kind for error_class, kind in kinds if isinstance(error, error_class)), "other")


def requested_pause(reply: Reply | None, now: float) -> float:
    """Seconds without requests that the exchange asks for; 0 where it asks for none.

    The longest of what its header and its text say; `now` is the exchange's time, epoch seconds.
    """
    if reply is None or reply.status < 400:
        return 0.0
    longest = max(_pauses(reply, now))
    if longest <= 0.0 and reply.status == 418:
        return SHORTEST_BAN
    return min(longest, LONGEST_PAUSE)


def _pauses(reply: Reply, now: float) -> Iterator[float]:
    header = reply.headers.get("retry-after", "")
    if header.isdecimal():
        yield float(header)
    elif header:
        with suppress(ValueError):
            yield parsedate_to_datetime(header).timestamp() - now
    if ban := BAN_END.search(reply.text):
        yield int(ban[1]) / 1000 - now
    elif not header and reply.status == 429 and (limit := INTERVAL.search(reply.text)):
        yield int(limit[1]) * SECONDS[limit[2]]
    yield 0.0


def error_code(reply: Reply, facts: Facts) -> str:
    """The exchange's own code of an error; "" for none."""
    content = reply.content()
    code = str(content.get(facts.error_code, "")) if isinstance(content, dict) else ""
    return "" if code == "0" else code


def own_words(reply: Reply | None, facts: Facts) -> str:
    """The exchange's code and words, as in "-2010: Market is closed."; "" where it has none."""
    content = reply.content() if reply is not None else None
    if reply is None or not isinstance(content, dict):
        return ""
    text = " ".join(str(content.get(facts.error_text) or "").split())
    parts = (error_code(reply, facts), _with_hours(text)[:LONGEST_WORDS])
    return ": ".join(part for part in parts if part)


def describe_failure(error: Exception, reply: Reply | None) -> str:
    """What happened, without the address: it may be signed."""
    if reply is None:
        cause = root_cause(error)
        return f"{type(error).__name__}, {type(cause).__name__}: {str(cause)[:200]}"
    text = _with_hours(" ".join(reply.text[:1000].split()))
    shown = f"HTTP {reply.status} {text[:SHOWN]!r}"
    if 300 <= reply.status < 400 and (host := urlsplit(reply.headers.get("location", "")).hostname):
        return f"{shown}, a redirection to {host}, which is not followed"
    return shown


def setup_advice(error: Exception) -> str:
    """What to do where this machine's settings let no request leave; "" where they do."""
    import ccxt
    from requests.exceptions import InvalidProxyURL, InvalidSchema

    causes = list(_causes(error))
    if any("SOCKS support" in str(cause) for cause in causes):
        return NO_SOCKS
    wrong = InvalidProxyURL, InvalidSchema, ccxt.InvalidProxySettings
    return BAD_PROXY if any(isinstance(cause, wrong) for cause in causes) else ""


def _with_hours(text: str) -> str:
    """`text` with the end of a ban as an hour that a person can read."""
    return BAN_END.sub(lambda end: utc_text(int(end[1]) / 1000), text)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it was raised from or while handling, the first cause last.

    One of ours that was being handled is the end of an earlier attempt, and no cause of this one.
    """
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        handled = None if cause.__suppress_context__ else cause.__context__
        cause = cause.__cause__ or (None if isinstance(handled, ExchangeError) else handled)


def root_cause(error: BaseException) -> BaseException:
    """What an error began with."""
    *_, first = _causes(error)
    return first
