"""evidence.json out of what was measured."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.breakouts import EventStudy, Response
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
from backtests.evidence.event_paths import halving_cycles, paths_around
from backtests.evidence.events import leave_one_out_means
from backtests.evidence.history import History
from backtests.evidence.lag_scan import Scan
from backtests.evidence.lead_lag import Cross, Lead
from backtests.evidence.turning_points import LAYERS, SPILL, Kind, order_of_turns
from backtests.performance.forward_returns import HORIZONS
from brokers.json_values import to_json
from brokers.plurals import count
from config.settings import Settings


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
) -> EvidenceDocument:
    """The content of evidence.json; the same prices and seed make the same bytes."""
    verdicts: dict[Verdict, int] = {
        verdict: sum(claim.verdict == verdict for claim in claims) for verdict in VERDICTS
    }
    lags = lags or Lags([], [], [])
    return EvidenceDocument(
        version=VERSION,
        line=summary_line(claims, verdicts),
        verdicts=verdicts,
        claims=tuple(correct_claims(claims)),
        events=_event_records(study, settings) if study else [],
        follows=_response_records(study) if study else [],
        definitions=_definition_records(study) if study else [],
        gate_test=[_lag_record(scan) for scan in lags.scans],
        leads=[_lead_record(lead) for lead in lags.leads],
        crosses=[_cross_record(cross) for cross in lags.crosses],
        turns=_turn_records(history) if study else [],
        paths=paths_around(history, study.events) if study else [],
        cycles=halving_cycles(history) if study else [],
        until=[
            RequiredEventsRecord.model_validate(required._asdict())
            for required in (study.required if study else ())
        ],
        lacking=dict(history.lacking),
        sample=history.prices.sample,
        fallback=history.prices.fallback,
        seed=settings.evidence.seed,
        draws=settings.evidence.draws,
        data=_series_records(history),
    )


def summary_line(claims: Sequence[Claim], verdicts: Mapping[Verdict, int]) -> str:
    """The result in one line, to be quoted elsewhere: counts, and the claim a trader asks about."""
    counts = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items() if number)
    signal = [f' "{claim.claim}": {claim.verdict}.' for claim in claims if claim.id == "A15"]
    return f"{count(len(claims), 'reading')} of the claims: {counts}.{''.join(signal)}"


def correct_claims(claims: Sequence[Claim]) -> list[Claim]:
    """The claims with each p corrected for all tests."""
    corrected = correct_holm([claim.p for claim in claims])
    return [
        claim.model_copy(update={"p_holm": p}) for claim, p in zip(claims, corrected, strict=True)
    ]


def correct_holm(ps: Sequence[float | None]) -> list[float | None]:
    """Each p corrected for the number of tests (Holm 1979).

    The probability that any of them is small by chance alone is then controlled.
    """
    known = sorted((p, row) for row, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    highest = 0.0
    for rank, (p, row) in enumerate(known):
        highest = max(highest, min((len(known) - rank) * p, 1.0))
        corrected[row] = highest
    return corrected


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
    excess = response.strictest
    p_against = {name: each.p for name, each in response.comparisons.items()}
    figures = excess._asdict() | {"difference": excess.difference, "p_against": p_against}
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
            "power": slope.power,
        }
    )


def _cross_record(cross: Cross) -> CrossRecord:
    figures = cross._asdict() | {"correlation": np.round(cross.correlation, 4)}
    return CrossRecord.model_validate(to_json(figures))


def _turn_records(history: History) -> list[TurnRecord]:
    """Bitcoin's turning points with the days of the layers around them."""
    layers = LAYERS[SPILL] if "risky" in history.bonds else LAYERS[SPILL][1:]
    kinds: tuple[Kind, ...] = ("low", "high")
    return [
        TurnRecord(
            day=order.turn.day.isoformat(),
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
