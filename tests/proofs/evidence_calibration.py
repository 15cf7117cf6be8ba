"""Do the tests of the evidence deserve their p? Worlds in which breakouts and gate say nothing about Bitcoin, or a known amount.

    python -m tests.proofs.evidence_calibration --data FOLDER [--worlds 500] [--times 0] [--lead 0] [--seed 51000000] [--processes 2]

Indices, bonds, liquidity and the gate are real; the coins' days are drawn in blocks from their real ones, Bitcoin's back to 2010
(`tests.backtests.tuning.planted`), with --times so many times the difference that was measured on Bitcoin while the gate was open, --lead days
later. Of each test: the share of p of 5 % or less (of its interval where it has no p), and how often its interval holds the truth: nothing
for all without an effect, what was planted for those that measure it. Exit 1 if without an effect a share lies above its 99 % binomial band,
or coverage below its own.
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

import numpy as np
import pandas as pd

from backtests.engine.inputs import prepare
from backtests.evidence import comovement as together
from backtests.evidence import gate_test as regime
from backtests.evidence import lag_scan
from backtests.evidence import lead_lag as leads
from backtests.evidence import macro_drivers as causes
from backtests.evidence import turning_points as turns
from backtests.evidence.breakouts import studied
from backtests.evidence.claim import Claim
from backtests.evidence.events import LEVEL
from backtests.evidence.history import BITCOIN, ETHER, History, gathered
from config.settings import Settings, load
from tests.backtests.tuning.planted import OPEN, SHUT, Effect, Source, effect, source, world

FIRST = pd.Timestamp("2010-07-19", tz="UTC")  # of Bitcoin's prices: five breakouts since
QUICK = ["evidence.draws=1000", "evidence.bases=[252]", "evidence.confirms=[1]", "evidence.alts=[]"]
BAND = 2.575829  # of 99 %
MEASURES_IT = {
    "A15",
    "A10 the gate alone, over the weeks for which causes are known",
}  # what is planted
EVEN = 0.5  # what the order of layers says by chance


class Job(NamedTuple):
    """A world to draw."""

    data: str
    seed: int
    times: float
    lead: int

    @property
    def planted(self) -> Effect | None:
        """What the gate does to the coins; None: nothing."""
        return effect(self.times) if self.times else None


class Found(NamedTuple):
    """Of one test in one world: its p, and whether its interval holds the truth; None: it has no interval, or the truth is not known."""

    test: str
    p: float
    holds: bool | None


@cache
def scene(data: str, lead: int) -> tuple[Settings, History, pd.DataFrame, Source]:
    """The real market, the gate's table, and the days that are drawn from, the gate so many days late."""
    settings = load(None, ["prices.source=folder", f"prices.folder={data}", *QUICK])
    history = gathered(settings, pd.Timestamp.now(tz="UTC"), False, lambda _: None)
    inputs = prepare(settings, history.prices)
    real = source(inputs, FIRST)
    late = np.concatenate((np.zeros(lead, dtype=bool), real.is_open))[: len(real.is_open)]
    return settings, history, inputs.table, real._replace(is_open=late)


def asked(job: Job) -> list[Found]:
    """Every test in one world."""
    settings, real, table, days = scene(job.data, job.lead)
    drawn, evidence = world(real.prices, days, job.seed, job.planted).prices, settings.evidence
    coins = {BITCOIN: settings.backtest.bitcoin, ETHER: evidence.ether}
    history = real._replace(
        assets=real.assets
        | {name: drawn.of(symbol).frame["close"].dropna() for name, symbol in coins.items()}
    )
    found = []
    for (asset, horizon), one in studied(history, settings).follows.items():
        if asset == BITCOIN:
            kinds = [*one.against.items(), ("least favourable", one.strictest)]
            found += [
                Found(
                    f"{horizon}, {name}",
                    each.p,
                    None if job.times else each.low <= 0.0 <= each.high,
                )
                for name, each in kinds
            ]
    scans = lag_scan.scanned(history, table, evidence)
    coins_only = history._replace(
        bonds={}, macro={}
    )  # what is asked of indices alone is the same in every world
    claims = [
        *regime.claims(history, table, evidence),
        *together.claims(coins_only, evidence),
        *causes.claims(history, table, evidence),
    ]
    claims += [
        *leads.claims(history, leads.led(history, evidence), evidence),
        *lag_scan.claims(scans),
        *turns.claims(history),
    ]
    for claim in claims:
        if (claim.p is not None or claim.low is not None) and any(
            coin in claim.data for coin in coins
        ):
            found.append(judged(claim, job))
    said = lag_scan.SAID
    return [
        *found,
        *(
            Found(
                f"lag of {one.asset} within {said[0]} to {said[1]} days",
                float(not said[0] <= one.best <= said[1]),
                None,
            )
            for one in scans
        ),
    ]


def judged(claim: Claim, job: Job) -> Found:
    """By its p, or where the interval alone decides by the side that the claim is on."""
    name = f"{claim.id} {claim.reading}".strip()
    order = claim.id in ("A10", "B5") and "order" in claim.reading
    truth = EVEN if order else 0.0
    if job.times:
        known = name in MEASURES_IT and not job.lead
        truth = job.times * (OPEN - SHUT) if known else np.nan
    if claim.low is None or claim.high is None or claim.unit == "days":
        return Found(name, float(claim.p or 0.0), None)
    below = claim.id in ("A6",)
    shown = claim.high < 0.0 if below else claim.low > (EVEN if order else 0.0)
    p = claim.p if claim.p is not None and not order else LEVEL if shown else 1.0
    return Found(name, p, None if np.isnan(truth) else claim.low <= truth <= claim.high)


def outcomes(jobs: list[Job], processes: int) -> Iterator[list[Found]]:
    """All worlds, in order."""
    os.environ |= dict.fromkeys(
        ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1"
    )  # the processes are the threads
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(asked, jobs)


def main() -> None:
    """Draw all and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument(
        "--times",
        type=float,
        default=0.0,
        help="of the difference measured while the gate was open; 0: none",
    )
    for name, value in (("worlds", 500), ("lead", 0), ("seed", 51_000_000), ("processes", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    rows: dict[str, list[Found]] = {}
    jobs = [
        Job(given.data, given.seed + number, given.times, given.lead)
        for number in range(given.worlds)
    ]
    for number, one in enumerate(outcomes(jobs, given.processes), 1):
        for test in one:
            rows.setdefault(test.test, []).append(test)
        if number % 50 == 0:
            print(f"{number} of {given.worlds}", file=sys.stderr, flush=True)
    most = LEVEL + BAND * sqrt(LEVEL * (1.0 - LEVEL) / given.worlds)
    effect_ = f"{given.times:g} times the measured difference, {given.lead} days late"
    print(
        f"{given.worlds} worlds with {effect_}; 99 % of tests without an effect have at most {most:.1%}, intervals {1.0 - most:.1%} or more"
    )
    print(f"{'test':66} {'p <= 5 %':>9} {'interval holds the truth':>25}")
    bad = []
    for name, tests in rows.items():
        small, held = (
            sum(one.p <= LEVEL for one in tests) / len(tests),
            [one.holds for one in tests if one.holds is not None],
        )
        print(f"{name:66} {small:9.1%} {f'{sum(held) / len(held):.1%}' if held else '-':>25}")
        missed = bool(held) and sum(held) / len(held) < 1.0 - most
        bad += [name] if (small > most or missed) and not name.startswith("lag of") else []
    if not given.times:
        print(f"outside: {', '.join(bad) or 'none'}")
        sys.exit(bool(bad))


if __name__ == "__main__":
    main()
