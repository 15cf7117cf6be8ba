"""Claims about how coins move with small caps and large ones."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from backtests.evidence.claim import (
    Statement,
    estimated_claim,
    missing_prices,
    untestable_claim,
    verdict_by_interval,
)
from backtests.evidence.document import Claim
from backtests.evidence.history import ALTS, BITCOIN, ETHER, FUNDS, INDEX, History
from backtests.evidence.weekly_returns import (
    FEWEST_WEEKS,
    beta,
    beta_by_sign,
    bootstrap_estimate,
    correlation,
    weekly_returns,
)
from config.evidence import Evidence
from strategies.indicators import Floats

CORRELATION = Statement(
    "A9",
    "BTC's correlation is highest with small technology stocks, higher than with large technology"
    " companies",
)
BETA = Statement("B8", "Crypto amplifies the cycle rather than leading it: its beta is above 1")
GROWING = "ours, not the article's: alts above BTC"
CONVEXITY = Statement("B16", "Capital looks for higher convexity in crypto")
BETA_TEST = "slope of weekly returns on the Russell's, block bootstrap of weeks"
RECENT = pd.Timestamp("2020-09-01", tz="UTC")  # since the coins trade with US stocks
CONVEX_SINCE = pd.Timestamp("2020-01-01", tz="UTC")
COINS = (BITCOIN, ETHER, ALTS)


class Rivals(NamedTuple):
    """Two groups of stocks of which Bitcoin's correlation with the first is said to be higher."""

    reading: str
    first: str
    second: str


RIVALS = (
    Rivals("the Russell 2000 against the S&P 500", INDEX, "broad index"),
    Rivals("the Russell 2000 against large technology", INDEX, "technology"),
    Rivals("small technology against large technology", "small technology", "technology"),
)


def claims(history: History, evidence: Evidence) -> Iterator[Claim]:
    """Those about series that move together."""
    closes = _stocks(history)
    for rivals in RIVALS:
        yield _correlation_claim(rivals, history.assets[BITCOIN], closes, evidence)
    yield from _beta_claims(history, evidence)
    for asset in COINS:
        yield _convexity_claim(history, asset, evidence)


def _stocks(history: History) -> dict[str, pd.Series]:
    return {INDEX: history.assets[INDEX], "broad index": history.broad, **history.funds}


def _correlation_claim(
    rivals: Rivals, bitcoin: pd.Series, closes: Mapping[str, pd.Series], evidence: Evidence
) -> Claim:
    statement = CORRELATION.read_as(rivals.reading)
    lacks = [name for name in (rivals.first, rivals.second) if name not in closes]
    if lacks:
        symbols = ", ".join(f"{name} ({FUNDS[name]})" for name in lacks)
        return untestable_claim(statement, f"daily prices of {symbols} among your prices")
    names = (rivals.second, rivals.first)
    weeks = weekly_returns({BITCOIN: bitcoin} | {name: closes[name] for name in names})
    if len(weeks) < FEWEST_WEEKS:
        return missing_prices(statement, f"BTC, {rivals.first} and {rivals.second} for two years")
    values = weeks.to_numpy()
    estimate = bootstrap_estimate(values, _correlation_difference, evidence.seed)
    first, second = (float(correlation(values[None][..., [0, row]])[0]) for row in (2, 1))
    verdict = verdict_by_interval(estimate.low, estimate.high)
    why = (
        f"BTC's correlation is {first:.2f} with {rivals.first}, {second:.2f} with {rivals.second};"
        f" difference {estimate.estimate:+.2f} ({estimate.interval})."
    )
    return estimated_claim(
        statement,
        estimate,
        test="difference of correlations of weekly returns, block bootstrap of weeks",
        data=f"{BITCOIN}, {rivals.first}, {rivals.second}",
        unit="correlation",
        verdict=verdict,
        why=why,
        side="above",
    )


def _correlation_difference(drawn: Floats) -> Floats:
    """With the last series less that with the second, of the first; by draw."""
    return correlation(drawn) - correlation(drawn[..., :2])


def _beta_claims(history: History, evidence: Evidence) -> Iterator[Claim]:
    """Each above 1, over the weeks that all coins have, and since `RECENT`; and growing."""
    weeks = _weeks_of(history, COINS)
    reading = "the weeks of all three"
    if weeks is None:
        for asset in COINS:
            yield missing_prices(BETA.read_as(f"{asset} above 1, {reading}"), _needed(COINS))
        yield missing_prices(BETA.read_as(GROWING), _needed(COINS))
        return
    spans = {reading: weeks, f"since {RECENT:%Y-%m}": weeks[RECENT:]}
    for span, within in spans.items():
        for asset in COINS:
            statement = BETA.read_as(f"{asset} above 1, {span}")
            yield _beta_claim(statement, within[[asset, INDEX]], evidence)
    yield _growing_claim(weeks[[ALTS, BITCOIN, INDEX]], evidence)


def _weeks_of(history: History, assets: Sequence[str]) -> pd.DataFrame | None:
    """Their weekly returns and the index's; None where one is missing or they have too few."""
    if not set(assets) <= history.assets.keys():
        return None
    weeks = weekly_returns({name: history.assets[name] for name in (*assets, INDEX)})
    return weeks if len(weeks) >= FEWEST_WEEKS else None


def _needed(assets: Sequence[str]) -> str:
    return f"{', '.join(assets)} for two years"


def _beta_claim(statement: Statement, weeks: pd.DataFrame, evidence: Evidence) -> Claim:
    asset = str(weeks.columns[0])
    if len(weeks) < FEWEST_WEEKS:
        return missing_prices(statement, _needed((asset,)))
    estimate = bootstrap_estimate(weeks.to_numpy(), beta, evidence.seed, null=1.0)
    verdict = verdict_by_interval(estimate.low, estimate.high, 1.0)
    why = (
        f"From {weeks.index[0]:%Y-%m} to {weeks.index[-1]:%Y-%m} the beta is"
        f" {estimate.estimate:.2f} (95 % CI {estimate.low:.2f} to {estimate.high:.2f})."
    )
    return estimated_claim(
        statement,
        estimate,
        test=BETA_TEST,
        data=f"{asset}, {INDEX}",
        unit="beta",
        verdict=verdict,
        why=why,
        side="above",
        null=1.0,
    )


def _growing_claim(weeks: pd.DataFrame, evidence: Evidence) -> Claim:
    """Alts, Bitcoin and the index."""

    def difference(drawn: Floats) -> Floats:
        return beta(drawn) - beta(drawn[..., 1:])

    estimate = bootstrap_estimate(weeks.to_numpy(), difference, evidence.seed)
    verdict = verdict_by_interval(estimate.low, estimate.high)
    why = (
        f"Over the same weeks the beta of alts is {estimate.higher} than BTC's"
        f" ({estimate.interval})."
    )
    return estimated_claim(
        BETA.read_as(GROWING),
        estimate,
        test=BETA_TEST,
        data=f"{ALTS}, {BITCOIN}, {INDEX}",
        unit="beta",
        verdict=verdict,
        why=why,
        side="above",
    )


def _convexity_claim(history: History, asset: str, evidence: Evidence) -> Claim:
    """Whether the beta of rising weeks is higher than that of falling ones."""
    statement = CONVEXITY.read_as(f"{asset}, since {CONVEX_SINCE:%Y}")
    weeks = _weeks_of(history, (asset,))
    if weeks is None or len(weeks[CONVEX_SINCE:]) < FEWEST_WEEKS:
        return missing_prices(statement, _needed((asset,)))
    estimate = bootstrap_estimate(weeks[CONVEX_SINCE:].to_numpy(), beta_by_sign, evidence.seed)
    rising, falling = _betas_by_sign(weeks[CONVEX_SINCE:].to_numpy())
    earlier = _betas_by_sign(weeks.to_numpy())
    verdict = verdict_by_interval(estimate.low, estimate.high)
    why = (
        f"The beta is {rising:.2f} in the Russell's rising weeks, {falling:.2f} in its falling ones"
        f" (since {weeks.index[0]:%Y} {earlier[0]:.2f} and {earlier[1]:.2f}); difference"
        f" {estimate.estimate:+.2f} ({estimate.interval})."
    )
    return estimated_claim(
        statement,
        estimate,
        test="beta of the weeks in which the Russell rises less that of those in which it falls,"
        " block bootstrap of weeks",
        data=f"{asset}, {INDEX}",
        unit="beta",
        verdict=verdict,
        why=why,
        side="above",
    )


def _betas_by_sign(values: Floats) -> tuple[float, float]:
    """In rising and in falling weeks."""
    rises = values[:, -1] > 0.0
    falls = values[:, -1] < 0.0
    return float(beta(values[None, rises])[0]), float(beta(values[None, falls])[0])
