"""One series from one source, checked and stamped."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from brokers.local_paths import show_file, show_path
from brokers.prices import folder
from brokers.prices.calendar import closes_and_delay, session_closes
from brokers.prices.clean import Clean, clean_series
from brokers.prices.series import DataError, Request, Series
from brokers.prices.sources import OWN_COLUMNS, own_file
from config.settings import Settings


def cleaner(request: Request, source: str, settings: Settings, now: pd.Timestamp) -> Clean:
    """What makes a series of raw rows and their origin: `clean_series` for this request."""
    closes, delay = closes_and_delay(settings, now)

    def clean(raw: pd.DataFrame, origin: str) -> Series:
        return clean_series(
            request, raw, source=source, origin=origin, closes=closes, delay=delay, now=now
        )

    return clean


def load_from(
    request: Request,
    source: str,
    settings: Settings,
    now: pd.Timestamp,
    *,
    refresh: bool,
    pinned: Mapping[str, str] | None = None,
) -> Series:
    """The series of `request` from one source, without a look at others; as `load_prices`.

    Raises
    ------
    DataError
        It is not available or not usable there, or its pinned vintage is gone.

    """
    clean = cleaner(request, source, settings, now)
    if source == "file":
        path = Path(own_file(request.symbol, settings))
        rows = folder.own_values(path, OWN_COLUMNS[request.symbol])
        series = clean(rows.frame, show_path(path))
        return series._replace(notes=(*rows.notes, *series.notes))
    if source == "folder":
        rows = folder.fetch(request, Path(settings.prices.folder))
        series = clean(rows.frame, show_file(Path(rows.origin), Path(settings.prices.folder)))
        return series._replace(notes=(*rows.notes, *series.notes))
    if source == "sample":
        return _simulate(request, settings, now)
    from brokers.prices import download

    if pinned is not None:
        return download.read_pinned(request, source, settings, pinned, clean)
    closes, delay = closes_and_delay(settings, now)
    last_due = download.due(request, closes + delay, now)
    return download.update(
        request, source, settings, clean=clean, last_due=last_due, now=now, refresh=refresh
    )


def load_stored(
    request: Request, source: str, settings: Settings, now: pd.Timestamp
) -> Series | None:
    """The series of `request` as last downloaded from one source; None for none that is usable."""
    from brokers.prices import download

    closes, delay = closes_and_delay(settings, now)
    last_due = download.due(request, closes + delay, now)
    rows = download.read_cached(request, source, settings, last_due)
    if rows is None:
        return None
    try:
        return cleaner(request, source, settings, now)(rows, f"cache of {source} {request.name}")
    except DataError:
        return None


def _simulate(request: Request, settings: Settings, now: pd.Timestamp) -> Series:
    """The sample's series up to `now`; its vintage is that of the whole series."""
    from brokers.prices import sample

    days = pd.DatetimeIndex(session_closes(sample.FIRST_SESSION, Path(settings.prices.cache)).index)
    closes, delay = closes_and_delay(settings, now)
    series = clean_series(
        request,
        sample.fetch(request, days),
        source="sample",
        origin=f"embedded sample of {request.name}",
        closes=closes,
        delay=delay,
        now=sample.END,
    )
    return series._replace(frame=series.frame[series.frame.index <= now])
