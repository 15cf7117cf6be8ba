"""A search in batches that are kept: one that was interrupted goes on where it was, and two processes share the work."""

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.tuning.search.evaluator import Field
from backtests.tuning.search.segment_stats import Segments
from backtests.tuning.search.space import Codes
from backtests.tuning.search.splits import Partition
from backtests.tuning.search.sweep import empty
from strategies.indicators import Ints

BATCH = 2000  # sets
CLAIMED_FOR = 600.0  # seconds without a sign of life after which a batch counts as forgotten
LOOK_EVERY = 0.2  # seconds
KEPT_FOR = 7 * 86_400.0  # seconds after which a search that nobody goes on with is thrown away
NO_SETTINGS_OF_A_SET = {"tune", "tuned", "paper", "guards", "journal", "notify", "log"}  # sections

Progress = Callable[[int, int], object]  # sets done, of how many


def searched(
    field: Field, codes: Codes, partition: Partition, cache: Path, progress: Progress
) -> Segments:
    """Run every set of `codes`, or read what an earlier or another process has found.

    Batches are kept in a folder of `cache` named after everything they hang on. `progress` may raise to interrupt; finished batches stay.

    Raises
    ------
    ConfigError
        The settings refuse a set.

    """
    folder = cache / "tune" / digest(field, codes, partition)
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    _forget_old(folder.parent)
    found = empty(len(codes), len(partition.edges) - 1)
    missing = list(range(0, len(codes), BATCH))
    done = 0
    while missing:
        for first in list(missing):
            last = min(first + BATCH, len(codes))
            file = folder / f"batch-{first:07}.parquet"
            part = _read(file, last - first, len(partition.edges) - 1)
            if part is None:
                with _claimed(file) as mine:
                    if mine:
                        part = _read(
                            file, last - first, len(partition.edges) - 1
                        )  # another process may just have finished it
                        if part is None:
                            part = field.sweep(
                                codes[first:last],
                                partition.edges,
                                _counting(progress, done, len(codes), file),
                            )
                            _write(file, part)
            if part is not None:
                for name, some in part._asdict().items():
                    getattr(found, name)[first:last] = some
                missing.remove(first)
                done += last - first
                progress(done, len(codes))
        if missing:
            time.sleep(LOOK_EVERY)  # another process works on these
            progress(done, len(codes))
    return found


def _counting(progress: Progress, done: int, of: int, file: Path) -> Callable[[int], object]:
    """Tells `progress` of parts of a batch, and other processes that it is being worked on."""
    so_far = [done]

    def count(sets: int) -> None:
        with suppress(FileNotFoundError):
            os.utime(_claim(file))
        so_far[0] += sets
        progress(so_far[0], of)

    return count


def digest(field: Field, codes: Codes, partition: Partition) -> str:
    """A name for everything that the sets' runs hang on: prices, settings, sets, segments and the program."""
    inputs = field.inputs
    found = blake2b(digest_size=12)
    for text in (inputs.settings.model_dump_json(exclude=NO_SETTINGS_OF_A_SET), repr(field.space)):
        found.update(text.encode())
    for source in sources():
        found.update(source.read_bytes())
    sessions, series = inputs.prices.sessions, inputs.prices.series.values()
    arrays = [codes, partition.edges, _nanoseconds(sessions), _nanoseconds(sessions.index)]
    # Whole series, not what the settings as they stand make of them: other values of a parameter read other parts.
    arrays += [
        array
        for one in series
        for array in (_nanoseconds(one.frame.index), one.frame.to_numpy(dtype=float))
    ]
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _nanoseconds(times: Any) -> Ints:
    return pd.DatetimeIndex(times).as_unit("ns").asi8


def sources() -> list[Path]:
    """The files whose change may change what is found."""
    here, root = Path(__file__).parent, Path(__file__).parents[3]
    engine = [
        root / "backtests" / "engine" / f"{name}.py"
        for name in ("arrays", "compiled", "inputs", "kernel", "rules")
    ]
    search = [
        here / f"{name}.py"
        for name in ("precomputed", "sweep", "evaluator", "segment_stats", "space")
    ]
    return [
        *sorted((root / "strategies").glob("*.py")),
        *engine,
        *search,
        root / "brokers" / "orders" / "fills.py",
    ]


def _claim(file: Path) -> Path:
    return file.with_suffix(".claim")


@contextmanager
def _claimed(file: Path) -> Iterator[bool]:
    """Whether a batch is this process's to run; until the end of the block nobody else begins it."""
    claim, mine = _claim(file), False
    try:
        try:
            with claim.open("x") as opened:
                mine = True
                opened.write(f"{socket.gethostname()} {os.getpid()}")
        except FileExistsError:
            if _forgotten(claim):  # the next round tries again
                claim.unlink(missing_ok=True)
        yield mine
    finally:
        if mine:
            claim.unlink(missing_ok=True)


def _forgotten(claim: Path) -> bool:
    """Whether the process that claimed a batch is no more. Its number may be another's by now, or ours."""
    try:
        host, _, pid = claim.read_text().partition(" ")
        if time.time() - claim.stat().st_mtime > CLAIMED_FOR:
            return True
        if host != socket.gethostname():
            return False
        if int(pid) == os.getpid():
            return True
        os.kill(int(pid), 0)
    except FileNotFoundError:
        return False  # it has just finished
    except (ProcessLookupError, ValueError):
        return True
    except PermissionError:
        return False
    return False


def _write(file: Path, part: Segments) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    lists = {
        name: pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
        for name, values in part._asdict().items()
    }
    partial = file.with_suffix(f".{os.getpid()}.partial")
    parquet.write_table(pa.table(lists), partial, compression="lz4", write_page_checksum=True)
    partial.replace(file)


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
            if time.time() - study.stat().st_mtime > KEPT_FOR:
                shutil.rmtree(study)
