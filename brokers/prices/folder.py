"""A folder of CSV or Parquet files: daily/, macro/ and hourly/, named after the symbols."""

from pathlib import Path

import pandas as pd

from brokers.prices.series import BAR_COLUMNS, DataError, Request

TIME_COLUMNS = ("date", "timestamp", "datetime", "time", "observation_date")


def fetch(request: Request, folder: Path) -> tuple[pd.DataFrame, str]:
    """The rows of `request` and the path they came from.

    Daily bars lie in daily/<symbol>.csv (a leading ^ left out) with dates of the session or UTC day, macro values in
    macro/<symbol>.csv with dates of observation (moved to publication here), intraday bars in
    hourly/<BASE><QUOTE>_<timeframe>.csv with UTC bar starts. Parquet files of the same names are read as well.

    Raises
    ------
    DataError
        No such file, unreadable or cut off, columns missing, a cell that is no number, a time where a date should stand.

    """
    path = _path(request, folder)
    table = _read(path)
    index = _index(table, request, path)
    wanted = ["value"] if request.kind == "macro" else list(BAR_COLUMNS)
    if request.kind == "macro":
        table = (
            table.rename(columns={table.columns[1]: "value"}) if len(table.columns) > 1 else table
        )
    if missing := [name for name in ("value", "close") if name in wanted and name not in table]:
        raise DataError(f"{path}: has no column {missing[0]}; it has {', '.join(table.columns)}")
    frame = pd.DataFrame({name: _numbers(table[name], path) for name in wanted if name in table})
    frame.index = index
    if request.kind == "macro":
        from brokers.prices.fred import published

        frame = frame[frame["value"].notna()]
        frame.index = published(request.symbol, pd.DatetimeIndex(frame.index))
        frame = frame[
            ~frame.index.duplicated(keep="last")
        ]  # a weekend's values appear with Monday's
    return frame, str(path)


def own_values(path: Path, column: str) -> tuple[pd.DataFrame, str]:
    """A user's own dated figures: CSV with Date (of publication) and `column`; known at the end of that UTC day.

    Raises
    ------
    DataError
        As `fetch`.

    """
    if not path.is_file():
        raise DataError(f"{path}: no such file, but the settings name it")
    table = _read(path)
    if column not in table:
        raise DataError(f"{path}: has no column {column}; it has {', '.join(table.columns)}")
    frame = pd.DataFrame({"value": _numbers(table[column], path)})
    frame.index = _index(table, Request(column, "macro"), path).tz_localize("UTC") + pd.Timedelta(
        days=1
    )
    return frame[frame["value"].notna()], str(path)


def _path(request: Request, folder: Path) -> Path:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; prices.folder must hold daily/ and macro/")
    if request.timeframe != "1d":
        place, stem = folder / "hourly", f"{request.market.replace('/', '')}_{request.timeframe}"
    else:
        place, stem = (
            folder / ("macro" if request.kind == "macro" else "daily"),
            request.symbol.removeprefix("^"),
        )
    for ending in (".csv", ".parquet"):
        if (path := place / f"{stem}{ending}").is_file():
            return path
    raise DataError(
        f"{place}/{stem}.csv: no such file (nor .parquet), needed for {request.name}; add it or take the symbol out of the config"
    )


def _read(path: Path) -> pd.DataFrame:
    import pyarrow
    from pyarrow import csv, parquet

    # The system's own allocator, because Arrow's keeps fifty megabytes after the last file.
    pyarrow.set_memory_pool(pyarrow.system_memory_pool())
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
            f"{path}: row {row + 2}, {table[column].iloc[row]!r} is no date; write YYYY-MM-DD"
        )
    index = pd.DatetimeIndex(stamps)
    if request.timeframe == "1d" and index.tz is not None:
        # Files written from yfinance carry the exchange's midnight.
        index = index.tz_convert(
            "America/New_York" if request.kind == "session" else "UTC"
        ).tz_localize(None)
    return index


def _numbers(column: pd.Series, path: Path) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    bad = numbers.isna() & column.notna()
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise DataError(
            f"{path}: row {row + 2}, {column.name} is {column.iloc[row]!r}, which is no number; mend or remove the row"
        )
    return numbers
