"""How far the rows of one series are from each other, against the bars that they claim to be."""

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brokers.plurals import count
from brokers.prices.clean import DAY, bar_length
from brokers.prices.series import Request

Ints = NDArray[np.int64]

STRETCH = 20  # steps from bar to bar that are looked at together
# Steps of a stretch that are longer than a bar: true files 0, business days of a coin 4, weeks 20.
SOME_LONG_STEPS = 4
MANY_LONG_STEPS = 10
SPARSE = 0.1  # of all steps of a series
MOSTLY = 0.5  # of all steps, or of the long ones at the same time of day


class LongSteps(NamedTuple):
    """Rows `first` to `last` are further apart than a bar: how far, and what follows."""

    apart: str
    advice: str
    severity: Literal["refused", "high", "note"]
    first: int
    last: int


def find_long_steps(request: Request, known_at: pd.DatetimeIndex, steps: Ints) -> LongSteps | None:
    """The stretch of most steps longer than a bar; None if they are few.

    `steps`: bars from each row to the next (1: no gap).
    """
    long = steps > 1
    if long.sum() < SOME_LONG_STEPS:
        return None
    sums = np.convolve(long, np.ones(min(STRETCH, len(long)), dtype=int), "valid")
    first = int(sums.argmax())
    sparse = bool(long.mean() > SPARSE)
    if sums[first] < SOME_LONG_STEPS and not sparse:
        return None
    rows = (first, first + min(STRETCH, len(long)))
    share = f"{int(long.sum()):,} of {count(len(long), 'step')} from row to row"
    longer = f"{share} are longer than a bar of {request.timeframe}"
    if request.timeframe != "1d" and not _is_regular(request, known_at, steps):
        apart = "not regular (bars without a trade?)"
        return LongSteps(apart, longer, "note", *rows)
    step = pd.Timedelta(np.median(np.diff(known_at[rows[0] : rows[1] + 1])))
    refused = sparse or sums[first] >= MANY_LONG_STEPS
    advice = f"{longer}; get a file with every bar, or start it later"
    return LongSteps(_apart(request, step), advice, "refused" if refused else "high", *rows)


def _is_regular(request: Request, known_at: pd.DatetimeIndex, steps: Ints) -> bool:
    """Whether long steps recur as of longer bars or of an exchange's hours, or are most of all.

    An exchange writes no bar where nobody trades; that has no pattern.
    """
    size = min(STRETCH, len(steps))
    for factor in (2, 3, 5):
        if np.convolve(steps % factor == 0, np.ones(size), "valid").max() == size:
            return True
    long = steps > 1
    times = known_at[:-1].as_unit("ns").asi8 % DAY.as_unit("ns").value
    bars = times // bar_length(request.timeframe).as_unit("ns").value
    _, counts = np.unique(np.stack((bars[long], steps[long])), axis=1, return_counts=True)
    return bool(long.mean() > MOSTLY or counts.max() > MOSTLY * long.sum())


def _apart(request: Request, step: pd.Timedelta) -> str:
    """How far rows are from each other where `step` is the usual distance."""
    length = bar_length(request.timeframe)
    if length < DAY:
        return f"{step / length:.0f} bars apart" if step > length else "not regular"
    days = step / DAY
    words = {7.0: "a week", 30.0: "a month", 91.0: "a quarter"}
    near = next((word for mean, word in words.items() if abs(days - mean) <= mean / 14.0), "")
    if days <= 1.5:
        return "not regular (without weekends?)"
    return f"{near or f'{days:.0f} days'} apart"
