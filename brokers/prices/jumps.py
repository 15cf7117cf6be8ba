"""Jumps of closes that no market makes: out and back within days, or by a factor of a split.

All sizes are log returns of one bar. Each limit is given with the largest true move in the files
it was measured on: 15 US series back to 1970, 19 series of ten coins by day and three by hour.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from brokers.prices.series import Request

Floats = NDArray[np.float64]

WINDOW = 63  # bars before a move, whose standard deviation it is compared with
DEVIATIONS = 12.0  # as for held closes
REMAINING = 0.25  # of a jump: a close this near to the one before it has come back
LARGEST_REMAINDER = 0.5  # log return; what a price may have moved while it was bent
DAYS = 15.0  # within which a jump comes back: ten sessions
LASTING_DAYS = 93.0  # the same for a jump that no market makes: a wrong unit may last for weeks
MOST = 20  # jumps of one series; more say the same
# In median moves of its series: no split of a US series is smaller. True moves beyond 0.35: VIX
# 21.5 (2018-02-05), and of no other series.
SPLIT_MOVES = 25.0
# Log return from a close to the next open of a coin, which trades all day, where the close keeps
# more than `KEPT` of it. True coins 0.09 (SOL, 2021-09-09); DOGE's 0.25 of 2021-01-29 is wrong.
LARGEST_GAP, KEPT = 0.3, 0.5


class Limits(NamedTuple):
    """From which size on a move is a jump.

    `certain`: whatever the series did before. `unusual`: where it also exceeds `DEVIATIONS` of
    the `WINDOW` moves before. `lasting`: of one that stays; `falling` the same, downwards.
    """

    certain: float
    unusual: float
    lasting: float
    falling: float


LIMITS = {
    # Out and back, the smaller of both ways: VIX 0.27 (2008-10-20), SPY 0.10 (2008-10-13). One
    # bar: VIX 0.77 (2018-02-05) is 11.2 deviations, the S&P 0.23 (1987-10-19) is 17.7.
    "session": Limits(certain=0.35, unusual=0.12, lasting=0.25, falling=0.25),
    # Out and back: BNB 0.34 (2018-01-06). One bar: DOGE 1.59 (2021-01-28, +392 %), down LINK 0.65
    # (2020-03-12).
    "coin": Limits(certain=0.6, unusual=0.35, lasting=2.0, falling=0.9),
    # Of bars shorter than a day. Out and back: SOL 0.07 (2024-04-13 20:00). One bar: ETH 0.13.
    "intraday": Limits(certain=0.5, unusual=0.2, lasting=2.0, falling=0.9),
}


def limits_key(request: Request) -> str:
    """The key of `LIMITS` of a series of bars."""
    return request.kind if request.timeframe == "1d" else "intraday"


class Jump(NamedTuple):
    """The closes of rows `first` to `last` are bent, those of `first` - 1 and `last` + 1 are not.

    `lasting`: it did not come back; then `last` is `first`.
    """

    first: int
    last: int
    lasting: bool


class _Moves(NamedTuple):
    """Logarithms of closes, moves from bar to bar (over a gap less), those to the opens, days."""

    logs: Floats
    moves: Floats
    gaps: Floats
    days: Floats
    limits: Limits
    median: float


def find_jumps(
    closes: Floats,
    days: Floats,
    steps: NDArray[np.int64],
    kind: str,
    opens: Floats | None = None,
) -> list[Jump]:
    """The jumps of one series, oldest first.

    Parameters
    ----------
    closes : positive, one a bar.
    days : when each bar was known, in days.
    steps : bars from each to the next; over a gap a price moves by the square root of it.
    kind : a key of `LIMITS`.
    opens : of a coin: positive, one a bar.

    """
    limits, logs = LIMITS[kind], np.log(closes)
    moves = np.diff(logs, prepend=logs[:1])
    gaps = np.zeros(len(logs))
    if opens is not None:
        gaps[1:] = np.log(opens[1:]) - logs[:-1]
    if (steps > 1).any():
        lengths = np.sqrt(np.maximum(steps, 1))
        moves[1:] /= lengths
        gaps[1:] /= lengths
    is_candidate = (np.abs(moves) > limits.unusual) | (np.abs(gaps) > LARGEST_GAP)
    candidates = np.flatnonzero(is_candidate)
    if not len(candidates):
        return []
    median = float(np.median(np.abs(moves[1:])))
    return list(_jumps(_Moves(logs, moves, gaps, days, limits, median), candidates.tolist()))


def _jumps(series: _Moves, candidates: list[int]) -> Iterator[Jump]:
    limits, moves, days = series.limits, series.moves, series.days
    done = yielded = 0
    for number, row in enumerate(candidates):
        if row < done or yielded == MOST:
            continue
        is_unusual = _is_unusual(moves, row)
        lasting = _is_lasting(series, row, is_unusual=is_unusual)
        if not (lasting or is_unusual or abs(moves[row]) > limits.certain):
            continue
        end = days[row] + (LASTING_DAYS if lasting else DAYS)
        later = (then for then in candidates[number + 1 :] if days[then] <= end)
        least = limits.unusual if is_unusual else limits.certain
        back = next((then for then in later if _is_back(series, row, then, least)), None)
        if back is None and not lasting:
            continue
        yielded += 1
        yield Jump(row, row if back is None else back - 1, lasting=back is None)
        done = 0 if back is None else back + 1


def _is_lasting(series: _Moves, row: int, *, is_unusual: bool) -> bool:
    """Whether no market makes such a move, even if it stays."""
    limits, move, gap = series.limits, series.moves[row], series.gaps[row]
    if abs(gap) > LARGEST_GAP and move / gap > KEPT:
        return True
    if limits.lasting > limits.certain:
        return bool(move > limits.lasting or -move > limits.falling)
    is_certain = abs(move) > max(limits.certain, SPLIT_MOVES * series.median)
    return bool(is_certain or (is_unusual and abs(move) > limits.lasting))


def _is_unusual(moves: Floats, row: int) -> bool:
    """Whether the move exceeds `DEVIATIONS` of those before it, at the beginning of those after."""
    window = moves[max(1, row - WINDOW) : row]
    if len(window) < WINDOW:
        window = np.concatenate((window, moves[row + 1 : row + 1 + WINDOW - len(window)]))
    usual = window[np.abs(window) <= abs(moves[row]) / 3.0]  # another jump is no measure
    if len(usual) < len(window) - MOST:
        usual = window
    return len(usual) > 1 and bool(abs(moves[row]) > DEVIATIONS * np.std(usual, ddof=1))


def _is_back(series: _Moves, row: int, then: int, least: float) -> bool:
    """Whether the close of `then` comes back in one step of at least that size: markets do not."""
    logs, moves = series.logs, series.moves
    out, back = abs(moves[row]), abs(moves[then])
    allowed = min(REMAINING * min(out, back), LARGEST_REMAINDER)
    return bool(back > least and abs(logs[then] - logs[row - 1]) <= allowed)
