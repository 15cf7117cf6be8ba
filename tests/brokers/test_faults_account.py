"""The fault catalogue, rows 31 to 37: whose account it is, and who else is at it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backtests.commands.registration import EXCHANGE, exit_code
from brokers.exchange.errors import CallAPersonError
from tests.brokers.accounts import ours
from tests.brokers.misfortunes import (
    OUT,
    STEPS,
    assert_as_undisturbed,
    assert_sound,
    attempts,
    bought,
    change,
    disturbed,
    incident_texts,
    posts,
    undisturbed,
)
from tests.brokers.worlds import DAY, epoch
from tests.exchange.proxy import Asked
from tests.exchange.venue import BinanceVenue


def test_fault_31_the_testnet_is_reset(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        w.clock.sleep(DAY)
        w.run()
        w.clock.sleep(DAY)
        w.venue.reset()
        observer = w.run()
        assert (
            len(incident_texts(observer.incidents, "reset")) == 1
            and incident_texts(observer.incidents, "moved") == []
        )
        assert bought(w) == ["BTC", "ETH", "SOL"] * 2  # what is not there any more is bought anew
        with w.journal() as journal:
            _, before, after = journal.equity()
        assert after.value == after.cash == 5000.0
        assert after.unit_value == pytest.approx(before.unit_value, rel=1e-12)
        assert after.flow == pytest.approx(5000.0 - before.value)
        w.clock.sleep(DAY)
        observer = w.run()
        assert observer.incidents == [] and len(posts(w)) == 6
        with w.journal() as journal:
            last = journal.equity()[-1]
        assert (
            last.flow == 0.0
            and last.value == pytest.approx(5000.0, rel=0.1)
            and last.value != 5000.0
        )
        assert w.venue.conserved()


def test_fault_31_a_reset_between_two_orders(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("reset", "POST", "order", nth=3)
        w.run()
        w.clock.sleep(DAY)
        observer = w.run()
        assert (
            len(incident_texts(observer.incidents, "reset"))
            + len(incident_texts(observer.incidents, "moved"))
            == 1
        )
        with w.journal() as journal:
            first, second = journal.equity()
        assert abs(second.unit_value / first.unit_value - 1.0) < 0.05
        w.clock.sleep(DAY)
        assert w.run().incidents == []
        assert w.venue.conserved()
        assert all(
            w.owned()[coin] * w.price(f"{coin}USDT", w.clock.now())
            == pytest.approx(share * 5000, rel=0.2)
            for coin, share in (("BTC", 0.49), ("ETH", 0.294), ("SOL", 0.196))
        )


@pytest.mark.parametrize(
    ("coin", "moved", "deposits"),
    [
        ("USDT", 0, "theirs"),
        ("USDT", 2000, "theirs"),
        ("USDT", -3000, "theirs"),
        ("USDT", 2000, "ours"),
        ("BTC", 1, "theirs"),
        ("BTC", 1, "ours"),
    ],
)
def test_fault_31_a_reset_after_others_have_moved_money_is_neither_profit_nor_loss(
    whole_folder: Path, cache: Path, tmp_path: Path, *, coin: str, moved: int, deposits: str
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.deposits": deposits}) as w:
        w.run()
        if moved:
            move = w.venue.person.deposit if moved > 0 else w.venue.person.withdraw
            move(coin, str(abs(moved)))
        w.clock.sleep(DAY)
        w.run()
        w.clock.sleep(DAY)
        w.venue.reset()
        assert incident_texts(w.run().incidents, "reset")
        with w.journal() as journal:
            _, before, after = journal.equity()
        assert after.unit_value == pytest.approx(before.unit_value, rel=1e-9)


def test_fault_32_what_was_there_before_stays_and_does_not_count(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        observer = w.run()
        assert (
            "BNB, BTC, ETH, SOL, TRX: left alone"
            in incident_texts(observer.incidents, "account")[0]
        )
        with w.journal() as journal:
            (equity,) = journal.equity()
        assert (equity.value, equity.cash) == (5000.0, 5000.0)
        w.venue.person.deposit("TRX", "5000")  # no coin of the session's
        w.venue.person.withdraw("BNB", "0.5")
        change(w, whole_folder, cache, OUT)
        w.clock.sleep(DAY)
        assert incident_texts(w.run().incidents, "moved") == []
        for coin, step in STEPS.items():
            assert 0.0 <= w.owned()[coin] < step
        assert {one["symbol"] for one in posts(w)} == {"BTCUSDT", "ETHUSDT", "SOLUSDT"}
        assert (w.venue.units("TRX"), float(w.venue.units("BNB"))) == (6000, 0.5)
        assert_sound(w)


def _deposits(venue: BinanceVenue) -> None:
    venue.person.deposit("USDT", "1000")


def _withdraws(venue: BinanceVenue) -> None:
    venue.person.withdraw("USDT", "50")
    venue.person.withdraw("BTC", "25")


def _buys(venue: BinanceVenue) -> None:
    venue.person.buy("BTCUSDT", "10")


def _sells(venue: BinanceVenue) -> None:
    venue.person.sell("BTCUSDT", "45.5")


@pytest.mark.parametrize(
    ("by_hand", "running"),
    [
        (_deposits, False),
        (_deposits, True),
        (_withdraws, False),
        (_buys, False),
        (_sells, False),
        (_sells, True),
    ],
)
def test_fault_33_a_person_is_at_the_account(
    whole_folder: Path,
    cache: Path,
    tmp_path: Path,
    by_hand: Callable[[BinanceVenue], None],
    *,
    running: bool,
) -> None:
    """Between two bars, whether a session runs or not."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        if running:
            done: list[int] = []

            def later(asked: Asked, number: int) -> None:
                if w.clock.now() >= epoch("2015-10-21") and not done:
                    done.append(number)
                    held.update(w.owned())
                    by_hand(w.venue)

            held: dict[str, float] = {}
            w.venue.before_request = later
            incidents = w.run(once=False, until="2015-10-21 12:00").incidents
        else:
            w.run()
            held = w.owned()
            by_hand(w.venue)
            w.clock.sleep(DAY)
            incidents = w.run().incidents
        assert len(incident_texts(incidents, "moved")) == 1
        with w.journal() as journal:
            first, second = journal.equity()
            decision = journal.last_decision()
        # Profit is what the holdings of yesterday have gained, and nothing of what came or went.
        closes = {coin: w.price(f"{coin}USDT", epoch("2015-10-21")) for coin in STEPS}
        untouched = 5000.0 + held["USDT"] + sum(held[coin] * closes[coin] for coin in STEPS)
        assert second.unit_value / first.unit_value == pytest.approx(untouched / 5000.0, rel=1e-6)
        assert second.flow == pytest.approx(second.value - untouched, rel=1e-6)
        assert decision is not None
        for coin, target in zip(STEPS, decision.targets, strict=True):
            units = ours(w).units[coin]
            assert units * closes[coin] / decision.equity == pytest.approx(target, rel=0.21)
        w.clock.sleep(DAY)
        assert incident_texts(w.run().incidents, "moved") == []
        assert w.venue.conserved()


def test_fault_33_coins_that_were_never_ours_are_taken_away(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, OUT) as w:
        w.run()
        w.venue.person.withdraw("BTC", "1")
        w.clock.sleep(DAY)
        w.run()
        change(w, whole_folder, cache, {})
        w.clock.sleep(DAY)
        w.run()
        w.clock.sleep(DAY)
        w.run()
        ours = w.owned() | {"BTC": w.owned()["BTC"] + 1.0}
        worth = sum(ours[coin] * w.price(f"{coin}USDT", w.clock.now()) for coin in STEPS)
        with w.journal() as journal:
            assert [row.flow for row in journal.equity()] == [0.0] * 4
            assert journal.equity()[-1].value == pytest.approx(
                5000.0 + ours["USDT"] + worth, rel=1e-6
            )


@pytest.mark.parametrize(
    ("path", "nth"), [("account", 1), ("account", 3), ("order", 1), ("order", 2)]
)
def test_fault_34_the_key_is_revoked(
    whole_folder: Path, cache: Path, tmp_path: Path, path: str, nth: int
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        rule = w.venue.faults.add(
            "key_revoked", "POST" if path == "order" else "GET", path, nth=nth
        )
        with pytest.raises(
            CallAPersonError,
            match=r"API key does not work here: it was revoked.*testnet\.binance\.vision",
        ) as caught:
            w.run(once=False, until="2015-10-25")
        assert exit_code(caught.value) == EXCHANGE
        met = next(
            number for number, asked in enumerate(w.network.asked, start=1) if asked is rule.met[0]
        )
        assert len(w.network.asked) - met <= 1  # no endless asking
        orders = len(w.venue.orders)
        assert orders == (nth - 1 if path == "order" else 0)
        next(iter(w.venue.keys.values())).revoked = False
        w.venue.faults.clear()
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert bought(w) == ["BTC", "ETH", "SOL"]


@pytest.mark.parametrize("when", ["at the start", "at the first order"])
def test_fault_34_the_key_may_only_read(
    whole_folder: Path, cache: Path, tmp_path: Path, when: str
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        if when == "at the start":
            next(iter(w.venue.keys.values())).trade = False
        else:
            w.venue.faults.add("key_read_only", "POST", "order")
        with pytest.raises(CallAPersonError, match=r"may not trade|may only read"):
            w.run()
        assert w.venue.orders == [] and len(posts(w)) == (0 if when == "at the start" else 1)


def test_fault_35_the_key_may_withdraw(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        next(iter(w.venue.keys.values())).withdraw = True
        change(w, whole_folder, cache, {"guards.withdraw_key": "refuse"})
        with pytest.raises(CallAPersonError, match="may withdraw"):
            w.run()
        assert posts(w) == []
        change(w, whole_folder, cache, {})
        assert (
            "never use such a key at a live exchange"
            in incident_texts(w.run().incidents, "withdraw key")[0]
        )
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


def test_fault_36_futures_are_never_asked_for(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, downloads=True) as w:
        w.run()
        assert w.network.refused == []
        assert {host for host in w.network.hosts() if "binance" in host} == {
            "testnet.binance.vision",
            "api.binance.com",
        }


def test_fault_37_an_own_order_in_no_journal_is_cancelled(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """As after an older copy of the journal was put back.

    With what it holds it would have been short of money.
    """
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.person.withdraw("USDT", "5000")  # the account is all there is
        with w.journal(locked=True) as journal:
            id_ = journal.account_id + "a" * 18
        stray = w.venue.person.buy(
            "ETHUSDT", "120", type="LIMIT", price="30", timeInForce="GTC", newClientOrderId=id_
        )
        assert w.venue.matching.balances.free["USDT"] == 1400
        observer = w.run()
        assert stray.status == "CANCELED"
        assert any(id_ in text for text in incident_texts(observer.incidents, "stray"))
        assert [order.market.base for order in w.venue.orders[1:]] == ["BTC", "ETH", "SOL"]
        for coin, units in undisturbed(whole_folder, cache).items():
            assert w.owned()[coin] + (5000.0 if coin == "USDT" else 0.0) == pytest.approx(
                units, abs=0.01
            )
        assert w.venue.conserved()


def test_fault_37_an_own_order_still_open_is_followed(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("partial_then_rest", "POST", "order", nth=2, fraction="0.4", queries=5)
        w.venue.faults.add(
            "key_revoked", "GET", "order"
        )  # the session ends while its order is open
        with pytest.raises(CallAPersonError):
            w.run()
        assert w.venue.orders[1].open
        next(iter(w.venue.keys.values())).revoked = False
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert len(posts(w)) == 3


def test_fault_37_an_open_order_of_somebody_else_is_left_alone(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """What it holds still counts as there, and is not spent."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        theirs = w.venue.person.buy("ETHUSDT", "250", type="LIMIT", price="30", timeInForce="GTC")
        observer = w.run()
        assert theirs.status == "NEW" and incident_texts(observer.incidents, "stray") == []
        with w.journal() as journal:
            (equity,) = journal.equity()
        assert equity.value == 5000.0
        # 2,500 USDT are free: BTC for 2,450, ETH for the rest, and no SOL.
        assert attempts(w) == [("BTC", 1, "filled"), ("ETH", 1, "filled")]
        assert any(
            "SOL" in text and "all there is to give" in text
            for text in incident_texts(observer.incidents, "abandoned")
        )
        assert w.venue.conserved()
