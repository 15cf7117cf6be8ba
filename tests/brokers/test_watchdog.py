"""A session that hangs is noticed, killed and started again, and goes on as if nothing had been.

The test plays systemd: it listens at the socket, kills a session that gives no sign of life within
the interval it was told, and starts the next one.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from brokers.journal.records import DecisionRow
from tests.brokers.children import Children, RealPace, children, config
from tests.brokers.misfortunes import assert_sound, disturbed
from tests.brokers.receivers import SOON, UUID, Manager, Monitor, manager_address
from tests.brokers.worlds import DAY, World

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows knows neither these signals nor these sockets"
)
WATCHED = 2.0  # seconds within which the manager wants a sign of life


class Supervisor:
    """What systemd does with a service of Type=notify and WatchdogSec=."""

    def __init__(self, manager: Manager, commands: Children) -> None:
        self._manager, self._commands = manager, commands
        self.messages: list[str] = []
        self.pid = 0

    def start(self, w: World, **environment: str) -> None:
        self.messages = []
        self.pid = self._commands.start(
            w,
            "paper",
            "--config",
            str(config(w)),
            NOTIFY_SOCKET=self._manager.address,
            WATCHDOG_USEC=str(int(WATCHED * 1e6)),
            **environment,
        )

    def heard(self, message: str) -> bool:
        """Whether `message` has come from this process."""
        self.messages += self._manager.messages()
        return any(said.startswith(message) for said in self.messages)

    def restart_if_hanging(self) -> bool:
        """Kill the session if it gives no sign of life within the interval; whether it did not."""
        self._manager.messages()
        until = time.monotonic() + WATCHED
        while time.monotonic() < until:
            if "WATCHDOG=1" in self._manager.messages():
                return False
            time.sleep(0.01)
        os.kill(self.pid, signal.SIGKILL)
        assert self.ended() == -signal.SIGKILL
        return True

    def ended(self) -> int:
        """How the session has ended."""
        self.pid = 0
        return self._commands.ended()

    def stop(self) -> None:
        """End what a failed test leaves."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            self.ended()


@pytest.fixture(scope="module")
def commands() -> Iterator[Children]:
    with children() as process:
        yield process


@pytest.fixture(params=[False, True], ids=["file", "abstract"])
def supervisor(request: pytest.FixtureRequest, commands: Children) -> Iterator[Supervisor]:
    with manager_address(abstract=request.param) as address:
        manager = Manager(address)
        one = Supervisor(manager, commands)
        yield one
        one.stop()
        manager.close()


def decisions(w: World) -> list[DecisionRow]:
    with w.journal() as journal:
        return list(journal.decisions())


def wanted(rows: list[DecisionRow]) -> list[tuple[int, tuple[float, ...], tuple[float, ...]]]:
    """Bar, targets and sizes of each decision, as far as clocks and prices within a day allow."""
    return [
        (row.time, tuple(row.targets), tuple(round(size, 2) for size in row.sizes)) for row in rows
    ]


def holds(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 3 * SOON
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_session_that_is_stopped_is_restarted_and_decides_as_one_that_never_was(
    whole_folder: Path, cache: Path, tmp_path: Path, supervisor: Supervisor
) -> None:
    days = 2
    changes = {"exchange.timeout": 5.0, "allocation.band": 0.0}
    (tmp_path / "never").mkdir()
    with disturbed(whole_folder, cache, tmp_path / "never", changes) as w:
        for _ in range(days):
            w.run()
            w.clock.sleep(DAY)
        expected = wanted(decisions(w))
    (tmp_path / "stopped").mkdir()
    with disturbed(whole_folder, cache, tmp_path / "stopped", changes) as w:
        w.clock = RealPace(w.clock.now())  # type: ignore[assignment]
        for day in range(1, days + 1):
            supervisor.start(w)
            holds(lambda: supervisor.heard("READY=1"))
            holds(lambda wanted=day: len(decisions(w)) == wanted)  # type: ignore[misc]
            holds(lambda: supervisor.heard("STATUS="))
            assert not supervisor.restart_if_hanging()
            os.kill(supervisor.pid, signal.SIGSTOP)
            assert supervisor.restart_if_hanging()
            w.clock.sleep(DAY)
        assert wanted(decisions(w)) == expected
        assert_sound(w)
        with w.journal() as journal:
            assert [session.outcome for session in journal.sessions()] == [None] * days
            assert [row.kind for row in journal.incidents(9)].count("killed") == days - 1


def test_one_that_ends_says_so_to_systemd_and_to_who_watches_from_outside(
    whole_folder: Path, cache: Path, tmp_path: Path, supervisor: Supervisor
) -> None:
    monitor = Monitor()
    with disturbed(whole_folder, cache, tmp_path, {"exchange.timeout": 5.0}) as w:
        w.clock = RealPace(w.clock.now())  # type: ignore[assignment]
        supervisor.start(w, RUSSELL_GATE_HEARTBEAT_URL=monitor.url, NO_PROXY="127.0.0.1")
        # A manager that reads nothing hears nothing more.
        holds(lambda: supervisor.heard("STATUS=") and "" in monitor.paths)
        os.kill(supervisor.pid, signal.SIGTERM)
        assert supervisor.ended() == 0
        assert supervisor.heard("STOPPING=1")
        monitor.close()
        assert monitor.paths[0] == "/start"
        assert monitor.got[-1].path == f"/ping/{UUID}/log"
        assert monitor.got[-1].text == "the session has ended: stopped"
        (done,) = [one.text for one in monitor.got if one.path == f"/ping/{UUID}"]
        assert done == "the bar of 2015-10-20 00:00 UTC is decided"


def test_each_start_with_once_is_pinged_also_where_its_bar_is_decided_already(
    whole_folder: Path, cache: Path, tmp_path: Path, commands: Children
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.timeout": 5.0}) as w:
        w.clock = RealPace(w.clock.now())  # type: ignore[assignment]
        for _ in range(2):
            monitor = Monitor()
            environment = {"RUSSELL_GATE_HEARTBEAT_URL": monitor.url, "NO_PROXY": "127.0.0.1"}
            code = commands.run(w, "paper", "--once", "--config", str(config(w)), **environment)
            assert code == 0, commands.err
            monitor.close()
            assert monitor.paths == ["/start", "", "/log"]
            assert monitor.got[1].text == "the bar of 2015-10-20 00:00 UTC is decided"
            assert monitor.got[2].text == "the session has ended: done"
        assert len(decisions(w)) == 1


def test_a_start_that_fails_before_its_session_is_reported_too(
    whole_folder: Path, cache: Path, tmp_path: Path, commands: Children
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.clock = RealPace(w.clock.now())  # type: ignore[assignment]
        monitor = Monitor()
        environment = {
            "RUSSELL_GATE_HEARTBEAT_URL": monitor.url,
            "NO_PROXY": "127.0.0.1",
            "RUSSELL_GATE_API_KEY": "",
            "RUSSELL_GATE_API_SECRET": "",
        }
        code = commands.run(w, "paper", "--once", "--config", str(config(w)), **environment)
        assert code == 4
        monitor.close()
        assert monitor.paths == ["/fail"]
        assert "no API keys are set" in monitor.got[0].text
