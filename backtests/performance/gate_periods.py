"""Gate periods inside a traded window: which of them are one event, and what each returned."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

# Sessions that a record must have stood for a breakout above it to count as an event of a verdict,
# whatever is searched or set: a year, the full base of the strategy.
VERDICT_BASE = 252


class GatePeriod(NamedTuple):
    """From a confirmation until the gate left that state.

    Instants are when each was known (UTC); `closed` None: still open. `event_id` numbers the
    full-base breakout a period descends from (re-armed ones have their parent's number), counted
    from the table's start by `gate_periods`, from the window's by `events`; `event_base` is how
    many sessions the record that this breakout passed had stood. `bitcoin_return` is the fraction
    gained from the first bar at or after opening to the first at or after closing,
    `strategy_return` the same to one bar later, when the exit has filled.
    """

    opened: pd.Timestamp
    closed: pd.Timestamp | None
    level: float
    base_age: int
    rearmed: bool
    event_id: int
    reason: str
    event_base: int
    strategy_return: float = float("nan")
    bitcoin_return: float = float("nan")


class Events(NamedTuple):
    """Confirmations from a full base and re-armed ones; both together are one independent event.

    An event is closed once a gate period of it has closed: a breakout that failed has failed, even
    if a re-armed one runs. A verdict counts only those of `of_verdict`.
    """

    breakouts: int
    rearmed: int
    independent_events: int
    closed_events: int
    gate_periods: list[GatePeriod]

    def of_verdict(self) -> "Events":
        """The events whose breakout passed a record of at least `VERDICT_BASE` sessions.

        No setting makes more of them: with a shorter `gate.base_sessions` there are more events,
        and no more evidence.
        """
        return count_events([row for row in self.gate_periods if row.event_base >= VERDICT_BASE])


def gate_periods(table: pd.DataFrame) -> list[GatePeriod]:
    """All gate periods of a gate table, oldest first."""
    state = table["state"].to_numpy()
    confirmed = state == "confirmed"
    edges = np.flatnonzero(np.diff(np.concatenate(([False], confirmed, [False])).astype(np.int8)))
    broke = (state != "dormant") & np.concatenate(([True], state[:-1] == "dormant"))
    starts = broke & table["after_base"].to_numpy()
    event_id = np.cumsum(starts)
    start_rows = np.flatnonzero(starts)  # by event id, from 1; 0: before the table
    periods = []
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        breakout = np.flatnonzero(broke[: first + 1])[-1]
        start = start_rows[event_id[first] - 1] if event_id[first] else None
        over = end < len(table)
        periods.append(
            GatePeriod(
                opened=table.index[first],
                closed=table.index[end] if over else None,
                level=float(table["level"].iloc[first]),
                base_age=int(table["base_age"].iloc[breakout]),
                rearmed=not bool(table["after_base"].iloc[first]),
                event_id=int(event_id[first]),
                reason=str(table["reason"].iloc[end]) if over else "",
                event_base=0 if start is None else int(table["base_age"].iloc[start]),
            )
        )
    return periods


def events(table: pd.DataFrame, equity: pd.Series, bitcoin: pd.Series) -> Events:
    """Events whose gate was open at some time in the window of `equity`, with their returns there.

    `equity` and `bitcoin` (closes) are indexed by the instants at which bars ended.
    """
    return count_events(
        [
            period._replace(
                strategy_return=_return_over(equity, period, extra=1),
                bitcoin_return=_return_over(bitcoin, period, extra=0),
            )
            for period in _periods_within(table, equity.index[0], equity.index[-1])
        ]
    )


def count_events(periods: Sequence[GatePeriod]) -> Events:
    """The events that gate periods belong to, numbered from 1 in the order of `periods`."""
    event_ids = list(dict.fromkeys(period.event_id for period in periods))
    closed = {period.event_id for period in periods if period.closed is not None}
    return Events(
        breakouts=sum(not period.rearmed for period in periods),
        rearmed=sum(period.rearmed for period in periods),
        independent_events=len(event_ids),
        closed_events=len(closed),
        gate_periods=[
            period._replace(event_id=event_ids.index(period.event_id) + 1) for period in periods
        ],
    )


def _periods_within(
    table: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp
) -> Iterator[GatePeriod]:
    """Gate periods that overlap a window; one that closes after it counts as open."""
    for period in gate_periods(table):
        if period.opened > last or (period.closed is not None and period.closed <= first):
            continue
        is_over = period.closed is not None and period.closed <= last
        yield period if is_over else period._replace(closed=None, reason="")


def _return_over(series: pd.Series, period: GatePeriod, *, extra: int) -> float:
    """Return from the first bar of a period to `extra` bars after its last."""
    values = series.to_numpy(dtype=float)
    first = int(series.index.searchsorted(period.opened))
    last = int(series.index.searchsorted(period.closed)) if period.closed else len(values)
    return float(values[min(last + extra, len(values) - 1)] / values[first] - 1)
