"""The tables of the evidence, for terminal and page."""

from collections.abc import Sequence
from math import expm1

from backtests.evidence.claim import corrected_tests, in_fractions, is_significant
from backtests.evidence.document import Claim, EvidenceDocument
from backtests.evidence.elsewhere import ExcessElsewhere, PooledElsewhere
from backtests.evidence.history import BITCOIN, ETHER, INDEX
from backtests.evidence.since_publication import (
    BROAD,
    MEDIAN_ALT,
    STRATEGY,
    GainsRecord,
    PublicationRecord,
)
from backtests.performance.forward_returns import HORIZONS
from backtests.report.cells import NONE, Cell, Table, gain, number
from backtests.statistics.calibrated_shares import share_passed

KINDS = {"supported": "good", "contradicted": "bad"}
# How figures of a unit are shown, and what stands below them.
FORMS = {
    "fraction": ("{:+,.0%}", ""),
    "fraction a year": ("{:+,.0%}", "a year"),
    "share": ("{:.1%}", ""),
    "correlation": ("{:+.2f}", "correlation"),
    "beta": ("{:.2f}", "beta"),
    "days": ("{:,.0f}", "days"),
}

# Of the table of gains since publication: what the question is about.
IN_SHORT = (INDEX, BROAD, BITCOIN, ETHER, MEDIAN_ALT, STRATEGY)


def verdict_tiles(document: EvidenceDocument) -> list[tuple[str, str, str]]:
    """What survives the correction, what is so by the record, and what no price decides."""
    tests = corrected_tests(document.claims, document.answer)
    significant = sum(map(is_significant, tests))
    facts = {verdict: document.facts.get(verdict, 0) for verdict in ("supported", "contradicted")}
    untestable = document.verdicts.get("not testable with prices", 0)
    tiles = [
        ("tests that survive correction", f"{significant}", f"of {len(tests)}"),
        (
            "facts of record supported",
            f"{facts['supported']}",
            f"{facts['contradicted']} contradicted",
        ),
        ("not testable with prices", f"{untestable}", f"of {len(document.claims)} readings"),
    ]
    if document.answer is not None:
        years = sorted(path.opened[:4] for path in document.paths)
        span = f"{years[0]} to {years[-1]}" if years else ""
        tiles.insert(0, ("breakouts with a price of Bitcoin", f"{document.answer.n}", span))
    return tiles


def tested_claims(document: EvidenceDocument) -> list[Claim]:
    """Claims that are tested, or would be with prices."""
    return [claim for claim in document.claims if claim.kind == "test" and not is_open(claim)]


def facts_of_record(document: EvidenceDocument) -> list[Claim]:
    """Claims that the record decides."""
    return [claim for claim in document.claims if claim.kind == "fact" and not is_open(claim)]


def open_claims(document: EvidenceDocument) -> list[Claim]:
    """Claims that no price decides."""
    return [claim for claim in document.claims if is_open(claim)]


def is_open(claim: Claim) -> bool:
    """Whether no price decides it."""
    return claim.verdict == "not testable with prices"


def claim_table(document: EvidenceDocument) -> Table:
    """Every reading that is tested.

    Small under the verdict n, under the estimate its unit, interval and smallest detectable
    effect, under p the corrected one.
    """
    headings = [
        ("no.", False),
        ("claim", False),
        ("verdict", False),
        ("result", False),
        ("estimate", True),
        ("p", True),
    ]
    return Table(headings, [_test_row(claim) for claim in tested_claims(document)])


def fact_table(document: EvidenceDocument) -> Table:
    """Every fact of record."""
    headings = [(name, False) for name in ("no.", "claim", "verdict", "result")]
    rows = [
        [*_first_cells(claim), _figure(claim)._replace(text=_figure_text(claim))]
        for claim in facts_of_record(document)
    ]
    return Table([*headings, ("figure", True)], rows)


def open_table(document: EvidenceDocument) -> Table:
    """What no price decides, and which data would."""
    headings = [(name, False) for name in ("no.", "claim", "what would decide it")]
    rows = [
        [Cell(claim.id), _sentence(claim), Cell(claim.why, kind="sentence")]
        for claim in open_claims(document)
    ]
    return Table(headings, rows)


def _first_cells(claim: Claim) -> list[Cell]:
    verdict = claim.verdict + (f"\nn {claim.n:,}" if claim.n else "")
    return [
        Cell(claim.id),
        _sentence(claim),
        Cell(verdict, kind=KINDS.get(claim.verdict, "")),
        Cell(f"{claim.why}\n{claim.test}", kind="sentence"),
    ]


def _sentence(claim: Claim) -> Cell:
    reading = f"\n{claim.reading}" if claim.reading else ""
    return Cell(claim.claim + reading, kind="sentence")


def _test_row(claim: Claim) -> list[Cell]:
    p = number(claim.p, "{:.3f}")
    if claim.p is not None:
        sides = [] if claim.side == "both" else ["one-sided"]
        p = p._replace(text="\n".join([p.text, *sides, _corrected(claim), *_chance(claim)]))
    return [*_first_cells(claim), _figure(claim)._replace(text=_figure_text(claim)), p]


def _corrected(claim: Claim) -> str:
    """The corrected p, of the opposite direction where that is the verdict."""
    if claim.verdict == "contradicted" and claim.p_contrary is not None:
        return f"opposite, corrected {claim.p_contrary:.3f}"
    return f"corrected {claim.p_corrected:.3f}" if claim.p_corrected is not None else ""


def _chance(claim: Claim) -> list[str]:
    """How often the test is supported without an effect, where it has been counted."""
    share = share_passed("evidence", f"{claim.id} {claim.reading}".strip())
    return [] if share is None else [f"by chance {share.passed} of {share.worlds:,}"]


def _figure(claim: Claim) -> Cell:
    return number(claim.estimate, _form(claim.unit)[0])


def _figure_text(claim: Claim) -> str:
    """The figure with its unit, interval and smallest detectable effect below it."""
    shown = in_fractions(claim)  # an older document has logs
    form, unit = _form(shown.unit)
    lines = [_figure(shown).text]
    if shown.estimate is not None and unit:
        lines.append(unit)
    if shown.low is not None and shown.high is not None:
        lines.append(f"{form.format(shown.low)} to {form.format(shown.high)}")
    if shown.smallest_detectable is not None:
        lines.append(f"detectable {form.format(shown.smallest_detectable)}")
    return "\n".join(lines)


def _form(unit: str) -> tuple[str, str]:
    return FORMS.get(unit, ("{:,.2f}", unit))


def event_table(document: EvidenceDocument) -> Table:
    """What followed each breakout, one row for each asset."""
    headings = (
        ("breakout", False),
        ("record passed", True),
        ("asset", False),
        *((horizon, True) for horizon in HORIZONS),
    )
    rows = [
        [
            Cell(event.opened[:10]),
            number(event.level, "{:,.2f}"),
            Cell(asset),
            *(gain(gains[horizon], "{:+,.0%}") for horizon in HORIZONS),
        ]
        for event in document.events
        for asset, gains in event.after.items()
        if any(value is not None for value in gains.values())
    ]
    return Table(headings, rows)


def response_table(document: EvidenceDocument) -> Table:
    """Gains after breakouts beside those at random dates, and how they depend on one breakout."""
    headings = (
        ("asset", False),
        ("horizon", False),
        ("breakouts", True),
        ("geometric mean gain", True),
        ("at random dates", True),
        ("mean with one left out", True),
        ("two-sided p", True),
        ("p of the spread", True),
    )
    rows = []
    for response in document.follows:
        means = [expm1(mean) for mean in response.without_each]
        between = f"{min(means):+,.0%} to {max(means):+,.0%}" if means else NONE
        row = [
            Cell(response.asset),
            Cell(response.horizon),
            number(response.n, "{:,}"),
            gain(_fraction(response.mean), "{:+,.0%}"),
            gain(_fraction(response.usual), "{:+,.0%}"),
            Cell(between, min(means, default=None), "number"),
            number(response.p, "{:.3f}"),
            number(response.spread_p, "{:.3f}"),
        ]
        rows.append(row)
    return Table(headings, rows)


def since_table(publication: PublicationRecord, assets: Sequence[str] | None = None) -> Table:
    """What assets have gained since one day on which the articles may have appeared; None: all."""
    headings = [("", False), *((_span(gains), True) for gains in publication.after)]
    known = publication.after[0].gains if publication.after else {}
    rows = [
        [Cell(asset), *(gain(gains.gains[asset], "{:+,.0%}") for gains in publication.after)]
        for asset in (known if assets is None else (name for name in assets if name in known))
    ]
    return Table(headings, rows)


def _span(gains: GainsRecord) -> str:
    """The horizon and the day that it ends."""
    return f"{gains.horizon}, {'' if gains.over else 'ends '}{gains.ends}"


def elsewhere_table(document: EvidenceDocument) -> Table:
    """What other assets gained on the broad index after breakouts, the pooled effect in front."""
    headings = (
        ("breakouts of", False),
        ("asset", False),
        ("horizon", False),
        ("breakouts", True),
        ("above the usual gain (geometric mean)", True),
        ("95 % interval", True),
        ("two-sided p", True),
    )
    elsewhere = document.elsewhere
    pooled = [
        _elsewhere_row(each, f"all ({len(each.assets)})", each.estimate)
        for each in (elsewhere.pooled if elsewhere else ())
    ]
    single = [
        _elsewhere_row(each, each.asset, each.difference)
        for each in (elsewhere.excess if elsewhere else ())
    ]
    return Table(headings, [*pooled, *single])


def _elsewhere_row(
    record: PooledElsewhere | ExcessElsewhere, asset: str, difference: float
) -> list[Cell]:
    return [
        Cell(record.index),
        Cell(asset),
        Cell(record.horizon),
        number(record.n, "{:,}"),
        gain(expm1(difference), "{:+,.1%}"),
        _interval(_fraction(record.low), _fraction(record.high)),
        number(record.p, "{:.3f}"),
    ]


def _interval(low: float | None, high: float | None) -> Cell:
    if low is None or high is None:
        return number(None, "")
    return Cell(f"{low:+,.1%} to {high:+,.1%}", low, "number")


def definition_table(document: EvidenceDocument) -> Table:
    """Bitcoin over 3 months, by the definition of a breakout."""
    headings = (
        "base (sessions)",
        "closes above",
        "breakouts",
        "with BTC prices",
        "BTC (geometric mean)",
        "at random dates",
        "two-sided p",
    )
    rows = [
        [
            number(definition.base_sessions, "{:,}"),
            number(definition.confirm_sessions, "{:,}"),
            number(definition.breakouts, "{:,}"),
            number(definition.n, "{:,}"),
            gain(_fraction(definition.mean), "{:+,.0%}"),
            gain(_fraction(definition.usual), "{:+,.0%}"),
            number(definition.p, "{:.3f}"),
        ]
        for definition in document.definitions
    ]
    return Table([(heading, True) for heading in headings], rows)


def lead_table(document: EvidenceDocument) -> Table:
    """Who predicts whose next week, pair by pair."""
    headings = (
        ("leader", False),
        ("follower", False),
        ("change over (weeks)", True),
        ("n", True),
        ("return a year", True),
        ("95 % interval", True),
        ("two-sided p", True),
    )
    rows = [
        [
            Cell(lead.leader),
            Cell(lead.follower),
            number(lead.weeks, "{:,}"),
            number(lead.n, "{:,}"),
            number(expm1(lead.estimate), "{:+.0%}"),
            Cell(f"{expm1(lead.low):+.0%} to {expm1(lead.high):+.0%}", lead.low, "number"),
            number(lead.p, "{:.3f}"),
        ]
        for lead in document.leads
    ]
    return Table(headings, rows)


def _fraction(log_gain: float | None) -> float | None:
    return None if log_gain is None else expm1(log_gain)
