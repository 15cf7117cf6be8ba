"""Is p of the evidence calibrated? Worlds in which the gate has no effect, or a known one.

    python -m tests.proofs.evidence_calibration --data FOLDER [--worlds 500] [--times 0]
        [--lead 0] [--seed 51000000] [--processes 2]

Indices, bonds, liquidity and the gate are real; the coins' days are drawn in blocks from their real
ones, Bitcoin's back to 2010 (`tests.backtests.tuning.planted`), with --times so many times the
difference measured on Bitcoin while the gate was open, --lead days later. Of each test: the share
of p of 5 % or less (of its interval where it has no p), and how often its interval holds the true
effect: none for all tests without an effect, the planted one for those that measure it. Exit 1 if
without an effect a share lies above its 99 % binomial band, or coverage below its own.
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

from backtests.engine.inputs import prepare_inputs
from backtests.evidence import (
    comovement,
    gate_test,
    lag_scan,
    lead_lag,
    macro_drivers,
    turning_points,
    volatility,
)
from backtests.evidence.breakouts import run_event_study
from backtests.evidence.document import Claim
from backtests.evidence.events import LEVEL
from backtests.evidence.history import BITCOIN, ETHER, History, load_history
from config.settings import Settings, load
from tests.backtests.tuning.planted import OPEN, SHUT, Effect, Source, effect, source, world

FIRST = pd.Timestamp("2010-07-19", tz="UTC")  # of Bitcoin's prices: five breakouts since
QUICK = ["evidence.draws=1000", "evidence.bases=[252]", "evidence.confirms=[1]", "evidence.alts=[]"]
BAND = 2.575829  # of 99 %
MEASURES_IT = {"A15", "A10 the gate alone, same weeks"}  # what is planted
EVEN = 0.5  # share of pairs of layers in order, by chance


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


class Outcome(NamedTuple):
    """Of one test in one world: its p, and whether its interval holds the true effect.

    None: it has no interval, or the true effect is not known.
    """

    test: str
    p: float
    holds: bool | None


@cache
def real_world(data: str, lead: int) -> tuple[Settings, History, pd.DataFrame, Source]:
    """The real market, the gate's table, and the days to draw from, the gate so many days late."""
    settings = load(None, ["prices.source=folder", f"prices.folder={data}", *QUICK])
    history = load_history(settings, pd.Timestamp.now(tz="UTC"), lambda *_: None)
    inputs = prepare_inputs(settings, history.prices)
    real = source(inputs, FIRST)
    late = np.concatenate((np.zeros(lead, dtype=bool), real.is_open))[: len(real.is_open)]
    return settings, history, inputs.table, real._replace(is_open=late)


def run_tests(job: Job) -> list[Outcome]:
    """Every test in one world."""
    settings, real, table, days = real_world(job.data, job.lead)
    drawn = world(real.prices, days, job.seed, job.planted).prices
    coins = {BITCOIN: settings.backtest.bitcoin, ETHER: settings.evidence.ether}
    closes = {name: drawn.of(symbol).frame["close"].dropna() for name, symbol in coins.items()}
    history = real._replace(assets={**real.assets, **closes})
    scans = lag_scan.scan_lags(history, table, settings.evidence)
    claims = [
        claim
        for claim in _claims(history, table, scans, settings)
        if any(coin in claim.data for coin in coins)
    ]
    return [
        *_event_outcomes(history, settings, job),
        *(
            claim_outcome(claim, job)
            for claim in claims
            if claim.p is not None or claim.low is not None
        ),
        *(_lag_outcome(scan) for scan in scans),
    ]


def _claims(
    history: History, table: pd.DataFrame, scans: list[lag_scan.Scan], settings: Settings
) -> list[Claim]:
    evidence = settings.evidence
    # What is tested on indices alone is the same in every world.
    coins_only = history._replace(bonds={}, macro={})
    leads = lead_lag.estimate_leads(history, evidence)
    return [
        *gate_test.claims(history, table, evidence),
        *comovement.claims(coins_only, evidence),
        *volatility.claims(coins_only, evidence),
        *macro_drivers.claims(history, table, evidence),
        *lead_lag.claims(history, leads, evidence),
        *lag_scan.claims(scans),
        *turning_points.claims(history),
    ]


def _event_outcomes(history: History, settings: Settings, job: Job) -> list[Outcome]:
    outcomes = []
    for (asset, horizon), response in run_event_study(history, settings).responses.items():
        if asset == BITCOIN:
            least = ("least favourable", response.strictest)
            for name, excess in (*response.comparisons.items(), least):
                holds = None if job.times else excess.low <= 0.0 <= excess.high
                outcomes.append(Outcome(f"{horizon}, {name}", excess.p, holds))
    return outcomes


def _lag_outcome(scan: lag_scan.Scan) -> Outcome:
    first, last = lag_scan.CLAIMED
    is_outside = not first <= scan.best <= last
    return Outcome(f"lag of {scan.asset} within {first} to {last} days", float(is_outside), None)


def claim_outcome(claim: Claim, job: Job) -> Outcome:
    """By its p, or where the interval alone decides by the side that the claim is on."""
    name = f"{claim.id} {claim.reading}".strip()
    is_order = claim.id in ("A10", "B5") and "order" in claim.reading
    truth = EVEN if is_order else 0.0
    if job.times:
        is_known = name in MEASURES_IT and not job.lead
        truth = job.times * (OPEN - SHUT) if is_known else np.nan
    if claim.low is None or claim.high is None or claim.unit == "days":
        return Outcome(name, float(claim.p or 0.0), None)
    is_shown = claim.high < 0.0 if claim.id == "A6" else claim.low > (EVEN if is_order else 0.0)
    p = claim.p if claim.p is not None and not is_order else LEVEL if is_shown else 1.0
    return Outcome(name, p, None if np.isnan(truth) else claim.low <= truth <= claim.high)


def all_outcomes(jobs: list[Job], processes: int) -> Iterator[list[Outcome]]:
    """All worlds, in order."""
    # The processes are the threads.
    os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run_tests, jobs)


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    times = "of the difference measured while the gate was open; 0: none"
    parser.add_argument("--times", type=float, default=0.0, help=times)
    for name, value in (("worlds", 500), ("lead", 0), ("seed", 51_000_000), ("processes", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args()


def show_test(name: str, outcomes: list[Outcome], most: float) -> bool:
    """Print one test's line; whether it is calibrated."""
    small = sum(outcome.p <= LEVEL for outcome in outcomes) / len(outcomes)
    holds = [outcome.holds for outcome in outcomes if outcome.holds is not None]
    coverage = sum(holds) / len(holds) if holds else None
    print(f"{name:66} {small:9.1%} {'-' if coverage is None else f'{coverage:.1%}':>25}")
    misses = coverage is not None and coverage < 1.0 - most
    return name.startswith("lag of") or not (small > most or misses)


def main() -> None:
    """Draw all and print."""
    given = arguments()
    rows: dict[str, list[Outcome]] = {}
    jobs = [
        Job(given.data, given.seed + number, given.times, given.lead)
        for number in range(given.worlds)
    ]
    for number, outcomes in enumerate(all_outcomes(jobs, given.processes), 1):
        for outcome in outcomes:
            rows.setdefault(outcome.test, []).append(outcome)
        if number % 50 == 0:
            print(f"{number} of {given.worlds}", file=sys.stderr, flush=True)
    most = LEVEL + BAND * sqrt(LEVEL * (1.0 - LEVEL) / given.worlds)
    planted = f"{given.times:g} times the measured difference, {given.lead} days late"
    print(
        f"{given.worlds} worlds with {planted}; 99 % of tests without an effect have at most"
        f" {most:.1%}, intervals {1.0 - most:.1%} or more"
    )
    print(f"{'test':66} {'p <= 5 %':>9} {'interval holds the effect':>25}")
    bad = [name for name, outcomes in rows.items() if not show_test(name, outcomes, most)]
    if not given.times:
        print(f"outside: {', '.join(bad) or 'none'}")
        sys.exit(bool(bad))


if __name__ == "__main__":
    main()
