"""The strategy under other assumptions: later decisions, in excess of cash, after tax."""

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd

from backtests.benchmarks.benchmarks import KernelInputs, run_kernel
from backtests.benchmarks.excess_of_cash import in_excess_of_cash
from backtests.engine import arrays
from backtests.engine.arrays import Bars
from backtests.engine.rules import DAY_SECONDS
from backtests.performance.metrics import Metrics, measure
from backtests.performance.result import Result
from backtests.performance.taxes import tax_gains
from strategies.indicators import Floats, Ints

Entries = TypeVar("Entries", Floats, Ints)
HOUR_SECONDS = 3600
DELAYS = (("decided an hour later", HOUR_SECONDS), ("decided a day later", DAY_SECONDS))


class Variant(NamedTuple):
    """The strategy's figures under one other assumption; None: `text` says why there are none."""

    name: str
    text: str
    metrics: Metrics | None


def other_assumptions(result: Result, kernel_inputs: KernelInputs) -> list[Variant]:
    """The variants, in the order of the tables, each against the run of `result`."""
    return [*_later(kernel_inputs), _beyond_cash(result), *_after_tax(result)]


def _later(kernel_inputs: KernelInputs) -> Iterator[Variant]:
    time = kernel_inputs.basket.time
    length = time[1] - time[0] if len(time) > 1 else float(DAY_SECONDS)
    for name, delay in DELAYS:
        if delay < length:
            text = "needs hourly bars: no price between two bars is known"
            yield Variant(name, text, None)
            continue
        bars = round(delay / length)
        text = "what was known then, sized and filled that much later"
        yield Variant(name, text, _run_later(kernel_inputs, bars))


def _run_later(kernel_inputs: KernelInputs, delay: int) -> Metrics:
    """The strategy with every decision made `delay` bars after what it is made from was known."""
    inputs, bars = kernel_inputs.inputs, kernel_inputs.basket
    gate = arrays.gate_arrays(inputs.table)
    length = bars.time[1] - bars.time[0]
    gate = gate._replace(confirmed_at=gate.confirmed_at + delay * length)  # the lags count later
    later = delay_bars(bars, delay)
    return run_kernel(kernel_inputs, later, tuple(inputs.coins), gate, inputs.rules).metrics


def delay_bars(bars: Bars, delay: int) -> Bars:
    """`bars` as a trader sees them who acts on what was known `delay` bars (at least 1) before.

    Prices, and which of them are missing, are those of the bar itself: it is traded then. The
    gate's session, volatility, and on which side of its average a coin closed, are the earlier
    ones; a coin is listed that much later, and nothing is decided at the first `delay` bars.
    """
    side = _earlier(bars.close - bars.own_average, delay, np.nan)
    average = np.select([side > 0, side < 0, side == 0], [-np.inf, np.inf, bars.close], np.nan)
    unlisted = np.isnan(_earlier(bars.missing, delay, np.nan))
    return bars._replace(
        session=_earlier(bars.session, delay, -1),
        settled=bars.settled * _earlier(bars.settled, delay, 0),
        own_average=np.ascontiguousarray(average),
        volatility=_earlier(bars.volatility, delay, np.nan),
        missing=np.where(unlisted, np.nan, bars.missing),
    )


def _earlier(values: Entries, delay: int, first: float) -> Entries:
    """Each entry `delay` rows later; `first` where there is none."""
    moved = np.full_like(values, first)
    moved[delay:] = values[:-delay]
    return moved


def _beyond_cash(result: Result) -> Variant:
    """Figures of the account over what cash alone would have become at `costs.cash_yield`."""
    yearly = result.inputs.settings.costs.cash_yield
    text = f"cash earns {yearly:.1%} a year (costs.cash_yield)"
    if not yearly:
        text = "as it is: cash earns nothing (costs.cash_yield is 0)"
    return Variant(
        "in excess of cash",
        text,
        _figures(result, in_excess_of_cash(result.equity["value"], yearly)),
    )


def _after_tax(result: Result) -> Iterator[Variant]:
    """None or one: at `costs.tax_rate` above zero."""
    rate = result.inputs.settings.costs.tax_rate
    if rate > 0.0:
        taxed = tax_gains(result.run, result.equity["value"], rate)
        text = (
            f"{rate:.1%} of each year's realised gains at average cost, losses carried forward;"
            f" {taxed.paid:,.0f} paid in all; benchmarks are not taxed (holding owes nothing until"
            " it sells)"
        )
        yield Variant("after tax", text, _figures(result, taxed.equity))


def _figures(result: Result, equity: pd.Series) -> Metrics:
    """The figures of another equity curve of the same orders."""
    exposure: Floats = result.equity["exposure"].to_numpy(dtype=float)
    figures = measure(
        equity, exposure, traded=0.0, orders=result.metrics.orders, fees=result.metrics.fees
    )
    return figures._replace(turnover=result.metrics.turnover)
