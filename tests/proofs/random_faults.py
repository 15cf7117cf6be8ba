"""Weeks of paper trading with random misfortunes at random moments, and what must hold after them.

    python -m tests.proofs.random_faults [--sequences 1000] [--bars 30] [--seed 20160707]
        [--processes 2]

A sequence is a daily session on simulated time at the test exchange, restarted whenever it ends. It
meets lost, late, spoilt and refused answers of every kind, bans, outages, clocks that jump, thin
books, closed markets, resets, persons who trade, vendors without prices, crashes and restarts. At
its end everything is repaired and two more days pass: no order may have come to be twice, no
execution be missing in the journal, no unit be made or lost; and the holdings are those last
decided, or the session has ended with a reason. One sequence in 25 has its prices from Yahoo's and
the exchange's sites by way of the cache, the others from memory. Exit 1 if one went wrong.
"""

import argparse
import atexit
import json
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pandas as pd

from brokers.clock import SimulatedClock
from brokers.commands import paper
from brokers.errors import SafetyError
from brokers.exchange.errors import CallAPersonError, ExchangeError
from brokers.journal.journal import Journal
from brokers.prices.calendar import LEAD, session_closes
from brokers.prices.live import LivePrices
from brokers.prices.load import Prices
from brokers.progress import Progress
from config.settings import Settings
from tests.brokers.worlds import DAY, World, epoch, world
from tests.price_folder import HISTORY_FROM, write_folder
from tests.proofs.bad_luck import (
    COINS,
    FINAL,
    Crash,
    FromMemory,
    Misfortunes,
    crashing,
    prices_of,
    waiting_for_nothing,
)
from tests.proofs.exactly_once import doubled, lost

ROUNDING = 0.005  # relative: fees, slippage, steps
WHOLE = 25  # one sequence in so many has its prices from the sites
FIRST_START, LAST_START = epoch("2014-02-01"), epoch("2016-11-01")


class Outcome(NamedTuple):
    """How a sequence went. `ended`: "on target", "stopped", or what was wrong.

    `met` are its misfortunes by name.
    """

    seed: int
    ended: str
    why: str
    met: dict[str, int]
    orders: int
    seconds: float

    @property
    def recoverable(self) -> bool:
        """Whether nothing happened that only a person can mend."""
        return not any(name in self.met for name in FINAL)


def lived_through(scene: World, until: float, chance: random.Random) -> str:
    """Sessions one after the other until then; why a person was called, "" if none was."""
    while scene.clock.now() < until:
        scene.clock = SimulatedClock(scene.clock.now())
        try:
            scene.run(once=False, until=str(pd.Timestamp(int(until), unit="s")))
        except Crash:
            scene.clock.sleep(chance.choice((1.0, 10.0, 10.0, 3600.0, 1.5 * DAY)))
        except (CallAPersonError, SafetyError) as error:
            return f"{type(error).__name__}: {error}"
        except ExchangeError:
            scene.clock.sleep(30.0)
    return ""


def off_target(scene: World, journal: Journal) -> list[str]:
    """Coins whose share of the account is not the one last decided."""
    row = journal.last_decision()
    assert row is not None
    baseline = json.loads(journal.get("baseline") or "{}")
    owned = {
        coin: max(float(scene.venue.units(coin)) - baseline.get(coin, 0.0), 0.0)
        for coin in ("USDT", *COINS)
    }
    prices = {coin: scene.price(f"{coin}USDT", row.time) for coin in COINS}
    equity = owned["USDT"] + sum(owned[coin] * prices[coin] for coin in COINS)
    found = []
    for coin, target in zip(COINS, row.targets, strict=True):
        share = owned[coin] * prices[coin] / equity
        market = scene.venue.markets[f"{coin}USDT"]
        smallest = (float(market.min_notional) + float(market.step) * prices[coin]) / equity
        if (
            abs(share - target)
            > (scene.settings.allocation.band + ROUNDING) * max(share, target) + smallest
        ):
            found.append(f"{coin}: {share:.4f} in place of {target:.4f}")
    return found


def played(seed: int, bars: int, place: Path) -> Outcome:
    """One sequence from its start to what became of it."""
    chance = random.Random(seed)
    random.seed(seed)  # of the pauses between attempts
    folder, calendar, prices = stage()
    began = time.perf_counter()
    start = chance.randrange(FIRST_START, LAST_START, DAY) + 2
    changes = {
        "exchange.timeout": 0.2,
        "allocation.band": chance.choice((0.0, 0.02, 0.2)),
        "exchange.order": chance.choice(("market", "limit")),
    }
    with (
        waiting_for_nothing(),
        world(folder, calendar, place, str(pd.Timestamp(start, unit="s")), changes) as scene,
    ):
        misfortunes = Misfortunes(scene, chance)

        def source(settings: Settings, progress: Progress) -> LivePrices:
            if not seed % WHOLE:
                return LivePrices(settings, progress)
            return FromMemory(settings, prices, lambda: misfortunes.happens("no prices", 0.004))

        with crashing(misfortunes), patch.object(paper, "LivePrices", source):
            why = lived_through(scene, start + bars * DAY, chance)
            misfortunes.repair()
            why = why or lived_through(scene, (scene.clock.now() // DAY + 2) * DAY + 100.0, chance)
        with scene.journal() as journal:
            wrong = doubled(scene.venue, journal) + ([] if why else lost(scene.venue, journal))
            wrong += (
                []
                if scene.venue.conserved()
                else [f"balances: {scene.venue.matching.differences()}"]
            )
            wrong += [] if why else off_target(scene, journal)
            orders = len(journal.orders())
    ended = "; ".join(wrong) if wrong else "stopped" if why else "on target"
    return Outcome(seed, ended, why, dict(misfortunes.met), orders, time.perf_counter() - began)


@cache
def stage() -> tuple[Path, Path, Prices]:
    """Folder, calendar and prices of the made-up world, for all sequences of this process."""
    base = Path(tempfile.mkdtemp(prefix="random-faults-"))
    atexit.register(shutil.rmtree, base, ignore_errors=True)
    calendar = base / "calendar"
    session_closes(HISTORY_FROM - LEAD, calendar)
    folder = write_folder(base / "prices", calendar)
    return folder, calendar, prices_of(folder, calendar)


def one(job: tuple[int, int]) -> Outcome:
    """A sequence in a folder of its own, in memory where there is such a place."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as place:
        try:
            return played(*job, Path(place))
        except Exception as error:  # a bug: it is this sequence's end, not that of all others
            traceback.print_exc()
            return Outcome(job[0], f"crashed: {error!r}", "", {}, 0, 0.0)


def main() -> None:
    """Play all and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in (("sequences", 1000), ("bars", 30), ("seed", 20160707), ("processes", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    began = time.perf_counter()
    jobs = [(given.seed + number, given.bars) for number in range(given.sequences)]
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        outcomes = []
        for outcome in pool.map(one, jobs):
            outcomes.append(outcome)
            if outcome.ended not in ("on target", "stopped"):
                print(f"{outcome.seed}: {outcome.ended}; it met {outcome.met}", flush=True)
            if len(outcomes) % 50 == 0:
                print(
                    f"{len(outcomes)} of {len(jobs)} in {time.perf_counter() - began:.0f} s",
                    file=sys.stderr,
                    flush=True,
                )
    said(outcomes, time.perf_counter() - began)


def said(outcomes: list[Outcome], seconds: float) -> None:
    met: Counter[str] = Counter()
    for outcome in outcomes:
        met.update(outcome.met)
    print(
        f"{sum(met.values())} misfortunes: "
        + ", ".join(f"{name} {times}" for name, times in met.most_common())
    )
    reasons = Counter(outcome.why.split(":")[0] for outcome in outcomes if outcome.why)
    wrong = [outcome for outcome in outcomes if outcome.ended not in ("on target", "stopped")]
    recoverable = [outcome for outcome in outcomes if outcome.recoverable]
    right = sum(outcome.ended == "on target" for outcome in recoverable)
    traded = sum(outcome.orders > 0 for outcome in outcomes)
    print(
        f"{len(outcomes)} sequences, {traded} of them with orders, "
        f"{sum(outcome.orders for outcome in outcomes)} in all"
    )
    print(
        f"{right} of {len(recoverable)} recoverable ones end on target; "
        f"stopped by {dict(reasons)}; {len(wrong)} went wrong"
    )
    print(
        f"{seconds:.0f} s, "
        f"{sum(outcome.seconds for outcome in outcomes) / len(outcomes):.2f} s a sequence"
    )
    sys.exit(bool(wrong) or right < 0.95 * len(recoverable))


if __name__ == "__main__":
    main()
