"""Dialects put together at random, written by pandas: what was written is what is read."""

import gzip
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.prices.dated_table import read_dated_table
from brokers.prices.series import DataError, Request

FUND = Request("IWM", "session")
FIRST = pd.Timestamp("2023-12-20")  # with days after the 12th, which show the order
DATES = {
    "%Y-%m-%d": "",
    "%Y/%m/%d": "",
    "%Y%m%d": "dates as YYYYMMDD",
    "%Y-%m-%d 00:00:00": "",
    "%d/%m/%Y": "day-first dates",
    "%d.%m.%Y": "day-first dates",
    "%m/%d/%Y": "month-first dates",
    "%m-%d-%Y": "month-first dates",
    "%b %d, %Y": "month names",
    "%d-%b-%y": "month names",
    "%d %B %Y": "month names",
    "%s": "epoch seconds",
    "%s000": "epoch milliseconds",
    "%s000000": "epoch microseconds",
}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252")
MARKS = ((".", ""), (".", ","), (".", "'"), (",", ""), (",", "."), (",", " "))
NAMES = (("Date", "Close", "Volume"), ("DATE", "CLOSE", "VOLUME"), ("Datum", "Zuletzt", "Vol."))


class Written(NamedTuple):
    """How a file is written."""

    date: str
    separator: str
    marks: tuple[str, str]
    encoding: str
    names: tuple[str, str, str]
    title: str
    newest_first: bool
    packed: bool
    quoted: bool
    line_end: str


WRITTEN = st.builds(
    Written,
    date=st.sampled_from(sorted(DATES)),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    marks=st.sampled_from(MARKS),
    encoding=st.sampled_from(ENCODINGS),
    names=st.sampled_from(NAMES),
    title=st.sampled_from(["", "https://www.example.org\n", "Größe des Fonds\n\n", "sep=;\n"]),
    newest_first=st.booleans(),
    packed=st.booleans(),
    quoted=st.booleans(),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
CENTS = st.lists(st.integers(100_001, 99_999_999), min_size=20, max_size=30)


def text_of(number: float, decimals: int, marks: tuple[str, str]) -> str:
    plain = f"{number:,.{decimals}f}"
    return plain.replace(",", "\0").replace(".", marks[0]).replace("\0", marks[1])


def date_of(day: pd.Timestamp, form: str) -> str:
    return day.strftime(form.replace("%s", str(int(day.timestamp()))))


def file_of(
    written: Written, days: pd.DatetimeIndex, close: list[float], volume: list[int]
) -> bytes:
    table = pd.DataFrame(
        {
            written.names[0]: [date_of(day, written.date) for day in days],
            written.names[1]: [text_of(value, 2, written.marks) for value in close],
            written.names[2]: [text_of(value, 0, written.marks) for value in volume],
        }
    )
    table = table[::-1] if written.newest_first else table
    body = table.to_csv(
        index=False,
        sep=written.separator,
        quoting=1 if written.quoted else 0,
        lineterminator=written.line_end,
    )
    content = (written.title + body).encode(written.encoding)
    return gzip.compress(content) if written.packed else content


def rows_of(seed: int) -> tuple[pd.DatetimeIndex, list[float], list[int]]:
    """Days, closes with a last cent (it shows the decimal mark) and volumes."""
    draw = np.random.default_rng(seed)
    days = pd.bdate_range(FIRST, periods=int(draw.integers(20, 30)))
    cents = draw.integers(1_000, 1_000_000, len(days)) * 100 + draw.integers(1, 100, len(days))
    return days, (cents / 100).tolist(), draw.integers(10**6, 10**9, len(days)).tolist()


@settings(max_examples=60, deadline=None)
@given(WRITTEN, st.integers(0, 10**6))
def test_what_was_written_is_read(written: Written, seed: int):
    days, close, volume = rows_of(seed)
    table = read_dated_table(file_of(written, days, close, volume), FUND, origin="file")
    assert table.frame.index.tolist() == days.tolist()
    np.testing.assert_array_equal(table.frame["close"], close)
    np.testing.assert_array_equal(table.frame["volume"], volume)
    facts = {
        DATES[written.date]: True,
        "newest row first": written.newest_first,
        "decimal comma": written.marks[0] == ",",
        "thousands separators": bool(written.marks[1]),
    }
    note = " ".join(table.notes)
    for fact, expected in facts.items():
        assert not fact or (fact in note) == expected, fact


@settings(max_examples=20, deadline=None)
@given(WRITTEN, st.integers(0, 10**6), st.integers(0, 19))
def test_a_cell_that_is_no_number_is_named_by_its_line(written: Written, seed: int, at: int):
    days, close, volume = rows_of(seed)
    content = file_of(written._replace(packed=False), days, close, volume)
    lines = content.decode(written.encoding).splitlines()
    number = text_of(close[at], 2, written.marks)
    row = next(row for row, line in enumerate(lines) if number in line)
    lines[row] = lines[row].replace(number, f"x{number}")
    with pytest.raises(DataError) as caught:
        read_dated_table("\n".join(lines).encode(written.encoding), FUND, origin="file")
    name = written.names[1].lower()
    assert f"row {row + 1}, {name} is {f'x{number}'!r}, not a number" in str(caught.value)


EDITS = ("", ",", ";", '"', "\n", "\0", "9" * 20, "-", "%", "1e999", "9999-12-31", "+25:00", "K")


@settings(max_examples=40, deadline=None)
@given(
    WRITTEN,
    st.integers(0, 10**6),
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 8), st.sampled_from(EDITS)),
        min_size=1,
        max_size=4,
    ),
)
def test_a_damaged_file_is_read_or_refused(
    written: Written, seed: int, edits: list[tuple[float, int, str]]
):
    content = bytearray(file_of(written, *rows_of(seed)))
    for place, length, put in edits:
        at = int(place * len(content))
        content[at : at + length] = put.encode()
    with suppress(DataError):
        assert "close" in read_dated_table(bytes(content), FUND, origin="file").frame
