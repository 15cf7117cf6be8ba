"""Does the verdict of `tune` deserve its words? Searches in worlds where it is known what there is
to find.

    python -m tests.proofs.tune_calibration --data FOLDER [--world null|truth|twice|TIMES] [--runs
    200] [--first 1996-01-01] [--processes 2]

The gate and its prices are real, the coins drawn (`tests.backtests.tuning.planted`): in the null
world the gate says nothing about them; in the others it does, by as much as was measured on BTC, by
twice that, or by TIMES that. Each run draws coins and goes through a random search and all that
`tune` asks of it, without files. With --first coins are listed earlier, for more breakouts than
real coins have lived through. Counted are the words, the same if the breakouts were enough however
few they are, which tests were passed, and how often one that alone was not passed stood in the way.
Beside them: a single test of the gate that was planted, which knows more than any search does. Exit
1 if in the null world more than 5 % are recommended, whether the breakouts count or not.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from math import sqrt
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pandas as pd

from backtests.engine.inputs import prepare_inputs
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.space import Space, space_of
from backtests.tuning.search.study import DEFAULT, evaluate_study, partition_of, rule_of
from backtests.tuning.validation import findings
from backtests.tuning.validation.checks import Check
from backtests.tuning.validation.engine_check import Agreement
from backtests.tuning.validation.findings import facts, find
from backtests.tuning.validation.searched_gates import search_shifted_gates
from backtests.tuning.validation.verdict import judge
from brokers.prices.load import Prices, load_prices
from config.settings import Settings, load
from tests.backtests.tuning.planted import LEVEL, Effect, Source, effect, known_gate, source, world

ROOT = Path(__file__).parents[2]
TIMES = {"truth": 1.0, "twice": 2.0}
NORMAL_95 = 1.959964
DRAWS = 2000
# What the verdict does not read takes half of the time.
UNREAD = (
    *("run_stress_tests", "headline_intervals", "superior_ability", "importance", "_maps"),
    *("_neighbours", "deflate_excess"),
)


class Scene(NamedTuple):
    """What all runs of a process share: the settings a search starts from, the real market, the
    coins drawn from with the gate to plant.
    """

    settings: Settings
    space: Space
    prices: Prices
    real: Source


class Outcome(NamedTuple):
    """One run: the verdict, the verdict if the breakouts were enough, the tests, whether the best
    set is the planted one.
    """

    seed: int
    word: str
    without_count: str
    tests: tuple[Check, ...]
    is_default: bool
    shifted_p: (
        float | None
    )  # of the planted gate itself among gates at other times, without any search
    seconds: float


class Job(NamedTuple):
    """A run to make; `planted` None is the null world."""

    seed: int
    data: str
    planted: Effect | None
    first: str | None
    sets: int
    gates: int
    changes: tuple[
        str, ...
    ] = ()  # what the settings as they stand are instead of the planted gate's


def scene(planted: Settings, start: Settings, prices: Prices, first: str | None = None) -> Scene:
    """The gate of `planted` beside the real coins, and the settings that a search starts from."""
    real = source(
        prepare_inputs(planted, prices), None if first is None else pd.Timestamp(first, tz="UTC")
    )
    return Scene(start, space_of(start), prices, real)


@cache
def real_scene(data: str, first: str | None, changes: tuple[str, ...]) -> Scene:
    files, folder = (
        [ROOT / "config" / "tune.toml"],
        ["prices.source=folder", f"prices.folder={data}"],
    )
    planted, start = load(files, folder), load(files, [*folder, *changes])
    return scene(planted, start, load_prices(planted, pd.Timestamp.now(tz="UTC")), first)


def run(job: Job) -> Outcome:
    """One run on the real market."""
    return searched(real_scene(job.data, job.first, job.changes), job)


def searched(place: Scene, job: Job) -> Outcome:
    """Draw a world, search it, judge the best set: what `tune` does, but for files and for what no
    test of the verdict reads.
    """
    began = time.perf_counter()
    drawn = world(place.prices, place.real, job.seed, job.planted)
    update = {
        "seed": job.seed,
        "sets": job.sets,
        "searched_gates": job.gates,
        "searched_sets": min(job.sets, 100),
        "threads": 1,
    }
    settings = place.settings.model_copy(
        update={"tune": place.settings.tune.model_copy(update=update)}
    )
    evaluator = Evaluator(
        prepare_inputs(settings, drawn.prices), place.space, settings.tune.threads
    )
    cut = partition_of(evaluator, settings)
    codes = np.concatenate([evaluator.space.defaults(), evaluator.space.draw(job.sets, job.seed)])
    study = evaluate_study(
        evaluator.space, codes, evaluator.sweep(codes, cut.edges), cut, rule_of(settings.tune)
    )
    with only_what_is_judged():
        found = find(evaluator, study, settings, lambda *_: None)
    assert found.verdict is not None
    uncounted = judge(facts(found), settings.tune.verdict.model_copy(update={"min_events": 0}))
    alone = search_shifted_gates(
        evaluator,
        codes[:1],
        study.rule,
        count=job.gates,
        seed=job.seed,
        progress=lambda *_: None,
    )
    taken = time.perf_counter() - began
    return Outcome(
        job.seed,
        found.verdict.word,
        uncounted.word,
        found.verdict.tests,
        study.row == DEFAULT,
        alone.p,
        taken,
    )


@contextmanager
def only_what_is_judged() -> Iterator[None]:
    """Let `find` leave out what the verdict does not read."""
    nothing: Any = {name: lambda *_: [] for name in UNREAD} | {
        "check_engines": lambda *_: Agreement(None, 0.0, 0)
    }
    with patch.multiple(findings, **nothing):
        yield


def outcomes(jobs: Sequence[Job], processes: int) -> Iterator[Outcome]:
    """All runs, in order."""
    os.environ |= dict.fromkeys(
        ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"
    )  # the processes are the threads
    if processes == 1:
        yield from map(run, jobs)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run, jobs)


def interval(count: int, of: int) -> tuple[float, float]:
    """A share's 95 % interval (Wilson 1927)."""
    share, z = count / of, NORMAL_95
    middle, half = (
        share + z * z / (2 * of),
        z * sqrt(share * (1 - share) / of + (z / (2 * of)) ** 2),
    )
    return max((middle - half) / (1 + z * z / of), 0.0), min(
        (middle + half) / (1 + z * z / of), 1.0
    )


def share(count: int, of: int) -> str:
    low, high = interval(count, of)
    return f"{count / of:6.1%} ({low:.1%} to {high:.1%})"


def alone_in_the_way(found: Sequence[Outcome]) -> Counter[str]:
    """How often each test was the only one that was not passed."""
    failed = [[test.name for test in one.tests if not test.passed] for one in found]
    return Counter(names[0] for names in failed if len(names) == 1)


def said(found: Sequence[Outcome], what: str) -> None:
    """Print what a world's runs came to."""
    of, words = len(found), ("recommended", "not recommended", "inconclusive")
    print(f"{what}; {sum(one.seconds for one in found) / of:.1f} s a run")
    for name, told in (
        ("as judged", [one.word for one in found]),
        ("breakouts not counted", [one.without_count for one in found]),
    ):
        print(
            f"{name:22} "
            + ", ".join(f"{word} {share(told.count(word), of).strip()}" for word in words)
        )
    alone = alone_in_the_way(found)
    print(
        f"{'test':16} {'passed':>23} {'condemns':>9} {'not possible':>13} "
        f"{'alone in the way':>17} {'median':>8}"
    )
    for tests in zip(*(one.tests for one in found), strict=True):
        passed, condemns, absent = (
            sum(chosen)
            for chosen in zip(
                *((t.passed is True, t.condemns, t.passed is None) for t in tests), strict=True
            )
        )
        values = [test.value for test in tests if test.value is not None]
        median = f"{np.median(values):8.2f}" if values else "       -"
        name = tests[0].name
        print(
            f"{name:16} {share(passed, of):>23} {condemns / of:9.1%} {absent / of:13.1%} "
            f"{alone[name] / of:17.1%} {median}"
        )
    print(
        f"the settings as they stand were best in {sum(one.is_default for one in found) / of:.1%}"
    )
    shifted = sum(one.shifted_p is not None and one.shifted_p <= LEVEL for one in found)
    print(
        "the settings as they stand, without a search, do better than with their gate at other "
        f"times in {share(shifted, of).strip()}"
    )


def planted_in(name: str) -> Effect | None:
    """What the gate says about the coins in a world by its name, or by how many times what was
    measured.
    """
    return None if name == "null" else effect(TIMES[name] if name in TIMES else float(name))


def main() -> None:
    """Run all and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument(
        "--world", default="null", help="null, truth, twice, or a number of times what was measured"
    )
    parser.add_argument(
        "--first", help="day on which the first coin is listed; without it the real one"
    )
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        help="setting a search starts from instead of the planted gate's",
    )
    for name, value in (
        ("runs", 200),
        ("processes", 2),
        ("seed", 20160707),
        ("sets", 300),
        ("gates", 100),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    planted = planted_in(given.world)
    jobs = [
        Job(
            given.seed + number,
            given.data,
            planted,
            given.first,
            given.sets,
            given.gates,
            tuple(given.changes),
        )
        for number in range(given.runs)
    ]
    found = []
    for one in outcomes(jobs, given.processes):
        found.append(one)
        if len(found) % 20 == 0:
            print(
                f"{len(found)} runs, {sum(outcome.word == 'recommended' for outcome in found)} "
                "recommended",
                file=sys.stderr,
                flush=True,
            )
    known = known_gate(
        real_scene(given.data, given.first, jobs[0].changes).real, planted, DRAWS, given.seed
    )
    said(
        found,
        f"{given.world}: {given.runs} runs, each the best of {given.sets} sets, "
        f"{given.first or 'coins listed as they were'}",
    )
    print(
        f"one test, at {LEVEL:.0%}, of the planted gate known beforehand finds it in "
        f"{known.power:.1%} of {DRAWS:,} worlds"
    )
    most = max(
        sum(getattr(one, name) == "recommended" for one in found)
        for name in ("word", "without_count")
    )
    sys.exit(planted is None and most > LEVEL * len(found))


if __name__ == "__main__":
    main()
