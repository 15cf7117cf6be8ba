"""What is implausible about series together: hours against days, and rows that are shifted."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brokers.prices.bar_checks import Accepted, acceptance_advice
from brokers.prices.checked_bars import bar_date
from brokers.prices.clean import DAY, bar_length
from brokers.prices.series import DataIssue, Request, Series

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Severity = Literal["refused", "high"]

LEAST_DAYS = 10  # that two series must have together
# Median distance of the close of a day's last bar from the daily close, as a share of the median
# move of a bar: BTC, ETH and SOL of two vendors 0.19, in one quarter 0.30; an hour late 0.85.
LARGEST_SHARE = 0.5
QUARTER_DAYS = 60  # days of a quarter that both must have to be looked at by itself
# The same distance where no shift explains it, log return: two vendors 0.0006. Another currency is
# 0.02 to 0.3, another coin or unit more.
ANOTHER_CURRENCY, ANOTHER_UNIT = 0.02, 1.0
# One day's closes: two vendors differ by up to 0.008 (SOL, 2024-02-29).
LARGEST_DIFFERENCE = 0.05
FITTING_DAYS = 0.4  # share of days: summer and winter time have different shifts
SMALLEST_DISTANCE = 1e-4  # log return; bars that never move would allow none
LONGEST_SHIFT = pd.Timedelta(hours=26)  # a day, and two hours of a time zone
LEAST_ROWS = 250
# Longest step of returns that are compared, days; of US series it is the week after 2001-09-10.
LONGEST_STEP = {"session": 8, "coin": 1}


class ShiftLimits(NamedTuple):
    """From which correlations of daily returns on dates are shifted.

    In a window of `rows` (0: all there are), one row apart above `shifted`, on the same row below
    `unshifted`.
    """

    rows: int
    shifted: float
    unshifted: float


# Within a kind: true US series with ^RUT have 0.10 and more on the same row (LQD), and 0.08 and
# less a row apart; coins with BTC 0.56 and 0.07. In a year IEF, which shares little, has 0.00 and
# 0.24; ^GSPC up to 0.35 a row apart, with 0.62 on the same row.
WITHIN_KIND = (ShiftLimits(0, 0.25, 0.125), ShiftLimits(250, 0.35, 0.125))
# Coins with ^RUT or ^GSPC of the same date, in three years: 0.09 and less a row apart; on the same
# row 0.2 to 0.4 since 2018.
BETWEEN_KINDS = (ShiftLimits(750, 0.2, 0.1),)
LARGEST_MOVE = 8.0  # median moves; beyond it one day would outweigh a year
SAMPLE = 1000  # moves of which the median is taken
FLAT = 1e-28  # product of two variances of log returns; below it is rounding
# Before the instant at which a US close is known: between 4:30 and 20:30 UTC of its date, however
# early New York closes and however late `prices.publication_delay` has it published.
WITHIN_SESSION = pd.Timedelta(hours=12, minutes=30)


def cross_issues(series: Mapping[Request, Series], accepted: Accepted) -> Iterator[DataIssue]:
    """What is implausible about series of at least two bars together."""
    usable = [each for each in series.values() if len(each.frame) > 1]
    daily = {each.request.symbol: each for each in usable if each.request.timeframe == "1d"}
    for each in usable:
        if each.request.timeframe != "1d" and (days := daily.get(each.request.symbol)):
            yield from _intraday_issues(each, days, accepted)
    yield from _identical_closes(usable)
    sessions, coins = (
        [each for each in daily.values() if each.request.kind == kind]
        for kind in ("session", "coin")
    )
    dates = {each.request: _dates(each) for each in (*sessions, *coins)}
    found = [
        *_shift_issues(sessions, dates, WITHIN_KIND),
        *_shift_issues(coins, dates, WITHIN_KIND),
    ]
    # Where one of a kind is shifted, what the kinds have in common says nothing of the others.
    yield from found or _shift_issues([*sessions[:1], *coins], dates, BETWEEN_KINDS)


def _intraday_issues(bars: Series, days: Series, accepted: Accepted) -> Iterator[DataIssue]:
    """The last bar of each UTC day against the daily close of the same coin."""
    length = bar_length(bars.request.timeframe)
    distances = _distances(bars, days, pd.Timedelta(0))
    if len(distances) < LEAST_DAYS:
        return
    for part in _stretches(pd.DatetimeIndex(distances.index)):
        if shift := _shift_in(bars, days, distances.loc[part[0] : part[-1]], length):
            direction = "later" if shift > pd.Timedelta(0) else "earlier"
            text = (
                f"{bars.origin}: the bars of {bars.request.name} from {part[0]:%Y-%m-%d} to "
                f"{part[-1]:%Y-%m-%d} fit the daily closes ({days.origin}) if they ended "
                f"{abs(shift) / pd.Timedelta(hours=1):g} h {direction}; write bar starts in UTC, "
                "or with their offset"
            )
            yield _issue(bars, "refused", text, part)
            return
    typical = float(np.median(np.abs(distances)))
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


def _stretches(days: pd.DatetimeIndex) -> Iterator[pd.DatetimeIndex]:
    """All days, and each quarter: summer time, or rows of another source, may begin in between."""
    yield days
    quarters = days.year * 4 + days.quarter
    for quarter in quarters.unique():
        part = days[quarters == quarter]
        if QUARTER_DAYS <= len(part) < len(days):
            yield part


def _shift_in(
    bars: Series, days: Series, distances: pd.Series, length: pd.Timedelta
) -> pd.Timedelta | None:
    """By how much later the bars of some days ended if they fit then; None if they fit as they are.

    `distances` of these days, or where no shift fits.
    """
    first, last = distances.index[0], distances.index[-1]
    during = bars.frame["close"].loc[first - DAY : last]
    move = float(np.median(np.abs(np.diff(np.log(during.to_numpy())))))
    allowed = max(LARGEST_SHARE * move, SMALLEST_DISTANCE)
    if float(np.median(np.abs(distances))) <= allowed:
        return None
    return _fitting_shift(bars, days._replace(frame=days.frame.loc[first:last]), length, allowed)


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
    priced = [
        (each, pd.DatetimeIndex(each.frame.index).asi8, each.frame["close"].to_numpy())
        for each in series
        if "close" in each.frame
    ]
    for (one, instants, closes), (other, later, others) in combinations(priced, 2):
        if one.request.timeframe != other.request.timeframe or one.request == other.request:
            continue
        if _differ_at_last(instants, closes, later, others):  # nearly always, and quicker
            continue
        rows = _common_rows(instants, later)
        mine, others = closes[rows[0]], others[rows[1]]
        if len(mine) >= LEAST_DAYS and np.array_equal(mine, others):
            for each, second in ((one, other), (other, one)):
                text = (
                    f"{each.origin}: all {len(mine)} closes of {each.request.name} that "
                    f"{second.request.name} ({second.origin}) has too are the same; one of the two "
                    "is the file of the other"
                )
                yield _issue(each, "refused", text, pd.DatetimeIndex(each.frame.index))


def _differ_at_last(one: Ints, closes: Floats, other: Ints, others: Floats) -> bool:
    """Whether both have the end of the shorter one, and other closes there."""
    last = min(one[-1], other[-1])
    row, same = int(one.searchsorted(last)), int(other.searchsorted(last))
    return bool(one[row] == other[same] == last and closes[row] != others[same])


def _shift_issues(
    series: Sequence[Series], dates: Mapping[Request, Ints], limits: Sequence[ShiftLimits]
) -> Iterator[DataIssue]:
    """A series that moves with the first one a row later or earlier, and not at once.

    Nobody can say which of the two is shifted: both are named.
    """
    for each in series[1:]:
        first, returns = series[0], _common_returns(series[0], each, dates)
        if returns is None or not (late := _rows_late(*returns, limits)):
            continue
        for one, other, rows in ((first, each, -late), (each, first, late)):
            text = (
                f"{one.origin}: closes of {one.request.symbol} move one row "
                f"{'after' if rows > 0 else 'before'} those of {other.request.symbol} "
                f"({other.origin}), not together with them; are the dates of one of the two "
                "shifted?"
            )
            yield _issue(one, "refused", text, pd.DatetimeIndex(one.frame.index))
        return  # what else is shifted may be so against the same series


def _rows_late(reference: Floats, moves: Floats, limits: Sequence[ShiftLimits]) -> int:
    """1 if `moves` come a row after those of `reference`, -1 before, at all times or in a window.

    0 where they come together, or have too little in common to say.
    """
    for rows, shifted, unshifted in limits:
        if len(moves) <= rows:  # a row apart there is one move less
            continue
        found = np.abs(_correlations(reference, moves, rows))
        apart = np.where(found[:, 0] < unshifted, found[:, 1:].max(axis=1), 0.0)
        window = int(apart.argmax())
        if apart[window] > shifted:
            return 1 if found[window, 2] > found[window, 1] else -1
    return 0


def _correlations(reference: Floats, moves: Floats, rows: int) -> Floats:
    """Window x correlation of `moves` with the same row of `reference`, the next, the one before.

    Windows of `rows` (0: all there are) begin half of that apart and end with the last row.
    """
    pairs = ((reference, moves), (reference[1:], moves[:-1]), (reference[:-1], moves[1:]))
    windows = [_correlation(*pair, rows) for pair in pairs]
    fewest = min(map(len, windows))  # a row less may be a window less at the beginning
    return np.column_stack([values[-fewest:] for values in windows])


def _common_returns(
    one: Series, other: Series, dates: Mapping[Request, Ints]
) -> tuple[Floats, Floats] | None:
    """Log returns from row to row that both have; None where these are few, or one never moves."""
    rows = _common_rows(dates[one.request], dates[other.request])
    mine, others = (
        np.diff(np.log(each.frame["close"].to_numpy()[shared]))
        for each, shared in zip((one, other), rows, strict=True)
    )
    near = np.diff(dates[one.request][rows[0]]) <= LONGEST_STEP[one.request.kind]
    if not near.all():  # over a gap moves pile up to one that outweighs all others
        mine, others = mine[near], others[near]
    few = len(mine) < LEAST_ROWS
    if few or not mine.any() or not others.any():
        return None
    return _without_outliers(mine), _without_outliers(others)


def _without_outliers(moves: Floats) -> Floats:
    """Each move within `LARGEST_MOVE` median ones: a single crash is no sign of shifted dates."""
    sample = moves[:: max(1, len(moves) // SAMPLE)]  # the whole is no better
    largest = LARGEST_MOVE * float(np.median(np.abs(sample)))
    return np.clip(moves, -largest, largest) if largest > 0.0 else moves


def _dates(series: Series) -> Ints:
    """The session or the UTC day of each daily row, in days since 1970."""
    before = WITHIN_SESSION if series.request.kind == "session" else DAY
    instants = pd.DatetimeIndex(series.frame.index).as_unit("ns").asi8
    return (instants - before.as_unit("ns").value) // DAY.as_unit("ns").value


def _common_rows(one: Ints, other: Ints) -> tuple[slice | Ints, slice | Ints]:
    """The rows of two indices that never fall, of whose instants both have each once."""
    first = max(one[0], other[0])
    rows = [slice(int(index.searchsorted(first)), None) for index in (one, other)]
    length = min(len(one) - rows[0].start, len(other) - rows[1].start)
    same = [slice(part.start, part.start + length) for part in rows]
    if np.array_equal(one[same[0]], other[same[1]]):  # nearly always, and quicker
        return same[0], same[1]
    _, mine, others = np.intersect1d(one, other, return_indices=True)  # a date may come twice
    return mine, others


def _correlation(one: Floats, other: Floats, rows: int) -> Floats:
    """By window as in `_correlations`; 0 where one of the two does not move."""
    half = rows // 2 or len(one)
    blocks = len(one) // half
    x, y = (values[len(values) - blocks * half :].reshape(blocks, half) for values in (one, other))
    pairs = ((x, x), (y, y), (x, y))
    products = [np.einsum("ij,ij->i", left, right) for left, right in pairs]
    sums = np.stack([x.sum(axis=1), y.sum(axis=1), *products]) / half
    if rows:
        sums = (sums[:, :-1] + sums[:, 1:]) / 2.0
    mean, others, xx, yy, xy = sums
    squares = (xx - mean * mean) * (yy - others * others)
    return np.asarray((xy - mean * others) / np.sqrt(np.where(squares > FLAT, squares, np.inf)))


def _issue(series: Series, severity: Severity, text: str, when: pd.DatetimeIndex) -> DataIssue:
    return DataIssue(series.request.name, "daily closes", severity, text, when[0], when[-1])
