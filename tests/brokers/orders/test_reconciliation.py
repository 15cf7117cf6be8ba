"""Others use the account too: whose the changes are that whole sessions find in it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.accounts import flows, ours, unit_values
from tests.brokers.misfortunes import (
    OUT,
    change,
    disturbed,
    incident_texts,
    intents,
    posts,
)
from tests.brokers.worlds import DAY, epoch
from tests.exchange.proxy import Asked
from tests.exchange.venue import Person

AMOUNT = {"exchange.amount": 5000.0}
HALF = {"exchange.amount": 0.0, "exchange.share": 0.5}  # of 10,000: the same account


@pytest.mark.parametrize("account", [AMOUNT, HALF])
def test_the_deposit_and_the_purchases_of_others_change_nothing_of_ours(
    whole_folder: Path, cache: Path, tmp_path: Path, account: Mapping[str, Any]
) -> None:
    """The field's case: 5,000 of 10,000 are ours and in coins, the rest goes up and down."""
    with disturbed(whole_folder, cache, tmp_path, account) as w:
        w.run()
        held, sent = ours(w), len(posts(w))
        for move in (
            lambda who: who.deposit("USDT", "2000"),
            lambda who: who.buy("TRXUSDT", "30"),  # 3,000 USDT, of a coin that we do not trade
            lambda who: who.buy("BTCUSDT", "10"),  # of one that we do
            lambda who: who.sell("BTCUSDT", "10.9"),  # with most of the 1 that was there before
            lambda who: who.withdraw("USDT", "1500"),
        ):
            move(w.venue.person)
            w.clock.sleep(DAY)
            texts = incident_texts(w.run().incidents, "moved")
            assert len(texts) == 1 and "nothing of our part" in texts[0]
        assert len(posts(w)) == sent  # nobody was made to buy or to sell by that
        assert ours(w).cash == pytest.approx(held.cash)
        assert ours(w).units == pytest.approx(held.units)
        assert flows(w) == [0.0] * 6
        assert w.venue.conserved()


def test_what_was_paid_in_is_not_spent_when_there_is_something_to_buy(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, OUT) as w:
        w.run()
        w.venue.person.deposit("USDT", "2000")
        change(w, whole_folder, cache, {})
        w.clock.sleep(DAY)
        w.run()
        spent = 5000.0 - ours(w).cash
        assert len(posts(w)) == 3 and spent == pytest.approx(0.98 * 5000.0, rel=0.005)
        assert float(w.venue.units("USDT")) == pytest.approx(12_000.0 - spent)


def test_where_a_person_says_so_deposits_are_traded(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.deposits": "ours"}) as w:
        w.run()
        w.venue.person.deposit("USDT", "2000")
        w.clock.sleep(DAY)
        (text,) = incident_texts(w.run().incidents, "moved")
        assert "+2000 USDT), of our part +2000 USDT" in text
        assert flows(w)[-1] == pytest.approx(2000.0) and len(posts(w)) == 6
        assert ours(w).cash < 500.0
        assert abs(unit_values(w)[-1] - 1.0) < 0.02


@pytest.mark.parametrize("account", [AMOUNT, HALF])
def test_beyond_their_part_it_is_ours_and_no_loss(
    whole_folder: Path, cache: Path, tmp_path: Path, account: Mapping[str, Any]
) -> None:
    """A withdrawal of 6,000 where 5,000 are others': 1,000 of ours have left, and no profit."""
    with disturbed(whole_folder, cache, tmp_path, account | OUT) as w:
        w.run()
        w.venue.person.withdraw("USDT", "6000")
        w.clock.sleep(DAY)
        (text,) = incident_texts(w.run().incidents, "moved")
        assert "-6000 USDT), of our part -1000 USDT" in text
        assert ours(w).cash == 4000.0 and flows(w) == [0.0, -1000.0]
        assert unit_values(w) == [1.0, 1.0]


def test_a_purchase_that_straddles_takes_the_rest_from_us(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """60 TRX at 100, half a spread of 0.05 % more, where 5,000 USDT are others'."""
    with disturbed(whole_folder, cache, tmp_path, OUT) as w:
        w.run()
        cost = 60.0 * 100.0 * (1.0 + w.settings.costs.slippage)
        w.venue.person.buy("TRXUSDT", "60")
        w.clock.sleep(DAY)
        w.run()
        assert ours(w).cash == pytest.approx(10_000.0 - cost)
        assert flows(w)[-1] == pytest.approx(5000.0 - cost)
        assert unit_values(w)[-1] == pytest.approx(1.0)


def test_our_coins_sold_by_hand_leave_us_what_they_bring(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """All BTC there is: the 1 that is others' brings its part to them."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        held = ours(w)
        w.venue.person.sell("BTCUSDT", f"{held.units['BTC'] + 0.99:.3f}")
        w.clock.sleep(DAY)
        w.run()
        assert abs(flows(w)[-1]) < 10.0  # what selling has cost against the close, of 2,400
        assert ours(w).units["BTC"] == pytest.approx(held.units["BTC"], rel=0.02)  # bought again
        assert abs(unit_values(w)[-1] - 1.0) < 0.02


def test_a_sweep_of_dust_and_a_fee_of_another_bot_touch_nothing_of_ours(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        held = ours(w)
        w.venue.person.withdraw("SOL", "0.4")  # of the 5 that were there, turned into BNB
        w.venue.person.deposit("BNB", "0.1")
        w.venue.person.withdraw("BNB", "0.003")
        w.clock.sleep(DAY)
        w.run()
        assert ours(w).units == pytest.approx(held.units) and flows(w) == [0.0, 0.0]


def test_what_leaves_little_by_little_is_others_too(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Each withdrawal is below what counts as a difference of 10,000 USDT."""
    with disturbed(whole_folder, cache, tmp_path, OUT) as w:
        w.run()
        for _ in range(7):
            w.venue.person.withdraw("USDT", "0.009")
            w.clock.sleep(DAY)
            w.run()
        with w.journal() as journal:
            last = journal.equity()[-1]
        assert last.value == pytest.approx(5000.0, abs=0.011)


@pytest.mark.parametrize(
    ("before", "move"),
    [
        (0, lambda who: who.buy("TRXUSDT", "30")),
        (1, lambda who: who.withdraw("USDT", "4900")),
        (2, lambda who: who.deposit("USDT", "3000")),
    ],
)
def test_what_others_do_while_we_buy_cuts_no_order_short(
    whole_folder: Path,
    cache: Path,
    tmp_path: Path,
    before: int,
    move: Callable[[Person], None],
) -> None:
    """Between the decision and an order their part changes first too."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        done: list[int] = []

        def before_the_next_order(asked: Asked, number: int) -> None:
            if asked.path.endswith("/depth") and len(posts(w)) == before and not done:
                done.append(number)
                move(w.venue.person)

        w.venue.before_request = before_the_next_order
        w.run()
        assert done and [one.state for one in intents(w)] == ["done"] * 3
        sizes = [float(one["quantity"]) for one in posts(w)]
        assert sizes == pytest.approx([abs(one.size) for one in intents(w)], rel=1e-3)
        held = ours(w)
        w.clock.sleep(DAY)
        w.run()
        assert ours(w).cash == pytest.approx(held.cash) and flows(w)[-1] == 0.0


def test_a_deposit_meanwhile_does_not_hide_that_balances_lag(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Bought before a bar's end, in the balances four minutes after; 700 paid in at once."""
    start = {"paper.max_decision_age": 1500}
    with disturbed(whole_folder, cache, tmp_path, start, start="2015-10-20 23:59:30") as w:
        before, shown = w.venue.matching.balances.listed(), w.venue.shown_balances

        def old() -> list[dict[str, str]]:
            if w.clock.now() >= epoch("2015-10-21 00:04"):
                return shown()
            paid_in = [row for row in before if row["asset"] != "USDT"]
            return [*paid_in, {"asset": "USDT", "free": "10700", "locked": "0"}]

        def pays_in(asked: Asked, number: int) -> None:
            if w.clock.now() >= epoch("2015-10-21") and not posts_after:
                posts_after.append(number)
                w.venue.person.deposit("USDT", "700")
                w.venue.shown_balances = old  # type: ignore[method-assign]

        posts_after: list[int] = []
        w.venue.before_request = pays_in
        w.run(once=False, until="2015-10-21 12:00")
        assert len(posts(w)) == 3  # nothing is bought again
        assert flows(w) == [0.0, 0.0]
        assert ours(w).cash == pytest.approx(96.9, abs=1.0)


def test_after_a_reset_the_same_share_of_the_new_grant_is_ours(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, HALF) as w:
        w.run()
        w.clock.sleep(DAY)
        w.venue.reset()
        observer = w.run()
        assert len(incident_texts(observer.incidents, "reset")) == 1
        with w.journal() as journal:
            assert journal.equity()[-1].value == 5000.0
