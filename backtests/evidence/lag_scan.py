"""At which lag does a coin answer the gate? All lags are tested at once, because many are tried.

Of each lag: what the coin earned on days so long after the gate was open, less what it earned on
all others. The best of all lags is compared with the best of circularly shifted gates (which keeps
the gate's periods), and with that of the coin's days drawn in blocks (which keeps the coin's
volatility clusters). The larger of both p counts.
"""

from collections.abc import Iterator
from math import expm1
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.breakouts import ANSWER
from backtests.evidence.claim import Statement, estimated_claim, missing_prices
from backtests.evidence.document import Claim, Verdict
from backtests.evidence.estimate import Estimate
from backtests.evidence.events import LEVEL, SIDES, share_as_high
from backtests.evidence.gate_test import days_with_gate, differences_by_shift
from backtests.evidence.history import ALTS, BITCOIN, ETHER, History
from backtests.performance.metrics import DAYS
from backtests.statistics.stationary_bootstrap import draw_days, parts_of_draws
from brokers.plurals import count
from config.evidence import Evidence
from strategies.indicators import Floats, Ints

LONGEST = 120  # days
CLAIMED = (30, 91)  # one to three months, in days
DRAWS = 1000
# The shifts about the best one match it: of fewer days no share of shifts is small.
FEWEST_DAYS = round((LONGEST + 1) / LEVEL)


class Scan(NamedTuple):
    """All lags of one coin.

    `apart`: by lag in days, the annualised log return less that of other days. `band`: the
    95 % point of the best lag by chance, by drawn days. `p_moved`, `p_drawn`: share of circularly
    shifted gates, and of draws, whose best lag matches or beats it. `low` to `high`: 95 % of the
    best lags when chance is added to the curve.
    """

    asset: str
    days: int
    apart: Floats
    p_moved: float
    p_drawn: float
    band: float
    low: int
    high: int

    @property
    def best(self) -> int:
        """The best lag, in days."""
        return int(self.apart.argmax())

    @property
    def p(self) -> float:
        """The less favourable one."""
        return max(self.p_moved, self.p_drawn)

    @property
    def smallest_p(self) -> float:
        """The lowest that there can be: the shifts about the best one match it."""
        return max((LONGEST + 1) / self.days, 1.0 / (1 + DRAWS))


def scan_lags(history: History, table: pd.DataFrame, evidence: Evidence) -> list[Scan]:
    """One scan for each coin that has prices with the gate open and closed."""
    scans = [
        _scan(asset, history.assets[asset], table, evidence)
        for asset in (BITCOIN, ETHER, ALTS)
        if asset in history.assets
    ]
    return [scan for scan in scans if scan]


def claims(scans: list[Scan]) -> Iterator[Claim]:
    """Whether the best lag is one to three months."""
    by_asset = {scan.asset: scan for scan in scans}
    for asset in (ETHER, ALTS, BITCOIN):
        note = "; claimed of ETH and alts" if asset == BITCOIN else ""
        statement = ANSWER.read_as(f"{asset}, best lag of 0 to {LONGEST} days{note}")
        if asset in by_asset:
            yield _claim(statement, by_asset[asset])
        else:
            needed = f"{asset} over {FEWEST_DAYS:,} days with the gate open and closed"
            yield missing_prices(statement, needed)


def _scan(asset: str, closes: pd.Series, table: pd.DataFrame, evidence: Evidence) -> Scan | None:
    _, returns, gate = days_with_gate(closes, table)
    if len(gate) < FEWEST_DAYS or not 0.0 < gate.mean() < 1.0:
        return None
    by_shift = differences_by_shift(returns, gate) * DAYS
    apart = by_shift[: LONGEST + 1]
    drawn = _drawn_lags(returns, gate, evidence.seed)
    by_chance, top = drawn.max(axis=1), float(apart.max())
    band = float(np.quantile(by_chance, 1.0 - LEVEL))
    low, high = np.quantile((drawn + apart).argmax(axis=1), SIDES, method="nearest")
    return Scan(
        asset=asset,
        days=len(gate),
        apart=apart,
        p_moved=float(np.mean(_best_by_shift(by_shift) >= top - 1e-9)),
        p_drawn=share_as_high(by_chance, top),
        band=band,
        low=int(low),
        high=int(high),
    )


def _drawn_lags(returns: Floats, gate: Floats, seed: int) -> Floats:
    """The same differences for drawn days, draws x lags; in parts, to spare memory."""
    rows = draw_days(len(returns), DRAWS, seed)
    parts = [
        differences_by_shift(returns[part], gate)[:, : LONGEST + 1] * DAYS
        for part in parts_of_draws(rows)
    ]
    return np.concatenate(parts)


def _best_by_shift(by_shift: Floats) -> Floats:
    """The best lag's difference of the gate at each of its circular shifts."""
    around: Ints = np.arange(len(by_shift))[:, None] + np.arange(LONGEST + 1)
    return np.asarray(by_shift[around % len(by_shift)].max(axis=1))


def _verdict(scan: Scan) -> Verdict:
    """By the whole interval of the best lag, if both p are small."""
    if scan.p > LEVEL:
        return "inconclusive"
    if CLAIMED[0] <= scan.low and scan.high <= CLAIMED[1]:
        return "supported"
    outside = scan.high < CLAIMED[0] or scan.low > CLAIMED[1]
    return "contradicted" if outside else "inconclusive"


def _claim(statement: Statement, scan: Scan) -> Claim:
    top = float(scan.apart.max())
    why = (
        f"The best lag is {count(scan.best, 'day')} (95 % CI {scan.low} to {scan.high}), with an"
        f" annualised return {expm1(top):,.0%} higher than on other days. {scan.p_moved:.0%} of"
        f" circularly shifted gates and {scan.p_drawn:.0%} of bootstrap draws match or beat it. No"
        f" p below {scan.smallest_p:.3f} is possible, which is too high to survive the correction"
        " for all tests of a page."
    )
    lag = Estimate(
        n=scan.days,
        estimate=float(scan.best),
        low=float(scan.low),
        high=float(scan.high),
        p=scan.p,
        smallest=float("nan"),
    )
    return estimated_claim(
        statement,
        lag,
        test=f"best of {LONGEST + 1} lags against those of circularly shifted gates and of days"
        " drawn in blocks; p is the larger",
        data=scan.asset,
        unit="days",
        verdict=_verdict(scan),
        why=why,
    )
