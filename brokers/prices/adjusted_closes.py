"""Closes adjusted for dividends where a file lacks some: filled if only one value is possible."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brokers.plurals import count
from brokers.prices.series import DataError

Floats = NDArray[np.float64]

# Between two dividends an adjusted close keeps its ratio to the close but for rounding: of both to
# cents, at 10 USD, that is 0.0005.
SAME_RATIO = 5e-4
MOST_NEWEST = 5  # sessions without one at the end: a dividend in them is seen that much later


def fill_adjusted(
    closes: Floats, adjusted: Floats, index: pd.DatetimeIndex, origin: str
) -> tuple[Floats, str]:
    """Adjusted closes without gaps, and a note about those that were filled; "" for none.

    A gap has the ratio to the close that the rows before and after it have, if that is the same;
    one of `MOST_NEWEST` rows at the end that of the row before it.

    Parameters
    ----------
    closes, adjusted : positive, one a session; some adjusted ones, not all, are missing (NaN).

    Raises
    ------
    DataError
        A gap in which there may have been a dividend: which rows.

    """
    missing = np.isnan(adjusted)
    if not missing.any():
        return adjusted, ""
    ratios = pd.Series(adjusted / closes)
    before, after = ratios.ffill(), ratios.bfill()
    if missing[-MOST_NEWEST - 1 :].sum() <= MOST_NEWEST:
        after = after.fillna(before)
    agree = (after / before - 1.0).abs() <= SAME_RATIO
    doubtful = missing & ~agree.to_numpy()
    if doubtful.any():
        first = int(doubtful.argmax())
        last = first + int(np.append(~missing[first:], True).argmax()) - 1
        days = f"{index[first]:%Y-%m-%d}"
        days += f" to {index[last]:%Y-%m-%d}" if last > first else ""
        raise DataError(
            f"{origin}: {count(int(doubtful.sum()), 'row')} without an adjusted close that cannot "
            f"be filled, first {days}: {_why(before[first], after[first])}; download the file "
            "again, fill the rows in, or remove the column"
        )
    note = f"{count(int(missing.sum()), 'row')} without an adjusted close: its ratio to the close"
    return np.where(missing, before * closes, adjusted), f"{note} is that of the row before"


def _why(before: float, after: float) -> str:
    if np.isnan(before):
        return "no row before has one"
    if np.isnan(after):
        return f"they are more than the {MOST_NEWEST} newest"
    return (
        f"its ratio to the close is {before:.6g} before and {after:.6g} after, so there was a "
        "dividend in between"
    )
