"""The fault catalogue, rows 14 to 20 and 28 to 30.

What an exchange does to single orders, and tells late.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.brokers.misfortunes import (
    assert_as_undisturbed,
    assert_sound,
    attempts,
    bought,
    disturbed,
    incident_texts,
    intents,
    posts,
    undisturbed,
)
from tests.brokers.worlds import DAY, World, epoch
from tests.exchange.faults import REFUSALS
from tests.exchange.matching import Order
from tests.exchange.proxy import DROPPED, Answer, Asked
from tests.exchange.venue import BinanceVenue


class Killed(BaseException):
    """The process dies."""


def killed_while_waiting(w: World) -> None:
    """One session that dies in its first pause, in which no time passes then."""
    sleep = w.clock.sleep

    def die(seconds: float) -> None:
        raise Killed

    w.clock.sleep = die  # type: ignore[method-assign]
    with pytest.raises(Killed):
        w.run()
    w.clock.sleep = sleep  # type: ignore[method-assign]


def hidden_for(seconds: float, w: World) -> Callable[..., Answer]:
    """A fault.

    The order is taken, no answer comes, and for `seconds` nobody who asks is told of it.
    """

    def fault(venue: BinanceVenue, asked: Asked, execute: Callable[..., Answer]) -> Answer:
        taken: list[Order] = []

        def hide(order: Order) -> None:
            order.hidden_for = 1_000_000
            taken.append(order)

        execute(hide)
        visible = w.clock.now() + seconds

        def show(asked: Asked, number: int) -> None:
            if w.clock.now() >= visible:
                taken[0].hidden_for = 0

        venue.before_request = show
        return DROPPED

    return fault


def executed_then(answer: Answer) -> Callable[..., Answer]:
    def fault(venue: BinanceVenue, asked: Asked, execute: Callable[..., Answer]) -> Answer:
        execute()
        return answer

    return fault


def test_fault_14_the_exchange_takes_an_id_twice_and_is_not_relied_on(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("answer_lost", "POST", "order", times=9)
        for _ in range(3):
            killed_while_waiting(w)
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert bought(w) == ["BTC", "ETH", "SOL"]
        # The same id once more would have bought once more.
        w.venue.person.buy("BTCUSDT", "0.5", newClientOrderId=w.venue.orders[0].client_id)
        assert [order.client_id for order in w.venue.orders].count(w.venue.orders[0].client_id) == 2


def test_fault_15_duplicate_of_an_order_that_exists(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(executed_then(REFUSALS["duplicate"]), "POST", "order", nth=2)
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert bought(w) == ["BTC", "ETH", "SOL"] and len(posts(w)) == 3


def test_fault_15_duplicate_of_an_order_that_does_not(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("duplicate", "POST", "order", nth=2)
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert bought(w) == ["BTC", "ETH", "SOL"]
        assert attempts(w)[1:3] == [("ETH", 1, "absent"), ("ETH", 2, "filled")]


@pytest.mark.parametrize("seconds", [3.0, 14.0])
def test_fault_16_not_visible_for_seconds(
    whole_folder: Path, cache: Path, tmp_path: Path, seconds: float
) -> None:
    """The session is started anew at once, so that its first question comes while the order is
    hidden.
    """
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(hidden_for(seconds, w), "POST", "order", nth=2)
        killed_while_waiting(w)
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert bought(w) == ["BTC", "ETH", "SOL"] and len(posts(w)) == 3
        looks = [
            asked
            for asked in w.network.asked
            if asked.query.get("origClientOrderId") == posts(w)[1]["newClientOrderId"]
        ]
        assert len(looks) > 2


def test_fault_16_an_open_order_that_vanishes_for_a_moment(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("partial_then_rest", "POST", "order", queries=2)
        w.venue.faults.add("not_found", "GET", "order", times=2)
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert len(posts(w)) == 3


def test_fault_17_partly_filled_and_expired(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("partial_then_expired", "POST", "order", nth=2, fraction="0.4")
        observer = w.run()
        eth = w.venue.orders[1]
        assert (eth.status, float(eth.executed)) == (
            "EXPIRED",
            16.9991,
        )  # 40 % of 42.4979, in whole steps
        # The rest is bought half a minute later, when all others have been.
        assert bought(w) == ["BTC", "ETH", "SOL", "ETH"]
        assert w.venue.orders[3].time - eth.time >= 30_000
        (text,) = incident_texts(observer.incidents, "put off")
        assert "buy 42.4979 ETH: 16.9991 of 42.4979 filled; " in text and "EXPIRED" in text
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


def test_fault_18_the_rest_comes_later(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("partial_then_rest", "POST", "order", nth=2, fraction="0.4", queries=5)
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert len(posts(w)) == 3


def test_fault_19_never_filled_is_cancelled_in_time(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(
            "partial_then_rest", "POST", "order", nth=2, fraction="0.4", queries=10_000
        )
        w.run()
        eth = w.venue.orders[1]
        assert (eth.status, float(eth.executed)) == ("CANCELED", 16.9991)
        assert 60_000 <= eth.updated - eth.time <= 70_000  # exchange.fill_within
        assert bought(w) == ["BTC", "ETH", "SOL", "ETH"]
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


def test_fault_19_a_limit_order_leaves_nothing_resting(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"exchange.order": "limit"}) as w:
        w.venue.faults.add(_prices_run_away, "POST", "order", nth=2)
        w.run()
        assert [(order.time_in_force, order.status) for order in w.venue.orders] == [
            ("IOC", "FILLED"),
            ("IOC", "EXPIRED"),
            ("IOC", "FILLED"),
        ]
        assert w.owned()["ETH"] == 0.0 and list(w.venue.matching.open_orders()) == []
        w.venue.books.unset("ETHUSDT")
        w.clock.sleep(DAY)
        w.run()
        assert bought(w)[3:] == ["ETH"]
        assert_sound(w)


def test_fault_20_the_fill_comes_before_the_cancellation(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(
            "partial_then_rest", "POST", "order", nth=2, fraction="0.4", queries=10_000
        )
        race = w.venue.faults.add("filled_before_cancel", "DELETE", "order")
        w.run()
        assert race.met
        assert [order.status for order in w.venue.orders] == ["FILLED"] * 3 and len(posts(w)) == 3
        assert w.owned()["ETH"] == pytest.approx(undisturbed(whole_folder, cache)["ETH"], abs=1e-4)
        assert_sound(w)


@pytest.mark.parametrize("fault", ["answer_lost", "dropped_before"])
def test_fault_20_the_answer_to_a_cancellation_is_lost(
    whole_folder: Path, cache: Path, tmp_path: Path, fault: str
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(
            "partial_then_rest", "POST", "order", nth=2, fraction="0.4", queries=10_000
        )
        w.venue.faults.add(fault, "DELETE", "order")
        observer = w.run()
        assert bought(w) == ["BTC", "ETH", "ETH", "SOL"] and len(posts(w)) == 4
        assert [order.status for order in w.venue.orders] == [
            "FILLED",
            "CANCELED",
            "FILLED",
            "FILLED",
        ]
        assert len(incident_texts(observer.incidents, "exchange")) == 1
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


def test_fault_28_balances_lag_after_a_fill(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        for nth, queries in ((1, 2), (2, 2), (3, 4)):
            w.venue.faults.add("balances_lag", "POST", "order", nth=nth, queries=queries)
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        w.clock.sleep(DAY)
        observer = w.run()  # whose first questions still see the old balances
        assert len(posts(w)) == 3 and observer.incidents == []
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


def test_fault_28_nothing_is_decided_on_balances_without_the_last_trades(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Bought half a minute before a bar ends, in the balances four minutes after it."""
    with disturbed(
        whole_folder, cache, tmp_path, {"paper.max_decision_age": 1500}, start="2015-10-20 23:59:30"
    ) as w:
        before, shown = w.venue.matching.balances.listed(), w.venue.shown_balances

        def old() -> list[dict[str, str]]:
            return before if w.clock.now() < epoch("2015-10-21 00:04") else shown()

        w.venue.shown_balances = old  # type: ignore[method-assign]
        observer = w.run(once=False, until="2015-10-21 12:00")
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert len(posts(w)) == 3 and incident_texts(observer.incidents, "moved") == []
        told = incident_texts(observer.incidents, "exchange")
        assert len(told) >= 3 and all("do not include our last trades yet" in text for text in told)
        with w.journal() as journal:
            assert [row.flow for row in journal.equity()] == [0.0, 0.0]


def test_fault_29_trades_lag_a_little(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("trades_lag", "POST", "order", queries=3)
        w.run()
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        assert _fees(w) == pytest.approx([0.0456026, 0.0424979, 0.040556], rel=1e-4)


def test_fault_29_trades_lag_into_the_next_cycle(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("trades_lag", "POST", "order", nth=2, queries=6)
        w.run()
        with w.journal() as journal:
            assert [row.symbol for row in journal.fills()] == ["BTC", "SOL"]
            assert [row.status for row in journal.orders()] == ["filled"] * 3
        for _ in range(2):
            w.clock.sleep(DAY)
            observer = w.run()
            assert incident_texts(observer.incidents, "moved") == []
        assert _fees(w) == pytest.approx([0.0456026, 0.0424979, 0.040556], rel=1e-4)
        with w.journal() as journal:
            assert [row.flow for row in journal.equity()] == [0.0] * 3
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


def test_fault_30_an_empty_book(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.books.set("ETHUSDT", [], [])
        observer = w.run()
        assert bought(w) == ["BTC", "SOL"]
        assert [one.state for one in intents(w)] == ["done", "abandoned", "done"]
        assert any(
            "ETH" in text and "book" in text
            for text in incident_texts(observer.incidents, "abandoned")
        )
        assert_sound(w)


def test_fault_30_a_thin_book_gives_what_it_has_at_its_own_average(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        price = round(w.price("ETHUSDT", w.clock.now()), 2)
        near, far = round(price * 1.005, 2), round(price * 1.05, 2)
        w.venue.books.set("ETHUSDT", [(price, 100.0)], [(price, 10.0), (near, 5.0), (far, 1000.0)])
        observer = w.run()
        with w.journal() as journal:
            (eth,) = [order for order in journal.orders() if order.symbol == "ETH"]
        # Ten and five coins; what lies beyond exchange.price_guard (1 %) is not touched, also when
        # it has become the best there is.
        assert (eth.size, eth.filled) == (15.0, 15.0)
        assert eth.average == pytest.approx((10 * price + 5 * near) / 15)
        assert intents(w)[1].why.startswith("15 of 42.4979 filled; ")
        (text,) = incident_texts(observer.incidents, "cut short")
        assert "buy 42.4979 ETH: 15 of 42.4979 filled; the order book of ETH/USDT" in text
        w.venue.books.unset("ETHUSDT")
        w.clock.sleep(DAY)
        w.run()
        assert bought(w)[3:] == ["ETH"]
        assert_sound(w)


def test_fault_30_a_book_that_has_gone_astray_is_no_market(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        price = w.price("ETHUSDT", w.clock.now())
        w.venue.books.set(
            "ETHUSDT", [(round(price * 1.19, 2), 1000.0)], [(round(price * 1.2, 2), 1000.0)]
        )
        observer = w.run()
        assert bought(w) == ["BTC", "SOL"]
        assert any(
            "guards.price_gap" in text for text in incident_texts(observer.incidents, "abandoned")
        )


def _prices_run_away(venue: BinanceVenue, asked: Asked, execute: Callable[..., Answer]) -> Answer:
    """Between the look at the book and the order the offers have risen by 3 %."""
    last = float(venue.books.last("ETHUSDT"))
    venue.books.set("ETHUSDT", [(round(last, 2), 1000.0)], [(round(last * 1.03, 2), 1000.0)])
    return execute()


def _fees(w: World) -> list[float]:
    with w.journal() as journal:
        return [
            row.fee
            for row in sorted(
                journal.fills(), key=lambda row: ("BTC", "ETH", "SOL").index(row.symbol)
            )
        ]
