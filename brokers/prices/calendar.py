"""When US sessions close, and when a bar or a published value was known."""

from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from brokers.atomic_files import replace_file
from brokers.prices.series import DataError
from config.settings import Settings

NEW_YORK = ZoneInfo("America/New_York")
DAY = pd.Timedelta(days=1)
AHEAD = 90 * DAY  # a calendar that ends sooner is renewed
YEAR = 366 * DAY
# Averages of the other series need a year before the index history begins.
LEAD = timedelta(days=400)


_in_memory: dict[tuple[date, Path], pd.Series] = {}


def calendar_source() -> str:
    """Who says when there are sessions."""
    return f"XNYS of exchange_calendars {version('exchange_calendars')}"


def session_closes(start: date, cache: Path, now: pd.Timestamp | None = None) -> pd.Series:
    """Closes of New York sessions from `start` to at least `AHEAD` beyond `now`.

    Index: naive session dates; values: UTC instants. Half days close early, days of mourning and of
    disaster are left out, as in exchange_calendars' XNYS. Computing them takes about half a second,
    so they are stored in memory and in `cache`; both are renewed when `now` (UTC; the machine's
    clock unless given) comes close to their end, also in a process that has run for a year.

    Raises
    ------
    DataError
        `cache` cannot be written, and no closes are in memory.

    """
    today = (pd.Timestamp.now("UTC") if now is None else now).tz_convert(None)
    closes = _in_memory.get((start, cache))
    if closes is None or closes.index[-1] < today + AHEAD:
        closes = _in_memory[start, cache] = _load_closes(
            start, cache, today, must_write=closes is None
        )
    return closes


def _load_closes(start: date, cache: Path, today: pd.Timestamp, *, must_write: bool) -> pd.Series:
    """The closes from the file in `cache`, or computed and written there."""
    path = cache / f"XNYS-{start}-{version('exchange_calendars')}.parquet"
    try:
        closes = pd.read_parquet(path)["close"]
    except (OSError, ValueError, KeyError):
        closes = pd.Series(dtype="datetime64[ns, UTC]")
    if closes.empty or closes.index[-1] < today + AHEAD:
        closes = _compute_closes(start, max(today, pd.Timestamp.now()) + YEAR)
        try:
            replace_file(path, lambda target: closes.to_frame().to_parquet(target))
        except OSError as error:
            if must_write:
                raise DataError(
                    f"{cache}: cannot be written ({error.strerror}); set prices.cache to a folder "
                    "that can"
                ) from None
    return closes


def _compute_closes(start: date, end: pd.Timestamp) -> pd.Series:
    import exchange_calendars

    # With an end: without one the library returns the first calendar of the process for ever.
    calendar = exchange_calendars.get_calendar(
        "XNYS", start=pd.Timestamp(start), end=end.normalize()
    )
    closes: pd.Series = calendar.schedule["close"]
    return closes


def closes_and_delay(settings: Settings, now: pd.Timestamp) -> tuple[pd.Series, pd.Timedelta]:
    """Closes of New York sessions by date, some after `now`, and the delay until one is known."""
    closes = session_closes(settings.signal.history_from - LEAD, Path(settings.prices.cache), now)
    return closes, pd.Timedelta(minutes=settings.prices.publication_delay)


def known_sessions(settings: Settings, now: pd.Timestamp) -> pd.Series:
    """New York sessions whose closes were known at `now` (UTC).

    Index: the instant each was known; values: the closes (UTC).
    """
    closes, delay = closes_and_delay(settings, now)
    known = pd.Series(closes.array, index=pd.DatetimeIndex(closes) + delay)
    return known[known.index <= now]
