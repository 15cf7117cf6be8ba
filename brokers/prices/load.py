"""Every series a configuration needs, from the source it names."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from brokers.prices import folder
from brokers.prices.calendar import session_closes
from brokers.prices.clean import finished
from brokers.prices.series import DataError, Request, Series
from config.settings import Settings

LEAD = timedelta(days=400)  # averages of the other series need a year before the index history begins
OWN_COLUMNS = {"flows": "flow", "losses": "share"}  # the user's own series and their column
Progress = Callable[[str], None]


class Prices(NamedTuple):
    """All series of a run by request; `sessions` up to `now`: instant a session's close was known -> the close (UTC)."""

    series: Mapping[Request, Series]
    sessions: pd.Series
    now: pd.Timestamp

    def until(self, instant: pd.Timestamp) -> "Prices":
        """The same as it was known at `instant` (UTC, included)."""
        cut = {request: one._replace(frame=one.frame[one.frame.index <= instant]) for request, one in self.series.items()}
        return Prices(cut, self.sessions[self.sessions.index <= instant], min(self.now, instant))

    def of(self, symbol: str, timeframe: str = "1d") -> Series:
        """The series of one symbol."""
        return next(one for request, one in self.series.items() if (request.symbol, request.timeframe) == (symbol, timeframe))


def wanted(settings: Settings) -> list[Request]:
    """The series this configuration reads, each once."""
    signal, confirmations = settings.signal, settings.confirmations
    used = {*confirmations.enabled(), *settings.risk_curve.channels}
    symbols = [signal.index, signal.broad]
    symbols += [signal.volume] if "volume" in used else []
    symbols += [signal.risky_credit, signal.safe_credit] if used & {"credit", "rates"} else []
    symbols += confirmations.breadth.symbols if "breadth" in used else ()
    requests = [Request(symbol, "session") for symbol in symbols]
    if "liquidity" in used:
        liquidity = confirmations.liquidity
        requests += [Request(symbol, "macro") for symbol in (liquidity.assets, liquidity.treasury, liquidity.reverse_repos)]
    for coin in settings.coins_and_bitcoin():
        timeframes = dict.fromkeys(("1d", settings.exchange.timeframe))
        requests += [Request(coin.history, "coin", coin.market, timeframe) for timeframe in timeframes]
    requests += [Request(name, "macro") for name in OWN_COLUMNS if getattr(settings.haircuts, name).enabled]
    if "exhaustion" in used:
        requests.append(Request(confirmations.exhaustion.symbol, "coin", settings.backtest.bitcoin_market))
    first: dict[tuple[str, str], Request] = {}
    for request in requests:
        first.setdefault((request.symbol, request.timeframe), request)
    return list(first.values())


def load_prices(
    settings: Settings, now: pd.Timestamp, refresh: bool = False, progress: Progress | None = None, pinned: Mapping[str, str] | None = None
) -> Prices:
    """Get every wanted series; `now` (UTC) is the instant of knowledge: bars not finished by then are left out.

    With `pinned` (vintage by series name) the very data of an earlier run are read again instead of the newest.

    Raises
    ------
    DataError
        The first series that cannot be had or used, or whose pinned vintage is gone.
    """
    series = {}
    for request, found in load_each(settings, now, refresh, progress, pinned):
        if isinstance(found, DataError):
            raise found
        series[request] = found
    return Prices(series, sessions(settings, now), now)


def load_each(
    settings: Settings, now: pd.Timestamp, refresh: bool = False, progress: Progress | None = None, pinned: Mapping[str, str] | None = None
) -> Iterator[tuple[Request, Series | DataError]]:
    """As `load_prices`, one series at a time, with what is wrong in place of a series that cannot be used."""
    for request in wanted(settings):
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


def sessions(settings: Settings, now: pd.Timestamp) -> pd.Series:
    """New York sessions whose closes were known at `now`: instant known -> the close (UTC)."""
    closes = _closes(settings)
    known = pd.Series(closes.array, index=pd.DatetimeIndex(closes) + _delay(settings))
    return known[known.index <= now]


def _closes(settings: Settings) -> pd.Series:
    return session_closes(settings.signal.history_from - LEAD, Path(settings.prices.cache))


def _delay(settings: Settings) -> pd.Timedelta:
    return pd.Timedelta(minutes=settings.prices.publication_delay)


def _one(request: Request, source: str, settings: Settings, now: pd.Timestamp, refresh: bool, pinned: Mapping[str, str] | None) -> Series:
    closes, delay = _closes(settings), _delay(settings)

    def usable(raw: pd.DataFrame, origin: str) -> Series:
        return finished(request, source, origin, raw, closes, delay, now)

    if source == "file":
        return usable(*folder.own_values(Path(getattr(settings.haircuts, request.symbol).file), OWN_COLUMNS[request.symbol]))
    if source == "folder":
        return usable(*folder.fetch(request, Path(settings.prices.folder)))
    from brokers.prices import download

    return download.series(request, source, settings, usable, closes + delay, now, refresh, pinned)


def source_of(request: Request, settings: Settings) -> str:
    """Which source `request` comes from.

    A haircut's figures are the user's file. "auto" is FRED for macro, the exchange for intraday bars, Yahoo for the rest.
    """
    if request.symbol in OWN_COLUMNS:
        return "file"
    source = settings.prices.sources.get(request.symbol, settings.prices.source)
    if source == "folder":
        return source
    if request.kind == "macro":
        return "fred"
    if request.timeframe != "1d":
        return "exchange"
    return "yahoo" if source == "auto" else source
