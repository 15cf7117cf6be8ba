"""What each rule earned or cost: the strategy again, without it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtests.benchmarks.benchmarks import Arena, run
from backtests.engine import arrays, kernel
from backtests.engine.arrays import Sessions
from backtests.engine.rules import gate_rules
from backtests.performance.metrics import Metrics
from strategies.breakout import BreakoutRules
from strategies.decision import TREND_OFF, DecisionRules
from strategies.indicators import Floats
from strategies.risk_curve import filled_channels

NEVER_FAILS = 1.0  # a tolerance no positive close falls through


class Without(NamedTuple):
    """The strategy without one rule; `text` says what is left out. The first of `drop_one` leaves out nothing."""

    rule: str
    text: str
    metrics: Metrics


class Variant(NamedTuple):
    """What a kernel run depends on and a rule may change."""

    sessions: Sessions
    breakouts: BreakoutRules
    rules: DecisionRules


def drop_one(place: Arena) -> list[Without]:
    """Run the strategy once as it is and once without each of its rules, in the kernel."""
    inputs = place.inputs
    rules, curve = gate_rules(inputs.settings), inputs.settings.risk_curve
    ceilings = np.array(curve.ceilings), np.array(curve.dormant_ceilings)
    whole = Variant(arrays.sessions_of(inputs.rows), rules.breakout, inputs.rules)
    found = []
    for rule, text, variant in (
        ("", "all rules", whole),
        *_gate_rules(place, whole),
        *_trading_rules(whole),
    ):
        kernel.gate_of(variant.sessions, variant.breakouts, *ceilings, 0)
        found.append(
            Without(
                rule,
                text,
                run(
                    place, place.basket, tuple(inputs.coins), variant.sessions.lines, variant.rules
                ).metrics,
            )
        )
    return found


def _gate_rules(place: Arena, whole: Variant) -> Iterator[tuple[str, str, Variant]]:
    """Each rule of the gate, with the variant that lacks it."""
    table, settings = place.inputs.rows, place.inputs.settings
    gate, sessions = settings.gate, whole.sessions

    def broken(**changes: Any) -> Variant:
        return whole._replace(breakouts=whole.breakouts._replace(**changes))

    enabled = settings.confirmations.enabled() if gate.min_confirmations else ()
    for name in enabled:
        counted = sessions.confirming - _holds(table, f"confirmation_{name}").astype(np.int64)
        least = min(gate.min_confirmations, len(enabled) - 1)
        yield (
            f"confirmation {name}",
            "not asked for",
            broken(min_confirmations=least)._replace(
                sessions=sessions._replace(confirming=counted)
            ),
        )
    if enabled:
        yield "all confirmations", "none is needed", broken(min_confirmations=0)
    if gate.confirm_sessions > 1:
        yield "closes in a row", "the first close above confirms", broken(confirm_sessions=1)
    if gate.buffer > 0.0:
        yield "buffer", "any close above the level counts", broken(buffer=0.0)
    yield "failure exit", "a fall below the level ends nothing", broken(fail_tolerance=NEVER_FAILS)
    unknown = sessions._replace(average=np.full(len(table), np.nan))
    yield "trend exit", "the index's own average ends nothing", whole._replace(sessions=unknown)
    if gate.max_sessions:
        yield "age exit", "a spell may last", broken(max_sessions=0)
    if gate.rearm_within and gate.rearm_sessions < gate.base_sessions:
        yield (
            "re-arming",
            "every breakout needs a full base",
            broken(rearm_sessions=gate.base_sessions),
        )
    channels = settings.risk_curve.channels
    for name in (*channels, *(["the risk curve"] if len(channels) > 1 else [])):
        holds = [
            np.ones(len(table))
            if name in (one, "the risk curve")
            else _holds(table, f"channel_{one}")
            for one in channels
        ]
        filled = filled_channels(holds, len(table))
        rule = name if name == "the risk curve" else f"channel {name}"
        yield rule, "always counts as filled", whole._replace(sessions=_refilled(sessions, filled))
    if (sessions.haircut != 1.0).any():
        yield (
            "haircuts",
            "none is taken",
            whole._replace(sessions=sessions._replace(haircut=np.ones(len(table)))),
        )


def _trading_rules(whole: Variant) -> Iterator[tuple[str, str, Variant]]:
    """Each rule of the decision that is on, with the variant that lacks it."""
    rules = whole.rules
    switches: tuple[tuple[str, str, bool, dict[str, Any]], ...] = (
        ("lags", "every coin at once", any(rules.lags), {"lags": (0.0,) * len(rules.lags)}),
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
    return np.asarray(table[column].fillna(False).to_numpy(dtype=bool), dtype=float)


def _refilled(sessions: Sessions, filled: np.ndarray) -> Sessions:
    return sessions._replace(
        filled=filled, lines=sessions.lines._replace(filled=filled.astype(float))
    )
