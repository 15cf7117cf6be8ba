"""A journal that cannot be trusted is refused and kept; one that is older is brought up to date.

Nothing begins from zero unasked.
"""

import os
import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from brokers.journal import database, opening
from brokers.journal.journal import Journal
from brokers.journal.migrations import MIGRATIONS
from brokers.journal.opening import open_journal
from brokers.journal.records import JournalError, JournalUnavailableError
from tests.brokers.journal.disks import full_disk, without_root
from tests.brokers.journal.samples import (
    MINUTE,
    START,
    Clock,
    bars,
    decide,
    decision,
    equity,
    intent,
    is_decided,
)

AT_START = "20231115T000002Z"  # of the clock, in names of backups
posix = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows knows neither file modes nor limits of this kind"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "paper.sqlite"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of a hundred decisions, closed, and the same with ten more after a crash.

    Those are in its log only. To be copied.
    """
    folder = tmp_path_factory.mktemp("made")
    whole, killed = folder / "whole", folder / "killed"
    with open_journal(whole, Clock()) as journal:
        for place in range(100):
            decide(
                journal,
                START + place * MINUTE,
                [intent(START + place * MINUTE)],
                sentence=f"sentence {place}",
            )
    shutil.copy(whole, killed)
    with open_journal(killed, Clock()) as journal:
        for place in range(100, 110):
            decide(journal, START + place * MINUTE)
        for name in ("killed", "killed-wal"):
            shutil.copy(folder / name, folder / f"{name}.copy")
    (folder / "killed.copy").rename(killed)
    (folder / "killed-wal.copy").rename(beside(killed, "-wal"))
    return folder


@pytest.fixture
def whole(made: Path, path: Path) -> Path:
    path.parent.mkdir()
    shutil.copy(made / "whole", path)
    return path


@pytest.fixture
def killed(made: Path, path: Path) -> Path:
    path.parent.mkdir()
    shutil.copy(made / "killed", path)
    shutil.copy(made / "killed-wal", beside(path, "-wal"))
    return path


def beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    try:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    finally:
        connection.close()


def ask(path: Path, query: str) -> object:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchone()[0]
    finally:
        connection.close()


def open_files(path: Path) -> list[str]:
    return sorted(one.name for one in path.parent.iterdir() if not one.name.endswith(".lock"))


def test_a_missing_journal_is_made_with_its_folder_for_its_owner_only(path: Path):
    with open_journal(path, Clock()) as journal:
        assert len(journal.account_id) == 8
        assert set(journal.account_id) <= set("abcdefghijklmnopqrstuvwxyz234567")
        decide(journal, START)
        for name in ("", "-wal", "-shm"):
            assert (
                sys.platform == "win32" or stat.S_IMODE(beside(path, name).stat().st_mode) == 0o600
            )
    assert open_files(path) == ["paper.permit", "paper.sqlite"]


def test_two_journals_are_two_accounts(tmp_path: Path):
    with (
        open_journal(tmp_path / "a", Clock()) as one,
        open_journal(tmp_path / "b", Clock()) as other,
    ):
        assert one.account_id != other.account_id


def test_the_file_is_safe_against_power_loss_and_readable_beside_a_writer(path: Path):
    with open_journal(path, Clock()) as journal, journal._database.writing() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }  # 2 is FULL


def test_a_name_with_anything_in_it_is_a_name(tmp_path: Path):
    path = tmp_path / "a b%20?mode=memory#[x].sqlite"
    for _ in range(2):
        with open_journal(path, Clock()) as journal:
            journal.put("x", str(int(journal.get("x") or 0) + 1))
    assert path.exists() and journal.account_id
    with open_journal(path, Clock(), locked=False) as journal:
        assert journal.get("x") == "2"


def test_of_two_that_make_it_at_once_the_faster_one_wins(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = opening._rename
    accounts: list[str] = []

    def slower(temporary: Path, name: Path) -> None:
        monkeypatch.setattr(opening, "_rename", made)
        with open_journal(name, Clock(), locked=False) as faster:
            accounts.append(faster.account_id)
        made(temporary, name)

    monkeypatch.setattr(opening, "_rename", slower)
    with open_journal(path, Clock()) as journal:
        assert [journal.account_id] == accounts
    assert open_files(path) == ["paper.permit", "paper.sqlite"]


def test_a_file_system_without_hard_links_will_do(path: Path, monkeypatch: pytest.MonkeyPatch):
    def none(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", none)
    with open_journal(path, Clock()) as journal:
        decide(journal, START)
    assert open_files(path) == ["paper.permit", "paper.sqlite"]


def shorten(path: Path, kept: float) -> None:
    """Keep so many bytes of a file, or such a share of them, or all but so many."""
    size = path.stat().st_size
    os.truncate(path, int(size * kept) if isinstance(kept, float) else kept % size)


def refused(path: Path, *, log: bool = False) -> str:
    """Open twice in vain; see that nothing was changed and one copy kept, then give the message."""
    before = path.read_bytes()
    recorded = beside(path, "-wal").read_bytes() if log else b""
    for clock in (Clock(), Clock(START + 86400.0)):
        with pytest.raises(JournalError) as error:
            open_journal(path, clock)
        with pytest.raises(JournalError):
            open_journal(path, clock, locked=False)
    backup = beside(path, f".{AT_START}.backup")
    assert [one.name for one in path.parent.glob("*.backup")] == [backup.name]
    assert path.read_bytes() == backup.read_bytes() == before
    assert beside(backup, "-wal").exists() == log
    assert (
        not log
        or beside(path, "-wal").read_bytes() == beside(backup, "-wal").read_bytes() == recorded
    )
    assert backup.name in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("kept", [0, 1, 15, 100, 511, 512, 4096, 5000, 20_480, 0.5, 0.9, -4096, -1])
def test_a_truncated_journal_is_refused_and_kept(whole: Path, kept: float):
    shorten(whole, kept)
    assert "it is damaged" in refused(whole)


@pytest.mark.parametrize("kept", [0, 1, 100, 511, 4096, 5000, 0.5, -1])
def test_a_truncated_journal_is_refused_and_kept_with_its_log(killed: Path, kept: float):
    shorten(killed, kept)
    assert "it is damaged" in refused(killed, log=True)


def pages_in_log(path: Path) -> set[int]:
    """Numbers of the pages in a write-ahead log: sqlite.org/fileformat2.html, section 4.1."""
    content = beside(path, "-wal").read_bytes()
    size = int.from_bytes(content[8:12])
    return {int.from_bytes(content[at : at + 4]) for at in range(32, len(content), 24 + size)}


def test_a_page_that_is_still_in_the_log_may_be_damaged_in_the_file(killed: Path):
    in_file = killed.stat().st_size // 4096
    page = max(number for number in pages_in_log(killed) if number <= in_file)
    with killed.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    with open_journal(killed, Clock()) as journal:
        assert len(list(journal.decisions())) == 110
        assert len(list(journal.bars())) == 330


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"not a database\n" * 1000,
        bytes(8192),
        os.urandom(8192),
        b"SQLite format 3\0" + os.urandom(8176),
    ],
)
def test_a_file_that_is_no_database_is_refused_and_kept(path: Path, content: bytes):
    path.parent.mkdir()
    path.write_bytes(content)
    assert "it is damaged" in refused(path)


@pytest.mark.parametrize("page", [1, 2, 5, 12])
def test_an_overwritten_page_is_found(whole: Path, page: int):
    with whole.open("r+b") as file:
        file.seek(page * 4096)
        file.write(b"\xff" * 4096)
    assert "it is damaged" in refused(whole)


def test_a_large_journal_is_read_through_after_a_kill_or_when_asked_to(
    whole: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(opening, "SMALL_JOURNAL", 10_000)
    with whole.open("r+b") as file:
        file.seek(12 * 4096)
        file.write(b"\xff" * 4096)
    for locked in (True, False):
        open_journal(whole, Clock(), locked=locked).close()
    with pytest.raises(JournalError, match="it is damaged"):
        open_journal(whole, Clock(), thorough=True)
    with sqlite3.connect(whole) as killed:  # as a session that was killed leaves it
        killed.execute("INSERT INTO meta VALUES ('x', '1')")
        killed.commit()
        with pytest.raises(JournalError, match="it is damaged"):
            open_journal(whole, Clock())
        open_journal(whole, Clock(), locked=False).close()  # beside a session there is a log too
    killed.close()


def test_a_database_of_another_program_is_refused(path: Path):
    path.parent.mkdir()
    change(path, "CREATE TABLE studies (id INTEGER)", "PRAGMA user_version = 1")
    assert "it is not a journal but another database" in refused(path)


def test_a_newer_version_is_refused_and_kept(whole: Path):
    change(whole, "PRAGMA user_version = 3")
    message = refused(whole)
    assert "it is of version 3, this program knows versions up to 2; update the program" in message


def test_the_message_says_how_to_go_on(whole: Path):
    os.truncate(whole, 5000)
    message = refused(whole)
    assert message.startswith(f"{whole}: it is damaged (")
    assert (
        "replace it with an earlier backup and remove paper.sqlite-wal and paper.sqlite-shm"
        in message
    )


def test_another_damage_is_another_copy(whole: Path):
    for size in (9000, 8000):
        os.truncate(whole, size)
        with pytest.raises(JournalError):
            open_journal(whole, Clock())
    assert sorted(one.stat().st_size for one in whole.parent.glob("*.backup")) == [8000, 9000]
    assert beside(whole, f".{AT_START}-2.backup").exists()


def test_a_refusal_lets_go_of_the_lock(whole: Path):
    change(whole, "PRAGMA user_version = 3")
    refused(whole)
    change(whole, "PRAGMA user_version = 2")
    with open_journal(whole, Clock()) as journal:
        assert is_decided(journal, START)


def test_after_a_crash_everything_is_there(killed: Path):
    with open_journal(killed, Clock()) as journal:
        assert len(list(journal.decisions())) == 110
    assert list(killed.parent.glob("*.backup")) == []


def test_a_journal_that_lost_its_account_is_refused(whole: Path):
    change(whole, "DELETE FROM meta")
    with pytest.raises(JournalError, match="has no account id"):
        open_journal(whole, Clock())


def add_mood(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE sessions ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'")


def rename_mood(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE sessions RENAME COLUMN mood TO weather")


def rebuild(connection: Connection) -> None:
    """SQLite changes a column by making the table anew; the intents refer to this one."""
    connection.exec_driver_sql("CREATE TABLE anew AS SELECT *, 1 AS more FROM decisions")
    connection.exec_driver_sql("DROP TABLE decisions")
    connection.exec_driver_sql("CREATE TABLE decisions (time INTEGER PRIMARY KEY, more INTEGER)")
    connection.exec_driver_sql("INSERT INTO decisions SELECT time, more FROM anew")
    connection.exec_driver_sql("DROP TABLE anew")


def fail(connection: Connection) -> None:
    connection.exec_driver_sql("DROP TABLE fills")
    connection.exec_driver_sql("ALTER TABLE nowhere ADD COLUMN x")


def orphan(connection: Connection) -> None:
    connection.exec_driver_sql("DELETE FROM decisions")


def test_an_older_journal_is_brought_up_step_by_step_after_a_copy_was_kept(
    killed: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(opening, "MIGRATIONS", (*MIGRATIONS, add_mood, rename_mood))
    with open_journal(killed, Clock()) as journal:
        assert len(list(journal.decisions())) == 110
        assert decide(journal, START + 200 * MINUTE) == []
    assert (ask(killed, "PRAGMA user_version"), ask(killed, "SELECT weather FROM sessions")) == (
        4,
        "calm",
    )
    backup = beside(killed, f".{AT_START}.backup")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with open_journal(killed, Clock()):
        pass
    assert list(killed.parent.glob("*.backup")) == [backup]
    monkeypatch.setattr(opening, "MIGRATIONS", MIGRATIONS)
    with open_journal(backup, Clock()) as before:
        assert len(list(before.decisions())) == 110


def test_only_the_steps_that_are_missing_are_taken(whole: Path, monkeypatch: pytest.MonkeyPatch):
    for steps in ((add_mood,), (add_mood, rename_mood)):
        monkeypatch.setattr(opening, "MIGRATIONS", (*MIGRATIONS, *steps))
        open_journal(whole, Clock()).close()
    assert ask(whole, "SELECT weather FROM sessions") == "calm"


def test_a_table_that_others_refer_to_can_be_made_anew(
    whole: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(opening, "MIGRATIONS", (*MIGRATIONS, rebuild))
    with open_journal(whole, Clock()) as journal:
        assert len(journal.intents()) == 100
    assert ask(whole, "SELECT sum(more) FROM decisions") == 100


def test_a_new_journal_needs_no_migration(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(opening, "MIGRATIONS", (*MIGRATIONS, fail))
    for _ in range(2):
        open_journal(path, Clock()).close()
    assert ask(path, "PRAGMA user_version") == 3


@pytest.mark.parametrize("step", [fail, orphan])
def test_a_migration_that_fails_changes_nothing(
    whole: Path, monkeypatch: pytest.MonkeyPatch, step: Callable[[Connection], None]
):
    with monkeypatch.context() as patch:
        patch.setattr(opening, "MIGRATIONS", (*MIGRATIONS, add_mood, step))
        with pytest.raises(
            JournalError, match=r"cannot be migrated to version 4 .*it is unchanged"
        ):
            open_journal(whole, Clock())
    with open_journal(whole, Clock()) as journal:
        assert len(list(journal.decisions())) == len(journal.intents()) == 100
        assert journal.fills() == []
    assert ask(whole, "SELECT count(*) FROM pragma_table_info('sessions') WHERE name = 'mood'") == 0


def test_no_migration_under_the_feet_of_a_session_of_an_older_program(
    whole: Path, monkeypatch: pytest.MonkeyPatch
):
    with open_journal(whole, Clock()) as journal:
        monkeypatch.setattr(opening, "MIGRATIONS", (*MIGRATIONS, add_mood))
        with pytest.raises(JournalError, match="in use by another session"):
            open_journal(whole, Clock(), locked=False)
        decide(journal, START + 200 * MINUTE)
    with open_journal(whole, Clock(), locked=False) as reader:
        assert is_decided(reader, START + 200 * MINUTE)


def test_a_place_where_no_file_can_be_is_reported(tmp_path: Path):
    (tmp_path / "file").write_text("")
    for place in (
        tmp_path / "file" / "paper.sqlite",
        tmp_path / "file" / "folder" / "paper.sqlite",
    ):
        for locked in (True, False):
            with pytest.raises(
                JournalError, match=r"cannot be (created or read|locked) .*journal\.folder"
            ):
                open_journal(place, Clock(), locked=locked)


def test_a_folder_in_place_of_the_file_is_reported(path: Path):
    path.mkdir(parents=True)
    with pytest.raises(JournalError, match="is not a file"):
        open_journal(path, Clock())


@posix
@pytest.mark.parametrize("locked", [True, False])
def test_a_read_only_folder_is_reported(*, locked: bool):
    with without_root() as folder:
        folder.chmod(0o555)
        with pytest.raises(
            JournalError, match=r"cannot be (created or read|locked) \(\[Errno 13\]"
        ):
            open_journal(folder / "paper.sqlite", Clock(), locked=locked)


@posix
def test_a_folder_that_became_read_only_is_reported_before_anything_is_ordered():
    with without_root() as folder:
        open_journal(folder / "paper.sqlite", Clock()).close()
        folder.chmod(0o555)
        for locked in (True, False):
            with pytest.raises(JournalError, match="cannot be"):
                open_journal(folder / "paper.sqlite", Clock(), locked=locked)


@posix
def test_a_read_only_file_is_reported_before_anything_is_ordered():
    with without_root() as folder:
        path = folder / "paper.sqlite"
        open_journal(path, Clock()).close()
        path.chmod(0o444)
        with open_journal(path, Clock()) as journal:
            assert journal.trading().state == "on"
            with pytest.raises(JournalError, match="cannot be written; make both writable"):
                journal.begin_session("dry-run", "{}", "1")


@posix
def test_a_copy_that_cannot_be_kept_is_reported():
    with without_root() as folder:
        path = folder / "paper.sqlite"
        path.write_bytes(b"")
        folder.chmod(0o555)
        with pytest.raises(JournalError, match=r"it is damaged .*no copy could be made"):
            open_journal(path, Clock(), locked=False)


@pytest.fixture
def busy(path: Path) -> Iterator[Journal]:
    with open_journal(path, Clock()) as journal:
        decide(journal, START, [intent(START)])
        yield journal


def sent_nothing(journal: Journal) -> None:
    """What could not be recorded is not there, in no part; what is next can be."""
    assert not is_decided(journal, START + MINUTE)
    assert list(journal.bars()) == bars(START)
    assert [one.state for one in journal.intents()] == ["planned"]
    decide(journal, START + MINUTE, [intent(START + MINUTE)])


def test_a_full_database_stops_before_the_order_and_goes_on_when_there_is_room(busy: Journal):
    with busy._database._engine.connect() as connection:  # the one connection of the pool
        connection.exec_driver_sql(
            "PRAGMA max_page_count = 1"
        )  # SQLite takes the present count instead
    many = [
        bar._replace(symbol=f"{place}") for place in range(300) for bar in bars(START + MINUTE)[:1]
    ]
    with pytest.raises(JournalUnavailableError, match="the disk is full; free disk space"):
        busy.record_decision(decision(START + MINUTE), None, many, equity(START + MINUTE), [])
    with busy._database._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    sent_nothing(busy)


@posix
def test_a_disk_that_takes_no_more_stops_before_the_order_and_goes_on_when_there_is_room(
    busy: Journal, path: Path
):
    log = beside(path, "-wal").stat().st_size
    with full_disk(log + 1000):
        for write in (
            lambda: decide(busy, START + MINUTE),
            lambda: busy.set_intent(1, "done", ""),
            lambda: busy.set_trading("off", "by hand"),
        ):
            with pytest.raises(JournalError, match="the disk"):
                write()
        assert busy.trading().state == "off"  # by its permit, which needs no room
    busy.set_trading("on", "")
    sent_nothing(busy)


@posix
def test_a_journal_that_cannot_be_made_for_lack_of_room_leaves_nothing(path: Path):
    with full_disk(2000), pytest.raises(JournalError, match=r"the disk|cannot be"):
        open_journal(path, Clock(), locked=False)
    assert open_files(path) == []
    open_journal(path, Clock()).close()


def test_a_file_that_another_process_keeps_locked_is_reported(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    with open_journal(path, Clock()) as journal:
        decide(journal, START, [intent(START)])
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalUnavailableError, match="another process keeps it locked"):
            decide(journal, START + MINUTE)
        assert journal.trading().state == "on"  # reading waits for nobody
        other.close()
        sent_nothing(journal)


@pytest.mark.parametrize("fate", ["removed", "replaced"])
def test_a_file_that_was_taken_away_is_not_written_to(busy: Journal, path: Path, fate: str):
    path.rename(beside(path, ".moved"))
    if fate == "replaced":
        shutil.copy(beside(path, ".moved"), path)
    with pytest.raises(JournalError, match="was moved, removed or replaced while in use"):
        decide(busy, START + MINUTE)
    assert path.exists() == (fate == "replaced")


def test_the_lock_is_where_the_file_is_whatever_it_is_called(path: Path, tmp_path: Path):
    path.parent.mkdir()
    link = tmp_path / "another name"
    with open_journal(path, Clock()):
        link.symlink_to(path)
        with pytest.raises(JournalError, match="in use by another session"):
            open_journal(link, Clock())
