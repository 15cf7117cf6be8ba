"""The evidence in sentences, for terminal and page."""

from math import ceil

from backtests.evidence.document import EvidenceDocument, RequiredEventsRecord
from backtests.evidence.events import LEVEL
from brokers.plurals import count

# What a trader would ask first, by number and reading of the claim.
KEY_CLAIMS = {
    ("A2", ""): "Out of sample, breakouts other than 2016 and 2020",
    ("A15", ""): "Gate open against closed",
    ("A11", "the gate, controlling for the halving cycle"): "Halving cycle",
    ("B11", ""): "Bitcoin's own trend",
}


def headline(document: EvidenceDocument) -> str:
    """The number of claims by verdict, in a sentence."""
    return document.line.partition(". ")[0].rstrip(".") + "."


def significance(document: EvidenceDocument) -> str:
    """Which p are small, before and after the correction for all tests; empty without any p."""
    tested = [claim for claim in document.claims if claim.p is not None]
    if not tested:
        return ""
    small = [claim.id for claim in tested if claim.p is not None and claim.p <= LEVEL]
    corrected = [claim.id for claim in tested if claim.p_holm is not None and claim.p_holm <= LEVEL]
    return (
        f"Significance: of {count(len(tested), 'test')} with a p, p is {LEVEL:.0%} or less in"
        f" {_list(small)}; after Holm's correction for all tests: {_list(corrected)}."
    )


def _list(ids: list[str]) -> str:
    """The claims in their order, each once."""
    return ", ".join(dict.fromkeys(ids)) or "none"


def best_lags(document: EvidenceDocument) -> list[str]:
    """The best lag of each coin, and what the best lag reaches by chance."""
    return [
        f"{scan.asset}: the best lag is {count(scan.best_lag, 'day')}, with an annualised log"
        f" return {max(scan.apart):.2f} higher than on other days. By chance the best lag exceeds"
        f" {scan.band:.2f} in 5% of draws (p {scan.p:.2f})."
        for scan in document.gate_test
    ]


def key_results(document: EvidenceDocument) -> list[str]:
    """The claims a trader would ask about first, and what multiple testing leaves of all."""
    by_key = {(claim.id, claim.reading): claim.why for claim in document.claims}
    texts = [f"{name}: {by_key[key]}" for key, name in KEY_CLAIMS.items() if key in by_key]
    return [*texts, *(text for text in (significance(document),) if text)]


def required_events(document: EvidenceDocument) -> list[str]:
    """How many breakouts it takes to detect the measured difference."""
    return [_required_events(required) for required in document.until]


def _required_events(required: RequiredEventsRecord) -> str:
    what = f"Bitcoin over {required.horizon}"
    so_far = f"{count(required.had, 'out-of-sample breakout')} so far"
    if required.events is None:
        return (
            f"{what}: {so_far}, with gains no larger than at random dates; no number of"
            " breakouts would show a difference."
        )
    more = max(ceil(required.events - required.had), 0)
    if not more or not required.years:
        return f"{what}: {so_far}, enough for 80 % power to detect the measured difference."
    return (
        f"{what}: {so_far}. About {count(more, 'more breakout')} needed for 80 % power to detect"
        f" the measured difference: {required.years:,.0f} years at the rate since the index began."
    )
