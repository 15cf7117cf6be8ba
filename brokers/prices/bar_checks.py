"""What is implausible about the bars of one series: spacing, jumps, columns, runs, gaps.

Each limit is given with the largest true value in the files it was measured on: 15 US series
back to 1970, 19 daily series of ten coins and three hourly ones.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brokers.plurals import count
from brokers.prices.checked_bars import CheckedBars, checked_bars
from brokers.prices.clean import DAY, bar_length
from brokers.prices.column_checks import check_coin_columns, check_columns
from brokers.prices.filled_rows import find_filled_rows, has_coarse_tick
from brokers.prices.jumps import KEPT, Jump, find_jumps, limits_key
from brokers.prices.series import DataIssue, Request, Series
from brokers.prices.spacing import find_long_steps

Accepted = Mapping[str, Collection[date]]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Bars missing in a row: true files 0. Beyond that a close is no longer carried forward
# (prices.max_age_sessions), and a coin's position is closed (MAX_MISSING of a backtest).
LONGEST_GAP = {"session": 5, "coin": 2}
# Bars in a row with the same close: true files 5 (SHY, 2012), 4 (HYG, 2026), 2 (hourly coins).
LONGEST_RUN = 9
# An open that is this far, log return, from the close before and from its own: an order would fill
# at it. True coins: 0.09 (SOL, 2021-09-09).
LARGEST_OPEN = 0.3


def bar_issues(
    series: Series, sessions: pd.Series, accepted: frozenset[date]
) -> tuple[DataIssue, ...]:
    """What is implausible about a series of at least two bars.

    `sessions` by the instant each was known; `accepted` are the dates of this series on which
    something odd is true.
    """
    bars = checked_bars(series, sessions, accepted)
    # What follows from wrong rows or columns is not a second error.
    issues: list[DataIssue] = []
    for whole in (_check_spacing, _check_filled_rows, check_columns, check_coin_columns):
        issues += whole(bars)
        if any(issue.severity == "refused" for issue in issues):
            return tuple(issues)
    return (*issues, *(issue for check in _CHECKS for issue in check(bars)))


def published_price_issues(series: Series, accepted: frozenset[date]) -> tuple[DataIssue, ...]:
    """The jumps of a coin's price that is published once a day as a macro value."""
    values = series.frame["value"]
    frame = pd.DataFrame({"close": values, "adj_close": values})
    coin = series._replace(request=series.request._replace(kind="coin"), frame=frame)
    return tuple(_check_jumps(checked_bars(coin, values, accepted)))


def acceptance_advice(request: Request, day: date) -> str:
    """What a person can do who knows that something odd is true."""
    return f'correct the file, or, if it is true, set prices.accepted."{request.symbol}" = [{day}]'


def _check_spacing(bars: CheckedBars) -> Iterator[DataIssue]:
    """Rows further apart than the bars that they claim to be."""
    if long := find_long_steps(bars.request, bars.known_at, bars.steps):
        period = f"from {bars.day(long.first)} to {bars.day(long.last)}"
        text = f"rows of {bars.request.name} are {long.apart} {period}; {long.advice}"
        yield bars.issue("spacing", long.severity, text, (long.first, long.last))


def _check_filled_rows(bars: CheckedBars) -> Iterator[DataIssue]:
    """Prices repeated or interpolated, so that rows look as dense as they should be."""
    for filled in find_filled_rows(bars.request, bars.closes, bars.known_at):
        text = f"{filled.text} ({bars.day(filled.first)} to {bars.day(filled.last)})"
        yield bars.issue("spacing", "refused", text, (filled.first, filled.last))
        return


def _check_jumps(bars: CheckedBars) -> Iterator[DataIssue]:
    """Closes, and closes adjusted for dividends, that jump out and back, or by a split's factor."""
    days = bars.known_at.as_unit("ns").asi8 / DAY.as_unit("ns").value
    limits = limits_key(bars.request)
    opens = bars.columns.get("open") if bars.request.kind == "coin" else None
    of_closes = find_jumps(bars.closes, days, bars.steps, limits, opens)
    jumps = dict.fromkeys(of_closes, "close")
    adjusted = bars.columns["adj_close"]
    if bars.request.kind == "session" and not np.array_equal(adjusted, bars.closes):
        for jump in find_jumps(adjusted, days, bars.steps, limits):
            jumps.setdefault(jump, "adjusted close")
    for jump, column in jumps.items():
        if bars.accepted.isdisjoint(map(bars.day, range(jump.first, jump.last + 1))):
            values = bars.closes if column == "close" else adjusted
            if issue := _jump_issue(bars, jump, values, column):
                yield issue


def _jump_issue(bars: CheckedBars, jump: Jump, values: Floats, column: str) -> DataIssue | None:
    first, last = jump.first, jump.last
    factor = values[first] / values[first - 1]
    text = (
        f"the {column} of {bars.request.name} of {bars.day(first)} is {values[first]:.10g}, "
        f"{_factor(factor)} the one before ({bars.day(first - 1)}: {values[first - 1]:.10g})"
    )
    advice = acceptance_advice(bars.request, bars.day(first))
    if not jump.lasting:
        back = f"{values[last + 1]:.10g} on {bars.day(last + 1)}"
        text += f", and {back}: a jump that comes back; {advice}"
        return bars.issue("jump", "refused", text, (first, last))
    if first == len(values) - 1:
        # Nobody can know yet whether it comes back; the newest close of a US series is held.
        if bars.request.kind == "session":
            return None
        text += f", and the newest: is it true? {advice}"
        return bars.issue("jump", "high", text, (first, first))
    text += f" and stays there ({bars.day(first + 1)}: {values[first + 1]:.10g}): a split?"
    return bars.issue("jump", "high", f"{text} {advice}", (first, first))


def _factor(factor: float) -> str:
    return f"{factor:,.6g} times" if factor > 1.0 else f"1/{1.0 / factor:,.6g} of"


def _check_opens(bars: CheckedBars) -> Iterator[DataIssue]:
    """Opens of a coin at which nobody can have traded; an order fills at the open."""
    if bars.request.kind != "coin":
        return
    opens = np.log(bars.columns["open"][1:])
    logs = np.log(bars.closes)
    before, after = opens - logs[:-1], opens - logs[1:]
    odd = (np.minimum(np.abs(before), np.abs(after)) > LARGEST_OPEN) & (before * after > 0.0)
    odd &= np.abs(np.diff(logs)) <= KEPT * np.abs(before)  # else it may be a split
    for row in (np.flatnonzero(odd) + 1).tolist()[:5]:
        if bars.day(row) not in bars.accepted:
            value = bars.columns["open"][row]
            text = (
                f"the open of {bars.request.name} of {bars.day(row)} is {value:.10g}, far from the "
                f"close before ({bars.closes[row - 1]:.10g}) and from its own "
                f"({bars.closes[row]:.10g}); {acceptance_advice(bars.request, bars.day(row))}"
            )
            yield bars.issue("jump", "refused", text, (row, row))


def _check_runs(bars: CheckedBars) -> Iterator[DataIssue]:
    """The same close for weeks, as of a vendor that has stopped or of rows filled forward."""
    changes = np.flatnonzero(np.diff(bars.closes, prepend=np.nan, append=np.nan) != 0.0)
    lengths = np.diff(changes)
    coarse = has_coarse_tick(bars.request, bars.closes)
    for which in np.flatnonzero(lengths > LONGEST_RUN).tolist():
        first, length = int(changes[which]), int(lengths[which])
        rows = (first, first + length - 1)
        lasts = bars.known_at[rows[1]] - bars.known_at[rows[0]]
        if lasts < DAY or coarse[first] or bars.day(first) in bars.accepted:
            continue
        text = (
            f"{length:,} closes of {bars.request.name} in a row are {bars.closes[first]:.10g} "
            f"({bars.day(rows[0])} to {bars.day(rows[1])}): did the vendor stop, or were rows "
            f"filled forward? {acceptance_advice(bars.request, bars.day(first))}"
        )
        yield bars.issue("frozen", "high", text, rows)


def _check_gaps(bars: CheckedBars) -> Iterator[DataIssue]:
    """Bars that are missing between the first and the last; those at the end are no gap."""
    length = bar_length(bars.request.timeframe)
    least = LONGEST_GAP[bars.request.kind] + 1
    for row in np.flatnonzero(bars.steps > least).tolist():
        missing = int(bars.steps[row]) - 1
        if bars.request.kind == "coin" and missing * length < DAY:
            continue
        noun = "session" if bars.request.kind == "session" else "bar"
        text = (
            f"{count(missing, noun)} of {bars.request.name} missing between {bars.day(row)} and "
            f"{bars.day(row + 1)}"
        )
        yield bars.issue("gap", "note", text, (row, row + 1))


_CHECKS: tuple[Callable[[CheckedBars], Iterator[DataIssue]], ...] = (
    _check_jumps,
    _check_opens,
    _check_runs,
    _check_gaps,
)
