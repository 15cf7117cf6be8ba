"""Rows that no market made: prices repeated or interpolated between fewer true ones.

Such a file looks as dense as it should be. Interpolated rows, and those of a longer bar repeated
from its start on, hold prices of later. Each limit is given with the largest true value of 15 US
series back to 1970, 19 daily series of ten coins and three hourly ones.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brokers.prices.clean import bar_length
from brokers.prices.series import Request

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FEWEST_ROWS = 21  # of which anything can be said
# Share of days with the close of the day before: true files 0.09 (SHY), 0.006 (LINK). Weeks filled
# forward have 0.8, weekends of a coin 0.29.
MOST_EQUAL = {"session": 0.4, "coin": 0.2}
# A close is on the line between its neighbours to this accuracy, in proportion to it.
ON_A_LINE = 1e-6
FEW_TICKS = 5  # of a move: then three closes are often on a line
LINE_WINDOW = 100  # rows
# Share of closes on a line among so many rows: true files 0.05 (XLI), 0.03 (SOL by the hour).
# Weekends of a coin have 0.29, weeks 0.8.
MOST_ON_A_LINE = 0.2
# A tick that is this much of the usual move explains that a coin's close equals the one before:
# true files 0.04 (DOGE).
COARSE_TICK = 0.2
LONGER_BARS = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d")
FEWEST_STEPS = 500  # from bar to bar that are looked at together, and 20 longer bars
# Share of closes equal to the one before among so many: true files 0.03 (SOL). Two hours have 0.5.
MOST_EQUAL_IN_LONGER = 0.4
MOST_EQUAL_AT_START = 0.1  # of a longer bar; where few trade, it is as elsewhere
# -log of the probability of so few among so many where they are as elsewhere, beyond that of one
# place of all in a longer bar: with a history of a hundred stretches by chance in one of 5 million.
EVIDENCE = 20.0


class FilledRows(NamedTuple):
    """Rows from `first` to `last` hold prices of fewer bars, as `text` says."""

    text: str
    first: int
    last: int


def find_filled_rows(
    request: Request, closes: Floats, known_at: pd.DatetimeIndex
) -> Iterator[FilledRows]:
    """Fillings of a series, of each way at most one; `known_at` (UTC) of each close."""
    if len(closes) < FEWEST_ROWS:
        return
    if request.timeframe == "1d":
        yield from _equal_closes(request, closes)
    else:
        yield from _longer_bars(request, closes, known_at)
    yield from _interpolated(request, closes)


def has_coarse_tick(request: Request, closes: Floats) -> Bools:
    """Whether a close may often equal another, since its coin has few decimals at such a price.

    The tick is the smallest difference from one close to the next.
    """
    moves = np.abs(np.diff(closes))
    if request.kind != "coin" or not (moves > 0.0).any():
        return np.zeros(len(closes), dtype=bool)
    sizes = moves / closes[1:]
    usual = float(np.median(sizes[sizes > 0.0]))
    return np.asarray(moves[moves > 0.0].min() / closes > COARSE_TICK * usual)


def _equal_closes(request: Request, closes: Floats) -> Iterator[FilledRows]:
    """Weeks, months or weekends with the last price."""
    fine = ~has_coarse_tick(request, closes)[1:]
    if fine.sum() < FEWEST_ROWS - 1:
        return
    share = float(np.mean((closes[1:] == closes[:-1])[fine]))
    if share > MOST_EQUAL[request.kind]:
        text = (
            f"{share:.0%} of the closes of {request.name} equal the close before: were weeks, "
            "months or weekends filled with the last price? Use a file with prices of each bar"
        )
        yield FilledRows(text, 0, len(closes) - 1)


def _longer_bars(
    request: Request, closes: Floats, known_at: pd.DatetimeIndex
) -> Iterator[FilledRows]:
    """Bars of hours or days repeated in shorter ones: closes change only where a longer one starts.

    The close of the longer bar is then in rows that were known before it.
    """
    length = bar_length(request.timeframe).as_unit("ns").value
    fine = ~has_coarse_tick(request, closes)[1:]
    rows = np.flatnonzero(fine)
    numbers = known_at.as_unit("ns").asi8[1:][fine] // length
    equal = (closes[1:] == closes[:-1])[fine]
    if not equal.any():
        return
    for longer in LONGER_BARS:
        bars = bar_length(longer).as_unit("ns").value // length
        size = max(FEWEST_STEPS, 20 * bars)
        for first in range(0, len(equal), size) if bars > 1 else ():
            part = slice(first, first + size)
            if _is_repeated(equal[part], numbers[part] % bars, bars):
                text = (
                    f"the closes of {request.name} change only once in {longer}: "
                    f"were bars of {longer} filled into shorter ones? A row then has a price of "
                    "later; use a file with prices of each bar"
                )
                last = min(first + size, len(equal)) - 1
                yield FilledRows(text, int(rows[first]), int(rows[last]) + 1)
                return


def _is_repeated(equal: Bools, place: NDArray[np.int64], bars: int) -> bool:
    """Whether most closes equal the one before, and at one place of a longer bar hardly any.

    A place has few rows: hardly any must be fewer than chance makes of the others' share
    (Chernoff's bound).
    """
    if len(equal) < 10 * bars or equal.mean() <= MOST_EQUAL_IN_LONGER:
        return False
    rows, equals = np.bincount(place, minlength=bars), np.bincount(place, equal, bars)
    others = (equal.sum() - equals) / np.maximum(len(equal) - rows, 1)
    share = equals / np.maximum(rows, 1)
    p, q = np.clip(others, 1e-12, 1.0 - 1e-12), np.clip(share, 1e-12, 1.0 - 1e-12)
    evidence = rows * (q * np.log(q / p) + (1.0 - q) * np.log((1.0 - q) / (1.0 - p)))
    start = (share < MOST_EQUAL_AT_START) & (others > MOST_EQUAL_IN_LONGER)
    return bool((start & (evidence > EVIDENCE + np.log(bars))).any())


def _interpolated(request: Request, closes: Floats) -> Iterator[FilledRows]:
    """Closes on a straight line between others, of prices or of their logarithms."""
    size = min(LINE_WINDOW, len(closes) - 2)
    sums = np.convolve(_on_a_line(closes), np.ones(size), "valid")
    first = int(sums.argmax())
    share = sums[first] / size
    if share > MOST_ON_A_LINE:
        text = (
            f"{share:.0%} of {size} closes of {request.name} are on a straight line between the "
            "closes before and after: were rows interpolated? They have prices of later; use a "
            "file with prices of each bar"
        )
        yield FilledRows(text, first + 1, first + size)


def _on_a_line(closes: Floats) -> Bools:
    moves = np.diff(closes)
    sizes = np.abs(moves)
    if not (sizes > 0.0).any():
        return np.zeros(len(closes) - 2, dtype=bool)
    tick = sizes[sizes > 0.0].min()
    large = np.minimum(sizes[1:], sizes[:-1]) > (FEW_TICKS + 0.01) * tick
    straight = np.abs(np.diff(moves)) <= 2.0 * ON_A_LINE * closes[1:-1]
    geometric = np.abs(np.diff(np.log(closes), n=2)) <= 2.0 * ON_A_LINE
    return np.asarray(large & (straight | geometric))
