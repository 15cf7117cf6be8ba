"""Who is told what, once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brokers.journal.incident import Problem
from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.journal.records import DecisionRow, Intent
from brokers.live.observer import SessionVoice
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
def voice(journal: Journal, heard: Heard) -> SessionVoice:
    settings = load(None, ["paper.grace=5", "paper.patience=60", "notify.daily_at=6"])
    return SessionVoice(settings, journal, heard, heard, heard, heard.shown.append, STATES)  # type: ignore[arg-type]


def row(time: int, state: int = 2, ceiling: float = 1.0) -> DecisionRow:
    shares = (0.5, 0.0, 0.0)
    return DecisionRow(
        time,
        time + 6.0,
        state,
        ceiling,
        3,
        None,
        0,
        1000.0,
        500.0,
        0.1,
        0.98,
        shares,
        shares,
        shares,
        shares,
        "A sentence.",
        "",
        1,
    )


def test_a_problem_is_in_the_journal_and_the_log_and_told_unless_it_only_informs(
    voice: SessionVoice, journal: Journal, heard: Heard
) -> None:
    voice.problem(Problem("account", "info", "begins"))
    voice.problem(Problem("data", "warning", "late"))
    assert {(one.kind, one.severity, one.text) for one in journal.incidents(9)} == {
        ("account", "info", "begins"),
        ("data", "warning", "late"),
    }
    assert heard.lines == ["account: begins", "data: late"]
    assert heard.sent == [("incident", "late")]


def test_a_problem_is_shown_until_a_whole_bar_has_passed_without_one(
    voice: SessionVoice, heard: Heard
) -> None:
    def shown() -> str:
        voice.waiting(DAY)
        return str(heard.shown[-1].incident)

    voice.problem(Problem("data", "warning", "late"))
    voice.decided(row(DAY), None, [])
    assert shown() == "late"
    voice.problem(Problem("exchange", "info", "begins"))
    voice.decided(row(2 * DAY), row(DAY), [])
    assert shown() == ""
    voice.problem(Problem("data", "warning", "late again"))
    assert shown() == "late again"


def test_a_change_of_the_gate_is_told_and_nothing_else_is(
    voice: SessionVoice, heard: Heard
) -> None:
    before = row(10 * DAY)
    voice.decided(before._replace(time=10 * DAY + 60), before, [])
    assert [event for event, _ in heard.sent] == []
    voice.decided(row(10 * DAY + 120, 0, 0.0), before, [])
    (event, text), *_ = heard.sent
    assert event == "gate"
    assert "confirmed at 100% is now dormant at 0%" in text


def test_one_line_a_day_after_its_hour(voice: SessionVoice, heard: Heard) -> None:
    for before, now, told in ((5, 5.9, 0), (5.9, 6, 1), (6, 23, 0), (23, 29, 0), (29, 30, 1)):
        heard.sent.clear()
        voice.decided(row(10 * DAY + int(now * 3600)), row(10 * DAY + int(before * 3600)), [])
        assert [event for event, _ in heard.sent] == ["daily"] * told, (before, now)


def test_the_first_decision_is_a_daily_line(voice: SessionVoice, heard: Heard) -> None:
    voice.decided(row(10 * DAY), None, [])
    assert [event for event, _ in heard.sent] == ["daily"]


def test_orders_are_told_with_what_became_of_them(voice: SessionVoice, heard: Heard) -> None:
    voice.settled(
        [
            Intent(1, DAY, "BTC", 0, -2.5, 100.0, "done", "2.5 of 2.5 filled"),
            Intent(2, DAY, "ETH", 1, 1.0, 9.0, "refused", "no cash"),
        ]
    )
    assert heard.sent == [
        ("orders", "sell 2.5 BTC: done, 2.5 of 2.5 filled\nbuy 1 ETH: refused, no cash")
    ]


def test_a_decision_that_does_not_come_is_expected_by_grace_and_patience(
    voice: SessionVoice, heard: Heard
) -> None:
    voice.waiting(DAY + 5.0)
    assert heard.expected == [(DAY, DAY + 5.0 + 60.0 + 120.0)]
    voice.decided(row(DAY), None, [])
    assert heard.bars == [DAY]


def test_the_status_shows_the_last_decision_and_a_halt(
    voice: SessionVoice, journal: Journal, heard: Heard
) -> None:
    voice.waiting(DAY)
    assert (heard.shown[-1].gate, heard.shown[-1].halted) == ("", "")
    voice.decided(row(DAY), None, [])
    journal.halt("by hand")
    voice.problem(Problem("data", "warning", "late"))
    voice.waiting(2 * DAY)
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
