"""Every misfortune the test exchange can produce, met once by the real ccxt client."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.exchange.account import KEY, SECRET, Key
from tests.exchange.faults import (
    CHANGES,
    EXECUTED,
    FAULTS,
    ODD_ORDERS,
    REFUSALS,
    SLOW,
    TURNED_AWAY,
    UNEXECUTED,
)
from tests.exchange.proxy import DROPPED, Answer, Asked, Internet
from tests.exchange.venue import TESTNET, BinanceVenue

BTC = "BTC/USDT"
# Statuses and connections that ccxt raises an error for; any other spoilt answer looks like an
# order without an id.
NOTICED = ("dropped", "answer_lost", "timeout", "500", "502", "503", "504", "-100", "cut_off")


def buy(client: Any, size: float = 0.01, client_id: str = "first") -> Any:
    return client.create_order(BTC, "market", "buy", size, None, {"newClientOrderId": client_id})


def outcome(client: Any) -> str | None:
    """The id of a market order as ccxt returns it, None where it lost it, or its error's name."""
    try:
        return buy(client)["id"]
    except ccxt.OperationFailed as error:
        return type(error).__name__


@pytest.mark.parametrize("name", sorted(UNEXECUTED))
def test_a_fault_before_execution_leaves_no_order(
    client: Any, venue: BinanceVenue, name: str
) -> None:
    rule = venue.faults.add(name, "POST", "order")
    assert (outcome(client) is None) != name.startswith(NOTICED)
    assert len(rule.met) == 1
    assert venue.orders == []
    assert venue.units("BTC") == 1
    assert buy(client)["filled"] == 0.01


@pytest.mark.parametrize("name", sorted(EXECUTED))
def test_a_fault_after_execution_leaves_one_order_and_no_word_of_it(
    client: Any, venue: BinanceVenue, name: str
) -> None:
    venue.faults.add(name, "POST", "order")
    assert (outcome(client) is None) != name.startswith(NOTICED)
    (order,) = venue.orders
    assert (order.client_id, order.status) == ("first", "FILLED")
    assert client.fetch_order(None, BTC, {"origClientOrderId": "first"})["filled"] == 0.01


@pytest.mark.parametrize("name", sorted(REFUSALS))
def test_a_refusal_leaves_no_order(client: Any, venue: BinanceVenue, name: str) -> None:
    venue.faults.add(name, "POST", "order")
    with pytest.raises(ccxt.BaseError):
        buy(client)
    assert venue.orders == []


@pytest.mark.parametrize("status", [429, 418])
def test_whoever_goes_on_asking_when_told_to_wait_is_put_on_record(
    client: Any, venue: BinanceVenue, status: int
) -> None:
    venue.faults.add(str(status), "GET", "account", retry_after=60)
    with pytest.raises(ccxt.DDoSProtection, match=str(status)):
        client.fetch_balance()
    assert client.last_response_headers["Retry-After"] == "60"
    assert venue.impatient == []
    with pytest.raises(ccxt.DDoSProtection, match=str(status)):
        buy(client)
    assert [asked.path for asked in venue.impatient] == ["/api/v3/order"]
    assert venue.orders == []
    later = time.time() + 61
    venue.now = lambda: later
    venue.clock_offset = -61.0
    assert buy(client)["filled"] == 0.01


def test_an_answer_can_be_slow(
    client: Any, venue: BinanceVenue, network: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(network.stopped, "wait", waits.append)
    venue.faults.add("slow", "POST", "order", seconds=0.3)
    assert buy(client)["filled"] == 0.01
    assert waits == [0.3]
    venue.faults.add("trickled", "GET", "time", seconds=0.02)
    client.fetch_time()
    assert waits[1:] == [0.02] * len('{"serverTime":1700000000000}')


def test_an_order_can_be_invisible_at_first(client: Any, venue: BinanceVenue) -> None:
    venue.faults.add("invisible", "POST", "order", queries=2)
    order = buy(client)
    for _ in range(2):
        with pytest.raises(ccxt.OrderNotFound):
            client.fetch_order(order["id"], BTC)
    assert client.fetch_order(order["id"], BTC)["status"] == "closed"


def test_trades_and_balances_can_lag(client: Any, venue: BinanceVenue) -> None:
    venue.faults.add("trades_lag", "POST", "order", queries=1)
    buy(client)
    assert client.fetch_my_trades(BTC) == []
    assert len(client.fetch_my_trades(BTC)) == 1
    venue.faults.add("balances_lag", "POST", "order", queries=2)
    before = client.fetch_balance()["BTC"]["free"]
    buy(client, client_id="second")
    assert [client.fetch_balance()["BTC"]["free"] for _ in range(3)] == [
        before,
        before,
        float(Decimal("1.01998")),
    ]


@pytest.mark.parametrize("kind", ["market", "limit"])
def test_an_order_can_fill_in_part_now_and_the_rest_later(
    client: Any, venue: BinanceVenue, kind: str
) -> None:
    venue.faults.add("partial_then_rest", "POST", "order", fraction="0.4", queries=2)
    order = client.create_order(BTC, kind, "buy", 0.01, 51_000.0 if kind == "limit" else None)
    assert (order["status"], order["filled"]) == ("open", 0.004)
    assert client.fetch_balance()["USDT"]["used"] > 0.006 * 50_000
    seen = [client.fetch_order(order["id"], BTC) for _ in range(3)]
    assert [(one["status"], one["filled"]) for one in seen] == [
        ("open", 0.004),
        ("open", 0.004),
        ("closed", 0.01),
    ]
    assert client.fetch_balance()["USDT"]["used"] == 0.0


def test_an_order_can_fill_in_part_and_expire(client: Any, venue: BinanceVenue) -> None:
    venue.faults.add("partial_then_expired", "POST", "order", fraction="0.5")
    order = buy(client)
    assert (order["status"], order["filled"]) == ("expired", 0.005)


def test_a_cancellation_can_come_too_late(client: Any, venue: BinanceVenue) -> None:
    order = client.create_order(BTC, "limit", "buy", 0.01, 40_000.0)
    venue.faults.add("filled_before_cancel", "DELETE", "order")
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        client.cancel_order(order["id"], BTC)
    assert client.fetch_order(order["id"], BTC)["average"] == 40_000.0


def test_filters_can_change_and_are_listed_anew(client: Any, venue: BinanceVenue) -> None:
    venue.faults.add("filters_changed", "POST", "order", step="0.01")
    with pytest.raises(ccxt.InvalidOrder, match="LOT_SIZE"):
        buy(client, 0.015)
    client.load_markets(reload=True)
    assert client.market(BTC)["precision"]["amount"] == 0.01
    venue.faults.add("filters_changed", "POST", "order", min_notional="1000")
    with pytest.raises(ccxt.BadRequest, match="NOTIONAL"):
        buy(client, 0.01)


def test_a_market_can_halt_and_a_book_run_dry(client: Any, venue: BinanceVenue) -> None:
    venue.faults.add("thin_book", "POST", "order", size=0.004)
    assert buy(client)["filled"] == 0.004
    venue.faults.add("thin_book", "POST", "order")
    assert buy(client, client_id="second")["filled"] == 0.0
    venue.faults.add("halted", "POST", "order")
    with pytest.raises(ccxt.MarketClosed, match=r"Market is closed\."):
        buy(client)
    client.load_markets(reload=True)
    assert not client.market(BTC)["active"]
    assert client.create_order("ETH/USDT", "market", "buy", 0.01)["filled"] == 0.01


def test_a_key_can_be_revoked_while_it_is_used(client: Any, venue: BinanceVenue) -> None:
    venue.faults.add("key_revoked", "GET", "account", nth=2)
    client.fetch_balance()
    # After one good private call ccxt takes a revoked key for a rate limit.
    for _ in range(2):
        with pytest.raises(ccxt.DDoSProtection, match="-2015"):
            client.fetch_balance()


def test_a_key_can_be_read_only_or_too_powerful(
    venue: BinanceVenue, connect: Callable[..., Any]
) -> None:
    reader, owner = Key("r" * 64, "one", trade=False), Key("o" * 64, "two", withdraw=True)
    venue.keys |= {reader.name: reader, owner.name: owner}
    client = connect(reader.name, reader.secret)
    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        buy(client)
    assert client.fetch_balance()["info"]["canTrade"] is False
    assert connect(owner.name, owner.secret).fetch_balance()["info"]["canWithdraw"] is True


def test_a_reset_can_come_between_two_requests(client: Any, venue: BinanceVenue) -> None:
    buy(client)
    venue.faults.add("reset", "GET", "account")
    assert client.fetch_balance()["BTC"]["free"] == 1.0
    assert client.fetch_orders(BTC) == []


def test_a_rule_says_which_requests_it_is_for(client: Any, venue: BinanceVenue) -> None:
    late = venue.faults.add(
        "503_before", nth=2, times=2, where=lambda asked: asked.query.get("symbol") == "ETHUSDT"
    )
    other = venue.faults.add("503_before", host="api.binance.com")
    outcomes = []
    for _ in range(4):
        client.fetch_ticker(BTC)
        try:
            outcomes.append(client.fetch_ticker("ETH/USDT")["last"])
        except ccxt.ExchangeNotAvailable:
            outcomes.append(None)
    assert outcomes == [2500.0, None, None, 2500.0]
    assert (late.seen, len(late.met)) == (4, 2)
    assert venue.faults.waiting() == [other]


def test_a_fault_can_be_any_function(client: Any, venue: BinanceVenue) -> None:
    def twice(venue: BinanceVenue, asked: Asked, execute: Callable[[], Answer]) -> Answer:
        execute()
        return execute()

    venue.faults.add(twice, "POST", "order")
    buy(client)
    assert [order.client_id for order in venue.orders] == ["first", "first"]


def test_hooks_run_around_every_request(client: Any, venue: BinanceVenue) -> None:
    seen: list[tuple[str, str, int, int]] = []
    first = venue.handled + 1
    venue.before_request = lambda asked, number: seen.append(
        ("before", asked.path, number - first, len(venue.orders))
    )
    venue.after_request = lambda asked, number: seen.append(
        ("after", asked.path, number - first, len(venue.orders))
    )
    client.fetch_time()
    buy(client)
    order, clock = "/api/v3/order", "/api/v3/time"
    assert seen == [
        ("before", clock, 0, 0),
        ("after", clock, 0, 0),
        ("before", order, 1, 0),
        ("after", order, 1, 1),
    ]
    venue.before_request = lambda asked, number: DROPPED
    assert outcome(client) == "NetworkError"
    assert len(venue.orders) == 1


CHILD = """
import ccxt, sys
options = {"fetchMarkets": {"types": ["spot"]}}
key, secret = sys.argv[1:]
client = ccxt.binance(
    {"apiKey": key, "secret": secret, "requests_trust_env": True, "options": options}
)
client.set_sandbox_mode(True)
client.create_order("BTC/USDT", "market", "buy", 0.01, None, {"newClientOrderId": "child"})
"""


@pytest.mark.parametrize(("instead", "orders"), [(None, 1), (DROPPED, 0)])
def test_a_process_can_be_killed_while_its_order_is_on_the_way(
    venue: BinanceVenue, instead: Answer | None, orders: int
) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD, KEY, SECRET])

    def kill(asked: Asked, number: int) -> Answer | None:
        if asked.method != "POST":
            return None
        child.kill()
        child.wait()
        return instead

    venue.before_request = kill
    assert child.wait(120) == -signal.SIGKILL
    deadline = time.monotonic() + 60  # the site may still be executing the order
    while len(venue.orders) < orders and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [order.client_id for order in venue.orders] == ["child"] * orders


def test_every_named_fault_is_in_a_family() -> None:
    families = (UNEXECUTED, EXECUTED, ODD_ORDERS, CHANGES, SLOW, TURNED_AWAY, REFUSALS)
    assert sum(len(family) for family in families) == len(FAULTS)


def test_no_unit_is_made_or_lost_whatever_is_asked(
    venue: BinanceVenue, prices: dict[str, float]
) -> None:
    chance = random.Random(4)
    odd = [*(ODD_ORDERS.keys() - {"filled_before_cancel"}), *EXECUTED, *UNEXECUTED, "thin_book"]
    statuses = set()
    for number in range(600):
        prices["BTCUSDT"] = 50_000 * chance.uniform(0.9, 1.1)
        venue.matching.pay_in_bnb = chance.random() < 0.5
        params = {
            "symbol": "BTCUSDT",
            "side": chance.choice(["BUY", "SELL"]),
            "newClientOrderId": f"n{number}",
        }
        if chance.random() < 0.5:
            params |= {
                "type": "MARKET",
                chance.choice(["quantity", "quoteOrderQty"]): f"{chance.uniform(0.0001, 0.05):.5f}",
            }
        else:
            price, kind = (
                f"{50_000 * chance.uniform(0.95, 1.05):.2f}",
                chance.choice(["GTC", "IOC", "FOK"]),
            )
            params |= {
                "type": "LIMIT",
                "timeInForce": kind,
                "price": price,
                "quantity": f"{chance.uniform(0.0001, 0.05):.5f}",
            }
        if chance.random() < 0.5:
            venue.faults.add(chance.choice(sorted(odd)), "POST", "order")
        if chance.random() < 0.2:
            venue.faults.add("filled_before_cancel", "DELETE", "order")
        _ask(venue, "POST", "order", params)
        _ask(
            venue,
            chance.choice(["GET", "DELETE"]),
            "order",
            {"symbol": "BTCUSDT", "orderId": str(chance.randint(1, number + 1))},
        )
        assert venue.matching.differences() == {}
        venue.books.unset("BTCUSDT")
        statuses |= {order.status for order in venue.orders}
    assert statuses == {"NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED"}
    assert len(venue.matching.trades) > 100


def _ask(venue: BinanceVenue, method: str, path: str, params: dict[str, str]) -> None:
    key = next(iter(venue.keys.values()))
    text = "&".join(
        f"{name}={value}" for name, value in {**params, "timestamp": str(venue.stamp())}.items()
    )
    query = dict(pair.split("=") for pair in text.split("&"))
    venue.answer(
        Asked(
            TESTNET,
            method,
            f"/api/v3/{path}",
            query,
            {"x-mbx-apikey": key.name},
            b"",
            f"{text}&signature={key.signed(text)}",
        )
    )
