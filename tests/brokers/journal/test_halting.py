"""A halt takes hold whatever is wrong with the journal, and says what it could not change."""

import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from brokers.journal import database, opening
from brokers.journal.halting import halt_account, resume_account, stop_buying
from brokers.journal.opening import open_journal, read_journal_file
from brokers.journal.permit import is_permitted
from brokers.journal.records import (
    HaltedError,
    JournalError,
    JournalUnavailableError,
    Trading,
)
from tests.brokers.journal.disks import full_disk, without_root
from tests.brokers.journal.samples import START, Clock, decide, intent, order

STORED = Path(__file__).parents[2] / "stored" / "0.1"
NOW = START + 60.0
posix = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows knows neither file modes nor limits of this kind"
)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "paper.sqlite"
    with open_journal(path, Clock()) as journal:
        decide(journal, START, [intent(START), intent(START, 1)])
    return path


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A journal of version 1."""
    return Path(shutil.copy(STORED / "dry-run" / "dry-run-binance.sqlite", tmp_path))


def trading(path: Path) -> Trading:
    with read_journal_file(path) as journal:
        return journal.trading()


def incidents(path: Path) -> list[tuple[str, str]]:
    with read_journal_file(path) as journal:
        return [(row.kind, row.text) for row in journal.incidents(9)]


def ask(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_a_halt_removes_the_permit_and_says_why_in_the_journal(path: Path) -> None:
    assert halt_account(path, "looks odd", NOW) == (Trading("off", "looks odd", NOW), "")
    assert not is_permitted(path)
    assert trading(path) == Trading("off", "looks odd", NOW)
    assert incidents(path) == [("halt", "halted: looks odd")]
    resume_account(path, NOW + 1.0)
    assert is_permitted(path)
    assert trading(path) == Trading("on", "resumed", NOW + 1.0)
    assert incidents(path)[0] == ("resume", "resumed")
    with open_journal(path, Clock(), locked=False) as journal:
        assert float(journal.get("resumed") or 0.0) == NOW + 1.0


def test_a_second_halt_keeps_the_first_reason_and_time(path: Path) -> None:
    with open_journal(path, Clock(), locked=False) as journal:
        journal.set_trading("off", "drawdown guard")
    first = trading(path)
    assert halt_account(path, "by hand", NOW) == (first, "")
    assert trading(path) == first
    assert incidents(path) == []


def test_a_halt_whose_reason_was_not_recorded_is_recorded_by_the_next(path: Path) -> None:
    path.with_suffix(".permit").unlink()
    assert trading(path).state == "off"
    assert halt_account(path, "looks odd", NOW).recorded == Trading("off", "looks odd", NOW)
    assert trading(path).reason == "looks odd"


def test_a_halt_calls_a_sale_of_everything_off(path: Path) -> None:
    with open_journal(path, Clock(), locked=False) as journal:
        journal.set_trading("flatten", "enough")
    assert halt_account(path, "stop", NOW).recorded == Trading("off", "stop", NOW)


def test_resuming_an_account_that_is_on_changes_nothing(path: Path) -> None:
    """The drawdown counts on from its peak."""
    assert resume_account(path, NOW).state == "on"
    with open_journal(path, Clock(), locked=False) as journal:
        assert journal.get("resumed") is None
    assert incidents(path) == []
    halt_account(path, "looks odd", NOW)
    assert resume_account(path, NOW) == Trading("off", "looks odd", NOW)


def test_the_permit_is_where_the_file_is_whatever_it_is_called(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "another name.sqlite"
    link.parent.mkdir()
    link.symlink_to(path)
    halt_account(link, "looks odd", NOW)
    assert not is_permitted(path)
    resume_account(link, NOW)
    assert is_permitted(path)
    assert [one.name for one in link.parent.iterdir()] == [link.name]


def test_only_buys_can_be_stopped(path: Path) -> None:
    assert stop_buying(path, "too hot", NOW).state == "no-buys"
    assert trading(path) == Trading("no-buys", "too hot", NOW)
    assert is_permitted(path)
    assert incidents(path) == [("halt", "nothing is bought any more: too hot")]


@pytest.mark.parametrize("state", ["off", "flatten"])
def test_stopping_buys_loosens_nothing(path: Path, state: str) -> None:
    with open_journal(path, Clock(), locked=False) as journal:
        journal.set_trading(state, "before")
    assert stop_buying(path, "too hot", NOW)[:2] == (state, "before")
    assert trading(path)[:2] == (state, "before")
    assert incidents(path) == []


@posix
def test_a_full_disk_cannot_keep_a_halt_from_a_running_session(path: Path) -> None:
    with open_journal(path, Clock()) as session:
        (first, second) = session.intents(START)
        session.record_order(order("first", first.id))
        log = path.with_name("paper.sqlite-wal").stat().st_size
        with full_disk(log):
            recorded, problem = halt_account(path, "now", NOW)
        assert "paper.sqlite: the disk" in problem and recorded is None
        assert session.trading()[:2] == (
            "off",
            "paper.permit is missing; `resume` makes it again",
        )
        with pytest.raises(HaltedError, match=r"halted: paper\.permit is missing"):
            session.record_order(order("second", second.id))
        assert incidents(path) == []


@posix
def test_on_a_full_disk_nothing_else_can_be_asked_for(path: Path) -> None:
    with open_journal(path, Clock()) as session:
        log = path.with_name("paper.sqlite-wal")
        session.put("x", "1")
        with full_disk(log.stat().st_size):
            with pytest.raises(JournalError, match="the disk"):
                stop_buying(path, "too hot", NOW)
            assert trading(path).state == "on"
            halt_account(path, "now", NOW)
            with pytest.raises(JournalError, match="the disk"):
                resume_account(path, NOW)
        assert trading(path).state == "off"


def test_a_locked_journal_cannot_either(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as backup:
        backup.execute("BEGIN IMMEDIATE")
        assert "another process keeps it locked" in halt_account(path, "now", NOW).problem
        assert trading(path).state == "off"
        for change in (lambda: stop_buying(path, "", NOW), lambda: resume_account(path, NOW)):
            with pytest.raises(JournalUnavailableError, match="another process keeps it locked"):
                change()
        assert trading(path).state == "off"


def of_version_3(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 3")


def overwritten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 40_960)


@pytest.mark.parametrize(
    ("harm", "text"),
    [
        (of_version_3, "it is of version 3, this program writes versions up to 2"),
        (overwritten, "it is damaged"),
    ],
)
def test_nor_can_a_journal_that_cannot_be_used(
    path: Path, harm: Callable[[Path], None], text: str
) -> None:
    harm(path)
    content = path.read_bytes()
    assert text in halt_account(path, "now", NOW).problem
    assert not is_permitted(path)
    assert path.read_bytes() == content


def test_a_session_of_version_1_is_halted_and_resumed_without_a_migration(old: Path) -> None:
    before = ask(old, "SELECT * FROM sqlite_master")
    assert halt_account(old, "looks odd", NOW).problem == ""
    assert ask(old, "SELECT value FROM meta WHERE key = 'halted'") == [("looks odd",)]
    assert trading(old)[:2] == ("off", "looks odd")
    resume_account(old, NOW)
    assert ask(old, "SELECT value FROM meta WHERE key = 'halted'") == []
    assert ask(old, "SELECT value FROM meta WHERE key = 'resumed'") == [(repr(NOW),)]
    assert ask(old, "SELECT kind, text FROM incidents ORDER BY id DESC LIMIT 2") == [
        ("resume", "resumed"),
        ("halt", "halted: looks odd"),
    ]
    with pytest.raises(JournalError, match="of an older version of the program, which knows no"):
        stop_buying(old, "too hot", NOW)
    assert ask(old, "PRAGMA user_version") == [(1,)]
    assert ask(old, "SELECT * FROM sqlite_master") == before


def test_a_session_of_version_1_that_could_not_be_told_is_not_called_halted(old: Path) -> None:
    """It knows no permit."""
    with closing(sqlite3.connect(old, isolation_level=None)) as backup:
        backup.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            JournalUnavailableError, match=r"not halted: .*locked.*end the session's process"
        ):
            halt_account(old, "now", NOW)


@pytest.fixture
def unwritable() -> Iterator[Path]:
    with without_root() as folder:
        path = folder / "paper.sqlite"
        open_journal(path, Clock()).close()
        yield path


@posix
def test_where_nothing_can_be_changed_it_says_so(unwritable: Path) -> None:
    unwritable.parent.chmod(0o555)
    with pytest.raises(JournalError, match=r"not halted: .*paper\.permit: cannot be removed"):
        halt_account(unwritable, "now", NOW)
    unwritable.parent.chmod(0o755)
    assert trading(unwritable).state == "on"


def test_a_halt_does_not_read_the_journal_through(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def checked(*_: object, **__: object) -> int:
        raise AssertionError("a large journal takes seconds to check")

    monkeypatch.setattr(opening, "_version", checked)
    assert halt_account(path, "now", NOW).problem == ""
    resume_account(path, NOW)
