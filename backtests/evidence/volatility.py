"""Claims about Bitcoin's volatility and drawdowns since the spot ETFs."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from backtests.evidence.claim import (
    Statement,
    estimated_claim,
    missing_prices,
    verdict_by_interval,
    verdict_on_no_effect,
)
from backtests.evidence.document import Claim
from backtests.evidence.estimate import Estimate
from backtests.evidence.events import NORMAL, SEEN, SIDES, daily_closes, share_as_high
from backtests.evidence.history import BITCOIN, History
from backtests.evidence.predictive_regression import WEEK, estimate_slopes, log_change, saturdays
from backtests.evidence.user_series import ETF_START, SOURCES
from backtests.evidence.weekly_returns import (
    BLOCK_WEEKS,
    DRAWS,
    FEWEST_WEEKS,
    WEEKS_A_YEAR,
    students_estimate,
    students_quantile,
    weekly_returns,
)
from backtests.statistics.stationary_bootstrap import DrawnDays, draw_days
from config.evidence import Evidence
from strategies.indicators import Floats

CALMER = Statement(
    "A6",
    "Since the spot ETFs of January 2024 institutions have lowered BTC's volatility: shallower"
    " falls, no advance like 2017's; they do not chase prices",
)
ALL_YEARS = 100  # back from the ETFs: more than there are
DAYS_A_WEEK = 7


def claims(history: History, evidence: Evidence) -> Iterator[Claim]:
    """Those about volatility since the ETFs."""
    for reading, years in (("all earlier years", ALL_YEARS), ("the four years before", 4)):
        statement = CALMER.read_as(f"volatility against {reading}")
        yield volatility_claim(statement, history, evidence, years)
    yield trend_claim(CALMER.read_as("volatility beyond its trend"), history, evidence)
    yield drawdown_claim(CALMER.read_as("maximum drawdown"), history, evidence)
    yield chasing_claim(CALMER.read_as("they do not chase prices"), history, evidence)


def volatility_claim(
    statement: Statement, history: History, evidence: Evidence, years: int
) -> Claim:
    """Volatility since the ETFs against that of so many years before."""
    before, since = _weeks_around_etfs(history, years)
    if min(len(before), len(since)) < FEWEST_WEEKS:
        return missing_prices(statement, "BTC for two years before and after")
    estimate = _log_ratio(before, since, evidence)
    verdict = verdict_by_interval(estimate.low, estimate.high, rises=False)
    annual = [float(weeks.std(ddof=1)) * np.sqrt(WEEKS_A_YEAR) for weeks in (before, since)]
    why = (
        f"Annualised volatility was {annual[0]:.0%} before and {annual[1]:.0%} since:"
        f" {estimate.percent}."
    )
    return estimated_claim(
        statement,
        estimate,
        test="log ratio of weekly volatilities, since over before, against that of weeks drawn in"
        " blocks from both",
        data=BITCOIN,
        unit="log",
        verdict=verdict,
        why=why,
        side="below",
    )


def _log_ratio(before: Floats, since: Floats, evidence: Evidence) -> Estimate:
    """Of the deviation since over that before.

    Both are drawn from all weeks: a short time mostly misses the few volatile weeks that a long
    one has, and seems calm without being it.
    """
    weeks = np.concatenate((since, before))
    rows = draw_days(len(weeks), DRAWS, evidence.seed, BLOCK_WEEKS)
    by_chance = np.log(
        weeks[rows[:, : len(since)]].std(axis=1, ddof=1)
        / weeks[rows[:, len(since) :]].std(axis=1, ddof=1)
    )
    estimate = float(np.log(float(since.std(ddof=1)) / float(before.std(ddof=1))))
    n = min(len(before), len(since))
    # The shorter time holds few blocks, and rows drawn from few vary too little.
    wider = students_quantile(SIDES[1], n / BLOCK_WEEKS - 1.0) / NORMAL.inv_cdf(SIDES[1])
    low, high = (estimate - wider * float(np.quantile(by_chance, side)) for side in SIDES[::-1])
    error = float(by_chance.std()) * wider
    return Estimate(
        n=n,
        estimate=estimate,
        low=low,
        high=high,
        p=share_as_high(np.abs(by_chance) * wider, abs(estimate)),
        smallest=(NORMAL.inv_cdf(SIDES[1]) + NORMAL.inv_cdf(SEEN)) * error,
    )


def weekly_volatility(closes: pd.Series) -> pd.Series:
    """Log of each whole week's realised volatility, annualised; by the Saturday it ends.

    The root of the sum of its squared daily log returns.
    """
    squares = np.log(daily_closes(closes)).diff() ** 2
    sums = squares.rolling(DAYS_A_WEEK).sum().dropna()
    saturday = pd.DatetimeIndex(sums.index).day_of_week == 5
    logs: pd.Series = 0.5 * np.log(sums[saturday & (sums > 0.0)] * WEEKS_A_YEAR)
    return logs


def trend_claim(statement: Statement, history: History, evidence: Evidence) -> Claim:
    """Whether volatility since the ETFs lies below the line on which it fell before them."""
    weeks = weekly_volatility(history.assets[BITCOIN])
    since = (pd.DatetimeIndex(weeks.index) > ETF_START).astype(np.float64)
    slopes = None
    if min(since.sum(), len(since) - since.sum()) >= FEWEST_WEEKS:
        columns = {"ETFs": since, "trend": np.arange(len(weeks), dtype=np.float64)}
        slopes = estimate_slopes(weeks.to_numpy(), columns, evidence.seed)
    if slopes is None:
        return missing_prices(statement, "BTC for two years before and after")
    estimate = slopes["ETFs"].times(1.0 / float(since.std()))
    verdict = verdict_by_interval(estimate.low, estimate.high, rises=False)
    return estimated_claim(
        statement,
        estimate,
        test="regression of the log of weekly realised volatility on time and on the weeks since"
        " the ETFs; the larger of the Newey-West and the block bootstrap error",
        data=BITCOIN,
        unit="log volatility",
        verdict=verdict,
        why=f"Beside a straight line through all years the log of volatility was {estimate.higher}"
        f" since the ETFs ({estimate.interval}).",
        side="below",
    )


def chasing_claim(statement: Statement, history: History, evidence: Evidence) -> Claim:
    """Whether the funds' flows follow the week before: a slope above 0 contradicts."""
    flows = history.macro.get("bitcoin_flows")
    source = SOURCES["bitcoin_flows"]._replace(
        figures="flows into Bitcoin's spot ETFs by day over two years",
        problem=history.lacking.get("bitcoin_flows", ""),
    )
    if flows is None:
        return source.lacks(statement)
    bitcoin = history.assets[BITCOIN]
    at = saturdays(bitcoin)
    at = at[(at - WEEK >= flows.index[0]) & (at + WEEK <= flows.index[-1])]
    known = flows.index
    sums = np.array([float(flows[(known > week) & (known <= week + WEEK)].sum()) for week in at])
    past = log_change(bitcoin, at, 1)
    slopes = None
    if len(sums) >= FEWEST_WEEKS and float(sums.std()) > 0.0:
        slopes = estimate_slopes(sums / sums.std(), {"past": past}, evidence.seed)
    if slopes is None:
        return source.lacks(statement)
    slope = slopes["past"]
    verdict = verdict_on_no_effect(slope.low)
    return estimated_claim(
        statement,
        slope,
        test="regression of a week's flows on the return of the week before; the larger of the"
        " Newey-West and the block bootstrap error",
        data=f"your flows, {BITCOIN}",
        unit="standard deviations",
        verdict=verdict,
        why=f"After a week one standard deviation better flows were {slope.higher} standard"
        f" deviations ({slope.interval}).",
    )


def _weeks_around_etfs(history: History, years: int) -> tuple[Floats, Floats]:
    """Bitcoin's weekly returns before, so many years back, and since."""
    weeks = weekly_returns({BITCOIN: history.assets[BITCOIN]})[BITCOIN]
    before = weeks[ETF_START - pd.DateOffset(years=years) : ETF_START - pd.Timedelta(days=1)]
    return before.to_numpy(), weeks[ETF_START:].to_numpy()


def max_drawdowns(weeks: Floats) -> Floats:
    """The maximum drawdown of each path of log returns, its start included; paths x weeks."""
    levels = np.cumsum(np.concatenate((np.zeros((len(weeks), 1)), weeks), axis=1), axis=1)
    return np.asarray(-np.expm1(-(np.maximum.accumulate(levels, axis=1) - levels).max(axis=1)))


def drawdown_claim(statement: Statement, history: History, evidence: Evidence) -> Claim:
    """Maximum drawdown since the ETFs against all earlier windows of the same length.

    The longer the window, the deeper the maximum.
    """
    before, since = _weeks_around_etfs(history, ALL_YEARS)
    length = len(since)
    if min(len(before), length) < FEWEST_WEEKS or len(before) < length:
        return missing_prices(statement, "BTC for two years before and after")
    windows = max_drawdowns(np.lib.stride_tricks.sliding_window_view(before, length))
    drawn = [
        max_drawdowns(weeks[_draw(len(weeks), evidence.seed + number)][:, :length])
        for number, weeks in enumerate((before, since))
    ]
    current = float(max_drawdowns(since[None])[0])
    error = float((drawn[1] - drawn[0]).std())
    estimate = students_estimate(length, current - float(windows.mean()), error)
    verdict = verdict_by_interval(estimate.low, estimate.high, rises=False)
    why = (
        f"The maximum drawdown since is {current:.0%} on weekly closes; in {len(windows)} earlier "
        f"windows of the same length it was {windows.min():.0%} to {windows.max():.0%}. Difference "
        f"from their mean {estimate.estimate:+.2f} ({estimate.interval})."
    )
    return estimated_claim(
        statement,
        estimate,
        test="maximum drawdown since less the mean of that in all earlier windows of the same"
        " length, block bootstrap of weeks",
        data=BITCOIN,
        unit="share",
        verdict=verdict,
        why=why,
        side="below",
    )


def _draw(weeks: int, seed: int) -> DrawnDays:
    return draw_days(weeks, DRAWS, seed, BLOCK_WEEKS)
