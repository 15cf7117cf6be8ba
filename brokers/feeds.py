"""Backtrader feeds that are handed finished frames."""

from array import array

import backtrader as bt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

EPOCH = pd.Timestamp(0)
DAY = pd.Timedelta(days=1)
Floats = NDArray[np.float64]


class Place:
    """Row of a feed's newest bar, -1 before the first."""

    __slots__ = ("row",)

    def __init__(self) -> None:
        self.row = -1


class Column(bt.linebuffer.LineBuffer):  # type: ignore[misc]  # backtrader has no types
    """A finished line; its place is its feed's. Before the first bar it shows NaN, where a stock line shows the future."""

    def __init__(self, values: Floats, place: Place) -> None:
        super().__init__()
        self._place = place
        self.array: array[float] = array("d", np.append(values, np.nan).tobytes())  # row -1 is the NaN
        self.extension = 1

    @property
    def idx(self) -> int:
        """Row of the newest bar."""
        return self._place.row

    @idx.setter
    def idx(self, row: int) -> None:
        """The feed alone moves its lines."""

    def __len__(self) -> int:
        return self._place.row + 1

    def __getitem__(self, ago: int) -> float:
        return self.array[self._place.row + ago]


class FrameFeed(bt.feed.DataBase):  # type: ignore[misc]  # backtrader has no types
    """History from a frame: one row a bar, indexed by the instant the bar was known (UTC), columns named as the lines.

    Whole columns are handed over at once, one place serves all of them, and nothing is kept per tick: a stock pandas feed
    spends most of a backtest on these. Results are those of the stock feed.
    """

    def preload(self) -> None:
        """Give every line its column; `times` are then the bars' instants as backtrader counts days."""
        frame: pd.DataFrame = self.p.dataname
        self.times = ((pd.DatetimeIndex(frame.index).tz_convert(None) - EPOCH) / DAY + bt.date2num(EPOCH)).to_numpy()
        columns = {name: frame[name].to_numpy(dtype="float64") for name in frame} | {"datetime": self.times}
        unknown = np.full(len(frame), np.nan)
        self._place = Place()
        self.lines.lines[:] = [Column(columns.get(name, unknown), self._place) for name in self.getlinealiases()]
        self.home()

    def _load(self) -> bool:
        """Nothing comes after what was preloaded."""
        return False

    def home(self) -> None:
        """Back before the first bar."""
        self._place.row = -1

    def advance(self, size: int = 1, datamaster: object = None, ticks: bool = True) -> None:
        """Step to a later bar; no tick attributes, since a finished bar has no ticks."""
        self._place.row += size

    def rewind(self, size: int = 1) -> None:
        """Step back."""
        self._place.row -= size

    def advance_peek(self) -> float:
        """When the next bar will be known."""
        row = self._place.row + 1
        return float(self.times[row]) if row < len(self.times) else float("inf")


class GateFeed(FrameFeed):
    """The gate's rows, by the instant they were known."""

    lines = ("state", "ceiling", "filled", "confirmed_at", "stale")


class CoinFeed(FrameFeed):
    """A coin's bars with the features the decision reads."""

    lines = ("own_average", "volatility", "stale")
