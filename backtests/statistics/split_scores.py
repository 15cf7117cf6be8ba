"""The scores of every path in every split of a cross-validation; see `statistics.cscv`."""

import math
from typing import NamedTuple

import numpy as np

from backtests.engine.compiled import compiled, inlined
from backtests.performance.metrics import DAYS, FLAT
from strategies.indicators import Floats, Ints

BINS = 24  # of the histogram of logits, half of them at or below the median
MOST_MARKS = 16  # scores looked up one by one; with more the scores of a split are sorted
# Share of the mean square below which the difference to the squared mean is rounding: a daily ratio
# of 100,000.
NO_SPREAD = 1e-10
# By split: in-sample, out-of-sample, logit, at or below the median, at it, loss, behind, sets tied.
COLUMNS = 8


class Halves(NamedTuple):
    """Sums of every subset of the lower blocks and of the higher ones, each subsets x paths."""

    days: Floats  # 2 x subsets
    total: Floats  # 2 x subsets x paths
    squares: Floats
    excess: Floats
    exposed: Ints  # by path: bit b says that coins were held in block b
    copies: Floats


@inlined
def _score(n: float, s: float, q: float, held: int) -> float:
    """Squared daily Sharpe ratio with its sign: of n days, their sum and sum of squares."""
    spread = n * q - s * s  # n * (n - 1) * variance
    varies = (held != 0) & (spread > NO_SPREAD * n * q) & (spread > FLAT * FLAT * n * (n - 1.0))
    score = s * abs(s) * (n - 1.0) / (n * spread)
    return score if varies else 0.0


@inlined
def _yearly(score: float) -> float:
    return math.copysign(math.sqrt(abs(score) * DAYS), score)


@compiled
def _score_paths(halves: Halves, low: int, high: int, scores: Floats) -> None:
    """The score of every path on the blocks of two subsets."""
    half = int(np.log2(halves.days.shape[1]) + 0.5)
    n = halves.days[0, low] + halves.days[1, high]
    mask = high << half | low
    low_total, high_total = halves.total[0, low], halves.total[1, high]
    low_squares, high_squares = halves.squares[0, low], halves.squares[1, high]
    for path in range(len(scores)):
        scores[path] = _score(
            n,
            low_total[path] + high_total[path],
            low_squares[path] + high_squares[path],
            halves.exposed[path] & mask,
        )


@compiled
def _count_below(scores: Floats, copies: Floats, marks: Floats) -> Floats:
    """How many sets score below each of `marks`, one at it counting half."""
    below = np.zeros(len(marks))
    if len(marks) <= MOST_MARKS:
        for place in range(len(marks)):
            for path in range(len(scores)):
                equal = 0.5 if scores[path] == marks[place] else 0.0
                below[place] += copies[path] * (1.0 if scores[path] < marks[place] else equal)
        return below
    order = np.argsort(scores)
    ordered = scores[order]
    counted = np.concatenate((np.zeros(1), np.cumsum(copies[order])))
    for place in range(len(marks)):
        first = np.searchsorted(ordered, marks[place], side="left")
        last = np.searchsorted(ordered, marks[place], side="right")
        below[place] = (counted[first] + counted[last]) / 2.0
    return below


@compiled
def evaluate_group(halves: Halves, lower: Ints, higher: int, sets: float) -> tuple[Floats, Floats]:
    """The splits of one higher half: `COLUMNS` figures of each, and their logits in bins."""
    every, paths = halves.days.shape[1] - 1, len(halves.copies)
    rows, counts = np.zeros((len(lower), COLUMNS)), np.zeros(BINS)
    inside, outside = np.empty(paths), np.empty(paths)
    widest = np.log(2.0 * sets + 1.0)
    for split in range(len(lower)):
        low, row = lower[split], rows[split]
        _score_paths(halves, low, higher, inside)
        _score_paths(halves, every - low, every - higher, outside)
        best = inside.max()
        tied = np.flatnonzero(inside == best)
        marks = np.unique(outside[tied])
        below = _count_below(outside, halves.copies, marks)
        row[0] = _yearly(best)
        row[7] = halves.copies[tied].sum()
        for path in tied:
            part = halves.copies[path] / row[7]
            under = below[np.searchsorted(marks, outside[path])]
            # The set itself was counted half: this is its average rank among equals.
            logit = np.log((under + 0.5) / (sets + 0.5 - under))
            excess = halves.excess[0, every - low, path] + halves.excess[1, every - higher, path]
            row[1] += part * _yearly(outside[path])
            row[2] += part * logit
            row[3] += part if 2.0 * under <= sets else 0.0
            row[4] += part if 2.0 * under == sets else 0.0
            row[5] += part if outside[path] < 0.0 else 0.0
            row[6] += part if excess < 0.0 else 0.0
            place = int(np.ceil((logit + widest) / (2.0 * widest) * BINS)) - 1
            counts[min(max(place, 0), BINS - 1)] += part
    return rows, counts
