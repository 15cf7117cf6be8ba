"""The strategy. Which broker it talks to is decided where its session is built."""

from collections.abc import Callable
from datetime import date
from typing import Any

import backtrader as bt

from strategies.decision import Decision, DecisionRules, GateLine, decide, order_size

NO_GATE = GateLine(0.0, 0.0, 0.0, float("nan"), 0.0)
UNSEEN = [float("nan")] * 4
EPOCH = float(date(1970, 1, 1).toordinal())  # backtrader counts days as date ordinals, in UTC


class RussellGate(bt.Strategy):  # type: ignore[misc]  # backtrader has no types
    """Holds as much crypto as the gate allows.

    The one rule: it remembers nothing. Every decision follows from the newest value of each line and from the broker.

    Data feeds: first the gate (lines `strategies.gate.GATE_LINES`), then one feed a coin (`strategies.coins.COIN_LINES`), in
    the order of `rules.weights`. `record` is called with each Decision. The broker answers, besides backtrader's own calls,
    `limits(data)` -> (step, min_notional) and `largest_drawdown(since)` (epoch seconds).
    """

    params = (("rules", None), ("record", None))

    def __init__(self) -> None:
        self._rules: DecisionRules = self.p.rules
        self._record: Callable[[Decision], None] = self.p.record
        self._gate, *self._coins = self.datas
        self._gate_lines = [getattr(self._gate.lines, name) for name in GateLine._fields]
        names = ("close", "own_average", "volatility", "stale")
        self._coin_lines = [[getattr(coin.lines, name) for name in names] for coin in self._coins]
        self._closes = [coin.lines.close for coin in self._coins]
        self._bars_seen = 0

    def prenext(self) -> None:
        """Backtrader calls this until every coin is listed; the others are traded meanwhile."""
        self.next()

    def next(self) -> None:
        """Decide and trade once when a coin's bar closes; a bar of the gate alone changes nothing."""
        bars = sum(map(len, self._closes))
        if bars == self._bars_seen:
            return
        self._bars_seen = bars
        decision = self._decide()
        self._trade(decision)
        self._record(decision)

    def _decide(self) -> Decision:
        now = round((self.lines.datetime[0] - EPOCH) * 86400)
        gate = GateLine(*[line[0] for line in self._gate_lines]) if len(self._gate) else NO_GATE
        # A feed read before its first bar shows future prices.
        seen = [[line[0] for line in lines] if len(lines[0]) else UNSEEN for lines in self._coin_lines]
        close, own_average, volatility, missing = zip(*seen, strict=True)
        equity = self.broker.getvalue()
        positions = [self.broker.getposition(coin).size for coin in self._coins]
        current = [size * price / equity if size else 0.0 for size, price in zip(positions, close, strict=True)]
        drawdown = self.broker.largest_drawdown(gate.confirmed_at)
        targets = [0.0] * len(close)
        gross = decide(now, gate, close, own_average, volatility, missing, current, drawdown, self._rules, targets)
        sizes = [0.0] * len(close)
        for k, coin in enumerate(self._coins) if targets != current else ():
            if targets[k] != current[k]:
                sizes[k] = order_size(targets[k], equity, close[k], positions[k], self._rules.band, *self.broker.limits(coin))
        return Decision(now, gate, equity, self.broker.getcash(), drawdown, missing, tuple(current), tuple(targets), gross, tuple(sizes))

    def _trade(self, decision: Decision) -> None:
        """Cancel what is outstanding, then sell, then buy."""
        for order in self.broker.get_orders_open():
            self.cancel(order)
        for sells in (True, False) if any(decision.sizes) else ():
            for coin, size in zip(self._coins, decision.sizes, strict=True):
                if size and (size < 0) == sells:
                    trade: Any = self.sell if sells else self.buy
                    trade(data=coin, size=abs(size))
