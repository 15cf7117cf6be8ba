"""What an error of Binance means: its whole documented list, for each kind of call we make.

Codes and texts are those of the list in Binance's API documentation of 2026-07-21, without the ones
of FIX, SBE and of order lists, which no call of ours can get.
"""

from collections.abc import Callable
from typing import Any

import ccxt
import pytest

from brokers.exchange.client import Client
from brokers.exchange.errors import (
    CallAPersonError,
    ExchangeError,
    RefusedError,
    TryLaterError,
    UnknownOutcomeError,
)
from brokers.exchange.failures import (
    classify_error,
    describe_failure,
    error_code,
    kind_of_class,
)
from brokers.exchange.sandboxes import FACTS
from brokers.exchange.transport import Reply
from tests.exchange.faults import refusal
from tests.exchange.venue import TESTNET, BinanceVenue

BTC = "BTC/USDT"
ID = "tabcdefg23456723456723456a"
# What an order gets, by kind, and what a question does.
ORDERED: dict[str, type[ExchangeError]] = {
    "lost": UnknownOutcomeError,
    "busy": TryLaterError,
    "clock": TryLaterError,
    "key": CallAPersonError,
    "missing": UnknownOutcomeError,
    "archived": UnknownOutcomeError,
}
ASKED: dict[str, type[ExchangeError]] = {
    "lost": TryLaterError,
    "busy": TryLaterError,
    "clock": TryLaterError,
    "market": RefusedError,
    "key": CallAPersonError,
}
DOCUMENTED = [
    (-1000, "An unknown error occurred while processing the request.", "lost"),
    (-1001, "Internal error; unable to process your request. Please try again.", "lost"),
    (-1002, "You are not authorized to execute this request.", "key"),
    (-1003, "Too many requests queued.", "busy"),
    (-1006, "An unexpected response was received. Execution status unknown.", "lost"),
    (-1007, "Timeout waiting for response from backend server.", "lost"),
    (-1008, "Server is currently overloaded with other requests.", "lost"),
    (-1010, "An error of the matching engine.", "lost"),
    (-1013, "Invalid quantity.", "limits"),
    (-1013, "Market is closed.", "market"),
    (-1013, "Filter failure: PERCENT_PRICE", "limits"),
    (-1014, "Unsupported order combination.", "other"),
    (-1015, "Too many new orders.", "busy"),
    (-1016, "This service is no longer available.", "lost"),
    (-1020, "This operation is not supported.", "other"),
    (-1021, "Timestamp for this request is outside of the recvWindow.", "clock"),
    (-1022, "Signature for this request is not valid.", "key"),
    (-1100, "Illegal characters found in a parameter.", "other"),
    (-1101, "Too many parameters sent for this endpoint.", "other"),
    (-1102, "A mandatory parameter was not sent, was empty/null, or malformed.", "other"),
    (-1103, "An unknown parameter was sent.", "other"),
    (-1104, "Not all sent parameters were read.", "other"),
    (-1105, "A parameter was empty.", "other"),
    (-1106, "A parameter was sent when not required.", "other"),
    (-1108, "Parameter 'quantity' overflowed.", "other"),
    (-1111, "Parameter 'quantity' has too much precision.", "limits"),
    (-1112, "No orders on book for symbol.", "depth"),
    (-1114, "TimeInForce parameter sent when not required.", "other"),
    (-1115, "Invalid timeInForce.", "other"),
    (-1116, "Invalid orderType.", "other"),
    (-1117, "Invalid side.", "other"),
    (-1118, "New client order ID was empty.", "other"),
    (-1119, "Original client order ID was empty.", "other"),
    (-1120, "Invalid interval.", "other"),
    (-1121, "Invalid symbol.", "market"),
    (-1127, "Lookup interval is too big.", "other"),
    (-1128, "Combination of optional parameters invalid.", "other"),
    (-1130, "Invalid data sent for a parameter.", "other"),
    (-1131, "recvWindow must be less than 60000.", "other"),
    (-2010, "Duplicate order sent.", "duplicate"),
    (-2010, "Market is closed.", "market"),
    (-2010, "Account has insufficient balance for requested action.", "funds"),
    (-2010, "Market orders are not supported for this symbol.", "other"),
    (-2010, "Price * QTY is zero or less.", "limits"),
    (-2010, "This action is disabled on this account.", "market"),
    (-2010, "This account may not place or cancel orders.", "key"),
    (-2010, "Unsupported order combination", "other"),
    (-2010, "This symbol is not permitted for this account.", "market"),
    (-2010, "This symbol is restricted for this account.", "market"),
    (-2010, "Rest API trading is not enabled.", "key"),
    (-2010, "Filter failure: MAX_POSITION", "limits"),
    (-2011, "Unknown order sent.", "missing"),
    (-2011, "Cancel order is invalid. Check origClOrdId and orderId.", "other"),
    (-2011, "Order was not canceled due to cancel restrictions.", "other"),
    (-2011, "The requested action would change no state; rejecting", "other"),
    (-2011, "This account may not place or cancel orders.", "key"),
    (-2013, "Order does not exist.", "missing"),
    (-2014, "API-key format invalid.", "key"),
    (-2015, "Invalid API-key, IP, or permissions for action.", "key"),
    (-2016, "No trading window could be found for the symbol.", "lost"),
    (-2026, "Order was canceled or expired over 90 days ago and has been archived.", "archived"),
    (-9999, "A code that nobody has documented.", "lost"),
]


@pytest.mark.parametrize(("code", "text", "kind"), DOCUMENTED)
def test_an_order_gets_what_the_documented_error_means(
    client: Client, venue: BinanceVenue, code: int, text: str, kind: str
) -> None:
    client.balances()  # ccxt takes -2015 for a rate limit from then on
    rule = venue.faults.add(lambda *_: refusal(code, text), "POST", "order", times=9)
    with pytest.raises(ORDERED.get(kind, RefusedError)) as caught:
        client.place(BTC, "buy", 0.5, ID)
    assert len(rule.met) == (2 if kind == "clock" else 1)  # sent again with the right time
    if isinstance(caught.value, RefusedError):
        assert caught.value.why == kind and caught.value.words == f"{code}: {text}"


@pytest.mark.parametrize(("code", "text", "kind"), DOCUMENTED)
def test_a_question_gets_what_the_documented_error_means(
    client: Client, venue: BinanceVenue, code: int, text: str, kind: str
) -> None:
    client.balances()
    rule = venue.faults.add(lambda *_: refusal(code, text), "GET", "openOrders", times=99)
    if kind in ("missing", "archived"):
        venue.faults.add(lambda *_: refusal(code, text), "GET", "order")
        order = client.order(ID, BTC)
        assert (order is None) == (kind == "missing")
        return
    with pytest.raises(ASKED.get(kind, CallAPersonError)):
        client.open_orders(BTC)
    asked_again = kind in ("lost", "busy")
    assert len(rule.met) == (4 if asked_again else 8 if kind == "clock" else 1)


def test_the_table_names_only_codes_whose_class_misleads(client: Client) -> None:
    """A line that ccxt has caught up with goes."""
    exchange, facts = client._exchange, FACTS["binance"]
    in_vain = [
        f"{code} {text}"
        for code, text, kind in DOCUMENTED
        if str(code) in facts.kinds
        and classify_error(*_error(exchange, code, text), facts) == kind
        and kind_of_class(_error(exchange, code, text)[0]) == kind
        and not any(words in text.lower() for words, _ in facts.texts)
    ]
    assert in_vain == []


def test_every_line_of_the_table_is_a_documented_one() -> None:
    facts = FACTS["binance"]
    documented = {str(code) for code, _, _ in DOCUMENTED}
    assert set(facts.kinds) <= documented
    for words, _ in facts.texts:
        assert any(words in text.lower() for _, text, _ in DOCUMENTED), words


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ccxt.DuplicateOrderId("x"), "duplicate"),
        (ccxt.RestrictedLocation("x"), "location"),
        (ccxt.OnMaintenance("x"), "lost"),
        (ccxt.CancelPending("x"), "lost"),
        (ccxt.AccountSuspended("x"), "key"),
        (ccxt.ManualInteractionNeeded("x"), "other"),
        (ccxt.ExchangeError("x"), "lost"),
    ],
)
def test_the_class_says_what_the_table_does_not(error: Exception, kind: str) -> None:
    assert kind_of_class(error) == kind


def _error(exchange: Any, code: int, text: str) -> tuple[Exception, Reply]:
    """What ccxt raises for an answer of the testnet."""
    exchange.options["hasAlreadyAuthenticatedSuccessfully"] = True
    answer = refusal(code, text)
    reply = Reply(answer.status, {}, answer.body.decode())
    assert error_code(reply, FACTS["binance"]) == str(code)
    url = f"https://{TESTNET}/api/v3/order"
    handle: Callable[..., Any] = exchange.handle_errors
    try:
        handle(400, "Bad Request", url, "POST", {}, reply.text, reply.content(), {}, "")
    except ccxt.BaseError as error:
        return error, reply
    raise AssertionError("no error")


def test_a_failure_is_not_described_by_the_attempt_before_it() -> None:
    """Whatever was being handled when it began; its own cause is named."""
    failure = ccxt.NetworkError("binance")
    failure.__context__ = TryLaterError("the attempt before")
    assert describe_failure(failure, None) == "NetworkError, NetworkError: binance"
    cause = OSError("no connection to the host")
    cause.__context__ = failure.__context__
    failure.__cause__ = cause
    assert describe_failure(failure, None) == "NetworkError, OSError: no connection to the host"
