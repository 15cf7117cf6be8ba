"""What goes into the journal comes out of it, whole, once, and as it was.

Expected numbers by arithmetic.
"""

import math
import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from brokers.errors import SafetyError
from brokers.journal import reader as module
from brokers.journal import records, tables
from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.journal.permit import permit_path
from brokers.journal.records import (
    Accepted,
    HaltedError,
    IncidentRow,
    JournalError,
    Known,
    SessionRecord,
    TradingState,
)
from brokers.journal.statements import RESUMED
from tests.brokers.journal.samples import (
    MINUTE,
    START,
    UNKNOWN,
    Clock,
    bars,
    decide,
    decision,
    equity,
    fill,
    gate,
    intent,
    is_decided,
    order,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "paper.sqlite"


@pytest.fixture
def journal(path: Path, clock: Clock) -> Iterator[Journal]:
    with open_journal(path, clock) as opened:
        yield opened


def raw(path: Path, query: str) -> list[tuple[object, ...]]:
    """What is really in the file, past the journal."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_every_record_comes_back_as_it_was_the_unknown_and_the_missing_included(journal: Journal):
    session = journal.begin_session("testnet", '{"a": 1}', "1.2")
    kept = journal.record_decision(
        decision(START, session),
        gate(START - 5),
        bars(START),
        equity(START),
        [intent(START), intent(START, 1, "ETH/USDT")],
    )
    assert repr(list(journal.decisions())) == repr([decision(START, session)])
    assert repr(journal.last_decision()) == repr(decision(START, session))
    assert repr(list(journal.gate_rows())) == repr([gate(START - 5)])
    assert list(journal.bars()) == bars(START)
    assert journal.equity() == [journal.last_equity()] == [equity(START)]
    assert (
        kept
        == journal.intents()
        == [intent(START)._replace(id=1), intent(START, 1, "ETH/USDT")._replace(id=2)]
    )
    journal.record_order(order("an-order", 1))
    assert journal.orders() == [journal.order("an-order")] == [order("an-order", 1)]
    journal.add_fills([fill(fee=UNKNOWN, fee_coin="", fee_quote=UNKNOWN)])
    assert repr(journal.fills()) == repr([fill(fee=UNKNOWN, fee_coin="", fee_quote=UNKNOWN)])


def test_a_file_read_again_says_the_same(path: Path, clock: Clock, journal: Journal):
    decide(journal, START, [intent(START)])
    journal.put("anything", '{"x": 1}')
    journal.close()
    with open_journal(path, clock) as again:
        assert repr(list(again.decisions())) == repr([decision(START)])
        assert again.unfinished_intents() == [intent(START)._replace(id=1)]
        assert again.get("anything") == '{"x": 1}'
        assert again.account_id == journal.account_id


@pytest.mark.parametrize(
    ("table", "record"),
    [
        ("sessions", records.SessionRecord),
        ("bars", records.Bar),
        ("gate_rows", records.GateRow),
        ("decisions", records.DecisionRow),
        ("intents", records.Intent),
        ("orders", records.OrderRow),
        ("fills", records.FillRow),
        ("equity", records.EquityRow),
    ],
)
def test_a_table_has_the_columns_of_its_record(table: str, record: type):
    assert tuple(tables.METADATA.tables[table].c.keys()) == record._fields


def test_an_empty_journal_answers_everything(journal: Journal):
    assert (
        journal.last_decision(),
        journal.last_equity(),
        journal.order("x"),
        journal.get("x"),
    ) == (None,) * 4
    assert journal.trading()[:2] == ("on", "")
    assert journal.known() == journal.accepted() == []
    assert [
        *journal.decisions(),
        *journal.bars(),
        *journal.gate_rows(),
        *journal.intents(),
        *journal.unfinished_intents(),
    ] == []
    assert [
        *journal.orders(),
        *journal.fills(),
        *journal.equity(),
        *journal.incidents(9),
        *journal.sessions(),
    ] == []
    assert not is_decided(journal, START)


def test_a_decision_is_kept_whole_or_not_at_all(journal: Journal):
    decide(journal, START)
    twice = [intent(START + MINUTE), intent(START + MINUTE)]  # the same leg
    with pytest.raises(JournalError, match="it refuses the row"):
        journal.record_decision(
            decision(START + MINUTE),
            gate(START),
            bars(START + MINUTE),
            equity(START + MINUTE),
            twice,
        )
    assert not is_decided(journal, START + MINUTE)
    assert list(journal.bars()) == bars(START)
    assert [*journal.gate_rows(), *journal.intents()] == []
    assert journal.last_equity() == equity(START)


def test_a_bar_is_decided_once_and_no_earlier_one_after_it(journal: Journal):
    decide(journal, START, [intent(START)])
    assert is_decided(journal, START)
    assert not is_decided(journal, START + MINUTE)
    with pytest.raises(
        JournalError,
        match="bar of 2023-11-15 00:00 UTC cannot be decided, because that of 2023-11-15 00:00 ",
    ):
        decide(journal, START, [intent(START)])
    with pytest.raises(JournalError, match="2023-11-14 23:59 UTC cannot be decided"):
        decide(journal, START - MINUTE)
    assert len(journal.intents()) == 1


def test_refusals_are_for_safety():
    assert issubclass(JournalError, SafetyError)


def test_a_sentence_reported_again_is_kept_once_and_read_every_time(journal: Journal, path: Path):
    said = ["a", "a", "a", "b", "b", "a", "", ""]
    for place, sentence in enumerate(said):
        decide(journal, START + place * MINUTE, sentence=sentence)
        last = journal.last_decision()
        assert last is not None and last.sentence == sentence
    assert [row.sentence for row in journal.decisions()] == said
    assert raw(path, "SELECT sentence FROM decisions ORDER BY time") == [
        ("a",),
        (None,),
        (None,),
        ("b",),
        (None,),
        ("a",),
        ("",),
        (None,),
    ]
    for first in range(8):
        assert [row.sentence for row in journal.decisions(since=START + first * MINUTE)] == said[
            first:
        ]
    assert [row.sentence for row in journal.decisions(START + 2 * MINUTE, START + 4 * MINUTE)] == [
        "a",
        "b",
        "b",
    ]


@pytest.mark.parametrize("page", [1, 2, 3, 4, 100])
def test_long_tables_are_read_page_by_page_and_nothing_twice(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, page: int
):
    times = [START + place * MINUTE for place in range(6)]
    for at in times:
        decide(journal, at)
    monkeypatch.setattr(module, "PAGE", page)
    assert [row.time for row in journal.decisions()] == times
    assert [row.time for row in journal.decisions(times[1], times[4])] == times[1:5]
    assert list(journal.bars()) == [bar for at in times for bar in bars(at)]
    assert list(journal.bars(until=times[0])) == bars(times[0])
    assert journal.equity(times[2]) == [equity(at) for at in times[2:]]


def test_nothing_stays_locked_while_a_caller_goes_through_the_rows(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "PAGE", 2)
    for place in range(5):
        decide(journal, START + place * MINUTE)
    reader = journal.decisions()
    next(reader)
    # Were one reader left in its transaction, the log could not be emptied: "busy" would be 1.
    assert raw(path, "PRAGMA wal_checkpoint(TRUNCATE)") == [(0, 0, 0)]
    decide(journal, START + 5 * MINUTE)
    assert len(list(reader)) == 5


def test_a_bar_stays_as_it_was_first_seen(journal: Journal):
    decide(journal, START)
    revised = bars(START)[0]._replace(close=999.0)
    journal.record_decision(decision(START + MINUTE), None, [revised], equity(START + MINUTE), [])
    assert list(journal.bars()) == bars(START)


def test_a_gate_row_stays_as_it_was_known_unless_a_less_stale_one_comes(journal: Journal):
    journal.begin_session("dry-run", "{}", "1")
    seen = []
    for place, row in enumerate(
        (
            gate(START, 2, 10.0),
            gate(START, 2, 11.0),
            gate(START, 3, 12.0),
            gate(START, 0, 13.0),
            gate(START, 0, 14.0),
        )
    ):
        at = START + place * MINUTE
        journal.record_decision(decision(at), row, [], equity(at), [])
        seen += [one.close for one in journal.gate_rows()]
    assert seen == [10.0, 10.0, 10.0, 13.0, 13.0]


def test_what_is_unfinished_is_planned_or_sent(journal: Journal):
    states = ("planned", "sent", "done", "abandoned", "refused")
    kept = decide(journal, START, [intent(START, leg) for leg in range(5)])
    for one, state in zip(kept, states, strict=True):
        journal.set_intent(one.id, state, f"because {state}")
    assert [(one.state, one.why) for one in journal.intents(START)] == [
        (state, f"because {state}") for state in states
    ]
    assert [one.state for one in journal.unfinished_intents()] == ["planned", "sent"]
    assert journal.intents(START + MINUTE) == []
    with pytest.raises(JournalError, match="there is no intent 99"):
        journal.set_intent(99, "done", "")


def test_an_order_is_kept_before_it_is_sent_and_never_twice(journal: Journal):
    first, second = decide(journal, START, [intent(START), intent(START, 1)])
    journal.record_order(order("one", first.id))
    assert [one.state for one in journal.intents()] == ["sent", "planned"]
    with pytest.raises(JournalError, match="UNIQUE"):
        journal.record_order(order("one", second.id))
    with pytest.raises(JournalError, match="UNIQUE"):
        journal.record_order(order("another name", first.id))  # the same attempt
    assert [one.state for one in journal.intents()] == ["sent", "planned"]
    journal.record_order(order("two", first.id, attempt=2))
    assert journal.orders(first.id) == [order("one", first.id), order("two", first.id, attempt=2)]
    assert journal.orders(second.id) == []


@pytest.mark.parametrize("state", ["done", "abandoned", "refused"])
def test_no_order_is_sent_for_an_intent_that_is_settled_or_unknown(
    journal: Journal, state: records.IntentState
):
    decide(journal, START, [intent(START)])
    journal.set_intent(1, state, "")
    for of in (1, 7):
        with pytest.raises(JournalError, match=f"must not be sent, because intent {of}"):
            journal.record_order(order("one", of))
    assert journal.orders() == []
    assert journal.intents()[0].state == state


def test_an_order_changes_in_what_the_venue_says_only(journal: Journal, clock: Clock):
    decide(journal, START, [intent(START)])
    journal.record_order(order("one", 1))
    clock.time = START + 9.0
    journal.update_order("one", venue_id="123", status="filled", filled=-0.25, average=100.125)
    filled = order("one", 1)._replace(
        venue_id="123", status="filled", filled=-0.25, average=100.125, updated=START + 9.0
    )
    assert journal.order("one") == filled
    journal.update_order("one", status="cancelled", updated=START + 8.5)
    assert journal.order("one") == filled._replace(status="cancelled", updated=START + 8.5)
    with pytest.raises(JournalError, match="there is no order two"):
        journal.update_order("two", status="filled")


def test_a_fill_reported_again_is_no_second_fill(journal: Journal):
    assert journal.add_fills([fill("1"), fill("2")]) == 2
    assert (
        journal.add_fills([fill("2"), fill("3", time=START + 1.0), fill("3", time=START + 1.0)])
        == 1
    )
    assert (
        journal.add_fills([fill("1")._replace(symbol="ETH/USDT")]) == 1
    )  # venues number trades by market
    assert [(row.symbol, row.trade_id) for row in journal.fills()] == [
        ("BTC/USDT", "3"),
        ("BTC/USDT", "1"),
        ("BTC/USDT", "2"),
        ("ETH/USDT", "1"),
    ]
    assert len(journal.fills(since=START + 4.0)) == 3


def test_after_a_reset_a_trade_may_have_the_number_of_an_earlier_one(journal: Journal):
    assert (
        journal.add_fills(
            [fill("1"), fill("1", time=START + 5.0)._replace(client_id="after-the-reset")]
        )
        == 2
    )
    assert [row.client_id for row in journal.fills()] == ["an-order", "after-the-reset"]


@pytest.mark.parametrize(
    ("before", "after", "better"),
    [
        ((UNKNOWN, "", UNKNOWN), (0.01, "BNB", 2.5), True),
        ((UNKNOWN, "", UNKNOWN), (0.0, "USDT", 0.0), True),
        ((0.01, "BNB", UNKNOWN), (0.01, "BNB", 2.5), True),  # its price came later
        ((0.02, "BTC", 2.0), (0.01, "BNB", 2.5), True),  # an estimate, then what was really taken
        ((0.0, "", 0.0), (0.01, "BNB", 2.5), True),
        ((0.01, "BNB", 2.5), (UNKNOWN, "", UNKNOWN), False),
        ((0.01, "BNB", 2.5), (0.01, "BNB", UNKNOWN), False),
        ((0.01, "BNB", 2.5), (0.0, "", 0.0), False),  # a lagging answer
        ((0.01, "BNB", UNKNOWN), (UNKNOWN, "", UNKNOWN), False),
    ],
)
def test_a_fee_is_filled_in_later_and_never_forgotten(
    journal: Journal, before: tuple, after: tuple, *, better: bool
):
    journal.add_fills([fill("1", *before)])
    assert journal.add_fills([fill("1", *after)._replace(price=1.0)]) == 0
    assert repr(journal.fills()) == repr([fill("1", *(after if better else before))])


def test_the_drawdown_is_the_largest_fall_from_the_peak_before_it(journal: Journal):
    for place, value in enumerate((2.0, 1.0, 4.0, 3.0, UNKNOWN, 5.0, 4.5)):
        decide(journal, START + place * MINUTE, unit_value=value)
    assert journal.drawdown_since(START) == (5.0, 1 - 1.0 / 2.0)
    assert journal.drawdown_since(START + MINUTE) == (5.0, 1 - 3.0 / 4.0)
    assert journal.drawdown_since(START + 5 * MINUTE) == (5.0, 1 - 4.5 / 5.0)
    assert journal.drawdown_since(START + 6 * MINUTE) == (4.5, 0.0)
    for nothing in (START + 7 * MINUTE, UNKNOWN):
        peak, largest = journal.drawdown_since(nothing)
        assert math.isnan(peak) and largest == 0.0


def test_the_drawdown_of_a_long_walk_is_that_of_a_plain_loop(journal: Journal):
    dice = random.Random(4)
    values = [1.0]
    for _ in range(60):
        values.append(values[-1] * (0.9 + 0.2 * dice.random()))
    for place, value in enumerate(values):
        decide(journal, START + place * MINUTE, unit_value=value)
    for first in (0, 7, 30, 59):
        walk = values[first:]
        largest = max(
            1 - walk[late] / walk[early]
            for early in range(len(walk))
            for late in range(early, len(walk))
        )
        assert journal.drawdown_since(START + first * MINUTE) == (max(walk), largest)


def test_an_incident_is_new_once_a_day(journal: Journal, clock: Clock):
    assert journal.record_incident("venue", "warning", "no answer")
    clock.time += 60.0
    assert not journal.record_incident("venue", "warning", "no answer")
    assert journal.record_incident("venue", "warning", "another text")
    assert journal.record_incident("venue", "critical", "no answer")
    assert journal.record_incident("data", "warning", "no answer")
    clock.time += 86400.0
    assert journal.record_incident("venue", "warning", "no answer")
    first = START + 2.5
    assert journal.incidents(9) == [
        IncidentRow(5, first + 86460, "venue", "warning", "no answer", 1, first + 86460),
        IncidentRow(4, first + 60, "data", "warning", "no answer", 1, first + 60),
        IncidentRow(3, first + 60, "venue", "critical", "no answer", 1, first + 60),
        IncidentRow(2, first + 60, "venue", "warning", "another text", 1, first + 60),
        IncidentRow(1, first, "venue", "warning", "no answer", 2, first + 60),
    ]
    assert [one.id for one in journal.incidents(2)] == [5, 4]


def test_an_incident_belongs_to_the_utc_day(journal: Journal, clock: Clock):
    clock.time = START + 86399.9
    assert journal.record_incident("venue", "info", "x")
    clock.time = START + 86400.0
    assert journal.record_incident("venue", "info", "x")


@pytest.mark.parametrize(
    ("state", "buys", "sells"),
    [("on", True, True), ("no-buys", False, True), ("flatten", False, True), ("off", False, False)],
)
def test_what_may_be_sent_follows_from_the_trading_state(
    journal: Journal, state: TradingState, *, buys: bool, sells: bool
):
    for number, (size, allowed) in enumerate(((1.0, buys), (-1.0, sells))):
        at = START + number * MINUTE
        (recorded,) = decide(journal, at, [intent(at)._replace(size=size)])
        journal.set_trading(state, "why")
        row = order(f"id{number}", recorded.id)._replace(size=size)
        if allowed:
            journal.record_order(row)
        else:
            with pytest.raises(HaltedError, match="why"):
                journal.record_order(row)
        assert (journal.order(row.client_id) is not None) == allowed


def test_without_its_permit_nothing_is_sent_until_trading_is_on_again(journal: Journal):
    (recorded,) = decide(journal, START, [intent(START)])
    permit_path(journal.path).unlink()
    assert journal.trading().state == "off"
    with pytest.raises(HaltedError, match=r"paper\.permit is missing; `resume` makes it again"):
        journal.record_order(order("id", recorded.id))
    journal.set_trading("on", "")
    journal.record_order(order("id", recorded.id))


def test_what_is_known_replaces_what_was_known(journal: Journal):
    for until in (1.0, 2.0):
        journal.put_known(Known("calendar", until, "file", 0.5))
    journal.put_known(Known("a", 7.0, "", 0.0))
    assert journal.known() == [Known("a", 7.0, "", 0.0), Known("calendar", 2.0, "file", 0.5)]


def test_a_confirmed_close_is_kept_once_and_can_be_corrected(journal: Journal):
    for close in (1.0, 2.0):
        journal.accept_close(Accepted("HYG", START, close, "me", 3.0))
    assert journal.accepted() == [Accepted("HYG", START, 2.0, "me", 3.0)]


def test_a_close_that_is_accepted_twice_counts_from_the_earlier_instant_on(journal: Journal):
    """A person's command and a session's second source may accept it within the same seconds."""
    for by_whom, at in (("me", 4.0), ("url", 3.0), ("me", 5.0)):
        journal.accept_close(Accepted("HYG", START, 1.0, by_whom, at))
    assert journal.accepted() == [Accepted("HYG", START, 1.0, "url", 3.0)]


def test_a_halt_stands_until_it_is_taken_back(journal: Journal, clock: Clock):
    journal.set_trading("off", "the drawdown stop")
    assert journal.trading().reason == "the drawdown stop"
    journal.set_trading("off", "")
    assert journal.trading().reason == "no reason was given"
    assert journal.get(RESUMED) is None
    for clock.time in (START + 7.25, START + 8.5):
        journal.set_trading("on", "")
        assert journal.trading().state == "on"
        assert float(journal.get(RESUMED) or 0) == clock.time


def test_a_session_ends_or_is_seen_not_to_have_ended(journal: Journal, path: Path, clock: Clock):
    with pytest.raises(JournalError, match="no session was begun"):
        journal.end_session("done")
    journal.begin_session("dry-run", "{}", "1")
    journal.close()
    with open_journal(path, clock) as again:
        clock.time = START + 100.0
        assert again.begin_session("testnet", "{}", "2") == 2
        clock.time = START + 200.0
        again.end_session("done")
        killed, ended = again.sessions()
    assert killed == SessionRecord(1, START + 2.5, None, "dry-run", "{}", "1", killed.pid, None)
    assert ended == SessionRecord(
        2, START + 100.0, START + 200.0, "testnet", "{}", "2", killed.pid, "done"
    )


def test_a_decision_belongs_to_a_session(journal: Journal):
    with pytest.raises(JournalError, match="FOREIGN KEY"):
        journal.record_decision(decision(START, session=3), None, [], equity(START), [])


def test_a_value_of_another_type_is_refused_not_kept_as_bytes(journal: Journal):
    decide(journal, START)
    with pytest.raises(JournalError, match="cannot store BLOB value in INTEGER column"):
        journal.record_decision(
            decision(START + MINUTE)._replace(filled=np.int64(2)),
            None,
            [],
            equity(START + MINUTE),
            [],
        )
    with pytest.raises(JournalError, match="NOT NULL"):
        journal.add_fills([fill()._replace(price=UNKNOWN)])


def test_beside_the_session_one_may_read_halt_and_note_incidents_only(
    journal: Journal, path: Path, clock: Clock
):
    decide(journal, START, [intent(START)])
    with open_journal(path, clock, locked=False) as beside:
        beside.set_trading("off", "by hand")
        beside.record_incident("halt", "info", "by hand")
        assert journal.trading().reason == "by hand"
        assert len(journal.incidents(9)) == len(beside.intents()) == 1
        for write in (
            lambda: decide(beside, START + MINUTE),
            lambda: beside.begin_session("dry-run", "{}", "1"),
            lambda: beside.record_order(order("one", 1)),
            lambda: beside.set_intent(1, "done", ""),
            lambda: beside.add_fills([fill()]),
            lambda: beside.put("x", "1"),
        ):
            with pytest.raises(JournalError, match="only a session that holds its lock"):
                write()


def test_a_month_of_minutes_stays_small_and_a_decision_takes_no_time(journal: Journal, path: Path):
    dice = random.Random(1)
    count = 2000
    journal.begin_session("dry-run", "{}", "1")
    used = -time.process_time()
    for place in range(count):
        at = START + place * MINUTE
        shares = [tuple(dice.random() for _ in range(3)) for _ in range(3)]
        seen = decision(at)._replace(
            current=shares[0],
            targets=shares[1],
            sizes=shares[2],
            equity=dice.random(),
            cash=dice.random(),
            drawdown=dice.random(),
        )
        priced = [
            bar._replace(open=dice.random(), close=dice.random(), volume=dice.random())
            for bar in bars(at)
        ]
        journal.record_decision(
            seen, None, priced, equity(at, dice.random()), [intent(at)] if place % 100 == 0 else []
        )
    used += time.process_time()
    journal.close()
    assert used / count < 0.005
    assert path.stat().st_size / count * 43_200 < 40e6
    assert raw(path, "SELECT count(*) FROM decisions WHERE sentence IS NOT NULL") == [(1,)]
