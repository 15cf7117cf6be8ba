"""Binance's public candles, good and bad, through the real ccxt and a local server.

Prices are made up.
"""

import json
from collections.abc import Iterator
from datetime import date

import pandas as pd
import pytest
from servers import GONE_WRONG, Answer, BinanceSite, closed_port, lead_requests_to, served
from tenacity import wait_none

from brokers.exchange.rate_limits import RateLimits
from brokers.prices import public_exchange, web
from brokers.prices.candles import Candles, fetch
from brokers.prices.series import BAR_COLUMNS, DataError, Request, UnreachableError

DAILY = Request("BTC-USD", "coin", "BTC/USDT")
HOURLY = DAILY._replace(timeframe="1h")
NOW = pd.Timestamp("2024-01-11 06:30", tz="UTC")


def candles(first: str, count: int, every: str) -> list[tuple[float, ...]]:
    starts = pd.date_range(first, periods=count, freq=every, tz="UTC")
    return [
        (int(start.timestamp() * 1000), 10.0 + row, 12.0 + row, 9.0 + row, 11.0 + row, 5.0)
        for row, start in enumerate(starts)
    ]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[BinanceSite]:
    """Eleven days from the listing on 2024-01-01; the last, 2024-01-11, is running."""
    import ccxt

    monkeypatch.setattr(web, "WAIT", wait_none())
    monkeypatch.setattr(public_exchange, "RATE_LIMITS", RateLimits())
    monkeypatch.setattr(
        ccxt.Exchange, "throttle", lambda *_: None
    )  # ccxt's pauses between requests
    with served(BinanceSite(candles("2024-01-01", 11, "1D"), page=4)) as running:
        lead_requests_to(running, monkeypatch)
        yield running


def test_gives_the_closed_days_from_the_listing_on(site: BinanceSite) -> None:
    # The server answers 500 to every host but the spot one: an outage of the futures endpoints does
    # not matter.
    frame = fetch(DAILY, None, "binance", NOW)
    assert list(frame.columns) == list(BAR_COLUMNS)
    assert frame.index.tolist() == pd.date_range("2024-01-01", "2024-01-10").tolist()
    assert frame.iloc[0].tolist() == [10.0, 12.0, 9.0, 11.0, 11.0, 5.0]
    assert frame.index.tz is None


def test_the_list_of_markets_is_a_day_old_at_most(site: BinanceSite) -> None:
    """A market listed later is found; while the list cannot be loaded the old one serves."""
    candles_of = Candles("binance", 3)
    later = [NOW + pd.Timedelta(hours=hours) for hours in (0, 23, 24, 48, 72)]
    loaded = []
    whole = site.markets
    for number, instant in enumerate(later):
        site.market_faults = [Answer(500)] * 4 if number == 3 else []
        before = json.loads(whole.body)["symbols"]
        site.markets = Answer(
            200, json.dumps({"symbols": before[: 2 if number == 0 else 3]}).encode()
        )
        candles_of.newest(DAILY, instant)
        loaded.append("SOL/USDT" in candles_of._public.exchange.markets)
    assert loaded == [False, False, True, True, True]


def test_a_day_counts_as_closed_from_its_end_on(site: BinanceSite) -> None:
    midnight = pd.Timestamp("2024-01-10", tz="UTC")
    assert fetch(DAILY, None, "binance", midnight).index[-1] == pd.Timestamp("2024-01-09")
    assert fetch(DAILY, None, "binance", midnight - pd.Timedelta("1ms")).index[-1] == pd.Timestamp(
        "2024-01-08"
    )


def test_reads_page_after_page_without_a_day_twice(site: BinanceSite) -> None:
    frame = fetch(DAILY, date(2024, 1, 3), "binance", NOW)
    assert frame.index.tolist() == pd.date_range("2024-01-03", "2024-01-10").tolist()
    # Pages of four, each beginning with the last day known: 3-6, 6-9, 9-11.
    assert [pd.Timestamp(int(query["startTime"]), unit="ms").day for query in site.asked] == [
        3,
        6,
        9,
    ]
    assert {query["limit"] for query in site.asked} == {"1000"}


def test_gives_intraday_bars_under_their_start_in_utc(site: BinanceSite) -> None:
    site.candles, site.page = candles("2024-01-11", 7, "1h"), 1000
    frame = fetch(HOURLY, date(2024, 1, 11), "binance", NOW)
    assert (
        frame.index.tolist() == pd.date_range("2024-01-11", periods=6, freq="1h", tz="UTC").tolist()
    )
    assert {query["interval"] for query in site.asked} == {"1h"}


def test_leaves_gaps_and_duplicates_inside_a_page_for_later_checks(site: BinanceSite) -> None:
    site.page = 1000
    site.candles[5] = site.candles[4]
    frame = fetch(DAILY, None, "binance", NOW)
    assert frame.index.duplicated().sum() == 1
    assert pd.Timestamp("2024-01-06") not in frame.index


def test_a_market_that_stopped_trading_ends_where_it_ended(site: BinanceSite) -> None:
    site.candles = site.candles[:6]
    assert fetch(DAILY, None, "binance", NOW).index[-1] == pd.Timestamp("2024-01-06")


def test_finds_the_listing_where_an_exchange_answers_with_a_window(site: BinanceSite) -> None:
    whole = site.data

    def window(path: str, query: dict[str, str]) -> Answer:
        early = int(query["startTime"])
        site.candles = [
            candle
            for candle in candles("2024-01-01", 11, "1D")
            if early <= candle[0] < early + 3 * 86_400_000
        ]
        return whole(path, query)

    site.data = window
    frame = fetch(DAILY, None, "binance", NOW)
    assert frame.index.tolist() == pd.date_range("2024-01-01", "2024-01-10").tolist()


@pytest.mark.parametrize("fault", GONE_WRONG.values(), ids=GONE_WRONG)
def test_asks_again_after_a_bad_answer_to_any_question(site: BinanceSite, fault: Answer) -> None:
    site.market_faults = [fault]
    site.faults = [
        fault,
        site.data("", {"startTime": "0"}),
        fault,
    ]  # the first page, then the second
    assert (
        fetch(DAILY, None, "binance", NOW).index.tolist()
        == pd.date_range("2024-01-01", "2024-01-10").tolist()
    )
    assert not site.market_faults
    assert not site.faults


@pytest.mark.parametrize("fault", GONE_WRONG.values(), ids=GONE_WRONG)
def test_gives_up_on_bad_candles_and_says_what_to_do(site: BinanceSite, fault: Answer) -> None:
    site.always = fault
    with pytest.raises(
        UnreachableError, match=r"binance: .*(try again later|choose another exchange.prices_id)"
    ):
        fetch(DAILY, None, "binance", NOW)
    assert 4 <= len(site.asked) < 50


@pytest.mark.parametrize(
    ("name", "fault"), [("okx", "braces"), ("okx", "503"), ("gate", "html"), ("kraken", "null")]
)
def test_bad_answers_mean_the_same_with_other_exchanges(
    site: BinanceSite, monkeypatch: pytest.MonkeyPatch, name: str, fault: str
) -> None:
    monkeypatch.setattr(site, "answer", lambda *_: GONE_WRONG[fault])
    with pytest.raises(UnreachableError, match=f"{name}: "):
        fetch(DAILY, None, name, NOW)


def test_candles_without_numbers_are_no_answer(site: BinanceSite) -> None:
    start = int(NOW.timestamp() * 1000)
    site.faults = [
        Answer(200, json.dumps([row]).encode())
        for row in ([start, None, None, None, None, None], [start, "1", "2"])
    ]
    assert len(fetch(DAILY, None, "binance", NOW)) == 10
    assert not site.faults


def test_gives_up_on_an_empty_list_of_markets(site: BinanceSite) -> None:
    site.markets = Answer(200, b"{}")
    with pytest.raises(UnreachableError, match="binance: responded with an empty list of markets"):
        fetch(DAILY, None, "binance", NOW)


def test_a_body_that_breaks_off_is_no_answer(site: BinanceSite) -> None:
    whole = site.data("", {"startTime": "0"}).body
    site.faults = [Answer(200, whole[:90]), Answer(200, whole[:90], missing=len(whole) - 90)]
    assert len(fetch(DAILY, None, "binance", NOW)) == 10


def test_waits_as_long_as_a_busy_exchange_asks(
    site: BinanceSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    site.faults = [Answer(429, b"{}", (("Retry-After", "7"),))]
    assert len(fetch(DAILY, None, "binance", NOW)) == 10
    assert 7.0 in waited


def test_leaves_an_exchange_alone_that_asks_for_a_long_pause(
    site: BinanceSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    site.always = Answer(418, b"{}", (("Retry-After", "3600"),))
    with pytest.raises(UnreachableError, match="wait, or choose another"):
        fetch(DAILY, None, "binance", NOW)
    assert len(site.asked) == 1


def test_leaves_it_alone_until_the_pause_is_over(
    site: BinanceSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = [1000.0]
    monkeypatch.setattr(public_exchange, "RATE_LIMITS", RateLimits(lambda: time[0]))
    site.faults = [Answer(418, b"{}", (("Retry-After", "3600"),))]
    for time[0] in (1000.0, 4599.0):
        with pytest.raises(UnreachableError, match="wait, or choose another"):
            fetch(DAILY, None, "binance", NOW)
    assert len(site.asked) == 1
    time[0] = 4600.0
    assert len(fetch(DAILY, None, "binance", NOW)) == 10


@pytest.mark.parametrize(
    ("answer", "pause"),
    [
        (
            Answer(418, b"{}", (("Retry-After", "31536000"),)),
            3 * 86_400.0,
        ),  # a year: what a proxy may say is bounded by the longest ban there is
        (
            Answer(418, b"{}"),
            120.0,
        ),  # a ban that does not say how long it is: the shortest there is
        (Answer(503, b"{}", (("Retry-After", "90"),)), 90.0),
        (Answer(429, b"{}", (("Retry-After", "soon"),)), 0.0),
    ],
)
def test_a_pause_is_what_it_is_for_orders(
    site: BinanceSite, monkeypatch: pytest.MonkeyPatch, answer: Answer, pause: float
) -> None:
    monkeypatch.setattr(public_exchange, "RATE_LIMITS", RateLimits(lambda: 1000.0))
    site.always = answer
    with pytest.raises(UnreachableError, match="wait, or choose another"):
        fetch(DAILY, None, "binance", NOW)
    assert public_exchange.RATE_LIMITS.seconds_left("binance") == pause
    assert len(site.asked) == (1 if pause else 4)


def test_connection_refused_is_unreachable(site: BinanceSite) -> None:
    site.port = closed_port()
    with pytest.raises(UnreachableError, match=r"binance: (ExchangeNotAvailable|NetworkError)"):
        fetch(DAILY, None, "binance", NOW)


def test_an_unknown_exchange_names_the_nearest(site: BinanceSite) -> None:
    with pytest.raises(DataError, match="'binanse' is unknown to ccxt; nearest: binance"):
        fetch(DAILY, None, "binanse", NOW)


def test_an_unlisted_market_names_the_nearest(site: BinanceSite) -> None:
    with pytest.raises(
        DataError, match="binance: has no spot market 'BTC/USDC'; nearest: BTC/USDT"
    ) as raised:
        fetch(DAILY._replace(market="BTC/USDC"), None, "binance", NOW)
    assert not isinstance(raised.value, UnreachableError)


def test_a_timeframe_that_is_not_offered_names_those_that_are(site: BinanceSite) -> None:
    with pytest.raises(DataError, match="kraken: has no 2h candles, only 1m, 5m, 15m"):
        fetch(DAILY._replace(timeframe="2h"), None, "kraken", NOW)


def test_a_request_the_exchange_refuses_is_not_repeated(site: BinanceSite) -> None:
    site.always = Answer(400, b'{"code": -1121, "msg": "Invalid symbol."}')
    with pytest.raises(DataError, match="Invalid symbol") as raised:
        fetch(DAILY, None, "binance", NOW)
    assert not isinstance(raised.value, UnreachableError)
    assert len(site.asked) == 1
