"""The reader of every file: dates and numbers in any usual dialect, read once and not guessed.

What is unambiguous is read, and what was assumed is said in one note ("read as: day-first dates,
decimal comma"); what may be read in two ways is refused by name.
"""

import re
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
from brokers.prices.columns import Columns, find_columns, headerless_names, plain_name
from brokers.prices.dates import read_clock_times, read_dates
from brokers.prices.numbers import read_numbers, typed_numbers
from brokers.prices.series import DataError, Request
from brokers.prices.table_text import TextTable, read_text, text_cells, typed_cells

Column: TypeAlias = pa.ChunkedArray
Floats = NDArray[np.float64]
PARQUET = b"PAR1"
SYMBOLS = ("symbol", "ticker", "name")  # columns that say whose row it is


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
    content: Path | bytes, request: Request, *, origin: str, column: str = ""
) -> DatedTable:
    """The bars of `request` (those of `BAR_COLUMNS` that the file has), or one column `value`.

    Parameters
    ----------
    content : a file of CSV (also compressed) or Parquet, or what it holds.
    origin : its name in messages.
    column : the column of a user's own figures; "" for a series of prices or macro values.

    Raises
    ------
    DataError
        Not a table, columns missing, a cell that is no date or no number, what is ambiguous.

    """
    cells = _read_cells(content, request, origin, column)
    layout = find_columns(cells.names, request, origin=origin, value=column)
    values, as_written = _values(cells, layout, origin)
    dated = _dated_rows(cells.columns[layout.time], values, origin, cells.first_row)
    if not dated.any():
        index = pd.DatetimeIndex([], tz=None if request.timeframe == "1d" else "UTC")
        frame = pd.DataFrame({name: floats[:0] for name, floats in values.items()}, index=index)
        return DatedTable(frame, ())
    index, facts = _instants(cells, layout, request, origin)
    used = dated
    if index[dated].has_duplicates:
        used = dated & _rows_of_symbol(cells, request, origin)
        facts += [] if used.all() else [f"rows of {request.symbol}"]
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


def _instants(
    cells: _Cells, layout: Columns, request: Request, origin: str
) -> tuple[pd.DatetimeIndex, list[str]]:
    """What the cells with dates say, a neighbour's where one is missing, and what was assumed."""
    dates = _fill_dates(cells.columns[layout.time])
    index, assumed = read_dates(dates, origin=origin, first_row=cells.first_row)
    if layout.clock is not None and request.timeframe != "1d":
        index = _with_clock(index, cells.columns[layout.clock], origin)
    return index, [*cells.notes, *layout.notes, *assumed]


def _rows_of_symbol(cells: _Cells, request: Request, origin: str) -> NDArray[np.bool_]:
    """Which rows are of `request`, in a table of several symbols one below the other."""
    names = [name for name in SYMBOLS if name in cells.names]
    everything = np.ones(len(cells.columns[0]), dtype=bool)
    if not names:
        return everything
    labels = cells.columns[cells.names.index(names[0])].cast(pa.string())
    distinct = pc.unique(labels).drop_null().to_pylist()
    if len(distinct) < 2:
        return everything
    own = [
        label
        for label in distinct
        if _bare(label) in (_bare(request.symbol), _bare(request.market))
    ]
    if len(own) != 1:
        raise DataError(
            f"{origin}: column {names[0]} holds {', '.join(sorted(distinct)[:5])}, and not "
            f"{request.symbol}; write one symbol to a file"
        )
    mask: NDArray[np.bool_] = np.asarray(pc.fill_null(pc.equal(labels, own[0]), fill_value=False))
    return mask


def _bare(symbol: str) -> str:
    return re.sub(r"[^a-z0-9]", "", symbol.casefold())


def _read_cells(content: Path | bytes, request: Request, origin: str, column: str) -> _Cells:
    if _is_parquet(content):
        return _read_parquet(content, origin)
    text = read_text(content, origin=origin)
    table = typed_cells(text, origin=origin)
    columns = table.columns
    if text.names is None:
        names, note = headerless_names(columns, request, value=column, origin=origin)
        return _Cells(names, columns, text.first_row, text, (*text.notes, note))
    names, notes = _names(text, request, origin)
    return _Cells(names, columns, text.first_row, text, (*text.notes, *notes))


def _is_parquet(content: Path | bytes) -> bool:
    return (
        content.suffix.casefold() == ".parquet"
        if isinstance(content, Path)
        else content.startswith(PARQUET)
    )


def _read_parquet(content: Path | bytes, origin: str) -> _Cells:
    from pyarrow import parquet

    use_system_memory()
    try:
        if isinstance(content, Path) and content.stat().st_size == 0:
            raise DataError(f"{origin}: is empty; download it again")
        table = parquet.read_table(content if isinstance(content, Path) else pa.py_buffer(content))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{origin}: cannot be read, is it cut off? {error}") from None
    names = [
        "" if name.startswith("__index_level_") else plain_name(name) for name in table.column_names
    ]
    return _Cells(names, table.columns, 2, None, ())


def _names(text: TextTable, request: Request, origin: str) -> tuple[list[str], tuple[str, ...]]:
    """The names of the columns; those of other tickers are made unlike any that is looked for."""
    names = [plain_name(name) for name in text.names or ()]
    tickers = {ticker for ticker in text.tickers if ticker}
    if len(tickers) <= 1:
        return names, tuple(f"prices of {ticker}" for ticker in tickers - {request.symbol})
    if request.symbol not in tickers:
        raise DataError(
            f"{origin}: holds {', '.join(sorted(tickers))}, and not {request.symbol}; write one "
            "symbol to a file"
        )
    own = [
        name if ticker in ("", request.symbol) else f"{name} of {ticker}"
        for name, ticker in zip(names, text.tickers, strict=True)
    ]
    return own, (f"prices of {request.symbol} among {len(tickers)}",)


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
            f"{origin}: the times of day beside the dates, {column[0].as_py()!r} the first, cannot "
            "be read; write them as HH:MM:SS"
        )
    return index + times


def _is_newest_first(index: pd.DatetimeIndex) -> bool:
    return bool(len(index) > 1 and index.is_monotonic_decreasing and index[0] > index[-1])
