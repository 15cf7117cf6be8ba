"""Binance's testnet and its live host behind a proxy, and our client led there."""

from collections.abc import Callable, Iterator

import pytest

from brokers.clock import SimulatedClock
from brokers.exchange.client import Client, Keys
from tests.exchange.account import KEY, SECRET
from tests.exchange.proxy import Internet, internet
from tests.exchange.venue import LIVE, TESTNET, BinanceVenue

NOW = 1_800_000_000.0
TIMEOUT = 30.0  # seconds: a busy machine may be slow
HASTY = 1.0  # seconds, where a response is held back
KEYS = Keys(KEY, SECRET)


@pytest.fixture(scope="module")
def switched_on() -> Iterator[Internet]:
    with internet() as network:
        yield network


@pytest.fixture
def network(switched_on: Internet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    """The internet, empty and with nothing asked of it yet."""
    for name, value in switched_on.environment().items():
        monkeypatch.setenv(name, value)
    for record in (
        switched_on.sites,
        switched_on.asked,
        switched_on.counts,
        switched_on.refused,
        switched_on.offline,
        switched_on.impostors,
    ):
        record.clear()
    yield switched_on
    switched_on.hang_up()


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(NOW)


@pytest.fixture
def venue(network: Internet, clock: SimulatedClock) -> Iterator[BinanceVenue]:
    """Every coin costs 100, the best offers are at 99.95 and 100.05.

    Whatever happens, no unit is created or lost, and no signed request goes to the live host.
    """
    venue = BinanceVenue(lambda symbol, now: 100.0, now=clock.now)
    network.sites |= {TESTNET: venue, LIVE: venue}
    yield venue
    assert venue.conserved()
    assert venue.signed_live == []


@pytest.fixture
def connect(clock: SimulatedClock) -> Iterator[Callable[..., Client]]:
    clients = []

    def connect(
        exchange_id: str = "binance", keys: Keys | None = KEYS, timeout: float = TIMEOUT
    ) -> Client:
        client = Client(
            exchange_id,
            keys,
            timeout=timeout,
            recv_window=5000,
            sleep=clock.sleep,
            now=clock.now,
        )
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def client(venue: BinanceVenue, connect: Callable[..., Client]) -> Client:
    return connect()


@pytest.fixture
def hasty(venue: BinanceVenue, connect: Callable[..., Client]) -> Client:
    """A client that knows the markets and soon gives a response up."""
    client = connect(timeout=HASTY)
    client.listings()
    return client
