"""Every series a configuration needs, from the source it names."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, TypeVar

import pandas as pd

from brokers.prices.accepted import accepted_closes
from brokers.prices.calendar import known_sessions
from brokers.prices.one_source import load_from, load_stored
from brokers.prices.plausibility import check_plausibility
from brokers.prices.second_sources import load_listed, load_listed_stored
from brokers.prices.series import (
    AcceptedClose,
    DataError,
    DataIssue,
    Request,
    Series,
    UnreachableError,
)
from brokers.prices.sources import required_series, source_of, sources_of
from brokers.progress import Progress
from config.settings import Settings

Known = TypeVar("Known", pd.DataFrame, pd.Series)


class Prices(NamedTuple):
    """All series of a run by request.

    `sessions` up to `now`: instant a session's close was known -> the close (UTC). `sample`: every
    series is the embedded simulation, and `now` is at most its end. `fallback`: one sentence on why
    the sample replaces real prices, "" where the settings ask for it or real prices are used.
    `issues` are what is implausible and used nevertheless; `accepted` the held closes that somebody
    confirmed.
    """

    series: Mapping[Request, Series]
    sessions: pd.Series
    now: pd.Timestamp
    sample: bool = False
    fallback: str = ""
    issues: tuple[DataIssue, ...] = ()
    accepted: tuple[AcceptedClose, ...] = ()

    def until(self, instant: pd.Timestamp) -> "Prices":
        """The same as it was known at `instant` (UTC, included)."""

        def until(frame: Known) -> Known:
            return frame.iloc[: int(frame.index.searchsorted(instant, side="right"))]

        cut = {
            request: series._replace(frame=until(series.frame))
            for request, series in self.series.items()
        }
        return self._replace(
            series=cut,
            sessions=until(self.sessions),
            now=min(self.now, instant),
            issues=tuple(issue for issue in self.issues if issue.first <= instant),
            accepted=tuple(close for close in self.accepted if close.at <= instant),
        )

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
        The first series that is not available or not usable, or whose pinned vintage is gone; or
        the first that is not plausible.

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
    calendar = sessions(settings, now)
    issues = check_plausibility(usable, calendar, settings.prices.accepted)
    if refused := next((issue for issue in issues if issue.severity == "refused"), None):
        raise DataError(refused.text + _outside_window(refused, settings))
    is_sample = settings.prices.source == "sample"
    return Prices(
        usable,
        calendar,
        known_until(settings, now),
        sample=is_sample,
        issues=issues,
        accepted=() if is_sample else accepted_closes(settings, now),
    )


def _outside_window(issue: DataIssue, settings: Settings) -> str:
    """What to add about an issue outside the days of a backtest or replay; "" inside of them."""
    window = settings.backtest
    is_before = window.start is not None and issue.last.date() < window.start
    is_after = window.end is not None and issue.first.date() > window.end
    if not is_before and not is_after:
        return ""
    days = f"{window.start or 'the beginning'} to {window.end or 'the end'}"
    return f"; the whole file is checked, not only {days}"


def load_each(
    settings: Settings,
    now: pd.Timestamp,
    *,
    refresh: bool = False,
    progress: Progress | None = None,
    pinned: Mapping[str, str] | None = None,
    also: Sequence[Settings] = (),
    again: Collection[str] = (),
    live: bool = False,
) -> Iterator[tuple[Request, Series | DataError]]:
    """As `load_prices`, one series at a time, with the error in place of an unusable series.

    None has passed the plausibility step: that is for who uses it. The symbols in `again` are
    downloaded even where the cache has their newest row. `live`: as `load_listed`.
    """
    for request in required_series(settings, *also):
        yield from load_requests(
            [request],
            settings,
            now,
            refresh=refresh or request.symbol in again,
            progress=progress,
            pinned=pinned,
            live=live,
        )


def load_requests(
    requests: Sequence[Request],
    settings: Settings,
    now: pd.Timestamp,
    *,
    refresh: bool = False,
    progress: Progress | None = None,
    pinned: Mapping[str, str] | None = None,
    live: bool = False,
) -> Iterator[tuple[Request, Series | DataError]]:
    """As `load_each` for any series, from the sources that `settings` name."""
    for request in requests:
        sources = sources_of(request, settings)
        if progress:
            progress(f"{request.name} from {sources[0]}")
        try:
            series = (
                load_from(request, sources[0], settings, now, refresh=refresh, pinned=pinned)
                if len(sources) == 1
                else load_listed(request, settings, now, refresh=refresh, pinned=pinned, live=live)
            )
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
    """One series as the cache has it, without a download; None where it has none that is usable.

    The sources of a list are combined as in `combine`, each as it is stored.
    """
    sources = sources_of(request, settings)
    if len(sources) == 1:
        return load_stored(request, sources[0], settings, now)
    with suppress(DataError):
        return load_listed_stored(request, settings, now)
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
    """The `known_sessions` at `now`, or at the sample's end."""
    return known_sessions(settings, known_until(settings, now))
