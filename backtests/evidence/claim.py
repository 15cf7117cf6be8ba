"""Claims made of what was measured, and the rules by which that becomes a verdict."""

from math import isfinite
from typing import NamedTuple

from backtests.evidence.document import Claim, Verdict
from backtests.evidence.estimate import Estimate
from backtests.evidence.events import SEEN, Excess

# Breakouts below which no mean of theirs decides anything: one breakout would be the result.
FEWEST = 5
NEAR = 0.1  # relative difference up to which a number agrees with the claimed one


class Statement(NamedTuple):
    """A sentence of the articles: its number, its text, how it is read where that is open."""

    id: str
    text: str
    reading: str = ""

    def read_as(self, reading: str) -> "Statement":
        """The same sentence in one of its readings."""
        return self._replace(reading=reading)


def tested_claim(
    statement: Statement,
    estimate: Estimate,
    *,
    test: str,
    data: str,
    unit: str,
    verdict: Verdict,
    why: str,
) -> Claim:
    """A claim that an estimate with its interval decides."""
    return Claim(
        id=statement.id,
        claim=statement.text,
        reading=statement.reading,
        test=test,
        data=data,
        n=estimate.n,
        estimate=estimate.estimate,
        low=estimate.low,
        high=estimate.high,
        unit=unit,
        p=estimate.p,
        power=estimate.power if isfinite(estimate.power) else None,
        verdict=verdict,
        why=why,
    )


def factual_claim(
    statement: Statement,
    *,
    test: str,
    data: str,
    estimate: float | None,
    unit: str,
    holds: bool,
    why: str,
    n: int = 1,
    is_final: bool = True,
) -> Claim:
    """A statement about what happened: it did, or it did not; or that is not final yet."""
    verdict: Verdict = "supported" if holds else "contradicted"
    return Claim(
        id=statement.id,
        claim=statement.text,
        reading=statement.reading,
        test=test,
        data=data,
        n=n,
        estimate=estimate,
        low=None,
        high=None,
        unit=unit,
        p=None,
        power=None,
        verdict=verdict if is_final else "inconclusive",
        why=why,
    )


def untestable_claim(statement: Statement, needed: str, problem: str = "") -> Claim:
    """Prices cannot decide it; `needed` could, and `problem` says why it was not used."""
    why = f"Testable with {needed}.{f' {problem}' if problem else ''}"
    return _claim_without_test(statement, "not testable with prices", why, n=None)


def missing_prices(statement: Statement, series: str) -> Claim:
    """Prices could decide it, but are not there."""
    return _claim_without_test(statement, "inconclusive", f"There are no prices of {series}.", n=0)


def _claim_without_test(statement: Statement, verdict: Verdict, why: str, n: int | None) -> Claim:
    return Claim(
        id=statement.id,
        claim=statement.text,
        reading=statement.reading,
        test="none",
        data="",
        n=n,
        estimate=None,
        low=None,
        high=None,
        unit="",
        p=None,
        power=None,
        verdict=verdict,
        why=why,
    )


def verdict_by_interval(
    low: float, high: float, null: float = 0.0, *, rises: bool = True
) -> Verdict:
    """Whether the whole interval lies on the claim's side of `null`, or on the other.

    `rises`: the claim is that the figure is above `null`, else that it is below.
    """
    above, below = low > null, high < null
    holds, fails = (above, below) if rises else (below, above)
    return "supported" if holds else "contradicted" if fails else "inconclusive"


def verdict_on_excess(excess: Excess) -> Verdict:
    """By the interval, from `FEWEST` events on; the claim is that more is gained after events."""
    if excess.n < FEWEST:
        return "inconclusive"
    return verdict_by_interval(excess.low, excess.high)


def verdict_with_power(estimate: Estimate, *, rises: bool = True) -> Verdict:
    """By the interval, if the test has 80 % power to detect what was measured.

    Where so many slopes are tried, one whose interval just clears zero shows nothing.
    """
    if estimate.power < SEEN:
        return "inconclusive"
    return verdict_by_interval(estimate.low, estimate.high, rises=rises)


def is_close(measured: float, claimed: float) -> bool:
    """Whether a number is about the claimed one."""
    return abs(measured / claimed - 1.0) <= NEAR
