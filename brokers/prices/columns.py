"""Which column of a table is the date, which the close: the names that vendors give them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from brokers.prices.series import BAR_COLUMNS, DataError, Request

Floats = NDArray[np.float64]
# In the order in which they are preferred; the first five are this program's own.
TIMES = (
    *("date", "timestamp", "datetime", "time", "observation_date"),
    *("unix", "unix_timestamp", "unix_time", "epoch", "open_time", "opentime", "date_time"),
    *("gmt_time", "local_time", "time_utc", "timestamp_utc", "date_utc", "datetime_utc"),
    *("trade_date", "trading_day", "exchange_date", "as_of", "startdate", "start"),
    *("datum", "fecha", "data", "tarih", "index", ""),
)
EPOCHS = ("unix", "unix_timestamp", "unix_time", "epoch", "open_time", "opentime", "timestamp")
UNNAMED = ("", "index", "unnamed:_0")  # numbers of rows
CLOCKS = ("time", "hour")
# Other names of a bar's values: English; German, French, Spanish, Italian, Portuguese, Dutch and
# Polish of Investing.com, Stooq and exchanges. Looked up where the usual name is not there.
OTHER_NAMES = {
    "open": "open_price opening_price px_open opening eröffn eröffnung erster ouv ouverture "
    "apertura abertura openen otwarcie",
    "high": "high_price px_high hoch hochkurs plus_haut haut máximo maximo massimo máxima maxima "
    "hoog najwyzszy najwyższy max",
    "low": "low_price px_low tief tiefkurs plus_bas bas mínimo minimo mínima minima laag najnizszy "
    "najniższy min",
    "close": "close/last price last_price px_last close_price closing_price closing settle "
    "zuletzt schlusskurs schluss dernier clôture último ultimo cierre chiusura fechamento slot "
    "laatste zamkniecie zamknięcie",
    "adj_close": "adjusted_close adjclose close_adj adj_close_price adjusted adj._close",
    "volume": "vol px_volume tick_volume tickvol volumen volumes wolumen stuecke stück "
    "volume_(shares) share_volume",
}
# Dialects whose dates mean something else than a bar of that day.
REFUSED = {
    "snapped_at": "CoinGecko's snapshots are prices at 00:00, no bars of a day; use daily closes"
}


class Columns(NamedTuple):
    """Positions of the columns that are read: the dates, times of day (None: none), the values."""

    time: int
    clock: int | None
    values: Mapping[str, int]
    notes: tuple[str, ...]


def plain_name(name: str) -> str:
    """A column's name without case, spaces, quotes, brackets and dots at its end."""
    name = re.sub(r"^[\s<\"'`]+|[\s>\"'`*.:]+$", "", name.strip().lower())
    return re.sub(r"\s+", "_", name)


def split_names(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names and the tickers of columns of two levels, as pandas writes them: ('Close', 'IWM').

    Either level may be the ticker; "" for a column of one level.
    """
    pairs = [re.fullmatch(r"\('(.*)', '(.*)'\)", name.strip()) for name in names]
    first, second = ({plain_name(pair[level]) for pair in pairs if pair} for level in (1, 2))
    swapped = "close" in second and "close" not in first
    split = [
        (name, "")
        if pair is None
        else ((pair[2], pair[1]) if swapped and pair[2] else (pair[1], pair[2]))
        for name, pair in zip(names, pairs, strict=True)
    ]
    return [name for name, _ in split], [ticker for _, ticker in split]


def find_columns(
    names: Sequence[str], request: Request, *, origin: str, value: str = ""
) -> Columns:
    """The columns to read of a table with these names (from `plain_name`).

    Parameters
    ----------
    value : the one column of a user's own figures; "" for bars, or for macro values.

    Raises
    ------
    DataError
        No date, no close, or two columns that could be one of them.

    """
    for name, why in REFUSED.items():
        if name in names:
            raise DataError(f"{origin}: column {name}: {why}")
    time = next((name for name in TIMES if name in names), None)
    if time is None:
        raise _absent(origin, "Date or Timestamp", names)
    time = _preferred_time(time, names, request)
    clock = next((name for name in CLOCKS if name in names and name != time), None)
    notes: list[str] = []
    values = (
        _value(names, names.index(time), request, value, origin)
        if value or request.kind == "macro"
        else _bars(names, request, origin, notes)
    )
    for name in (time, *(names[at] for at in values.values())):
        if name and names.count(name) > 1:
            raise DataError(f"{origin}: has {names.count(name)} columns {name}; remove all but one")
    return Columns(names.index(time), names.index(clock) if clock else None, values, tuple(notes))


def _preferred_time(time: str, names: Sequence[str], request: Request) -> str:
    """The epoch, if intraday bars have a date and an epoch: it needs no time zone."""
    if request.timeframe == "1d":
        return time
    return next((name for name in EPOCHS if name in names), time)


def _value(
    names: Sequence[str], time: int, request: Request, value: str, origin: str
) -> dict[str, int]:
    if value:
        if value not in names:
            raise _absent(origin, value, names)
        return {"value": names.index(value)}
    symbol = plain_name(request.symbol)
    for name in (symbol, "value"):
        if name in names:
            return {"value": names.index(name)}
    others = [at for at, name in enumerate(names) if at != time and name not in UNNAMED]
    # Behind the dates, the first one; elsewhere only one that is alone.
    if not others or (time > 0 and len(others) > 1):
        raise _absent(origin, f"{symbol} or value", names)
    return {"value": others[0]}


def _bars(names: Sequence[str], request: Request, origin: str, notes: list[str]) -> dict[str, int]:
    values = {}
    for column in BAR_COLUMNS:
        if column in names:
            values[column] = names.index(column)
        elif (other := _other_name(column, names, request)) is not None:
            values[column] = names.index(other)
            notes.append(f"{column.replace('_', ' ')} from {other}")
    if "close" not in values:
        raise _absent(origin, "close", names)
    return values


def _other_name(column: str, names: Sequence[str], request: Request) -> str | None:
    quote, base = "", ""
    if request.market:
        base, _, quote = request.market.lower().partition("/")
    candidates = OTHER_NAMES[column].split()
    if column == "volume":
        # Two volumes: in the coin, and in what it is traded for.
        candidates += [f"volume_{base}", f"volume_({base})", "volumefrom"] if base else []
    else:
        candidates += [f"{column}_(usd)", f"{column}_({quote})"]
    return next((name for name in candidates if name in names), None)


def _absent(origin: str, column: str, names: Iterable[str]) -> DataError:
    return DataError(f"{origin}: has no column {column}; it has {', '.join(names)}")


def headerless_names(
    columns: Sequence[pa.ChunkedArray], request: Request, *, value: str, origin: str
) -> tuple[list[str], str]:
    """Names of the columns of a table without a header, as far as its numbers prove them.

    Binance's files have the end of each bar in the seventh column. Other bars are a date, open,
    high, low, close, in this order if every high and low fits and each open is nearer to the close
    before it than the other way round; then a volume.

    Raises
    ------
    DataError
        They prove nothing.

    """
    if len(columns) == 2 and (value or request.kind == "macro"):
        return ["date", value or "value"], "no header row"
    numeric = [
        pa.types.is_floating(column.type) or pa.types.is_integer(column.type) for column in columns
    ]
    if len(columns) >= 6 and all(numeric[1:6]) and (_is_binance(columns) or _are_bars(columns)):
        names = ["date", "open", "high", "low", "close", "volume"]
        rest = [f"column {number}" for number in range(7, len(columns) + 1)]
        return [*names, *rest], "no header row: date, open, high, low, close, volume"
    raise DataError(
        f"{origin}: has no header row, and its columns cannot be identified; write one such as "
        "Date,Open,High,Low,Close,Volume"
    )


def _is_binance(columns: Sequence[pa.ChunkedArray]) -> bool:
    """Whether the seventh column is a millisecond or microsecond before whole minutes are over."""
    if len(columns) < 7 or not all(pa.types.is_int64(columns[at].type) for at in (0, 6)):
        return False
    lengths = columns[6].to_numpy() - columns[0].to_numpy() + 1
    return bool(((lengths > 0) & (lengths % 60_000 == 0)).all())


def _are_bars(columns: Sequence[pa.ChunkedArray]) -> bool:
    opened, high, low, close, volume = (
        column.cast(pa.float64(), safe=False).to_numpy() for column in columns[1:6]
    )
    bounds = (high < np.maximum(opened, close)) | (low > np.minimum(opened, close)) | (high < low)
    if bounds.any() or (volume < 0).any() or len(opened) < 2:
        return False
    as_read = np.nansum(np.abs(opened[1:] - close[:-1]))
    swapped = np.nansum(np.abs(close[1:] - opened[:-1]))
    return bool(as_read < swapped) and not _is_price(volume, high, low, close)


def _is_price(column: Floats, high: Floats, low: Floats, close: Floats) -> bool:
    """Whether a column is an average of each bar, or an adjusted close that moves as the close."""
    traded = column > 0
    inside = ((low <= column) & (column <= high))[traded]
    if 2 * int(inside.sum()) > len(inside):
        return True
    moves, others = np.diff(np.log(close[traded])), np.diff(np.log(column[traded]))
    return len(moves) > 0 and bool(
        2 * np.nanmedian(np.abs(others - moves)) < np.nanmedian(np.abs(moves))
    )
