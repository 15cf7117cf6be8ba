"""Yahoo, Binance and FRED on 127.0.0.1, spoken to by the real clients: only the address they
connect to is changed.

All prices are made up. An address https://HOST/PATH is asked for as
http://127.0.0.1:PORT/HOST/PATH.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest


class Answer(NamedTuple):
    """What is sent back.

    `missing` bytes are announced and never come; `status` 0 closes the connection at once.
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    missing: int = 0


DROPPED = Answer(0)
PORTAL = Answer(200, b"<html><body>Please log in to the hotel's network</body></html>")
NOTHING = Answer(200, b"")
BROKEN = Answer(500, b"<html>Internal Server Error</html>")
BUSY = Answer(429, b"Too Many Requests")
GONE_WRONG = {
    "dropped": DROPPED,
    "html": PORTAL,
    "nothing": NOTHING,
    "braces": Answer(200, b"{}"),
    "brackets": Answer(200, b"[]"),
    "null": Answer(200, b"null"),
    "500": BROKEN,
    "503": Answer(503, b'{"message": "maintenance"}'),
    "429": BUSY,
}


class Site:
    """One service.

    `faults` are answered first, one a data request; `always` is answered to every data request.
    `headers` are those of every request.
    """

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.faults: list[Answer] = []
        self.always: Answer | None = None
        self.port = 0

    def answer(self, host: str, path: str, query: dict[str, str]) -> Answer:
        if not self.is_data(path):
            return self.other(host, path)
        self.asked.append(query)
        if self.faults:
            return self.faults.pop(0)
        return self.always or self.data(path, query)

    def is_data(self, path: str) -> bool:
        return True

    def other(self, host: str, path: str) -> Answer:
        return Answer(404, f"no {path} at {host}".encode())

    def data(self, path: str, query: dict[str, str]) -> Answer:
        raise NotImplementedError

    def moved(self, url: str) -> str:
        """The local address for `url`."""
        return (
            url if "127.0.0.1" in url else f"http://127.0.0.1:{self.port}/{url.split('://', 1)[1]}"
        )


class YahooSite(Site):
    """The chart service of Yahoo: `bars` are (time, open, high, low, close, adj_close, volume),
    seconds since 1970.
    """

    def __init__(self, symbol: str, zone: str, bars: list[tuple[Any, ...]]) -> None:
        super().__init__()
        self.symbol, self.zone, self.bars = symbol, zone, bars

    def is_data(self, path: str) -> bool:
        return "/v8/finance/chart/" in path

    def other(self, host: str, path: str) -> Answer:
        if path.endswith("/getcrumb"):
            return Answer(200, b"crumb")
        return Answer(404, b"", (("Set-Cookie", "A3=d; Path=/"),))

    def data(self, path: str, query: dict[str, str]) -> Answer:
        if unquote(path).rsplit("/", 1)[1] != self.symbol:
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return Answer(404, json.dumps({"chart": {"result": None, "error": error}}).encode())
        bars = [
            bar for bar in self.bars if int(query["period1"]) <= bar[0] <= int(query["period2"])
        ]
        columns = list(zip(*bars, strict=True)) or [()] * 7
        quote = dict(zip(("open", "high", "low", "close"), columns[1:5], strict=True)) | {
            "volume": columns[6]
        }
        result: dict[str, Any] = {
            "meta": {"symbol": self.symbol, "exchangeTimezoneName": self.zone}
        }
        result["indicators"] = {
            "quote": [quote if bars else {}],
            "adjclose": [{"adjclose": columns[5]} if bars else {}],
        }
        if bars:
            result["timestamp"] = columns[0]
            result["events"] = {
                "dividends": {str(bars[-1][0]): {"amount": 0.5, "date": bars[-1][0]}}
            }
        return Answer(200, json.dumps({"chart": {"result": [result], "error": None}}).encode())


class BinanceSite(Site):
    """The public spot endpoints of Binance: klines from `startTime` on, oldest first, at most
    `page` of them.
    """

    def __init__(self, candles: list[tuple[float, ...]], page: int = 1000) -> None:
        super().__init__()
        self.candles, self.page = candles, page
        self.markets = Answer(
            200, json.dumps({"symbols": [_symbol("BTC"), _symbol("ETH"), _symbol("SOL")]}).encode()
        )
        self.market_faults: list[Answer] = []

    def is_data(self, path: str) -> bool:
        return path.endswith("/klines")

    def other(self, host: str, path: str) -> Answer:
        if host == "api.binance.com" and path.endswith("/exchangeInfo"):
            return self.market_faults.pop(0) if self.market_faults else self.markets
        return Answer(500, f"{host} {path} is not for spot prices".encode())

    def data(self, path: str, query: dict[str, str]) -> Answer:
        wanted = [candle for candle in self.candles if candle[0] >= int(query["startTime"])]
        rows = [
            [int(row[0]), *(f"{price:.8f}" for price in row[1:6]), 0, "0", 1, "0", "0", "0"]
            for row in wanted[: self.page]
        ]
        return Answer(200, json.dumps(rows).encode())


class FredSite(Site):
    """FRED's CSV download: `values` by day, as text."""

    def __init__(self, series: dict[str, dict[str, str]]) -> None:
        super().__init__()
        self.series = series

    def data(self, path: str, query: dict[str, str]) -> Answer:
        name = query["id"]
        if name not in self.series:
            return Answer(404, b"<!DOCTYPE html><html><body>Not Found</body></html>")
        rows = [
            f"{day},{value}"
            for day, value in self.series[name].items()
            if day >= query.get("cosd", "")
        ]
        return Answer(200, "\n".join([f"observation_date,{name}", *rows, ""]).encode())


def _symbol(base: str) -> dict[str, Any]:
    return {
        "symbol": f"{base}USDT",
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": "USDT",
        "isSpotTradingAllowed": True,
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "filters": [],
    }


@contextmanager
def served(site: Site) -> Iterator[Site]:
    """`site`, listening on a free port of this machine until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            host, _, path = parts.path.lstrip("/").partition("/")
            site.headers.append(dict(self.headers.items()))
            answer = site.answer(host, f"/{path}", dict(parse_qsl(parts.query)))
            if not answer.status:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in (
                *answer.headers,
                ("Content-Length", str(len(answer.body) + answer.missing)),
                ("Connection", "close"),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        do_POST = do_GET

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.port = server.server_address[1]
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        try:
            yield site
        finally:
            server.shutdown()


def lead_requests_to(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the requests library (ccxt, FRED) connect to `site`, whatever host it is asked for: only
    then, so that ours still judges the host.
    """
    from requests.adapters import HTTPAdapter

    send = HTTPAdapter.send

    def redirected(self: Any, request: Any, *arguments: Any, **options: Any) -> Any:
        request.url = site.moved(request.url)
        return send(self, request, *arguments, **options)

    monkeypatch.setattr(HTTPAdapter, "send", redirected)
    lead_probes_to(site, monkeypatch)


def lead_yfinance_to(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make yfinance's own HTTP client connect to `site`, whatever host it is asked for."""
    from yfinance._http import requests

    request = requests.Session.request

    def redirected(self: Any, method: str, url: str, **options: Any) -> Any:
        return request(self, method, site.moved(url), **options)

    monkeypatch.setattr(requests.Session, "request", redirected)
    lead_probes_to(site, monkeypatch)


def lead_probes_to(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for `site`, whatever host is looked for before a download."""
    from brokers.prices import probe

    monkeypatch.setattr(probe, "_address", lambda url: ("127.0.0.1", site.port))


def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return int(server.server_address[1])
