"""What a run came to, from its document or result alone."""

from types import SimpleNamespace
from typing import Any

import pytest

from backtests.benchmarks.verdict import RIVALS
from backtests.calibration.outcome import NO_VERDICT
from backtests.calibration.runs import backtest_outcome, outcome_of, tune_outcome
from backtests.evidence.document import parse
from backtests.tuning.validation.checks import Check
from backtests.tuning.validation.verdict import Verdict
from tests.backtests.evidence.documents import claim, document
from tests.scenes import configured


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
    outcome = tune_outcome(Verdict("not recommended", ("why",), checks))
    assert outcome.word == "not recommended"
    assert outcome.tests == {"luck": "failed", "pbo": "passed", "left_out": "not possible"}
    assert tune_outcome(None) == (NO_VERDICT, {}, {})


@pytest.mark.parametrize(
    ("sharpe", "p", "events", "expected"),
    [
        (1.2, 0.01, 5, ["passed", "passed", "passed"]),
        (1.0, 0.05, 4, ["failed", "failed", "failed"]),  # 5 % is not below 5 %, a tie not above
        (None, None, 0, ["not possible", "not possible", "failed"]),
    ],
)
def test_a_backtest_has_the_parts_of_its_rule(
    sharpe: float | None, p: float | None, events: int, expected: list[str]
) -> None:
    figures = SimpleNamespace(metrics=SimpleNamespace(sharpe=1.0))
    comparison = SimpleNamespace(
        verdict=SimpleNamespace(word="inconclusive"),
        benchmarks=dict.fromkeys(RIVALS, figures),
        random_gates=None if p is None else SimpleNamespace(p_sharpe=p),
    )
    result: Any = SimpleNamespace(
        comparison=comparison,
        metrics=SimpleNamespace(sharpe=sharpe),
        events=SimpleNamespace(closed_events=events),
    )
    outcome = backtest_outcome(result)
    assert outcome.word == "inconclusive"
    assert list(outcome.tests.values()) == expected
    assert backtest_outcome(SimpleNamespace(comparison=None)).word == NO_VERDICT  # type: ignore[arg-type]
