"""The comparison of the week, made in a process of its own. Imports nothing heavy."""

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOOK = 0.2  # seconds between two looks at whether it is still wanted
LONGEST = 600.0  # seconds it may take


class ComparisonError(Exception):
    """The week could not be compared; the message says why."""


def compare_week(journal: Path, now: float, stopped: threading.Event) -> str:
    """The line that `week.week_line` makes, computed by another process until `stopped` is set.

    Raises
    ------
    ComparisonError
        It failed, was stopped, or took too long.

    """
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    command = [sys.executable, "-m", "backtests.paper_sessions.week", str(journal), repr(now)]
    until = time.monotonic() + LONGEST
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    ) as process:
        while True:
            with suppress(subprocess.TimeoutExpired):
                line, errors = process.communicate(timeout=LOOK)
                break
            if stopped.is_set() or time.monotonic() > until:
                process.kill()
                why = "the session has ended" if stopped.is_set() else f"no result in {LONGEST:g} s"
                raise ComparisonError(f"it was not finished: {why}")
    if process.returncode:
        last = (errors.strip() or f"exit code {process.returncode}").splitlines()[-1]
        raise ComparisonError(last)
    return line.strip()
