"""Downloaded rows kept as Parquet, just as the source gave them: how they are stamped and cleaned may change later."""

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
from brokers.prices.series import DataError, Request, UnreachableError

OVERLAP = 10  # rows downloaded again, to see whether the source has changed them
MOVED = 1e-6  # relative change of a price that is no rounding: a dividend, a split, a revision
PATIENCE = 120.0  # seconds to wait for another process that downloads the same series
COMPARED = ("close", "adj_close", "value")


class Cached(NamedTuple):
    """Raw rows, and what the user should know about how they were come by."""

    frame: pd.DataFrame
    notes: tuple[str, ...]


class Cache:
    """The series of one folder, a file each.

    The one rule: a file is whole, was checked, and holds no bar that was still running. A download that fails, breaks off or does
    not pass leaves the file as it was.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, source: str, request: Request) -> pd.DataFrame | None:
        """The rows as last downloaded; None if there are none, or none that can be read."""
        return self._kept(self.path(source, request), [])

    def update(
        self,
        source: str,
        request: Request,
        fetch: Callable[[date | None], pd.DataFrame],
        last_due: pd.Timestamp | date,
        refresh: bool,
        check: Callable[[pd.DataFrame], object],
    ) -> Cached:
        """The rows, downloaded as far as needed.

        Parameters
        ----------
        source : who the rows are from; for an exchange its id, since rows of two exchanges must not be mixed.
        fetch : downloads from a date on; from None everything.
        last_due : the index the last *finished* row should have by now: a session's or UTC day's date, an intraday bar's start, a
            macro value's publication. With that row at hand there is no download. Later bars are running: given back, not kept.
        refresh : download everything.
        check : raises DataError on rows that must not be kept.

        Raises
        ------
        DataError
            The download did not pass, the folder cannot be written, or another process kept the series locked.
        UnreachableError
            The source cannot be asked and nothing is kept. With something kept, that is given back with a note.

        """
        path = self.path(source, request)
        with self._locked(path):
            notes: list[str] = []
            kept = self._kept(path, notes)
            due = pd.Timestamp(last_due)
            if kept is not None and not refresh and _ends(kept) >= _like(due, kept.index):
                return Cached(kept, tuple(notes))
            try:
                frame = (
                    fetch(None)
                    if kept is None or refresh
                    else _extended(request, kept, fetch, notes)
                )
            except UnreachableError as error:
                if kept is None:
                    raise
                notes.append(
                    f"{request.name}: rows up to {_ends(kept):%Y-%m-%d %H:%M} from the cache, newer ones could not be had: {error}"
                )
                return Cached(kept, tuple(notes))
            check(frame)
            finished = (
                frame if request.kind == "macro" else frame[frame.index <= _like(due, frame.index)]
            )
            if not finished.empty:
                with _writing(self.folder):
                    replace_file(path, finished.to_parquet)
            return Cached(frame, tuple(notes))

    def pin(self, source: str, request: Request, vintage: str) -> None:
        """Keep the rows as they are now under `vintage`, whatever is downloaded later. A second time changes nothing."""
        path, target = self.path(source, request), self._pinned_path(vintage)
        if target.exists() or not path.exists():
            return
        with _writing(self.folder):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, target)
            except OSError:  # another volume, or a file system without hard links
                replace_file(target, lambda temporary: copyfile(path, temporary))

    def pinned(self, vintage: str) -> pd.DataFrame:
        """The rows kept under `vintage`.

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
                f"{path}: no rows are kept under vintage {vintage}; was the cache cleared since that run?"
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
                f"{vintage!r} is no vintage; one is written in 16 of the digits 0-9 and a-f"
            )
        return self.folder / "vintages" / f"{vintage}.parquet"

    def _kept(self, path: Path, notes: list[str]) -> pd.DataFrame | None:
        """The rows in `path`. A file that is no table of rows is moved aside, for a person to look at."""
        try:
            frame = pd.read_parquet(path)
            if frame.empty or not isinstance(frame.index, pd.DatetimeIndex):
                raise ValueError("it holds no rows by date")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            aside = path.with_suffix(".damaged")
            with _writing(self.folder):
                path.replace(aside)
            notes.append(
                f"{path}: could not be read ({str(error)[:120]}); moved to {aside.name} and downloaded again"
            )
            return None
        return frame

    @contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        from filelock import FileLock, Timeout

        lock = FileLock(path.with_suffix(".lock"))
        with _writing(self.folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=PATIENCE)
            except Timeout:
                raise DataError(
                    f"{path}: another process has downloaded this series for {PATIENCE:g} s; end it, or wait and try again"
                ) from None
        try:
            for leftover in path.parent.glob(f".{escape(path.name)}.*"):
                leftover.unlink()  # of a process that was killed while it wrote: who writes holds the lock
            yield
        finally:
            lock.release()


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be written ({error}); make it writable, free some space, or set prices.cache to another folder"
        ) from error


def _extended(
    request: Request,
    kept: pd.DataFrame,
    fetch: Callable[[date | None], pd.DataFrame],
    notes: list[str],
) -> pd.DataFrame:
    """`kept` with what came after it; everything anew if the source has changed rows that both have."""
    fresh = fetch(kept.index[-OVERLAP:][0].date())
    both = kept.index.intersection(fresh.index)
    if both.empty or _moved(kept.loc[both], fresh[~fresh.index.duplicated()].loc[both]):
        notes.append(
            f"{request.name}: the source has changed earlier rows (dividend, split or revision); all downloaded again"
        )
        return fetch(None)
    # A row the source has dropped since stays; a row twice in the answer stays twice, for the check to see.
    return pd.concat([kept[~kept.index.isin(fresh.index)], fresh]).sort_index(kind="stable")


def _moved(before: pd.DataFrame, after: pd.DataFrame) -> bool:
    columns = [name for name in COMPARED if name in before and name in after]
    old, new = before[columns].to_numpy(dtype=float), after[columns].to_numpy(dtype=float)
    return bool((abs(new - old) > MOVED * abs(old)).any())


def _ends(frame: pd.DataFrame) -> pd.Timestamp:
    """Index of the last row with a price: Yahoo has a coin's finished day for hours without one, beside the running day."""
    column = next((name for name in COMPARED if name in frame), None)
    priced = frame.index[frame[column].notna()] if column else frame.index
    return pd.Timestamp((priced if len(priced) else frame.index[:1])[-1])


def _like(instant: pd.Timestamp, index: pd.Index) -> pd.Timestamp:
    """`instant` in the way `index` writes time: naive dates or UTC."""
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        return instant.tz_localize(None)
    return instant.tz_localize("UTC") if instant.tz is None else instant
