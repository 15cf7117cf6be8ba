"""The tables of the evidence, for terminal and page."""

from math import expm1

from backtests.evidence.document import Claim, EvidenceDocument
from backtests.performance.forward_returns import HORIZONS
from backtests.report.cells import NONE, Cell, Table, gain, number

KINDS = {"supported": "good", "contradicted": "bad"}
UNITS = {"log a year": "annualised log return", "share": "fraction"}  # as they are shown


def verdict_tiles(document: EvidenceDocument) -> list[tuple[str, str, str]]:
    """Number of claims by verdict."""
    total = f"of {len(document.claims)}"
    return [(verdict, str(count), total) for verdict, count in document.verdicts.items()]


def claim_table(document: EvidenceDocument) -> Table:
    """Every reading of every claim.

    Small under the verdict n, under the estimate its unit and interval, under p Holm's.
    """
    headings = [
        ("no.", False),
        ("claim", False),
        ("verdict", False),
        ("result", False),
        ("estimate", True),
        ("p", True),
    ]
    return Table(headings, [_claim_row(claim) for claim in document.claims])


def _claim_row(claim: Claim) -> list[Cell]:
    is_whole = claim.unit == "days"
    estimate = number(claim.estimate, "{:,.0f}" if is_whole else "{:,.2f}")
    p = number(claim.p, "{:.3f}")
    if claim.estimate is not None:
        unit = UNITS.get(claim.unit, claim.unit)
        estimate = estimate._replace(text=f"{estimate.text}\n{unit}{_interval(claim)}")
    if claim.p is not None:
        p = p._replace(text=f"{p.text}\nHolm {claim.p_holm:.3f}")
    sentence = claim.claim + (f"\n{claim.reading}" if claim.reading else "")
    verdict = claim.verdict + (f"\nn {claim.n:,}" if claim.n else "")
    return [
        Cell(claim.id),
        Cell(sentence, kind="sentence"),
        Cell(verdict, kind=KINDS.get(claim.verdict, "")),
        Cell(f"{claim.why}\n{claim.test}", kind="sentence"),
        estimate,
        p,
    ]


def _interval(claim: Claim) -> str:
    if claim.low is None or claim.high is None:
        return ""
    form = "{:.0f}" if claim.unit == "days" else "{:+.2f}"
    return f"\n{form.format(claim.low)} to {form.format(claim.high)}"


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
        ("mean gain", True),
        ("at random dates", True),
        ("mean with one left out", True),
        ("p", True),
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


def definition_table(document: EvidenceDocument) -> Table:
    """Bitcoin over 3 months, by the definition of a breakout."""
    headings = (
        "base (sessions)",
        "closes above",
        "breakouts",
        "with BTC prices",
        "BTC",
        "at random dates",
        "p",
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
        ("annualised log return", True),
        ("95 % interval", True),
        ("p", True),
    )
    rows = [
        [
            Cell(lead.leader),
            Cell(lead.follower),
            number(lead.weeks, "{:,}"),
            number(lead.n, "{:,}"),
            number(lead.estimate, "{:+.2f}"),
            Cell(f"{lead.low:+.2f} to {lead.high:+.2f}", lead.low, "number"),
            number(lead.p, "{:.3f}"),
        ]
        for lead in document.leads
    ]
    return Table(headings, rows)


def _fraction(log_gain: float | None) -> float | None:
    return None if log_gain is None else expm1(log_gain)
