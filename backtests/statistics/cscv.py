"""Probability of backtest overfitting by combinatorially symmetric cross-validation (CSCV).

Bailey, Borwein, López de Prado and Zhu (2017), "The probability of backtest overfitting", Journal
of Computational Finance 20(4). History is cut into blocks; every half of them is once in-sample and
once out-of-sample. In each split the parameter set with the best Sharpe ratio in-sample is looked
up out-of-sample: if the search finds skill it stays near the top, if it finds chance results it
ranks anywhere.

Where several sets are best in-sample, a split counts as the average over them: figures do not
depend on the order of the sets. Parameter sets that did the same on every day are one path with so
many `copies`. Only sums per path and block are read; no table of paths x splits is held.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtests.statistics.split_scores import BINS, NO_SPREAD, Halves, evaluate_group
from strategies.indicators import Floats, Ints

BLOCKS = 16  # 12,870 splits, the paper's choice
MOST_BLOCKS = 20  # 184,756 splits


class BlockSums(NamedTuple):
    """Sums of each path in each block, paths x blocks; `days` by block, `copies` by path.

    Returns are simple and daily; a day is exposed if coins were held. `excess` are the returns
    above exposure-matched holding (`statistics.matched_holding`).
    """

    days: Ints
    total: Floats
    squares: Floats
    exposed: Ints
    excess: Floats
    copies: Ints


class Overfitting(NamedTuple):
    """How the best parameter sets of each split did out-of-sample.

    `pbo` is the share of splits whose logit is not above 0: out-of-sample, the set that was best
    in-sample is at or below the median. A logit is ln(w / (1 - w)) with w = rank / (sets + 1),
    ranks from the worst, averaged among equals. `at_median` is the share of exactly 0: there the
    sets were equal and the split says nothing. `probability_of_loss` is the share of splits in
    which the out-of-sample ratio of that set is negative, `probability_behind` that in which it
    earned less out-of-sample than exposure-matched holding. `slope` and `intercept` are of the
    regression of `out_of_sample` on `in_sample`, both annualised Sharpe ratios (performance
    degradation). `tied` is the share of splits in which several sets were best; all figures of
    such a split are averages over these.

    `in_sample`, `out_of_sample` and `logits` have one entry for each split used; a split in which
    no set was exposed in one half is `dropped`. `counts` are splits by logit between `edges`, each
    bin with its upper edge; the sets of a tied split share its count. Figures that no split
    determines are None.
    """

    pbo: float | None
    at_median: float | None
    probability_of_loss: float | None
    probability_behind: float | None
    slope: float | None
    intercept: float | None
    tied: float | None
    used: int
    dropped: int
    in_sample: Floats
    out_of_sample: Floats
    logits: Floats
    edges: Floats
    counts: Floats


class Splits(NamedTuple):
    """All halves of the blocks.

    Bit b of `masks` says that block b is in-sample. They are listed by their higher half of bits;
    `order` has the lower halves sorted by number of bits, and those from `first[higher]` to before
    `last[higher]` complete the half with the higher bits `higher`.
    """

    masks: Ints
    order: Ints
    first: Ints
    last: Ints


def overfitting(sums: BlockSums, threads: int = 1) -> Overfitting:
    """Evaluate the search that picks the set with the best Sharpe ratio, any of equals.

    A half in which a set was never exposed, or its returns do not vary, counts as Sharpe ratio 0.

    Raises
    ------
    ValueError
        Shapes that differ, fewer than 2 sets, an odd or unusable number of blocks, a sum that is
        not a finite number.

    """
    _check(sums)
    blocks, sets = len(sums.days), int(sums.copies.sum())
    splits, halves = all_splits(blocks), _halves(sums)
    ever = int((1 << np.flatnonzero((sums.exposed > 0).any(axis=0))).sum())
    whole = (1 << blocks) - 1
    used = (splits.masks & ever != 0) & ((whole - splits.masks) & ever != 0)

    def evaluate(higher: int) -> tuple[Floats, Floats]:
        rows = slice(int(splits.first[higher]), int(splits.last[higher]))
        kept = used[_rows_of(splits, higher)]
        return evaluate_group(halves, splits.order[rows][kept], higher, float(sets))

    with ThreadPoolExecutor(threads) as pool:
        results = list(pool.map(evaluate, range(len(splits.order))))
    by_split = np.concatenate([part for part, _ in results])
    counts = np.sum([part for _, part in results], axis=0)
    edges = np.linspace(-1.0, 1.0, BINS + 1) * np.log(2.0 * sets + 1.0)
    return _summarise(by_split, int((~used).sum()), edges, counts)


def block_edges(days: int, blocks: int = BLOCKS) -> NDArray[np.intp]:
    """Rows at which blocks begin, then the number of days; block lengths differ by 1 at most.

    Block b has rows edges[b] to edges[b + 1] - 1.
    """
    return np.arange(blocks + 1) * days // blocks


def block_sums(
    daily_returns: Floats,
    exposed: NDArray[np.bool_],
    excess: Floats,
    copies: Ints,
    blocks: int = BLOCKS,
) -> BlockSums:
    """Sums of the return series of paths; the first three arguments are days x paths."""
    edges = block_edges(len(daily_returns), blocks)
    total, squares, held, above = (
        np.ascontiguousarray(np.add.reduceat(values, edges[:-1], axis=0).T)
        for values in (daily_returns, daily_returns**2, exposed.astype(np.int64), excess)
    )
    return BlockSums(np.diff(edges), total, squares, held, above, np.asarray(copies))


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
    return Splits(masks, order, first, last)


def _rows_of(splits: Splits, higher: int) -> slice:
    """The masks of one higher half."""
    sizes = splits.last - splits.first
    begin = int(sizes[:higher].sum())
    return slice(begin, begin + int(sizes[higher]))


def _check(sums: BlockSums) -> None:
    tables = {name: np.shape(getattr(sums, name)) for name in ("total", "squares", "exposed")}
    tables["excess"] = np.shape(sums.excess)
    shapes = set(tables.values())
    if shapes != {(len(sums.copies), len(sums.days))}:
        raise ValueError(
            f"block sums must all be paths x blocks ({len(sums.copies)} x {len(sums.days)}),"
            f" but are {tables}"
        )
    blocks, sets = len(sums.days), int(sums.copies.sum())
    if sets < 2:
        raise ValueError(f"sets: {sets}, must be 2 or more: there is nothing to choose from")
    if blocks % 2 or not 2 <= blocks <= MOST_BLOCKS:
        raise ValueError(f"blocks: {blocks}, must be even and from 2 to {MOST_BLOCKS}")
    for name in ("total", "squares", "excess"):
        unknown = np.argwhere(~np.isfinite(getattr(sums, name)))
        if len(unknown):
            row, block = unknown[0]
            raise ValueError(
                f"{name} of set {row} in block {block} is not a finite number;"
                " give flat blocks a sum of 0"
            )


def _summarise(by_split: Floats, dropped: int, edges: Floats, counts: Floats) -> Overfitting:
    in_sample, out_of_sample, logits, low, at, lost, behind, sets = by_split.T
    slope = intercept = None
    shares: list[float | None] = [None] * 5
    if len(by_split):
        shares = [float(np.mean(event)) for event in (low, at, lost, behind, sets > 1)]
        apart = in_sample - in_sample.mean()
        if np.abs(apart).max() > NO_SPREAD:
            slope = float(apart @ out_of_sample / (apart @ apart))
            intercept = float(out_of_sample.mean() - slope * in_sample.mean())
    pbo, at_median, loss, fell_behind, tied = shares
    return Overfitting(
        pbo=pbo,
        at_median=at_median,
        probability_of_loss=loss,
        probability_behind=fell_behind,
        slope=slope,
        intercept=intercept,
        tied=tied,
        used=len(by_split),
        dropped=dropped,
        in_sample=in_sample,
        out_of_sample=out_of_sample,
        logits=logits,
        edges=edges,
        counts=counts,
    )


def _halves(sums: BlockSums) -> Halves:
    half = len(sums.days) // 2
    bits = 1 << np.arange(len(sums.days), dtype=np.int64)

    def subset_sums(values: Floats) -> Floats:
        """Of both halves of the blocks, bit b of the row being block b; of blocks x anything."""
        parts = []
        for blocks in (values[:half], values[half:]):
            rows = np.zeros((1 << half, *values.shape[1:]))
            for bit in range(half):
                rows[1 << bit : 2 << bit] = rows[: 1 << bit] + blocks[bit]
            parts.append(rows)
        return np.stack(parts)

    total, squares, excess = (
        subset_sums(np.asarray(line, dtype=np.float64).T)
        for line in (sums.total, sums.squares, sums.excess)
    )
    return Halves(
        subset_sums(np.asarray(sums.days, dtype=np.float64)),
        total,
        squares,
        excess,
        ((sums.exposed > 0) * bits).sum(axis=1),
        np.array(sums.copies, dtype=np.float64),
    )
