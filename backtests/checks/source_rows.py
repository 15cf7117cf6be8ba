"""The rows of a series as its sources have them, by the dates that these write."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from brokers.prices import folder
from brokers.prices.cache import Cache
from brokers.prices.calendar import session_closes
from brokers.prices.combine import splice, splice_proxy
from brokers.prices.download import SERVICES, cache_name
from brokers.prices.series import DataError, Request, Series
from brokers.prices.sources import OWN_COLUMNS, own_file, sources_of
from config.prices import proxy_fund
from config.settings import Settings


def source_rows(series: Series, settings: Settings) -> pd.DataFrame | None:
    """The rows as the sources have them; None if they store none.

    Indexed by date of the session or UTC day, start of the bar, or instant of publication. Where a
    later source has newer rows they are on the level of those before, by the dates of both.
    """
    request = series.request
    rows = _rows(request, series.source, settings)
    if rows is None or series.substitutes is None:
        return rows
    for source in dict.fromkeys(name for name in series.substitutes if name != series.source):
        other = _rows_of_later(request, source, settings)
        if other is None:
            return None
        base = _priced(rows)
        try:
            if proxy_fund(source):
                newer = splice_proxy(base, other)
            else:
                newer = splice(base, other, request.kind)
        except DataError:  # the stored rows are no longer those that were combined
            return None
        rows = pd.concat([base, newer.rows])
    return rows


def _rows_of_later(request: Request, source: str, settings: Settings) -> pd.DataFrame | None:
    """Rows of a later source with a price; of a fund those of its own list, one after another."""
    fund = proxy_fund(source)
    if not fund:
        rows = _rows(request, source, settings)
        return None if rows is None else _priced(rows)
    other = Request(fund, "session")
    stored = list(_stored(other, settings))
    if not stored:
        return None
    rows = stored[0]
    for later in stored[1:]:
        try:
            rows = pd.concat([rows, splice(rows, later, "session").rows])
        except DataError:
            continue
    return rows


def _stored(request: Request, settings: Settings) -> Iterator[pd.DataFrame]:
    for source in sources_of(request, settings):
        rows = _rows(request, source, settings)
        if rows is not None:
            yield _priced(rows)


def _priced(rows: pd.DataFrame) -> pd.DataFrame:
    """Bars with a close, and a total-return close where the source has none of its own."""
    if "close" not in rows:
        return rows
    rows = rows[rows["close"].notna()]
    total = rows["adj_close"] if "adj_close" in rows else rows["close"]
    return rows.assign(adj_close=total.fillna(rows["close"]))


def _rows(request: Request, source: str, settings: Settings) -> pd.DataFrame | None:
    """The rows of one source; None if it stores none."""
    if source == "folder":
        return folder.fetch(request, Path(settings.prices.folder)).frame
    if source == "file":
        path = Path(own_file(request.symbol, settings))
        return folder.own_values(path, OWN_COLUMNS[request.symbol]).frame
    if source == "sample":
        from brokers.prices import sample

        days = session_closes(sample.FIRST_SESSION, Path(settings.prices.cache)).index
        return sample.fetch(request, pd.DatetimeIndex(days))
    if source not in SERVICES:
        return None
    return Cache(Path(settings.prices.cache)).read(cache_name(source, settings), request)
