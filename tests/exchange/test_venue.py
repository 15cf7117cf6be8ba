"""The test exchange, spoken to by the real ccxt client: it must be as strict, and as honest with
units, as Binance.
"""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ccxt
import pytest
import requests

from tests.exchange.account import GRANTS, KEY
from tests.exchange.proxy import Internet
from tests.exchange.venue import BinanceVenue

BTC = "BTC/USDT"
# Best offers lie 0.05 % from 50,000.
ASK, BID = 50_025.0, 49_975.0


def buy(client: Any, size: float = 0.01, client_id: str = "first", **params: Any) -> Any:
    return client.create_order(
        BTC, "market", "buy", size, None, {"newClientOrderId": client_id, **params}
    )


def test_markets_have_binances_rules(client: Any, venue: BinanceVenue) -> None:
    market = client.market(BTC)
    assert (market["precision"]["amount"], market["precision"]["price"]) == (0.00001, 0.01)
    assert (market["limits"]["amount"]["min"], market["limits"]["cost"]["min"]) == (0.00001, 5.0)
    assert market["active"]
    venue.markets["BTCUSDT"].status = "BREAK"
    client.load_markets(reload=True)
    assert not client.market(BTC)["active"]


def test_prices_lie_around_the_price_handed_in(
    client: Any, venue: BinanceVenue, prices: dict[str, float]
) -> None:
    ticker = client.fetch_ticker(BTC)
    assert (ticker["last"], ticker["bid"], ticker["ask"]) == (50_000.0, BID, ASK)
    assert client.fetch_bids_asks([BTC])[BTC]["ask"] == ASK
    assert set(client.fetch_tickers([BTC, "ETH/USDT"])) == {BTC, "ETH/USDT"}
    book = client.fetch_order_book(BTC, 3)
    assert [level[0] for level in book["asks"]] == [ASK, 50_030.0, 50_035.0]
    prices["BTCUSDT"] = 60_000.0
    assert client.fetch_last_prices([BTC])[BTC]["price"] == 60_000.0


def test_candles_end_with_the_running_one(client: Any, venue: BinanceVenue) -> None:
    hour = 3_600_000
    running = int(time.time() * 1000) // hour * hour
    rows = [(running + shift * hour, 1.0, 3.0, 0.5, 2.0 + shift, 7.0) for shift in range(-5, 3)]
    venue.candles = lambda symbol, interval: rows if (symbol, interval) == ("BTCUSDT", "1h") else ()
    assert [row[4] for row in client.fetch_ohlcv(BTC, "1h")] == [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0]
    assert [row[0] for row in client.fetch_ohlcv(BTC, "1h", running - 4 * hour, 2)] == [
        running - 4 * hour,
        running - 3 * hour,
    ]
    assert [row[0] for row in client.fetch_ohlcv(BTC, "1h", None, 2)] == [running - hour, running]
    assert client.fetch_ohlcv(BTC, "1d") == []


def test_a_market_buy_pays_the_ask_and_its_fee_in_coins(client: Any, venue: BinanceVenue) -> None:
    order = buy(client, 0.01)
    assert (order["status"], order["filled"], order["average"], order["clientOrderId"]) == (
        "closed",
        0.01,
        ASK,
        "first",
    )
    assert order["fee"] == {"cost": 0.00001, "currency": "BTC"}
    balance = client.fetch_balance()
    assert balance["BTC"]["free"] == 1 + 0.01 - 0.01 * 0.001
    assert balance["USDT"]["free"] == pytest.approx(10_000 - 0.01 * ASK, abs=1e-9)
    (trade,) = client.fetch_my_trades(BTC)
    assert (trade["order"], trade["amount"], trade["price"], trade["side"]) == (
        order["id"],
        0.01,
        ASK,
        "buy",
    )


def test_a_market_sell_gets_the_bid_less_its_fee_in_quote(client: Any, venue: BinanceVenue) -> None:
    client.create_order(BTC, "market", "sell", 0.5)
    assert venue.units("BTC") == Decimal("0.5")
    assert venue.units("USDT") == 10_000 + Decimal("0.5") * Decimal(BID) * Decimal("0.999")


def test_an_order_of_quote_units_buys_whole_steps(client: Any, venue: BinanceVenue) -> None:
    # ccxt sends amount * price as quoteOrderQty: 500 USDT buy 0.00999 BTC at 50,025.
    order = client.create_order(BTC, "market", "buy", 0.01, 50_000.0)
    assert (order["filled"], order["cost"], order["status"]) == (0.00999, 0.00999 * ASK, "closed")


def test_fees_can_be_paid_in_bnb(client: Any, venue: BinanceVenue) -> None:
    venue.matching.pay_in_bnb = True
    order = buy(client, 0.01)
    # 500.25 USDT * 0.1 % * 75 % / 600
    assert order["fee"] == {"cost": 0.00062531, "currency": "BNB"}
    assert venue.units("BTC") == Decimal("1.01")


def test_a_limit_order_rests_and_holds_what_it_may_need(client: Any, venue: BinanceVenue) -> None:
    order = client.create_order(BTC, "limit", "buy", 0.1, 40_000.0, {"newClientOrderId": "rests"})
    assert order["status"] == "open"
    assert client.fetch_balance()["USDT"] == {"free": 6_000.0, "used": 4_000.0, "total": 10_000.0}
    assert [found["clientOrderId"] for found in client.fetch_open_orders(BTC)] == ["rests"]
    cancelled = client.cancel_order(order["id"], BTC)
    assert cancelled["status"] == "canceled"
    assert cancelled["clientOrderId"] != "rests"  # a cancellation has an id of its own
    assert client.fetch_balance()["USDT"]["free"] == 10_000.0
    assert client.fetch_order(order["id"], BTC)["clientOrderId"] == "rests"


def test_a_resting_order_fills_when_the_price_comes_to_it(
    client: Any, venue: BinanceVenue, prices: dict[str, float]
) -> None:
    order = client.create_order(BTC, "limit", "sell", 0.1, 55_000.0)
    prices["BTCUSDT"] = 56_000.0
    filled = client.fetch_order(order["id"], BTC)
    assert (filled["status"], filled["average"]) == ("closed", 55_000.0)
    assert venue.units("USDT") == 10_000 + Decimal(5_500) * Decimal("0.999")


def test_all_open_orders_of_a_market_can_be_cancelled(client: Any, venue: BinanceVenue) -> None:
    for price in (40_000.0, 41_000.0):
        client.create_order(BTC, "limit", "buy", 0.01, price)
    assert len(client.cancel_all_orders(BTC)) == 2
    assert client.fetch_open_orders() == []


def test_a_thin_book_is_walked_and_used_up(client: Any, venue: BinanceVenue) -> None:
    venue.books.set("BTCUSDT", [(49_000, 1)], [(50_000, 0.02), (51_000, 0.02)])
    order = buy(client, 0.03)
    assert (order["filled"], order["average"]) == (0.03, (0.02 * 50_000 + 0.01 * 51_000) / 0.03)
    expired = buy(client, 0.03, "second")
    assert (expired["status"], expired["filled"]) == ("expired", 0.01)
    assert buy(client, 0.03, "third")["filled"] == 0.0
    assert client.fetch_order_book(BTC)["asks"] == []


def test_time_in_force_is_obeyed(client: Any, venue: BinanceVenue) -> None:
    venue.books.set("BTCUSDT", [(49_000, 1)], [(50_000, 0.02), (51_000, 0.02)])
    killed = client.create_order(BTC, "limit", "buy", 0.03, 50_500.0, {"timeInForce": "FOK"})
    assert (killed["status"], killed["filled"]) == ("expired", 0.0)
    taken = client.create_order(BTC, "limit", "buy", 0.03, 50_500.0, {"timeInForce": "IOC"})
    assert (taken["status"], taken["filled"]) == ("expired", 0.02)
    partial = client.create_order(BTC, "limit", "buy", 0.03, 51_000.0)
    assert (partial["status"], partial["filled"], partial["remaining"]) == ("open", 0.02, 0.01)
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        client.create_order(BTC, "limit", "sell", 0.03, 48_500.0, {"postOnly": True})


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"quantity": "0.000005"}, ccxt.InvalidOrder, "Filter failure: LOT_SIZE"),
        ({"quantity": "0.0000000001"}, ccxt.BadRequest, "too much precision"),
        ({"quantity": "0.00009"}, ccxt.BadRequest, "Filter failure: NOTIONAL"),
        ({"quantity": "-1"}, ccxt.BadRequest, "Invalid quantity"),
        ({"quantity": "1", "symbol": "NOSUSDT"}, ccxt.BadSymbol, "Invalid symbol"),
        ({"quantity": "1"}, ccxt.InsufficientFunds, "insufficient balance"),
        (
            {"quantity": "0.01", "type": "LIMIT", "timeInForce": "GTC", "price": "50000.001"},
            ccxt.InvalidOrder,
            "Filter failure: PRICE_FILTER",
        ),
        (
            {"quantity": "0.01", "type": "LIMIT", "timeInForce": "GTC", "price": "500"},
            ccxt.InvalidOrder,
            "Filter failure: PERCENT_PRICE_BY_SIDE",
        ),
        (
            {"quantity": "0.01", "type": "LIMIT", "timeInForce": "GTC"},
            ccxt.BadRequest,
            "'price' was not sent",
        ),
        (
            {"quantity": "0.01", "newClientOrderId": "no spaces"},
            ccxt.BadRequest,
            "Illegal characters",
        ),
        ({}, ccxt.BadRequest, "'quantity' was not sent"),
    ],
)
def test_an_order_against_the_rules_is_refused(
    client: Any, venue: BinanceVenue, params: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        client.private_post_order({"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", **params})
    assert venue.orders == []
    assert venue.units("USDT") == 10_000


def test_a_client_id_is_unique_among_open_orders_only(client: Any, venue: BinanceVenue) -> None:
    client.create_order(BTC, "limit", "buy", 0.01, 40_000.0, {"newClientOrderId": "same"})
    with pytest.raises(ccxt.InvalidOrder, match=r"Duplicate order sent\."):
        buy(client, client_id="same")
    buy(client, client_id="filled")
    buy(client, client_id="filled")
    assert venue.units("BTC") == 1 + 2 * Decimal("0.01") * Decimal("0.999")
    assert client.fetch_order(None, BTC, {"origClientOrderId": "filled"})["id"] == "3"


def test_unknown_orders_are_not_found(client: Any, venue: BinanceVenue) -> None:
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        client.fetch_order(None, BTC, {"origClientOrderId": "nobody"})
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        client.cancel_order("77", BTC)
    order = buy(client)
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        client.cancel_order(order["id"], BTC)
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        client.fetch_order(order["id"], "ETH/USDT")


@pytest.mark.parametrize(
    ("key", "secret", "code"),
    [("short", "x", "-2014"), ("b" * 64, "x", "-2015"), (KEY, "wrong", "-1022")],
)
def test_only_the_right_key_and_secret_open_the_account(
    venue: BinanceVenue, connect: Callable[..., Any], key: str, secret: str, code: str
) -> None:
    with pytest.raises(ccxt.AuthenticationError, match=code):
        connect(key, secret).fetch_balance()


@pytest.mark.parametrize(
    ("offset", "accepted"), [(-0.9, True), (-1.2, False), (9.0, True), (11.0, False)]
)
def test_a_request_is_valid_from_a_second_before_to_its_window_after(
    client: Any, venue: BinanceVenue, *, offset: float, accepted: bool
) -> None:
    venue.clock_offset = offset  # ccxt's window is 10 s
    if accepted:
        client.fetch_balance()
    else:
        with pytest.raises(ccxt.InvalidNonce):
            client.fetch_balance()


def test_history_is_given_in_windows(client: Any, venue: BinanceVenue) -> None:
    for number in range(4):
        buy(client, client_id=f"n{number}")
    assert [order["clientOrderId"] for order in client.fetch_orders(BTC, None, 2)] == ["n2", "n3"]
    assert [order["clientOrderId"] for order in client.fetch_orders(BTC, 1, 2)] == ["n0", "n1"]
    assert [trade["id"] for trade in client.fetch_my_trades(BTC, None, None, {"fromId": 3})] == [
        "3",
        "4",
    ]
    assert [trade["order"] for trade in client.fetch_order_trades("2", BTC)] == ["2"]
    now = client.milliseconds()
    with pytest.raises(ccxt.BadRequest, match="-1127"):
        client.fetch_my_trades(BTC, now - 90_000_000, None, {"endTime": now})


def test_a_reset_wipes_the_account_and_keeps_the_keys(client: Any, venue: BinanceVenue) -> None:
    buy(client)
    client.create_order(BTC, "limit", "buy", 0.01, 40_000.0)
    hour = 3_600_000
    venue.candles = lambda symbol, interval: [
        (int(time.time() * 1000) // hour * hour - hour, 1.0, 1.0, 1.0, 1.0, 1.0)
    ]
    assert len(client.fetch_ohlcv(BTC, "1h")) == 1
    venue.reset()
    assert {coin: units for coin, units in client.fetch_balance()["total"].items() if units} == {
        coin: float(u) for coin, u in GRANTS.items()
    }
    assert (
        client.fetch_orders(BTC)
        == client.fetch_open_orders()
        == client.fetch_my_trades(BTC)
        == client.fetch_ohlcv(BTC, "1h")
        == []
    )
    assert len(venue.orders) == 2
    assert buy(client)["id"] == "1"


def test_the_owner_can_trade_and_move_coins_by_hand(client: Any, venue: BinanceVenue) -> None:
    venue.person.deposit("USDT", "500")
    venue.person.withdraw("BTC", "0.4")
    venue.person.sell("BTCUSDT", "0.1")
    resting = venue.person.buy("BTCUSDT", "0.1", type="LIMIT", price="40000", timeInForce="GTC")
    assert venue.units("BTC") == Decimal("0.5")
    assert [order["clientOrderId"][:4] for order in client.fetch_orders(BTC)] == ["web_", "web_"]
    venue.person.cancel(resting)
    assert client.fetch_open_orders() == []


def test_a_key_at_the_live_host_does_not_stay_unseen(
    venue: BinanceVenue, network: Internet
) -> None:
    requests.get("https://api.binance.com/api/v3/ping").raise_for_status()
    assert venue.signed_live == []
    answer = requests.get("https://api.binance.com/api/v3/account?timestamp=1&signature=2")
    assert answer.status_code == 404
    requests.get("https://api.binance.com/api/v3/ping", headers={"X-MBX-APIKEY": KEY})
    assert [asked.path for asked in venue.signed_live] == ["/api/v3/account", "/api/v3/ping"]
    venue.signed_live.clear()


def test_markets_load_though_the_futures_hosts_do_not_exist(client: Any, network: Internet) -> None:
    assert network.refused == []
    assert network.hosts() == {"testnet.binance.vision"}
