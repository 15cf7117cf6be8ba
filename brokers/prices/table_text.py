"""The cells of a CSV file, whatever its compression, encoding, separator and header.

Where the table begins, how its cells are separated and what its columns are called is worked out
from the first lines; a file that could be read in two ways is refused.
"""

import csv
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from brokers.prices.arrow_memory import use_system_memory
from brokers.prices.series import DataError

HEAD = 65_536  # bytes at the beginning that show how the file is written
SAMPLE = 40  # lines of them, at most
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
MARKS = {
    b"\xef\xbb\xbf": ("utf-8-sig", ""),
    b"\xff\xfe": ("utf-16", "UTF-16"),
    b"\xfe\xff": ("utf-16", "UTF-16"),
}
# A cell that is a date or an epoch: what no name of a column is.
DATE_CELL = re.compile(
    r"\s*(?:\d{4}[-/. ]?\d\d?[-/. ]?\d\d?|\d\d?[-/. ]\d\d?[-/. ](?:\d{4}|\d\d)"
    r"|(?:[^\W\d_]{2,10}\.?,?\s+)?[^\W\d_]{3,12}\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+\d{4}"
    r"|(?:[^\W\d_]{2,10}\.?,?\s+)?\d\d?\.?[-/. ]+[^\W\d_]{3,12}\.?,?[-/. ]+(?:\d{4}|\d\d)"
    r"|-?\d{8,19}(?:\.\d*)?)(?:[T ,][^;|\t]*)?"
)
# What opening a file or an archive in it raises; a password is a RuntimeError.
UNREADABLE = (OSError, EOFError, ValueError, RuntimeError, zlib.error, zipfile.BadZipFile)
# Arrow's own list, and FRED's and Investing.com's signs for nothing.
NULLS = "#N/A;#N/A N/A;#NA;-1.#IND;-1.#QNAN;-NaN;-nan;1.#IND;1.#QNAN;N/A;NA;NULL;NaN;n/a;nan;null"
MISSING_CELLS = ["", *NULLS.split(";"), ".", "-", "--", "None", "none", "NaT"]


class TextTable(NamedTuple):
    """Where the table lies in the bytes, and its names.

    `names` of the columns as written, "" where there is none; None for a file without a header.
    `tickers` are the symbols in the header of yfinance's `download`, one a column. `body` is the
    data in UTF-8, `first_row` the line of the file with the first of them.
    """

    names: tuple[str, ...] | None
    tickers: tuple[str, ...]
    width: int
    separator: str
    body: memoryview
    first_row: int
    notes: tuple[str, ...]


def read_text(content: Path | bytes, *, origin: str) -> TextTable:
    """The layout of a CSV file.

    Raises
    ------
    DataError
        Empty, no text, or an archive with several files.

    """
    try:
        raw = content.read_bytes() if isinstance(content, Path) else content
        raw, packed = _unpack(raw, origin)
    except UNREADABLE as error:
        raise DataError(f"{origin}: cannot be read, is it cut off? {error}") from None
    if not raw:
        raise DataError(f"{origin}: is empty; download it again")
    text, encoding = _utf8(raw, origin)
    head = text[:HEAD].decode("utf-8", "ignore")
    if re.match(r"\s*(?:<!doctype|<html|<\?xml|[{\[])", head, re.IGNORECASE):
        raise DataError(
            f"{origin}: is no CSV, it begins with {head.strip()[:60]!r}; download it again"
        )
    lines = head.splitlines(keepends=True)[:SAMPLE]
    separator, rows = _split(lines)
    start = _first_data(rows)
    names, tickers, notes = _header(rows, start)
    begin = sum(len(line.encode()) for line in lines[:start])
    width = len(rows[start]) if start < len(rows) else len(names or ())
    if names:
        names = _fit_names(names, rows[start:])
        tickers = (*tickers, *[""] * len(names))[: len(names)]
    facts = [packed, encoding]
    facts += [f"{SEPARATORS[separator]} as separator"] if separator != "," else []
    return TextTable(
        names=names,
        tickers=tickers,
        width=width if names is None else len(names),
        separator=separator,
        body=memoryview(text)[begin:],
        first_row=start + 1,
        notes=(*(fact for fact in facts if fact), *notes),
    )


def typed_cells(table: TextTable, *, origin: str) -> pa.Table:
    """The columns with the types that Arrow sees in them, named by position."""
    return _cells(table, origin, types=None)


def text_cells(table: TextTable, columns: Sequence[int], *, origin: str) -> pa.Table:
    """Some columns as text, named by position."""
    return _cells(table, origin, types={str(column): pa.string() for column in columns})


def _cells(table: TextTable, origin: str, types: dict[str, pa.DataType] | None) -> pa.Table:
    from pyarrow import csv as arrow_csv

    use_system_memory()
    names = [str(column) for column in range(table.width)]
    if not bytes(table.body[:256]).strip():
        return pa.table({name: pa.chunked_array([], pa.null()) for name in names})
    try:
        return arrow_csv.read_csv(
            pa.py_buffer(table.body),
            arrow_csv.ReadOptions(column_names=names),
            arrow_csv.ParseOptions(delimiter=table.separator),
            arrow_csv.ConvertOptions(
                null_values=MISSING_CELLS,
                column_types=types,
                include_columns=list(types) if types else None,
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowException as error:
        raise DataError(
            f"{origin}: cannot be read, is it cut off, or has a number a separator in it that "
            f"separates cells? {error}"
        ) from None


def _unpack(raw: bytes, origin: str) -> tuple[bytes, str]:
    """The file inside an archive."""
    if raw[:2] == b"\x1f\x8b":
        return gzip.decompress(raw), "gzip"
    if raw[:4] != b"PK\x03\x04":
        return raw, ""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        files = [name for name in archive.namelist() if not name.endswith("/")]
        files = [name for name in files if not name.startswith("__MACOSX")]
        if any(name.startswith("xl/") for name in files):
            raise DataError(f"{origin}: is an Excel workbook; save the sheet as CSV")
        if len(files) != 1:
            raise DataError(
                f"{origin}: holds {len(files)} files ({', '.join(files[:3])}); pack one"
            )
        return archive.read(files[0]), "zip"


def _utf8(raw: bytes, origin: str) -> tuple[bytes, str]:
    """The text in UTF-8 without a byte order mark, and what it was written in if not in that."""
    marked = next((how for mark, how in MARKS.items() if raw.startswith(mark)), None)
    encoding, what = marked or _encoding(raw[:HEAD])
    if encoding == "utf-8" and raw.isascii():
        text, note = raw, ""
    else:
        text, note = _decode(raw, encoding, what, origin)
    if b"\x00" in text[:HEAD]:
        raise DataError(f"{origin}: cannot be read, it is no text; download it again as CSV")
    if text.find(b"\r", 0, HEAD) >= 0 and b"\n" not in text[:HEAD]:
        text = text.replace(b"\r", b"\n")  # line ends of old Macintosh programs
    return text, note


def _encoding(head: bytes) -> tuple[str, str]:
    """UTF-16 without a mark: of each two bytes of plain letters one is zero."""
    if len(head) >= 8 and not any(head[1:64:2]) and all(head[0:64:2]):
        return "utf-16-le", "UTF-16"
    if len(head) >= 8 and not any(head[0:64:2]) and all(head[1:64:2]):
        return "utf-16-be", "UTF-16"
    return "utf-8", ""


def _decode(raw: bytes, encoding: str, what: str, origin: str) -> tuple[bytes, str]:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise DataError(f"{origin}: cannot be read, is it cut off? {error}") from None
        # Every byte is a letter of Latin-1; those of Windows are the same and some more.
        text = raw.decode("cp1252", "replace")
        if any(ord(letter) < 32 and letter not in "\r\n\t" for letter in text[:HEAD]):
            raise DataError(
                f"{origin}: cannot be read, it is no text; download it again as CSV"
            ) from None
        what = "Latin-1 text"
    return text.encode(), what


def _split(lines: Sequence[str]) -> tuple[str, list[list[str]]]:
    """The separator, and the cells of each line: the one that gives most lines with a date."""
    separators = [each for each in SEPARATORS if any(each in line for line in lines)] or [","]
    tables = {separator: [_row(line, separator) for line in lines] for separator in separators}

    def rank(separator: str) -> tuple[int, int]:
        rows = tables[separator]
        dated = sum(len(row) > 1 and any(map(DATE_CELL.fullmatch, row)) for row in rows)
        return dated, max(map(len, rows), default=0)

    separator = max(tables, key=rank)
    return separator, tables[separator]


def _row(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line.rstrip("\r\n")], delimiter=separator), [])
    except csv.Error:
        return []


def _first_data(rows: Sequence[Sequence[str]]) -> int:
    """Index of the first line of data: a date in a column that has dates in most lines below."""
    for start, row in enumerate(rows):
        for column, cell in enumerate(row):
            if len(row) < 2 or not DATE_CELL.fullmatch(cell):
                continue
            below = [other for other in rows[start + 1 : start + 11] if other]
            dated = sum(
                len(other) > column and bool(DATE_CELL.fullmatch(other[column])) for other in below
            )
            if 2 * dated >= len(below):
                return start
    # No line looks like data: the first one with cells is the header, and reading on says why.
    filled = (index for index, row in enumerate(rows) if any(cell.strip() for cell in row))
    return next(filled, 0) + 1


def _header(
    rows: Sequence[Sequence[str]], start: int
) -> tuple[tuple[str, ...] | None, tuple[str, ...], list[str]]:
    """Names and tickers of the columns above line `start`, and what was assumed."""
    # One cell is a title or an address; a table has two columns at least.
    above = [(index, list(row)) for index, row in enumerate(rows[:start]) if len(row) > 1]
    if not above:
        return None, (), []
    index, names = above[-1]
    if len(above) >= 3 and _only_the_first(names):
        return _two_levels(above[-3][1], above[-2][1], names[0])
    if len(above) >= 2 and not names[0].strip() and above[-2][1][0].strip():
        return _two_levels(above[-2][1], names, above[-2][1][0])
    before = any(cell.strip() for row in rows[:index] for cell in row)
    return tuple(names), (), [f"header in row {index + 1}"] if before else []


def _only_the_first(row: Sequence[str]) -> bool:
    return bool(row[0].strip()) and not any(cell.strip() for cell in row[1:])


def _two_levels(
    first: list[str], second: list[str], dates: str
) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
    """Of `yf.download(...).to_csv()`: prices and tickers in either order, the dates' name."""
    prices, tickers = first, second
    if not any(cell.strip().lower() == "close" for cell in first):
        prices, tickers = second, first
    names = (dates, *prices[1:])
    return names, ("", *(cell.strip() for cell in tickers[1:])), ["header lines of yfinance"]


def _fit_names(names: tuple[str, ...], rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The names, one for each cell: a separator at the end of lines makes an empty one."""
    widths = {len(row) for row in rows if row}
    if widths == {len(names) + 1} and all(not row[-1].strip() for row in rows if row):
        return (*names, "")
    if widths == {len(names) - 1} and not names[-1].strip():
        return names[:-1]
    return names
