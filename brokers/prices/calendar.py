"""When US sessions close, and when a bar or a published value was known."""

from datetime import date
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from brokers.atomic_files import replace_file
from brokers.prices.series import DataError

NEW_YORK = ZoneInfo("America/New_York")
DAY = pd.Timedelta(days=1)
AHEAD = 90 * DAY  # a calendar that ends sooner is renewed
YEAR = 366 * DAY


_in_memory: dict[tuple[date, Path], pd.Series] = {}


def session_closes(start: date, cache: Path, now: pd.Timestamp | None = None) -> pd.Series:
    """Close of every New York session from `start` to at least `AHEAD` beyond `now`: index naive session dates, values UTC instants.

    Half days close early, days of mourning and of disaster are left out; the facts are exchange_calendars' XNYS. Working
    them out takes about half a second, so they are kept in memory and in `cache`; both are renewed when `now` (UTC; the machine's
    clock unless given) comes closer to their end, also in a process that has run for a year.

    Raises
    ------
    DataError
        `cache` cannot be written, and no closes are in memory.
    """
    today = (pd.Timestamp.now("UTC") if now is None else now).tz_convert(None)
    closes = _in_memory.get((start, cache))
    if closes is None or closes.index[-1] < today + AHEAD:
        closes = _in_memory[start, cache] = _renewed(
            start, cache, today, bound_to_write=closes is None
        )
    return closes


def _renewed(start: date, cache: Path, today: pd.Timestamp, bound_to_write: bool) -> pd.Series:
    path = cache / f"XNYS-{start}-{version('exchange_calendars')}.parquet"
    try:
        closes = pd.read_parquet(path)["close"]
    except (OSError, ValueError, KeyError):
        closes = pd.Series(dtype="datetime64[ns, UTC]")
    if closes.empty or closes.index[-1] < today + AHEAD:
        closes = _worked_out(start, max(today, pd.Timestamp.now()) + YEAR)
        try:
            replace_file(path, lambda target: closes.to_frame().to_parquet(target))
        except OSError as error:
            if bound_to_write:
                raise DataError(
                    f"{cache}: cannot be written ({error.strerror}); set prices.cache to a folder that can"
                ) from None
    return closes


def _worked_out(start: date, end: pd.Timestamp) -> pd.Series:
    import exchange_calendars

    # With an end of its own: without one the library gives a process the calendar it gave it the first time.
    calendar = exchange_calendars.get_calendar(
        "XNYS", start=pd.Timestamp(start), end=end.normalize()
    )
    closes: pd.Series = calendar.schedule["close"]
    return closes
