"""An account on paper: real limits, a real book, and the same account after a restart."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from brokers.exchange.errors import TryLaterError
from brokers.exchange.types import Book
from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.journal.records import EquityRow, Intent
from brokers.orders.paper import PaperAccount, Rules, Terms
from tests.brokers.journal.samples import one_coin_decision

BOOK = Book(bids=((99.0, 2.0), (98.0, 50.0)), asks=((101.0, 2.0), (102.0, 50.0)))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path / "j.sqlite", lambda: 7.0) as opened:
        opened.begin_session("dry-run", "{}", "")
        yield opened


def account(
    journal: Journal, book: Book = BOOK, tick_gap: float = 0.2, cash: float = 1000.0
) -> PaperAccount:
    return started(journal, Terms(cash, 0.001, tick_gap, 0.01), lambda coin: book)


def started(journal: Journal, terms: Terms, books: Callable[[str], Book]) -> PaperAccount:
    paper = PaperAccount(
        journal,
        terms,
        ["BTC"],
        rules=lambda: {"BTC": Rules(0.01, 5.0)},
        books=books,
        now=lambda: 7.0,
        report=lambda incident: None,
    )
    paper.start()
    return paper


def intended(journal: Journal, size: float, price: float = 100.0, time: int = 1) -> Intent:
    row = one_coin_decision(time)
    (intent,) = journal.record_decision(
        row,
        None,
        [],
        EquityRow(time, 1.0, 1.0, 1.0, 1.0, 0.0),
        [Intent(0, time, "BTC", 0, size, price, "planned", "")],
    )
    return intent


def test_a_buy_walks_the_asks_and_pays_the_fee(journal: Journal) -> None:
    paper = account(journal)
    paper.carry_out(intended(journal, 4.0), may_send=True)
    paid = 2 * 101.0 + 2 * 102.0
    assert paper.positions == {"BTC": 4.0}
    assert paper.cash == pytest.approx(1000.0 - paid * 1.001)
    assert journal.intents()[0].state == "done"
    (order,) = journal.orders()
    assert (order.status, order.filled, order.average) == ("filled", 4.0, pytest.approx(paid / 4))


def test_a_sell_takes_the_bids_and_never_more_than_is_held(journal: Journal) -> None:
    paper = account(journal)
    paper.carry_out(intended(journal, 1.0), may_send=True)
    cash = paper.cash
    paper.carry_out(intended(journal, -3.0, time=2), may_send=True)
    assert paper.positions == {"BTC": 0.0}
    assert paper.cash == pytest.approx(cash + 99.0 * 0.999)


def test_a_buy_is_cut_to_what_the_cash_pays_in_whole_steps(journal: Journal) -> None:
    paper = account(journal, cash=500.0)
    paper.carry_out(intended(journal, 40.0), may_send=True)
    average = (2 * 101 + 38 * 102) / 40  # of the size wanted, by which it is cut
    size = int(500 / (average * 1.001) / 0.01) * 0.01
    assert paper.positions["BTC"] == pytest.approx(size)
    assert paper.cash == pytest.approx(500 - (2 * 101 + (size - 2) * 102) * 1.001)


def test_a_restart_finds_the_same_account(journal: Journal) -> None:
    paper = account(journal)
    paper.carry_out(intended(journal, 4.0), may_send=True)
    paper.carry_out(intended(journal, -1.0, time=2), may_send=True)
    again = account(journal)
    assert again.positions == paper.positions
    assert again.cash == pytest.approx(paper.cash, rel=1e-12)


def test_what_is_filled_is_not_filled_again(journal: Journal) -> None:
    intent = intended(journal, 4.0)
    account(journal).carry_out(intent, may_send=True)
    again = account(journal)
    journal.set_intent(intent.id, "sent", "")  # as a crash before the last word would leave it
    again.carry_out(intent, may_send=True)
    assert again.positions == {"BTC": 4.0}
    assert len(journal.fills()) == 1
    assert journal.intents()[0].state == "done"


@pytest.mark.parametrize(
    ("book", "size", "price", "why"),
    [
        (Book((), ()), 1.0, 100.0, "the order book is empty"),
        (BOOK, 1.0, 80.0, "guards.tick_gap"),
        (BOOK, 0.04, 100.0, "no cash"),
    ],
)
def test_what_cannot_be_filled_waits_and_is_then_abandoned_with_a_reason(
    book: Book, size: float, price: float, why: str, journal: Journal
) -> None:
    paper = account(journal, book, cash=3.0 if why == "no cash" else 1000.0)
    assert why in paper.carry_out(intended(journal, size, price), may_send=True)
    (intent,) = journal.unfinished_intents()
    assert (intent.state, why in intent.why) == ("planned", True)
    assert paper.carry_out(intent, may_send=False) == ""
    (intent,) = journal.intents()
    assert intent.state == "abandoned"
    assert why in intent.why
    assert journal.fills() == []


def test_what_came_too_late_is_not_filled(journal: Journal) -> None:
    paper = account(journal)
    paper.carry_out(intended(journal, 1.0), may_send=False)
    assert (journal.intents()[0].state, journal.intents()[0].why, paper.cash) == (
        "abandoned",
        "too late to be sent",
        1000.0,
    )


def test_without_a_book_the_intent_waits(journal: Journal) -> None:
    def no_book(coin: str) -> Book:
        raise TryLaterError("no answer")

    paper = started(journal, Terms(1000.0, 0.001, 0.2, 0.01), no_book)
    with pytest.raises(TryLaterError):
        paper.carry_out(intended(journal, 1.0), may_send=True)
    assert [intent.state for intent in journal.unfinished_intents()] == ["planned"]
