"""Yahoo's answers, good and bad, through the real yfinance client and a local server.

Prices are made up.
"""

import json
from collections.abc import Iterator
from datetime import date

import pandas as pd
import pytest
from servers import BUSY, GONE_WRONG, Answer, YahooSite, closed_port, lead_yfinance_to, served
from tenacity import wait_none

from brokers.prices import yahoo
from brokers.prices.series import BAR_COLUMNS, DataError, Request, UnreachableError

RUSSELL = Request("^RUT", "session")
BITCOIN = Request("BTC-USD", "coin", "BTC/USDT")


def new_york(text: str) -> int:
    return int(pd.Timestamp(text, tz="America/New_York").timestamp())


def utc(text: str) -> int:
    return int(pd.Timestamp(text, tz="UTC").timestamp())


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[YahooSite]:
    """Three sessions: winter time, then summer time from 2024-03-11 on."""
    bars = [
        (new_york("2024-03-07 09:30"), 10.0, 12.0, 9.0, 11.0, 10.5, 100),
        (new_york("2024-03-08 09:30"), 11.0, 13.0, 10.0, 12.0, 11.5, 200),
        (new_york("2024-03-11 09:30"), 12.0, 14.0, 11.0, 13.0, 13.0, 300),
    ]
    monkeypatch.setattr(yahoo, "WAIT", wait_none())
    with served(YahooSite("^RUT", "America/New_York", bars)) as running:
        lead_yfinance_to(running, monkeypatch)
        yield running


def test_gives_a_row_a_session_under_its_date_with_both_closes(site: YahooSite) -> None:
    frame = yahoo.fetch(RUSSELL, None)
    assert list(frame.columns) == list(BAR_COLUMNS)
    assert frame.index.tolist() == [
        pd.Timestamp("2024-03-07"),
        pd.Timestamp("2024-03-08"),
        pd.Timestamp("2024-03-11"),
    ]
    assert frame.index.tz is None
    assert frame["close"].tolist() == [11.0, 12.0, 13.0]
    assert frame["adj_close"].tolist() == [10.5, 11.5, 13.0]
    assert frame.iloc[0].tolist() == [10.0, 12.0, 9.0, 11.0, 10.5, 100.0]


def test_asks_from_the_midnight_the_first_day_begins_with_where_it_is_traded(
    site: YahooSite,
) -> None:
    assert len(yahoo.fetch(RUSSELL, date(2024, 3, 8))) == 2
    assert int(site.asked[0]["period1"]) == new_york("2024-03-08")
    site.symbol, site.bars = "BTC-USD", [(utc("2024-03-08"), 1.0, 1.0, 1.0, 1.0, 1.0, 1)]
    yahoo.fetch(BITCOIN, date(2024, 3, 8))
    assert int(site.asked[-1]["period1"]) == utc("2024-03-08")


def test_gives_a_session_in_progress_as_one_row_under_its_date(site: YahooSite) -> None:
    site.bars.append((new_york("2024-03-12 13:07:42"), 13.0, 15.0, 12.0, 14.5, 14.5, 50))
    frame = yahoo.fetch(RUSSELL, None)
    assert frame.index[-1] == pd.Timestamp("2024-03-12")
    assert frame["close"].iloc[-1] == 14.5


def test_of_a_session_and_a_running_row_of_the_same_date_takes_the_later(site: YahooSite) -> None:
    site.bars.append((new_york("2024-03-11 16:00:01"), 12.0, 14.0, 11.0, 13.2, 13.2, 333))
    frame = yahoo.fetch(RUSSELL, None)
    assert len(frame) == 3
    assert frame.iloc[-1][["close", "volume"]].tolist() == [13.2, 333.0]


def test_a_running_row_without_a_price_does_not_replace_the_session(site: YahooSite) -> None:
    site.bars.append((new_york("2024-03-11 16:00:01"), None, None, None, None, None, 333))
    assert yahoo.fetch(RUSSELL, None)["close"].iloc[-1] == 13.0


def test_dates_a_coin_by_the_utc_day(site: YahooSite) -> None:
    site.symbol = "BTC-USD"
    site.bars = [
        (utc("2024-03-08"), 1.0, 2.0, 0.5, 1.5, 1.5, 7),
        (utc("2024-03-09 03:00:17"), 1.5, 2.0, 1.0, 1.8, 1.8, 3),
    ]
    assert yahoo.fetch(BITCOIN, None).index.tolist() == [
        pd.Timestamp("2024-03-08"),
        pd.Timestamp("2024-03-09"),
    ]


def test_leaves_out_last_rows_without_a_close_and_keeps_such_rows_inside(site: YahooSite) -> None:
    site.bars[1] = (site.bars[1][0], None, None, None, None, None, None)
    site.bars.append((new_york("2024-03-12 09:30"), None, None, None, None, None, 400))
    frame = yahoo.fetch(RUSSELL, None)
    assert frame.index[-1] == pd.Timestamp("2024-03-11")
    assert frame["close"].isna().tolist() == [False, True, False]


def test_takes_the_close_as_adjusted_where_yahoo_adjusts_nothing(site: YahooSite) -> None:
    plain = {"meta": {"symbol": "^RUT"}, "timestamp": [new_york("2024-03-07 09:30")]}
    quote = {"open": [1], "high": [2], "low": [1], "close": [2], "volume": [0]}
    site.always = Answer(
        200,
        json.dumps(
            {"chart": {"result": [plain | {"indicators": {"quote": [quote]}}], "error": None}}
        ).encode(),
    )
    assert yahoo.fetch(RUSSELL, None)["adj_close"].tolist() == [2.0]


@pytest.mark.parametrize("fault", GONE_WRONG.values(), ids=GONE_WRONG)
def test_asks_again_after_a_bad_answer(site: YahooSite, fault: Answer) -> None:
    # yfinance itself repeats an HTTP error once, with another kind of cookie.
    site.faults = [fault] * (2 if fault.status >= 400 else 1)
    assert len(yahoo.fetch(RUSSELL, None)) == 3


@pytest.mark.parametrize("fault", GONE_WRONG.values(), ids=GONE_WRONG)
def test_gives_up_on_bad_answers_after_four_attempts_and_says_what_to_do(
    site: YahooSite, fault: Answer
) -> None:
    site.always = fault
    with pytest.raises(
        UnreachableError,
        match=r"Yahoo: no usable response for \^RUT: .*; try again later, or set prices.source",
    ):
        yahoo.fetch(RUSSELL, None)
    assert len(site.asked) == (8 if fault.status >= 400 else 4)


def test_a_crumb_that_yahoo_no_longer_takes_is_renewed(
    site: YahooSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cookie and crumb are kept for the life of the process; of a year's process they expire."""
    valid = ["first"]

    def answer(host: str, path: str, query: dict[str, str]) -> Answer:
        if path.endswith("/getcrumb"):
            return Answer(200, valid[-1].encode())
        if site.is_data(path) and query.get("crumb") != valid[-1]:
            return Answer(401, b"Invalid Crumb")
        return YahooSite.answer(site, host, path, query)

    monkeypatch.setattr(site, "answer", answer)
    yahoo._client.cache_clear()
    assert len(yahoo.fetch(RUSSELL, None)) == 3
    valid.append("second")
    assert len(yahoo.fetch(RUSSELL, None)) == 3


def test_asks_until_the_instant_it_is_given_and_not_by_the_machines_clock(site: YahooSite) -> None:
    """The clock of a machine may be days behind: a session gives the exchange's time."""
    last = pd.Timestamp("2024-03-09", tz="UTC")
    assert yahoo.fetch(RUSSELL, None, last).index[-1] == pd.Timestamp("2024-03-08")
    ahead = pd.Timestamp("2090-03-09", tz="UTC")
    yahoo.fetch(RUSSELL, None, ahead)
    assert int(site.asked[-1]["period2"]) == int(ahead.timestamp()) + 86_400


def test_names_the_rate_limit(site: YahooSite) -> None:
    site.always = BUSY
    with pytest.raises(UnreachableError, match="too many requests"):
        yahoo.fetch(RUSSELL, None)


def test_a_body_that_breaks_off_is_no_answer(site: YahooSite) -> None:
    whole = site.data("/v8/finance/chart/^RUT", {"period1": "0", "period2": "9999999999"}).body
    site.faults = [Answer(200, whole[:200]), Answer(200, whole[:200], missing=len(whole) - 200)]
    assert len(yahoo.fetch(RUSSELL, None)) == 3
    assert len(site.asked) == 3


def test_columns_of_unequal_length_are_no_answer(site: YahooSite) -> None:
    whole = json.loads(
        site.data("/v8/finance/chart/^RUT", {"period1": "0", "period2": "9999999999"}).body
    )
    whole["chart"]["result"][0]["indicators"]["quote"][0]["close"].pop()
    site.faults = [Answer(200, json.dumps(whole).encode())]
    assert len(yahoo.fetch(RUSSELL, None)) == 3


def test_connection_refused_is_unreachable(site: YahooSite) -> None:
    site.port = closed_port()
    with pytest.raises(UnreachableError, match=r"Failed to connect to 127\.0\.0\.1"):
        yahoo.fetch(RUSSELL, None)


def test_an_unknown_symbol_is_named_and_not_asked_for_again(site: YahooSite) -> None:
    with pytest.raises(DataError, match=r"has no symbol '\^RUTT' .*look it up") as raised:
        yahoo.fetch(Request("^RUTT", "session"), None)
    assert not isinstance(raised.value, UnreachableError)
    assert len(site.asked) == 2


@pytest.mark.parametrize("status", [401, 500])
def test_a_refusal_for_everybody_says_nothing_about_the_symbol(
    site: YahooSite, status: int
) -> None:
    error = {"code": "Not Found", "description": "the database is down"}
    site.always = Answer(status, json.dumps({"chart": {"result": None, "error": error}}).encode())
    with pytest.raises(UnreachableError, match=f"HTTP {status}"):
        yahoo.fetch(RUSSELL, None)


def test_a_known_symbol_without_prices_in_the_days_asked_for_is_an_error(site: YahooSite) -> None:
    with pytest.raises(DataError, match=r"no daily price of \^RUT") as raised:
        yahoo.fetch(RUSSELL, date(2025, 1, 1))
    assert not isinstance(raised.value, UnreachableError)


def test_refuses_intraday_bars(site: YahooSite) -> None:
    with pytest.raises(DataError, match=r'BTC-USD 1h is intraday.*"exchange"'):
        yahoo.fetch(BITCOIN._replace(timeframe="1h"), None)
    assert not site.asked


def test_every_request_is_limited_in_time(site: YahooSite, monkeypatch: pytest.MonkeyPatch) -> None:
    from yfinance._http import requests

    limits = []
    request = requests.Session.request

    def noted(self: object, method: str, url: str, **options: object) -> object:
        limits.append(options["timeout"])
        return request(self, method, url, **options)

    monkeypatch.setattr(requests.Session, "request", noted)
    yahoo.fetch(RUSSELL, None)
    assert len(limits) > 1  # the cookie's and the crumb's too
    assert set(limits) == {yahoo.TIMEOUT}


def test_writes_no_file_of_its_own(site: YahooSite) -> None:
    from yfinance import cache

    yahoo.fetch(RUSSELL, None)
    assert cache._CookieDBManager._db is None
    assert cache._TzDBManager._db is None
