"""The parameter sets of a search, as codes: indices into the lists of values."""

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from config.settings import ConfigError, Settings, with_changes
from config.tuned import TUNABLE
from config.tuning import Axis as GivenAxis
from config.tuning import Value as GivenValue

CURRENT = -1  # the code of a parameter that keeps the value of the current settings
OF_PRICES = (
    "symbols",
    "symbol",
    "assets",
    "treasury",
    "reverse_repos",
    "file",
)  # keys that name what is read, not how
DIGITS = 12  # of the values of a range; more is rounding
DRAWS_AT_ONCE = 4096
PATIENCE = 50  # rounds of draws without a new set after which a space counts as exhausted

Codes = NDArray[np.int16]  # sets x axes
Value = bool | int | float | str | tuple[bool | int | float | str, ...]  # of a setting


class Axis(NamedTuple):
    """One parameter: its dotted key and its values in order.

    `when` names the values of other parameters with which alone it is tried.
    """

    key: str
    values: tuple[Value, ...]
    when: Mapping[str, tuple[Value, ...]]


class Space(NamedTuple):
    """What is searched. `current` has the value of the current settings on each axis."""

    axes: tuple[Axis, ...]
    current: tuple[Value, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The parameters' dotted keys."""
        return tuple(axis.key for axis in self.axes)

    def point(self, codes: Sequence[int] | Codes) -> dict[str, Value]:
        """The values of one parameter set by key; the current value where none is tried."""
        pairs = zip(self.axes, self.current, codes, strict=True)
        return {
            axis.key: current if code == CURRENT else axis.values[code]
            for axis, current, code in pairs
        }

    def defaults(self) -> Codes:
        """The current settings, one row."""
        return np.full((1, len(self.axes)), CURRENT, dtype=np.int16)

    def combinations(self) -> int:
        """Number of parameter sets of a grid before conditions make some of them equal."""
        return prod(len(axis.values) for axis in self.axes)

    def grid(self) -> Codes:
        """Every parameter set once, the last axis changing fastest."""
        every = np.array(
            list(product(*(range(len(axis.values)) for axis in self.axes))), dtype=np.int16
        )
        return self.distinct(every)

    def draw(self, count: int, seed: int) -> Codes:
        """`count` different parameter sets, each value equally likely; fewer in a small space."""
        random = np.random.default_rng(seed)
        codes, idle = self.distinct(self.defaults())[:0], 0
        while len(codes) < count and idle < PATIENCE:
            # As many again as there are: each round sorts all of them, so rounds must be few.
            size = max(DRAWS_AT_ONCE, len(codes))
            draws = [
                random.integers(len(axis.values), size=size, dtype=np.int16) for axis in self.axes
            ]
            more = self.distinct(np.concatenate([codes, np.column_stack(draws)]))
            idle = idle + 1 if len(more) == len(codes) else 0
            codes = more
        return codes[:count]

    def distinct(self, codes: Codes) -> Codes:
        """Each parameter set once, in order of first appearance, without the current settings.

        Axes that are not tried in a set, and values equal to the current ones, become `CURRENT`.
        """
        reduced = codes.copy()
        for axis in self.in_order():
            reduced[~self.applies(axis, reduced), self.keys.index(axis.key)] = CURRENT
        for column, (axis, current) in enumerate(zip(self.axes, self.current, strict=True)):
            if current in axis.values:
                same = reduced[:, column] == axis.values.index(current)
                reduced[same, column] = CURRENT
        _, first = np.unique(reduced, axis=0, return_index=True)
        unique: Codes = reduced[np.sort(first)]
        changing: Codes = unique[(unique != CURRENT).any(axis=1)]
        return changing

    def in_order(self) -> list[Axis]:
        """Each axis after those its conditions name.

        Raises
        ------
        ConfigError
            Conditions depend on one another in a circle.

        """
        ordered: list[Axis] = []
        left = list(self.axes)
        while left:
            placed = {axis.key for axis in ordered}
            ready = [axis for axis in left if axis.when.keys() <= placed]
            if not ready:
                waiting = ", ".join(axis.key for axis in left)
                raise ConfigError(
                    f"tune.space: the conditions of {waiting} depend on one another in a circle"
                )
            ordered += ready
            left = [axis for axis in left if axis not in ready]
        return ordered

    def applies(self, axis: Axis, codes: Codes) -> NDArray[np.bool_]:
        """In which parameter sets the conditions of `axis` hold."""
        holds = np.ones(len(codes), dtype=bool)
        for key, allowed in axis.when.items():
            column = self.keys.index(key)
            values = (*self.axes[column].values, self.current[column])  # code -1 is the last
            of_code = [value in allowed for value in values]
            holds &= np.array(of_code)[codes[:, column]]
        return holds


def space_of(settings: Settings) -> Space:
    """The space the settings name, each value checked against the settings.

    Raises
    ------
    ConfigError
        Nothing is searched; a key is no parameter; the settings refuse a value; a condition can
        never hold.

    """
    given = settings.tune.space
    if not given:
        raise ConfigError(
            "tune.space: names no parameter; search those of config/tune.toml with"
            " --config config/tune.toml, or name your own"
        )
    axes = tuple(_axis(key, axis, settings) for key, axis in given.items())
    space = Space(axes, tuple(_value(settings, axis.key) for axis in axes))
    checked = space._replace(
        axes=tuple(axis._replace(when=_when(axis, space, settings)) for axis in axes)
    )
    checked.in_order()
    return checked


def _when(axis: Axis, space: Space, settings: Settings) -> dict[str, tuple[Any, ...]]:
    """An axis's conditions, their values as the settings have them."""
    conditions = {}
    for key, allowed in axis.when.items():
        name = f"tune.space.{axis.key}.when"
        if key not in space.keys or key == axis.key:
            raise ConfigError(
                f"{name}: {key} is not another parameter of this search;"
                f" searched are {', '.join(space.keys)}"
            )
        column = space.keys.index(key)
        values, current = space.axes[column].values, space.current[column]
        conditions[key] = tuple(
            _value(with_changes(settings, {key: value}, name), key) for value in allowed
        )
        for value in conditions[key]:
            if value not in (*values, current):
                raise ConfigError(
                    f"{name}: {key} is never {value}; its values are"
                    f" {', '.join(map(str, values))} and, in the current settings, {current}"
                )
    return conditions


def variants(settings: Settings, space: Space) -> list[Settings]:
    """Settings that between them read all prices that any parameter set may read."""
    switches = [axis for axis in space.axes if not axis.key.startswith(("gate.", "allocation."))]
    return [
        with_changes(settings, {axis.key: value}, f"tune.space.{axis.key}")
        for axis in switches
        for value in axis.values
    ]


def _axis(key: str, given: GivenAxis, settings: Settings) -> Axis:
    name = f"tune.space.{key}"
    if key.partition(".")[0] not in TUNABLE or key.rpartition(".")[2] in OF_PRICES:
        raise ConfigError(
            f"{name}: is not a parameter of the strategy;"
            f" only keys of {', '.join(TUNABLE)} can be searched"
        )
    if key.startswith("haircuts.") and key.endswith(".enabled"):
        raise ConfigError(
            f"{name}: its file is read for all parameter sets or for none;"
            " enable it and search its factor (1.0 has no effect)"
        )
    listed = _values(given, whole=isinstance(_value(settings, key), int))
    values = [_value(with_changes(settings, {key: value}, name), key) for value in listed]
    if repeated := [value for number, value in enumerate(values) if value in values[:number]]:
        raise ConfigError(f"{name}: {repeated[0]!r} is listed twice")
    return Axis(
        key,
        tuple(values),
        {other: tuple(map(_frozen, allowed)) for other, allowed in given.when.items()},
    )


def _frozen(value: GivenValue) -> Value:
    return tuple(value) if isinstance(value, list) else value


def _values(given: GivenAxis, *, whole: bool) -> list[Any]:
    """The values of an axis; those of a range of whole numbers are rounded, each once."""
    if given.values is not None:
        return list(given.values)
    spaced: Any = np.geomspace if given.log else np.linspace
    steps = 1 if given.low == given.high else given.steps
    values = [float(f"{value:.{DIGITS}g}") for value in spaced(given.low, given.high, steps)]
    return list(dict.fromkeys(round(value) for value in values)) if whole else values


def _value(settings: Settings, key: str) -> Any:
    """The value under a dotted key of the settings.

    Raises
    ------
    ConfigError
        There is no such key; the message names the nearest one.

    """
    value: Any = settings
    for part in key.split("."):
        if part not in getattr(type(value), "model_fields", ()):
            with_changes(settings, {key: 0}, f"tune.space.{key}")  # names the nearest key
            raise ConfigError(f"tune.space.{key}: is no parameter")
        value = getattr(value, part)
    return value
