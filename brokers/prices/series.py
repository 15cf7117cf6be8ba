"""What a price source is asked for, what it returns, and what can go wrong."""

from typing import Literal, NamedTuple

import pandas as pd

Kind = Literal["session", "coin", "macro"]
BAR_COLUMNS = ("open", "high", "low", "close", "adj_close", "volume")
MACRO_COLUMNS = ("value",)
# A fund that moves with the index: where it is read, its total return confirms the index's closes.
SIBLINGS = {"^RUT": "IWM", "^GSPC": "RSP"}


class DataError(Exception):
    """Market data cannot be used: which file or symbol, which row or date, what to do. Exit 3."""


class UnreachableError(DataError):
    """No usable response of a source: no network, an outage, a rate limit beyond the retries."""


class Request(NamedTuple):
    """One series to load.

    `symbol` is Yahoo's or FRED's name; `kind` says which calendar its bars follow: US sessions,
    every UTC day, or a publication schedule. `market` (BASE/QUOTE) is a coin's name on an exchange.
    `timeframe` is a bar's length.
    """

    symbol: str
    kind: Kind
    market: str = ""
    timeframe: str = "1d"

    @property
    def name(self) -> str:
        """Its name in messages and files."""
        return self.symbol if self.timeframe == "1d" else f"{self.symbol} {self.timeframe}"


class Series(NamedTuple):
    """One series as it can be used.

    `frame` is indexed by `known_at` (UTC, increasing, unique) with columns `BAR_COLUMNS`, or
    `MACRO_COLUMNS` for macro. `origin` is the file or service it came from, `vintage` a hash of the
    content, `notes` what was repaired on the way.
    """

    request: Request
    source: str
    origin: str
    frame: pd.DataFrame
    vintage: str
    notes: tuple[str, ...]


def other_source(request: Request, source: str) -> str:
    """What a person can do who gets no prices of `request` from `source`: advice that can work.

    An exchange has candles of coins only, Yahoo no macro values and no intraday bars.
    """
    folder = "macro" if request.kind == "macro" else "daily"
    file = f'"folder", with a file of it in prices.folder/{folder}'
    if source == "exchange":
        elsewhere = "choose another exchange.prices_id"
        return elsewhere if request.timeframe != "1d" else f"{elsewhere}, or {_set(request, file)}"
    if source == "yahoo" and request.kind == "coin":
        return _set(request, f'"exchange" or {file}')
    return _set(request, file)


def _set(request: Request, value: str) -> str:
    return f'set prices.sources."{request.symbol}" to {value}'
