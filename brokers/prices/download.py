"""Series from a service, through the cache."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path

import pandas as pd

from brokers.prices import candles, fred, probe, public_exchange, yahoo
from brokers.prices.cache import Cache
from brokers.prices.clean import bar_length
from brokers.prices.series import DataError, Request, Series, UnreachableError, other_source
from config.settings import Settings

DAY = pd.Timedelta(days=1)


Clean = Callable[[pd.DataFrame, str], Series]  # raw rows and their origin, stamped and checked


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

    def fetch(start: date | None) -> pd.DataFrame:
        if source == "exchange":
            return candles.fetch(request, start, settings.exchange.prices_id, now)
        return fred.fetch(request, start) if source == "fred" else yahoo.fetch(request, start, now)

    rows = Cache(Path(settings.prices.cache)).update(
        _cache_name(source, settings),
        request,
        fetch,
        last_due=last_due,
        check=lambda raw: clean(raw, origin),
        refresh=refresh,
    )
    series = clean(rows.frame, origin)
    return series._replace(notes=(*series.notes, *rows.notes))


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
    """Raw rows as last downloaded, up to `last_due`, the result of `due`."""
    return Cache(Path(settings.prices.cache)).read(_cache_name(source, settings), request, last_due)


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
    for request, series in loaded.items():
        if series.source not in ("folder", "file", "sample"):
            cache.pin(_cache_name(series.source, settings), request, series.vintage)


def refuse_unreachable(requests: Iterable[tuple[Request, str]], settings: Settings) -> None:
    """Check before any download that the services of series not in the cache can be reached.

    `requests` come with their source. A series in the cache, however old, is not checked.

    Raises
    ------
    UnreachableError
        One cannot be reached; its client would need a minute to report that.

    """
    cache = Cache(Path(settings.prices.cache))
    missing: dict[str, Request] = {}
    for request, source in requests:
        if not cache.path(_cache_name(source, settings), request).exists():
            missing.setdefault(source, request)
    for source, request in missing.items():
        name = _cache_name(source, settings)
        url = (
            public_exchange.address(name, request)
            if source == "exchange"
            else {"fred": fred.URL, "yahoo": yahoo.URL}[source]
        )
        if why := probe.connection_problem(url):
            raise UnreachableError(
                f"{name}: {request.name} is not in the cache and {why}; check the network, or "
                f"{other_source(request, source)}"
            )


def _cache_name(source: str, settings: Settings) -> str:
    """The cache's name of a source: rows of two exchanges must not be mixed."""
    return settings.exchange.prices_id if source == "exchange" else source


def _origin(request: Request, source: str, settings: Settings) -> str:
    series = request.market if source == "exchange" else request.name
    return f"{_cache_name(source, settings)} {series}"
