"""What is wrong or unusual about each series."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from brokers.prices.clean import bar_length
from brokers.prices.series import DataIssue, Series

# Fraction of a close's move in one bar above which a person should look.
SPIKE = {"session": 0.15, "coin": 0.5, "macro": np.inf}


class Quality(NamedTuple):
    """One series at a glance.

    `gaps` are missing bars between its first and last, `behind` those missing since; `odd_bars`
    have an open or close outside high and low; `spikes` are moves beyond `SPIKE`.
    """

    name: str
    source: str
    origin: str
    first: pd.Timestamp
    last: pd.Timestamp
    rows: int
    gaps: int
    last_gap: str
    no_volume: int
    odd_bars: int
    spikes: int
    last_spike: str
    behind: int
    vintage: str
    notes: tuple[str, ...]


def quality(series: Series, sessions: pd.Series, now: pd.Timestamp) -> Quality:
    """Figures of one usable series; `sessions` are those known at `now`, by that instant."""
    frame = series.frame
    absent = missing(series, sessions, now)
    known_at = pd.DatetimeIndex(frame.index)
    gaps = absent[absent < known_at[-1]]
    spikes = _spikes(series)
    return Quality(
        name=series.request.name,
        source=series.source,
        origin=series.origin,
        first=known_at[0],
        last=known_at[-1],
        rows=len(frame),
        gaps=len(gaps),
        last_gap=_last(gaps),
        no_volume=_without_volume(series),
        odd_bars=_odd_bars(series),
        spikes=len(spikes),
        last_spike=_last(spikes),
        behind=len(absent) - len(gaps),
        vintage=series.vintage,
        notes=series.notes,
    )


def _spikes(series: Series) -> pd.DatetimeIndex:
    known_at = pd.DatetimeIndex(series.frame.index)
    if series.request.kind == "macro":
        return known_at[:0]
    moves = np.abs(np.diff(np.log(series.frame["close"].to_numpy())))
    return pd.DatetimeIndex(known_at[1:][moves > np.log1p(SPIKE[series.request.kind])])


def _odd_bars(series: Series) -> int:
    if series.request.kind == "macro":
        return 0
    frame = series.frame
    body = frame[["open", "close"]]
    above = body.max(axis=1) > frame["high"] * (1 + 1e-9)
    below = body.min(axis=1) < frame["low"] * (1 - 1e-9)
    return int((above | below).sum())


def _without_volume(series: Series) -> int:
    if series.request.kind == "macro":
        return 0
    volume = series.frame["volume"]
    return int(((volume == 0) | volume.isna()).sum())


def missing(series: Series, sessions: pd.Series, now: pd.Timestamp) -> pd.DatetimeIndex:
    """The instants after a series' first bar at which a bar was due and is missing.

    `sessions` as for `quality`.
    """
    known_at = pd.DatetimeIndex(series.frame.index)
    if known_at.empty:
        return known_at
    due = _due(series, sessions, now)
    return pd.DatetimeIndex(due[due > known_at[0]].difference(known_at))


def _due(series: Series, sessions: pd.Series, now: pd.Timestamp) -> pd.DatetimeIndex:
    """The instants by which bars are due, up to now; macro values have no fixed times."""
    if series.request.kind == "session":
        return pd.DatetimeIndex(sessions.index)
    if series.request.kind == "macro":
        return pd.DatetimeIndex(series.frame.index[:0])
    return pd.date_range(series.frame.index[0], now, freq=bar_length(series.request.timeframe))


def _last(index: pd.DatetimeIndex) -> str:
    return f"{index[-1]:%Y-%m-%d}" if len(index) else ""


def issue_to_json(issue: DataIssue) -> dict[str, object]:
    """`issue` as JSON can hold it."""
    return issue._asdict() | {"first": issue.first.isoformat(), "last": issue.last.isoformat()}


def as_json(row: Quality) -> dict[str, object]:
    """`row` as JSON can hold it."""
    return row._asdict() | {
        "first": row.first.isoformat(),
        "last": row.last.isoformat(),
        "notes": list(row.notes),
    }
