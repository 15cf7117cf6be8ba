"""A small folder of price files with breakouts planted in it, and ways to spoil one file.

Five years of real New York sessions from 2012 on, closes from formulas: the same on every machine,
no vendor's row among them. The index stands at a record from June 2012, breaks out in the summer of
2013, ends below its average in 2014, breaks out again in the summer of 2015 and stays above. ETH
and SOL are listed later than BTC.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from brokers.prices.calendar import session_closes

FIRST, LAST = pd.Timestamp("2012-01-03"), pd.Timestamp("2016-12-30")
HISTORY_FROM = FIRST.date()
ANCHORS = {
    "2012-01-03": 100,
    "2012-06-01": 120,
    "2012-09-04": 108,
    "2013-06-14": 113,
    "2013-09-16": 138,
    "2014-05-01": 160,
    "2014-10-15": 133,
    "2015-06-15": 151,
    "2015-10-15": 186,
    "2016-12-30": 222,
}
FUNDS = ("KRE", "XLI", "XBI", "RSP")
LISTED = {"BTC-USD": "2012-06-01", "ETH-USD": "2013-08-01", "SOL-USD": "2014-01-15"}
HEADER = "Date,Open,High,Low,Close,Adj Close,Volume"


def write_folder(
    folder: Path, cache: Path, first: pd.Timestamp = FIRST, last: pd.Timestamp = LAST
) -> Path:
    """Write daily/<symbol>.csv for everything the default settings read."""
    (folder / "daily").mkdir(parents=True)
    for symbol, text in _files(cache, first, last).items():
        (folder / "daily" / f"{symbol}.csv").write_text(text)
    return folder


def options(folder: Path, cache: Path) -> list[str]:
    """Command line that reads `folder`, its history from the first session it holds."""
    pairs = {
        "prices.source": "folder",
        "prices.folder": folder,
        "prices.cache": cache,
        "signal.history_from": HISTORY_FROM,
        "backtest.random_gates": 5,
    }
    return [word for key, value in pairs.items() for word in ("--set", f"{key}={value}")]


def overrides(folder: Path, cache: Path) -> list[str]:
    """The same for `config.settings.load`."""
    return options(folder, cache)[1::2]


def edit(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Rewrite a CSV through `change`, which gets its rows without the header."""
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *change(rows)]) + "\n")


def set_cell(path: Path, row: int, column: str, value: str) -> str:
    """Put `value` into one cell; returns the row's date. Rows count from 0, as in `edit`."""
    dates: list[str] = []

    def change(rows: list[str]) -> list[str]:
        cells = rows[row].split(",")
        cells[HEADER.split(",").index(column)] = value
        rows[row] = ",".join(cells)
        dates.append(cells[0])
        return rows

    edit(path, change)
    return dates[0]


@lru_cache(maxsize=4)
def _files(cache: Path, first: pd.Timestamp, last: pd.Timestamp) -> dict[str, str]:
    sessions = pd.DatetimeIndex(
        session_closes(pd.Timestamp("2010-11-29").date(), cache).loc[first:last].index
    )
    step = np.arange(len(sessions))
    wobble = 1 + 0.003 * np.sin(1.7 * step) + 0.002 * np.sin(0.37 * step)
    anchors = pd.Series(ANCHORS).set_axis(pd.DatetimeIndex(list(ANCHORS)))
    index = (
        np.interp(
            sessions.asi8, anchors.index.as_unit(sessions.unit).asi8, anchors.to_numpy(dtype=float)
        )
        * wobble
    )
    rising = np.r_[np.zeros(20), index[20:] > index[:-20]]
    broad = 1000 * 1.0004**step * (1 + 0.002 * np.sin(0.9 * step))
    volume = np.round(3e7 * (1 + 0.3 * rising) * (1 + 0.1 * np.sin(2.3 * step)))
    paid_out = 0.8 + 0.2 * (step + 1) / len(step)
    closes = {
        "RUT": (index, 1.0),
        "GSPC": (broad, 1.0),
        "IWM": (index / 2, paid_out),
        "HYG": (80 * (index / 100) ** 0.3, paid_out),
        "IEF": (100 * (1 + 0.001 * np.sin(0.5 * step)), paid_out),
    }
    closes |= {
        fund: (index * (0.3 + 0.1 * k) * (1 + 0.002 * np.sin(step + k)), paid_out)
        for k, fund in enumerate(FUNDS)
    }
    files = {
        symbol: _csv(sessions, close, close * adjusted, volume)
        for symbol, (close, adjusted) in closes.items()
    }
    for k, (symbol, listed) in enumerate(LISTED.items()):
        days = pd.date_range(max(pd.Timestamp(listed), first), last + pd.Timedelta(days=1))
        age = (days - pd.Timestamp(listed)).days.to_numpy()
        close = (
            10
            * 1.0015**age
            * (1 + 0.15 * np.sin(age / (29 + 3 * k)))
            * (1 + 0.01 * np.sin(2.1 * age))
        )
        files[symbol] = _csv(days, close, close, 1e6 + 1e4 * (age % 17))
    return files


def _csv(
    days: pd.DatetimeIndex, close: np.ndarray, adjusted: np.ndarray, volume: np.ndarray
) -> str:
    opened = np.r_[close[0], close[:-1]]
    high, low = np.maximum(opened, close) * 1.002, np.minimum(opened, close) * 0.998
    columns = (opened, high, low, close, adjusted)
    rows = (
        f"{day:%Y-%m-%d}," + ",".join(f"{value:.6f}" for value in values) + f",{int(traded)}"
        for day, *values, traded in zip(days, *columns, volume, strict=True)
    )
    return "\n".join([HEADER, *rows]) + "\n"
