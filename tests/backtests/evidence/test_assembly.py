"""evidence.json out of what was measured: the question, and what counts among the tests."""

from math import expm1

import pytest

from backtests.evidence.assembly import (
    answer_claim,
    assemble_document,
    summary_line,
)
from backtests.evidence.breakouts import NAMED, EventStudy, run_event_study
from backtests.evidence.claim import Statement, factual_claim, missing_prices
from backtests.evidence.document import Claim
from backtests.evidence.history import BITCOIN
from tests.backtests.evidence import documents
from tests.backtests.evidence.scene import ALWAYS, DAYS, SETTINGS, coin, history

FACT = factual_claim(
    Statement("A8", "It was so"), test="", data="", estimate=None, unit="", holds=True, why=""
)


@pytest.fixture(scope="module")
def study() -> EventStudy:
    return run_event_study(history(**{BITCOIN: coin(1, ALWAYS)}), SETTINGS)


def test_the_question_is_answered_by_bitcoin_over_three_months_against_the_strictest_dates(
    study: EventStudy,
) -> None:
    """Before the correction: one-sided, half of the two-sided p."""
    excess = study.responses[BITCOIN, NAMED].strictest()
    answer = answer_claim(study)
    assert answer is not None and answer.side == "above" and answer.n == 5
    assert (answer.estimate, answer.low, answer.high) == (
        excess.difference,
        excess.low,
        excess.high,
    )
    assert answer.p == pytest.approx(excess.p / 2.0)
    assert list(answer.p_without_each) == pytest.approx([p / 2.0 for p, _ in excess.without_each])
    assert answer.verdict == "supported"


def test_without_prices_of_bitcoin_there_is_no_answer() -> None:
    late = run_event_study(history(**{BITCOIN: coin(1, {}).iloc[-300:]}), SETTINGS)
    assert answer_claim(late) is None


@pytest.mark.parametrize(("gain", "word"), [(1.0, "Yes"), (-1.0, "No, the opposite")])
def test_the_line_begins_with_the_answer(gain: float, word: str) -> None:
    of = history(**{BITCOIN: coin(1, dict.fromkeys(DAYS, gain))})
    document = assemble_document([FACT], run_event_study(of, SETTINGS), of, SETTINGS)
    assert document.line.startswith(f"Does the Russell's breakout lead Bitcoin? {word}: over 3 ")
    assert document.line.endswith("Facts of record: 1 supported, 0 contradicted.")
    assert (document.facts["supported"], document.tests["supported"]) == (1, 0)


def test_figures_of_the_document_are_fractions(study: EventStudy) -> None:
    of = history(**{BITCOIN: coin(1, ALWAYS)})
    answer = assemble_document([], study, of, SETTINGS).answer
    excess = study.responses[BITCOIN, NAMED].strictest()
    assert answer is not None and answer.unit == "fraction"
    assert (answer.estimate, answer.smallest_detectable) == pytest.approx(
        (expm1(excess.difference), expm1(excess.smallest))
    )


def test_the_answer_is_one_of_the_tests_that_are_corrected_for(study: EventStudy) -> None:
    """A test of p = 3 % beside the answer's much smaller one: 1 x 3 % at the second rank."""
    of = history(**{BITCOIN: coin(1, ALWAYS)})
    other = claim_of(p=0.03)
    document = assemble_document([other], study, of, SETTINGS)
    assert document.answer is not None and document.answer.p is not None
    assert document.answer.p_corrected == pytest.approx(2.0 * document.answer.p)
    assert document.claims[0].p_corrected == pytest.approx(0.03)


def claim_of(**changes: object) -> Claim:
    return Claim.model_validate(documents.claim(**changes))


def test_only_tests_that_were_made_are_counted_and_survive_with_a_verdict() -> None:
    significant = claim_of(p=0.001, p_corrected=0.002, verdict="supported")
    missing = missing_prices(Statement("B1", "They rose"), "alts")
    withheld = claim_of(p=0.001, p_corrected=0.002)
    line = summary_line([significant, claim_of(), withheld, missing, FACT], None)
    assert line == (
        "Of 3 tests 1 survives the correction for multiple testing at 5% (A15). Facts of"
        " record: 1 supported, 0 contradicted."
    )
    assert summary_line([FACT], None) == "Facts of record: 1 supported, 0 contradicted."
