"""Downloaded rows stored as Parquet, as the source gave them: stamping and cleaning may change."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from glob import escape
from pathlib import Path
from shutil import copyfile
from typing import NamedTuple
from urllib.parse import quote

import pandas as pd

from brokers.atomic_files import replace_file
from brokers.local_paths import show_path
from brokers.plurals import count
from brokers.prices.arrow_memory import use_system_memory
from brokers.prices.series import DataError, Request, UnreachableError

OVERLAP = 10  # rows downloaded again, to see whether the source has changed them
CHANGED = 1e-6  # relative change of a price beyond rounding: a dividend, a split, a revision
PATIENCE = 120.0  # seconds to wait for another process that downloads the same series
COMPARED = ("close", "adj_close", "value")
MACRO_SLACK = pd.Timedelta(days=1)  # a value published within the last day is not asked for


class RawRows(NamedTuple):
    """Rows as the source gave them, and what the user should know about the download."""

    frame: pd.DataFrame
    notes: tuple[str, ...]


class Cache:
    """The series of one folder, a file each.

    The one rule: a file is complete, was checked, and holds no bar that was still running. A
    download that fails, breaks off or does not pass the check leaves the file as it was.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        use_system_memory()

    def read(
        self, source: str, request: Request, last_due: pd.Timestamp | None = None
    ) -> pd.DataFrame | None:
        """The rows as last downloaded; None if there are none, or none that can be read.

        With `last_due`, as in `update`, those up to it.
        """
        rows = self._read(self.path(source, request), [])
        return rows if rows is None or last_due is None else _rows_until(request, rows, last_due)

    def update(
        self,
        source: str,
        request: Request,
        fetch: Callable[[date | None], pd.DataFrame],
        *,
        last_due: pd.Timestamp | date,
        check: Callable[[pd.DataFrame], object],
        refresh: bool = False,
    ) -> RawRows:
        """The rows, downloaded as far as needed.

        Parameters
        ----------
        source : where the rows are from; for an exchange its id, since rows of two exchanges must
            not be mixed.
        fetch : downloads from a date on; from None everything.
        last_due : the index the last *closed* row should have by now: a session's or UTC day's
            date, an intraday bar's start, a macro value's publication. If that row is stored, there
            is no download. Later bars are running: returned, not stored. Later rows that are stored
            were downloaded when the clock showed more: they stay in the file and are left out.
        check : raises DataError on rows that must not be stored.
        refresh : download everything.

        Raises
        ------
        DataError
            The download did not pass the check, the folder cannot be written, or another process
            has locked the series.
        UnreachableError
            No usable response of the source, and nothing is stored. Stored rows are returned with a
            note.

        """
        path = self.path(source, request)
        with self._lock(path):
            notes: list[str] = []
            stored = self._read(path, notes)
            due = pd.Timestamp(last_due)
            if stored is not None and not refresh:
                known = _rows_until(request, stored, due)
                if len(known) < len(stored):
                    return RawRows(known, (*notes, *_note_later_rows(request, stored, known)))
                if _is_current(stored, due):
                    return RawRows(stored, tuple(notes))
            try:
                frame = (
                    fetch(None)
                    if stored is None or refresh
                    else _extend(request, stored, fetch, notes)
                )
            except UnreachableError as error:
                if stored is None:
                    raise
                notes.append(
                    f"{request.name}: rows up to {_last_priced(stored):%Y-%m-%d %H:%M} from the "
                    f"cache, newer ones are not available: {error}"
                )
                return RawRows(stored, tuple(notes))
            check(frame)
            self._store(path, request, frame, due)
            return RawRows(frame, tuple(notes))

    def pin(self, source: str, request: Request, vintage: str) -> None:
        """Copy the rows as they are now to `vintage`. A second call changes nothing."""
        path, target = self.path(source, request), self._pinned_path(vintage)
        if target.exists() or not path.exists():
            return
        with _name_write_errors(self.folder):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, target)
            except OSError:  # another volume, or a file system without hard links
                replace_file(target, lambda temporary: copyfile(path, temporary))

    def is_pinned(self, vintage: str) -> bool:
        """Whether rows are stored under `vintage`."""
        return self._pinned_path(vintage).exists()

    def pin_rows(self, vintage: str, rows: pd.DataFrame) -> None:
        """Store `rows` under `vintage`. A second call changes nothing."""
        target = self._pinned_path(vintage)
        if not target.exists():
            with _name_write_errors(self.folder):
                target.parent.mkdir(parents=True, exist_ok=True)
                replace_file(target, rows.to_parquet)

    def read_pinned(self, vintage: str) -> pd.DataFrame:
        """The rows stored under `vintage`.

        Raises
        ------
        DataError
            There are none, or they are damaged.

        """
        path = self._pinned_path(vintage)
        try:
            return pd.read_parquet(path)
        except FileNotFoundError:
            raise DataError(
                f"{path}: no rows are stored under vintage {vintage}; was the cache cleared since "
                "that run?"
            ) from None
        except (OSError, ValueError) as error:
            raise DataError(
                f"{path}: is damaged ({error}); that run's data cannot be read again"
            ) from None

    def path(self, source: str, request: Request) -> Path:
        """The file of one series; ^ and / are written as in a URL."""
        name = "_".join(
            quote(part, safe="")
            for part in (request.symbol, request.market, request.timeframe)
            if part
        )
        return self.folder / source / f"{name}.parquet"

    def _pinned_path(self, vintage: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{8,64}", vintage):
            raise DataError(
                f"{vintage!r} is not a vintage; a vintage is 16 characters of 0-9 and a-f"
            )
        return self.folder / "vintages" / f"{vintage}.parquet"

    def _store(self, path: Path, request: Request, frame: pd.DataFrame, due: pd.Timestamp) -> None:
        """Write the rows that are closed at `due`."""
        if request.kind != "macro":
            frame = frame[frame.index <= _match_zone(due, frame.index)]
        if not frame.empty:
            with _name_write_errors(self.folder):
                replace_file(path, frame.to_parquet)

    def _read(self, path: Path, notes: list[str]) -> pd.DataFrame | None:
        """The rows in `path`. A file that is not a table of rows is moved aside, for a person."""
        try:
            frame = pd.read_parquet(path)
            if frame.empty or not isinstance(frame.index, pd.DatetimeIndex):
                raise ValueError("it holds no rows by date")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            aside = path.with_suffix(".damaged")
            with _name_write_errors(self.folder):
                path.replace(aside)
            notes.append(
                f"{show_path(path)}: could not be read ({str(error)[:120]}); moved to "
                f"{aside.name} and downloaded again"
            )
            return None
        return frame

    @contextmanager
    def _lock(self, path: Path) -> Iterator[None]:
        from filelock import FileLock, Timeout

        lock = FileLock(path.with_suffix(".lock"))
        with _name_write_errors(self.folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=PATIENCE)
            except Timeout:
                raise DataError(
                    f"{path}: another process has downloaded this series for {PATIENCE:g} s; end "
                    "it, or wait and try again"
                ) from None
        try:
            # Left by a process that was killed while it wrote: only the holder of the lock writes.
            for leftover in path.parent.glob(f".{escape(path.name)}.*"):
                leftover.unlink()
            yield
        finally:
            lock.release()


@contextmanager
def _name_write_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be written ({error}); make it writable, free some space, or set "
            "prices.cache to another folder"
        ) from error


def _extend(
    request: Request,
    stored: pd.DataFrame,
    fetch: Callable[[date | None], pd.DataFrame],
    notes: list[str],
) -> pd.DataFrame:
    """`stored` with the rows after it; all rows anew if the source has changed earlier ones."""
    fresh = fetch(stored.index[-OVERLAP:][0].date())
    both = stored.index.intersection(fresh.index)
    if both.empty or _has_changed(stored.loc[both], fresh[~fresh.index.duplicated()].loc[both]):
        notes.append(
            f"{request.name}: the source has changed earlier rows (dividend, split or revision); "
            "all downloaded again"
        )
        return fetch(None)
    # A row that the source has dropped stays; a duplicate in the response stays, for the check.
    return pd.concat([stored[~stored.index.isin(fresh.index)], fresh]).sort_index(kind="stable")


def _has_changed(before: pd.DataFrame, after: pd.DataFrame) -> bool:
    columns = [name for name in COMPARED if name in before and name in after]
    old, new = before[columns].to_numpy(dtype=float), after[columns].to_numpy(dtype=float)
    return bool((abs(new - old) > CHANGED * abs(old)).any())


def _rows_until(request: Request, stored: pd.DataFrame, due: pd.Timestamp) -> pd.DataFrame:
    """The rows that were closed at `due`, or published until a day after it."""
    last = _match_zone(due + MACRO_SLACK if request.kind == "macro" else due, stored.index)
    return stored[stored.index <= last]


def _note_later_rows(
    request: Request, stored: pd.DataFrame, known: pd.DataFrame
) -> tuple[str, ...]:
    """What a person should know of them; of one nothing: another process may just be ahead.

    Raises
    ------
    DataError
        There are no others.

    """
    later = len(stored) - len(known)
    text = (
        f"{request.name}: {count(later, 'row')} of the cache are later than now, the last of "
        f"{stored.index[-1]:%Y-%m-%d %H:%M}: is this computer's clock right?"
    )
    if known.empty:
        raise DataError(f"{text} No other rows are stored; set the clock")
    return (f"{text} They are left out",) if later > 1 else ()


def _is_current(frame: pd.DataFrame, due: pd.Timestamp) -> bool:
    return _last_priced(frame) >= _match_zone(due, frame.index)


def _last_priced(frame: pd.DataFrame) -> pd.Timestamp:
    """Index of the last row with a price: Yahoo shows a coin's last day for hours without one."""
    column = next((name for name in COMPARED if name in frame), None)
    priced = frame.index[frame[column].notna()] if column else frame.index
    return pd.Timestamp((priced if len(priced) else frame.index[:1])[-1])


def _match_zone(instant: pd.Timestamp, index: pd.Index) -> pd.Timestamp:
    """`instant` as `index` writes time: naive or UTC."""
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        return instant.tz_localize(None)
    return instant.tz_localize("UTC") if instant.tz is None else instant
