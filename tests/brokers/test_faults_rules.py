"""The fault catalogue, rows 21 to 27: fees, dust, and the rules of an exchange's markets."""

from collections.abc import Callable
from pathlib import Path

import pytest

from brokers.exchange.errors import CallAPersonError, TryLaterError
from tests.brokers.misfortunes import (
    OUT,
    STEPS,
    asked_for,
    assert_sound,
    attempts,
    bought,
    change,
    disturbed,
    incident_texts,
    intents,
    posts,
)
from tests.brokers.worlds import DAY, GRANTS, World, epoch
from tests.exchange.proxy import Answer, Asked
from tests.exchange.venue import TESTNET, BinanceVenue

COIN = '{{name="{0}",history="{1}-USD",market="{0}/USDT",weight=0.5,lag_days=0,step=0.001}}'
BTC_AND_BNB = {"coins": f"[{COIN.format('BTC', 'BTC')},{COIN.format('BNB', 'ETH')}]"}


def all_sold(w: World, folder: Path, cache: Path) -> None:
    """The next day all is sold."""
    change(w, folder, cache, OUT)
    w.clock.sleep(DAY)
    w.run()


def test_fault_21_the_fee_was_taken_from_the_coin(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        for coin in STEPS:
            w.venue.person.withdraw(
                coin, GRANTS[coin]
            )  # nothing else that a sell of too much could take
        w.run()
        held = w.venue.matching.balances.free.copy()
        all_sold(w, whole_folder, cache)
        for order in w.venue.orders[3:]:
            coin, step = order.market.base, order.market.step
            assert (
                order.executed
                == order.size
                == held[coin] // step * step
                < w.venue.orders[0 if coin == "BTC" else 1 if coin == "ETH" else 2].size
            )
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
        assert sum(row.fee for row in fills) == pytest.approx(
            sum(row.size * row.price for row in fills) * 0.00075 / 100.0, rel=1e-4
        )
        assert [row.fee_quote for row in fills] == pytest.approx([row.fee * 100.0 for row in fills])
        assert float(w.venue.units("BNB")) == pytest.approx(1.0 - sum(row.fee for row in fills))
        assert w.owned()["BTC"] == float(w.venue.orders[0].size)  # no fee came off the coin
        w.clock.sleep(DAY)
        assert incident_texts(w.run().incidents, "moved") == []
        with w.journal() as journal:
            cash = [row.cash for row in journal.equity()]
        # Granted BNB is not ours, what it paid for is.
        assert cash[1] == pytest.approx(
            5000.0 - sum(row.size * row.price + row.fee_quote for row in fills)
        )
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
        observer = w.run()
        assert incident_texts(observer.incidents, "moved") == []
        assert [order.status for order in w.venue.orders] == ["FILLED"] * 4 and len(posts(w)) == 4
        assert 0 <= w.venue.units("BNB") < 0.02 and w.venue.conserved()


@pytest.mark.parametrize("left", ["a rest below one step", "a rest below the smallest order"])
def test_fault_23_dust_is_left_alone(
    whole_folder: Path, cache: Path, tmp_path: Path, left: str
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        if left == "a rest below the smallest order":
            w.venue.faults.add(
                "partial_then_expired", "POST", "order", fraction="0.999"
            )  # leaves 0.0456 BTC, 2.4 USDT
        all_sold(w, whole_folder, cache)
        sent = len(posts(w))
        w.clock.sleep(DAY)
        observer = w.run(once=False, until="2015-10-25")
        assert len(posts(w)) == sent == 6 and incident_texts(observer.incidents, "abandoned") == []
        with w.journal() as journal:
            assert all(not any(row.sizes) for row in journal.decisions(since=epoch("2015-10-22")))
            last = journal.last_equity()
        assert last is not None and last.value - last.cash < 5.0
        assert_sound(w)


def test_fault_24_an_order_below_the_smallest_is_not_sent(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.amount": 20.0}) as w:
        w.run()
        # 9.8, 5.88 and 3.92 USDT; the smallest order is one of 5.
        assert [one["symbol"] for one in posts(w)] == ["BTCUSDT", "ETHUSDT"]
        with w.journal() as journal:
            (decision,) = journal.decisions()
        assert decision.targets[2] == pytest.approx(0.196) and decision.sizes[2] == 0.0
        assert_sound(w)


def test_fault_24_too_small_at_the_price_of_the_book(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Large enough at the close, not any more when it is to be sent."""
    with disturbed(whole_folder, cache, tmp_path, {"exchange.amount": 5.0 / 0.196 + 0.4}) as w:
        price = w.price("SOLUSDT", w.clock.now()) * 0.95
        w.venue.books.set("SOLUSDT", [(round(price - 0.02, 2), 100.0)], [(round(price, 2), 100.0)])
        observer = w.run()
        assert [one["symbol"] for one in posts(w)] == ["BTCUSDT", "ETHUSDT"]
        assert any(
            "SOL" in text and "smallest order" in text
            for text in incident_texts(observer.incidents, "abandoned")
        )


@pytest.mark.parametrize(
    ("fault", "rules"),
    [("filters_changed", {}), ("filters_changed", {"tick": "1", "step": "0.1"}), ("precision", {})],
)
def test_fault_25_the_filters_change(
    whole_folder: Path, cache: Path, tmp_path: Path, fault: str, rules: dict[str, str]
) -> None:
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
def test_fault_25_a_filter_that_nobody_understands_is_no_loop(
    whole_folder: Path, cache: Path, tmp_path: Path, fault: str
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(
            fault, "POST", "order", times=100, where=lambda asked: b"ETHUSDT" in asked.body
        )
        observer = w.run(once=False, until="2015-10-20 18:00")
        assert bought(w) == ["BTC", "SOL"] and len(posts(w)) == 4
        assert [one.state for one in intents(w)] == ["done", "abandoned", "done"]
        assert len(incident_texts(observer.incidents, "abandoned")) == 1
        assert_sound(w)


def test_fault_26_a_market_halts_and_goes_on(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Between the look at the rules and the order; on the next day it is known before.

    On the third it trades again, in the same session.
    """
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("halted", "POST", "order", nth=2)

        def reopened(asked: Asked, number: int) -> None:
            if w.clock.now() > epoch("2015-10-21 12:00"):
                w.venue.markets["ETHUSDT"].status = "TRADING"

        w.venue.before_request = reopened
        observer = w.run(once=False, until="2015-10-22 12:00")
        assert bought(w) == ["BTC", "SOL", "ETH"]
        assert [(one.symbol, one.state) for one in intents(w)] == [
            ("BTC", "done"),
            ("ETH", "refused"),
            ("SOL", "done"),
            ("ETH", "abandoned"),
            ("ETH", "done"),
        ]
        assert any(
            "Market is closed" in text for text in incident_texts(observer.incidents, "refused")
        )
        assert any(
            "ETH/USDT is not traded" in text
            for text in incident_texts(observer.incidents, "abandoned")
        )
        assert len(posts(w)) == 4
        assert_sound(w)


@pytest.mark.parametrize("gone", ["HALT", "CANCEL_ONLY", "delisted"])
def test_fault_26_a_position_in_a_market_that_is_gone_is_held(
    whole_folder: Path, cache: Path, tmp_path: Path, gone: str
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.run()
        held = w.owned()["ETH"]
        if gone == "delisted":
            market = w.venue.markets.pop("ETHUSDT")
            w.venue.faults.add(
                _still_live, "GET", times=100_000, where=_at_the_live_host, market=market
            )
        else:
            w.venue.markets["ETHUSDT"].status = gone
        change(w, whole_folder, cache, OUT)
        w.clock.sleep(DAY)
        observer = w.run()
        assert w.owned()["ETH"] == held
        assert [order.market.base for order in w.venue.orders[3:]] == ["BTC", "SOL"] and len(
            posts(w)
        ) == 5
        assert any(
            "ETH/USDT is not traded" in text and "kept" in text
            for text in incident_texts(observer.incidents, "abandoned")
        )
        assert_sound(w)


def test_fault_26_an_order_without_an_answer_whose_market_goes_ends_no_session(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("answer_lost", "POST", "order", nth=2)
        w.venue.faults.add("dropped_before", "GET", "order", times=1000)
        with pytest.raises(TryLaterError):
            w.run()
        w.venue.faults.clear()
        market = w.venue.markets.pop("ETHUSDT")
        w.venue.faults.add(
            _still_live, "GET", times=100_000, where=_at_the_live_host, market=market
        )
        w.clock.sleep(DAY)
        observer = w.run()
        assert bought(w) == ["BTC", "ETH", "SOL"] and len(posts(w)) == 3
        assert {one.state for one in intents(w) if one.symbol == "ETH"} == {"abandoned"}
        assert any(
            "lists no spot market 'ETH/USDT'" in text
            for text in incident_texts(observer.incidents, "abandoned")
        )


def test_fault_26_a_coin_that_was_never_listed_is_a_mistake(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        del w.venue.markets["ETHUSDT"]
        with pytest.raises(CallAPersonError, match="does not list ETH/USDT; remove those coins"):
            w.run()
        assert posts(w) == []


def test_fault_27_money_is_gone_when_the_order_arrives(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.amount": 10_000.0}) as w:
        w.venue.faults.add(_somebody_withdraws, "POST", "order", nth=3, units="1000")
        w.run()
        assert attempts(w) == [
            ("BTC", 1, "filled"),
            ("ETH", 1, "filled"),
            ("SOL", 1, "refused"),
            ("SOL", 2, "filled"),
        ]
        with w.journal() as journal:
            first, second = journal.orders()[2:]
        assert second.size < first.size
        assert 0.0 <= w.owned()["USDT"] + 10_000.0 < 30.0
        assert_sound(w)


def test_fault_27_insufficient_again_and_again_is_no_loop(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(
            "insufficient", "POST", "order", times=100, where=lambda asked: b"ETHUSDT" in asked.body
        )
        observer = w.run(once=False, until="2015-10-20 18:00")
        assert bought(w) == ["BTC", "SOL"] and len(posts(w)) == 4
        assert (
            posts(w)[1]["quantity"] == posts(w)[2]["quantity"]
        )  # there is money enough: nothing is shrunk
        assert len(incident_texts(observer.incidents, "abandoned")) == 1


def _somebody_withdraws(
    venue: BinanceVenue, asked: Asked, execute: Callable[..., Answer], units: str
) -> Answer:
    venue.person.withdraw("USDT", units)
    return execute()


def _at_the_live_host(asked: Asked) -> bool:
    return asked.host != TESTNET


def _still_live(
    venue: BinanceVenue, asked: Asked, execute: Callable[..., Answer], market: object
) -> Answer:
    """At the live exchange the market is still there."""
    with venue.turn:
        venue.markets["ETHUSDT"] = market  # type: ignore[assignment]
        try:
            return execute()
        finally:
            del venue.markets["ETHUSDT"]
