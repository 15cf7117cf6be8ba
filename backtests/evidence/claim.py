"""Claims made of what was measured, and the rules by which that becomes a verdict."""

from collections.abc import Sequence
from math import expm1, isfinite, nan
from typing import Any, Literal, NamedTuple

from backtests.evidence.document import Claim, Kind, Verdict
from backtests.evidence.estimate import Estimate
from backtests.evidence.events import LEVEL, SEEN, Excess, Side, WithoutOne, p_on_side
from backtests.statistics.holm import correct_holm
from brokers.plurals import count

# Breakouts below which no mean of theirs decides anything: one breakout would be the result.
FEWEST = 5
NEAR = 0.1  # relative difference up to which a number agrees with the claimed one
# Units of log returns, and the fractions that a document has in their place.
FRACTIONS = {"log": "fraction", "log a year": "fraction a year"}


class Statement(NamedTuple):
    """A sentence of the articles: its number, its text, how it is read where that is open."""

    id: str
    text: str
    reading: str = ""

    def read_as(self, reading: str) -> "Statement":
        """The same sentence in one of its readings."""
        return self._replace(reading=reading)

    @property
    def fields(self) -> dict[str, Any]:
        """Those of the claim that it becomes."""
        return {"id": self.id, "claim": self.text, "reading": self.reading}


def estimated_claim(
    statement: Statement,
    estimate: Estimate,
    *,
    test: str,
    data: str,
    unit: str,
    verdict: Verdict,
    why: str,
    side: Side = "both",
    null: float = 0.0,
) -> Claim:
    """A claim that an estimate with its interval decides.

    `side`: where the sentence says the figure lies, of `null`, the figure without an effect; p is
    then one-sided, else two-sided. `verdict` is that of the estimate alone, which the correction
    for all tests may withdraw (`verdict_after_correction`). Fewer than `FEWEST` observations have
    neither an interval nor a smallest detectable effect: Student's would span everything.
    """
    if estimate.n < FEWEST:
        estimate = estimate._replace(low=nan, high=nan, smallest=nan)
    is_above = estimate.estimate > null
    points_down = side == "below" or (side == "both" and not is_above)
    smallest = _finite(-estimate.smallest if points_down else estimate.smallest)
    p, contrary = _p_by_side(estimate, side, null)
    return Claim(
        **statement.fields,
        kind="test",
        test=test,
        data=data,
        n=estimate.n,
        estimate=estimate.estimate,
        low=_finite(estimate.low),
        high=_finite(estimate.high),
        unit=unit,
        null=null,
        side=side,
        p=p,
        p_contrary=contrary,
        p_without_each=[
            _p_without_one(one, is_above=is_above, sides=2 if side == "both" else 1)
            for one in estimate.without_each
        ],
        smallest_detectable=smallest,
        verdict=verdict,
        why=why,
    )


def _p_by_side(estimate: Estimate, side: Side, null: float) -> tuple[float | None, float | None]:
    """P of the sentence's side, and of the opposite one; two-sided and None where it has none."""
    p = estimate.p_against(null)
    if p is None or side == "both":
        return p, None
    above, below = (p_on_side(p, estimate.estimate - null, each) for each in ("above", "below"))
    own, opposite = (above, below) if side == "above" else (below, above)
    return own, opposite if estimate.p_opposite is None else estimate.p_opposite


def _p_without_one(one: WithoutOne, *, is_above: bool, sides: int) -> float:
    """In the direction of the estimate of all events: what points the other way shows nothing."""
    return min(1.0, sides * p_on_side(one.p, one.difference, "above" if is_above else "below"))


def in_words(difference: float, unit: str) -> str:
    """A difference in `unit` with its sign, logs as percentages."""
    if unit in FRACTIONS:
        return f"{expm1(difference):+,.0%}"
    return f"{difference:+.1%}" if unit == "share" else f"{difference:+.2f}"


def binomial_claim(
    statement: Statement,
    *,
    hits: int,
    n: int,
    base_rate: float,
    test: str,
    data: str,
    why: str,
    side: Literal["above", "below"] = "above",
) -> Claim:
    """A claim that something holds in most of few cases, against how often it holds anyway.

    `hits` of `n` cases, one at least, against `base_rate`, the share of all days: the exact
    binomial p on the side of the sentence, and the interval of Clopper and Pearson (1934). Base
    rate and p are added to `why`.
    """
    from scipy.stats import binomtest  # as long to load as all the rest

    p, contrary = (
        float(binomtest(hits, n, base_rate, alternative).pvalue)
        for alternative in (("greater", "less") if side == "above" else ("less", "greater"))
    )
    low, high = binomtest(hits, n).proportion_ci(0.95, "exact")
    detected = smallest_share(n, base_rate, side)
    opposed: Verdict = "contradicted" if contrary <= LEVEL else "inconclusive"
    return Claim(
        **statement.fields,
        kind="test",
        test=test,
        data=data,
        n=n,
        estimate=hits / n,
        low=float(low),
        high=float(high),
        unit="share",
        null=base_rate,
        side=side,
        p=p,
        p_contrary=contrary,
        smallest_detectable=None if detected is None else detected - base_rate,
        verdict="supported" if p <= LEVEL else opposed,
        why=f"{why} It is so on {base_rate:.0%} of all days: {hits} of {n} has one-sided p"
        f" {p:.2f}.",
    )


def smallest_share(n: int, base_rate: float, side: Literal["above", "below"]) -> float | None:
    """The share that an exact binomial test at 5 % of `n` cases detects with 80 % power.

    One-sided on the sentence's side; None: not even `n` of `n` would do.
    """
    from scipy import stats

    if side == "below":
        mirrored = smallest_share(n, 1.0 - base_rate, "above")
        return None if mirrored is None else 1.0 - mirrored
    enough = int(stats.binom.ppf(1.0 - LEVEL, n, base_rate)) + 1
    if enough > n:
        return None
    # P(at least k of n) is a beta distribution's in the share (Clopper and Pearson 1934).
    return float(stats.beta.ppf(SEEN, enough, n - enough + 1))


def _finite(value: float) -> float | None:
    return float(value) if isfinite(value) else None


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
        **statement.fields,
        kind="fact",
        test=test,
        data=data,
        n=n,
        estimate=estimate,
        low=None,
        high=None,
        unit=unit,
        p=None,
        verdict=verdict if is_final else "inconclusive",
        why=why,
    )


def untestable_claim(statement: Statement, needed: str, problem: str = "") -> Claim:
    """Prices cannot decide it; `needed` could, and `problem` says why it was not used."""
    why = f"Testable with {needed}.{f' {problem}' if problem else ''}"
    return _claim_without_test(statement, "not testable with prices", why, kind="fact", n=None)


def missing_prices(statement: Statement, series: str, *, kind: Kind = "test") -> Claim:
    """Prices could decide it, but are not there."""
    why = f"There are no prices of {series}."
    return _claim_without_test(statement, "inconclusive", why, kind=kind, n=0)


def _claim_without_test(
    statement: Statement, verdict: Verdict, why: str, *, kind: Kind, n: int | None
) -> Claim:
    return Claim(
        **statement.fields,
        kind=kind,
        test="none",
        data="",
        n=n,
        estimate=None,
        low=None,
        high=None,
        unit="",
        p=None,
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


def verdict_on_no_effect(low: float) -> Verdict:
    """Of a claim that there is none above 0; `low` is the lower end of the interval.

    An effect contradicts it. That there is none cannot be shown, and an effect below 0 is one too.
    """
    return "contradicted" if low > 0.0 else "inconclusive"


def verdict_on_excess(excess: Excess) -> Verdict:
    """By the interval, from `FEWEST` events on; the claim is that more is gained after events."""
    if excess.n < FEWEST:
        return "inconclusive"
    return verdict_by_interval(excess.low, excess.high)


def correct_claims(claims: Sequence[Claim]) -> list[Claim]:
    """All claims of a page with each p corrected for all tests, and with the verdicts that leaves.

    The directions that sentences state and their opposites are two families.
    """
    corrected = correct_holm([claim.p for claim in claims])
    contrary = correct_holm([claim.p_contrary for claim in claims])
    changed = [
        claim.model_copy(update={"p_corrected": p, "p_contrary": opposite})
        for claim, p, opposite in zip(claims, corrected, contrary, strict=True)
    ]
    return [
        claim.model_copy(update={"verdict": verdict_after_correction(claim)}) for claim in changed
    ]


def conclusion(before: Claim, after: Claim) -> str:
    """What to say of a test that is inconclusive after the correction; "" for any other claim."""
    if after.kind != "test" or after.verdict != "inconclusive" or after.estimate is None:
        return ""
    text, smallest = "", after.smallest_detectable
    if before.verdict != after.verdict:
        step = "the correction for all tests" if is_robust(after) else "leaving out one event"
        text = f" Alone it would be {before.verdict}; after {step} it is not."
    if smallest is not None:
        in_unit = in_words(smallest, after.unit)
        return f"{text} Smallest effect detectable with 80 % power: {in_unit}."
    is_few = after.n is not None and after.n < FEWEST
    return f"{text} A conclusion takes at least {FEWEST}." if is_few else text


def verdict_after_correction(claim: Claim) -> Verdict:
    """The verdict of a claim whose p is corrected for all tests (`p_corrected`, `p_contrary`).

    A fact of record keeps its verdict. A test is supported, or contradicted, only if the corrected
    p of that direction is 5 % or less, and if p is with each event left out.
    """
    if claim.kind == "fact" or claim.verdict not in ("supported", "contradicted"):
        return claim.verdict
    is_contrary = claim.verdict == "contradicted" and claim.side != "both"
    p = claim.p_contrary if is_contrary else claim.p_corrected
    is_shown = p is not None and p <= LEVEL
    return claim.verdict if is_shown and is_robust(claim) else "inconclusive"


def corrected_tests(claims: Sequence[Claim], answer: Claim | None) -> list[Claim]:
    """All tests that are corrected together: those of the claims, and that of the question."""
    asked = [answer] if answer else []
    return [claim for claim in (*claims, *asked) if claim.kind == "test" and claim.p is not None]


def count_survivors(tests: Sequence[Claim], answer: Claim | None) -> str:
    """How many tests survive the correction, and which but the question's, as a clause."""
    shown = [claim for claim in tests if is_significant(claim)]
    ids = ", ".join(dict.fromkeys(claim.id for claim in shown if claim is not answer))
    return (
        f"Of {count(len(tests), 'test')} {len(shown) or 'none'}"
        f" {'survives' if len(shown) == 1 else 'survive'} the correction for multiple testing at"
        f" {LEVEL:.0%}{f' ({ids})' if ids else ''}"
    )


def is_significant(claim: Claim) -> bool:
    """Whether a test survives the correction with a verdict, also in an older document."""
    corrected = [p for p in (claim.p_corrected, claim.p_contrary) if p is not None]
    is_decided = claim.kind == "test" and claim.verdict in ("supported", "contradicted")
    return is_decided and bool(corrected) and min(corrected) <= LEVEL and is_robust(claim)


def is_robust(claim: Claim) -> bool:
    """Whether p is 5 % or less with each event left out in turn; so where there are no events."""
    return all(p <= LEVEL for p in claim.p_without_each)


def in_fractions(claim: Claim) -> Claim:
    """The claim with log returns turned into fractions, as a trader reads them."""
    if claim.unit not in FRACTIONS:
        return claim
    names = ("estimate", "low", "high", "null", "smallest_detectable")
    values = {name: getattr(claim, name) for name in names}
    figures = {name: None if value is None else expm1(value) for name, value in values.items()}
    return claim.model_copy(update={"unit": FRACTIONS[claim.unit], **figures})


def is_close(measured: float, claimed: float) -> bool:
    """Whether a number is about the claimed one."""
    return abs(measured / claimed - 1.0) <= NEAR
