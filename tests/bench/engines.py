"""In one process: the backtrader run against stock backtrader parts, and the kernel's time a
parameter set.

python -m tests.bench.engines --data FOLDER [--runs 9]
"""

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from backtests.engine import arrays, kernel
from backtests.engine.compiled import compiled
from backtests.engine.inputs import Inputs, prepare_inputs
from backtests.engine.rules import gate_rules
from backtests.engine.simulation import simulate
from brokers.prices.load import load_prices
from config.settings import load

SETS = 200


def median_seconds(function: Callable[[], object], runs: int) -> float:
    """Median of so many timed calls after one that does not count."""
    function()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def whole_set(inputs: Inputs) -> tuple[Any, ...]:
    """The arguments of `kernel.run_set`: one parameter set on prepared measures."""
    curve, size = inputs.settings.risk_curve, len(inputs.grid)
    bars = arrays.bars_of(
        list(inputs.coins.values()), inputs.grid, pd.DatetimeIndex(inputs.table.index)
    )
    gate = (
        arrays.sessions_of(inputs.rows),
        gate_rules(inputs.settings).breakout,
        np.array(curve.ceilings),
        np.array(curve.dormant_ceilings),
    )
    trading = bars, arrays.as_arrays(inputs.rules), inputs.costs, arrays.account_of(inputs)
    return *gate, *trading, np.empty(size), np.empty(size), arrays.room(0)


run_set = kernel.run_set


@compiled
def sweep(sets: int, arguments: tuple[Any, ...]) -> None:
    """So many sets in one call, as a search runs them."""
    for _ in range(sets):
        run_set(*arguments)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument("--runs", type=int, default=9)
    given = parser.parse_args()
    gc.disable()  # as main.py does
    settings = load([], ["prices.source=folder", f"prices.folder={given.data}"])
    inputs = prepare_inputs(settings, load_prices(settings, pd.Timestamp.now(tz="UTC")))
    print(f"{len(inputs.grid)} bars, {len(inputs.coins)} coins, {len(inputs.table)} sessions")
    print(f"backtrader run  {median_seconds(lambda: simulate(inputs), given.runs) * 1e3:8.1f} ms")
    arguments = whole_set(inputs)
    in_one_call = median_seconds(lambda: sweep(SETS, arguments), given.runs) / SETS
    print(f"kernel, a set   {in_one_call * 1e6:8.1f} us, {SETS} in one call")
    by_itself = median_seconds(lambda: run_set(*arguments), given.runs * 50)
    print(f"kernel, a set   {by_itself * 1e6:8.1f} us, each called from Python")


if __name__ == "__main__":
    main()
