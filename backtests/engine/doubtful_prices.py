"""What is implausible or missing in the prices that the result of a window rests on."""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from backtests.engine.inputs import Inputs
from brokers.plurals import count
from brokers.prices.calendar import LEAD
from brokers.prices.labels import meaning_of
from brokers.prices.landmarks import LANDMARKS
from brokers.prices.series import DataIssue, Request

BITCOIN = Request("BTC-USD", "coin", "BTC/USDT")
# Median distance from Bitcoin's landmarks, as a log: exchanges, currencies and the hour at which a
# day ends differ by less; no other coin has ever been that near for years.
SAME_COIN = math.log(1.25)


def doubtful_prices(inputs: Inputs) -> tuple[DataIssue, ...]:
    """The issues for which the result of a window gets no verdict, each once; none on a sample.

    Those that are `high` and that a rule of the window reads: of the index all up to its end, since
    a record never ages, of others from a year before it, since averages reach back that far. And
    gaps: of the index in the window, as a gate period may lie in one unseen; of others while the
    gate was not dormant.
    """
    if inputs.prices.sample:
        return ()
    return tuple(dict.fromkeys(_doubts(inputs)))


def gaps(inputs: Inputs) -> tuple[DataIssue, ...]:
    """Every gap that overlaps the window, and of the index those before: a record may lie there."""
    index = inputs.settings.signal.index
    return tuple(
        issue
        for issue in inputs.prices.issues
        if issue.kind == "gap"
        and issue.first < inputs.grid[-1]
        and (issue.symbol == index or issue.last > inputs.grid[0])
    )


def why_no_verdict(inputs: Inputs) -> str:
    """One sentence; "" where the prices allow a verdict."""
    doubts = doubtful_prices(inputs)
    if not doubts:
        return ""
    others = f" {count(len(doubts) - 1, 'more caveat')} of this kind." if len(doubts) > 1 else ""
    return (
        "The prices that the result rests on are not complete, or not plausible. "
        f"{doubts[0].text.rstrip('.')}.{others}"
    )


def why_not_bitcoin(inputs: Inputs) -> str:
    """Why the benchmarks give no verdict, as two sentences; "" where they hold Bitcoin.

    A series is Bitcoin's if its symbol is one of Bitcoin's names at exchanges and vendors (BTC,
    XBTUSD, BTC-USDT), or, whatever a user's own file is called, if its closes are Bitcoin's.
    """
    symbol = inputs.settings.backtest.bitcoin
    if inputs.prices.sample or meaning_of(symbol, BITCOIN) == "own":
        return ""
    if _has_closes_of_bitcoin(inputs.prices.of(symbol).frame["close"]):
        return ""
    return (
        f"The benchmarks named after Bitcoin hold {symbol} (backtest.bitcoin): neither its name nor"
        " its closes are Bitcoin's. A verdict compares with Bitcoin: set backtest.bitcoin to"
        f" {BITCOIN.symbol}."
    )


def _doubts(inputs: Inputs) -> Iterator[DataIssue]:
    index = inputs.settings.signal.index
    first, last = inputs.grid[0] - LEAD, inputs.grid[-1]
    for issue in inputs.prices.issues:
        is_read = issue.first <= last and (issue.last >= first or issue.symbol == index)
        if issue.severity == "high" and is_read:
            yield issue
    for issue in gaps(inputs):
        is_within = issue.last > inputs.grid[0]
        if is_within and (issue.symbol == index or _is_gate_open(inputs.table, issue)):
            yield issue


def _has_closes_of_bitcoin(closes: pd.Series) -> bool:
    """Whether `closes`, by the instants at which days ended, are near Bitcoin's landmarks."""
    landmarks = pd.Series(LANDMARKS[BITCOIN.symbol])
    ends = pd.DatetimeIndex(landmarks.index, tz="UTC") + pd.Timedelta(days=1)
    ratios = closes.reindex(ends).to_numpy(dtype=float) / landmarks.to_numpy()
    known = ratios[np.isfinite(ratios)]
    return len(known) > 0 and float(np.median(np.abs(np.log(known)))) < SAME_COIN


def _is_gate_open(table: pd.DataFrame, gap: DataIssue) -> bool:
    """Whether coins could be held, or the gate was about to open, between two instants."""
    known_at = pd.DatetimeIndex(table.index)
    first = max(int(known_at.searchsorted(gap.first, side="right")) - 1, 0)
    rows = slice(first, int(known_at.searchsorted(gap.last)))
    is_active = (table["state"].to_numpy()[rows] != "dormant") | (
        table["ceiling"].to_numpy()[rows] > 0.0
    )
    return bool(np.any(is_active))
