"""What may drive both: macro signals that the risk curve is said to answer to.

And what the gate adds once they are controlled for.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from backtests.evidence.claim import (
    Statement,
    missing_prices,
    verdict_by_interval,
    verdict_on_no_effect,
)
from backtests.evidence.document import Claim, Verdict
from backtests.evidence.estimate import Estimate
from backtests.evidence.gate_test import gate_open_at
from backtests.evidence.history import BITCOIN, INDEX, History
from backtests.evidence.predictive_regression import (
    estimate_slopes,
    fit_columns,
    log_change,
    next_week_return,
    saturdays,
    slope_claim,
)
from backtests.evidence.weekly_returns import STALE, WEEKS_A_YEAR
from config.evidence import Evidence
from strategies.confirmations import LIQUIDITY_PARTS
from strategies.indicators import Floats
from strategies.market import latest

PAST = 13  # weeks over which a driver's change is measured
PARTS = {
    "assets": "the Fed's assets",
    "treasury": "the Treasury's account drawn down",
    "reverse_repos": "reverse repos drawn down",
}
RISK_CURVE = Statement(
    "A10",
    "When the Fed eases, money flows to Treasuries, then blue chips, then small caps, then crypto,"
    " all on the same macro signal; the Russell breaking out is the green light half way",
)
LIQUIDITY = Statement(
    "B4",
    "The Fed buys Treasuries, the Treasury draws its account down, fiscal policy loosens; each"
    " alone is weak, together strong",
)
# Within these months the Fed's assets grew by two thirds and shares recovered: they decide a slope.
PANDEMIC = (pd.Timestamp("2020-03-01", tz="UTC"), pd.Timestamp("2020-09-01", tz="UTC"))


def claims(history: History, table: pd.DataFrame, evidence: Evidence) -> Iterator[Claim]:
    """Those about macro drivers; `table` is the gate's."""
    at = saturdays(history.assets[BITCOIN])
    yield from _gate_claims(history, table, at, evidence.seed)
    yield from _part_claims(history, at, evidence.seed)
    yield from _net_liquidity_claims(history, at, evidence.seed)


def liquidity_changes(macro: Mapping[str, pd.Series], at: pd.DatetimeIndex) -> dict[str, Floats]:
    """Change over `PAST` weeks of each part, as published by each instant, millions of USD.

    In the direction in which it adds liquidity.
    """
    before = at - pd.Timedelta(weeks=PAST)
    return {
        name: LIQUIDITY_PARTS[name]
        * (latest(macro[name], at, STALE) - latest(macro[name], before, STALE))
        for name in PARTS
        if name in macro
    }


def driver_changes(history: History, at: pd.DatetimeIndex) -> dict[str, Floats]:
    """Credit, rates, liquidity and the broad index as known at each instant; those there are."""
    changes = {"the broad index": log_change(history.broad, at, PAST)}
    if {"risky", "safe"} <= history.bonds.keys():
        changes["rates"] = log_change(history.bonds["safe"], at, PAST)
        changes["credit"] = log_change(history.bonds["risky"], at, PAST) - changes["rates"]
    if len(parts := liquidity_changes(history.macro, at)) == len(PARTS):
        changes["liquidity"] = np.asarray(sum(parts.values()))
    return changes


def _gate_claims(
    history: History, table: pd.DataFrame, at: pd.DatetimeIndex, seed: int
) -> Iterator[Claim]:
    """The gate alone, and controlling for all drivers, over the same weeks."""
    target = next_week_return(history.assets[BITCOIN], at)
    gate, drivers = gate_open_at(table, at), driver_changes(history, at)
    covered = np.isfinite(np.column_stack(list(drivers.values()))).all(axis=1)
    alone = estimate_slopes(np.where(covered, target, np.nan), {"gate": gate}, seed)
    controlled = estimate_slopes(target, {"gate": gate, **drivers}, seed)
    if alone is None or controlled is None or len(drivers) < 2:
        needed = "the gate with credit, rates or liquidity for two years"
        yield missing_prices(RISK_CURVE, needed)
        return
    # From one standard deviation to open against closed.
    deviation = gate[covered & np.isfinite(target) & np.isfinite(gate)].std()
    first, second = (
        slopes["gate"].times(WEEKS_A_YEAR / deviation) for slopes in (alone, controlled)
    )
    verdict = verdict_by_interval(first.low, first.high)
    yield _gate_claim("the gate alone, same weeks", first, verdict, "")
    names = ", ".join(drivers)
    verdict = verdict_on_no_effect(second.low)
    controls = f"Controlling for {names}, "
    yield _gate_claim(f"the gate, controlling for {names}", second, verdict, controls)


def _gate_claim(reading: str, slope: Estimate, verdict: Verdict, controls: str) -> Claim:
    return slope_claim(
        RISK_CURVE.read_as(reading),
        slope,
        data=f"{BITCOIN}, gate, bonds, broad index, liquidity",
        verdict=verdict,
        effect=f"{controls}BTC's annualised return in the next week, gate open against closed, was",
        predictors="the gate and the drivers" if controls else "the gate",
        side="both" if controls else "above",
    )


def _part_claims(history: History, at: pd.DatetimeIndex, seed: int) -> Iterator[Claim]:
    """Each part of liquidity by itself, of Bitcoin."""
    parts = liquidity_changes(history.macro, at)
    target = next_week_return(history.assets[BITCOIN], at)
    for name, text in PARTS.items():
        slopes = estimate_slopes(target, {name: parts[name]}, seed) if name in parts else None
        yield _liquidity_claim(text, BITCOIN, slopes[name] if slopes else None)


def _net_liquidity_claims(history: History, at: pd.DatetimeIndex, seed: int) -> Iterator[Claim]:
    """The sum of all parts, of Bitcoin and of the index; without the pandemic's months too."""
    parts = liquidity_changes(history.macro, at)
    net = {"net": np.asarray(sum(parts.values()))} if len(parts) == len(PARTS) else None
    is_pandemic = (at >= PANDEMIC[0]) & (at < PANDEMIC[1])
    for asset in (BITCOIN, INDEX):
        target = next_week_return(history.assets[asset], at)
        usual = np.where(is_pandemic, np.nan, target)
        note = ""
        if net and asset == BITCOIN and (joint := fit_columns(target, parts, seed)):
            note = f" Joint test of the three parts: p {joint.joint_p:.2f}."
        for reading, returns in (("", target), (", without March to August 2020", usual)):
            slopes = estimate_slopes(returns, net, seed) if net else None
            slope = slopes["net"] if slopes else None
            yield _liquidity_claim(f"together, {asset}{reading}", asset, slope, note)
            note = ""


def _liquidity_claim(reading: str, asset: str, slope: Estimate | None, note: str = "") -> Claim:
    statement = LIQUIDITY.read_as(reading)
    if slope is None:
        needed = f"{asset} with the Federal Reserve's balance sheet for two years"
        return missing_prices(statement, needed)
    annual = slope.times(WEEKS_A_YEAR)
    effect = (
        f"With its {PAST}-week change, as published, one standard deviation higher, "
        f"the annualised return of {asset} in the next week was"
    )
    return slope_claim(
        statement,
        annual,
        data=f"{asset}, Federal Reserve",
        verdict=verdict_by_interval(annual.low, annual.high),
        effect=effect,
        predictors="the change in liquidity",
        note=note,
        side="above",
    )
