"""The forward record is only added to: one whole row a session and digest, whatever happens."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from brokers.journal import forward_record
from brokers.journal.forward_record import (
    HEADER,
    ForwardError,
    ForwardRow,
    append_forward,
    read_forward,
)
from tests.brokers.journal.disks import fill, full_disk, small_disk, without_root
from tests.brokers.journal.samples import ROOT

FIRST = datetime(2026, 1, 22, 21, 15, tzinfo=UTC)
ROW = ForwardRow(
    known_at=FIRST,
    rules_digest="0123456789ab",
    state="confirmed",
    ceiling=0.75,
    index_close=2718.7700195312,
    coin_closes={"BTC-USD": 89376.9609375, "GC=F": 0.1},
    sources={"^RUT": "yahoo", "GC=F": "folder", "BTC-USD": "exchange"},
    written_at=FIRST + timedelta(minutes=3),
)
WRITING = """
import sys, time
from datetime import timedelta
from pathlib import Path
from brokers.journal import forward_record
from brokers.journal.forward_record import append_forward
from tests.brokers.journal.test_forward_record import ROW, at
path, number, of = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
add = forward_record._add
# Whoever has looked and not yet written leaves time for others to look.
forward_record._add = lambda path, line: (time.sleep(0.003), add(path, line))
print("ready", flush=True)
sys.stdin.readline()
for day in range(of):
    row = at(day)._replace(written_at=at(day).written_at + timedelta(seconds=number))
    print(day, append_forward(path, row), flush=True)
"""


def at(day: int, digest: str = "0123456789ab") -> ForwardRow:
    """The row of another session."""
    later = timedelta(days=day)
    return ROW._replace(
        known_at=FIRST + later, written_at=ROW.written_at + later, rules_digest=digest
    )


def writers(path: Path, processes: int, rows: int) -> list["subprocess.Popen[str]"]:
    """Processes that begin to add the same rows at a line on their input."""
    return [
        subprocess.Popen(
            [sys.executable, "-c", WRITING, str(path), str(number), str(rows)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]


def begin(children: Sequence["subprocess.Popen[str]"]) -> None:
    """Let all begin at once, when each has imported what it needs."""
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()


def append_until_full(path: Path) -> None:
    """The page of the newest row has some room left."""
    for day in range(1, 200):
        append_forward(path, at(day))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "forward.csv"


def test_a_row_is_read_back_as_it_was_written_below_a_header(path: Path) -> None:
    assert read_forward(path) == ((), 0)
    assert append_forward(path, ROW)
    assert read_forward(path) == ((ROW,), 0)
    assert path.read_text() == (
        "known_at,rules_digest,state,ceiling,index_close,coin_closes,sources,written_at\n"
        "2026-01-22T21:15:00Z,0123456789ab,confirmed,0.75,2718.7700195312,"
        "BTC-USD=89376.9609375;GC=F=0.1,^RUT=yahoo;GC=F=folder;BTC-USD=exchange,"
        "2026-01-22T21:18:00Z\n"
    )


def test_other_coins_change_neither_the_columns_nor_the_rows_before(path: Path) -> None:
    rows = (ROW, at(1)._replace(coin_closes={}, sources={}), at(2)._replace(coin_closes={"X": 1.5}))
    assert [append_forward(path, row) for row in rows] == [True] * 3
    assert read_forward(path) == (rows, 0)


def test_a_session_has_one_row_by_the_same_rules_and_a_revision_changes_nothing(path: Path) -> None:
    append_forward(path, ROW)
    before = path.read_bytes()
    revised = ROW._replace(ceiling=0.0, index_close=2600.0, state="dormant")
    assert not append_forward(path, revised)
    assert path.read_bytes() == before
    assert append_forward(path, revised._replace(rules_digest="other"))
    assert path.read_bytes().startswith(before)
    assert [row.ceiling for row in read_forward(path).rows] == [0.75, 0.0]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_record_that_a_spreadsheet_has_saved_is_read_and_goes_on(path: Path, mark: bytes) -> None:
    append_forward(path, at(1))
    path.write_bytes(mark + path.read_bytes().replace(b"\n", b"\r\n"))
    assert not append_forward(path, at(1))
    assert append_forward(path, at(2))
    assert read_forward(path) == ((at(1), at(2)), 0)


def test_a_line_cut_off_at_any_place_is_no_row_and_nothing_is_joined_to_it(path: Path) -> None:
    append_forward(path, ROW)
    whole = path.read_bytes()
    append_forward(path, at(1))
    both = path.read_bytes()
    for length in range(len(whole) + 1, len(both)):
        path.write_bytes(both[:length])
        is_whole = length == len(both) - 1  # only the end of the line is missing
        rows = (ROW, at(1)) if is_whole else (ROW,)
        assert read_forward(path) == (rows, 0 if is_whole else 1), length
        assert append_forward(path, at(1)) != is_whole
        assert append_forward(path, at(2))
        assert read_forward(path) == ((ROW, at(1), at(2)), 0 if is_whole else 1), length
        assert path.read_bytes().startswith(both[:length]), "nothing is taken away"


def test_a_header_cut_off_at_any_place_is_followed_by_a_whole_one(path: Path) -> None:
    path.parent.mkdir()
    for length in range(len(HEADER) + 1):
        path.write_text(HEADER[:length])
        assert append_forward(path, ROW)
        assert append_forward(path, at(1))
        torn = 0 if length in (0, len(HEADER)) else 1
        assert read_forward(path) == ((ROW, at(1)), torn), length


def test_zeros_that_a_power_cut_has_left_are_no_row(path: Path) -> None:
    append_forward(path, ROW)
    with path.open("ab") as file:
        file.write(bytes(40))
    assert append_forward(path, at(1))
    assert read_forward(path) == ((ROW, at(1)), 1)


@pytest.mark.parametrize("text", ["Date,Flow\n2026-01-02,5\n", "known_at,other\n", "\n"])
def test_another_file_of_that_name_is_refused_and_left_alone(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    for use in (lambda: append_forward(path, ROW), lambda: read_forward(path)):
        with pytest.raises(ForwardError, match="move it away"):
            use()
    assert path.read_text() == text


def test_processes_that_add_the_same_rows_at_once_write_each_once_and_whole(path: Path) -> None:
    children = writers(path, processes=4, rows=25)
    begin(children)
    outputs = [child.communicate(timeout=60)[0].split("\n") for child in children]
    record = read_forward(path)
    assert record.torn == 0
    assert [row.known_at for row in record.rows] == [at(day).known_at for day in range(25)]
    for day in range(25):
        assert sum(f"{day} True" in lines for lines in outputs) == 1
    assert path.read_text().count(HEADER) == 1


def test_a_process_killed_while_it_writes_leaves_what_it_reported_and_the_next_goes_on(
    path: Path,
) -> None:
    (child,) = writers(path, processes=1, rows=100_000)
    with child:
        begin([child])
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(5)]
        child.kill()
        lines += child.stdout.read().splitlines()
    rows = read_forward(path).rows
    assert len(rows) - len([line for line in lines if line.strip().endswith("True")]) in (0, 1)
    assert append_forward(path, at(200_000))
    assert [row.known_at for row in read_forward(path).rows] == [
        *(at(day).known_at for day in range(len(rows))),
        at(200_000).known_at,
    ]


@pytest.mark.parametrize("room", [1, 60, 150])
def test_a_disk_that_is_full_in_the_middle_of_a_row_keeps_nothing_of_it(
    path: Path, room: int
) -> None:
    append_forward(path, ROW)
    before = path.read_bytes()
    with full_disk(len(before) + room), pytest.raises(ForwardError, match="no row was added"):
        append_forward(path, at(1))
    assert path.read_bytes() == before
    assert append_forward(path, at(1))
    assert read_forward(path) == ((ROW, at(1)), 0)


def test_a_disk_without_room_keeps_the_record_as_it_was(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        path = disk / "forward.csv"
        append_forward(path, ROW)
        filler = fill(disk)
        with pytest.raises(ForwardError, match="No space left"):
            append_until_full(path)
        rows, torn = read_forward(path)
        assert torn == 0
        assert list(rows) == [ROW, *(at(day) for day in range(1, len(rows)))]
        filler.unlink()
        assert append_forward(path, at(500))


def test_a_folder_that_cannot_be_written_is_named(path: Path) -> None:
    with without_root() as folder:
        read_only = folder / "state"
        read_only.mkdir(mode=0o555)
        with pytest.raises(ForwardError, match=r"state/forward.csv: no row .*Permission denied"):
            append_forward(read_only / "forward.csv", ROW)
        with pytest.raises(ForwardError, match="no row was added"):
            append_forward(read_only / "new" / "forward.csv", ROW)
    path.mkdir(parents=True)
    with pytest.raises(ForwardError, match="Is a directory"):
        append_forward(path, ROW)
    with pytest.raises(ForwardError, match="cannot be read"):
        read_forward(path)


def test_a_record_that_stays_locked_is_given_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward_record, "PATIENCE", 0.05)
    append_forward(path, ROW)
    with (
        FileLock(path.with_name("forward.csv.lock")),
        pytest.raises(ForwardError, match="another process has kept it locked"),
    ):
        append_forward(path, at(1))
    assert read_forward(path) == ((ROW,), 0)
