"""Macro values from FRED's public CSV files, stamped with the instant they were published."""

from datetime import date
from functools import lru_cache
from io import StringIO
from typing import NamedTuple

import numpy as np
import pandas as pd

from brokers.prices import web
from brokers.prices.calendar import NEW_YORK
from brokers.prices.series import DataError, Request, UnreachableError

URL = "https://fred.stlouisfed.org/graph/fredgraph.csv"


class Release(NamedTuple):
    """When a value is published: `days` after its date, US business days if `business`.

    `hour` is New York time.
    """

    days: int
    hour: str
    business: bool = True


RELEASES = {
    # H.4.1: the Wednesday level on Thursday at 16:30, or on Friday when Thursday is a holiday
    # (federalreserve.gov/releases/h41).
    "WALCL": Release(1, "16:30"),
    "WTREGEN": Release(1, "16:30"),
    "WRESBAL": Release(1, "16:30"),
    "TREAST": Release(1, "16:30"),
    # The New York Fed publishes the result soon after the operation closes at 13:30; 16:30 leaves
    # FRED three hours to copy it.
    "RRPONTSYD": Release(0, "16:30"),
    # Computed after the bond market's close. FRED shows it the next morning, at no promised hour:
    # 18:00 is after that day's stock close, so no session's reading can use it too early.
    "BAMLH0A0HYM2": Release(1, "18:00"),
    # The OFR updates its index once each business day from the day before, at no promised hour;
    # 18:00 for the same reason.
    "OFR_FSI": Release(1, "18:00"),
    # H.15: each business day at 16:15 with the day before (federalreserve.gov/releases/h15).
    "DGS2": Release(1, "18:00"),
    # Not FRED's, but in the same folder: a UTC day's price of Bitcoin, known when that day has
    # ended (20:00 or 19:00 in New York).
    "BTC_coinmetrics": Release(0, "20:00", business=False),
    # Friday's value on Wednesday at 08:30; on Thursday after a holiday from Monday to Wednesday
    # (chicagofed.org, NFCI release dates).
    "NFCI": Release(3, "08:30"),
    "ANFCI": Release(3, "08:30"),
}
# Later than any daily or weekly series; monthly and quarterly ones need a row above.
UNKNOWN = Release(7, "18:00", business=False)


def fetch(request: Request, start: date | None) -> pd.DataFrame:
    """Values of the FRED series `request.symbol` from `start` on (None: all), revised as of today.

    Returns
    -------
    One column `value` in the series' own unit; index: UTC instant of publication (see
    `publication_times`), increasing. Days without a value are left out; of several days published
    at once the last one is returned.

    Raises
    ------
    DataError
        Unknown series.
    UnreachableError
        No usable response after four attempts: no network, an outage, a rate limit, a page instead
        of CSV.

    """
    values = web.repeat(lambda: _download(request.symbol, start)).dropna()
    known_at = publication_times(request.symbol, pd.DatetimeIndex(values.index))
    frame = values.to_frame("value").set_axis(known_at)
    return frame[~frame.index.duplicated(keep="last")]


def publication_times(name: str, dates: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """UTC instants at which the values of the series `name` were published.

    `dates` are those of observation (naive midnights). A date that is not a business day counts as
    the next one: never too early. A series without a row in `RELEASES` is assumed to appear seven
    days later. Several dates may have the same instant (a weekend's and the Monday's).
    """
    release = RELEASES.get(name, UNKNOWN)
    if release.business:
        days = np.busday_offset(
            dates.to_numpy().astype("datetime64[D]"),
            release.days,
            roll="forward",
            holidays=_holidays(),
        )
    else:
        days = dates.to_numpy().astype("datetime64[D]") + release.days
    local = pd.DatetimeIndex(days.astype("datetime64[ns]")) + pd.Timedelta(f"{release.hour}:00")
    return local.tz_localize(NEW_YORK).tz_convert("UTC").rename("published")


@lru_cache(maxsize=1)
def _holidays() -> np.ndarray:
    from pandas.tseries.holiday import USFederalHolidayCalendar

    return (
        USFederalHolidayCalendar()
        .holidays("1960-01-01", "2060-12-31")
        .to_numpy()
        .astype("datetime64[D]")
    )


def _download(name: str, start: date | None) -> pd.Series:
    """One attempt: values by date of observation."""
    params = {"id": name} | ({"cosd": start.isoformat()} if start else {})
    try:
        answer = web.get(URL, params, follow=True)
    except web.NoAnswerError as error:
        raise _unreachable(name, str(error)) from error
    if answer.status in (400, 404):
        raise DataError(
            f"FRED: has no series {name!r} (HTTP {answer.status}); look up its id on "
            "fred.stlouisfed.org"
        )
    if answer.status != 200:
        raise web.busy(_unreachable(name, f"HTTP {answer.status}"), answer)
    return _values(name, answer.body.decode("utf-8", "replace"))


def _values(name: str, body: str) -> pd.Series:
    """The table in `body`; anything else, such as a login page or half a file, is an error."""
    head = body.partition("\n")[0].strip().split(",")
    if len(head) != 2 or head[1].strip('"') != name:
        raise _unreachable(name, f"a page instead of CSV, beginning {body[:40]!r}")
    try:
        table = pd.read_csv(StringIO(body), na_values=".", header=0, names=["date", "value"])
        dates = pd.DatetimeIndex(pd.to_datetime(table["date"], format="%Y-%m-%d"))
        return table["value"].astype(float).set_axis(dates)
    except ValueError as error:
        raise _unreachable(
            name, f"CSV that is cut off or holds no numbers ({str(error)[:120]})"
        ) from error


def _unreachable(name: str, what: str) -> UnreachableError:
    return UnreachableError(
        f"FRED: no usable response for {name}: {what}; check the network, try again later, or set "
        f'prices.sources.{name} to "folder"'
    )
