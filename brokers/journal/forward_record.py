"""The gate as each session showed it at the time: a file that is only ever added to.

A backtest of a past day rests on the prices and rules of today. What was written here on that day
cannot have been fitted to what came after it.
"""

import csv
import io
import math
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from config.settings import Settings

NAME = "forward.csv"
# The last one ends a whole line: of a line that was cut off, it is missing or too short.
COLUMNS = (
    "known_at", "rules_digest", "state", "ceiling", "index_close", "coin_closes", "sources",
    "written_at",
)  # fmt: skip
HEADER = ",".join(COLUMNS)
TIME = "%Y-%m-%dT%H:%M:%SZ"
BETWEEN, IS = ";", "="  # of the entries of one column, and of a symbol (it may hold one) and value
PATIENCE = 2.0  # seconds; a writer holds the lock for some milliseconds


class ForwardError(Exception):
    """The record cannot be read, or nothing was added to it; the message says why."""


class ForwardRow(NamedTuple):
    """The gate at one US session's close, by one set of rules, written before the next close.

    Instants are UTC: `known_at` when that close was known, `written_at` when this was written.
    `ceiling` is the one in force, a share of equity; `index_close` is in points, `coin_closes` has
    by symbol the newest daily close that was known at `known_at`, quote units; `sources` says by
    symbol where the newest prices came from.
    """

    known_at: datetime
    rules_digest: str
    state: str
    ceiling: float
    index_close: float
    coin_closes: Mapping[str, float]
    sources: Mapping[str, str]
    written_at: datetime

    @property
    def key(self) -> tuple[datetime, str]:
        """What there is one row of: a session and the rules."""
        return self.known_at, self.rules_digest


class ForwardRecord(NamedTuple):
    """All rows in the order they were written, and how many lines are no whole row."""

    rows: tuple[ForwardRow, ...]
    torn: int


def forward_path(settings: Settings) -> Path:
    """The record of all accounts whose journals are in one folder."""
    return Path(settings.journal.folder) / NAME


def read_forward(path: Path) -> ForwardRecord:
    """The rows at `path`; none where there is no file. The file is not changed.

    Raises
    ------
    ForwardError
        It cannot be read, or is another file.

    """
    try:
        return _parse(path, _content(path))
    except OSError as error:
        raise ForwardError(f"{path}: cannot be read ({error.strerror})") from None


def append_forward(path: Path, row: ForwardRow) -> bool:
    """Add `row` and wait until it is on the disk; whether the record did not have it.

    A row that is there, of that session and those rules, stays as it was written first. Of
    processes that add the same row, one does.

    Raises
    ------
    ForwardError
        Nothing was added: the disk is full, the folder read-only, the record locked for long, or
        the file another one.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f"{path.name}.lock"), timeout=PATIENCE):
            content = _content(path)
            if row.key in {written.key for written in _parse(path, content).rows}:
                return False
            _add(path, _addition(content, row))
            return True
    except Timeout:
        raise ForwardError(
            f"{path}: no row was added, as another process has kept it locked for {PATIENCE:g} s"
        ) from None
    except (OSError, NotImplementedError) as error:
        why = getattr(error, "strerror", None) or error
        raise ForwardError(f"{path}: no row was added ({why})") from None


def _content(path: Path) -> str:
    """The text at `path`, "" where there is no file."""
    try:
        return path.read_bytes().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _parse(path: Path, content: str) -> ForwardRecord:
    # A spreadsheet that saves the file writes a byte order mark and ends lines its own way.
    lines = [line.removesuffix("\r") for line in content.removeprefix("\ufeff").split("\n")]
    is_ours = bool(lines[0]) and HEADER.startswith(lines[0])  # it may have been cut off
    if content and not is_ours:
        raise ForwardError(
            f"{path}: is not a record that this program has written, as it does not begin with "
            f"{HEADER}; move it away, and a new one is begun"
        )
    parsed = [_parse_line(line) for line in lines if line not in ("", HEADER)]
    rows = tuple(row for row in parsed if row is not None)
    return ForwardRecord(rows, len(parsed) - len(rows))


def _parse_line(line: str) -> ForwardRow | None:
    """None for what is no whole line of the record."""
    with suppress(ValueError, csv.Error):
        known_at, digest, state, ceiling, close, coins, sources, written_at = next(
            csv.reader([line])
        )
        row = ForwardRow(
            known_at=_instant(known_at),
            rules_digest=digest,
            state=state,
            ceiling=float(ceiling),
            index_close=float(close),
            coin_closes={name: float(value) for name, value in _split(coins)},
            sources=dict(_split(sources)),
            written_at=_instant(written_at),
        )
        if math.isfinite(row.ceiling) and math.isfinite(row.index_close):
            return row
    return None


def _instant(text: str) -> datetime:
    return datetime.strptime(text, TIME).replace(tzinfo=UTC)


def _split(text: str) -> Iterable[tuple[str, str]]:
    for entry in filter(None, text.split(BETWEEN)):
        name, _, value = entry.rpartition(IS)
        yield name, value


def _join(entries: Iterable[tuple[str, object]]) -> str:
    return BETWEEN.join(f"{name}{IS}{value}" for name, value in entries)


def _addition(content: str, row: ForwardRow) -> bytes:
    """What is written after `content`: a line of its own, whatever stands there without an end."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(
        (
            row.known_at.astimezone(UTC).strftime(TIME),
            row.rules_digest,
            row.state,
            float(row.ceiling),
            float(row.index_close),
            _join((name, float(close)) for name, close in row.coin_closes.items()),
            _join(row.sources.items()),
            row.written_at.astimezone(UTC).strftime(TIME),
        )
    )
    end = "" if not content or content.endswith("\n") else "\n"
    header = "" if HEADER in content else f"{HEADER}\n"
    return f"{end}{header}{text.getvalue()}".encode()


def _add(path: Path, line: bytes) -> None:
    """All of `line`, or nothing: what was written of it before an error is taken back."""
    with path.open("ab", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            left = memoryview(line)
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except BaseException:
            with suppress(OSError):
                file.truncate(size)
            raise
