"""What a source is asked for, what it gives, and what can go wrong."""

from typing import Literal, NamedTuple

import pandas as pd

Kind = Literal["session", "coin", "macro"]
BAR_COLUMNS = ("open", "high", "low", "close", "adj_close", "volume")
MACRO_COLUMNS = ("value",)
SIBLINGS = {
    "^RUT": "IWM",
    "^GSPC": "RSP",
}  # a fund that moves with the index: where it is read, its total return vouches for the index's closes


class DataError(Exception):
    """Market data cannot be used: which file or symbol, which row or date, what to do. Exit code 3."""


class UnreachableError(DataError):
    """A source could not be asked: no network, an outage, a rate limit that outlasted the retries."""


class Request(NamedTuple):
    """One series to get.

    `symbol` is Yahoo's or FRED's name; `kind` says which calendar its bars follow: US sessions, every UTC day, or a
    publication schedule. `market` (BASE/QUOTE) is a coin's name on an exchange. `timeframe` is a bar's length.
    """

    symbol: str
    kind: Kind
    market: str = ""
    timeframe: str = "1d"

    @property
    def name(self) -> str:
        """How messages and files call it."""
        return self.symbol if self.timeframe == "1d" else f"{self.symbol} {self.timeframe}"


class Series(NamedTuple):
    """One series as it can be used.

    `frame` is indexed by `known_at` (UTC, increasing, unique) with columns `BAR_COLUMNS`, or `MACRO_COLUMNS` for macro.
    `origin` is the file or service it came from, `vintage` a hash of the content, `notes` the oddities mended on the way.
    """

    request: Request
    source: str
    origin: str
    frame: pd.DataFrame
    vintage: str
    notes: tuple[str, ...]
