"""Journals of version 1 in this version: brought up, or read as they are."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from brokers.journal.opening import open_journal, read_journal_file
from brokers.journal.permit import permit_path
from brokers.journal.records import JournalError
from tests.brokers.journal.samples import Clock

STORED = Path(__file__).parents[2] / "stored" / "0.1"
JOURNALS = ("dry-run/dry-run-binance.sqlite", "halted/dry-run-binance.sqlite")
JOURNALS += ("testnet/testnet-binance.sqlite",)


def copy_of(name: str, folder: Path) -> Path:
    return Path(shutil.copy(STORED / name, folder))


def schema(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Columns of every table: name, type, whether it may be null, default, place in the key."""
    connection = sqlite3.connect(path)
    try:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: [
                row[1:]
                for row in connection.execute(f"PRAGMA table_info({name})")  # our own names
            ]
            for (name,) in names
        }
    finally:
        connection.close()


@pytest.mark.parametrize("name", JOURNALS)
def test_an_old_journal_gets_the_tables_of_a_new_one(name: str, tmp_path: Path) -> None:
    old, new = copy_of(name, tmp_path), tmp_path / "new.sqlite"
    open_journal(old, Clock()).close()
    open_journal(new, Clock()).close()
    assert schema(old) == schema(new)


@pytest.mark.parametrize("name", JOURNALS)
def test_it_reads_the_same_before_and_after(name: str, tmp_path: Path) -> None:
    old = copy_of(name, tmp_path)
    content = old.read_bytes()
    with read_journal_file(old) as reader:
        before = repr(
            [
                [*reader.decisions(), *reader.gate_rows(), *reader.bars(), *reader.equity()],
                [*reader.intents(), *reader.orders(), *reader.fills(), *reader.sessions()],
                reader.trading()[:2],
            ]
        )
        assert reader.known() == reader.accepted() == []
    assert old.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == [old.name]
    with open_journal(old, Clock()) as journal:
        after = repr(
            [
                [*journal.decisions(), *journal.gate_rows(), *journal.bars(), *journal.equity()],
                [*journal.intents(), *journal.orders(), *journal.fills(), *journal.sessions()],
                journal.trading()[:2],
            ]
        )
    assert after == before


def test_an_account_that_traded_still_may_and_a_halted_one_may_not(tmp_path: Path) -> None:
    for name, state, permitted in ((JOURNALS[0], "on", True), (JOURNALS[1], "off", False)):
        (folder := tmp_path / state).mkdir()
        path = copy_of(name, folder)
        with open_journal(path, Clock()) as journal:
            assert journal.trading().state == state
            halts = [row.last for row in journal.incidents(1000) if row.kind == "halt"]
            if state == "off":
                assert journal.trading().since == max(halts)
        assert permit_path(path).exists() is permitted


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="is not a file"), read_journal_file(tmp_path / "no"):
        pass
