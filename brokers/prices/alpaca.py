"""Daily bars of US funds from Alpaca's public market data, with the keys of a free account.

Bars are asked for twice, adjusted for splits and for dividends too. Without a named feed the
service gives the best that the account may read; a free one gets all exchanges up to fifteen
minutes ago.
"""

import json
from datetime import date

import pandas as pd

from brokers.prices import web
from brokers.prices.calendar import NEW_YORK
from brokers.prices.series import (
    BAR_COLUMNS,
    DataError,
    Request,
    UnreachableError,
    other_source,
)
from config.secrets import load_secrets
from config.settings import PREFIX, ConfigError

URL = "https://data.alpaca.markets/v2/stocks/bars"
EARLIEST = date(2016, 1, 1)  # its history begins here
ROWS, PAGES = 10_000, 20  # a page, and more of them than all of history has
SPLITS, DIVIDENDS = "split", "all"
NAMES = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}

Keys = tuple[str, str]


def keys() -> Keys:
    """Key and secret, from the environment, .env or the secrets folder.

    Raises
    ------
    DataError
        There are none, or they cannot be read.

    """
    try:
        pair = load_secrets().alpaca()
    except ConfigError as error:
        raise DataError(f"Alpaca: {error}") from None
    if pair is None:
        raise DataError(
            f"Alpaca: {PREFIX}ALPACA_KEY and {PREFIX}ALPACA_SECRET are not set; set both in the "
            "environment or in .env"
        )
    return pair


def fetch(request: Request, start: date | None, keys: Keys) -> pd.DataFrame:
    """Daily bars of the fund `request.symbol` from `start` on (None: from 2016).

    Returns
    -------
    One row a session: index naive midnight of its date, columns `BAR_COLUMNS`. Close is adjusted
    for splits only, `adj_close` for dividends too. A session in progress is the last row.

    Raises
    ------
    DataError
        Not a US fund, an unknown symbol, keys that are refused.
    UnreachableError
        No usable response after four attempts: no network, an outage, a rate limit.

    """
    if request.kind != "session" or request.timeframe != "1d" or request.symbol.startswith("^"):
        raise DataError(
            f"Alpaca: has no {request.name}, only US funds and shares; "
            f"{other_source(request, 'alpaca')}"
        )
    tables = {}
    for adjustment in (SPLITS, DIVIDENDS):
        tables[adjustment] = _table(request, _rows(request, start, adjustment, keys))
    frame, total = tables[SPLITS], tables[DIVIDENDS]
    if not frame.index.equals(total.index):
        raise _unreachable(request, "other days with dividends than without")
    return frame.assign(adj_close=total["close"])[list(BAR_COLUMNS)]


def _rows(
    request: Request, start: date | None, adjustment: str, keys: Keys
) -> list[dict[str, object]]:
    """All pages of one adjustment."""
    params = {
        "symbols": request.symbol,
        "timeframe": "1Day",
        "start": (start or EARLIEST).isoformat(),
        "limit": str(ROWS),
        "adjustment": adjustment,
    }
    rows: list[dict[str, object]] = []
    for _ in range(PAGES):
        page = web.repeat(lambda: _page(request, params, keys))
        bars = page.get("bars")
        if bars is not None and not isinstance(bars, dict):
            raise _unreachable(request, "a body without bars")
        rows += (bars or {}).get(request.symbol) or []
        if not (token := page.get("next_page_token")):
            return rows
        params["page_token"] = str(token)
    raise _unreachable(request, f"more than {PAGES} pages")


def _page(request: Request, params: dict[str, str], keys: Keys) -> dict[str, object]:
    """One attempt at one page. The keys go to `URL` alone: a redirect is not followed."""
    headers = {"APCA-API-KEY-ID": keys[0], "APCA-API-SECRET-KEY": keys[1]}
    try:
        answer = web.get(URL, params, headers=headers)
    except web.NoAnswerError as error:
        raise _unreachable(request, str(error)) from None
    what = f"HTTP {answer.status}"
    if answer.status in (401, 403):
        raise DataError(
            f"Alpaca: refuses the keys, or what they may read ({what}); check "
            f"{PREFIX}ALPACA_KEY and {PREFIX}ALPACA_SECRET against your account"
        )
    if answer.status in (400, 404, 422):
        raise DataError(
            f"Alpaca: has no symbol {request.symbol!r} ({what}); {other_source(request, 'alpaca')}"
        )
    if answer.status != 200:
        raise web.busy(_unreachable(request, what), answer)
    try:
        page = json.loads(answer.body)
    except ValueError:
        page = None
    if not isinstance(page, dict):
        raise _unreachable(request, "a body that is not JSON")
    return page


def _table(request: Request, rows: list[dict[str, object]]) -> pd.DataFrame:
    """Bars by date, increasing; of two of one date the later."""
    if not rows:
        raise DataError(
            f"Alpaca: has no bar of {request.symbol!r} in these days; check the symbol, or "
            f"{other_source(request, 'alpaca')}"
        )
    try:
        times = pd.to_datetime([str(row["t"]) for row in rows], utc=True, format="ISO8601")
        columns = {name: [row[key] for row in rows] for key, name in NAMES.items()}
        frame = pd.DataFrame(columns, dtype=float)
    except (KeyError, TypeError, ValueError) as error:
        raise _unreachable(request, "a bar that lacks a number or its time") from error
    days = times.tz_convert(NEW_YORK).tz_localize(None).normalize().as_unit("ns")
    frame = frame.set_axis(pd.DatetimeIndex(days, name="date")).sort_index(kind="stable")
    return frame[~frame.index.duplicated(keep="last")]


def _unreachable(request: Request, what: str) -> UnreachableError:
    return UnreachableError(
        f"Alpaca: no usable response for {request.symbol}: {what}; try again later, or "
        f"{other_source(request, 'alpaca')}"
    )
