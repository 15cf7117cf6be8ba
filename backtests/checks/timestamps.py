"""Could every row have been known when it is stamped? Worked out from the source's own dates and the exchange's hours.

Nothing here is taken from `brokers.prices.clean`, which does the stamping: a bar that is stamped too early passes every cut at an
instant, because cuts go by the stamps.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brokers.prices import folder
from brokers.prices.cache import Cache
from brokers.prices.calendar import session_closes
from brokers.prices.load import OWN_COLUMNS, Prices
from brokers.prices.series import Request, Series
from config.settings import Settings

NEW_YORK = "America/New_York"
BELL, EARLY_BELL = pd.Timedelta(hours=16), pd.Timedelta(hours=13)  # New York time
RULE_SINCE = pd.Timestamp(
    "2013-01-01"
)  # before this the exchange closed early on other days too, never before 13:00
UNITS: Mapping[str, Literal["min", "h", "D"]] = {"m": "min", "h": "h", "d": "D"}
LATEST = 5  # rows by which a stamp may be late before its row can no longer be recognised: late is not early
CALENDAR = "New York sessions"

Floats = NDArray[np.float64]


class Finding(NamedTuple):
    """What is wrong: with which series, at which instant (UTC), in words."""

    series: str
    instant: pd.Timestamp
    text: str


class Stamps(NamedTuple):
    """How many rows were looked at, the series whose source shows no dates to compare with, and the first wrong row of each series."""

    checked: int
    without_source: tuple[str, ...]
    wrong: tuple[Finding, ...]


def check_stamps(settings: Settings, prices: Prices) -> Stamps:
    """Ask of every row of every series whether it could be known at its stamp, and of the sessions whether they had closed.

    A US session is known no earlier than its close in New York plus `prices.publication_delay`, a coin's bar not before its
    end, nothing after `prices.now`. Rows are recognised by their values in the source's own rows (a folder, a user's file, the cache
    of downloads, the embedded sample), which name days and starts of bars.

    Raises
    ------
    DataError
        A file that was read a moment ago cannot be read any more.

    """
    delay = pd.Timedelta(minutes=settings.prices.publication_delay)
    wrong = list(_wrong_sessions(prices, delay))
    checked, without = len(prices.sessions), []
    for request, one in prices.series.items():
        checked += len(one.frame)
        rows = source_rows(one, settings)
        if rows is None:
            without.append(request.name)
        found = _running(one, prices.now) or _off_the_clock(one, prices.sessions)
        if not found and rows is not None:
            found = _ahead_of_source(
                one,
                rows,
                _known_from(request, pd.DatetimeIndex(rows.index), prices.sessions, delay),
            )
        wrong += [found] if found else []
    return Stamps(checked, tuple(without), tuple(wrong))


def source_rows(one: Series, settings: Settings) -> pd.DataFrame | None:
    """The rows as the source has them: by date of the session or UTC day, start of the bar, instant of publication; None if it keeps none."""
    request = one.request
    if one.source == "folder":
        return folder.fetch(request, Path(settings.prices.folder))[0]
    if one.source == "file":
        return folder.own_values(
            Path(getattr(settings.haircuts, request.symbol).file), OWN_COLUMNS[request.symbol]
        )[0]
    if one.source == "sample":
        from brokers.prices import sample

        days = session_closes(sample.FIRST_SESSION, Path(settings.prices.cache)).index
        return sample.fetch(request, pd.DatetimeIndex(days))
    if one.source not in ("yahoo", "exchange", "fred"):
        return None
    place = settings.exchange.prices_id if one.source == "exchange" else one.source
    return Cache(Path(settings.prices.cache)).read(place, request)


def half_day(day: pd.Timestamp) -> bool:
    """Whether New York closes at 13:00: the exchange's own rule since 2013, apart from the calendar in use."""
    return (day.month == 11 and day.day_of_week == 4 and 23 <= day.day <= 29) or (
        day.month,
        day.day,
    ) in {(7, 3), (12, 24)}


def _wrong_sessions(prices: Prices, delay: pd.Timedelta) -> Iterator[Finding]:
    """The first session whose close lies before the bell, and the first that counts as known before its close and the delay."""
    known, closes = pd.DatetimeIndex(prices.sessions.index), pd.DatetimeIndex(prices.sessions)
    days = _new_york_days(closes)
    bells = _bells(days).where(days >= RULE_SINCE, _at(days, EARLY_BELL))
    for earliest, stamps, what in ((bells, closes, "closed"), (closes + delay, known, "known")):
        early = np.asarray(stamps < earliest)
        if early.any():
            row = int(np.argmax(early))
            text = f"the session of {days[row]:%Y-%m-%d} counts as {what} at {_utc(stamps[row])}, which cannot be before {_utc(earliest[row])}"
            yield Finding(CALENDAR, known[row], text)


def _running(one: Series, now: pd.Timestamp) -> Finding | None:
    """A row from after now: its bar still runs, and what it shows is not what it will close at."""
    if one.frame.empty or one.frame.index[-1] <= now:
        return None
    last = one.frame.index[-1]
    return Finding(
        one.request.name,
        last,
        f"the row stamped {_utc(last)} is there at {_utc(now)}: its bar still runs",
    )


def _off_the_clock(one: Series, sessions: pd.Series) -> Finding | None:
    """A stamp at which no session's close became known, or no coin's bar ended."""
    stamps = pd.DatetimeIndex(one.frame.index)
    if one.request.kind == "macro":
        return None
    if one.request.kind == "session":
        off, what = ~stamps.isin(sessions.index), "no session's close became known"
    else:
        length = _length(one.request.timeframe)
        off, what = (
            np.asarray(stamps != stamps.floor(length)),
            f"no bar of {one.request.timeframe} ends",
        )
    if not off.any():
        return None
    row = int(np.argmax(off))
    return Finding(
        one.request.name,
        stamps[row],
        f"a row is stamped {_utc(stamps[row])}, when {what} ({int(off.sum())} such rows)",
    )


def _ahead_of_source(
    one: Series, source: pd.DataFrame, known_from: pd.DatetimeIndex
) -> Finding | None:
    """The first row whose numbers are none of those the source had finished by the row's stamp."""
    price = "value" if one.request.kind == "macro" else "close"
    priced = source[price].notna().to_numpy()
    source, known_from = source[priced], known_from[priced]
    stamps = pd.DatetimeIndex(one.frame.index)
    newest = known_from.searchsorted(stamps, side="right") - 1
    for name in [
        price,
        *(str(column) for column in source if column != price and column in one.frame),
    ]:
        values, theirs = one.frame[name].to_numpy(dtype=float), source[name].to_numpy(dtype=float)
        known = np.zeros(len(values), dtype=bool)
        for age in range(LATEST + 1):
            there = theirs[np.maximum(newest - age, 0)]
            known |= (newest >= age) & (
                (there == values) | np.isnan(there)
            )  # a hole beside a close is filled from the close
        if not known.all():
            row = int(np.argmin(known))
            return Finding(
                one.request.name,
                stamps[row],
                _ahead(name, values[row], stamps[row], theirs, known_from, int((~known).sum())),
            )
    return None


def _ahead(
    name: str,
    value: float,
    stamp: pd.Timestamp,
    theirs: Floats,
    known_from: pd.DatetimeIndex,
    rows: int,
) -> str:
    later = known_from[(theirs == value) & np.asarray(known_from > stamp)]
    where = f"which {'its source' if len(later) else 'no row of its source'} has"
    until = (
        f" in the row that is known from {_utc(later[0])} on"
        if len(later)
        else "; were the files changed meanwhile?"
    )
    return f"the row stamped {_utc(stamp)} shows {name.replace('_', ' ')} {value:.10g}, {where}{until} ({rows} such rows)"


def _known_from(
    request: Request, index: pd.DatetimeIndex, sessions: pd.Series, delay: pd.Timedelta
) -> pd.DatetimeIndex:
    """When each row of the source could be known at the earliest: its instant of publication, its bar's end, its session's close and the delay."""
    if request.kind == "macro":
        return index
    if request.kind == "coin":
        return (index if index.tz else index.tz_localize("UTC")) + _length(request.timeframe)
    closes = pd.DatetimeIndex(sessions)
    own = pd.Series(closes, _new_york_days(closes)).reindex(index)
    running = own.isna().to_numpy()  # a session that is not over at the end of the prices
    own[running] = _bells(index[running])
    return pd.DatetimeIndex(own) + delay


def _bells(days: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """When the exchange closes on these days (naive), by its rule."""
    early = np.array([half_day(day) for day in days], dtype=bool)
    return _at(days, BELL).where(~early, _at(days, EARLY_BELL))


def _at(days: pd.DatetimeIndex, hour: pd.Timedelta) -> pd.DatetimeIndex:
    return (days + hour).tz_localize(NEW_YORK).tz_convert("UTC")


def _new_york_days(instants: pd.DatetimeIndex) -> pd.DatetimeIndex:
    return instants.tz_convert(NEW_YORK).tz_localize(None).normalize()


def _length(timeframe: str) -> pd.Timedelta:
    return pd.Timedelta(int(timeframe[:-1]), UNITS[timeframe[-1]])


def _utc(instant: pd.Timestamp) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
