"""Where a run's profit came from: by coin, by spell, by month."""

import numpy as np
import pandas as pd

from backtests.engine.inputs import Inputs
from backtests.engine.simulation import Run
from backtests.performance.gate_periods import Spell
from backtests.performance.metrics import daily_rows

OUTSIDE = "outside"


def units_held(run: Run, inputs: Inputs) -> pd.DataFrame:
    """Coin units held at each bar's close, one column a coin."""
    return _by_bar(run, inputs, "size").cumsum()


def exposures(run: Run, inputs: Inputs, equity: pd.Series) -> pd.DataFrame:
    """Share of `equity` in each coin at each bar's close."""
    return units_held(run, inputs).mul(_closes(inputs)).fillna(0.0).div(equity, axis=0)


def profits(run: Run, inputs: Inputs) -> pd.DataFrame:
    """Quote units each coin gained or lost from the close before to this bar's, fees taken off; interest on cash is in none.

    What was held moves with the close; what was traded at this bar moves from the fill's price. The sum over all bars and
    coins is the change of equity less interest.
    """
    traded, closes = _by_bar(run, inputs, "size"), _closes(inputs)
    moved = traded.cumsum().shift(fill_value=0.0).mul(closes.diff()).fillna(0.0)
    bought = traded.mul(closes).fillna(0.0) - _by_bar(run, inputs, "value")
    return moved + bought - _by_bar(run, inputs, "fee")


def by_spell(profit: pd.DataFrame, spells: list[Spell]) -> pd.DataFrame:
    """`profits` summed over each spell, one row a spell by its first day, and one for the bars outside.

    A spell lasts until the bar after the gate shut, at whose open the exit fills.
    """
    index = profit.index
    label = np.full(len(index), OUTSIDE, dtype=object)
    for spell in spells:
        first = int(index.searchsorted(spell.opened))
        last = int(index.searchsorted(spell.closed)) + 1 if spell.closed else len(index)
        label[first + 1 : last + 1] = f"{spell.opened:%Y-%m-%d}"
    total = profit.groupby(label).sum()
    rows = [f"{spell.opened:%Y-%m-%d}" for spell in spells] + [OUTSIDE]
    return total.reindex(rows, fill_value=0.0)


def monthly_returns(equity: pd.Series) -> pd.Series:
    """Return of each calendar month (UTC), indexed by its period; the first and the last may be cut short."""
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
    """Signed size, signed value or fee of the orders that filled, by the bar at whose open they did."""
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
