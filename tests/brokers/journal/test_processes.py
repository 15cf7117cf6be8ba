"""Several processes at one journal: one session, killed at any moment, and halts from beside it."""

import os
import time
from pathlib import Path

import pytest

from brokers.journal.opening import open_journal
from brokers.journal.records import JournalError
from tests.brokers.journal.samples import MINUTE, START, Clock, bars, decide, python

WRITING = """
from tests.brokers.journal.samples import START, MINUTE, decide, intent, order
with open_journal(path, time.time) as journal:
    last = journal.last_decision()
    at = START if last is None else last.time + MINUTE
    while True:
        decide(journal, at, [intent(at), intent(at, 1)])
        journal.record_order(order(f"order {at}", journal.intents(at)[0].id))
        print(at, flush=True)
        at += MINUTE
"""
HOLDING = """
with open_journal(path, time.time) as journal:
    print(journal.account_id, flush=True)
    input()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "paper.sqlite"


def test_a_process_killed_while_it_writes_leaves_every_finished_decision_and_no_half_one(
    path: Path,
):
    told: list[int] = []
    for lines in (3, 40):
        with python(WRITING, path) as child:
            told += [int(child.stdout.readline()) for _ in range(lines)]
            time.sleep(0.0007 * lines)  # somewhere between two lines
            child.kill()
            told += [int(line) for line in child.stdout.read().split()]
        with open_journal(path, time.time) as journal:
            times = [row.time for row in journal.decisions()]
            assert times == list(range(START, times[-1] + 1, MINUTE))
            assert times[-1] - told[-1] in (0, MINUTE)
            assert list(journal.bars()) == [bar for at in times for bar in bars(at)]
            assert [row.time for row in journal.equity()] == times
            assert [one.time for one in journal.intents()] == [at for at in times for _ in range(2)]
            assert {f"order {at}" for at in told} <= {one.client_id for one in journal.orders()}
            assert [one.intent for one in journal.orders()] == [
                one.id for one in journal.intents() if one.state == "sent"
            ]
            assert [one.ended for one in journal.sessions()] == [None]
    assert list(path.parent.glob("*.backup")) == []


def test_a_second_session_is_refused_by_name_until_the_first_is_dead_however_it_died(path: Path):
    with python(HOLDING, path) as child:
        account = child.stdout.readline().strip()
        for _ in range(2):
            with pytest.raises(
                JournalError, match=rf"in use by another session \(process {child.pid}\)"
            ):
                open_journal(path, Clock())
        with open_journal(path, Clock(), locked=False) as beside:
            assert beside.account_id == account
        child.kill()
        child.wait()
        with open_journal(path, Clock()) as journal:
            assert journal.account_id == account
            with pytest.raises(JournalError, match=rf"process {os.getpid()}"):
                open_journal(path, Clock())
    open_journal(path, Clock()).close()


def test_a_session_that_nobody_can_name_is_refused_too(path: Path):
    with open_journal(path, Clock()):
        path.with_name("paper.sqlite.pid").unlink()
        with pytest.raises(JournalError, match="its process is unknown"):
            open_journal(path, Clock())


def test_a_halt_from_another_process_comes_through_while_a_session_writes_and_so_does_its_end(
    path: Path,
):
    halting = """
with open_journal(path, time.time, locked=False) as journal:
    journal.set_trading("off", "by hand")
    input()
    journal.set_trading("on", "")
"""
    with open_journal(path, time.time) as journal, python(halting, path) as child:
        at = START - MINUTE
        for answer, expected in (("", "off"), ("\n", "on")):
            child.stdin.write(answer)
            child.stdin.flush()
            before = at
            while journal.trading().state != expected or at == before:
                at += MINUTE
                decide(journal, at)
                assert at - before < 10_000 * MINUTE and child.poll() in (None, 0), (
                    child.stderr.read()
                )
        assert child.wait() == 0
        assert len(list(journal.decisions())) == (at - START) / MINUTE + 1
