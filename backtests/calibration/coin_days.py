"""The real days of all coins, as worlds are made of them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brokers.prices.series import DataError, Request, Series
from strategies.indicators import Floats, Ints

Flags = NDArray[np.bool_]
PRICES = ("open", "high", "low", "close")
CLOSE = PRICES.index("close")
DAY = pd.Timedelta(days=1)


class Intraday(NamedTuple):
    """Bars shorter than a day: those of day `row` are `begin[row]` to before `end[row]`.

    `coin` is the column of its daily series.
    """

    request: Request
    frame: pd.DataFrame
    coin: int
    begin: Ints
    end: Ints


class CoinDays(NamedTuple):
    """Real coins, day by day; a day is the one that ends at its instant.

    `logs` has, days x coins x open, high, low and close, the log of a price over the close of the
    day before; NaN where a coin has none. `bars` are the daily series, one a coin. `listed` says,
    days x series (daily ones first, then those within days), whether a series has begun, and not
    ended, on a day: a return is drawn then. `usable`, of the same shape, whether it has one.
    """

    days: pd.DatetimeIndex
    requests: tuple[Request, ...]
    bars: tuple[pd.DataFrame, ...]
    logs: Floats
    intraday: tuple[Intraday, ...]
    listed: Flags
    usable: Flags


class Pools(NamedTuple):
    """From which real days each day can be drawn: by day the number of its pool, of each the rows.

    All days with the same series listed share a pool: the real days on which all these have one.
    """

    of: Ints
    rows: tuple[Ints, ...]


def read_coin_days(series: Iterable[Series]) -> CoinDays:
    """The coins among these series, daily and within days.

    Raises
    ------
    DataError
        There is no coin, or one has bars within days and no daily ones.

    """
    coins = [item for item in series if item.request.kind == "coin"]
    daily = [item for item in coins if item.request.timeframe == "1d"]
    if not daily:
        raise DataError("no coin has daily prices, of which a world could be made")
    columns = {item.request.symbol: column for column, item in enumerate(daily)}
    frames = [item.frame for item in daily]
    first, last = min(frame.index[0] for frame in frames), max(frame.index[-1] for frame in frames)
    days = pd.date_range(first, last, unit="ns", name="known_at")
    logs = np.stack([_daily_logs(frame, days) for frame in frames], axis=1)
    within = [_intraday(item, columns, days) for item in coins if item.request.timeframe != "1d"]
    priced: Flags = np.all(~np.isnan(logs), axis=2)
    usable = np.column_stack(
        [priced, *(priced[:, part.coin] & (part.end > part.begin) for part in within)]
    )
    return CoinDays(
        days=days,
        requests=tuple(item.request for item in daily),
        bars=tuple(frames),
        logs=logs,
        intraday=tuple(within),
        listed=_between_first_and_last(usable),
        usable=usable,
    )


def make_pools(coins: CoinDays) -> Pools:
    """The pools of all days.

    Raises
    ------
    DataError
        On no real day do all series that a day needs have a price.

    """
    unique, of = np.unique(coins.listed, axis=0, return_inverse=True)
    kinds: list[Flags] = list(unique)
    rows = [np.flatnonzero(coins.usable[:, kind].all(axis=1)) for kind in kinds]
    for kind, found in zip(kinds, rows, strict=True):
        if not len(found):
            names = ", ".join(request.symbol for request in _named(coins, kind))
            raise DataError(f"{names}: on no day have all of them a price")
    return Pools(np.asarray(of).reshape(-1), tuple(rows))


def _named(coins: CoinDays, kind: Flags) -> Sequence[Request]:
    requests = [*coins.requests, *(part.request for part in coins.intraday)]
    return [request for request, is_listed in zip(requests, kind, strict=True) if is_listed]


def _daily_logs(frame: pd.DataFrame, days: pd.DatetimeIndex) -> Floats:
    whole = frame.reindex(days)
    before = whole["close"].shift().to_numpy()
    return np.asarray(np.log(whole[list(PRICES)].to_numpy() / before[:, None]))


def _intraday(item: Series, columns: dict[str, int], days: pd.DatetimeIndex) -> Intraday:
    symbol = item.request.symbol
    if symbol not in columns:
        raise DataError(f"{item.request.name}: has no daily prices beside those within days")
    ends = pd.DatetimeIndex(item.frame.index)
    begin, end = ends.searchsorted(days - DAY, side="right"), ends.searchsorted(days, side="right")
    return Intraday(item.request, item.frame, columns[symbol], begin, end)


def _between_first_and_last(usable: Flags) -> Flags:
    """By column true from its first true row to its last."""
    begun = np.maximum.accumulate(usable, axis=0)
    not_ended = np.maximum.accumulate(usable[::-1], axis=0)[::-1]
    return begun & not_ended
