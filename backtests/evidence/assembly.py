"""evidence.json out of what was measured."""

from collections.abc import Mapping, Sequence
from math import expm1
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.breakouts import FORMED, NAMED, EventStudy, NeededBreakouts, Response
from backtests.evidence.claim import (
    Statement,
    conclusion,
    correct_claims,
    corrected_tests,
    count_survivors,
    estimated_claim,
    in_fractions,
    verdict_on_excess,
)
from backtests.evidence.document import (
    VERDICTS,
    VERSION,
    Claim,
    CrossRecord,
    DefinitionRecord,
    EventRecord,
    EvidenceDocument,
    ExcessRecord,
    LagRecord,
    LeadRecord,
    RequiredEventsRecord,
    ResponseRecord,
    SeriesRecord,
    TurnRecord,
    Verdict,
)
from backtests.evidence.elsewhere import Elsewhere
from backtests.evidence.event_paths import halving_cycles, paths_around
from backtests.evidence.events import leave_one_out_means, p_on_side
from backtests.evidence.history import BITCOIN, INDEX, History
from backtests.evidence.lag_scan import Scan
from backtests.evidence.lead_lag import Cross, Lead
from backtests.evidence.since_publication import SincePublication
from backtests.evidence.turning_points import LAYERS, SPILL, Kind, order_of_turns
from backtests.performance.forward_returns import HORIZONS
from brokers.json_values import to_json
from brokers.plurals import count
from brokers.prices.clean import day_of_close
from config.settings import Settings

QUESTION = Statement("Q", "Does the Russell's breakout lead Bitcoin?")
ANSWERS: Mapping[Verdict, str] = {
    "supported": "Yes",
    "contradicted": "No, the opposite",
    "inconclusive": "Not shown",
}


class Lags(NamedTuple):
    """Who comes first."""

    scans: list[Scan]
    leads: list[Lead]
    crosses: list[Cross]


def assemble_document(
    claims: Sequence[Claim],
    study: EventStudy | None,
    history: History,
    settings: Settings,
    lags: Lags | None = None,
    *,
    since: SincePublication | None = None,
    elsewhere: Elsewhere | None = None,
) -> EvidenceDocument:
    """The content of evidence.json; the same prices and seed make the same bytes."""
    asked = answer_claim(study) if study else None
    corrected = correct_claims([*claims, *([asked] if asked else [])])
    answer = in_fractions(corrected.pop()) if asked else None
    finished = [
        in_fractions(after).model_copy(update={"why": after.why + conclusion(before, after)})
        for before, after in zip(claims, corrected, strict=True)
    ]
    lags = lags or Lags([], [], [])
    return EvidenceDocument(
        version=VERSION,
        line=summary_line(finished, answer),
        answer=answer,
        verdicts=_count_verdicts(finished),
        facts=_count_verdicts([claim for claim in finished if claim.kind == "fact"]),
        tests=_count_verdicts([claim for claim in finished if claim.kind == "test"]),
        claims=finished,
        events=_event_records(study, settings) if study else [],
        follows=_response_records(study) if study else [],
        definitions=_definition_records(study) if study else [],
        gate_test=[_lag_record(scan) for scan in lags.scans],
        leads=[_lead_record(lead) for lead in lags.leads],
        crosses=[_cross_record(cross) for cross in lags.crosses],
        turns=_turn_records(history) if study else [],
        paths=paths_around(history, study.events) if study else [],
        cycles=halving_cycles(history) if study else [],
        until=[_required_record(needed) for needed in (study.required if study else ())],
        since=since,
        elsewhere=elsewhere,
        lacking=dict(history.lacking),
        sample=history.prices.sample,
        fallback=history.prices.fallback,
        seed=settings.evidence.seed,
        draws=settings.evidence.draws,
        data=_series_records(history),
    )


def _count_verdicts(claims: Sequence[Claim]) -> dict[Verdict, int]:
    return {verdict: sum(claim.verdict == verdict for claim in claims) for verdict in VERDICTS}


def answer_claim(study: EventStudy) -> Claim | None:
    """The test that answers the question of the page, fixed before any price is seen.

    Bitcoin over the longest horizon that the articles name, after all breakouts for which there
    are prices, against the least favourable random dates. None without prices.
    """
    response = study.responses.get((BITCOIN, NAMED))
    if response is None:
        return None
    excess = response.strictest("above")
    formed = sum(event.year in FORMED for event in response.gains.events)
    why = (
        f"over {NAMED} after {count(excess.n, 'breakout')}, {formed or 'none'} of which formed the"
        f" thesis, Bitcoin gained {expm1(excess.mean):+,.0%} (geometric mean),"
        f" {expm1(excess.usual):+,.0%} at random dates{_out_of_sample(study)}"
    )
    claim = estimated_claim(
        QUESTION,
        response.estimate("above"),
        test="mean log gain after breakouts against random dates drawn in three ways; the least"
        " favourable counts",
        data=f"{BITCOIN}, {INDEX}",
        unit="log",
        verdict=verdict_on_excess(excess),
        why="",
        side="above",
    )
    return claim.model_copy(update={"why": why})  # a clause, which page and line continue


def _out_of_sample(study: EventStudy) -> str:
    """The same after the breakouts that nobody fitted a thesis to."""
    response = study.out_of_sample.get(NAMED)
    if response is None:
        return ""
    excess = response.strictest("above")
    p = p_on_side(excess.p, excess.difference, "above")
    return (
        f"; after the {excess.n} out of sample {expm1(excess.mean):+,.0%},"
        f" {expm1(excess.usual):+,.0%} at random dates (one-sided p {p:.2f})"
    )


def summary_line(claims: Sequence[Claim], answer: Claim | None) -> str:
    """The result in one line, to be quoted elsewhere: the answer, and what survives correction."""
    tests = corrected_tests(claims, answer)
    facts = [claim.verdict for claim in claims if claim.kind == "fact"]
    recorded = (
        f"Facts of record: {facts.count('supported')} supported, {facts.count('contradicted')}"
        f" contradicted."
    )
    parts = [f"{count_survivors(tests, answer)}."] if tests else []
    if answer is not None:
        chance = (
            f"over all {answer.n} one-sided p {answer.p:.2f}, corrected {answer.p_corrected:.2f}"
        )
        parts = [f"{QUESTION.text} {ANSWERS[answer.verdict]}: {answer.why}; {chance}.", *parts]
    return " ".join([*parts, recorded])


def _event_records(study: EventStudy, settings: Settings) -> list[EventRecord]:
    return [
        EventRecord(
            opened=event.isoformat(),
            level=to_json(study.levels[event]),
            base_sessions=settings.gate.base_sessions,
            after=_gains_after(event, study),
        )
        for event in study.events
    ]


def _gains_after(event: pd.Timestamp, study: EventStudy) -> dict[str, dict[str, float | None]]:
    """Gains as fractions by asset and horizon; None where there are no prices for so long."""
    gains: dict[str, dict[str, float | None]] = {}
    for (asset, horizon), response in study.responses.items():
        rows = np.flatnonzero(response.gains.events == event)
        by_horizon = gains.setdefault(asset, dict.fromkeys(HORIZONS))
        if len(rows):
            by_horizon[horizon] = float(np.expm1(response.gains.gains[rows[0]]))
    return gains


def _response_records(study: EventStudy) -> list[ResponseRecord]:
    return [
        ResponseRecord(
            asset=response.asset,
            horizon=response.horizon,
            without_each=leave_one_out_means(response.gains).tolist(),
            **_excess_record(response).model_dump(),
        )
        for response in study.responses.values()
    ]


def _definition_records(study: EventStudy) -> list[DefinitionRecord]:
    return [
        DefinitionRecord(
            base_sessions=definition.base_sessions,
            confirm_sessions=definition.confirm_sessions,
            breakouts=definition.breakouts,
            **(
                _excess_record(definition.response) if definition.response else ExcessRecord()
            ).model_dump(),
        )
        for definition in study.definitions
    ]


def _excess_record(response: Response) -> ExcessRecord:
    """Against the least favourable dates, and p against each kind."""
    excess = response.strictest()
    p_against = {name: each.p for name, each in response.comparisons.items()}
    figures = excess._asdict() | {"difference": excess.difference, "p_against": p_against}
    del figures["without_each"]  # of the breakouts' means, which `without_each` has
    return ExcessRecord.model_validate(to_json(figures))


def _lag_record(scan: Scan) -> LagRecord:
    figures = scan._asdict() | {
        "apart": np.round(scan.apart, 6),
        "best_lag": scan.best,
        "p": scan.p,
    }
    return LagRecord.model_validate(to_json(figures))


def _lead_record(lead: Lead) -> LeadRecord:
    slope = lead.slope
    return LeadRecord.model_validate(
        {
            "leader": lead.leader,
            "follower": lead.follower,
            "weeks": lead.weeks,
            "n": slope.n,
            "estimate": slope.estimate,
            "low": slope.low,
            "high": slope.high,
            "p": slope.p,
        }
    )


def _cross_record(cross: Cross) -> CrossRecord:
    figures = cross._asdict() | {"correlation": np.round(cross.correlation, 4)}
    return CrossRecord.model_validate(to_json(figures))


def _required_record(needed: NeededBreakouts) -> RequiredEventsRecord:
    figures = needed.required._asdict() | {
        "horizon": needed.horizon,
        "mean": needed.mean,
        "spread": needed.spread,
    }
    return RequiredEventsRecord.model_validate(to_json(figures))


def _turn_records(history: History) -> list[TurnRecord]:
    """Bitcoin's turning points with the days of the layers around them."""
    layers = LAYERS[SPILL] if "risky" in history.bonds else LAYERS[SPILL][1:]
    kinds: tuple[Kind, ...] = ("low", "high")
    return [
        TurnRecord(
            day=day_of_close(order.turn.day).isoformat(),
            kind=order.turn.kind,
            price=order.turn.price,
            layers=dict(order.days),
        )
        for kind in kinds
        for order in order_of_turns(history, layers, kind)
    ]


def _series_records(history: History) -> dict[str, SeriesRecord]:
    return {
        series.request.name: SeriesRecord(
            source=series.source,
            origin=series.origin,
            first=series.frame.index[0].isoformat(),
            last=series.frame.index[-1].isoformat(),
            rows=len(series.frame),
            vintage=series.vintage,
        )
        for series in history.series
    }
