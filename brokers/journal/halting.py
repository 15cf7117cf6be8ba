"""Changing what an account may order from outside, whatever else is wrong with its journal.

A journal is opened here without its checks and without migrating it, so that a halt is as quick on
a large file, beside a session of an older program, and on a disk that has just become full.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from brokers.journal import statements, tables
from brokers.journal.database import Database, file_error
from brokers.journal.file_header import stored_version, why_no_journal
from brokers.journal.incident import Incident
from brokers.journal.permit import grant_permit, permit_path, withdraw_permit
from brokers.journal.reader import read_trading, stored_trading
from brokers.journal.records import JournalError, JournalUnavailableError, Trading
from brokers.journal.statements import incident_values, write_trading


class Halt(NamedTuple):
    """A halt in force: as the journal has it, None if it could not be written; what went wrong."""

    recorded: Trading | None
    problem: str


def halt_account(path: Path, reason: str, now: float) -> Halt:
    """Allow no orders for the journal at `path` from now on.

    The permit is removed first: without it a session records and sends nothing. An account that is
    halted already keeps its first reason.

    Raises
    ------
    JournalUnavailableError, JournalError
        Nothing could be changed that a session looks at: it may go on ordering.

    """
    problems, recorded, path = [], None, path.resolve()
    permit = permit_path(path)
    try:
        withdraw_permit(path)
    except OSError as error:
        problems.append(file_error(f"{permit}: cannot be removed", error, "remove it by hand"))
    try:
        with _opened(path) as (connection, version):
            recorded = _record_halt(connection, version, reason, now)
    except JournalError as error:
        # A session of version 1 does not know the permit.
        problems, recorded = [*problems, error], None
        if len(problems) > 1 or stored_version(path) < tables.WITH_PERMIT:
            raise _all_in_vain(problems) from error
    return Halt(recorded, "; ".join(str(problem) for problem in problems))


def _record_halt(connection: Connection, version: int, reason: str, now: float) -> Trading:
    before = stored_trading(connection, version)
    if before.state == "off":
        return before
    trading = Trading("off", reason, now)
    write_trading(connection, trading, version)
    text = Incident("halt", "warning", f"halted: {reason}")
    connection.execute(statements.NOTICE, incident_values(text, now))
    return trading


def stop_buying(path: Path, reason: str, now: float) -> Trading:
    """Allow only sells for the journal at `path`, unless less is allowed; the trading state then.

    Raises
    ------
    JournalUnavailableError, JournalError
        It could not be written, and nothing has changed.

    """
    path = path.resolve()
    with _opened(path) as (connection, version):
        trading = read_trading(connection, path, version)
        if trading.state != "on":
            return trading
        if version < tables.WITH_PERMIT:
            raise JournalError(
                f"{path}: its session is of an older version of the program, which knows no such "
                "state; `halt` without --reduce-only stops all its orders"
            )
        trading = Trading("no-buys", reason, now)
        write_trading(connection, trading, version)
        text = Incident("halt", "warning", f"nothing is bought any more: {reason}")
        connection.execute(statements.NOTICE, incident_values(text, now))
    return trading


def resume_account(path: Path, now: float) -> Trading:
    """Allow all orders again for the journal at `path`; what was allowed before.

    Nothing is changed where all were allowed.

    Raises
    ------
    JournalUnavailableError, JournalError
        It could not be written; nothing is ordered until it can.

    """
    path = path.resolve()
    with _opened(path) as (connection, version):
        before = read_trading(connection, path, version)
        if before.state == "on":
            return before
        write_trading(connection, Trading("on", "resumed", now), version)
        connection.execute(
            statements.NOTICE, incident_values(Incident("resume", "info", "resumed"), now)
        )
    if version >= tables.WITH_PERMIT:
        try:
            grant_permit(path)
        except OSError as error:
            raise file_error(
                f"{permit_path(path)}: cannot be made", error, "make its folder writable"
            ) from error
    return before


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Connection, int]]:
    """A transaction that writes the journal at `path`, and its version."""
    if why := why_no_journal(path):  # which opening it would make a database of, or change
        raise JournalError(f"{path}: is not a journal: {why}")
    with closing(Database(path)) as database, database.writing() as connection:
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar() or 0)
        if version > tables.NEWEST:
            raise JournalError(
                f"{path}: it is of version {version}, this program writes versions up to "
                f"{tables.NEWEST}; update the program"
            )
        yield connection, version


def _all_in_vain(problems: list[JournalError]) -> JournalError:
    text = "; ".join(str(problem) for problem in problems)
    later = any(isinstance(problem, JournalUnavailableError) for problem in problems)
    kind: Callable[[str], JournalError] = JournalUnavailableError if later else JournalError
    return kind(f"not halted: {text}; to stop it, end the session's process")
