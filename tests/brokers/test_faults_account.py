"""The fault catalogue, rows 21 to 27 and 31 to 37: fees, rules and markets of an exchange, and who else is at the account."""

from collections.abc import Callable
from pathlib import Path

import pytest

from brokers.orders.errors import CallAPersonError
from main import EXCHANGE, exit_code
from tests.brokers.misfortunes import (
    STEPS,
    asked_for,
    assert_as_undisturbed,
    assert_sound,
    attempts,
    bought,
    change,
    disturbed,
    intents,
    posts,
    said,
    undisturbed,
)
from tests.brokers.worlds import DAY, GRANTS, World, epoch
from tests.exchange.proxy import Answer, Asked
from tests.exchange.venue import TESTNET, BinanceVenue

OUT = {"risk_curve.ceilings": [0.0, 0.0, 0.0, 0.0]}
COIN = '{{name="{0}",history="{1}-USD",market="{0}/USDT",weight=0.5,lag_days=0,step=0.001}}'
BTC_AND_BNB = {"coins": f"[{COIN.format('BTC', 'BTC')},{COIN.format('BNB', 'ETH')}]"}


def all_sold(w: World, folder: Path, cache: Path) -> None:
    """The next day all is sold."""
    change(w, folder, cache, OUT)
    w.clock.sleep(DAY)
    w.run()


# Fees, dust, and the rules of a market.


def test_fault_21_the_fee_was_taken_from_the_coin(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        for coin in STEPS:
            w.venue.person.withdraw(coin, GRANTS[coin])  # nothing else that a sell of too much could take
        w.run()
        held = w.venue.matching.balances.free.copy()
        all_sold(w, whole_folder, cache)
        for order in w.venue.orders[3:]:
            coin, step = order.market.base, order.market.step
            assert order.executed == order.size == held[coin] // step * step < w.venue.orders[0 if coin == "BTC" else 1 if coin == "ETH" else 2].size
            assert w.venue.units(coin) < step
        assert len(w.venue.orders) == len(posts(w)) == 6
        assert_sound(w)


def test_fault_22_fees_are_paid_in_bnb(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.matching.pay_in_bnb = True
        w.run()
        with w.journal() as journal:
            fills = journal.fills()
        assert {row.fee_coin for row in fills} == {"BNB"}
        # 0.1 % less a quarter, at 100 USDT a BNB.
        assert sum(row.fee for row in fills) == pytest.approx(sum(row.size * row.price for row in fills) * 0.00075 / 100.0, rel=1e-4)
        assert [row.fee_quote for row in fills] == pytest.approx([row.fee * 100.0 for row in fills])
        assert float(w.venue.units("BNB")) == pytest.approx(1.0 - sum(row.fee for row in fills))
        assert w.owned()["BTC"] == float(w.venue.orders[0].size)  # no fee came off the coin
        w.clock.sleep(DAY)
        assert said(w.run().problems, "moved") == []
        all_sold(w, whole_folder, cache)
        assert [w.owned()[coin] for coin in STEPS] == [0.0] * 3
        assert_sound(w)


def test_fault_22_bnb_is_traded_itself(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    """Its units become fewer with every trade of another coin; sold is what is left."""
    with disturbed(whole_folder, cache, tmp_path, BTC_AND_BNB, downloads=True) as w:
        rows = w.rows
        w.rows = lambda symbol: rows("ETHUSDT" if symbol == "BNBUSDT" else symbol)  # type: ignore[method-assign]
        w.venue.person.withdraw("BNB", GRANTS["BNB"])
        w.venue.person.deposit("BNB", "0.01")
        w.venue.matching.pay_in_bnb = True
        w.run()
        assert bought(w) == ["BTC", "BNB"]
        change(w, whole_folder, cache, BTC_AND_BNB | OUT)
        w.clock.sleep(DAY)
        voice = w.run()
        assert said(voice.problems, "moved") == []
        assert [order.status for order in w.venue.orders] == ["FILLED"] * 4 and len(posts(w)) == 4
        assert 0 <= w.venue.units("BNB") < 0.02 and w.venue.conserved()


@pytest.mark.parametrize("left", ["a rest below one step", "a rest below the smallest order"])
def test_fault_23_dust_is_left_alone(whole_folder: Path, cache: Path, tmp_path: Path, left: str) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        if left == "a rest below the smallest order":
            w.venue.faults.add("partial_then_expired", "POST", "order", fraction="0.999")  # leaves 0.0456 BTC, 2.4 USDT
        all_sold(w, whole_folder, cache)
        sent = len(posts(w))
        w.clock.sleep(DAY)
        voice = w.run(once=False, until="2015-10-25")
        assert len(posts(w)) == sent == 6 and said(voice.problems, "abandoned") == []
        with w.journal() as journal:
            assert all(not any(row.sizes) for row in journal.decisions(since=epoch("2015-10-22")))
            last = journal.last_equity()
        assert last is not None and last.value - last.cash < 5.0
        assert_sound(w)


def test_fault_24_an_order_below_the_smallest_is_not_sent(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.amount": 20.0}) as w:
        w.run()
        # 9.8, 5.88 and 3.92 USDT; the smallest order is one of 5.
        assert [one["symbol"] for one in posts(w)] == ["BTCUSDT", "ETHUSDT"]
        with w.journal() as journal:
            (decision,) = journal.decisions()
        assert decision.targets[2] == pytest.approx(0.196) and decision.sizes[2] == 0.0
        assert_sound(w)


def test_fault_24_too_small_at_the_price_of_the_book(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    """Large enough at the close, not any more when it is to be sent."""
    with disturbed(whole_folder, cache, tmp_path, {"exchange.amount": 5.0 / 0.196 + 0.4}) as w:
        price = w.price("SOLUSDT", w.clock.now()) * 0.95
        w.venue.books.set("SOLUSDT", [(round(price - 0.02, 2), 100.0)], [(round(price, 2), 100.0)])
        voice = w.run()
        assert [one["symbol"] for one in posts(w)] == ["BTCUSDT", "ETHUSDT"]
        assert any("SOL" in text and "smallest order" in text for text in said(voice.problems, "abandoned"))


@pytest.mark.parametrize(("fault", "rules"), [("filters_changed", {}), ("filters_changed", {"tick": "1", "step": "0.1"}), ("precision", {})])
def test_fault_25_the_filters_change(whole_folder: Path, cache: Path, tmp_path: Path, fault: str, rules: dict[str, str]) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(fault, "POST", "order", nth=2, **rules)
        w.run()
        step = float(w.venue.markets["ETHUSDT"].step)
        assert bought(w) == ["BTC", "ETH", "SOL"]
        assert 42.4979 - step < float(w.venue.orders[1].size) <= 42.4979
        assert attempts(w)[1:3] == [("ETH", 1, "refused"), ("ETH", 2, "filled")]
        assert [one.state for one in intents(w)] == ["done"] * 3
        assert len(asked_for(w, "exchangeInfo", TESTNET)) == 2
        assert_sound(w)


@pytest.mark.parametrize("fault", ["lot_size", "notional"])
def test_fault_25_a_filter_that_nobody_understands_is_no_loop(whole_folder: Path, cache: Path, tmp_path: Path, fault: str) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(fault, "POST", "order", times=100, where=lambda asked: b"ETHUSDT" in asked.body)
        voice = w.run(once=False, until="2015-10-20 18:00")
        assert bought(w) == ["BTC", "SOL"] and len(posts(w)) == 4
        assert [one.state for one in intents(w)] == ["done", "abandoned", "done"]
        assert len(said(voice.problems, "abandoned")) == 1
        assert_sound(w)


def test_fault_26_a_market_halts_and_goes_on(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    """Between the look at the rules and the order; on the next day it is known before; on the third it trades again, in the same session."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("halted", "POST", "order", nth=2)

        def reopened(asked: Asked, number: int) -> None:
            if w.clock.now() > epoch("2015-10-21 12:00"):
                w.venue.markets["ETHUSDT"].status = "TRADING"

        w.venue.before_request = reopened
        voice = w.run(once=False, until="2015-10-22 12:00")
        assert bought(w) == ["BTC", "SOL", "ETH"]
        assert [(one.symbol, one.state) for one in intents(w)] == [
            ("BTC", "done"), ("ETH", "refused"), ("SOL", "done"), ("ETH", "abandoned"), ("ETH", "done"),
        ]  # fmt: skip
        assert any("Market is closed" in text for text in said(voice.problems, "refused"))
        assert any("ETH/USDT is not traded" in text for text in said(voice.problems, "abandoned"))
        assert len(posts(w)) == 4
        assert_sound(w)


@pytest.mark.parametrize("gone", ["HALT", "CANCEL_ONLY", "delisted"])
def test_fault_26_a_position_in_a_market_that_is_gone_is_held(whole_folder: Path, cache: Path, tmp_path: Path, gone: str) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        held = w.owned()["ETH"]
        if gone == "delisted":
            market = w.venue.markets.pop("ETHUSDT")
            w.venue.faults.add(_still_live, "GET", times=100_000, where=_at_the_live_host, market=market)
        else:
            w.venue.markets["ETHUSDT"].status = gone
        change(w, whole_folder, cache, OUT)
        w.clock.sleep(DAY)
        voice = w.run()
        assert w.owned()["ETH"] == held
        assert [order.market.base for order in w.venue.orders[3:]] == ["BTC", "SOL"] and len(posts(w)) == 5
        assert any("ETH/USDT is not traded" in text and "kept" in text for text in said(voice.problems, "abandoned"))
        assert_sound(w)


def test_fault_26_a_coin_that_was_never_listed_is_a_mistake(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        del w.venue.markets["ETHUSDT"]
        with pytest.raises(CallAPersonError, match="does not list ETH/USDT; take those coins out"):
            w.run()
        assert posts(w) == []


def test_fault_27_money_is_gone_when_the_order_arrives(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.amount": 10_000.0}) as w:
        w.venue.faults.add(_somebody_withdraws, "POST", "order", nth=3, units="1000")
        w.run()
        assert attempts(w) == [("BTC", 1, "filled"), ("ETH", 1, "filled"), ("SOL", 1, "refused"), ("SOL", 2, "filled")]
        with w.journal() as journal:
            first, second = journal.orders()[2:]
        assert second.size < first.size
        assert 0.0 <= w.owned()["USDT"] + 10_000.0 < 30.0
        assert_sound(w)


def test_fault_27_insufficient_again_and_again_is_no_loop(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("insufficient", "POST", "order", times=100, where=lambda asked: b"ETHUSDT" in asked.body)
        voice = w.run(once=False, until="2015-10-20 18:00")
        assert bought(w) == ["BTC", "SOL"] and len(posts(w)) == 4
        assert posts(w)[1]["quantity"] == posts(w)[2]["quantity"]  # there is money enough: nothing is shrunk
        assert len(said(voice.problems, "abandoned")) == 1


# Whose account it is.


def test_fault_31_the_testnet_is_reset(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        w.clock.sleep(DAY)
        w.run()
        w.clock.sleep(DAY)
        w.venue.reset()
        voice = w.run()
        assert len(said(voice.problems, "reset")) == 1 and said(voice.problems, "moved") == []
        assert bought(w) == ["BTC", "ETH", "SOL"] * 2  # what is not there any more is bought anew
        with w.journal() as journal:
            _, before, after = journal.equity()
        assert after.value == after.cash == 5000.0
        assert after.unit_value == pytest.approx(before.unit_value, rel=1e-12)
        assert after.flow == pytest.approx(5000.0 - before.value)
        w.clock.sleep(DAY)
        voice = w.run()
        assert voice.problems == [] and len(posts(w)) == 6
        with w.journal() as journal:
            last = journal.equity()[-1]
        assert last.flow == 0.0 and last.value == pytest.approx(5000.0, rel=0.1) and last.value != 5000.0
        assert w.venue.conserved()


def test_fault_31_a_reset_between_two_orders(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("reset", "POST", "order", nth=3)
        w.run()
        w.clock.sleep(DAY)
        voice = w.run()
        assert len(said(voice.problems, "reset")) + len(said(voice.problems, "moved")) == 1
        with w.journal() as journal:
            first, second = journal.equity()
        assert abs(second.unit_value / first.unit_value - 1.0) < 0.05
        w.clock.sleep(DAY)
        assert w.run().problems == []
        assert w.venue.conserved()
        assert all(w.owned()[coin] * w.price(f"{coin}USDT", w.clock.now()) == pytest.approx(share * 5000, rel=0.2)
                   for coin, share in (("BTC", 0.49), ("ETH", 0.294), ("SOL", 0.196)))  # fmt: skip


def test_fault_32_what_was_there_before_stays_and_does_not_count(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        voice = w.run()
        assert "BNB, BTC, ETH, SOL, TRX: they are left alone" in said(voice.problems, "account")[0]
        with w.journal() as journal:
            (equity,) = journal.equity()
        assert (equity.value, equity.cash) == (5000.0, 5000.0)
        w.venue.person.deposit("TRX", "5000")  # no coin of the session's
        w.venue.person.withdraw("BNB", "0.5")
        change(w, whole_folder, cache, OUT)
        w.clock.sleep(DAY)
        assert said(w.run().problems, "moved") == []
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
    ("by_hand", "running"), [(_deposits, False), (_deposits, True), (_withdraws, False), (_buys, False), (_sells, False), (_sells, True)]
)
def test_fault_33_a_person_is_at_the_account(
    whole_folder: Path, cache: Path, tmp_path: Path, by_hand: Callable[[BinanceVenue], None], running: bool
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
            problems = w.run(once=False, until="2015-10-21 12:00").problems
        else:
            w.run()
            held = w.owned()
            by_hand(w.venue)
            w.clock.sleep(DAY)
            problems = w.run().problems
        assert len(said(problems, "moved")) == 1
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
            assert w.owned()[coin] * closes[coin] / decision.equity == pytest.approx(target, rel=0.21)
        w.clock.sleep(DAY)
        assert said(w.run().problems, "moved") == []
        assert w.venue.conserved()


def test_fault_33_coins_that_were_never_ours_are_taken_away(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
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
        with w.journal() as journal:
            assert [row.flow for row in journal.equity()] == [0.0] * 4
            assert journal.equity()[-1].value == pytest.approx(5000.0, rel=0.05)
            last = journal.last_decision()
        assert last is not None and last.current[0] == pytest.approx(0.49, rel=0.05)


@pytest.mark.parametrize(("path", "nth"), [("account", 1), ("account", 3), ("order", 1), ("order", 2)])
def test_fault_34_the_key_is_revoked(whole_folder: Path, cache: Path, tmp_path: Path, path: str, nth: int) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        rule = w.venue.faults.add("key_revoked", "POST" if path == "order" else "GET", path, nth=nth)
        with pytest.raises(CallAPersonError, match=r"API key is of no use: it was revoked.*testnet\.binance\.vision") as caught:
            w.run(once=False, until="2015-10-25")
        assert exit_code(caught.value) == EXCHANGE
        met = next(number for number, asked in enumerate(w.network.asked, start=1) if asked is rule.met[0])
        assert len(w.network.asked) - met <= 1  # no endless asking
        orders = len(w.venue.orders)
        assert orders == (nth - 1 if path == "order" else 0)
        next(iter(w.venue.keys.values())).revoked = False
        w.venue.faults.clear()
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert bought(w) == ["BTC", "ETH", "SOL"]


@pytest.mark.parametrize("when", ["at the start", "at the first order"])
def test_fault_34_the_key_may_only_read(whole_folder: Path, cache: Path, tmp_path: Path, when: str) -> None:
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
        assert "never use such a key at a live exchange" in said(w.run().problems, "withdraw key")[0]
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


def test_fault_36_futures_are_never_asked_for(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path, downloads=True) as w:
        w.run()
        assert w.network.refused == []
        assert {host for host in w.network.hosts() if "binance" in host} == {"testnet.binance.vision", "api.binance.com"}


def test_fault_37_an_own_order_in_no_journal_is_cancelled(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    """As after an older copy of the journal was put back; with what it holds it would have been short of money."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.person.withdraw("USDT", "5000")  # the account is all there is
        with w.journal(locked=True) as journal:
            id_ = journal.account_id + "a" * 18
        stray = w.venue.person.buy("ETHUSDT", "120", type="LIMIT", price="30", timeInForce="GTC", newClientOrderId=id_)
        assert w.venue.matching.balances.free["USDT"] == 1400
        voice = w.run()
        assert stray.status == "CANCELED"
        assert any(id_ in text for text in said(voice.problems, "stray"))
        assert [order.market.base for order in w.venue.orders[1:]] == ["BTC", "ETH", "SOL"]
        for coin, units in undisturbed(whole_folder, cache).items():
            assert w.owned()[coin] + (5000.0 if coin == "USDT" else 0.0) == pytest.approx(units, abs=0.01)
        assert w.venue.conserved()


def test_fault_37_an_own_order_still_open_is_followed(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("partial_then_rest", "POST", "order", nth=2, fraction="0.4", queries=5)
        w.venue.faults.add("key_revoked", "GET", "order")  # the session ends while its order is open
        with pytest.raises(CallAPersonError):
            w.run()
        assert w.venue.orders[1].open
        next(iter(w.venue.keys.values())).revoked = False
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert len(posts(w)) == 3


def test_fault_37_an_open_order_of_somebody_else_is_left_alone(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    """What it holds still counts as there, and is not spent."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        theirs = w.venue.person.buy("ETHUSDT", "250", type="LIMIT", price="30", timeInForce="GTC")
        voice = w.run()
        assert theirs.status == "NEW" and said(voice.problems, "stray") == []
        with w.journal() as journal:
            (equity,) = journal.equity()
        assert equity.value == 5000.0
        # 2,500 USDT are free: BTC for 2,450 and nearly nothing else.
        assert float(w.venue.matching.balances.free["USDT"]) >= 0.0
        assert bought(w)[:2] == ["ETH", "BTC"]
        assert w.venue.conserved()


def _somebody_withdraws(venue: BinanceVenue, asked: Asked, execute: Callable[..., Answer], units: str) -> Answer:
    venue.person.withdraw("USDT", units)
    return execute()


def _at_the_live_host(asked: Asked) -> bool:
    return asked.host != TESTNET


def _still_live(venue: BinanceVenue, asked: Asked, execute: Callable[..., Answer], market: object) -> Answer:
    """At the live exchange the market is still there."""
    with venue.turn:
        venue.markets["ETHUSDT"] = market  # type: ignore[assignment]
        try:
            return execute()
        finally:
            del venue.markets["ETHUSDT"]
