"""Alpaca's market data, good and bad, through the real requests and a local server."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from servers import BUSY, DROPPED, GONE_WRONG, Answer, Site, lead_requests_to, served
from tenacity import wait_none

from brokers.prices import alpaca, web
from brokers.prices.series import BAR_COLUMNS, DataError, Request, UnreachableError

IWM = Request("IWM", "session")
KEYS = ("PKTESTKEY", "s3cr3t-of-the-key")
# Midnight in New York: five hours behind UTC in winter, four in summer.
BARS = {"2024-03-07T05:00:00Z": 10.0, "2024-03-08T05:00:00Z": 11.0, "2024-03-11T04:00:00Z": 12.0}
DIVIDEND = {"split": 1.0, "all": 0.5}


class DataApi(Site):
    """Bars of one fund, `page` of them at a time; with dividends closes are half."""

    def __init__(self, page: int = 2) -> None:
        super().__init__()
        self.page = page
        self.hosts: list[str] = []

    def answer(self, host: str, path: str, query: dict[str, str]) -> Answer:
        self.hosts.append(host)
        return super().answer(host, path, query)

    def data(self, path: str, query: dict[str, str]) -> Answer:
        assert path == "/v2/stocks/bars"
        times = [time for time in BARS if time >= query["start"]]
        begin = int(query.get("page_token", "0"))
        chosen = times[begin : begin + self.page] if query["symbols"] == "IWM" else []
        more = str(begin + self.page) if begin + self.page < len(times) else None
        rows = [row(time, BARS[time] * DIVIDEND[query["adjustment"]]) for time in chosen]
        bars = {query["symbols"]: rows} if rows else {}
        return Answer(200, json.dumps({"bars": bars, "next_page_token": more}).encode())


def row(time: str, close: float) -> dict[str, Any]:
    numbers = {"o": close, "h": close + 1.0, "l": close - 1.0, "c": close, "v": 1000, "n": 1}
    return {"t": time, "vw": close, **numbers}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[DataApi]:
    monkeypatch.setattr(web, "WAIT", wait_none())
    with served(DataApi()) as running:
        lead_requests_to(running, monkeypatch)
        assert isinstance(running, DataApi)
        yield running


def test_all_pages_are_read_with_and_without_dividends_by_the_dates_of_new_york(
    site: DataApi,
) -> None:
    frame = alpaca.fetch(IWM, None, KEYS)
    assert tuple(frame.columns) == BAR_COLUMNS
    assert [str(day.date()) for day in frame.index] == ["2024-03-07", "2024-03-08", "2024-03-11"]
    assert frame["close"].tolist() == [10.0, 11.0, 12.0]
    assert frame["adj_close"].tolist() == [5.0, 5.5, 6.0]
    assert frame["high"].tolist() == [11.0, 12.0, 13.0]
    assert [query.get("page_token") for query in site.asked] == [None, "2", None, "2"]
    assert {query["start"] for query in site.asked} == {"2016-01-01"}


def test_the_keys_go_to_the_market_data_alone(site: DataApi) -> None:
    alpaca.fetch(IWM, date(2024, 3, 8), KEYS)
    assert set(site.hosts) == {"data.alpaca.markets"}
    for headers in site.headers:
        assert (headers["APCA-API-KEY-ID"], headers["APCA-API-SECRET-KEY"]) == KEYS
    assert {query["start"] for query in site.asked} == {"2024-03-08"}
    site.hosts.clear()
    site.always = Answer(307, headers=(("Location", "https://evil.example.com/v2/stocks/bars"),))
    with pytest.raises(UnreachableError):
        alpaca.fetch(IWM, None, KEYS)
    assert set(site.hosts) == {"data.alpaca.markets"}


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Answer(401), DataError, "RUSSELL_GATE_ALPACA_KEY"),
        (Answer(403, b'{"message": "forbidden"}'), DataError, "what they may read"),
        (Answer(404), DataError, "has no symbol 'IWM'"),
        (Answer(422), DataError, "has no symbol 'IWM'"),
        (Answer(200, b'{"bars": {}, "next_page_token": null}'), DataError, "no bar of 'IWM'"),
        (Answer(200, b'{"bars": {"IWM": [{"t": "2024-03-07"}]}}'), UnreachableError, "lacks"),
        (Answer(200, b'{"bars": [1]}'), UnreachableError, "without bars"),
        *[
            (GONE_WRONG[name], UnreachableError, "no usable response for IWM")
            for name in ("dropped", "html", "nothing", "brackets", "null", "500", "429")
        ],
    ],
)
def test_each_failure_has_its_class_and_remedy_and_no_key(
    site: DataApi, fault: Answer, kind: type[DataError], words: str
) -> None:
    site.always = fault
    with pytest.raises(DataError, match=words) as caught:
        alpaca.fetch(IWM, None, KEYS)
    assert isinstance(caught.value, UnreachableError) == (kind is UnreachableError)
    assert not any(key in str(caught.value) for key in KEYS)


def test_what_may_pass_is_asked_for_again(site: DataApi) -> None:
    site.faults = [BUSY, Answer(503), DROPPED]
    assert len(alpaca.fetch(IWM, None, KEYS)) == 3


def test_pages_without_end_are_given_up(site: DataApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alpaca, "PAGES", 3)
    bars = {"bars": {"IWM": [row("2024-03-07T05:00:00Z", 1.0)]}, "next_page_token": "again"}
    site.always = Answer(200, json.dumps(bars).encode())
    with pytest.raises(UnreachableError, match="more than 3 pages"):
        alpaca.fetch(IWM, None, KEYS)


@pytest.mark.parametrize(
    "request_", [Request("^RUT", "session"), Request("BTC-USD", "coin"), Request("WALCL", "macro")]
)
def test_what_it_has_not_is_not_asked_for(site: DataApi, request_: Request) -> None:
    with pytest.raises(DataError, match="only US funds and shares"):
        alpaca.fetch(request_, None, KEYS)
    assert site.asked == []


def test_its_keys_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="RUSSELL_GATE_ALPACA_SECRET are not set"):
        alpaca.keys()
    monkeypatch.setenv("RUSSELL_GATE_ALPACA_KEY", KEYS[0])
    with pytest.raises(DataError, match="RUSSELL_GATE_ALPACA_SECRET is not set"):
        alpaca.keys()
    monkeypatch.setenv("RUSSELL_GATE_ALPACA_SECRET", KEYS[1])
    assert alpaca.keys() == KEYS
