"""The way out of the client: where it leads, where it does not, and how long anything takes at
most.
"""

import threading
from collections.abc import Callable

import pytest

from brokers.errors import SafetyError
from brokers.exchange.client import Client
from brokers.exchange.errors import TryLaterError, UnknownOutcomeError
from brokers.exchange.transport import call_within
from tests.brokers.exchange.conftest import KEYS
from tests.exchange.proxy import Answer, Internet
from tests.exchange.venue import LIVE, TESTNET, BinanceVenue

BTC = "BTC/USDT"
ID = "a" * 26


def redirect(to: str, status: int = 302) -> Callable[..., Answer]:
    return lambda *_: Answer(status, b"", (("Location", to),))


@pytest.mark.parametrize(
    "url",
    [
        f"https://{LIVE}/api/v3",
        f"http://{TESTNET}/api/v3",
        f"https://{TESTNET}:444/api/v3",
        "https://evil.example",
    ],
)
def test_a_client_with_keys_sends_to_the_sandbox_only(
    client: Client, network: Internet, url: str
) -> None:
    client.listings()
    sent = len(network.asked)
    client._exchange.urls["api"] |= {"public": url, "private": url}
    for call in (client.balances, client.server_time, lambda: client.place(BTC, "buy", 0.5, ID)):
        with pytest.raises(
            SafetyError, match=f"for the sandbox at {TESTNET} only. Nothing was sent"
        ):
            call()
    assert len(network.asked) == sent
    assert network.hosts() == {TESTNET}


def test_ccxt_out_of_its_sandbox_mode_is_stopped(client: Client, network: Internet) -> None:
    client.listings()
    client._exchange.set_sandbox_mode(False)
    with pytest.raises(SafetyError, match=f"https://{LIVE}"):
        client.place(BTC, "buy", 0.5, ID)
    assert network.hosts() == {TESTNET}


def test_a_client_without_keys_sends_nothing_signed(
    venue: BinanceVenue, connect: Callable[..., Client], network: Internet
) -> None:
    client = connect(keys=None)
    client.listings()
    exchange = client._exchange
    exchange.apiKey, exchange.secret = KEYS
    for call in (
        exchange.fetch_balance,
        lambda: exchange.create_order(BTC, "market", "buy", 0.5),
        lambda: exchange.fetch_order("1", BTC),
    ):
        with pytest.raises(SafetyError, match="stopped a signed request"):
            call()
    with pytest.raises(SafetyError, match="stopped a signed request"):
        exchange.public_post_ping() if hasattr(exchange, "public_post_ping") else exchange.fetch(
            f"https://{LIVE}/api/v3/ping", "POST"
        )
    assert {method for _, method, _ in network.counts} == {"GET"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_signed_question_is_not_sent_on(
    client: Client, venue: BinanceVenue, network: Internet, status: int
) -> None:
    client.listings()
    rule = venue.faults.add(
        redirect(f"https://{LIVE}/api/v3/account", status), "GET", "account", times=10
    )
    with pytest.raises(TryLaterError, match=f"HTTP {status}"):
        client.balances()
    assert len(rule.met) == 4
    assert network.hosts() == {TESTNET}


@pytest.mark.parametrize("to", [f"https://{LIVE}/api/v3/order", f"https://{TESTNET}/api/v3/order"])
def test_an_order_is_not_sent_on(
    client: Client, venue: BinanceVenue, network: Internet, to: str
) -> None:
    venue.faults.add(redirect(to, 307), "POST", "order")
    with pytest.raises(UnknownOutcomeError, match="HTTP 307"):
        client.place(BTC, "buy", 0.5, ID)
    assert network.counts[TESTNET, "POST", "/api/v3/order"] == 1
    assert network.hosts() == {TESTNET}


def test_an_unsigned_question_is_sent_on_within_the_list_only(
    client: Client, connect: Callable[..., Client], venue: BinanceVenue, network: Internet
) -> None:
    venue.faults.add(redirect(f"https://{TESTNET}/api/v3/time"), "GET", "time", host=TESTNET)
    assert client.server_time() > 0
    venue.faults.add(redirect("https://portal.example/login"), "GET", "time", times=8)
    for reader in (client, connect(keys=None)):
        with pytest.raises(
            TryLaterError, match=r"a redirection to portal\.example, which is not followed"
        ):
            reader.server_time()
    assert "portal.example" not in network.hosts()


def test_a_login_of_the_home_directory_is_not_sent_along(
    client: Client,
    network: Internet,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = tmp_path_factory.mktemp("home") / "netrc"
    file.write_text("default login me password mine\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))
    client.balances()
    assert all("authorization" not in asked.headers for asked in network.asked)


def test_a_response_that_trickles_is_not_waited_for(hasty: Client, venue: BinanceVenue) -> None:
    before = set(threading.enumerate())
    # Two minutes for the whole of it: it is never read to its end.
    rule = venue.faults.add("trickled", "GET", "account", seconds=0.2)
    assert hasty.balances().total["BTC"] == 1.0
    assert len(rule.met) == 1
    # The thread that still reads such a response ends, long before the response would.
    for thread in set(threading.enumerate()) - before:
        if thread.name == "request":
            thread.join(60.0)
            assert not thread.is_alive()


@pytest.mark.parametrize("where", ["in the headers", "in the body"])
def test_nothing_is_left_of_a_response_that_is_given_up(
    hasty: Client, venue: BinanceVenue, network: Internet, where: str
) -> None:
    """A byte comes before each timeout, for a quarter of an hour."""
    before = set(threading.enumerate())
    paces = {"head_pace": 0.5} if where == "in the headers" else {"pace": 0.5}
    padding = (("X-Padding", "x" * 2000),)

    def dripping(venue: BinanceVenue, asked: object, execute: Callable[..., Answer]) -> Answer:
        answer = execute()
        return answer._replace(
            headers=(*answer.headers, *padding), body=answer.body + b" " * 2000, **paces
        )

    rule = venue.faults.add(dripping, "GET", "account")
    assert hasty.balances().total["BTC"] == 1.0
    assert len(rule.met) == 1
    for thread in set(threading.enumerate()) - before:
        if thread.name == "request":
            thread.join(30.0)
            assert not thread.is_alive()


def test_an_order_whose_answer_trickles_has_an_unknown_outcome(
    client: Client, hasty: Client, venue: BinanceVenue, network: Internet
) -> None:
    venue.faults.add("trickled", "POST", "order", seconds=0.2)
    with pytest.raises(UnknownOutcomeError, match="no complete response"):
        hasty.place(BTC, "buy", 0.5, ID)
    assert client.order(ID, BTC) is not None
    assert network.counts[TESTNET, "POST", "/api/v3/order"] == 1


def test_a_call_that_hangs_is_given_up() -> None:
    released = threading.Event()
    with pytest.raises(TimeoutError):
        call_within(0.1, released.wait)
    assert not released.is_set()
    released.set()


def test_what_is_raised_in_time_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        call_within(60.0, lambda: 1 / 0)


def test_an_error_of_a_request_keeps_its_cause_wherever_it_is_raised_again() -> None:
    error = TimeoutError("no connection")
    error.__context__ = ConnectionRefusedError("refused")

    def fail() -> None:
        raise error

    def while_handling_another() -> None:
        try:
            raise ValueError("of the attempt before")
        except ValueError:
            call_within(5.0, fail)

    with pytest.raises(TimeoutError, match="no connection") as caught:
        while_handling_another()
    assert str(caught.value.__cause__) == "refused"
