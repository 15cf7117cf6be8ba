"""Worlds in other processes: each is the same whoever runs it; a death and Ctrl-C end them all."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from backtests.calibration import processes
from backtests.calibration.calibrate import make_job
from backtests.calibration.processes import WorkerEndedError, WorkerError, run_worlds
from backtests.calibration.request import Request
from backtests.calibration.runs import Job, run_world
from brokers.prices.load import load_prices
from config.settings import load
from tests.backtests.tuning.evaluators import NOW
from tests.price_folder import overrides


@pytest.fixture(scope="module")
def job(whole_folder: Path, cache: Path) -> Job:
    settings = load(None, overrides(whole_folder, cache))
    return make_job("backtest", settings, load_prices(settings, NOW), Request(3, effect=2.0))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The processes that were started."""
    begun: list[Any] = []
    start = subprocess.Popen

    def record(*args: Any, **options: Any) -> Any:
        begun.append(start(*args, **options))
        return begun[-1]

    monkeypatch.setattr(processes.subprocess, "Popen", record)
    return begun


def nothing() -> None:
    """Look at nothing."""


def test_a_world_is_the_same_in_one_process_in_two_and_in_this_one(
    job: Job, started: list[Any]
) -> None:
    here = {number: run_world(job, number).outcome for number in (0, 1, 2)}
    for count in (1, 2):
        found = {
            world.number: world.outcome for world in run_worlds(job, [2, 0, 1], count, nothing)
        }
        assert found == here
    assert len(started) == 3
    assert all(process.returncode is not None for process in started)


def test_no_world_starts_no_process(job: Job, started: list[Any]) -> None:
    assert list(run_worlds(job, [], 2, nothing)) == []
    assert started == []


def test_an_error_in_a_world_ends_all_with_its_last_words(job: Job, started: list[Any]) -> None:
    nothing_loaded: Any = None
    broken = job._replace(loaded=nothing_loaded)
    with pytest.raises(WorkerError, match="AttributeError: 'NoneType' object has no attribute"):
        list(run_worlds(broken, range(4), 2, nothing))
    assert all(process.returncode is not None for process in started)


def test_a_process_that_is_killed_can_be_repeated_later(job: Job, started: list[Any]) -> None:
    def kill() -> None:
        started[0].kill()

    with pytest.raises(WorkerEndedError, match=r"signal 9;.*finished worlds are kept"):
        list(run_worlds(job, range(3), 1, kill))


def test_an_interruption_ends_all_at_once(job: Job, started: list[Any]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run_worlds(job, range(1000), 2, interrupt))
    assert [process.returncode for process in started] == [-9, -9]
