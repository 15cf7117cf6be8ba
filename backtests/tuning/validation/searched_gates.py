"""The same search on gates at the wrong time: how often does a shifted one, searched as hard, do as well?"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from backtests.tuning.search.evaluator import Field
from backtests.tuning.search.segment_stats import Rule, figures, objective
from backtests.tuning.search.space import Codes
from strategies.indicators import Floats, Ints


class SearchedGates(NamedTuple):
    """`own_best`: the best objective of the sample with the gate as it is; `shifted_best` with each shifted gate, -inf where no set
    kept the rule. p = (1 + shifts at least as good) / (1 + n); None where no set of the sample keeps the rule with the gate as it is.
    """

    n: int
    sets: int
    own_best: float
    shifted_best: Floats
    p: float | None


def searched_gates(
    field: Field,
    sample: Codes,
    rule: Rule,
    count: int,
    seed: int,
    progress: Callable[[int, int], object],
) -> SearchedGates:
    """Give `count` shifts of the gate within the traded window, drawn without repetition, the search of `sample`.

    Every set has its own gate, moved by the same number of sessions: the gates have the same length and number of spells as the
    strategy's, and know nothing of the coins' prices.
    """
    shifts: Ints = np.random.default_rng(seed).permutation(np.arange(1, field.window_sessions))[
        :count
    ]
    length, found = np.array([len(field.days)]), []
    for segments in field.turned(sample, [0, *shifts.tolist()]):
        found.append(float(objective(figures(segments, length, np.array([True])), rule).max()))
        progress(len(found) - 1, len(shifts))
    own, shifted = found[0], np.array(found[1:])
    p = float((1 + (shifted >= own).sum()) / (1 + len(shifts))) if np.isfinite(own) else None
    return SearchedGates(len(shifts), len(sample), own, shifted, p)
