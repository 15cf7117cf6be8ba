"""Every series a configuration needs, from the source it names."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

import pandas as pd

from brokers.prices import folder
from brokers.prices.calendar import session_closes
from brokers.prices.clean import finished
from brokers.prices.series import DataError, Request, Series, UnreachableError
from brokers.progress import Progress
from config.settings import Settings

LEAD = timedelta(
    days=400
)  # averages of the other series need a year before the index history begins
OWN_COLUMNS = {
    "flows": "flow",
    "losses": "share",
    "bitcoin_flows": "flow",
    "open_interest": "value",
}  # the user's own series and their column
Known = TypeVar("Known", pd.DataFrame, pd.Series)


class Prices(NamedTuple):
    """All series of a run by request; `sessions` up to `now`: instant a session's close was known -> the close (UTC).

    `sample`: every series is the embedded simulation, and `now` is at most its end. `fallback`: one sentence saying why it stands in for
    real prices, "" where the settings ask for it or for nothing else.
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
            request: one._replace(frame=until(one.frame)) for request, one in self.series.items()
        }
        return self._replace(series=cut, sessions=until(self.sessions), now=min(self.now, instant))

    def of(self, symbol: str, timeframe: str = "1d") -> Series:
        """The series of one symbol.

        Raises
        ------
        DataError
            It was not among those that were loaded.

        """
        for request, one in self.series.items():
            if (request.symbol, request.timeframe) == (symbol, timeframe):
                return one
        raise DataError(
            f"{symbol} ({timeframe}): its prices were not loaded, no rule of the settings reads them"
        )


def wanted(*settings: Settings) -> list[Request]:
    """The series these configurations read, each once."""
    first: dict[tuple[str, str], Request] = {}
    for one in settings:
        for request in _wanted(one):
            first.setdefault((request.symbol, request.timeframe), request)
    return list(first.values())


def _wanted(settings: Settings) -> list[Request]:
    signal, confirmations = settings.signal, settings.confirmations
    used = {*confirmations.enabled(), *settings.risk_curve.channels}
    symbols = [signal.index, signal.broad]
    symbols += [signal.volume] if "volume" in used else []
    symbols += [signal.risky_credit, signal.safe_credit] if used & {"credit", "rates"} else []
    symbols += confirmations.breadth.symbols if "breadth" in used else ()
    requests = [Request(symbol, "session") for symbol in symbols]
    if "liquidity" in used:
        liquidity = confirmations.liquidity
        requests += [
            Request(symbol, "macro")
            for symbol in (liquidity.assets, liquidity.treasury, liquidity.reverse_repos)
        ]
    for coin in settings.coins_and_bitcoin():
        timeframes = dict.fromkeys(("1d", settings.exchange.timeframe))
        requests += [
            Request(coin.history, "coin", coin.market, timeframe) for timeframe in timeframes
        ]
    requests += [Request(name, "macro") for name, cut in settings.haircuts if cut.enabled]
    if "exhaustion" in used:
        requests.append(
            Request(confirmations.exhaustion.symbol, "coin", settings.backtest.bitcoin_market)
        )
    return requests


def load_prices(
    settings: Settings,
    now: pd.Timestamp,
    refresh: bool = False,
    progress: Progress | None = None,
    pinned: Mapping[str, str] | None = None,
    may_fall_back: bool = False,
    also: Sequence[Settings] = (),
) -> Prices:
    """Get every series that `settings` and `also` read, from where `settings` say; `now` (UTC) is the instant of knowledge: bars not
    finished by then are left out.

    With `pinned` (vintage by series name) the very data of an earlier run are read again instead of the newest. With `may_fall_back` and
    `prices.source` "auto" for all, the embedded sample stands in for everything where a series is not in the cache and its service
    cannot be reached; `Prices.fallback` then says why. Where nobody can be connected to, that takes a second or two.

    Raises
    ------
    DataError
        The first series that cannot be had or used, or whose pinned vintage is gone.
    """
    if not (may_fall_back and pinned is None and _real_or_sample(settings)):
        return _loaded(settings, now, refresh, progress, pinned, also)
    from brokers.prices import download

    try:
        download.refuse_unreachable(
            [(request, source_of(request, settings)) for request in wanted(settings, *also)],
            settings,
        )
        return _loaded(settings, now, refresh, progress, None, also)
    except UnreachableError as unreachable:
        return _sample_instead(settings, now, progress, unreachable, also)


def _real_or_sample(settings: Settings) -> bool:
    """Whether the settings leave it open: nothing in them names a source, or reads a file of the user's."""
    prices, haircuts = settings.prices, settings.haircuts
    return (
        prices.source == "auto"
        and not prices.sources
        and not any(cut.enabled for _, cut in haircuts)
    )


def _sample_instead(
    settings: Settings,
    now: pd.Timestamp,
    progress: Progress | None,
    why: UnreachableError,
    also: Sequence[Settings],
) -> Prices:
    simulated = settings.model_copy(
        update={"prices": settings.prices.model_copy(update={"source": "sample"})}
    )
    try:
        found = _loaded(simulated, now, False, progress, None, also)
    except DataError as gap:
        raise UnreachableError(f"{why} (the embedded sample cannot stand in: {gap})") from gap
    reason = str(why).partition(";")[0]
    return found._replace(
        fallback=f"{reason}, so these are the simulated prices of the embedded sample, not the market's."
    )


def _loaded(
    settings: Settings,
    now: pd.Timestamp,
    refresh: bool,
    progress: Progress | None,
    pinned: Mapping[str, str] | None,
    also: Sequence[Settings],
) -> Prices:
    series = {}
    for request, found in load_each(settings, now, refresh, progress, pinned, also):
        if isinstance(found, DataError):
            raise found
        series[request] = found
    return Prices(
        series,
        sessions(settings, now),
        known_until(settings, now),
        settings.prices.source == "sample",
    )


def load_each(
    settings: Settings,
    now: pd.Timestamp,
    refresh: bool = False,
    progress: Progress | None = None,
    pinned: Mapping[str, str] | None = None,
    also: Sequence[Settings] = (),
    again: Collection[str] = (),
) -> Iterator[tuple[Request, Series | DataError]]:
    """As `load_prices`, one series at a time, with what is wrong in place of a series that cannot be used; the symbols in `again` are
    downloaded even where the cache has all that is due.
    """
    for request in wanted(settings, *also):
        yield from load_requests(
            [request], settings, now, refresh or request.symbol in again, progress, pinned
        )


def load_requests(
    requests: Sequence[Request],
    settings: Settings,
    now: pd.Timestamp,
    refresh: bool = False,
    progress: Progress | None = None,
    pinned: Mapping[str, str] | None = None,
) -> Iterator[tuple[Request, Series | DataError]]:
    """The same for any series, from where `settings` say."""
    for request in requests:
        source = source_of(request, settings)
        if progress:
            progress(f"{request.name} from {source}")
        try:
            found = _one(request, source, settings, now, refresh, pinned)
            if pinned is not None and found.vintage != pinned.get(request.name):
                was = pinned.get(request.name, "none")
                raise DataError(
                    f"{found.origin}: {request.name} is not what that run used (vintage {found.vintage}, then {was}); it cannot be read again"
                )
        except DataError as error:
            yield request, error
        else:
            yield request, found


def kept(settings: Settings, request: Request, now: pd.Timestamp) -> Series | None:
    """One series as the cache has it, whatever its source now says; None where it has none, or none that can be used."""
    from brokers.prices import download

    source = source_of(request, settings)
    rows = download.kept(request, source, settings)
    try:
        return (
            None
            if rows is None
            else finished(
                request,
                source,
                f"cache of {source} {request.name}",
                rows,
                *closes_and_delay(settings, now),
                now,
            )
        )
    except DataError:
        return None


def known_until(settings: Settings, now: pd.Timestamp) -> pd.Timestamp:
    """The instant of knowledge (UTC): `now`, or the end of the embedded sample where that is read, so that none of it is stale."""
    if settings.prices.source != "sample":
        return now
    from brokers.prices import sample

    return min(now, sample.END)


def sessions(settings: Settings, now: pd.Timestamp) -> pd.Series:
    """New York sessions whose closes were known at `now`, or at the sample's end: instant known -> the close (UTC)."""
    closes, delay = closes_and_delay(settings, now)
    known = pd.Series(closes.array, index=pd.DatetimeIndex(closes) + delay)
    return known[known.index <= known_until(settings, now)]


def closes_and_delay(settings: Settings, now: pd.Timestamp) -> tuple[pd.Series, pd.Timedelta]:
    """Closes of all New York sessions by date, some of them after `now`, and how long after one its price is known."""
    closes = session_closes(settings.signal.history_from - LEAD, Path(settings.prices.cache), now)
    return closes, pd.Timedelta(minutes=settings.prices.publication_delay)


def _one(
    request: Request,
    source: str,
    settings: Settings,
    now: pd.Timestamp,
    refresh: bool,
    pinned: Mapping[str, str] | None,
) -> Series:
    closes, delay = closes_and_delay(settings, now)

    def usable(raw: pd.DataFrame, origin: str) -> Series:
        return finished(request, source, origin, raw, closes, delay, now)

    if source == "file":
        return usable(
            *folder.own_values(
                Path(own_file(request.symbol, settings)), OWN_COLUMNS[request.symbol]
            )
        )
    if source == "folder":
        return usable(*folder.fetch(request, Path(settings.prices.folder)))
    if source == "sample":
        return _simulated(request, settings, now)
    from brokers.prices import download

    return download.series(request, source, settings, usable, closes + delay, now, refresh, pinned)


def _simulated(request: Request, settings: Settings, now: pd.Timestamp) -> Series:
    """The sample's series up to `now`; its vintage is that of the whole, whenever it is read."""
    from brokers.prices import sample

    days = pd.DatetimeIndex(session_closes(sample.FIRST_SESSION, Path(settings.prices.cache)).index)
    rows = sample.fetch(request, days)
    found = finished(
        request,
        "sample",
        f"embedded sample of {request.name}",
        rows,
        *closes_and_delay(settings, now),
        sample.END,
    )
    return found._replace(frame=found.frame[found.frame.index <= now])


def own_file(name: str, settings: Settings) -> str:
    """The user's own file of one of `OWN_COLUMNS`; empty where none is named."""
    file: str = (
        getattr(settings.haircuts, name).file
        if name in type(settings.haircuts).model_fields
        else getattr(settings.evidence, name)
    )
    return file


def source_of(request: Request, settings: Settings) -> str:
    """Which source `request` comes from.

    Figures of the user's own are a file. "auto" is FRED for macro, the exchange for intraday bars, Yahoo for the rest.
    """
    if request.symbol in OWN_COLUMNS:
        return "file"
    source = settings.prices.sources.get(request.symbol, settings.prices.source)
    if source in ("folder", "sample"):
        return source
    if request.kind == "macro":
        return "fred"
    if request.timeframe != "1d":
        return "exchange"
    return "yahoo" if source == "auto" else source
