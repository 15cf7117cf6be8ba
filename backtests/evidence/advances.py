"""Claims about Bitcoin's advances: how the alts did during them, and how long they last."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.evidence.claim import Statement, factual_claim, missing_prices
from backtests.evidence.document import Claim
from backtests.evidence.events import daily_closes
from backtests.evidence.history import BITCOIN, History
from backtests.evidence.turning_points import Turn, find_turns

FEWEST_TO_COMPARE = 2  # advances: of two one is always the shallower
DIP = 0.3  # drawdown on the way up that counts
DISPERSED = Statement("B12", "Not all altcoins rise together, nor in a straight line")
SUPERCYCLE = Statement(
    "B13",
    "A supercycle: advances last longer, dips are absorbed by buyers, suppressed high beta revives",
)


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
        return f"{self.advance.low.day:%Y-%m}: {best}, {worst}, BTC {self.bitcoin:+,.0%}"


def claims(history: History) -> Iterator[Claim]:
    """Those about the alts during advances, and about how long advances last."""
    closes = daily_closes(history.assets[BITCOIN])
    advances = find_advances(closes)
    yield from _dispersion_claims(history, advances)
    yield from _supercycle_claims(closes, advances)


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
            yield missing_prices(statement, "two alts over an advance of BTC")
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


def _supercycle_claims(closes: pd.Series, advances: list[Advance]) -> Iterator[Claim]:
    """The latest advance against all before it."""
    if len(advances) < 2:
        for reading in ("longer", "shallower dips"):
            yield missing_prices(SUPERCYCLE.read_as(reading), "BTC over two advances")
        return
    yield _length_claim(advances)
    yield _dips_claim(closes, advances)


def _length_claim(advances: list[Advance]) -> Claim:
    latest = advances[-1]
    longest = max(advances[:-1], key=lambda advance: advance.days)
    is_longest = latest.days > longest.days
    so_far = "" if latest.is_finished else " so far"
    why = (
        f"Of {len(advances)} advances the latest, from {latest.low.day:%Y-%m-%d} to"
        f" {latest.high.day:%Y-%m-%d}{so_far}, took {latest.days:,} days; the longest before, from"
        f" {longest.low.day:%Y-%m-%d}, took {longest.days:,}."
    )
    return factual_claim(
        SUPERCYCLE.read_as("longer"),
        test="the latest advance of BTC is the longest",
        data=BITCOIN,
        estimate=float(latest.days),
        unit="days",
        holds=is_longest,
        why=why,
        n=len(advances),
        is_final=latest.is_finished or is_longest,  # one that is not over may still become longer
    )


def _dips_claim(closes: pd.Series, advances: list[Advance]) -> Claim:
    statement = SUPERCYCLE.read_as("shallower dips")
    latest = advances[-1]
    drawdowns = [_drawdown(closes[each.low.day : each.high.day]) for each in advances]
    comparable = [
        drawdown
        for advance, drawdown in zip(advances[:-1], drawdowns, strict=False)
        if advance.days >= latest.days / 2
    ]
    if not comparable:
        return missing_prices(statement, "BTC over another advance half as long")
    is_shallower = drawdowns[-1] < min(comparable)
    listed = ", ".join(f"{drawdown:.0%}" for drawdown in comparable)
    return factual_claim(
        statement,
        test="the maximum drawdown within the latest advance is smaller than in all others at least"
        " half as long",
        data=BITCOIN,
        estimate=drawdowns[-1],
        unit="share",
        holds=is_shallower,
        why=f"Its maximum drawdown was {drawdowns[-1]:.0%}; in earlier advances at least half as"
        f" long it was {listed}.",
        n=1 + len(comparable),
        # One that is not over may still fall.
        is_final=not is_shallower or (latest.is_finished and len(comparable) >= FEWEST_TO_COMPARE),
    )
