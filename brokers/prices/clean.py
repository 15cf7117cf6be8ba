"""From a source's rows to bars that may be used: checked, stamped with the instant they were known, nothing still running."""

from hashlib import blake2b

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brokers.prices.series import BAR_COLUMNS, DataError, Request, Series

DAY = pd.Timedelta(days=1)


def finished(
    request: Request,
    source: str,
    origin: str,
    raw: pd.DataFrame,
    closes: pd.Series,
    delay: pd.Timedelta,
    now: pd.Timestamp,
) -> Series:
    """The `Series` made of `raw`, after every check that does not need another series.

    Parameters
    ----------
    raw : rows as the source has them. Daily bars: naive midnight dates (a US session's or a UTC day); intraday: bar starts,
        UTC. Columns `BAR_COLUMNS`. For macro: a UTC index of publication instants and `value`.
    closes : from `calendar.session_closes`; sessions before its first are left out.
    delay : from a US close until its price is known.

    Raises
    ------
    DataError
        Empty, unsorted, duplicated, shifted or future-dated rows; prices that are not positive; negative volume.

    """
    if raw.empty:
        raise DataError(f"{origin}: no rows for {request.name}; check the symbol, or the file")
    _check_order(pd.DatetimeIndex(raw.index), origin)
    if request.kind == "session":
        raw = raw[raw.index >= closes.index[0]]
    notes: list[str] = []
    frame = raw if request.kind == "macro" else _checked_bars(raw, request, origin, notes)
    index = pd.DatetimeIndex(frame.index)
    known_at = (
        index if request.kind == "macro" else _known_at(request, origin, index, closes, delay)
    )
    running = _running(index, known_at, request, origin, now, notes)
    frame = frame.set_axis(known_at.as_unit("ns").rename("known_at"))[~running]
    if frame.empty:
        raise DataError(
            f"{origin}: no finished row of {request.name} has a price; check the symbol, or the file"
        )
    return Series(request, source, origin, frame, vintage(frame), tuple(notes))


def vintage(frame: pd.DataFrame) -> str:
    """A short hash of every value and instant: equal hashes, equal data."""
    digest = blake2b(digest_size=8)
    digest.update(pd.DatetimeIndex(frame.index).as_unit("ns").asi8.tobytes())
    digest.update(np.ascontiguousarray(frame.to_numpy(dtype=float)).tobytes())
    return digest.hexdigest()


def bar_length(timeframe: str) -> pd.Timedelta:
    """Length of a bar, from ccxt's spelling ("1d", "1h", "15m")."""
    return pd.Timedelta(timeframe.replace("m", "min").replace("d", "D"))


def _check_order(index: pd.DatetimeIndex, origin: str) -> None:
    steps = np.diff(index.asi8)
    if (steps > 0).all():
        return
    row = int(np.argmin(steps > 0)) + 1
    what = "stands twice" if steps[row - 1] == 0 else f"stands after {_day(index[row - 1])}"
    raise DataError(
        f"{origin}: row {row + 2}, {_day(index[row])} {what}; sort the rows by date and keep one a bar"
    )


def _known_at(
    request: Request, origin: str, index: pd.DatetimeIndex, closes: pd.Series, delay: pd.Timedelta
) -> pd.DatetimeIndex:
    if request.timeframe != "1d":
        length = bar_length(request.timeframe)
        _refuse(
            index,
            origin,
            index.asi8 % pd.Index([length]).as_unit(index.unit).asi8[0] != 0,
            f"is no start of a {request.timeframe} bar in UTC",
        )
        return index + length
    _refuse(
        index,
        origin,
        index != index.normalize(),
        "is no plain date; daily rows need the session's date without a time",
    )
    if request.kind == "coin":
        return (index + DAY).tz_localize("UTC")
    close = closes.reindex(index)
    _refuse(
        index, origin, index > closes.index[-1], "lies in the future; have the dates been shifted?"
    )
    _refuse(
        index,
        origin,
        close.isna().to_numpy(),
        "is no New York session; have the dates been shifted by a time zone?",
    )
    return pd.DatetimeIndex(close) + delay


def _refuse(index: pd.DatetimeIndex, origin: str, wrong: NDArray[np.bool_], why: str) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"{origin}: {_day(index[row])} {why} ({int(wrong.sum())} such rows)")


def _running(
    index: pd.DatetimeIndex,
    known_at: pd.DatetimeIndex,
    request: Request,
    origin: str,
    now: pd.Timestamp,
    notes: list[str],
) -> NDArray[np.bool_]:
    """Which rows have not ended: the last one may not have; anything later than that is no bar of this world."""
    later = np.asarray(known_at > now)
    if not later.any():
        return later
    longest = pd.Timedelta(days=4) if request.kind == "macro" else DAY + pd.Timedelta(hours=12)
    if later.sum() > 1 or known_at[-1] > now + longest:
        first = index[int(np.argmax(later))]
        raise DataError(
            f"{origin}: {_day(first)} lies in the future (now {now:%Y-%m-%d %H:%M} UTC); check clock and dates"
        )
    notes.append(f"running bar of {_day(index[-1])} left out")
    return later


def _checked_bars(
    raw: pd.DataFrame, request: Request, origin: str, notes: list[str]
) -> pd.DataFrame:
    bars = {
        name: raw[name].to_numpy(dtype=float) if name in raw else np.full(len(raw), np.nan)
        for name in BAR_COLUMNS
    }
    index = pd.DatetimeIndex(raw.index)
    if request.kind == "session" and np.isnan(bars["adj_close"]).all():
        notes.append("no adjusted close: ratios leave dividends out")
    priced = ~np.isnan(bars["close"])
    if not priced.all():
        notes.append(
            f"{int((~priced).sum())} rows without a close left out, last {_day(index[~priced][-1])}"
        )
        bars, index = {name: values[priced] for name, values in bars.items()}, index[priced]
    for name, values in bars.items():
        wrong = (values < 0.0 if name == "volume" else values <= 0.0) | np.isinf(values)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"{origin}: {_day(index[row])} has {name} {values[row]:g}; a price must be positive; mend or remove the row"
            )
    blank = np.isnan(bars["open"]) | np.isnan(bars["high"]) | np.isnan(bars["low"])
    if blank.any():
        notes.append(f"{int(blank.sum())} rows without open, high or low: the close stands there")
    if request.kind == "coin":
        # A fill needs an open: the close before is the last price anyone saw.
        before = np.concatenate((bars["close"][:1], bars["close"][:-1]))
        bars["open"] = np.where(np.isnan(bars["open"]), before, bars["open"])
        bars["volume"] = np.nan_to_num(bars["volume"])
    for name in ("open", "high", "low", "adj_close"):
        bars[name] = np.where(np.isnan(bars[name]), bars["close"], bars[name])
    return pd.DataFrame(bars, index=index)


def _day(instant: pd.Timestamp) -> str:
    return f"{instant:%Y-%m-%d}" if instant == instant.normalize() else f"{instant:%Y-%m-%d %H:%M}"
