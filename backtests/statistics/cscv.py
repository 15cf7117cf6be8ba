"""Probability of backtest overfitting by combinatorially symmetric cross-validation (CSCV).

Bailey, Borwein, López de Prado and Zhu (2017), "The probability of backtest overfitting", Journal
of Computational Finance 20(4). History is cut into blocks; every half of them is once in-sample and
once out-of-sample. In each split the parameter set with the best Sharpe ratio in-sample is looked
up out-of-sample: if the search finds skill it stays near the top, if it finds chance results it
ranks anywhere.

Only sums per parameter set and block are read. The out-of-sample half of a split is the in-sample
half of another, so one ratio for each set and half serves both; no table of sets x splits is held.
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
# Share of the mean square below which the difference to the squared mean is rounding: a daily ratio
# of 100,000.
NO_SPREAD = 1e-10


class BlockSums(NamedTuple):
    """Sums of each parameter set in each block, sets x blocks.

    Returns are simple and daily; a day is exposed if coins were held.
    """

    days: Ints
    total: Floats
    squares: Floats
    exposed: Ints


class _Part(NamedTuple):
    """The sums of some sets, all of one type for the compiled functions."""

    days: Floats
    total: Floats
    squares: Floats
    exposed: Floats


class Overfitting(NamedTuple):
    """How the best parameter set of each split did out-of-sample.

    `pbo` is the share of splits whose logit is not above 0: out-of-sample, the set that was best
    in-sample is at or below the median. A logit is ln(w / (1 - w)) with w = rank / (sets + 1),
    ranks from the worst, averaged among equals. `at_median` is the share of exactly 0: there the
    sets were equal and the split says nothing. `slope` and `intercept` are of the regression of
    `out_of_sample` on `in_sample`, both annualised Sharpe ratios of the best set (performance
    degradation); `probability_of_loss` is the share of splits in which the out-of-sample ratio of
    that set is negative. Arrays have one entry for each split used; a split in which no set was
    exposed in one half is `dropped`. Figures that no split determines are None.
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
    """All halves of the blocks.

    Bit b of `masks` says that block b is in-sample, `complement` is the row of the other half.
    They are listed by their higher half of bits; `order` has the lower halves sorted by number of
    bits, and those from `first[higher]` to before `last[higher]` complete the half with the higher
    bits `higher`.
    """

    masks: Ints
    complement: NDArray[np.intp]
    order: Ints
    first: Ints
    last: Ints


def overfitting(sums: BlockSums, threads: int = 1) -> Overfitting:
    """Evaluate the search that picks the set with the best Sharpe ratio, the first of equals.

    A half in which a set was never exposed, or its returns do not vary, counts as Sharpe ratio 0.
    The order of sets matters among equals only: give them in the order in which the search prefers
    them.

    Raises
    ------
    ValueError
        Shapes that differ, fewer than 2 sets, an odd or unusable number of blocks, a sum that is
        not a finite number.

    """
    _check(sums)
    sets, blocks = sums.total.shape
    splits = all_splits(blocks)
    ever = int((1 << np.flatnonzero((sums.exposed > 0).any(axis=0))).sum())
    used = np.flatnonzero(
        (splits.masks & ever != 0) & (splits.masks[splits.complement] & ever != 0)
    )
    best, chosen = _best(sums, splits, threads)
    winners, which = np.unique(chosen, return_inverse=True)
    scores = _scores_at(_part(sums, winners), splits, which, splits.complement)
    below = _count_below(sums, splits, scores[splits.complement], threads)[splits.complement]
    # The set itself was counted half: this is its average rank among equals.
    rank = (below[used] + 0.5) / (sets + 1)
    return _summarise(
        chosen[used],
        _ratio(best[used]),
        _ratio(scores[used]),
        np.log(rank / (1.0 - rank)),
        len(splits.masks) - len(used),
    )


def block_edges(days: int, blocks: int = BLOCKS) -> NDArray[np.intp]:
    """Rows at which blocks begin, then the number of days; block lengths differ by 1 at most.

    Block b has rows edges[b] to edges[b + 1] - 1.
    """
    return np.arange(blocks + 1) * days // blocks


def block_sums(
    daily_returns: Floats, exposed: NDArray[np.bool_], blocks: int = BLOCKS
) -> BlockSums:
    """Sums of return series, both arguments days x sets."""
    edges = block_edges(len(daily_returns), blocks)
    days = np.broadcast_to(np.diff(edges), (daily_returns.shape[1], blocks))
    total, squares, held = (
        np.add.reduceat(values, edges[:-1], axis=0).T
        for values in (daily_returns, daily_returns**2, exposed.astype(np.int64))
    )
    return BlockSums(days, total, squares, held)


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
            row, block = unknown[0]
            raise ValueError(
                f"{name} of set {row} in block {block} is not a finite number;"
                " give flat blocks a sum of 0"
            )


def _summarise(
    chosen: NDArray[np.intp], in_sample: Floats, out_of_sample: Floats, logits: Floats, dropped: int
) -> Overfitting:
    pbo = at_median = loss = slope = intercept = None
    if len(chosen):
        pbo, at_median, loss = (
            float(np.mean(event)) for event in (logits <= 0, logits == 0, out_of_sample < 0)
        )
        apart = in_sample - in_sample.mean()
        if np.abs(apart).max() > NO_SPREAD:
            slope = float(apart @ out_of_sample / (apart @ apart))
            intercept = float(out_of_sample.mean() - slope * in_sample.mean())
    return Overfitting(
        pbo=pbo,
        at_median=at_median,
        probability_of_loss=loss,
        slope=slope,
        intercept=intercept,
        used=len(chosen),
        dropped=dropped,
        chosen=chosen,
        in_sample=in_sample,
        out_of_sample=out_of_sample,
        logits=logits,
    )


def _ratio(score: Floats) -> Floats:
    return np.asarray(np.sign(score) * np.sqrt(np.abs(score) * DAYS))


def _part(sums: BlockSums, sets: slice | NDArray[np.intp]) -> _Part:
    # Copies: what is read-only would be compiled anew.
    return _Part(*(np.array(line[sets], dtype=np.float64, order="C") for line in sums))


def _parts(sums: BlockSums) -> list[slice]:
    return [slice(first, first + SETS_AT_ONCE) for first in range(0, len(sums.total), SETS_AT_ONCE)]


def _best(sums: BlockSums, splits: Splits, threads: int) -> tuple[Floats, NDArray[np.intp]]:
    """Best score of each split and the first set that has it."""
    best, chosen = np.full(len(splits.masks), -np.inf), np.zeros(len(splits.masks), dtype=np.intp)
    parts = _parts(sums)
    with ThreadPoolExecutor(threads) as pool:
        results = pool.map(lambda part: _best_of(_part(sums, part), splits), parts)
        for part, (score, row) in zip(parts, results, strict=True):
            better = score > best
            best[better], chosen[better] = score[better], row[better] + part.start
    return best, chosen


def _count_below(sums: BlockSums, splits: Splits, mark: Floats, threads: int) -> Floats:
    """How many sets score below `mark` in each split, one at it counting half."""
    with ThreadPoolExecutor(threads) as pool:
        return sum(
            pool.map(lambda part: _below(_part(sums, part), splits, mark), _parts(sums)),
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
def _score(part: _Part, row: int, splits: Splits, sums: Floats, scores: Floats) -> None:
    """Squared daily Sharpe ratio with its sign, of one set in every split.

    `sums` is space for 8 lines, one number for each subset of half of the blocks.
    """
    order, first, last = splits.order, splits.first, splits.last
    half = part.days.shape[1] // 2
    for line, values in enumerate((part.days, part.total, part.squares, part.exposed)):
        _subset_sums(values[row, :half], sums[4 + line])
        for subset in range(len(order)):
            sums[line, subset] = sums[4 + line, order[subset]]
        _subset_sums(values[row, half:], sums[4 + line])
    split = 0
    for higher in range(len(order)):
        begin, end = first[higher], last[higher]
        low_days, low_total = sums[0][begin:end], sums[1][begin:end]
        low_squares, low_exposed = sums[2][begin:end], sums[3][begin:end]
        high_days, high_total = sums[4, higher], sums[5, higher]
        high_squares, high_exposed = sums[6, higher], sums[7, higher]
        written = scores[split : split + len(low_days)]
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
            written[k] = score if varies else 0.0
        split += len(written)


@compiled
def _best_of(part: _Part, splits: Splits) -> tuple[Floats, Floats]:
    """Best score of each split and the first row that has it.

    The row is a float: the loop is fast when all its numbers are of one width.
    """
    count = len(splits.masks)
    best, chosen = np.full(count, -np.inf), np.zeros(count)
    scores, sums = np.empty(count), np.empty((8, len(splits.order)))
    for row in range(len(part.days)):
        _score(part, row, splits, sums, scores)
        for split in range(count):
            better = scores[split] > best[split]
            best[split] = scores[split] if better else best[split]
            chosen[split] = row if better else chosen[split]
    return best, chosen


@compiled
def _below(part: _Part, splits: Splits, mark: Floats) -> Floats:
    """How many sets of a part score below `mark` in each split, one at it counting half."""
    below, scores, sums = np.zeros(len(mark)), np.empty(len(mark)), np.empty((8, len(splits.order)))
    for row in range(len(part.days)):
        _score(part, row, splits, sums, scores)
        for split in range(len(mark)):
            equal = 0.5 if scores[split] == mark[split] else 0.0
            below[split] += 1.0 if scores[split] < mark[split] else equal
    return below


@compiled
def _scores_at(part: _Part, splits: Splits, which: Ints, wanted: Ints) -> Floats:
    """For each split, the score of set `which[split]` in split `wanted[split]`."""
    count = len(which)
    scores, sums, result = np.empty(count), np.empty((8, len(splits.order))), np.empty(count)
    for row in range(len(part.days)):
        _score(part, row, splits, sums, scores)
        for split in range(count):
            if which[split] == row:
                result[split] = scores[wanted[split]]
    return result
