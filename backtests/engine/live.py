"""A live session put together: the strategy and its pure functions, handed to a loop that knows no rules."""

from collections import deque
from collections.abc import Callable
from typing import Any

from backtests.engine.inputs import market
from backtests.engine.rules import decision_rules, gate_rules
from brokers.live.strategy import Functions, LiveStrategy
from config.settings import Settings
from strategies.breakout import CONFIRMED, STATES
from strategies.coins import coin_lines
from strategies.decision import Decision
from strategies.gate import gate_lines, gate_table
from strategies.russell_gate import RussellGate
from strategies.sentences import sentences


def _functions(settings: Settings) -> Functions:
    """The functions of market data that a backtest applies once and a session again and again."""
    rules, average, volatility = (
        gate_rules(settings),
        settings.allocation.own_trend_days,
        settings.allocation.volatility_days,
    )
    needed = (
        max(average, volatility) + 1
    )  # closes; what a window says does not depend on what lies before it
    return Functions(
        gate=lambda prices: gate_table(market(settings, prices), rules),
        gate_lines=gate_lines,
        coin=lambda bars, closes, grid: coin_lines(
            bars, closes.iloc[-needed:], grid, average, volatility
        ),
    )


def live_strategy(settings: Settings) -> LiveStrategy:
    """Everything of the strategy that a session needs, with the rules the settings give it."""
    return LiveStrategy(
        RussellGate,
        decision_rules(settings),
        STATES,
        CONFIRMED,
        _functions(settings),
        _describer(settings),
    )


def _describer(settings: Settings) -> Callable[[Any], str]:
    """Sentences one decision at a time; the first is told in full."""
    queue: deque[Decision] = deque()
    told = sentences(
        iter(queue.popleft, None),
        [coin.name for coin in settings.coins],
        settings.risk_curve.channels,
        decision_rules(settings),
    )

    def describe(decision: Any) -> str:
        queue.append(decision)
        return next(told)

    return describe
