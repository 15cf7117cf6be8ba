"""The backtrader engine: the strategy class itself, on history."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import backtrader as bt
import numpy as np

from backtests.prepare import Inputs
from brokers.feeds import CoinFeed, Column, FrameFeed, GateFeed, Place
from brokers.orders.simulated import OrderRecord, SimulatedBroker
from strategies.decision import Decision
from strategies.gate import gate_lines
from strategies.indicators import Floats
from strategies.russell_gate import RussellGate


class Cerebro(bt.Cerebro):  # type: ignore[misc]  # backtrader has no types
    """The stock loop over preloaded feeds without what these runs have none of: timers, writers, observers, analyzers, indicators.

    The order of events is the stock one: feeds step to the earliest next bar, the broker fills, the strategy is notified and
    decides. Results are those of the stock loop, in a third of its time.
    """

    def _runonce(self, runstrats: list[Any]) -> None:
        (strategy,) = runstrats
        strategy._once()
        strategy.reset()
        broker, place = self._broker, Place()
        times, stepping = _timeline(self.datas)
        strategy.lines.lines[:] = [Column(times, place)]  # its clock, the one line it has
        for place.row, feeds in enumerate(stepping):
            for feed in feeds:
                feed.advance()
            if broker.has_work():
                self._brokernotify()
            if strategy._orderspending:
                strategy._notify()
                strategy.clear()
            strategy.next()


def _timeline(feeds: Sequence[FrameFeed]) -> tuple[Floats, list[list[FrameFeed]]]:
    """Every instant at which a bar was known, and the feeds that have one then."""
    times = np.unique(np.concatenate([feed.times for feed in feeds]))
    stepping: list[list[FrameFeed]] = [[] for _ in times]
    for feed in feeds:
        for step in np.searchsorted(times, feed.times).tolist():
            stepping[step].append(feed)
    return times, stepping


class Run(NamedTuple):
    """What happened, in order of time: one decision a coin bar, every order as it ended."""

    decisions: list[Decision]
    orders: list[OrderRecord]


def simulate(inputs: Inputs) -> Run:
    """Run `RussellGate` in backtrader over the inputs' grid."""
    settings = inputs.settings
    gate = gate_lines(inputs.table)
    known = max(int(gate.index.searchsorted(inputs.grid[0], side="right")) - 1, 0)
    until = int(gate.index.searchsorted(inputs.grid[-1], side="right"))
    cerebro = Cerebro(stdstats=False)
    cerebro.adddata(GateFeed(dataname=gate.iloc[known:until]), name="gate")
    coins = [CoinFeed(dataname=lines) for lines in inputs.coins.values()]
    for name, feed in zip(inputs.coins, coins, strict=True):
        cerebro.adddata(feed, name=name)
    steps = {name: settings.coin_step(name) for name in inputs.coins}
    broker = SimulatedBroker(coins, settings.backtest.cash, inputs.costs, steps, inputs.rules.max_missing, settings.costs.cash_yield)
    cerebro.setbroker(broker)
    decisions: list[Decision] = []
    cerebro.addstrategy(RussellGate, rules=inputs.rules, record=decisions.append)
    cerebro.run()
    return Run(decisions, broker.records)
