"""The sets of a search: values of parameters by place in their lists, and the settings they make."""

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from config.settings import ConfigError, Settings, changed
from config.tuned import TUNABLE
from config.tuning import Axis as GivenAxis

AS_IT_STANDS = -1  # the code of a parameter that is not tried: the settings' own value
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


class Axis(NamedTuple):
    """One parameter by its dotted key, its values in order, and the values of others with which alone it is tried."""

    key: str
    values: tuple[Any, ...]
    when: Mapping[str, tuple[Any, ...]]


class Space(NamedTuple):
    """What is searched. `standing` has the settings' own value of each axis."""

    axes: tuple[Axis, ...]
    standing: tuple[Any, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The parameters' dotted keys."""
        return tuple(axis.key for axis in self.axes)

    def point(self, codes: Sequence[int] | Codes) -> dict[str, Any]:
        """The values of one set by key; of a parameter that is not tried there, the settings' own."""
        pairs = zip(self.axes, self.standing, codes, strict=True)
        return {
            axis.key: standing if code == AS_IT_STANDS else axis.values[code]
            for axis, standing, code in pairs
        }

    def defaults(self) -> Codes:
        """The settings as they stand, one row."""
        return np.full((1, len(self.axes)), AS_IT_STANDS, dtype=np.int16)

    def combinations(self) -> int:
        """How many sets a grid has before conditions make some of them alike."""
        return prod(len(axis.values) for axis in self.axes)

    def grid(self) -> Codes:
        """Every set once, the last axis changing fastest."""
        every = np.array(
            list(product(*(range(len(axis.values)) for axis in self.axes))), dtype=np.int16
        )
        return self.distinct(every)

    def drawn(self, count: int, seed: int) -> Codes:
        """`count` different sets, each value as likely as the next; fewer where the space has no more."""
        random = np.random.default_rng(seed)
        found, idle = self.distinct(self.defaults())[:0], 0
        while len(found) < count and idle < PATIENCE:
            size = max(
                DRAWS_AT_ONCE, len(found)
            )  # as many again: few rounds, each of which sorts all there are
            draws = [
                random.integers(len(axis.values), size=size, dtype=np.int16) for axis in self.axes
            ]
            more = self.distinct(np.concatenate([found, np.column_stack(draws)]))
            idle = idle + 1 if len(more) == len(found) else 0
            found = more
        return found[:count]

    def distinct(self, codes: Codes) -> Codes:
        """`codes` with the axes that are not tried taken out, each set once, in order of first appearance, without the settings as they stand."""
        tried = codes.copy()
        for axis in self.in_order():
            tried[~self.tried(axis, tried), self.keys.index(axis.key)] = AS_IT_STANDS
        for place, (axis, standing) in enumerate(zip(self.axes, self.standing, strict=True)):
            if standing in axis.values:
                tried[tried[:, place] == axis.values.index(standing), place] = AS_IT_STANDS
        _, first = np.unique(tried, axis=0, return_index=True)
        kept: Codes = tried[np.sort(first)]
        some: Codes = kept[(kept != AS_IT_STANDS).any(axis=1)]
        return some

    def in_order(self) -> list[Axis]:
        """Each axis after those its conditions name.

        Raises
        ------
        ConfigError
            Conditions wait for one another.

        """
        ordered: list[Axis] = []
        left = list(self.axes)
        while left:
            placed = {axis.key for axis in ordered}
            ready = [axis for axis in left if axis.when.keys() <= placed]
            if not ready:
                raise ConfigError(
                    f"tune.space: the conditions of {', '.join(axis.key for axis in left)} wait for one another"
                )
            ordered += ready
            left = [axis for axis in left if axis not in ready]
        return ordered

    def tried(self, axis: Axis, codes: Codes) -> NDArray[np.bool_]:
        """In which sets the conditions of `axis` hold."""
        holds = np.ones(len(codes), dtype=bool)
        for key, allowed in axis.when.items():
            other = self.keys.index(key)
            of_code = [
                value in allowed for value in (*self.axes[other].values, self.standing[other])
            ]  # the last is reached by -1
            holds &= np.array(of_code)[codes[:, other]]
        return holds


def space_of(settings: Settings) -> Space:
    """The space the settings name, each value checked against the settings.

    Raises
    ------
    ConfigError
        Nothing is searched; a key that is no parameter, a value the settings refuse, a condition that can never hold.

    """
    given = settings.tune.space
    if not given:
        raise ConfigError(
            "tune.space: names no parameter; search those of config/tune.toml with --config config/tune.toml, or name your own"
        )
    axes = tuple(_axis(key, one, settings) for key, one in given.items())
    space = Space(axes, tuple(_value(settings, axis.key) for axis in axes))
    found = space._replace(
        axes=tuple(axis._replace(when=_when(axis, space, settings)) for axis in axes)
    )
    found.in_order()
    return found


def _when(axis: Axis, space: Space, settings: Settings) -> dict[str, tuple[Any, ...]]:
    """An axis's conditions, their values as the settings have them."""
    found = {}
    for other, allowed in axis.when.items():
        name = f"tune.space.{axis.key}.when"
        if other not in space.keys or other == axis.key:
            raise ConfigError(
                f"{name}: {other} is no other parameter that is searched; searched are {', '.join(space.keys)}"
            )
        place = space.keys.index(other)
        values, standing = space.axes[place].values, space.standing[place]
        found[other] = tuple(
            _value(changed(settings, {other: value}, name), other) for value in allowed
        )
        for value in found[other]:
            if value not in (*values, standing):
                raise ConfigError(
                    f"{name}: {other} is never {value}; its values are {', '.join(map(str, values))} and, as it stands, {standing}"
                )
    return found


def variants(settings: Settings, space: Space) -> list[Settings]:
    """Settings that between them read all prices that any set may read."""
    switches = [axis for axis in space.axes if not axis.key.startswith(("gate.", "allocation."))]
    return [
        changed(settings, {axis.key: value}, f"tune.space.{axis.key}")
        for axis in switches
        for value in axis.values
    ]


def _axis(key: str, given: GivenAxis, settings: Settings) -> Axis:
    if key.partition(".")[0] not in TUNABLE or key.rpartition(".")[2] in OF_PRICES:
        raise ConfigError(
            f"tune.space.{key}: is no parameter of the strategy; searched are keys of {', '.join(TUNABLE)}"
        )
    if key.startswith("haircuts.") and key.endswith(".enabled"):
        raise ConfigError(
            f"tune.space.{key}: its file is read for all sets or for none; enable it and search its factor, of which 1.0 cuts nothing"
        )
    listed = _listed(given, isinstance(_value(settings, key), int))
    values = [_value(changed(settings, {key: value}, f"tune.space.{key}"), key) for value in listed]
    if twice := [value for place, value in enumerate(values) if value in values[:place]]:
        raise ConfigError(f"tune.space.{key}: {twice[0]!r} stands twice")
    return Axis(
        key, tuple(values), {other: tuple(allowed) for other, allowed in given.when.items()}
    )


def _listed(given: GivenAxis, whole: bool) -> list[Any]:
    """The values of an axis; those of a range of whole numbers are rounded, each once."""
    if given.values is not None:
        return list(given.values)
    spaced: Any = np.geomspace if given.log else np.linspace
    steps = 1 if given.low == given.high else given.steps
    found = [float(f"{value:.{DIGITS}g}") for value in spaced(given.low, given.high, steps)]
    return list(dict.fromkeys(round(value) for value in found)) if whole else found


def _value(settings: Settings, key: str) -> Any:
    """What the settings have under a dotted key.

    Raises
    ------
    ConfigError
        There is no such key, with its nearest neighbour.

    """
    found: Any = settings
    for part in key.split("."):
        if part not in getattr(type(found), "model_fields", ()):
            changed(settings, {key: 0}, f"tune.space.{key}")  # names what is wrong with the key
            raise ConfigError(f"tune.space.{key}: is no parameter")
        found = getattr(found, part)
    return found
