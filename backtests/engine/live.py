"""A live session put together: the strategy and its pure functions, handed to a loop that knows no rules."""

from collections import deque
from collections.abc import Callable
from typing import Any

import pandas as pd

from backtests.engine.inputs import decision_rules, gate_rules, market
from brokers.journal.journal import Journal
from brokers.live.data_provider import Functions
from brokers.live.session import Strategy
from config.settings import Settings
from strategies.breakout import CONFIRMED
from strategies.coins import coin_lines
from strategies.decision import Decision
from strategies.gate import gate_lines, gate_table
from strategies.russell_gate import RussellGate
from strategies.sentences import sentences


def functions(settings: Settings) -> Functions:
    """The functions of market data that a backtest applies once and a session again and again."""
    rules, average, volatility = gate_rules(settings), settings.allocation.own_trend_days, settings.allocation.volatility_days
    needed = max(average, volatility) + 1  # closes; what a window says does not depend on what lies before it
    return Functions(
        gate=lambda prices: gate_table(market(settings, prices), rules),
        gate_lines=gate_lines,
        coin=lambda bars, closes, grid: coin_lines(bars, closes.iloc[-needed:], grid, average, volatility),
    )


def strategy(settings: Settings) -> Strategy:
    """The strategy's class, with the rules the settings give it."""
    return Strategy(RussellGate, decision_rules(settings), CONFIRMED, _describer(settings))


def _describer(settings: Settings) -> Callable[[Any], str]:
    """Sentences one decision at a time; the first is told in full."""
    queue: deque[Decision] = deque()
    told = sentences(iter(queue.popleft, None), [coin.name for coin in settings.coins], settings.risk_curve.channels, decision_rules(settings))

    def describe(decision: Any) -> str:
        queue.append(decision)
        return next(told)

    return describe


def remembered(journal: Journal) -> pd.DataFrame:
    """The gate rows earlier sessions acted on, as `strategies.gate.gate_lines` makes them."""
    rows = list(journal.gate_rows())
    index = pd.DatetimeIndex([row.known_at * 10**9 for row in rows], tz="UTC")
    columns = ("state", "ceiling", "filled", "confirmed_at", "stale")
    return pd.DataFrame({name: [getattr(row, name) for row in rows] for name in columns}, index=index, dtype=float)
