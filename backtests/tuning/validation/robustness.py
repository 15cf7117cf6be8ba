"""How far a set's success hangs on its exact values, on single parameters, on costs and on single inputs."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import tomli_w
from numpy.typing import NDArray

from backtests.engine.inputs import Inputs
from backtests.performance.metrics import FLAT
from backtests.tuning.search.space import AS_IT_STANDS, Axis, Codes, Space
from brokers.prices.clean import bar_length
from config.settings import ConfigError, Settings, changed
from strategies.indicators import Floats

SLIPPAGE = (("doubled", 2), ("times five", 5))
OTHER_INDEX = {
    "^RUT": ("IWM", date(2000, 5, 26)),
    "IWM": ("^RUT", date(1987, 9, 10)),
}  # with the first close there is

Evaluate = Callable[[Codes], Floats]


class Neighbours(NamedTuple):
    """The neighbours of one set and their objective, -inf where one breaks a constraint.

    `share_of_best` is the median over the set's own objective; None without neighbours, or where that is 0 or less. The three
    others are NaN without neighbours.
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
    """Objectives by the values of two parameters. `median` and `best` are y x x, NaN where no set was tried or all break a constraint."""

    x: str
    y: str
    x_values: tuple[Any, ...]
    y_values: tuple[Any, ...]
    median: Floats
    best: Floats


class Stress(NamedTuple):
    """Settings made worse by `changes` (dotted key -> value); if `late`, run on `delayed` inputs."""

    name: str
    changes: Mapping[str, Any]
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
    """The sets around set `row`, from the search where it tried them.

    Parameters
    ----------
    codes, objective : of the sets tried, as `Space.distinct` makes codes and `segments.objective` objectives.
    evaluate : the objective of sets that were not tried, neighbours x axes -> one number each; NaN: the settings refuse the set,
        which then is no neighbour. Not called if the search tried all.

    """
    near = around(space, codes[row])
    known = [np.flatnonzero((codes == one).all(axis=1)) for one in near]
    missing = np.array([not len(rows) for rows in known], dtype=bool)
    found = np.array(
        [objective[rows[0]] if len(rows) else np.nan for rows in known], dtype=np.float64
    )
    if missing.any():
        found[missing] = evaluate(near[missing])
    allowed = ~np.isnan(found)
    near, found, own = near[allowed], found[allowed], float(objective[row])
    if not len(found):
        return Neighbours(near, found, np.nan, np.nan, np.nan, None)
    median = float(np.median(found))
    return Neighbours(
        near,
        found,
        median,
        float(found.min()),
        float(found.max()),
        median / own if 0.0 < own < np.inf else None,
    )


def around(space: Space, codes: Codes) -> Codes:
    """Every set that differs from one (a row of `Codes`) in one parameter: numbers by one place up or down, others by any value.

    The settings' own value is a place like the others. Parameters that are not tried in this set have no neighbours.
    """
    codes = np.asarray(codes, dtype=np.int16)
    found = {}
    for place, (axis, standing) in enumerate(zip(space.axes, space.standing, strict=True)):
        for code in _steps(axis, standing, int(codes[place])):
            moved = codes[None].copy()
            moved[0, place] = code
            kept = space.distinct(moved)  # none left: these are the settings as they stand
            one = kept[0] if len(kept) else space.defaults()[0]
            found[one.tobytes()] = one
    found.pop(codes.tobytes(), None)
    return np.array(list(found.values()), dtype=np.int16).reshape(-1, len(space.axes))


def importance(space: Space, codes: Codes, objective: Floats, possible: int) -> list[Importance]:
    """Main effect of each parameter in a functional analysis of variance, the largest first; the rest of 1 is what they do together.

    Hutter, Hoos and Leyton-Brown (2014), "An efficient approach for assessing hyperparameter importance", ICML: the variance of
    the mean objective at each value, over the variance of all. Their means come from a model of few evaluations, these from the
    sets themselves. Where only some of all possible sets were tried, the means differ by chance as well; what chance is expected
    to add, (values - 1) times the variance within a value times the share not tried, is taken off (Cochran 1977, "Sampling
    techniques", chapter 2: samples from a finite population). Sets that break a constraint are left out; a parameter that is tried
    under a condition is measured among the sets in which it holds.

    Parameters
    ----------
    possible : how many sets the space has; as many as there are codes says that all were tried.

    """
    usable = np.isfinite(objective)
    untried = 1.0 - min(len(codes) / possible, 1.0)
    total = _spread(objective[usable])
    shares = []
    for place, axis in enumerate(space.axes):
        values = _values(space, codes, place)
        here = usable & (values >= 0)
        between = _between(values[here], objective[here], untried) if here.any() else 0.0
        shares.append(Importance(axis.key, between / total if total > FLAT * usable.sum() else 0.0))
    return sorted(shares, key=lambda one: -one.share)


def heat_map(space: Space, codes: Codes, objective: Floats, x: str, y: str) -> HeatMap:
    """Median and best objective of all sets with each pair of values, whatever their other parameters are."""
    places = [space.keys.index(key) for key in (x, y)]
    across, up = (_values(space, codes, place) for place in places)
    columns, rows = (space.axes[place].values for place in places)
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


def stress(settings: Settings) -> list[Stress]:
    """What a sound set should survive, each a change of these settings; changes that they refuse are left out.

    Costs are multiplied. *One bar late* has no setting: see `delayed`. A confirmation is dropped while as many as before must hold
    of those left, which is the harder test, or all of them if that would be more than there are. *Another index*: the fund on the
    Russell instead of the index or the other way round, with the history each has; prices of it may have to be loaded.
    """
    costs, tests, index = settings.costs, settings.confirmations, settings.signal.index
    found = [
        Stress("fee doubled", {"costs.fee": 2 * costs.fee} if costs.fee else {}),
        *(
            Stress(
                f"slippage {name}",
                {"costs.slippage": times * costs.slippage} if costs.slippage else {},
            )
            for name, times in SLIPPAGE
        ),
        Stress("gate one bar late", {}, late=True),
    ]
    least = settings.gate.min_confirmations
    enabled = tests.enabled() if least else ()
    for name in enabled:
        lowered = {"gate.min_confirmations": len(enabled) - 1} if least == len(enabled) else {}
        found.append(Stress(f"without {name}", {f"confirmations.{name}.enabled": False} | lowered))
    if index in OTHER_INDEX:
        other, since = OTHER_INDEX[index]
        found.append(
            Stress(f"gate on {other}", {"signal.index": other, "signal.history_from": since})
        )
    return [one for one in found if one.late or (one.changes and _accepted(settings, one))]


def delayed(inputs: Inputs) -> Inputs:
    """The same, but every gate row, and with it each confirmation, is known one coin bar later: a decision missed, or a feed that lags.

    Coin prices stay in time, and an order still fills at the open after its decision: their own averages are not what is doubted.
    """
    late = bar_length(inputs.settings.exchange.timeframe)
    table = inputs.table.set_axis(pd.DatetimeIndex(inputs.table.index) + late)
    return inputs._replace(table=table.assign(confirmed_at=table["confirmed_at"] + late))


def _steps(axis: Axis, standing: Any, code: int) -> list[int]:
    """The codes next to `code`."""
    own = [] if standing in axis.values else [AS_IT_STANDS]
    codes = [*range(len(axis.values)), *own]
    now = axis.values.index(standing) if code == AS_IT_STANDS and not own else code
    values = {one: standing if one == AS_IT_STANDS else axis.values[one] for one in codes}
    if not all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in values.values()
    ):
        return [one for one in codes if one != now]
    codes.sort(key=values.__getitem__)
    at = codes.index(now)
    return [*codes[max(at - 1, 0) : at], *codes[at + 1 : at + 2]]


def _values(space: Space, codes: Codes, place: int) -> NDArray[np.intp]:
    """By set: which of the listed values a parameter has; -1 where it is not tried, or has the settings' own that is not listed."""
    axis, standing = space.axes[place], space.standing[place]
    own = axis.values.index(standing) if standing in axis.values else -1
    found = np.where(codes[:, place] == AS_IT_STANDS, own, codes[:, place])
    return np.where(space.tried(axis, codes), found, -1)


def _between(values: NDArray[np.intp], objective: Floats, untried: float) -> float:
    """Sum of squares between the groups of one value, less what chance adds to it."""
    counts, sums = np.bincount(values), np.bincount(values, objective)
    there = counts > 0
    between = float((counts[there] * (sums[there] / counts[there] - objective.mean()) ** 2).sum())
    groups = int(there.sum())
    if groups == len(objective):
        return (
            0.0 if untried else between
        )  # one set a value: nothing tells the parameter's part from chance
    within = (_spread(objective) - between) / (len(objective) - groups)
    return max(between - (groups - 1) * within * untried, 0.0)


def _spread(values: Floats) -> float:
    return float(((values - values.mean()) ** 2).sum()) if len(values) else 0.0


def _accepted(settings: Settings, one: Stress) -> bool:
    try:
        changed(settings, one.changes, one.name)
    except ConfigError:
        return False
    return True
