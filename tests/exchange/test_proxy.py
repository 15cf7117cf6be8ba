"""The proxy that stands for the internet, asked by the real clients: ccxt, requests and yfinance's
own.
"""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import ccxt
import pytest
import requests

from tests.exchange.proxy import DROPPED, STALLED, Answer, Asked, Internet, internet

HOST = "api.binance.com"
ADDRESS = f"https://{HOST}/hello"


class FixedSite:
    """A site that gives the same answer to everybody."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked = threading.Event()

    def answer(self, asked: Asked) -> Answer:
        self.asked.set()
        return self._answer


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    with internet() as network:
        for name, value in network.environment().items():
            monkeypatch.setenv(name, value)
        yield network


def test_a_request_reaches_the_site_of_its_host_as_it_was_sent(network: Internet) -> None:
    network.sites[HOST] = FixedSite(Answer(201, b"made", (("X-Name", "value"),)))
    with requests.post(
        f"{ADDRESS}?a=1&b=%40x&c=", data=b"the body", headers={"X-Key": "secret"}
    ) as answer:
        assert (answer.status_code, answer.content, answer.headers["X-Name"]) == (
            201,
            b"made",
            "value",
        )
    (asked,) = network.asked
    assert asked[:4] == (HOST, "POST", "/hello", {"a": "1", "b": "@x", "c": ""})
    assert asked.raw_query == "a=1&b=%40x&c="
    assert (asked.headers["x-key"], asked.body) == ("secret", b"the body")
    assert network.counts == {(HOST, "POST", "/hello"): 1}


def test_a_host_without_a_site_is_refused_and_put_on_record(network: Internet) -> None:
    with pytest.raises(requests.exceptions.ProxyError):
        requests.get("https://fapi.binance.com/fapi/v1/exchangeInfo")
    assert network.refused == ["fapi.binance.com"]
    assert network.hosts() == {"fapi.binance.com"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_one_connection_serves_many_requests_without_delay(network: Internet, method: str) -> None:
    network.sites[HOST] = FixedSite(Answer(200, b"x" * 5000))
    with requests.Session() as session:
        session.get(ADDRESS)
        (connection,) = network.connections()
        for _ in range(50):
            session.request(method, ADDRESS, data=b"y" * 200 if method == "POST" else None)
        assert network.connections() == [connection]
        # Otherwise small responses wait 40 ms for a delayed acknowledgement.
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert len(network.asked) == 51


def test_ccxt_asks_binance_through_it(network: Internet) -> None:
    network.sites[HOST] = FixedSite(Answer(200, b'{"serverTime": 1700000000123}'))
    client = ccxt.binance({"requests_trust_env": True})
    assert client.fetch_time() == 1700000000123
    client.session.close()
    assert network.hosts() == {HOST}


def test_yfinance_asks_yahoo_through_it(network: Internet) -> None:
    from yfinance._http import new_session

    network.sites["query2.finance.yahoo.com"] = FixedSite(
        Answer(200, json.dumps({"chart": 1}).encode())
    )
    with new_session() as session:
        assert session.get(
            "https://query2.finance.yahoo.com/v8/finance/chart/%5ERUT?a=1"
        ).json() == {"chart": 1}
    assert network.asked[0].path == "/v8/finance/chart/%5ERUT"


@pytest.mark.parametrize(
    ("answer", "patience", "error"),
    [
        (DROPPED, 60.0, requests.exceptions.ConnectionError),
        (STALLED, 0.3, requests.exceptions.ReadTimeout),
        (Answer(200, b"late", delay=60.0), 0.3, requests.exceptions.ReadTimeout),
        (Answer(200, b"half", missing=4), 60.0, requests.exceptions.ChunkedEncodingError),
    ],
)
def test_an_answer_can_be_lost_on_its_way(
    network: Internet, answer: Answer, patience: float, error: type[Exception]
) -> None:
    site = FixedSite(answer)
    network.sites[HOST] = site
    with pytest.raises(error):
        requests.get(ADDRESS, timeout=(60.0, patience))
    assert site.asked.wait(60.0)
    assert len(network.asked) == 1


def test_a_body_can_come_byte_by_byte(network: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(network.stopped, "wait", waits.append)
    network.sites[HOST] = FixedSite(Answer(200, b"12345678", pace=0.12))
    assert requests.get(ADDRESS, timeout=60.0).content == b"12345678"
    assert waits == [0.12] * 8


def test_a_host_can_go_offline_and_come_back(network: Internet) -> None:
    network.sites[HOST] = FixedSite(Answer(200, b"here"))
    with requests.Session() as session:
        session.get(ADDRESS)
        network.offline.add(HOST)
        with pytest.raises(requests.exceptions.ConnectionError):  # the connection that was open
            session.get(ADDRESS)
        with pytest.raises(requests.exceptions.ProxyError):  # a new one
            session.get(ADDRESS)
        network.offline.clear()
        assert session.get(ADDRESS).content == b"here"
    assert len(network.asked) == 2
    assert network.refused == []


def test_an_impostor_is_not_trusted(network: Internet) -> None:
    network.sites[HOST] = FixedSite(Answer(200, b"here"))
    network.impostors.add(HOST)
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(ADDRESS)
    assert not network.asked


def test_an_error_inside_a_site_is_raised_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def answer(self, asked: Asked) -> Answer:
            raise ZeroDivisionError("a fault of the site")

    def ask() -> None:
        with internet() as network:
            for name, value in network.environment().items():
                monkeypatch.setenv(name, value)
            network.sites[HOST] = Broken()
            with pytest.raises(requests.exceptions.ConnectionError):
                requests.get(ADDRESS)

    with pytest.raises(ZeroDivisionError, match="a fault of the site"):
        ask()


def test_switching_off_ends_open_connections() -> None:
    with internet() as network:
        network.sites[HOST] = FixedSite(Answer(200, b"here"))
        session = requests.Session()
        session.trust_env = False
        session.get(
            ADDRESS,
            proxies={"https": f"http://127.0.0.1:{network.port}"},
            verify=network.authority_file,
        )
        silent = socket.create_connection(("127.0.0.1", network.port))
    with closing(session), silent:
        silent.settimeout(60.0)
        with suppress(ConnectionResetError):  # ended either way, as the system has it
            assert silent.recv(1) == b""
