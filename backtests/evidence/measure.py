"""Every claim tested on the prices of the settings."""

from backtests.engine.inputs import market
from backtests.engine.rules import gate_rules
from backtests.evidence import (
    advances,
    breakout_claims,
    comovement,
    gate_test,
    historical_facts,
    lag_scan,
    lead_lag,
    macro_drivers,
    turning_points,
    volatility,
)
from backtests.evidence.assembly import Lags, assemble_document
from backtests.evidence.breakouts import run_event_study
from backtests.evidence.document import Claim, EvidenceDocument
from backtests.evidence.history import History
from brokers.progress import Progress
from config.settings import Settings
from strategies.gate import gate_table


def measure_evidence(settings: Settings, history: History, step: Progress) -> EvidenceDocument:
    """The content of evidence.json.

    Simulated prices say nothing about what happened: then only claims that need none are tested.
    """
    if history.prices.sample:
        claims = list(historical_facts.claims_without_prices())
        return assemble_document(claims, None, history, settings)
    step("breakouts")
    study = run_event_study(history, settings)
    step("whole series")
    table = gate_table(market(settings, history.prices), gate_rules(settings))
    evidence = settings.evidence
    claims = [
        *historical_facts.claims(history),
        *breakout_claims.claims(study, history),
        *comovement.claims(history, evidence),
        *volatility.claims(history, evidence),
        *gate_test.claims(history, table, evidence),
        *macro_drivers.claims(history, table, evidence),
        *turning_points.claims(history),
        *advances.claims(history),
    ]
    step("lags")
    scans = lag_scan.scan_lags(history, table, evidence)
    leads = lead_lag.estimate_leads(history, evidence)
    claims += [
        *lag_scan.claims(scans),
        *lead_lag.claims(history, leads, evidence),
        gate_test.volume_and_breadth(table),
    ]
    lags = Lags(scans, leads, lead_lag.cross_correlations(history, evidence))
    return assemble_document(sorted(claims, key=claim_order), study, history, settings, lags)


def claim_order(claim: Claim) -> tuple[str, int]:
    """As the claims are numbered: A1, A2, ... A10, B1."""
    return claim.id[0], int(claim.id[1:])
