"""The reader of every file: dates and numbers in any usual dialect, read once and not guessed.

What is unambiguous is read, and what was assumed is reported in one note ("read as: day-first
dates, decimal comma"); what may be read in two ways is refused by name.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from brokers.plurals import count
from brokers.prices.arrow_memory import use_system_memory
from brokers.prices.bar_dates import bar_index
from brokers.prices.clean import check_order
from brokers.prices.columns import (
    Columns,
    find_columns,
    headerless_names,
    plain_name,
    split_names,
)
from brokers.prices.dates import read_clock_times, read_dates
from brokers.prices.labels import meaning_of, note_of, rows_of_symbol
from brokers.prices.numbers import read_numbers, typed_numbers
from brokers.prices.series import DataError, Request
from brokers.prices.table_text import TextTable, read_text, text_cells, typed_cells

Column: TypeAlias = pa.ChunkedArray
Floats = NDArray[np.float64]
PARQUET = b"PAR1"


class DatedTable(NamedTuple):
    """Values by date, oldest first, and what was assumed in reading them.

    `frame` has float columns, NaN where a value is missing. Its index is naive midnights (of a US
    session, a UTC day, or a date of observation) for daily rows, and UTC instants for intraday ones
    (bar starts).
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]


class _Cells(NamedTuple):
    """The columns of a file as Arrow reads them; `text` are its lines, None for Parquet."""

    names: Sequence[str]
    columns: Sequence[Column]
    first_row: int
    text: TextTable | None
    notes: tuple[str, ...]


def read_dated_table(
    content: Path | bytes, request: Request, *, origin: str, column: str = "", also: str = ""
) -> DatedTable:
    """The bars of `request` (those of `BAR_COLUMNS` that the file has), or one column `value`.

    Parameters
    ----------
    content : a file of CSV (also compressed) or Parquet, or what it holds.
    origin : its name in messages.
    column : the column of a user's own figures; "" for a series of prices or macro values.
    also : another name of the symbol, which the source may give it; "" for none.

    Raises
    ------
    DataError
        Not a table, columns missing, a cell that is no date or no number, what is ambiguous,
        prices of another symbol.

    """
    cells = _read_cells(content, request, origin=origin, column=column, also=also)
    layout = find_columns(cells.names, request, origin=origin, value=column)
    cells = cells._replace(columns=_plain_columns(cells, layout, origin))
    values, as_written = _values(cells, layout, origin)
    dated = _dated_rows(cells.columns[layout.time], values, origin, cells.first_row)
    if not dated.any():
        return _no_rows(values, request)
    index, facts = _instants(cells, layout, request, origin)
    mixed = index[dated].has_duplicates
    of_symbol, assumed = rows_of_symbol(
        cells.names, cells.columns, request, origin=origin, mixed=mixed, also=also
    )
    used = dated & of_symbol
    facts += assumed
    index, shifted = bar_index(index[used], request, origin)
    rows = cells.first_row + np.flatnonzero(used)
    order = slice(None, None, -1) if _is_newest_first(index) else slice(None)
    index, rows = index[order], rows[order]
    if not (rows == np.arange(2, len(rows) + 2)).all() and request.kind != "macro":
        check_order(index, rows, origin)
    frame = pd.DataFrame({name: floats[used][order] for name, floats in values.items()})
    facts += [*shifted, *as_written]
    facts += ["newest row first"] if order.step else []
    facts += [f"{count(int((~dated).sum()), 'empty row')} left out"] if not dated.all() else []
    notes = (f"read as: {', '.join(facts)}",) if facts else ()
    return DatedTable(frame.set_axis(index), notes)


def _no_rows(values: Mapping[str, Floats], request: Request) -> DatedTable:
    index = pd.DatetimeIndex([], tz=None if request.timeframe == "1d" else "UTC")
    frame = pd.DataFrame({name: floats[:0] for name, floats in values.items()}, index=index)
    return DatedTable(frame, ())


def _plain_columns(cells: _Cells, layout: Columns, origin: str) -> list[Column]:
    """The columns with one value a cell where they are read; text of Parquet may be bare bytes."""
    columns = list(cells.columns)
    if cells.text is not None:
        return columns
    read = {layout.time, *layout.values.values(), *([] if layout.clock is None else [layout.clock])}
    for at in sorted(read):
        name, kind = cells.names[at] or "without a name", columns[at].type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if pa.types.is_nested(kind):
            raise DataError(
                f"{origin}: column {name} has several values a cell ({kind}); write one "
                "date or number in each"
            )
        if isinstance(kind, pa.BaseExtensionType):
            raise DataError(
                f"{origin}: column {name} is of the type {kind}; write dates and numbers"
            )
        if _is_bytes(kind) or pa.types.is_string_view(kind):
            try:
                columns[at] = columns[at].cast(pa.large_string())
            except pa.ArrowInvalid:
                raise DataError(
                    f"{origin}: column {name} holds bytes that are no text ({kind}); "
                    "write dates and numbers"
                ) from None
    return columns


def _is_bytes(kind: pa.DataType) -> bool:
    return any(
        is_kind(kind)
        for is_kind in (
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_fixed_size_binary,
            pa.types.is_binary_view,
        )
    )


def _instants(
    cells: _Cells, layout: Columns, request: Request, origin: str
) -> tuple[pd.DatetimeIndex, list[str]]:
    """What the cells with dates say, a neighbour's where one is missing, and what was assumed."""
    dates = _fill_dates(cells.columns[layout.time])
    index, assumed = read_dates(dates, origin=origin, first_row=cells.first_row)
    if layout.clock is not None and request.timeframe != "1d":
        index = _with_clock(index, cells.columns[layout.clock], origin)
    return index, [*cells.notes, *layout.notes, *assumed]


def _read_cells(
    content: Path | bytes, request: Request, *, origin: str, column: str, also: str
) -> _Cells:
    if _is_parquet(content):
        table = _read_parquet(content, origin)
        written = ["" if name.startswith("__index_level_") else name for name in table.column_names]
        names, notes = _names(*split_names(written), request, origin=origin, also=also)
        return _Cells(names, table.columns, 2, None, notes)
    text = read_text(content, origin=origin)
    table = typed_cells(text, origin=origin)
    columns = table.columns
    if text.names is None:
        names, note = headerless_names(columns, request, value=column, origin=origin)
        return _Cells(names, columns, text.first_row, text, (*text.notes, note))
    written, tickers = split_names(text.names)
    tickers = list(text.tickers) if any(text.tickers) else tickers
    names, notes = _names(written, tickers, request, origin=origin, also=also)
    return _Cells(names, columns, text.first_row, text, (*text.notes, *notes))


def _is_parquet(content: Path | bytes) -> bool:
    return (
        content.suffix.casefold() == ".parquet"
        if isinstance(content, Path)
        else content.startswith(PARQUET)
    )


def _read_parquet(content: Path | bytes, origin: str) -> pa.Table:
    from pyarrow import parquet

    use_system_memory()
    try:
        if isinstance(content, Path) and content.stat().st_size == 0:
            raise DataError(f"{origin}: is empty; download it again")
        source = content if isinstance(content, Path) else pa.BufferReader(content)
        with parquet.ParquetFile(source) as file:
            return file.read()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{origin}: cannot be read, is it cut off? {error}") from None


def _names(
    written: Sequence[str], tickers: Sequence[str], request: Request, *, origin: str, also: str
) -> tuple[list[str], tuple[str, ...]]:
    """The names of the columns; those of other tickers are made unlike any that is looked for."""
    names = [plain_name(name) for name in written]
    distinct = {ticker for ticker in tickers if ticker}
    if len(distinct) <= 1:
        return names, note_of(distinct, request, where="the header", origin=origin, also=also)
    matching = {ticker for ticker in distinct if ticker in (request.symbol, also)} or {
        ticker for ticker in distinct if meaning_of(ticker, request, also) == "own"
    }
    if len(matching) != 1:
        raise DataError(
            f"{origin}: holds {', '.join(sorted(distinct))}, and not {request.symbol}; write one "
            "symbol to a file"
        )
    of_symbol = [
        name if ticker in ("", *matching) else f"{name} of {ticker}"
        for name, ticker in zip(names, tickers, strict=True)
    ]
    return of_symbol, (f"prices of {request.symbol} among {len(distinct)}",)


def _values(
    cells: _Cells, layout: Columns, origin: str
) -> tuple[dict[str, Floats], tuple[str, ...]]:
    """The numbers, and what was assumed; in messages a column has the name that the file has."""
    names = {role: cells.names[at] for role, at in layout.values.items()}
    columns = {cells.names[at]: cells.columns[at] for at in layout.values.values()}
    texts = any(_is_text(column) for column in columns.values())
    # A comma that separates cells is no decimal mark, and Arrow has read the numbers.
    if not texts and (cells.text is None or cells.text.separator == ","):
        numbers = {
            name: typed_numbers(column, name, origin=origin, first_row=cells.first_row)
            for name, column in columns.items()
        }
        return {role: numbers[name] for role, name in names.items()}, ()
    if cells.text is not None:
        table = text_cells(cells.text, list(layout.values.values()), origin=origin)
        columns = {cells.names[at]: table.column(str(at)) for at in layout.values.values()}
    numbers, assumed = read_numbers(columns, origin=origin, first_row=cells.first_row)
    return {role: numbers[name] for role, name in names.items()}, assumed


def _is_text(column: Column) -> bool:
    kind = column.type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _dated_rows(
    dates: Column, values: Mapping[str, Floats], origin: str, first_row: int
) -> NDArray[np.bool_]:
    """Which rows have a date; those without must be empty."""
    dated = ~np.asarray(dates.is_null(nan_is_null=True))
    for name, floats in values.items():
        if (lost := ~dated & ~np.isnan(floats)).any():
            row = int(lost.argmax())
            raise DataError(
                f"{origin}: row {first_row + row} has no date, but {name} {floats[row]:g}; correct "
                "or remove the row"
            )
    return dated


def _fill_dates(dates: Column) -> Column:
    """The column with a neighbour's date where one is missing, so that rows keep their numbers."""
    if pa.types.is_floating(dates.type):
        dates = pc.if_else(pc.is_nan(dates), pa.scalar(None, dates.type), dates)
    if not dates.null_count:
        return dates
    return pc.fill_null_backward(pc.fill_null_forward(dates))


def _with_clock(index: pd.DatetimeIndex, column: Column, origin: str) -> pd.DatetimeIndex:
    """Dates and the times of day in a column of their own."""
    if (index != index.normalize()).any():
        return index
    if (times := read_clock_times(column)) is None:
        raise DataError(
            f"{origin}: the column with times of day, {column[0].as_py()!r} the first, cannot "
            "be read; write them as HH:MM:SS"
        )
    return index + times


def _is_newest_first(index: pd.DatetimeIndex) -> bool:
    return bool(len(index) > 1 and index.is_monotonic_decreasing and index[0] > index[-1])
