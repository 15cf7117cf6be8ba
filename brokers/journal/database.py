"""A SQLite file and its transactions: short ones, and errors that say what to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError

from brokers.journal.records import DamagedError, JournalError

PATIENCE = 5.0  # seconds to wait for another process that writes
READS = "reads_only"
DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")
MEANINGS = (  # by the beginning of SQLite's name of the error
    (("SQLITE_FULL",), "the disk is full; free disk space"),
    (
        ("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN", "SQLITE_AUTH"),
        "it or its folder cannot be written; make both writable",
    ),
    (
        ("SQLITE_BUSY", "SQLITE_LOCKED"),
        "another process keeps it locked; end that one and try again",
    ),
    (("SQLITE_IOERR",), "the disk fails to read or write; look at its space and its health"),
    (DAMAGED, "it is damaged"),
    (("SQLITE_CONSTRAINT",), "it refuses the row"),
)


class Database:
    """An existing file.

    The one rule: a transaction ends before the method that began it. None is open while the network
    is waited for, so that `halt` and every reader are never locked out.

    `mode` "ro" leaves the file and its write-ahead log as they are; `checked` False is for a
    migration that rebuilds tables.
    """

    def __init__(
        self, path: Path, mode: Literal["rw", "ro"] = "rw", *, checked: bool = True
    ) -> None:
        self.path = path
        self._address = f"{path.as_uri()}?mode={mode}"
        self._pragmas = () if mode == "ro" else PRAGMAS if checked else PRAGMAS[:2]
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
        JournalError
            It could not be written, for whatever reason.

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
        connection = sqlite3.connect(
            self._address, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            for pragma in self._pragmas:
                connection.execute(f"PRAGMA {pragma}")
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
            meaning = next(
                (text for beginnings, text in MEANINGS if name.startswith(beginnings)),
                "it cannot be used",
            )
            kind = DamagedError if name.startswith(DAMAGED) else JournalError
            raise kind(f"{self.path}: {meaning} (SQLite says: {error.orig})") from error


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
