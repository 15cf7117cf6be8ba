"""Sessions in processes of their own that can be killed at any moment.

Forked from one that has everything imported, in milliseconds.

    python -m tests.proofs.forks FOLDER CACHE

reads a job a line from its input, forks a child for each, and answers with the child's process id
and, when it has ended, its status. That process has one thread, as a fork wants it; the test
exchange, which has many, stays where it is.
"""

import json
import math
import mmap
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from backtests.engine.live import live_strategy
from backtests.runs.replay import ReplayObserver
from brokers.clock import Clock
from brokers.commands.paper import build_session
from brokers.errors import SafetyError
from brokers.exchange.errors import ExchangeError
from brokers.journal.database import Database
from brokers.journal.opening import journal_path, open_journal
from config.settings import Settings
from tests.brokers.worlds import SECRETS

ROOT = Path(__file__).parents[2]
DONE, EXCHANGE, STOPPED, BUG = 0, 4, 5, 70
LONG = 60.0  # seconds


class SharedClock(Clock):
    """Time that passes only by waiting, kept in a file, so that it goes on from one process to the
    next and the exchange sees it too.
    """

    longest_sleep = float("inf")

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        with file.open("r+b") as opened:
            self._cell = mmap.mmap(opened.fileno(), 8)

    @classmethod
    def at(cls, file: Path, now: float) -> Self:
        """A new one, in a new file."""
        file.write_bytes(struct.pack("d", now))
        return cls(file)

    def now(self) -> float:
        return float(struct.unpack_from("d", self._cell)[0])

    def put(self, value: float) -> None:
        """Let the file hold `value` from now on."""
        struct.pack_into("d", self._cell, 0, value)

    def sleep(self, seconds: float) -> None:
        self.put(self.now() + max(seconds, 0.0))


class HurriedClock(SharedClock):
    """The machine's time, ahead by what the file says.

    Only the long waits, for the next bar, are skipped.
    """

    def now(self) -> float:
        return time.time() + super().now()

    def sleep(self, seconds: float) -> None:
        if seconds < LONG:
            time.sleep(max(seconds, 0.0))
        else:
            self.put(super().now() + seconds)


class Forks:
    """The process that forks; one child at a time."""

    def __init__(self, folder: Path, cache: Path) -> None:
        command = [sys.executable, "-m", "tests.proofs.forks", str(folder), str(cache)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._line()

    def start(
        self, settings: Settings, clock: SharedClock, environment: dict[str, str], **job: Any
    ) -> int:
        """Begin a session; its process id.

        `write` and `moment` ("before", "after"): where in its journal it dies by itself. `until`
        (epoch seconds): cycle after cycle.
        """
        assert self._process.stdin is not None
        job |= {
            "settings": settings.model_dump_json(),
            "clock": str(clock.file),
            "hurried": isinstance(clock, HurriedClock),
        }
        job |= {"environment": environment}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._line()

    def ended(self) -> int:
        """How the child has ended: its exit code, or minus the signal that killed it."""
        return self._line()

    def run(
        self, settings: Settings, clock: SharedClock, environment: dict[str, str], **job: Any
    ) -> int:
        self.start(settings, clock, environment, **job)
        return self.ended()

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
def forks(folder: Path, cache: Path) -> Iterator[Forks]:
    """A process to fork from, until the end of the block."""
    process = Forks(folder, cache)
    try:
        yield process
    finally:
        process.close()


def session(settings: Settings, clock: Clock, until: float | None) -> int:
    """One `--once` cycle in this process, or all `until` then.

    The exit code the command would have.
    """
    with open_journal(journal_path(settings), clock.now) as journal:
        made = build_session(
            settings,
            SECRETS,
            live_strategy(settings),
            journal=journal,
            clock=clock,
            observer=ReplayObserver(0, None),
        )
        outcome = "bug"
        try:
            made.run(once=until is None, until=until or math.inf)
            outcome = "done"
        except (ExchangeError, SafetyError) as error:
            outcome = f"{type(error).__name__}: {error}"
            return STOPPED if isinstance(error, SafetyError) else EXCHANGE
        finally:
            made.end(outcome)
    return DONE


def dying(database: type[Database], number: int, moment: str) -> None:
    """Let this process be killed at the `number`th write of its journal.

    Before it is on the disk, or after.
    """
    written, left = database.writing, [number]

    @contextmanager
    def writing(self: Database) -> Iterator[Any]:
        left[0] -= 1
        with written(self) as connection:
            yield connection
            if not left[0] and moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    database.writing = writing  # type: ignore[method-assign]


def child(job: dict[str, Any]) -> int:
    """What a forked process does."""
    os.environ.update(job["environment"])
    if job.get("write"):
        dying(Database, job["write"], job["moment"])
    clock = (HurriedClock if job["hurried"] else SharedClock)(Path(job["clock"]))
    return session(Settings.model_validate_json(job["settings"]), clock, job.get("until"))


def warm_up(folder: Path, cache: Path) -> None:
    """Import everything and run a few days, so that nothing is left to be compiled or read in a
    child.
    """
    import ccxt
    import pandas as pd
    import yfinance  # noqa: F401  # for the children

    from backtests.engine.inputs import prepare_inputs
    from backtests.runs.replay import replay
    from brokers.prices.load import load_prices
    from config.settings import load
    from tests.price_folder import overrides

    ccxt.binance()
    settings = load(
        None, [*overrides(folder, cache), "backtest.start=2015-10-01", "backtest.end=2015-10-04"]
    )
    with tempfile.TemporaryDirectory() as place:
        replay(
            prepare_inputs(settings, load_prices(settings, pd.Timestamp("2016-12-31", tz="UTC"))),
            Path(place) / "replay.sqlite",
        )


def main() -> None:
    """Fork for every job until there are no more."""
    warm_up(Path(sys.argv[1]), Path(sys.argv[2]))
    print(0, flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            status = BUG
            with suppress(BaseException):
                try:
                    status = child(json.loads(line))
                except BaseException:
                    traceback.print_exc()
            sys.stderr.flush()
            os._exit(status)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
