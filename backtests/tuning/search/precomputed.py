"""What the sets of a search run on: each array that some parameters change, worked out once for each of their distinct values."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from backtests.engine.inputs import Inputs, market, traded_lines
from backtests.engine.rules import breakout_rules, decision_rules, gate_rules
from backtests.tuning.search.space import AS_IT_STANDS, Codes, Space
from config.settings import ConfigError, Settings, changed
from strategies.confirmations import Measure, measure
from strategies.decision import DecisionRules
from strategies.gate import GateRules, index_average
from strategies.held_closes import check_market
from strategies.indicators import Floats, Ints
from strategies.market import Market
from strategies.risk_curve import filled_channels, haircut

LEAST, TREND, CONFIRMATIONS, CURVE, HAIRCUTS = (
    "gate.min_confirmations",
    "gate.trend_sessions",
    "confirmations.",
    "risk_curve.",
    "haircuts.",
)
CEILINGS = ("risk_curve.ceilings", "risk_curve.dormant_ceilings")
OWN_AVERAGE, VOLATILITY = "allocation.own_trend_days", "allocation.volatility_days"
MOST_KEPT = 1000  # of each sort of what was worked out; a line of sessions is a tenth of a megabyte
CHANNELS = 6  # room for the ceilings of five channels

Places = NDArray[np.int32]


class Stacks(NamedTuple):
    """One entry of the first axis a distinct value: sessions, bars x coins, or numbers under the strategy's names."""

    breakout: Floats  # fields of BreakoutRules
    average: Floats  # x sessions
    confirming: Ints  # x sessions
    filled: Ints  # x sessions
    ceilings: Floats  # x confirmed and dormant x channels
    haircut: Floats  # x sessions
    own_average: Floats  # x bars x coins
    volatility: Floats  # x bars x coins
    weights: Floats  # x coins
    lags: Floats  # x coins
    decision: Floats  # the other fields of DecisionRules, in their order


class Plan(NamedTuple):
    """`places`, sets x groups: which entry of each stack a set runs on, in the order of `GROUPS`. `order` has sets of one gate side by side."""

    stacks: Stacks
    places: Places
    order: Ints


class _Group(NamedTuple):
    """What hangs on the keys that begin with one of `keys`, but with none of `but`."""

    name: str
    keys: tuple[str, ...]
    but: tuple[str, ...]

    def asks(self, key: str) -> bool:
        """Whether it hangs on `key`."""
        return key.startswith(self.keys) and not key.startswith(self.but)


GROUPS = (
    _Group("breakout", ("gate.",), (TREND, "gate.max_gate_age")),
    _Group("average", (TREND,), ("-",)),
    _Group("confirming", (CONFIRMATIONS,), ("-",)),
    _Group("filled", (CONFIRMATIONS, CURVE), CEILINGS),
    _Group("ceilings", CEILINGS, ("-",)),
    _Group("haircut", (HAIRCUTS,), ("-",)),
    _Group("own_average", (OWN_AVERAGE,), ("-",)),
    _Group("volatility", (VOLATILITY,), ("-",)),
    _Group("decision", ("allocation.", "gate.max_gate_age"), (OWN_AVERAGE, VOLATILITY)),
)


class Features:
    """Builds plans for one set of prices, and remembers what it has worked out."""

    def __init__(self, inputs: Inputs, space: Space) -> None:
        self._inputs, self._space = inputs, space
        self._market: Market = check_market(market(inputs.settings, inputs.prices)).market
        self._close = inputs.rows["close"].to_numpy()
        self._made: dict[tuple[str, tuple[int, ...]], Any] = {}
        self._measures: dict[tuple[str, str], Measure] = {}
        self._sections: dict[tuple[str, tuple[int, ...]], Any] = {}

    def plan(self, codes: Codes) -> Plan:
        """The stacks of these sets, without entries that none of them needs.

        Raises
        ------
        ConfigError
            The settings refuse a set.

        """
        self._check_across(codes)
        places = np.empty((len(codes), len(GROUPS)), dtype=np.int32)
        found: dict[str, list[Any]] = {}
        for column, group in enumerate(GROUPS):
            axes = [place for place, key in enumerate(self._space.keys) if group.asks(key)]
            distinct, first, places[:, column] = np.unique(
                codes[:, axes], axis=0, return_index=True, return_inverse=True
            )
            found[group.name] = [self._entry(group, axes, codes[row]) for row in first]
            assert len(distinct) == len(found[group.name])
        weights, lags, numbers = zip(*found.pop("decision"), strict=True)
        stacked = {name: np.stack(entries) for name, entries in found.items()}
        stacks = Stacks(
            **stacked, weights=np.stack(weights), lags=np.stack(lags), decision=np.stack(numbers)
        )
        return Plan(stacks, places, np.lexsort(places.T[::-1]).astype(np.int64))

    def _entry(self, group: _Group, axes: Sequence[int], codes: Codes) -> Any:
        key = (group.name, tuple(int(codes[axis]) for axis in axes))
        build: Callable[[Settings], Any] = getattr(self, f"_{group.name}")
        return _remembered(self._made, key, lambda: build(self._settings(axes, codes)))

    def _settings(self, axes: Sequence[int], codes: Codes) -> Settings:
        """The settings with the values these axes have; every changed section checked as a whole."""
        keys = self._space.keys
        point = self._space.point(codes)
        # All axes of a touched section, so that what excludes each other is found whatever group asks.
        sections = dict.fromkeys(keys[axis].partition(".")[0] for axis in axes)
        made = {}
        for section in sections:
            own = [place for place, key in enumerate(keys) if key.startswith(f"{section}.")]
            place = (section, tuple(int(codes[axis]) for axis in own))
            changes = {keys[axis]: point[keys[axis]] for axis in own if codes[axis] != AS_IT_STANDS}
            made[section] = _remembered(
                self._sections, place, partial(self._section, section, changes)
            )
        return self._inputs.settings.model_copy(update=made)

    def _section(self, name: str, changes: dict[str, Any]) -> Any:
        standing = getattr(self._inputs.settings, name)
        values = standing.model_dump()
        for key, value in changes.items():
            *above, last = key.split(".")[1:]
            table = values
            for part in above:
                table = table[part]
            table[last] = value
        try:
            return type(standing).model_validate(values)
        except ValidationError as error:
            raise _refused(
                f"{name} refuses", changes, error.errors()[0]["msg"].removeprefix("Value error, ")
            ) from None

    def _check_across(self, codes: Codes) -> None:
        """The rule that binds two sections: as many confirmations must be enabled as have to hold."""
        keys = self._space.keys
        axes = [
            place
            for place, key in enumerate(keys)
            if key == LEAST or (key.startswith(CONFIRMATIONS) and key.endswith(".enabled"))
        ]
        for of_these in np.unique(codes[:, axes], axis=0).tolist():
            tried = [
                (self._space.axes[axis], code)
                for axis, code in zip(axes, of_these, strict=True)
                if code != AS_IT_STANDS
            ]
            changes = {axis.key: axis.values[code] for axis, code in tried}
            _remembered(
                self._sections, ("", tuple(of_these)), partial(self._check_together, changes)
            )

    def _check_together(self, changes: Mapping[str, Any]) -> None:
        try:
            changed(self._inputs.settings, changes, "tune.space")
        except ConfigError as error:
            raise _refused("the settings refuse", changes, str(error)) from None

    def _breakout(self, settings: Settings) -> Floats:
        return np.array([float(value) for value in breakout_rules(settings)])

    def _average(self, settings: Settings) -> Floats:
        return index_average(self._close, settings.gate.trend_sessions)

    def _confirming(self, settings: Settings) -> Ints:
        rules = gate_rules(settings)
        holds = [self._measure(name, rules).holds == 1.0 for name in rules.confirmations]
        count: Ints = (
            np.sum(holds, axis=0, dtype=np.int64) if holds else np.zeros(len(self._close), np.int64)
        )
        return count

    def _filled(self, settings: Settings) -> Ints:
        rules = gate_rules(settings)
        return filled_channels(
            [self._measure(name, rules).holds for name in rules.curve.channels], len(self._close)
        )

    def _ceilings(self, settings: Settings) -> Floats:
        room = np.zeros((2, CHANNELS))
        for row, ceilings in enumerate(
            (settings.risk_curve.ceilings, settings.risk_curve.dormant_ceilings)
        ):
            room[row, : len(ceilings)] = ceilings
        return room

    def _haircut(self, settings: Settings) -> Floats:
        rows = self._inputs.rows
        at_record = self._close > rows["record"].to_numpy()
        return haircut(
            self._market, rows["base_age"].to_numpy(), at_record, gate_rules(settings).haircuts
        )

    def _own_average(self, settings: Settings) -> Floats:
        return self._coin_lines(settings, "own_average")

    def _volatility(self, settings: Settings) -> Floats:
        return self._coin_lines(settings, "volatility")

    def _coin_lines(self, settings: Settings, column: str) -> Floats:
        lines = traded_lines(settings, self._inputs.prices, self._inputs.grid)
        matrix: Floats = np.column_stack(
            [one[column].reindex(self._inputs.grid).to_numpy(dtype=float) for one in lines.values()]
        )
        return matrix

    def _decision(self, settings: Settings) -> tuple[Floats, Floats, Floats]:
        rules = decision_rules(settings)
        numbers = [
            float(value)
            for name, value in rules._asdict().items()
            if name not in ("weights", "lags")
        ]
        return (
            np.array(rules.weights, dtype=float),
            np.array(rules.lags, dtype=float),
            np.array(numbers),
        )

    def _measure(self, name: str, rules: GateRules) -> Measure:
        asked = {
            field: value
            for field, value in rules.measures._asdict().items()
            if field.startswith((name, "max_age"))
        }
        found: Measure = _remembered(
            self._measures, (name, repr(asked)), lambda: measure(name, self._market, rules.measures)
        )
        return found


def _remembered(store: dict[Any, Any], key: Any, build: Callable[[], Any]) -> Any:
    """What `build` makes, kept for whoever asks again. The oldest is forgotten: a long search has more of them than memory holds."""
    if key not in store:
        store[key] = build()
        if len(store) > MOST_KEPT:
            del store[next(iter(store))]
    return store[key]


def _refused(who: str, changes: Mapping[str, Any], what: str) -> ConfigError:
    set_ = ", ".join(f"{key} = {value}" for key, value in changes.items())
    return ConfigError(
        f"tune.space: {who} the set {set_}: {what}; change the values, or tie one to another with `when`"
    )


assert DecisionRules._fields[:2] == ("weights", "lags")
