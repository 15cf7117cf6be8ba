"""Fixtures for all tests: a clean environment, and small price folders to read and to spoil."""

import os
import shutil
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

# exchange_calendars 4.13 on pandas 3.1: nothing we could write otherwise.
THEIR_WARNING = (
    "ignore:Series.values returning an ndarray that drops timezone:pandas.errors.Pandas4Warning"
)
KEPT = "RUSSELL_GATE_TEST_DATA"  # says where the real files are; no setting
# Files whose parametrized tests run with one variant in every run and with all in `make proofs`: a
# login page, an empty body and half of one are handled the same way.
MANY_VARIANTS = (
    "test_browser",
    "test_doctor",
    "test_evaluator",
    "test_faults_",
    "test_kills",
    "test_replay",
    "test_secrets_stay",
    "test_session_page",
    "test_spa.",
    "test_summary",
    "test_tpe",
    "test_tune_page",
)
# The folders of tests are in memory where it has room: on a disk, each write of a journal is waited
# for.
MEMORY = Path("/dev/shm")
ROOM = 4e9  # bytes, many times what a run writes
# A long file of independent tests: they are spread over all workers, which other files are not.
SPREAD = "test_random_faults"


def has_room(memory: Path, room: float) -> bool:
    """Whether programs can be run from `memory`, and `room` bytes be written there."""
    return (
        os.access(memory, os.W_OK)
        and shutil.disk_usage(memory).free > room
        and not os.statvfs(memory).f_flag & os.ST_NOEXEC
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-browser",
        action="store_true",
        help="fail where a test is skipped for want of one",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", THEIR_WARNING)
    if has_room(MEMORY, ROOM):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_itemcollected(item: pytest.Item) -> None:
    indices = item.callspec.indices.values() if hasattr(item, "callspec") else ()
    if item.path.name.startswith(MANY_VARIANTS) and any(indices):
        item.add_marker("proof")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.config.getoption("--require-browser") and report.skipped:
        reason = str(report.longrepr)
        if "no Chromium" in reason:
            report.outcome, report.longrepr = "failed", f"--require-browser: {reason}"
    return report


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid if SPREAD in nodeid else super()._split_scope(nodeid)

    return Scheduling(config, log)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: tests wait for browsers, processes and timeouts."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.fixture(autouse=True)
def no_outer_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the shell the tests run in change no test."""
    for name in list(os.environ):
        if name.upper().startswith("RUSSELL_GATE_") and name != KEPT:
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def own_client_of_yahoo() -> Iterator[None]:
    """Each test makes a client of its own.

    yfinance's, one a process, keeps the network it was made in, cookies and refusals.
    """
    yield
    if yahoo := sys.modules.get("brokers.prices.yahoo"):
        yahoo._client.cache_clear()
    if data := sys.modules.get("yfinance.data"):
        data.SingletonMeta._instances.clear()


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with the calendar in it, shared by the tests of one process."""
    from brokers.prices.calendar import LEAD, session_closes
    from tests.price_folder import HISTORY_FROM

    folder = tmp_path_factory.mktemp("cache")
    session_closes(HISTORY_FROM - LEAD, folder)
    return folder


@pytest.fixture(scope="session")
def whole_folder(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """Five years of made-up prices. To be read only."""
    from tests.price_folder import write_folder

    return write_folder(tmp_path_factory.mktemp("prices"), cache)


@pytest.fixture
def folder(tmp_path: Path, whole_folder: Path) -> Iterator[Path]:
    """A copy of the made-up prices that a test may spoil."""
    copy = tmp_path / "prices"
    shutil.copytree(whole_folder, copy)
    yield copy
    shutil.rmtree(copy)
