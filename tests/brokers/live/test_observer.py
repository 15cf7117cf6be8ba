"""Who is told what, once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.journal.records import DecisionRow, Intent
from brokers.live.observer import NotifyingObserver
from brokers.live.status import Status
from config.settings import load

DAY = 86_400
STATES = ("dormant", "testing", "confirmed")


class Heard:
    """Stands for the log, the notifier and the dead man's switch: their own tests are elsewhere."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.sent: list[tuple[str, str]] = []
        self.expected: list[tuple[int, float]] = []
        self.bars: list[int] = []
        self.shown: list[Status] = []

    def log(self, level: str, text: str, *values: Any) -> None:
        self.lines.append(text.format(*values))

    def info(self, text: str, *values: Any) -> None:
        self.lines.append(text.format(*values))

    def send(self, event: str, title: str, text: str) -> None:
        self.sent.append((event, text))

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
    return NotifyingObserver(
        settings,
        journal,
        log=heard,
        notifier=heard,  # type: ignore[arg-type]
        switch=heard,  # type: ignore[arg-type]
        show=heard.shown.append,
        states=STATES,
    )


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


def test_a_incident_is_shown_until_a_whole_bar_has_passed_without_one(
    observer: NotifyingObserver, heard: Heard
) -> None:
    def shown() -> str:
        observer.on_wait(DAY)
        return str(heard.shown[-1].incident)

    observer.on_incident(Incident("data", "warning", "late"))
    observer.on_decision(row(DAY), None, [])
    assert shown() == "late"
    observer.on_incident(Incident("exchange", "info", "begins"))
    observer.on_decision(row(2 * DAY), row(DAY), [])
    assert shown() == ""
    observer.on_incident(Incident("data", "warning", "late again"))
    assert shown() == "late again"


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


def test_one_line_a_day_after_its_hour(observer: NotifyingObserver, heard: Heard) -> None:
    for before, now, told in ((5, 5.9, 0), (5.9, 6, 1), (6, 23, 0), (23, 29, 0), (29, 30, 1)):
        heard.sent.clear()
        observer.on_decision(
            row(10 * DAY + int(now * 3600)), row(10 * DAY + int(before * 3600)), []
        )
        assert [event for event, _ in heard.sent] == ["daily"] * told, (before, now)


def test_the_first_decision_is_a_daily_line(observer: NotifyingObserver, heard: Heard) -> None:
    observer.on_decision(row(10 * DAY), None, [])
    assert [event for event, _ in heard.sent] == ["daily"]


def test_orders_are_reported_with_what_became_of_them(
    observer: NotifyingObserver, heard: Heard
) -> None:
    observer.on_orders(
        [
            Intent(1, DAY, "BTC", 0, -2.5, 100.0, "done", "2.5 of 2.5 filled"),
            Intent(2, DAY, "ETH", 1, 1.0, 9.0, "refused", "no cash"),
        ]
    )
    assert heard.sent == [
        ("orders", "sell 2.5 BTC: done, 2.5 of 2.5 filled\nbuy 1 ETH: refused, no cash")
    ]


def test_a_decision_that_does_not_come_is_expected_by_grace_and_patience(
    observer: NotifyingObserver, heard: Heard
) -> None:
    observer.on_wait(DAY + 5.0)
    assert heard.expected == [(DAY, DAY + 5.0 + 60.0 + 120.0)]
    observer.on_decision(row(DAY), None, [])
    assert heard.bars == [DAY]


def test_the_status_shows_the_last_decision_and_a_halt(
    observer: NotifyingObserver, journal: Journal, heard: Heard
) -> None:
    observer.on_wait(DAY)
    assert (heard.shown[-1].gate, heard.shown[-1].halted) == ("", "")
    observer.on_decision(row(DAY), None, [])
    journal.halt("by hand")
    observer.on_incident(Incident("data", "warning", "late"))
    observer.on_wait(2 * DAY)
    shown = heard.shown[-1]
    assert (shown.gate, shown.ceiling, shown.equity, shown.quote, shown.halted, shown.incident) == (
        "confirmed",
        1.0,
        1000.0,
        "USDT",
        "by hand",
        "late",
    )
    assert [(one.coin, one.value, one.target) for one in shown.holdings] == [
        ("BTC", 500.0, 500.0),
        ("ETH", 0.0, 0.0),
        ("SOL", 0.0, 0.0),
    ]
