"""Dates written as one number: seconds, milliseconds, microseconds, nanoseconds, or 20240131.

The size of a number shows which. An epoch in 1970 is an error: it is a number of something else.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brokers.prices.series import DataError

Numbers = NDArray[np.int64] | NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
FIRST, END = 31_536_000, 4_133_980_800  # epoch seconds of 1971 and 2101
YEARS = (1800, 2199)  # a year beyond is a wrong digit
EXCEL = (20_000, 80_000)  # day numbers of Excel: 1954 to 2119


class Unit(NamedTuple):
    """Epoch numbers of one size."""

    name: str
    per_second: int
    numpy: str


UNITS = (
    Unit("seconds", 1, "s"),
    Unit("milliseconds", 10**3, "ms"),
    Unit("microseconds", 10**6, "us"),
    Unit("nanoseconds", 10**9, "ns"),
)


def read_epochs(
    numbers: Numbers, *, origin: str, first_row: int
) -> tuple[pd.DatetimeIndex, tuple[str, ...]]:
    """Instants in UTC of epochs, or naive days of dates such as 20240131, and what was assumed.

    Parameters
    ----------
    numbers : of one column, in the order of its rows, none missing.
    first_row : the line of the file with the first of them, for messages.

    Raises
    ------
    DataError
        A number of no unit, a date that does not exist, a number that may be a date or an epoch.

    """
    if ((numbers >= 18_000_101) & (numbers <= 21_991_231)).all():
        index, wrong = _compact(numbers, (2, 2))
        if wrong.any():
            raise _no_date(numbers, wrong, origin, first_row, "is not a date as YYYYMMDD")
        return index, ("dates as YYYYMMDD",)
    if ((numbers >= 18_000_101_000_000) & (numbers <= 21_991_231_235_959)).all():
        index, wrong = _compact(numbers, (2, 2, 2, 2, 2))
        if wrong.any():
            raise _no_date(numbers, wrong, origin, first_row, "is not a date as YYYYMMDDHHMMSS")
        return index, ("dates as YYYYMMDDHHMMSS",)
    _refuse_ambiguous(numbers, origin, first_row)
    return _epochs(numbers, origin, first_row)


def _epochs(
    numbers: Numbers, origin: str, first_row: int
) -> tuple[pd.DatetimeIndex, tuple[str, ...]]:
    size = np.abs(numbers.astype(float))
    instants = np.full(len(numbers), np.datetime64("NaT"), dtype="M8[ns]")
    names = []
    for unit in UNITS:
        fits = (size >= FIRST * unit.per_second) & (size < END * unit.per_second)
        if unit.per_second == 1 and _through_1970(numbers, size):
            fits = size < END
        if fits.any():
            names.append(unit.name)
            instants[fits] = _instants(numbers[fits], unit)
    if (wrong := np.isnat(instants)).any():
        raise _no_date(numbers, wrong, origin, first_row, "is not a date")
    return pd.DatetimeIndex(instants).tz_localize("UTC"), (f"epoch {' and '.join(names)}",)


def _through_1970(numbers: Numbers, size: NDArray[np.float64]) -> bool:
    """Whether seconds lie on both sides of 1970: then some in it are plausible."""
    return bool((size < END).all() and (numbers < -FIRST).any() and (numbers > FIRST).any())


def _instants(numbers: Numbers, unit: Unit) -> NDArray[np.datetime64]:
    if numbers.dtype.kind != "f":
        return numbers.astype(np.int64).astype(f"M8[{unit.numpy}]").astype("M8[ns]")
    # A fraction of a float is exact to a microsecond at best.
    whole = np.round(numbers * (10**6 / unit.per_second)).astype(np.int64)
    return whole.astype("M8[us]").astype("M8[ns]")


def _refuse_ambiguous(numbers: Numbers, origin: str, first_row: int) -> None:
    """Numbers such as 202401311530 are epochs of another year as well."""
    for low, high, parts, form in (
        (1_970_010_100, 2_100_123_123, (2, 2, 2), "YYYYMMDDHH"),
        (197_001_010_000, 210_012_312_359, (2, 2, 2, 2), "YYYYMMDDHHMM"),
    ):
        if not ((numbers >= low) & (numbers <= high)).all():
            continue
        _, wrong = _compact(numbers, parts)
        if not wrong.any():
            raise DataError(
                f"{origin}: row {first_row}, {numbers[0]:.0f} is ambiguous: a date as {form} or an "
                "epoch; write YYYY-MM-DD HH:MM"
            )


def calendar_days(
    year: Integers, month: Integers, day: Integers
) -> tuple[NDArray[np.datetime64], Mask]:
    """Days of these years, months and days of a month, and which of them do not exist."""
    wrong = (month < 1) | (month > 12) | (day < 1) | (year < YEARS[0]) | (year > YEARS[1])
    months = np.where(wrong, 0, (year - 1970) * 12 + month - 1).astype("M8[M]")
    length = ((months + 1).astype("M8[D]") - months.astype("M8[D]")).astype(np.int64)
    days: NDArray[np.datetime64] = months.astype("M8[D]") + (day - 1).astype("m8[D]")
    return days, wrong | (day > length)


def _compact(numbers: Numbers, parts: tuple[int, ...]) -> tuple[pd.DatetimeIndex, Mask]:
    """Naive instants of numbers such as 20240131, and which are none: month, day, hour, ..."""
    rest = numbers.astype(np.int64)
    fields: list[Integers] = []
    for digits in reversed(parts):
        rest, field = np.divmod(rest, 10**digits)
        fields.insert(0, field)
    month, day, *clock = fields
    days, wrong = calendar_days(rest, month, day)
    seconds = np.zeros(len(numbers), dtype=np.int64)
    for field, limit, factor in zip(clock, (23, 59, 59), (3600, 60, 1), strict=False):
        wrong |= field > limit
        seconds += field * factor
    instants = days.astype("M8[s]") + seconds
    return pd.DatetimeIndex(instants), wrong


def _no_date(numbers: Numbers, wrong: Mask, origin: str, first_row: int, what: str) -> DataError:
    row = int(wrong.argmax())
    number = float(numbers[row])
    why = what
    if EXCEL[0] <= number <= EXCEL[1]:
        why = f"{what} but looks like a day number of Excel: save the cells as dates"
    elif abs(number) < FIRST and "YYYY" not in what:
        why = f"{what}: as an epoch in seconds it would lie in 1970"
    return DataError(f"{origin}: row {first_row + row}, {number:.15g} {why}; write YYYY-MM-DD")
