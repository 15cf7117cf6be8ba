"""Yahoo's chart service as a site of the test internet, for the real yfinance client.

All prices are made up.
"""

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pandas as pd

from tests.exchange.proxy import Answer, Asked, Internet

HOSTS = ("query1.finance.yahoo.com", "query2.finance.yahoo.com", "fc.yahoo.com")
NEW_YORK, UTC = ZoneInfo("America/New_York"), ZoneInfo("UTC")
Bar = tuple[int, int, tuple[Any, ...]]  # beginning and end in epoch seconds, values
CHART = "/v8/finance/chart/"


class YahooSite:
    """Charts by symbol.

    `frames` have one row a date (naive midnight) and the columns open, high, low, close, adj_close,
    volume; a symbol of the form COIN-USD has UTC days, any other has sessions of New York. Rows
    whose session or day has begun by `now()` are shown; one in progress is stamped now, as Yahoo
    does. With `ignores_end` rows after the end that was asked for are sent too. `faults` are
    answered to the next charts asked for, `always` to every one, `for_symbol` to those of a symbol.
    """

    def __init__(
        self, frames: Mapping[str, pd.DataFrame], now: Callable[[], float] = time.time
    ) -> None:
        self.frames, self.now = dict(frames), now
        self.ignores_end = False
        self.faults: list[Answer] = []
        self.always: Answer | None = None
        self.for_symbol: dict[str, Answer] = {}
        self.charts = 0
        self._bars: dict[str, tuple[pd.DataFrame, list[Bar]]] = {}

    def registered(self, internet: Internet) -> "YahooSite":
        """This site, at all of Yahoo's hosts that yfinance asks."""
        internet.sites |= dict.fromkeys(HOSTS, self)
        return self

    def answer(self, asked: Asked) -> Answer:
        if asked.path.endswith("/getcrumb"):
            return Answer(200, b"crumb")
        if not asked.path.startswith(CHART):
            return Answer(404, b"", (("Set-Cookie", "A3=d; Path=/; Domain=.yahoo.com"),))
        self.charts += 1
        symbol = unquote(asked.path.removeprefix(CHART))
        if self.faults:
            return self.faults.pop(0)
        return self.for_symbol.get(symbol) or self.always or self._chart(symbol, asked.query)

    def _chart(self, symbol: str, query: Mapping[str, str]) -> Answer:
        if symbol not in self.frames:
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return _said({"chart": {"result": None, "error": error}}, 404)
        zone = _zone(symbol)
        rows = self._rows(symbol, zone, int(query["period1"]), int(query["period2"]))
        stamps = [stamp for stamp, _ in rows]
        opened, high, low, close, adjusted, volume = (
            zip(*(row for _, row in rows), strict=True) if rows else ((),) * 6
        )
        quote = {"open": opened, "high": high, "low": low, "close": close, "volume": volume}
        result: dict[str, Any] = {"meta": {"symbol": symbol, "exchangeTimezoneName": str(zone)}}
        result["indicators"] = {
            "quote": [quote if rows else {}],
            "adjclose": [{"adjclose": adjusted}] if rows else [{}],
        }
        if rows:
            result["timestamp"] = stamps
        return _said({"chart": {"result": [result], "error": None}})

    def _rows(
        self, symbol: str, zone: ZoneInfo, first: int, last: int
    ) -> list[tuple[int, tuple[Any, ...]]]:
        now = int(self.now())
        bars = (
            (now if begins <= now < ends else begins, ends, row)
            for begins, ends, row in self._stamped(symbol, zone)
            if begins <= now
        )
        return [
            (stamp, row) for stamp, _, row in bars if first <= stamp <= last or self.ignores_end
        ]

    def _stamped(self, symbol: str, zone: ZoneInfo) -> list[Bar]:
        """Every row's bar; worked out once for a frame."""
        frame = self.frames[symbol]
        if symbol not in self._bars or self._bars[symbol][0] is not frame:
            values = (
                frame[["open", "high", "low", "close", "adj_close", "volume"]]
                .astype(object)
                .where(frame.notna(), None)
            )
            rows = zip(frame.index, values.itertuples(index=False, name=None), strict=True)
            self._bars[symbol] = (
                frame,
                [(*_span(day.to_pydatetime(), zone), row) for day, row in rows],
            )
        return self._bars[symbol][1]


def _zone(symbol: str) -> ZoneInfo:
    return UTC if symbol.endswith("-USD") else NEW_YORK


def _span(day: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """Beginning and end of a day's row in epoch seconds: New York trades from 9:30 to 16:00."""
    midnight = day.replace(tzinfo=zone)
    if zone is UTC:
        return int(midnight.timestamp()), int((midnight + timedelta(days=1)).timestamp())
    return int(midnight.replace(hour=9, minute=30).timestamp()), int(
        midnight.replace(hour=16).timestamp()
    )


def _said(content: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(content).encode(), (("Content-Type", "application/json"),))
