"""What a person is told while the gate is not that of the newest session, and of its sources."""

import json
from typing import Any

import pandas as pd
import pytest

from brokers.journal.incident import Incident
from brokers.journal.records import GateRow
from brokers.live.gate_history import load_gate_rows
from brokers.live.second_opinion import acceptance, report_opinion, second_opinions
from brokers.live.series_checks import (
    replaced_rows,
    report_issues,
    report_revisions,
    report_substitutes,
    row_sources,
    substituted_symbols,
)
from brokers.live.stale_gate import StaleGate, report_stale_gate
from brokers.prices.load import Prices
from brokers.prices.series import DataIssue, Kind, Request, Series
from config.settings import Settings, load
from tests.scenes import changed

DAYS = pd.date_range("2026-01-05 21:30", periods=5, freq="D", tz="UTC")
DAY = pd.Timedelta(days=1)
MONDAY = StaleGate(1, DAYS[0], "", "^RUT", foreign=False)


def settings(**changes: Any) -> Settings:
    return changed(load(), changes)


@pytest.mark.parametrize(
    ("sessions", "end"),
    [
        (1, "everything is sold in 5 sessions"),
        (3, "everything is sold in 3 sessions"),
        (5, "everything is sold in 1 session"),
        (6, "everything is sold"),
        (9, "everything is sold"),
    ],
)
def test_each_session_says_in_how_many_more_everything_is_sold(sessions: int, end: str) -> None:
    """Five are allowed: with the sixth all targets are zero."""
    count = "1 session" if sessions == 1 else f"{sessions} sessions"
    incident = report_stale_gate(MONDAY._replace(sessions=sessions), settings())
    assert incident == Incident(
        "gate stale",
        "critical",
        f"no close of ^RUT for {count}: the gate uses its row of 2026-01-05: no position is "
        f"increased, and {end} (gate.max_gate_age is 5)",
    )


def test_who_wants_to_hold_is_told_that_nothing_is_sold() -> None:
    hold = settings(**{"gate.when_stale": "hold"})
    for sessions in (1, 6, 100):
        text = report_stale_gate(MONDAY._replace(sessions=sessions), hold).text
        assert text.endswith(
            'increased, and nothing is sold, however long it lasts (gate.when_stale is "hold")'
        )


def test_what_is_held_and_what_other_settings_computed_is_said() -> None:
    held = MONDAY._replace(held="the close of HYG is held", without="")
    assert report_stale_gate(held, settings()).text.startswith(
        "the close of HYG is held; the gate uses its row of 2026-01-05: no position is increased"
    )
    other = MONDAY._replace(without="", used=None, foreign=True)
    assert report_stale_gate(other, settings()).text.startswith(
        "the gate could not be computed for 1 session and uses its last row, which was computed "
        "with other settings: no position"
    )


def series(
    symbol: str = "^RUT", source: str = "yahoo", kind: Kind = "session", **substitutes: str
) -> Series:
    """Five closes; `substitutes`: "d4"="url" says that the fifth is from there."""
    frame = pd.DataFrame({"close": [100.0, 101.0, 102.0, 103.0, 80.0]}, DAYS)
    names = {DAYS[int(day[1:])]: name for day, name in substitutes.items()}
    rows = pd.Series(names, dtype=object) if names else None
    request = Request(symbol, kind)
    return Series(request, source, f"{source} {symbol}", frame, "", (), substitutes=rows)


def prices(*loaded: Series, issues: tuple[DataIssue, ...] = ()) -> Prices:
    sessions = pd.Series(DAYS - pd.Timedelta(minutes=30), DAYS)
    by_request = {each.request: each for each in loaded}
    return Prices(by_request, sessions, DAYS[-1], issues=issues)


def test_the_newest_source_of_each_series_is_recorded_as_of_the_row() -> None:
    """A coin has newer rows than those that the gate's newest row reads."""
    loaded = prices(series(d4="url"), series("HYG", "alpaca", d2="url"))
    assert row_sources(loaded, DAYS[4]) == {"^RUT": "url", "HYG": "alpaca"}
    assert row_sources(loaded, DAYS[4] - DAY) == {"^RUT": "yahoo", "HYG": "alpaca"}
    assert row_sources(loaded, DAYS[2] + DAY / 2) == {"^RUT": "yahoo", "HYG": "url"}
    assert row_sources(loaded, DAYS[0] - DAY) == {}
    assert list(substituted_symbols(loaded)) == ["^RUT"]
    (incident,) = report_substitutes(loaded)
    assert incident.text == (
        "^RUT: the close of 2026-01-09 is from url, as the sources before it have none: it may "
        "keep or lower the ceiling, not raise it"
    )


def test_rows_of_another_source_that_has_come_since_are_no_revision() -> None:
    table = pd.DataFrame(
        {"state": 2.0, "ceiling": 1.0, "confirmed_at": 5.0, "stale": 0.0}, index=DAYS
    )
    lower = table.assign(ceiling=[1.0, 1.0, 1.0, 0.5, 0.5])
    recorded = {DAYS[3]: {"^RUT": "url"}, DAYS[4]: {"^RUT": "yahoo"}}
    replaced = replaced_rows(recorded, prices(series()))
    assert list(replaced) == [DAYS[3]]
    (incident,) = report_revisions(table, lower, replaced)
    assert incident.text.startswith("1 earlier gate row has changed since it was acted on")
    assert "2026-01-09" in incident.text
    assert report_revisions(table.iloc[:4], lower, replaced) == ()
    assert len(report_revisions(table.iloc[:4], lower, replaced[:0])) == 1


def test_what_is_implausible_of_the_last_year_is_an_incident() -> None:
    def issue(kind: Any, severity: Any, last: pd.Timestamp) -> DataIssue:
        return DataIssue("HYG", kind, severity, f"{kind} {severity}", last, last)

    old = DAYS[-1] - pd.Timedelta(days=400)
    found = [
        issue("level", "high", DAYS[1]),
        issue("level", "high", old),
        issue("frozen", "note", DAYS[1]),
        issue("sources", "note", DAYS[4]),
        issue("sources", "high", DAYS[4]),
    ]
    assert list(report_issues(prices(series(), issues=tuple(found)))) == [
        Incident("data", "warning", "level high"),
        Incident("data", "info", "frozen note"),
        Incident("data", "warning", "sources high"),
    ]


class Rows:
    """A journal that has two gate rows."""

    def gate_rows(self) -> list[Any]:
        row = GateRow(int(DAYS[0].timestamp()), *[1.0] * 4, 2, 1.0, 3, None, 0, "", "now")
        sources = json.dumps({"^RUT": "url"})
        return [row, row._replace(known_at=int(DAYS[1].timestamp()), sources=sources)]


def test_the_sources_of_earlier_rows_come_out_of_the_journal() -> None:
    history = load_gate_rows(Rows(), "now")  # of a journal only its rows
    assert history.sources == {DAYS[0]: {}, DAYS[1]: {"^RUT": "url"}}


@pytest.mark.parametrize(
    ("other", "agrees"),
    [(80.0, True), (80.6, True), (79.4, True), (81.0, False), (103.0, False)],
)
def test_a_second_source_with_the_same_move_confirms_a_close(other: float, *, agrees: bool) -> None:
    """Within one per cent: 103 to 80 against 103 to the other's."""
    theirs = pd.Series([100.0, 101.0, 102.0, 103.0, other], DAYS)
    (opinion,) = second_opinions(series(), [DAYS[4]], [("url", theirs)])
    assert opinion.agrees == agrees
    assert (opinion.move, opinion.other) == (80 / 103 - 1, other / 103 - 1)
    session, at = DAYS[4] - pd.Timedelta(minutes=30), DAYS[4] + pd.Timedelta(hours=2)
    text = report_opinion(opinion, session).text
    assert text.endswith("it counts from now on" if agrees else "it stays held")
    close = acceptance(opinion, session, at)
    assert close == ("^RUT", session.date(), 80.0, "url", at)


def test_a_fund_or_a_source_without_the_session_says_nothing() -> None:
    whole = series().frame["close"]
    others = [("proxy:IWM", whole), ("url", whole.iloc[:4]), ("alpaca", whole.drop(DAYS[3]))]
    assert list(second_opinions(series(), [DAYS[4]], others)) == []


@pytest.mark.parametrize(("row", "speaks"), [(4, False), (3, False), (2, True)])
def test_a_source_is_no_witness_of_a_move_between_closes_of_its_own(
    row: int, *, speaks: bool
) -> None:
    """Neither of the close itself nor of the one before it."""
    one = series()._replace(substitutes=pd.Series(["url"], DAYS[row : row + 1]))
    opinions = list(second_opinions(one, [DAYS[4]], [("url", one.frame["close"])]))
    assert bool(opinions) == speaks
