"""The strategy and its pure functions as one object, for a live loop that knows no rules."""

from collections import deque
from collections.abc import Callable

from backtests.engine.inputs import market
from backtests.engine.rules import decision_rules, gate_rules, rules_digest
from brokers.live.strategy import Functions, LiveStrategy
from config.settings import Settings
from strategies.breakout import CONFIRMED, STATES
from strategies.coins import coin_lines
from strategies.decision import Decision
from strategies.gate import gate_lines, gate_table
from strategies.russell_gate import RussellGate
from strategies.sentences import sentences


def _functions(settings: Settings) -> Functions:
    """The functions of market data that a backtest applies once and a session repeatedly."""
    rules = gate_rules(settings)
    average, volatility = settings.allocation.own_trend_days, settings.allocation.volatility_days
    # Closes: a window's result does not depend on what lies before it.
    needed = max(average, volatility) + 1
    return Functions(
        gate=lambda prices: gate_table(market(settings, prices), rules),
        gate_lines=gate_lines,
        coin=lambda bars, closes, grid: coin_lines(
            bars, closes.iloc[-needed:], grid, average, volatility
        ),
    )


def live_strategy(settings: Settings) -> LiveStrategy[Decision]:
    """Everything of the strategy that a live loop needs, with the rules from the settings."""
    return LiveStrategy(
        kind=RussellGate,
        rules=decision_rules(settings),
        rules_digest=rules_digest(settings),
        states=STATES,
        confirmed=CONFIRMED,
        functions=_functions(settings),
        describe=_describer(settings),
    )


def _describer(settings: Settings) -> Callable[[Decision], str]:
    """Sentences one decision at a time; the first is complete."""
    queue: deque[Decision] = deque()
    texts = sentences(
        iter(queue.popleft, None),
        [coin.name for coin in settings.coins],
        settings.risk_curve.channels,
        decision_rules(settings),
    )

    def describe(decision: Decision) -> str:
        queue.append(decision)
        return next(texts)

    return describe
