"""Series from a service, through the cache."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import pandas as pd

from brokers.prices import alpaca, candles, fred, probe, public_exchange, url_source, yahoo
from brokers.prices.cache import Cache
from brokers.prices.clean import Clean, bar_length
from brokers.prices.folder import SourceRows
from brokers.prices.series import DataError, Request, Series, UnreachableError, other_source
from brokers.prices.stored_series import needs_storing, stored_rows
from config.prices import proxy_fund
from config.settings import Settings

DAY = pd.Timedelta(days=1)
SERVICES = ("yahoo", "exchange", "fred", "url", "alpaca")  # what `_fetch` asks
FILES = ("folder", "file", "sample")  # sources that are no services: nothing of them is stored


def update(
    request: Request,
    source: str,
    settings: Settings,
    *,
    clean: Clean,
    last_due: pd.Timestamp,
    now: pd.Timestamp,
    refresh: bool,
) -> Series:
    """One series from `source`, downloaded as far as the cache lacks it.

    `last_due` is the result of `due`; with `refresh` everything is downloaded.
    """
    origin = _origin(request, source, settings)
    notes: dict[str, None] = {}  # of the reader, once each

    def fetch(start: date | None) -> pd.DataFrame:
        rows = _fetch(request, source, settings, start, now)
        if isinstance(rows, pd.DataFrame):
            return rows
        notes.update(dict.fromkeys(rows.notes))
        return rows.frame

    rows = Cache(Path(settings.prices.cache)).update(
        cache_name(source, settings),
        request,
        fetch,
        last_due=last_due,
        check=lambda raw: clean(raw, origin),
        refresh=refresh,
    )
    series = clean(rows.frame, origin)
    return series._replace(notes=(*notes, *series.notes, *rows.notes))


def _fetch(
    request: Request, source: str, settings: Settings, start: date | None, now: pd.Timestamp
) -> pd.DataFrame | SourceRows:
    if source == "exchange":
        return candles.fetch(request, start, settings.exchange.prices_id, now)
    if source == "fred":
        return fred.fetch(request, start)
    if source == "url":
        return url_source.fetch(request, start, now, url_source.endpoint_of(settings))
    if source == "alpaca":
        return alpaca.fetch(request, start, alpaca.keys())
    return yahoo.fetch(request, start, now)


def read_pinned(
    request: Request, source: str, settings: Settings, pinned: Mapping[str, str], clean: Clean
) -> Series:
    """The vintage of one series that `pinned` names.

    Raises
    ------
    DataError
        It names none, or that vintage is gone.

    """
    origin = _origin(request, source, settings)
    if request.name not in pinned:
        raise DataError(
            f"{origin}: that run did not use {request.name}; read it with the run's own config"
        )
    return clean(Cache(Path(settings.prices.cache)).read_pinned(pinned[request.name]), origin)


def read_cached(
    request: Request, source: str, settings: Settings, last_due: pd.Timestamp
) -> pd.DataFrame | None:
    """Raw rows as last downloaded, up to `last_due`, the result of `due`; None for none.

    Nothing is stored of a file, or of a proxy, which is a series of its own.
    """
    if source in FILES or proxy_fund(source):
        return None
    return Cache(Path(settings.prices.cache)).read(cache_name(source, settings), request, last_due)


def due(request: Request, known_at: pd.Series, now: pd.Timestamp) -> pd.Timestamp:
    """Index of the last row a source should have at `now`.

    It is a session's or UTC day's date, a bar's start, or a publication; `known_at` is the instant
    each New York session is known, by date. Releases have no calendar here: one younger than a day
    counts as the newest.
    """
    if request.kind == "macro":
        return now - DAY
    if request.kind == "session":
        return pd.Timestamp(known_at.index[known_at <= now][-1])
    start = now.floor(bar_length(request.timeframe)) - bar_length(request.timeframe)
    return start if request.timeframe != "1d" else start.tz_localize(None)


def pin(loaded: Mapping[Request, Series], settings: Settings) -> None:
    """Keep a copy of what a run used, so that it can be read again."""
    cache = Cache(Path(settings.prices.cache))
    delay = pd.Timedelta(minutes=settings.prices.publication_delay)
    for request, series in loaded.items():
        if needs_storing(series):
            cache.pin_rows(series.vintage, stored_rows(series, delay))
        elif series.source not in FILES:
            cache.pin(cache_name(series.source, settings), request, series.vintage)


def refuse_unreachable(requests: Iterable[tuple[Request, str]], settings: Settings) -> None:
    """Check before any download that the services of series not in the cache can be reached.

    `requests` come with their source. A series in the cache, however old, is not checked.

    Raises
    ------
    UnreachableError
        One cannot be reached; its client would need a minute to report that.
    DataError
        One is an address of the user's own, and there is none.

    """
    cache = Cache(Path(settings.prices.cache))
    missing: dict[str, Request] = {}
    for request, source in requests:
        if not cache.path(cache_name(source, settings), request).exists():
            missing.setdefault(source, request)
    for source, request in missing.items():
        name = cache_name(source, settings)
        if why := probe.connection_problem(_address(request, source, settings)):
            raise UnreachableError(
                f"{name}: {request.name} is not in the cache and {why}; check the network, or "
                f"{other_source(request, source)}"
            )


def _address(request: Request, source: str, settings: Settings) -> str:
    """An address of one of `SERVICES` that is asked for `request`."""
    if source == "exchange":
        return public_exchange.address(settings.exchange.prices_id, request)
    if source == "url":
        return url_source.endpoint_of(settings).template
    return {"fred": fred.URL, "yahoo": yahoo.URL, "alpaca": alpaca.URL}[source]


def cache_name(source: str, settings: Settings) -> str:
    """The cache's name of a source: rows of two exchanges, or addresses, must not be mixed."""
    if source == "url":
        try:
            return url_source.endpoint_of(settings).cache_name
        except DataError:  # no address: nothing is read from it, and nothing stored
            return source
    return settings.exchange.prices_id if source == "exchange" else source


def _origin(request: Request, source: str, settings: Settings) -> str:
    if source == "exchange":
        return f"{settings.exchange.prices_id} {request.market}"
    return f"{source} {request.name}"
