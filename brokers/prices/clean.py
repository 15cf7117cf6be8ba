"""From a source's rows to usable bars: checked, stamped when they were known, none running."""

from collections.abc import Callable
from datetime import date
from hashlib import blake2b

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brokers.plurals import count
from brokers.prices.adjusted_closes import fill_adjusted
from brokers.prices.series import BAR_COLUMNS, DataError, Request, Series

DAY = pd.Timedelta(days=1)
Clean = Callable[[pd.DataFrame, str], Series]  # raw rows and their origin, stamped and checked


def clean_series(
    request: Request,
    raw: pd.DataFrame,
    *,
    source: str,
    origin: str,
    closes: pd.Series,
    delay: pd.Timedelta,
    now: pd.Timestamp,
) -> Series:
    """The `Series` made of `raw`, after every check that does not need another series.

    Parameters
    ----------
    raw : rows as the source has them. Daily bars: naive midnight dates (of a US session or a UTC
        day); intraday: bar starts, UTC. Columns `BAR_COLUMNS`. For macro: a UTC index of
        publication instants and `value`.
    source, origin : see `Series`.
    closes : from `calendar.session_closes`; sessions before its first are left out.
    delay : from a US close until its price is known.
    now : the instant of knowledge (UTC).

    Raises
    ------
    DataError
        Empty, unsorted, duplicated, shifted or future-dated rows; prices that are not positive;
        negative volume.

    """
    if raw.empty:
        raise DataError(f"{origin}: no rows for {request.name}; check the symbol, or the file")
    check_order(pd.DatetimeIndex(raw.index), np.arange(2, len(raw) + 2), origin)
    if request.kind == "session":
        raw = raw[raw.index >= closes.index[0]]
    notes: list[str] = []
    frame = raw if request.kind == "macro" else _clean_bars(raw, request, origin, notes)
    index = pd.DatetimeIndex(frame.index)
    known_at = (
        index if request.kind == "macro" else _known_at(request, origin, index, closes, delay)
    )
    running = _running_rows(index, known_at, request, origin, now)
    if running.any():
        notes.append(f"running bar of {_day(index[-1])} left out")
    frame = frame.set_axis(known_at.as_unit("ns").rename("known_at"))[~running]
    if frame.empty:
        raise DataError(
            f"{origin}: no closed row of {request.name} has a price; check the symbol, or the file"
        )
    return Series(request, source, origin, frame, vintage(frame), tuple(notes))


def vintage(frame: pd.DataFrame) -> str:
    """A short hash of every value and instant: equal hashes, equal data."""
    digest = blake2b(digest_size=8)
    digest.update(pd.DatetimeIndex(frame.index).as_unit("ns").asi8.tobytes())
    digest.update(np.ascontiguousarray(frame.to_numpy(dtype=float)).tobytes())
    return digest.hexdigest()


def day_of_close(known_at: pd.Timestamp) -> date:
    """The UTC day that a daily close belongs to; `known_at` is the instant it was known, UTC.

    A coin's day ends at 24:00 UTC, so its close is known when the next day begins. A US session's
    close is known within its own day.
    """
    return (known_at - pd.Timedelta(1, "ns")).date()


def bar_length(timeframe: str) -> pd.Timedelta:
    """Length of a bar, from ccxt's spelling ("1d", "1h", "15m")."""
    return pd.Timedelta(timeframe.replace("m", "min").replace("d", "D"))


def check_order(index: pd.DatetimeIndex, rows: NDArray[np.int64], origin: str) -> None:
    """Refuse dates that do not increase; `rows` are their lines in the file, for the message."""
    steps = np.diff(index.asi8)
    if (steps > 0).all():
        return
    row = int(np.argmin(steps > 0)) + 1
    what = "is a duplicate" if steps[row - 1] == 0 else f"comes after {_day(index[row - 1])}"
    raise DataError(
        f"{origin}: row {rows[row]}, {_day(index[row])} {what}; sort the rows by date and keep one "
        "a bar"
    )


def _known_at(
    request: Request, origin: str, index: pd.DatetimeIndex, closes: pd.Series, delay: pd.Timedelta
) -> pd.DatetimeIndex:
    if request.timeframe != "1d":
        length = bar_length(request.timeframe)
        offset = _starts_within(index, length)
        _refuse(index, origin, offset, f"is not the start of a {request.timeframe} bar in UTC")
        return index + length
    timed = _starts_within(index, DAY)
    _refuse(index, origin, timed, "has a time; daily rows need the session's date without a time")
    if request.kind == "coin":
        return (index + DAY).tz_localize("UTC")
    close = closes.reindex(index)
    late = index > closes.index[-1]
    _refuse(index, origin, late, "is in the future; have the dates been shifted?")
    unknown = close.isna().to_numpy()
    why = "is not a New York session; have the dates been shifted by a time zone?"
    _refuse(index, origin, unknown, why)
    return pd.DatetimeIndex(close) + delay


def _starts_within(index: pd.DatetimeIndex, length: pd.Timedelta) -> NDArray[np.bool_]:
    """The instants at which no bar of this length starts, of a naive index or one in UTC."""
    return np.asarray(index.asi8 % length.as_unit(index.unit).asm8.astype(np.int64) != 0)


def _refuse(index: pd.DatetimeIndex, origin: str, refused: NDArray[np.bool_], why: str) -> None:
    if rows := int(refused.sum()):
        day = _day(index[int(np.argmax(refused))])
        raise DataError(f"{origin}: {day} {why} ({count(rows, 'such row')})")


def _running_rows(
    index: pd.DatetimeIndex,
    known_at: pd.DatetimeIndex,
    request: Request,
    origin: str,
    now: pd.Timestamp,
) -> NDArray[np.bool_]:
    """The rows not finished at `now`: at most the last one; anything later is a wrong date."""
    later = np.asarray(known_at > now)
    if not later.any():
        return later
    longest = pd.Timedelta(days=4) if request.kind == "macro" else DAY + pd.Timedelta(hours=12)
    if later.sum() > 1 or known_at[-1] > now + longest:
        first = index[int(np.argmax(later))]
        raise DataError(
            f"{origin}: {_day(first)} is in the future (now {now:%Y-%m-%d %H:%M} UTC); check the "
            "clock and the dates"
        )
    return later


def _clean_bars(raw: pd.DataFrame, request: Request, origin: str, notes: list[str]) -> pd.DataFrame:
    bars = {
        name: raw[name].to_numpy(dtype=float) if name in raw else np.full(len(raw), np.nan)
        for name in BAR_COLUMNS
    }
    index = pd.DatetimeIndex(raw.index)
    priced = ~np.isnan(bars["close"])
    if rows := int((~priced).sum()):
        last = _day(index[~priced][-1])
        notes.append(f"{count(rows, 'row')} without a close left out, last {last}")
        bars, index = {name: values[priced] for name, values in bars.items()}, index[priced]
    _check_values(bars, index, origin)
    if request.kind == "session":
        bars["adj_close"] = _adjusted(bars, index, request, origin, notes)
    blank = np.isnan(bars["open"]) | np.isnan(bars["high"]) | np.isnan(bars["low"])
    if rows := int(blank.sum()):
        notes.append(f"{count(rows, 'row')} without open, high or low: the close is used")
    if request.kind == "coin":
        # A fill needs an open: the close before is the last price anyone saw.
        before = np.concatenate((bars["close"][:1], bars["close"][:-1]))
        bars["open"] = np.where(np.isnan(bars["open"]), before, bars["open"])
        bars["volume"] = np.nan_to_num(bars["volume"])
    for name in ("open", "high", "low", "adj_close"):
        bars[name] = np.where(np.isnan(bars[name]), bars["close"], bars[name])
    return pd.DataFrame(bars, index=index)


def _adjusted(
    bars: dict[str, NDArray[np.float64]],
    index: pd.DatetimeIndex,
    request: Request,
    origin: str,
    notes: list[str],
) -> NDArray[np.float64]:
    """Closes adjusted for dividends; the closes where there are none, or of an index."""
    closes, adjusted = bars["close"], bars["adj_close"]
    missing = np.isnan(adjusted)
    if missing.all():
        notes.append("no adjusted close: ratios exclude dividends")
        return closes
    if request.symbol.startswith("^"):
        return np.where(missing, closes, adjusted)
    filled, note = fill_adjusted(closes, adjusted, index, origin)
    notes.extend([note] if note else [])
    return filled


def _check_values(
    bars: dict[str, NDArray[np.float64]], index: pd.DatetimeIndex, origin: str
) -> None:
    for name, values in bars.items():
        refused = (values < 0.0 if name == "volume" else values <= 0.0) | np.isinf(values)
        if refused.any():
            row = int(np.argmax(refused))
            allowed = "it must be 0 or more" if name == "volume" else "it must be positive"
            raise DataError(
                f"{origin}: {_day(index[row])} has {name} {values[row]:g}; {allowed} and "
                "finite; correct or remove the row"
            )


def _day(instant: pd.Timestamp) -> str:
    return f"{instant:%Y-%m-%d}" if instant == instant.normalize() else f"{instant:%Y-%m-%d %H:%M}"
