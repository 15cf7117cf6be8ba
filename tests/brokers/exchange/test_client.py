"""Our client against an exchange that answers like Binance, through the real ccxt: in good times,
and when everything goes wrong.
"""

import json
import math
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from brokers.clock import SimulatedClock
from brokers.exchange.client import Client, Keys
from brokers.exchange.errors import (
    CallAPersonError,
    ExchangeError,
    RefusedError,
    TryLaterError,
    UnknownOutcomeError,
)
from brokers.exchange.types import Balances, Book, ExchangeOrder, Listing, Permissions, Trade
from tests.brokers.exchange.conftest import NOW
from tests.exchange.account import KEY, SECRET
from tests.exchange.faults import EXECUTED, UNUSABLE, refusal
from tests.exchange.markets import Market
from tests.exchange.proxy import Answer, Internet
from tests.exchange.venue import LIVE, TESTNET, BinanceVenue

BTC = "BTC/USDT"
ID = "tabcdefg23456723456723456a"
UNBELIEVABLE = sorted(UNUSABLE)
AFTERWARDS = sorted(EXECUTED)


def posted(network: Internet) -> int:
    return network.counts[TESTNET, "POST", "/api/v3/order"]


def shown_as(client_id: str = ID, side: str = "BUY", size: str = "0.5") -> Callable[..., Answer]:
    """A fault that shows an open order of 0.5 coins which was never placed."""
    names = {
        "symbol": "BTCUSDT",
        "orderId": 1,
        "clientOrderId": client_id,
        "side": side,
        "status": "NEW",
        "time": 1_800_000_000_000,
    }
    sizes = {"origQty": size, "executedQty": "0", "cummulativeQuoteQty": "0"}
    return lambda *_: Answer(200, json.dumps(names | sizes).encode())


# In good times.


def test_markets_have_their_rules(client: Client) -> None:
    assert client.listings()[BTC] == Listing(
        symbol=BTC,
        base="BTC",
        quote="USDT",
        active=True,
        step=1e-05,
        min_size=1e-05,
        min_notional=5.0,
        tick=0.01,
        max_size=900_000.0,  # of a market order, which is less than that of any order
        max_notional=9_000_000.0,
    )


def test_markets_are_asked_for_once_and_again_on_demand(
    client: Client, venue: BinanceVenue, network: Internet
) -> None:
    client.listings()
    venue.markets["BTCUSDT"].status = "HALT"
    assert client.listings()[BTC].active
    assert not client.listings(reload=True)[BTC].active
    assert network.counts[TESTNET, "GET", "/api/v3/exchangeInfo"] == 2


def test_an_outage_of_the_futures_testnet_does_not_matter(
    client: Client, network: Internet
) -> None:
    client.listings()
    client.balances()
    assert network.hosts() == {TESTNET}


def test_an_account_lists_what_is_held_with_what_orders_hold(
    client: Client, venue: BinanceVenue
) -> None:
    venue.matching.balances.add("SOL", venue.matching.balances.free["BTC"] * 0)
    venue.person.sell("BTCUSDT", "0.25", type="LIMIT", price="110", timeInForce="GTC")
    balances = client.balances()
    assert (balances.free["BTC"], balances.total["BTC"]) == (0.75, 1.0)
    assert "SOL" not in balances.total and "SOL" not in balances.free


def test_an_account_that_holds_nothing_is_accepted_if_it_really_is_one(
    client: Client, venue: BinanceVenue
) -> None:
    for coin, units in venue.grants.items():
        venue.person.withdraw(coin, units)
    assert client.balances() == Balances({}, {})


def test_a_market_order_is_of_the_size_in_coins(client: Client, network: Internet) -> None:
    placed = client.place(BTC, "buy", 0.5, ID)
    (asked,) = [asked for asked in network.asked if asked.method == "POST"]
    assert b"quantity=0.5&" in asked.body and b"quoteOrderQty" not in asked.body
    assert placed == ExchangeOrder("1", ID, BTC, "buy", 0.5, 0.5, 100.05, "filled", placed.time)
    assert NOW <= placed.time < NOW + 10


def test_a_size_is_cut_to_whole_steps(client: Client) -> None:
    assert client.place(BTC, "buy", 0.123459, ID).size == 0.12345


def test_a_size_spoiled_by_float_arithmetic_loses_no_step(client: Client) -> None:
    assert 0.29 - 0.06 == 0.22999999999999998
    assert client.place(BTC, "buy", 0.29 - 0.06, ID).size == 0.23


def test_a_size_below_one_step_is_refused_before_it_is_sent(
    client: Client, network: Internet
) -> None:
    with pytest.raises(RefusedError, match="less than one step") as caught:
        client.place(BTC, "sell", 0.000009, ID)
    assert caught.value.why == "limits"
    assert posted(network) == 0


def test_a_limit_takes_what_is_on_offer_and_leaves_nothing_open(
    client: Client, venue: BinanceVenue
) -> None:
    venue.books.set("BTCUSDT", [(99.0, 5.0)], [(100.0, 0.1), (101.0, 5.0)])
    placed = client.place(BTC, "buy", 0.5, ID, limit=100.5)
    assert (placed.size, placed.filled, placed.average, placed.status) == (
        0.5,
        0.1,
        100.0,
        "expired",
    )
    assert client.open_orders(BTC) == []


@pytest.mark.parametrize(
    ("side", "limit", "sent"),
    [("buy", 100.4599, "100.45"), ("sell", 99.5001, "99.51"), ("buy", 100.45, "100.45")],
)
def test_a_limit_never_gets_worse_by_rounding(
    client: Client, network: Internet, side: Any, limit: float, sent: str
) -> None:
    client.place(BTC, side, 0.5, ID, limit=limit)
    (asked,) = [asked for asked in network.asked if asked.method == "POST"]
    assert f"&price={sent}&timeInForce=IOC".encode() in asked.body


def test_nothing_filled_has_no_average(client: Client) -> None:
    placed = client.place(BTC, "buy", 0.5, ID, limit=90.0)
    assert placed.filled == 0.0 and math.isnan(placed.average)


def test_an_order_is_found_by_its_client_id(client: Client) -> None:
    placed = client.place(BTC, "buy", 0.5, ID)
    assert client.order(ID, BTC) == placed
    assert client.order("b" * 26, BTC) is None


def test_trades_are_those_of_the_order(client: Client) -> None:
    client.place(BTC, "buy", 0.1, "b" * 26)
    placed = client.place(BTC, "sell", 0.5, ID)
    # A tenth of a per cent of 0.5 · 99.95.
    assert client.trades(placed) == [
        Trade("2", placed.id, BTC, "sell", 0.5, 99.95, 0.049975, "USDT", placed.time)
    ]


def test_an_order_that_the_exchange_has_forgotten_has_no_trades(
    client: Client, venue: BinanceVenue
) -> None:
    placed = client.place(BTC, "buy", 0.1, ID)
    venue.faults.add("not_found", "GET", "myTrades")
    assert client.trades(placed) == []


def test_open_orders_of_others_are_seen(client: Client, venue: BinanceVenue) -> None:
    theirs = venue.person.buy("BTCUSDT", "0.25", type="LIMIT", price="90", timeInForce="GTC")
    (found,) = client.open_orders(BTC)
    assert (found.client_id, found.size, found.filled, found.status) == (
        theirs.client_id,
        0.25,
        0.0,
        "open",
    )


def test_a_cancelled_order_is_reported_as_it_ended(client: Client, venue: BinanceVenue) -> None:
    venue.person.buy("BTCUSDT", "0.25", type="LIMIT", price="90", timeInForce="GTC")
    (found,) = client.open_orders(BTC)
    assert client.cancel(found) == found._replace(status="cancelled")


def test_a_cancel_that_comes_after_the_fill_reports_the_fill(
    client: Client, venue: BinanceVenue
) -> None:
    venue.person.buy("BTCUSDT", "0.25", type="LIMIT", price="90", timeInForce="GTC")
    (found,) = client.open_orders(BTC)
    venue.faults.add("filled_before_cancel", "DELETE", "order")
    assert client.cancel(found) == found._replace(status="filled", filled=0.25, average=90.0)


def test_a_cancel_of_an_order_that_a_reset_took_away_has_an_unknown_outcome(
    client: Client, venue: BinanceVenue
) -> None:
    venue.person.buy("BTCUSDT", "0.25", type="LIMIT", price="90", timeInForce="GTC")
    (found,) = client.open_orders(BTC)
    venue.reset()
    with pytest.raises(UnknownOutcomeError, match="was the sandbox reset"):
        client.cancel(found)


def test_a_book_may_have_an_empty_side(client: Client, venue: BinanceVenue) -> None:
    venue.books.set("BTCUSDT", [], [(100.0, 0.1), (101.0, 5.0)])
    assert client.book(BTC) == Book((), ((100.0, 0.1), (101.0, 5.0)))


def test_price_time_and_permissions(
    client: Client, venue: BinanceVenue, clock: SimulatedClock
) -> None:
    assert client.price(BTC) == 100.0
    venue.clock_offset = 7.5
    assert client.server_time() == pytest.approx(clock.now() + 7.5, abs=0.002)
    assert client.permissions() == Permissions(trade=True, withdraw=False)
    venue.faults.add("key_may_withdraw")
    assert client.permissions() == Permissions(trade=True, withdraw=True)


def test_an_unknown_market_is_refused_with_the_nearest(client: Client, network: Internet) -> None:
    for call in (lambda: client.price("BTC/USD"), lambda: client.place("BTC/USD", "buy", 1.0, ID)):
        with pytest.raises(
            RefusedError, match="no spot market 'BTC/USD'; nearest: BTC/USDT"
        ) as caught:
            call()
        assert caught.value.why == "market"
    assert posted(network) == 0


# Questions without a usable answer.

QUESTIONS: dict[str, tuple[str, Callable[[Client], Any]]] = {
    "server time": ("time", lambda client: client.server_time()),
    "markets": ("exchangeInfo", lambda client: len(client.listings(reload=True))),
    "balances": ("account", lambda client: client.balances()),
    "permissions": ("account", lambda client: client.permissions()),
    "order": ("order", lambda client: client.order(ID, BTC)),
    "open orders": ("openOrders", lambda client: client.open_orders(BTC)),
    "trades": (
        "myTrades",
        lambda client: client.trades(
            ExchangeOrder("1", ID, BTC, "buy", 0.5, 0.5, 100.05, "filled", NOW)
        ),
    ),
    "book": ("depth", lambda client: client.book(BTC)),
    "price": ("ticker/24hr", lambda client: client.price(BTC)),
}
AN_EMPTY_LIST_IS_AN_ANSWER = {("open orders", "brackets"), ("trades", "brackets")}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_asked_again_until_its_answer_is_usable(
    client: Client, hasty: Client, venue: BinanceVenue, question: str
) -> None:
    path, ask = QUESTIONS[question]
    client.place(BTC, "buy", 0.5, ID)
    venue.person.sell("BTCUSDT", "0.25", type="LIMIT", price="110", timeInForce="GTC")
    good = ask(client)
    for fault in UNBELIEVABLE:
        if (question, fault) not in AN_EMPTY_LIST_IS_AN_ANSWER:
            rule = venue.faults.add(
                f"{fault}_before", "GET", path, times=1 if fault == "timeout" else 2
            )
            answer = ask(hasty if fault == "timeout" else client)
            assert len(rule.met) == rule.times, fault
            assert answer == good or question == "server time", fault


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_given_up_after_four_attempts(
    client: Client, venue: BinanceVenue, clock: SimulatedClock, question: str
) -> None:
    path, ask = QUESTIONS[question]
    client.place(BTC, "buy", 0.5, ID)
    rule = venue.faults.add("html200_before", "GET", path, times=1000)
    began = clock.now()
    with pytest.raises(TryLaterError, match="Asked 4 times; nothing was changed") as caught:
        ask(client)
    assert len(rule.met) == 4
    assert clock.now() - began < 20.0
    assert caught.value.wait == 0.0


def test_a_question_is_given_up_when_its_time_is_over(
    client: Client, venue: BinanceVenue, clock: SimulatedClock
) -> None:
    def slow(asked: Any, number: int) -> Answer:
        clock.sleep(11.0)
        return UNUSABLE["503"]

    venue.before_request = slow
    with pytest.raises(TryLaterError, match="Asked twice"):
        client.server_time()


def test_bad_lists_of_markets_leave_the_known_ones(client: Client, venue: BinanceVenue) -> None:
    client.listings()
    venue.faults.add("braces_before", "GET", "exchangeInfo", times=4)
    with pytest.raises(TryLaterError):
        client.listings(reload=True)
    assert client.price(BTC) == 100.0
    assert BTC in client.listings()


@pytest.mark.parametrize(
    "account",
    [
        b'{"balances":null}',
        b'{"canTrade":true}',
        b'{"balances":[{"asset":"BTC","free":"1"}]}',
        b'{"balances":[{"asset":"BTC","free":"1","locked":null}]}',
        b'{"balances":[{"asset":"BTC","free":"NaN","locked":"0"}]}',
        b'{"balances":[{"asset":"BTC","free":"-1","locked":"0"}]}',
        b'{"balances":[{"asset":"BTC","free":"many","locked":"0"}]}',
        b'{"balances":[{"free":"1","locked":"0"}]}',
    ],
)
def test_half_an_account_is_not_accepted(
    client: Client, venue: BinanceVenue, account: bytes
) -> None:
    venue.faults.add(lambda *_: Answer(200, account), "GET", "account", times=4)
    with pytest.raises(TryLaterError, match=r"balances: .*Asked 4 times"):
        client.balances()


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"serverTime":1e400}',
        b'{"serverTime":"soon"}',
        b'{"serverTime":12}',
        b"\xff\xfe\x00",
    ],
)
def test_a_body_that_breaks_its_reader_is_no_answer(
    client: Client, venue: BinanceVenue, body: bytes
) -> None:
    venue.faults.add(lambda *_: Answer(200, body), "GET", "time", times=4)
    with pytest.raises(TryLaterError, match=r"server time: .*Asked 4 times"):
        client.server_time()


def test_an_order_that_cannot_be_seen_for_a_moment_is_reported_as_missing(
    client: Client, venue: BinanceVenue
) -> None:
    venue.faults.add("invisible", "POST", "order", queries=2)
    client.place(BTC, "buy", 0.5, ID)
    assert [client.order(ID, BTC) is None for _ in range(3)] == [True, True, False]


def test_an_order_of_another_id_is_no_answer(client: Client, venue: BinanceVenue) -> None:
    client.place(BTC, "buy", 0.5, "b" * 26)
    venue.faults.add(shown_as(client_id="b" * 26), "GET", "order", times=4)
    with pytest.raises(TryLaterError, match="in place of"):
        client.order(ID, BTC)


# Pauses that the exchange asks for.


@pytest.mark.parametrize("wait", [1, 30, 59])
def test_a_short_pause_is_respected_to_the_end(
    client: Client, venue: BinanceVenue, clock: SimulatedClock, wait: int
) -> None:
    client.listings()
    venue.faults.add("429", "GET", "account", retry_after=wait)
    began = clock.now()
    assert client.balances().total["BTC"] == 1.0
    assert clock.now() - began >= wait
    assert venue.impatient == []


@pytest.mark.parametrize(("status", "wait"), [("429", 100), ("418", 10), ("418", 200_000)])
def test_in_a_long_pause_nothing_is_sent(
    client: Client,
    venue: BinanceVenue,
    network: Internet,
    clock: SimulatedClock,
    *,
    status: str,
    wait: int,
) -> None:
    client.listings()
    venue.faults.add(status, "GET", "account", retry_after=wait)
    with pytest.raises(TryLaterError) as caught:
        client.balances()
    assert caught.value.wait == wait
    sent = len(network.asked)
    clock.sleep(wait / 2)
    for call in (
        client.server_time,
        client.sync_clock,
        client.balances,
        lambda: client.price(BTC),
        lambda: client.place(BTC, "buy", 1.0, ID),
    ):
        with pytest.raises(TryLaterError, match="nothing was sent") as caught:
            call()
        assert caught.value.wait == pytest.approx(wait / 2)
    assert len(network.asked) == sent
    clock.sleep(wait / 2)
    assert client.balances().total["BTC"] == 1.0
    assert venue.impatient == []


def test_a_ban_of_unknown_length_is_taken_for_two_minutes(
    client: Client, venue: BinanceVenue
) -> None:
    client.listings()
    venue.faults.add(lambda *_: Answer(418, b"{}"), "GET", "account")
    with pytest.raises(TryLaterError) as caught:
        client.balances()
    assert caught.value.wait == 120.0


SIX_HOURS = 6 * 3600
BANNED = (
    "Way too much request weight used; IP banned until {until}. Please use WebSocket Streams for "
    "live updates to avoid bans."
)


@pytest.mark.parametrize("status", [418, 429, 403])
def test_the_end_of_a_ban_is_read_from_the_text_too(
    client: Client, venue: BinanceVenue, network: Internet, clock: SimulatedClock, status: int
) -> None:
    client.listings()
    until = int(NOW + SIX_HOURS) * 1000
    venue.faults.add(
        lambda *_: refusal(-1003, BANNED.format(until=until), status), "GET", "account"
    )
    with pytest.raises(TryLaterError) as caught:
        client.balances()
    assert caught.value.wait == pytest.approx(SIX_HOURS, abs=1.0)
    # 1,800,000,000 seconds are 2027-01-15 08:00 UTC.
    assert "IP banned until 2027-01-15 14:00 UTC" in str(caught.value)
    assert "not before 2027-01-15 1" in str(caught.value)
    assert str(until) not in str(caught.value) + caught.value.words
    sent = len(network.asked)
    clock.sleep(SIX_HOURS - 10.0)
    with pytest.raises(TryLaterError, match="left alone until 2027-01-15 1"):
        client.balances()
    assert len(network.asked) == sent
    clock.sleep(10.0)
    assert client.balances().total["BTC"] == 1.0


def test_the_longer_of_header_and_text_holds(client: Client, venue: BinanceVenue) -> None:
    client.listings()
    text = BANNED.format(until=int(NOW + SIX_HOURS) * 1000)
    answer = refusal(-1003, text, 418)
    headers = (*answer.headers, ("Retry-After", "120"))
    venue.faults.add(lambda *_: answer._replace(headers=headers), "GET", "account")
    with pytest.raises(TryLaterError) as caught:
        client.balances()
    assert caught.value.wait == pytest.approx(SIX_HOURS, abs=1.0)


def test_a_ban_that_is_over_by_the_exchanges_clock_is_a_short_one(
    client: Client, venue: BinanceVenue
) -> None:
    """Its time counts: ours is an hour behind."""
    venue.clock_offset = 3600.0
    client.sync_clock()
    client.listings()
    text = BANNED.format(until=int(NOW + 3600.0 + 600.0) * 1000)
    venue.faults.add(lambda *_: refusal(-1003, text, 418), "GET", "account")
    with pytest.raises(TryLaterError) as caught:
        client.balances()
    assert caught.value.wait == pytest.approx(600.0, abs=2.0)


def test_a_date_as_retry_after_is_read(client: Client, venue: BinanceVenue) -> None:
    client.listings()
    header = ("Retry-After", "Fri, 15 Jan 2027 08:10:00 GMT")
    venue.faults.add(lambda *_: Answer(429, b"{}", (header,)), "GET", "account")
    with pytest.raises(TryLaterError) as caught:
        client.balances()
    assert caught.value.wait == pytest.approx(600.0, abs=2.0)


def test_the_interval_of_a_limit_is_waited_for(
    client: Client, venue: BinanceVenue, clock: SimulatedClock
) -> None:
    client.listings()
    text = "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."
    rule = venue.faults.add(lambda *_: refusal(-1003, text, 429), "GET", "account")
    began = clock.now()
    assert client.balances().total["BTC"] == 1.0
    assert clock.now() - began >= 60.0 and len(rule.met) == 1


def test_a_clock_set_back_does_not_prolong_a_pause(
    client: Client, venue: BinanceVenue, clock: SimulatedClock
) -> None:
    client.listings()
    venue.faults.add(lambda *_: Answer(429, b"{}", (("Retry-After", "100"),)), "GET", "account")
    with pytest.raises(TryLaterError):
        client.balances()
    clock._now -= 86_400.0
    began = clock.now()
    client.server_time()
    assert clock.now() - began < 1.0  # ccxt's own pace would wait for a day


def test_many_requests_for_an_order_mean_that_there_is_none(
    client: Client, venue: BinanceVenue
) -> None:
    client.listings()
    venue.faults.add("429", "POST", "order", retry_after=5)
    with pytest.raises(TryLaterError, match="not executed") as caught:
        client.place(BTC, "buy", 0.5, ID)
    assert caught.value.wait == 5.0
    venue.faults.add("too_many_orders", "POST", "order")
    with pytest.raises(TryLaterError):
        client.place(BTC, "buy", 0.5, ID)
    assert venue.orders == []


# Our clock.


@pytest.mark.parametrize("offset", [30.0, -30.0])
def test_a_clock_that_is_off_is_set_and_the_call_made_again(
    client: Client, venue: BinanceVenue, offset: float, network: Internet
) -> None:
    venue.clock_offset = offset
    assert client.balances().total["BTC"] == 1.0
    assert client.clock_offset == pytest.approx(offset, abs=0.01)
    venue.clock_offset = 2 * offset
    assert client.place(BTC, "buy", 0.5, ID).status == "filled"
    assert client.clock_offset == pytest.approx(2 * offset, abs=0.01)
    assert posted(network) == 2 and len(venue.orders) == 1


def test_the_clock_can_be_set_beforehand(
    client: Client, venue: BinanceVenue, network: Internet
) -> None:
    venue.clock_offset = 30.0
    assert client.sync_clock() == client.clock_offset == pytest.approx(30.0, abs=0.01)
    client.balances()
    assert network.counts[TESTNET, "GET", "/api/v3/time"] == 1


def test_an_order_is_not_sent_a_third_time_for_the_clock(
    client: Client, venue: BinanceVenue, network: Internet
) -> None:
    venue.faults.add("clock", "POST", "order", times=2)
    with pytest.raises(TryLaterError, match="not executed"):
        client.place(BTC, "buy", 0.5, ID)
    assert posted(network) == 2 and venue.orders == []


def test_an_order_is_not_sent_again_when_the_clock_cannot_be_set(
    client: Client, venue: BinanceVenue, network: Internet
) -> None:
    venue.clock_offset = 30.0
    venue.faults.add("500_before", "GET", "time")
    client.listings()
    with pytest.raises(TryLaterError, match="our clock is off"):
        client.place(BTC, "buy", 0.5, ID)
    assert posted(network) == 1 and venue.orders == []


# Orders.


@pytest.mark.parametrize("fault", [*(f"{fault}_before" for fault in UNBELIEVABLE), *AFTERWARDS])
def test_an_order_without_a_usable_answer_has_an_unknown_outcome_and_is_sent_once(
    client: Client, hasty: Client, venue: BinanceVenue, network: Internet, fault: str
) -> None:
    venue.faults.add(fault, "POST", "order", times=5)
    with pytest.raises(UnknownOutcomeError, match="executed or not"):
        (hasty if fault.startswith("timeout") else client).place(BTC, "buy", 0.5, ID)
    assert posted(network) == 1
    assert len(venue.orders) == (fault in AFTERWARDS)


def test_a_new_order_that_is_reported_as_missing_has_an_unknown_outcome(
    client: Client, venue: BinanceVenue, network: Internet
) -> None:
    venue.faults.add("not_found", "POST", "order", times=5)
    with pytest.raises(UnknownOutcomeError, match="Ask for the order"):
        client.place(BTC, "buy", 0.5, ID)
    assert posted(network) == 1


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("insufficient", "funds"),
        ("duplicate", "duplicate"),
        ("lot_size", "limits"),
        ("price_filter", "limits"),
        ("notional", "limits"),
        ("precision", "limits"),
        ("market_closed", "market"),
        ("halted", "market"),
    ],
)
def test_a_refused_order_says_why(
    client: Client, venue: BinanceVenue, network: Internet, fault: str, why: str
) -> None:
    client.listings()
    venue.faults.add(fault, "POST", "order")
    with pytest.raises(RefusedError) as caught:
        client.place(BTC, "buy", 0.5, ID)
    assert caught.value.why == why
    assert posted(network) == 1 and venue.orders == []


@pytest.mark.parametrize(
    ("code", "text", "why"),
    [
        (-2010, "This action is disabled on this account.", "market"),
        (-2010, "This symbol is not permitted for this account.", "market"),
        (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", "limits"),
        (-1013, "Invalid quantity.", "limits"),
        (-1112, "No orders on book for symbol.", "depth"),
        (-2010, "Stop price would trigger immediately.", "other"),
        (-1102, "Mandatory parameter 'side' was not sent, was empty/null, or malformed.", "other"),
    ],
)
def test_what_binance_calls_a_refusal_is_known_by_its_words(
    client: Client, venue: BinanceVenue, code: int, text: str, why: str
) -> None:
    venue.faults.add(lambda *_: refusal(code, text), "POST", "order")
    with pytest.raises(RefusedError) as caught:
        client.place(BTC, "buy", 0.5, ID)
    assert caught.value.why == why


def test_a_server_in_trouble_is_not_accepted_when_it_refuses(
    client: Client, venue: BinanceVenue
) -> None:
    venue.faults.add(lambda *_: refusal(-1013, "Filter failure: LOT_SIZE", 500), "POST", "order")
    with pytest.raises(UnknownOutcomeError):
        client.place(BTC, "buy", 0.5, ID)
    client.place(BTC, "buy", 0.5, ID)
    venue.faults.add(
        lambda *_: refusal(-2013, "Order does not exist.", 500), "GET", "order", times=3
    )
    assert client.order(ID, BTC) is not None


@pytest.mark.parametrize("code", [-1000, -1001, -1006, -1007, -1008, -1010])
def test_what_binance_itself_does_not_know_is_no_refusal_whatever_its_status(
    client: Client, venue: BinanceVenue, code: int
) -> None:
    venue.faults.add(lambda *_: refusal(code, "Execution status unknown.", 400), "POST", "order")
    with pytest.raises(UnknownOutcomeError):
        client.place(BTC, "buy", 0.5, ID)


def test_a_refusal_keeps_the_words_of_the_exchange(client: Client, venue: BinanceVenue) -> None:
    venue.faults.add("market_closed", "POST", "order")
    with pytest.raises(RefusedError) as caught:
        client.place(BTC, "buy", 0.5, ID)
    assert caught.value.words == "-1013: Market is closed."
    venue.faults.add("too_many_orders", "POST", "order")
    with pytest.raises(TryLaterError) as turned_away:
        client.place(BTC, "buy", 0.5, ID)
    limit = "Too many new orders; current limit is 50 orders per 10 SECOND."
    assert turned_away.value.words == f"-1015: {limit}"


def test_a_refusal_of_our_own_has_no_words_of_the_exchange(client: Client) -> None:
    with pytest.raises(RefusedError) as caught:
        client.place(BTC, "sell", 0.000009, ID)
    assert caught.value.words == ""


def test_an_archived_order_has_ended_with_nothing_filled(
    client: Client, venue: BinanceVenue
) -> None:
    text = (
        "Order was canceled or expired with no executed qty over 90 days ago and has been archived."
    )
    venue.faults.add(lambda *_: refusal(-2026, text), "GET", "order")
    order = client.order(ID, BTC)
    assert order is not None and (order.status, order.filled) == ("expired", 0.0)
    assert order.words == f"-2026: {text}"


def test_an_order_that_would_have_traded_with_another_of_ours_has_expired(
    client: Client, venue: BinanceVenue
) -> None:
    venue.person.buy("BTCUSDT", "0.25", type="LIMIT", price="90", timeInForce="GTC")
    venue.matching.close(venue.orders[0], "EXPIRED_IN_MATCH")
    order = client.order(venue.orders[0].client_id, BTC)
    assert order is not None
    assert (order.status, order.words) == ("expired", "EXPIRED_IN_MATCH")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (-2011, "Unknown order sent."),
        (-2011, "Order was not canceled due to cancel restrictions."),
        (-2010, "Market is closed."),
    ],
)
def test_an_order_whose_cancellation_is_refused_is_still_open(
    client: Client, venue: BinanceVenue, network: Internet, code: int, text: str
) -> None:
    venue.person.buy("BTCUSDT", "0.25", type="LIMIT", price="90", timeInForce="GTC")
    (found,) = client.open_orders(BTC)
    venue.faults.add(lambda *_: refusal(code, text), "DELETE", "order")
    with pytest.raises(UnknownOutcomeError, match="still open") as caught:
        client.cancel(found)
    assert caught.value.words == f"{code}: {text}"
    assert network.counts[TESTNET, "DELETE", "/api/v3/order"] == 1


def test_an_order_that_spends_too_much_is_refused_for_its_funds(client: Client) -> None:
    with pytest.raises(RefusedError, match="insufficient balance") as caught:
        client.place(BTC, "buy", 500.0, ID)
    assert caught.value.why == "funds"


def test_an_order_partly_filled_and_expired_is_reported_as_such(
    client: Client, venue: BinanceVenue
) -> None:
    venue.faults.add("partial_then_expired", "POST", "order", fraction="0.4")
    placed = client.place(BTC, "buy", 0.5, ID)
    assert (placed.filled, placed.status) == (0.2, "expired")


@pytest.mark.parametrize("other", [{"client_id": "other"}, {"side": "SELL"}, {"size": "0.6"}])
def test_an_order_that_is_answered_with_another_is_not_accepted(
    client: Client, venue: BinanceVenue, other: dict[str, str]
) -> None:
    venue.faults.add(shown_as(**other), "POST", "order")
    with pytest.raises(UnknownOutcomeError, match="another order"):
        client.place(BTC, "buy", 0.5, ID)


def test_a_lost_cancel_has_an_unknown_outcome(
    client: Client, venue: BinanceVenue, network: Internet
) -> None:
    venue.person.buy("BTCUSDT", "0.25", type="LIMIT", price="90", timeInForce="GTC")
    (found,) = client.open_orders(BTC)
    venue.faults.add("answer_lost", "DELETE", "order")
    with pytest.raises(UnknownOutcomeError):
        client.cancel(found)
    assert network.counts[TESTNET, "DELETE", "/api/v3/order"] == 1


# What only a person can mend.


def test_a_socks_proxy_without_its_package_is_refused_at_once(
    client: Client, network: Internet, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "socks5h://user:password@127.0.0.1:9050")
    began = clock.now()
    with pytest.raises(CallAPersonError, match=r"SOCKS proxy.*pip install pysocks") as caught:
        client.listings()
    assert clock.now() == began and "password" not in str(caught.value)


def test_a_proxy_without_a_host_is_refused_at_once(
    client: Client, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://")
    began = clock.now()
    with pytest.raises(CallAPersonError, match="check the address of the proxy"):
        client.listings()
    assert clock.now() == began


@pytest.mark.parametrize("after_a_good_call", [False, True])
def test_a_revoked_key_is_not_taken_for_a_rate_limit(
    client: Client, venue: BinanceVenue, network: Internet, *, after_a_good_call: bool
) -> None:
    client.listings()
    if after_a_good_call:
        client.balances()  # from then on ccxt calls it DDoSProtection
    venue.faults.add("key_revoked", "GET", "account", times=100)
    sent = len(network.asked)
    with pytest.raises(
        CallAPersonError,
        match=r"revoked.*live exchange.*IP address.*only read.*https://testnet.binance.vision",
    ):
        client.balances()
    assert len(network.asked) == sent + 1


def test_a_key_that_may_only_read_is_reported_at_the_first_order(
    client: Client, venue: BinanceVenue
) -> None:
    venue.faults.add("key_read_only", "POST", "order")
    with pytest.raises(CallAPersonError, match="may only read"):
        client.place(BTC, "buy", 0.5, ID)


@pytest.mark.parametrize(("key", "secret"), [("a" * 64, SECRET), ("short", SECRET), (KEY, "wrong")])
def test_wrong_keys_are_reported_as_such(
    venue: BinanceVenue, connect: Callable[..., Client], key: str, secret: str
) -> None:
    with pytest.raises(CallAPersonError, match="RUSSELL_GATE_API_KEY"):
        connect(keys=Keys(key, secret)).balances()


def test_a_place_that_is_not_served_is_reported_as_such(
    client: Client, venue: BinanceVenue
) -> None:
    text = (
        "Service unavailable from a restricted location according to 'b. Eligibility' in the terms."
    )
    venue.faults.add(lambda *_: refusal(0, text, 451), times=2)
    with pytest.raises(CallAPersonError, match=r"restricted location.*choose another exchange.id"):
        client.listings()
    with pytest.raises(CallAPersonError, match="restricted location"):
        client.server_time()


def test_a_place_that_is_not_served_needs_no_words(client: Client, venue: BinanceVenue) -> None:
    venue.faults.add(lambda *_: Answer(451, b""), "GET", "time")
    with pytest.raises(CallAPersonError, match="does not serve this place"):
        client.server_time()


def test_an_answer_of_a_proxy_does_not_blame_the_key(client: Client, venue: BinanceVenue) -> None:
    client.listings()
    for status in (401, 403, 407, 511):
        venue.faults.add(
            lambda *_, status=status: Answer(status, b"<html>Who are you?</html>"),
            "GET",
            "account",
            times=4,
        )
        with pytest.raises(TryLaterError, match=f"HTTP {status}"):
            client.balances()


# The network.


def test_an_exchange_that_cannot_be_reached_is_asked_later(
    client: Client, network: Internet
) -> None:
    network.offline.add(TESTNET)
    with pytest.raises(TryLaterError, match="markets: NetworkError"):
        client.listings()


def test_a_host_with_another_certificate_gets_no_request(client: Client, network: Internet) -> None:
    network.impostors.add(TESTNET)
    with pytest.raises(TryLaterError, match="certificate verify failed"):
        client.sync_clock()
    assert len(network.asked) == 0


# Secrets.


def test_no_message_has_a_key_or_a_signature_in_it(
    client: Client, venue: BinanceVenue, network: Internet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    client.listings()
    echo = f"<html>{KEY} {SECRET} signature=0123456789abcdef</html>".encode()
    said = [
        repr(Keys(KEY, SECRET)),
        str(Keys(KEY, SECRET)),
        f"{Keys(KEY, SECRET)}",
        repr(client),
        str(vars(client)["_keys"]),
    ]
    faults: list[Any] = [
        *(f"{fault}_before" for fault in UNBELIEVABLE if fault != "timeout"),
        "insufficient",
        "key_revoked",
        lambda *_: Answer(400, echo),
    ]
    for fault in faults:
        for method, path, call in (
            ("GET", "account", client.balances),
            ("POST", "order", lambda: client.place(BTC, "buy", 0.5, ID)),
        ):
            venue.faults.add(fault, method, path, times=4)
            with pytest.raises(ExchangeError) as caught:
                call()
            said.append("".join(traceback.format_exception(caught.value)))
            venue.faults.clear()
            for key in venue.keys.values():
                key.revoked = False
    everything = "\n".join([*said, caplog.text])
    assert everything.count("signature=") == everything.count("signature=***") > 0  # the echo's
    assert KEY not in everything and SECRET not in everything
    assert any("signature=" in asked.raw_query for asked in network.asked)


# Public prices.


def test_without_keys_prices_come_from_the_live_host_and_nothing_is_signed(
    venue: BinanceVenue, connect: Callable[..., Client], network: Internet
) -> None:
    client = connect(keys=None)
    client.sync_clock()
    assert client.listings()[BTC].tick == 0.01
    assert client.price(BTC) == 100.0
    assert client.book(BTC).bids[0][0] == 99.95
    assert network.hosts() == {LIVE}
    assert all(
        asked.method == "GET" and "x-mbx-apikey" not in asked.headers and not asked.body
        for asked in network.asked
    )


def test_without_keys_there_is_no_account(
    venue: BinanceVenue, connect: Callable[..., Client], network: Internet
) -> None:
    client = connect(keys=None)
    placed = ExchangeOrder("1", ID, BTC, "buy", 0.5, 0.5, 100.05, "filled", NOW)
    for call in (
        client.balances,
        client.permissions,
        lambda: client.order(ID, BTC),
        lambda: client.open_orders(BTC),
        lambda: client.trades(placed),
        lambda: client.place(BTC, "buy", 0.5, ID),
        lambda: client.cancel(placed),
    ):
        with pytest.raises(CallAPersonError, match="needs keys"):
            call()
    assert network.counts.keys() <= {(LIVE, "GET", "/api/v3/exchangeInfo")}


def test_other_markets_have_other_steps(client: Client, venue: BinanceVenue) -> None:
    venue.markets["XYZUSDT"] = Market(
        "XYZ", venue.markets["BTCUSDT"].step * 100_000, venue.markets["BTCUSDT"].tick * 50
    )
    assert client.place("XYZ/USDT", "buy", 2.9, ID, limit=100.9).size == 2.0
