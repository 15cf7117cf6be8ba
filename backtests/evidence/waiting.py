"""Claim B11 in money: the gate against waiting for the coins' own trends to confirm."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from backtests.evidence.breakout_claims import LATE
from backtests.evidence.claim import (
    Statement,
    estimated_claim,
    missing_prices,
    verdict_by_interval,
)
from backtests.evidence.document import Claim
from backtests.evidence.events import TREND_DAYS, above_own_mean
from backtests.evidence.gate_test import days_with_gate
from backtests.evidence.history import BITCOIN, History
from backtests.evidence.weekly_returns import FEWEST_WEEKS, WEEKS_A_YEAR, bootstrap_estimate
from config.evidence import Evidence
from strategies.indicators import Floats

SINCE = pd.Timestamp("2014-01-01", tz="UTC")  # as the gate's own later test
DAYS_A_WEEK = 7


def claims(history: History, table: pd.DataFrame, evidence: Evidence) -> Iterator[Claim]:
    """Altcoins, of which the sentence speaks, and Bitcoin; `table` is the gate's."""
    bitcoin = {BITCOIN: history.assets[BITCOIN]}
    yield _waiting_claim(LATE.read_as("in money: altcoins"), history.alts, table, evidence)
    yield _waiting_claim(LATE.read_as("in money: BTC, for comparison"), bitcoin, table, evidence)


def returns_by_rule(coins: Mapping[str, pd.Series], table: pd.DataFrame) -> pd.DataFrame:
    """Daily returns of coins in equal weights, held by the "gate" and by their "own trend".

    By what was known before each day, from `SINCE` and a coin's `TREND_DAYS` on; without costs.
    """
    rules: dict[str, list[pd.Series]] = {"gate": [], "own trend": []}
    for closes in coins.values():
        days = days_with_gate(closes, table)
        first = max(SINCE, closes.index[0].ceil("D") + pd.Timedelta(days=TREND_DAYS - 1))
        later = days.starts >= first
        returns, starts = np.expm1(days.returns[later]), days.starts[later]
        trend = above_own_mean(closes, starts)
        rules["gate"].append(pd.Series(returns * days.gate[later], starts))
        rules["own trend"].append(pd.Series(returns * trend, starts))
    means = {
        rule: pd.concat(parts, axis=1, sort=True).mean(axis=1)
        for rule, parts in rules.items()
        if parts
    }
    return pd.DataFrame(means, columns=list(rules)).dropna()


def sharpe_ratios(weeks: Floats) -> Floats:
    """Annualised Sharpe ratios by draw and series, of draws x weeks x series; 0 without risk."""
    spread = weeks.std(axis=1, ddof=1)
    ratios = np.divide(weeks.mean(axis=1), spread, out=np.zeros_like(spread), where=spread > 0.0)
    return np.asarray(ratios * np.sqrt(WEEKS_A_YEAR))


def sharpe_difference(weeks: Floats) -> Floats:
    """Of the first series less that of the second, by draw."""
    ratios = sharpe_ratios(weeks)
    return np.asarray(ratios[:, 0] - ratios[:, 1])


def _waiting_claim(
    statement: Statement, coins: Mapping[str, pd.Series], table: pd.DataFrame, evidence: Evidence
) -> Claim:
    """Late: waiting earned less for its risk than the gate."""
    daily = returns_by_rule(coins, table).to_numpy()
    count = len(daily) // DAYS_A_WEEK
    if count < FEWEST_WEEKS:
        return missing_prices(statement, "coins with the gate for two years")
    weeks = daily[-count * DAYS_A_WEEK :].reshape(count, DAYS_A_WEEK, 2).sum(axis=1)
    estimate = bootstrap_estimate(weeks, sharpe_difference, evidence.seed)
    verdict = verdict_by_interval(estimate.low, estimate.high)
    ratios = sharpe_ratios(weeks[None])[0]
    return estimated_claim(
        statement,
        estimate,
        test=f"Sharpe ratio of holding while the gate is open less that of holding while above the"
        f" own {TREND_DAYS}-day MA, since {SINCE:%Y} or the listing; block bootstrap of weeks",
        data=", ".join(coins),
        unit="Sharpe ratio",
        verdict=verdict,
        why=f"The gate had a Sharpe ratio of {ratios[0]:.2f}, waiting of {ratios[1]:.2f}, without"
        f" costs; difference {estimate.estimate:+.2f} ({estimate.interval}).",
        side="above",
    )
