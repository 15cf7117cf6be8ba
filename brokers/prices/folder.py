"""A folder of CSV or Parquet files: daily/, macro/ and hourly/, named after the symbols."""

from pathlib import Path

import pandas as pd

from brokers.prices.arrow_memory import use_system_memory
from brokers.prices.series import BAR_COLUMNS, DataError, Request

TIME_COLUMNS = ("date", "timestamp", "datetime", "time", "observation_date")


def fetch(request: Request, folder: Path) -> tuple[pd.DataFrame, str]:
    """The rows of `request` and the path they came from.

    Daily bars are in daily/<symbol>.csv (without a leading ^) with dates of the session or UTC day,
    macro values in macro/<symbol>.csv with dates of observation (moved to publication here),
    intraday bars in hourly/<BASE><QUOTE>_<timeframe>.csv with UTC bar starts. Parquet files of the
    same names are read as well.

    Raises
    ------
    DataError
        No such file, unreadable or cut off, columns missing, a cell that is not a number, a column
        of dates that are not dates.

    """
    path = _path(request, folder)
    table = _read(path)
    index = _index(table, request, path)
    if request.kind == "macro":
        return _macro_values(request, table, index, path), str(path)
    if "close" not in table:
        raise _missing_column(path, "close", table)
    columns = [name for name in BAR_COLUMNS if name in table]
    frame = pd.DataFrame({name: _numbers(table[name], path) for name in columns})
    return frame.set_axis(index), str(path)


def _macro_values(
    request: Request, table: pd.DataFrame, index: pd.DatetimeIndex, path: Path
) -> pd.DataFrame:
    """The second column by instant of publication."""
    from brokers.prices.fred import publication_times

    if len(table.columns) > 1:
        table = table.rename(columns={table.columns[1]: "value"})
    if "value" not in table:
        raise _missing_column(path, "value", table)
    frame = _numbers(table["value"], path).to_frame().set_axis(index)
    frame = frame[frame["value"].notna()]
    frame.index = publication_times(request.symbol, pd.DatetimeIndex(frame.index))
    # A weekend's values appear with Monday's.
    return frame[~frame.index.duplicated(keep="last")]


def _missing_column(path: Path, column: str, table: pd.DataFrame) -> DataError:
    return DataError(f"{path}: has no column {column}; it has {', '.join(table.columns)}")


def own_values(path: Path, column: str) -> tuple[pd.DataFrame, str]:
    """A user's own dated figures, each known at the end of its UTC day.

    The CSV has Date (of publication) and `column`.

    Raises
    ------
    DataError
        As `fetch`.

    """
    if not path.is_file():
        raise DataError(f"{path}: no such file, but the settings name it")
    table = _read(path)
    if column not in table:
        raise _missing_column(path, column, table)
    frame = pd.DataFrame({"value": _numbers(table[column], path)})
    days = _index(table, Request(column, "macro"), path).tz_localize("UTC")
    frame.index = days + pd.Timedelta(days=1)
    return frame[frame["value"].notna()], str(path)


def _path(request: Request, folder: Path) -> Path:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; prices.folder must hold daily/ and macro/")
    if request.timeframe != "1d":
        stem = f"hourly/{request.market.replace('/', '')}_{request.timeframe}"
    else:
        subfolder = "macro" if request.kind == "macro" else "daily"
        stem = f"{subfolder}/{request.symbol.removeprefix('^')}"
    for ending in (".csv", ".parquet"):
        if (path := folder / f"{stem}{ending}").is_file():
            return path
    raise DataError(
        f"{folder}/{stem}.csv: no such file (nor .parquet), needed for {request.name}; add it or "
        "remove the symbol from the config"
    )


def _read(path: Path) -> pd.DataFrame:
    import pyarrow
    from pyarrow import csv, parquet

    use_system_memory()
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path}: is empty; download it again")
        table = csv.read_csv(path) if path.suffix == ".csv" else parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read, is it cut off? {error}") from None
    frame: pd.DataFrame = table.to_pandas(date_as_object=False)
    frame = frame.reset_index() if path.suffix == ".parquet" else frame
    return frame.rename(columns=lambda name: str(name).strip().lower().replace(" ", "_"))


def _index(table: pd.DataFrame, request: Request, path: Path) -> pd.DatetimeIndex:
    column = next((name for name in TIME_COLUMNS if name in table), None)
    if column is None:
        raise DataError(
            f"{path}: has no column Date or Timestamp; it has {', '.join(table.columns)}"
        )
    stamps = pd.to_datetime(table[column], errors="coerce", utc=request.timeframe != "1d")
    if stamps.isna().any():
        row = int(stamps.isna().to_numpy().argmax())
        raise DataError(
            f"{path}: row {row + 2}, {table[column].iloc[row]!r} is not a date; write YYYY-MM-DD"
        )
    index = pd.DatetimeIndex(stamps)
    if request.timeframe == "1d" and index.tz is not None:
        # Files written from yfinance carry the exchange's midnight.
        zone = "America/New_York" if request.kind == "session" else "UTC"
        index = index.tz_convert(zone).tz_localize(None)
    return index


def _numbers(column: pd.Series, path: Path) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    bad = numbers.isna() & column.notna()
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise DataError(
            f"{path}: row {row + 2}, {column.name} is {column.iloc[row]!r}, not a number; correct "
            "or remove the row"
        )
    return numbers
