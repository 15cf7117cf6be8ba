"""Backtrader feeds over complete frames."""

from array import array
from collections.abc import Mapping

import backtrader as bt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

EPOCH = pd.Timestamp(0)
DAY = pd.Timedelta(days=1)
Floats = NDArray[np.float64]
GATE = ("state", "ceiling", "filled", "confirmed_at", "stale")
COIN = ("own_average", "volatility", "stale")  # beside backtrader's own


def backtrader_time(seconds: float) -> float:
    """Epoch seconds as backtrader counts days."""
    return seconds / 86_400.0 + float(bt.date2num(EPOCH))


class Cursor:
    """Row of a feed's newest bar, -1 before the first."""

    __slots__ = ("row",)

    def __init__(self) -> None:
        self.row = -1


class Column(bt.linebuffer.LineBuffer):  # type: ignore[misc]  # backtrader has no types
    """A complete line that shows the row its feed is at.

    Before the first bar it shows NaN, where a stock line shows the future.
    """

    def __init__(self, values: Floats, cursor: Cursor) -> None:
        super().__init__()
        self._cursor = cursor
        # Row -1 is the NaN.
        self.array: array[float] = array("d", np.append(values, np.nan).tobytes())
        self.extension = 1

    @property
    def idx(self) -> int:
        """Row of the newest bar."""
        return self._cursor.row

    @idx.setter
    def idx(self, row: int) -> None:
        """The feed alone moves its lines."""

    def __len__(self) -> int:
        return self._cursor.row + 1

    def __getitem__(self, ago: int) -> float:
        return self.array[self._cursor.row + ago]


class FrameFeed(bt.feed.DataBase):  # type: ignore[misc]  # backtrader has no types
    """History from a frame: one row a bar, by the instant the bar was known (UTC), a column a line.

    Whole columns are passed at once, one cursor serves all of them, and nothing is stored per tick:
    a stock pandas feed spends most of a backtest on these. Results are those of the stock feed.
    """

    def preload(self) -> None:
        """Give every line its column, and `times` the bars' instants as backtrader counts days."""
        frame: pd.DataFrame = self.p.dataname
        self.times = (
            (pd.DatetimeIndex(frame.index).tz_convert(None) - EPOCH) / DAY + bt.date2num(EPOCH)
        ).to_numpy()
        columns = {name: frame[name].to_numpy(dtype="float64") for name in frame} | {
            "datetime": self.times
        }
        unknown = np.full(len(frame), np.nan)
        self._cursor = Cursor()
        self.lines.lines[:] = [
            Column(columns.get(name, unknown), self._cursor) for name in self.getlinealiases()
        ]
        self.home()

    def _load(self) -> bool:
        """Nothing comes after what was preloaded."""
        return False

    def home(self) -> None:
        """Back before the first bar."""
        self._cursor.row = -1

    def advance(self, size: int = 1, datamaster: object = None, *, ticks: bool = True) -> None:
        """Move to a later bar; no tick attributes, since a closed bar has no ticks."""
        self._cursor.row += size

    def rewind(self, size: int = 1) -> None:
        """Move to an earlier bar."""
        self._cursor.row -= size

    def advance_peek(self) -> float:
        """When the next bar will be known."""
        row = self._cursor.row + 1
        return float(self.times[row]) if row < len(self.times) else float("inf")


class Newest(bt.linebuffer.LineBuffer):  # type: ignore[misc]  # backtrader has no types
    """A live line: nothing but its newest value, NaN before the first bar."""

    def __init__(self, cursor: Cursor) -> None:
        super().__init__()
        self._cursor = cursor
        self.value = np.nan

    def __len__(self) -> int:
        return self._cursor.row + 1

    def __getitem__(self, ago: int) -> float:
        return self.value


class LiveFeed(bt.feed.DataBase):  # type: ignore[misc]  # backtrader has no types
    """A queue of one bar: `hand` it a bar, and the next step shows that bar and nothing older."""

    def preload(self) -> None:
        """Give every line its cell."""
        self._cursor = Cursor()
        self._bar: dict[str, float] = {}
        self.lines.lines[:] = [Newest(self._cursor) for _ in self.getlinealiases()]

    def _load(self) -> bool:
        """Bars are handed over, never asked for."""
        return False

    def hand(self, known_at: float, bar: Mapping[str, float]) -> None:
        """Let the next `advance` show the bar known at `known_at` (epoch seconds); by line."""
        self._bar = {**bar, "datetime": backtrader_time(known_at)}

    def advance(self, size: int = 1, datamaster: object = None, *, ticks: bool = True) -> None:
        """Show the newest bar."""
        self._cursor.row += size
        for name, line in zip(self.getlinealiases(), self.lines.lines, strict=True):
            line.value = self._bar.get(name, np.nan)


class GateFeed(FrameFeed):
    """The gate's rows, by the instant they were known."""

    lines = GATE


class CoinFeed(FrameFeed):
    """A coin's bars with the features the decision reads."""

    lines = COIN


class LiveGateFeed(LiveFeed):
    """The gate's newest row."""

    lines = GATE


class LiveCoinFeed(LiveFeed):
    """A coin's newest bar with the features the decision reads."""

    lines = COIN
