"""A heartbeat leaves the machine: pings at a real HTTP server on 127.0.0.1."""

import base64
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers.live import heartbeat as heartbeats
from brokers.live.heartbeat import Heartbeat
from config.settings import ConfigError
from tests.brokers.prices.servers import closed_port
from tests.brokers.receivers import SOON, UUID, Log, Monitor, eventually

ROOT = Path(__file__).parents[3]


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Monitor]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(heartbeats, "RETRY_AFTER", 0.01)
    one = Monitor()
    yield one
    one.close()


def test_each_signal_has_its_address_and_a_line_of_text(monitor: Monitor):
    log = Log()
    heartbeat = Heartbeat(monitor.url, log)
    heartbeat.ping("start", "testnet has started")
    heartbeat.ping("success", "the bar of today\nis decided")
    heartbeat.ping("fail", "no prices")
    heartbeat.ping("log", "é" * 600)
    heartbeat.close(SOON)
    assert [(one.path, one.text) for one in monitor.got] == [
        (f"/ping/{UUID}/start", "testnet has started"),
        (f"/ping/{UUID}", "the bar of today is decided"),
        (f"/ping/{UUID}/fail", "no prices"),
        (f"/ping/{UUID}/log", "é" * 500),
    ]
    assert log.said == []


@pytest.mark.parametrize(
    ("form", "path"),
    [
        ("http://{host}/ping/key/slug?create=1", "/ping/key/slug/start?create=1"),
        ("http://{host}/ping/key/", "/ping/key/start"),
        ("http://{host}/key#fragment", "/key/start"),
        ("http://{host}", "/start"),
    ],
)
def test_the_signal_goes_behind_the_path(form: str, path: str, monitor: Monitor):
    heartbeat = Heartbeat(form.format(host=monitor.host), Log())
    heartbeat.ping("start", "")
    heartbeat.close(SOON)
    assert [one.path for one in monitor.got] == [path]


def test_a_login_in_the_address_is_sent_as_one(monitor: Monitor):
    heartbeat = Heartbeat(f"http://joe:p%40ss@{monitor.host}/key", Log())
    heartbeat.ping("success", "")
    heartbeat.close(SOON)
    (got,) = monitor.got
    assert got.login == f"Basic {base64.b64encode(b'joe:p@ss').decode()}"


def test_without_an_address_nothing_runs():
    threads = threading.active_count()
    heartbeat = Heartbeat("", Log())
    heartbeat.ping("start", "text")
    heartbeat.report("log", "text")
    heartbeat.close(SOON)
    assert threading.active_count() == threads


@pytest.mark.parametrize(
    "url", [UUID, f"ftp://host/{UUID}", f"https:///{UUID}", f"http://[{UUID}", f"http://a:b/{UUID}"]
)
def test_what_is_no_web_address_is_refused_without_being_shown(url: str):
    with pytest.raises(ConfigError, match="RUSSELL_GATE_HEARTBEAT_URL: not an http") as refused:
        Heartbeat(url, Log())
    assert UUID not in str(refused.value)


@pytest.mark.parametrize(
    "answer", [(503, ""), (302, ""), (200, "OK (not found)"), (200, "OK (rate limited)")]
)
def test_a_ping_that_is_not_taken_is_sent_once_more(answer: tuple[int, str], monitor: Monitor):
    monitor.answers = [answer]
    log = Log()
    heartbeat = Heartbeat(monitor.url, log)
    heartbeat.ping("success", "one")
    heartbeat.ping("success", "two")
    heartbeat.close(SOON)
    assert [(one.path, one.text) for one in monitor.got] == [
        (f"/ping/{UUID}", text) for text in ("one", "one", "two")
    ]
    assert log.said == []


def test_what_is_not_taken_twice_is_dropped_and_the_first_and_the_last_of_many_are_logged(
    monitor: Monitor,
):
    monitor.answers = [(500, ""), (404, ""), (500, ""), (200, "OK (not found)")]
    log = Log()
    heartbeat = Heartbeat(monitor.url, log)
    for text in ("one", "two", "three", "four"):
        heartbeat.ping("success", text)
    heartbeat.close(SOON)
    assert [one.text for one in monitor.got] == ["one", "one", "two", "two", "three", "four"]
    assert log.said == [
        "the heartbeat was not taken by its server: HTTP 404 Not Found",
        "the heartbeat is taken again; 2 before it were not",
    ]


def test_no_part_of_the_address_but_its_host_is_logged_or_sent(monitor: Monitor):
    secret = "MADEUPSECRET77"
    host = f"127.0.0.1:{closed_port()}"
    log = Log()
    heartbeat = Heartbeat(f"http://joe:pw@{host}/a/{UUID}?key=kk", log)
    heartbeat.ping("success", "text")
    heartbeat.close(SOON)
    (line,) = log.said
    assert "127.0.0.1" in line
    assert UUID not in line
    assert {"joe", "pw", "kk", "a"}.isdisjoint(re.split(r"\W+", line))
    heartbeat = Heartbeat(monitor.url, log, [secret])
    heartbeat.ping("fail", f"key {secret} for {monitor.url}")
    heartbeat.close(SOON)
    assert monitor.got[-1].text == "key *** for ***"


def test_pinging_does_not_wait_and_the_oldest_of_too_many_are_dropped(
    monitor: Monitor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(heartbeats, "LONGEST_QUEUE", 2)
    monitor.held.clear()
    heartbeat = Heartbeat(monitor.url, Log())
    heartbeat.ping("start", "")
    assert eventually(lambda: monitor.got)
    for text in ("one", "two", "three"):
        heartbeat.ping("success", text)
    assert len(monitor.got) == 1
    monitor.held.set()
    heartbeat.close(SOON)
    assert [one.text for one in monitor.got] == ["", "two", "three"]


def test_the_same_incident_is_pinged_once_an_hour(monitor: Monitor):
    heartbeat = Heartbeat(monitor.url, Log())
    for minute in range(3):
        heartbeat.report("log", f"data: no bar of 00:0{minute}")
    heartbeat.report("log", "data: something else")
    heartbeat.close(SOON)
    assert [one.text for one in monitor.got] == ["data: no bar of 00:00", "data: something else"]


def test_a_server_that_never_finishes_its_answer_is_given_up(
    monitor: Monitor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(heartbeats, "PING_TIMEOUT", 0.05)
    monitor.held.clear()
    log = Log()
    heartbeat = Heartbeat(monitor.url, log)
    heartbeat.ping("success", "")
    assert eventually(lambda: log.said)
    heartbeat.close(SOON)
    assert len(monitor.got) == 2
    assert log.said == ["the heartbeat was not taken by its server: no answer within 0.05 s"]


def test_closing_is_bounded_and_a_server_that_hangs_does_not_keep_the_program_from_ending():
    program = """
import sys
from loguru import logger
from brokers.live import heartbeat
heartbeat.TIMEOUT = heartbeat.PING_TIMEOUT = 3600.0  # seconds an answer may take
beat = heartbeat.Heartbeat(sys.argv[1], logger)
beat.ping("start", "text")
sys.stdin.read()
beat.close(0.1)
"""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(SOON)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/key"
        environment = os.environ | {"NO_PROXY": "127.0.0.1"}
        with subprocess.Popen(
            [sys.executable, "-c", program, url], cwd=ROOT, env=environment, stdin=subprocess.PIPE
        ) as process:
            connection, _ = silent.accept()
            with connection:
                process.communicate(timeout=2 * SOON)
        assert process.returncode == 0
