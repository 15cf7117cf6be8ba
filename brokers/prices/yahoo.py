"""Daily bars from Yahoo, through yfinance.

Asked with yfinance's client (its cookies, crumb, consent page and browser fingerprint) but read
here: `yf.download` returns an empty frame on a rate limit, an outage and a lost connection alike,
and `Ticker.history` caches a failed response and returns it to every retry.
"""

import logging
import os
import time
from datetime import date
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pandas as pd
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from brokers.prices.series import (
    BAR_COLUMNS,
    DataError,
    Request,
    UnreachableError,
    other_source,
)

# yfinance's own; a test compares the two, as importing yfinance takes half a second.
URL = "https://query2.finance.yahoo.com"
TIMEOUT = 10.0  # seconds for one response, its last byte included
# An attempt is two or three requests: under a minute in all.
STOP = stop_after_attempt(4) | stop_after_delay(15)
WAIT = wait_random_exponential(multiplier=1, max=5)
ZONES = {"session": ZoneInfo("America/New_York"), "coin": ZoneInfo("UTC")}
DAY = 86_400
# Seconds before now of "everything"; Yahoo accepts negative times.
LONGEST = 99 * 366 * DAY


def fetch(request: Request, start: date | None, now: pd.Timestamp | None = None) -> pd.DataFrame:
    """Daily bars of `request.symbol` from `start` (None: all there are) until `now`.

    `now` is UTC, the machine's clock unless given: that may be wrong.

    Returns
    -------
    One row a day: index naive midnight of the US session's or UTC day, columns `BAR_COLUMNS`. Close
    is adjusted for splits only, `adj_close` for dividends too. A session in progress is the last
    row, under its date; it is not known yet. Rows inside may lack prices (NaN) as Yahoo sends them;
    last rows without a close are left out.

    Raises
    ------
    DataError
        Unknown symbol, nothing since `start`, or an intraday timeframe.
    UnreachableError
        No usable response after four attempts, under a minute in all.

    """
    if request.timeframe != "1d":
        raise DataError(
            f"Yahoo: {request.name} is intraday, only 1d is read here; set "
            f'prices.sources."{request.symbol}" = "exchange"'
        )
    retrying = Retrying(
        retry=retry_if_exception_type(UnreachableError), stop=STOP, wait=WAIT, reraise=True
    )
    return _clean_rows(request, retrying(_download, request, start, now))


def _download(request: Request, start: date | None, now: pd.Timestamp | None) -> pd.DataFrame:
    """One attempt, up to a table as Yahoo sends it."""
    from yfinance.exceptions import YFException, YFRateLimitError

    # A session asks for the bar that has ended; the row in progress lies later.
    last = int(time.time() if now is None else now.timestamp() + DAY)
    first = (
        last - LONGEST
        if start is None
        else int(pd.Timestamp(start, tz=ZONES[request.kind]).timestamp())
    )
    params = {
        "period1": first,
        "period2": last,
        "interval": "1d",
        "includePrePost": "false",
        "events": "div,splits",
    }
    try:
        response = _client().get(
            f"{URL}/v8/finance/chart/{quote(request.symbol)}", params=params, timeout=TIMEOUT
        )
        body = response.json()
    except YFRateLimitError:
        raise _unreachable(request, "too many requests (HTTP 429)") from None
    # The clients' network errors are OSErrors, a body that is not JSON a ValueError.
    except (OSError, ValueError, YFException) as error:
        raise _unreachable(request, str(error).split(" See ")[0] or type(error).__name__) from error
    chart = body.get("chart") if isinstance(body, dict) else None
    _raise_for_error(
        request, response.status_code, chart.get("error") if isinstance(chart, dict) else None
    )
    try:
        return _table(body["chart"]["result"][0])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise _unreachable(
            request, f"HTTP {response.status_code} with a body that is not a chart"
        ) from error


@lru_cache(maxsize=1)
def _client() -> Any:
    """Yfinance's client, without its databases and with a limit on every request."""
    import yfinance
    from yfinance._http import new_session
    from yfinance.data import YfData

    # No folder can be made below the null device, so yfinance does without: its cookie and time
    # zone files in the user's home are shared by all programs, and a locked or damaged one fails
    # every request.
    yfinance.set_tz_cache_location(f"{os.devnull}/none")
    # Its warnings repeat on the terminal, at every attempt, what our error says once.
    logging.getLogger("yfinance").setLevel(logging.ERROR)
    session = new_session()
    # Cookie and crumb requests would wait 30 s each, whatever timeout the caller sets.
    session.request = partial(_request_in_time, session.request)
    return YfData(session=session)


def _request_in_time(request: Any, *arguments: Any, **options: Any) -> Any:
    return request(*arguments, **(options | {"timeout": TIMEOUT}))


def _raise_for_error(request: Request, status: int, error: object) -> None:
    """Distinguish an error about the symbol from one of the service."""
    if status in (401, 403, 408, 429) or status >= 500:
        raise _unreachable(request, f"HTTP {status}")
    if isinstance(error, dict):
        what = f"{error.get('code')}: {error.get('description')}"
        if status == 404 or error.get("code") == "Not Found":
            raise DataError(
                f"Yahoo: has no symbol {request.symbol!r} ({what}); look it up on "
                "finance.yahoo.com (^RUT, IWM, BTC-USD)"
            )
        raise DataError(
            f"Yahoo: refused {request.symbol!r} ({what}); check the symbol and the dates, or "
            f"{other_source(request, 'yahoo')}"
        )


def _unreachable(request: Request, what: str) -> UnreachableError:
    return UnreachableError(
        f"Yahoo: no usable response for {request.symbol}: {what}; try again later, or "
        f"{other_source(request, 'yahoo')}"
    )


def _table(result: dict[str, Any]) -> pd.DataFrame:
    quotes = result["indicators"]["quote"][0]
    # A known symbol without a bar in these days.
    if "timestamp" not in result and result["meta"]["symbol"]:
        return pd.DataFrame(
            columns=list(BAR_COLUMNS), index=pd.DatetimeIndex([], tz="UTC"), dtype=float
        )
    columns = {name: quotes[name] for name in ("open", "high", "low", "close")}
    unadjusted = [{"adjclose": quotes["close"]}]
    columns["adj_close"] = result["indicators"].get("adjclose", unadjusted)[0]["adjclose"]
    columns["volume"] = quotes["volume"]
    index = pd.to_datetime(result["timestamp"], unit="s", utc=True)
    return pd.DataFrame(columns, index=index, dtype=float)


def _clean_rows(request: Request, table: pd.DataFrame) -> pd.DataFrame:
    """One row a date, the later of two: a session's row can come with the running one."""
    frame = table.sort_index()
    frame.index = (
        pd.DatetimeIndex(frame.index)
        .tz_convert(ZONES[request.kind])
        .normalize()
        .tz_localize(None)
        .as_unit("ns")
        .rename("date")
    )
    unpriced = frame["close"].isna()
    frame = frame[~(unpriced & frame.index.duplicated(keep=False))]
    frame = frame[~frame.index.duplicated(keep="last")]
    if frame["close"].isna().all():
        raise DataError(
            f"Yahoo: has no daily price of {request.symbol} in these days; it may be delisted, "
            "look it up on finance.yahoo.com"
        )
    return frame.loc[: frame["close"].last_valid_index()]
