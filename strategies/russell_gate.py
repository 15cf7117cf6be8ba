"""The strategy. Which broker it talks to is decided where its session is built."""

from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

import backtrader as bt

from strategies.decision import (
    NO_GATE,
    Decision,
    DecisionRules,
    GateLine,
    decide,
    nothing_to_decide,
    order_size,
)

UNKNOWN = float("nan")
UNSEEN = (UNKNOWN,) * 3
EPOCH = float(date(1970, 1, 1).toordinal())  # backtrader counts days as date ordinals, in UTC
Shares = tuple[float, ...]


class OrderPlan(NamedTuple):
    """Shares of equity held and aimed at, `gross`, and signed coin units to trade, by coin."""

    current: Shares
    targets: Shares
    gross: float
    sizes: Shares


class RussellGate(bt.Strategy):  # type: ignore[misc]  # backtrader has no types
    """Holds as much crypto as the gate allows.

    The one rule: it remembers nothing. Every decision follows from the newest value of each line
    and from the broker.

    Data feeds: first the gate (lines `strategies.gate.GATE_LINES`), then one feed a coin
    (`strategies.coins.COIN_LINES`), in the order of `rules.weights`. `record` is called with each
    Decision. The broker answers, besides backtrader's own calls, `limits(data)` -> (step,
    min_notional) and `largest_drawdown(since)` (epoch seconds).
    """

    params = (("rules", None), ("record", None))

    def __init__(self) -> None:
        self._rules: DecisionRules = self.p.rules
        self._record: Callable[[Decision], None] = self.p.record
        gate, *self._coins = self.datas
        self._gate_lines = [getattr(gate.lines, name) for name in GateLine._fields]
        self._price_lines = [
            [getattr(coin.lines, name) for name in ("close", "own_average", "volatility")]
            for coin in self._coins
        ]
        self._missing_lines = [coin.lines.stale for coin in self._coins]
        self._none = (0.0,) * len(self._coins)
        self._bars_seen = 0

    def prenext(self) -> None:
        """Backtrader calls this until every coin is listed; the others are traded meanwhile."""
        self.next()

    def next(self) -> None:
        """Decide and trade once when a coin's bar closes, not on a bar of the gate alone."""
        bars = sum(map(len, self._missing_lines))
        if bars == self._bars_seen:
            return
        self._bars_seen = bars
        decision = self._decide()
        self._trade(decision)
        self._record(decision)

    def _decide(self) -> Decision:
        broker = self.broker
        now = round((self.lines.datetime[0] - EPOCH) * 86400)
        # Here and below: a feed read before its first bar shows future prices.
        lines = self._gate_lines
        gate = GateLine._make([line[0] for line in lines]) if len(lines[0]) else NO_GATE
        missing = tuple([line[0] if len(line) else UNKNOWN for line in self._missing_lines])
        equity, drawdown = broker.getvalue(), broker.largest_drawdown(gate.confirmed_at)
        positions = [broker.getposition(coin).size for coin in self._coins]
        plan = OrderPlan(self._none, self._none, 0.0, self._none)
        if not nothing_to_decide(any(positions), gate.ceiling, self._rules.own_trend):
            plan = self._size_orders(
                now, gate, equity, drawdown=drawdown, missing=missing, positions=positions
            )
        return Decision(
            time=now,
            gate=gate,
            equity=equity,
            cash=broker.getcash(),
            drawdown=drawdown,
            missing=missing,
            current=plan.current,
            targets=plan.targets,
            gross=plan.gross,
            sizes=plan.sizes,
        )

    def _size_orders(
        self,
        now: int,
        gate: GateLine,
        equity: float,
        *,
        drawdown: float,
        missing: Shares,
        positions: list[float],
    ) -> OrderPlan:
        """Present shares, target shares, gross, and what is to be traded between the two."""
        rules = self._rules
        prices = [
            (price[0], average[0], risk[0]) if len(price) else UNSEEN
            for price, average, risk in self._price_lines
        ]
        close, own_average, volatility = zip(*prices, strict=True)
        current = [
            size * price / equity if size else 0.0
            for size, price in zip(positions, close, strict=True)
        ]
        targets, sizes = list(self._none), list(self._none)
        gross = decide(
            now, gate, close, own_average, volatility, missing, current, drawdown, rules, targets
        )
        for k, coin in enumerate(self._coins) if targets != current else ():
            sizes[k] = order_size(
                targets[k],
                current[k],
                equity,
                close[k],
                positions[k],
                rules.band,
                *self.broker.limits(coin),
            )
        return OrderPlan(
            current=tuple(current), targets=tuple(targets), gross=gross, sizes=tuple(sizes)
        )

    def _trade(self, decision: Decision) -> None:
        """Cancel what is outstanding, then sell, then buy."""
        for order in self.broker.get_orders_open():
            self.cancel(order)
        for sells in (True, False) if any(decision.sizes) else ():
            for coin, size in zip(self._coins, decision.sizes, strict=True):
                if size and (size < 0) == sells:
                    trade: Any = self.sell if sells else self.buy
                    trade(data=coin, size=abs(size))
