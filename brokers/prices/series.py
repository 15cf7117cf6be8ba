"""What a price source is asked for, what it returns, and what can go wrong."""

from datetime import date
from typing import Literal, NamedTuple

import pandas as pd

Kind = Literal["session", "coin", "macro"]
BAR_COLUMNS = ("open", "high", "low", "close", "adj_close", "volume")
MACRO_COLUMNS = ("value",)
# What moves with a series: where it is read, its total return confirms the closes.
SIBLINGS = {"^RUT": "IWM", "^GSPC": "RSP", "RSP": "^GSPC", "XLI": "RSP"}


class DataError(Exception):
    """Market data cannot be used: which file or symbol, which row or date, what to do. Exit 3."""


class ImplausibleError(DataError):
    """A value that its series cannot have; a check of the data fails by it, as by a wrong price."""


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


class DataIssue(NamedTuple):
    """What is implausible about one series between two instants (UTC).

    `refused`: no command may compute anything from it; `high`: it is used, and a result that rests
    on it gets no verdict; `note`: a person should know.
    """

    symbol: str
    kind: Literal["spacing", "jump", "level", "gap", "frozen", "daily closes", "sources"]
    severity: Literal["refused", "high", "note"]
    text: str
    first: pd.Timestamp
    last: pd.Timestamp


class Series(NamedTuple):
    """One series as it can be used.

    `frame` is indexed by `known_at` (UTC, increasing, unique) with columns `BAR_COLUMNS`, or
    `MACRO_COLUMNS` for macro. `origin` is the file or service it came from, `vintage` a hash of the
    content, `notes` what was repaired on the way. `substitutes` names the source of each row that
    did not come from the first one of the symbol's list, by `known_at`; None for none. `issues` are
    what its sources disagree on.
    """

    request: Request
    source: str
    origin: str
    frame: pd.DataFrame
    vintage: str
    notes: tuple[str, ...]
    substitutes: pd.Series | None = None
    issues: tuple[DataIssue, ...] = ()

    def source_at(self, known_at: pd.Timestamp) -> str:
        """The source of one row."""
        rows = self.substitutes
        return self.source if rows is None else str(rows.get(known_at, self.source))


def sibling_closes(series: Series, sibling: Series) -> pd.Series:
    """The total-return closes of `sibling` that say something of those of `series`, by `known_at`.

    Not those that `series` has from it, as its proxy: they agree whatever they are.
    """
    closes, names = sibling.frame["adj_close"], series.substitutes
    if names is None:
        return closes
    copied = names.index[names == f"proxy:{sibling.request.symbol}"]
    return closes[~closes.index.isin(copied)]


class AcceptedClose(NamedTuple):
    """A held close that a person or a second source confirmed, from the instant `at` (UTC) on."""

    symbol: str
    session: date
    close: float
    by: str
    at: pd.Timestamp


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
