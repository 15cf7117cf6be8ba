"""Logs of a session: lines for people on stderr, JSON lines in a folder, no secret in either."""

import logging
import os
import sys
import threading
import traceback
from collections.abc import Collection
from contextlib import ExitStack, suppress
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loguru import logger

from brokers.live.log_file import LogFile
from brokers.local_paths import hide_paths, show_path
from brokers.redaction import MASK, redact
from config.settings import ConfigError

if TYPE_CHECKING:
    from loguru import Message, Record

FILE = "paper.log.jsonl"
MEGABYTE = 1_000_000
LIBRARIES = ("ccxt", "urllib3", "yfinance", "requests", "sqlalchemy")
LIBRARY_LEVEL = logging.WARNING
FILE_ONLY = {"file_only": True}  # extra field of a line that does not go to stderr
DEEPEST = 6  # tables within tables of an extra field; below, their printed form

_undo = ExitStack()


def start(
    folder: Path,
    *,
    level: str,
    rotation_mb: float,
    keep: int,
    console: bool,
    secrets: Collection[str],
) -> None:
    """Log through loguru from now on: the session, its threads and, from warnings on, libraries.

    Parameters
    ----------
    folder : gets `FILE`, one JSON document a line with the record under "record"; a traceback is
        its extra field "traceback".
    level : name of the least severe level that is logged.
    rotation_mb, keep : a file of this many megabytes is put aside under its time; this many of
        those are kept.
    console : whether lines go to stderr too.
    secrets : masked in message, extra fields and traceback before any sink sees them, whatever
        sink is added later.

    Raises
    ------
    ConfigError
        The folder cannot be made or written.

    """
    stop()
    _remove_sinks()
    _undo.callback(_remove_sinks)
    _redact_records(frozenset(secrets))
    if console:
        _add_console(level)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _add_file(folder / FILE, level, round(rotation_mb * MEGABYTE), keep)
    except OSError as error:
        stop()
        raise ConfigError(
            f"log folder {folder}: cannot be written ({error.strerror}); "
            "set log.folder to another, or change its owner or mode"
        ) from None
    _route_library_logs()
    _route_thread_errors()


def _add_console(level: str) -> None:
    coloured = sys.stderr is not None and sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    logger.add(
        _to_stderr,
        level=level,
        filter=_is_for_people,
        format=_line,
        colorize=coloured,
        diagnose=False,
        backtrace=False,
    )


def _is_for_people(record: "Record") -> bool:
    return not FILE_ONLY.items() <= record["extra"].items()


def _add_file(path: Path, level: str, size: int, keep: int) -> None:
    logger.add(
        LogFile(path, size, keep, _report),
        level=level,
        format="{message}",
        serialize=True,
        diagnose=False,
        backtrace=False,
    )


def stop() -> None:
    """Close the sinks and restore the standard library's logging. A second time changes nothing."""
    _undo.close()


def _remove_sinks() -> None:
    with suppress(OSError):
        logger.remove()


def _redact_records(secrets: frozenset[str]) -> None:
    def redact_record(record: "Record") -> None:
        record["message"] = _clean(record["message"], secrets)
        record["extra"] = _to_loggable(record["extra"], secrets)
        record["file"].path = show_path(Path(record["file"].path))
        if record["exception"]:
            # As text from here on: a sink that formats the exception itself would not mask it.
            kind, value, trace = record["exception"]
            record["extra"]["traceback"] = _clean(
                "".join(traceback.format_exception(kind, value, trace)).rstrip(), secrets
            )
            record["exception"] = None

    logger.configure(patcher=redact_record)
    _undo.callback(logger.configure, patcher=_leave_record)


def _leave_record(record: "Record") -> None:
    """Loguru cannot be told to have no patcher again."""


def _clean(text: str, secrets: frozenset[str]) -> str:
    """Without secrets, paths of this machine and escape sequences.

    An exchange's answer must not move the cursor.
    """
    return hide_paths(redact(text, secrets)).replace("\x1b", "\\x1b")


def _to_loggable(value: Any, secrets: frozenset[str], depth: int = 0) -> Any:
    """A copy of an extra field made of plain values, its texts redacted."""
    if value is None or isinstance(value, int) or (isinstance(value, float) and isfinite(value)):
        return value
    if isinstance(value, dict) and depth < DEEPEST:
        return {
            _text(key, secrets): (
                MASK if _names_a_secret(key) else _to_loggable(field, secrets, depth + 1)
            )
            for key, field in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset) and depth < DEEPEST:
        return [_to_loggable(item, secrets, depth + 1) for item in value]
    return _text(value, secrets)


def _text(value: object, secrets: frozenset[str]) -> str:
    try:
        return _clean(str(value), secrets)
    except (
        Exception
    ):  # whatever a foreign object does when printed, a log line must not stop the session
        return f"<{type(value).__name__} that cannot be printed>"


def _names_a_secret(key: object) -> bool:
    return isinstance(key, str) and redact(f"{key}=whatever", ()) != f"{key}=whatever"


def _line(record: "Record") -> str:
    trace = "\n{extra[traceback]}" if "traceback" in record["extra"] else ""
    return "{time:YYYY-MM-DD HH:mm:ss!UTC}Z <level>{level: <8}</level> {message}" + trace + "\n"


def _to_stderr(message: "Message") -> None:
    """To what stderr is now: a live display takes its place, to print lines above itself."""
    # A closed terminal (OSError, or ValueError from Python's own file) must not stop the session;
    # the file has the line as well.
    with suppress(OSError, ValueError):
        if sys.stderr is not None:
            sys.stderr.write(message)
            sys.stderr.flush()


def _report(text: str) -> None:
    """Show a line about the log itself, which must not go through the log."""
    with suppress(OSError, ValueError):
        if sys.stderr is not None:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()


class _ToLoguru(logging.Handler):
    """Hands records of the standard library on, with the place they come from."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:  # a library's wrong arguments; logging itself would print them to stderr
            message = str(record.msg)
        level = (
            record.levelname
            if record.levelname in ("WARNING", "ERROR", "CRITICAL")
            else record.levelno
        )

        def set_origin(copy: "Record") -> None:
            copy["name"], copy["module"], copy["function"], copy["line"] = (
                record.name,
                record.module,
                record.funcName or "",
                record.lineno,
            )

        logger.patch(set_origin).opt(exception=record.exc_info).log(level, message)


def _route_library_logs() -> None:
    """Only our handler at the root, none at the libraries: any other would mask nothing."""
    _replace_handlers(logging.getLogger(), [_ToLoguru(LIBRARY_LEVEL)])
    for name in LIBRARIES:
        _replace_handlers(logging.getLogger(name), [])


def _replace_handlers(library: logging.Logger, handlers: list[logging.Handler]) -> None:
    before = (list(library.handlers), library.propagate, library.level)
    library.handlers[:], library.propagate = handlers, True

    def restore() -> None:
        library.handlers[:], library.propagate = before[0], before[1]
        library.setLevel(before[2])

    if library.parent is None:
        library.setLevel(LIBRARY_LEVEL)
    _undo.callback(restore)


def _route_thread_errors() -> None:
    before = threading.excepthook

    def log_error(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_type is not SystemExit:
            name = arguments.thread.name if arguments.thread else "?"
            trace = (
                arguments.exc_type,
                arguments.exc_value or arguments.exc_type(),
                arguments.exc_traceback,
            )
            logger.opt(exception=trace).critical(f"thread {name} has ended on an error")

    def restore() -> None:
        threading.excepthook = before

    threading.excepthook = log_error
    _undo.callback(restore)
