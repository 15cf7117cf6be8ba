"""A journal that is lost while coins are held: nothing is bought a second time unasked."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backtests.commands.registration import STOPPED, exit_code
from brokers.errors import SafetyError
from brokers.journal.opening import journal_path
from tests.brokers.accounts import flows, ours
from tests.brokers.misfortunes import (
    NEXT_DAY,
    STEPS,
    change,
    disturbed,
    incident_texts,
    posts,
)
from tests.brokers.test_settings_changes import coins
from tests.brokers.worlds import DAY, World

LEAVE, ADOPT = {"exchange.found": "leave"}, {"exchange.found": "adopt"}


def lose_journal(w: World, *, renamed: str = "") -> None:
    """Remove the journal and all beside it, or give it another name in its folder."""
    path = journal_path(w.settings)
    if renamed:
        path.rename(path.with_name(renamed))
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    path.with_suffix(".permit").unlink(missing_ok=True)


def test_nothing_is_bought_before_a_person_has_chosen(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        held = w.owned()
        lose_journal(w)
        w.clock.sleep(DAY)
        for _ in range(2):
            with pytest.raises(SafetyError) as caught:
                w.run()
            assert exit_code(caught.value) == STOPPED
            text = str(caught.value)
            for coin in STEPS:
                assert f"{held[coin]:g} {coin}" in text
            for word in ("exchange.found", '"adopt"', '"leave"', "put that journal back"):
                assert word in text
        assert w.owned() == held and len(posts(w)) == 3


def test_adopted_the_account_is_the_one_before(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Coins and cash, to the cent: neither bought again nor with money besides the 5,000."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        before = ours(w)
        lose_journal(w)
        change(w, whole_folder, cache, ADOPT)
        w.clock.sleep(DAY)
        observer = w.run()
        assert ours(w).units == pytest.approx(before.units)
        assert ours(w).cash == pytest.approx(before.cash)
        assert len(posts(w)) == 3 and flows(w) == [0.0]
        (text,) = incident_texts(observer.incidents, "found")
        assert "is the account's too" in text and "BTC" in text
        change(w, whole_folder, cache, {})  # chosen once
        w.clock.sleep(DAY)
        assert w.run().incidents[1:] == [] and len(posts(w)) == 3


def test_left_alone_the_coins_are_somebody_elses(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        before = ours(w)
        lose_journal(w)
        change(w, whole_folder, cache, LEAVE)
        w.clock.sleep(DAY)
        w.run()
        assert len(posts(w)) == 6
        assert all(ours(w).units[coin] <= w.owned()[coin] - before.units[coin] for coin in STEPS)
        assert ours(w).cash + sum(map(ours(w).worth, STEPS)) == pytest.approx(5000.0, rel=0.01)


HALF = {"risk_curve.ceilings": [0.5] * 4}


def lose_and_choose(w: World, folder: Path, cache: Path, changes: Mapping[str, Any]) -> list[str]:
    """Lose the journal, and run a session that decides with these settings; what it has found."""
    lose_journal(w)
    change(w, folder, cache, changes)
    w.clock.sleep(DAY)
    return incident_texts(w.run().incidents, "found")


def test_what_was_left_alone_stays_so_when_the_journal_after_it_is_lost_and_adopted(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        left = ours(w)
        lose_and_choose(w, whole_folder, cache, LEAVE)
        before = ours(w)
        assert before.units["BTC"] > 0.0
        lose_journal(w)
        change(w, whole_folder, cache, {})
        w.clock.sleep(DAY)
        with pytest.raises(SafetyError, match=rf"have left {before.units['BTC']:g} BTC"):
            w.run()
        lose_and_choose(w, whole_folder, cache, ADOPT)
        assert ours(w).units == pytest.approx(before.units)
        assert ours(w).cash == pytest.approx(before.cash)
        for coin in STEPS:
            assert ours(w).units[coin] <= w.owned()[coin] - 0.99 * left.units[coin]


def test_what_was_adopted_is_adopted_again_when_that_journal_is_lost_too(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """The second journal has left what the first had bought, the third and fourth have taken over.

    The third sells half, so that the exchange has orders of its own.
    """
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        lose_and_choose(w, whole_folder, cache, LEAVE)
        lose_and_choose(w, whole_folder, cache, ADOPT | HALF)
        before = ours(w)
        assert len(posts(w)) == 9
        (text,) = lose_and_choose(w, whole_folder, cache, ADOPT | HALF)
        assert f"{before.units['ETH']:g} ETH" in text
        assert ours(w).units == pytest.approx(before.units)
        assert ours(w).cash == pytest.approx(before.cash)
        assert len(posts(w)) == 9


def test_orders_of_a_copy_that_knew_none_are_never_counted_twice(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """The account that takes them over has another id: no later change is taken for their fills."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        path = journal_path(w.settings)
        w.journal().close()
        shutil.copy(path, tmp_path / "empty.sqlite")
        w.run()
        before = ours(w)
        shutil.copy(tmp_path / "empty.sqlite", path)
        change(w, whole_folder, cache, ADOPT)
        w.clock.sleep(DAY)
        w.run()
        w.venue.person.buy("BTCUSDT", "0.5")
        w.clock.sleep(DAY)
        assert incident_texts(w.run().incidents, "stray") == []
        assert ours(w).units == pytest.approx(before.units)


@pytest.mark.parametrize(("choice", "btc"), [(ADOPT, "1 and what was bought"), (LEAVE, "1 alone")])
def test_where_all_coins_found_are_adopted_what_was_bought_is_chosen_apart(
    whole_folder: Path, cache: Path, tmp_path: Path, choice: Mapping[str, Any], btc: str
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.adopt": True}) as w:
        w.run(until=NEXT_DAY)
        bought = w.owned()["BTC"]
        lose_journal(w)
        w.clock.sleep(DAY)
        with pytest.raises(SafetyError):
            w.run()
        lose_journal(w)
        change(w, whole_folder, cache, {"exchange.adopt": True, **choice})
        with w.journal() as journal:
            journal.set_trading("off", "to look only")
        w.run()
        expected = 1.0 + (bought if btc == "1 and what was bought" else 0.0)
        assert ours(w).units["BTC"] == pytest.approx(expected)


def test_a_journal_beside_it_has_lost_nothing(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Two accounts at one exchange: the orders of the one are no question to the other."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        lose_journal(w, renamed="testnet-other.sqlite")
        w.clock.sleep(DAY)
        observer = w.run()
        assert incident_texts(observer.incidents, "found") == [] and len(posts(w)) == 6


def test_a_copy_from_before_the_first_start_has_lost_the_account_too(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Its account id is that of the orders, and it knows nothing of them."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        path = journal_path(w.settings)
        w.journal().close()
        shutil.copy(path, tmp_path / "empty.sqlite")
        w.run()
        shutil.copy(tmp_path / "empty.sqlite", path)
        w.clock.sleep(DAY)
        with pytest.raises(SafetyError, match=r"exchange\.found"):
            w.run()
        assert len(posts(w)) == 3


def test_what_was_sold_again_is_no_question(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        change(w, whole_folder, cache, {"risk_curve.ceilings": [0.0, 0.0, 0.0, 0.0]})
        w.clock.sleep(DAY)
        w.run()
        lose_journal(w)
        w.clock.sleep(DAY)
        observer = w.run()
        assert incident_texts(observer.incidents, "found") == []
        assert incident_texts(observer.incidents, "account")


def test_what_others_have_taken_since_is_not_there_to_be_adopted(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        w.venue.person.withdraw("BTC", "26")  # of 46.56 with the 1 that was there
        left = float(w.venue.units("BTC"))
        lose_journal(w)
        change(w, whole_folder, cache, ADOPT)
        with w.journal() as journal:
            journal.set_trading("off", "to look only")
        w.clock.sleep(DAY)
        (text,) = incident_texts(w.run().incidents, "found")
        assert ours(w).units["BTC"] == left and f"{left:g} BTC" in text


def test_orders_of_others_are_no_sign_of_a_lost_journal(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Whatever their ids and however odd: only ids of our form are looked at."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        for id_ in ("web_1234567890", "x-TKT5PX2F123456789012345", "A" * 26, "a" * 25):
            w.venue.person.buy("BTCUSDT", "0.5", newClientOrderId=id_)
        observer = w.run()
        assert incident_texts(observer.incidents, "found") == [] and len(posts(w)) == 3


def test_an_open_order_of_a_lost_journal_is_cancelled_before_it_is_adopted(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        with w.journal() as journal:
            id_ = journal.account_id + "a" * 18
        stray = w.venue.person.buy(
            "ETHUSDT", "100", type="LIMIT", price="30", timeInForce="GTC", newClientOrderId=id_
        )
        lose_journal(w)
        change(w, whole_folder, cache, ADOPT)
        w.clock.sleep(DAY)
        w.run()
        assert stray.status == "CANCELED"


def test_the_copy_that_the_program_has_made_is_named(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        path = journal_path(w.settings)
        copy = path.with_name(f"{path.name}.20151020T000000Z.backup")
        copy.write_bytes(path.read_bytes())
        path.unlink()
        w.clock.sleep(DAY)
        with pytest.raises(SafetyError, match=rf"{copy.name} is a copy of it"):
            w.run()


def test_nor_is_a_coin_that_is_named_later(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    eth = coins(("ETH", "ETH", "ETH/USDT", 0.4))
    btc = coins(("BTC", "BTC", "BTC/USDT", 0.5))
    both = coins(("BTC", "BTC", "BTC/USDT", 0.5), ("ETH", "ETH", "ETH/USDT", 0.4))
    with disturbed(whole_folder, cache, tmp_path, eth) as w:
        w.run()
        held = w.owned()["ETH"]
        lose_journal(w)
        change(w, whole_folder, cache, btc)
        w.clock.sleep(DAY)
        w.run()
        change(w, whole_folder, cache, both)
        w.clock.sleep(DAY)
        for _ in range(2):
            with pytest.raises(SafetyError, match=rf"ETH is named since, and .*{held:g} ETH"):
                w.run()
        assert w.owned()["ETH"] == held
        change(w, whole_folder, cache, both | LEAVE)
        (text,) = incident_texts(w.run().incidents, "found")
        assert "counts as somebody else's" in text
