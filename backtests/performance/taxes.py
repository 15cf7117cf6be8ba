"""What a tax on realised gains leaves of a run."""

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from backtests.engine.simulation import Run


class Taxed(NamedTuple):
    """An equity curve after tax (quote units by end of bar), and the tax paid in all."""

    equity: pd.Series
    paid: float


def tax_gains(run: Run, equity: pd.Series, rate: float) -> Taxed:
    """`equity` less `rate` of the gains that each calendar year (UTC) realised.

    A sale's gain is what it brought less its fee and the average cost of the coins sold, the fees
    of buying included. Losses offset the gains of their year and of later years, without limit.
    The tax is due at the last bar of the year, and at the last bar of all; what is not sold is not
    taxed. It makes the account smaller by that share: the same weights of less money, as the
    strategy decides by weights, and no sale to raise it is taxed.
    """
    gains = pd.Series(0.0, sorted(set(_years(pd.DatetimeIndex(equity.index)))))
    for instant, gain in _realised_gains(run):
        gains[_years(pd.DatetimeIndex([instant]))[0]] += gain
    years = pd.Series(_years(pd.DatetimeIndex(equity.index)), equity.index)
    values = equity.to_numpy(dtype=float, copy=True)
    paid, factor, loss = 0.0, 1.0, 0.0
    for year, gain in gains.items():
        rows = (years == year).to_numpy().nonzero()[0]
        values[rows] *= factor
        taxable = gain * factor + loss
        tax, loss = rate * max(taxable, 0.0), min(taxable, 0.0)
        factor *= 1.0 - tax / values[rows[-1]]
        values[rows[-1]] -= tax
        paid += tax
    return Taxed(pd.Series(values, equity.index), paid)


def _years(ends: pd.DatetimeIndex) -> list[int]:
    """The year each bar lies in; 24:00 belongs to the day that it ends."""
    return [int(year) for year in (ends - pd.Timedelta(nanoseconds=1)).year]


def _realised_gains(run: Run) -> Iterator[tuple[pd.Timestamp, float]]:
    """The end of the bar of each sale, and its gain at average cost, oldest first."""
    units: dict[str, float] = {}
    costs: dict[str, float] = {}
    for order in run.orders:
        if order.filled is None:
            continue
        held, cost = units.get(order.symbol, 0.0), costs.get(order.symbol, 0.0)
        if order.size > 0:
            costs[order.symbol] = cost + order.size * order.price + order.fee
        else:
            basis = cost * min(-order.size / held, 1.0)
            costs[order.symbol] = cost - basis
            gain = -order.size * order.price - order.fee - basis
            yield pd.Timestamp(order.filled, unit="s", tz="UTC"), gain
        units[order.symbol] = held + order.size
