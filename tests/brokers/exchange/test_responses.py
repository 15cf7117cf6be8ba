"""What is believed of an answer: every field of every body is spoiled in turn, and goes through the
real ccxt before it is looked at.
"""

import copy
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from brokers.exchange import responses
from brokers.exchange.responses import PARSE_ERRORS, UnusableError
from brokers.exchange.sandboxes import ANY, FACTS
from brokers.exchange.types import Balances, Book, ExchangeOrder, Trade
from tests.exchange.markets import listed_markets

BINANCE = FACTS["binance"]
BTC = "BTC/USDT"
JUNK = [None, "", "x", "NaN", "-1", -1, "1e400", math.nan, [], {}, True]

ORDER = {
    "symbol": "BTCUSDT",
    "orderId": 28,
    "clientOrderId": "a" * 26,
    "price": "0.00000000",
    "origQty": "0.50000000",
    "executedQty": "0.20000000",
    "cummulativeQuoteQty": "20.00000000",
    "status": "PARTIALLY_FILLED",
    "type": "MARKET",
    "side": "BUY",
    "time": 1_800_000_000_000,
}
ACCOUNT = {
    "canTrade": True,
    "canWithdraw": False,
    "balances": [
        {"asset": "BTC", "free": "0.75", "locked": "0.25"},
        {"asset": "ETH", "free": "0.0", "locked": "0.0"},
    ],
}
TRADE = {
    "symbol": "BTCUSDT",
    "id": 7,
    "orderId": 28,
    "price": "100.0",
    "qty": "0.2",
    "commission": "0.0002",
    "commissionAsset": "BTC",
    "time": 1_800_000_000_000,
    "isBuyer": True,
    "isMaker": False,
}
BOOK = {"lastUpdateId": 1, "bids": [["99.9", "1.0"], ["99.8", "2.0"]], "asks": [["100.1", "3.0"]]}
PLACED = ExchangeOrder("28", "a" * 26, BTC, "buy", 0.5, 0.2, 100.0, "open", 1_800_000_000.0)


@pytest.fixture(scope="module")
def exchange() -> Iterator[Any]:
    import ccxt

    exchange = ccxt.binance()
    exchange.options |= {
        "crossMarginPairsData": [],
        "isolatedMarginPairsData": [],
    }  # as fetch_markets leaves them
    exchange.set_markets([exchange.parse_market(listed_markets()["BTCUSDT"].listed())])
    yield exchange
    exchange.close()


def read_order(exchange: Any, body: Any) -> ExchangeOrder:
    return responses.parse_order(exchange.parse_order(body, exchange.market(BTC)), BTC, BINANCE)


def read_account(exchange: Any, body: Any) -> Balances:
    return responses.parse_balances(exchange.parse_balance_custom(body, "spot"), BINANCE)


def read_trade(exchange: Any, body: Any) -> Trade:
    (trade,) = responses.parse_trades(exchange.parse_trades([body], exchange.market(BTC)), PLACED)
    return trade


def read_book(exchange: Any, body: Any) -> Book:
    return responses.parse_book(exchange.parse_order_book(body, BTC), body, BINANCE)


def places(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything inside `body`."""
    items = (
        body.items()
        if isinstance(body, dict)
        else enumerate(body)
        if isinstance(body, list)
        else ()
    )
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def spoiled(body: Any) -> Iterator[tuple[str, Any]]:
    """Copies of `body` with one thing in it replaced or taken away, and what was done."""
    for path in places(body):
        for junk in [*JUNK, "gone"]:
            copied = copy.deepcopy(body)
            parent = copied
            for key in path[:-1]:
                parent = parent[key]
            if junk == "gone":
                del parent[path[-1]]
            else:
                parent[path[-1]] = junk
            yield f"{path} {junk!r}", copied


def survivors(
    read: Callable[[Any, Any], Any], exchange: Any, body: Any
) -> Iterator[tuple[str, Any]]:
    """What was read from spoiled copies of `body` that were not found out."""
    for what, copied in spoiled(body):
        try:
            yield what, read(exchange, json.loads(json.dumps(copied)))
        except (UnusableError, *PARSE_ERRORS):
            continue


def test_good_answers_are_read_as_they_are(exchange: Any) -> None:
    assert read_order(exchange, ORDER) == PLACED
    assert read_account(exchange, ACCOUNT) == Balances({"BTC": 0.75}, {"BTC": 1.0})
    assert read_trade(exchange, TRADE) == Trade(
        "7", "28", BTC, "buy", 0.2, 100.0, 0.0002, "BTC", 1_800_000_000.0
    )
    assert read_book(exchange, BOOK) == Book(((99.9, 1.0), (99.8, 2.0)), ((100.1, 3.0),))


def test_no_spoiled_order_is_accepted(exchange: Any) -> None:
    for what, placed in survivors(read_order, exchange, ORDER):
        # The price of a market order, its type and what it is called by its owner say nothing that
        # is used here.
        same = placed._replace(client_id=PLACED.client_id, id=PLACED.id)
        assert same == PLACED, what
        assert placed.id, what


def test_no_spoiled_account_is_accepted(exchange: Any) -> None:
    for what, balances in survivors(read_account, exchange, ACCOUNT):
        if "'balances', 0" not in what and not what.startswith("('balances',)"):
            assert balances.total["BTC"] == 1.0, what
        for coin, units in balances.total.items():
            assert 0.0 < units < math.inf and 0.0 <= balances.free[coin] <= units, what
    assert "('balances',) 'gone'" not in dict(survivors(read_account, exchange, ACCOUNT))
    assert not [
        what
        for what, _ in survivors(read_account, exchange, ACCOUNT)
        if "'free'" in what or "'locked'" in what
    ]


def test_no_spoiled_trade_is_accepted(exchange: Any) -> None:
    good = read_trade(exchange, TRADE)
    for what, trade in survivors(read_trade, exchange, TRADE):
        same = trade._replace(id=good.id, fee_coin=good.fee_coin, fee=good.fee)
        assert same == good, what
        assert trade.id and trade.fee_coin and math.isfinite(trade.fee), what


def test_no_spoiled_book_is_accepted(exchange: Any) -> None:
    for what, book in survivors(read_book, exchange, BOOK):
        for price, size in (*book.bids, *book.asks):
            assert 0.0 < price < math.inf and 0.0 <= size < math.inf, what
        assert (book.bids and book.asks) or what in (
            "('bids',) []",
            "('asks',) []",
            "('asks', 0) 'gone'",
        ), what


@pytest.mark.parametrize("body", [None, "", "<html></html>", [], {}, 0, "null"])
@pytest.mark.parametrize("read", [read_order, read_account, read_trade, read_book])
def test_no_other_body_is_accepted(
    exchange: Any, read: Callable[[Any, Any], Any], body: Any
) -> None:
    with pytest.raises((UnusableError, *PARSE_ERRORS)):
        read(exchange, body)


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        ([["100.2", "1"]], [["100.1", "1"]]),
        ([["0", "1"]], [["100.1", "1"]]),
        ([["99.9", "-1"]], [["100.1", "1"]]),
        ([["99.9"]], [["100.1", "1"]]),
    ],
)
def test_a_book_that_cannot_be_is_not_accepted(exchange: Any, bids: Any, asks: Any) -> None:
    with pytest.raises(UnusableError):
        read_book(exchange, {"bids": bids, "asks": asks})


def test_a_side_of_a_book_is_empty_only_if_the_body_has_it(exchange: Any) -> None:
    assert read_book(exchange, {"bids": [], "asks": []}) == Book((), ())
    with pytest.raises(UnusableError):
        read_book(exchange, {"bids": []})


def test_an_unknown_exchange_has_a_book_when_it_has_both_sides(exchange: Any) -> None:
    found = exchange.parse_order_book(BOOK, BTC)
    assert responses.parse_book(found, {"result": {}}, ANY).bids[0] == (99.9, 1.0)
    with pytest.raises(UnusableError):
        responses.parse_book(found | {"bids": []}, {"result": {}}, ANY)


@pytest.mark.parametrize(
    ("status", "executed", "told"),
    [
        ("NEW", "0", "open"),
        ("FILLED", "0.5", "filled"),
        ("FILLED", "0.4", "expired"),
        ("CANCELED", "0.2", "cancelled"),
        ("EXPIRED", "0.2", "expired"),
        ("EXPIRED_IN_MATCH", "0.2", "expired"),
        ("REJECTED", "0", "refused"),
    ],
)
def test_statuses(exchange: Any, status: str, executed: str, told: str) -> None:
    body = ORDER | {
        "status": status,
        "executedQty": executed,
        "cummulativeQuoteQty": str(float(executed) * 100),
    }
    assert read_order(exchange, body).status == told


@pytest.mark.parametrize("time", [0, 1.5e12 - 1e12, None, math.nan, "1800000000000", True])
def test_a_time_that_cannot_be_is_not_accepted(time: Any) -> None:
    with pytest.raises(UnusableError):
        responses.parse_server_time(time)


def test_markets_that_make_no_sense_are_left_out(exchange: Any) -> None:
    good = exchange.markets[BTC]
    odd = [
        {**good, "symbol": "A/USDT", "precision": {"amount": -1.0, "price": 0.1}},
        {**good, "symbol": None},
        {**good, "spot": False},
        None,
        "x",
    ]
    assert list(responses.parse_listings([*odd, good])) == [BTC]
    for nothing in ([], {}, odd, None, "x"):
        with pytest.raises(UnusableError):
            responses.parse_listings(nothing)


def test_a_market_without_rules_has_none(exchange: Any) -> None:
    (listing,) = responses.parse_listings(
        [{"symbol": BTC, "base": "BTC", "quote": "USDT", "spot": True}]
    ).values()
    assert (listing.step, listing.min_size, listing.min_notional, listing.tick, listing.active) == (
        0.0,
        0.0,
        0.0,
        0.0,
        True,
    )


def test_a_fee_in_two_coins_is_the_one_that_was_paid() -> None:
    trade = {
        "id": "1",
        "order": "28",
        "symbol": BTC,
        "side": "buy",
        "amount": 0.2,
        "price": 100.0,
        "timestamp": 1_800_000_000_000,
        "fee": None,
    }
    fees = [{"currency": "BTC", "cost": 0.0}, {"currency": "GT", "cost": 0.01}]
    (read,) = responses.parse_trades([trade | {"fees": fees}], PLACED)
    assert (read.fee, read.fee_coin) == (0.01, "GT")
