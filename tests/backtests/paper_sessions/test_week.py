"""The line of the weekly message, and the process that makes it."""

import threading
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from backtests.paper_sessions import week_process
from backtests.paper_sessions.week import week_line
from backtests.paper_sessions.week_process import ComparisonError, compare_week
from tests.backtests.paper_journals import BARS, DAY, NOW, SESSION, bar, changed, report_of, rows

LAST = BARS - 2  # number of a session's last bar
Changed = Callable[..., Path]


@pytest.fixture
def journal(replayed_journal: Path, tmp_path: Path) -> Changed:
    """A replay's journal, whose prices are the folder's, without its last bar, after some SQL."""
    statements = [text for text in SESSION if not text.startswith("UPDATE sessions")]
    return lambda *more: changed(replayed_journal, tmp_path, *statements, *more)


def line(journal: Path) -> str:
    return week_line(journal, NOW.timestamp())


def gain(journal: Path, column: str) -> float:
    """Of the last seven days."""
    report = report_of(journal, source=[])
    assert report.comparison is not None
    curve = report.comparison.curves[column]
    before = curve.loc[: pd.Timestamp(bar(LAST) - 7 * DAY, unit="s", tz="UTC")].iloc[-1]
    return float(curve.iloc[-1] / before - 1.0)


def test_a_week_as_the_backtests_is_said_in_a_line(journal: Changed) -> None:
    path = journal()
    assert line(path) == (
        f"The week to 2015-09-28 00:00 UTC: live {gain(path, 'live'):+.2%}, backtest "
        f"{gain(path, 'backtest'):+.2%}: the same decisions and orders."
    )


def test_another_return_of_the_same_orders_is_put_down_to_fills_and_fees(journal: Changed) -> None:
    path = journal(f"UPDATE equity SET unit_value = unit_value * 0.99 WHERE time = {bar(LAST)}")
    live, backtest = gain(path, "live"), gain(path, "backtest")
    behind = round((backtest - live) * 1e4)
    assert behind > 90
    assert line(path).endswith(
        f"({behind} basis points behind): the same decisions and orders; what differs are prices "
        "of fills, fees and rounding."
    )


def test_each_difference_of_the_week_has_its_reason_and_earlier_ones_are_left_out(
    journal: Changed,
) -> None:
    (bought,) = rows(
        journal(), "SELECT id, time, symbol FROM intents WHERE symbol = 'SOL' ORDER BY id LIMIT 1"
    )
    intent, decided, _ = bought
    assert bar(LAST) - 7 * DAY >= decided
    orders = f"SELECT client_id FROM orders WHERE intent = {intent}"
    statements = [
        f"UPDATE intents SET state = 'refused', why = 'no cash' WHERE id = {intent}",
        f"DELETE FROM fills WHERE client_id IN ({orders})",
        f"DELETE FROM orders WHERE intent = {intent}",
        f"DELETE FROM equity WHERE time = {bar(LAST - 1)}",
        f"DELETE FROM decisions WHERE time = {bar(LAST - 1)}",
    ]
    text = line(journal(*statements))
    assert "2015-09-27 00:00 UTC" in text and "live no decision" in text
    assert "no cash" not in text, "which was eight days ago"


def test_without_prices_the_live_return_is_all(journal: Changed, tmp_path: Path) -> None:
    path = journal(
        "UPDATE sessions SET settings = json_set(settings, '$.prices.folder', '/no/such/folder')"
    )
    text = line(path)
    assert ", not compared with the backtest: " in text
    assert "no such folder" in text


def test_the_first_days_are_compared_from_the_first_bar_on(journal: Changed) -> None:
    early = " OR ".join(f"time = {bar(number)}" for number in range(3, BARS))
    path = journal(*(f"DELETE FROM {table} WHERE {early}" for table in ("equity", "decisions")))
    assert line(path).startswith("The week to 2015-08-18 00:00 UTC: live ")


def test_a_process_of_its_own_makes_the_line(journal: Changed) -> None:
    path = journal()
    assert compare_week(path, NOW.timestamp(), threading.Event()) == line(path)


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "j.sqlite").write_text("no journal")
    with pytest.raises(ComparisonError, match=r"JournalError: .*j\.sqlite: it is damaged"):
        compare_week(tmp_path / "j.sqlite", NOW.timestamp(), threading.Event())


def test_a_process_that_is_not_wanted_any_more_is_ended(journal: Changed) -> None:
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(ComparisonError, match="the session has ended"):
        compare_week(journal(), NOW.timestamp(), stopped)


def test_a_process_that_takes_too_long_is_ended(
    journal: Changed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(week_process, "LONGEST", 0.0)
    with pytest.raises(ComparisonError, match="no result in 0 s"):
        compare_week(journal(), NOW.timestamp(), threading.Event())
