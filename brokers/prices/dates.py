"""Dates and times as people and vendors write them, worked out once from a whole column.

Month-first or day-first counts only where the column proves it; integers are dates or epochs by
their size, and an epoch in 1970 is an error. Nothing is guessed: what may be read in two ways is
refused.
"""

import re
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from brokers.prices.epochs import YEARS, calendar_days, read_epochs
from brokers.prices.numbers import SPACES
from brokers.prices.series import DataError

Column: TypeAlias = pa.ChunkedArray
Integers = NDArray[np.int64]
ISO = r"^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?$"
CENTURY = 70  # two-digit years below are of this century
NUMBER = r"^-?\d{8,19}(?:\.\d*)?$"
WRITE = "write dates as YYYY-MM-DD"

# Beginnings of month names in the languages of Investing.com's and exchanges' files, without dots.
MONTHS = (
    *("jan gen ene sty", "feb fév fev lut", "mar mär mrz maa mrt", "apr abr avr kwi"),
    *("may mai mei mag maj", "jun juin giu cze", "jul juil lug lip", "aug aoû aou ago sie"),
    *("sep set wrz", "oct okt ott out paź", "nov lis", "dec dez déc dic gru"),
)
# Any letter: Unicode's own classes take RE2 thirty milliseconds.
WORD = r"[A-Za-z\x{80}-\x{10ffff}]+"
CLOCK = (
    r"(?:[T ,]\s*(?P<hour>\d{1,2})(?::(?P<minute>\d\d)(?::(?P<second>\d\d)"
    r"(?:[.,](?P<fraction>\d{1,9}))?)?)?[ -]?(?P<half>[AaPp]\.?[Mm]\.?)?"
    r"\s*(?P<zone>Z|[A-Za-z_/]+|(?:UTC|GMT)?\s?[+-]\d\d?(?::?\d\d)?)?(?:\s*\(.*\))?)?$"
)
WEEKDAY = rf"^(?:{WORD}\.?,?\s+)?"
SEPARATOR = r"[-/. ]"
DAYS = {
    "year first": rf"^(?P<year>\d{{4}}){SEPARATOR}(?P<month>\d\d?){SEPARATOR}(?P<day>\d\d?)",
    "compact": r"^(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)",
    "two numbers": rf"^(?P<one>\d\d?){SEPARATOR}(?P<two>\d\d?){SEPARATOR}(?P<year>\d{{4}})",
    "short years": rf"^(?P<one>\d\d?){SEPARATOR}(?P<two>\d\d?){SEPARATOR}(?P<year>\d\d)",
    "month name": rf"{WEEKDAY}(?P<name>{WORD})\.?\s+(?P<day>\d\d?)(?:st|nd|rd|th)?,?\s+"
    r"(?P<year>\d{4})",
    "day and month name": rf"{WEEKDAY}(?P<day>\d\d?)(?:st|nd|rd|th)?\.?[-/. ]+(?P<name>{WORD})"
    r"\.?,?[-/. ]+(?P<year>\d{4}|\d\d)",
    "year and month name": rf"^(?P<year>\d{{4}})[-/. ](?P<name>{WORD})[-/. ](?P<day>\d\d?)",
}
COMPACT_CLOCK = (
    r"[T ](?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?(?P<fraction>)(?P<half>)"
    r"(?P<zone>Z|[+-]\d\d:?\d\d)?$"
)
PATTERNS = [*(day + CLOCK for day in DAYS.values()), DAYS["compact"] + COMPACT_CLOCK]
# Periods and day numbers: what they mean and why they are refused.
NOT_A_DAY = {
    r"^\d{4}[-/. ]\d\d?$|^\d\d?[-/. ]\d{4}$": "a month without a day",
    rf"^{WORD}\.?[-/ ]\d\d(?:\d\d)?$": "a month without a day",
    r"^\d{4}[-/. ]?[QqHh]\d$|^[QqHh]\d[-/. ]?\d{4}$": "a quarter or half year",
    r"^\d{4}-?W\d\d?(?:-?\d)?$": "a week",
}


class Dates(NamedTuple):
    """One instant a cell, UTC where the cells say so (an offset, an epoch), else naive.

    `notes` are what was assumed.
    """

    instants: pd.DatetimeIndex
    notes: tuple[str, ...]


def read_dates(column: Column, *, origin: str, first_row: int) -> Dates:
    """The dates in a column without missing cells: of text, numbers, or what Arrow made of them.

    Parameters
    ----------
    first_row : the line of the file with the first cell, for messages.

    Raises
    ------
    DataError
        A cell that is no date, an ambiguous order of day and month, an epoch in 1970.

    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        dates = Dates(*read_epochs(column.to_numpy(), origin=origin, first_row=first_row))
    elif pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        dates = Dates(_index(column), ())
    else:
        text = pc.utf8_trim(column.cast(pa.string()), SPACES + "\t")
        dates = _from_text(text, origin, first_row)
    if dates.instants.min().year < YEARS[0] or dates.instants.max().year > YEARS[1]:
        years = dates.instants.year
        row = int(((years < YEARS[0]) | (years > YEARS[1])).argmax())
        raise _no_date(origin, first_row + row, column[row].as_py())
    return dates._replace(instants=dates.instants.as_unit("ns"))


def read_clock_times(column: Column) -> pd.TimedeltaIndex | None:
    """Times of day in a column of their own; None if it holds something else."""
    if pa.types.is_time(column.type):
        nanoseconds = column.cast(pa.time64("ns")).cast(pa.int64()).to_numpy()
        return pd.TimedeltaIndex(nanoseconds.astype("m8[ns]"))
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    if pa.types.is_integer(column.type):
        # HHMMSS, where no number is so small throughout that it may be HHMM.
        if 0 < pc.max(column).as_py() <= 2359:
            return None
        text = pc.utf8_lpad(text, 6, "0")
    fields = pc.extract_regex(text, r"^(?P<hour>\d\d?):?(?P<minute>\d\d)(?::?(?P<second>\d\d))?$")
    if fields.null_count:
        return None
    fields = fields.combine_chunks()
    hour, minute, second = (_integers(fields.field(part)) for part in range(3))
    return _seconds(hour * 3600 + minute * 60 + second)


def _seconds(seconds: Integers) -> pd.TimedeltaIndex:
    return pd.TimedeltaIndex(seconds.astype("m8[s]"))


def _index(column: Column) -> pd.DatetimeIndex:
    instants = column.to_numpy()
    # pandas knows no unit of days.
    index = pd.DatetimeIndex(instants.astype("M8[s]") if instants.dtype == "M8[D]" else instants)
    return index.tz_localize("UTC") if getattr(column.type, "tz", None) else index


def _from_text(text: Column, origin: str, first_row: int) -> Dates:
    first = text[:1]
    if _matches(first, ISO) and (dates := _iso(text)) is not None:
        return Dates(dates, ())
    if _matches(first, NUMBER):
        if not _matches(text, NUMBER):
            row = pc.index(pc.match_substring_regex(text, NUMBER), value=False).as_py()
            raise _no_date(origin, first_row + row, text[row].as_py())
        numbers = text.cast(pa.float64() if _matches(text, r"\.") else pa.int64()).to_numpy()
        return Dates(*read_epochs(numbers, origin=origin, first_row=first_row))
    for pattern in PATTERNS:
        if not _matches(first, pattern):
            continue
        fields = pc.extract_regex(text, pattern)
        if fields.null_count:
            row = pc.index(fields.is_null(), value=True).as_py()
            raise _no_date(origin, first_row + row, text[row].as_py(), among=text[0].as_py())
        return _from_fields(_Fields(fields.combine_chunks(), text, origin, first_row))
    raise _no_date(origin, first_row, first[0].as_py())


def _matches(cells: Column, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(cells, pattern)).as_py())


def _iso(text: Column) -> pd.DatetimeIndex | None:
    """The whole column in ISO form; None if it is not."""
    zone = "UTC" if _matches(text[:1], r"(?:Z|[:.]\d+[+-][\d:]+)$") else None
    for kind in (pa.timestamp("us", zone), pa.timestamp("ns", zone)):
        try:
            return _index(text.cast(kind))
        except pa.ArrowInvalid:
            continue
    return None


class _Fields:
    """The parts of a column of dates by name, as integers; 0 where a part is not written."""

    def __init__(self, parts: pa.StructArray, text: Column, origin: str, first_row: int) -> None:
        self.parts, self.text, self.origin, self.first_row = parts, text, origin, first_row
        self.names = [field.name for field in parts.type]

    def words(self, name: str) -> pa.StringArray:
        """One part as text."""
        return self.parts.field(self.names.index(name))

    def number(self, name: str) -> Integers:
        """One part as integers."""
        return _integers(self.words(name))

    def no_date(self, wrong: NDArray[np.bool_]) -> DataError:
        """The error about the first of these rows."""
        row = int(wrong.argmax())
        return _no_date(self.origin, self.first_row + row, self.text[row].as_py())


def _integers(words: pa.StringArray) -> Integers:
    numbers: Integers = pc.cast(pc.if_else(pc.equal(words, ""), "0", words), pa.int64()).to_numpy()
    return numbers


def _from_fields(fields: _Fields) -> Dates:
    notes: list[str] = []
    year = fields.number("year")
    if pc.max(pc.utf8_length(fields.words("year"))).as_py() == 2:
        year = np.where(year < CENTURY, 2000 + year, 1900 + year)
        notes.append("two-digit years")
    if "one" in fields.names:
        month, day, note = _in_order(fields, short_years=bool(notes))
        notes.append(note)
    else:
        month = _named_months(fields) if "name" in fields.names else fields.number("month")
        day = fields.number("day")
    if "name" in fields.names:
        notes.append("month names")
    days, wrong = calendar_days(year, month, day)
    if wrong.any():
        raise fields.no_date(wrong)
    instants = pd.DatetimeIndex(days.astype("M8[us]")) + _clock(fields)
    zones = set(pc.unique(fields.words("zone")).to_pylist())
    if zones != {""}:
        instants = (instants - _offsets(fields, zones)).tz_localize("UTC")
    return Dates(instants, tuple(notes))


def _in_order(fields: _Fields, *, short_years: bool) -> tuple[Integers, Integers, str]:
    """Month, day and what they were read as: which comes first, as the column proves."""
    one, two = fields.number("one"), fields.number("two")
    day_first, month_first = one > 12, two > 12
    if day_first.any() and month_first.any():
        rows = sorted((int(day_first.argmax()), int(month_first.argmax())))
        cells = " and ".join(f"{fields.text[row].as_py()!r}" for row in rows)
        raise DataError(
            f"{fields.origin}: {cells} in rows {fields.first_row + rows[0]} and "
            f"{fields.first_row + rows[1]} are one day-first and one month-first; {WRITE}"
        )
    if not (day_first.any() or month_first.any()):
        raise DataError(
            f"{fields.origin}: the dates are ambiguous: {fields.text[0].as_py()!r} in row "
            f"{fields.first_row} may be day-first or month-first, and no row has a day after the "
            f"12th that shows which; {WRITE}"
        )
    if month_first.any():
        return one, two, "month-first dates"
    if short_years and _is_ordered(one, two, fields.number("year")):
        raise DataError(
            f"{fields.origin}: the dates are ambiguous: {fields.text[0].as_py()!r} in row "
            f"{fields.first_row} may begin with the day or with the year; {WRITE}"
        )
    return two, one, "day-first dates"


def _is_ordered(year: Integers, month: Integers, day: Integers) -> bool:
    """Whether the column read year-first is one that increases or decreases throughout."""
    if (day > 31).any() or (day < 1).any() or len(year) < 2:
        return len(year) < 2 and not (day > 31).any()
    steps = np.diff(year * 372 + month * 31 + day)
    return bool((steps > 0).all() or (steps < 0).all())


def _named_months(fields: _Fields) -> Integers:
    names = fields.words("name").dictionary_encode()
    numbers = np.array([_month(name) for name in names.dictionary.to_pylist()], dtype=np.int64)
    months: Integers = numbers[names.indices.to_numpy()]
    if (months == 0).any():
        raise fields.no_date(months == 0)
    return months


def _month(name: str) -> int:
    """The number of a month by the beginning of its name; 0 if no month begins so."""
    word = name.lower()
    known = [
        (len(start), month)
        for month, starts in enumerate(MONTHS, 1)
        for start in starts.split()
        if word.startswith(start)
    ]
    return max(known, default=(0, 0))[1]


def _clock(fields: _Fields) -> pd.TimedeltaIndex:
    hour, minute, second = (fields.number(name) for name in ("hour", "minute", "second"))
    half = pc.utf8_lower(fields.words("half"))
    afternoon = np.asarray(pc.starts_with(half, "p"))
    halved = np.asarray(pc.not_equal(half, ""))
    wrong = (hour > 23) | (minute > 59) | (second > 59) | (halved & ((hour < 1) | (hour > 12)))
    if wrong.any():
        raise fields.no_date(wrong)
    hour = np.where(halved, hour % 12 + 12 * afternoon, hour)
    nanoseconds = _integers(pc.utf8_rpad(fields.words("fraction"), 9, "0"))
    clock = _seconds(hour * 3600 + minute * 60 + second).as_unit("ns")
    return clock + pd.TimedeltaIndex(nanoseconds.astype("m8[ns]"))


def _offsets(fields: _Fields, zones: set[str]) -> pd.TimedeltaIndex:
    """How far each cell's clock is ahead of UTC."""
    words = fields.words("zone").dictionary_encode()
    ahead = {zone: _offset(zone) for zone in zones}
    if unknown := next((zone for zone in sorted(zones) if ahead[zone] is None), None):
        raise DataError(
            f"{fields.origin}: the times have the zone {unknown!r}, whose offset is not written; "
            "write them in UTC, or with an offset such as -05:00"
        )
    if "" in zones:
        raise DataError(
            f"{fields.origin}: some times have an offset from UTC and some have none; write all of "
            "them in UTC"
        )
    minutes = np.array([ahead[zone] for zone in words.dictionary.to_pylist()], dtype=np.int64)
    return _seconds(minutes[words.indices.to_numpy()] * 60)


def _offset(zone: str) -> int | None:
    """Minutes ahead of UTC; None for a name that is not UTC."""
    if zone.upper() in ("", "Z", "UTC", "GMT"):
        return 0
    if not (parts := re.fullmatch(r"(?:UTC|GMT)?\s?([+-])(\d\d?)(?::?(\d\d))?", zone)):
        return None
    return int(f"{parts[1]}1") * (int(parts[2]) * 60 + int(parts[3] or 0))


def _no_date(origin: str, row: int, cell: object, *, among: str = "") -> DataError:
    """The error about one cell; `among` is the first of its column."""
    cell = str(cell)
    text = pa.chunked_array([[cell]])
    for pattern, what in NOT_A_DAY.items():
        if _matches(text, pattern):
            return DataError(
                f"{origin}: row {row}, {cell!r} is {what}, not a date; write the day on which the "
                "value was known as YYYY-MM-DD"
            )
    if among and any(_matches(text, pattern) for pattern in PATTERNS):
        return DataError(
            f"{origin}: row {row}, {cell!r} is not a date as {among!r} is; write YYYY-MM-DD"
        )
    return DataError(f"{origin}: row {row}, {cell!r} is not a date; write YYYY-MM-DD")
