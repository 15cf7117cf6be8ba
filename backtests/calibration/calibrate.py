"""Repeat a run in worlds, and count what came out."""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import get_args

from backtests.benchmarks.verdict import Word
from backtests.calibration.coin_days import read_coin_days
from backtests.calibration.document import (
    VERSION,
    CalibrationDocument,
    ResultShares,
    Share,
    Worlds,
)
from backtests.calibration.evidence_worlds import coins_of
from backtests.calibration.kept_worlds import KeptWorlds, keep_worlds
from backtests.calibration.outcome import (
    FAILED,
    NOT_POSSIBLE,
    PASSED,
    Command,
    Outcome,
    WorldOutcome,
)
from backtests.calibration.processes import run_worlds
from backtests.calibration.regimes import find_regimes
from backtests.calibration.request import Request, times_of
from backtests.calibration.runs import ANY_SUPPORTED, NONE_SUPPORTED, Job
from backtests.calibration.worlds import make_source, measured_effect, open_days
from backtests.engine.inputs import market
from backtests.engine.rules import gate_rules
from backtests.engine.sources import ROOT, code_of, import_closure
from backtests.evidence.document import VERDICTS
from backtests.evidence.history import History
from backtests.evidence.measure import claims_without_coins
from backtests.performance.metrics import DAYS
from backtests.performance.short_windows import BLOCK_DAYS
from backtests.statistics.clopper_pearson import share_interval
from brokers.prices.load import Prices
from brokers.progress import Progress
from config.settings import Settings
from config.tuning import VerdictWord
from strategies.gate import gate_table

WORDS: Mapping[Command, tuple[str, ...]] = {
    "tune": get_args(VerdictWord),
    "evidence": (ANY_SUPPORTED, NONE_SUPPORTED),
    "backtest": get_args(Word),
}
RESULTS_OF_TESTS: Mapping[Command, tuple[str, ...]] = {
    "tune": (PASSED, FAILED, NOT_POSSIBLE),
    "evidence": VERDICTS,
    "backtest": (PASSED, FAILED, NOT_POSSIBLE),
}
LIBRARIES = ("numpy", "pandas", "numba", "scipy", "backtrader")
# The runs, and what they import late.
BUILT_ON = (
    "backtests/calibration/runs.py",
    "backtests/benchmarks/comparison.py",
    "backtests/tuning/search/tpe.py",
)
# Sections of the settings on which no outcome depends.
NO_SETTINGS_OF_A_WORLD = {"tuned", "paper", "guards", "journal", "notify", "log"}


def make_job(
    command: Command, settings: Settings, loaded: Prices | History, request: Request
) -> Job:
    """The run to repeat, with what its worlds are drawn from.

    Raises
    ------
    DataError
        The prices have no coins to draw from, or no regimes where they were asked for.

    """
    prices = loaded.prices if isinstance(loaded, History) else loaded
    series = coins_of(loaded, settings) if isinstance(loaded, History) else prices.series.values()
    coins = read_coin_days(series)
    is_open = open_days(gate_table(market(settings, prices), gate_rules(settings)), coins.days)
    bitcoin = settings.backtest.bitcoin
    effect = request.effect * measured_effect(coins, bitcoin, is_open) if request.effect else 0.0
    closes = prices.of(bitcoin).frame["close"]
    regimes = find_regimes(closes, coins.days) if request.regimes else None
    source = make_source(coins, is_open, effect, regimes)
    seed = seed_of(command, settings)
    of_market = claims_without_coins(loaded, settings) if isinstance(loaded, History) else ()
    return Job(command, settings, loaded, source, seed, of_market)


def seed_of(command: Command, settings: Settings) -> int:
    """The seed of the command's own draws, which is that of its worlds too."""
    return {
        "tune": settings.tune.seed,
        "evidence": settings.evidence.seed,
        "backtest": settings.backtest.seed,
    }[command]


def calibrate(
    job: Job, request: Request, own: Outcome, step: Progress, warn: Callable[[str], object]
) -> CalibrationDocument:
    """Run the worlds that are not kept yet, and count all.

    `own` is the outcome of the run itself; `warn` is told why kept worlds are not used. An
    exception raised by `step` ends it; finished worlds stay, and the same command goes on.
    """
    kept = keep_worlds(
        Path(job.settings.prices.cache) / "calibration", _basis(job), describe(job, request)
    )
    if kept.anew:
        warn(kept.anew)
    try:
        _run_missing(job, request, kept, step)
    except KeyboardInterrupt as interrupt:
        count = sum(number < request.worlds for number in kept.worlds)
        interrupt.add_note(
            f"{count} of {request.worlds} worlds are kept; the same command goes on from there"
        )
        raise
    worlds = [kept.worlds[number] for number in range(request.worlds)]
    return summarize(job, request, own, worlds)


def _run_missing(job: Job, request: Request, kept: KeptWorlds, step: Progress) -> None:
    missing = [number for number in range(request.worlds) if number not in kept.worlds]
    processes = job.settings.tune.threads or len(os.sched_getaffinity(0))
    began, done = time.monotonic(), 0

    def look() -> None:
        text = f"worlds{_remaining(time.monotonic() - began, done, len(missing) - done)}"
        step(text, request.worlds - len(missing) + done, request.worlds)

    look()
    for world in run_worlds(job, missing, processes, look):
        kept.add(world)
        done += 1


def _remaining(seconds: float, done: int, missing: int) -> str:
    if not done:
        return ""
    minutes = seconds / done * missing / 60.0
    return f", about {minutes:.0f} min left" if minutes >= 1.0 else ", less than a minute left"


def describe(job: Job, request: Request) -> str:
    """The worlds of a calibration in a sentence."""
    text = (
        f"{job.command}: the coins' days drawn anew in blocks of {BLOCK_DAYS} days on average, all"
        " coins together"
    )
    if request.regimes:
        text += ", in bull and bear markets that know nothing of the gate"
    if not request.effect:
        return f"{text}; the gate has no effect on them"
    return (
        f"{text}; while the gate is open coins earn {job.source.effect * DAYS:+.2f} a year (log)"
        f" more than while it is closed: {times_of(request.effect)}what was measured of Bitcoin"
    )


def _basis(job: Job) -> dict[str, str]:
    """What the worlds depend on, by the names that a message can use."""
    prices = job.loaded.prices if isinstance(job.loaded, History) else job.loaded
    series = job.loaded.series if isinstance(job.loaded, History) else prices.series.values()
    exclude = NO_SETTINGS_OF_A_WORLD | ({"tune"} if job.command != "tune" else set())
    settings = job.settings.model_dump(mode="json", exclude=exclude)
    for name in ("cache", "folder"):
        settings["prices"].pop(name, None)
    if "tune" in settings:
        settings["tune"].pop("threads")
    return {
        "the settings": _digest([repr(settings)]),
        "the prices": _digest(sorted(f"{item.request} {item.vintage}" for item in series)),
        "the program": _program(),
        "the seed": str(job.seed),
    }


@cache
def _program() -> str:
    """What computes the outcomes: Python, libraries and our own files."""
    texts = [sys.version, *(version(name) for name in LIBRARIES)]
    return _digest([*texts, *(f"{file.name} {code_of(file)}" for file in sources())])


def sources() -> list[Path]:
    """The files whose change may change an outcome: all that a run in a world is built on."""
    return import_closure(ROOT / name for name in BUILT_ON)


def _digest(texts: Iterable[str]) -> str:
    digest = blake2b(digest_size=8)
    for text in texts:
        digest.update(text.encode())
    return digest.hexdigest()


def summarize(
    job: Job, request: Request, own: Outcome, worlds: Sequence[WorldOutcome]
) -> CalibrationDocument:
    """The content of calibration.json."""
    outcomes = [world.outcome for world in worlds]
    names = list(dict.fromkeys(name for outcome in outcomes for name in outcome.tests))
    return CalibrationDocument(
        version=VERSION,
        command=job.command,
        worlds=Worlds(
            text=describe(job, request),
            effect=request.effect,
            effect_a_day=job.source.effect if request.effect else None,
            regimes=request.regimes,
            block_days=BLOCK_DAYS,
        ),
        n=len(worlds),
        seed=job.seed,
        own=own.word,
        words=_shares([outcome.word for outcome in outcomes], WORDS[job.command]),
        tests=tuple(
            ResultShares(
                name=name,
                own=own.tests.get(name, ""),
                outcomes=_shares(
                    [outcome.tests[name] for outcome in outcomes if name in outcome.tests],
                    RESULTS_OF_TESTS[job.command],
                ),
            )
            for name in names
        ),
        means={
            name: sum(outcome.counts.get(name, 0) for outcome in outcomes) / len(outcomes)
            for name in own.counts
        },
        seconds=round(sum(world.seconds for world in worlds) / len(worlds), 3),
    )


def _shares(results: Sequence[str], possible: Sequence[str]) -> tuple[Share, ...]:
    """How often each possible result came out, and each other one that did."""
    counts, of = Counter(results), len(results)
    shares = []
    for name in dict.fromkeys((*possible, *results)):
        low, high = share_interval(counts[name], of)
        shares.append(Share(name=name, count=counts[name], of=of, low=low, high=high))
    return tuple(shares)
