"""Bull and bear markets of coins, as a chain that knows nothing of the gate."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.calibration.coin_days import Flags
from brokers.prices.series import DataError
from strategies.indicators import Floats, Ints

# A bull market ends at its peak where Bitcoin halves, a bear market at its trough where it doubles
# (the rule of Lunde and Timmermann 2004, with the size of turns that coins have).
FALL, RISE = 0.5, 1.0


class Regimes(NamedTuple):
    """`bull` says of each real day whether Bitcoin's market was one; the chances are a day's."""

    bull: Flags
    ends_bull: float
    ends_bear: float

    @property
    def share(self) -> float:
        """Share of days that the chain spends in bull markets in the long run."""
        return self.ends_bear / (self.ends_bull + self.ends_bear)


def find_regimes(closes: pd.Series, days: pd.DatetimeIndex) -> Regimes:
    """Bull and bear markets of these closes, for `days`; those before the first belong to it.

    A market lasts on average what the real ones of its kind did.

    Raises
    ------
    DataError
        Bitcoin never halved, or never doubled after that: there is only one kind.

    """
    bull = pd.Series(bull_days(closes.to_numpy()), closes.index)
    bull = bull.reindex(days, method="ffill").bfill().astype(bool)
    flags = bull.to_numpy()
    if flags.all() or not flags.any():
        raise DataError(
            "--regimes: these prices of Bitcoin have no bear market (it never halved) beside a bull"
            " market"
        )
    begins = np.diff(flags, prepend=~flags[:1])
    bulls, bears = int((begins & flags).sum()), int((begins & ~flags).sum())
    return Regimes(flags, bulls / int(flags.sum()), bears / int((~flags).sum()))


def bull_days(closes: Floats) -> Flags:
    """Whether each close belongs to a bull market, by the turns as they are known afterwards."""
    flags = np.zeros(len(closes), dtype=bool)
    is_bull, begin, extreme = _first_is_bull(closes), 0, 0
    for row, close in enumerate(closes):
        if close > closes[extreme] if is_bull else close < closes[extreme]:
            extreme = row
        turn = 1.0 - FALL if is_bull else 1.0 + RISE
        if close <= closes[extreme] * turn if is_bull else close >= closes[extreme] * turn:
            flags[begin : extreme + 1] = is_bull
            is_bull, begin, extreme = not is_bull, extreme + 1, row
    flags[begin:] = is_bull
    return flags


def _first_is_bull(closes: Floats) -> bool:
    """Whether the prices first doubled from a low or first halved from a high."""
    rises = closes / np.minimum.accumulate(closes) >= 1.0 + RISE
    falls = closes / np.maximum.accumulate(closes) <= 1.0 - FALL
    return bool(rises.any() and (not falls.any() or rises.argmax() < falls.argmax()))


def draw_states(regimes: Regimes, count: int, random: np.random.Generator) -> Ints:
    """One for a day in a bull market, else 0, from the chain's long run on."""
    chances = random.random(count)
    states = np.empty(count, dtype=np.int64)
    state = int(random.random() < regimes.share)
    for day in range(count):
        states[day] = state
        state ^= int(chances[day] < (regimes.ends_bull if state else regimes.ends_bear))
    return states
