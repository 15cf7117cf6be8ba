"""What the strategy sees of a coin: its bars on a regular grid, with averages and volatility of UTC daily closes."""

import numpy as np
import pandas as pd

from strategies.indicators import annualised_volatility, rolling_mean
from strategies.market import latest

DAY = pd.Timedelta(days=1)
COIN_LINES = ("open", "high", "low", "close", "volume", "own_average", "volatility", "stale")


def coin_lines(bars: pd.DataFrame, daily_closes: pd.Series, grid: pd.DatetimeIndex, average_days: int, volatility_days: int) -> pd.DataFrame:
    """One row an instant of `grid` from the coin's first bar on, columns `COIN_LINES`.

    Parameters
    ----------
    bars : open, high, low, close, volume, indexed by the instant the bar was known (its end, UTC).
    daily_closes : UTC daily closes indexed by 24:00 UTC; `own_average` and annualised `volatility` come from these at every
        timeframe and are the newest known at the bar's end.
    grid : the instants at which bars should end.

    `stale` counts the bars missing since the last real one. A missing bar stands at the last close with no volume, so that
    an ended coin can still be valued; brokers fill nothing on it.
    """
    bars = bars[bars["close"].notna()]
    own_grid = grid[grid >= bars.index[0]] if len(bars) else grid[:0]
    lines = bars[["open", "high", "low", "close", "volume"]].reindex(own_grid)
    missing = lines["close"].isna().to_numpy()
    last_real = bars.index[bars.index.searchsorted(own_grid, side="right") - 1]
    length = grid[1] - grid[0] if len(grid) > 1 else DAY
    lines["stale"] = np.where(missing, np.ceil((own_grid - last_real) / length), 0.0)
    lines["close"] = latest(bars["close"], own_grid)
    for column in ("open", "high", "low"):
        lines[column] = lines[column].fillna(lines["close"])
    lines["volume"] = lines["volume"].fillna(0.0)
    closes = daily_closes.to_numpy(dtype=float)
    average = pd.Series(rolling_mean(closes, average_days), daily_closes.index)
    volatility = pd.Series(annualised_volatility(closes, volatility_days), daily_closes.index)
    lines["own_average"] = latest(average, own_grid)
    lines["volatility"] = latest(volatility, own_grid)
    return lines[list(COIN_LINES)]
