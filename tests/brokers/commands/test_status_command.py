"""`status` as a user types it, and what `paper --once` and `doctor` say about the hours."""

import json
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import brokers.commands.status  # noqa: F401  # this and the next while the library may be read
import main
import strategies.breakout  # noqa: F401
from backtests.commands import registration
from brokers.journal.opening import open_journal, read_journal_file
from brokers.journal.records import JournalError, Known
from brokers.live.status_document import StatusReport
from tests.brokers.children import Children, RealPace, children, config
from tests.brokers.journal.disks import full_disk, without_root
from tests.brokers.journal.samples import START, Clock, decide
from tests.brokers.misfortunes import disturbed

STORED = Path(__file__).parents[2] / "stored" / "0.1"
HOUR, DAY = 3600, 86_400
# The newest bar that the stored session decided on, and when.
BAR = 1_400_716_800  # 2014-05-22 00:00 UTC
posix = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows knows neither file modes nor limits of this kind"
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def called(*words: str) -> Result:
    result = CliRunner().invoke(main.app, ["status", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def stored(name: str, folder: Path = Path("state")) -> Path:
    folder.mkdir(exist_ok=True)
    return Path(shutil.copy(STORED / name / "dry-run-binance.sqlite", folder))


@pytest.mark.parametrize(
    ("name", "after", "code", "word"),
    [
        ("dry-run", HOUR, 0, "well"),
        ("dry-run", DAY + 4 * HOUR, 75, "recovering"),
        ("dry-run", 3 * DAY, 5, "needs a person"),
        ("halted", HOUR, 5, "needs a person"),
    ],
)
def test_the_exit_code_says_whether_it_is_well(
    monkeypatch: pytest.MonkeyPatch, name: str, after: int, code: int, word: str
) -> None:
    path = stored(name)
    monkeypatch.setattr(time, "time", lambda: float(BAR + after))
    shown = called()
    assert (shown.exit_code, shown.stderr) == (code, "")
    assert f"health         {word}" in shown.stdout
    document = called("--json")
    assert document.exit_code == code
    report = StatusReport.model_validate_json(document.stdout)
    assert (report.health, report.journal, report.at) == (word, str(path), BAR + after)


def test_the_document_has_a_schema_with_a_description_of_every_field_that_needs_one() -> None:
    result = CliRunner().invoke(main.app, ["config", "schema", "--document", "status"])
    schema = json.loads(result.stdout)
    assert schema["title"] == "StatusReport"
    plain = {"coin", "cash", "holdings", "kind", "severity", "text", "first", "last", "what"}
    plain |= {"until", "source", "asked_at", "version", "journal_version", "trading", "known"}
    parts = [schema, *schema["$defs"].values()]
    for part in parts:
        fields = part.get("properties", {})
        assert {name for name, field in fields.items() if "description" not in field} <= plain


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}


@pytest.mark.parametrize("killed", [True, False])
def test_a_journal_and_its_folder_are_left_as_they_were(*, killed: bool) -> None:
    """No log of SQLite's is left where none was, and that of a killed session is not written back:
    by it the next start knows that it must look for damage.
    """
    path = Path("state") / "dry-run-binance.sqlite"
    journal = open_journal(path, Clock())
    decide(journal, START)
    journal.put("key", "value")
    if killed:  # what lies in the folder then
        for name in ("", "-wal", "-shm"):
            shutil.copy(f"{path}{name}", f"elsewhere{name}")
    journal.close()
    if killed:
        for name in ("", "-wal", "-shm"):
            shutil.copy(f"elsewhere{name}", f"{path}{name}")
    before = content(path.parent)
    assert (f"{path.name}-wal" in before) == killed
    called()
    after = content(path.parent)
    assert after.keys() == before.keys()
    assert [name for name in after if after[name] != before[name] and "-shm" not in name] == []
    with read_journal_file(path) as reader:
        assert reader.get("key") == "value"


def test_several_journals_are_listed_and_a_configuration_names_one() -> None:
    stored("dry-run")
    shutil.copy("state/dry-run-binance.sqlite", "state/dry-run-kraken.sqlite")
    several = called()
    assert several.exit_code == registration.USAGE
    assert several.stderr.splitlines()[1:] == [
        "  state/dry-run-binance.sqlite",
        "  state/dry-run-kraken.sqlite",
    ]
    one = called("--set", "exchange.prices_id=kraken", "--json")
    assert json.loads(one.stdout)["journal"].endswith("dry-run-kraken.sqlite")


def test_without_a_journal_it_says_which_is_missing() -> None:
    result = called()
    assert result.exit_code == registration.USAGE
    assert "state: there is no such journal in this folder" in result.stderr


def test_a_damaged_journal_and_one_of_a_newer_program_are_refused_and_left_alone() -> None:
    path = stored("dry-run")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    newer = called()
    assert newer.exit_code == registration.STOPPED
    assert "of version 99" in newer.stderr
    path.write_bytes(path.read_bytes()[:100] + b"x" * 5000)  # SQLite's header is left
    damaged = called()
    assert damaged.exit_code == registration.STOPPED
    assert "it is damaged" in damaged.stderr
    assert [one.name for one in path.parent.iterdir() if "backup" in one.name] == []


@posix
def test_it_works_in_a_read_only_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody runs: SQLite has no log, and could not make the index of one."""
    with without_root() as folder:
        path = folder / "dry-run-binance.sqlite"
        path.write_bytes((STORED / "dry-run" / path.name).read_bytes())
        folder.chmod(0o555)
        monkeypatch.setattr(time, "time", lambda: float(BAR + HOUR))
        result = called("--set", f"journal.folder={folder}", "--json")
        assert (result.exit_code, result.stderr) == (0, "")
        assert json.loads(result.stdout)["journal_version"] == 1
        assert [one.name for one in folder.iterdir()] == [path.name]


@posix
def test_it_works_beside_a_session_in_a_folder_that_it_cannot_write() -> None:
    with without_root() as folder:
        path = folder / "dry-run-binance.sqlite"
        with open_journal(path, Clock()) as journal:
            decide(journal, START)
            folder.chmod(0o555)
            result = called("--set", f"journal.folder={folder}", "--json")
            folder.chmod(0o755)
    assert json.loads(result.stdout)["decision"]["bar"] == START
    assert json.loads(result.stdout)["session"]["running"] is True


@posix
def test_in_a_read_only_folder_the_log_of_a_killed_session_is_not_passed_over() -> None:
    """Its last decisions are in the log alone: better no status than an old one."""
    with without_root() as folder:
        path = folder / "journal.sqlite"
        with open_journal(path, Clock()) as journal:
            decide(journal, START)
            copy = folder / "copy"
            copy.mkdir()
            for name in ("", "-wal"):
                shutil.copy(f"{path}{name}", copy)
        copy.chmod(0o555)
        with (
            pytest.raises(JournalError, match="cannot be written"),
            read_journal_file(copy / path.name),
        ):
            pytest.fail("it was read")
        copy.chmod(0o755)
        with read_journal_file(copy / path.name) as reader:
            assert reader.last_decision() is not None


@posix
@pytest.mark.parametrize("running", [True, False])
def test_it_works_on_a_full_disk(*, running: bool) -> None:
    path = Path("state") / "dry-run-binance.sqlite"
    journal = open_journal(path, Clock())
    decide(journal, START)
    if not running:
        journal.close()
    with full_disk(0):
        result = called("--json")
    journal.close()
    assert json.loads(result.stdout)["decision"]["bar"] == START


@posix
def test_a_dead_session_is_not_taken_for_a_running_one_where_no_lock_can_be_tried() -> None:
    with without_root() as folder:
        path = folder / "dry-run-binance.sqlite"
        with open_journal(path, Clock()) as journal:
            decide(journal, START)
        (folder / f"{path.name}.lock").unlink(missing_ok=True)
        (folder / f"{path.name}.pid").write_text("4194305\n")  # no process has this number
        folder.chmod(0o555)
        result = called("--set", f"journal.folder={folder}", "--json")
    assert json.loads(result.stdout)["session"]["running"] is False


def test_time_is_the_exchanges_as_last_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is two hours behind: by its clock the bar had not ended yet."""
    path = Path("state") / "dry-run-binance.sqlite"
    with open_journal(path, Clock()) as journal:
        journal.put_known(Known("clock", START + HOUR, "binance, +7200.0 s", float(START)))
        decide(journal, START)
    monkeypatch.setattr(time, "time", lambda: START - 1.5 * HOUR)
    report = json.loads(called("--json").stdout)
    assert (report["at"], report["clock_offset"]) == (START + 0.5 * HOUR, 7200.0)


# --- beside `paper` -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def commands() -> Iterator[Children]:
    with children() as process:
        yield process


@posix
def test_each_single_start_prints_one_line_and_the_status_follows(
    whole_folder: Path, cache: Path, tmp_path: Path, commands: Children
) -> None:
    """The gate is open on 2015-10-20, and 5,000 USDT are to be spent by half on Bitcoin."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.clock = RealPace(w.clock.now())
        paper = ("paper", "--once", "--config", str(config(w)))
        assert commands.run(w, *paper) == 0, commands.err
        (line,) = commands.out.splitlines()
        assert line.startswith("decided the bar of 2015-10-20 00:00 UTC: Gate confirmed since ")
        assert "orders: buy " in line and " BTC: filled, " in line
        hours = "possible from 00:00 to 03:00 UTC, next at 2015-10-21 00:00 UTC"
        assert f"; next decision at 2015-10-21 00:00 UTC; buys {hours}; trading on" in line

        assert commands.run(w, *paper) == 0, commands.err
        (line,) = commands.out.splitlines()
        assert line.startswith("already decided the bar of 2015-10-20 00:00 UTC; orders: buy ")
        assert "hours:" not in commands.err  # nothing to say within them

        assert commands.run(w, "status", "--json", "--config", str(config(w))) == 0, commands.err
        report = StatusReport.model_validate_json(commands.out)
        assert report.account is not None and report.account.equity is not None
        bitcoin = report.account.holdings[0]
        assert bitcoin.value == pytest.approx(bitcoin.target, rel=0.02)  # bought, no bar later
        owned = w.owned()
        assert bitcoin.units == pytest.approx(owned["BTC"], rel=1e-9)
        assert report.account.cash == pytest.approx(5_000.0 + owned["USDT"], rel=1e-9)

        w.clock.sleep(8 * HOUR)
        assert commands.run(w, *paper) == 0, commands.err
        (line,) = commands.out.splitlines()
        assert "buys possible from 00:00 to 03:00 UTC, not before 2015-10-21 00:00 UTC" in line
        assert "hours: buys are possible from 00:00 to 03:00 UTC, not before" in commands.err

        assert commands.run(w, "halt", "--config", str(config(w)), "--reason", "a test") == 0
        assert commands.run(w, "status", "--config", str(config(w))) == 5
        assert "nothing is ordered: a test" in commands.out


@posix
def test_a_first_start_at_noon_says_when_something_can_be_bought(
    whole_folder: Path, cache: Path, tmp_path: Path, commands: Children
) -> None:
    with disturbed(whole_folder, cache, tmp_path, start="2015-10-20 12:00:00") as w:
        w.clock = RealPace(w.clock.now())
        assert commands.run(w, "paper", "--once", "--config", str(config(w))) == 0, commands.err
        said = "buys are possible from 00:00 to 03:00 UTC, not before 2015-10-21 00:00 UTC"
        assert sum(said in line for line in commands.err.splitlines()) == 1
        (line,) = commands.out.splitlines()
        assert "not before 2015-10-21 00:00 UTC" in line
        commands.run(w, "doctor", "--config", str(config(w)))
        assert f"hours {said} (paper.max_decision_age)" in " ".join(commands.out.split())
        assert w.owned()["BTC"] == 0.0
