"""When US sessions close, and when a bar or a published value was known."""

from datetime import date
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from brokers.prices.files import replace_file
from brokers.prices.series import DataError

NEW_YORK = ZoneInfo("America/New_York")
DAY = pd.Timedelta(days=1)


@lru_cache(maxsize=4)
def session_closes(start: date, cache: Path) -> pd.Series:
    """Close of every New York session from `start` to about a year ahead: index naive session dates, values UTC instants.

    Half days close early, days of mourning and of disaster are left out; the facts are exchange_calendars' XNYS. Working
    them out takes about half a second, so they are kept in `cache` until the library changes or the year runs out.

    Raises
    ------
    DataError
        `cache` cannot be written.
    """
    path = cache / f"XNYS-{start}-{version('exchange_calendars')}.parquet"
    try:
        closes = pd.read_parquet(path)["close"]
    except (OSError, ValueError, KeyError):
        closes = pd.Series(dtype="datetime64[ns, UTC]")
    if closes.empty or closes.index[-1] < pd.Timestamp.now() + 14 * DAY:
        closes = _worked_out(start)
        try:
            replace_file(path, lambda target: closes.to_frame().to_parquet(target))
        except OSError as error:
            raise DataError(f"{cache}: cannot be written ({error.strerror}); set prices.cache to a folder that can") from None
    return closes


def _worked_out(start: date) -> pd.Series:
    import exchange_calendars

    calendar = exchange_calendars.get_calendar("XNYS", start=pd.Timestamp(start))
    closes: pd.Series = calendar.schedule["close"]
    return closes
