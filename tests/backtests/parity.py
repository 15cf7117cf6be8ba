"""Do backtrader and the kernel agree?

`python -m tests.backtests.parity --pairs 500 [--data FOLDER]` asks many times.
"""

import argparse
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np

from backtests.engine import arrays, kernel
from backtests.engine.inputs import Inputs
from backtests.engine.simulation import simulate
from brokers.orders.simulated import OrderRecord
from brokers.prices.load import Prices
from tests.scenes import REAL, random_backtest, random_real_backtest, real_prices

SEED = 20160707


class Comparison(NamedTuple):
    """How many orders differ in anything, the largest relative difference of equity or cash; and
    how much was compared.
    """

    differing: int
    equity_difference: float
    orders: int
    bars: int


def compare(inputs: Inputs) -> Comparison:
    """Run both engines.

    One coin has one order a decision, so orders are set side by side by decision and coin; the
    order in which fills happened must be the same too. (When a cancelled order is written down
    differs: backtrader cancels at the next decision.)
    """
    run = simulate(inputs)
    orders, equity, cash = kernel_run(inputs)
    ours = sorted(run.orders, key=_place) + [one for one in run.orders if one.filled is not None]
    theirs = sorted(orders, key=_place) + [one for one in orders if one.filled is not None]
    differing = sum(
        one is None or other is None or not same(one, other)
        for one, other in zip_longest(ours, theirs)
    )
    values = np.array([[one.equity, one.cash] for one in run.decisions])
    assert len(values) == len(equity), "backtrader did not decide once a bar of the grid"
    difference = np.abs(values - np.column_stack((equity, cash))) / equity[:, None]
    return Comparison(differing, float(difference.max()), len(run.orders), len(equity))


def kernel_run(inputs: Inputs) -> tuple[list[OrderRecord], np.ndarray, np.ndarray]:
    """The kernel's orders as the broker writes them down, equity and cash by bar."""
    bars = arrays.bars_of(list(inputs.coins.values()), inputs.grid, inputs.table.index)
    equity, cash = np.empty(len(bars.time)), np.empty(len(bars.time))
    arguments = (
        arrays.gate_arrays(inputs.table),
        bars,
        arrays.as_arrays(inputs.rules),
        inputs.costs,
        arrays.account_of(inputs),
        equity,
        cash,
    )
    found = arrays.room(kernel.trade(*arguments, arrays.room(0)))
    kernel.trade(*arguments, found)
    seconds, names = inputs.grid.as_unit("s").asi8.tolist(), list(inputs.coins)
    orders = [
        OrderRecord(
            seconds[decided],
            seconds[filled] if filled >= 0 else None,
            names[coin],
            size,
            price,
            fee,
            kernel.STATUS[status],
        )
        for decided, filled, coin, size, price, fee, status in zip(
            *(column.tolist() for column in found), strict=True
        )
    ]
    return orders, equity, cash


def same(one: OrderRecord, other: OrderRecord) -> bool:
    """Equal in every field; numbers to the twelfth digit."""
    words = all(
        getattr(one, name) == getattr(other, name)
        for name in ("decided", "filled", "symbol", "status")
    )
    return words and np.allclose(
        (one.size, one.price, one.fee), (other.size, other.price, other.fee), rtol=1e-12, atol=0.0
    )


def _place(order: OrderRecord) -> tuple[int, str]:
    return order.decided, order.symbol


def synthetic(pairs: int, seed: int = SEED) -> Iterator[tuple[str, Inputs]]:
    """Random parameter sets on random made-up markets, each named so that it can be made again."""
    for number in range(pairs):
        yield f"synthetic {seed} {number}", random_backtest(np.random.default_rng((seed, number)))


def real(pairs: int, folder: Path, seed: int = SEED) -> Iterator[tuple[str, Inputs]]:
    """Random parameter sets on random windows of the real files, a quarter of them hourly."""
    for number in range(pairs):
        timeframe = "1h" if number % 4 == 3 else "1d"
        yield (
            f"real {seed} {number}",
            random_real_backtest(
                np.random.default_rng((seed, number)), _real_prices(timeframe, folder), timeframe
            ),
        )


@cache
def _real_prices(timeframe: str, folder: Path) -> Prices:
    with tempfile.TemporaryDirectory() as calendars:
        return real_prices(timeframe, folder, Path(calendars))


def main() -> None:
    """Compare many pairs and say how many differ; exit code 1 if any does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--data", type=Path, default=REAL)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    with_real = given.data.is_dir()
    half = given.pairs // 2 if with_real else 0
    sources = [synthetic(given.pairs - half, given.seed)] + (
        [real(half, given.data, given.seed)] if with_real else []
    )
    pairs = bad = orders = bars = trading = 0
    worst = 0.0
    for source in sources:
        for name, inputs in source:
            found = compare(inputs)
            pairs, orders, bars, worst = (
                pairs + 1,
                orders + found.orders,
                bars + found.bars,
                max(worst, found.equity_difference),
            )
            trading += found.orders > 0
            if found.differing or not found.equity_difference <= 1e-9:
                bad += 1
                print(f"{name}: {found}")
    where = (
        f"{half} of them on {given.data}"
        if with_real
        else f"no real data: {given.data} is no folder"
    )
    print(
        f"{pairs} pairs ({where}), {trading} with orders, {orders} orders, {bars} bars: "
        f"{bad} pairs differ; largest relative difference {worst:.1e}"
    )
    raise SystemExit(bool(bad))


if __name__ == "__main__":
    main()
