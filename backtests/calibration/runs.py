"""The user's own run, whole, in one world: the same code and settings as the command's."""

import tempfile
import time
from collections.abc import Iterable
from typing import NamedTuple

from backtests.calibration.evidence_worlds import with_drawn_coins
from backtests.calibration.outcome import (
    EVENTS,
    NO_VERDICT,
    RESULTS,
    Command,
    Outcome,
    WorldOutcome,
)
from backtests.calibration.worlds import Source, draw_world, with_coins
from backtests.engine.inputs import prepare_inputs
from backtests.evidence.document import VERDICTS, Claim, EvidenceDocument
from backtests.evidence.history import ALTS, BITCOIN, ETHER, History
from backtests.evidence.measure import measure_evidence
from backtests.runs.backtest import Backtest, backtest
from backtests.tuning.search.space import space_of
from backtests.tuning.validation.findings import Findings
from backtests.tuning.validation.verdict import Verdict
from backtests.tuning.whole_search import search
from brokers.prices.load import Prices
from config.settings import Settings

ANY_SUPPORTED, NONE_SUPPORTED = "a test is supported", "no test is supported"


Result = Findings | Backtest | EvidenceDocument


class Job(NamedTuple):
    """A run to repeat in worlds; `loaded` is what the command loads, prices or a history.

    `market_claims` are those of `evidence` that no coin has a part in: the same in every world.
    """

    command: Command
    settings: Settings
    loaded: Prices | History
    source: Source
    seed: int
    market_claims: tuple[Claim, ...] = ()


def run_world(job: Job, number: int) -> WorldOutcome:
    """Draw world `number` and repeat the run in it."""
    began = time.perf_counter()
    frames = draw_world(job.source, job.seed, number).frames
    if isinstance(job.loaded, History):
        history = with_drawn_coins(job.loaded, job.settings, frames)
        result: Result = measure_evidence(
            job.settings, history, _silent, market_claims=job.market_claims
        )
    else:
        run = _search if job.command == "tune" else _backtest
        result = run(job.settings, with_coins(job.loaded, frames))
    return WorldOutcome(
        number, outcome_of(result, job.settings), round(time.perf_counter() - began, 3)
    )


def outcome_of(result: Result, settings: Settings) -> Outcome:
    """What a run came to, as its document says it."""
    if isinstance(result, EvidenceDocument):
        return evidence_outcome(result, settings)
    if isinstance(result, Backtest):
        return backtest_outcome(result)
    return tune_outcome(result.verdict)


def tune_outcome(verdict: Verdict | None) -> Outcome:
    """Of a search."""
    if verdict is None:
        return Outcome(NO_VERDICT, {}, {})
    values = {test.name: test.value for test in verdict.tests}
    return Outcome(
        verdict.word,
        {test.name: RESULTS[test.passed] for test in verdict.tests},
        {EVENTS: int(values["events"] or 0)} if "events" in values else {},
    )


def backtest_outcome(result: Backtest) -> Outcome:
    """Of a backtest: what its verdict asks for."""
    comparison = result.comparison
    if comparison is None or comparison.verdict is None:
        return Outcome(NO_VERDICT, {}, {})
    word, _, tests = comparison.verdict
    events = result.events.of_verdict().closed_events
    return Outcome(
        word, {name: RESULTS[is_met] for name, is_met in tests.items()}, {EVENTS: events}
    )


def evidence_outcome(document: EvidenceDocument, settings: Settings) -> Outcome:
    """Of a page of evidence: the verdict on each test of coins, and how many facts hold.

    A test on the market alone is the same in every world, and says nothing about chance.
    """
    section = settings.evidence
    coins = (BITCOIN, ETHER, ALTS, settings.backtest.bitcoin, section.ether, *section.alts)
    tests = [
        claim
        for claim in document.claims
        if claim.kind == "test" and any(coin in claim.data for coin in coins)
    ]
    facts = [claim for claim in document.claims if claim.kind == "fact"]
    found = any(claim.verdict == "supported" for claim in tests)
    return Outcome(
        ANY_SUPPORTED if found else NONE_SUPPORTED,
        {claim_name(claim): claim.verdict for claim in tests},
        _counts("tests", tests) | _counts("facts", facts),
    )


def claim_name(claim: Claim) -> str:
    """The number of a claim and how it is read."""
    return f"{claim.id} {claim.reading}".strip()


def _counts(name: str, claims: Iterable[Claim]) -> dict[str, int]:
    verdicts = [claim.verdict for claim in claims]
    return {f"{name} {verdict}": verdicts.count(verdict) for verdict in VERDICTS}


def _search(settings: Settings, prices: Prices) -> Findings:
    """A search with one thread, whose batches are not kept."""
    with tempfile.TemporaryDirectory() as cache:
        own = settings.model_copy(
            update={
                "tune": settings.tune.model_copy(update={"threads": 1}),
                "prices": settings.prices.model_copy(update={"cache": cache}),
            }
        )
        return search(own, space_of(own), prices, _silent).findings


def _backtest(settings: Settings, prices: Prices) -> Backtest:
    return backtest(prepare_inputs(settings, prices))


def _silent(text: str, done: int = 0, of: int = 0) -> None:
    """Report no progress."""
