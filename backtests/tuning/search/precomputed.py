"""The arrays that the parameter sets of a search run on.

Each array that some parameters change is computed once for each of their distinct values.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from backtests.engine.inputs import Inputs, market, traded_lines
from backtests.engine.rules import breakout_rules, decision_rules, gate_rules
from backtests.tuning.search.space import CURRENT, Codes, Space
from config.settings import ConfigError, Settings, with_changes
from strategies.checked_market import check_market
from strategies.confirmations import Measure, measure
from strategies.decision import DecisionRules
from strategies.gate import GateRules, index_average
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
WHEN_STALE = ("gate.max_gate_age", "gate.when_stale")
CEILINGS = ("risk_curve.ceilings", "risk_curve.dormant_ceilings")
OWN_AVERAGE, VOLATILITY = "allocation.own_trend_days", "allocation.volatility_days"
MOST_KEPT = 1000  # arrays of each kind; one value a session is a tenth of a megabyte
CHANNELS = 6  # room for the ceilings of five channels

Indices = NDArray[np.int32]  # parameter sets x groups: rows of the feature arrays


class FeatureArrays(NamedTuple):
    """One row (first axis) for each distinct value of the parameters the array depends on."""

    breakout: Floats  # x fields of BreakoutRules
    average: Floats  # x sessions
    confirming: Ints  # x sessions
    filled: Ints  # x sessions
    ceilings: Floats  # x confirmed and dormant x channels
    haircut: Floats  # x sessions
    own_average: Floats  # x bars x coins
    volatility: Floats  # x bars x coins
    weights: Floats  # x coins
    lags: Floats  # x coins
    decision: Floats  # x the other fields of DecisionRules, in their order


class Plan(NamedTuple):
    """What parameter sets run on.

    `indices` says which row of each feature array a set uses, its columns in the order of
    `GROUPS`. `order` lists the sets so that those with equal gates are neighbours.
    """

    features: FeatureArrays
    indices: Indices
    order: Ints


class _Group(NamedTuple):
    """An array that depends on the keys that begin with one of `keys`, but with none of `but`."""

    name: str
    keys: tuple[str, ...]
    but: tuple[str, ...]

    def depends_on(self, key: str) -> bool:
        """Whether the array depends on `key`."""
        return key.startswith(self.keys) and not key.startswith(self.but)


GROUPS = (
    _Group("breakout", ("gate.",), (TREND, *WHEN_STALE)),
    _Group("average", (TREND,), ("-",)),
    _Group("confirming", (CONFIRMATIONS,), ("-",)),
    _Group("filled", (CONFIRMATIONS, CURVE), CEILINGS),
    _Group("ceilings", CEILINGS, ("-",)),
    _Group("haircut", (HAIRCUTS,), ("-",)),
    _Group("own_average", (OWN_AVERAGE,), ("-",)),
    _Group("volatility", (VOLATILITY,), ("-",)),
    _Group("decision", ("allocation.", *WHEN_STALE), (OWN_AVERAGE, VOLATILITY)),
)


class FeatureCache:
    """Builds plans on one set of prices and keeps the arrays it has computed."""

    def __init__(self, inputs: Inputs, space: Space) -> None:
        self._inputs, self._space = inputs, space
        self._market: Market = check_market(market(inputs.settings, inputs.prices)).market
        self._close = inputs.rows["close"].to_numpy()
        self._features: dict[tuple[str, tuple[int, ...]], Any] = {}
        self._measures: dict[tuple[str, str], Measure] = {}
        self._sections: dict[tuple[str, tuple[int, ...]], Any] = {}

    def plan(self, codes: Codes) -> Plan:
        """The feature arrays of these parameter sets, without rows that none of them needs.

        Raises
        ------
        ConfigError
            The settings refuse a parameter set.

        """
        self._check_across(codes)
        indices = np.empty((len(codes), len(GROUPS)), dtype=np.int32)
        rows: dict[str, list[Any]] = {}
        for column, group in enumerate(GROUPS):
            axes = [axis for axis, key in enumerate(self._space.keys) if group.depends_on(key)]
            _, first, indices[:, column] = np.unique(
                codes[:, axes], axis=0, return_index=True, return_inverse=True
            )
            rows[group.name] = [self._feature(group, axes, codes[row]) for row in first]
        weights, lags, numbers = zip(*rows.pop("decision"), strict=True)
        stacked = {name: np.stack(features) for name, features in rows.items()}
        features = FeatureArrays(
            **stacked, weights=np.stack(weights), lags=np.stack(lags), decision=np.stack(numbers)
        )
        return Plan(features, indices, np.lexsort(indices.T[::-1]).astype(np.int64))

    def _feature(self, group: _Group, axes: Sequence[int], codes: Codes) -> Any:
        key = (group.name, tuple(int(codes[axis]) for axis in axes))
        build: Callable[[Settings], Any] = getattr(self, f"_{group.name}")
        return _cached(self._features, key, lambda: build(self._settings(axes, codes)))

    def _settings(self, axes: Sequence[int], codes: Codes) -> Settings:
        """The settings with the values of these axes; every changed section checked as a whole."""
        keys = self._space.keys
        point = self._space.point(codes)
        # All axes of a touched section: values that exclude each other are found by every group.
        sections = dict.fromkeys(keys[axis].partition(".")[0] for axis in axes)
        updated = {}
        for section in sections:
            of_section = [axis for axis, key in enumerate(keys) if key.startswith(f"{section}.")]
            key = (section, tuple(int(codes[axis]) for axis in of_section))
            changes = {
                keys[axis]: point[keys[axis]] for axis in of_section if codes[axis] != CURRENT
            }
            updated[section] = _cached(
                self._sections, key, partial(self._section, section, changes)
            )
        return self._inputs.settings.model_copy(update=updated)

    def _section(self, name: str, changes: Mapping[str, object]) -> Any:
        current = getattr(self._inputs.settings, name)
        values = current.model_dump()
        for key, value in changes.items():
            *above, last = key.split(".")[1:]
            table = values
            for part in above:
                table = table[part]
            table[last] = value
        try:
            return type(current).model_validate(values)
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise _refusal(f"{name} refuses", changes, reason) from None

    def _check_across(self, codes: Codes) -> None:
        """The rule on two sections: as many confirmations must be enabled as are required."""
        keys = self._space.keys
        axes = [
            axis
            for axis, key in enumerate(keys)
            if key == LEAST or (key.startswith(CONFIRMATIONS) and key.endswith(".enabled"))
        ]
        for combination in np.unique(codes[:, axes], axis=0).tolist():
            changed = [
                (self._space.axes[axis], code)
                for axis, code in zip(axes, combination, strict=True)
                if code != CURRENT
            ]
            changes = {axis.key: axis.values[code] for axis, code in changed}
            check = partial(self._check_together, changes)
            _cached(self._sections, ("", tuple(combination)), check)

    def _check_together(self, changes: Mapping[str, object]) -> None:
        try:
            with_changes(self._inputs.settings, changes, "tune.space")
        except ConfigError as error:
            raise _refusal("the settings refuse", changes, str(error)) from None

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
        padded = np.zeros((2, CHANNELS))
        for row, ceilings in enumerate(
            (settings.risk_curve.ceilings, settings.risk_curve.dormant_ceilings)
        ):
            padded[row, : len(ceilings)] = ceilings
        return padded

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
            [
                line[column].reindex(self._inputs.grid).to_numpy(dtype=float)
                for line in lines.values()
            ]
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
        relevant = {
            field: value
            for field, value in rules.measures._asdict().items()
            if field.startswith((name, "max_age"))
        }
        key = (name, repr(relevant))
        result: Measure = _cached(
            self._measures, key, lambda: measure(name, self._market, rules.measures)
        )
        return result


def _cached(store: dict[Any, Any], key: Any, build: Callable[[], Any]) -> Any:
    """The result of `build`, stored under `key`; the oldest is dropped beyond `MOST_KEPT`."""
    if key not in store:
        store[key] = build()
        if len(store) > MOST_KEPT:
            del store[next(iter(store))]
    return store[key]


def _refusal(who: str, changes: Mapping[str, object], reason: str) -> ConfigError:
    parameter_set = ", ".join(f"{key} = {value}" for key, value in changes.items())
    return ConfigError(
        f"tune.space: {who} the parameter set {parameter_set}: {reason};"
        " change the values, or make one depend on another with `when`"
    )


assert DecisionRules._fields[:2] == ("weights", "lags")
