"""The search: its kernel, how its time grows, beside what a user would search with instead, as a
whole process, and its memory.

    python -m tests.bench.tune --data FOLDER [--yardsticks FOLDER [--vectorbt PYTHON]] [--runs 5]
    [--parts kernel growth yardsticks process memory]

Sets are those of config/tune.toml: six parameters, 10,000 combinations, all confirmations on, a
volatility target in four of five. The yardsticks' folder has vectorbt_sweep.py, run by PYTHON of an
environment of its own that has vectorbt, and plain_backtrader.py; both read FOLDER and print their
seconds. Times are medians, ratios are of runs beside each other. Leave the machine alone meanwhile.
"""

import argparse
import gc
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.engine.inputs import prepare_inputs
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.space import CURRENT, Codes, space_of
from brokers.prices.load import Prices, load_prices
from config.settings import Settings, load
from strategies.indicators import Ints
from tests.bench.markets import longer, with_coins
from tests.bench.process import ROOT, timed

TUNE = ROOT / "config" / "tune.toml"
SEGMENTS = 43  # as many as the real window is cut into
VECTORBT_SETS, CHUNK = 1000, 100  # the chunk at which vectorbt is fastest
# More combinations than the memory test takes; ranges so that a set of theirs is no slower than one
# of config/tune.toml.
WIDE = """
[tune]
method = "random"
[tune.space]
"gate.base_sessions" = { low = 126, high = 504, steps = 10 }
"gate.confirm_sessions" = [1, 2, 3, 4, 5]
"gate.min_confirmations" = [0, 1, 2, 3]
"gate.fail_tolerance" = { low = 0.0, high = 0.08, steps = 17 }
"gate.trend_sessions" = { low = 100, high = 300, steps = 21 }
"allocation.target_volatility" = { low = 0.2, high = 0.8, steps = 13 }
"""


class Market(NamedTuple):
    """Settings and the prices they are run on."""

    settings: Settings
    prices: Prices

    def evaluator(self, threads: int = 0) -> Evaluator:
        """A evaluator on which nothing has been worked out yet."""
        return Evaluator(
            prepare_inputs(self.settings, self.prices), space_of(self.settings), threads
        )


def even_edges(evaluator: Evaluator) -> Ints:
    """Segments of one length."""
    return np.linspace(0, len(evaluator.days), SEGMENTS + 1).astype(np.int64)


def taken(evaluator: Evaluator, sets: int) -> Codes:
    """So many sets of the grid in its order, evenly spread."""
    codes = np.concatenate([evaluator.space.defaults(), evaluator.space.grid()])
    return codes[np.linspace(0, len(codes) - 1, min(sets, len(codes))).astype(int)]


def seconds(function: Callable[[], object]) -> float:
    """Of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def a_set(evaluator: Evaluator, codes: Codes) -> float:
    """Microseconds a set of one sweep: gate, trading and sums, and anew what their parameters
    change if the evaluator has not seen these sets.
    """
    edges = even_edges(evaluator)
    return seconds(lambda: evaluator.sweep(codes, edges)) / len(codes) * 1e6


def paired(evaluators: Sequence[Evaluator], codes: Codes, runs: int) -> list[tuple[float, ...]]:
    """`a_set` of each evaluator in turn, `runs` times after one that does not count."""
    return [tuple(a_set(evaluator, codes) for evaluator in evaluators) for _ in range(runs + 1)][1:]


def kernel(market: Market, sets: int, runs: int) -> None:
    """All sets in one thread and in all there are, and what they are prepared from."""
    single, all_of_them = market.evaluator(1), market.evaluator()
    codes, bars, coins = taken(single, sets), len(single.inputs.grid), len(single.inputs.coins)
    print(
        f"{len(codes):,} sets, {bars:,} bars, {coins} coins, {len(single.inputs.table):,} sessions"
    )
    print(
        f"prepared in {seconds(lambda: market.evaluator().plan(codes)):.2f} s, all that their "
        "parameters change"
    )
    pairs = paired((single, all_of_them), codes, runs)
    for threads, times in zip((1, all_of_them.threads), zip(*pairs, strict=True), strict=True):
        one = statistics.median(times)
        each = f"{one * 1e3 / bars:.2f} ns a bar, {one * 1e3 / bars / coins:.2f} ns a bar and coin"
        print(
            f"{threads} threads {one:8.1f} us a set, {each}, {one * len(codes) / 1e6:.2f} s in all"
        )
    print(
        f"{all_of_them.threads} threads are "
        f"{spread([alone / together for alone, together in pairs])} times as fast as one"
    )
    targeted = codes[codes[:, single.space.keys.index("allocation.target_volatility")] != CURRENT]
    times = [one for (one,) in paired([single], targeted, runs)]
    print(
        f"1 threads {statistics.median(times):8.1f} us a set of the {len(targeted):,} with a "
        "volatility target"
    )


def growth(market: Market, sets: int, runs: int) -> None:
    """More coins, more bars; one thread."""
    coins = [Market(*with_coins(market.settings, market.prices, count)) for count in (2, 10)]
    bars = [market._replace(prices=longer(market.prices, times)) for times in (1, 10)]
    for what, two in (("coins", coins), ("bars", bars)):
        evaluators = [one.evaluator(1) for one in two]
        sizes = [
            len(evaluator.inputs.coins) if what == "coins" else len(evaluator.inputs.grid)
            for evaluator in evaluators
        ]
        codes = taken(evaluators[0], sets)
        pairs = paired(evaluators, codes, runs)
        small, large = (statistics.median(column) for column in zip(*pairs, strict=True))
        slower = (
            f"{spread([after / before for before, after in pairs])} times for "
            f"{sizes[1] / sizes[0]:.1f} times the {what}"
        )
        print(f"{sizes[0]:,} to {sizes[1]:,} {what}: {small:.1f} to {large:.1f} us a set, {slower}")


def yardsticks(market: Market, data: str, given: argparse.Namespace) -> None:
    """Per set beside vectorbt and plain backtrader."""
    if given.yardsticks is None:
        print("yardsticks: left out, --yardsticks names no folder")
        return
    folder, sets = given.yardsticks.resolve(), min(given.sets, VECTORBT_SETS)
    measures: list[Callable[[], dict[str, float]]] = [lambda: plain(folder, data, given.plain_sets)]
    if given.vectorbt and shutil.which(given.vectorbt):
        measures.append(lambda: swept_by_vectorbt(given.vectorbt, folder, data, sets))
        swept_by_vectorbt(given.vectorbt, folder, data, 2 * CHUNK)  # compiles
    else:
        print("vectorbt: left out, --vectorbt names no python")
    codes = taken(market.evaluator(1), sets)
    found = [
        {name: value for measure in measures for name, value in measure().items()}
        | ours(market, codes)
        for _ in range(given.runs)
    ]
    own = [name for name in found[0] if name.startswith("ours")]
    for name in found[0]:
        beside = [
            f"{spread([one[name] / one[mine] for one in found])} times {mine}"
            for mine in own
            if name not in own
        ]
        print(
            f"{name:24} {statistics.median(one[name] for one in found):12,.1f} us a "
            f"set{'; ' if beside else ''}{'; '.join(beside)}"
        )


def ours(market: Market, codes: Codes) -> dict[str, float]:
    """Microseconds a set, medians of three: as `tune` runs, averages and all worked out anew;
    without that; in one thread.
    """
    evaluators = [[market.evaluator(threads) for _ in range(3)] for threads in (0, 1)]
    for evaluator in evaluators[1]:
        evaluator.plan(codes)
    anew, prepared, single = (
        statistics.median(a_set(evaluator, codes) for evaluator in some)
        for some in (evaluators[0], *evaluators)
    )
    return {"ours": anew, "ours prepared": prepared, "ours prepared, one thread": single}


def swept_by_vectorbt(python: str, folder: Path, data: str, sets: int) -> dict[str, float]:
    """Microseconds a set."""
    text = printed([python, folder / "vectorbt_sweep.py", data, "--chunk", CHUNK, "--sets", sets])
    (whole,), (trading,) = (
        numbers(pattern, text) for pattern in (r": ([\d.]+) s, gate", r"metrics ([\d.]+) s")
    )
    return {"vectorbt": whole / sets * 1e6, "vectorbt, trading alone": trading / sets * 1e6}


def plain(folder: Path, data: str, sets: int) -> dict[str, float]:
    """Median microseconds of a run."""
    text = printed([sys.executable, folder / "plain_backtrader.py", data, "--sets", sets])
    return {"plain backtrader": statistics.median(numbers(r"run ([\d.]+) s", text)) * 1e6}


def process(market: Market, data: str, more: list[str], runs: int) -> None:
    """The whole command, on an empty cache of searches and on a full one."""
    with place() as folder:
        fresh = iter(range(1_000_000))

        def once() -> tuple[float, float]:
            return timed(command(folder, data, f"run{next(fresh)}", [TUNE], more))

        once()  # compiles, and keeps the calendar
        found: dict[str, list[tuple[float, float]]] = {"searched": [], "read": []}
        for _ in range(runs):
            shutil.rmtree(folder / "cache" / "tune")
            found["searched"].append(once())
            found["read"].append(once())
    for name, times in found.items():
        print(
            f"tune --no-report, all sets {name:8} "
            f"{statistics.median(one for one, _ in times):6.2f} s, "
            f"{max(memory for _, memory in times):.0f} MB"
        )


def memory(data: str, most: int, more: list[str]) -> None:
    """Peak of a child that searches at random."""
    with place() as folder:
        wide = folder / "wide.toml"
        wide.write_text(WIDE)
        taken_s, peak = timed(command(folder, data, "wide", [wide], [*more, f"tune.sets={most}"]))
    print(f"tune --no-report, {most:,} random sets: {taken_s:.1f} s, {peak:.0f} MB at most")


@contextmanager
def place() -> Iterator[Path]:
    """A folder for runs and caches."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def command(
    folder: Path, data: str, name: str, configs: list[Path], changes: list[str]
) -> list[str]:
    """A search of its own process, which writes and keeps everything in `folder`."""
    changes = [
        "prices.source=folder",
        f"prices.folder={data}",
        f"prices.cache={folder / 'cache'}",
        *changes,
    ]
    words = [word for one in configs for word in ("--config", str(one))] + [
        word for one in changes for word in ("--set", one)
    ]
    return [
        sys.executable,
        "main.py",
        "tune",
        "--no-report",
        *words,
        "--output",
        str(folder / name),
    ]


def printed(words: list[object]) -> str:
    """What a yardstick prints."""
    done = subprocess.run(
        [str(word) for word in words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(str(word) for word in words)} failed: {done.stderr}")
    return done.stdout


def numbers(pattern: str, text: str) -> list[float]:
    """All numbers that a pattern finds."""
    return [float(one) for one in re.findall(pattern, text)]


def spread(ratios: list[float]) -> str:
    """Median and span."""
    digits = 0 if min(ratios) >= 100 else 2
    return (
        f"{statistics.median(ratios):,.{digits}f} ({min(ratios):,.{digits}f} to "
        f"{max(ratios):,.{digits}f})"
    )


PARTS = ("kernel", "growth", "yardsticks", "process", "memory")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument("--yardsticks", type=Path)
    parser.add_argument("--vectorbt", help="python of the environment that has vectorbt")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument(
        "--set",
        dest="more",
        action="append",
        default=[],
        help="setting of the whole processes; repeatable",
    )
    for name, value in (("runs", 5), ("sets", 10_000), ("plain-sets", 8), ("most", 100_000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    gc.disable()  # as main.py does
    data = str(Path(given.data).resolve())
    settings = load([TUNE], ["prices.source=folder", f"prices.folder={data}"])
    market = Market(settings, load_prices(settings, pd.Timestamp.now(tz="UTC")))
    doings: dict[str, Callable[[], None]] = {
        "kernel": lambda: kernel(market, given.sets, given.runs),
        "growth": lambda: growth(market, min(given.sets, 2000), given.runs),
        "yardsticks": lambda: yardsticks(market, data, given),
        "process": lambda: process(market, data, given.more, min(given.runs, 3)),
        "memory": lambda: memory(data, given.most, given.more),
    }
    for part in given.parts:
        doings[part]()


if __name__ == "__main__":
    main()
