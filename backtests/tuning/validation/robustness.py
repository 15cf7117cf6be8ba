"""How far the result of a parameter set depends on its exact values, on costs and on inputs."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import tomli_w
from numpy.typing import NDArray

from backtests.engine.inputs import Inputs
from backtests.performance.metrics import FLAT
from backtests.tuning.search.space import CURRENT, Axis, Codes, Space
from brokers.prices.clean import bar_length
from config.settings import ConfigError, Settings, with_changes
from strategies.indicators import Floats

SLIPPAGE = (("doubled", 2), ("times five", 5))
OTHER_INDEX = {  # with the first close there is
    "^RUT": ("IWM", date(2000, 5, 26)),
    "IWM": ("^RUT", date(1987, 9, 10)),
}

Evaluate = Callable[[Codes], Floats]


class Neighbours(NamedTuple):
    """The neighbours of one parameter set and their objective, -inf where a constraint is broken.

    `share_of_best` is their median over the objective of the set itself; None without neighbours,
    or where that objective is 0 or less. The three other figures are NaN without neighbours.
    """

    codes: Codes
    objective: Floats
    median: float
    worst: float
    best: float
    share_of_best: float | None


class Importance(NamedTuple):
    """Share of the objective's variance that one parameter explains alone."""

    key: str
    share: float


class HeatMap(NamedTuple):
    """Objectives by the values of two parameters.

    `median` and `best` are y x x, NaN where no set was tried or all break a constraint.
    """

    x: str
    y: str
    x_values: tuple[Any, ...]
    y_values: tuple[Any, ...]
    median: Floats
    best: Floats


class StressTest(NamedTuple):
    """A harder condition: `changes` of the settings (dotted key -> value).

    With `late` the gate is known one coin bar later (`delay_gate`).
    """

    name: str
    changes: Mapping[str, object]
    late: bool = False

    @property
    def overrides(self) -> list[str]:
        """The changes as `config.settings.load` takes them."""
        return [
            f"{key}={tomli_w.dumps({'v': value}).strip().removeprefix('v = ')}"
            for key, value in self.changes.items()
        ]


def neighbours(
    space: Space, codes: Codes, objective: Floats, row: int, evaluate: Evaluate
) -> Neighbours:
    """The parameter sets around set `row`, taken from the search where it tried them.

    Parameters
    ----------
    codes, objective : of the sets tried, as made by `Space.distinct` and `segment_stats.objective`.
    evaluate : the objective of sets that were not tried, neighbours x axes -> one number each; NaN:
        the settings refuse the set, which then is no neighbour. Not called if all were tried.

    """
    near = neighbouring_codes(space, codes[row])
    known = [np.flatnonzero((codes == neighbour).all(axis=1)) for neighbour in near]
    missing = np.array([not len(rows) for rows in known], dtype=bool)
    scores = np.array(
        [objective[rows[0]] if len(rows) else np.nan for rows in known], dtype=np.float64
    )
    if missing.any():
        scores[missing] = evaluate(near[missing])
    allowed = ~np.isnan(scores)
    near, scores, of_set = near[allowed], scores[allowed], float(objective[row])
    if not len(scores):
        return Neighbours(near, scores, np.nan, np.nan, np.nan, None)
    median = float(np.median(scores))
    return Neighbours(
        codes=near,
        objective=scores,
        median=median,
        worst=float(scores.min()),
        best=float(scores.max()),
        share_of_best=median / of_set if 0.0 < of_set < np.inf else None,
    )


def neighbouring_codes(space: Space, codes: Codes) -> Codes:
    """Every parameter set that differs from one (a row of `Codes`) in one parameter.

    Numbers differ by one step up or down, other values by any. The current value is a step like the
    others. Parameters that are not tried in this set have no neighbours.
    """
    codes = np.asarray(codes, dtype=np.int16)
    near = {}
    for column, (axis, current) in enumerate(zip(space.axes, space.current, strict=True)):
        for code in _adjacent_codes(axis, current, int(codes[column])):
            changed = codes[None].copy()
            changed[0, column] = code
            kept = space.distinct(changed)  # none left: these are the current settings
            neighbour = kept[0] if len(kept) else space.defaults()[0]
            near[neighbour.tobytes()] = neighbour
    near.pop(codes.tobytes(), None)
    return np.array(list(near.values()), dtype=np.int16).reshape(-1, len(space.axes))


def importance(space: Space, codes: Codes, objective: Floats, possible: int) -> list[Importance]:
    """Main effect of each parameter in a functional analysis of variance, the largest first.

    The rest of 1 is what the parameters do together.

    Parameters
    ----------
    possible : how many parameter sets the space has; as many as there are codes: all were tried.

    Notes
    -----
    Hutter, Hoos and Leyton-Brown (2014), "An efficient approach for assessing hyperparameter
    importance", ICML: the variance of the mean objective at each value, over the variance of all.
    Their means come from a model of few evaluations, these from the sets themselves. Where only
    some of all possible sets were tried, the means differ by chance as well; what chance is
    expected to add, (values - 1) times the variance within a value times the share not tried, is
    subtracted (Cochran 1977, "Sampling techniques", chapter 2: samples from a finite population).
    Sets that break a constraint are left out; a parameter that is tried under a condition is
    measured among the sets in which it holds.

    """
    usable = np.isfinite(objective)
    untried = 1.0 - min(len(codes) / possible, 1.0)
    total = _spread(objective[usable])
    shares = []
    for column, axis in enumerate(space.axes):
        values = _values(space, codes, column)
        here = usable & (values >= 0)
        between = _between(values[here], objective[here], untried) if here.any() else 0.0
        shares.append(Importance(axis.key, between / total if total > FLAT * usable.sum() else 0.0))
    return sorted(shares, key=lambda importance: -importance.share)


def heat_map(space: Space, codes: Codes, objective: Floats, x: str, y: str) -> HeatMap:
    """Median and best objective of all sets with each pair of values of two parameters."""
    axes = [space.keys.index(key) for key in (x, y)]
    across, up = (_values(space, codes, axis) for axis in axes)
    columns, rows = (space.axes[axis].values for axis in axes)
    shown = np.isfinite(objective) & (across >= 0) & (up >= 0)
    cells = (up * len(columns) + across)[shown]
    order = np.argsort(cells, kind="stable")
    filled, first = np.unique(cells[order], return_index=True)
    median, best = np.full((2, len(rows) * len(columns)), np.nan)
    if len(filled):
        groups = np.split(objective[shown][order], first[1:])
        median[filled], best[filled] = (
            [np.median(group) for group in groups],
            [group.max() for group in groups],
        )
    shape = (len(rows), len(columns))
    return HeatMap(x, y, columns, rows, median.reshape(shape), best.reshape(shape))


def stress_tests(settings: Settings) -> list[StressTest]:
    """Conditions that a sound set should survive, each a change of these settings.

    Costs are multiplied. *One bar late* has no setting: see `delay_gate`. A confirmation is dropped
    while as many as before are required of those left, which is the harder test, or all of them if
    that would be more than there are. *Another index*: the fund on the Russell 2000 instead of the
    index or the other way round, with the history each has; its prices may have to be loaded.
    Changes that the settings refuse are left out.
    """
    costs, index = settings.costs, settings.signal.index
    tests = [
        StressTest("fee doubled", {"costs.fee": 2 * costs.fee} if costs.fee else {}),
        *(
            StressTest(
                f"slippage {name}",
                {"costs.slippage": times * costs.slippage} if costs.slippage else {},
            )
            for name, times in SLIPPAGE
        ),
        StressTest("gate one bar late", {}, late=True),
        *_without_confirmations(settings),
    ]
    if index in OTHER_INDEX:
        other, since = OTHER_INDEX[index]
        changes = {"signal.index": other, "signal.history_from": since}
        tests.append(StressTest(f"gate on {other}", changes))
    return [test for test in tests if test.late or (test.changes and _accepted(settings, test))]


def delay_gate(inputs: Inputs) -> Inputs:
    """The same inputs with every gate row and confirmation known one coin bar later.

    As after a missed decision or with a feed that lags. Coin prices keep their time, and an order
    still fills at the open after its decision: only the gate is late, not the coins' averages.
    """
    late = bar_length(inputs.settings.exchange.timeframe)
    table = inputs.table.set_axis(pd.DatetimeIndex(inputs.table.index) + late)
    return inputs._replace(table=table.assign(confirmed_at=table["confirmed_at"] + late))


def _without_confirmations(settings: Settings) -> list[StressTest]:
    """One test for each enabled confirmation, if any are required."""
    least = settings.gate.min_confirmations
    enabled = settings.confirmations.enabled() if least else ()
    lowered: Mapping[str, object] = (
        {"gate.min_confirmations": len(enabled) - 1} if least == len(enabled) else {}
    )
    return [
        StressTest(
            f"without the {name} confirmation", {f"confirmations.{name}.enabled": False, **lowered}
        )
        for name in enabled
    ]


def _adjacent_codes(axis: Axis, current: Any, code: int) -> list[int]:
    """The codes next to `code`: of numbers the ones above and below, of other values all others."""
    extra = [] if current in axis.values else [CURRENT]
    codes = [*range(len(axis.values)), *extra]
    now = axis.values.index(current) if code == CURRENT and not extra else code
    values = {entry: current if entry == CURRENT else axis.values[entry] for entry in codes}
    if not all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in values.values()
    ):
        return [entry for entry in codes if entry != now]
    codes.sort(key=values.__getitem__)
    at = codes.index(now)
    return [*codes[max(at - 1, 0) : at], *codes[at + 1 : at + 2]]


def _values(space: Space, codes: Codes, column: int) -> NDArray[np.intp]:
    """By parameter set: the index of the value of one parameter.

    -1 where it is not tried, or has the current value and that is not listed.
    """
    axis, current = space.axes[column], space.current[column]
    of_current = axis.values.index(current) if current in axis.values else -1
    indices = np.where(codes[:, column] == CURRENT, of_current, codes[:, column])
    return np.where(space.applies(axis, codes), indices, -1)


def _between(values: NDArray[np.intp], objective: Floats, untried: float) -> float:
    """Sum of squares between the groups of one value, less what chance adds to it."""
    counts, sums = np.bincount(values), np.bincount(values, objective)
    there = counts > 0
    between = float((counts[there] * (sums[there] / counts[there] - objective.mean()) ** 2).sum())
    groups = int(there.sum())
    if groups == len(objective):  # one set for each value: chance cannot be separated
        return 0.0 if untried else between
    within = (_spread(objective) - between) / (len(objective) - groups)
    return max(between - (groups - 1) * within * untried, 0.0)


def _spread(values: Floats) -> float:
    return float(((values - values.mean()) ** 2).sum()) if len(values) else 0.0


def _accepted(settings: Settings, test: StressTest) -> bool:
    try:
        with_changes(settings, test.changes, test.name)
    except ConfigError:
        return False
    return True
