"""What sets run on is worked out once for each distinct value, found again, forgotten in time, and
refused as a whole.
"""

from pathlib import Path

import numpy as np
import pytest

from backtests.engine.inputs import prepare_inputs
from backtests.engine.rules import breakout_rules, decision_rules
from backtests.tuning.search import precomputed as module
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.precomputed import GROUPS
from backtests.tuning.search.sweep import GATE_GROUPS
from config.settings import ConfigError, with_changes
from strategies.breakout import BreakoutRules
from strategies.decision import DecisionRules
from tests.backtests.tuning.evaluators import (
    SMALL,
    accepted,
    curves,
    folder_evaluator,
    folder_prices,
)

VALUES = {
    "gate.base_sessions": (126, 252),
    "gate.trend_sessions": (150, 200, 250),
    "risk_curve.ceilings": ((0.0, 0.0, 0.5, 1.0), (1.0, 1.0, 1.0, 1.0)),
    "allocation.own_trend_days": (50, 200),
    "allocation.band": (0.1, 0.2, 0.3),
}


def grid(evaluator: Evaluator) -> np.ndarray:
    return np.concatenate([evaluator.space.defaults(), evaluator.space.grid()])


def test_every_value_is_worked_out_once(whole_folder: Path, cache: Path) -> None:
    """The settings' own value is one of two bases, of three trends, of two averages, of three
    bands; the ceilings' is not among the two.
    """
    evaluator = folder_evaluator(whole_folder, cache, VALUES)
    plan = evaluator.plan(grid(evaluator))
    counts = {group.name: len(getattr(plan.features, group.name)) for group in GROUPS}
    assert counts == {
        "breakout": 2,
        "average": 3,
        "confirming": 1,
        "filled": 1,
        "ceilings": 3,
        "haircut": 1,
        "own_average": 2,
        "volatility": 1,
        "decision": 3,
    }
    assert plan.indices.shape == (len(grid(evaluator)), len(GROUPS))


def test_a_plan_has_nothing_that_none_of_its_sets_needs(whole_folder: Path, cache: Path) -> None:
    evaluator = folder_evaluator(whole_folder, cache, VALUES)
    evaluator.plan(grid(evaluator))
    assert {len(stack) for stack in evaluator.plan(evaluator.space.defaults()).features} == {1}


def test_rules_are_those_of_the_sets_own_settings(whole_folder: Path, cache: Path) -> None:
    """Every number under the strategy's name, set by set; so the order of the evaluators is the
    order in which the sweep reads them.
    """
    random = np.random.default_rng(3)
    settings, prices = folder_prices(whole_folder, cache)
    space = folder_evaluator(whole_folder, cache, SMALL | curves(random, 3)).space
    evaluator = Evaluator(prepare_inputs(settings, prices), space, 1)
    codes = np.column_stack(
        [random.integers(-1, len(axis.values), 60) for axis in space.axes]
    ).astype(np.int16)
    codes[:, space.keys.index("gate.min_confirmations")] = 0
    codes = np.array([row for row in codes if accepted(settings, space.point(row))])
    assert len(codes) > 20
    plan = evaluator.plan(codes)
    for row in range(len(codes)):
        own = with_changes(settings, space.point(codes[row]), "the set")
        place = dict(zip((group.name for group in GROUPS), plan.indices[row], strict=True))
        assert BreakoutRules(*plan.features.breakout[place["breakout"]]) == breakout_rules(own)
        rules = decision_rules(own)
        assert (
            DecisionRules(rules.weights, rules.lags, *plan.features.decision[place["decision"]])
            == rules
        )
        assert plan.features.weights[place["decision"]].tolist() == list(rules.weights)
        assert plan.features.ceilings[place["ceilings"]][:, :4].tolist() == [
            list(own.risk_curve.ceilings),
            list(own.risk_curve.dormant_ceilings),
        ]


def test_sets_of_one_gate_stand_side_by_side(whole_folder: Path, cache: Path) -> None:
    evaluator = folder_evaluator(whole_folder, cache, VALUES)
    codes = np.random.default_rng(1).permutation(grid(evaluator))
    plan = evaluator.plan(codes)
    assert sorted(plan.order.tolist()) == list(range(len(codes)))
    gates = plan.indices[plan.order, :GATE_GROUPS]
    assert 1 + (np.diff(gates, axis=0) != 0).any(axis=1).sum() == len(np.unique(gates, axis=0))


def test_what_was_worked_out_is_found_again(
    whole_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluator = folder_evaluator(whole_folder, cache, VALUES)
    evaluator.plan(grid(evaluator))
    monkeypatch.setattr(module, "index_average", None)
    monkeypatch.setattr(module, "traded_lines", None)
    evaluator.plan(grid(evaluator))


def test_a_long_search_does_not_fill_the_memory(
    whole_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 200 sets with measures of their own 30 are kept, and what is found is the same."""
    values = {
        "confirmations.credit.sessions": tuple(range(10, 110)),
        "confirmations.leadership.sessions": (21, 63),
    }
    edges = np.array([0, 1674])
    expected = folder_evaluator(whole_folder, cache, values).sweep(
        grid(folder_evaluator(whole_folder, cache, values)), edges
    )
    monkeypatch.setattr(module, "MOST_KEPT", 30)
    evaluator = folder_evaluator(whole_folder, cache, values)
    for one, other in zip(evaluator.sweep(grid(evaluator), edges), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    features = evaluator._features
    assert {len(features._features), len(features._sections), len(features._measures)} == {30}


PAIRS = {"gate.base_sessions": (30, 252), "gate.rearm_sessions": (21, 40)}
LEAST = {"gate.min_confirmations": (0, 4), "confirmations.credit.enabled": (True, False)}


def test_a_set_is_refused_by_whichever_rule_it_breaks(whole_folder: Path, cache: Path) -> None:
    """Within a section and across two; with another set before it, and once more when it is asked
    for again; the message names what it has.
    """
    evaluator = folder_evaluator(whole_folder, cache, PAIRS | LEAST)
    current = dict(zip(evaluator.space.keys, evaluator.space.current, strict=True))
    refused = 0
    for code in [*evaluator.space.grid(), *evaluator.space.grid()]:
        point = evaluator.space.point(code)
        both = np.concatenate([evaluator.space.defaults(), code[None]])
        if accepted(evaluator.inputs.settings, point):
            evaluator.plan(both)
            continue
        refused += 1
        with pytest.raises(ConfigError, match="refuse") as caught:
            evaluator.plan(both)
        named = str(caught.value).partition("the parameter set ")[2].partition(": ")[0].split(", ")
        assert len(named) > 0 and set(named) <= {
            f"{key} = {value}" for key, value in point.items() if value != current[key]
        }
    # Of 16 sets 4 have the first pair, 4 the second, 1 of them both.
    assert refused == 2 * (4 + 4 - 1)
