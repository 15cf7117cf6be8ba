"""What each rule earned.

The kernel's variants against whole runs on settings that really lack the rule.
"""

from functools import cache
from typing import Any

import numpy as np
import pytest

from backtests.benchmarks.ablation import Ablation, run_ablation
from backtests.benchmarks.benchmarks import prepare_kernel
from backtests.engine.inputs import Inputs, prepare_inputs
from backtests.engine.simulation import simulate
from backtests.performance.metrics import Metrics, measure
from backtests.performance.result import equity_frame
from config.settings import Settings
from tests.scenes import changed, random_backtest

SEEDS = (
    21,
    38,
    92,
    26,
    27,
)  # small markets in which every kind of rule makes a difference; the last two intraday
NEVER = {
    "gate.fail_tolerance": 0.999999
}  # no close of these markets falls to a millionth of a level
UNKNOWN = {
    "gate.trend_sessions": 2520
}  # longer than any of these histories: the average is never known


@cache
def drawn(seed: int) -> tuple[Inputs, dict[str, Ablation]]:
    inputs = random_backtest(np.random.default_rng((88, seed)))
    return inputs, {one.rule: one for one in run_ablation(prepare_kernel(inputs))}


def switched_off(rule: str, inputs: Inputs) -> Inputs:
    """The inputs prepared again from settings without the rule; haircuts: without their files."""
    settings, prices = inputs.settings, inputs.prices
    if rule == "haircuts":
        return prepare_inputs(
            settings,
            prices._replace(
                series={
                    key: one
                    for key, one in prices.series.items()
                    if key.name not in ("flows", "losses")
                }
            ),
        )
    return prepare_inputs(changed(settings, without(rule, settings)), prices)


def without(rule: str, settings: Settings) -> dict[str, Any]:
    kind, _, name = rule.removeprefix("risk ").partition(" ")
    curve, enabled = settings.risk_curve, settings.confirmations.enabled()
    if kind == "confirmation":
        return {
            f"confirmations.{name}.enabled": False,
            "gate.min_confirmations": min(settings.gate.min_confirmations, len(enabled) - 1),
        }
    if kind == "check":
        # A check that always passes adds one to every count that gets past it: the ceiling for
        # stopping there is never used.
        place = curve.channels.index(name)
        cut = {
            key: (*getattr(curve, key)[:place], *getattr(curve, key)[place + 1 :])
            for key in ("channels", "ceilings", "dormant_ceilings")
        }
        return {f"risk_curve.{key}": value for key, value in cut.items()}
    return {
        "": {},
        "all confirmations": {"gate.min_confirmations": 0},
        "consecutive closes": {"gate.confirm_sessions": 1},
        "buffer": {"gate.buffer": 0.0},
        "failure exit": NEVER,
        "trend exit": UNKNOWN,
        "age exit": {"gate.max_sessions": 0},
        "re-arming": {"gate.rearm_sessions": settings.gate.base_sessions},
        "all risk checks": {
            "risk_curve.channels": (),
            "risk_curve.ceilings": curve.ceilings[-1:],
            "risk_curve.dormant_ceilings": curve.dormant_ceilings[-1:],
        },
        "lags": {"coins": [coin.model_dump() | {"lag_days": 0} for coin in settings.coins]},
        "own trend": {"allocation.own_trend": "off"},
        "target volatility": {"allocation.target_volatility": 0.0},
        "drawdown stop": {"allocation.drawdown_stop": 0.0},
        "band": {"allocation.band": 0.0},
    }[rule]


def figures(inputs: Inputs) -> Metrics:
    """Of the strategy itself, in backtrader."""
    run = simulate(inputs)
    equity = equity_frame(run)
    filled = [order for order in run.orders if order.filled is not None]
    traded, fees = (
        sum(abs(order.size * order.price) for order in filled),
        sum(order.fee for order in filled),
    )
    return measure(equity["value"], equity["exposure"].to_numpy(), traded, len(filled), fees)


def assert_alike(got: Metrics, expected: Metrics, what: str) -> None:
    assert (got.orders, got.max_drawdown_days) == (expected.orders, expected.max_drawdown_days), (
        what
    )
    for name, value in expected._asdict().items():
        assert (getattr(got, name) is None) == (value is None), f"{what}: {name}"
        if value is not None:
            assert getattr(got, name) == pytest.approx(value, rel=1e-9, abs=1e-9), f"{what}: {name}"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_first_is_the_strategy_itself(seed: int) -> None:
    inputs, found = drawn(seed)
    first = next(iter(found.values()))
    assert (first.rule, first.text) == ("", "all rules")
    assert_alike(first.metrics, figures(inputs), "all rules")


@pytest.mark.parametrize("seed", SEEDS)
def test_each_is_a_whole_run_without_the_rule(seed: int) -> None:
    inputs, found = drawn(seed)
    for rule, one in found.items():
        assert_alike(
            one.metrics, figures(switched_off(rule, inputs)), f"seed {seed}, without {rule}"
        )


def test_every_kind_of_rule_was_met_and_made_a_difference() -> None:
    """Otherwise the comparison above would compare a rule that never spoke with itself."""
    met, mattered = set(), set()
    for seed in SEEDS:
        _, found = drawn(seed)
        for rule, one in found.items():
            kind = rule if rule in ("all confirmations", "all risk checks") else rule.split(" ")[0]
            met.add(kind)
            if one.metrics != found[""].metrics:
                mattered.add(kind)
    kinds = {
        "confirmation",
        "all confirmations",
        "consecutive",
        "buffer",
        "failure",
        "trend",
        "age",
        "re-arming",
        "risk",
        "all risk checks",
        "haircuts",
    }
    assert met == kinds | {"", "lags", "own", "target", "drawdown", "band"}
    assert met - mattered == {""}


def off_everywhere(settings: Settings) -> dict[str, Any]:
    """Everything that can be switched off, switched off."""
    changes = {
        "gate.min_confirmations": 0,
        "gate.confirm_sessions": 1,
        "gate.buffer": 0.0,
        "gate.max_sessions": 0,
        "gate.rearm_within": 0,
    }
    changes |= {
        "allocation.own_trend": "off",
        "allocation.target_volatility": 0.0,
        "allocation.drawdown_stop": 0.0,
        "allocation.band": 0.0,
    }
    return changes | without("lags", settings) | without("all risk checks", settings)


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_rules_that_are_off_have_no_row(seed: int) -> None:
    inputs, _ = drawn(seed)
    bare = switched_off("haircuts", inputs)
    assert bare.settings.confirmations.enabled()  # enabled, but none is asked for
    plain = prepare_inputs(changed(bare.settings, off_everywhere(bare.settings)), bare.prices)
    assert [one.rule for one in run_ablation(prepare_kernel(plain))] == [
        "",
        "failure exit",
        "trend exit",
    ]


def test_a_rearm_as_long_as_a_base_is_none() -> None:
    inputs, found = drawn(next(seed for seed in SEEDS if "re-arming" in drawn(seed)[1]))
    same = prepare_inputs(
        changed(inputs.settings, {"gate.rearm_sessions": inputs.settings.gate.base_sessions}),
        inputs.prices,
    )
    assert [one.rule for one in run_ablation(prepare_kernel(same))] == [
        rule for rule in found if rule != "re-arming"
    ]


def test_one_channel_is_the_whole_curve() -> None:
    inputs, _ = drawn(SEEDS[0])
    alone = {
        "risk_curve.channels": ("broad",),
        "risk_curve.ceilings": (0.3, 1.0),
        "risk_curve.dormant_ceilings": (0.0, 0.0),
    }
    rules = [
        one.rule
        for one in run_ablation(
            prepare_kernel(prepare_inputs(changed(inputs.settings, alone), inputs.prices))
        )
    ]
    assert "risk check broad" in rules and "all risk checks" not in rules


def test_asking_twice_gives_the_same() -> None:
    """The variants share room in memory: none may leave traces in another."""
    inputs, found = drawn(SEEDS[1])
    place = prepare_kernel(inputs)
    assert run_ablation(place) == run_ablation(place) == list(found.values())
