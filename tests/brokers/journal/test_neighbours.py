"""Which accounts have their journal, or a copy of it, in a folder."""

from pathlib import Path

from brokers.journal.neighbours import account_ids, copies_of
from brokers.journal.opening import open_journal


def test_every_journal_has_its_account_and_what_is_none_has_none(tmp_path: Path) -> None:
    ids = set()
    for name in ("testnet-binance.sqlite", "testnet-binance.drill.sqlite", "old.sqlite"):
        with open_journal(tmp_path / name, lambda: 0.0) as journal:
            ids.add(journal.account_id)
    (tmp_path / "torn.sqlite").write_bytes(b"SQLite format 3\x00" + bytes(600))
    (tmp_path / "empty.sqlite").touch()
    (tmp_path / "notes.txt").write_text("no journal")
    assert len(ids) == 3 and account_ids(tmp_path) == ids


def test_a_journal_that_is_in_use_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "testnet-binance.sqlite"
    with open_journal(path, lambda: 0.0) as journal:
        journal.put("key", "value")
        before = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
        assert account_ids(tmp_path) == {journal.account_id}
        assert {file.name: file.stat().st_size for file in tmp_path.iterdir()} == before


def test_copies_are_those_of_the_account(tmp_path: Path) -> None:
    path = tmp_path / "testnet-binance.sqlite"
    with open_journal(path, lambda: 0.0) as journal:
        account = journal.account_id
    copies = [tmp_path / f"{path.name}.2026010{day}T000000Z.backup" for day in (2, 1)]
    for copy in copies:
        copy.write_bytes(path.read_bytes())
    with open_journal(tmp_path / "other.sqlite", lambda: 0.0):
        pass
    (tmp_path / "other.backup").write_bytes((tmp_path / "other.sqlite").read_bytes())
    assert copies_of(account, tmp_path) == sorted(copies)
