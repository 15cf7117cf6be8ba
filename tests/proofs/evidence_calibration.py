"""Do the tests of the evidence deserve their p? Worlds in which breakouts and gate say nothing about Bitcoin, or a known amount.

    python -m tests.proofs.evidence_calibration --data FOLDER [--worlds 500] [--times 0] [--seed 51000000] [--processes 2]

The Russell and the gate are real; Bitcoin's days are drawn in blocks from its real ones back to 2010 (`tests.backtests.tuning.planted`), with
--times so many times the difference that was measured on it while the gate was open. Of each test: the share of p of 5 % or less, and how
often its interval holds what was planted where that is nothing. Exit 1 if without an effect a share lies above its 99 % binomial band.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from math import sqrt
from multiprocessing import get_context
from typing import NamedTuple

import pandas as pd

from backtests.evidence import regime
from backtests.evidence.breakouts import studied
from backtests.evidence.events import LEVEL, every_day
from backtests.evidence.history import BITCOIN, INDEX, History
from backtests.prepare import Inputs, prepare
from brokers.prices.load import load_prices
from config.settings import Settings, load
from tests.backtests.tuning.planted import Effect, Source, effect, source, world

FIRST = pd.Timestamp("2010-07-19", tz="UTC")  # of Bitcoin's prices: five breakouts since
QUICK = ["evidence.draws=1000", "evidence.bases=[252]", "evidence.confirms=[1]"]
BAND = 2.575829  # of 99 %


class Job(NamedTuple):
    """A world to draw."""

    data: str
    seed: int
    planted: Effect | None


class Found(NamedTuple):
    """Of one test in one world: its p, and whether its interval holds 0."""

    test: str
    p: float
    holds: bool


@cache
def scene(data: str) -> tuple[Settings, Inputs, Source]:
    """The real market, and the days that are drawn from."""
    settings = load(None, ["prices.source=folder", f"prices.folder={data}", *QUICK])
    inputs = prepare(settings, load_prices(settings, pd.Timestamp.now(tz="UTC")))
    return settings, inputs, source(inputs, FIRST)


def asked(job: Job) -> list[Found]:
    """Every test in one world."""
    settings, inputs, real = scene(job.data)
    drawn = world(inputs.prices, real, job.seed, job.planted).prices
    bars = drawn.of(settings.signal.index).frame
    closes = bars["close"].reindex(drawn.sessions.index[drawn.sessions.index >= bars.index[0]])
    assets = {BITCOIN: drawn.of(settings.backtest.bitcoin).frame["close"].dropna(), INDEX: every_day(bars["close"])}
    history = History(drawn, bars, closes, closes, {}, assets, {}, ())
    found = []
    for (asset, horizon), one in studied(history, settings).follows.items():
        if asset == BITCOIN:
            found += [Found(f"{horizon}, {name}", each.p, each.low <= 0.0 <= each.high) for name, each in one.against.items()]
            found.append(Found(f"{horizon}, least favourable", one.strictest.p, one.strictest.low <= 0.0 <= one.strictest.high))
    for claim in regime.claims(history, inputs.table, settings.evidence):
        if claim.low is not None and claim.high is not None:
            p = claim.p if claim.p is not None else LEVEL * (1.0 if claim.low > 0.0 else 2.0)  # where the interval alone decides: 2.5 %
            found.append(Found(f"{claim.id} {claim.reading}".strip(), p, claim.low <= 0.0 <= claim.high))
    return found


def outcomes(jobs: list[Job], processes: int) -> Iterator[list[Found]]:
    """All worlds, in order."""
    os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")  # the processes are the threads
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(asked, jobs)


def main() -> None:
    """Draw all and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--times", type=float, default=0.0, help="of the difference measured while the gate was open; 0: none")
    for name, value in (("worlds", 500), ("seed", 51_000_000), ("processes", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    planted = effect(given.times) if given.times else None
    rows: dict[str, list[Found]] = {}
    for number, one in enumerate(outcomes([Job(given.data, given.seed + world_, planted) for world_ in range(given.worlds)], given.processes), 1):
        for test in one:
            rows.setdefault(test.test, []).append(test)
        if number % 50 == 0:
            print(f"{number} of {given.worlds}", file=sys.stderr, flush=True)
    most = LEVEL + BAND * sqrt(LEVEL * (1.0 - LEVEL) / given.worlds)
    print(f"{given.worlds} worlds with {given.times:g} times the measured difference; 99 % of tests without an effect have at most {most:.1%}")
    print(f"{'test':52} {'p <= 5 %':>9} {'interval holds 0':>17}")
    high = []
    for name, tests in rows.items():
        small = sum(one.p <= LEVEL for one in tests) / len(tests)
        print(f"{name:52} {small:9.1%} {sum(one.holds for one in tests) / len(tests):17.1%}")
        high += [name] if small > most else []
    sys.exit(planted is None and bool(high))


if __name__ == "__main__":
    main()
