"""How old the prices at hand are, and how far the calendar reaches. Nothing is downloaded."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from brokers.doctor.finding import Finding
from brokers.prices import folder
from brokers.prices.cache import Cache
from brokers.prices.live import daily
from brokers.prices.load import OWN_COLUMNS, closes_and_delay, own_file, source_of, wanted
from brokers.prices.series import DataError, Request
from config.settings import Settings

DAY = pd.Timedelta(days=1)
USUAL = 1  # sessions or days behind: the newest one is asked for when the next decision is due
SHORT = 60  # days of calendar left
GROUPS = {"session": "sessions", "coin": "coin days", "macro": "macro values"}


def examined(settings: Settings, now: float) -> Iterator[Finding]:
    """Everything about prices as a live session finds them at `now` (epoch seconds)."""
    instant = pd.Timestamp(now, unit="s", tz="UTC")
    try:
        yield horizon(settings, instant)
    except DataError as error:
        yield Finding(
            "calendar",
            "wrong",
            str(error),
            "make prices.cache writable, or set it to another folder",
        )
        return
    for kind in GROUPS:
        if requests := [request for request in wanted(daily(settings)) if request.kind == kind]:
            yield age(daily(settings), requests, instant)


def horizon(settings: Settings, now: pd.Timestamp) -> Finding:
    """How long the sessions of New York are known ahead."""
    closes, _ = closes_and_delay(settings, now)
    left = (closes.iloc[-1] - now).days
    text = f"sessions are known until {closes.index[-1]:%Y-%m-%d}, {left} days ahead"
    if left < SHORT:
        remedy = f"remove {settings.prices.cache}/XNYS*.parquet, and if it stays update exchange-calendars: holidays beyond are not known"
        return Finding("calendar", "warning", text, remedy)
    return Finding("calendar", "ok", text)


def age(settings: Settings, requests: list[Request], now: pd.Timestamp) -> Finding:
    """How many bars the series of one kind lack at `now`, by the one that lacks most."""
    name = GROUPS[requests[0].kind]
    if settings.prices.source == "sample":
        return Finding(name, "ok", "simulated, never behind")
    last: dict[str, pd.Timestamp] = {}
    missing = []
    for request in requests:
        try:
            found = newest(request, settings)
        except (DataError, OSError, ValueError) as error:
            return Finding(
                name,
                "wrong",
                f"{request.name}: cannot be read: {error}",
                "mend or remove the file; one of the cache is downloaded again",
            )
        if found is None:
            missing.append(request.name)
        else:
            last[request.name] = found
    behind = {symbol: _behind(requests[0], at, settings, now) for symbol, at in last.items()}
    return _judged(name, last, behind, missing, settings)


def _judged(
    name: str,
    last: dict[str, pd.Timestamp],
    behind: dict[str, int],
    missing: list[str],
    settings: Settings,
) -> Finding:
    none = f"{', '.join(missing)}: not in the cache, downloaded on first use"
    if not last:
        return Finding(name, "ok", none)
    oldest = max(behind, key=lambda symbol: behind[symbol])
    unit = "sessions" if name == GROUPS["session"] else "days"
    text = f"{oldest} up to {last[oldest]:%Y-%m-%d}, {behind[oldest]} {unit} behind; {len(last)} series, none is older"
    text = f"{text}; {none}" if missing else text
    allowed = (
        settings.prices.max_age_macro
        if name == GROUPS["macro"]
        else settings.prices.max_age_sessions
    )
    if behind[oldest] <= USUAL:
        return Finding(name, "ok", text)
    remedy = "python main.py check data with the same --config downloads what is missing; what stays behind the source itself does not have"
    if behind[oldest] <= allowed:
        return Finding(name, "ok" if name == GROUPS["macro"] else "warning", text, remedy)
    return Finding(name, "wrong", f"{text}; more than {allowed} are no knowledge any more", remedy)


def newest(request: Request, settings: Settings) -> pd.Timestamp | None:
    """Date of the last row with a price that is at hand; None where nothing is.

    Raises
    ------
    DataError, OSError, ValueError
        There is a file, and it cannot be read.

    """
    source = source_of(request, settings)
    if source == "folder":
        rows, _ = folder.fetch(request, Path(settings.prices.folder))
    elif source == "file":
        rows, _ = folder.own_values(
            Path(own_file(request.symbol, settings)), OWN_COLUMNS[request.symbol]
        )
    else:
        place = settings.exchange.prices_id if source == "exchange" else source
        # Not by Cache.read, which moves a damaged file aside: whoever only looks changes nothing.
        path = Cache(Path(settings.prices.cache)).path(place, request)
        if not path.exists():
            return None
        rows = pd.read_parquet(path)
    priced = pd.DatetimeIndex(rows.index[rows["close" if "close" in rows else "value"].notna()])
    if priced.empty:
        raise ValueError("it holds no rows with a price")
    return priced[-1].tz_localize(None).normalize()


def _behind(request: Request, last: pd.Timestamp, settings: Settings, now: pd.Timestamp) -> int:
    """Sessions that were known at `now` or days that had ended since `last`."""
    if request.kind == "session":
        closes, delay = closes_and_delay(settings, now)
        return int((closes.index[closes + delay <= now] > last).sum())
    finished = now.floor("D").tz_localize(None) - (
        DAY if request.kind == "coin" else pd.Timedelta(0)
    )
    return max((finished - last).days, 0)
