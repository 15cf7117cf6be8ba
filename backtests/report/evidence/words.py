"""The evidence in sentences, for terminal and page."""

from collections import Counter
from math import expm1

from backtests.evidence.assembly import ANSWERS
from backtests.evidence.breakouts import NAMED
from backtests.evidence.claim import corrected_tests, count_survivors, is_significant
from backtests.evidence.document import Claim, EvidenceDocument
from backtests.evidence.events import smallest_difference
from backtests.statistics.calibrated_shares import share_passed
from brokers.plurals import count

ANY_SUPPORTED = "a test is supported"  # what a calibration counts of a page


def headline(document: EvidenceDocument) -> str:
    """The question and its answer; of older documents the number of claims by verdict."""
    if document.sample:
        return "Simulated prices answer nothing."
    if document.answer is None:
        return document.line.partition(". ")[0].rstrip(".") + "."
    return f"{document.answer.claim} {ANSWERS[document.answer.verdict]}."


def summary(document: EvidenceDocument) -> list[str]:
    """What survives the correction, what came since the articles, and what the answer rests on."""
    since = document.since.summary if document.since else ""
    return [text for text in (survivors(document), since, *_answer(document.answer)) if text]


def survivors(document: EvidenceDocument) -> str:
    """How many tests are significant after the correction for all tests; empty without any p."""
    answer = document.answer
    tests = corrected_tests(document.claims, answer)
    if not tests:
        return ""
    own = ""
    if answer in tests:
        own = f"; that of this question {'does' if is_significant(answer) else 'does not'}"
    return f"{count_survivors(tests, answer)}{own}."


def surviving_claims(document: EvidenceDocument) -> list[str]:
    """Each reading that survives the correction, its result, and what the others came to.

    Without the article's sentence, which says more than one reading of it tests.
    """
    return [
        f"{claim.id}{f', {claim.reading}' if claim.reading else ''}: {claim.verdict}."
        f" {claim.why}{_other_readings(claim, document)}"
        for claim in document.claims
        if is_significant(claim)
    ]


def _other_readings(claim: Claim, document: EvidenceDocument) -> str:
    """By verdict the other tests of the same sentence."""
    verdicts = Counter(
        other.verdict
        for other in document.claims
        if other.id == claim.id and other.kind == "test" and other is not claim
    )
    if not verdicts:
        return ""
    counts = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items())
    return f" Other tests of {claim.id}: {counts}."


def _answer(answer: Claim | None) -> list[str]:
    if answer is None or answer.p is None or answer.estimate is None:
        return []
    interval = ""
    if answer.low is not None and answer.high is not None:
        interval = f" (95% interval from the breakouts {answer.low:+,.0%} to {answer.high:+,.0%})"
    why = answer.why[0].upper() + answer.why[1:]
    without = ""
    if answer.p_without_each:
        without = f"; with one breakout left out up to {max(answer.p_without_each):.2f}"
    result = f"{answer.estimate:+,.0%} more{interval}, one-sided p {answer.p:.2f}{without}"
    texts = [f"{why}; over all {answer.n} that is {result}."]
    if answer.smallest_detectable is not None:
        texts.append(
            f"With {count(answer.n or 0, 'breakout')} only an effect of"
            f" {answer.smallest_detectable:+,.0%} or more would be detected with 80% power, by this"
            " test alone."
        )
    return texts


def false_findings() -> str:
    """On how many pages without any effect a test is supported; empty where nobody has counted."""
    share = share_passed("evidence", ANY_SUPPORTED)
    if share is None:
        return ""
    return (
        f"Calibration: in {count(share.worlds, 'simulated world')} without an effect a test of"
        f" coins is supported on {share.passed / share.worlds:.1%} of pages (95% interval"
        f" {share.low:.1%} to {share.high:.1%}, seed {share.seed})."
    )


def counts(document: EvidenceDocument) -> str:
    """The number of all readings by verdict."""
    verdicts = ", ".join(f"{number} {name}" for name, number in document.verdicts.items() if number)
    return f"{count(len(document.claims), 'reading')} of the claims: {verdicts}."


def best_lags(document: EvidenceDocument) -> list[str]:
    """The best lag of each coin, and what the best lag reaches by chance."""
    return [
        f"{scan.asset}: the best lag is {count(scan.best_lag, 'day')}, with an annualised return"
        f" {expm1(max(scan.apart)):,.0%} higher than on other days. By chance the best lag exceeds"
        f" {expm1(scan.band):,.0%} in 5% of draws (p {scan.p:.2f})."
        for scan in document.gate_test
    ]


def forward_record(document: EvidenceDocument) -> list[str]:
    """What the dated forward record holds, and where it differs from prices as they read now."""
    record = document.since.forward if document.since else None
    if record is None:
        return []
    if record.problem:
        return [f"The forward record cannot be read: {record.problem}."]
    rows = f"The forward record holds {count(record.rows, 'session')}"
    span = f" from {record.since} to {record.last}" if record.since else ""
    return [f"{rows}{span}, each written at its time.", *record.revised]


def required_events(document: EvidenceDocument) -> str:
    """How many breakouts it takes to show the difference that the question asks for."""
    for required in document.until:
        if required.horizon == NAMED and required.why:
            so_far = count(required.had, "breakout")
            return f"Only {so_far} with a price of Bitcoin did not form the thesis. {required.why}"
    return ""


def detectable_effect(spread: float, breakouts: int) -> float:
    """The gain above the usual one that so many breakouts would show, as a fraction.

    `spread`: standard deviation of a log gain.
    """
    return expm1(smallest_difference(breakouts, spread))
