"""What the pictures draw: each breakout's path, and each of Bitcoin's cycles."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from backtests.benchmarks.halvings import HALVINGS
from backtests.evidence.events import every_day
from backtests.evidence.history import BITCOIN, History

BEFORE, AFTER, STEP = 90, 365, 5  # days around a breakout, and between two points of a path
CYCLE, CYCLE_STEP = 1460, 14  # days after a halving


def around(history: History, events: pd.DatetimeIndex) -> list[dict[str, Any]]:
    """Bitcoin around each breakout, over its price when that was known; as far as there are prices."""
    return [
        {"opened": event.isoformat()} | path
        for event in events
        for path in _path(history, event, -BEFORE, AFTER, STEP)
    ]


def cycles(history: History) -> list[dict[str, Any]]:
    """Bitcoin from each halving on, over its price then."""
    found = []
    for one in HALVINGS:
        start = pd.Timestamp(one.day, tz="UTC") + pd.Timedelta(days=1)
        found += [
            {"halving": one.day.isoformat()} | path
            for path in _path(history, start, 0, CYCLE, CYCLE_STEP)
        ]
    return found


def _path(
    history: History, event: pd.Timestamp, first: int, last: int, step: int
) -> Iterator[dict[str, Any]]:
    daily = every_day(history.assets[BITCOIN])
    start = int(daily.index.searchsorted(event))
    if event < daily.index[0] or start >= len(daily):
        return
    days = np.arange(first, last + 1, step)
    days = days[(start + days >= 0) & (start + days < len(daily))]
    values = daily.to_numpy(dtype=float)
    yield {"days": days, "values": np.round(values[start + days] / values[start], 5)}
