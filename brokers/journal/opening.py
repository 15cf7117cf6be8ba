"""A journal from its file: made where there is none, checked before it is trusted, brought to the newest version."""

import filecmp
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from glob import escape
from itertools import count
from pathlib import Path
from shutil import copyfile
from tempfile import NamedTemporaryFile
from typing import Any

from sqlalchemy import Connection, insert
from sqlalchemy.exc import SQLAlchemyError

from brokers.atomic_files import replace_file
from brokers.journal.client_ids import new_account_id
from brokers.journal.database import Database
from brokers.journal.journal import ACCOUNT_ID, Journal
from brokers.journal.lock import SessionLock
from brokers.journal.records import DamagedError, JournalError
from brokers.journal.tables import APPLICATION_ID, METADATA, meta
from config.settings import ConfigError, Settings

# What brings a file from version 1 to 2, from 2 to 3 and so on: in order, each in its transaction, none ever changed later.
# Whoever adds one changes tables.py as well: a new file is made in the newest version at once.
MIGRATIONS: tuple[Callable[[Connection], None], ...] = ()
SMALLEST = 512  # bytes of SQLite's smallest page; it takes the write-ahead log away from a file that is all but empty


def open_journal(path: Path, now: Callable[[], float], locked: bool = True) -> Journal:
    """The journal at `path`, made with its folder if it is missing; `now` is the clock, epoch seconds.

    With `locked`, as the one session that may decide and order; without, to read, to halt and to resume beside it.

    Raises
    ------
    JournalError
        The file is damaged or of a newer version (it stays as it is, a copy is kept beside it), another session has it, or it
        cannot be read or written.

    """
    with ExitStack() as undone:
        try:
            path = path.resolve()
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = SessionLock(path) if locked else None
            if lock is not None:
                undone.callback(lock.release)
            if not path.exists():
                _make(path)
            if _checked(path, now()) <= len(MIGRATIONS):
                _migrate(path, now(), lock)
        except OSError as error:
            raise JournalError(
                f"{path}: cannot be made or read ({error}); make its folder writable, free some space, or set journal.folder"
            ) from error
        database = Database(path)
        undone.callback(database.close)
        journal = Journal(database, lock, now)
        undone.pop_all()
    return journal


def _make(path: Path) -> None:
    """A new journal appears under its name as a whole: an empty file under it is always one that was lost."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as made:
        temporary = Path(made.name)  # of mode 600
    try:
        database = Database(temporary)
        try:
            with database.writing() as connection:
                METADATA.create_all(connection)
                connection.execute(insert(meta), {"key": ACCOUNT_ID, "value": new_account_id()})
                connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.exec_driver_sql(f"PRAGMA user_version = {1 + len(MIGRATIONS)}")
        finally:
            database.close()
        _name(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _name(temporary: Path, path: Path) -> None:
    """Give a new file its name, unless another process was faster with its own."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        temporary.rename(path)


def _checked(path: Path, now: float) -> int:
    """The version of the file, which is whole and of this program."""
    try:
        return _version(path)
    except DamagedError as error:
        kept = _kept_copy(path, now)
        remedy = f"To go on, put an earlier backup in its place and remove {path.name}-wal and {path.name}-shm"
        last = "or move it away to begin with an empty journal, which knows nothing of what was ordered"
        raise JournalError(
            f"{error}. Nothing in it was changed; {kept}. {remedy}, {last}"
        ) from error


def _version(path: Path) -> int:
    if not path.is_file():
        raise JournalError(f"{path}: is not a file; set journal.folder to another place")
    size = path.stat().st_size
    if size < SMALLEST:
        raise DamagedError(f"{path}: it is damaged ({size} bytes are no journal)")
    database = Database(path, "ro")
    try:
        with database.reading() as connection:
            application, version, page = (
                int(_pragma(connection, name))
                for name in ("application_id", "user_version", "page_size")
            )
            problem = _pragma(connection, "quick_check(1)")
    finally:
        database.close()
    if problem != "ok":
        raise DamagedError(f"{path}: it is damaged ({' '.join(str(problem).split())})")
    if size % page:
        raise DamagedError(
            f"{path}: it is damaged ({size} bytes are no whole number of pages of {page})"
        )
    if application != APPLICATION_ID or version < 1:
        raise DamagedError(f"{path}: it is a database of something else, not a journal")
    if version > 1 + len(MIGRATIONS):
        raise DamagedError(
            f"{path}: it is of version {version}, this program knows versions up to {1 + len(MIGRATIONS)}; update the program"
        )
    return version


def _pragma(connection: Connection, name: str) -> Any:
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def _kept_copy(path: Path, now: float) -> str:
    """Keep the file as it is under another name, unless that was done at an earlier start; what to tell about it."""
    try:
        for earlier in path.parent.glob(f"{escape(path.name)}.*.backup"):
            if _same(path, earlier) and _same(_log(path), _log(earlier)):
                return f"{earlier.name} is a copy"
        target = _backup_name(path, now)
        replace_file(target, lambda temporary: copyfile(path, temporary))
        if _size(_log(path)):
            replace_file(_log(target), lambda temporary: copyfile(_log(path), temporary))
    except OSError as error:
        return f"no copy could be kept ({error})"
    return f"{target.name} is a copy"


def _log(path: Path) -> Path:
    """The write-ahead log, where SQLite looks for it; after a crash it holds what came last."""
    return path.with_name(f"{path.name}-wal")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _same(one: Path, other: Path) -> bool:
    return _size(one) == _size(other) and (not _size(one) or filecmp.cmp(one, other, shallow=False))


def _backup_name(path: Path, now: float) -> Path:
    stamp = f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
    names = (
        path.with_name(f"{path.name}.{stamp}{f'-{number}' if number > 1 else ''}.backup")
        for number in count(1)
    )
    return next(name for name in names if not name.exists())


def _migrate(path: Path, now: float, lock: SessionLock | None) -> None:
    """Bring the file to the newest version, all steps or none, after a copy was kept. Not while an older program's session runs."""
    with ExitStack() as finally_:
        if lock is None:
            finally_.callback(SessionLock(path).release)
        database = Database(path, checked=False)
        finally_.callback(database.close)
        try:
            replace_file(_backup_name(path, now), database.copy_to)
            with database.writing() as connection:
                for migration in MIGRATIONS[int(_pragma(connection, "user_version")) - 1 :]:
                    migration(connection)
                if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                    raise JournalError(
                        f"a row of {broken[0]} would refer to a row of {broken[2]} that is not there"
                    )
                connection.exec_driver_sql(f"PRAGMA user_version = {1 + len(MIGRATIONS)}")
        except (OSError, SQLAlchemyError, JournalError) as error:
            failed = f"{path}: cannot be brought to version {1 + len(MIGRATIONS)} ({error})"
            raise JournalError(
                f"{failed}. It is as it was; go on with the version of the program that wrote it"
            ) from error


def journal_path(settings: Settings) -> Path:
    """The journal of the account these settings trade."""
    exchange = settings.exchange
    name = (
        f"testnet-{exchange.id}" if exchange.mode == "testnet" else f"dry-run-{exchange.prices_id}"
    )
    return Path(settings.journal.folder) / f"{name}.sqlite"


def existing_journal(settings: Settings) -> Path:
    """`journal_path`, which must be there."""
    path = journal_path(settings)
    if not path.exists():
        raise ConfigError(
            f"{path}: there is no such journal; name the config the session runs with, as in --config config/testnet.toml"
        )
    return path
