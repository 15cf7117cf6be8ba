"""Our own price sources, asking the test exchange and the test Yahoo through the test internet."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from tenacity import wait_none

from brokers.exchange.rate_limits import RateLimits
from brokers.prices import public_exchange, web, yahoo
from brokers.prices.candles import fetch
from brokers.prices.series import Request, UnreachableError
from tests.exchange.proxy import Answer, Internet
from tests.exchange.venue import LIVE, BinanceVenue
from tests.exchange.yahoo import YahooSite

NOW = pd.Timestamp("2024-01-11 15:30", tz="UTC")  # 10:30 in New York, a session in progress
RUSSELL = Request("^RUT", "session")
BITCOIN = Request("BTC-USD", "coin", "BTC/USDT")


def bars(first: str, days: int, freq: str) -> pd.DataFrame:
    index = pd.date_range(first, periods=days, freq=freq)
    closes = [100.0 + row for row in range(days)]
    return pd.DataFrame(
        {
            "open": closes,
            "high": closes,
            "low": closes,
            "close": closes,
            "adj_close": closes,
            "volume": 5.0,
        },
        index,
    )


@pytest.fixture
def site(network: Internet, monkeypatch: pytest.MonkeyPatch) -> Iterator[YahooSite]:
    """Eight sessions to 2024-01-11, three yet to come; two days of BTC-USD."""
    monkeypatch.setattr(yahoo, "WAIT", wait_none())
    monkeypatch.setattr(yahoo.time, "time", lambda: NOW.timestamp())
    frames = {"^RUT": bars("2024-01-02", 11, "B"), "BTC-USD": bars("2024-01-10", 2, "D")}
    yield YahooSite(frames, NOW.timestamp).registered(network)
    yahoo._client()._session.close()


def test_yahoo_gives_several_symbols_up_to_the_row_in_progress(site: YahooSite) -> None:
    frame = yahoo.fetch(RUSSELL, None)
    assert frame.index.tolist() == pd.date_range("2024-01-02", "2024-01-11", freq="B").tolist()
    assert frame["close"].tolist() == [100.0 + row for row in range(8)]
    assert (
        yahoo.fetch(BITCOIN, None).index.tolist()
        == pd.date_range("2024-01-10", "2024-01-11").tolist()
    )


def test_yahoo_stamps_a_row_in_progress_now(site: YahooSite) -> None:
    assert [stamp for stamp, _ in site._rows("^RUT", yahoo.ZONES["session"], 0, 2**40)][-2:] == [
        int(pd.Timestamp("2024-01-10 14:30", tz="UTC").timestamp()),
        int(NOW.timestamp()),
    ]


def test_yahoo_can_fail_for_a_time_or_for_one_symbol(site: YahooSite) -> None:
    site.faults = [Answer(500), Answer(200, b"<html>")]
    assert len(yahoo.fetch(RUSSELL, None)) == 8
    assert site.charts == 3
    site.for_symbol["^RUT"] = Answer(429, b"Too Many Requests")
    with pytest.raises(UnreachableError, match="429"):
        yahoo.fetch(RUSSELL, None)
    assert len(yahoo.fetch(BITCOIN, None)) == 2


@pytest.fixture
def candles(venue: BinanceVenue, monkeypatch: pytest.MonkeyPatch) -> BinanceVenue:
    """Twenty days from 2024-01-01; nobody waits in real time."""
    import ccxt

    monkeypatch.setattr(ccxt.Exchange, "throttle", lambda *_: None)
    monkeypatch.setattr(web, "WAIT", wait_none())
    monkeypatch.setattr(public_exchange, "RATE_LIMITS", RateLimits())
    starts = pd.date_range("2024-01-01", periods=20, freq="D", tz="UTC")
    rows = [
        (int(start.timestamp() * 1000), 1.0, 3.0, 0.5, 2.0 + row, 7.0)
        for row, start in enumerate(starts)
    ]
    venue.candles, venue.now = (lambda symbol, interval: rows), NOW.timestamp
    return venue


def test_the_live_host_gives_candles_to_the_price_source(
    candles: BinanceVenue, network: Internet
) -> None:
    frame = fetch(BITCOIN, None, "binance", NOW)
    assert frame.index.tolist() == pd.date_range("2024-01-01", "2024-01-10").tolist()
    assert network.hosts() == {LIVE}


def test_a_login_of_the_home_directory_is_not_sent_to_the_price_source(
    candles: BinanceVenue, network: Internet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login me password mine\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    fetch(BITCOIN, None, "binance", NOW)
    assert {asked.path for asked in network.asked} == {"/api/v3/exchangeInfo", "/api/v3/klines"}
    assert all("authorization" not in asked.headers for asked in network.asked)


@pytest.mark.parametrize("path", ["exchangeInfo", "klines"])
def test_an_answer_that_trickles_is_not_waited_for(
    candles: BinanceVenue, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(public_exchange, "TIMEOUT", 1.0)
    # Minutes for the whole of it: it is never read to its end.
    rule = candles.faults.add("trickled", "GET", path, seconds=0.2)
    assert len(fetch(BITCOIN, None, "binance", NOW)) == 10
    assert len(rule.met) == 1


def test_candles_come_from_the_exchange_itself_only(
    candles: BinanceVenue, network: Internet
) -> None:
    rule = candles.faults.add(
        lambda *_: Answer(302, b"", (("Location", "https://portal.example/login"),)),
        "GET",
        "klines",
        times=4,
    )
    with pytest.raises(
        UnreachableError,
        match=r"HTTP 302 .* a redirection to portal\.example, which is not followed.*Try again",
    ):
        fetch(BITCOIN, None, "binance", NOW)
    assert len(rule.met) == 4
    assert network.hosts() == {LIVE}


def test_an_exchange_without_facts_is_asked_at_its_own_hosts(
    network: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "WAIT", wait_none())
    with pytest.raises(UnreachableError, match="kraken: "):
        fetch(BITCOIN, None, "kraken", NOW)
    assert network.hosts() == {"api.kraken.com"}
