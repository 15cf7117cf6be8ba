"""The weekly message: when it is due, and that nothing it does stops or delays a session."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from brokers.live.weekly import TITLE, CompareWeek, WeeklyMessage
from config.settings import load
from tests.brokers.receivers import SOON, eventually

JOURNAL = Path("/somewhere/j.sqlite")


class Sent:
    """Stands for the notifier, whose own tests are elsewhere."""

    def __init__(self, *, wanted: bool = True) -> None:
        self.texts: list[str] = []
        self._wanted = wanted

    def sends(self, event: str) -> bool:
        assert event == "weekly"
        return self._wanted

    def send(self, event: str, title: str, text: str) -> None:
        assert (event, title) == ("weekly", TITLE)
        self.texts.append(text)


def weekly(compare: CompareWeek | None, sent: Sent, *changes: str) -> WeeklyMessage:
    settings = load(None, [f"notify.{change}" for change in changes]).notify
    return WeeklyMessage(compare, JOURNAL, sent, settings)  # type: ignore[arg-type]


def epoch(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("previous", "bar", "due"),
    [
        # 2026-01-05 is a Monday.
        ("2026-01-04", "2026-01-05", False),  # before daily_at, which is six o'clock
        ("2026-01-05 05:00", "2026-01-05 06:00", True),
        ("2026-01-05 06:00", "2026-01-12 05:00", False),
        ("2026-01-05 06:00", "2026-01-12 06:00", True),
        ("2026-01-04", "2026-01-08", True),  # nothing was decided on the Monday
        ("2026-01-08", "2026-02-08", True),
    ],
)
def test_it_is_due_at_the_first_decision_after_the_hour_of_its_day(
    previous: str, bar: str, *, due: bool
) -> None:
    message = weekly(None, Sent(), "weekly_on=monday", "daily_at=6")
    assert message.is_due(epoch(previous), epoch(bar)) == due


@pytest.mark.parametrize(
    ("day", "date"),
    [
        ("monday", "2026-01-05"),
        ("thursday", "2026-01-08"),
        ("friday", "2026-01-09"),
        ("sunday", "2026-01-11"),
    ],
)
def test_any_day_can_be_its_day(day: str, date: str) -> None:
    message = weekly(None, Sent(), f"weekly_on={day}", "daily_at=0")
    week = [epoch("2026-01-05") + number * 86_400 for number in range(7)]
    assert [bar for bar in week if message.is_due(bar - 86_400, bar)] == [epoch(date)]


def test_what_the_comparison_says_is_sent() -> None:
    sent, asked = Sent(), list[tuple[Path, float]]()

    def compare(journal: Path, now: float, stopped: threading.Event) -> str:
        asked.append((journal, now))
        return "as the backtest"

    message = weekly(compare, sent)
    message.send(1000.0)
    message.close(SOON, SOON)
    assert (asked, sent.texts) == ([(JOURNAL, 1000.0)], ["as the backtest"])


def test_a_comparison_that_fails_is_a_line_of_the_message() -> None:
    def compare(*_: object) -> str:
        raise ValueError("no prices")

    sent = Sent()
    message = weekly(compare, sent)
    message.send(1000.0)
    message.close(SOON, SOON)
    assert sent.texts == ["The comparison with the backtest failed: ValueError: no prices"]


def held(begun: list[float], goes_on: threading.Event) -> Callable[..., str]:
    def compare(journal: Path, now: float, stopped: threading.Event) -> str:
        begun.append(now)
        while not (goes_on.wait(0.01) or stopped.is_set()):
            pass
        return "stopped" if stopped.is_set() else "compared"

    return compare


def test_nobody_waits_for_it_and_there_is_one_at_a_time() -> None:
    sent, begun, goes_on = Sent(), list[float](), threading.Event()
    message = weekly(held(begun, goes_on), sent)
    message.send(1.0)
    assert eventually(lambda: begun)
    message.send(2.0)
    assert (begun, sent.texts) == ([1.0], [])
    goes_on.set()
    message.close(SOON, SOON)
    message.send(3.0)
    message.close(SOON, SOON)
    assert begun == [1.0, 3.0]


def test_at_the_end_of_a_session_it_is_ended() -> None:
    sent = Sent()
    message = weekly(held([], threading.Event()), sent)
    message.send(1.0)
    message.close(0.01, SOON)
    assert sent.texts == ["stopped"]


@pytest.mark.parametrize("wanted", [True, False])
def test_nothing_is_compared_for_nobody(*, wanted: bool) -> None:
    begun: list[float] = []
    compare = held(begun, threading.Event()) if not wanted else None
    message = weekly(compare, Sent(wanted=wanted))
    message.send(1.0)
    message.close(SOON, SOON)
    assert begun == []
