"""Random series for the plausibility step: quiet random walks with true-looking bars."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from brokers.prices.clean import bar_length
from brokers.prices.series import Request, Series

CLOSES = pd.bdate_range("2019-01-01", periods=700, tz="UTC") + pd.Timedelta(hours=21)
KNOWN = pd.DatetimeIndex(CLOSES) + pd.Timedelta(minutes=30)
SESSIONS = pd.Series(CLOSES, index=KNOWN)
DAY = pd.Timedelta(days=1)
BITCOIN = Request("BTC-USD", "coin", "BTC/USDT")
INDEX = Request("^RUT", "session")


def closes_of(count: int, deviation: float, seed: int = 1) -> np.ndarray:
    """A random walk from 100."""
    moves = np.random.default_rng(seed).normal(0.0, deviation, count)
    return 100.0 * np.exp(np.cumsum(moves))


def bars_of(closes: np.ndarray, known_at: pd.DatetimeIndex) -> pd.DataFrame:
    """Bars that open at the close before."""
    opens = np.r_[closes[:1], closes[:-1]]
    columns = {
        "open": opens,
        "high": np.maximum(opens, closes),
        "low": np.minimum(opens, closes),
        "close": closes,
        "adj_close": closes,
        "volume": np.full(len(closes), 1e6),
    }
    return pd.DataFrame(columns, index=known_at.as_unit("ns"))


def series_of(request: Request, frame: pd.DataFrame) -> Series:
    """A series as a loader returns it."""
    return Series(request, "folder", f"file of {request.name}", frame, "0", ())


def index_series(deviation: float = 0.01, seed: int = 1, count: int = 600) -> Series:
    """Closes of the index at the first `count` sessions."""
    return series_of(INDEX, bars_of(closes_of(count, deviation, seed), KNOWN[:count]))


def coin_series(
    deviation: float = 0.03, seed: int = 2, count: int = 600, timeframe: str = "1d"
) -> Series:
    """Bars of Bitcoin from 2020 on, known at their ends."""
    length = bar_length(timeframe)
    known_at = pd.date_range("2020-01-01", periods=count, freq=length, tz="UTC") + length
    request = BITCOIN._replace(timeframe=timeframe)
    return series_of(request, bars_of(closes_of(count, deviation, seed), known_at))


def scaled(series: Series, rows: slice, factor: float, columns: tuple[str, ...] = ()) -> Series:
    """`series` with the prices (or `columns`) of some rows times `factor`."""
    frame = series.frame.copy()
    names = list(columns or ("open", "high", "low", "close", "adj_close"))
    places = [frame.columns.get_loc(name) for name in names]
    frame.iloc[rows, places] *= factor
    return series._replace(frame=frame)


def changed(series: Series, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Series:
    """`series` with another frame."""
    return series._replace(frame=change(series.frame.copy()))
