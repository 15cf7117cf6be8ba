"""Whose coins: owned is what is there minus what was there before us."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers.exchange.types import Listing
from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.journal.records import FillRow
from brokers.orders.attribution import Movement
from brokers.orders.balances import OwnBalances
from brokers.orders.ledger import Ledger

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
        # Neither is, and somebody has paid in meanwhile: not theirs to be accounted for yet.
        (GRANTED | {"USDT": 12_000.0}, True),
        (AFTER | {"USDT": 9000.0, "BNB": 3.0}, True),
        (AFTER | {"USDT": 9000.0, "BNB": 4.0}, False),
    ],
)
def test_balances_lag_when_they_are_those_before_our_newest_trades(
    ledger: Ledger, journal: Journal, totals: dict[str, float], *, behind: bool
) -> None:
    journal.add_fills(BOUGHT)
    assert ledger.is_behind(totals, 90.0) is behind


def test_what_was_traded_long_ago_is_booked(ledger: Ledger, journal: Journal) -> None:
    journal.add_fills(BOUGHT)
    assert not ledger.is_behind(GRANTED, 115.0)


CLOSES = {"BTC": 1000.0, "BNB": 100.0}


def changed(
    ledger: Ledger, before: dict[str, float], *, deposits_are_ours: bool = False, **units: float
) -> tuple[OwnBalances, float]:
    """Somebody else changes `before` by `units`: what is ours then, and the flow of it."""
    totals = {coin: there + units.get(coin, 0.0) for coin, there in before.items()}
    movements = ledger.movements(totals)
    flow = ledger.flow()
    ledger.accept_movements(movements, totals, CLOSES, deposits_are_ours=deposits_are_ours)
    assert ledger.movements(totals) == []
    return ledger.own_balances(totals), ledger.flow() - flow


# 10,000 USDT of which 4,000 are ours; 1 BTC and 3 BNB of others, and after BOUGHT 999 USDT,
# 1.998 BTC and 10 BNB of ours.
@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ({"USDT": 2000.0}, (999.0, 1.998, 0.0)),  # a deposit is theirs
        ({"USDT": -5000.0}, (999.0, 1.998, 0.0)),  # a withdrawal of less than is theirs
        ({"USDT": -6000.0}, (999.0, 1.998, 0.0)),  # of all of it
        ({"USDT": -6500.0}, (499.0, 1.998, -500.0)),  # of 500 more
        ({"BTC": 2.0}, (999.0, 1.998, 0.0)),
        ({"BTC": -0.4}, (999.0, 1.998, 0.0)),
        ({"BTC": -1.5}, (999.0, 1.498, -500.0)),
        # Another bot buys BTC with what is theirs, or sells what it has.
        ({"USDT": -3000.0, "BTC": 3.0}, (999.0, 1.998, 0.0)),
        ({"USDT": 900.0, "BTC": -0.9}, (999.0, 1.998, 0.0)),
        # A purchase that straddles: what our 500 have paid for is ours.
        ({"USDT": -6500.0, "BTC": 6.5}, (499.0, 1.998 + 0.5, 0.0)),
        ({"USDT": -6500.0, "BTC": 0.4}, (499.0, 1.998 + 0.4, -100.0)),
        # A person sells our BTC: 1 BTC of the 2.5 is theirs, and so is what it brings.
        ({"USDT": 2500.0, "BTC": -2.5}, (999.0 + 1500.0, 0.498, 0.0)),
        # Or turns it into another coin of ours, or into one that is not watched.
        ({"BTC": -2.0, "BNB": 20.0}, (999.0, 0.998, 0.0)),
        ({"BTC": -2.0}, (999.0, 0.998, -1000.0)),
    ],
)
def test_what_others_move_changes_their_part_first(
    ledger: Ledger,
    journal: Journal,
    units: dict[str, float],
    expected: tuple[float, float, float],
) -> None:
    """`expected` are our cash, our BTC and the flow."""
    cash, btc, flow = expected
    journal.add_fills(BOUGHT)
    own, paid_in = changed(ledger, AFTER, **units)
    assert own.cash == pytest.approx(cash, abs=1e-9)
    assert own.positions["BTC"] == pytest.approx(btc, abs=1e-9)
    assert paid_in == pytest.approx(flow, abs=1e-8)
    before = 999.0 + 1.998 * CLOSES["BTC"] + 10.0 * CLOSES["BNB"]
    after = own.cash + sum(held * CLOSES[coin] for coin, held in own.positions.items())
    assert after - before == pytest.approx(paid_in, abs=1e-8)  # neither profit nor loss


def test_what_is_theirs_goes_on_being_theirs(ledger: Ledger) -> None:
    """The case of the field: paid in, then spent by another bot, then withdrawn."""
    totals = dict(GRANTED)
    for move in (2000.0, -3000.0, 700.0, -5700.0):
        own, flow = changed(ledger, totals, USDT=move)
        totals["USDT"] += move
        assert (own.cash, flow) == (pytest.approx(4000.0), pytest.approx(0.0, abs=1e-9))
    assert changed(ledger, totals, USDT=-1.0)[0].cash == pytest.approx(3999.0)


def test_where_a_person_says_so_deposits_are_ours(ledger: Ledger) -> None:
    own, flow = changed(ledger, GRANTED, deposits_are_ours=True, USDT=2000.0, BTC=0.5)
    assert own == (6000.0, {"BTC": 0.5, "BNB": 0.0})
    assert flow == 2000.0 + 0.5 * CLOSES["BTC"]
    lost, flow = changed(
        ledger, GRANTED | {"USDT": 12_000.0, "BTC": 1.5}, deposits_are_ours=True, USDT=-6000.0
    )
    assert (lost.cash, flow) == (6000.0, 0.0)


def test_adopted_coins_are_all_there_is_to_lose(journal: Journal) -> None:
    ledger = Ledger(journal, LISTINGS)
    ledger.begin(GRANTED, 10_000.0, adopt=True)
    own, flow = changed(ledger, GRANTED, USDT=-100.0, BTC=-0.25)
    assert own == (9900.0, {"BTC": 0.75, "BNB": 3.0})
    assert flow == -100.0 - 0.25 * CLOSES["BTC"]
    assert changed(ledger, GRANTED | {"USDT": 9900.0, "BTC": 0.75}, BTC=1.0)[1] == 0.0


def test_another_bots_fee_in_a_coin_we_trade_is_paid_by_what_is_theirs(ledger: Ledger) -> None:
    own, flow = changed(ledger, GRANTED, BNB=-0.004)
    assert own == (4000.0, {"BTC": 0.0, "BNB": 0.0}) and flow == 0.0


def test_a_fee_that_others_coins_have_paid_for_us_stays_owed_to_them(journal: Journal) -> None:
    """12 USDT worth of a coin that is not ours: they are part of what others may take."""
    ledger = Ledger(journal, {"BTC": LISTINGS["BTC"]})
    ledger.begin(GRANTED, 4000.0, adopt=False)
    journal.add_fills([FillRow("BTC", "1", "a", 1.0, 1.0, 1000.0, 0.12, "BNB", 12.0)])
    after = GRANTED | {"USDT": 9000.0, "BTC": 2.0, "BNB": 2.88}
    assert ledger.own_balances(after).cash == 3000.0 - 12.0
    own, flow = changed(ledger, after, USDT=-6012.0)
    assert (own.cash, flow) == (pytest.approx(2988.0), pytest.approx(0.0, abs=1e-8))
    own, flow = changed(ledger, after | {"USDT": 2988.0}, USDT=-8.0)
    assert (own.cash, flow) == (pytest.approx(2980.0), pytest.approx(-8.0))


def test_amid_movements_nothing_that_has_come_is_ours_yet_and_theirs_goes_first(
    ledger: Ledger, journal: Journal
) -> None:
    journal.add_fills(BOUGHT)
    more = AFTER | {"USDT": 9999.0, "BTC": 7.0}
    assert ledger.own_amid_movements(more) == (
        pytest.approx(999.0),
        pytest.approx({"BTC": 1.998, "BNB": 10.0}),
    )
    less = AFTER | {"USDT": 2000.0, "BTC": 0.5}
    assert ledger.own_amid_movements(less) == (
        pytest.approx(999.0),
        pytest.approx({"BTC": 0.5, "BNB": 10.0}),
    )
    assert ledger.movements(more) and ledger.flow() == 0.0  # looking changes nothing


def test_drops_that_are_each_too_small_to_be_seen_are_seen_together(ledger: Ledger) -> None:
    """A thousandth of what is visible at a time: never booked as ours, in the end as theirs."""
    totals = dict(GRANTED)
    for _ in range(30):
        totals["USDT"] -= 0.005
        if movements := ledger.movements(totals):
            ledger.accept_movements(movements, totals, CLOSES, deposits_are_ours=False)
    assert ledger.own_balances(totals).cash == pytest.approx(4000.0, abs=0.011)


def test_bought_coins_may_be_ours_without_the_rest_or_not_ours_with_it(journal: Journal) -> None:
    ledger = Ledger(journal, LISTINGS)
    ledger.begin(GRANTED, 4000.0, adopt=False, bought={"BTC": 0.75})
    assert ledger.own_balances(GRANTED) == (4000.0, {"BTC": 0.75, "BNB": 0.0})
    ledger.begin(GRANTED, 4000.0, adopt=True, bought={"BTC": -0.75})
    assert ledger.own_balances(GRANTED) == (4000.0, {"BTC": 0.25, "BNB": 3.0})
