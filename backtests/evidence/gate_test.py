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
    estimated_claim,
    missing_prices,
    verdict_by_interval,
    verdict_on_no_effect,
)
from backtests.evidence.document import Claim
from backtests.evidence.estimate import Estimate
from backtests.evidence.events import daily_closes
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
# Years from whose beginning on the gate is tested: all of Bitcoin's, and since it was no curiosity.
SINCE = (2010, 2014)


class Days(NamedTuple):
    """By day: a coin's log return, and whether the gate was open by what was known before it."""

    starts: pd.DatetimeIndex
    returns: Floats
    gate: Floats


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
    if not _has_both(weeks.gate):
        for statement in (RIVAL, SIGNAL):
            yield missing_prices(statement, "BTC with the gate open and closed")
        return
    yield from _cycle_claims(weeks, evidence)
    days = days_with_gate(history.assets[BITCOIN], table)
    for year in SINCE:
        first = pd.Timestamp(year, 1, 1, tz="UTC")
        yield _signal_claim(year, _weeks_since(first, weeks), _days_since(first, days), evidence)


def _has_both(gate: Floats) -> bool:
    """Whether there are weeks enough with the gate open and with it closed."""
    return len(gate) >= FEWEST_WEEKS and 0.0 < float(gate.mean()) < 1.0


def weeks_with_gate(history: History, table: pd.DataFrame) -> Weeks:
    """All weeks for which there is a gate and a price."""
    returns = weekly_returns({BITCOIN: history.assets[BITCOIN]})[BITCOIN]
    ends = pd.DatetimeIndex(returns.index)
    starts = ends - pd.Timedelta(days=7)
    is_open = gate_open_at(table, starts)
    known = np.isfinite(is_open)
    halving = after_halving(starts.as_unit("s").asi8.astype(np.float64))
    return Weeks(starts[known], returns.to_numpy()[known], is_open[known], halving[known])


def days_with_gate(closes: pd.Series, table: pd.DataFrame) -> Days:
    """All days for which there is a gate and a return; `closes` by the instant known."""
    daily = daily_closes(closes)
    starts = pd.DatetimeIndex(daily.index[:-1])
    gate = gate_open_at(table, starts)
    known = np.isfinite(gate)
    returns = np.diff(np.log(daily.to_numpy(dtype=float)))
    return Days(starts[known], returns[known], gate[known])


def _weeks_since(first: pd.Timestamp, weeks: Weeks) -> Weeks:
    later = weeks.starts >= first
    returns, gate, halving = (column[later] for column in weeks[1:])
    return Weeks(weeks.starts[later], returns, gate, halving)


def _days_since(first: pd.Timestamp, days: Days) -> Days:
    later = days.starts >= first
    return Days(days.starts[later], days.returns[later], days.gate[later])


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
    """Two-sided: twice the share of circularly shifted gates, itself included, as far out.

    The smaller of the shares of those as high and of those as low.
    """
    differences = differences_by_shift(returns, gate)
    as_high = float(np.mean(differences >= differences[0] - 1e-12))
    as_low = float(np.mean(differences <= differences[0] + 1e-12))
    return min(1.0, 2.0 * min(as_high, as_low))


def _annual_slope(values: Floats, column: int, evidence: Evidence) -> Estimate:
    return bootstrap_estimate(values, _slope(column), evidence.seed).times(WEEKS_A_YEAR)


def _signal_claim(year: int, weeks: Weeks, days: Days, evidence: Evidence) -> Claim:
    """A gate in which Bitcoin earned more contradicts the claim; that none pays is never shown."""
    statement = SIGNAL.read_as(f"since {year}")
    if not _has_both(weeks.gate):
        return missing_prices(statement, f"BTC since {year} with the gate open and closed")
    slope = _annual_slope(np.column_stack((weeks.returns, weeks.gate)), 0, evidence)
    p_shift = circular_shift_p(days.returns, days.gate)
    p = max(p_shift, slope.p_against(0.0) or 1.0)
    why = (
        f"BTC's annualised return was {slope.percent} with the gate open than closed; it was open"
        f" in {weeks.gate.mean():.0%} of {len(weeks.gate)} weeks. Gates shifted circularly, a day"
        f" at a time: two-sided p {p_shift:.2f}."
    )
    return estimated_claim(
        statement,
        slope._replace(p=p),
        test="BTC's weekly returns with the gate open less closed, block bootstrap of weeks; p is"
        " the larger of that and of the gate shifted circularly through the window, by days; a"
        " higher return with the gate open speaks against the sentence",
        data=BITCOIN,
        unit="log a year",
        verdict=verdict_on_no_effect(slope.low),
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
        slope, is_cycle = _annual_slope(values, column, evidence), column == 1
        why = (
            f"Controlling for {other}, BTC's annualised return was {slope.percent} {condition} than"
            f" otherwise. Both agree in {agreement:.0%} of weeks."
        )
        yield estimated_claim(
            RIVAL.read_as(f"{name}, controlling for {other}"),
            slope,
            test="regression of BTC's weekly returns on the gate and on the 18 months after a"
            " halving, block bootstrap of weeks",
            data=BITCOIN,
            unit="log a year",
            # A gate that pays contradicts the claim, a cycle that pays supports it.
            verdict=verdict_by_interval(slope.low, slope.high)
            if is_cycle
            else verdict_on_no_effect(slope.low),
            why=why,
            side="above" if is_cycle else "both",
        )
