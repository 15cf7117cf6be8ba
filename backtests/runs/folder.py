"""Run folders: whole or not at all, read again, listed."""

import itertools
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from brokers.prices.load import Prices
from config.settings import Settings

RUNS = Path("runs")


class RunError(Exception):
    """A run folder cannot be written or read; the message says which and what to do."""


def run_folder(command: str, settings: Settings, prices: Prices, now: pd.Timestamp) -> Path:
    """runs/<UTC time>-<command>-<hash of settings and data>, with a number behind it where that is taken; made empty, so that it is ours.

    Raises
    ------
    RunError
        It cannot be made.

    """
    content = json.dumps(
        [settings.model_dump(mode="json"), sorted(one.vintage for one in prices.series.values())],
        sort_keys=True,
    )
    name = f"{now:%Y%m%dT%H%M%S}-{command}-{sha256(content.encode()).hexdigest()[:8]}"
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    for path in (RUNS / name for name in names):
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise _unwritable(path, error) from None
        return path
    raise AssertionError  # there is no end of numbers


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill that appears as `path`, which may be there if it is empty, when all is written; whatever interrupts leaves nothing.

    Raises
    ------
    RunError
        `path` exists already and is not empty, or cannot be made.

    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(f"{path}: exists already; name another folder with --output, or remove it")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        partial.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        with suppress(OSError):
            path.rmdir()  # if it is empty, that is, nothing came of it


def _unwritable(path: Path, error: OSError) -> RunError:
    return RunError(f"{path}: cannot be written: {error.strerror}")


def read(folder: Path) -> dict[str, Any]:
    """A run's metrics.json.

    Raises
    ------
    RunError
        `folder` is no run folder.

    """
    try:
        found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or not {"strategy", "window", "data"} <= found.keys():
        raise RunError(
            f"{folder}: is no run folder (no metrics.json of a run); `runs` lists those under {RUNS}/"
        )
    return found


def journal_at(path: Path) -> Path | None:
    """The journal of a paper session that `path` is, or is the folder of; None for anything else, such as a run folder.

    Raises
    ------
    RunError
        `path` is another file, or holds several journals.

    """
    if path.is_file():
        if path.suffix != ".sqlite":
            raise RunError(
                f"{path}: is neither a run folder nor a paper session's journal (a file NAME.sqlite)"
            )
        return path
    journals = [] if (path / "metrics.json").exists() else sorted(path.glob("*.sqlite"))
    if len(journals) > 1:
        raise RunError(
            f"{path}: holds several journals; name one of {', '.join(str(one) for one in journals)}"
        )
    return journals[0] if journals else None


def listed(root: Path = RUNS) -> list[Path]:
    """Run folders under `root`, oldest first."""
    return sorted(
        path.parent for path in root.glob("*/metrics.json") if not path.parent.name.startswith(".")
    )
