"""The program's commands in processes of their own, at a time of the test's choosing.

Forked, in a second, from one that has everything imported.

    python -m tests.brokers.children

reads a job a line from its input, forks a child for each, and answers with its process id, and when
it has ended with its exit code (minus the signal that killed it). That process has one thread, as a
fork wants it; the test exchange, which has many, stays where it is.
"""

import json
import os
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w

from brokers.clock import SimulatedClock
from tests.brokers.worlds import World
from tests.exchange.account import KEY, SECRET

ROOT = Path(__file__).parents[2]
BUG = 70


class RealPace(SimulatedClock):
    """Time that passes as it does, and by as much again as is waited for.

    Nobody waits, and a child in between sees the same time.
    """

    longest_sleep = float("inf")

    def __init__(self, now: float) -> None:
        super().__init__(now)
        self._began = time.monotonic()

    def now(self) -> float:
        return super().now() + time.monotonic() - self._began


class Children:
    """The process that forks; one child at a time.

    `out` and `err` are what the last one has written there.
    """

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.brokers.children"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._place = ROOT
        self._line()

    def start(self, w: World, *words: str, **environment: str) -> int:
        """Begin `main.py WORDS` in the world of `w`, at its time, with its keys and `environment`
        ("": not set); the process id.
        """
        assert self._process.stdin is not None
        self._place = Path(w.settings.journal.folder).parent
        variables = (
            w.network.environment()
            | {"RUSSELL_GATE_API_KEY": KEY, "RUSSELL_GATE_API_SECRET": SECRET}
            | environment
        )
        job = {
            "words": words,
            "place": str(self._place),
            "ahead": w.clock.now() - time.time(),
            "environment": variables,
        }
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._line()

    def ended(self) -> int:
        """How the child has ended."""
        return self._line()

    def run(self, w: World, *words: str, **environment: str) -> int:
        self.start(w, *words, **environment)
        return self.ended()

    @property
    def out(self) -> str:
        return (self._place / "out").read_text()

    @property
    def err(self) -> str:
        return (self._place / "err").read_text()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)

    def _line(self) -> int:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the forking process has ended")
        return int(line)


@contextmanager
def children() -> Iterator[Children]:
    """A process to fork from, until the end of the block."""
    process = Children()
    try:
        yield process
    finally:
        process.close()


def config(w: World, **changes: Any) -> Path:
    """A file with the settings of `w`, for `--config`.

    `changes` by dotted key, with __ for the dot.
    """
    values = w.settings.model_dump(mode="json", exclude_none=True)
    for key, value in changes.items():
        section, _, name = key.partition("__")
        values[section][name] = value
    path = Path(w.settings.journal.folder).parent / "session.toml"
    path.write_text(tomli_w.dumps(values))
    return path


def _child(job: dict[str, Any]) -> int:
    """What a forked process does: the command, as the program itself would run it."""
    os.chdir(job["place"])
    for variable, value in job["environment"].items():
        os.environ.pop(variable, None)
        os.environ |= {variable: value} if value else {}
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    real, ahead = time.time, job["ahead"]
    time.time = lambda: real() + ahead
    import main

    sys.argv = ["main.py", *job["words"]]
    try:
        main.run("main.py")
    except SystemExit as ended:
        return int(ended.code or 0)
    return BUG


def _import_everything() -> None:
    import ccxt
    import pyarrow.parquet  # noqa: F401  # this and the next for the children
    import yfinance  # noqa: F401
    from urllib3.exceptions import SystemTimeWarning

    import main  # noqa: F401

    ccxt.binance()
    warnings.filterwarnings("ignore", category=SystemTimeWarning)  # the time is another's


def _serve() -> None:
    """Fork for every job until there are no more."""
    _import_everything()
    print(0, flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            status = BUG
            try:
                status = _child(json.loads(line))
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()
