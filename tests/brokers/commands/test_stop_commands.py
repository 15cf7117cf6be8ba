"""`halt`, `flatten` and `resume` as a user types them, with a session and without one."""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import main
from backtests.commands import registration
from brokers.commands import flatten
from brokers.journal import database
from brokers.journal.opening import journal_path, open_journal
from brokers.journal.permit import is_permitted
from brokers.live import session
from config.settings import load
from tests.brokers.children import Children, children, config
from tests.brokers.journal.samples import Clock
from tests.brokers.misfortunes import assert_sound, bought, intents
from tests.brokers.test_faults_process import at, beside, eventually, killing, left_alone
from tests.exchange.proxy import DROPPED, Answer, Asked

ALL = ["BTC", "ETH", "SOL"]
JOURNAL = Path("state") / "dry-run-binance.sqlite"


def called(*words: str, typed: str = "") -> Result:
    result = CliRunner().invoke(main.app, list(words), input=typed)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def states(path: Path) -> tuple[str, str]:
    with open_journal(path, Clock(), locked=False) as journal:
        return journal.trading()[:2]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(database, "PATIENCE", 0.2)


@pytest.fixture(scope="module")
def commands() -> Iterator[Children]:
    with children() as process:
        yield process


@pytest.fixture
def journal() -> Path:
    """Of an account that a session has traded."""
    with open_journal(JOURNAL, Clock()) as opened:
        opened.begin_session("dry-run", load().model_dump_json(), "1")
    return JOURNAL


def test_halt_and_resume_act_on_the_only_journal(journal: Path) -> None:
    result = called("halt", "--reason", "looks odd")
    assert result.exit_code == 0
    assert result.stdout == (
        f"halted: nothing is ordered for {journal} until `resume`; positions are kept\n"
    )
    assert result.stderr == ""
    assert states(journal) == ("off", "looks odd")
    assert not is_permitted(journal)
    resumed = called("resume")
    assert resumed.exit_code == 0
    assert "the drawdown guard starts a new peak" in resumed.stdout
    assert states(journal) == ("on", "resumed")
    assert is_permitted(journal)


def test_a_second_halt_and_a_second_resume_say_so(journal: Path) -> None:
    called("halt", "--reason", "drawdown guard")
    again = called("halt")
    assert again.exit_code == 0
    assert "it was halted before: drawdown guard (since " in again.stdout
    assert states(journal) == ("off", "drawdown guard")
    called("resume")
    assert called("resume").stdout == f"{journal}: trading was on already; nothing has changed\n"


def test_a_halt_that_is_half_written_says_so(journal: Path) -> None:
    with closing(sqlite3.connect(journal, isolation_level=None)) as backup:
        backup.execute("BEGIN IMMEDIATE")
        result = called("halt")
    assert result.exit_code == 0
    assert "the halt is in force; its reason could not be recorded: " in result.stderr
    assert "another process keeps it locked" in result.stderr
    assert not is_permitted(journal)


def test_a_resume_that_cannot_be_written_changes_nothing(journal: Path) -> None:
    called("halt")
    with closing(sqlite3.connect(journal, isolation_level=None)) as backup:
        backup.execute("BEGIN IMMEDIATE")
        assert called("resume").exit_code == registration.RETRY_LATER
    assert not is_permitted(journal)


def test_only_buys_are_stopped_with_reduce_only(journal: Path) -> None:
    result = called("halt", "--reduce-only", "--reason", "too hot")
    assert result.exit_code == 0
    assert "nothing is bought" in result.stdout
    assert states(journal) == ("no-buys", "too hot")
    called("halt", "--reason", "stop")
    result = called("halt", "--reduce-only")
    assert result.exit_code == 0
    assert "unchanged: the account orders nothing at all (off: stop)" in result.stdout
    assert states(journal) == ("off", "stop")


@pytest.mark.parametrize("command", ["halt", "resume", "flatten"])
def test_of_several_journals_one_must_be_named(journal: Path, command: str) -> None:
    other = journal.with_name("testnet-binance.sqlite")
    open_journal(other, Clock()).close()
    result = called(command, *(("--yes",) if command == "flatten" else ()))
    assert result.exit_code == 2
    assert f"  {journal}\n  {other}" in result.stderr
    assert states(journal)[0] == states(other)[0] == "on"


def other_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text)")


NO_JOURNALS: dict[str, Callable[[Path], object]] = {
    "it is empty": Path.touch,
    "it is no database": lambda path: path.write_text("bought some, sold some\n" * 200),
    "it is another program's database": other_database,
    "it is not a file": Path.mkdir,
}


COMMANDS = ("halt", "halt --reduce-only", "resume", "flatten --yes", "status")


@pytest.mark.parametrize(
    ("words", "what", "named"),
    [
        *((words, "it is empty", False) for words in COMMANDS),
        *((words, "it is another program's database", True) for words in COMMANDS),
        ("halt", "it is no database", False),
        ("status --json", "it is not a file", True),
    ],
)
def test_a_file_that_is_no_journal_is_refused_by_its_name_and_left_alone(
    words: str, what: str, *, named: bool
) -> None:
    JOURNAL.parent.mkdir()
    NO_JOURNALS[what](JOURNAL)
    before = {path: path.is_file() and path.read_bytes() for path in JOURNAL.parent.iterdir()}
    result = called(*words.split(), *(("--set", "exchange.mode=dry-run") if named else ()))
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{JOURNAL}: is not a journal: {what}. Nothing was changed; " in result.stderr
    assert {
        path: path.is_file() and path.read_bytes() for path in JOURNAL.parent.iterdir()
    } == before


def test_a_file_that_is_no_journal_is_not_one_of_several(journal: Path) -> None:
    journal.with_name("notes.sqlite").touch()
    assert called("halt").exit_code == 0
    assert states(journal)[0] == "off"
    assert journal.with_name("notes.sqlite").stat().st_size == 0


def test_an_account_whose_journal_was_emptied_is_halted_all_the_same(journal: Path) -> None:
    """Its session may still have it open; the file stays as it is."""
    journal.write_bytes(b"")
    for words in ("resume", "halt --reduce-only"):
        assert called(*words.split()).exit_code == 2
    assert is_permitted(journal)
    result = called("halt")
    assert result.exit_code == 0
    assert "is not a journal: it is empty" in result.stderr
    assert not is_permitted(journal)
    assert journal.read_bytes() == b""


@pytest.mark.parametrize("typed", ["", "\n", "dry-run\n", "yes\n"])
def test_flatten_wants_the_name_of_the_account(journal: Path, typed: str) -> None:
    result = called("flatten", typed=typed)
    assert result.exit_code == 2
    assert "nothing was sold: the account is 'dry-run-binance'" in result.stderr
    assert states(journal)[0] == "on"


def test_flatten_of_a_journal_that_cannot_be_written_sells_nothing(journal: Path) -> None:
    with closing(sqlite3.connect(journal, isolation_level=None)) as backup:
        backup.execute("BEGIN IMMEDIATE")
        result = called("flatten", "--yes")
    assert result.exit_code == registration.RETRY_LATER
    assert "Nothing is sold and nothing has changed" in result.stderr
    assert states(journal)[0] == "on"


@pytest.mark.parametrize("mode", ["testnet", "dry-run"])
def test_flatten_sells_by_itself_where_no_session_runs(
    mode: str, whole_folder: Path, cache: Path, tmp_path: Path, commands: Children
) -> None:
    """With the settings of the last session, which it finds in the journal."""
    with beside(whole_folder, cache, tmp_path, {"exchange.mode": mode}) as w:
        w.run()
        path = journal_path(w.settings)
        assert commands.run(w, "flatten", "--yes", "--reason", "enough") == 0, commands.err
        lines = commands.out.splitlines()
        assert [line.split(":")[0].split()[::2] for line in lines[:3]] == [
            ["sell", coin] for coin in ALL
        ]
        assert all(line.endswith(" filled") for line in lines[:3])
        assert "everything is sold and trading is off until `resume`" in lines[3]
        assert states(path) == ("off", "enough; everything was sold")
        with w.journal() as journal:
            assert [len(journal.intents(row.time)) for row in journal.decisions()] == [3]
            assert [one.outcome for one in journal.sessions()] == ["done", "done"]
        if mode == "testnet":
            assert bought(w) == ALL * 2
            assert_sound(w)


def test_flatten_is_done_by_the_session_that_runs(
    whole_folder: Path, cache: Path, tmp_path: Path, commands: Children
) -> None:
    with beside(whole_folder, cache, tmp_path) as w:
        file = str(config(w))
        child = commands.start(w, "paper", "--config", file)
        eventually(lambda: [one.state for one in intents(w)] == ["done"] * 3)
        result = called("flatten", "--config", file, typed="testnet-binance\n")
        assert result.exit_code == 0, result.output
        assert result.stdout.count(" filled\n") == 3
        assert ": done, " not in result.stdout
        assert bought(w) == ALL * 2
        assert states(journal_path(w.settings))[0] == "off"
        os.kill(child, signal.SIGTERM)
        assert commands.ended() == 0, commands.err
        with w.journal() as journal:
            assert [one.outcome for one in journal.sessions()] == ["stopped"]
        assert_sound(w)


def test_flatten_takes_over_from_a_session_that_is_killed_over_it(
    whole_folder: Path, cache: Path, tmp_path: Path, commands: Children
) -> None:
    with beside(whole_folder, cache, tmp_path) as w:
        w.run()
        running: list[int] = []
        at(w, "POST", "order", 2, killing(running), after=True)
        running.append(commands.start(w, "flatten", "--yes"))
        assert commands.ended() == -signal.SIGKILL
        assert states(journal_path(w.settings))[0] == "flatten"
        left_alone(w)
        assert commands.run(w, "flatten", "--yes") == 0, commands.err
        assert bought(w) == ALL * 2
        assert_sound(w)


def test_flatten_that_cannot_reach_the_exchange_is_to_be_done_again(
    whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays asked for."""
    with beside(whole_folder, cache, tmp_path, {"exchange.mode": "dry-run"}) as w:
        w.run()
        monkeypatch.setattr(session, "pause_after", lambda *_: 0.0)
        w.venue.before_request = lambda asked, number: DROPPED
        result = called("flatten", "--yes")
        assert result.exit_code == registration.RETRY_LATER, result.output
        assert states(journal_path(w.settings))[0] == "flatten"
        pending, error = result.stderr.splitlines()[-2:]
        assert pending.endswith(
            "everything is still to be sold: start `flatten` or `paper` again; `halt` calls it off"
        )
        assert error.startswith("error: ") and "it is asked again at the next attempt" in error
        assert "the session has ended" not in result.stderr  # the error is said once


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, registration.INTERRUPTED), (signal.SIGTERM, registration.RETRY_LATER)],
)
def test_a_signal_while_the_exchange_is_away_ends_it_and_leaves_it_asked_for(
    number: int, code: int, whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with beside(whole_folder, cache, tmp_path, {"exchange.mode": "dry-run"}) as w:
        w.run()

        signals = [number]

        def away(asked: Asked, count: int) -> Answer:
            if signals:
                os.kill(os.getpid(), signals.pop())
            return DROPPED

        w.venue.before_request = away
        result = called("flatten", "--yes")
        assert result.exit_code == code, result.output
        assert result.stderr.rstrip().endswith(
            "everything is still to be sold: start `flatten` or `paper` again; `halt` calls it off"
        )
        assert states(journal_path(w.settings))[0] == "flatten"
        with w.journal() as journal:
            outcomes = {signal.SIGINT: "interrupted", signal.SIGTERM: "stopped"}
            assert journal.sessions()[-1].outcome == outcomes[number]


def test_ctrl_c_while_a_session_sells_leaves_it_asked_for(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep = time.sleep

    def interrupted(seconds: float) -> None:
        if threading.current_thread() is threading.main_thread():  # as Python does
            raise KeyboardInterrupt
        sleep(seconds)

    monkeypatch.setattr(flatten.time, "sleep", interrupted)
    with open_journal(journal, Clock()):
        result = called("flatten", "--yes")
    assert result.exit_code == registration.INTERRUPTED
    assert "everything is still to be sold: start `flatten` or `paper` again" in result.stderr
    assert states(journal)[0] == "flatten"


def test_flatten_of_an_account_that_never_traded_wants_its_configuration() -> None:
    open_journal(JOURNAL, Clock()).close()
    result = called("flatten", "--yes")
    assert result.exit_code == 2
    assert "no session has ever traded it; name its configuration" in result.stderr
    assert states(JOURNAL)[0] == "on"
