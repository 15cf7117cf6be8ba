"""What is implausible about series together: hours against days, and rows that are shifted."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brokers.prices.bar_checks import Accepted, acceptance_advice, bar_date
from brokers.prices.clean import bar_length
from brokers.prices.series import DataIssue, Request, Series

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Severity = Literal["refused", "high"]

LEAST_DAYS = 10  # that two series must have together
# Median distance of the close of a day's last bar from the daily close, as a share of the median
# move of a bar: BTC, ETH and SOL of two vendors 0.19, an hour late 0.9.
LARGEST_SHARE = 0.5
# The same distance where no shift explains it, log return: two vendors 0.0006. Another currency is
# 0.02 to 0.3, another coin or unit more.
ANOTHER_CURRENCY, ANOTHER_UNIT = 0.02, 1.0
# One day's closes: two vendors differ by up to 0.008 (SOL, 2024-02-29).
LARGEST_DIFFERENCE = 0.05
FITTING_DAYS = 0.4  # share of days: summer and winter time have different shifts
SMALLEST_DISTANCE = 1e-4  # log return; bars that never move would allow none
LONGEST_SHIFT = pd.Timedelta(hours=26)  # a day, and two hours of a time zone
LEAST_ROWS = 250
# Longest step of returns that are compared: of US series the week after 2001-09-10 is the longest.
LONGEST_STEP = {"session": pd.Timedelta(days=8), "coin": pd.Timedelta(days=1)}
# Correlation of daily returns with those of the reference, at the same day and at the day before
# or after: true US series have 0.16 and more (LQD) against 0.11 and less, coins 0.53 against 0.09.
SHIFTED, UNSHIFTED = 0.25, 0.125


def cross_issues(series: Mapping[Request, Series], accepted: Accepted) -> Iterator[DataIssue]:
    """What is implausible about series of at least two bars together."""
    usable = [each for each in series.values() if len(each.frame) > 1]
    daily = {each.request.symbol: each for each in usable if each.request.timeframe == "1d"}
    for each in usable:
        if each.request.timeframe != "1d" and (days := daily.get(each.request.symbol)):
            yield from _intraday_issues(each, days, accepted)
    yield from _identical_closes(usable)
    for kind in ("session", "coin"):
        yield from _shift_issues([each for each in daily.values() if each.request.kind == kind])


def _intraday_issues(bars: Series, days: Series, accepted: Accepted) -> Iterator[DataIssue]:
    """The last bar of each UTC day against the daily close of the same coin."""
    length = bar_length(bars.request.timeframe)
    distances = _distances(bars, days, pd.Timedelta(0))
    if len(distances) < LEAST_DAYS:
        return
    typical = float(np.median(np.abs(distances)))
    move = float(np.median(np.abs(np.diff(np.log(bars.frame["close"].to_numpy())))))
    allowed = max(LARGEST_SHARE * move, SMALLEST_DISTANCE)
    if typical > allowed and (shift := _fitting_shift(bars, days, length, allowed)) is not None:
        direction = "later" if shift > pd.Timedelta(0) else "earlier"
        text = (
            f"{bars.origin}: the bars of {bars.request.name} fit the daily closes ({days.origin}) "
            f"if they ended {abs(shift) / pd.Timedelta(hours=1):g} h {direction}; write bar starts "
            "in UTC, or with their offset"
        )
        yield _issue(bars, "refused", text, pd.DatetimeIndex(distances.index))
        return
    if typical > ANOTHER_CURRENCY:
        text = (
            f"{bars.origin}: the bars of {bars.request.name} and its daily closes ({days.origin}) "
            f"differ by {np.expm1(typical):.1%} (median); is one of them another coin, currency or "
            "unit?"
        )
        severity: Severity = "refused" if typical > ANOTHER_UNIT else "high"
        yield _issue(bars, severity, text, pd.DatetimeIndex(distances.index))
        return
    yield from _different_days(bars, days, distances, accepted)


def _different_days(
    bars: Series, days: Series, distances: pd.Series, accepted: Accepted
) -> Iterator[DataIssue]:
    """The first days on which the two differ by more than `LARGEST_DIFFERENCE`."""
    odd = distances[np.abs(distances) > LARGEST_DIFFERENCE]
    for instant in odd.index[:5]:
        day = bar_date(instant, days.request)
        if day in accepted.get(bars.request.symbol, ()):
            continue
        text = (
            f"{bars.origin}: the close of {bars.request.name} at the end of {day} is "
            f"{np.expm1(odd[instant]):+.1%} from the daily close ({days.origin}): one of them is "
            f"wrong; {acceptance_advice(bars.request, day)}"
        )
        yield _issue(bars, "high", text, pd.DatetimeIndex([instant]))


def _distances(bars: Series, days: Series, shift: pd.Timedelta) -> pd.Series:
    """Log distance of intraday from daily closes, by the end of the day."""
    index = pd.DatetimeIndex(days.frame.index)
    closes = bars.frame["close"].reindex(index - shift).to_numpy(dtype=float)
    known = ~np.isnan(closes)
    daily = days.frame["close"].to_numpy(dtype=float)
    return pd.Series(np.log(closes[known] / daily[known]), index=index[known])


def _fitting_shift(
    bars: Series, days: Series, length: pd.Timedelta, allowed: float
) -> pd.Timedelta | None:
    """By how much later the bars ended if they are within `allowed` then; None for no shift."""
    step = max(length, pd.Timedelta(hours=1))
    longest = int(LONGEST_SHIFT / step)
    apart: dict[pd.Timedelta, float] = {}
    for k in range(-longest, longest + 1):
        distances = _distances(bars, days, step * k)
        if len(distances) >= LEAST_DAYS:
            apart[step * k] = float(np.quantile(np.abs(distances), FITTING_DAYS))
    best = min(apart, key=apart.__getitem__, default=None)
    return best if best is not None and apart[best] <= allowed else None


def _identical_closes(series: Sequence[Series]) -> Iterator[DataIssue]:
    """Two symbols with the same closes at all instants that both have: one file, two names."""
    priced = [each for each in series if "close" in each.frame]
    for one, other in combinations(priced, 2):
        if one.request.timeframe != other.request.timeframe or one.request == other.request:
            continue
        rows = _common_rows(*(pd.DatetimeIndex(each.frame.index).asi8 for each in (one, other)))
        mine, others = (
            each.frame["close"].to_numpy()[shared]
            for each, shared in zip((one, other), rows, strict=True)
        )
        if len(mine) >= LEAST_DAYS and np.array_equal(mine, others):
            text = (
                f"{other.origin}: all {len(mine)} closes of {other.request.name} that "
                f"{one.request.name} ({one.origin}) has too are the same; one of the two is the "
                "file of the other"
            )
            yield _issue(other, "refused", text, pd.DatetimeIndex(other.frame.index))


def _shift_issues(series: Sequence[Series]) -> Iterator[DataIssue]:
    """A series that moves with the first one a row later or earlier, and not at once."""
    for each in series[1:]:
        first, returns = series[0], _common_returns(series[0], each)
        if returns is None or abs(_correlation(*returns)) >= UNSHIFTED:
            continue
        reference, moves = returns
        before = _correlation(reference[1:], moves[:-1])
        after = _correlation(reference[:-1], moves[1:])
        if max(abs(before), abs(after)) > SHIFTED:
            when = "after" if abs(after) > abs(before) else "before"
            text = (
                f"{each.origin}: the closes of {each.request.symbol} move one row {when} those of "
                f"{first.request.symbol} ({first.origin}), not together with them; are the dates "
                "of one of the two shifted?"
            )
            yield _issue(each, "refused", text, pd.DatetimeIndex(each.frame.index))
            return  # what else is shifted may be so against the same series


def _common_returns(one: Series, other: Series) -> tuple[Floats, Floats] | None:
    """Log returns from row to row that both have; None where these are few, or one never moves."""
    rows = _common_rows(*(pd.DatetimeIndex(each.frame.index).asi8 for each in (one, other)))
    pairs = zip((one, other), rows, strict=True)
    mine, others = (
        np.diff(np.log(each.frame["close"].to_numpy()[shared])) for each, shared in pairs
    )
    steps = np.diff(pd.DatetimeIndex(one.frame.index)[rows[0]])
    near = steps <= LONGEST_STEP[one.request.kind].to_timedelta64()
    if not near.all():  # over a gap moves pile up to one that outweighs all others
        mine, others = mine[near], others[near]
    few = len(mine) < LEAST_ROWS
    return None if few or not mine.any() or not others.any() else (mine, others)


def _common_rows(one: Ints, other: Ints) -> tuple[slice | Ints, slice | Ints]:
    """The rows of two increasing indices whose instants both have."""
    first = max(one[0], other[0])
    rows = [slice(int(index.searchsorted(first)), None) for index in (one, other)]
    length = min(len(one) - rows[0].start, len(other) - rows[1].start)
    same = [slice(part.start, part.start + length) for part in rows]
    if np.array_equal(one[same[0]], other[same[1]]):  # nearly always, and quicker
        return same[0], same[1]
    _, mine, others = np.intersect1d(one, other, assume_unique=True, return_indices=True)
    return mine, others


def _correlation(one: Floats, other: Floats) -> float:
    mine, others = one - one.mean(), other - other.mean()
    return float(mine @ others / np.sqrt((mine @ mine) * (others @ others) or 1.0))


def _issue(series: Series, severity: Severity, text: str, when: pd.DatetimeIndex) -> DataIssue:
    return DataIssue(series.request.name, "daily closes", severity, text, when[0], when[-1])
