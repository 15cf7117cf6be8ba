"""The recommended set once more, in backtrader: it must do what the kernel did."""

from typing import NamedTuple

import numpy as np

from backtests.engine.inputs import prepare
from backtests.performance.metrics import Metrics
from backtests.runs.backtest import backtest
from backtests.tuning.search.evaluator import Field
from backtests.tuning.search.study import Study
from config.settings import Settings, changed

CLOSE = 1e-9  # relative difference of equity that is rounding


class Agreement(NamedTuple):
    """Figures of the backtrader run, the largest relative difference of equity at any bar, and by how many filled orders the engines differ."""

    metrics: Metrics
    equity_difference: float
    orders_differ: int

    @property
    def agrees(self) -> bool:
        """Whether both engines did the same."""
        return self.equity_difference <= CLOSE and self.orders_differ == 0


def agreement(field: Field, study: Study, settings: Settings) -> Agreement:
    """Run the best set of a study as a backtest would."""
    chosen = changed(settings, study.changes(study.row), "the best set")
    result = backtest(prepare(chosen, field.inputs.prices), with_benchmarks=False)
    equity, _ = field.curves(study.codes[[study.row]])
    difference = np.abs(result.equity["value"].to_numpy() / equity[0] - 1.0).max()
    orders = int(study.segments.orders[study.row].sum())
    return Agreement(result.metrics, float(difference), abs(result.metrics.orders - orders))
