"""What the header of a file says of it: whether it is a journal, and of which version.

The file is not opened as a database, which could change it.
"""

from pathlib import Path

from brokers.journal import tables

# Where version and kind of a journal are in the header of its file, and how long that is.
VERSION_AT, KIND_AT, HEADER_LENGTH = 60, 68, 100
BEGINNING = b"SQLite format 3\0"  # of a database
WITH_LOG_AT, WITH_LOG = 18, b"\x02\x02"  # where and how a database says that it has such a log


def why_no_journal(path: Path) -> str:
    """What a file is that is no journal; "" for a journal, and where none can be read."""
    if path.exists() and not path.is_file():
        return "it is not a file"
    header = _read_header(path)
    if header is None or _kind(header) == tables.APPLICATION_ID:
        return ""
    if not header:
        return "it is empty"
    if header.startswith(BEGINNING):
        return "it is another program's database"
    return "it is no database"


def stored_version(path: Path) -> int:
    """The version in the file's header, where the database itself cannot be asked; 0: unknown."""
    header = _read_header(path)
    if header is None:
        return 0
    if _kind(header) != tables.APPLICATION_ID:
        return tables.NEWEST  # of nobody's program: no session can be reading it either
    return int.from_bytes(header[VERSION_AT : VERSION_AT + 4])


def has_log(path: Path) -> bool:
    """Whether the file is a database whose changes go to a write-ahead log."""
    header = _read_header(path) or b""
    return header[WITH_LOG_AT : WITH_LOG_AT + len(WITH_LOG)] == WITH_LOG


def _kind(header: bytes) -> int:
    return int.from_bytes(header[KIND_AT : KIND_AT + 4])


def _read_header(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(HEADER_LENGTH)
    except OSError:
        return None
