"""Whose coins: owned is what is there minus what was there before us."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers.exchange.types import Listing
from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.journal.records import FillRow
from brokers.orders.ledger import Ledger, Movement

LISTINGS = {
    name: Listing(
        symbol=f"{name}/USDT",
        base=name,
        quote="USDT",
        active=True,
        step=0.001,
        min_size=0.0,
        min_notional=5.0,
        tick=0.01,
    )
    for name in ("BTC", "BNB")
}
GRANTED = {"USDT": 10_000.0, "BTC": 1.0, "BNB": 3.0, "TRX": 500.0}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path / "j.sqlite", lambda: 0.0) as opened:
        yield opened


@pytest.fixture
def ledger(journal: Journal) -> Ledger:
    made = Ledger(journal, LISTINGS)
    made.begin(GRANTED, 4000.0, adopt=False)
    return made


def test_a_part_of_the_quote_is_ours_and_no_coin_that_was_there(ledger: Ledger) -> None:
    assert ledger.own_balances(GRANTED) == (4000.0, {"BTC": 0.0, "BNB": 0.0})


def test_adopted_coins_are_ours(journal: Journal) -> None:
    ledger = Ledger(journal, LISTINGS)
    ledger.begin(GRANTED, 4000.0, adopt=True)
    assert ledger.own_balances(GRANTED) == (4000.0, {"BTC": 1.0, "BNB": 3.0})


def test_the_baseline_survives_a_restart(ledger: Ledger, journal: Journal) -> None:
    again = Ledger(journal, LISTINGS)
    assert again.has_begun
    assert again.own_balances(GRANTED | {"USDT": 9000.0, "BTC": 1.5}) == (
        3000.0,
        {"BTC": 0.5, "BNB": 0.0},
    )


def test_our_trades_with_their_fees_in_any_coin_are_no_surprise(
    ledger: Ledger, journal: Journal
) -> None:
    fills = [
        FillRow("BTC", "1", "a", 1.0, 0.5, 1000.0, 0.0005, "BTC", 0.5),
        FillRow("BTC", "2", "b", 2.0, -0.1, 1100.0, 0.11, "USDT", 0.11),
        FillRow("BTC", "3", "c", 3.0, -0.1, 1100.0, 0.002, "BNB", float("nan")),
    ]
    journal.add_fills(fills)
    after = {
        "USDT": 10_000 - 500 + 110 - 0.11 + 110,
        "BTC": 1 + 0.5 - 0.0005 - 0.1 - 0.1,
        "BNB": 3 - 0.002,
        "TRX": 500.0,
    }
    assert ledger.movements(after) == []
    ledger.accept_balances(after)
    assert ledger.movements(after) == []


def test_what_somebody_else_did_is_seen_in_our_coins_and_not_in_others(ledger: Ledger) -> None:
    assert ledger.movements(GRANTED | {"TRX": 0.0}) == []
    assert ledger.movements(GRANTED | {"USDT": 10_500.0, "BTC": 0.75}) == [
        Movement("USDT", 500.0),
        Movement("BTC", -0.25),
    ]
    ledger.accept_balances(GRANTED | {"USDT": 10_500.0})
    assert ledger.movements(GRANTED | {"USDT": 10_500.0}) == []


def test_rounding_in_the_last_digit_is_no_trade(ledger: Ledger) -> None:
    assert ledger.movements(GRANTED | {"USDT": 10_000.005}) == []
    assert ledger.movements(GRANTED | {"USDT": 10_000.05}) == [
        Movement("USDT", pytest.approx(0.05))
    ]


def test_nobody_owes_more_than_there_is(ledger: Ledger) -> None:
    assert ledger.own_balances({"USDT": 1000.0}) == (0.0, {"BTC": 0.0, "BNB": 0.0})


BOUGHT = [  # 4,000 USDT less 2,000 and 1,000, and the fees: one in BTC, one in USDT
    FillRow("BTC", "1", "a", 100.0, 2.0, 1000.0, 0.002, "BTC", 2.0),
    FillRow("BNB", "1", "b", 110.0, 10.0, 100.0, 1.0, "USDT", 1.0),
]
AFTER = GRANTED | {"USDT": 6999.0, "BTC": 2.998, "BNB": 13.0}


def test_expected_is_what_was_agreed_on_and_traded_since(ledger: Ledger, journal: Journal) -> None:
    journal.add_fills(BOUGHT)
    assert ledger.expected_balances() == pytest.approx({"USDT": 6999.0, "BTC": 2.998, "BNB": 13.0})


@pytest.mark.parametrize(
    ("totals", "behind"),
    [
        (AFTER | {"USDT": 8000.0, "BNB": 3.0}, True),  # the newer trade is not booked
        (GRANTED, True),  # neither is
        (
            AFTER | {"USDT": 8999.0, "BTC": 1.0},
            False,
        ),  # the older alone is missing: trades are booked in their order
        (AFTER | {"USDT": 6000.0}, False),
    ],
)
def test_balances_lag_when_they_are_those_before_our_newest_trades(
    ledger: Ledger, journal: Journal, totals: dict[str, float], *, behind: bool
) -> None:
    journal.add_fills(BOUGHT)
    assert ledger.is_behind(totals, 90.0) is behind


def test_what_was_traded_long_ago_is_booked(ledger: Ledger, journal: Journal) -> None:
    journal.add_fills(BOUGHT)
    assert not ledger.is_behind(GRANTED, 105.0)


def test_what_is_taken_of_others_coins_is_not_made_good_out_of_ours(
    ledger: Ledger, journal: Journal
) -> None:
    journal.add_fills(BOUGHT)
    gone = AFTER | {"BTC": 0.25}
    ledger.accept_movements(ledger.movements(gone), gone)
    for one in (ledger, Ledger(journal, LISTINGS)):
        assert one.own_balances(gone)[1]["BTC"] == 0.0
        assert one.own_balances(gone | {"BTC": 3.25})[1]["BTC"] == 3.0


def test_what_comes_is_ours(ledger: Ledger) -> None:
    more = GRANTED | {"BTC": 4.0}
    ledger.accept_movements(ledger.movements(more), more)
    assert ledger.own_balances(more)[1]["BTC"] == 3.0
