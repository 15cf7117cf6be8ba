"""Standard output and errors that a full disk, or a reader who has gone, does not break.

What a command does never depends on whether its words arrive: `flatten` goes on selling, a session
goes on trading. What cannot be written is dropped, and the end of the process says so.
"""

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

from brokers.errors import RETRY_LATER

# Nobody reads any more, as behind `head`, or the terminal is gone: no failure of ours.
NOBODY_READS = (errno.EPIPE, errno.EIO)

_exit_code_stands: list[bool] = []


class TolerantFile(io.FileIO):
    """A file to write to. After its first failure it drops all; `problem` is that failure."""

    problem: OSError | None = None

    def write(self, content: Any, /) -> int:
        """Write `content` (any bytes), or drop it; returns the bytes that are done with."""
        if self.problem is None:
            try:
                return super().write(content)
            except OSError as error:
                self.problem = error
        return memoryview(content).nbytes


def run_protected(program: Callable[[], object]) -> int:
    """Run a program that may end by SystemExit, its streams protected; returns its exit code."""
    output = protect_streams()
    try:
        program()
    except SystemExit as ending:
        return final_exit_code(int(ending.code or 0), output)
    return final_exit_code(0, output)


def protect_streams() -> TolerantFile:
    """Let standard output and errors never fail from now on; returns the output's file."""
    output, sys.stdout = _protect(sys.stdout)
    _, sys.stderr = _protect(sys.stderr)
    return output


def _protect(stream: TextIO | None) -> tuple[TolerantFile, TextIO]:
    """`stream` over a tolerant file; a character that its encoding lacks is a question mark.

    A closed one leads nowhere from now on: else the next file opened would get its number.
    """
    if stream is None:
        file = TolerantFile(os.open(os.devnull, os.O_WRONLY), "w", closefd=False)
        return file, io.TextIOWrapper(io.BufferedWriter(file), encoding="utf-8")
    file = TolerantFile(stream.fileno(), "w", closefd=False)
    errors = "replace" if stream.errors == "strict" else stream.errors
    by_line = stream.line_buffering or getattr(stream, "write_through", False)
    buffer = io.BufferedWriter(file)
    return file, io.TextIOWrapper(buffer, stream.encoding, errors, line_buffering=bool(by_line))


def let_exit_code_stand() -> None:
    """From now on lost output does not change the exit code: it says what became of an account."""
    _exit_code_stands.append(True)


def final_exit_code(code: int, output: TolerantFile) -> int:
    """The exit code of the process; where output was lost, one line says so.

    `code`, or `RETRY_LATER` in place of 0. Quiet if nobody reads any more.
    """
    sys.stdout.flush()
    problem = output.problem
    if problem is None or problem.errno in NOBODY_READS:
        return code
    print(
        f"error: standard output cannot be written: {problem.strerror}; what the command did "
        "stands, its output is lost: free some space, or send it elsewhere",
        file=sys.stderr,
    )
    return code or (0 if _exit_code_stands else RETRY_LATER)
