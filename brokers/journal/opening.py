"""Opening a journal: created if missing, checked before use, migrated to the newest version."""

import filecmp
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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
from brokers.journal.database import Database, file_error
from brokers.journal.journal import Journal
from brokers.journal.lock import SessionLock
from brokers.journal.migrations import MIGRATIONS
from brokers.journal.permit import grant_permit
from brokers.journal.reader import ACCOUNT_ID, JournalReader, stored_trading
from brokers.journal.records import DamagedError, JournalError, JournalUnavailableError
from brokers.journal.tables import APPLICATION_ID, METADATA, WITH_PERMIT, meta
from config.settings import ConfigError, Settings

NAME_IT = (  # how a user says which journal is meant
    "name the configuration that it runs with, for example --config config/testnet.toml"
)
# Bytes of SQLite's smallest page; it removes the write-ahead log of a file that is nearly empty.
SMALLEST_PAGE = 512
# Bytes that every start reads through, in a fifth of a second; more only after an unclean end.
SMALL_JOURNAL = 8_000_000


def open_journal(
    path: Path, now: Callable[[], float], *, locked: bool = True, thorough: bool = False
) -> Journal:
    """The journal at `path`, created with its folder if missing; `now` is the clock, epoch seconds.

    With `locked`, as the one session that may decide and order; without, to read, to halt and to
    resume beside it. A large file is read through, for damage, where the session before was killed,
    or if `thorough`.

    Raises
    ------
    InUseError
        Another session has it.
    JournalUnavailableError
        It is locked by another program, or the disk is full.
    JournalError
        The file is damaged or of a newer version (it stays as it is, a copy is kept beside it), or
        it cannot be read or written.

    """
    with ExitStack() as undone:
        try:
            path = path.resolve()
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = SessionLock(path) if locked else None
            if lock is not None:
                undone.callback(lock.release)
            if not path.exists():
                _create(path)
            thorough = thorough or (locked and _was_killed(path))
            if _check_version(path, now(), thorough=thorough) <= len(MIGRATIONS):
                _migrate(path, now(), lock)
        except OSError as error:
            raise file_error(
                f"{path}: cannot be created or read",
                error,
                "make its folder writable, free disk space, or set journal.folder to another",
            ) from error
        database = Database(path)
        undone.callback(database.close)
        journal = Journal(database, lock, now)
        undone.pop_all()
    return journal


@contextmanager
def read_journal_file(path: Path) -> Iterator[JournalReader]:
    """The journal at `path` for reading alone, in whatever version it is; nothing is written.

    Raises
    ------
    JournalError
        It is not there, damaged, of a newer version, or cannot be read.

    """
    path = path.resolve()
    version = _version(path, thorough=False)
    database = Database(path, "ro")
    try:
        yield JournalReader(database, version)
    finally:
        database.close()


def _create(path: Path) -> None:
    """Create a whole journal under another name first: an empty one under its own was damaged."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        temporary = Path(file.name)  # of mode 600
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
        grant_permit(path)
        _rename(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _rename(temporary: Path, path: Path) -> None:
    """Give a new file its name, unless another process has created one."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        temporary.rename(path)


def _was_killed(path: Path) -> bool:
    """Whether the last program that wrote the file was; it removes its log when it closes it."""
    return _size(_log(path)) > 0


def _check_version(path: Path, now: float, *, thorough: bool) -> int:
    """The version of the file, if it is intact and a journal."""
    try:
        return _version(path, thorough=thorough)
    except DamagedError as error:
        raise JournalError(
            f"{error}. Nothing in it was changed; {_keep_copy(path, now)}. "
            f"To continue, replace it with an earlier backup and remove {path.name}-wal and "
            f"{path.name}-shm, or move it away to start with an empty journal, which has no record "
            "of earlier orders"
        ) from error


def _version(path: Path, *, thorough: bool) -> int:
    if not path.is_file():
        raise JournalError(f"{path}: is not a file; set journal.folder to another folder")
    size = path.stat().st_size
    if size < SMALLEST_PAGE:
        raise DamagedError(f"{path}: it is damaged ({size} bytes are too few for a journal)")
    database = Database(path, "ro")
    try:
        with database.reading() as connection:
            application, version, page = (
                int(_pragma(connection, name))
                for name in ("application_id", "user_version", "page_size")
            )
            thorough = thorough or size <= SMALL_JOURNAL
            problem = _pragma(connection, "quick_check(1)") if thorough else "ok"
    finally:
        database.close()
    if problem != "ok":
        raise DamagedError(f"{path}: it is damaged ({' '.join(str(problem).split())})")
    if size % page:
        raise DamagedError(
            f"{path}: it is damaged ({size} bytes are not a whole number of pages of {page})"
        )
    if application != APPLICATION_ID or version < 1:
        raise DamagedError(f"{path}: it is not a journal but another database")
    if version > 1 + len(MIGRATIONS):
        raise DamagedError(
            f"{path}: it is of version {version}, this program knows versions up to "
            f"{1 + len(MIGRATIONS)}; update the program"
        )
    return version


def _pragma(connection: Connection, name: str) -> Any:
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def _keep_copy(path: Path, now: float) -> str:
    """Copy the file under another name, unless an earlier start has done so; a message."""
    try:
        for earlier in path.parent.glob(f"{escape(path.name)}.*.backup"):
            if _same(path, earlier) and _same(_log(path), _log(earlier)):
                return f"{earlier.name} is a copy"
        target = _backup_name(path, now)
        replace_file(target, lambda temporary: copyfile(path, temporary))
        if _size(_log(path)):
            replace_file(_log(target), lambda temporary: copyfile(_log(path), temporary))
    except OSError as error:
        return f"no copy could be made ({error})"
    return f"{target.name} is a copy"


def _log(path: Path) -> Path:
    """The write-ahead log, where SQLite looks for it; after a crash it holds what came last."""
    return path.with_name(f"{path.name}-wal")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _same(file: Path, copy: Path) -> bool:
    if _size(file) != _size(copy):
        return False
    return not _size(file) or filecmp.cmp(file, copy, shallow=False)


def _backup_name(path: Path, now: float) -> Path:
    stamp = f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
    names = (
        path.with_name(f"{path.name}.{stamp}{f'-{number}' if number > 1 else ''}.backup")
        for number in count(1)
    )
    return next(name for name in names if not name.exists())


def _migrate(path: Path, now: float, lock: SessionLock | None) -> None:
    """Bring the file to the newest version, all steps or none, after a copy was made.

    Not while an older program's session runs.
    """
    with ExitStack() as finally_:
        if lock is None:
            finally_.callback(SessionLock(path).release)
        database = Database(path, checked=False)
        finally_.callback(database.close)
        try:
            replace_file(_backup_name(path, now), database.copy_to)
            with database.writing() as connection:
                before = int(_pragma(connection, "user_version"))
                for migration in MIGRATIONS[before - 1 :]:
                    migration(connection)
                if before < WITH_PERMIT and stored_trading(connection, WITH_PERMIT).state != "off":
                    grant_permit(path)
                if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                    raise JournalError(
                        f"a row of {broken[0]} would refer to a row of {broken[2]} "
                        "that does not exist"
                    )
                connection.exec_driver_sql(f"PRAGMA user_version = {1 + len(MIGRATIONS)}")
        except JournalUnavailableError:
            raise  # it is unchanged
        except (OSError, SQLAlchemyError, JournalError) as error:
            raise file_error(
                f"{path}: cannot be migrated to version {1 + len(MIGRATIONS)}",
                error,
                "it is unchanged; use the version of the program that wrote it",
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
            f"{path}: there is no such journal; run this in the folder where the session was "
            f"started, or {NAME_IT}"
        )
    return path
