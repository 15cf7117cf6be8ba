"""The best parameter set once more, in backtrader: it must do what the kernel did."""

from typing import NamedTuple

import numpy as np

from backtests.engine.inputs import prepare_inputs
from backtests.performance.metrics import Metrics
from backtests.runs.backtest import backtest
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.study import Study
from config.settings import Settings, with_changes

CLOSE = 1e-9  # relative difference of equity that is rounding


class Agreement(NamedTuple):
    """How far backtrader and the kernel agree.

    `metrics` are of the backtrader run, `equity_difference` is the largest relative difference at
    any bar, `orders_differ` the difference of the numbers of filled orders.
    """

    metrics: Metrics
    equity_difference: float
    orders_differ: int

    @property
    def agrees(self) -> bool:
        """Whether both engines did the same."""
        return self.equity_difference <= CLOSE and self.orders_differ == 0


def check_engines(evaluator: Evaluator, study: Study, settings: Settings) -> Agreement:
    """Run the best parameter set of a study as a backtest would."""
    chosen = with_changes(settings, study.changes(study.row), "the best parameter set")
    result = backtest(prepare_inputs(chosen, evaluator.inputs.prices), with_benchmarks=False)
    equity, _ = evaluator.curves(study.codes[[study.row]])
    difference = np.abs(result.equity["value"].to_numpy() / equity[0] - 1.0).max()
    orders = int(study.segments.orders[study.row].sum())
    return Agreement(result.metrics, float(difference), abs(result.metrics.orders - orders))
