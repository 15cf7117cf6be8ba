"""The protocol of sd_notify against a socket of the test's own."""

import os
import threading
from collections.abc import Iterator

import pytest

from brokers.clock import Clock
from brokers.live.systemd_notify import SystemdNotifier, WatchedClock
from tests.brokers.receivers import Manager, manager_address


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest) -> Iterator[Manager]:
    with manager_address(abstract=request.param == "abstract") as address:
        one = Manager(address)
        yield one
        one.close()


def test_started_alive_status_and_stopping_are_messages_of_their_own(manager: Manager):
    systemd = SystemdNotifier({"NOTIFY_SOCKET": manager.address})
    systemd.ready()
    systemd.alive()
    systemd.status("next decision\n at 00:00")
    systemd.stopping()
    assert manager.messages() == [
        "READY=1",
        "WATCHDOG=1",
        "STATUS=next decision at 00:00",
        "STOPPING=1",
    ]


def test_a_status_is_sent_when_it_changes_and_is_short(manager: Manager):
    systemd = SystemdNotifier({"NOTIFY_SOCKET": manager.address})
    for text in ("a", "a", "b" * 1000):
        systemd.status(text)
    assert manager.messages() == ["STATUS=a", f"STATUS={'b' * 300}"]


def test_another_thread_gives_no_sign_of_life(manager: Manager):
    """A thread of its own would say that a session which hangs is alive."""
    systemd = SystemdNotifier({"NOTIFY_SOCKET": manager.address})
    systemd.alive()
    systemd.ready()
    manager.messages()
    other = threading.Thread(target=systemd.alive)
    other.start()
    other.join()
    assert manager.messages() == []
    systemd.stopping()
    systemd.alive()
    assert manager.messages() == ["STOPPING=1"]


@pytest.mark.parametrize(
    "environment",
    [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}, {"NOTIFY_SOCKET": "/no/such"}],
)
def test_without_a_manager_that_listens_nothing_happens(environment: dict[str, str]):
    systemd = SystemdNotifier(environment)
    systemd.ready()
    systemd.alive()
    systemd.status("text")
    systemd.stopping()


def test_a_manager_that_reads_nothing_holds_up_nobody(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("brokers.live.systemd_notify.PATIENCE", 0.001)
    systemd = SystemdNotifier({"NOTIFY_SOCKET": manager.address})
    systemd.ready()
    for _ in range(600):  # more than wait in a socket's queue
        systemd.alive()
    assert len(manager.messages()) < 600


@pytest.mark.parametrize(
    ("environment", "interval"),
    [
        ({"WATCHDOG_USEC": "300000000"}, 150.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, float("inf")),
        ({"WATCHDOG_USEC": "soon"}, float("inf")),
        ({}, float("inf")),
    ],
)
def test_signs_of_life_are_due_twice_in_the_managers_interval(
    environment: dict[str, str], interval: float
):
    assert SystemdNotifier(environment).interval == interval


def test_every_step_of_a_wait_is_a_sign_of_life_whoever_waits(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
):
    """Also of one that has nothing to do with the session's own: for a fill, a ban, a late bar."""
    systemd = SystemdNotifier({"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "100000"})
    clock = WatchedClock(systemd)
    waited: list[float] = []
    monkeypatch.setattr(Clock, "sleep", lambda _, seconds: waited.append(seconds))
    monkeypatch.setattr(Clock, "monotonic", lambda _: 1000.0 + sum(waited))
    systemd.ready()
    manager.messages()
    clock.sleep(0.22)
    assert waited == pytest.approx([0.05, 0.05, 0.05, 0.05, 0.02])
    assert manager.messages() == ["WATCHDOG=1"] * (len(waited) + 1)


def test_without_a_watchdog_a_step_is_as_long_as_ever():
    assert WatchedClock(SystemdNotifier({})).longest_sleep == Clock.longest_sleep


def test_a_stopped_clock_ends_the_wait():
    clock = WatchedClock(SystemdNotifier({}))
    threading.Timer(0.05, clock.stop).start()
    clock.sleep(3600.0)
    assert clock.stopped
