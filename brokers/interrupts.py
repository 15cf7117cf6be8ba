"""Ctrl-C: recorded when it comes, raised at the next safe step; a second one ends the process.

Python raises KeyboardInterrupt wherever the program happens to be. While machine code is loaded
that is inside a callback of numba's, where it gets lost or ends in a segmentation fault.
"""

import atexit
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

EXIT_CODE = 130
SECOND_TIME = b"\nstopping at the next safe step; Ctrl-C again stops at once\n"

_received: list[int] = []
_unfinished: list[Path] = []


def record_interrupts() -> None:
    """Record Ctrl-C from now on; one that was held back so far comes now.

    While Python shuts down it is ignored: no handler would be left, and it would kill.
    """
    if signal.getsignal(signal.SIGINT) is not _record:
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGINT, _record)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def check_interrupt() -> None:
    """Raise KeyboardInterrupt if Ctrl-C has come: a safe step."""
    if _received:
        raise KeyboardInterrupt


@contextmanager
def raised_at_once() -> Iterator[None]:
    """Every moment is a safe step: for what waits for a person or for the network."""
    check_interrupt()
    before = signal.getsignal(signal.SIGINT)
    if before is _record:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if before is _record:
            signal.signal(signal.SIGINT, _record)


@contextmanager
def unfinished(path: Path) -> Iterator[None]:
    """A file or folder that a second Ctrl-C removes, because nobody else can then."""
    _unfinished.append(path)
    try:
        yield
    finally:
        _unfinished.remove(path)


def _record(number: int, _: object) -> None:
    if _received:
        _end()
    _received.append(number)
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), SECOND_TIME)


def _end() -> None:
    import shutil

    for path in _unfinished:
        with suppress(OSError):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    os._exit(EXIT_CODE)
