"""Closes adjusted for dividends where a file lacks some: filled if only one value is possible."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brokers.plurals import count
from brokers.prices.series import DataError

Floats = NDArray[np.float64]

# Between two dividends an adjusted close keeps its ratio to the close but for rounding: to this, or
# to what rounding both to cents makes of it, which is more below 20 USD.
SAME_RATIO = 5e-4
HALF_A_CENT = 0.005
# Sessions without one at the end, or at the beginning, where a dividend in them is seen that much
# later, or is none of the file's.
MOST_NEWEST = 5


def fill_adjusted(
    closes: Floats, adjusted: Floats, index: pd.DatetimeIndex, origin: str
) -> tuple[Floats, str]:
    """Adjusted closes without gaps, and a note about those that were filled; "" for none.

    A gap has the ratio to the close that the rows before and after it have, if that is the same;
    one of `MOST_NEWEST` rows at the end that of the row before it, one of as many at the beginning
    that of the row after it.

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
    rounding = pd.Series(HALF_A_CENT * (1.0 / closes + 1.0 / adjusted))
    within = np.maximum(np.fmax(rounding.ffill(), rounding.bfill()), SAME_RATIO)
    before, after = ratios.ffill(), ratios.bfill()
    from_after = before.isna().any()
    if missing[-MOST_NEWEST - 1 :].sum() <= MOST_NEWEST:
        after = after.fillna(before)
    if missing[: MOST_NEWEST + 1].sum() <= MOST_NEWEST:
        before = before.fillna(after)
    agree = (after / before - 1.0).abs() <= within
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
    side = "before, of the first rows that of the row after" if from_after else "before"
    return np.where(missing, before * closes, adjusted), f"{note} is that of the row {side}"


def _why(before: float, after: float) -> str:
    if np.isnan(before):
        return f"they are more than the {MOST_NEWEST} oldest"
    if np.isnan(after):
        return f"they are more than the {MOST_NEWEST} newest"
    return (
        f"its ratio to the close is {before:.6g} before and {after:.6g} after, so there was a "
        "dividend in between"
    )
