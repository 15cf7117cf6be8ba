"""Every series a configuration needs, from the source it names."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

import pandas as pd

from brokers.local_paths import show_file, show_path
from brokers.prices import folder
from brokers.prices.calendar import session_closes
from brokers.prices.clean import clean_series
from brokers.prices.series import DataError, Request, Series, UnreachableError
from brokers.prices.sources import OWN_COLUMNS, own_file, required_series, source_of
from brokers.progress import Progress
from config.settings import Settings

# Averages of the other series need a year before the index history begins.
LEAD = timedelta(days=400)
Known = TypeVar("Known", pd.DataFrame, pd.Series)


class Prices(NamedTuple):
    """All series of a run by request.

    `sessions` up to `now`: instant a session's close was known -> the close (UTC). `sample`: every
    series is the embedded simulation, and `now` is at most its end. `fallback`: one sentence on why
    the sample replaces real prices, "" where the settings ask for it or real prices are used.
    """

    series: Mapping[Request, Series]
    sessions: pd.Series
    now: pd.Timestamp
    sample: bool = False
    fallback: str = ""

    def until(self, instant: pd.Timestamp) -> "Prices":
        """The same as it was known at `instant` (UTC, included)."""

        def until(frame: Known) -> Known:
            return frame.iloc[: int(frame.index.searchsorted(instant, side="right"))]

        cut = {
            request: series._replace(frame=until(series.frame))
            for request, series in self.series.items()
        }
        return self._replace(series=cut, sessions=until(self.sessions), now=min(self.now, instant))

    def of(self, symbol: str, timeframe: str = "1d") -> Series:
        """The series of one symbol.

        Raises
        ------
        DataError
            It was not loaded.

        """
        for request, series in self.series.items():
            if (request.symbol, request.timeframe) == (symbol, timeframe):
                return series
        raise DataError(
            f"{symbol} ({timeframe}): its prices were not loaded, as no rule of the settings reads "
            "them"
        )


def load_prices(
    settings: Settings,
    now: pd.Timestamp,
    *,
    refresh: bool = False,
    progress: Progress | None = None,
    pinned: Mapping[str, str] | None = None,
    may_fall_back: bool = False,
    also: Sequence[Settings] = (),
) -> Prices:
    """Load every series that `settings` and `also` read, from the sources that `settings` name.

    Parameters
    ----------
    now : the instant of knowledge (UTC): bars not closed by then are left out.
    refresh : download everything again.
    pinned : vintage by series name: the very data of an earlier run instead of the newest.
    may_fall_back : with `prices.source` "auto" for all, the embedded sample replaces every series
        where one is not in the cache and its service cannot be reached; `Prices.fallback` then says
        why. Without a network that takes a second or two.

    Raises
    ------
    DataError
        The first series that is not available or not usable, or whose pinned vintage is gone.

    """
    if not (may_fall_back and pinned is None and _real_or_sample(settings)):
        return _load_all(
            settings, now, refresh=refresh, progress=progress, pinned=pinned, also=also
        )
    from brokers.prices import download

    requests = [
        (request, source_of(request, settings)) for request in required_series(settings, *also)
    ]
    try:
        download.refuse_unreachable(requests, settings)
        return _load_all(settings, now, refresh=refresh, progress=progress, also=also)
    except UnreachableError as error:
        return _load_sample(settings, now, error, progress=progress, also=also)


def _real_or_sample(settings: Settings) -> bool:
    """Whether the settings allow both: they name no source and read no file of the user's."""
    prices, haircuts = settings.prices, settings.haircuts
    return (
        prices.source == "auto"
        and not prices.sources
        and not any(cut.enabled for _, cut in haircuts)
    )


def _load_sample(
    settings: Settings,
    now: pd.Timestamp,
    why: UnreachableError,
    *,
    progress: Progress | None,
    also: Sequence[Settings],
) -> Prices:
    """The embedded sample in place of real prices, which are unreachable."""
    simulated = settings.model_copy(
        update={"prices": settings.prices.model_copy(update={"source": "sample"})}
    )
    try:
        prices = _load_all(simulated, now, progress=progress, also=also)
    except DataError as gap:
        raise UnreachableError(f"{why} (the embedded sample cannot replace it: {gap})") from gap
    reason = str(why).partition(";")[0]
    return prices._replace(
        fallback=f"{reason}, so these are the simulated prices of the embedded sample, not the "
        "market's."
    )


def _load_all(
    settings: Settings,
    now: pd.Timestamp,
    *,
    refresh: bool = False,
    progress: Progress | None = None,
    pinned: Mapping[str, str] | None = None,
    also: Sequence[Settings] = (),
) -> Prices:
    loaded = load_each(settings, now, refresh=refresh, progress=progress, pinned=pinned, also=also)
    usable = {}
    for request, series in loaded:
        if isinstance(series, DataError):
            raise series
        usable[request] = series
    return Prices(
        usable,
        sessions(settings, now),
        known_until(settings, now),
        sample=settings.prices.source == "sample",
    )


def load_each(
    settings: Settings,
    now: pd.Timestamp,
    *,
    refresh: bool = False,
    progress: Progress | None = None,
    pinned: Mapping[str, str] | None = None,
    also: Sequence[Settings] = (),
    again: Collection[str] = (),
) -> Iterator[tuple[Request, Series | DataError]]:
    """As `load_prices`, one series at a time, with the error in place of an unusable series.

    The symbols in `again` are downloaded even where the cache has their newest row.
    """
    for request in required_series(settings, *also):
        yield from load_requests(
            [request],
            settings,
            now,
            refresh=refresh or request.symbol in again,
            progress=progress,
            pinned=pinned,
        )


def load_requests(
    requests: Sequence[Request],
    settings: Settings,
    now: pd.Timestamp,
    *,
    refresh: bool = False,
    progress: Progress | None = None,
    pinned: Mapping[str, str] | None = None,
) -> Iterator[tuple[Request, Series | DataError]]:
    """As `load_each` for any series, from the sources that `settings` name."""
    for request in requests:
        source = source_of(request, settings)
        if progress:
            progress(f"{request.name} from {source}")
        try:
            series = _load_one(request, source, settings, now, refresh=refresh, pinned=pinned)
            if pinned is not None:
                _check_vintage(series, pinned)
        except DataError as error:
            yield request, error
        else:
            yield request, series


def _check_vintage(series: Series, pinned: Mapping[str, str]) -> None:
    name = series.request.name
    if series.vintage != pinned.get(name):
        raise DataError(
            f"{series.origin}: {name} is not what that run used (vintage {series.vintage}, then "
            f"{pinned.get(name, 'none')}); it cannot be read again"
        )


def read_cached(settings: Settings, request: Request, now: pd.Timestamp) -> Series | None:
    """One series as the cache has it, without a download; None where it has none that is usable."""
    from brokers.prices import download

    source = source_of(request, settings)
    closes, delay = closes_and_delay(settings, now)
    last_due = download.due(request, closes + delay, now)
    rows = download.read_cached(request, source, settings, last_due)
    if rows is None:
        return None
    try:
        return clean_series(
            request,
            rows,
            source=source,
            origin=f"cache of {source} {request.name}",
            closes=closes,
            delay=delay,
            now=now,
        )
    except DataError:
        return None


def known_until(settings: Settings, now: pd.Timestamp) -> pd.Timestamp:
    """The instant of knowledge (UTC): `now`, at most the end of the embedded sample if it is read.

    So nothing of the sample is stale.
    """
    if settings.prices.source != "sample":
        return now
    from brokers.prices import sample

    return min(now, sample.END)


def sessions(settings: Settings, now: pd.Timestamp) -> pd.Series:
    """New York sessions whose closes were known at `now`, or at the sample's end.

    Index: the instant each was known; values: the closes (UTC).
    """
    closes, delay = closes_and_delay(settings, now)
    known = pd.Series(closes.array, index=pd.DatetimeIndex(closes) + delay)
    return known[known.index <= known_until(settings, now)]


def closes_and_delay(settings: Settings, now: pd.Timestamp) -> tuple[pd.Series, pd.Timedelta]:
    """Closes of New York sessions by date, some after `now`, and the delay until one is known."""
    closes = session_closes(settings.signal.history_from - LEAD, Path(settings.prices.cache), now)
    return closes, pd.Timedelta(minutes=settings.prices.publication_delay)


def _load_one(
    request: Request,
    source: str,
    settings: Settings,
    now: pd.Timestamp,
    *,
    refresh: bool,
    pinned: Mapping[str, str] | None,
) -> Series:
    closes, delay = closes_and_delay(settings, now)

    def clean(raw: pd.DataFrame, origin: str) -> Series:
        return clean_series(
            request, raw, source=source, origin=origin, closes=closes, delay=delay, now=now
        )

    if source == "file":
        path = Path(own_file(request.symbol, settings))
        rows, _ = folder.own_values(path, OWN_COLUMNS[request.symbol])
        return clean(rows, show_path(path))
    if source == "folder":
        rows, file = folder.fetch(request, Path(settings.prices.folder))
        return clean(rows, show_file(Path(file), Path(settings.prices.folder)))
    if source == "sample":
        return _simulate(request, settings, now)
    from brokers.prices import download

    if pinned is not None:
        return download.read_pinned(request, source, settings, pinned, clean)
    last_due = download.due(request, closes + delay, now)
    return download.update(
        request, source, settings, clean=clean, last_due=last_due, now=now, refresh=refresh
    )


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
