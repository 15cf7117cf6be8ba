"""What the figures draw: each breakout's path, and each of Bitcoin's cycles."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.benchmarks.halvings import HALVINGS
from backtests.evidence.document import CycleRecord, PathRecord
from backtests.evidence.events import daily_closes
from backtests.evidence.history import BITCOIN, History

BEFORE, AFTER, STEP = 90, 365, 5  # days around a breakout, and between two points of a path
CYCLE, CYCLE_STEP = 1460, 14  # days after a halving


class Path(NamedTuple):
    """Bitcoin's price by days from an instant, over the price then."""

    days: list[int]
    values: list[float]


def paths_around(history: History, events: pd.DatetimeIndex) -> list[PathRecord]:
    """Bitcoin around each breakout, as far as there are prices."""
    paths = {event: _path(history, event, range(-BEFORE, AFTER + 1, STEP)) for event in events}
    return [
        PathRecord(opened=event.isoformat(), days=path.days, values=path.values)
        for event, path in paths.items()
        if path
    ]


def halving_cycles(history: History) -> list[CycleRecord]:
    """Bitcoin from each halving on."""
    cycles = []
    for halving in HALVINGS:
        start = pd.Timestamp(halving.day, tz="UTC") + pd.Timedelta(days=1)
        if path := _path(history, start, range(0, CYCLE + 1, CYCLE_STEP)):
            day = halving.day.isoformat()
            cycles.append(CycleRecord(halving=day, days=path.days, values=path.values))
    return cycles


def _path(history: History, event: pd.Timestamp, offsets: range) -> Path | None:
    """None where there is no price at the event."""
    daily = daily_closes(history.assets[BITCOIN])
    start = int(daily.index.searchsorted(event))
    if event < daily.index[0] or start >= len(daily):
        return None
    days = np.array(offsets)
    days = days[(start + days >= 0) & (start + days < len(daily))]
    values = daily.to_numpy(dtype=float)
    return Path(days.tolist(), np.round(values[start + days] / values[start], 5).tolist())
