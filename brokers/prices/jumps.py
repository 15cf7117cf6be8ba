"""Jumps of closes that no market makes: out and back within days, or by a factor of a split.

All sizes are log returns of one bar. Each limit is given with the largest true move in the files
it was measured on: 15 US series back to 1970, 19 series of ten coins by day and three by hour.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WINDOW = 63  # bars before a move, whose standard deviation it is compared with
DEVIATIONS = 12.0  # as for held closes
REMAINING = 0.25  # of a jump: a close this near to the one before it has come back
LARGEST_REMAINDER = 0.5  # log return; what a price may have moved while it was bent
DAYS = 15.0  # within which a jump comes back: ten sessions
LASTING_DAYS = 93.0  # the same for a jump that no market makes: a wrong unit may last for weeks
MOST = 20  # jumps of one series; more say the same


class Limits(NamedTuple):
    """From which size on a move is a jump.

    `certain`: whatever the series did before. `unusual`: where it also exceeds `DEVIATIONS` of
    the `WINDOW` moves before. `lasting`: of one that stays.
    """

    certain: float
    unusual: float
    lasting: float


LIMITS = {
    # Out and back, the smaller of both ways: VIX 0.27 (2008-10-20), SPY 0.10 (2008-10-13). One
    # bar: VIX 0.77 (2018-02-05) is 11.2 deviations, the S&P 0.23 (1987-10-19) is 17.7.
    "session": Limits(certain=0.35, unusual=0.12, lasting=0.25),
    # Out and back: BNB 0.34 (2018-01-06). One bar: DOGE 1.59 (2021-01-28, +392 %).
    "coin": Limits(certain=0.6, unusual=0.35, lasting=2.0),
    # Of bars shorter than a day. Out and back: SOL 0.07 (2024-04-13 20:00). One bar: ETH 0.13.
    "intraday": Limits(certain=0.5, unusual=0.2, lasting=2.0),
}


class Jump(NamedTuple):
    """The closes of rows `first` to `last` are bent, those of `first` - 1 and `last` + 1 are not.

    `lasting`: it did not come back; then `last` is `first`.
    """

    first: int
    last: int
    lasting: bool


def find_jumps(closes: Floats, days: Floats, steps: NDArray[np.int64], kind: str) -> list[Jump]:
    """The jumps of one series, oldest first.

    Parameters
    ----------
    closes : positive, one a bar.
    days : when each bar was known, in days.
    steps : bars from each to the next; over a gap a price moves by the square root of it.
    kind : a key of `LIMITS`.

    """
    limits, logs = LIMITS[kind], np.log(closes)
    moves = np.diff(logs, prepend=logs[:1])
    if (steps > 1).any():
        moves[1:] /= np.sqrt(np.maximum(steps, 1))
    candidates = np.flatnonzero(np.abs(moves) > limits.unusual)
    if not len(candidates):
        return []
    return list(_jumps(logs, moves, days, candidates.tolist(), limits))


def _jumps(
    logs: Floats, moves: Floats, days: Floats, candidates: list[int], limits: Limits
) -> Iterator[Jump]:
    done = yielded = 0
    for number, row in enumerate(candidates):
        if row < done or yielded == MOST:
            continue
        if abs(moves[row]) <= limits.certain and not _is_unusual(moves, row):
            continue
        lasting = _is_lasting(moves, row, limits)
        end = days[row] + (LASTING_DAYS if lasting else DAYS)
        later = (then for then in candidates[number + 1 :] if days[then] <= end)
        least = limits.unusual if _is_unusual(moves, row) else limits.certain
        back = next((then for then in later if _is_back(logs, moves, row, then, least)), None)
        if back is None and not lasting:
            continue
        yielded += 1
        yield Jump(row, row if back is None else back - 1, lasting=back is None)
        done = 0 if back is None else back + 1


def _is_lasting(moves: Floats, row: int, limits: Limits) -> bool:
    """Whether no market makes such a move, even if it stays."""
    large = abs(moves[row]) > limits.lasting
    return bool(large) and (limits.lasting > limits.certain or _is_unusual(moves, row))


def _is_unusual(moves: Floats, row: int) -> bool:
    """Whether the move exceeds `DEVIATIONS` of those before it, at the beginning of those after."""
    window = moves[max(1, row - WINDOW) : row]
    if len(window) < WINDOW:
        window = np.concatenate((window, moves[row + 1 : row + 1 + WINDOW - len(window)]))
    usual = window[np.abs(window) <= abs(moves[row]) / 3.0]  # another jump is no measure
    if len(usual) < len(window) - MOST:
        usual = window
    return len(usual) > 1 and bool(abs(moves[row]) > DEVIATIONS * np.std(usual, ddof=1))


def _is_back(logs: Floats, moves: Floats, row: int, then: int, least: float) -> bool:
    """Whether the close of `then` comes back in one step of at least that size: markets do not."""
    out, back = abs(moves[row]), abs(moves[then])
    allowed = min(REMAINING * min(out, back), LARGEST_REMAINDER)
    return bool(back > least and abs(logs[then] - logs[row - 1]) <= allowed)
