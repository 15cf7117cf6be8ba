"""A SQLite file and its transactions: short ones, and errors that say what to do."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal

from sqlalchemy import Connection, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError

from brokers.journal.file_header import has_log
from brokers.journal.records import DamagedError, JournalError, JournalUnavailableError

PATIENCE = 5.0  # seconds to wait for another process that writes
READS = "reads_only"
DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")
BUSY, FULL, FAILS = ("SQLITE_BUSY", "SQLITE_LOCKED"), ("SQLITE_FULL",), ("SQLITE_IOERR",)
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FULL_TEXT = "the disk is full; free disk space"
LEAST_ROOM = 65_536  # bytes; a disk that does not take them is full
MEANINGS = (  # by the beginning of SQLite's name of the error
    (FULL, FULL_TEXT),
    (
        ("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN", "SQLITE_AUTH"),
        "it or its folder cannot be written; make both writable",
    ),
    (BUSY, "another process keeps it locked; end that one and try again"),
    (FAILS, "the disk fails to read or write; look at its space and its health"),
    (DAMAGED, "it is damaged"),
    (("SQLITE_CONSTRAINT",), "it refuses the row"),
)


class Database:
    """An existing file.

    The one rule: a transaction ends before the method that began it. None is open while the network
    is waited for, so that `halt` and every reader are never locked out.

    `mode` "ro" leaves the file, its write-ahead log and its folder as they are; `checked` False is
    for a migration that rebuilds tables.
    """

    def __init__(
        self, path: Path, mode: Literal["rw", "ro"] = "rw", *, checked: bool = True
    ) -> None:
        self.path = path
        self._address = f"{path.as_uri()}?mode={mode}"
        self._reads_only = mode == "ro"
        self._pragmas = PRAGMAS if checked else PRAGMAS[:2]
        self._file = _identity(path)
        self._engine = create_engine("sqlite://", creator=self._connect, poolclass=QueuePool)
        event.listen(self._engine, "begin", _begin)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the file and changes nothing."""
        with (
            self._explained(),
            self._engine.connect().execution_options(**{READS: True}) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is on the disk when the block ends, or not at all.

        Raises
        ------
        JournalUnavailableError
            Another process keeps it locked, or the disk is full.
        JournalError
            It could not be written, for another reason.

        """
        if _identity(self.path) != self._file:
            raise JournalError(
                f"{self.path}: was moved, removed or replaced while in use; "
                "put it back and start again"
            )
        with self._explained(), self._engine.begin() as connection:
            yield connection

    def copy_to(self, target: str) -> None:
        """Write the whole content into the file `target`."""
        with self._explained(), self._engine.connect() as connection:
            copy = sqlite3.connect(target)
            try:
                connection.connection.driver_connection.backup(copy)  # type: ignore[union-attr]  # the pool's type leaves it open
            finally:
                copy.close()

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()

    def _connect(self) -> sqlite3.Connection:
        if self._reads_only:
            return self._connect_to_read()
        connection = _open(self._address)
        try:
            for pragma in self._pragmas:
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect_to_read(self) -> sqlite3.Connection:
        """A connection that reads even where SQLite cannot make the index of its log.

        That is so in a folder or on a disk that takes no file. Without a log nobody writes: then
        the file alone is read, as one that does not change.

        Without a log SQLite makes one, with its index, and only a connection that may write removes
        both when it is closed. A log that a killed session has left stays: it is not written back.
        """
        log = self.path.with_name(f"{self.path.name}-wal")
        is_empty = not log.exists() or not log.stat().st_size
        tidy = is_empty and has_log(self.path)
        connection = _open(f"{self.path.as_uri()}?mode=rw" if tidy else self._address)
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("SELECT count(*) FROM sqlite_schema")
        except sqlite3.OperationalError:
            connection.close()
            if not is_empty:
                raise
            return _open(f"{self._address}&immutable=1")
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            name = getattr(error.orig, "sqlite_errorname", "")
            if not name:  # of the driver: a value of a type it does not know, which is a bug
                raise
            raise _explain(self.path, name, error) from error


def _explain(path: Path, name: str, error: DBAPIError) -> JournalError:
    """What SQLite's error of that `name` means."""
    meaning = next(
        (text for beginnings, text in MEANINGS if name.startswith(beginnings)), "it cannot be used"
    )
    # SQLite reports a quota, and a disk without room for its log's index, as one that fails.
    if name.startswith((*FAILS, "SQLITE_CANTOPEN")) and not _has_room(path):
        name, meaning = FULL[0], FULL_TEXT
    kind = (
        DamagedError
        if name.startswith(DAMAGED)
        else JournalUnavailableError
        if name.startswith(BUSY + FULL)
        else JournalError
    )
    return kind(f"{path}: {meaning} (SQLite says: {error.orig})")


def _has_room(path: Path) -> bool:
    """Whether the disk of `path` takes another small file, as far as can be known."""
    try:
        with TemporaryFile(dir=path.parent) as probe:
            probe.write(bytes(LEAST_ROOM))
            probe.flush()
    except OSError as error:
        return error.errno not in NO_ROOM
    return True


def file_error(what: str, error: Exception, remedy: str) -> JournalError:
    """`what` could not be done with a file beside the journal; for lack of room: for now."""
    full = getattr(error, "errno", None) in NO_ROOM
    kind = JournalUnavailableError if full else JournalError
    return kind(f"{what} ({error}); {FULL_TEXT if full else remedy}")


def _open(address: str) -> sqlite3.Connection:
    return sqlite3.connect(
        address, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False
    )


def _begin(connection: Connection) -> None:
    """A writer waits for its turn at once: one that began by reading could not wait any more."""
    connection.exec_driver_sql(
        "BEGIN" if connection.get_execution_options().get(READS) else "BEGIN IMMEDIATE"
    )


def _identity(path: Path) -> Any:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
