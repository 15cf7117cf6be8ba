"""What the strategy sees of a coin: bars on a regular grid, with daily average and volatility."""

from typing import Any

import numpy as np
import pandas as pd

from strategies.indicators import annualised_volatility, rolling_mean
from strategies.market import latest

DAY = pd.Timedelta(days=1)
COIN_LINES = ("open", "high", "low", "close", "volume", "own_average", "volatility", "stale")


def coin_lines(
    bars: pd.DataFrame,
    daily_closes: pd.Series,
    grid: pd.DatetimeIndex,
    average_days: int,
    volatility_days: int,
) -> pd.DataFrame:
    """One row an instant of `grid` from the coin's first bar on, columns `COIN_LINES`.

    Parameters
    ----------
    bars : open, high, low, close, volume, indexed by the instant the bar was known (its end, UTC).
    daily_closes : UTC daily closes indexed by 24:00 UTC; `own_average` and annualised `volatility`
        come from these at every timeframe and are the newest known at the bar's end.
    grid : the instants at which bars should end.

    `stale` counts the bars missing since the last real one. A missing bar has the last close and
    no volume, so that an ended coin can still be valued; brokers fill nothing on it.
    """
    values = bars[["open", "high", "low", "close", "volume"]].to_numpy(dtype=float)
    priced = ~np.isnan(values[:, 3])
    values, known_at = values[priced], bars.index[priced]
    own_grid = grid[grid >= known_at[0]] if len(known_at) else grid[:0]
    rows = known_at.searchsorted(own_grid, side="right") - 1
    last_real = known_at[rows]
    missing = np.asarray(own_grid != last_real)
    length = grid[1] - grid[0] if len(grid) > 1 else DAY
    lines: dict[str, Any] = dict(
        zip(("open", "high", "low", "close", "volume"), values[rows].T, strict=True)
    )
    for name in ("open", "high", "low"):
        lines[name] = np.where(missing | np.isnan(lines[name]), lines["close"], lines[name])
    lines["volume"] = np.where(missing | np.isnan(lines["volume"]), 0.0, lines["volume"])
    closes = daily_closes.to_numpy(dtype=float)
    for name, daily in (
        ("own_average", rolling_mean(closes, average_days)),
        ("volatility", annualised_volatility(closes, volatility_days)),
    ):
        lines[name] = latest(pd.Series(daily, daily_closes.index), own_grid)
    lines["stale"] = np.where(missing, np.ceil((own_grid - last_real) / length), 0.0)
    return pd.DataFrame(lines, own_grid, list(COIN_LINES))
