"""Every claim tested on the prices of the settings."""

from collections.abc import Sequence

import pandas as pd

from backtests.engine.inputs import market
from backtests.engine.rules import gate_rules
from backtests.evidence import (
    advances,
    altcoin_seasons,
    answers,
    breakout_claims,
    comovement,
    conditions,
    easings,
    elsewhere_claims,
    gate_test,
    historical_facts,
    january_2026,
    lag_scan,
    lead_lag,
    macro_drivers,
    small_caps,
    supercycle,
    turning_points,
    volatility,
    waiting,
)
from backtests.evidence.assembly import Lags, assemble_document
from backtests.evidence.breakouts import EventStudy, run_event_study
from backtests.evidence.document import Claim, EvidenceDocument
from backtests.evidence.elsewhere import measure_elsewhere
from backtests.evidence.history import History
from backtests.evidence.since_publication import measure_since
from brokers.progress import Progress
from config.settings import Settings
from strategies.gate import gate_table


def measure_evidence(
    settings: Settings,
    history: History,
    step: Progress,
    *,
    market_claims: Sequence[Claim] | None = None,
) -> EvidenceDocument:
    """The content of evidence.json.

    Simulated prices say nothing about what happened: then only claims that need none are tested.
    `market_claims`: those of `claims_without_coins`, where they are known already.
    """
    if history.prices.sample:
        claims = list(historical_facts.claims_without_prices())
        return assemble_document(claims, None, history, settings)
    step("breakouts")
    study = run_event_study(history, settings)
    step("whole series")
    table = gate_table(market(settings, history.prices), gate_rules(settings))
    evidence = settings.evidence
    claims = _claims_of_series(history, study, table, settings)
    claims += claims_without_coins(history, settings) if market_claims is None else market_claims
    step("lags")
    scans = lag_scan.scan_lags(history, table, evidence)
    leads = lead_lag.estimate_leads(history, evidence)
    claims += [*lag_scan.claims(scans), *lead_lag.claims(history, leads, evidence)]
    lags = Lags(scans, leads, lead_lag.cross_correlations(history, evidence))
    step("since publication")
    since = measure_since(history, settings, table, newest_instant(history))
    step("elsewhere")
    elsewhere = measure_elsewhere(history, settings)
    claims += elsewhere_claims.claims(elsewhere) if elsewhere else []
    return assemble_document(
        sorted(claims, key=claim_order),
        study,
        history,
        settings,
        lags,
        since=since,
        elsewhere=elsewhere,
    )


def claims_without_coins(history: History, settings: Settings) -> tuple[Claim, ...]:
    """Claims about the market alone, which stay as they are whatever coins do."""
    return tuple(small_caps.claims(history, settings.evidence))


def _claims_of_series(
    history: History, study: EventStudy, table: pd.DataFrame, settings: Settings
) -> list[Claim]:
    """All with coins but those of lags and of other assets; `table` is the gate's."""
    evidence = settings.evidence
    return [
        *historical_facts.claims(history),
        *january_2026.claims(history),
        *breakout_claims.claims(study, history),
        *answers.claims(study, history, settings),
        *altcoin_seasons.claims(study, history),
        *conditions.claims(study, history),
        *comovement.claims(history, evidence),
        *volatility.claims(history, evidence),
        *gate_test.claims(history, table, evidence),
        *waiting.claims(history, table, evidence),
        *macro_drivers.claims(history, table, evidence),
        *turning_points.claims(history),
        *easings.claims(history),
        *advances.claims(history),
        *supercycle.claims(history),
    ]


def newest_instant(history: History) -> pd.Timestamp:
    """The last at which any price was known: what is not known then is ahead."""
    ends = [history.bars.index[-1], *(closes.index[-1] for closes in history.assets.values())]
    return max(pd.Timestamp(end) for end in ends)


def claim_order(claim: Claim) -> tuple[str, int]:
    """As the claims are numbered: A1, A2, ... A10, B1."""
    return claim.id[0], int(claim.id[1:])
