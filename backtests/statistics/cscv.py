"""Probability of backtest overfitting by combinatorially symmetric cross-validation.

Bailey, Borwein, López de Prado and Zhu (2015), "The probability of backtest overfitting", Journal of Computational Finance 20(4).
History is cut into blocks; every half of them is once in sample and once out of sample. In each split the set with the best
Sharpe ratio in sample is looked up out of sample: if the search finds skill it stays near the top, if it finds luck it falls
anywhere.

Only sums per set and block are read. A split's out-of-sample half is another split's in-sample half, so one ratio per set and
half serves both; no table of sets x splits is ever held.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtests.engine.compiled import compiled
from backtests.performance.metrics import DAYS, FLAT
from strategies.indicators import Floats, Ints

BLOCKS = 16  # 12,870 splits, the paper's choice
MOST_BLOCKS = 20  # 184,756 splits
SETS_AT_ONCE = 1024
NO_SPREAD = 1e-10  # share of the mean square below which what is left beside the squared mean is rounding: a daily ratio of 100,000


class BlockSums(NamedTuple):
    """What is known of each set in each block, sets x blocks. Returns are simple and daily; a day is exposed if coins were held."""

    days: Ints
    total: Floats
    squares: Floats
    exposed: Ints


class Overfitting(NamedTuple):
    """What became of each split's best set.

    `pbo` is the share of splits whose logit is not above 0: out of sample, the set that was best in sample is at or below the
    median. A logit is ln(w / (1 - w)) with w = rank / (sets + 1), ranks from the worst, averaged among equals. `at_median` is the
    share of exactly 0: there the sets were alike and the split says nothing. `slope` and `intercept` are of the regression of
    `out_of_sample` on `in_sample`, both yearly Sharpe ratios of the best set (performance degradation); `probability_of_loss`
    is the share of splits in which that set's ratio out of sample is negative. Arrays have one entry for each split used; a split
    in which no set was exposed in one half is `dropped`. Figures that no split can tell are None.
    """

    pbo: float | None
    at_median: float | None
    probability_of_loss: float | None
    slope: float | None
    intercept: float | None
    used: int
    dropped: int
    chosen: NDArray[np.intp]
    in_sample: Floats
    out_of_sample: Floats
    logits: Floats


class Splits(NamedTuple):
    """All halves of the blocks: bit b of `masks` says that block b is in sample, `complement` is the row of the other half.

    They are listed by their higher half of bits; `order` has the lower halves sorted by number of bits, and those from
    `first[higher]` to before `last[higher]` make up the half with the higher bits `higher`.
    """

    masks: Ints
    complement: NDArray[np.intp]
    order: Ints
    first: Ints
    last: Ints


def overfitting(sums: BlockSums, threads: int = 1) -> Overfitting:
    """Judge the search that picks the set with the best Sharpe ratio, the first of equals.

    A half in which a set was never exposed, or its returns do not vary, counts as Sharpe ratio 0. The order of sets matters
    among equals only: give them in the order in which the search prefers them.

    Raises
    ------
    ValueError : shapes that differ, fewer than 2 sets, an odd or unusable number of blocks, a sum that is no finite number.

    """
    _check(sums)
    sets, blocks = sums.total.shape
    splits = all_splits(blocks)
    ever = int((1 << np.flatnonzero((sums.exposed > 0).any(axis=0))).sum())
    kept = np.flatnonzero(
        (splits.masks & ever != 0) & (splits.masks[splits.complement] & ever != 0)
    )
    best, chosen = _best(sums, splits, threads)
    winners, which = np.unique(chosen, return_inverse=True)
    found = _scores_at(*_part(sums, winners), *splits[2:], which, splits.complement)
    passed = _passed(sums, splits, found[splits.complement], threads)[splits.complement]
    place = (passed[kept] + 0.5) / (
        sets + 1
    )  # the set itself was counted half: this is its average rank among equals
    return _judge(
        chosen[kept],
        _ratio(best[kept]),
        _ratio(found[kept]),
        np.log(place / (1.0 - place)),
        len(splits.masks) - len(kept),
    )


def block_edges(days: int, blocks: int = BLOCKS) -> NDArray[np.intp]:
    """Rows at which blocks begin, and the number of days: block b has rows edges[b] to edges[b + 1] - 1. Lengths differ by 1 at most."""
    return np.arange(blocks + 1) * days // blocks


def block_sums(
    daily_returns: Floats, exposed: NDArray[np.bool_], blocks: int = BLOCKS
) -> BlockSums:
    """Sums of return series, both arguments days x sets."""
    edges = block_edges(len(daily_returns), blocks)
    days = np.broadcast_to(np.diff(edges), (daily_returns.shape[1], blocks))
    added = [
        np.add.reduceat(one, edges[:-1], axis=0).T
        for one in (daily_returns, daily_returns**2, exposed.astype(np.int64))
    ]
    return BlockSums(days, *added)


def all_splits(blocks: int) -> Splits:
    """Every choice of half of `blocks` (an even number)."""
    half = blocks // 2
    subsets = np.arange(1 << half)
    bits = np.bitwise_count(subsets).astype(np.int64)
    order = np.argsort(bits, kind="stable")
    start = np.concatenate(([0], np.cumsum(np.bincount(bits))))
    first, last = start[half - bits], start[half - bits + 1]
    masks = np.concatenate(
        [higher << half | order[first[higher] : last[higher]] for higher in subsets]
    )
    row = np.empty(1 << blocks, dtype=np.intp)
    row[masks] = np.arange(len(masks))
    return Splits(masks, row[(1 << blocks) - 1 - masks], order, first, last)


def _check(sums: BlockSums) -> None:
    shapes = {name: np.shape(line) for name, line in sums._asdict().items()}
    if len(set(shapes.values())) > 1 or sums.total.ndim != 2:
        raise ValueError(f"block sums must all be sets x blocks, but are {shapes}")
    sets, blocks = sums.total.shape
    if sets < 2:
        raise ValueError(f"sets: {sets}, must be 2 or more: there is nothing to choose from")
    if blocks % 2 or not 2 <= blocks <= MOST_BLOCKS:
        raise ValueError(f"blocks: {blocks}, must be even and from 2 to {MOST_BLOCKS}")
    for name in ("total", "squares"):
        unknown = np.argwhere(~np.isfinite(getattr(sums, name)))
        if len(unknown):
            raise ValueError(
                f"{name} of set {unknown[0][0]} in block {unknown[0][1]} is not a finite number; give flat blocks a sum of 0"
            )


def _judge(
    chosen: NDArray[np.intp], in_sample: Floats, out_of_sample: Floats, logits: Floats, dropped: int
) -> Overfitting:
    if not len(chosen):
        return Overfitting(
            None, None, None, None, None, 0, dropped, chosen, in_sample, out_of_sample, logits
        )
    slope = intercept = None
    apart = in_sample - in_sample.mean()
    if np.abs(apart).max() > NO_SPREAD:
        slope = float(apart @ out_of_sample / (apart @ apart))
        intercept = float(out_of_sample.mean() - slope * in_sample.mean())
    pbo, at_median, loss = (
        float(np.mean(event)) for event in (logits <= 0, logits == 0, out_of_sample < 0)
    )
    return Overfitting(
        pbo,
        at_median,
        loss,
        slope,
        intercept,
        len(chosen),
        dropped,
        chosen,
        in_sample,
        out_of_sample,
        logits,
    )


def _ratio(score: Floats) -> Floats:
    return np.asarray(np.sign(score) * np.sqrt(np.abs(score) * DAYS))


def _part(sums: BlockSums, sets: slice | NDArray[np.intp]) -> tuple[Floats, Floats, Floats, Floats]:
    # Copies: what is read-only would be compiled anew.
    days, total, squares, exposed = (
        np.array(line[sets], dtype=np.float64, order="C") for line in sums
    )
    return days, total, squares, exposed


def _parts(sums: BlockSums) -> list[slice]:
    return [slice(first, first + SETS_AT_ONCE) for first in range(0, len(sums.total), SETS_AT_ONCE)]


def _best(sums: BlockSums, splits: Splits, threads: int) -> tuple[Floats, NDArray[np.intp]]:
    """Best score of each split and the first set that has it."""
    best, chosen = np.full(len(splits.masks), -np.inf), np.zeros(len(splits.masks), dtype=np.intp)
    parts = _parts(sums)
    with ThreadPoolExecutor(threads) as pool:
        for part, (score, row) in zip(
            parts,
            pool.map(lambda part: _best_of(*_part(sums, part), *splits[2:]), parts),
            strict=True,
        ):
            better = score > best
            best[better], chosen[better] = score[better], row[better] + part.start
    return best, chosen


def _passed(sums: BlockSums, splits: Splits, mark: Floats, threads: int) -> Floats:
    """How many sets score below `mark` in each split, one at it counting half."""
    with ThreadPoolExecutor(threads) as pool:
        return sum(
            pool.map(lambda part: _passed_by(*_part(sums, part), *splits[2:], mark), _parts(sums)),
            start=np.zeros(len(mark)),
        )


@compiled
def _subset_sums(values: Floats, sums: Floats) -> None:
    """Sum of every subset of `values`, bit b of the row being value b."""
    sums[0] = 0.0
    for bit in range(len(values)):
        for subset in range(1 << bit):
            sums[(1 << bit) + subset] = sums[subset] + values[bit]


@compiled
def _score(
    days: Floats,
    total: Floats,
    squares: Floats,
    exposed: Floats,
    order: Ints,
    first: Ints,
    last: Ints,
    sums: Floats,
    scores: Floats,
) -> None:
    """Squared daily Sharpe ratio with its sign, of one set in every split. `sums` is room for 8 lines, one number a subset."""
    half = len(days) // 2
    for line, values in enumerate((days, total, squares, exposed)):
        _subset_sums(values[:half], sums[4 + line])
        for place in range(len(order)):
            sums[line, place] = sums[4 + line, order[place]]
        _subset_sums(values[half:], sums[4 + line])
    row = 0
    for higher in range(len(order)):
        begin, end = first[higher], last[higher]
        low_days, low_total, low_squares, low_exposed = (
            sums[0][begin:end],
            sums[1][begin:end],
            sums[2][begin:end],
            sums[3][begin:end],
        )
        high_days, high_total, high_squares, high_exposed = (
            sums[4, higher],
            sums[5, higher],
            sums[6, higher],
            sums[7, higher],
        )
        found = scores[row : row + len(low_days)]
        for k in range(len(low_days)):
            n = low_days[k] + high_days
            s = low_total[k] + high_total
            q = low_squares[k] + high_squares
            spread = n * q - s * s  # n * (n - 1) * variance
            varies = (
                (low_exposed[k] + high_exposed > 0.0)
                & (spread > NO_SPREAD * n * q)
                & (spread > FLAT * FLAT * n * (n - 1.0))
            )
            score = s * abs(s) * (n - 1.0) / (n * spread)
            found[k] = score if varies else 0.0
        row += len(found)


@compiled
def _best_of(
    days: Floats,
    total: Floats,
    squares: Floats,
    exposed: Floats,
    order: Ints,
    first: Ints,
    last: Ints,
) -> tuple[Floats, Floats]:
    """Best score of each split and the first row that has it, as a float: the loop is fast when all its numbers are of one width."""
    splits = (last - first).sum()
    best, chosen = np.full(splits, -np.inf), np.zeros(splits)
    scores, sums = np.empty(splits), np.empty((8, len(order)))
    for one in range(len(days)):
        _score(days[one], total[one], squares[one], exposed[one], order, first, last, sums, scores)
        for split in range(splits):
            better = scores[split] > best[split]
            best[split] = scores[split] if better else best[split]
            chosen[split] = one if better else chosen[split]
    return best, chosen


@compiled
def _passed_by(
    days: Floats,
    total: Floats,
    squares: Floats,
    exposed: Floats,
    order: Ints,
    first: Ints,
    last: Ints,
    mark: Floats,
) -> Floats:
    passed, scores, sums = np.zeros(len(mark)), np.empty(len(mark)), np.empty((8, len(order)))
    for one in range(len(days)):
        _score(days[one], total[one], squares[one], exposed[one], order, first, last, sums, scores)
        for split in range(len(mark)):
            passed[split] += (
                1.0
                if scores[split] < mark[split]
                else (0.5 if scores[split] == mark[split] else 0.0)
            )
    return passed


@compiled
def _scores_at(
    days: Floats,
    total: Floats,
    squares: Floats,
    exposed: Floats,
    order: Ints,
    first: Ints,
    last: Ints,
    which: Ints,
    wanted: Ints,
) -> Floats:
    """For each split, the score of set `which[split]` in split `wanted[split]`."""
    splits = len(which)
    scores, sums, found = np.empty(splits), np.empty((8, len(order))), np.empty(splits)
    for one in range(len(days)):
        _score(days[one], total[one], squares[one], exposed[one], order, first, last, sums, scores)
        for split in range(splits):
            if which[split] == one:
                found[split] = scores[wanted[split]]
    return found
