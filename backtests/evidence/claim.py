"""One claim and what was found about it; the rules by which that becomes one word."""

from typing import Literal, NamedTuple

from backtests.evidence.events import Excess

Word = Literal["supported", "contradicted", "cannot be told", "not testable with prices"]
FEWEST = (
    5  # events below which no mean of theirs decides anything: one breakout would be the result
)
NEAR = 0.1  # share by which a number may differ from what was said and be "about" that


class Claim(NamedTuple):
    """`claim` is the sentence, `reading` how it is read where there are several, `test` what was done, on `data`.

    `estimate` and its 95 % interval `low` to `high` are in `unit`, `n` counts what is independent in them. `power`: how often the test would
    have seen what was measured, were it true. None: it does not exist, or would mean nothing. `why` is one sentence.
    """

    id: str
    claim: str
    reading: str
    test: str
    data: str
    n: int | None
    estimate: float | None
    low: float | None
    high: float | None
    unit: str
    p: float | None
    power: float | None
    verdict: Word
    why: str


def stated(
    id_: str,
    claim: str,
    test: str,
    data: str,
    estimate: float | None,
    unit: str,
    holds: bool,
    why: str,
    reading: str = "",
    n: int = 1,
) -> Claim:
    """A statement about what happened: it did, or it did not."""
    return Claim(
        id_,
        claim,
        reading,
        test,
        data,
        n,
        estimate,
        None,
        None,
        unit,
        None,
        None,
        "supported" if holds else "contradicted",
        why,
    )


def untestable(id_: str, claim: str, needed: str) -> Claim:
    """Prices cannot say; `needed` is what could."""
    return Claim(
        id_,
        claim,
        "",
        "none",
        "",
        None,
        None,
        None,
        None,
        "",
        None,
        None,
        "not testable with prices",
        f"What would decide: {needed}.",
    )


def lacking(id_: str, claim: str, series: str) -> Claim:
    """Prices could say, but are not there."""
    return Claim(
        id_,
        claim,
        "",
        "none",
        "",
        0,
        None,
        None,
        None,
        "",
        None,
        None,
        "cannot be told",
        f"There are no prices of {series}.",
    )


def weighed(found: Excess) -> Word:
    """By the interval, from `FEWEST` events on: all of it above 0 supports a claim that more is gained, all of it below contradicts."""
    if found.n < FEWEST or found.low <= 0.0 <= found.high:
        return "cannot be told"
    return "supported" if found.low > 0.0 else "contradicted"


def about(found: float, said: float) -> bool:
    """Whether a number is about what was said."""
    return abs(found / said - 1.0) <= NEAR
