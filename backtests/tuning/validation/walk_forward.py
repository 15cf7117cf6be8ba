"""Walk-forward: each step is traded with the parameter set that was best before it.

What would somebody have earned who repeated the search at every step? The days of a step lie after
all days its set was chosen on, so nothing has to be purged between the two: the choice reads
nothing of what comes after, and the positions carried over the edge are those of the step's own
set, decided on prices before the edge. (`leave_one_out` trains on days after the test as well;
there it matters.)
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
    figures_by_part,
    merit,
)
from backtests.tuning.search.splits import Partition
from strategies.indicators import Floats, Ints

Columns = Callable[[Ints], Floats]  # rows of parameter sets -> days x sets


class WalkForward(NamedTuple):
    """One entry for each tested step.

    Step i has daily returns edges[i] to edges[i + 1] - 1; `edges` has one entry more. `in_sample`
    is the objective of the chosen set on the training part, NaN where none could be chosen and the
    default set was kept (no set held coins there, or none meets the constraints). `out_of_sample`
    and `defaults` are the merits of the chosen and of the default set on the step, the rule's
    weighted sum without constraints: a few months need not have as many orders as a whole search.
    """

    step: Ints
    first: pd.DatetimeIndex  # first day of each step
    edges: Ints
    chosen: Ints  # row of the set
    kept_default: NDArray[np.bool_]
    in_sample: Floats
    out_of_sample: Floats
    defaults: Floats
    figures: Figures  # of the chosen sets
    default_figures: Figures


def walk_forward(
    segments: Segments,
    partition: Partition,
    rule: Rule,
    train_steps: int | None,
    *,
    default: int = 0,
    first_step: int | None = None,
) -> WalkForward:
    """Choose a parameter set for each step on the steps before it.

    Parameters
    ----------
    segments : of the sets tried.
    rule : what makes a set the best; `min_orders` is required of the training part.
    train_steps : number of steps trained on, those directly before the test (rolling); None: all
        there are (anchored). Steps with fewer before them are not tested.
    default : row of the set that is kept where none can be chosen, and that wins among equals.
    first_step : first step to test where that is later than the training part requires: rolling
        and anchored on the same days.

    Raises
    ------
    ValueError
        `train_steps` or `first_step` below 1.

    """
    for name, steps in (("train_steps", train_steps), ("first_step", first_step)):
        if steps is not None and steps < 1:
            raise ValueError(
                f"{name}: {steps}, must be 1 or more: a set is chosen on what lies before"
            )
    of_step = partition.step
    tested = np.arange(max(train_steps or 1, first_step or 1), of_step[-1] + 1)
    training = [
        (of_step < step) & (of_step >= (step - train_steps if train_steps else 0))
        for step in tested
    ]
    picks = [choose(segments, partition.lengths, rule, part, default) for part in training]
    chosen = np.array([row for row, _ in picks], dtype=np.int64)
    in_sample = np.array([score for _, score in picks], dtype=np.float64)
    tests = [of_step == step for step in tested]
    of_chosen, of_default = (
        figures_by_part(segments, partition.lengths, rows, tests)
        for rows in (chosen, np.full(len(tested), default))
    )
    first = np.searchsorted(of_step, tested)
    return WalkForward(
        step=tested,
        first=partition.starts[first],
        edges=np.append(partition.edges[first], partition.edges[-1]),
        chosen=chosen,
        kept_default=np.isnan(in_sample),
        in_sample=in_sample,
        out_of_sample=merit(of_chosen, rule),
        defaults=merit(of_default, rule),
        figures=of_chosen,
        default_figures=of_default,
    )


def drift(walk: WalkForward, codes: NDArray[np.int16]) -> Ints:
    """How often the chosen value changed from one step to the next, one entry for each axis.

    `codes` is sets x axes.
    """
    return np.asarray(np.count_nonzero(np.diff(codes[walk.chosen], axis=0), axis=0), dtype=np.int64)


def stitch_returns(walk: WalkForward, series: Columns, invested: Columns, cost: float) -> Floats:
    """Daily returns of trading each step with its chosen set, from the first to the last step.

    Parameters
    ----------
    series : daily returns of the sets asked for, days x sets, all days of the study.
    invested : their share of equity in coins at the end of each of those days, days x sets.
    cost : of a trade, as a fraction of its value: fee and slippage.

    Notes
    -----
    The returns of a set are those of its own run, which holds coins already when its step begins.
    Where sets change, all the old one holds is charged as sold and all the new one holds as bought,
    at the end of the day before the step: more than a change would cost where both hold the same.
    The first step is entered from cash.

    """
    rows, column = np.unique(walk.chosen, return_inverse=True)
    if not len(rows):
        return np.zeros(0)
    returns, shares = series(rows), invested(rows)
    first, end = walk.edges[:-1], walk.edges[1:]
    path = np.concatenate(
        [
            returns[since:until, chosen]
            for since, until, chosen in zip(first, end, column, strict=True)
        ]
    )
    bought = shares[first - 1, column]
    sold = np.append(0.0, shares[first[1:] - 1, column[:-1]])
    changed = np.append(True, column[1:] != column[:-1])
    edge = first - first[0]
    path[edge] = (1.0 + path[edge]) * (1.0 - np.where(changed, cost * (sold + bought), 0.0)) - 1.0
    return path
