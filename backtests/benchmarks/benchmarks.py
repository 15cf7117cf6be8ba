"""What the strategy must be compared with: holdings without a gate, other gates, and its own gate at the wrong time."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.benchmarks.halvings import HALVINGS
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
NEVER_AGAIN = 0.99  # a band no holding leaves: bought once, kept


class Curve(NamedTuple):
    """One engine run: `equity` and `exposure` (share in coins) a bar, and its figures."""

    equity: pd.Series
    exposure: Floats
    metrics: Metrics


class Arena(NamedTuple):
    """Where the kernel runs: `basket` holds the strategy's coins, `bitcoin` that coin alone, on one grid."""

    inputs: Inputs
    basket: Bars
    bitcoin: Bars


def arena(inputs: Inputs) -> Arena:
    """The inputs as kernel arrays."""
    known_at = pd.DatetimeIndex(inputs.table.index)
    return Arena(
        inputs,
        arrays.bars_of(list(inputs.coins.values()), inputs.grid, known_at),
        arrays.bars_of([inputs.bitcoin], inputs.grid, known_at),
    )


def benchmarks(place: Arena, mean_exposure: float) -> dict[str, Curve]:
    """Every benchmark by name, in the order a reader should see them.

    hold_bitcoin : bought at the first open and kept. hold_basket : the strategy's coins at their weights, no gate, kept
    there by the strategy's band. bitcoin_own_trend : Bitcoin while it closes above its own 200-day average.
    broad_trend, index_trend : the basket while the broad market, or the index, closes above its 200-session average.
    halving : Bitcoin for 18 months after each halving; the gate may merely coincide with that clock.
    constant_exposure : the basket at `mean_exposure`, the strategy's own, all the time.
    """
    inputs = place.inputs
    table, rules = inputs.table, inputs.rules
    alone = rules._replace(
        weights=(1.0,),
        lags=(0.0,),
        own_trend=TREND_OFF,
        target_volatility=0.0,
        drawdown_stop=0.0,
        cash_reserve=0.0,
    )
    basket = rules._replace(
        lags=(0.0,) * len(rules.weights),
        own_trend=TREND_OFF,
        target_volatility=0.0,
        drawdown_stop=0.0,
    )
    broad = latest(
        inputs.prices.of(inputs.settings.signal.broad).frame["close"], pd.DatetimeIndex(table.index)
    )
    always = np.ones(len(table))
    by_bar = place.bitcoin._replace(session=np.arange(len(place.bitcoin.time)))
    history = inputs.settings.backtest.bitcoin
    bitcoin = tuple(
        coin.name for coin in inputs.settings.coins_and_bitcoin() if coin.history == history
    )
    coins = tuple(inputs.coins)
    return {
        "hold_bitcoin": run(
            place, place.bitcoin, bitcoin, plain_gate(always), alone._replace(band=NEVER_AGAIN)
        ),
        "hold_basket": run(place, place.basket, coins, plain_gate(always), basket),
        "bitcoin_own_trend": run(
            place,
            place.bitcoin,
            bitcoin,
            plain_gate(0 * always),
            alone._replace(own_trend=TREND_OR),
        ),
        "broad_trend": run(
            place, place.basket, coins, plain_gate(excess(broad, TREND_SESSIONS) > 0), basket
        ),
        "index_trend": run(
            place,
            place.basket,
            coins,
            plain_gate(excess(table["close"].to_numpy(), TREND_SESSIONS) > 0),
            basket,
        ),
        "halving": run(
            place, by_bar, bitcoin, plain_gate(after_halving(place.bitcoin.time)), alone
        ),
        "constant_exposure": run(
            place,
            place.basket,
            coins,
            plain_gate(mean_exposure * always),
            basket._replace(spread=True),
        ),
    }


def plain_gate(ceiling: Floats | NDArray[np.bool_]) -> Gate:
    """A gate that is open wherever `ceiling` is above zero; its coins wait for nothing."""
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


def run(
    place: Arena, bars: Bars, names: tuple[str, ...], gate: Gate, rules: DecisionRules
) -> Curve:
    """One kernel run with its figures."""
    inputs = place.inputs
    settings = inputs.settings
    size = len(bars.time)
    equity, cash = np.empty(size), np.empty(size)
    account = arrays.Account(
        settings.backtest.cash,
        settings.costs.cash_yield,
        np.array([settings.coin_step(name) for name in names]),
    )
    orders = arrays.room(size * len(names))  # a bar decides at most one order a coin
    count = kernel.trade(
        gate, bars, arrays.as_arrays(rules), inputs.costs, account, equity, cash, orders
    )
    filled = orders.status[:count] == kernel.FILLED
    traded = float(np.abs(orders.size * orders.price)[:count][filled].sum())
    curve = pd.Series(equity, inputs.grid)
    exposure = 1.0 - cash / equity
    return Curve(
        curve,
        exposure,
        measure(curve, exposure, traded, int(filled.sum()), float(orders.fee[:count].sum())),
    )
