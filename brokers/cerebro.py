"""The one loop of every mode: backtest, replay, dry run, testnet."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import backtrader as bt

Step = tuple[float, Sequence[Any]]
Steps = Callable[[Sequence[Any]], Iterable[Step]]


class Now(bt.linebuffer.LineBuffer):  # type: ignore[misc]  # backtrader has no types
    """The strategy's clock: the one instant it is asked at, as backtrader counts days."""

    time = 0.0

    def __len__(self) -> int:
        return 1

    def __getitem__(self, ago: int) -> float:
        return self.time


class Cerebro(bt.Cerebro):  # type: ignore[misc]  # backtrader has no types
    """The stock loop without timers, writers, observers, analyzers and indicators.

    `steps` takes the feeds and yields instants in order, each with the feeds that have a new bar
    then: all at once from history, one after the other in a live session. The order of events is
    the stock one: those feeds step, the broker fills, the strategy is notified and decides.
    Results are those of the stock loop, in a third of its time.
    """

    params = (("stdstats", False),)

    def __init__(self, steps: Steps) -> None:
        super().__init__()
        self._steps = steps

    def _runonce(self, runstrats: list[Any]) -> None:
        (strategy,) = runstrats
        strategy._once()
        strategy.reset()
        broker, now = self._broker, Now()
        strategy.lines.lines[:] = [now]
        for now.time, feeds in self._steps(self.datas):
            for feed in feeds:
                feed.advance()
            if broker.has_work():
                self._brokernotify()
            if strategy._orderspending:
                strategy._notify()
                strategy.clear()
            strategy.next()
