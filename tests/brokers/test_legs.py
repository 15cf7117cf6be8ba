"""Orders of one decision: none waits for another, what is cut short goes on, no loop is endless.

Rows O9, O11, O25, O27, O28 and the delisted coin of O6 of the field reports, as whole sessions.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backtests.commands.registration import RETRY_LATER, exit_code
from brokers.exchange.errors import TryLaterError, UnknownOutcomeError
from tests.brokers.misfortunes import (
    START,
    STEPS,
    assert_as_undisturbed,
    assert_sound,
    attempts,
    bought,
    change,
    disturbed,
    incident_texts,
    intents,
    posts,
    undisturbed,
)
from tests.brokers.test_faults_exchange import killed_while_waiting
from tests.brokers.worlds import DAY, World, epoch
from tests.exchange.faults import refusal
from tests.exchange.proxy import Answer, Asked
from tests.exchange.venue import LIVE, TESTNET, BinanceVenue

HOUR = 3600.0
DRY = {"exchange.mode": "dry-run"}


def about(symbol: str) -> Callable[[Asked], bool]:
    return lambda asked: asked.query.get("symbol") == symbol


def without_a_price(venue: BinanceVenue, asked: Asked, execute: Callable[..., Answer]) -> Answer:
    return Answer(200, b'{"symbol":"BTCUSDT"}')


def without_levels(venue: BinanceVenue, asked: Asked, execute: Callable[..., Answer]) -> Answer:
    return Answer(200, b'{"lastUpdateId":1}')


# O9: legs do not wait for each other.


def test_a_useless_ticker_keeps_no_other_coin_from_being_bought(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(
            without_a_price, "GET", "ticker/24hr", times=1000, where=about("BTCUSDT")
        )
        with pytest.raises(TryLaterError, match=r"BTC/USDT.*the last price is not") as caught:
            w.run()
        assert exit_code(caught.value) == RETRY_LATER
        assert bought(w) == ["ETH", "SOL"]
        assert [(one.symbol, one.state) for one in intents(w)] == [
            ("BTC", "planned"),
            ("ETH", "done"),
            ("SOL", "done"),
        ]
        w.venue.faults.clear()
        w.run()  # within the bar: a timer that starts it again
        assert bought(w) == ["ETH", "SOL", "BTC"]
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


def test_a_coin_that_has_its_price_again_is_bought_within_the_bar(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(without_a_price, "GET", "ticker/24hr", times=40, where=about("BTCUSDT"))
        w.run(once=False, until="2015-10-20 12:00")
        assert bought(w) == ["ETH", "SOL", "BTC"]
        assert w.venue.orders[2].time - w.venue.orders[1].time > 600_000
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


def test_in_a_dry_run_a_useless_book_keeps_no_other_coin_from_being_bought(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, DRY) as w:
        w.venue.faults.add(without_levels, "GET", "depth", times=1000, where=about("BTCUSDT"))
        with pytest.raises(TryLaterError, match="order book of BTC/USDT"):
            w.run()
        assert [one.state for one in intents(w)] == ["planned", "done", "done"]


def test_one_coins_executions_that_cannot_be_read_stop_no_decision(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("trades_lag", "POST", "order", nth=2, queries=6)
        w.run()
        w.venue.faults.add("503_before", "GET", "myTrades", times=1000, where=about("ETHUSDT"))
        w.clock.sleep(DAY)
        w.run()
        with w.journal() as journal:
            assert len(list(journal.decisions())) == 2


def weights(btc: float, eth: float, sol: float) -> dict[str, Any]:
    coin = '{{name="{0}",history="{0}-USD",market="{0}/USDT",weight={1},lag_days=0,step={2}}}'
    rows = zip(STEPS, (btc, eth, sol), STEPS.values(), strict=True)
    return {"coins": "[" + ",".join(coin.format(*row) for row in rows) + "]"}


def test_a_buy_that_needs_what_cannot_be_sold_waits_for_the_sale(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, weights(0.8, 0.1, 0.1)) as w:
        w.run()
        change(w, whole_folder, cache, weights(0.1, 0.8, 0.1))
        w.clock.sleep(DAY)
        w.venue.faults.add(
            without_a_price, "GET", "ticker/24hr", times=1000, where=about("BTCUSDT")
        )
        with pytest.raises(TryLaterError):
            w.run()
        assert bought(w)[3:] == []
        w.venue.faults.clear()
        w.run()
        assert bought(w)[3:] == ["BTC", "ETH"]
        assert [order.side for order in w.venue.orders[3:]] == ["SELL", "BUY"]
        assert_sound(w)


def test_beside_a_failed_sale_no_more_is_bought_than_the_decision_adds(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Half of the account becomes coins, then nearly all of it, with less BTC.

    There is cash for all of the ETH, but with the unsold BTC it would be more in coins than was
    decided.
    """
    half = {"risk_curve.ceilings": [0.5] * 4, "guards.largest_turnover": 10.0}
    whole = {"risk_curve.ceilings": [0.8] * 4, "guards.largest_turnover": 10.0}
    with disturbed(whole_folder, cache, tmp_path, weights(0.8, 0.1, 0.1) | half) as w:
        w.run()
        change(w, whole_folder, cache, weights(0.1, 0.8, 0.1) | whole)
        w.clock.sleep(DAY)
        w.venue.faults.add(
            without_a_price, "GET", "ticker/24hr", times=1000, where=about("BTCUSDT")
        )
        with pytest.raises(TryLaterError):
            w.run()
        now = w.clock.now()
        with w.journal() as journal:
            decision = journal.last_decision()
            fills = [row for row in journal.fills() if row.time > epoch("2015-10-21")]
        assert decision is not None and {row.symbol for row in fills} == {"ETH"}
        coins = sum(w.owned()[coin] * w.price(f"{coin}USDT", now) for coin in STEPS)
        assert coins / decision.equity == pytest.approx(0.8, abs=0.01)
        w.venue.faults.clear()
        w.run()
        for coin, target in zip(STEPS, decision.targets, strict=True):
            held = w.owned()[coin] * w.price(f"{coin}USDT", now) / decision.equity
            assert held == pytest.approx(target, abs=0.02), coin
        assert_sound(w)


# O27: what is cut short is known, reported, and continued.


def test_what_a_thin_book_cuts_short_is_bought_when_there_is_more(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        price = round(w.price("ETHUSDT", w.clock.now()), 2)
        w.venue.books.set("ETHUSDT", [(price, 100.0)], [(price, 25.5)])

        def refilled(asked: Asked, number: int) -> None:
            if w.clock.now() > epoch(START) + 300.0:
                w.venue.books.set("ETHUSDT", [(price, 100.0)], [(price, 100.0)])

        w.venue.before_request = refilled
        observer = w.run(once=False, until="2015-10-20 12:00")
        with w.journal() as journal:
            eth = [row for row in journal.orders() if row.symbol == "ETH"]
        assert [(row.attempt, row.size) for row in eth] == [
            (1, 25.5),
            (2, pytest.approx(42.4979 - 25.5)),
        ]
        assert len({row.client_id for row in eth}) == 2
        text = incident_texts(observer.incidents, "put off")[0]
        assert text.startswith("buy 42.4979 ETH: 25.5 of 42.4979 filled; the order book")
        assert incident_texts(observer.incidents, "cut short") == []
        assert intents(w)[1].why == "42.4979 of 42.4979 filled"
        assert_sound(w)


def test_what_an_old_balance_cuts_short_is_bought_half_a_minute_later(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        shown = w.venue.shown_balances

        def poorer() -> list[dict[str, str]]:
            """While BTC is bought, as if an earlier order still held most of the money."""
            rows = shown()
            for row in rows:
                if row["asset"] == "USDT" and w.clock.now() < epoch(START) + 10.0:
                    free = float(row["free"])
                    row["locked"] = f"{max(free - 1000.0, 0.0):.8f}"
                    row["free"] = f"{min(free, 1000.0):.8f}"
            return rows

        w.venue.shown_balances = poorer  # type: ignore[method-assign]
        observer = w.run()
        assert any(
            "is all there is to give" in text
            for text in incident_texts(observer.incidents, "put off")
        )
        for coin, step in STEPS.items():
            assert w.owned()[coin] == pytest.approx(
                undisturbed(whole_folder, cache)[coin], abs=2 * step
            ), coin
        assert_sound(w)


def test_a_killed_session_goes_on_with_what_was_cut_short(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("partial_then_expired", "POST", "order", nth=2, fraction="0.4")
        killed_while_waiting(w)
        assert attempts(w)[1] == ("ETH", 1, "expired")
        w.run()
        assert attempts(w) == [
            ("BTC", 1, "filled"),
            ("ETH", 1, "expired"),
            ("ETH", 2, "filled"),
            ("SOL", 1, "filled"),
        ]
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


def test_what_is_cut_short_is_given_up_when_the_decision_is_too_old(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        price = round(w.price("ETHUSDT", w.clock.now()), 2)
        w.venue.books.set("ETHUSDT", [(price, 100.0)], [(price, 25.5)])
        observer = w.run(once=False, until="2015-10-20 23:00")
        eth = intents(w)[1]
        assert eth.state == "done" and eth.why.startswith("25.5 of 42.4979 filled; ")
        (text,) = incident_texts(observer.incidents, "cut short")
        assert text.startswith("buy 42.4979 ETH: 25.5 of 42.4979 filled; the order book")
        # It has no more near the best price, and is empty from then on.
        assert len(incident_texts(observer.incidents, "put off")) == 2
        # Three hours (paper.max_decision_age): after 30, 60, ... 480 s every quarter of an hour.
        depth = [one for one in w.network.asked if one.path.endswith("/depth")]
        looks = [one for one in depth if one.query["symbol"] == "ETHUSDT"]
        assert 10 <= len(looks) <= 20
        assert len(posts(w)) == 3


def test_an_order_that_the_exchange_has_forgotten_is_not_continued(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """It may have filled: how much is not known."""
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add("partial_then_rest", "POST", "order", nth=2, queries=10_000)
        killed_while_waiting(w)
        w.venue.orders[1].hidden_for = 1_000_000
        w.run()
        assert attempts(w)[1] == ("ETH", 1, "gone")
        assert bought(w) == ["BTC", "ETH", "SOL"]
        assert intents(w)[1].state == "abandoned" or "no longer knows" in intents(w)[1].why


def test_in_a_dry_run_a_thin_book_is_continued_too(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """With what has been added to it: what an earlier part has taken is not there twice."""
    with disturbed(whole_folder, cache, tmp_path, DRY) as w:
        price = round(w.price("ETHUSDT", w.clock.now()), 2)
        w.venue.books.set("ETHUSDT", [(price, 100.0)], [(price, 30.0)])

        def added(asked: Asked, number: int) -> None:
            if w.clock.now() > epoch(START) + 300.0:
                w.venue.books.set("ETHUSDT", [(price, 100.0)], [(price, 100.0)])

        w.venue.before_request = added
        observer = w.run(once=False, until="2015-10-20 12:00")
        with w.journal() as journal:
            eth = [row for row in journal.orders() if row.symbol == "ETH"]
            fills = [row for row in journal.fills() if row.symbol == "ETH"]
        size = intents(w)[1].size
        assert [row.attempt for row in eth] == [1, 2]
        assert [row.size for row in fills] == pytest.approx([30.0, size - 30.0])
        assert fills[1].time - fills[0].time >= 300.0
        assert len(incident_texts(observer.incidents, "put off")) >= 1
        assert intents(w)[1].state == "done"


# O11: an order that cannot be cancelled.


def test_an_order_that_cannot_be_cancelled_is_no_endless_loop(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    text = "Order was not canceled due to cancel restrictions."
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(
            "partial_then_rest", "POST", "order", nth=2, fraction="0.4", queries=1_000_000
        )
        rule = w.venue.faults.add(
            lambda *_: refusal(-2011, text), "DELETE", "order", times=1_000_000
        )
        observer = w.run(once=False, until="2015-10-20 06:00")
        # After 30, 60, ... 480 s every quarter of an hour.
        assert 10 <= len(rule.met) <= 32
        told = incident_texts(observer.incidents, "exchange")
        assert told and all(text in one and "still open" in one for one in told)
        with w.journal() as journal:
            journal.set_trading("off", "enough")
        met = len(rule.met)
        w.run(once=False, until="2015-10-20 20:00")
        assert len(rule.met) <= met + 1  # once at the start, and no more that day
        w.venue.faults.clear()
        w.clock.sleep(DAY)
        w.run()
        assert w.venue.orders[1].status == "CANCELED" and len(posts(w)) == 3


def test_an_order_that_stays_open_although_it_is_cancelled_is_looked_up_later(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    def accepted_in_vain(
        venue: BinanceVenue, asked: Asked, execute: Callable[..., Answer]
    ) -> Answer:
        return Answer(200, b"{}")

    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(
            "partial_then_rest", "POST", "order", nth=2, fraction="0.4", queries=1_000_000
        )
        rule = w.venue.faults.add(accepted_in_vain, "DELETE", "order", times=1_000_000)
        with pytest.raises(UnknownOutcomeError, match="cancelled 5 times and is still open"):
            w.run()
        assert len(rule.met) == 15


def test_an_order_is_given_time_by_the_number_of_looks_where_the_clock_goes_back(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(
            "partial_then_rest", "POST", "order", nth=2, fraction="0.4", queries=1_000_000
        )

        def set_back(asked: Asked, number: int) -> None:
            if asked.method == "POST" and b"ETHUSDT" in asked.body and len(posts(w)) == 2:
                w.clock._now -= 5 * DAY

        w.venue.after_request = set_back
        w.run(once=False, until="2015-10-20 12:00")
        looks = [
            one
            for one in w.network.asked
            if one.query.get("origClientOrderId") == posts(w)[1]["newClientOrderId"]
        ]
        assert len(looks) <= 130 and w.venue.orders[1].status == "CANCELED"


# O25 and O10: passing faults.


def test_a_redirected_question_is_asked_again_later(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    login = Answer(302, b"", (("Location", "https://portal.example/login"),))
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(
            lambda *_: login, "GET", "depth", times=6, where=lambda asked: asked.host == TESTNET
        )
        observer = w.run(once=False, until="2015-10-20 12:00")
        assert any(
            "a redirection to portal.example" in text
            for text in incident_texts(observer.incidents, "exchange")
        )
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


@pytest.mark.parametrize("host", [TESTNET, LIVE])
def test_within_a_ban_of_which_only_the_text_tells_nobody_is_asked(
    whole_folder: Path, cache: Path, tmp_path: Path, host: str
) -> None:
    with disturbed(whole_folder, cache, tmp_path, {"paper.max_decision_age": 1440}) as w:
        until = int(epoch(START) + 6 * HOUR)
        text = f"Way too much request weight used; IP banned until {until}000. Please wait."
        path = "account" if host == TESTNET else "ticker/24hr"
        rule = w.venue.faults.add(
            lambda *_: refusal(-1003, text, 418), "GET", path, host=host, times=1000
        )

        def over(asked: Asked, number: int) -> None:
            if w.clock.now() >= until:
                w.venue.faults.clear()
            elif rule.met and asked.host == host:
                impatient.append(asked)

        impatient: list[Asked] = []
        w.venue.before_request = over
        observer = w.run(once=False, until="2015-10-20 12:00")
        assert len(rule.met) == 1 and impatient == []
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))
        first = incident_texts(observer.incidents, "exchange")[0]
        assert "banned until 2015-10-20 06:00 UTC" in first and str(until) not in first


# O28: a lot beyond the largest, a coin that goes while a dry run runs; O6: it stays away.


def test_an_order_beyond_the_largest_lot_is_sent_in_parts(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.markets["ETHUSDT"].max_market_size = type(w.venue.markets["ETHUSDT"].step)(20)
        observer = w.run()
        eth = [order for order in w.venue.orders if order.market.base == "ETH"]
        assert [float(order.size) for order in eth] == pytest.approx([20.0, 20.0, 2.4979])
        assert incident_texts(observer.incidents, "put off") == []
        assert_as_undisturbed(w, undisturbed(whole_folder, cache))


def gone(w: World, symbol: str) -> None:
    w.venue.markets.pop(symbol)


def test_a_coin_that_is_delisted_during_a_dry_run_ends_no_session(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, DRY) as w:

        def delisted(asked: Asked, number: int) -> None:
            if asked.path.endswith("/depth") and "ETHUSDT" in w.venue.markets:
                gone(w, "ETHUSDT")

        w.venue.before_request = delisted
        observer = w.run(once=False, until="2015-10-21 12:00")
        states = [(one.symbol, one.state) for one in intents(w)]
        assert states[:3] == [("BTC", "done"), ("ETH", "refused"), ("SOL", "done")]
        with w.journal() as journal:
            assert len(list(journal.decisions())) == 2
        assert any(
            "Invalid symbol" in text for text in incident_texts(observer.incidents, "refused")
        )
        assert any(
            "does not list ETH/USDT" in text
            for text in incident_texts(observer.incidents, "unlisted")
        )


def test_a_dry_run_starts_with_a_held_coin_that_is_gone_and_trades_the_others(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    with disturbed(whole_folder, cache, tmp_path, DRY) as w:
        w.run()
        gone(w, "ETHUSDT")
        change(w, whole_folder, cache, DRY | {"risk_curve.ceilings": [0.0] * 4})
        w.clock.sleep(DAY)
        observer = w.run()
        assert [(one.symbol, one.state) for one in intents(w)[3:]] == [
            ("BTC", "done"),
            ("ETH", "abandoned"),
            ("SOL", "done"),
        ]
        assert any(
            "ETH/USDT is not traded at binance now; the position is kept" in text
            for text in incident_texts(observer.incidents, "abandoned")
        )


# What the exchange said of a refusal.


def test_the_words_of_a_refusal_are_kept(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    text = "This symbol is restricted for this account."
    with disturbed(whole_folder, cache, tmp_path) as w:
        w.venue.faults.add(lambda *_: refusal(-2010, text), "POST", "order", nth=2)
        observer = w.run()
        with w.journal() as journal:
            row = journal.orders()[1]
        assert (row.status, row.venue_text) == ("refused", f"-2010: {text}")
        assert text in intents(w)[1].why
        assert any(text in one for one in incident_texts(observer.incidents, "refused"))
