"""Prices from an address of the user's that answers with CSV, and with what it must not leak.

The address is a secret: its query or path may hold a key. Messages show its host alone.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

import pandas as pd

from brokers.prices import folder, web
from brokers.prices.series import DataError, Request, UnreachableError, other_source
from brokers.redaction import redact_answer
from config.addresses import PLACEHOLDER, keys_of
from config.secrets import load_secrets
from config.settings import PREFIX, ConfigError, Settings

EARLIEST = date(1980, 1, 1)  # where {start} begins if everything is asked for
# Days asked for at least: without a header the numbers say which column is which. Ten rows do not
# in one case of a hundred (SHY in one of nine), 110 do in all 9,220 cases of 34 real files.
LEAST_DAYS = 180
REDIRECTS = 3
PORTS = {"https": 443, "http": 80}


class Endpoint(NamedTuple):
    """Where prices are asked for: the address with placeholders, a header, the names of symbols."""

    template: str
    headers: Mapping[str, str]
    names: Mapping[str, str]

    @property
    def host(self) -> str:
        """Its host, which may be shown."""
        return urlsplit(self.template).hostname or ""

    @property
    def cache_name(self) -> str:
        """A folder of the cache for this address: the rows of two must not be mixed."""
        return f"url-{blake2b(self.template.encode(), digest_size=4).hexdigest()}"


def endpoint_of(settings: Settings) -> Endpoint:
    """The address from the environment, .env or the secrets folder.

    Raises
    ------
    DataError
        There is none, or it cannot be read.

    """
    try:
        secrets = load_secrets()
    except ConfigError as error:
        raise DataError(f"url: {error}") from None
    if not (template := secrets.prices_address()):
        raise DataError(
            f"url: {PREFIX}PRICES_URL is not set; set it in the environment or in .env to an "
            "address with {symbol}, {start} and {end} in it"
        )
    return Endpoint(template, secrets.prices_headers(), settings.prices.url_names)


def fetch(
    request: Request, start: date | None, now: pd.Timestamp, endpoint: Endpoint
) -> folder.SourceRows:
    """Rows of `request` from `start` on (None: all), or earlier, to the day of `now` (UTC).

    Returns
    -------
    What `folder.read_rows` reads out of the body, and what it noticed.

    Raises
    ------
    DataError
        The service refuses the request, has no such series, or is elsewhere.
    UnreachableError
        No usable response after four attempts: no network, an outage, a rate limit, a page.

    """
    if request.timeframe != "1d":
        raise DataError(f"url: {request.name} is intraday, only 1d is read there")
    name = endpoint.names.get(request.symbol, request.symbol)
    begin = start and min(start, now.date() - timedelta(days=LEAST_DAYS))
    address = fill(endpoint.template, name, begin, now)
    answer = web.repeat(lambda: _answer(request, address, endpoint))
    origin = f"url ({endpoint.host}) {request.name}"
    if answer.body.lstrip()[:1] == b"<":
        raise _unreachable(request, endpoint, "a page instead of CSV")
    try:
        return folder.read_rows(answer.body, request, origin=origin, also=name)
    except DataError as error:
        # A page that says "limit reached" is an outage like any other: stored rows stay in use.
        text = _hide(str(error), endpoint)
        raise UnreachableError(f"url: no usable response: {text}") from None


def fill(template: str, symbol: str, start: date | None, now: pd.Timestamp) -> str:
    """The address with symbol and dates in it.

    Raises
    ------
    DataError
        A date has a form that does not exist.

    """
    days = {"start": start or EARLIEST, "end": now.date()}

    def value(name: str, form: str | None) -> str:
        if name == "symbol":
            return quote(symbol, safe="")
        if form == "epoch":
            return str(int(datetime.combine(days[name], datetime.min.time(), UTC).timestamp()))
        text = days[name].strftime(form or "%Y-%m-%d")
        if not text or "%" in text:
            raise DataError(
                f"url: the form of {{{name}}} is not one of a date; write {{{name}:%Y%m%d}}, or "
                f"{{{name}:epoch}} for seconds since 1970"
            )
        return quote(text, safe="")

    return PLACEHOLDER.sub(lambda match: value(match[1], match[2]), template)


def _answer(request: Request, address: str, endpoint: Endpoint) -> web.Answer:
    """One attempt, redirects to the same host included: header and login go there as well."""
    address, login = _without_login(address)
    for _ in range(REDIRECTS + 1):
        try:
            answer = web.get(address, headers=endpoint.headers, login=login)
        except web.NoAnswerError as error:
            raise _unreachable(request, endpoint, str(error)) from None
        if not (300 <= answer.status < 400 and answer.location):
            break
        address = _redirected(address, answer.location, endpoint)
    else:
        raise DataError(
            f"url: {endpoint.host} sends {request.name} on more than {REDIRECTS} times; set "
            f"{PREFIX}PRICES_URL to the address where it ends"
        )
    if answer.status == 200:
        return answer
    what = f"HTTP {answer.status}"
    if answer.status in (401, 403):
        raise DataError(
            f"url: {endpoint.host} refuses {request.name} ({what}); check the key in "
            f"{PREFIX}PRICES_URL or {PREFIX}PRICES_HEADER, and what your account may read"
        )
    if answer.status == 429 or answer.status == 408 or answer.status >= 500:
        raise web.busy(_unreachable(request, endpoint, what), answer)
    raise DataError(
        f"url: {endpoint.host} has no {request.name} at that address ({what}); check "
        f"{PREFIX}PRICES_URL, or give the symbol its name there in prices.url_names"
    )


def _redirected(address: str, location: str, endpoint: Endpoint) -> str:
    """Where `address` is sent on to, without a login that only the answer names.

    Raises
    ------
    DataError
        To another host, port or protocol; from http to https of the same host is allowed.

    """
    try:
        target = _without_login(urljoin(address, location))[0]
        there, here = urlsplit(target), urlsplit(address)
        ends = [(part.scheme, part.port or PORTS.get(part.scheme)) for part in (here, there)]
    except ValueError:
        raise DataError(
            f"url: {endpoint.host} sends on to what is no address; check {PREFIX}PRICES_URL"
        ) from None
    what = ""
    if there.hostname != here.hostname:
        what = f"another host ({there.hostname})"
    elif ends[0] != ends[1] and ends != [("http", 80), ("https", 443)]:
        what = f"another port or protocol ({there.scheme}, port {ends[1][1]})"
    if not what:
        return target
    raise DataError(
        f"url: {endpoint.host} sends on to {_hide(what, endpoint)}; keys go to no other: set "
        f"{PREFIX}PRICES_URL to its address if you trust it"
    )


def _without_login(address: str) -> tuple[str, tuple[str, str] | None]:
    """The address without user name and password, and these two."""
    parts = urlsplit(address)
    login, at, host = parts.netloc.rpartition("@")
    if not at:
        return address, None
    user, _, password = login.partition(":")
    return urlunsplit(parts._replace(netloc=host)), (unquote(user), unquote(password))


def _unreachable(request: Request, endpoint: Endpoint, what: str) -> UnreachableError:
    return UnreachableError(
        f"url: no usable response of {endpoint.host} for {request.name}: {_hide(what, endpoint)}; "
        f"try again later, or {other_source(request, 'url')}"
    )


def _hide(text: str, endpoint: Endpoint) -> str:
    """`text`, which may repeat a body that repeats a key, without the keys of the address."""
    keys = [*keys_of(endpoint.template), *endpoint.headers.values()]
    return redact_answer(text, keys, keys)
