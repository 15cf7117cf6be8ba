"""Closes too far off to be acted on at once: held until the next session confirms them.

A vendor's wrong close comes back a day later; a crash stays. Which closes are held, confirmed or
rejected up to a session is a function of the closes up to that session and of what somebody stood
by meanwhile, which is recorded: backtest, replay and live session agree, and so does a recompute
years later.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from strategies.indicators import Floats, Ints

WINDOW = 63  # returns whose standard deviation the newest return is compared with
# One day in 39 years of eight series had more: the S&P on 1987-10-19, 17.7; the next is 11.0.
DEVIATIONS = 12.0
SMALLEST_MOVE = (
    0.02  # log return; a series that hardly ever moves has a standard deviation near zero
)
# Log return beyond the sibling's; the largest true ones are 0.029 (^RUT and IWM), 0.030 (^GSPC and
# RSP) and 0.046 (XLI and RSP).
DEPARTURE = 0.05
# Log return beyond which one later close is not enough: the largest true one is 0.229 (the S&P on
# 1987-10-19). A row of wrong closes comes back within days, too.
EXTREME_MOVE = 0.35
CONFIRMING_CLOSES = 3  # that confirm such a move, where no sibling has moved as far
LONGEST_WAIT = 5  # sessions a held close waits for the next close of its series; then it is missing
NEW_LEVEL = (
    10  # sessions after which a departure that persists is taken for the two series' new level
)
BLOCK = 256  # sessions looked at in one step; a quiet one is followed by one four times as long
NONE_ACCEPTED: Mapping[int, int] = {}


class HeldClose(NamedTuple):
    """The close of session `row`, a fraction `move` away from the one before.

    It is held before session `until`, which confirmed it or not; where it did not, neither do the
    closes between the two count. `needed` later closes have to confirm it. `accepted` is the newest
    session known when somebody stood by it: from then on it counts. -1: nobody did in time.
    """

    row: int
    until: int
    confirmed: bool
    move: float
    needed: int = 1
    accepted: int = -1


def held_closes(
    closes: Floats, sibling: Floats | None = None, accepted: Mapping[int, int] = NONE_ACCEPTED
) -> list[HeldClose]:
    """The closes of one series that are or were held, oldest first.

    Each is decided by what was known in its own session and at its next closes.

    A close is held if its log return since the close before exceeds `DEVIATIONS` standard
    deviations of the `WINDOW` returns before, or `EXTREME_MOVE`, or departs by more than
    `DEPARTURE` from its sibling's since the last session on which the two agreed. The next close
    confirms it if it keeps more than half of the move and does not depart from the sibling either;
    a departure also if it was the sibling that came back. A move beyond `EXTREME_MOVE` needs
    `CONFIRMING_CLOSES` such closes in a row, unless the sibling agrees. What is not confirmed is
    missing for good, and the next close is compared with the one before it.

    Parameters
    ----------
    closes : positive, one a session, NaN where missing.
    sibling : closes of a series that moves with this one, session by session, NaN where it cannot
        be relied on.
    accepted : the rows of closes that somebody stood by, and the newest session known then. One
        that was decided by then stays as it was decided. The closes in between are judged from it
        on, as those after it.

    """
    usable, held, start = closes.copy(), list[HeldClose](), 0
    sibling = None if sibling is None else sibling.copy()
    while (row := _next_suspect(usable, sibling, start)) is not None:
        move = float(closes[row] / usable[_row_before(usable, row)] - 1.0)
        needed = CONFIRMING_CLOSES if abs(np.log1p(move)) > EXTREME_MOVE else 1
        until, confirmed = _decision(usable, sibling, row, needed)
        newest = max(accepted.get(row, len(closes)), row)
        is_accepted = newest < until
        confirmed = confirmed or is_accepted
        held.append(HeldClose(row, until, confirmed, move, needed, newest if is_accepted else -1))
        if confirmed:
            if sibling is not None and _is_departure(usable, sibling, row):
                sibling[row] = np.nan  # the two did not agree there
        else:
            usable[row:until] = np.nan
        # Closes that waited with a held one confirmed it; those that waited with an accepted one
        # may be as wrong as that was right.
        start = row + 1 if is_accepted else max(until, row + 1)
    return held


def _decision(closes: Floats, sibling: Floats | None, row: int, needed: int) -> tuple[int, bool]:
    """The session that decides on the held close of `row`, and whether that confirms it.

    The number of sessions, and False, while it is open.
    """
    end = min(row + LONGEST_WAIT + 1, len(closes))
    later = row + 1 + np.flatnonzero(~np.isnan(closes[row + 1 : end]))
    for number, following in enumerate(later.tolist(), 1):
        if not _confirms(closes, sibling, row, following):
            return following, False
        if number >= needed or _sibling_agrees(closes, sibling, row, following):
            return following, True
    return end, bool(len(later)) and end < len(closes)


def _next_suspect(closes: Floats, sibling: Floats | None, start: int) -> int | None:
    """The first session from `start` on whose close is to be held."""
    length = BLOCK
    while start < len(closes):
        end = min(start + length, len(closes))
        window = _rows_before(closes, start, WINDOW + 1)
        first = int(window[0]) if len(window) else start  # NEW_LEVEL is less than WINDOW
        near = closes[first:end]
        beside = None if sibling is None else sibling[first:end]
        suspects = first + np.concatenate((jumps(near), _departures(near, beside)))
        if (suspects >= start).any():
            return int(suspects[suspects >= start].min())
        start, length = end, 4 * length
    return None


def jumps(closes: Floats) -> Ints:
    """The sessions whose return exceeds `DEVIATIONS` standard deviations of those before.

    Or `EXTREME_MOVE`, however much the series moves.
    """
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
    limit = np.minimum(0.9 * DEVIATIONS * np.sqrt(np.maximum(variance, 0.0)), EXTREME_MOVE)
    candidates = np.flatnonzero((size > SMALLEST_MOVE) & (size > limit))
    # Running sums are quick and depend on what lies before the window in their last bits: they only
    # choose what is looked at.
    numbers = [
        k
        for k in candidates
        if size[k] > min(DEVIATIONS * np.std(moves[k : k + WINDOW], ddof=1), EXTREME_MOVE)
    ]
    return rows[np.asarray(numbers, dtype=np.int64) + WINDOW + 1]


def _departures(closes: Floats, sibling: Floats | None) -> Ints:
    """The sessions whose return since the last agreement departs from the sibling's."""
    if sibling is None:
        return np.empty(0, dtype=np.int64)
    rows: Ints = np.flatnonzero(~np.isnan(closes) & ~np.isnan(sibling))
    apart = np.abs(np.diff(np.log(closes[rows] / sibling[rows])))
    return rows[1:][(apart > DEPARTURE) & (np.diff(rows) <= NEW_LEVEL)]


def _is_jump(closes: Floats, row: int) -> bool:
    """Whether `row` is among `jumps`."""
    rows = [*_rows_before(closes, row, WINDOW + 1), row]
    return len(jumps(closes[rows])) > 0


def _is_departure(closes: Floats, sibling: Floats, row: int) -> bool:
    """Whether `row` is among `_departures`."""
    first = max(row - NEW_LEVEL, 0)
    near = slice(first, row + 1)
    return row - first in _departures(closes[near], sibling[near])


def _confirms(closes: Floats, sibling: Floats | None, row: int, following: int) -> bool:
    """Whether the close of `following` confirms the held one of `row`."""
    move, remaining = np.log(closes[[row, following]] / closes[_row_before(closes, row)])
    keeps = bool(remaining * move > 0.5 * move**2)
    base = _last_agreement(closes, sibling, row)
    if sibling is None or base is None or np.isnan(sibling[following]):
        return keeps
    returns, siblings = (
        np.log(values[[row, following]] / values[base]) for values in (closes, sibling)
    )
    departure, later = returns - siblings
    if following - base <= NEW_LEVEL and abs(later) > DEPARTURE:
        return False
    if not _is_jump(closes, row):
        came_back = abs(siblings[1] - siblings[0]) > abs(returns[1] - returns[0])
        keeps = bool(later * departure > 0.5 * departure**2) or bool(came_back)
    return keeps


def _sibling_agrees(closes: Floats, sibling: Floats | None, row: int, following: int) -> bool:
    """Whether the sibling has a say on the close of `following`, which does not depart from it."""
    base = _last_agreement(closes, sibling, row)
    if sibling is None or base is None or np.isnan(sibling[following]):
        return False
    return following - base <= NEW_LEVEL


def _row_before(closes: Floats, row: int) -> int:
    """The last session before `row` with a close that counts."""
    return int(_rows_before(closes, row, 1)[-1])


def _last_agreement(closes: Floats, sibling: Floats | None, row: int) -> int | None:
    """The last session before `row` in which both series have a close that counts."""
    if sibling is None:
        return None
    both = _rows_before(closes, row, 1, sibling)
    return int(both[-1]) if len(both) else None


def _rows_before(closes: Floats, row: int, count: int, sibling: Floats | None = None) -> Ints:
    """The last `count` sessions before `row`, or all, with a close that counts (of both series).

    It looks no further back than they are: held closes may be many.
    """
    length = 2 * count + NEW_LEVEL
    while True:
        first = max(row - length, 0)
        is_known = ~np.isnan(closes[first:row])
        if sibling is not None:
            is_known &= ~np.isnan(sibling[first:row])
        rows: Ints = first + np.flatnonzero(is_known)
        if len(rows) >= count or first == 0:
            return rows[-count:]
        length *= 4
