"""Could every row have been known at its timestamp?

Computed from the source's own dates and the exchange's hours. Nothing here is taken from
`brokers.prices.clean`, which makes the timestamps: a bar whose timestamp is too early passes every
cut at an instant, because cuts go by the timestamps.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.checks.source_rows import source_rows
from brokers.clock import utc_text
from brokers.plurals import count
from brokers.prices.load import Prices
from brokers.prices.series import Request, Series
from config.settings import Settings

NEW_YORK = "America/New_York"
BELL, EARLY_BELL = pd.Timedelta(hours=16), pd.Timedelta(hours=13)  # New York time
# Before this the exchange closed early on other days too, never before 13:00.
RULE_SINCE = pd.Timestamp("2013-01-01")
UNITS: Mapping[str, Literal["min", "h", "D"]] = {"m": "min", "h": "h", "d": "D"}
# Rows by which a timestamp may be late and its row still be recognised: late is not early.
LATEST = 5
CALENDAR = "New York sessions"

Floats = NDArray[np.float64]


class Finding(NamedTuple):
    """What is wrong: with which series, at which instant (UTC), as text."""

    series: str
    instant: pd.Timestamp
    text: str


class TimestampCheck(NamedTuple):
    """How many rows were checked, and the first wrong row of each series.

    `without_source` names the series whose source shows no dates to compare with.
    """

    checked: int
    without_source: tuple[str, ...]
    findings: tuple[Finding, ...]


def check_timestamps(settings: Settings, prices: Prices) -> TimestampCheck:
    """Check of every row whether it could be known at its timestamp, and of every session's close.

    A US session is known no earlier than its close in New York plus `prices.publication_delay`, a
    coin's bar not before its end, nothing after `prices.now`. Rows are recognised by their values
    in the source's own rows (a folder, a user's file, the cache of downloads, the embedded sample),
    which name days and starts of bars.

    Raises
    ------
    DataError
        A file that was read a moment ago cannot be read any more.

    """
    delay = pd.Timedelta(minutes=settings.prices.publication_delay)
    findings = list(_wrong_sessions(prices, delay))
    checked, without_source = len(prices.sessions), []
    for request, series in prices.series.items():
        checked += len(series.frame)
        rows = source_rows(series, settings)
        if rows is None:
            without_source.append(request.name)
        finding = _unfinished_bar(series, prices.now) or _off_schedule(series, prices.sessions)
        if not finding and rows is not None:
            index = pd.DatetimeIndex(rows.index)
            earliest = _known_from(request, index, prices.sessions, delay)
            finding = _ahead_of_source(series, rows, earliest)
        findings += [finding] if finding else []
    return TimestampCheck(checked, tuple(without_source), tuple(findings))


def half_day(day: pd.Timestamp) -> bool:
    """Whether New York closes at 13:00, by the exchange's rule since 2013.

    Independent of the calendar in use.
    """
    return (day.month == 11 and day.day_of_week == 4 and 23 <= day.day <= 29) or (
        day.month,
        day.day,
    ) in {(7, 3), (12, 24)}


def _wrong_sessions(prices: Prices, delay: pd.Timedelta) -> Iterator[Finding]:
    """The first session that closes before the bell; the first known before close and delay."""
    known, closes = pd.DatetimeIndex(prices.sessions.index), pd.DatetimeIndex(prices.sessions)
    days = _new_york_days(closes)
    bells = _bells(days).where(days >= RULE_SINCE, _at(days, EARLY_BELL))
    for earliest, instants, what in ((bells, closes, "closed"), (closes + delay, known, "known")):
        early = np.asarray(instants < earliest)
        if early.any():
            row = int(np.argmax(early))
            text = (
                f"the session of {days[row]:%Y-%m-%d} counts as {what} at {_utc(instants[row])}, "
                f"which cannot be before {_utc(earliest[row])}"
            )
            yield Finding(CALENDAR, known[row], text)


def _unfinished_bar(series: Series, now: pd.Timestamp) -> Finding | None:
    """A row from after now: its bar is not complete, and its close not final."""
    if series.frame.empty or series.frame.index[-1] <= now:
        return None
    last = series.frame.index[-1]
    text = f"the row of {_utc(last)} exists at {_utc(now)}: its bar is not complete"
    return Finding(series.request.name, last, text)


def _off_schedule(series: Series, sessions: pd.Series) -> Finding | None:
    """A timestamp at which no session's close became known, or no coin's bar ended."""
    instants = pd.DatetimeIndex(series.frame.index)
    request = series.request
    if request.kind == "macro":
        return None
    if request.kind == "session":
        off, what = ~instants.isin(sessions.index), "no session's close became known"
    else:
        ends = instants.floor(_length(request.timeframe))
        off, what = np.asarray(instants != ends), f"no bar of {request.timeframe} ends"
    if not off.any():
        return None
    instant = instants[int(np.argmax(off))]
    rows = count(int(off.sum()), "such row")
    text = f"a row has the timestamp {_utc(instant)}, when {what} ({rows})"
    return Finding(request.name, instant, text)


def _ahead_of_source(
    series: Series, source: pd.DataFrame, known_from: pd.DatetimeIndex
) -> Finding | None:
    """The first row whose numbers are none of those the source had finished by its timestamp."""
    price = "value" if series.request.kind == "macro" else "close"
    priced = source[price].notna().to_numpy()
    source, known_from = source[priced], known_from[priced]
    instants = pd.DatetimeIndex(series.frame.index)
    newest = known_from.searchsorted(instants, side="right") - 1
    others = [str(name) for name in source if name != price and name in series.frame]
    for name in [price, *others]:
        values = series.frame[name].to_numpy(dtype=float)
        in_source = source[name].to_numpy(dtype=float)
        known = _known_by(values, in_source, newest)
        if not known.all():
            row = int(np.argmin(known))
            where = _where_known(values[row], instants[row], in_source, known_from)
            text = (
                f"the row of {_utc(instants[row])} shows {name.replace('_', ' ')} "
                f"{values[row]:.10g}, {where} ({count(int((~known).sum()), 'such row')})"
            )
            return Finding(series.request.name, instants[row], text)
    return None


def _known_by(values: Floats, in_source: Floats, newest: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each value is one of the last `LATEST` that the source had by then."""
    known = np.zeros(len(values), dtype=bool)
    for age in range(LATEST + 1):
        value = in_source[np.maximum(newest - age, 0)]
        # A hole beside a close is filled from the close.
        known |= (newest >= age) & ((value == values) | np.isnan(value))
    return known


def _where_known(
    value: float, instant: pd.Timestamp, in_source: Floats, known_from: pd.DatetimeIndex
) -> str:
    later = known_from[(in_source == value) & np.asarray(known_from > instant)]
    if len(later):
        return f"which its source has in the row that is known from {_utc(later[0])} on"
    return "which no row of its source has; were the files changed meanwhile?"


def _known_from(
    request: Request, index: pd.DatetimeIndex, sessions: pd.Series, delay: pd.Timedelta
) -> pd.DatetimeIndex:
    """When each row of the source could be known at the earliest.

    Its instant of publication, its bar's end, or its session's close and the delay.
    """
    if request.kind == "macro":
        return index
    if request.kind == "coin":
        return (index if index.tz else index.tz_localize("UTC")) + _length(request.timeframe)
    closes = pd.DatetimeIndex(sessions)
    known = pd.Series(closes, _new_york_days(closes)).reindex(index)
    running = known.isna().to_numpy()  # a session that is not over at the end of the prices
    known[running] = _bells(index[running])
    return pd.DatetimeIndex(known) + delay


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
    return utc_text(instant.timestamp())
