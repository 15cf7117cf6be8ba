"""Where a run's profit came from: by coin, by gate period, by month."""

import numpy as np
import pandas as pd

from backtests.engine.inputs import Inputs
from backtests.engine.simulation import Run
from backtests.performance.gate_periods import GatePeriod
from backtests.performance.metrics import daily_rows

OUTSIDE = "outside"


def units_held(run: Run, inputs: Inputs) -> pd.DataFrame:
    """Coin units held at each bar's close, one column per coin."""
    return _by_bar(run, inputs, "size").cumsum()


def exposures(run: Run, inputs: Inputs, equity: pd.Series) -> pd.DataFrame:
    """Share of `equity` in each coin at each bar's close."""
    return units_held(run, inputs).mul(_closes(inputs)).fillna(0.0).div(equity, axis=0)


def profits(run: Run, inputs: Inputs) -> pd.DataFrame:
    """Profit of each coin by bar, from the close before to this bar's, after fees; quote units.

    What was held moves with the close; what was traded at this bar moves from the fill's price. The
    sum over all bars and coins is the change of equity less interest on cash.
    """
    traded, closes = _by_bar(run, inputs, "size"), _closes(inputs)
    moved = traded.cumsum().shift(fill_value=0.0).mul(closes.diff()).fillna(0.0)
    bought = traded.mul(closes).fillna(0.0) - _by_bar(run, inputs, "value")
    return moved + bought - _by_bar(run, inputs, "fee")


def by_gate_period(profit: pd.DataFrame, gate_periods: list[GatePeriod]) -> pd.DataFrame:
    """`profits` summed over each gate period, by the day it opened, and over the bars outside.

    A period lasts until the bar after the gate closed, at whose open the exit fills.
    """
    index = profit.index
    label = np.full(len(index), OUTSIDE, dtype=object)
    for period in gate_periods:
        first = int(index.searchsorted(period.opened))
        last = int(index.searchsorted(period.closed)) + 1 if period.closed else len(index)
        label[first + 1 : last + 1] = f"{period.opened:%Y-%m-%d}"
    total = profit.groupby(label).sum()
    rows = [f"{period.opened:%Y-%m-%d}" for period in gate_periods] + [OUTSIDE]
    return total.reindex(rows, fill_value=0.0)


def monthly_returns(equity: pd.Series) -> pd.Series:
    """Return of each calendar month (UTC); the first and the last may be incomplete."""
    daily = equity.iloc[daily_rows(pd.DatetimeIndex(equity.index))]
    days = (pd.DatetimeIndex(daily.index) - pd.Timedelta(nanoseconds=1)).tz_localize(None)
    ends = pd.Series(daily.to_numpy(), days).groupby(days.to_period("M")).last()
    before = ends.shift(fill_value=float(daily.iloc[0]))
    return ends / before - 1.0


def _closes(inputs: Inputs) -> pd.DataFrame:
    return pd.DataFrame(
        {name: lines["close"].reindex(inputs.grid) for name, lines in inputs.coins.items()}
    )


def _by_bar(run: Run, inputs: Inputs, what: str) -> pd.DataFrame:
    """Signed size, signed value or fee of filled orders, by the bar at whose open they filled."""
    table = pd.DataFrame(0.0, index=inputs.grid, columns=list(inputs.coins))
    values, columns = (
        table.to_numpy(copy=True),
        {name: column for column, name in enumerate(inputs.coins)},
    )
    rows = {second: row for row, second in enumerate(inputs.grid.as_unit("s").asi8.tolist())}
    for order in run.orders:
        if order.filled is not None:
            amount = {"size": order.size, "value": order.size * order.price, "fee": order.fee}[what]
            values[rows[order.filled], columns[order.symbol]] += amount
    return pd.DataFrame(values, inputs.grid, table.columns)
