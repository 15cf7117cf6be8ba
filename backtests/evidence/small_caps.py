"""Claims about what moves small caps: credit, interest rates, banks; and their own breakouts."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.claim import (
    Statement,
    estimated_claim,
    factual_claim,
    missing_prices,
    untestable_claim,
    verdict_by_interval,
)
from backtests.evidence.document import Claim
from backtests.evidence.history import FUNDS, INDEX, History
from backtests.evidence.predictive_regression import (
    estimate_slopes,
    log_change,
    next_week_return,
    saturdays,
    slope_claim,
)
from backtests.evidence.weekly_returns import (
    FEWEST_WEEKS,
    WEEKS_A_YEAR,
    bootstrap_estimate,
    partial_correlation,
    weekly_returns,
)
from config.evidence import Evidence

CREDIT = Statement(
    "B3",
    "Small caps do not lead when risk is off: they collapse when credit tightens, and run first"
    " when appetite returns",
)
RATES = Statement(
    "A14",
    "Small caps borrow from banks, not by issuing bonds: rising rates hurt them first, falling"
    " rates help them first; in 2016 the hikes were nearly over",
)
BREAKOUT_2016 = pd.Timestamp("2016-11-14")
# Days on which the Federal Open Market Committee raised its target range in that round
# (federalreserve.gov, open market operations).
HIKES = (
    *("2015-12-16", "2016-12-14", "2017-03-15", "2017-06-14", "2017-12-13"),
    *("2018-03-21", "2018-06-13", "2018-09-26", "2018-12-19"),
)
BANK_WEEKS = 13
NEARLY_OVER = 0.75  # share of the hikes that would have had to be made


class Driver(NamedTuple):
    """What may move small caps against large ones: series, sign of their sum, what it is called.

    `since`: the first day of the weeks that count; None for all.
    """

    statement: Statement
    signs: Mapping[str, float]
    name: str
    since: pd.Timestamp | None = None


SINCE_2022 = pd.Timestamp("2022-01-01", tz="UTC")  # rates left zero in March
RATE_FUNDS = {
    "the short rate": (
        {"short rates": 1.0},
        "Treasuries of 1 to 3 years (they gain when it falls)",
    ),
    "the long rate": ({"safe": 1.0}, "Treasuries of 7 to 10 years (they gain when it falls)"),
}
DRIVERS = (
    Driver(
        CREDIT.read_as("credit, by bond funds"),
        {"risky": 1.0, "safe": -1.0},
        "high-yield bonds over government bonds",
    ),
    Driver(
        CREDIT.read_as("credit, by the spread"),
        {"spread": -1.0},
        "a falling spread of high-yield bonds",
    ),
    *(
        Driver(RATES.read_as(f"{rate}, {span}"), signs, name, since)
        for rate, (signs, name) in RATE_FUNDS.items()
        for span, since in (("all weeks", None), ("since 2022", SINCE_2022))
    ),
)


def claims(history: History, evidence: Evidence) -> Iterator[Claim]:
    """Those about what moves small caps, the broad index known."""
    for driver in DRIVERS:
        yield _driver_claim(driver, history, evidence)
    yield _banks_claim(history, evidence)
    yield untestable_claim(
        RATES.read_as("banks' lending standards for small firms"),
        "FRED's DRTSCIS, a quarterly survey since 1990, against the Russell 2000 given the S&P 500",
    )
    yield _hikes_claim()


def _banks_claim(history: History, evidence: Evidence) -> Claim:
    """Whether small caps follow banks: together they move anyhow, for banks are among them."""
    statement = RATES.read_as(f"bank credit first, the week after the last {BANK_WEEKS}")
    slopes = None
    if "banks" in history.funds:
        banks, index = history.funds["banks"], history.assets[INDEX]
        at = saturdays(banks)
        past = log_change(banks, at, BANK_WEEKS) - log_change(history.broad, at, BANK_WEEKS)
        ahead = next_week_return(index, at) - next_week_return(history.broad, at)
        slopes = estimate_slopes(ahead, {"banks": past}, evidence.seed)
    if slopes is None:
        return missing_prices(statement, f"{FUNDS['banks']} for two years")
    slope = slopes["banks"].times(WEEKS_A_YEAR)
    return slope_claim(
        statement,
        slope,
        data=f"{INDEX}, broad index, {FUNDS['banks']}",
        verdict=verdict_by_interval(slope.low, slope.high),
        effect=f"With the {BANK_WEEKS}-week return of regional banks over the broad index one"
        " standard deviation higher, the Russell's annualised return over it in the next week was",
        predictors="the banks' past change over the broad index",
        side="above",
    )


def _hikes_claim() -> Claim:
    made = sum(pd.Timestamp(day) <= BREAKOUT_2016 for day in HIKES)
    share = made / len(HIKES)
    return factual_claim(
        RATES.read_as("nearly over in 2016"),
        test=f"hikes made by the breakout, {NEARLY_OVER:.0%} of the round or more",
        data="days of the hikes from 2015 to 2018",
        estimate=share,
        unit="share",
        holds=share >= NEARLY_OVER,
        why=f"By {BREAKOUT_2016:%Y-%m-%d} {made} of the {len(HIKES)} hikes of 2015 to 2018 had been"
        " made.",
        n=len(HIKES),
    )


def _driver_claim(driver: Driver, history: History, evidence: Evidence) -> Claim:
    """Whether the Russell moves with the driver once the broad index is known."""
    closes = {INDEX: history.assets[INDEX], "broad": history.broad, **history.bonds}
    closes |= history.funds
    if "spread" in history.macro:
        closes["spread"] = history.macro["spread"]
    names = dict.fromkeys((INDEX, "broad", *driver.signs))
    weeks = None
    if names.keys() <= closes.keys():
        weeks = weekly_returns({name: closes[name] for name in names})[driver.since :]
    if weeks is None or len(weeks) < FEWEST_WEEKS:
        needed = ", ".join(FUNDS.get(name, name) for name in driver.signs)
        return missing_prices(driver.statement, f"{needed} for two years")
    driven = weeks[list(driver.signs)].to_numpy() @ np.array(list(driver.signs.values()))
    values = np.column_stack((weeks[[INDEX, "broad"]].to_numpy(), driven))
    estimate = bootstrap_estimate(values, partial_correlation, evidence.seed)
    verdict = verdict_by_interval(estimate.low, estimate.high)
    why = (
        f"Given the broad index, the correlation of the Russell with {driver.name} is"
        f" {estimate.estimate:+.2f} ({estimate.interval})."
    )
    return estimated_claim(
        driver.statement,
        estimate,
        test=f"partial correlation of weekly returns, the Russell with {driver.name}, given the"
        " broad index; block bootstrap of weeks",
        data=f"{INDEX}, broad index, {', '.join(driver.signs)}",
        unit="correlation",
        verdict=verdict,
        why=why,
        side="above",
    )
