"""Is the evidence calibrated? Whole pages in worlds without an effect of the gate, or a known one.

    python -m tests.proofs.evidence_calibration --data FOLDER [--worlds 500] [--times 0]
        [--lead 0] [--seed 51000000] [--processes 2]

Indices, bonds, liquidity and the gate are real; the coins' days are drawn in blocks from their real
ones, Bitcoin's back to 2010 (`tests.backtests.tuning.planted`), with --times so many times the
difference measured on Bitcoin while the gate was open, --lead days later. Of each test of coins:
the share of p of 5 % or less, how often its interval holds the true effect (none for all tests
without an effect, the planted one for those that measure it), and how often the page calls it
supported, after the correction for all tests of the page. Last the share of pages on which any
test of coins is supported, with its 95 % interval. Exit 1 if without an effect a share of p lies
above its 99 % binomial band, coverage below its own, or the share of pages above 5 % by more than
chance.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from math import expm1, isnan, nan, sqrt
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from backtests.engine.inputs import prepare_inputs
from backtests.evidence.document import Claim, EvidenceDocument
from backtests.evidence.events import LEVEL
from backtests.evidence.history import BITCOIN, ETHER, History, load_history
from backtests.evidence.lag_scan import CLAIMED
from backtests.evidence.measure import measure_evidence
from config.settings import Settings, load
from tests.backtests.tuning.planted import OPEN, SHUT, Effect, Source, effect, source, world

FIRST = pd.Timestamp("2010-07-19", tz="UTC")  # of Bitcoin's prices: five breakouts since
QUICK = ["evidence.draws=1000", "evidence.bases=[252]", "evidence.confirms=[1]", "evidence.alts=[]"]
BAND = 2.575829  # of 99 %
# What is planted.
MEASURES_IT = {"A15 since 2010", "A15 since 2014", "A10 the gate alone, same weeks"}
PAGE = "any test of coins on the page"


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
    """Of one test in one world: its p, whether its interval holds the true effect, its verdict.

    `holds` None: it has no interval, or the true effect is not known.
    """

    test: str
    p: float
    holds: bool | None
    verdict: str = ""


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
    """Every test of coins on the page of one world; the page itself last."""
    settings, real, _, days = real_world(job.data, job.lead)
    drawn = world(real.prices, days, job.seed, job.planted).prices
    coins = {BITCOIN: settings.backtest.bitcoin, ETHER: settings.evidence.ether}
    closes = {name: drawn.of(symbol).frame["close"].dropna() for name, symbol in coins.items()}
    history = real._replace(assets={**real.assets, **closes}, alts={})
    document = measure_evidence(settings, history, lambda *_: None)
    # What is tested on indices alone is the same in every world.
    tests = [
        claim
        for claim in document.claims
        if claim.p is not None and any(coin in claim.data for coin in coins)
    ]
    outcomes = [claim_outcome(claim, job) for claim in tests]
    is_supported = any(claim.verdict == "supported" for claim in tests)
    page = Outcome(PAGE, 0.0 if is_supported else 1.0, None, "supported" if is_supported else "")
    return [*_event_outcomes(document, job), *outcomes, *_lag_outcomes(document), page]


def _event_outcomes(document: EvidenceDocument, job: Job) -> list[Outcome]:
    """Gains after breakouts against each kind of dates, and against the least favourable."""
    outcomes = []
    for row in document.follows:
        if row.asset != BITCOIN or row.p is None:
            continue
        known = not job.times and row.low is not None and row.high is not None
        holds = row.low <= 0.0 <= row.high if known else None  # type: ignore[operator]
        outcomes += [
            Outcome(f"{row.horizon}, {name}", p, None) for name, p in row.p_against.items()
        ]
        outcomes.append(Outcome(f"{row.horizon}, least favourable", row.p, holds))
    return outcomes


def _lag_outcomes(document: EvidenceDocument) -> list[Outcome]:
    first, last = CLAIMED
    return [
        Outcome(
            f"lag of {scan.asset} within {first} to {last} days",
            float(not first <= scan.best_lag <= last),
            None,
        )
        for scan in document.gate_test
    ]


def claim_outcome(claim: Claim, job: Job) -> Outcome:
    """By its p on the sentence's side; drawn coins do not move with indices, so beta is 0."""
    name = f"{claim.id} {claim.reading}".strip()
    truth = 0.0 if claim.unit == "beta" else claim.null
    if job.times:
        is_known = name in MEASURES_IT and not job.lead
        truth = expm1(job.times * (OPEN - SHUT)) if is_known else nan
    holds = None
    if claim.low is not None and claim.high is not None and claim.unit != "days":
        holds = None if isnan(truth) else claim.low <= truth <= claim.high
    return Outcome(name, float(claim.p or 0.0), holds, claim.verdict)


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
    supported = sum(outcome.verdict == "supported" for outcome in outcomes) / len(outcomes)
    covered = "-" if coverage is None else f"{coverage:.1%}"
    print(f"{name[:66]:66} {small:9.1%} {covered:>13} {supported:10.1%}")
    misses = coverage is not None and coverage < 1.0 - most
    return name.startswith("lag of") or not (small > most or misses)


def show_pages(outcomes: list[Outcome]) -> bool:
    """Print the share of pages with a supported test; whether it may be 5 %."""
    n, supported = len(outcomes), sum(outcome.verdict == "supported" for outcome in outcomes)
    low, high = binomtest(supported, n).proportion_ci(0.95, "exact")
    print(
        f"pages on which any test of coins is supported: {supported} of {n}, {supported / n:.1%}"
        f" (95 % interval {low:.1%} to {high:.1%})"
    )
    return bool(low <= LEVEL)


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
    print(f"{'test':66} {'p <= 5 %':>9} {'effect within':>13} {'supported':>10}")
    pages = rows.pop(PAGE)
    bad = [name for name, outcomes in rows.items() if not show_test(name, outcomes, most)]
    bad += [] if show_pages(pages) else [PAGE]
    if not given.times:
        print(f"outside: {', '.join(bad) or 'none'}")
        sys.exit(bool(bad))


if __name__ == "__main__":
    main()
