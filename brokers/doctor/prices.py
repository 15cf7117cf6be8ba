"""How old the stored prices are, and how far the calendar reaches. Nothing is downloaded."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from brokers.doctor.finding import Finding
from brokers.plurals import count
from brokers.prices import folder
from brokers.prices.cache import Cache
from brokers.prices.calendar import closes_and_delay
from brokers.prices.download import cache_name
from brokers.prices.live import daily
from brokers.prices.series import DataError, Request
from brokers.prices.sources import OWN_COLUMNS, own_file, required_series, source_of
from config.settings import Settings

DAY = pd.Timedelta(days=1)
USUAL = 1  # sessions or days behind: the newest is downloaded when the next decision is due
SHORT = 60  # days of calendar left
GROUPS = {"session": "sessions", "coin": "coin days", "macro": "macro values"}


def check_prices(settings: Settings, now: float) -> Iterator[Finding]:
    """Everything about prices as a live session finds them at `now` (epoch seconds)."""
    instant = pd.Timestamp(now, unit="s", tz="UTC")
    try:
        yield check_calendar(settings, instant)
    except DataError as error:
        remedy = "make prices.cache writable, or set it to another folder"
        yield Finding("calendar", "wrong", str(error), remedy)
        return
    for kind in GROUPS:
        if requests := [
            request for request in required_series(daily(settings)) if request.kind == kind
        ]:
            yield check_age(daily(settings), requests, instant)


def check_calendar(settings: Settings, now: pd.Timestamp) -> Finding:
    """How far ahead the sessions of New York are known."""
    closes, _ = closes_and_delay(settings, now)
    left = (closes.iloc[-1] - now).days
    text = f"sessions are known until {closes.index[-1]:%Y-%m-%d}, {left} days ahead"
    if left < SHORT:
        remedy = (
            f"remove {settings.prices.cache}/XNYS*.parquet; if that does not help, update "
            "exchange-calendars: later holidays are unknown"
        )
        return Finding("calendar", "warning", text, remedy)
    return Finding("calendar", "ok", text)


def check_age(settings: Settings, requests: list[Request], now: pd.Timestamp) -> Finding:
    """How many bars the series of one kind lack at `now`, by the one that lacks most."""
    name = GROUPS[requests[0].kind]
    if settings.prices.source == "sample":
        return Finding(name, "ok", "simulated, never behind")
    last: dict[str, pd.Timestamp] = {}
    missing = []
    for request in requests:
        try:
            day = last_priced(request, settings)
        except (DataError, OSError, ValueError) as error:
            text = f"{request.name}: cannot be read: {error}"
            remedy = "correct or remove the file; a file of the cache is downloaded again"
            return Finding(name, "wrong", text, remedy)
        if day is None:
            missing.append(request.name)
        else:
            last[request.name] = day
    behind = {symbol: _behind(requests[0], day, settings, now) for symbol, day in last.items()}
    return _age_finding(name, last, behind, missing, settings)


def _age_finding(
    name: str,
    last: dict[str, pd.Timestamp],
    behind: dict[str, int],
    missing: list[str],
    settings: Settings,
) -> Finding:
    absent = f"{', '.join(missing)}: not in the cache, downloaded on first use"
    if not last:
        return Finding(name, "ok", absent)
    oldest = max(behind, key=lambda symbol: behind[symbol])
    unit = "session" if name == GROUPS["session"] else "day"
    text = (
        f"{oldest} up to {last[oldest]:%Y-%m-%d}, {count(behind[oldest], unit)} behind; "
        f"{len(last)} series, none is older"
    )
    text = f"{text}; {absent}" if missing else text
    allowed = (
        settings.prices.max_age_macro
        if name == GROUPS["macro"]
        else settings.prices.max_age_sessions
    )
    if behind[oldest] <= USUAL:
        return Finding(name, "ok", text)
    remedy = (
        "python main.py check data with the same --config downloads what is missing; what is "
        "still behind then is not available from the source"
    )
    if behind[oldest] <= allowed:
        return Finding(name, "ok" if name == GROUPS["macro"] else "warning", text, remedy)
    return Finding(name, "wrong", f"{text}; more than {allowed} count as missing", remedy)


def last_priced(request: Request, settings: Settings) -> pd.Timestamp | None:
    """Date of the last stored row with a price; None where nothing is stored.

    Raises
    ------
    DataError, OSError, ValueError
        There is a file, and it cannot be read.

    """
    source = source_of(request, settings)
    if source == "folder":
        rows = folder.fetch(request, Path(settings.prices.folder)).frame
    elif source == "file":
        rows = folder.own_values(
            Path(own_file(request.symbol, settings)), OWN_COLUMNS[request.symbol]
        ).frame
    else:
        subfolder = cache_name(source, settings)
        # Not by Cache.read, which moves a damaged file aside: a check changes nothing.
        path = Cache(Path(settings.prices.cache)).path(subfolder, request)
        if not path.exists():
            return None
        rows = pd.read_parquet(path)
    priced = pd.DatetimeIndex(rows.index[rows["close" if "close" in rows else "value"].notna()])
    if priced.empty:
        raise ValueError("it holds no rows with a price")
    return priced[-1].tz_localize(None).normalize()


def _behind(request: Request, last: pd.Timestamp, settings: Settings, now: pd.Timestamp) -> int:
    """Sessions that were known at `now`, or days that had ended, since `last`."""
    if request.kind == "session":
        closes, delay = closes_and_delay(settings, now)
        return int((closes.index[closes + delay <= now] > last).sum())
    running = DAY if request.kind == "coin" else pd.Timedelta(0)
    newest = now.floor("D").tz_localize(None) - running
    return max((newest - last).days, 0)
