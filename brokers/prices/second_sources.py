"""Series with a list of sources: which is asked when, and how a run's own rows are read again."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from brokers.prices.cache import Cache
from brokers.prices.calendar import known_sessions
from brokers.prices.clean import bar_length
from brokers.prices.combine import LEVEL_ROWS, Needed, combine, other_series_text
from brokers.prices.one_source import cleaner, load_from, load_stored
from brokers.prices.plausibility import first_refused, live_issues, series_issues
from brokers.prices.same_series import difference_in_returns
from brokers.prices.series import DataError, DataIssue, Request, Series
from brokers.prices.sources import sources_of
from brokers.prices.stored_series import read_stored
from config.prices import proxy_fund
from config.settings import Settings


def load_listed(
    request: Request,
    settings: Settings,
    now: pd.Timestamp,
    *,
    refresh: bool = False,
    pinned: Mapping[str, str] | None = None,
    live: bool = False,
) -> Series:
    """The series of `request` from its list of sources; see `combine`. Each is cached by itself.

    A source that fails has what was last downloaded of it, which its own note says: a later one is
    compared with that, and tops it up.

    `live`: what a live session may use of a single source (`live_issues`) is usable here as well.

    Raises
    ------
    DataError
        None of them has it, or its pinned vintage is gone.

    """
    sources = sources_of(request, settings)
    if pinned is not None:
        return _read_pinned(request, sources[0], settings, now, pinned)
    why_not = _refusals(request, settings, now, live=live)

    def load_or_read(source: str) -> Series:
        try:
            return _load(request, source, settings, now, refresh=refresh, live=live)
        except DataError as error:
            stored = load_stored(request, source, settings, now)
            if stored is None or why_not(stored):
                raise
            note = (
                f"{request.name}: rows up to {stored.frame.index[-1]:%Y-%m-%d %H:%M} from the "
                f"cache of {source}, which has no usable ones now: {error}"
            )
            return stored._replace(notes=(*stored.notes, note))

    return combine(_needed(request, settings, now), sources, load_or_read, why_not)


def load_listed_stored(request: Request, settings: Settings, now: pd.Timestamp) -> Series:
    """As `load_listed` in a live session, of what is stored of each source, without a download.

    Raises
    ------
    DataError
        Nothing usable is stored of any.

    """

    def read(source: str) -> Series:
        if stored := load_stored(request, source, settings, now):
            return stored
        raise DataError(f"{source}: nothing usable of it is stored")

    why_not = _refusals(request, settings, now, live=True)
    return combine(_needed(request, settings, now), sources_of(request, settings), read, why_not)


def _refusals(
    request: Request, settings: Settings, now: pd.Timestamp, *, live: bool
) -> Callable[[Series], DataIssue | None]:
    """What finds the issue for which a series of `request` cannot be used."""
    calendar = known_sessions(settings, now)

    def why_not(series: Series) -> DataIssue | None:
        issues = series_issues(series, calendar, settings.prices.accepted)
        return first_refused(live_issues(issues, request) if live else issues)

    return why_not


def second_closes(
    series: Series, settings: Settings, now: pd.Timestamp
) -> Iterator[tuple[str, pd.Series | str]]:
    """Closes of `series` as the other sources of its list have them, one source after the other.

    They are on the level of `series` and indexed by `known_at`; a fund's are its total return. Of a
    source that has another series there is a sentence about that instead. One that has none, or too
    few to be compared, is left out.
    """
    request = series.request
    for source in sources_of(request, settings):
        if source == series.source:
            continue
        try:
            frame = _load(request, source, settings, now, refresh=False, live=True).frame
            if proxy_fund(source):
                closes, why = frame["adj_close"], ""
            else:
                closes = frame["close"]
                why = difference_in_returns(series.frame["close"], closes, request.kind)
        except DataError:
            continue
        common = series.frame.index.intersection(closes.index)[-LEVEL_ROWS:]
        if why:
            yield source, other_series_text(series, source, why)
        elif len(common):
            ratio = float((series.frame.loc[common, "close"] / closes[common]).median())
            yield source, closes * ratio


def _read_pinned(
    request: Request,
    source: str,
    settings: Settings,
    now: pd.Timestamp,
    pinned: Mapping[str, str],
) -> Series:
    """The very series of an earlier run: a combined one from its own file, with whose rows it has.

    `source` is the first of the list.
    """
    cache, vintage = Cache(Path(settings.prices.cache)), pinned.get(request.name, "")
    rows = cache.read_pinned(vintage) if vintage and cache.is_pinned(vintage) else None
    stored = None if rows is None else read_stored(rows)
    if stored is None:
        return load_from(request, source, settings, now, refresh=False, pinned=pinned)
    clean = cleaner(request, stored.source or source, settings, now)
    return stored.restore(clean(stored.rows, f"{source} {request.name}"))


def _load(
    request: Request,
    source: str,
    settings: Settings,
    now: pd.Timestamp,
    *,
    refresh: bool,
    live: bool,
) -> Series:
    if not (fund := proxy_fund(source)):
        return load_from(request, source, settings, now, refresh=refresh)
    other = Request(fund, "session")
    if len(sources_of(other, settings)) > 1:
        return load_listed(other, settings, now, refresh=refresh, live=live)
    return load_from(other, sources_of(other, settings)[0], settings, now, refresh=refresh)


def _needed(request: Request, settings: Settings, now: pd.Timestamp) -> Needed:
    """The newest row that is due by the instant it was known; of a macro value the oldest used.

    Releases have no calendar here: one that counts as missing is due.
    """
    session = pd.Timestamp(known_sessions(settings, now).index[-1])
    newest = session
    if request.kind == "coin":
        newest = now.floor(bar_length(request.timeframe))
    elif request.kind == "macro":
        newest = now - pd.Timedelta(days=settings.prices.max_age_macro)
    return Needed(request, newest, session)
