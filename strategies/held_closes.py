"""Closes too far off to be acted on at once: held until the next session confirms them.

A vendor's wrong close comes back a day later; a crash stays. Which closes are held, confirmed or
rejected up to a session is a function of the closes up to that session: backtest, replay and live
session agree, and so does a recompute years later.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from strategies.indicators import Floats, Ints
from strategies.market import Market

WINDOW = 63  # returns whose standard deviation the newest return is compared with
# One day in 39 years of eight series had more: the S&P on 1987-10-19, 17.7; the next is 11.0.
DEVIATIONS = 12.0
SMALLEST_MOVE = (
    0.02  # log return; a series that hardly ever moves has a standard deviation near zero
)
# Log return beyond the sibling's; the largest true ones are 0.029 (^RUT and IWM) and 0.030 (^GSPC
# and RSP).
DEPARTURE = 0.05
LONGEST_WAIT = 5  # sessions a held close waits for the next close of its series; then it is missing
FIELDS = (
    "small_caps",
    "broad",
    "risky_credit",
    "safe_credit",
)  # of a market, beside the funds of `breadth`
NEW_LEVEL = (
    10  # sessions after which a departure that persists is taken for the two series' new level
)


class HeldClose(NamedTuple):
    """The close of session `row`, a fraction `move` away from the one before.

    It is held before session `until`, which confirmed it or not.
    """

    row: int
    until: int
    confirmed: bool
    move: float


class CheckedMarket(NamedTuple):
    """A market without the closes that do not count.

    One entry a session: the series whose close is held, and a sentence on what is held, confirmed
    or rejected; "" for nothing.
    """

    market: Market
    held: np.ndarray
    notes: np.ndarray


def check_market(market: Market) -> CheckedMarket:
    """Hold, confirm and reject the closes of every US series the gate reads."""
    sessions = pd.DatetimeIndex(market.sessions.index)
    series = _series(market)
    timeline = _timeline(sessions, [*series.values(), *market.siblings.values()])
    offset = len(timeline) - len(sessions)
    held, notes = np.full((2, len(timeline)), "", dtype=object)
    changed: dict[str, pd.Series] = {}
    for key, closes in series.items():
        if key not in market.siblings and not len(_jumps(closes.to_numpy(dtype=float))):
            continue  # nearly always, and putting a series on the timeline is what takes time
        sibling = _reliable_closes(market.siblings.get(key), timeline)
        found = held_closes(_on(closes, timeline), sibling)
        name = market.names.get(key, key)
        for close in found:
            what = f"the close of {name} of {timeline[close.row]:%Y-%m-%d}"
            during = slice(close.row, close.until)
            held[during] = [_join(before, name, ", ") for before in held[during]]
            move = f"{close.move:+.1%} from the one before"
            waits = f"{what} ({move}) is held until the next one confirms it"
            notes[during] = [_join(before, waits) for before in notes[during]]
            if close.until < len(timeline):
                end = (
                    "confirmed: it counts from now on"
                    if close.confirmed
                    else "not confirmed: it counts as missing"
                )
                notes[close.until] = _join(notes[close.until], f"{what} was held and is {end}")
        if dropped := [timeline[close.row] for close in found if not close.confirmed]:
            changed[key] = closes.drop(dropped)
    return CheckedMarket(_with_series(market, changed), held[offset:], notes[offset:])


def held_closes(closes: Floats, sibling: Floats | None = None) -> list[HeldClose]:
    """The closes of one series that are or were held, oldest first.

    Each is decided by what was known in its own session and at its next close.

    A close is held if its log return since the close before exceeds `DEVIATIONS` standard
    deviations of the `WINDOW` returns before, or departs by more than `DEPARTURE` from its
    sibling's since the last session on which the two agreed. The next close confirms it if it keeps
    more than half of the move and does not depart from the sibling either; a departure also if it
    was the sibling that came back. What is not confirmed is missing for good, and the next close is
    compared with the one before it.

    Parameters
    ----------
    closes : positive, one a session, NaN where missing.
    sibling : closes of a series that moves with this one, session by session, NaN where it cannot
        be relied on.

    """
    counted, found, start = closes.copy(), list[HeldClose](), 0
    sibling = None if sibling is None else sibling.copy()
    while (row := _next_suspect(counted, sibling, start)) is not None:
        end = min(row + LONGEST_WAIT + 1, len(closes))
        following = next(
            (later for later in range(row + 1, end) if not np.isnan(counted[later])), None
        )
        confirmed = following is not None and _confirms(counted, sibling, row, following)
        move = closes[row] / counted[_row_before(counted, row)] - 1.0
        found.append(
            HeldClose(row, end if following is None else following, confirmed, float(move))
        )
        if not confirmed:
            counted[row] = np.nan
        elif sibling is not None and row in _departures(counted, sibling):
            sibling[row] = np.nan  # the two did not agree there
        start = row + 1
    return found


def _next_suspect(closes: Floats, sibling: Floats | None, start: int) -> int | None:
    """The first session from `start` on whose close is to be held."""
    suspects = [rows[rows >= start] for rows in (_jumps(closes), _departures(closes, sibling))]
    return min((int(rows[0]) for rows in suspects if len(rows)), default=None)


def _jumps(closes: Floats) -> Ints:
    """The sessions whose return exceeds `DEVIATIONS` standard deviations of the returns before."""
    rows: Ints = np.flatnonzero(~np.isnan(closes))
    moves = np.diff(np.log(closes[rows]))
    if len(moves) <= WINDOW:
        return rows[:0]
    sums, squares = (np.concatenate(([0.0], np.cumsum(values))) for values in (moves, moves**2))
    variance = (
        squares[WINDOW:-1]
        - squares[: -WINDOW - 1]
        - (sums[WINDOW:-1] - sums[: -WINDOW - 1]) ** 2 / WINDOW
    ) / (WINDOW - 1)
    size = np.abs(moves[WINDOW:])
    near = np.flatnonzero(
        (size > SMALLEST_MOVE) & (size > 0.9 * DEVIATIONS * np.sqrt(np.maximum(variance, 0.0)))
    )
    # Running sums are quick and depend on what lies before the window in their last bits: they only
    # choose what is looked at.
    jumps = [k for k in near if size[k] > DEVIATIONS * np.std(moves[k : k + WINDOW], ddof=1)]
    return rows[np.asarray(jumps, dtype=np.int64) + WINDOW + 1]


def _departures(closes: Floats, sibling: Floats | None) -> Ints:
    """The sessions whose return since the last agreement departs from the sibling's."""
    if sibling is None:
        return np.empty(0, dtype=np.int64)
    rows: Ints = np.flatnonzero(~np.isnan(closes) & ~np.isnan(sibling))
    apart = np.abs(np.diff(np.log(closes[rows] / sibling[rows])))
    return rows[1:][(apart > DEPARTURE) & (np.diff(rows) <= NEW_LEVEL)]


def _confirms(closes: Floats, sibling: Floats | None, row: int, following: int) -> bool:
    """Whether the close of `following` confirms the held one of `row`."""
    move, remaining = np.log(closes[[row, following]] / closes[_row_before(closes, row)])
    keeps = bool(remaining * move > 0.5 * move**2)
    base = _last_agreement(closes, sibling, row)
    if sibling is None or base is None or np.isnan(sibling[following]):
        return keeps
    own, other = (np.log(values[[row, following]] / values[base]) for values in (closes, sibling))
    departure, later = own - other
    if following - base <= NEW_LEVEL and abs(later) > DEPARTURE:
        return False
    if row not in _jumps(closes):
        came_back = abs(other[1] - other[0]) > abs(own[1] - own[0])
        keeps = bool(later * departure > 0.5 * departure**2) or bool(came_back)
    return keeps


def _row_before(closes: Floats, row: int) -> int:
    """The last session before `row` with a close that counts."""
    return int(np.flatnonzero(~np.isnan(closes[:row]))[-1])


def _last_agreement(closes: Floats, sibling: Floats | None, row: int) -> int | None:
    """The last session before `row` in which both series have a close that counts."""
    if sibling is None:
        return None
    both = np.flatnonzero(~np.isnan(closes[:row]) & ~np.isnan(sibling[:row]))
    return int(both[-1]) if len(both) else None


def _reliable_closes(series: pd.Series | None, timeline: pd.DatetimeIndex) -> Floats | None:
    """A sibling's closes without those that were themselves held, confirmed later or not.

    In their own session nobody could rely on them.
    """
    if series is None:
        return None
    closes = _on(series, timeline)
    closes[[close.row for close in held_closes(closes)]] = np.nan
    return closes


def _timeline(sessions: pd.DatetimeIndex, series: Sequence[pd.Series]) -> pd.DatetimeIndex:
    """The sessions, and before them every instant at which one of the series has a value."""
    if not len(sessions):
        return sessions
    early = [
        pd.DatetimeIndex(values.index[: values.index.searchsorted(sessions[0])]).as_unit("ns").asi8
        for values in series
    ]
    instants = np.concatenate([np.unique(np.concatenate(early)), sessions.as_unit("ns").asi8])
    return pd.DatetimeIndex(instants, tz="UTC")


def _on(series: pd.Series, timeline: pd.DatetimeIndex) -> Floats:
    return series.reindex(timeline).to_numpy(dtype=float, copy=True)


def _series(market: Market) -> Mapping[str, pd.Series]:
    """The US closes a market has, by field or by fund."""
    return {name: getattr(market, name) for name in FIELDS} | dict(market.breadth)


def _with_series(market: Market, changed: Mapping[str, pd.Series]) -> Market:
    def of(field: str) -> pd.Series:
        found: pd.Series = changed.get(field, getattr(market, field))
        return found

    funds = {name: changed.get(name, fund) for name, fund in market.breadth.items()}
    small, broad, risky, safe = map(of, FIELDS)
    return market._replace(
        small_caps=small, broad=broad, risky_credit=risky, safe_credit=safe, breadth=funds
    )


def _join(before: str, text: str, by: str = "; ") -> str:
    return f"{before}{by}{text}" if before else text
