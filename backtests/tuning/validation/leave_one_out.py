"""Leave one breakout out: is the set that is best around all other breakouts any good around the one it has not seen?

There are few breakouts, and everything a search can learn about the gate it learns from them. The days directly after the fold
under test are not trained on: what a set earns there it earns with coins that it bought inside.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.tuning.search.segment_stats import (
    Figures,
    Rule,
    Segments,
    choose,
    figures,
    figures_by_part,
    merit,
)
from backtests.tuning.search.splits import Partition
from strategies.indicators import Floats, Ints


class LeaveOneOut(NamedTuple):
    """One entry a fold. Fold i has daily returns edges[i] to edges[i + 1] - 1; `edges` has one entry more.

    `in_sample` is the chosen set's objective on the training part, NaN where none could be chosen and the default set was kept.
    `out_of_sample` and `defaults` are the merits of the chosen and of the default set on the fold, the rule's weighted sum alone.
    `rank` is the chosen set's among all sets by that sum, from 0, the worst, to 1, the best, averaged among equals. A fold is
    `won` if the chosen set is above 0, what holding nothing scores.
    """

    events: pd.DatetimeIndex
    first: pd.DatetimeIndex  # first day of each fold
    edges: Ints
    chosen: Ints  # row of the set
    kept_default: NDArray[np.bool_]  # no set held coins in the training part, or none kept the rule
    in_sample: Floats
    out_of_sample: Floats
    defaults: Floats
    rank: Floats
    won: NDArray[np.bool_]
    figures: Figures  # of the chosen sets
    default_figures: Figures

    @property
    def share(self) -> float | None:
        """Share of folds won, None without folds."""
        return float(self.won.mean()) if len(self.won) else None

    @property
    def ahead(self) -> int:
        """On how many folds the chosen set was at least as good as the default set."""
        return int((self.out_of_sample >= self.defaults).sum())

    @property
    def median_rank(self) -> float | None:
        """Median of the ranks, None without folds."""
        return float(np.median(self.rank)) if len(self.rank) else None


def leave_one_out(
    segments: Segments, partition: Partition, rule: Rule, default: int = 0
) -> LeaveOneOut:
    """Choose a set for each fold on all other folds.

    A training part is the path of its segments one after the other, with no gap where the fold was. With fewer than two events
    there is nothing to leave out, and no entry. `default` is the row of the set that is kept where none can be chosen, and that
    wins among equals.
    """
    fold = partition.fold
    tested = np.arange(len(partition.events) if len(partition.events) > 1 else 0)
    training = [(fold != one) & ~(partition.purged & (fold == one + 1)) for one in tested]
    picks = [choose(segments, partition.lengths, rule, part, default) for part in training]
    chosen, in_sample = (
        np.array([row for row, _ in picks], dtype=np.int64),
        np.array([score for _, score in picks], dtype=np.float64),
    )
    tests = [fold == one for one in tested]
    own, plain = (
        figures_by_part(segments, partition.lengths, rows, tests)
        for rows in (chosen, np.full(len(tested), default))
    )
    out_of_sample, defaults = merit(own, rule), merit(plain, rule)
    rank = [
        _rank(merit(figures(segments, partition.lengths, test), rule), row)
        for test, row in zip(tests, chosen, strict=True)
    ]
    first = np.searchsorted(fold, tested)
    return LeaveOneOut(
        events=partition.events[tested],
        first=partition.starts[first],
        edges=np.append(partition.edges[first], partition.edges[-1]),
        chosen=chosen,
        kept_default=np.isnan(in_sample),
        in_sample=in_sample,
        out_of_sample=out_of_sample,
        defaults=defaults,
        rank=np.array(rank, dtype=np.float64),
        won=out_of_sample > 0.0,
        figures=own,
        default_figures=plain,
    )


def _rank(merits: Floats, row: int) -> float:
    """A single set is in the middle."""
    worse, equal = (
        np.count_nonzero(merits < merits[row]),
        np.count_nonzero(merits == merits[row]) - 1,
    )
    return (worse + equal / 2) / (len(merits) - 1) if len(merits) > 1 else 0.5
