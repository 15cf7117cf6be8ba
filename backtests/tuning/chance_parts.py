"""The parts of tune.json that say how far chance explains the result."""

import math

import numpy as np

from backtests.performance.metrics import DAYS
from backtests.tuning.document_parts import (
    DeflatedRecord,
    HistogramRecord,
    LuckRecord,
    OverfittingRecord,
    ScatterRecord,
    SearchedGatesRecord,
    SuperiorAbilityRecord,
)
from backtests.tuning.validation.findings import Findings
from backtests.tuning.validation.verdict import CURRENT_SETTINGS

SCATTER_SPLITS = 500  # in the scatter of in-sample against out-of-sample
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)  # of the best ratios that chance produces


def overfitting_record(findings: Findings) -> OverfittingRecord:
    """CSCV; no histogram and no scatter where no split could be used."""
    result = findings.overfitting
    counts, edges = result.counts, result.edges
    rows = np.zeros(0, int)
    if not result.used:
        counts, edges = np.zeros(0), np.zeros(0)
    else:
        spread = np.linspace(0, result.used - 1, min(result.used, SCATTER_SPLITS))
        rows = np.unique(spread.astype(int))
    return OverfittingRecord(
        pbo=result.pbo,
        at_median=result.at_median,
        probability_of_loss=result.probability_of_loss,
        probability_behind=result.probability_behind,
        tied=result.tied,
        slope=result.slope,
        intercept=result.intercept,
        splits=result.used,
        dropped=result.dropped,
        logits_histogram=HistogramRecord(
            edges=tuple(edges.tolist()), counts=tuple(counts.tolist())
        ),
        scatter=ScatterRecord(
            in_sample=result.in_sample[rows].tolist(),
            out_of_sample=result.out_of_sample[rows].tolist(),
        ),
    )


def luck_record(findings: Findings) -> LuckRecord | None:
    """The best of as many paths without skill; None without a test."""
    luck = findings.luck
    if luck is None:
        return None
    # Of all the paths, as `RealityCheck.p`: those drawn count as repeated independently.
    of_drawn = np.array(QUANTILES) ** min(luck.paths / luck.of, 1.0)
    by_chance = np.quantile(luck.by_chance, of_drawn) * math.sqrt(DAYS)
    return LuckRecord(
        p=luck.p,
        sharpe_yearly=luck.sharpe * math.sqrt(DAYS),
        by_chance=tuple(by_chance.tolist()),
        paths=luck.paths,
        of=luck.of,
        draws=len(luck.by_chance),
        block_days=luck.block_days,
    )


def deflated_record(findings: Findings) -> DeflatedRecord | None:
    """The deflated Sharpe ratio of excess returns; None where these do not vary."""
    deflation = findings.deflation
    if deflation is None:
        return None
    return DeflatedRecord(
        of_excess=True,
        value=deflation.deflated_sharpe,
        expected_maximum_yearly=deflation.expected_maximum * math.sqrt(DAYS),
        sharpe_yearly=deflation.record.sharpe * math.sqrt(DAYS),
        effective_trials=deflation.effective_trials,
        minimum_days=deflation.minimum_days,
        days=deflation.record.days,
    )


def superior_ability_record(findings: Findings) -> SuperiorAbilityRecord | None:
    """Hansen's test; None on sample prices."""
    ability = findings.ability
    if ability is None:
        return None
    return SuperiorAbilityRecord(
        p_lower=ability.p_lower,
        p_consistent=ability.p_consistent,
        p_upper=ability.p_upper,
        sets=findings.survey.returns.shape[1],
        benchmark=CURRENT_SETTINGS,
    )


def searched_gates_record(findings: Findings) -> SearchedGatesRecord | None:
    """The time-shift test; None where no shifted gates were searched."""
    gates = findings.gates
    if gates is None:
        return None
    return SearchedGatesRecord(
        n=gates.n,
        sets=gates.sets,
        p=gates.p,
        own_best=gates.own_best,
        shifted_best=np.sort(gates.shifted_best).tolist(),
    )
