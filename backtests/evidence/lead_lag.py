"""Who leads whom, among indices and coins.

Does the leader's past change predict the follower's next week, and the other way round?
"""

from collections.abc import Iterator
from itertools import combinations, permutations, product
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.breakouts import ANSWER
from backtests.evidence.claim import Statement, estimated_claim, missing_prices, verdict_by_interval
from backtests.evidence.document import Claim, Verdict
from backtests.evidence.estimate import Estimate
from backtests.evidence.events import LEVEL
from backtests.evidence.gate_test import RIVAL, circular_shift_p, regression_slopes
from backtests.evidence.history import ALTS, BITCOIN, ETHER, INDEX, History
from backtests.evidence.predictive_regression import (
    estimate_slopes,
    log_change,
    next_week_return,
    saturdays,
    slope_claim,
)
from backtests.evidence.small_caps import CREDIT
from backtests.evidence.weekly_returns import (
    BLOCK_WEEKS,
    FEWEST_WEEKS,
    WEEKS_A_YEAR,
    bootstrap_estimate,
    weekly_returns,
)
from backtests.statistics.stationary_bootstrap import draw_days
from config.evidence import Evidence
from strategies.indicators import Floats

BROAD = "broad index"
SPANS = (4, 13)  # weeks: the "one to three months" of claim B7
PREDICTORS = "the leader's past change and its own"
REACH = 26  # weeks both ways
DRAWS = 500
OUTRUN = Statement(
    "B6",
    "Small caps beginning to outperform the broad market is the moment just before alternative"
    " assets wake",
)


class Lead(NamedTuple):
    """How the leader's change over `weeks` predicts the follower's next week.

    Controlling for the follower's own change; by standard deviation of the leader's change.
    """

    leader: str
    follower: str
    weeks: int
    slope: Estimate


class Cross(NamedTuple):
    """Correlation of weekly returns by lag.

    The second's returns come so many weeks after the first's; `band` is what 95 % of unrelated
    series do not pass at any lag.
    """

    first: str
    second: str
    n: int
    lags: list[int]
    correlation: Floats
    band: float


def closes_by_name(history: History) -> dict[str, pd.Series]:
    """Closes of all that may lead."""
    names = [name for name in (INDEX, BITCOIN, ETHER, ALTS) if name in history.assets]
    return {BROAD: history.broad, **{name: history.assets[name] for name in names}}


def estimate_leads(history: History, evidence: Evidence) -> list[Lead]:
    """All pairs both ways, coins and indices."""
    closes = closes_by_name(history)
    at = {name: saturdays(series) for name, series in closes.items()}
    found = {}
    for pair, weeks in product(combinations(closes, 2), SPANS):
        for leader, follower in (pair, pair[::-1]):  # both ways of as many weeks: the same draws
            past = {name: log_change(closes[name], at[follower], weeks) for name in pair}
            returns = next_week_return(closes[follower], at[follower])
            if slopes := estimate_slopes(returns, past, evidence.seed):
                slope = slopes[leader].times(WEEKS_A_YEAR)
                found[leader, follower, weeks] = Lead(leader, follower, weeks, slope)
    keys = ((*pair, weeks) for pair in permutations(closes, 2) for weeks in SPANS)
    return [found[key] for key in keys if key in found]


def cross_correlations(history: History, evidence: Evidence) -> list[Cross]:
    """All pairs; the coin or the later of both second."""
    closes = closes_by_name(history)
    pairs = [_cross(first, second, closes, evidence) for first, second in combinations(closes, 2)]
    return [cross for cross in pairs if cross]


def claims(history: History, leads: list[Lead], evidence: Evidence) -> Iterator[Claim]:
    """Those about who comes first."""
    by_pair = {(lead.leader, lead.follower, lead.weeks): lead for lead in leads}
    for leader, follower in ((INDEX, BITCOIN), (BITCOIN, INDEX)):
        for weeks in SPANS:
            statement = RIVAL.read_as(f"{leader} ahead of {follower}, {weeks} weeks")
            yield _lead_claim(statement, by_pair.get((leader, follower, weeks)), leader, follower)
    for asset in (ETHER, ALTS):
        for weeks in SPANS:
            statement = ANSWER.read_as(f"{asset}, the week after the Russell's last {weeks}")
            yield _answer_claim(statement, by_pair.get((INDEX, asset, weeks)), asset)
    yield _first_claim(by_pair.get((INDEX, BROAD, SPANS[0])))
    for asset in (BITCOIN, ETHER, ALTS):
        yield _outperformance_claim(history, asset, SPANS[-1], evidence.seed)
    yield _outperformance_gate_claim(history, evidence)


def _cross(
    first: str, second: str, closes: dict[str, pd.Series], evidence: Evidence
) -> Cross | None:
    weeks = weekly_returns({name: closes[name] for name in (first, second)})
    if len(weeks) < 4 * REACH:
        return None
    values = (weeks - weeks.mean()) / weeks.std(ddof=0)
    leading, following = values[first].to_numpy(), values[second].to_numpy()
    drawn = following[draw_days(len(following), DRAWS, evidence.seed, BLOCK_WEEKS)]
    highest = np.abs(lagged_correlations(leading, drawn)).max(axis=-1)
    return Cross(
        first=first,
        second=second,
        n=len(weeks),
        lags=list(range(-REACH, REACH + 1)),
        correlation=lagged_correlations(leading, following[None])[0],
        band=float(np.quantile(highest, 1.0 - LEVEL)),
    )


def lagged_correlations(leading: Floats, following: Floats) -> Floats:
    """Sum of products at each lag over the number of all weeks, draws x lags.

    `following`, draws x weeks, comes so many weeks after `leading`.
    """
    n, room = len(leading), 2 * len(leading)
    spectrum = np.fft.rfft(following, room) * np.conj(np.fft.rfft(leading, room))
    products = np.fft.irfft(spectrum, room) / n
    return np.asarray(np.concatenate((products[:, -REACH:], products[:, : REACH + 1]), axis=1))


def _lead_claim(statement: Statement, lead: Lead | None, leader: str, follower: str) -> Claim:
    """A significant lead contradicts that nobody can say who leads."""
    if lead is None:
        return missing_prices(statement, f"{leader} and {follower} for two years")
    verdict: Verdict = "contradicted" if lead.slope.low > 0.0 else "inconclusive"
    return slope_claim(
        statement,
        lead.slope,
        data=f"{leader}, {follower}",
        verdict=verdict,
        effect=_effect(f"{leader}'s {lead.weeks}-week return", follower),
        predictors=PREDICTORS,
    )


def _answer_claim(statement: Statement, lead: Lead | None, asset: str) -> Claim:
    if lead is None:
        return missing_prices(statement, f"{asset} for two years")
    return slope_claim(
        statement,
        lead.slope,
        data=f"{asset}, {INDEX}",
        verdict=verdict_by_interval(lead.slope.low, lead.slope.high),
        effect=_effect(f"the Russell's {lead.weeks}-week return", asset),
        predictors=PREDICTORS,
        side="above",
    )


def _first_claim(lead: Lead | None) -> Claim:
    """Small caps run first: the broad index follows them."""
    weeks = SPANS[0]
    statement = CREDIT.read_as(f"run first: the broad index in the week after the last {weeks}")
    return _answer_claim(statement, lead, BROAD)


def _outperformance_claim(history: History, asset: str, weeks: int, seed: int) -> Claim:
    statement = OUTRUN.read_as(f"{asset}, {weeks} weeks")
    closes = history.assets.get(asset)
    slopes = None
    if closes is not None:
        at = saturdays(closes)
        excess = log_change(history.assets[INDEX], at, weeks) - log_change(history.broad, at, weeks)
        past = {INDEX: excess, asset: log_change(closes, at, weeks)}
        slopes = estimate_slopes(next_week_return(closes, at), past, seed)
    if slopes is None:
        return missing_prices(statement, f"{asset} for two years")
    slope = slopes[INDEX].times(WEEKS_A_YEAR)
    return slope_claim(
        statement,
        slope,
        data=f"{asset}, {INDEX}, {BROAD}",
        verdict=verdict_by_interval(slope.low, slope.high),
        effect=_effect(f"the Russell's {weeks}-week return over the broad index", asset),
        predictors=PREDICTORS,
        side="above",
    )


def _outperformance_gate_claim(history: History, evidence: Evidence) -> Claim:
    """Bitcoin in weeks that begin with the Russell ahead of the broad index, against the others.

    A gate of its own: open while its return over `SPANS`' longer is the higher one.
    """
    weeks = SPANS[-1]
    statement = OUTRUN.read_as(f"{BITCOIN}, as a gate of its own, {weeks} weeks")
    bitcoin = history.assets[BITCOIN]
    at = saturdays(bitcoin)
    ahead = log_change(history.assets[INDEX], at, weeks) - log_change(history.broad, at, weeks)
    returns = next_week_return(bitcoin, at)
    known = np.isfinite(ahead) & np.isfinite(returns)
    is_open, earned = (ahead[known] > 0.0).astype(np.float64), returns[known]
    if len(earned) < FEWEST_WEEKS or not 0.0 < is_open.mean() < 1.0:
        return missing_prices(statement, f"{BITCOIN} and both indices for two years")
    slope = bootstrap_estimate(
        np.column_stack((earned, is_open)),
        lambda draws: np.asarray(regression_slopes(draws)[:, 0]),
        evidence.seed,
    ).times(WEEKS_A_YEAR)
    p_shift = circular_shift_p(earned, is_open)
    verdict = verdict_by_interval(slope.low, slope.high)
    return estimated_claim(
        statement,
        slope._replace(p=max(p_shift, slope.p or 0.0)),
        test="BTC's weekly returns with that gate open less closed, block bootstrap of weeks; p is"
        " the larger of that and of the gate shifted circularly through the window",
        data=f"{BITCOIN}, {INDEX}, {BROAD}",
        unit="log a year",
        verdict=verdict,
        why=f"BTC's annualised return was {slope.percent} with the Russell ahead over {weeks} weeks"
        f" than otherwise; so in {is_open.mean():.0%} of {len(earned)} weeks. Gates shifted"
        f" circularly: two-sided p {p_shift:.2f}.",
        side="above",
    )


def _effect(predictor: str, follower: str) -> str:
    return (
        f"With {predictor} one standard deviation higher, "
        f"the annualised return of {follower} in the next week was"
    )
