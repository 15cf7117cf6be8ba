"""Claims about how coins move with small caps and large ones."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.claim import (
    Statement,
    missing_prices,
    tested_claim,
    verdict_by_interval,
)
from backtests.evidence.document import Claim
from backtests.evidence.history import ALTS, BITCOIN, ETHER, INDEX, History
from backtests.evidence.weekly_returns import (
    FEWEST_WEEKS,
    beta,
    bootstrap_estimate,
    correlation,
    weekly_returns,
)
from config.evidence import Evidence
from strategies.indicators import Floats

CORRELATION = Statement(
    "A9", "BTC's correlation is highest with small-cap stocks, higher than with large caps"
)
CREDIT = Statement(
    "B3", "Small caps collapse when credit tightens, and run first when risk appetite returns"
)
RATES = Statement(
    "A14",
    "Small caps borrow from banks: rising rates hurt them first, falling rates help them first",
)
BETA = Statement(
    "B8", "Crypto's beta to small caps is above 1 and grows along the curve BTC, ETH, alts"
)
BETA_TEST = "slope of weekly returns on the Russell's, block bootstrap of weeks"


class Driver(NamedTuple):
    """What may move small caps against large ones: its series, and what it is called."""

    statement: Statement
    needs: tuple[str, ...]
    name: str


DRIVERS = (
    Driver(
        CREDIT.read_as("by bond funds"),
        ("risky", "safe"),
        "high-yield bonds over government bonds",
    ),
    Driver(CREDIT.read_as("by the spread"), ("spread",), "a falling spread of high-yield bonds"),
    Driver(RATES, ("safe",), "government bonds (which gain when rates fall)"),
)


def claims(history: History, evidence: Evidence) -> Iterator[Claim]:
    """Those about series that move together."""
    yield _correlation_claim(history, evidence)
    yield from _beta_claims(history, evidence)
    for driver in DRIVERS:
        yield _driver_claim(driver, history, evidence)


def _correlation_claim(history: History, evidence: Evidence) -> Claim:
    closes = {BITCOIN: history.assets[BITCOIN], "broad": history.broad}
    weeks = weekly_returns({**closes, INDEX: history.assets[INDEX]})
    if len(weeks) < FEWEST_WEEKS:
        return missing_prices(CORRELATION, "BTC and both indices for two years")

    def difference(drawn: Floats) -> Floats:
        return correlation(drawn) - correlation(drawn[..., :2])

    values = weeks.to_numpy()
    estimate = bootstrap_estimate(values, difference, evidence.seed)
    small, large = (float(correlation(values[None][..., chosen])[0]) for chosen in ([0, 2], [0, 1]))
    verdict = verdict_by_interval(estimate.low, estimate.high)
    why = (
        f"The correlation is {small:.2f} with the Russell 2000, {large:.2f} with the broad index; "
        f"difference {estimate.estimate:+.2f} ({estimate.interval})"
    )
    return tested_claim(
        CORRELATION,
        estimate,
        test="difference of correlations of weekly returns, block bootstrap of weeks",
        data=f"{BITCOIN}, {INDEX}, broad index",
        unit="correlation",
        verdict=verdict,
        why=f"{why}{estimate.detectable_effect(verdict)}.",
    )


def _driver_claim(driver: Driver, history: History, evidence: Evidence) -> Claim:
    closes = {INDEX: history.assets[INDEX], "broad": history.broad, **history.bonds}
    if "spread" in history.macro:
        closes["spread"] = history.macro["spread"]
    weeks = None
    if set(driver.needs) <= closes.keys():
        weeks = weekly_returns({name: closes[name] for name in (INDEX, "broad", *driver.needs)})
    if weeks is None or len(weeks) < FEWEST_WEEKS:
        return missing_prices(driver.statement, "bond funds or spreads for two years")
    pairs = np.column_stack((weeks[INDEX] - weeks["broad"], _driver_returns(driver, weeks)))
    estimate = bootstrap_estimate(pairs, correlation, evidence.seed)
    verdict = verdict_by_interval(estimate.low, estimate.high)
    why = (
        f"The correlation of the Russell's return over the broad index with {driver.name} is "
        f"{estimate.estimate:+.2f} ({estimate.interval})"
    )
    return tested_claim(
        driver.statement,
        estimate,
        test="correlation of weekly returns, the Russell less the broad index with "
        f"{driver.name}; block bootstrap of weeks",
        data=f"{INDEX}, broad index, bonds",
        unit="correlation",
        verdict=verdict,
        why=f"{why}{estimate.detectable_effect(verdict)}.",
    )


def _driver_returns(driver: Driver, weeks: pd.DataFrame) -> pd.Series:
    first = weeks[driver.needs[0]]
    if driver.needs == ("spread",):
        return -first
    return first - weeks["safe"] if len(driver.needs) == 2 else first


def _beta_claims(history: History, evidence: Evidence) -> Iterator[Claim]:
    """Each above 1, and growing along the curve."""
    for asset in (BITCOIN, ETHER, ALTS):
        yield _beta_claim(history, asset, evidence)
    if ALTS in history.assets:
        names = (ALTS, BITCOIN, INDEX)
        weeks = weekly_returns({name: history.assets[name] for name in names})
        if len(weeks) >= FEWEST_WEEKS:
            yield _beta_difference_claim(weeks.to_numpy(), evidence)


def _beta_claim(history: History, asset: str, evidence: Evidence) -> Claim:
    if asset not in history.assets:
        return missing_prices(BETA.read_as(asset), f"{asset} for two years")
    weeks = weekly_returns({name: history.assets[name] for name in (asset, INDEX)})
    if len(weeks) < FEWEST_WEEKS:
        return missing_prices(BETA.read_as(asset), f"{asset} for two years")
    estimate = bootstrap_estimate(weeks.to_numpy(), beta, evidence.seed, null=1.0)
    verdict = verdict_by_interval(estimate.low, estimate.high, 1.0)
    why = f"The beta is {estimate.estimate:.2f} (95 % CI {estimate.low:.2f} to {estimate.high:.2f})"
    return tested_claim(
        BETA.read_as(f"{asset} above 1"),
        estimate,
        test=BETA_TEST,
        data=f"{asset}, {INDEX}",
        unit="beta",
        verdict=verdict,
        why=f"{why}{estimate.detectable_effect(verdict)}.",
    )


def _beta_difference_claim(weeks: Floats, evidence: Evidence) -> Claim:
    """Alts, Bitcoin and the index, weeks x these three."""

    def difference(drawn: Floats) -> Floats:
        return beta(drawn) - beta(drawn[..., 1:])

    estimate = bootstrap_estimate(weeks, difference, evidence.seed)
    verdict = verdict_by_interval(estimate.low, estimate.high)
    why = (
        f"Over the same weeks the beta of alts is {estimate.higher} than BTC's"
        f" ({estimate.interval})"
    )
    return tested_claim(
        BETA.read_as("alts above BTC"),
        estimate,
        test=BETA_TEST,
        data=f"{ALTS}, {BITCOIN}, {INDEX}",
        unit="beta",
        verdict=verdict,
        why=f"{why}{estimate.detectable_effect(verdict)}.",
    )
