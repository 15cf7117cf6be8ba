"""The gate as a whole: what Bitcoin earned while it was open, and whether Bitcoin's own clock tells the same.

The gate of a week is the one known when it begins. That it was open in weeks of its own, not of chance, is asked of gates with the same
spells at other times: the whole gate moved around the window (as `random_gates` does for the strategy).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.benchmarks.benchmarks import after_halving
from backtests.evidence.claim import Claim, Word, lacking, stated
from backtests.evidence.comovement import (
    FEWEST_WEEKS,
    STALE,
    WEEKS_A_YEAR,
    Measured,
    measured,
    weekly,
)
from backtests.evidence.events import LEVEL
from backtests.evidence.historical_facts import MARK, PASSED
from backtests.evidence.history import BITCOIN, History
from config.evidence import Evidence
from strategies.breakout import CONFIRMED, STATES
from strategies.indicators import Floats

RIVAL = "Nobody can say which of the two leads: BTC has its own halving cycle, and the Russell may merely have appeared at the same time"
MOST_STALE = 5  # sessions since the gate's index had a close
WORTH = 0.1  # log a year: less is eaten by costs and slips


class Weeks(NamedTuple):
    """By week: Bitcoin's log return, whether the gate was open, whether a halving lay less than 18 months back."""

    starts: pd.DatetimeIndex
    returns: Floats
    gate: Floats
    clock: Floats


def claims(history: History, table: pd.DataFrame, evidence: Evidence) -> Iterator[Claim]:
    """Those about the gate and about the clock; `table` is the gate's."""
    signal = "The breakout is a condition to observe, not a trading signal"
    weeks = of(history, table)
    if len(weeks.returns) < FEWEST_WEEKS or not 0.0 < weeks.gate.mean() < 1.0:
        yield lacking("A11", RIVAL, "BTC with the gate open and shut")
        yield lacking("A15", signal, "BTC with the gate open and shut")
        return
    yield from _rivals(RIVAL, weeks, evidence)
    yield _signal(signal, weeks, evidence)


def behind_the_move(table: pd.DataFrame) -> Claim:
    """Volume and breadth, as the gate measures them, at the first close above the mark of claim B2; `table` is the gate's."""
    reading, needed = "on heavy volume and broad participation", ("volume", "breadth")
    above = table[table["close"] > MARK]
    row = (
        above.iloc[0]
        if len(above) and all(f"confirmation_{name}" in table for name in needed)
        else None
    )
    if row is None or any(pd.isna(row[f"confirmation_{name}"]) for name in needed):
        return lacking("B2", PASSED, "volume and breadth at the first close above 2,600")._replace(
            reading=reading
        )
    volume, breadth = (float(row[f"measure_{name}"]) for name in needed)
    holds = all(bool(row[f"confirmation_{name}"]) for name in needed)
    why = (
        f"Up to {row.name:%Y-%m-%d} the shorter mean of volume was {volume:.2f} times the longer one; "
        f"{breadth:.0%} of the funds for breadth stood above their own means."
    )
    return stated(
        "B2",
        PASSED,
        "the gate's own measures and limits",
        "volume, breadth",
        volume,
        "times",
        holds,
        why,
        reading,
    )


def of(history: History, table: pd.DataFrame) -> Weeks:
    """All weeks for which there is a gate and a price."""
    returns = weekly({BITCOIN: history.assets[BITCOIN]})[BITCOIN]
    ends = pd.DatetimeIndex(returns.index)
    starts = ends - pd.Timedelta(days=7)
    is_open = open_at(table, starts)
    known = np.isfinite(is_open)
    clock = after_halving(starts.as_unit("s").asi8.astype(np.float64))
    return Weeks(starts[known], returns.to_numpy()[known], is_open[known], clock[known])


def open_at(table: pd.DataFrame, at: pd.DatetimeIndex) -> Floats:
    """Whether the gate was open by what was known at each instant, 1 or 0; `table` is the gate's.

    NaN before its first row, and where its index or the table itself has had nothing new for a week.
    """
    is_open = (
        (table["state"] == STATES[CONFIRMED]).astype(float).where(table["stale"] <= MOST_STALE)
    )
    return np.asarray(is_open.reindex(at, method="ffill", tolerance=STALE), dtype=np.float64)


def slopes(draws: Floats) -> Floats:
    """Of the first column on all others, 0 and 1, by draw: how much is added by each, the others known. NaN where that is not determined."""
    first, others = draws[..., 0], draws[..., 1:]
    columns = np.concatenate((np.ones_like(others[..., :1]), others), axis=-1)
    products = np.einsum("dwi,dwj->dij", columns, columns)
    determined = (
        np.abs(np.linalg.det(products)) > 0.5
    )  # of counts: a whole number, but for rounding
    products[~determined] = np.eye(columns.shape[-1])
    found = np.linalg.solve(products, np.einsum("dwi,dw->di", columns, first)[..., None])[
        ..., 1:, 0
    ]
    found[~determined] = np.nan
    return np.asarray(found)


def _slope(column: int) -> Callable[[Floats], Floats]:
    """That of one column beside the first."""
    return lambda draws: np.asarray(slopes(draws)[:, column])


def moved(returns: Floats, gate: Floats) -> Floats:
    """Mean return while a gate moved so many steps later, around the end, is open less that while it is shut; by steps, from 0 on."""
    total, opened, n = returns.sum(axis=-1, keepdims=True), gate.sum(), returns.shape[-1]
    inside = np.fft.irfft(np.fft.rfft(returns) * np.conj(np.fft.rfft(gate)), n)
    return np.asarray(inside / opened - (total - inside) / (n - opened))


def shifted_p(returns: Floats, gate: Floats) -> float:
    """Share of all moves of the gate around the window, its own place included, that earn as much more while open as it does."""
    apart = moved(returns, gate)
    return float(np.mean(apart >= apart[0] - 1e-12))


def _yearly(found: Measured) -> Measured:
    return found._replace(
        estimate=found.estimate * WEEKS_A_YEAR,
        low=found.low * WEEKS_A_YEAR,
        high=found.high * WEEKS_A_YEAR,
    )


def _told(found: Measured) -> str:
    return f"{found.estimate:+.2f} a year in logs ({found.low:+.2f} to {found.high:+.2f})"


def _signal(said: str, weeks: Weeks, evidence: Evidence) -> Claim:
    found = _yearly(
        measured(np.column_stack((weeks.returns, weeks.gate)), _slope(0), evidence.seed)
    )
    p = shifted_p(weeks.returns, weeks.gate)
    shown = found.low > 0.0 and p <= LEVEL
    word: Word = (
        "contradicted" if shown else "supported" if found.high < WORTH else "cannot be told"
    )
    why = (
        f"With the gate open ({weeks.gate.mean():.0%} of {len(weeks.gate)} weeks) BTC earned {_told(found)} more than with it shut; "
        f"{p:.0%} of the same gate's places in time do as well."
    )
    return Claim(
        "A15", said, "", "BTC's weekly returns with the gate open less those with it shut; p by moving the gate around the window", BITCOIN,
        len(weeks.gate), found.estimate, found.low, found.high, "log a year", p, found.power, word, why,
    )  # fmt: skip


def _rivals(said: str, weeks: Weeks, evidence: Evidence) -> Iterator[Claim]:
    """What each tells once the other is known."""
    values = np.column_stack((weeks.returns, weeks.gate, weeks.clock))
    together = float(np.mean(weeks.gate == weeks.clock))
    for column, reading in enumerate(("the gate, the clock known", "the clock, the gate known")):
        found = _yearly(measured(values, _slope(column), evidence.seed))
        of_gate = column == 0
        word: Word = (
            "cannot be told"
            if found.low <= 0.0 <= found.high
            else "contradicted"
            if of_gate == (found.low > 0.0)
            else "supported"
        )
        while_so = "with the gate open" if of_gate else "within 18 months of a halving"
        why = f"Whatever the other said, BTC earned {_told(found)} more {while_so}; both said the same in {together:.0%} of weeks."
        yield Claim(
            "A11", said, reading, "BTC's weekly returns on the gate and on the 18 months after a halving, weeks drawn in blocks", BITCOIN,
            len(weeks.gate), found.estimate, found.low, found.high, "log a year", None, found.power, word, why,
        )  # fmt: skip
