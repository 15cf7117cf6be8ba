"""The fault catalogue, rows 50 to 59: what becomes of a session whose process, clock or disk fails.

`tests/proofs/kills.py` kills at every request and at every write; here are the moments the
catalogue names.
"""

import gc
import os
import resource
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import main
from backtests.commands import registration
from backtests.engine.live import live_strategy
from brokers.clock import SimulatedClock
from brokers.commands.paper import build_session
from brokers.journal import database
from brokers.journal.opening import journal_path
from brokers.journal.records import DecisionRow, JournalError
from brokers.live.observation import observe_session
from strategies.breakout import STATES
from tests.brokers.children import Children, RealPace, children, config
from tests.brokers.misfortunes import (
    START,
    assert_as_undisturbed,
    assert_sound,
    attempts,
    bought,
    change,
    disturbed,
    incident_texts,
    intents,
    posts,
    undisturbed,
)
from tests.brokers.worlds import DAY, SECRETS, World, epoch
from tests.exchange.account import KEY, SECRET
from tests.exchange.proxy import DROPPED, Answer, Asked

ALL = ["BTC", "ETH", "SOL"]
FIRST = epoch("2015-10-20")
HOUR = 3600.0
PATIENT = {"exchange.timeout": 5.0}  # of a real child on a busy machine
posix = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows knows neither these signals nor these limits"
)


@pytest.fixture(scope="module")
def commands() -> Iterator[Children]:
    with children() as process:
        yield process


@contextmanager
def beside(
    folder: Path, cache: Path, place: Path, changes: dict[str, Any] | None = None
) -> Iterator[World]:
    """A world whose time is that of a child process too."""
    with disturbed(folder, cache, place, PATIENT | (changes or {})) as w:
        w.clock = RealPace(w.clock.now())
        yield w


def at(
    w: World,
    method: str,
    path: str,
    nth: int,
    act: Callable[[], Answer | None],
    *,
    after: bool = False,
) -> None:
    """Let `act` happen at the `nth` request of an endpoint, before it is executed or `after`.

    Its answer, if it has one, is sent.
    """
    seen = [0]

    def hook(asked: Asked, number: int) -> Answer | None:
        if (asked.method, asked.path) != (method, f"/api/v3/{path}"):
            return None
        seen[0] += 1
        return act() if seen[0] == nth else None

    if after:
        w.venue.after_request = hook
    else:
        w.venue.before_request = hook


def killing(
    running: list[int], answer: Answer | None = None, number: int = 9
) -> Callable[[], Answer | None]:
    def act() -> Answer | None:
        os.kill(running[0], number)
        return answer

    return act


def left_alone(w: World) -> None:
    w.venue.before_request = w.venue.after_request = None


def decisions(w: World) -> list[DecisionRow]:
    with w.journal() as journal:
        return list(journal.decisions())


def outcomes(w: World) -> list[str | None]:
    """How each session ended, None where it was killed."""
    with w.journal() as journal:
        return [one.outcome for one in journal.sessions()]


def command(w: World, *words: str) -> Result:
    """`paper --once` in this process, with the real clock: for what fails before time matters."""
    return CliRunner().invoke(
        main.app,
        ["paper", "--once", "--config", str(config(w)), *words],
        env={"RUSSELL_GATE_API_KEY": KEY} | SECRET_TOO,
    )


SECRET_TOO = {"RUSSELL_GATE_API_SECRET": SECRET}


@posix
@pytest.mark.parametrize("nth", [1, 3])
def test_fault_50_killed_after_the_order_was_accepted(
    whole_folder: Path, cache: Path, tmp_path: Path, commands: Children, nth: int
) -> None:
    with beside(whole_folder, cache, tmp_path) as w:
        running: list[int] = []
        at(w, "POST", "order", nth, killing(running), after=True)
        running.append(commands.start(w, "paper", "--once", "--config", str(config(w))))
        assert commands.ended() == -signal.SIGKILL
        assert bought(w) == ALL[:nth]
        assert [one for one in attempts(w) if one[2] != "filled"] == [(ALL[nth - 1], 1, "sent")]
        left_alone(w)
        w.run()  # the dead session's lock is still there
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert bought(w) == ALL
        assert attempts(w) == [(coin, 1, "filled") for coin in ALL]
        assert len(decisions(w)) == 1
        assert outcomes(w) == [None, "done"]


@posix
def test_fault_51_killed_before_the_order_left(
    whole_folder: Path, cache: Path, tmp_path: Path, commands: Children
) -> None:
    with beside(whole_folder, cache, tmp_path) as w:
        running: list[int] = []
        at(w, "POST", "order", 2, killing(running, DROPPED))
        running.append(commands.start(w, "paper", "--once", "--config", str(config(w))))
        assert commands.ended() == -signal.SIGKILL
        assert bought(w) == ["BTC"]
        left_alone(w)
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert attempts(w) == [
            ("BTC", 1, "filled"),
            ("ETH", 1, "absent"),
            ("ETH", 2, "filled"),
            ("SOL", 1, "filled"),
        ]


OTHER_WEIGHTS = {
    "coins": "[{name='BTC',history='BTC-USD',market='BTC/USDT',weight=0.1,lag_days=0},"
    "{name='ETH',history='ETH-USD',market='ETH/USDT',weight=0.3,lag_days=0},"
    "{name='SOL',history='SOL-USD',market='SOL/USDT',weight=0.6,lag_days=0}]"
}


@posix
@pytest.mark.parametrize("later", [0, DAY], ids=["same bar", "next bar"])
def test_fault_51_killed_between_two_legs(
    whole_folder: Path, cache: Path, tmp_path: Path, commands: Children, later: int
) -> None:
    """Weights have changed: BTC is sold, and SOL still to be bought."""
    with beside(whole_folder, cache, tmp_path) as w:
        w.run()
        w.clock.sleep(DAY)
        change(w, whole_folder, cache, PATIENT | OTHER_WEIGHTS)
        running: list[int] = []
        at(w, "GET", "depth", 2, killing(running, DROPPED))
        running.append(commands.start(w, "paper", "--once", "--config", str(config(w))))
        assert commands.ended() == -signal.SIGKILL
        assert [(one.symbol, one.state) for one in intents(w)[3:]] == [
            ("BTC", "done"),
            ("SOL", "planned"),
        ]
        left_alone(w)
        w.clock.sleep(later)
        w.run()
        assert [(order.market.base, order.side) for order in w.venue.orders[3:]] == [
            ("BTC", "SELL"),
            ("SOL", "BUY"),
        ]
        (_, state, why), *anew = [(one.symbol, one.state, one.why) for one in intents(w)[4:]]
        if later:  # planned anew on the newer bar
            assert (state, why) == ("abandoned", "a newer bar has closed")
            assert [one[:2] for one in anew] == [("SOL", "done")]
        else:
            assert (state, anew) == ("done", [])
        with w.journal() as journal:
            assert 0.0 < 5000.0 + w.owned()["USDT"] < 0.05 * journal.equity()[-1].value
        assert_sound(w)


def test_fault_52_five_restarts_within_one_bar_are_one_set_of_orders(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        for _ in range(6):
            w.run()
            w.clock.sleep(HOUR)
        assert bought(w) == ALL
        assert len(posts(w)) == 3
        assert [row.time for row in decisions(w)] == [FIRST]
        assert outcomes(w) == ["done"] * 6


@posix
def test_fault_53_a_second_instance_is_refused_before_it_asks_anything(
    whole_folder: Path, cache: Path, tmp_path: Path, commands: Children
) -> None:
    with beside(whole_folder, cache, tmp_path) as w, w.journal(locked=True):
        assert (
            commands.run(w, "paper", "--once", "--config", str(config(w))) == registration.STOPPED
        )
        assert (
            f"is in use by another session (process {os.getpid()}); stop that one first: "
            "an account has one session" in commands.err
        )
        assert list(w.network.asked) == []


def test_fault_53_the_lock_of_a_dead_instance_holds_nobody_up(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        path = journal_path(w.settings)
        path.parent.mkdir()
        path.with_name(f"{path.name}.lock").touch()
        path.with_name(f"{path.name}.pid").write_text("4194303\n")
        w.run()
        assert bought(w) == ALL


ENDS = [(signal.SIGTERM, 0, "stopped"), (signal.SIGINT, registration.INTERRUPTED, "interrupted")]


@posix
@pytest.mark.parametrize(("number", "code", "outcome"), ENDS, ids=["SIGTERM", "SIGINT"])
def test_fault_54_a_signal_in_the_middle_of_a_cycle(
    whole_folder: Path,
    *,
    cache: Path,
    tmp_path: Path,
    commands: Children,
    number: int,
    code: int,
    outcome: str,
) -> None:
    with beside(whole_folder, cache, tmp_path) as w:
        running: list[int] = []
        at(w, "POST", "order", 2, killing(running, number=number), after=True)
        running.append(commands.start(w, "paper", "--config", str(config(w))))
        assert commands.ended() == code, commands.err
        assert "Traceback" not in commands.err
        assert [(one.symbol, one.state) for one in intents(w)] == [
            ("BTC", "done"),
            ("ETH", "done"),
            ("SOL", "planned"),
        ]
        assert outcomes(w) == [outcome]
        assert_sound(w)
        left_alone(w)
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert bought(w) == ALL


@posix
def test_fault_54_a_signal_while_the_next_bar_is_waited_for(
    whole_folder: Path, cache: Path, tmp_path: Path, commands: Children
) -> None:
    with beside(whole_folder, cache, tmp_path) as w:
        child = commands.start(w, "paper", "--config", str(config(w)))
        eventually(
            lambda: len(w.venue.orders) == 3 and [one.state for one in intents(w)] == ["done"] * 3
        )
        os.kill(child, signal.SIGTERM)
        assert commands.ended() == 0, commands.err
        assert outcomes(w) == ["stopped"]
        assert_sound(w)


def eventually(holds: Callable[[], bool], within: float = 300.0) -> None:
    ends = time.monotonic() + within
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.05)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5000])


def filled_with_garbage(path: Path) -> None:
    path.write_bytes(b"\x00garbage" * 1000)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def of_version(number: int) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA user_version = {number}")

    return change


DAMAGES = {
    "truncated": cut,
    "garbage": filled_with_garbage,
    "empty": emptied,
    "older": of_version(0),
    "newer": of_version(99),
}


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_fault_55_a_damaged_journal_is_refused_and_kept(
    whole_folder: Path, cache: Path, tmp_path: Path, damage: str
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        path = journal_path(w.settings)
        good = tmp_path / "good"
        shutil.copy(path, good)
        DAMAGES[damage](path)
        spoiled, asked = path.read_bytes(), len(w.network.asked)
        result = command(w)
        assert result.exit_code == registration.STOPPED
        assert (
            result.stderr.startswith(f"error: {path}: it is") and "Traceback" not in result.stderr
        )
        assert "replace it with an earlier backup" in result.stderr
        assert path.read_bytes() == spoiled
        assert [copy.read_bytes() for copy in path.parent.glob("*.backup")] == [spoiled]
        assert len(w.network.asked) == asked
        shutil.copy(good, path)
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert bought(w) == ALL


@posix
def test_fault_56_a_full_disk_stops_before_the_order(
    whole_folder: Path, cache: Path, tmp_path: Path, commands: Children
) -> None:
    with beside(whole_folder, cache, tmp_path) as w:
        running: list[int] = []
        log = journal_path(w.settings).with_name(f"{journal_path(w.settings).name}-wal")

        def fill() -> None:
            resource.prlimit(
                running[0], resource.RLIMIT_FSIZE, (log.stat().st_size, resource.RLIM_INFINITY)
            )

        at(w, "GET", "depth", 2, fill)
        running.append(commands.start(w, "paper", "--once", "--config", str(config(w))))
        assert commands.ended() == registration.STOPPED, commands.err
        assert "the disk" in commands.err.splitlines()[-1]
        assert bought(w) == ["BTC"]
        assert len(posts(w)) == 1
        left_alone(w)
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


def test_fault_56_a_journal_that_another_keeps_locked_stops_before_the_order(
    whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.2)
    with disturbed(whole_folder, cache, tmp_path) as w, ExitStack() as held:

        def lock() -> None:
            other = held.enter_context(
                closing(
                    sqlite3.connect(
                        journal_path(w.settings), isolation_level=None, check_same_thread=False
                    )
                )
            )
            other.execute("BEGIN IMMEDIATE")

        at(w, "GET", "depth", 1, lock)
        with pytest.raises(
            JournalError, match="another process keeps it locked; end that one and try again"
        ):
            w.run()
        assert posts(w) == []
        left_alone(w)
        held.close()
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


@posix
def test_fault_56_a_folder_that_cannot_be_written_stops_before_anything(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        result = command(w, "--set", "journal.folder=/proc/nowhere")
        assert result.exit_code == registration.STOPPED
        assert "make its folder writable, free disk space, or set journal.folder" in result.stderr
        assert list(w.network.asked) == []


@pytest.mark.parametrize(("seconds", "nth"), [(-40.0, 1), (-2.0, 3), (1.5, 2), (40.0, 1)])
def test_fault_57_a_clock_that_is_off_is_set_and_the_order_sent_once(
    whole_folder: Path, cache: Path, tmp_path: Path, seconds: float, nth: int
) -> None:
    """Ours is so many seconds behind (ahead, if negative), from that order on."""
    with disturbed(whole_folder, cache, tmp_path) as w:

        def jump() -> None:
            w.venue.clock_offset += seconds

        at(w, "POST", "order", nth, jump)
        observer = w.run()
        assert [incident.severity for incident in observer.incidents] == ["info"]
        assert bought(w) == ALL
        assert sorted(attempts(w)) == [(coin, 1, "filled") for coin in ALL]
        refused = seconds <= -1.0 or seconds > w.settings.exchange.recv_window / 1000
        assert [one["symbol"] for one in posts(w)].count(f"{ALL[nth - 1]}USDT") == 1 + refused
        assert w.venue.conserved()


class Suspended(SimulatedClock):
    """Sleeps `extra` seconds longer, once, at the first wait of more than an hour."""

    def __init__(self, now: float, extra: float) -> None:
        super().__init__(now)
        self._extra = extra

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if seconds > HOUR:
            self._now += self._extra
            self._extra = 0.0


@pytest.mark.parametrize(("hours", "late"), [(72, False), (82, True)])
def test_fault_58_after_three_days_of_sleep_there_is_one_decision(
    whole_folder: Path, cache: Path, tmp_path: Path, hours: int, *, late: bool
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        w.venue.person.sell("ETHUSDT", "30")
        w.clock = Suspended(w.clock.now(), hours * HOUR)
        observer = w.run(once=False, until="2015-10-24 12:00")
        assert [row.time for row in decisions(w)] == [FIRST, epoch("2015-10-24")]
        assert bought(w) == ALL + ["ETH"] * (
            1 if late else 2
        )  # the person's, and unless it is too late ours
        assert [
            text.startswith("Too late to buy (10 h after its bar; limit 3 h): ")
            for text in incident_texts(observer.incidents, "late")
        ] == [True] * late
        w.run(once=False, until="2015-10-25 00:00:10")
        assert [row.time for row in decisions(w)] == [
            FIRST,
            epoch("2015-10-24"),
            epoch("2015-10-25"),
        ]
        assert bought(w) == [*ALL, "ETH", "ETH"]


def test_fault_58_a_sleep_between_two_legs_leaves_no_old_order_behind(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        at(w, "GET", "depth", 2, lambda: w.clock.sleep(3 * DAY))
        observer = w.run(once=False, until="2015-10-24 00:00:10")
        assert [row.time for row in decisions(w)] == [
            FIRST,
            epoch("2015-10-23"),
            epoch("2015-10-24"),
        ]
        old = [one for one in intents(w) if one.time == FIRST]
        assert [(one.symbol, one.state) for one in old][::2] == [
            ("BTC", "done"),
            ("SOL", "abandoned"),
        ]
        assert any(
            "max_decision_age" in text for text in incident_texts(observer.incidents, "abandoned")
        )
        assert sorted(bought(w)) == ALL
        assert_sound(w)


def test_fault_58_a_clock_set_back_is_reported_and_waited_for(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        w.clock = SimulatedClock(epoch(START) - 2 * DAY)
        observer = w.run(once=False, until="2015-10-21 00:00:10")
        (first, *_) = incident_texts(observer.incidents, "clock")
        assert first.startswith(
            "the clock shows 2015-10-18 00:00 UTC, but the bar of 2015-10-20 00:00 UTC is decided "
            "already: the clock may have been set back"
        )
        assert [row.time for row in decisions(w)] == [FIRST, FIRST + DAY]
        assert bought(w) == ALL


def test_fault_58_new_yorks_change_of_time_moves_no_bar(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(
        whole_folder, cache, tmp_path, {"paper.patience": 0.0}, start="2015-10-31 00:00:02"
    ) as w:
        w.run(once=False, until="2015-11-03 00:00:10")
        assert [row.time for row in decisions(w)] == [
            epoch(day) for day in ("2015-10-31", "2015-11-01", "2015-11-02", "2015-11-03")
        ]
        with w.journal() as journal:
            assert [row.known_at for row in journal.gate_rows()] == [
                epoch("2015-10-30 20:30"),
                epoch("2015-11-02 21:30"),
            ]
        assert bought(w) == ALL


def minutes(w: World) -> Callable[[str, str], list[tuple[float, ...]]]:
    """Candles of a minute for one day, beside those of a day."""
    daily = w.candles

    def candles(symbol: str, interval: str) -> list[tuple[float, ...]]:
        rows = daily(symbol, "1d")
        if interval == "1d":
            return rows
        today = next(row for row in rows if row[0] == FIRST * 1000)
        return [((FIRST + minute * 60) * 1000, *[today[1]] * 4, 1.0) for minute in range(1440)]

    return candles


def kept_in_memory() -> Counter[str]:
    """Living objects by the package their type is of."""
    gc.collect()
    found = Counter(str(type(one).__module__).partition(".")[0] for one in gc.get_objects())
    return Counter(
        {
            name: found[name]
            for name in ("backtests", "backtrader", "brokers", "pandas", "sqlalchemy", "strategies")
        }
    )


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0


def test_fault_59_many_bars_leave_nothing_behind(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """With everything the command has: log, notifier, dead man's switch, the exchange's client."""
    changes = {
        "exchange.timeframe": "1m",
        "exchange.timeout": 30.0,
        "log.rotation": 0.01,
        "log.keep": 2,
    }
    with disturbed(
        whole_folder, cache, tmp_path, changes, start="2015-10-20 00:10:00", downloads=True
    ) as w:
        w.venue.candles = minutes(w)
        seen: list[tuple[Counter[str], int, int, int]] = []

        def look(asked: Asked, number: int) -> None:
            """Once a bar, while the session waits for an answer."""
            if asked.path.endswith("/account"):
                state = journal_path(w.settings).stat().st_size
                seen.append(
                    (
                        kept_in_memory() if len(seen) in (10, 30) else Counter(),
                        threading.active_count(),
                        open_files(),
                        state,
                    )
                )

        with (
            w.journal(locked=True) as journal,
            observe_session(w.settings, SECRETS, journal, STATES, console=False) as observer,
        ):
            session = build_session(
                w.settings,
                SECRETS,
                live_strategy(w.settings),
                journal=journal,
                clock=w.clock,
                observer=observer,
            )
            w.venue.after_request = look
            session.run(until=epoch("2015-10-20 00:42"))
            session.end("done")
        assert len(decisions(w)) == 32
        (early, *counts, size), (late, *others, grown) = seen[10], seen[30]
        assert {
            name: count - early[name] for name, count in late.items() if count > early[name] + 10
        } == {}
        assert others <= [count + 2 for count in counts]
        assert grown - size <= 20 * 2000
        logs = [file.stat().st_size for file in (tmp_path / "logs").iterdir()]
        assert len(logs) == 3
        assert max(logs) < 15_000
