"""Backtrader feeds that are handed finished frames."""

from array import array

import backtrader as bt
import pandas as pd

EPOCH = pd.Timestamp(0)
DAY = pd.Timedelta(days=1)


class FrameFeed(bt.feed.DataBase):  # type: ignore[misc]  # backtrader has no types
    """History from a frame: one row a bar, indexed by the instant the bar was known (UTC), columns named as the lines.

    Whole columns are handed over at once and nothing is kept per tick: a stock pandas feed spends most of a backtest on
    both. Results are those of the stock feed.
    """

    def preload(self) -> None:
        """Give every line its column."""
        frame: pd.DataFrame = self.p.dataname
        days = (pd.DatetimeIndex(frame.index).tz_convert(None) - EPOCH) / DAY + bt.date2num(EPOCH)
        columns = {name: frame[name].to_numpy(dtype="float64") for name in frame} | {"datetime": days.to_numpy()}
        for name, values in columns.items():
            getattr(self.lines, name).array = array("d", values.tobytes())
        self.home()
        self._times = self.lines.datetime.array
        self._length, *_ = self.lines  # backtrader takes a feed's length from its first line, filled or not
        self._filled = {id(line): line for line in (self._length, *(getattr(self.lines, name) for name in columns))}.values()

    def _load(self) -> bool:
        """Nothing comes after what was preloaded."""
        return False

    def advance(self, size: int = 1, datamaster: object = None, ticks: bool = True) -> None:
        """Step every line; no tick attributes, since a finished bar has no ticks."""
        for line in self._filled:
            line._idx += size  # the property behind it serves a mode that keeps a few bars only
            line.lencount += size

    def advance_peek(self) -> float:
        """When the next bar will be known."""
        row = self._length.lencount
        return self._times[row] if row < len(self._times) else float("inf")


class GateFeed(FrameFeed):
    """The gate's rows, by the instant they were known."""

    lines = ("state", "ceiling", "filled", "confirmed_at", "stale")


class CoinFeed(FrameFeed):
    """A coin's bars with the features the decision reads."""

    lines = ("own_average", "volatility", "stale")
