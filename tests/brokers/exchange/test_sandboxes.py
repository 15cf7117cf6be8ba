"""Which exchanges can be traded in, and what Bybit and Gate are asked.

No server here speaks their protocols: what is sent is looked at, and answers are those of their
documentation.
"""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from brokers.errors import SafetyError
from brokers.exchange.client import Client, Keys
from brokers.exchange.errors import (
    CallAPersonError,
    RefusedError,
    TryLaterError,
    UnknownOutcomeError,
)
from brokers.exchange.sandboxes import FACTS
from brokers.exchange.types import Balances, Permissions
from brokers.journal.client_ids import ID_LENGTH
from tests.exchange.proxy import Answer, Asked, Internet

BTC = "BTC/USDT"
ID = "tabcdefg23456723456723456a"  # begins like Gate's prefix
BYBIT, GATE = "api-testnet.bybit.com", "api-testnet.gateapi.io"


class Canned:
    """Answers by method and path, the first of several until the last; anything else is 404."""

    def __init__(self, answers: dict[tuple[str, str], list[Any]]) -> None:
        self.answers = answers
        self.asked: list[Asked] = []

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        ready = self.answers.get((asked.method, asked.path))
        if ready is None:
            return Answer(404, b"<html>Not Found</html>")
        content = ready.pop(0) if len(ready) > 1 else ready[0]
        return (
            content
            if isinstance(content, Answer)
            else Answer(200, json.dumps(content).encode(), (("Content-Type", "application/json"),))
        )

    def sent(self, method: str, path: str) -> Asked:
        (asked,) = [asked for asked in self.asked if (asked.method, asked.path) == (method, path)]
        return asked


# Choosing an exchange.


@pytest.mark.parametrize("exchange_id", ["okx", "bitget"])
def test_sandboxes_at_the_live_host_are_refused(
    connect: Callable[..., Client], exchange_id: str
) -> None:
    with pytest.raises(
        CallAPersonError,
        match=f"'{exchange_id}' sends its sandbox orders to the live host.*"
        "choose one of binance, bybit, gate",
    ):
        connect(exchange_id)


@pytest.mark.parametrize("exchange_id", ["kraken", "coinbase", "kucoin", "mexc", "nonsense"])
def test_exchanges_without_a_sandbox_are_refused(
    connect: Callable[..., Client], exchange_id: str
) -> None:
    with pytest.raises(
        CallAPersonError,
        match=f"'{exchange_id}' has no supported sandbox.*choose one of binance, bybit, gate",
    ):
        connect(exchange_id)


def test_an_unknown_exchange_has_no_prices_either(connect: Callable[..., Client]) -> None:
    with pytest.raises(CallAPersonError, match="'krakn' is unknown to ccxt; nearest: kraken"):
        connect("krakn", keys=None)


@pytest.mark.parametrize("exchange_id", FACTS)
def test_the_installed_ccxt_has_the_sandbox_where_the_list_says(
    connect: Callable[..., Client], exchange_id: str
) -> None:
    client = connect(exchange_id)
    exchange = client._exchange
    assert exchange.isSandboxModeEnabled
    for api in (
        (["public", "spot"], ["private", "spot"])
        if exchange_id == "gate"
        else (["public"], ["private"])
    ):
        url = urlsplit(
            exchange.sign("v5/market/time" if exchange_id == "bybit" else "time", api)["url"]
        )
        assert url.hostname in FACTS[exchange_id].sandbox_hosts


def test_sandbox_hosts_and_live_hosts_have_nothing_in_common() -> None:
    sandboxes = {host for facts in FACTS.values() for host in facts.sandbox_hosts}
    assert not sandboxes & {host for facts in FACTS.values() for host in facts.public_hosts}
    assert all("test" in host for host in sandboxes)


@pytest.mark.parametrize("exchange_id", FACTS)
def test_only_spot_markets_are_asked_for(connect: Callable[..., Client], exchange_id: str) -> None:
    assert connect(exchange_id)._exchange.options["fetchMarkets"]["types"] == ["spot"]


def test_gates_longest_client_id_holds_ours() -> None:
    assert ID_LENGTH + len(FACTS["gate"].id_prefix) <= 28


def test_any_exchange_gives_prices_at_its_own_hosts_only(
    connect: Callable[..., Client], network: Internet
) -> None:
    client = connect("kraken", keys=None)
    client._exchange.urls["api"]["public"] = "https://api.binance.com"
    with pytest.raises(SafetyError, match=r"this client is for public prices at api\.kraken\.com"):
        client.listings()
    assert network.hosts() == set()


# Bybit.

SPOT_BTC = {
    "symbol": "BTCUSDT",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "innovation": "0",
    "status": "Trading",
    "marginTrading": "none",
    "lotSizeFilter": {
        "basePrecision": "0.000001",
        "quotePrecision": "0.00000001",
        "minOrderQty": "0.00001",
        "maxOrderQty": "80",
        "minOrderAmt": "5",
    },
    "priceFilter": {"tickSize": "0.01"},
}


def bybit_says(result: Any, code: int = 0, text: str = "OK") -> dict[str, Any]:
    return {
        "retCode": code,
        "retMsg": text,
        "result": result,
        "retExtInfo": {},
        "time": 1_800_000_000_000,
    }


def bybit_order(
    status: str = "Filled", filled: str = "0.5", spent: str = "50.025"
) -> dict[str, str]:
    return {
        "symbol": "BTCUSDT",
        "orderId": "1321003749386327552",
        "orderLinkId": ID,
        "orderType": "Market",
        "marketUnit": "baseCoin",
        "orderStatus": status,
        "side": "Buy",
        "qty": "0.5",
        "cumExecQty": filled,
        "cumExecValue": spent,
        "avgPrice": "100.05",
        "leavesQty": "0",
        "createdTime": "1800000000000",
        "updatedTime": "1800000000001",
    }


@pytest.fixture
def bybit(network: Internet) -> Canned:
    listed = bybit_says({"category": "spot", "list": [SPOT_BTC], "nextPageCursor": ""})
    site = Canned({("GET", "/v5/market/instruments-info"): [listed]})
    network.sites[BYBIT] = site
    return site


def listed(*orders: dict[str, str]) -> dict[str, Any]:
    return bybit_says({"category": "spot", "list": list(orders), "nextPageCursor": ""})


def test_bybit_takes_a_market_order_in_coins_and_returns_its_id_only(
    bybit: Canned, connect: Callable[..., Client]
) -> None:
    bybit.answers["POST", "/v5/order/create"] = [
        bybit_says({"orderId": "1321003749386327552", "orderLinkId": ID})
    ]
    placed = connect("bybit").place(BTC, "buy", 0.5, ID)
    sent = json.loads(bybit.sent("POST", "/v5/order/create").body)
    wanted = {
        "category": "spot",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderType": "Market",
        "marketUnit": "baseCoin",
        "qty": "0.5",
    }
    assert sent == wanted | {"orderLinkId": ID}
    assert (placed.id, placed.client_id, placed.size, placed.filled, placed.status) == (
        "1321003749386327552",
        ID,
        0.5,
        0.0,
        "open",
    )


def test_bybit_takes_a_limit_at_once_or_never(
    bybit: Canned, connect: Callable[..., Client], network: Internet
) -> None:
    bybit.answers["POST", "/v5/order/create"] = [bybit_says({"orderId": "1", "orderLinkId": ID})]
    connect("bybit").place(BTC, "sell", 0.5, ID, limit=99.501)
    sent = json.loads(bybit.sent("POST", "/v5/order/create").body)
    assert (sent["orderType"], sent["price"], sent["timeInForce"], sent["qty"]) == (
        "Limit",
        "99.51",
        "IOC",
        "0.5",
    )
    assert [asked.path for asked in bybit.asked] == [
        "/v5/market/instruments-info",
        "/v5/order/create",
    ]
    assert bybit.sent("POST", "/v5/order/create").headers["x-bapi-recv-window"] == "5000"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (170131, "funds"),
        (170141, "duplicate"),
        (170140, "limits"),
        (170137, "limits"),
        (170151, "market"),
        (170193, "other"),
    ],
)
def test_bybits_refusals(
    bybit: Canned, connect: Callable[..., Client], code: int, why: str
) -> None:
    bybit.answers["POST", "/v5/order/create"] = [bybit_says({}, code, "no")]
    with pytest.raises(RefusedError) as caught:
        connect("bybit").place(BTC, "buy", 0.5, ID)
    assert caught.value.why == why


@pytest.mark.parametrize(
    "answer",
    [
        bybit_says({}, 170146, "Order creation timeout."),
        bybit_says({}),
        bybit_says({"orderId": "1", "orderLinkId": "b"}),
        {},
    ],
)
def test_bybits_unclear_answers_are_no_refusals(
    bybit: Canned, connect: Callable[..., Client], answer: Any
) -> None:
    bybit.answers["POST", "/v5/order/create"] = [answer]
    with pytest.raises(UnknownOutcomeError):
        connect("bybit").place(BTC, "buy", 0.5, ID)
    bybit.sent("POST", "/v5/order/create")


def test_bybits_orders_are_looked_for_among_the_open_and_the_ended_ones(
    bybit: Canned, connect: Callable[..., Client]
) -> None:
    bybit.answers |= {
        ("GET", "/v5/order/realtime"): [listed()],
        ("GET", "/v5/order/history"): [listed(bybit_order())],
    }
    placed = connect("bybit").order(ID, BTC)
    assert placed is not None
    assert (placed.client_id, placed.filled, placed.average, placed.status) == (
        ID,
        0.5,
        100.05,
        "filled",
    )
    for path in ("/v5/order/realtime", "/v5/order/history"):
        query = bybit.sent("GET", path).query
        assert (query["category"], query["symbol"], query["orderLinkId"]) == ("spot", "BTCUSDT", ID)


def test_an_order_that_is_nowhere_at_bybit_is_missing(
    bybit: Canned, connect: Callable[..., Client]
) -> None:
    bybit.answers |= {
        ("GET", "/v5/order/realtime"): [listed()],
        ("GET", "/v5/order/history"): [listed()],
    }
    assert connect("bybit").order(ID, BTC) is None


def test_an_empty_body_of_bybit_does_not_make_an_order_missing(
    bybit: Canned, connect: Callable[..., Client]
) -> None:
    found = listed(bybit_order())
    for bad in (
        {},
        [],
        Answer(200, b"<html></html>"),
        Answer(200, b""),
        bybit_says({}),
        bybit_says({}, 10016, "System error"),
    ):
        bybit.answers |= {
            ("GET", "/v5/order/realtime"): [listed()],
            ("GET", "/v5/order/history"): [bad, found],
        }
        assert connect("bybit").order(ID, BTC) is not None


def test_bybits_order_whose_rest_has_lapsed_is_not_called_filled(
    bybit: Canned, connect: Callable[..., Client]
) -> None:
    bybit.answers["GET", "/v5/order/realtime"] = [
        listed(bybit_order("PartiallyFilledCanceled", "0.2", "20.01"))
    ]
    placed = connect("bybit").order(ID, BTC)
    assert placed is not None
    assert (placed.filled, placed.status, placed.average) == (0.2, "expired", pytest.approx(100.05))


def test_a_cancel_that_comes_too_late_at_bybit_reports_the_fill(
    bybit: Canned, connect: Callable[..., Client]
) -> None:
    bybit.answers["GET", "/v5/order/realtime"] = [
        listed(bybit_order("New", "0", "0")),
        listed(bybit_order()),
    ]
    bybit.answers["POST", "/v5/order/cancel"] = [bybit_says({}, 170139, "Order has been filled.")]
    client = connect("bybit")
    placed = client.order(ID, BTC)
    assert placed is not None and placed.status == "open"
    assert client.cancel(placed).status == "filled"


def test_bybits_account_and_trades(bybit: Canned, connect: Callable[..., Client]) -> None:
    coins = [
        {"coin": "BTC", "walletBalance": "1", "locked": "0.25", "availableToWithdraw": ""},
        {"coin": "USDT", "walletBalance": "0", "locked": "0"},
    ]
    bybit.answers["GET", "/v5/account/wallet-balance"] = [
        bybit_says({"list": [{"accountType": "UNIFIED", "coin": coins}]})
    ]
    execution = {
        "symbol": "BTCUSDT",
        "orderId": "1321003749386327552",
        "side": "Buy",
        "execId": "7",
        "execQty": "0.5",
        "execPrice": "100.05",
    }
    execution |= {
        "execFee": "0.0005",
        "feeCurrency": "BTC",
        "feeRate": "0.001",
        "execTime": "1800000000000",
        "execType": "Trade",
        "orderType": "Market",
    }
    bybit.answers |= {
        ("GET", "/v5/execution/list"): [listed(execution)],
        ("GET", "/v5/order/realtime"): [listed(bybit_order())],
    }
    client = connect("bybit")
    assert client.balances() == Balances({"BTC": 0.75}, {"BTC": 1.0})
    assert bybit.sent("GET", "/v5/account/wallet-balance").query == {"accountType": "UNIFIED"}
    placed = client.order(ID, BTC)
    assert placed is not None
    (trade,) = client.trades(placed)
    assert (trade.id, trade.size, trade.price, trade.fee, trade.fee_coin) == (
        "7",
        0.5,
        100.05,
        0.0005,
        "BTC",
    )
    assert bybit.sent("GET", "/v5/execution/list").query["orderId"] == placed.id
    assert client.permissions() == Permissions(None, None)


# Gate.

GATE_BTC = {
    "id": "BTC_USDT",
    "base": "BTC",
    "quote": "USDT",
    "fee": "0.2",
    "min_quote_amount": "3",
    "min_base_amount": "0.00001",
    "amount_precision": 5,
    "precision": 2,
    "trade_status": "tradable",
}


def gate_order(
    status: str = "closed", finish: str = "filled", left: str = "0", spent: str = "50.025"
) -> dict[str, Any]:
    return {
        "id": "95282841887",
        "text": f"t-{ID}",
        "create_time_ms": 1_800_000_000_000,
        "update_time_ms": 1_800_000_000_001,
        "status": status,
        "finish_as": finish,
        "currency_pair": "BTC_USDT",
        "type": "limit",
        "account": "spot",
        "side": "buy",
        "amount": "0.5",
        "price": "100.45",
        "time_in_force": "ioc",
        "left": left,
        "filled_total": spent,
        "avg_deal_price": "100.05",
        "fee": "0.0005",
        "fee_currency": "BTC",
    }


@pytest.fixture
def gate(network: Internet) -> Canned:
    site = Canned(
        {
            ("GET", "/api/v4/spot/currency_pairs"): [[GATE_BTC]],
            ("GET", "/api/v4/margin/currency_pairs"): [[]],
        }
    )
    network.sites[GATE] = site
    return site


def test_gate_takes_a_buy_in_coins_only_with_a_limit(
    gate: Canned, connect: Callable[..., Client]
) -> None:
    client = connect("gate")
    with pytest.raises(CallAPersonError, match="market buy in USDT; place it with a limit"):
        client.place(BTC, "buy", 0.5, ID)
    gate.answers["POST", "/api/v4/spot/orders"] = [gate_order()]
    placed = client.place(BTC, "buy", 0.5, ID, limit=100.459)
    sent = json.loads(gate.sent("POST", "/api/v4/spot/orders").body)
    assert (sent["type"], sent["amount"], sent["price"], sent["time_in_force"]) == (
        "limit",
        "0.5",
        "100.45",
        "ioc",
    )
    assert sent["text"] == f"t-{ID}"
    assert (placed.client_id, placed.filled, placed.average, placed.status) == (
        ID,
        0.5,
        100.05,
        "filled",
    )


@pytest.mark.parametrize(
    ("finish", "status"),
    [("ioc", "cancelled"), ("cancelled", "cancelled"), ("small", "expired"), ("stp", "expired")],
)
def test_gates_ways_of_ending_an_order(
    gate: Canned, connect: Callable[..., Client], finish: str, status: str
) -> None:
    gate.answers["POST", "/api/v4/spot/orders"] = [gate_order("closed", finish, "0.3", "20.01")]
    placed = connect("gate").place(BTC, "buy", 0.5, ID, limit=100.45)
    assert (placed.filled, placed.status) == (pytest.approx(0.2), status)


def test_gates_orders_are_asked_for_by_client_id_and_old_ones_looked_for_in_the_list(
    gate: Canned, connect: Callable[..., Client]
) -> None:
    path = f"/api/v4/spot/orders/t-{ID}"
    missing = Answer(404, b'{"label":"ORDER_NOT_FOUND","message":"Order not found"}')
    gate.answers |= {
        ("GET", path): [gate_order(), missing],
        ("GET", "/api/v4/spot/orders"): [[gate_order()], []],
    }
    client = connect("gate")
    assert client.order(ID, BTC) == client.order(ID, BTC) is not None
    assert gate.sent("GET", "/api/v4/spot/orders").query["status"] == "finished"
    assert client.order(ID, BTC) is None


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("BALANCE_NOT_ENOUGH", "funds"),
        ("REPEATED_CREATION", "duplicate"),
        ("INVALID_PRECISION", "limits"),
        ("TRADE_RESTRICTED", "market"),
    ],
)
def test_gates_refusals(gate: Canned, connect: Callable[..., Client], label: str, why: str) -> None:
    gate.answers["POST", "/api/v4/spot/orders"] = [
        Answer(400, json.dumps({"label": label, "message": "no"}).encode())
    ]
    with pytest.raises(RefusedError) as caught:
        connect("gate").place(BTC, "sell", 0.5, ID)
    assert caught.value.why == why


def test_gates_clock_is_set_when_a_request_came_too_late(
    gate: Canned, connect: Callable[..., Client]
) -> None:
    late = Answer(
        403,
        b'{"label":"REQUEST_EXPIRED",'
        b'"message":"gap between request Timestamp and server time exceeds 60"}',
    )
    coins = [{"currency": "BTC", "available": "0.75", "locked": "0.25"}]
    gate.answers |= {
        ("GET", "/api/v4/spot/accounts"): [late, coins],
        ("GET", "/api/v4/spot/time"): [{"server_time": 1_800_000_090_000}],
    }
    client = connect("gate")
    assert client.balances() == Balances({"BTC": 0.75}, {"BTC": 1.0})
    assert client.clock_offset == pytest.approx(90.0, abs=1.0)
    assert all(asked.host == GATE for asked in gate.asked)


def test_an_empty_list_is_no_account_at_gate(gate: Canned, connect: Callable[..., Client]) -> None:
    gate.answers["GET", "/api/v4/spot/accounts"] = [[]]
    with pytest.raises(TryLaterError, match="an account without its list of coins"):
        connect("gate").balances()


@pytest.mark.parametrize("exchange_id", ["bybit", "gate"])
def test_useless_keys_are_reported_with_where_to_make_better_ones(
    bybit: Canned, gate: Canned, connect: Callable[..., Client], exchange_id: str
) -> None:
    bybit.answers["GET", "/v5/account/wallet-balance"] = [
        bybit_says({}, 10003, "API key is invalid.")
    ]
    gate.answers["GET", "/api/v4/spot/accounts"] = [
        Answer(401, b'{"label":"INVALID_KEY","message":"Invalid key provided"}')
    ]
    with pytest.raises(
        CallAPersonError, match=rf"{exchange_id}: balances: .*{FACTS[exchange_id].keys_at}"
    ):
        connect(exchange_id, keys=Keys("some-key-of-ours", "some-secret-of-ours")).balances()
