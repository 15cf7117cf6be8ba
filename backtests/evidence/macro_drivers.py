"""What may stand behind both: the macro signals that the risk curve is said to answer to, and what the gate adds once they are known."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from backtests.evidence.claim import Claim, Word, lacking
from backtests.evidence.comovement import STALE, WEEKS_A_YEAR
from backtests.evidence.gate_test import open_at
from backtests.evidence.history import BITCOIN, INDEX, History
from backtests.evidence.predictive_regression import (
    Slope,
    ahead,
    change,
    fit_of,
    hidden,
    row,
    saturdays,
    told_of,
    weighed,
)
from config.evidence import Evidence
from strategies.confirmations import LIQUIDITY_PARTS
from strategies.indicators import Floats
from strategies.market import latest

PAST = 13  # weeks over which a cause is looked at
PARTS = {
    "assets": "the Fed's assets",
    "treasury": "the Treasury's account drawn down",
    "reverse_repos": "reverse repos drawn down",
}
RISK_CURVE = (
    "When the Fed eases, money flows to Treasuries, then blue chips, then small caps, then crypto, all on the same macro signal; "
    "the Russell breaking out is the green light half way"
)
LIQUIDITY = "Liquidity builds under the move: the Fed buys, the Treasury draws its account down; each alone is weak, together strong"


def claims(history: History, table: pd.DataFrame, evidence: Evidence) -> Iterator[Claim]:
    """Those about causes; `table` is the gate's."""
    at = saturdays(history.assets[BITCOIN])
    yield from _beside_causes(history, table, at, evidence.seed)
    yield from _liquidity(history, at, evidence.seed)


def liquidity(macro: Mapping[str, pd.Series], at: pd.DatetimeIndex) -> dict[str, Floats]:
    """Change over `PAST` weeks of each part in the direction in which it adds liquidity, millions of USD, as published by each instant."""
    before = at - pd.Timedelta(weeks=PAST)
    return {
        name: LIQUIDITY_PARTS[name] * (latest(macro[name], at, STALE) - latest(macro[name], before, STALE)) for name in PARTS if name in macro
    }  # fmt: skip


def causes(history: History, at: pd.DatetimeIndex) -> dict[str, Floats]:
    """Credit, rates, liquidity and the broad index as they were known at each instant; those that there are."""
    found = {"the broad index": change(history.broad, at, PAST)}
    if {"risky", "safe"} <= history.bonds.keys():
        found["rates"] = change(history.bonds["safe"], at, PAST)
        found["credit"] = change(history.bonds["risky"], at, PAST) - found["rates"]
    if len(parts := liquidity(history.macro, at)) == len(PARTS):
        found["liquidity"] = np.asarray(sum(parts.values()))
    return found


def _beside_causes(
    history: History, table: pd.DataFrame, at: pd.DatetimeIndex, seed: int
) -> Iterator[Claim]:
    """The gate alone, and with all causes known, over the same weeks."""
    target, gate, others = (
        ahead(history.assets[BITCOIN], at),
        open_at(table, at),
        causes(history, at),
    )
    over = np.isfinite(np.column_stack(list(others.values()))).all(axis=1)
    alone, beside = (
        told_of(np.where(over, target, np.nan), {"gate": gate}, seed),
        told_of(target, {"gate": gate, **others}, seed),
    )
    if alone is None or beside is None or len(others) < 2:
        yield lacking("A10", RISK_CURVE, "the gate with credit, rates or liquidity for two years")
        return
    opened = gate[
        over & np.isfinite(target) & np.isfinite(gate)
    ].std()  # from a deviation to open against shut
    first, then = (one["gate"].times(WEEKS_A_YEAR / opened) for one in (alone, beside))
    yield _gate_row(
        "the gate alone, over the weeks for which causes are known",
        first,
        weighed(first),
        "With the gate open",
    )
    # The causes explain it only where there was something to explain, and less than that is left.
    gone = first.low > 0.0 and then.low <= 0.0 and then.high < first.estimate
    word: Word = "contradicted" if then.low > 0.0 else "supported" if gone else "cannot be told"
    yield _gate_row(
        f"the gate, {', '.join(others)} known", then, word, "With these known, and the gate open"
    )


def _gate_row(reading: str, found: Slope, word: Word, begin: str) -> Claim:
    why = (
        f"{begin} BTC's next week earned {found.told} more than with it shut{hidden(found, word)}."
    )
    return row(
        "A10",
        RISK_CURVE,
        reading,
        f"{BITCOIN}, gate, bonds, broad index, liquidity",
        found,
        word,
        why,
        "what was known",
    )


def _liquidity(history: History, at: pd.DatetimeIndex, seed: int) -> Iterator[Claim]:
    """Each part by itself, and their sum, of Bitcoin; their sum of the index."""
    parts = liquidity(history.macro, at)
    target = ahead(history.assets[BITCOIN], at)
    for name, text in PARTS.items():
        told = told_of(target, {name: parts[name]}, seed) if name in parts else None
        yield _liquidity_row(text, BITCOIN, told[name] if told else None)
    whole = len(parts) == len(PARTS)
    net, joint = np.asarray(sum(parts.values())), fit_of(target, parts, seed) if whole else None
    for asset in (BITCOIN, INDEX):
        told = told_of(ahead(history.assets[asset], at), {"net": net}, seed) if whole else None
        more = (
            f" All three by themselves, jointly: p {joint.joint_p:.2f}."
            if joint and asset == BITCOIN
            else ""
        )
        yield _liquidity_row(f"together, {asset}", asset, told["net"] if told else None, more)


def _liquidity_row(reading: str, asset: str, slope: Slope | None, more: str = "") -> Claim:
    if slope is None:
        return lacking(
            "B4", LIQUIDITY, f"{asset} with the Federal Reserve's balance sheet for two years"
        )._replace(reading=reading)
    found = slope.times(WEEKS_A_YEAR)
    word = weighed(found)
    why = f"After {PAST} weeks with a deviation more of it, as published, {asset}'s next earned {found.told} more{hidden(found, word)}.{more}"
    return row(
        "B4", LIQUIDITY, reading, f"{asset}, Federal Reserve", found, word, why, "what was known"
    )
