"""Claim B12: how the alts did during Bitcoin's advances."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.claim import Statement, factual_claim, missing_prices
from backtests.evidence.dated_closes import format_day
from backtests.evidence.document import Claim
from backtests.evidence.events import daily_closes
from backtests.evidence.history import BITCOIN, History
from backtests.evidence.turning_points import Turn, find_turns

DIP = 0.3  # drawdown on the way up that counts
DISPERSED = Statement("B12", "Not all altcoins rise together, nor in a straight line")


class Advance(NamedTuple):
    """From a low to the high after it, or as far as it has come."""

    low: Turn
    high: Turn
    is_finished: bool

    @property
    def days(self) -> int:
        """How long it took."""
        return (self.high.day - self.low.day).days


class AltsInAdvance(NamedTuple):
    """Gains of the alts during one advance, and the median of their drawdowns on the way."""

    advance: Advance
    gains: Mapping[str, float]
    drawdown: float

    @property
    def bitcoin(self) -> float:
        """Bitcoin's gain."""
        return self.advance.high.price / self.advance.low.price - 1.0

    @property
    def best(self) -> str:
        """The alt with the highest gain."""
        return max(self.gains, key=lambda name: self.gains[name])

    @property
    def worst(self) -> str:
        """The alt with the lowest gain."""
        return min(self.gains, key=lambda name: self.gains[name])

    @property
    def is_dispersed(self) -> bool:
        """Whether one alt gained more than Bitcoin and another less."""
        return self.gains[self.worst] < self.bitcoin < self.gains[self.best]

    def __str__(self) -> str:
        best, worst = (f"{name} {self.gains[name]:+,.0%}" for name in (self.best, self.worst))
        began = format_day(self.advance.low.day)
        return f"{began}: {best}, {worst}, BTC {self.bitcoin:+,.0%}"


def claims(history: History) -> Iterator[Claim]:
    """Those about the alts during advances."""
    yield from _dispersion_claims(history, find_advances(daily_closes(history.assets[BITCOIN])))


def find_advances(closes: pd.Series) -> list[Advance]:
    """From each low on; the last may not be over."""
    turns = find_turns(closes)
    advances = [
        Advance(low, high, is_finished=True) for low, high in pairwise(turns) if low.kind == "low"
    ]
    if turns and turns[-1].kind == "low":
        since = closes[turns[-1].day :]
        best = pd.Timestamp(since.index[int(since.to_numpy().argmax())])
        high = Turn(best, "high", float(since.max()))
        advances.append(Advance(turns[-1], high, is_finished=False))
    return advances


def _drawdown(closes: pd.Series) -> float:
    return float((1.0 - closes / closes.cummax()).max())


def _alts_in_advance(history: History, advance: Advance) -> AltsInAdvance | None:
    """Alts that were listed when it began and had prices to its end; None with fewer than two."""
    paths = {
        name: series[advance.low.day : advance.high.day]
        for name, series in history.alts.items()
        if series.index[0] <= advance.low.day
    }
    paths = {
        name: path
        for name, path in paths.items()
        if len(path) > 1 and path.index[-1] >= advance.high.day
    }
    if len(paths) < 2:
        return None
    gains = {name: float(path.iloc[-1] / path.iloc[0] - 1.0) for name, path in paths.items()}
    median = float(np.median([_drawdown(path) for path in paths.values()]))
    return AltsInAdvance(advance, gains, median)


def _dispersion_claims(history: History, advances: list[Advance]) -> Iterator[Claim]:
    apart, in_line = (
        DISPERSED.read_as("not together"),
        DISPERSED.read_as("not in a straight line"),
    )
    candidates = [_alts_in_advance(history, advance) for advance in advances]
    cases = [case for case in candidates if case]
    if not cases:
        for statement in (apart, in_line):
            yield missing_prices(statement, "two alts over an advance of BTC", kind="fact")
        return
    share = float(np.mean([case.is_dispersed for case in cases]))
    yield factual_claim(
        apart,
        test="in most advances of BTC one alt gained more than it and another less",
        data="alts",
        estimate=share,
        unit="share",
        holds=share > 0.5,
        why=f"From BTC's lows to its highs, {'; '.join(map(str, cases))}.",
        n=len(cases),
    )
    drawdowns = [case.drawdown for case in cases]
    listed = ", ".join(f"{drawdown:.0%}" for drawdown in drawdowns)
    yield factual_claim(
        in_line,
        test=f"in most advances of BTC half of the alts had a drawdown of {DIP:.0%} or more",
        data="alts",
        estimate=float(np.median(drawdowns)),
        unit="share",
        holds=float(np.mean(np.array(drawdowns) >= DIP)) > 0.5,
        why=f"The median alt's maximum drawdown on the way up was {listed}.",
        n=len(cases),
    )
