"""A decision from the strategy to the journal and back: every field arrives as itself."""

import json
import math
from pathlib import Path

import pytest

from backtests.engine.journal_run import decision_of
from brokers.journal.decision import (
    COLUMNS,
    GATE_COLUMNS,
    GateExplanation,
    bar_row,
    decision_row,
    gate_row,
)
from brokers.journal.documents import DecisionDocument, latest_decision
from brokers.journal.opening import open_journal
from brokers.journal.records import Bar, DecisionRow, GateRow
from strategies.decision import Decision, GateLine
from tests.brokers.journal.samples import START, Clock, equity

# No two numbers are equal, so that none can stand in another's place unseen.
DECISION = Decision(
    time=START,
    gate=GateLine(state=2.0, ceiling=0.75, filled=3.0, confirmed_at=START - 7.0, stale=1.0),
    equity=1001.5,
    cash=202.25,
    drawdown=0.0625,
    missing=(0.0, 5.0, math.nan),
    current=(0.11, 0.12, 0.13),
    targets=(0.21, 0.22, 0.23),
    gross=0.875,
    sizes=(6.5, -7.5, 8.5),
)
ROW = DecisionRow(
    time=START,
    decided_at=START + 4.5,
    state=2,
    ceiling=0.75,
    filled=3,
    confirmed_at=START - 7.0,
    gate_stale=1,
    equity=1001.5,
    cash=202.25,
    drawdown=0.0625,
    gross=0.875,
    missing=(0.0, 5.0, math.nan),
    current=(0.11, 0.12, 0.13),
    targets=(0.21, 0.22, 0.23),
    sizes=(6.5, -7.5, 8.5),
    sentence="Why.",
    note="Not ordered.",
    session=9,
)


def row_of(decision: Decision) -> DecisionRow:
    return decision_row(
        decision, decided_at=START + 4.5, sentence="Why.", note="Not ordered.", session=9
    )


def test_every_field_of_a_decision_becomes_the_column_of_its_name() -> None:
    assert row_of(DECISION)._asdict() == ROW._asdict()


def test_no_field_of_decision_or_gate_is_left_out() -> None:
    assert {*COLUMNS, "gate"} == set(Decision._fields)
    assert set(GATE_COLUMNS) == set(GateLine._fields)
    columns = {*COLUMNS, *(column for column, _ in GATE_COLUMNS.values())}
    others = {"decided_at", "sentence", "note", "session", "kind", "rules_digest"}
    assert columns | others == set(DecisionRow._fields)


@pytest.mark.parametrize("confirmed_at", [START - 7.0, math.nan])
def test_a_decision_comes_back_from_the_journal_as_it_was(
    tmp_path: Path, confirmed_at: float
) -> None:
    decision = DECISION._replace(gate=DECISION.gate._replace(confirmed_at=confirmed_at))
    with open_journal(tmp_path / "paper.sqlite", Clock()) as journal:
        session = journal.begin_session("dry-run", "{}", "1")
        row = row_of(decision)._replace(session=session)
        journal.record_decision(row, None, [], equity(START), [])
        (stored,) = journal.decisions()
    assert repr(decision_of(stored)) == repr(decision)
    assert stored.confirmed_at == (None if math.isnan(confirmed_at) else confirmed_at)


def test_a_row_of_the_gate_has_the_tables_values_and_the_lines_acted_on() -> None:
    why = GateExplanation(
        close=1.5,
        record=2.5,
        base_age=3.5,
        level=4.5,
        reason="record",
        held="IWM, HYG",
        closes_note=".",
    )
    lines = {"state": 1.0, "ceiling": 0.5, "filled": 2.0, "confirmed_at": math.nan, "stale": 3.0}
    sources = {"^RUT": "yahoo", "IWM": "alpaca"}
    row = gate_row(START + 0.0, why, lines, rules_digest="abc", sources=sources)
    assert row == GateRow(
        known_at=START,
        close=1.5,
        record=2.5,
        base_age=3.5,
        level=4.5,
        state=1,
        ceiling=0.5,
        filled=2,
        confirmed_at=None,
        stale=3,
        reason="record",
        rules_digest="abc",
        sources='{"^RUT": "yahoo", "IWM": "alpaca"}',
        held='["IWM", "HYG"]',
    )


def test_a_row_of_a_bar_has_its_lines() -> None:
    lines = {"open": 1.5, "high": 2.5, "low": 0.5, "close": 2.0, "volume": 9.0, "stale": 1.0}
    assert bar_row(START, "BTC", lines) == Bar(
        time=START, symbol="BTC", open=1.5, high=2.5, low=0.5, close=2.0, volume=9.0, stale=1
    )


def test_the_document_has_every_column_and_null_for_what_is_unknown(tmp_path: Path) -> None:
    with open_journal(tmp_path / "paper.sqlite", Clock()) as journal:
        assert json.loads(latest_decision(journal))["decision"] is None
        session = journal.begin_session("dry-run", "{}", "1")
        row = ROW._replace(session=session, cash=math.nan)
        journal.record_decision(row, None, [], equity(START), [])
        document = json.loads(latest_decision(journal))
    assert set(document["decision"]) == set(DecisionRow._fields)
    assert document["decision"]["missing"] == [0.0, 5.0, None]
    assert document["decision"]["cash"] is None
    assert document["equity"]["value"] == equity(START).value


def test_the_schema_describes_every_column() -> None:
    schema = DecisionDocument.model_json_schema()
    decision = schema["$defs"]["DecisionRow"]
    assert list(decision["properties"]) == list(DecisionRow._fields)
    assert all(column["description"] for column in decision["properties"].values())
    assert decision["properties"]["cash"]["anyOf"] == [{"type": "number"}, {"type": "null"}]
