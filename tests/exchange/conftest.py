"""A test internet with Binance's testnet in it, and the real ccxt client led there."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.exchange.account import KEY, SECRET
from tests.exchange.proxy import Internet, internet
from tests.exchange.venue import LIVE, TESTNET, BinanceVenue

PRICES = {"BTCUSDT": 50_000.0, "ETHUSDT": 2_500.0, "BNBUSDT": 600.0, "XRPUSDT": 0.5}


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    with internet() as network:
        for name, value in network.environment().items():
            monkeypatch.setenv(name, value)
        yield network


@pytest.fixture
def prices() -> dict[str, float]:
    """Prices of now, to be changed by the test."""
    return dict(PRICES)


@pytest.fixture
def venue(network: Internet, prices: dict[str, float]) -> Iterator[BinanceVenue]:
    """The testnet and the live host; best offers 0.05 % from the price.

    Whatever a test does, no unit is made or lost.
    """
    venue = BinanceVenue(lambda symbol, now: prices.get(symbol, 100.0))
    network.sites |= {TESTNET: venue, LIVE: venue}
    yield venue
    assert venue.conserved()
    assert venue.signed_live == []


@pytest.fixture
def connect() -> Iterator[Callable[..., Any]]:
    """Makes a ccxt client of the testnet with its markets loaded."""
    import ccxt

    made = []

    def client(api_key: str = KEY, secret: str = SECRET, **options: Any) -> Any:
        quiet = {
            "fetchMarkets": {"types": ["spot"]},
            "fetchOpenOrders": {"warnWithoutSymbol": False},
        }
        settings = {
            "apiKey": api_key,
            "secret": secret,
            "enableRateLimit": False,
            "requests_trust_env": True,
            "timeout": 1000,
        }
        exchange = ccxt.binance({**settings, "options": {**quiet, **options}})
        exchange.set_sandbox_mode(True)
        made.append(exchange)
        exchange.load_markets()
        return exchange

    yield client
    for exchange in made:
        exchange.session.close()


@pytest.fixture
def client(venue: BinanceVenue, connect: Callable[..., Any]) -> Any:
    return connect()
