"""Notifications received by a real HTTP server on 127.0.0.1 from the real apprise, and the alarm of
a session that hangs.
"""

import builtins
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brokers.live import dead_mans_switch, delivery, notify
from brokers.live.dead_mans_switch import DeadMansSwitch
from brokers.live.notify import EVENTS, Notifier, RepeatFilter
from config.settings import ConfigError
from tests.brokers.prices.servers import closed_port
from tests.brokers.receivers import SOON, Log, Receiver, eventually

# Apprise 2.3 loads its mail module, which on Python before 3.13 imports a module that Python 3.13
# drops.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

ROOT = Path(__file__).parents[3]
SECRET = "MADEUPSECRET77"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    one = Receiver()
    yield one
    one.close()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(delivery, "LONGEST_PAUSE", 0.05)


def test_each_event_arrives_with_its_kind_and_its_time(receiver: Receiver):
    log = Log()
    notifier = Notifier([receiver.url], EVENTS, log)
    for event in EVENTS:
        notifier.send(event, f"about {event}", "BTC 0.5 [bold]of[/] *equity*")
    notifier.close(SOON)
    assert {one["title"]: one["type"] for one in receiver.got} == {
        "about gate": "info",
        "about orders": "info",
        "about daily": "info",
        "about weekly": "info",
        "about incident": "warning",
        "about missed": "failure",
    }
    assert all(
        re.fullmatch(
            r"BTC 0.5 \[bold\]of\[/\] \*equity\*\n\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC",
            one["message"],
        )
        for one in receiver.got
    )
    assert log.said == []


def test_only_what_was_asked_for_is_sent(receiver: Receiver):
    notifier = Notifier([receiver.url], ["gate"], Log())
    for event in EVENTS:
        notifier.send(event, event, "text")
    notifier.close(SOON)
    assert receiver.titles == ["gate"]


def test_without_urls_nothing_is_imported_or_sent(monkeypatch: pytest.MonkeyPatch):
    without_apprise(monkeypatch)
    notifier = Notifier([], EVENTS, Log())
    notifier.send("gate", "opened", "text")
    notifier.close(SOON)


def without_apprise(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "apprise":
            raise ModuleNotFoundError("No module named 'apprise'", name="apprise")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)


def test_urls_without_the_package_are_a_matter_of_configuration(monkeypatch: pytest.MonkeyPatch):
    without_apprise(monkeypatch)
    with pytest.raises(
        ConfigError, match="the package apprise is not installed; run `pip install apprise`"
    ):
        Notifier(["json://127.0.0.1/hook"], EVENTS, Log())


@pytest.mark.parametrize(
    "url", [f"nosuchservice://{SECRET}", f"tgram://{SECRET}", SECRET, f"json://[{SECRET}"]
)
def test_a_url_nobody_understands_is_named_by_its_place_and_not_shown(
    url: str, capfd: pytest.CaptureFixture[str]
):
    threads = threading.enumerate()
    with pytest.raises(
        ConfigError, match=r"notification URL 2 \((\w+|no scheme)\): not a URL that apprise knows"
    ) as raised:
        Notifier(["json://127.0.0.1/hook", url], EVENTS, Log())
    assert threads == threading.enumerate()
    assert SECRET not in str(raised.value)
    assert SECRET not in "".join(capfd.readouterr())


def test_an_event_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(
        ConfigError,
        match=r"notify.events: 'order' is not an event; allowed are gate, orders, daily, "
        "weekly, incident, missed",
    ):
        Notifier([], ["gate", "order"], Log())


def test_sending_does_not_wait_for_a_service_that_hangs(receiver: Receiver):
    receiver.held.clear()
    notifier = Notifier([receiver.url], EVENTS, Log())
    notifier.send("gate", "first", "text")
    assert eventually(lambda: receiver.asked == 1)
    notifier.send("orders", "second", "text")
    assert (receiver.asked, receiver.titles) == (1, []), "it came back while the first one waits"
    receiver.held.set()
    notifier.close(SOON)
    assert receiver.titles == ["first", "second"]


def test_a_service_that_hangs_delays_no_other(receiver: Receiver):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never answers
        log = Log()
        notifier = Notifier(
            [f"json://127.0.0.1:{silent.getsockname()[1]}/hook", receiver.url], EVENTS, log
        )
        notifier.send("missed", "no decision", "text")
        notifier.send("incident", "no prices", "text")
        assert eventually(lambda: receiver.titles == ["no decision", "no prices"])
        notifier.close(0.3)
        assert [lost[:2] for lost in notifier.undelivered()] == [
            ("JSON (1)", "no decision"),
            ("JSON (1)", "no prices"),
        ]
        assert log.said == [
            "JSON (1) does not answer in time; not sent: 'no decision', 'no prices'"
        ]


def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(
    receiver: Receiver, hasty: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(notify, "TIMEOUT", 0.1)
    receiver.held.clear()
    notifier = Notifier([receiver.url], EVENTS, Log())
    notifier.send("gate", "opened", "text")
    assert eventually(lambda: receiver.asked >= 2)
    receiver.held.set()
    notifier.close(SOON)
    assert "opened" in receiver.titles


def test_a_message_is_tried_again_until_it_is_taken_and_the_failure_reported_once(
    receiver: Receiver, hasty: None, monkeypatch: pytest.MonkeyPatch
):
    heard: list[logging.LogRecord] = []
    handler = logging.NullHandler()
    monkeypatch.setattr(handler, "handle", heard.append)
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    receiver.statuses = [503, 500, 503]
    log = Log()
    notifier = Notifier([receiver.url], EVENTS, log)
    notifier.send("gate", "opened", "text")
    notifier.send("orders", "bought", "text")
    assert eventually(lambda: len(receiver.got) == 2)
    notifier.close(SOON)
    assert receiver.titles == ["opened", "bought"]
    assert receiver.asked == 5
    (line,) = log.said
    assert line.startswith("notification not sent to JSON (1), trying again: opened: ")
    assert "503" in line
    assert [
        record.name for record in heard if record.name == "apprise"
    ] == []  # its own line at every attempt


def test_pauses_grow_up_to_a_limit(receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(delivery, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(delivery, "LONGEST_PAUSE", 0.2)
    receiver.statuses = [500] * 4
    waited: list[float] = []
    wait = threading.Event.wait

    def noted(self: threading.Event, timeout: float | None = None) -> bool:
        if timeout is not None and threading.current_thread().name.startswith("notify "):
            waited.append(timeout)
        return wait(self, timeout)

    monkeypatch.setattr(threading.Event, "wait", noted)
    notifier = Notifier([receiver.url], EVENTS, Log())
    notifier.send("gate", "opened", "text")
    assert eventually(lambda: receiver.got)
    notifier.close(SOON)
    assert waited == [0.05, 0.1, 0.2, 0.2]


def test_a_message_nobody_takes_is_given_up(
    hasty: None, monkeypatch: pytest.MonkeyPatch, receiver: Receiver
):
    monkeypatch.setattr(delivery, "PATIENCE", 0.2)
    receiver.statuses = [404] * 1000
    log = Log()
    notifier = Notifier([receiver.url], EVENTS, log)
    notifier.send("gate", "opened", "text")
    assert eventually(lambda: len(log.said) == 2)
    notifier.close(SOON)
    assert "giving up: opened" in log.said[1]
    assert receiver.asked > 2


def test_closing_tries_once_more_and_ends_though_nobody_listens(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(delivery, "FIRST_PAUSE", 3600.0)  # which closing must end
    log = Log()
    notifier = Notifier([f"json://127.0.0.1:{closed_port()}/hook"], EVENTS, log)
    notifier.send("gate", "opened", "text")
    assert eventually(lambda: log.said)
    notifier.close(SOON)
    assert [line.split(": ")[0] for line in log.said] == [
        "notification not sent to JSON (1), trying again",
        "notification not sent to JSON (1), giving up",
    ]


def test_the_oldest_of_the_least_important_is_dropped_when_too_many_wait_and_reported(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(delivery, "LONGEST_QUEUE", 3)
    receiver.held.clear()
    log = Log()
    notifier = Notifier([receiver.url], EVENTS, log)
    notifier.send("orders", "on its way", "text")
    assert eventually(lambda: receiver.asked == 1)
    notifier.send("incident", "incident", "text")
    for number in range(4):
        notifier.send("orders", f"number {number}", "text")
    assert log.said == [
        f"notification dropped, 3 others wait for JSON (1): number {number}" for number in (0, 1)
    ]
    receiver.held.set()
    assert eventually(lambda: len(receiver.got) == 5)
    notifier.close(SOON)
    assert receiver.titles == [
        "on its way",
        "incident",
        "Russell Gate: undelivered",
        "number 2",
        "number 3",
    ]
    assert receiver.got[2]["message"].startswith("JSON (1): number 0: text")
    assert "JSON (1): number 1: text" in receiver.got[2]["message"]
    assert notifier.undelivered() == []


def test_what_waits_is_sent_by_importance_and_the_end_first_of_all(receiver: Receiver):
    receiver.held.clear()
    notifier = Notifier([receiver.url], EVENTS, Log())
    notifier.send("daily", "on its way", "text")
    assert eventually(lambda: receiver.asked == 1)
    for event in ("weekly", "daily", "gate", "orders", "incident", "missed"):
        notifier.send(event, event, "text")
    notifier.send("incident", "has ended", "text", first=True)
    receiver.held.set()
    notifier.close(SOON)
    assert receiver.titles == [
        "on its way",
        "has ended",
        "incident",
        "missed",
        "gate",
        "orders",
        "weekly",
        "daily",
    ]


def test_one_that_is_tried_again_lets_a_more_important_one_pass(
    receiver: Receiver, hasty: None, monkeypatch: pytest.MonkeyPatch
):
    receiver.statuses = [500]
    receiver.held.clear()
    notifier = Notifier([receiver.url], EVENTS, Log())
    notifier.send("daily", "daily", "text")
    assert eventually(lambda: receiver.asked == 1)
    notifier.send("incident", "incident", "text")
    receiver.held.set()
    assert eventually(lambda: len(receiver.got) == 2)
    notifier.close(SOON)
    assert receiver.titles == ["incident", "daily"]


def test_what_is_not_delivered_in_time_is_known_the_most_important_first(receiver: Receiver):
    """A service so slow that the end of a session comes before its answer."""
    receiver.held.clear()
    log = Log()
    notifier = Notifier([receiver.url], EVENTS, log, [SECRET])
    notifier.send("daily", "daily", "text")
    assert eventually(lambda: receiver.asked == 1)
    notifier.send("orders", "orders", "text")
    notifier.send("incident", "has ended", f"because of {SECRET}", first=True)
    notifier.close(0.05)
    lost = notifier.undelivered()
    assert [entry.title for entry in lost] == ["daily", "has ended", "orders"]
    assert lost[1].text.startswith("because of ***\n")
    receiver.held.set()
    assert eventually(lambda: receiver.titles == ["daily"])
    assert eventually(lambda: notifier.undelivered() == [])  # it has arrived after all


def test_what_was_given_up_is_reported_to_the_service_when_it_answers_again(
    hasty: None, monkeypatch: pytest.MonkeyPatch, receiver: Receiver
):
    monkeypatch.setattr(delivery, "PATIENCE", 0.0)
    receiver.statuses = [500]
    log = Log()
    notifier = Notifier([receiver.url], EVENTS, log)
    notifier.send("orders", "bought", "text")
    assert eventually(lambda: any("giving up" in line for line in log.said))
    assert notifier.undelivered()[0][:2] == ("JSON (1)", "bought")
    notifier.send("daily", "daily", "text")
    assert eventually(lambda: len(receiver.got) == 2)
    notifier.close(SOON)
    assert receiver.titles == ["daily", "Russell Gate: undelivered"]
    assert receiver.got[1]["message"].startswith("JSON (1): bought: text")


def test_a_service_that_sends_its_answer_a_byte_at_a_time_is_given_up(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(delivery, "DELIVERY_TIMEOUT", 0.1)
    receiver.held.clear()
    log = Log()
    notifier = Notifier([receiver.url], EVENTS, log)
    notifier.send("gate", "opened", "text")
    assert eventually(lambda: log.said)
    receiver.held.set()
    notifier.close(SOON)
    assert log.said[0].endswith("trying again: opened: no answer within 0.1 s")


@pytest.mark.parametrize("topic", ["mySecretTopic", "plan", "x"])
def test_no_part_of_an_address_is_logged_when_its_service_fails(
    topic: str, monkeypatch: pytest.MonkeyPatch
):
    """ntfy's topic is its only secret; with a server of one's own it is the path."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    receiver = Receiver()
    receiver.statuses = [403] * 4
    log = Log()
    url = f"ntfy://someone:pw@127.0.0.1:{receiver.server.server_address[1]}/{topic}"
    notifier = Notifier([url], EVENTS, log)
    for answer in (
        f"topic {topic} of someone is reserved, see ntfy.example/{topic}?auth=pw",
        f"HTTPConnectionPool(host='h'): Max retries exceeded with url: /{topic}",
    ):
        monkeypatch.setattr(notifier._services[0], "_post", lambda _, said=answer: said)
        notifier.send("gate", f"about {answer[:5]}", "text")
        assert eventually(lambda: log.said)
    notifier.close(SOON)
    receiver.close()
    said = " ".join(log.said)
    assert "Max retries exceeded with url: /***" in said
    words = set(re.split(r"\W+", said))
    assert words.isdisjoint({topic, "someone", "pw"})


def test_an_error_inside_apprise_ends_no_thread(
    receiver: Receiver, hasty: None, monkeypatch: pytest.MonkeyPatch
):
    import apprise

    real = apprise.Apprise.notify
    faults = [RuntimeError(f"broken by {SECRET}")]

    def broken(self: Any, **options: Any) -> Any:
        if faults:
            raise faults.pop()
        return real(self, **options)

    monkeypatch.setattr(apprise.Apprise, "notify", broken)
    log = Log()
    notifier = Notifier([receiver.url], EVENTS, log, [SECRET])
    notifier.send("gate", "opened", "text")
    notifier.send("orders", "bought", "text")
    assert eventually(lambda: len(receiver.got) == 2)
    notifier.close(SOON)
    assert log.said == [
        "notification not sent to JSON (1), trying again: opened: RuntimeError: broken by ***"
    ]


def test_a_service_that_hangs_does_not_keep_the_program_from_ending():
    program = """
import sys
from loguru import logger
from brokers.live import notify
from brokers.live.dead_mans_switch import DeadMansSwitch
notify.TIMEOUT = 3600.0  # seconds an answer may take
notifier = notify.Notifier(sys.argv[1:], ["gate"], logger)
switch = DeadMansSwitch(1, print, logger)
notifier.send("gate", "opened", "text")
sys.stdin.read()
"""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(SOON)
        command = [
            sys.executable,
            "-c",
            program,
            f"json://127.0.0.1:{silent.getsockname()[1]}/hook",
        ]
        environment = os.environ | {"NO_PROXY": "127.0.0.1"}
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE) as process:
            connection, _ = silent.accept()
            with connection:
                process.communicate(timeout=2 * SOON)
        assert process.returncode == 0


def test_no_secret_is_sent_to_a_service(receiver: Receiver):
    notifier = Notifier([f"{receiver.url}?-token=querytoken99"], EVENTS, Log(), [SECRET])
    notifier.send(
        "incident",
        f"failed with {SECRET}",
        f"GET /order?signature=c0ffee77c0ffee by {SECRET} and querytoken99",
    )
    notifier.close(SOON)
    assert receiver.titles == ["failed with ***"]
    assert receiver.got[0]["message"].startswith("GET /order?signature=*** by *** and ***\n")


def test_the_same_incident_is_reported_once_an_hour_with_how_often_it_came(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    notifier = Notifier([receiver.url], EVENTS, Log())
    for text in ("no answer", "no answer", "other", "no answer"):
        notifier.send("incident", "exchange", text)
    notifier.send("orders", "exchange", "no answer")
    notifier.send("orders", "exchange", "no answer")
    monkeypatch.setattr(notify, "REPEAT_PERIOD", 0.0)  # an hour later
    notifier.send("incident", "exchange", "no answer")
    notifier.close(SOON)
    said = {
        kind: [one["message"].splitlines()[0] for one in receiver.got if one["type"] == kind]
        for kind in ("warning", "info")
    }
    assert said == {
        "warning": [
            "no answer",
            "other",
            "no answer (repeated twice since the last notification)",
        ],
        "info": ["no answer", "no answer"],
    }


def test_decisions_missed_at_every_bar_are_reported_once_an_hour(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    notifier = Notifier([receiver.url], EVENTS, Log())
    for minute in range(3):
        notifier.send(
            "missed",
            "a decision is missed",
            f"no decision for the bar of 2026-01-01 00:0{minute} UTC",
        )
    monkeypatch.setattr(notify, "REPEAT_PERIOD", 0.0)  # an hour later
    notifier.send(
        "missed", "a decision is missed", "no decision for the bar of 2026-01-01 01:00 UTC"
    )
    notifier.close(SOON)
    first, last = (one["message"].splitlines()[0] for one in receiver.got)
    assert first == "no decision for the bar of 2026-01-01 00:00 UTC"
    assert (
        last == "no decision for the bar of 2026-01-01 01:00 UTC "
        "(repeated twice since the last notification)"
    )


def test_of_an_incident_that_goes_on_the_newest_text_is_reported(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    notifier = Notifier([receiver.url], EVENTS, Log())
    for text in ("no bar of 00:01", "no bar of 00:02", "no bar of 00:03"):
        notifier.send("incident", "exchange", text)
    monkeypatch.setattr(notify, "REPEAT_PERIOD", 0.0)  # an hour later
    notifier.send("incident", "exchange", "no bar of 01:01")
    notifier.close(SOON)
    told = [one["message"].splitlines()[0] for one in receiver.got]
    assert told == [
        "no bar of 00:01",
        "no bar of 01:01 (repeated twice since the last notification)",
    ]


def test_repeats_are_counted_from_the_last_time_they_were_reported():
    repeats = RepeatFilter()
    told = [
        (now, repeats.count_if_due("no answer", now))
        for now in (0.0, 1.0, 3599.9, 3600.0, 3601.0, 7200.0, 20_000.0)
    ]
    assert told == [
        (0.0, 0),
        (1.0, None),
        (3599.9, None),
        (3600.0, 2),
        (3601.0, None),
        (7200.0, 1),
        (20_000.0, 0),
    ]


def test_what_differs_in_numbers_only_is_the_same_incident():
    def late(minute: int) -> str:
        return (
            f"no coin has a bar that ended at 2015-10-20 {minute // 60:02}:{minute % 60:02} UTC: "
            "nothing is decided on old prices"
        )

    repeats = RepeatFilter()
    told = [(minute, repeats.count_if_due(late(minute), minute * 60.0)) for minute in range(121)]
    assert [one for one in told if one[1] is not None] == [(0, 0), (60, 59), (120, 59)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sell 0.5 BTC: paid -1.5", "sell 1,200 BTC: paid 2"),
        ("sell 5e-05 BTC", "sell 0.25 BTC"),
        ("from 2015-10-20T00:01:00+00:00 on", "from 2016-01-02T10:20:30.5-05:00 on"),
        (
            "order a7bqzx2maaaaaaaaaaaaaaaaaa of BTC/USDT",
            "order a7bqzx2mbcdefghijk34lmnopq of BTC/USDT",
        ),
        (
            "<HTTPSConnection object at 0x7f0a1b>: refused",
            "<HTTPSConnection object at 0x7fe2c3d4>: refused",
        ),
    ],
)
def test_numbers_times_and_ids_make_no_other_incident(one: str, other: str):
    repeats = RepeatFilter()
    assert [repeats.count_if_due(text, 0.0) for text in (one, other)] == [0, None]


@pytest.mark.parametrize(
    "other",
    [
        "exchange\nno price of ETH, 0.5 held",
        "data\nno price of BTC, 0.5 held",
        "exchange\nno price of BTC, SOL, 0.5 held",
    ],
)
def test_other_words_or_another_kind_make_another_incident(other: str):
    repeats = RepeatFilter()
    assert [
        repeats.count_if_due(text, 0.0) for text in ("exchange\nno price of BTC, 0.5 held", other)
    ] == [0, 0]


def test_incidents_are_forgotten():
    repeats = RepeatFilter()
    for number in range(1000):
        assert repeats.count_if_due(f"incident {'i' * number}", number * 60.0) == 0
    assert len(repeats._sent) == 2 * 3600 / 60  # those of the last two hours


class SetClock:
    """The time as a test sets it; `step` seconds pass at every look."""

    def __init__(self) -> None:
        self.now, self.step, self.looks = 1000.0, 0.0, 0

    def time(self) -> float:
        self.looks += 1
        self.now += self.step
        return self.now

    def assert_seen(self) -> None:
        """The time set last was looked at, and acted on."""
        looks = self.looks
        assert eventually(lambda: self.looks >= looks + 3)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    chosen = SetClock()
    monkeypatch.setattr(dead_mans_switch, "LOOK_PERIOD", 0.01)
    return chosen


@pytest.fixture
def alarms() -> list[str]:
    return []


@pytest.fixture
def switch(alarms: list[str], clock: SetClock) -> Iterator[DeadMansSwitch]:
    switch = DeadMansSwitch(1, alarms.append, Log(), clock.time)
    yield switch
    switch.close()


def test_the_alarm_comes_while_the_session_hangs_in_a_call_once_a_bar(clock: SetClock):
    """The main thread waits for an answer that comes after the second alarm alone."""
    alarms: list[str] = []
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as connection,
        server.accept()[0] as answering,
    ):

        def alarm(text: str) -> None:
            alarms.append(text)
            if len(alarms) == 2:
                answering.send(b"x")

        clock.step = 0.05
        switch = DeadMansSwitch(1, alarm, Log(), clock.time)
        switch.expect(1_767_225_600, clock.now + 0.2)  # the bar that ends 2026-01-01 00:00 UTC
        connection.settimeout(SOON)
        assert connection.recv(1) == b"x"
        switch.close()
    assert [re.findall(r"the bar of ([\d :-]+) UTC", text) for text in alarms[:2]] == [
        ["2026-01-01 00:00"]
    ] * 2  # a second later
    assert alarms[0].endswith(
        "the session hangs, was suspended, or lacks prices or the exchange; see its log"
    )


def test_a_decision_in_time_raises_no_alarm_and_the_next_bar_is_awaited(
    alarms: list[str], switch: DeadMansSwitch, clock: SetClock
):
    due = clock.now + 0.2
    switch.expect(60, due)
    switch.decided(60)
    clock.now = due + 0.9
    clock.assert_seen()
    assert alarms == []
    clock.now = due + 1.0  # the bar that ends at 61
    assert eventually(lambda: alarms)


def test_a_bar_raises_one_alarm_whatever_the_session_says_later(
    alarms: list[str], switch: DeadMansSwitch, clock: SetClock
):
    switch.expect(60, clock.now - 0.1)
    assert eventually(lambda: alarms)
    switch.expect(60, clock.now - 0.1)
    switch.expect(59, clock.now - 0.1)
    switch.decided(60)
    switch.expect(60, clock.now - 0.1)
    clock.assert_seen()
    assert len(alarms) == 1


def test_expecting_a_later_bar_does_not_excuse_the_one_before(
    alarms: list[str], switch: DeadMansSwitch, clock: SetClock
):
    switch.expect(60, clock.now + 0.1)
    switch.expect(61, clock.now + 1000)
    clock.now += 0.1
    assert eventually(lambda: alarms)


def test_a_new_instant_for_the_same_bar_holds(
    alarms: list[str], switch: DeadMansSwitch, clock: SetClock
):
    switch.expect(60, clock.now + 1000)
    switch.expect(60, clock.now + 0.1)
    clock.now += 0.1
    assert eventually(lambda: alarms)


def test_bars_missed_in_a_sleep_are_one_alarm(alarms: list[str], clock: SetClock):
    """The clock goes on by three days while nothing runs."""
    clock.now = 1_767_225_600.0  # 2026-01-01 00:00 UTC
    switch = DeadMansSwitch(86_400, alarms.append, Log(), clock.time)
    switch.expect(1_767_225_600, clock.now + 1800)
    clock.assert_seen()
    assert alarms == []
    clock.now += 3 * 86_400.0
    assert eventually(lambda: alarms)
    switch.decided(1_767_225_600 + 3 * 86_400)  # the session catches up with the newest bar
    clock.assert_seen()
    switch.close()
    (text,) = alarms
    assert (
        "the bars of 2026-01-01 00:00 UTC to 2026-01-03 00:00 UTC, due by 2026-01-01 00:30" in text
    )


def test_an_alarm_that_fails_is_logged_and_the_next_one_comes(clock: SetClock):
    log = Log()

    def alarm(text: str) -> None:
        raise OSError("no journal")

    clock.step = 0.05
    switch = DeadMansSwitch(1, alarm, log, clock.time)
    switch.expect(60, clock.now - 0.5)
    assert eventually(lambda: len(log.said) >= 4)
    switch.close()
    assert log.said[1:4:2] == ["the alarm for a missed decision failed: OSError: no journal"] * 2
    assert all(
        line.startswith("no decision for the bar of 1970-01-01 00:01 UTC")
        for line in log.said[:4:2]
    )


def test_nothing_is_expected_after_closing(alarms: list[str], clock: SetClock):
    switch = DeadMansSwitch(1, alarms.append, Log(), clock.time)
    switch.expect(60, clock.now + 0.1)
    switch.close()
    assert eventually(lambda: not switch._thread.is_alive())
    clock.now += 10.0
    switch.expect(61, clock.now - 0.1)
    assert alarms == []


def test_missed_decisions_reach_a_person(receiver: Receiver):
    notifier = Notifier([receiver.url], ["missed"], Log())
    switch = DeadMansSwitch(
        86_400, lambda text: notifier.send("missed", "decision missed", text), Log()
    )
    switch.expect(1_767_225_600, time.time() - 1)
    assert eventually(lambda: receiver.got)
    switch.close()
    notifier.close(SOON)
    assert receiver.titles == ["decision missed"]
    assert receiver.got[0]["message"].startswith("no decision for the bar of 2026-01-01 00:00 UTC")
