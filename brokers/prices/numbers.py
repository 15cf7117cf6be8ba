"""Numbers as people and vendors write them: decimal comma, thousands separators, $, %, K, M, B.

The decimal mark is worked out once, from all cells of a file, and never guessed: "1,234" alone may
be 1234 or 1.234.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from brokers.prices.series import DataError

Column: TypeAlias = pa.ChunkedArray
Floats = NDArray[np.float64]

# What stands for a missing value: "." is FRED's, "-" Investing.com's, the rest is what programs
# write. Compared in lower case.
MISSING = ("", ".", "-", "--", "\u2013", "\u2014", "na", "n/a", "#n/a", "nan", "null", "none")
SPACES = " \u00a0\u2007\u2009\u202f"
APOSTROPHES = "'\u2019"
CURRENCY = "(?:US[$]|[$\u20ac\u00a3\u00a5\u20bf])"
# A letter after a number is a power of ten: as an exponent it is read exactly.
POWERS = {"%": "e-2", "K": "e3", "M": "e6", "B": "e9", "T": "e12"}
GROUP = f"[{SPACES}{APOSTROPHES}]"
POWER = f"[{SPACES}]?[%KMBTkmbt]"


class Mark(NamedTuple):
    """A decimal mark: what proves it, and how its numbers are written.

    `proof` matches a cell that is no number with the other mark, `number` any cell with this one.
    """

    name: str
    decimal: str
    thousands: str
    proof: str
    number: str


def _mark(name: str, decimal: str, thousands: str) -> Mark:
    d, t = (f"[{mark}]" for mark in (decimal, thousands))
    groups = rf"\d{{1,3}}(?:{t}\d{{3}})+"
    lakhs = rf"\d{{1,2}}(?:{t}\d{{2}})+{t}\d{{3}}"  # 12,34,567: Indian groups
    proofs = (
        rf"\d*{d}(?:\d{{0,2}}|\d{{4,}})",  # not three digits behind it
        rf"(?:0\d*|\d{{4,}})?{d}\d{{3}}",  # three, but no group in front of it
        rf"\d*{d}\d*[eE][+-]?\d+",
        rf"(?:{groups}|{lakhs}|\d{{1,3}}(?:{GROUP}\d{{3}})+){d}\d*",
        rf"\d{{1,3}}(?:{t}\d{{3}}){{2,}}|{lakhs}",  # the other mark twice: it separates groups
    )
    whole = rf"(?:\d+|{groups}|{lakhs}|\d{{1,3}}(?:{GROUP}\d{{3}})+)"
    return Mark(
        name,
        decimal,
        thousands,
        rf"^[+-]?(?:{'|'.join(proofs)})(?:{POWER})?$",
        rf"^[+-]?(?:{whole}(?:{d}\d*)?|{d}\d+)(?:[eE][+-]?\d+|{POWER})?$",
    )


POINT, COMMA = _mark("point", ".", ","), _mark("comma", ",", ".")
UNPROVEN = rf"^[+-]?[1-9]\d{{0,2}}[.,]\d{{3}}(?:{POWER})?$"


def read_numbers(
    columns: Mapping[str, Column], *, origin: str, first_row: int
) -> tuple[dict[str, Floats], tuple[str, ...]]:
    """The numbers in columns of text, NaN where a value is missing, and what was assumed.

    Parameters
    ----------
    columns : cells as the file has them, by the column's name.
    first_row : the line of the file with the first cell, for messages.

    Raises
    ------
    DataError
        A cell that is no number, or a decimal mark that no cell or two cells contradicting each
        other prove.

    """
    cells = {name: _bare(column) for name, column in columns.items()}
    mark = _decimal_mark(cells, origin, first_row)
    numbers = {
        name: _floats(column, mark, name, columns[name], origin=origin, first_row=first_row)
        for name, column in cells.items()
    }
    return numbers, tuple(_assumed(columns, cells, mark))


def typed_numbers(column: Column, name: str, *, origin: str, first_row: int) -> Floats:
    """A column that Arrow has read as numbers; NaN where a value is missing.

    Raises
    ------
    DataError
        It holds something else: words, times, yes and no.

    """
    kind = column.type
    if not (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_null(kind)
    ):
        row = int(np.argmin(np.asarray(column.is_null())))
        raise _not_a_number(origin, first_row + row, name, column[row])
    floats: Floats = column.cast(pa.float64(), safe=False).to_numpy()
    return floats


def _bare(column: Column) -> Column:
    """The cells without currency and spaces around them, None where a value is missing."""
    cells = column.cast(pa.string())
    cells = pc.utf8_trim(cells, SPACES + "\t")
    missing = pc.is_in(pc.utf8_lower(cells), pa.array(MISSING))
    cells = pc.if_else(missing, pa.scalar(None, pa.string()), cells)
    changes = [
        ("\u2212", "-"),
        (r"^\((.+)\)$", r"-\1"),  # an accountant's minus
        (rf"^([+-]?){CURRENCY}[{SPACES}]?([+-]?)", r"\1\2"),
        (rf"[{SPACES}]?{CURRENCY}$", ""),
    ]
    for pattern, replacement in changes:
        cells = pc.replace_substring_regex(cells, pattern, replacement)
    return cells


def _decimal_mark(cells: Mapping[str, Column], origin: str, first_row: int) -> Mark:
    proofs = {
        mark: row
        for mark in (POINT, COMMA)
        if (row := _first(cells.values(), mark.proof)) is not None
    }
    if len(proofs) == 1:
        return next(iter(proofs))
    if proofs:
        named = " and ".join(
            f"{cell!r} in row {first_row + row}" for row, cell in sorted(proofs.values())
        )
        raise DataError(
            f"{origin}: {named} have different decimal marks; write all numbers with a point and "
            "without thousands separators"
        )
    if unproven := _first(cells.values(), UNPROVEN):
        at, number = unproven
        whole, rest = re.split("[.,]", number)
        raise DataError(
            f"{origin}: row {first_row + at}, {number!r} is ambiguous: {whole}{rest} with a "
            f"thousands separator or {whole}.{rest} with a decimal mark, and no other cell shows "
            "which; write all numbers with a decimal point and without thousands separators"
        )
    return POINT


def _first(columns: Iterable[Column], pattern: str) -> tuple[int, str] | None:
    """Row and cell of the first match."""
    rows = []
    for column in columns:
        matches = pc.fill_null(pc.match_substring_regex(column, pattern), fill_value=False)
        if (row := pc.index(matches, value=True).as_py()) >= 0:
            rows.append((row, column[row].as_py()))
    return min(rows, default=None)


def _floats(
    cells: Column, mark: Mark, name: str, column: Column, *, origin: str, first_row: int
) -> Floats:
    shares = pc.ends_with(cells, "%")
    if pc.any(shares).as_py() and not pc.all(shares).as_py():
        raise DataError(
            f"{origin}: {name} has numbers with % and numbers without; write all of them in one way"
        )
    fits = pc.fill_null(pc.match_substring_regex(cells, mark.number), fill_value=True)
    if (row := pc.index(fits, value=False).as_py()) >= 0:
        raise _not_a_number(origin, first_row + row, name, column[row])
    plain = pc.replace_substring_regex(cells, rf"[{mark.thousands}{SPACES}{APOSTROPHES}+]", "")
    plain = pc.replace_substring(plain, mark.decimal, ".")
    for letter, exponent in POWERS.items():
        plain = pc.replace_substring_regex(plain, f"(?i:{letter})$", exponent)
    floats: Floats = pc.cast(plain, pa.float64()).to_numpy()
    return floats


def _not_a_number(origin: str, row: int, name: str, cell: pa.Scalar) -> DataError:
    return DataError(
        f"{origin}: row {row}, {name} is {cell.as_py()!r}, not a number; correct or remove the row"
    )


def _assumed(
    columns: Mapping[str, Column], cells: Mapping[str, Column], mark: Mark
) -> Iterable[str]:
    if mark is COMMA:
        yield "decimal comma"
    if _first(cells.values(), rf"\d[{mark.thousands}{SPACES}{APOSTROPHES}]\d"):
        yield "thousands separators"
    for pattern, what in (
        (CURRENCY, "amounts with a currency sign"),
        (r"\d\s?%\s*$", "per cent as hundredths"),
        (r"\d\s?(?i:[KMBT])\s*$", "K, M, B as powers of ten"),
        (r"^\s*\(.*\)\s*$", "parentheses as minus"),
    ):
        if _first((column.cast(pa.string()) for column in columns.values()), pattern):
            yield what
