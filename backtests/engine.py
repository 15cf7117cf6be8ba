"""The backtrader engine: the strategy class itself, on history."""

from typing import NamedTuple

import backtrader as bt

from backtests.prepare import Inputs
from brokers.feeds import CoinFeed, GateFeed
from brokers.orders.simulated import OrderRecord, SimulatedBroker
from strategies.decision import Decision
from strategies.gate import gate_lines
from strategies.russell_gate import RussellGate


class Run(NamedTuple):
    """What happened, in order of time: one decision a coin bar, every order as it ended."""

    decisions: list[Decision]
    orders: list[OrderRecord]


def simulate(inputs: Inputs) -> Run:
    """Run `RussellGate` in backtrader over the inputs' grid."""
    settings = inputs.settings
    gate = gate_lines(inputs.table)
    known = gate.index.searchsorted(inputs.grid[0], side="right") - 1
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(GateFeed(dataname=gate[(gate.index >= gate.index[max(known, 0)]) & (gate.index <= inputs.grid[-1])]), name="gate")
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
