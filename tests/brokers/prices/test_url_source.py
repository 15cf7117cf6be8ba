"""An address of the user's: what is asked for, what is read, and what never leaves this machine."""

import base64
import gzip
import re
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from servers import BUSY, DROPPED, PORTAL, Answer, Site, closed_port, lead_requests_to, served
from tenacity import wait_none

from brokers.prices import url_source, web
from brokers.prices.series import DataError, Request, UnreachableError
from brokers.prices.url_source import Endpoint, fill
from config.settings import load
from tests.scenes import REAL, realdata

IWM = Request("IWM", "session")
NOW = pd.Timestamp("2024-01-04 22:00", tz="UTC")
CSV = b"Date,Open,High,Low,Close,Volume\n2024-01-02,1,2,1,2,10\n2024-01-03,2,3,2,3,20\n"
KEY = "s3cr3t-k3y"


class Vendor(Site):
    """Answers CSV, whatever is asked for."""

    hosts: list[str]

    def __init__(self) -> None:
        super().__init__()
        self.hosts, self.paths = [], list[str]()

    def answer(self, host: str, path: str, query: dict[str, str]) -> Answer:
        self.hosts.append(host)
        self.paths.append(path)
        return super().answer(host, path, query)

    def data(self, path: str, query: dict[str, str]) -> Answer:
        return Answer(200, CSV)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Vendor]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(web, "WAIT", wait_none())
    with served(Vendor()) as running:
        lead_requests_to(running, monkeypatch)
        assert isinstance(running, Vendor)
        yield running


def place(template: str, header: str = "") -> Endpoint:
    name, _, value = header.partition(": ")
    return Endpoint(template, {name: value} if header else {}, {})


QUERY = "https://prices.example.org/d/?s={symbol}&d1={start:%Y%m%d}&d2={end}&apikey=" + KEY


def test_the_rows_of_the_body_are_read_by_the_reader_of_files(site: Vendor) -> None:
    rows = url_source.fetch(IWM, date(2024, 1, 2), NOW, place(QUERY, "X-Api-Key: " + KEY))
    assert rows.frame["close"].tolist() == [2.0, 3.0]
    assert [f"{day:%Y-%m-%d}" for day in rows.frame.index] == ["2024-01-02", "2024-01-03"]
    assert site.asked == [{"s": "IWM", "d1": "20230708", "d2": "2024-01-04", "apikey": KEY}]
    assert site.headers[0]["X-Api-Key"] == KEY
    assert site.hosts == ["prices.example.org"]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("https://x.org/{symbol}.csv", "https://x.org/%5ERUT.csv"),
        ("https://x.org/{symbol}?a={start}", "https://x.org/%5ERUT?a=1980-01-01"),
        ("https://x.org/{symbol}?b={end:%d.%m.%Y}", "https://x.org/%5ERUT?b=04.01.2024"),
        ("https://x.org/{symbol}?b={end:epoch}", f"https://x.org/%5ERUT?b={86_400 * 19_726}"),
    ],
)
def test_placeholders_are_filled(template: str, expected: str) -> None:
    assert fill(template, "^RUT", None, NOW) == expected


@realdata
@pytest.mark.parametrize("name", ["SHY", "IEF", "TLT", "LQD", "SPY"])
def test_newer_rows_without_a_header_are_enough_to_tell_their_columns(
    name: str, site: Vendor
) -> None:
    """Bonds open far from the close before more often than others: ten rows say too little."""
    bars = pd.read_csv(REAL / f"daily/{name}.csv", index_col=0, parse_dates=True)
    columns = ["Open", "High", "Low", "Close", "Volume"]
    closes = bars["Close"].rename_axis(None)
    for last in bars.index[-3000::30]:
        now = last.tz_localize("UTC") + pd.Timedelta(hours=22)
        start = bars.index[bars.index.get_loc(last) - 9].date()
        url_source.fetch(IWM, start, now, place(QUERY))
        rows = bars.loc[site.asked[-1]["d1"] : last, columns]
        site.always = Answer(200, rows.to_csv(header=False).encode())
        frame = url_source.fetch(IWM, start, now, place(QUERY)).frame
        assert frame["close"].equals(closes[rows.index]), last
        site.always = None


def test_a_form_that_is_none_of_a_date_is_refused() -> None:
    with pytest.raises(DataError, match=re.escape("{start:%Y%m%d}")):
        fill("https://x.org/{symbol}?a={start:%}", "IWM", None, NOW)


def test_a_symbol_may_have_another_name_there(site: Vendor) -> None:
    url_source.fetch(IWM, None, NOW, place(QUERY)._replace(names={"IWM": "iwm.us"}))
    assert site.asked[0]["s"] == "iwm.us"


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Answer(401), DataError, "check the key in RUSSELL_GATE_PRICES_URL"),
        (Answer(403), DataError, "check the key in RUSSELL_GATE_PRICES_URL"),
        (Answer(404), DataError, "prices.url_names"),
        (Answer(400), DataError, "prices.url_names"),
        (BUSY, UnreachableError, "HTTP 429"),
        (Answer(502), UnreachableError, "HTTP 502"),
        (PORTAL, UnreachableError, "a page instead of CSV"),
        (DROPPED, UnreachableError, "no usable response of prices.example.org"),
        (Answer(200, b"limit reached for " + KEY.encode()), UnreachableError, "no usable response"),
        (Answer(200, CSV, missing=100), UnreachableError, "no usable response"),
        (Answer(200, b""), UnreachableError, "no usable response"),
    ],
)
def test_each_failure_has_its_class_and_remedy_and_no_key(
    site: Vendor, fault: Answer, kind: type[DataError], words: str
) -> None:
    site.always = fault
    with pytest.raises(DataError, match=re.escape(words)) as caught:
        url_source.fetch(IWM, None, NOW, place(QUERY, "Authorization: Bearer " + KEY))
    assert type(caught.value) is kind or issubclass(type(caught.value), kind)
    assert isinstance(caught.value, UnreachableError) == (kind is UnreachableError)
    assert KEY not in str(caught.value) and "apikey" not in str(caught.value)


def test_what_went_wrong_is_said_without_the_address() -> None:
    with pytest.raises(web.NoAnswerError) as caught:
        web.get(f"http://127.0.0.1:{closed_port()}/daily/{KEY}?apikey={KEY}")
    assert str(caught.value) == "ConnectionError: Connection refused"


def test_what_may_pass_is_asked_for_again(site: Vendor) -> None:
    site.faults = [BUSY, Answer(503), DROPPED]
    assert len(url_source.fetch(IWM, None, NOW, place(QUERY)).frame) == 2
    assert len(site.asked) == 4


def test_a_refusal_is_not_repeated_and_a_long_pause_not_waited_for(site: Vendor) -> None:
    for fault in (Answer(403), Answer(429, headers=(("Retry-After", "3600"),))):
        site.asked.clear()
        site.always = fault
        with pytest.raises(DataError):
            url_source.fetch(IWM, None, NOW, place(QUERY))
        assert len(site.asked) == 1


def test_a_redirect_is_followed_on_the_same_host_alone(site: Vendor) -> None:
    there = (("Location", "/other/IWM.csv"),)
    site.faults = [Answer(302, headers=there)]
    assert len(url_source.fetch(IWM, None, NOW, place(QUERY, "X-Key: " + KEY)).frame) == 2
    assert site.paths[-1].endswith("/other/IWM.csv")
    asked = len(site.hosts)
    for location in ("https://evil.example.com/x", "http://prices.example.org/x", "//evil.org/"):
        site.faults = [Answer(307, headers=(("Location", location),))]
        with pytest.raises(DataError, match="keys go to no other"):
            url_source.fetch(IWM, None, NOW, place(QUERY, "X-Key: " + KEY))
        asked += 1
        assert len(site.hosts) == asked and "evil" not in "".join(site.hosts)


def test_a_redirect_keeps_the_login_of_the_address_and_takes_none_from_the_answer(
    site: Vendor,
) -> None:
    secret = place(QUERY.replace("https://", "https://joe:p%40ss@"), "X-Key: " + KEY)
    for location in (
        "/other/IWM.csv",
        "IWM.csv",
        "https://prices.example.org/other/IWM.csv",
        "https://prices.example.org:443/IWM.csv",
        "https://eve:x@prices.example.org/IWM.csv",
    ):
        site.faults = [Answer(302, headers=(("Location", location),))]
        assert len(url_source.fetch(IWM, None, NOW, secret).frame) == 2, location
        assert site.headers[-1]["Authorization"] == "Basic am9lOnBAc3M="
        assert site.headers[-1]["X-Key"] == KEY
    asked = len(site.hosts)
    for location in ("https://evil.example.com/x", "https://joe:p%40ss@evil.org/", "//evil.org/"):
        site.faults = [Answer(307, headers=(("Location", location),))]
        with pytest.raises(DataError, match="sends on to another host") as caught:
            url_source.fetch(IWM, None, NOW, secret)
        assert KEY not in str(caught.value) and "p@ss" not in str(caught.value)
        asked += 1
        assert len(site.hosts) == asked, "nothing was sent there"


def test_a_redirect_that_leads_nowhere_is_one_message(site: Vendor) -> None:
    for location, words in (
        ("https://[x", "Invalid IPv6 URL"),
        ("https://prices.example.org:99999/", "what is no address"),
        ("https://prices.example.org:8443/", "another port or protocol (https, port 8443)"),
        ("http://prices.example.org/", "another port or protocol (http, port 80)"),
        ("ftp://prices.example.org/", "another port or protocol"),
        ("", "HTTP 302"),
    ):
        site.always = Answer(302, headers=(("Location", location),))
        with pytest.raises(DataError, match=re.escape(words)):
            url_source.fetch(IWM, None, NOW, place(QUERY))
    site.always = Answer(302, headers=(("Location", "/again"),))
    with pytest.raises(DataError, match="sends IWM on more than 3 times"):
        url_source.fetch(IWM, None, NOW, place(QUERY))


def test_http_may_lead_to_https_of_the_same_host(site: Vendor) -> None:
    open_address = "http://prices.example.org/d/?s={symbol}"
    site.faults = [Answer(301, headers=(("Location", "https://prices.example.org/d/"),))]
    assert len(url_source.fetch(IWM, None, NOW, place(open_address)).frame) == 2


def test_what_a_redirect_is_followed_with_can_be_no_secret() -> None:
    with pytest.raises(ValueError, match="without headers and login"):
        web.get("http://127.0.0.1:1/", follow=True, headers={"X-Key": KEY})
    with pytest.raises(ValueError, match="without headers and login"):
        web.get("http://127.0.0.1:1/", follow=True, login=("joe", KEY))


def test_a_login_of_any_script_goes_in_utf_8(site: Vendor) -> None:
    for login in ("joe:\u043f\u0430\u0440\u00e9", "joe:%D0%BF%D0%B0%D1%80%C3%A9"):
        url_source.fetch(IWM, None, NOW, place(QUERY.replace("https://", f"https://{login}@")))
        sent = site.headers[-1]["Authorization"].removeprefix("Basic ")
        assert base64.b64decode(sent).decode("utf-8") == "joe:\u043f\u0430\u0440\u00e9"


def test_letters_of_any_script_are_asked_for_in_utf_8(site: Vendor) -> None:
    address = "https://prices.example.org/\u0446\u0435\u043d\u044b/{symbol}?s=\u20ac&k=a b"
    url_source.fetch(IWM, None, NOW, place(address))
    assert site.paths[-1] == "/%D1%86%D0%B5%D0%BD%D1%8B/IWM"
    assert site.asked[-1] == {"s": "\u20ac", "k": "a b"}


@contextmanager
def dripping(beginning: bytes, drop: bytes) -> Iterator[tuple[int, threading.Event]]:
    """A port that answers `beginning` and then `drop` again and again until its client goes.

    The event says that the client has gone.
    """
    gone = threading.Event()

    def drip(client: socket.socket) -> None:
        with client:
            client.recv(65_536)
            try:
                client.sendall(beginning)
                while True:
                    client.sendall(drop)
                    time.sleep(0.02)
            except OSError:
                gone.set()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: drip(server.accept()[0]), daemon=True)
        thread.start()
        yield server.getsockname()[1], gone


@pytest.mark.parametrize(
    ("beginning", "drop"),
    [
        (b"", b""),  # nothing at all
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),  # a header that never ends
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        # What follows the body, of a connection that http.client no longer knows.
        (
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            b"X: y\r\n",
        ),
    ],
)
def test_an_answer_that_comes_drop_by_drop_is_given_up_as_a_whole(
    beginning: bytes, drop: bytes
) -> None:
    with dripping(beginning, drop) as (port, gone):
        with pytest.raises(web.NoAnswerError, match=r"no complete response within 0\.3 s"):
            web.get(f"http://127.0.0.1:{port}/{KEY}", within=0.3)
        if drop:
            assert gone.wait(30.0), "the connection is closed, and nobody reads on"


def test_a_connection_that_opens_only_after_its_time_is_closed_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As with a slow look-up of the host: until then there is nothing to close."""
    given_up, look_up = threading.Event(), socket.getaddrinfo

    def look_up_slowly(*arguments: Any, **options: Any) -> Any:
        assert given_up.wait(30.0)
        return look_up(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_slowly)
    with dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x") as (port, gone):
        with pytest.raises(web.NoAnswerError, match="no complete response"):
            web.get(f"http://127.0.0.1:{port}/", within=0.2)
        given_up.set()
        assert gone.wait(30.0), "the connection is closed, and nobody reads on"


@contextmanager
def saying(answer: bytes) -> Iterator[int]:
    """The port of a server that answers these bytes and closes the connection."""

    def say(client: socket.socket) -> None:
        with client:
            client.recv(65_536)
            client.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: say(server.accept()[0]), daemon=True).start()
        yield server.getsockname()[1]


def compressed(body: bytes, window: int) -> bytes:
    packer = zlib.compressobj(wbits=window)
    return packer.compress(body) + packer.flush()


ROWS = b"".join(b"2024-01-%02d,%d.25\n" % (day, day * day) for day in range(1, 29))
PACKED = [
    ("gzip", gzip.compress(ROWS)),
    ("x-gzip", gzip.compress(ROWS)),
    ("gzip", gzip.compress(ROWS[:99]) + gzip.compress(ROWS[99:])),
    ("gzip, deflate", compressed(gzip.compress(ROWS), zlib.MAX_WBITS)),
    ("deflate", compressed(ROWS, zlib.MAX_WBITS)),
    ("deflate", compressed(ROWS, -zlib.MAX_WBITS)),
]


@pytest.mark.parametrize(("encoding", "body"), PACKED)
def test_a_compressed_answer_that_is_cut_off_is_none(encoding: str, body: bytes) -> None:
    """Without a length nothing else says so: half a history would be taken for all of it."""
    header = (
        f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nConnection: close\r\n\r\n".encode()
    )
    with saying(header + body) as port:
        assert web.get(f"http://127.0.0.1:{port}/").body == ROWS
    for size in (len(body) // 2, len(body) - 1):
        with saying(header + body[:size]) as port, pytest.raises(web.NoAnswerError, match="cut"):
            web.get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("encoding", "body", "words"),
    [
        ("br", b"x" * 20, "compressed by br; gzip, deflate can be read"),
        ("gzip", ROWS, "is no gzip"),
        ("deflate", ROWS, "is no deflate"),
        ("gzip", gzip.compress(bytes(web.LARGEST + 1)), "more than 64 MB"),
    ],
)
def test_a_compressed_answer_that_cannot_be_read_is_none(
    encoding: str, body: bytes, words: str
) -> None:
    header = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n\r\n".encode()
    with (
        saying(header + body) as port,
        pytest.raises(web.NoAnswerError, match=words),
    ):
        web.get(f"http://127.0.0.1:{port}/")


def test_user_and_password_go_as_basic_authentication_and_nothing_comes_from_netrc(
    site: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login other password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    url_source.fetch(IWM, None, NOW, place(QUERY, "Authorization: Bearer abc"))
    assert site.headers[-1]["Authorization"] == "Bearer abc"
    url_source.fetch(IWM, None, NOW, place(QUERY.replace("https://", "https://joe:p%40ss@")))
    assert site.headers[-1]["Authorization"] == "Basic am9lOnBAc3M="  # joe:p@ss
    url_source.fetch(IWM, None, NOW, place(QUERY))
    assert "Authorization" not in site.headers[-1]


def test_an_answer_that_is_too_large_is_given_up(
    site: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "LARGEST", 20)
    with pytest.raises(UnreachableError, match="a response of more than"):
        url_source.fetch(IWM, None, NOW, place(QUERY))


def test_the_address_comes_from_the_environment_and_names_a_folder_of_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="RUSSELL_GATE_PRICES_URL is not set"):
        url_source.endpoint_of(load())
    monkeypatch.setenv("RUSSELL_GATE_PRICES_URL", QUERY)
    one = url_source.endpoint_of(load())
    assert (one.host, one.template) == ("prices.example.org", QUERY)
    monkeypatch.setenv("RUSSELL_GATE_PRICES_URL", QUERY.replace("/d/", "/w/"))
    assert re.fullmatch(r"url-[0-9a-f]{8}", one.cache_name)
    assert url_source.endpoint_of(load()).cache_name != one.cache_name
    monkeypatch.setenv("RUSSELL_GATE_PRICES_URL", "https://x.org/" + KEY)
    with pytest.raises(DataError, match=r"no \{symbol\}") as caught:
        url_source.endpoint_of(load())
    assert KEY not in str(caught.value)


def test_hourly_bars_are_not_read_there(site: Vendor) -> None:
    with pytest.raises(DataError, match="is intraday"):
        url_source.fetch(Request("BTC-USD", "coin", "BTC/USDT", "1h"), None, NOW, place(QUERY))
    assert site.hosts == []
