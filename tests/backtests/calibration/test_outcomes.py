"""What a run came to, from its document or result alone."""

from types import SimpleNamespace
from typing import Any

import pandas as pd

from backtests.benchmarks.verdict import Verdict as BacktestVerdict
from backtests.calibration.outcome import NO_VERDICT
from backtests.calibration.runs import backtest_outcome, outcome_of, tune_outcome
from backtests.evidence.document import parse
from backtests.performance.gate_periods import GatePeriod, count_events
from backtests.tuning.validation.checks import Check
from backtests.tuning.validation.verdict import Verdict
from tests.backtests.evidence.documents import claim, document
from tests.scenes import configured

DAY = pd.Timestamp("2020-01-01", tz="UTC")
PERIOD = GatePeriod(
    opened=DAY,
    closed=DAY,
    level=1.0,
    base_age=252,
    rearmed=False,
    event_id=1,
    reason="failed",
    event_base=252,
)


def evidence(*claims: dict[str, Any]) -> Any:
    return outcome_of(parse(document(claims=list(claims))), configured({}))


def test_a_page_of_evidence_counts_only_tests_of_coins() -> None:
    """A fact, and a test on the index alone, are the same in every world."""
    outcome = evidence(
        claim("A15", reading="since 2014", verdict="contradicted"),
        claim("B3", data="Russell 2000, risky", verdict="supported"),
        claim("B2", kind="fact", verdict="supported"),
        claim("B11", data="LTC-USD, DOGE-USD"),
    )
    assert outcome.word == "no test is supported"
    assert outcome.tests == {"A15 since 2014": "contradicted", "B11": "inconclusive"}
    assert outcome.counts["tests contradicted"] == outcome.counts["facts supported"] == 1
    assert outcome.counts["tests supported"] == outcome.counts["facts contradicted"] == 0


def test_one_supported_test_of_coins_makes_the_page_say_so() -> None:
    assert evidence(claim(), claim("B7", verdict="supported")).word == "a test is supported"


def test_a_search_has_its_word_and_every_test() -> None:
    checks = tuple(
        Check(name, 0.1, 0.05, passed, condemns=False, text="")
        for name, passed in (("luck", False), ("pbo", True), ("left_out", None))
    )
    events = Check("events", 3.0, 5.0, passed=False, condemns=False, text="")
    outcome = tune_outcome(Verdict("not recommended", ("why",), checks))
    assert outcome.word == "not recommended"
    assert outcome.tests == {"luck": "failed", "pbo": "passed", "left_out": "not possible"}
    assert outcome.counts == {}
    counted = tune_outcome(Verdict("inconclusive", ("why",), (events, *checks)))
    assert counted.counts == {"independent events": 3}
    assert tune_outcome(None) == (NO_VERDICT, {}, {})


def test_a_backtest_has_the_parts_of_its_rule_and_the_events_it_counts() -> None:
    judgement = BacktestVerdict("better", "why", {"a": True, "b": False, "c": None})
    result: Any = SimpleNamespace(
        comparison=SimpleNamespace(verdict=judgement),
        events=count_events([PERIOD, PERIOD._replace(event_id=2, event_base=21)]),
    )
    outcome = backtest_outcome(result)
    assert outcome.word == "better"
    assert outcome.tests == {"a": "passed", "b": "failed", "c": "not possible"}
    assert outcome.counts == {"independent events": 1}


def test_a_backtest_without_benchmarks_has_no_verdict() -> None:
    result: Any = SimpleNamespace(comparison=None)
    assert backtest_outcome(result).word == NO_VERDICT
