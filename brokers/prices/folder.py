"""A folder of files of prices: daily/, macro/ and hourly/, named after the symbols."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from brokers.prices.dated_table import read_dated_table
from brokers.prices.series import DataError, ImplausibleError, Request

ENDINGS = (".csv", ".parquet", ".csv.gz", ".csv.zip", ".zip", ".txt", ".tsv")
FINITE = (-np.inf, np.inf, "finite")
# What a user's own figures may be, by their column.
BOUNDS = {
    "share": (0.0, 1.0, "0 to 1: a fraction such as 0.3, or 30%"),
    "value": (0.0, np.inf, "0 or more, in USD"),
}


class SourceRows(NamedTuple):
    """Rows as a source has them, dated as `clean_series` expects them.

    `origin` is where they came from, `notes` what was assumed in reading them.
    """

    frame: pd.DataFrame
    origin: str
    notes: tuple[str, ...]


def fetch(request: Request, folder: Path) -> SourceRows:
    """The rows of `request`.

    Daily bars are in daily/<symbol>.csv (without a leading ^) with dates of the session or UTC day,
    macro values in macro/<symbol>.csv with dates of observation (moved to publication here),
    intraday bars in hourly/<BASE><QUOTE>_<timeframe>.csv with UTC bar starts. Case, a ^ and the
    kind of separator in a name do not matter; compressed CSV and Parquet are read as well.

    Raises
    ------
    DataError
        No such file, or as `read_dated_table`.

    """
    path, notes = _path(request, folder)
    rows = read_rows(path, request, origin=str(path))
    return rows._replace(notes=(*notes, *rows.notes))


def read_rows(
    content: Path | bytes, request: Request, *, origin: str, also: str = ""
) -> SourceRows:
    """The rows of `request`, which the source may call `also`, in a file or in what a file holds.

    Raises
    ------
    DataError
        As `read_dated_table`; a macro value that is infinite.

    """
    frame, notes = read_dated_table(content, request, origin=origin, also=also)
    return SourceRows(
        _by_publication(request, frame, origin) if request.kind == "macro" else frame, origin, notes
    )


def own_values(path: Path, column: str) -> SourceRows:
    """A user's own dated figures, each known at the end of its UTC day.

    The CSV has Date (of publication) and `column`.

    Raises
    ------
    DataError
        As `read_dated_table`.
    ImplausibleError
        A figure out of `BOUNDS`.

    """
    if not path.is_file():
        raise DataError(f"{path}: no such file, but the settings name it")
    request = Request(column, "macro")
    frame, notes = read_dated_table(path, request, origin=str(path), column=column)
    frame = frame[frame["value"].notna()]
    _check_bounds(frame, column, BOUNDS.get(column, FINITE), str(path))
    frame.index = pd.DatetimeIndex(frame.index).tz_localize("UTC") + pd.Timedelta(days=1)
    return SourceRows(frame, str(path), notes)


def _by_publication(request: Request, frame: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Values by instant of publication."""
    from brokers.prices.fred import publication_times

    frame = frame[frame["value"].notna()]
    _check_bounds(frame, request.symbol, FINITE, origin)
    frame.index = publication_times(request.symbol, pd.DatetimeIndex(frame.index))
    # A weekend's values appear with Monday's.
    return frame[~frame.index.duplicated(keep="last")]


def _check_bounds(
    frame: pd.DataFrame, name: str, bounds: tuple[float, float, str], origin: str
) -> None:
    low, high, allowed = bounds
    values = frame["value"].to_numpy()
    wrong = (values < low) | (values > high) | np.isinf(values)
    if wrong.any():
        row = int(wrong.argmax())
        raise ImplausibleError(
            f"{origin}: {frame.index[row]:%Y-%m-%d} has {name} {values[row]:g}; it must be "
            f"{allowed}"
        )


def _path(request: Request, folder: Path) -> tuple[Path, tuple[str, ...]]:
    """The file of `request`, and a note if its name is not the usual one."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; prices.folder must hold daily/ and macro/")
    if request.timeframe != "1d":
        place, stem = "hourly", f"{request.market.replace('/', '')}_{request.timeframe}"
    else:
        place = "macro" if request.kind == "macro" else "daily"
        stem = request.symbol.removeprefix("^")
    for ending in ENDINGS[:2]:
        if (path := folder / place / f"{stem}{ending}").is_file():
            return path, ()
    files = [
        path
        for path in sorted(folder.glob("*/*"))
        if path.parent.name.casefold() == place and path.is_file()
    ]
    alike = [path for path in files if _key(_stem(path)) == _key(stem) and _ending(path)]
    if len(alike) == 1:
        usual = alike[0] in {folder / place / f"{stem}{ending}" for ending in ENDINGS}
        return alike[0], () if usual else (f"read from {alike[0].relative_to(folder)}",)
    if alike:
        raise DataError(
            f"{folder}/{place}: {' and '.join(path.name for path in alike)} may each be "
            f"{request.name}; leave one"
        )
    raise DataError(
        f"{folder}/{place}/{stem}.csv: no such file (nor .parquet), needed for {request.name}; "
        f"{_nearest(stem, place, folder, files)}add it or remove the symbol from the config"
    )


def _nearest(stem: str, place: str, folder: Path, files: list[Path]) -> str:
    """A question about the file that is most like the missing one; "" where none is."""
    elsewhere = [path for path in sorted(folder.glob("*")) if path.is_file()]
    elsewhere += [
        path
        for other in ("daily", "macro", "hourly")
        if other != place
        for path in sorted(folder.glob(f"{other}/*"))
    ]
    for path in (*files, *elsewhere):
        if _key(_stem(path)) == _key(stem):
            return f"{path.relative_to(folder)} is there: did you mean that? Otherwise "
    near = [path for path in files if _ending(path) and _is_like(_bare(_stem(path)), _bare(stem))]
    return f"did you mean {near[0].relative_to(folder)}? Otherwise " if near else ""


def _is_like(name: str, wanted: str) -> bool:
    """Whether a file may be the wanted one: BTCUSD for BTC-USDT, never ETH or bars of other length.

    One letter more or less at the end, more words around it, or letters that changed places.
    """
    shorter, longer = sorted((_without_length(name), _without_length(wanted)), key=len)
    if name.removeprefix(_without_length(name)) != wanted.removeprefix(_without_length(wanted)):
        return False
    return (len(shorter) >= 3 and shorter in longer) or sorted(shorter) == sorted(longer)


def _without_length(name: str) -> str:
    return re.sub(r"\d+[mhdw]$", "", name)


def _ending(path: Path) -> str:
    """The longest of `ENDINGS` that the name has, "" for none."""
    name = path.name.casefold()
    return max((end for end in ENDINGS if name.endswith(end)), key=len, default="")


def _stem(path: Path) -> str:
    return path.name[: -len(_ending(path))] if _ending(path) else path.stem


def _key(stem: str) -> str:
    """What two names of one symbol have in common."""
    plain = stem.casefold().replace("%5e", "").replace("^", "").strip()
    return plain.replace(" ", "-").replace("_", "-")


def _bare(stem: str) -> str:
    return _key(stem).replace("-", "")
