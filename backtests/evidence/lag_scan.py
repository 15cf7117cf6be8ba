"""At which lag does the gate tell of a coin's days? All lags at once, so that the best of many is not taken for the only one.

Of each lag: what the coin earned on days so long after the gate was open, less what it earned on all others. The highest of all lags is
held against the highest of the same gate moved to any other place in time (which keeps its spells), and against that of the coin's days
drawn anew in blocks (which keeps the coin's spells). The larger p of the two counts.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.breakouts import ANSWER
from backtests.evidence.claim import Claim, Word, lacking
from backtests.evidence.events import LEVEL, SIDES, every_day, share_as_high
from backtests.evidence.gate_test import moved, open_at
from backtests.evidence.history import ALTS, BITCOIN, ETHER, History
from backtests.performance.metrics import DAYS
from backtests.statistics.stationary_bootstrap import drawn_days
from config.evidence import Evidence
from strategies.indicators import Floats, Ints

LONGEST = 120  # days
SAID = (30, 91)  # one to three months, in days
DRAWS = 1000
FEWEST_DAYS = round(
    (LONGEST + 1) / LEVEL
)  # the places about the best one are as high as it: of fewer no share is small


class Scan(NamedTuple):
    """Of one coin: by lag in days, the difference in log return a year; `band` the 95 % point of the highest by chance, by drawn days.

    `p_moved`, `p_drawn`: share of the gate's places, and of draws, whose highest is as high. `power`: how often the highest would lie above
    the band, were the difference at the best lag the truth. `low` to `high`: 95 % of the best lags when chance is added to the curve.
    """

    asset: str
    days: int
    apart: Floats
    p_moved: float
    p_drawn: float
    band: float
    power: float
    low: int
    high: int

    @property
    def best(self) -> int:
        """The lag of the highest, in days."""
        return int(self.apart.argmax())

    @property
    def p(self) -> float:
        """The less favourable one."""
        return max(self.p_moved, self.p_drawn)


def scanned(history: History, table: pd.DataFrame, evidence: Evidence) -> list[Scan]:
    """One scan a coin that has prices and an open and a shut gate; `table` is the gate's."""
    return [
        found
        for asset in (BITCOIN, ETHER, ALTS)
        if asset in history.assets
        and (found := _scan(asset, history.assets[asset], table, evidence))
    ]


def claims(scans: list[Scan]) -> Iterator[Claim]:
    """Whether the best lag is one to three months."""
    by_asset = {one.asset: one for one in scans}
    for asset in (ETHER, ALTS, BITCOIN):
        reading = f"{asset}, best lag of 0 to {LONGEST} days" + (
            "; said of ETH and alts" if asset == BITCOIN else ""
        )
        yield (
            _claim(by_asset[asset], reading)
            if asset in by_asset
            else lacking(
                "B7", ANSWER, f"{asset} over {FEWEST_DAYS:,} days with the gate open and shut"
            )._replace(reading=reading)
        )


def _scan(asset: str, closes: pd.Series, table: pd.DataFrame, evidence: Evidence) -> Scan | None:
    daily = every_day(closes)
    starts = pd.DatetimeIndex(daily.index[:-1])
    gate = open_at(table, starts)
    known = np.isfinite(gate)
    gate, returns = gate[known], np.diff(np.log(daily.to_numpy(dtype=float)))[known]
    if len(gate) < FEWEST_DAYS or not 0.0 < gate.mean() < 1.0:
        return None
    everywhere = moved(returns, gate) * DAYS
    apart, highest = everywhere[: LONGEST + 1], _highest_from(everywhere)
    rows = drawn_days(len(returns), DRAWS, evidence.seed)
    drawn = np.concatenate(
        [moved(returns[part], gate)[:, : LONGEST + 1] * DAYS for part in np.array_split(rows, 10)]
    )
    by_chance, top = drawn.max(axis=1), float(apart.max())
    band = float(np.quantile(by_chance, 1.0 - LEVEL))
    low, high = np.quantile((drawn + apart).argmax(axis=1), SIDES, method="nearest")
    there = drawn.copy()
    there[:, int(apart.argmax())] += top
    seen, as_high = float(np.mean(there.max(axis=1) >= band)), float(np.mean(highest >= top - 1e-9))
    return Scan(
        asset,
        len(gate),
        apart,
        as_high,
        share_as_high(by_chance, top),
        band,
        seen,
        int(low),
        int(high),
    )


def _highest_from(everywhere: Floats) -> Floats:
    """The highest of the lags that the gate has at each of its places."""
    around: Ints = np.arange(len(everywhere))[:, None] + np.arange(LONGEST + 1)
    return np.asarray(everywhere[around % len(everywhere)].max(axis=1))


def _claim(found: Scan, reading: str) -> Claim:
    inside, outside = (
        SAID[0] <= found.low and found.high <= SAID[1],
        found.high < SAID[0] or found.low > SAID[1],
    )
    word: Word = (
        "cannot be told"
        if found.p > LEVEL or not (inside or outside)
        else "supported"
        if inside
        else "contradicted"
    )
    top = float(found.apart.max())
    why = (
        f"It earned most beside other days {found.best} days after the gate was open ({found.low} to {found.high}), {top:+.2f} a year in logs; the "
        f"best of all lags is as high at {found.p_moved:.0%} of the gate's places and in {found.p_drawn:.0%} of draws of its days."
    )
    test = f"highest of {LONGEST + 1} lags against that of the gate moved in time and of days drawn in blocks; p is the larger"
    return Claim(
        "B7",
        ANSWER,
        reading,
        test,
        found.asset,
        found.days,
        float(found.best),
        float(found.low),
        float(found.high),
        "days",
        found.p,
        found.power,
        word,
        why,
    )
