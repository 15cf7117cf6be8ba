"""Who is told what, once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.journal.records import DecisionRow, EquityRow, Intent
from brokers.live.observer import Channels, NotifyingObserver
from brokers.live.status_document import StatusReport
from brokers.live.undelivered import Undelivered, UndeliveredStore
from config.settings import load

DAY = 86_400
NOW = 40.0 * DAY
STATES = ("dormant", "testing", "confirmed")


class Heard:
    """Stands for everything that is reported to; their own tests are elsewhere."""

    def __init__(self) -> None:
        self.pings: list[tuple[str, str]] = []
        self.to_systemd: list[str] = []
        self.weeks: list[float] = []
        self.lines: list[str] = []
        self.sent: list[tuple[str, str]] = []
        self.expected: list[tuple[int, float]] = []
        self.bars: list[int] = []
        self.shown: list[StatusReport] = []

    def log(self, level: str, text: str, *values: Any) -> None:
        self.lines.append(text.format(*values))

    def info(self, text: str, *values: Any) -> None:
        self.lines.append(text.format(*values))

    def critical(self, text: str, *values: Any) -> None:
        self.lines.append(text.format(*values))

    def opt(self, *, exception: bool) -> "Heard":
        return self

    def bind(self, **extra: object) -> "Heard":
        return self

    def send(self, event: str, title: str, text: str, *, first: bool = False) -> None:
        self.sent.append((f"first {event}" if first else event, text))

    def ping(self, signal: str, text: str) -> None:
        self.pings.append((signal, text))

    report = ping

    def ready(self) -> None:
        self.to_systemd.append("ready")

    def alive(self) -> None:
        self.to_systemd.append("alive")

    def status(self, text: str) -> None:
        self.to_systemd.append(text)

    def stopping(self) -> None:
        self.to_systemd.append("stopping")

    def expect(self, bar: int, by: float) -> None:
        self.expected.append((bar, by))

    def decided(self, bar: int) -> None:
        self.bars.append(bar)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path / "j.sqlite", lambda: 7.0) as opened:
        yield opened


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def observer(journal: Journal, heard: Heard) -> NotifyingObserver:
    settings = load(None, ["paper.grace=5", "paper.patience=60", "notify.daily_at=6"])
    return NotifyingObserver(settings, journal, channels(heard, journal), STATES, lambda: NOW)


def channels(heard: Heard, journal: Journal) -> Channels:
    return Channels(
        log=heard,
        notifier=heard,  # type: ignore[arg-type]
        heartbeat=heard,  # type: ignore[arg-type]
        systemd=heard,  # type: ignore[arg-type]
        switch=heard,  # type: ignore[arg-type]
        weekly=Week(heard),  # type: ignore[arg-type]
        undelivered=UndeliveredStore(journal),
        show=heard.shown.append,
    )


class Week:
    """Stands for the weekly message: a week has ten bars."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard

    def is_due(self, previous: int, bar: int) -> bool:
        return previous // (10 * DAY) != bar // (10 * DAY)

    def send(self, now: float) -> None:
        self._heard.weeks.append(now)


def row(time: int, state: int = 2, ceiling: float = 1.0) -> DecisionRow:
    shares = (0.5, 0.0, 0.0)
    return DecisionRow(
        time=time,
        decided_at=time + 6.0,
        state=state,
        ceiling=ceiling,
        filled=3,
        confirmed_at=None,
        gate_stale=0,
        equity=1000.0,
        cash=500.0,
        drawdown=0.1,
        gross=0.98,
        missing=shares,
        current=shares,
        targets=shares,
        sizes=shares,
        sentence="A sentence.",
        note="",
        session=1,
    )


def test_a_incident_is_in_the_journal_and_the_log_and_reported_unless_it_only_informs(
    observer: NotifyingObserver, journal: Journal, heard: Heard
) -> None:
    observer.on_incident(Incident("account", "info", "begins"))
    observer.on_incident(Incident("data", "warning", "late"))
    assert {(one.kind, one.severity, one.text) for one in journal.incidents(9)} == {
        ("account", "info", "begins"),
        ("data", "warning", "late"),
    }
    assert heard.lines == ["account: begins", "data: late"]
    assert heard.sent == [("incident", "late")]


def test_a_change_of_the_gate_is_reported_and_nothing_else_is(
    observer: NotifyingObserver, heard: Heard
) -> None:
    before = row(10 * DAY)
    observer.on_decision(before._replace(time=10 * DAY + 60), before, [])
    assert [event for event, _ in heard.sent] == []
    observer.on_decision(row(10 * DAY + 120, 0, 0.0), before, [])
    (event, text), *_ = heard.sent
    assert event == "gate"
    assert "was confirmed (at most 100% in coins) and is now dormant (at most 0%)" in text


def test_the_account_is_reported_once_a_day_after_its_hour_and_after_its_orders(
    observer: NotifyingObserver, heard: Heard
) -> None:
    for before, now, told in ((5, 5.9, 0), (5.9, 6, 1), (6, 23, 0), (23, 29, 0), (29, 30, 1)):
        heard.sent.clear()
        observer.on_decision(
            row(10 * DAY + int(now * 3600)), row(10 * DAY + int(before * 3600)), []
        )
        assert heard.sent == []
        observer.on_completed(10 * DAY + int(now * 3600))
        observer.on_completed(10 * DAY + int(now * 3600))
        assert [event for event, _ in heard.sent] == ["daily"] * told, (before, now)


def test_the_first_decision_is_a_daily_line(observer: NotifyingObserver, heard: Heard) -> None:
    observer.on_decision(row(10 * DAY), None, [])
    observer.on_completed(10 * DAY)
    ((event, text),) = heard.sent
    assert event == "daily"
    assert "health" in text


def test_the_week_is_compared_after_its_last_orders_and_never_at_the_first_decision(
    observer: NotifyingObserver, heard: Heard
) -> None:
    observer.on_decision(row(20 * DAY), None, [])
    observer.on_completed(20 * DAY)
    observer.on_decision(row(29 * DAY), row(28 * DAY), [])
    observer.on_completed(29 * DAY)
    assert heard.weeks == []
    observer.on_decision(row(30 * DAY), row(29 * DAY), [])
    assert heard.weeks == []
    observer.on_completed(30 * DAY)
    observer.on_completed(30 * DAY)
    assert heard.weeks == [NOW]


def test_who_watches_from_outside_hears_of_start_decision_incident_and_end(
    observer: NotifyingObserver, heard: Heard
) -> None:
    observer.on_start()
    observer.on_incident(Incident("account", "info", "begins"))
    observer.on_incident(Incident("data", "warning", "late"))
    observer.on_incident(Incident("gate stale", "critical", "no prices"))
    observer.on_completed(DAY)
    observer.on_stop("stopped")
    observer.on_end("TryLaterError: away", bug=False, retried=True)
    observer.on_end("SafetyError: halted", bug=False, retried=False)
    assert heard.pings == [
        ("start", "dry-run of binance has started"),
        ("log", "data: late"),
        ("fail", "gate stale: no prices"),
        ("success", "the bar of 1970-01-02 00:00 UTC is decided"),
        ("log", "the session has ended: stopped"),
        ("log", "the session has ended: TryLaterError: away"),
        ("fail", "the session has ended: SafetyError: halted"),
    ]


def test_a_session_that_a_person_ends_says_what_it_leaves_open(
    observer: NotifyingObserver, journal: Journal, heard: Heard
) -> None:
    journal.begin_session("dry-run", "{}", "")
    equity = EquityRow(10 * DAY, 1000.0, 500.0, 1000.0, 1.0, 0.0)
    planned = Intent(0, 10 * DAY, "BTC", 0, 1.0, 9.0, "planned", "")
    journal.record_decision(row(10 * DAY), None, [], equity, [planned])
    observer.on_stop("interrupted")
    observer.on_stop("done")
    assert heard.lines == [
        "the session has ended: interrupted; open orders: 1; start `paper` to go on",
        "the session has ended: done",
    ]


def test_a_session_that_was_killed_is_an_incident_of_the_next_start(
    observer: NotifyingObserver, journal: Journal, heard: Heard
) -> None:
    journal.begin_session("dry-run", "{}", "")
    observer.on_start()
    assert heard.sent == []
    journal.begin_session("dry-run", "{}", "")
    observer.on_start()
    ((event, text),) = heard.sent
    assert event == "incident"
    assert "was killed: it began at 1970-01-01 00:00 UTC" in text
    journal.end_session("done")
    journal.begin_session("dry-run", "{}", "")
    observer.on_start()
    assert len(heard.sent) == 1


def test_an_end_on_an_error_passes_all_other_messages(
    observer: NotifyingObserver, heard: Heard
) -> None:
    observer.on_end("SafetyError: halted", bug=False, retried=False)
    assert heard.sent == [("first incident", "SafetyError: halted")]


def test_the_service_manager_hears_that_it_is_ready_alive_how_it_is_and_stopping(
    observer: NotifyingObserver, heard: Heard
) -> None:
    observer.on_start()
    observer.on_progress("^RUT from yahoo")
    observer.on_wait(DAY)
    observer.on_stop("stopped")
    ready, progress, alive, status, stopping = heard.to_systemd
    assert (ready, progress, alive, stopping) == ("ready", "alive", "alive", "stopping")
    assert "trading on" in status


def test_what_the_last_session_could_not_deliver_is_an_incident_of_the_start(
    heard: Heard, journal: Journal
) -> None:
    UndeliveredStore(journal).keep([Undelivered("JSON (1)", "the end", "SafetyError: halted")])
    settings = load(None)
    observer = NotifyingObserver(settings, journal, channels(heard, journal), STATES, lambda: NOW)
    observer.on_start()
    ((event, text),) = heard.sent
    assert event == "incident"
    assert text == (
        "1 notification of an earlier session may not have arrived:\n"
        "JSON (1): the end: SafetyError: halted"
    )
    assert [row.kind for row in journal.incidents(9)] == ["undelivered"]


def test_orders_are_reported_with_what_became_of_them(
    observer: NotifyingObserver, heard: Heard
) -> None:
    observer.on_orders(
        [
            Intent(1, DAY, "BTC", 0, -2.5, 100.0, "done", "2.5 of 2.5 filled"),
            Intent(2, DAY, "ETH", 1, 1.0, 9.0, "refused", "no cash"),
        ]
    )
    assert heard.sent == [("orders", "sell 2.5 BTC: filled\nbuy 1 ETH: refused, no cash")]


def test_a_decision_that_does_not_come_is_expected_by_grace_and_patience(
    observer: NotifyingObserver, heard: Heard
) -> None:
    observer.on_wait(DAY + 5.0)
    assert heard.expected == [(DAY, DAY + 5.0 + 60.0 + 120.0)]
    observer.on_decision(row(DAY), None, [])
    assert heard.bars == [DAY]


def test_the_status_is_the_journals(
    observer: NotifyingObserver, journal: Journal, heard: Heard
) -> None:
    journal.set_trading("off", "by hand")
    observer.on_incident(Incident("data", "warning", "late"))
    observer.on_wait(2 * DAY)
    (shown,) = heard.shown
    assert (shown.trading.state, shown.trading.reason) == ("off", "by hand")
    assert [incident.text for incident in shown.incidents] == ["late"]
    assert shown.at == NOW


def test_the_status_is_read_again_at_once_after_news_and_otherwise_every_20_seconds(
    journal: Journal, heard: Heard
) -> None:
    """A session that waits looks every few seconds whether it was halted."""
    now = [NOW]
    settings = load(None, [])
    observer = NotifyingObserver(
        settings, journal, channels(heard, journal), STATES, lambda: now[0]
    )
    for passed, expected in ((0.0, 1), (2.0, 1), (19.0, 1), (20.0, 2), (22.0, 2)):
        now[0] = NOW + passed
        observer.on_wait(2 * DAY)
        assert len(heard.shown) == expected, passed
    observer.on_incident(Incident("data", "warning", "late"))
    observer.on_wait(2 * DAY)
    assert len(heard.shown) == 3
    now[0] = NOW - 3600.0  # the clock was set back
    observer.on_wait(2 * DAY)
    assert len(heard.shown) == 4
