"""Columns that are not what their names say: another figure, another series, another row.

Each limit is given with the largest true value in the files of `bar_checks`.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from brokers.prices.checked_bars import CheckedBars
from brokers.prices.filled_rows import FEWEST_ROWS
from brokers.prices.series import DataIssue

Floats = NDArray[np.float64]

# Median move from bar to bar, log return: true files 0.036 (VIX), 0.031 (LINK). Volumes have 0.2.
LARGEST_MEDIAN = 0.1
# Median move of the adjusted close beyond the close's, log return, without what all bars have in
# common: true files 0.000001, as few bars have a dividend.
LARGEST_ADJUSTMENT = 0.001
# Of the close's own median move, beyond which the adjusted close is not this close's: true files
# 0.001 (SHY; 0.11 rounded to cents), those of a row late 1.4 (SPY).
ADJUSTMENT_OF_MOVE = 0.5
ROUNDED_ADJUSTMENT = 0.9  # where rounding to cents may explain it; a constant column has 1
# A close is outside high and low by more than OUTSIDE: in true files never.
OUTSIDE = 0.01
MOST_OUTSIDE = 0.5  # of all bars
SAMPLE = 1000
# Median of open against close before, of a coin, in median moves from bar to bar: true files 0.014
# (LTC). The low, the high or the close in its place has 0.86 (BTC), the open of a bar before 0.99.
LARGEST_MEDIAN_OPEN = 0.5
# It is another column, or the open of one of so many rows, if it is nearer to that by this factor
# in most bars; in none if a wide spread alone explains it, up to so many median moves.
CLEARLY_NEARER = 0.5
IN_MOST_BARS = 0.75
OTHER_ROWS = 5
BY_SPREAD = 2.0
# Bars of one price, or absent, beyond which a bar has so few trades that its first is far from the
# last of the bar before: true files 0.
FEW_TRADES = 0.03
# Share of a coin's closes that equal the high, or the low: true files 0.02 (BTC).
MOST_AT_EDGE = 0.9


def check_columns(bars: CheckedBars) -> Iterator[DataIssue]:
    """Numbers that are no closes: another column, or another series."""
    closes = bars.closes
    everything = (0, len(closes) - 1)
    median = _median_move(closes)
    if median > LARGEST_MEDIAN and len(closes) >= FEWEST_ROWS:
        text = (
            f"the close of {bars.request.name} moves by {np.expm1(median):.0%} from bar to bar "
            "(median); is it the column of another figure, as the volume?"
        )
        yield bars.issue("level", "refused", text, everything)
        return
    if bars.request.kind == "session" and len(closes) >= FEWEST_ROWS:
        yield from _check_adjusted(bars, median)
    above = closes > bars.columns["high"] * (1.0 + OUTSIDE)
    below = closes < bars.columns["low"] * (1.0 - OUTSIDE)
    share = float(np.mean(above | below))
    if share > MOST_OUTSIDE:
        text = (
            f"{share:.0%} of the closes of {bars.request.name} are not between high and low; are "
            "columns mixed up, or in different units?"
        )
        yield bars.issue("level", "refused", text, everything)


def _check_adjusted(bars: CheckedBars, usual: float) -> Iterator[DataIssue]:
    """Adjusted closes that do not follow the closes, whose median move is `usual`."""
    closes, adjusted = bars.closes, bars.columns["adj_close"]
    apart = _median_move(adjusted / closes, steady=True)
    rounding = 0.01 / float(np.median(adjusted))  # both to cents
    limit = min(max(ADJUSTMENT_OF_MOVE * usual, rounding), ROUNDED_ADJUSTMENT * usual)
    is_constant = bool(np.ptp(adjusted) == 0.0 < np.ptp(closes))
    if is_constant or apart > min(limit, LARGEST_ADJUSTMENT):
        text = (
            f"the adjusted close of {bars.request.name} moves otherwise than its close, by "
            f"{apart:.2%} a bar (median), and the close itself by {usual:.2%}; is it the column of "
            "another series, or a row late?"
        )
        severity: Literal["refused", "high"] = "refused" if is_constant or apart > limit else "high"
        yield bars.issue("level", severity, text, (0, len(closes) - 1))


def check_coin_columns(bars: CheckedBars) -> Iterator[DataIssue]:
    """Opens and closes of a coin that are another column, or a row late; orders fill at opens."""
    rows = len(bars.closes)
    if bars.request.kind != "coin" or rows < FEWEST_ROWS:
        return
    opens, high, low, closes = (bars.columns[name] for name in ("open", "high", "low", "close"))
    name, wide = bars.request.name, high > low
    for edge, values in (("high", high), ("low", low)):
        if (
            wide.sum() >= FEWEST_ROWS
            and (share := np.mean((closes == values)[wide])) > MOST_AT_EDGE
        ):
            text = f"{share:.0%} of the closes of {name} equal the {edge}: are columns mixed up?"
            yield bars.issue("level", "refused", text, (0, rows - 1))
            return
    untraded = np.sum((opens == closes) & ~wide) + np.sum(bars.steps - 1)
    median = float(np.median(np.abs(np.log(opens[1:] / closes[:-1]))))
    usual = float(np.median(np.abs(np.diff(np.log(closes)))))
    if untraded <= FEW_TRADES * rows and median > LARGEST_MEDIAN_OPEN * usual:
        text = (
            f"the open of {name} is {median:.2%} from the close before (median), which itself "
            f"moves by {usual:.2%}: "
        )
        if median > BY_SPREAD * usual or _is_another_open(bars):
            text += "is it another column, or of another row?"
            yield bars.issue("level", "refused", text, (0, rows - 1))
        else:
            text += "is the spread so wide? Orders fill at the open"
            yield bars.issue("level", "note", text, (0, rows - 1))


def _is_another_open(bars: CheckedBars) -> bool:
    """Whether opens are clearly nearer to another column, or to the close before another row."""
    opens, closes = np.log(bars.columns["open"]), np.log(bars.closes)

    def apart(some: Floats, others: Floats) -> float:
        return float(np.quantile(np.abs(some - others), IN_MOST_BARS))

    limit = CLEARLY_NEARER * apart(opens[1:], closes[:-1])
    columns = (apart(opens, np.log(bars.columns[name])) for name in ("high", "low", "close"))
    early = (apart(opens[:-by], closes[by - 1 : -1]) for by in range(1, OTHER_ROWS + 1))
    late = (apart(opens[by + 1 :], closes[: -by - 1]) for by in range(1, OTHER_ROWS + 1))
    return any(distance < limit for distances in (columns, early, late) for distance in distances)


def _median_move(values: Floats, *, steady: bool = False) -> float:
    """Of a sample of about `SAMPLE` moves from row to row, log return: the whole is no better.

    If `steady`, without the move that all rows have in common.
    """
    stride = max(1, len(values) // SAMPLE)
    moves = np.log(values[1::stride] / values[:-1:stride])
    return float(np.median(np.abs(moves - (np.median(moves) if steady else 0.0))))
