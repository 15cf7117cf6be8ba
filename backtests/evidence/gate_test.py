"""The gate as a whole: what Bitcoin earned while it was open, and whether its cycle explains it.

The gate of a week is the one known when the week begins. Whether it was open in the right weeks is
tested with gates that have the same periods at other times: the whole gate is shifted circularly
through the window.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.benchmarks.benchmarks import after_halving
from backtests.evidence.claim import (
    Statement,
    factual_claim,
    missing_prices,
    tested_claim,
    verdict_by_interval,
)
from backtests.evidence.document import Claim, Verdict
from backtests.evidence.estimate import Estimate
from backtests.evidence.events import LEVEL
from backtests.evidence.historical_facts import MARK, PASSED
from backtests.evidence.history import BITCOIN, History
from backtests.evidence.weekly_returns import (
    FEWEST_WEEKS,
    STALE,
    WEEKS_A_YEAR,
    bootstrap_estimate,
    weekly_returns,
)
from config.evidence import Evidence
from strategies.breakout import CONFIRMED, STATES
from strategies.indicators import Floats

RIVAL = Statement(
    "A11",
    "Nobody can say which of the two leads: BTC has its own halving cycle, and the Russell may"
    " merely have appeared at the same time",
)
SIGNAL = Statement("A15", "The breakout is a condition to observe, not a trading signal")
MOST_STALE = 5  # sessions since the gate's index had a close
WORTH = 0.1  # annualised log return: costs and slippage eat less


class Weeks(NamedTuple):
    """By week: Bitcoin's log return, whether the gate was open, whether a halving was recent.

    Recent: less than 18 months ago.
    """

    starts: pd.DatetimeIndex
    returns: Floats
    gate: Floats
    halving: Floats


def claims(history: History, table: pd.DataFrame, evidence: Evidence) -> Iterator[Claim]:
    """Those about the gate and about the halving cycle; `table` is the gate's."""
    weeks = weeks_with_gate(history, table)
    if len(weeks.returns) < FEWEST_WEEKS or not 0.0 < weeks.gate.mean() < 1.0:
        for statement in (RIVAL, SIGNAL):
            yield missing_prices(statement, "BTC with the gate open and closed")
        return
    yield from _cycle_claims(weeks, evidence)
    yield _signal_claim(weeks, evidence)


def volume_and_breadth(table: pd.DataFrame) -> Claim:
    """Volume and breadth at the first close above the mark of claim B2; `table` is the gate's."""
    statement = PASSED.read_as("on heavy volume and broad participation")
    row = _first_row_above_mark(table)
    if row is None:
        return missing_prices(statement, "volume and breadth at the first close above 2,600")
    volume, breadth = float(row["measure_volume"]), float(row["measure_breadth"])
    why = (
        f"Up to {row.name:%Y-%m-%d} the shorter mean of volume was {volume:.2f} times the longer"
        f" one; {breadth:.0%} of the breadth funds stood above their own means."
    )
    return factual_claim(
        statement,
        test="the gate's own measures and limits",
        data="volume, breadth",
        estimate=volume,
        unit="times",
        holds=bool(row["confirmation_volume"]) and bool(row["confirmation_breadth"]),
        why=why,
    )


def _first_row_above_mark(table: pd.DataFrame) -> pd.Series | None:
    """None if there is none, or volume or breadth are not known in it."""
    above = table[table["close"] > MARK]
    columns = ["confirmation_volume", "confirmation_breadth"]
    if not len(above) or not set(columns) <= set(table.columns):
        return None
    row: pd.Series = above.iloc[0]
    return None if any(pd.isna(row[column]) for column in columns) else row


def weeks_with_gate(history: History, table: pd.DataFrame) -> Weeks:
    """All weeks for which there is a gate and a price."""
    returns = weekly_returns({BITCOIN: history.assets[BITCOIN]})[BITCOIN]
    ends = pd.DatetimeIndex(returns.index)
    starts = ends - pd.Timedelta(days=7)
    is_open = gate_open_at(table, starts)
    known = np.isfinite(is_open)
    halving = after_halving(starts.as_unit("s").asi8.astype(np.float64))
    return Weeks(starts[known], returns.to_numpy()[known], is_open[known], halving[known])


def gate_open_at(table: pd.DataFrame, at: pd.DatetimeIndex) -> Floats:
    """Whether the gate was open by what was known at each instant, 1 or 0; `table` is the gate's.

    NaN before its first row, and where its index or the table has had nothing new for a week.
    """
    is_open = (
        (table["state"] == STATES[CONFIRMED]).astype(float).where(table["stale"] <= MOST_STALE)
    )
    return np.asarray(is_open.reindex(at, method="ffill", tolerance=STALE), dtype=np.float64)


def regression_slopes(draws: Floats) -> Floats:
    """Of the first column on all others, which are 0 or 1, by draw; NaN where undetermined."""
    target, others = draws[..., 0], draws[..., 1:]
    columns = np.concatenate((np.ones_like(others[..., :1]), others), axis=-1)
    products = np.einsum("dwi,dwj->dij", columns, columns)
    # The determinant of counts is a whole number, but for rounding.
    determined = np.abs(np.linalg.det(products)) > 0.5
    products[~determined] = np.eye(columns.shape[-1])
    moments = np.einsum("dwi,dw->di", columns, target)
    slopes = np.linalg.solve(products, moments[..., None])[..., 1:, 0]
    slopes[~determined] = np.nan
    return np.asarray(slopes)


def _slope(column: int) -> Callable[[Floats], Floats]:
    """That of one column beside the first."""
    return lambda draws: np.asarray(regression_slopes(draws)[:, column])


def differences_by_shift(returns: Floats, gate: Floats) -> Floats:
    """Mean return with a circularly shifted gate open less closed; by steps later, from 0 on."""
    total, opened, n = returns.sum(axis=-1, keepdims=True), gate.sum(), returns.shape[-1]
    inside = np.fft.irfft(np.fft.rfft(returns) * np.conj(np.fft.rfft(gate)), n)
    return np.asarray(inside / opened - (total - inside) / (n - opened))


def circular_shift_p(returns: Floats, gate: Floats) -> float:
    """Share of circularly shifted gates, the gate itself included, that match or beat it."""
    differences = differences_by_shift(returns, gate)
    return float(np.mean(differences >= differences[0] - 1e-12))


def _annual_slope(values: Floats, column: int, evidence: Evidence) -> Estimate:
    return bootstrap_estimate(values, _slope(column), evidence.seed).times(WEEKS_A_YEAR)


def _signal_claim(weeks: Weeks, evidence: Evidence) -> Claim:
    slope = _annual_slope(np.column_stack((weeks.returns, weeks.gate)), 0, evidence)
    p = circular_shift_p(weeks.returns, weeks.gate)
    is_signal = slope.low > 0.0 and p <= LEVEL
    verdict: Verdict = (
        "contradicted" if is_signal else "supported" if slope.high < WORTH else "inconclusive"
    )
    why = (
        f"BTC's annualised log return was {slope.higher} with the gate open ({slope.interval}); "
        f"it was open in {weeks.gate.mean():.0%} of {len(weeks.gate)} weeks. "
        f"{p:.0%} of circularly shifted gates match or beat it."
    )
    return tested_claim(
        SIGNAL,
        slope._replace(p=p),
        test="BTC's weekly returns with the gate open less closed; p by shifting the gate"
        " circularly through the window",
        data=BITCOIN,
        unit="log a year",
        verdict=verdict,
        why=why,
    )


def _cycle_claims(weeks: Weeks, evidence: Evidence) -> Iterator[Claim]:
    """Each of gate and halving cycle, controlling for the other."""
    values = np.column_stack((weeks.returns, weeks.gate, weeks.halving))
    agreement = float(np.mean(weeks.gate == weeks.halving))
    for column, (name, other, condition) in enumerate(
        (
            ("the gate", "the halving cycle", "with the gate open"),
            ("the halving cycle", "the gate", "within 18 months of a halving"),
        )
    ):
        slope = _annual_slope(values, column, evidence)
        why = (
            f"Controlling for {other}, BTC's annualised log return was {slope.higher} {condition} "
            f"({slope.interval}). Both agree in {agreement:.0%} of weeks."
        )
        yield tested_claim(
            RIVAL.read_as(f"{name}, controlling for {other}"),
            slope,
            test="regression of BTC's weekly returns on the gate and on the 18 months after a"
            " halving, block bootstrap of weeks",
            data=BITCOIN,
            unit="log a year",
            # A gate that pays contradicts the claim, a cycle that pays supports it.
            verdict=verdict_by_interval(slope.low, slope.high, rises=column == 1),
            why=why,
        )
