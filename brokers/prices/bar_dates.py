"""Which day or bar an instant in a file means: the label of a bar, never the wrong side of it."""

import numpy as np
import pandas as pd

from brokers.prices.calendar import NEW_YORK
from brokers.prices.series import DataError, Request

OPEN, CLOSES = pd.Timedelta("09:30:00"), (pd.Timedelta("16:00:00"), pd.Timedelta("13:00:00"))
LAST_SECOND = pd.Timedelta("23:59:59")
NO_TIME = pd.Timedelta(0)


def bar_index(
    index: pd.DatetimeIndex, request: Request, origin: str
) -> tuple[pd.DatetimeIndex, tuple[str, ...]]:
    """Naive dates of daily rows, UTC starts of intraday bars, and what was assumed.

    Parameters
    ----------
    index : what the cells say: UTC where they have an offset or are epochs, else naive. Naive
        instants of intraday bars are UTC, of daily rows the session's or the UTC day's own.

    Raises
    ------
    DataError
        Dates of observation whose day depends on the time zone.

    """
    if request.timeframe != "1d":
        if index.tz is not None:
            return index, ()
        return index.tz_localize("UTC"), ("times without an offset as UTC",)
    if request.kind == "session":
        return _sessions(index)
    if index.tz is not None and request.kind == "macro":
        return _observations(index, origin), ()
    index = index.tz_localize(None)
    if request.kind == "coin" and len(index) and (_times(index) >= LAST_SECOND).all():
        return index.normalize(), ("23:59:59 as the end of a day",)
    return index, ()


def _sessions(index: pd.DatetimeIndex) -> tuple[pd.DatetimeIndex, tuple[str, ...]]:
    """The days of US sessions.

    A midnight in UTC is a date; any other instant is one of the day it has in New York, where the
    open and the close of a session stand for it.
    """
    if index.tz is not None:
        if (_times(index) == NO_TIME).all():
            return index.tz_localize(None), ()
        index = index.tz_convert(NEW_YORK).tz_localize(None)
    times = _times(index)
    if (times == NO_TIME).all():
        return index, ()
    if (times == OPEN).all() or times.isin(CLOSES).all():
        return index.normalize(), ("dates of sessions with their times of day",)
    return index, ()


def _observations(index: pd.DatetimeIndex, origin: str) -> pd.DatetimeIndex:
    for zone in ("UTC", NEW_YORK):
        local = index.tz_convert(zone).tz_localize(None)
        if (_times(local) == NO_TIME).all():
            return local
    raise DataError(
        f"{origin}: the dates are midnights neither in UTC nor in New York, so their days are "
        "ambiguous; write YYYY-MM-DD"
    )


def _times(index: pd.DatetimeIndex) -> pd.TimedeltaIndex:
    """The times of day of a naive index or one in UTC."""
    day = pd.Timedelta(days=1).as_unit(index.unit)
    return pd.TimedeltaIndex((index.asi8 % day.asm8.astype(np.int64)).view(f"m8[{index.unit}]"))
