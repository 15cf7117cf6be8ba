"""Ablation: the strategy again with each rule switched off in turn."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtests.benchmarks.benchmarks import KernelInputs, run_kernel
from backtests.engine import arrays, kernel
from backtests.engine.arrays import Sessions
from backtests.engine.inputs import Inputs
from backtests.engine.rules import gate_rules
from backtests.performance.metrics import Metrics
from strategies.breakout import BreakoutRules
from strategies.decision import TREND_OFF, DecisionRules
from strategies.indicators import Floats
from strategies.risk_curve import filled_channels

ALL_CHECKS = "all risk checks"
NEVER_FAILS = 1.0  # a tolerance no positive close falls through


class Ablation(NamedTuple):
    """The strategy with one rule switched off; `text` says what that means.

    The first of `run_ablation` has an empty `rule`: the strategy as it is.
    """

    rule: str
    text: str
    metrics: Metrics


class Variant(NamedTuple):
    """What a kernel run depends on and a rule may change."""

    sessions: Sessions
    breakouts: BreakoutRules
    rules: DecisionRules


Switched = tuple[str, str, Variant]  # a rule, what switching it off means, the variant without it


def run_ablation(kernel_inputs: KernelInputs) -> list[Ablation]:
    """Run the strategy as it is, and with each of its rules switched off, in the kernel."""
    inputs = kernel_inputs.inputs
    curve = inputs.settings.risk_curve
    ceilings = np.array(curve.ceilings), np.array(curve.dormant_ceilings)
    breakouts = gate_rules(inputs.settings).breakout
    whole = Variant(arrays.sessions_of(inputs.rows), breakouts, inputs.rules)
    bars = arrays.bars_by_session(inputs)
    ablations = []
    for rule, text, variant in (
        ("", "all rules", whole),
        *_confirmation_rules(inputs, whole),
        *_breakout_rules(inputs, whole),
        *_risk_checks(inputs, whole),
        *_trading_rules(whole),
    ):
        kernel.gate_of(variant.sessions, variant.breakouts, *ceilings, 0)
        names, gate = tuple(inputs.coins), variant.sessions.lines
        result = run_kernel(kernel_inputs, bars, names, gate, variant.rules)
        ablations.append(Ablation(rule, text, result.metrics))
    return ablations


def _confirmation_rules(inputs: Inputs, whole: Variant) -> Iterator[Switched]:
    gate, sessions, rules = inputs.settings.gate, whole.sessions, whole.breakouts
    enabled = inputs.settings.confirmations.enabled() if gate.min_confirmations else ()
    for name in enabled:
        count = sessions.confirming - _holds(inputs.rows, f"confirmation_{name}").astype(np.int64)
        least = min(gate.min_confirmations, len(enabled) - 1)
        variant = whole._replace(breakouts=rules._replace(min_confirmations=least))
        without = variant._replace(sessions=sessions._replace(confirming=count))
        yield f"confirmation {name}", "not required", without
    if enabled:
        yield (
            "all confirmations",
            "none required",
            whole._replace(breakouts=rules._replace(min_confirmations=0)),
        )


def _breakout_rules(inputs: Inputs, whole: Variant) -> Iterator[Switched]:
    gate, sessions, rules = inputs.settings.gate, whole.sessions, whole.breakouts
    if gate.confirm_sessions > 1:
        text = "the first close above the level confirms"
        yield (
            "consecutive closes",
            text,
            whole._replace(breakouts=rules._replace(confirm_sessions=1)),
        )
    if gate.buffer > 0.0:
        yield (
            "buffer",
            "any close above the level counts",
            whole._replace(breakouts=rules._replace(buffer=0.0)),
        )
    text = "a fall below the level does not close the gate"
    yield "failure exit", text, whole._replace(breakouts=rules._replace(fail_tolerance=NEVER_FAILS))
    unknown = sessions._replace(average=np.full(len(inputs.rows), np.nan))
    text = "a close below the index's average does not close the gate"
    yield "trend exit", text, whole._replace(sessions=unknown)
    if gate.max_sessions:
        yield (
            "age exit",
            "no limit on a gate period",
            whole._replace(breakouts=rules._replace(max_sessions=0)),
        )
    if gate.rearm_within and gate.rearm_sessions < gate.base_sessions:
        variant = whole._replace(breakouts=rules._replace(rearm_sessions=gate.base_sessions))
        yield "re-arming", "every breakout needs a full base", variant


def _risk_checks(inputs: Inputs, whole: Variant) -> Iterator[Switched]:
    table, sessions = inputs.rows, whole.sessions
    channels = inputs.settings.risk_curve.channels
    for name in (*channels, *([ALL_CHECKS] if len(channels) > 1 else [])):
        passes = [
            np.ones(len(table))
            if name in (channel, ALL_CHECKS)
            else _holds(table, f"channel_{channel}")
            for channel in channels
        ]
        filled = filled_channels(passes, len(table))
        rule = name if name == ALL_CHECKS else f"risk check {name}"
        text = "always pass" if name == ALL_CHECKS else "always passes"
        yield rule, text, whole._replace(sessions=_with_filled(sessions, filled))
    if (sessions.haircut != 1.0).any():
        without = sessions._replace(haircut=np.ones(len(table)))
        yield "haircuts", "the ceiling is not reduced", whole._replace(sessions=without)


def _trading_rules(whole: Variant) -> Iterator[Switched]:
    """Each rule of the decision that is on."""
    rules = whole.rules
    switches: tuple[tuple[str, str, bool, dict[str, Any]], ...] = (
        ("lags", "all coins at once", any(rules.lags), {"lags": (0.0,) * len(rules.lags)}),
        (
            "own trend",
            "the gate alone decides",
            rules.own_trend != TREND_OFF,
            {"own_trend": TREND_OFF},
        ),
        (
            "target volatility",
            "no scaling",
            rules.target_volatility > 0.0,
            {"target_volatility": 0.0},
        ),
        ("drawdown stop", "no stop", rules.drawdown_stop > 0.0, {"drawdown_stop": 0.0}),
        ("band", "every difference is traded", rules.band > 0.0, {"band": 0.0}),
    )
    for rule, text, is_on, changes in switches:
        if is_on:
            yield rule, text, whole._replace(rules=rules._replace(**changes))


def _holds(table: pd.DataFrame, column: str) -> Floats:
    return np.asarray(table[column].fillna(value=False).to_numpy(dtype=bool), dtype=float)


def _with_filled(sessions: Sessions, filled: np.ndarray) -> Sessions:
    return sessions._replace(
        filled=filled, lines=sessions.lines._replace(filled=filled.astype(float))
    )
