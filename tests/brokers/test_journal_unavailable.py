"""A journal that is busy, or whose disk is full: nothing is ordered, and nobody is called.

The session goes on by itself, and a command ends with the exit code that units start again after.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import main
from backtests.commands import registration
from brokers.clock import SimulatedClock
from brokers.journal import database
from brokers.journal.halting import halt_account
from brokers.journal.opening import journal_path
from brokers.journal.records import JournalUnavailableError
from tests.brokers.children import config
from tests.brokers.journal.disks import fill, small_disk
from tests.brokers.misfortunes import (
    START,
    assert_as_undisturbed,
    attempts,
    bought,
    disturbed,
    incident_texts,
    intents,
    posts,
    undisturbed,
)
from tests.brokers.test_faults_process import at, command, decisions, left_alone
from tests.brokers.worlds import World, epoch
from tests.exchange.account import KEY, SECRET

ALL = ["BTC", "ETH", "SOL"]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.2)


class Until(SimulatedClock):
    """Lets something happen once, at an instant."""

    def __init__(self, now: float, at: float, act: Callable[[], None]) -> None:
        super().__init__(now)
        self._at, self._act = at, act

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.now() >= self._at:
            self._at = float("inf")
            self._act()


def lock(w: World, held: ExitStack) -> None:
    """Keep the journal locked, as a backup does, until `held` is closed."""
    path = journal_path(w.settings)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    held.enter_context(closing(other)).execute("BEGIN IMMEDIATE")


@pytest.mark.parametrize(("path", "nth"), [("account", 2), ("depth", 1), ("depth", 3)])
def test_a_session_waits_for_a_journal_that_is_locked_and_orders_once(
    path: str, nth: int, whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """From the account's balances before the decision, or from an order's book on, for a minute."""
    with disturbed(whole_folder, cache, tmp_path) as w, ExitStack() as held:
        w.clock = Until(epoch(START), epoch(START) + 60.0, held.close)
        at(w, "GET", path, nth, lambda: lock(w, held))
        observer = w.run(once=False, until="2015-10-20 00:30")
        assert incident_texts(observer.incidents, "journal") != []
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert bought(w) == ALL
        assert attempts(w) == [(coin, 1, "filled") for coin in ALL]
        assert len(decisions(w)) == 1
        with w.journal() as journal:
            assert len(list(journal.gate_rows())) == 1


def test_a_decision_that_could_not_be_recorded_is_made_again_whole(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Locked from the last of the bars on, so that nothing but the decision is to be written."""
    changes = {"exchange.mode": "dry-run"}
    with disturbed(whole_folder, cache, tmp_path, changes, downloads=True) as w:
        with ExitStack() as held:
            w.clock = Until(epoch(START), epoch(START) + 20.0, held.close)
            at(w, "GET", "klines", 6, lambda: lock(w, held))
            observer = w.run(once=False, until="2015-10-20 00:30")
        assert len(incident_texts(observer.incidents, "journal")) == 1
        assert [one.state for one in intents(w)] == ["done"] * 3
        with w.journal() as journal:
            assert len(list(journal.decisions())) == len(list(journal.gate_rows())) == 1
            assert len(list(journal.bars())) == len(journal.fills()) == 3


def test_a_command_that_finds_it_locked_is_to_be_started_again(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w, ExitStack() as held:
        with w.journal(locked=True):
            pass
        lock(w, held)
        result = command(w)
        assert result.exit_code == registration.RETRY_LATER, result.output
        assert "another process keeps it locked" in result.stderr.splitlines()[-1]
        assert posts(w) == []


@contextmanager
def small_world(folder: Path, cache: Path, place: Path) -> Iterator[tuple[World, Path]]:
    """A world whose journal lies on a disk of its own."""
    with small_disk(place / "small") as disk:
        (disk / "state").mkdir()
        changes: dict[str, Any] = {"journal.folder": disk / "state"}
        with disturbed(folder, cache, place, changes) as w:
            yield w, disk


@pytest.mark.parametrize("nth", [1, 2])
def test_with_a_full_disk_nothing_more_is_ordered_until_there_is_room(
    nth: int, whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with small_world(whole_folder, cache, tmp_path) as (w, disk):
        at(w, "GET", "depth", nth, lambda: fill(disk) and None)
        with pytest.raises(JournalUnavailableError, match="the disk is full; free disk space"):
            w.run()
        assert bought(w) == ALL[: nth - 1]
        left_alone(w)
        (disk / "filler").unlink()
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert bought(w) == ALL


def test_a_halt_on_a_full_disk_ends_the_orders_of_a_running_session(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with small_world(whole_folder, cache, tmp_path) as (w, disk):
        problems: list[str] = []

        def stop() -> None:
            filler = fill(disk)
            problems.append(halt_account(journal_path(w.settings), "now", w.clock.now()).problem)
            filler.unlink()

        at(w, "GET", "depth", 2, stop)
        w.run()
        assert "the disk is full; free disk space" in problems[0]
        assert bought(w) == ["BTC"]
        (first, *others) = intents(w)
        assert first.state == "done"
        assert all("testnet-binance.permit is missing" in one.why for one in others)


def test_a_start_on_a_full_disk_is_to_be_tried_again(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with small_world(whole_folder, cache, tmp_path) as (w, disk):
        words = ["paper", "--once", "--config", str(config(w))]
        keys = {"RUSSELL_GATE_API_KEY": KEY, "RUSSELL_GATE_API_SECRET": SECRET}
        for _ in range(2):  # without a journal, and with one
            filler = fill(disk)
            result = CliRunner().invoke(main.app, words, env=keys)
            assert result.exit_code == registration.RETRY_LATER, result.output
            assert "the disk is full" in result.stderr.splitlines()[-1]
            filler.unlink()
            w.run()
        assert bought(w) == ALL
