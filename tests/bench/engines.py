"""In one process: the backtrader run against stock backtrader parts, and the kernel's time a parameter set.

python -m tests.bench.engines --data FOLDER [--runs 9]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from backtests import kernel
from backtests.engine import simulate
from backtests.prepare import Inputs, gate_rules, prepare
from brokers.prices.load import load_prices
from config.settings import load


def median_seconds(function: Callable[[], object], runs: int) -> float:
    """Median of so many timed calls after one that does not count."""
    function()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def whole_set(inputs: Inputs) -> Callable[[], object]:
    """One parameter set in the kernel: the gate's state machine and the trading, on prepared measures."""
    table, curve = inputs.table, inputs.settings.risk_curve
    known_at = pd.DatetimeIndex(table.index)
    close, average, haircut = (table[name].to_numpy(dtype=float) for name in ("close", "average", "haircut"))
    confirming, filled = (table[name].to_numpy(dtype=np.int64) for name in ("confirmations", "filled"))
    sessions = kernel.Sessions(known_at.as_unit("s").asi8.astype(float), close, average, confirming, filled, haircut)
    ceilings = np.array(curve.ceilings), np.array(curve.dormant_ceilings)
    breakouts = gate_rules(inputs.settings).breakout
    bars = kernel.bars_of(list(inputs.coins.values()), inputs.grid, known_at)
    equity, cash = np.empty(len(inputs.grid)), np.empty(len(inputs.grid))
    fixed = (bars, kernel.as_arrays(inputs.rules), inputs.costs, kernel.account_of(inputs), equity, cash, kernel.room(0))
    return lambda: kernel.trade(kernel.gate_of(sessions, breakouts, *ceilings), *fixed)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--runs", type=int, default=9)
    given = parser.parse_args()
    settings = load([], ["prices.source=folder", f"prices.folder={given.data}"])
    inputs = prepare(settings, load_prices(settings, pd.Timestamp.now(tz="UTC")))
    print(f"{len(inputs.grid)} bars, {len(inputs.coins)} coins, {len(inputs.table)} sessions")
    print(f"backtrader run  {median_seconds(lambda: simulate(inputs), given.runs) * 1e3:8.1f} ms")
    print(f"kernel, a set   {median_seconds(whole_set(inputs), given.runs * 50) * 1e6:8.1f} us")


if __name__ == "__main__":
    main()
