"""What sets run on is worked out once for each distinct value, found again, forgotten in time, and refused as a whole."""

from pathlib import Path

import numpy as np
import pytest

from backtests.engine.inputs import prepare
from backtests.engine.rules import breakout_rules, decision_rules
from backtests.tuning.search import precomputed as module
from backtests.tuning.search.evaluator import Field
from backtests.tuning.search.precomputed import GROUPS
from backtests.tuning.search.sweep import GATE_GROUPS
from config.settings import ConfigError, changed
from strategies.breakout import BreakoutRules
from strategies.decision import DecisionRules
from tests.backtests.tuning.fields import SMALL, accepted, curves, folder_field, folder_prices

VALUES = {
    "gate.base_sessions": (126, 252), "gate.trend_sessions": (150, 200, 250), "risk_curve.ceilings": ((0.0, 0.0, 0.5, 1.0), (1.0, 1.0, 1.0, 1.0)),
    "allocation.own_trend_days": (50, 200), "allocation.band": (0.1, 0.2, 0.3),
}  # fmt: skip


def grid(field: Field) -> np.ndarray:
    return np.concatenate([field.space.defaults(), field.space.grid()])


def test_every_value_is_worked_out_once(whole_folder: Path, cache: Path) -> None:
    """The settings' own value is one of two bases, of three trends, of two averages, of three bands; the ceilings' is not among the two."""
    field = folder_field(whole_folder, cache, VALUES)
    plan = field.plan(grid(field))
    counts = {group.name: len(getattr(plan.stacks, group.name)) for group in GROUPS}
    assert counts == {
        "breakout": 2, "average": 3, "confirming": 1, "filled": 1, "ceilings": 3, "haircut": 1, "own_average": 2, "volatility": 1, "decision": 3,
    }  # fmt: skip
    assert plan.places.shape == (len(grid(field)), len(GROUPS))


def test_a_plan_has_nothing_that_none_of_its_sets_needs(whole_folder: Path, cache: Path) -> None:
    field = folder_field(whole_folder, cache, VALUES)
    field.plan(grid(field))
    assert {len(stack) for stack in field.plan(field.space.defaults()).stacks} == {1}


def test_rules_are_those_of_the_sets_own_settings(whole_folder: Path, cache: Path) -> None:
    """Every number under the strategy's name, set by set; so the order of the fields is the order in which the sweep reads them."""
    random = np.random.default_rng(3)
    settings, prices = folder_prices(whole_folder, cache)
    space = folder_field(whole_folder, cache, SMALL | curves(random, 3)).space
    field = Field(prepare(settings, prices), space, 1)
    codes = np.column_stack(
        [random.integers(-1, len(axis.values), 60) for axis in space.axes]
    ).astype(np.int16)
    codes[:, space.keys.index("gate.min_confirmations")] = 0
    codes = np.array([row for row in codes if accepted(settings, space.point(row))])
    assert len(codes) > 20
    plan = field.plan(codes)
    for row in range(len(codes)):
        own = changed(settings, space.point(codes[row]), "the set")
        place = dict(zip((group.name for group in GROUPS), plan.places[row], strict=True))
        assert BreakoutRules(*plan.stacks.breakout[place["breakout"]]) == breakout_rules(own)
        rules = decision_rules(own)
        assert (
            DecisionRules(rules.weights, rules.lags, *plan.stacks.decision[place["decision"]])
            == rules
        )
        assert plan.stacks.weights[place["decision"]].tolist() == list(rules.weights)
        assert plan.stacks.ceilings[place["ceilings"]][:, :4].tolist() == [
            list(own.risk_curve.ceilings),
            list(own.risk_curve.dormant_ceilings),
        ]


def test_sets_of_one_gate_stand_side_by_side(whole_folder: Path, cache: Path) -> None:
    field = folder_field(whole_folder, cache, VALUES)
    codes = np.random.default_rng(1).permutation(grid(field))
    plan = field.plan(codes)
    assert sorted(plan.order.tolist()) == list(range(len(codes)))
    gates = plan.places[plan.order, :GATE_GROUPS]
    assert 1 + (np.diff(gates, axis=0) != 0).any(axis=1).sum() == len(np.unique(gates, axis=0))


def test_what_was_worked_out_is_found_again(
    whole_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = folder_field(whole_folder, cache, VALUES)
    field.plan(grid(field))
    monkeypatch.setattr(module, "index_average", None)
    monkeypatch.setattr(module, "traded_lines", None)
    field.plan(grid(field))


def test_a_long_search_does_not_fill_the_memory(
    whole_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 200 sets with measures of their own 30 are kept, and what is found is the same."""
    values = {
        "confirmations.credit.sessions": tuple(range(10, 110)),
        "confirmations.leadership.sessions": (21, 63),
    }
    edges = np.array([0, 1674])
    expected = folder_field(whole_folder, cache, values).sweep(
        grid(folder_field(whole_folder, cache, values)), edges
    )
    monkeypatch.setattr(module, "MOST_KEPT", 30)
    field = folder_field(whole_folder, cache, values)
    for one, other in zip(field.sweep(grid(field), edges), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    features = field._features
    assert {len(features._made), len(features._sections), len(features._measures)} == {30}


PAIRS = {"gate.base_sessions": (30, 252), "gate.rearm_sessions": (21, 40)}
LEAST = {"gate.min_confirmations": (0, 4), "confirmations.credit.enabled": (True, False)}


def test_a_set_is_refused_by_whichever_rule_it_breaks(whole_folder: Path, cache: Path) -> None:
    """Within a section and across two; with another set before it, and once more when it is asked for again; the message names what it has."""
    field = folder_field(whole_folder, cache, PAIRS | LEAST)
    standing = dict(zip(field.space.keys, field.space.standing, strict=True))
    refused = 0
    for code in [*field.space.grid(), *field.space.grid()]:
        point = field.space.point(code)
        both = np.concatenate([field.space.defaults(), code[None]])
        if accepted(field.inputs.settings, point):
            field.plan(both)
            continue
        refused += 1
        with pytest.raises(ConfigError, match="refuse") as caught:
            field.plan(both)
        named = str(caught.value).partition("the set ")[2].partition(": ")[0].split(", ")
        assert len(named) > 0 and set(named) <= {
            f"{key} = {value}" for key, value in point.items() if value != standing[key]
        }
    # Of 16 sets 4 have the first pair, 4 the second, 1 of them both.
    assert refused == 2 * (4 + 4 - 1)
