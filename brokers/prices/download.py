"""Series from a service, by way of the cache."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path

import pandas as pd

from brokers.prices import candles as exchange
from brokers.prices import fred, probe, yahoo
from brokers.prices.cache import Cache
from brokers.prices.clean import bar_length
from brokers.prices.series import DataError, Request, Series, UnreachableError
from config.settings import Settings

DAY = pd.Timedelta(days=1)


def series(
    request: Request,
    source: str,
    settings: Settings,
    usable: Callable[[pd.DataFrame, str], Series],
    known_at: pd.Series,
    now: pd.Timestamp,
    refresh: bool,
    pinned: Mapping[str, str] | None,
) -> Series:
    """One series from `source`, downloaded as far as the cache lacks it, or the vintage `pinned` for it.

    `usable` stamps and checks raw rows; `known_at` is the instant each New York session is known, by date.
    """
    cache = Cache(Path(settings.prices.cache))
    place = _place(source, settings)
    origin = f"{place} {request.market if source == 'exchange' else request.name}"
    if pinned is not None:
        if request.name not in pinned:
            raise DataError(
                f"{origin}: that run did not use {request.name}; read it with the run's own config"
            )
        return usable(cache.pinned(pinned[request.name]), origin)

    def fetch(start: date | None) -> pd.DataFrame:
        if source == "exchange":
            return exchange.fetch(request, start, settings.exchange.prices_id, now)
        return fred.fetch(request, start) if source == "fred" else yahoo.fetch(request, start)

    last_due = due(request, known_at, now)
    rows = cache.update(place, request, fetch, last_due, refresh, lambda raw: usable(raw, origin))
    found = usable(rows.frame, origin)
    return found._replace(notes=(*found.notes, *rows.notes))


def kept(request: Request, source: str, settings: Settings) -> pd.DataFrame | None:
    """Raw rows as they were last downloaded."""
    return Cache(Path(settings.prices.cache)).read(_place(source, settings), request)


def due(request: Request, known_at: pd.Series, now: pd.Timestamp) -> pd.Timestamp:
    """Index of the last row a source should have: a session's or UTC day's date, a bar's start, a publication.

    Releases have no calendar here: one younger than a day counts as the newest.
    """
    if request.kind == "macro":
        return now - DAY
    if request.kind == "session":
        return pd.Timestamp(known_at.index[known_at <= now][-1])
    start = now.floor(bar_length(request.timeframe)) - bar_length(request.timeframe)
    return start if request.timeframe != "1d" else start.tz_localize(None)


def pin(found: Mapping[Request, Series], settings: Settings) -> None:
    """Keep what a run used, so that it can be read again."""
    cache = Cache(Path(settings.prices.cache))
    for request, one in found.items():
        if one.source not in ("folder", "file", "sample"):
            cache.pin(_place(one.source, settings), request, one.vintage)


def refuse_unreachable(requests: Iterable[tuple[Request, str]], settings: Settings) -> None:
    """Before any download, see whether the services of series that are not in the cache can be connected to.

    `requests` come with their source. Nothing is looked at for a series that is in the cache, be it old.

    Raises
    ------
    UnreachableError
        One cannot, as its client would find out too, after a minute.

    """
    cache = Cache(Path(settings.prices.cache))
    missing: dict[str, Request] = {}
    for request, source in requests:
        if not cache.path(_place(source, settings), request).exists():
            missing.setdefault(source, request)
    for source, request in missing.items():
        place = _place(source, settings)
        url = (
            exchange.address(place, request)
            if source == "exchange"
            else {"fred": fred.URL, "yahoo": yahoo.URL}[source]
        )
        if why := probe.unreachable(url):
            raise UnreachableError(
                f"{place}: {request.name} is not in the cache and {why}; check the network, or set prices.source"
            )


def _place(source: str, settings: Settings) -> str:
    """The cache's name of a source: rows of two exchanges must not be mixed."""
    return settings.exchange.prices_id if source == "exchange" else source
