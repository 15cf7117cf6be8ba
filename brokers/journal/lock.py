"""One session an account: a lock that ends with the process that holds it."""

import os
from pathlib import Path

from filelock import FileLock, Timeout

from brokers.atomic_files import replace_file
from brokers.journal.database import file_error
from brokers.journal.records import InUseError
from brokers.processes import is_running


class SessionLock:
    """Held from construction to `release`, or to the death of this process.

    Raises
    ------
    InUseError
        Another session holds it.
    JournalUnavailableError, JournalError
        The disk is full, or the folder cannot be written.

    """

    def __init__(self, path: Path) -> None:
        """Take the lock beside the journal at `path`, without waiting; NAME.pid has its process."""
        self._pid = path.with_name(f"{path.name}.pid")
        self._lock = FileLock(path.with_name(f"{path.name}.lock"), timeout=0, thread_local=False)
        try:
            self._lock.acquire()
            replace_file(
                self._pid,
                lambda temporary: Path(temporary).write_text(f"{os.getpid()}\n", encoding="utf-8"),
            )
        except Timeout:
            raise InUseError(
                f"{path}: is in use by another session ({_process(self._pid)}); "
                "stop that one first: an account has one session"
            ) from None
        except (OSError, NotImplementedError) as error:
            self._lock.release()
            raise file_error(
                f"{path}: cannot be locked",
                error,
                "make its folder writable, free disk space, or set journal.folder to another",
            ) from error

    def release(self) -> None:
        """Let the next session have it. A second time changes nothing."""
        if self._lock.is_locked:
            self._pid.unlink(missing_ok=True)
            self._lock.release()


def holder(path: Path) -> str:
    """The process that holds the lock of the journal at `path`, "" for none.

    Sessions that start and end meanwhile are not disturbed.
    """
    pid = path.with_name(f"{path.name}.pid")
    # It exists as long as the lock is held; without it the lock is left alone, so that no session's
    # start fails because of us.
    if not pid.exists():
        return ""
    lock = FileLock(path.with_name(f"{path.name}.lock"), timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return _process(pid)
    except (OSError, NotImplementedError):  # no lock can be had here
        return _process(pid) if _is_alive(pid) else ""
    lock.release()
    return ""


def _is_alive(pid: Path) -> bool:
    """Whether its process runs; so it may where nobody can say."""
    try:
        return is_running(int(pid.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return True


def _process(pid: Path) -> str:
    try:
        return f"process {int(pid.read_text(encoding='utf-8'))}"
    except (OSError, ValueError):
        return "its process is unknown"
