"""The backtrader engine: the strategy class itself, on history."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from backtests.engine.inputs import Inputs
from brokers.cerebro import Cerebro, Step
from brokers.feeds import CoinFeed, FrameFeed, GateFeed
from brokers.orders.simulated import OrderRecord, SimulatedBroker
from strategies.decision import Decision
from strategies.gate import gate_lines
from strategies.russell_gate import RussellGate


def timeline(feeds: Sequence[FrameFeed]) -> Iterator[Step]:
    """Every instant at which a bar was known, and the feeds that have one then.

    Instants are in days, as backtrader counts them.
    """
    times = np.unique(np.concatenate([feed.times for feed in feeds]))
    feeds_at: list[list[FrameFeed]] = [[] for _ in times]
    for feed in feeds:
        for step in np.searchsorted(times, feed.times).tolist():
            feeds_at[step].append(feed)
    return zip(times.tolist(), feeds_at, strict=True)


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
    cerebro = Cerebro(timeline)
    cerebro.adddata(GateFeed(dataname=gate.iloc[known:until]), name="gate")
    coins = [CoinFeed(dataname=lines) for lines in inputs.coins.values()]
    for name, feed in zip(inputs.coins, coins, strict=True):
        cerebro.adddata(feed, name=name)
    steps = {name: settings.coin_step(name) for name in inputs.coins}
    broker = SimulatedBroker(
        coins=coins,
        cash=settings.backtest.cash,
        costs=inputs.costs,
        steps=steps,
        max_missing=inputs.rules.max_missing,
        cash_yield=settings.costs.cash_yield,
    )
    cerebro.setbroker(broker)
    decisions: list[Decision] = []
    cerebro.addstrategy(RussellGate, rules=inputs.rules, record=decisions.append)
    cerebro.run()
    return Run(decisions, broker.records)
