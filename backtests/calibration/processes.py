"""Worlds run by several processes at the same time."""

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO

from backtests.calibration.outcome import WorldOutcome, parse_line
from backtests.calibration.runs import Job
from brokers.errors import RetryLaterError

ROOT = Path(__file__).parents[2]
LOOK = 0.2  # seconds between two looks at whether it is to go on
# The processes are the threads.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class WorkerError(RuntimeError):
    """A run in a world has failed: a mistake of the program; the message holds its last words."""


class WorkerEndedError(RetryLaterError):
    """A process that ran worlds was ended from outside; finished worlds are kept."""


class Worker:
    """One process, which runs one world at a time."""

    def __init__(self, job: bytes, errors: IO[bytes]) -> None:
        """`errors` is the file that gets what the process reports."""
        self._errors = errors
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "backtests.calibration.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=os.environ | ONE_THREAD | {"PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for the command, which ends its processes
        )
        self._job = job

    def run(self, number: int) -> WorldOutcome:
        """Run a world.

        Raises
        ------
        WorkerError, WorkerEndedError
            The process has died.

        """
        asked, answers = self._process.stdin, self._process.stdout
        if asked is None or answers is None:
            raise WorkerError("has no input or output")
        try:
            asked.write(self._job + f"{number}\n".encode())
            asked.flush()
            self._job = b""
            return parse_line(answers.readline().decode())
        except (OSError, ValueError):
            raise self._death() from None

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):  # of what it did not read any more
                    stream.close()

    def _death(self) -> WorkerError | WorkerEndedError:
        code = self._process.wait()
        if code < 0:
            return WorkerEndedError(
                f"a process that ran worlds was ended (signal {-code}; too little memory?); the"
                " finished worlds are kept: repeat the command, or set tune.threads lower"
            )
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return WorkerError(f"a run in a world failed: {lines[-1] if lines else code}")


def run_worlds(
    job: Job, numbers: Iterable[int], processes: int, look: Callable[[], object]
) -> Iterator[WorldOutcome]:
    """The outcomes of these worlds as they finish.

    `look` is called several times a second; an exception raised there ends all processes.

    Raises
    ------
    WorkerError, WorkerEndedError
        A process has died.

    """
    waiting, content = list(numbers)[::-1], pickle.dumps(job)
    with tempfile.TemporaryFile() as errors, ThreadPoolExecutor(processes) as threads:
        workers = [Worker(content, errors) for _ in range(min(processes, len(waiting)))]
        idle: SimpleQueue[Worker] = SimpleQueue()
        for worker in workers:
            idle.put(worker)
        running: set[Future[WorldOutcome]] = set()
        try:
            while waiting or running:
                while waiting and len(running) < len(workers):
                    running.add(threads.submit(_run_with_idle, idle, waiting.pop()))
                done, running = wait(running, timeout=LOOK, return_when=FIRST_COMPLETED)
                look()
                for future in done:
                    yield future.result()
        finally:
            for worker in workers:
                worker.end()


def _run_with_idle(idle: "SimpleQueue[Worker]", number: int) -> WorldOutcome:
    worker = idle.get()
    try:
        return worker.run(number)
    finally:
        idle.put(worker)
