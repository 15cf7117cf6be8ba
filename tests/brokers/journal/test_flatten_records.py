"""Decisions to sell everything beside those on bars: at seconds of their own, sent as asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.journal.permit import is_permitted
from brokers.journal.records import HaltedError, JournalError
from tests.brokers.journal.samples import MINUTE, START, Clock, decide, decision, intent, order

SECOND = START + 7


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path / "paper.sqlite", Clock()) as opened:
        decide(opened, START, [intent(START)], sentence="one")
        yield opened


def sell(journal: Journal, second: int = SECOND) -> None:
    row = decision(second, sentence="all is sold")._replace(kind="flatten")
    journal.record_flatten(row, [intent(second), intent(second, 1)])


def test_a_sale_of_everything_is_a_decision_but_none_on_a_bar(journal: Journal) -> None:
    journal.set_trading("flatten", "enough")
    sell(journal)
    decide(journal, START + MINUTE, sentence="one")
    assert [row.time for row in journal.decisions()] == [START, START + MINUTE]
    assert [row.time for row in journal.decisions(kind="flatten")] == [SECOND]
    assert [(row.time, row.sentence) for row in journal.decisions(kind=None)] == [
        (START, "one"),
        (SECOND, "all is sold"),
        (START + MINUTE, "one"),
    ]
    assert [row.time for row in journal.equity()] == [START, START + MINUTE]
    assert [journal.kind_at(time) for time in (START, SECOND, START + 1)] == [
        "bar",
        "flatten",
        None,
    ]
    assert [(row.time, row.leg) for row in journal.unfinished_intents()] == [
        (START, 0),
        (SECOND, 0),
        (SECOND, 1),
    ]


def test_the_newest_decision_is_that_on_a_bar(journal: Journal) -> None:
    journal.set_trading("flatten", "enough")
    sell(journal)
    last = journal.last_decision()
    assert last is not None
    assert (last.time, last.sentence) == (START, "one")


def test_bars_go_forward_among_themselves(journal: Journal) -> None:
    """One that ended before the sale may be decided after it."""
    journal.set_trading("flatten", "enough")
    sell(journal, START + MINUTE + 7)
    decide(journal, START + MINUTE, sentence="one")
    decide(journal, START + 2 * MINUTE, sentence="one")
    assert [row.sentence for row in journal.decisions()] == ["one"] * 3
    with pytest.raises(JournalError, match="cannot be decided, because that of"):
        decide(journal, START + MINUTE)


def test_two_of_one_second_are_refused(journal: Journal) -> None:
    journal.set_trading("flatten", "enough")
    sell(journal)
    with pytest.raises(JournalError, match="UNIQUE"):
        sell(journal)


@pytest.mark.parametrize("state", ["on", "no-buys", "off"])
def test_it_is_recorded_and_sent_only_while_it_is_asked_for(journal: Journal, state: str) -> None:
    journal.set_trading("flatten", "enough")
    sell(journal)
    first, second = journal.intents(SECOND)
    journal.record_order(order("first", first.id))
    journal.set_trading(state, "changed my mind")
    why = "halted" if state == "off" else rf"no longer to be sold \({state}\)"
    with pytest.raises(HaltedError, match=f"{why}: changed my mind"):
        journal.record_order(order("second", second.id))
    with pytest.raises(HaltedError, match=f"{why}: changed my mind"):
        sell(journal, SECOND + 1)
    assert [row.client_id for row in journal.orders()] == ["first"]
    assert [row.time for row in journal.decisions(kind="flatten")] == [SECOND]


def test_it_is_asked_for_with_the_permit_and_ends_without_it(journal: Journal) -> None:
    journal.set_trading("off", "before")
    journal.set_trading("flatten", "enough")
    assert is_permitted(journal.path)
    assert journal.end_flatten("sold")
    assert journal.trading()[:2] == ("off", "sold")
    assert not is_permitted(journal.path)


@pytest.mark.parametrize("state", ["on", "no-buys", "off"])
def test_its_end_overrides_no_other_wish(journal: Journal, state: str) -> None:
    journal.set_trading("flatten", "enough")
    journal.set_trading(state, "changed my mind")
    assert not journal.end_flatten("sold")
    assert journal.trading()[:2] == (state, "changed my mind")
    assert is_permitted(journal.path) == (state != "off")
