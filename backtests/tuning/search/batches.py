"""A search in batches that are kept.

One that was interrupted goes on where it was, and two processes share the work.
"""

import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.engine.sources import ROOT, code_of, import_closure
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.segment_stats import Segments
from backtests.tuning.search.space import Codes
from backtests.tuning.search.splits import Partition
from backtests.tuning.search.sweep import empty_segments
from brokers.atomic_files import replace_file
from brokers.interrupts import unfinished
from brokers.processes import is_running
from strategies.indicators import Ints

BATCH = 2000  # sets
CLAIMED_FOR = 600.0  # seconds without a sign of life after which a batch counts as forgotten
LOOK_EVERY = 0.2  # seconds
UNUSED_AFTER = 7 * 86_400.0  # seconds after which a search that nobody goes on with is thrown away
# Sections of the settings that no parameter set's result depends on.
NO_SETTINGS_OF_A_SET = {
    *("tune", "tuned", "evidence", "paper", "guards", "journal", "notify", "log"),
}
# Files imported on the way that no result depends on: prices and segments are in the digest as
# numbers, what is computed of finished batches is computed again, the section is none of a set's.
NO_PART_OF_A_SET = (
    "brokers/prices/load.py",
    "backtests/tuning/search/splits.py",
    "backtests/statistics/cscv.py",
    "config/evidence.py",
)
LIBRARIES = ("numba", "numpy", "pandas")

Progress = Callable[[int, int], object]  # sets done, of how many


def search_batches(
    evaluator: Evaluator, codes: Codes, partition: Partition, cache: Path, progress: Progress
) -> Segments:
    """Run every parameter set of `codes`, or read what an earlier or another process has run.

    Batches are kept in a folder of `cache` named after everything they depend on. `progress` may
    raise to interrupt the search; finished batches stay.

    Raises
    ------
    ConfigError
        The settings refuse a parameter set.

    """
    folder = cache / "tune" / digest(evaluator, codes, partition)
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    _forget_old(folder.parent)
    segments = empty_segments(len(codes), len(partition.edges) - 1)
    missing = list(range(0, len(codes), BATCH))
    done = 0
    with note_kept_sets(lambda: done, len(codes)):
        while missing:
            for first in list(missing):
                batch = codes[first : first + BATCH]
                file = folder / f"batch-{first:07}.parquet"
                count = _count_sets(progress, done, len(codes), file)
                part = _run_or_read(evaluator, batch, partition.edges, file, count)
                if part is not None:
                    for name, values in part._asdict().items():
                        getattr(segments, name)[first : first + len(batch)] = values
                    missing.remove(first)
                    done += len(batch)
                    progress(done, len(codes))
            if missing:
                time.sleep(LOOK_EVERY)  # another process works on these
                progress(done, len(codes))
    return segments


@contextmanager
def note_kept_sets(kept: Callable[[], int], of: int) -> Iterator[None]:
    """Adds to an interruption how many parameter sets are kept, and that the search goes on."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        count = f"{kept():,} of {of:,} parameter sets are kept"
        interrupt.add_note(f"{count}; the same command goes on from there")
        raise


def _run_or_read(
    evaluator: Evaluator, codes: Codes, edges: Ints, file: Path, count: Callable[[int], object]
) -> Segments | None:
    """One batch; None while another process works on it."""
    shape = len(codes), len(edges) - 1
    part = _read(file, *shape)
    if part is not None:
        return part
    with _claim_batch(file) as mine:
        if not mine:
            return None
        part = _read(file, *shape)  # another process may just have finished it
        if part is None:
            part = evaluator.sweep(codes, edges, count)
            _write(file, part)
        return part


def _count_sets(progress: Progress, done: int, of: int, file: Path) -> Callable[[int], object]:
    """Reports parts of a batch to `progress`, and renews the claim other processes see."""
    so_far = [done]

    def count(sets: int) -> None:
        with suppress(FileNotFoundError):
            os.utime(_claim_path(file))
        so_far[0] += sets
        progress(so_far[0], of)

    return count


def digest(evaluator: Evaluator, codes: Codes, partition: Partition) -> str:
    """A name for everything that the sets' results depend on.

    That is prices, settings, parameter sets, segments and the program.
    """
    inputs = evaluator.inputs
    name = blake2b(_program().encode(), digest_size=12)
    name.update(inputs.settings.model_dump_json(exclude=NO_SETTINGS_OF_A_SET).encode())
    name.update(repr(evaluator.space).encode())
    sessions = inputs.prices.sessions
    arrays = [codes, partition.edges, _nanoseconds(sessions), _nanoseconds(sessions.index)]
    # Whole series, not what the current settings make of them: another value of a parameter reads
    # other parts.
    for series in inputs.prices.series.values():
        arrays += [_nanoseconds(series.frame.index), series.frame.to_numpy(dtype=float)]
    for array in arrays:
        name.update(np.ascontiguousarray(array).tobytes())
    return name.hexdigest()


@cache
def _program() -> str:
    """What computes the results: Python, libraries and our own files."""
    name = blake2b(" ".join([sys.version, *map(version, LIBRARIES)]).encode(), digest_size=12)
    for file in sources():
        name.update(f"{file.name} {code_of(file)}".encode())
    return name.hexdigest()


def _nanoseconds(times: Any) -> Ints:
    return pd.DatetimeIndex(times).as_unit("ns").asi8


def sources() -> list[Path]:
    """The files whose change may change a set's result: all that a run of a set is built on."""
    evaluator = Path(__file__).with_name("evaluator.py")
    return import_closure([evaluator], without=[ROOT / name for name in NO_PART_OF_A_SET])


def _claim_path(file: Path) -> Path:
    return file.with_suffix(".claim")


@contextmanager
def _claim_batch(file: Path) -> Iterator[bool]:
    """Whether a batch is this process's to run; nobody else begins it before the block ends."""
    claim, mine = _claim_path(file), False
    try:
        try:
            with claim.open("x") as opened:
                mine = True
                opened.write(f"{socket.gethostname()} {os.getpid()}")
        except FileExistsError:
            if _is_dead(claim):  # the next round tries again
                claim.unlink(missing_ok=True)
        with unfinished(claim) if mine else nullcontext():
            yield mine
    finally:
        if mine:
            claim.unlink(missing_ok=True)


def _is_dead(claim: Path) -> bool:
    """Whether the process that claimed a batch is dead. Its number may be another's by now."""
    try:
        host, _, pid = claim.read_text().partition(" ")
        if time.time() - claim.stat().st_mtime > CLAIMED_FOR:
            return True
        here = host == socket.gethostname()
        return here and (int(pid) == os.getpid() or not is_running(int(pid)))
    except FileNotFoundError:
        return False  # it has just finished
    except ValueError:
        return True


def _write(file: Path, part: Segments) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    lists = {
        name: pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
        for name, values in part._asdict().items()
    }
    table = pa.table(lists)
    options = {"compression": "lz4", "write_page_checksum": True}
    replace_file(file, lambda path: parquet.write_table(table, path, **options), private=False)


def _read(file: Path, sets: int, segments: int) -> Segments | None:
    """A finished batch; one that cannot be read is run again."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(file, page_checksum_verification=True)
        lists: list[Any] = [
            table[name].combine_chunks().flatten().to_numpy().reshape(sets, segments)
            for name in Segments._fields
        ]
    except FileNotFoundError:
        return None
    except (pa.ArrowException, OSError, AttributeError, KeyError, ValueError):
        file.unlink(missing_ok=True)
        return None
    return Segments(*lists)


def _forget_old(folder: Path) -> None:
    for study in folder.iterdir():
        with suppress(OSError):
            if time.time() - study.stat().st_mtime > UNUSED_AFTER:
                shutil.rmtree(study)
