"""Leave one breakout out: does the set chosen on all other breakouts do well on the one left out?

There are few breakouts, and all that a search can learn about the gate it learns from them. The
days directly after the fold under test are not trained on (purged): what a set earns there it earns
with coins that it bought inside the fold.
"""

from collections.abc import Callable
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
    from_returns,
    merit,
)
from backtests.tuning.search.splits import Partition
from strategies.indicators import Floats, Ints

# Row of a set and the days from and to before -> daily returns of holding the set's mean exposure
# of these days all the time.
Holding = Callable[[int, int, int], Floats]


class LeaveOneOut(NamedTuple):
    """One entry for each fold.

    Fold i has daily returns edges[i] to edges[i + 1] - 1; `edges` has one entry more. `in_sample`
    is the objective of the chosen set on the training part, NaN where none could be chosen and the
    default set was kept (no set held coins there, or none meets the constraints). `out_of_sample`,
    `defaults` and `holding` are the merits on the fold (the rule's weighted sum without
    constraints) of the chosen set, of the default set, and of exposure-matched holding. `rank` is
    that of the chosen set among all sets by merit, from 0, the worst, to 1, the best, averaged
    among equals. A fold is `won` if the chosen set beats exposure-matched holding there. (To
    ask that it beat the default set as well tells worlds with an effect from worlds without one no
    better: where the default set finds the effect, little is left to beat.)
    """

    events: pd.DatetimeIndex
    first: pd.DatetimeIndex  # first day of each fold
    edges: Ints
    chosen: Ints  # row of the set
    kept_default: NDArray[np.bool_]
    in_sample: Floats
    out_of_sample: Floats
    defaults: Floats
    holding: Floats
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
    segments: Segments, partition: Partition, rule: Rule, holding: Holding, default: int = 0
) -> LeaveOneOut:
    """Choose a parameter set for each fold on all other folds.

    A training part is the path of its segments joined in order, without a gap where the fold was.
    With fewer than two events there is nothing to leave out, and no entry. `holding` gives the
    returns of exposure-matched holding; `default` is the row of the set that is kept where none can
    be chosen, and that wins among equals.
    """
    fold = partition.fold
    tested = np.arange(len(partition.events) if len(partition.events) > 1 else 0)
    training = [(fold != test) & ~(partition.purged & (fold == test + 1)) for test in tested]
    picks = [choose(segments, partition.lengths, rule, part, default) for part in training]
    chosen = np.array([row for row, _ in picks], dtype=np.int64)
    in_sample = np.array([score for _, score in picks], dtype=np.float64)
    tests = [fold == test for test in tested]
    of_chosen, of_default = (
        figures_by_part(segments, partition.lengths, rows, tests)
        for rows in (chosen, np.full(len(tested), default))
    )
    out_of_sample = merit(of_chosen, rule)
    rank = [
        _rank(merit(figures(segments, partition.lengths, test), rule), row)
        for test, row in zip(tests, chosen, strict=True)
    ]
    first = np.searchsorted(fold, tested)
    edges = np.append(partition.edges[first], partition.edges[-1])
    held = _merits_of_holding(holding, chosen, edges, rule)
    return LeaveOneOut(
        events=partition.events[tested],
        first=partition.starts[first],
        edges=edges,
        chosen=chosen,
        kept_default=np.isnan(in_sample),
        in_sample=in_sample,
        out_of_sample=out_of_sample,
        defaults=merit(of_default, rule),
        holding=held,
        rank=np.array(rank, dtype=np.float64),
        won=out_of_sample > held,
        figures=of_chosen,
        default_figures=of_default,
    )


def _merits_of_holding(holding: Holding, chosen: Ints, edges: Ints, rule: Rule) -> Floats:
    """Of exposure-matched holding on each fold."""
    folds = zip(chosen.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    merits = [_merit_of_returns(holding(row, begin, end), rule) for row, begin, end in folds]
    return np.array(merits, dtype=np.float64)


def _merit_of_returns(returns: Floats, rule: Rule) -> float:
    column = returns[:, None]
    none = np.zeros_like(column, dtype=np.int64)
    segments = from_returns(column, column != 0.0, none, np.array([0, len(column)]))
    return float(merit(figures(segments, np.array([len(column)]), np.array([True])), rule)[0])


def _rank(merits: Floats, row: int) -> float:
    """Rank of one set from 0 to 1; that of a single set is 0.5."""
    worse = np.count_nonzero(merits < merits[row])
    equal = np.count_nonzero(merits == merits[row]) - 1
    return (worse + equal / 2) / (len(merits) - 1) if len(merits) > 1 else 0.5
