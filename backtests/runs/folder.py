"""Run folders: written whole or not at all, read again, listed."""

import itertools
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import pandas as pd
import tomli_w

from backtests.runs.document import (
    NAME,
    DocumentError,
    ForeignDocumentError,
    MetricsDocument,
    parse,
)
from brokers.interrupts import unfinished
from brokers.local_paths import name_paths
from brokers.prices.load import Prices
from brokers.processes import is_running
from config.settings import Settings

RUNS = Path("runs")
# .NAME.PID@HOST.partial; in version 0.1 there was no HOST.
PARTIAL = re.compile(r"\.(?P<name>.+)\.(?P<pid>\d+)(?:@(?P<host>.+))?\.partial")


class RunError(Exception):
    """A run folder cannot be written or read; the message says which and what to do."""


def make_run_folder(command: str, settings: Settings, prices: Prices, now: pd.Timestamp) -> Path:
    """Make runs/<UTC time>-<command>-<hash of settings and data>, empty, so that the name is taken.

    Where that folder exists already a number is added to the name.

    Raises
    ------
    RunError
        It cannot be made.

    """
    content = json.dumps(
        [
            settings.model_dump(mode="json"),
            sorted(series.vintage for series in prices.series.values()),
        ],
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
    """A folder to fill; it appears as `path` when all is written, an interruption leaves nothing.

    `path` may exist already if it is an empty folder. What processes left beside it that are no
    more is removed first.

    Raises
    ------
    RunError
        `path` exists already and is not empty, or cannot be made.

    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(f"{path}: exists already; name another folder with --output, or remove it")
    partial = path.with_name(f".{path.name}.{os.getpid()}@{os.uname().nodename}.partial")
    try:
        _remove_abandoned(path.parent)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        with unfinished(partial):
            yield partial
            partial.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        with suppress(OSError):
            path.rmdir()  # succeeds only if it is empty: nothing was written


def _remove_abandoned(parent: Path) -> None:
    """Remove the partial folders of this machine's dead processes, and the names they took."""
    for partial in parent.glob(".*.partial"):
        match = PARTIAL.fullmatch(partial.name)
        here = match and match["host"] in (None, os.uname().nodename)
        if match and here and not is_running(int(match["pid"])):
            shutil.rmtree(partial, ignore_errors=True)
            with suppress(OSError):
                partial.with_name(match["name"]).rmdir()  # succeeds only if it is empty


def write_settings(settings: Settings, folder: Path) -> None:
    """Write settings.toml, of which the run can be made again; it holds no secrets."""
    text = tomli_w.dumps(settings.model_dump(exclude_none=True))
    (folder / "settings.toml").write_text(text, encoding="utf-8")


def write_json(content: Mapping[str, object], path: Path) -> None:
    """Write a document; it holds no NaN, which JSON does not know, and no path of this machine."""
    text = name_paths(json.dumps(content, indent=1, allow_nan=False)) + "\n"
    path.write_text(text, encoding="utf-8")


def _unwritable(path: Path, error: OSError) -> RunError:
    return RunError(f"{path}: cannot be written: {error.strerror}")


def read_run(folder: Path) -> MetricsDocument:
    """A run's metrics.json.

    Raises
    ------
    RunError
        `folder` is no run folder, or its metrics.json is damaged or of a newer version.

    """
    path = folder / NAME
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except ForeignDocumentError:
        raise _not_a_run(folder) from None
    except DocumentError as error:
        raise RunError(f"{path}: {error}") from None
    except (OSError, ValueError):
        raise _not_a_run(folder) from None


def _not_a_run(folder: Path) -> RunError:
    return RunError(
        f"{folder}: is no run folder (no {NAME} of a run); `runs` lists those under {RUNS}/"
    )


def journal_at(path: Path) -> Path | None:
    """The journal of a paper session: `path` itself, or the one in the folder `path`.

    None for anything else, such as a run folder.

    Raises
    ------
    RunError
        `path` is another file, or holds several journals.

    """
    if path.is_file():
        if path.suffix != ".sqlite":
            raise RunError(
                f"{path}: is neither a run folder nor a paper session's journal (a file"
                " NAME.sqlite)"
            )
        return path
    journals = [] if (path / NAME).exists() else sorted(path.glob("*.sqlite"))
    if len(journals) > 1:
        names = ", ".join(str(journal) for journal in journals)
        raise RunError(f"{path}: holds several journals; name one of {names}")
    return journals[0] if journals else None


def list_runs(root: Path = RUNS) -> list[Path]:
    """Run folders under `root`, oldest first."""
    return sorted(
        path.parent for path in root.glob(f"*/{NAME}") if not path.parent.name.startswith(".")
    )
