"""What is wrong, or only odd, about each series."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from brokers.prices.clean import bar_length
from brokers.prices.series import Series

SPIKE = {
    "session": 0.15,
    "coin": 0.5,
    "macro": np.inf,
}  # fraction a close moves in one bar before a person should look


class Quality(NamedTuple):
    """One series at a glance. `gaps` are missing bars inside its span, `behind` bars missing at its end until now."""

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


def quality(one: Series, sessions: pd.Series, now: pd.Timestamp) -> Quality:
    """Look at one series that was not refused; `sessions` are those known at `now`, by that instant."""
    frame, request = one.frame, one.request
    lacking = missing(one, sessions, now)
    known_at = pd.DatetimeIndex(frame.index)
    gaps = lacking[lacking < known_at[-1]]
    jumps = known_at[:0]
    no_volume = odd = 0
    if request.kind != "macro":
        moves = np.abs(np.diff(np.log(frame["close"].to_numpy())))
        jumps = known_at[1:][moves > np.log1p(SPIKE[request.kind])]
        no_volume = int((frame["volume"] == 0).sum() + frame["volume"].isna().sum())
        outside = (frame[["open", "close"]].max(axis=1) > frame["high"] * (1 + 1e-9)) | (
            frame[["open", "close"]].min(axis=1) < frame["low"] * (1 - 1e-9)
        )
        odd = int(outside.sum())
    return Quality(
        request.name, one.source, one.origin, frame.index[0], frame.index[-1], len(frame),
        len(gaps), _last(gaps), no_volume, odd, len(jumps), _last(jumps), len(lacking) - len(gaps), one.vintage, one.notes,
    )  # fmt: skip


def missing(one: Series, sessions: pd.Series, now: pd.Timestamp) -> pd.DatetimeIndex:
    """The instants after the first bar of a series at which one should have been known and was not; `sessions` as for `quality`."""
    known_at = pd.DatetimeIndex(one.frame.index)
    if known_at.empty:
        return known_at
    due = _due(one, sessions, now)
    return pd.DatetimeIndex(due[due > known_at[0]].difference(known_at))


def _due(one: Series, sessions: pd.Series, now: pd.Timestamp) -> pd.DatetimeIndex:
    """The instants by which bars should have been known, up to now; macro values have no fixed times."""
    if one.request.kind == "session":
        return pd.DatetimeIndex(sessions.index)
    if one.request.kind == "macro":
        return pd.DatetimeIndex(one.frame.index[:0])
    return pd.date_range(one.frame.index[0], now, freq=bar_length(one.request.timeframe))


def _last(index: pd.DatetimeIndex) -> str:
    return f"{index[-1]:%Y-%m-%d}" if len(index) else ""


def as_json(found: Quality) -> dict[str, Any]:
    """Plain values by name."""
    return found._asdict() | {
        "first": found.first.isoformat(),
        "last": found.last.isoformat(),
        "notes": list(found.notes),
    }
