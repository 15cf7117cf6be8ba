"""Time-shift test: the same search on gates shifted in time.

How often does a shifted gate, searched as hard, do as well as the gate itself?
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.segment_stats import Rule, figures, objective
from backtests.tuning.search.space import Codes
from strategies.indicators import Floats, Ints


class SearchedGates(NamedTuple):
    """The best objectives with the gate itself and with shifted gates.

    `own_best` is that of the sample with the gate as it is, `shifted_best` that with each shifted
    gate, -inf where no set meets the constraints. p = (1 + shifts at least as good) / (1 + n);
    None where no set of the sample meets them with the gate as it is.
    """

    n: int
    sets: int
    own_best: float
    shifted_best: Floats
    p: float | None


def search_shifted_gates(
    evaluator: Evaluator,
    sample: Codes,
    rule: Rule,
    *,
    count: int,
    seed: int,
    progress: Callable[[int, int], object],
) -> SearchedGates:
    """Repeat the search of `sample` on `count` shifts of the gate, drawn without repetition.

    Every parameter set has its own gate, moved by the same number of sessions within the traded
    window: the gates have the same length and number of gate periods as the strategy's, and carry
    no information on the coins' prices.
    """
    sessions = np.arange(1, evaluator.window_sessions)
    shifts: Ints = np.random.default_rng(seed).permutation(sessions)[:count]
    length, best = np.array([len(evaluator.days)]), []
    for segments in evaluator.sweep_shifted(sample, [0, *shifts.tolist()]):
        best.append(float(objective(figures(segments, length, np.array([True])), rule).max()))
        progress(len(best) - 1, len(shifts))
    own, shifted = best[0], np.array(best[1:])
    p = float((1 + (shifted >= own).sum()) / (1 + len(shifts))) if np.isfinite(own) else None
    return SearchedGates(len(shifts), len(sample), own, shifted, p)
