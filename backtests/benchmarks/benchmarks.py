"""Benchmarks: holdings without a gate, and other gates, over the same days at the same costs."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.benchmarks.halvings import HALVINGS
from backtests.benchmarks.labels import LABELS
from backtests.engine import arrays, kernel
from backtests.engine.arrays import Bars, Gate
from backtests.engine.inputs import Inputs
from backtests.performance.metrics import Metrics, measure
from strategies.breakout import CONFIRMED
from strategies.decision import TREND_OFF, TREND_OR, DecisionRules
from strategies.indicators import Floats, excess
from strategies.market import latest

HALVING_MONTHS = 18
OPEN = float(CONFIRMED)
TREND_SESSIONS = 200
NEVER_REBALANCE = 0.99  # a band no holding leaves: bought once, held


class Curve(NamedTuple):
    """One kernel run: `equity` (quote units) and `exposure` (fraction) by bar, and its figures."""

    equity: pd.Series
    exposure: Floats
    metrics: Metrics


class KernelInputs(NamedTuple):
    """Inputs as the kernel takes them: the strategy's coins, and Bitcoin alone, on one grid."""

    inputs: Inputs
    basket: Bars
    bitcoin: Bars


def prepare_kernel(inputs: Inputs) -> KernelInputs:
    """The inputs as kernel arrays."""
    known_at = pd.DatetimeIndex(inputs.table.index)
    return KernelInputs(
        inputs,
        arrays.bars_of(list(inputs.coins.values()), inputs.grid, known_at),
        arrays.bars_of([inputs.bitcoin], inputs.grid, known_at),
    )


def benchmarks(kernel_inputs: KernelInputs, mean_exposure: float) -> dict[str, Curve]:
    """Every benchmark by name, in the order of the tables.

    hold_bitcoin : bought at the first open and held.
    hold_basket : the strategy's coins at their weights, without a gate, rebalanced by its band.
    bitcoin_own_trend : Bitcoin while it closes above its own 200-day average.
    broad_trend, index_trend : the basket while the broad market, or the index, closes above its
    200-session average.
    halving : Bitcoin for 18 months after each halving; the gate may merely coincide with that.
    constant_exposure : the basket at `mean_exposure`, the strategy's average, all the time.
    bitcoin_only : the strategy itself with all of its weight in Bitcoin; it shows what the choice
    of the other coins adds.
    """
    curves = {
        **_bitcoin_benchmarks(kernel_inputs),
        **_basket_benchmarks(kernel_inputs, mean_exposure),
        "bitcoin_only": _bitcoin_only(kernel_inputs),
    }
    return {name: curves[name] for name in LABELS if name in curves}


def _bitcoin_benchmarks(kernel_inputs: KernelInputs) -> dict[str, Curve]:
    inputs, bars = kernel_inputs.inputs, kernel_inputs.bitcoin
    always = np.ones(len(inputs.table))
    by_bar = bars._replace(session=np.arange(len(bars.time)))
    rules = inputs.rules._replace(
        weights=(1.0,),
        lags=(0.0,),
        own_trend=TREND_OFF,
        target_volatility=0.0,
        drawdown_stop=0.0,
        cash_reserve=0.0,
    )
    names = _bitcoin_names(inputs)

    def trade(bars: Bars, ceiling: Floats, rules: DecisionRules) -> Curve:
        return run_kernel(kernel_inputs, bars, names, gate_from_ceiling(ceiling), rules)

    return {
        "hold_bitcoin": trade(bars, always, rules._replace(band=NEVER_REBALANCE)),
        "bitcoin_own_trend": trade(bars, 0 * always, rules._replace(own_trend=TREND_OR)),
        "halving": trade(by_bar, after_halving(bars.time), rules),
    }


def _bitcoin_names(inputs: Inputs) -> tuple[str, ...]:
    history = inputs.settings.backtest.bitcoin
    return tuple(
        coin.name for coin in inputs.settings.coins_and_bitcoin() if coin.history == history
    )


def _bitcoin_only(kernel_inputs: KernelInputs) -> Curve:
    """The strategy's gate and rules with Bitcoin alone, at the sum of all weights."""
    inputs, bars, lag = kernel_inputs.inputs, kernel_inputs.bitcoin, 0.0
    names = _bitcoin_names(inputs)
    for name, own_lag in zip(inputs.coins, inputs.rules.lags, strict=True):
        if name in names:  # with the strategy's own average, not the benchmark's
            known_at = pd.DatetimeIndex(inputs.table.index)
            bars, lag = arrays.bars_of([inputs.coins[name]], inputs.grid, known_at), own_lag
    rules = inputs.rules._replace(weights=(sum(inputs.rules.weights),), lags=(lag,))
    gate = arrays.gate_arrays(inputs.table)
    return run_kernel(kernel_inputs, bars, names, gate, rules)


def _basket_benchmarks(kernel_inputs: KernelInputs, mean_exposure: float) -> dict[str, Curve]:
    inputs, bars = kernel_inputs.inputs, kernel_inputs.basket
    table = inputs.table
    always = np.ones(len(table))
    rules = inputs.rules._replace(
        lags=(0.0,) * len(inputs.rules.weights),
        own_trend=TREND_OFF,
        target_volatility=0.0,
        drawdown_stop=0.0,
    )
    broad = latest(
        inputs.prices.of(inputs.settings.signal.broad).frame["close"], pd.DatetimeIndex(table.index)
    )
    index = table["close"].to_numpy()

    def trade(ceiling: Floats | NDArray[np.bool_], rules: DecisionRules = rules) -> Curve:
        names = tuple(inputs.coins)
        return run_kernel(kernel_inputs, bars, names, gate_from_ceiling(ceiling), rules)

    return {
        "hold_basket": trade(always),
        "broad_trend": trade(excess(broad, TREND_SESSIONS) > 0),
        "index_trend": trade(excess(index, TREND_SESSIONS) > 0),
        "constant_exposure": trade(mean_exposure * always, rules._replace(spread=True)),
    }


def gate_from_ceiling(ceiling: Floats | NDArray[np.bool_]) -> Gate:
    """A gate that is open wherever `ceiling` is above zero, without a confirmation time."""
    allowed = np.asarray(ceiling, dtype=float)
    none = np.zeros(len(allowed))
    return Gate(
        np.where(allowed > 0, OPEN, 0.0), allowed, none, np.full(len(allowed), np.nan), none
    )


def after_halving(seconds: Floats) -> Floats:
    """1 within 18 months after a halving, else 0, for instants in epoch seconds."""
    within = np.zeros(len(seconds))
    for halving in HALVINGS:
        end = pd.Timestamp(halving.time) + pd.DateOffset(months=HALVING_MONTHS)
        within[(seconds >= halving.time.timestamp()) & (seconds < end.timestamp())] = 1.0
    return within


def run_kernel(
    kernel_inputs: KernelInputs,
    bars: Bars,
    names: tuple[str, ...],
    gate: Gate,
    rules: DecisionRules,
) -> Curve:
    """One kernel run over `bars`, whose coins are `names`, with its figures."""
    inputs = kernel_inputs.inputs
    settings = inputs.settings
    size = len(bars.time)
    equity, cash = np.empty(size), np.empty(size)
    account = arrays.Account(
        settings.backtest.cash,
        settings.costs.cash_yield,
        np.array([settings.coin_step(name) for name in names]),
    )
    orders = arrays.room(size * len(names))  # a bar decides at most one order per coin
    count = kernel.trade(
        gate, bars, arrays.as_arrays(rules), inputs.costs, account, equity, cash, orders
    )
    filled = orders.status[:count] == kernel.FILLED
    traded = float(np.abs(orders.size * orders.price)[:count][filled].sum())
    fees = float(orders.fee[:count].sum())
    values = pd.Series(equity, inputs.grid)
    exposure = 1.0 - cash / equity
    metrics = measure(values, exposure, traded=traded, orders=int(filled.sum()), fees=fees)
    return Curve(values, exposure, metrics)
