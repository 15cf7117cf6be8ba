"""The embedded sample: a *simulation* of every series, pinned to published landmark closes.

No bar of it was ever traded. Formulas, with z standing for draws of mean 0 and variance 1, r for a
bar's log return and u for a draw between 0 and 1:

- **close** of ^RUT, ^GSPC and the coins: in logarithms a bridge from landmark to landmark, whose
  steps are `volatility` times z, reflected at both of them. So it meets every landmark on its day
  and lies strictly between two neighbours on the days between; past the last one it is a walk
  between the last two. The two indices have three quarters of z's variance in common, and so have
  the coins.
- **open**: a coin's is the close before; a session's lies three tenths of the way from there to its
  close (the night's share).
- **high, low**: open and close, widened by `volatility` times u each, and cut at the two landmarks.
- **volume**: `turnover` (1/2 + |r| / volatility) (8/10 + 4/10 u), whole shares or coins.
- **funds**: close = `level` exp(`small` s + `broad` b + noise), s and b being the log distance of
  ^RUT and ^GSPC from their last close, the noise `volatility` times the sum of the last 63 z.
  adj_close = close exp(-`payout` years to the end): dividends taken in.
- **macro**, from the mean G of ^GSPC's last 63 closes known on the day: WALCL = 900 G,
  WTREGEN = 72 G (millions of USD), RRPONTSYD = 0.045 G (billions), each times exp(0.02 z).
- **intraday bars** of a coin: inside the day's bar a bridge from open to close, reflected at low
  and high, which the highest and the lowest bar touch; its volume is split by 1/2 + u. They add up
  to the daily bars exactly.

Draws are sums of PCG64's uniform numbers and prices are rounded to four decimals, so that machines
and versions agree on them.
"""

from datetime import date
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brokers.prices.clean import bar_length
from brokers.prices.landmarks import LANDMARKS
from brokers.prices.series import BAR_COLUMNS, DataError, Request

Floats = NDArray[np.float64]

FIRST_SESSION = date(1986, 8, 6)  # ^GSPC's first: the funds' and the index's own begin with ^RUT
LAST = pd.Timestamp("2026-08-20")
# When the last bar was known: all of the sample is history.
END = pd.Timestamp("2026-08-21", tz="UTC")
# Any number: a test checks with others that the gate opens at the same times.
SEED = 2000
SMALL, BROAD = "^RUT", "^GSPC"
MACRO_FROM = "2003-01-01"  # the Federal Reserve's weekly figures begin about then
MACRO = {"WALCL": 900.0, "WTREGEN": 72.0, "RRPONTSYD": 0.045}  # per point of ^GSPC
WEEKLY = ("WALCL", "WTREGEN")
QUARTER = 63  # sessions
# Intraday bars of one coin, counted back from the end: two years of hours, two weeks of minutes.
MOST_BARS = 20_000
TICK = 1e-4


class Path(NamedTuple):
    """A series with landmarks of its own.

    `volatility` is the standard deviation of a bar's log return, `turnover` the shares or coins
    traded on a usual day.
    """

    volatility: float
    turnover: float


class Fund(NamedTuple):
    """A series that follows the two indices.

    `level` is the price at the end, `small` and `broad` are exponents on ^RUT and ^GSPC,
    `volatility` its own noise a session, `payout` the yearly dividends as a fraction.
    """

    level: float
    small: float
    broad: float
    volatility: float
    payout: float
    turnover: float


PATHS = {
    SMALL: Path(0.011, 4e9),
    BROAD: Path(0.009, 4e9),
    "BTC-USD": Path(0.030, 4e4),
    "ETH-USD": Path(0.040, 4e5),
    "SOL-USD": Path(0.050, 4e6),
    "LTC-USD": Path(0.045, 1e6),
}
FUNDS = {
    "IWM": Fund(297.0, 1.0, 0.0, 0.0, 0.012, 3e7),
    "HYG": Fund(80.0, 0.15, 0.10, 0.0005, 0.055, 4e7),  # high yield rises with shares...
    "IEF": Fund(95.0, -0.05, -0.05, 0.0010, 0.025, 8e6),  # ...Treasuries fall
    "KRE": Fund(70.0, 0.9, 0.0, 0.0010, 0.024, 1e7),
    "XLI": Fund(170.0, 0.3, 0.7, 0.0010, 0.016, 1e7),
    "XBI": Fund(130.0, 1.0, 0.0, 0.0015, 0.002, 1e7),
    "RSP": Fund(205.0, 0.3, 0.7, 0.0005, 0.016, 1e7),
}


def fetch(request: Request, sessions: pd.DatetimeIndex, seed: int = SEED) -> pd.DataFrame:
    """All simulated rows of `request`, in the form of the other sources.

    Parameters
    ----------
    sessions : dates of the New York sessions from `FIRST_SESSION` on, naive midnights; later ones
        than `LAST` are ignored.

    Returns
    -------
    Daily bars under the date of the session or UTC day, intraday bars under their start (UTC), the
    last `MOST_BARS` at most and whole days only: columns `BAR_COLUMNS`, volume in shares or coins.
    Macro: UTC instants of publication and `value`, in FRED's units.

    Raises
    ------
    DataError
        The sample does not hold that series, or `sessions` end before `LAST`.

    """
    sessions = sessions[sessions <= LAST]
    if sessions.empty or sessions[-1] != LAST:
        raise DataError(
            f"the embedded sample needs New York sessions up to {LAST:%Y-%m-%d}, the calendar ends "
            "earlier; set this machine's clock"
        )
    if request.kind == "macro" and request.symbol in MACRO:
        return _macro(request.symbol, sessions, seed)
    if request.kind == "session" and request.symbol in (SMALL, BROAD):
        return _bars(request, *_closes(request.symbol, sessions, seed), seed)
    if request.kind == "session" and request.symbol in FUNDS:
        return _fund(request, sessions, seed)
    if request.kind == "coin" and request.symbol in PATHS and request.symbol not in (SMALL, BROAD):
        days = pd.date_range("2014-01-01", LAST, unit="ns")
        daily = _bars(request, *_closes(request.symbol, days, seed), seed)
        return daily if request.timeframe == "1d" else _intraday(request, daily, seed)
    coins = [symbol for symbol in PATHS if symbol.endswith("-USD")]
    raise DataError(
        f"the embedded sample holds no {request.name}, only {', '.join((SMALL, BROAD, *FUNDS))}, "
        f"the coins {', '.join(coins)} and {', '.join(MACRO)}; remove it from the config, or set "
        'prices.source to "yahoo", "exchange" or "folder"'
    )


def _generator(name: str, seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, crc32(name.encode())]))


@lru_cache(maxsize=16)  # each fund needs the draws of both indices
def _draws(name: str, count: int, seed: int) -> Floats:
    """`count` numbers of mean 0 and variance 1.

    Sums of four uniform ones: no logarithm, which machines round differently.
    """
    four = _generator(name, seed).random((count, 4))
    return np.asarray((four[:, 0] + four[:, 1] + four[:, 2] + four[:, 3] - 2.0) * 3.0**0.5)


def _closes(symbol: str, calendar: pd.DatetimeIndex, seed: int) -> tuple[pd.Series, Floats, Floats]:
    """Closes by day, and for each the lower and the upper of its neighbouring landmarks."""
    facts = pd.Series(LANDMARKS[symbol])
    rows = calendar.get_indexer(pd.DatetimeIndex(facts.index))
    if (rows < 0).any():
        raise DataError(
            f"landmark {facts.index[rows < 0][0]} of {symbol} is not a day of its calendar; "
            "correct landmarks.py"
        )
    # Drawn for the whole calendar: the common part is the same, wherever a series begins.
    kind, count = "coins" if symbol.endswith("-USD") else "shares", len(calendar)
    draws = 0.75**0.5 * _draws(kind, count, seed) + 0.5 * _draws(symbol, count, seed)
    facts_log = np.log(facts.to_numpy(dtype=float))
    row = np.arange(rows[0], len(calendar))
    # The segment that a day is in or ends.
    at = np.clip(np.searchsorted(rows, row) - 1, 0, len(rows) - 2)
    walk = PATHS[symbol].volatility * np.cumsum(draws)
    # At most 1: past the last landmark the walk is free.
    share = np.minimum((row - rows[at]) / (rows[at + 1] - rows[at]), 1.0)
    bridge = walk[row] - walk[rows[at]] - share * (walk[rows[at + 1]] - walk[rows[at]])
    log = facts_log[at] + share * (facts_log[at + 1] - facts_log[at]) + bridge
    ends = facts.to_numpy(dtype=float)
    low, high = np.minimum(ends[at], ends[at + 1]), np.maximum(ends[at], ends[at + 1])
    close = np.round(np.exp(_reflect(log, np.log(low), np.log(high))), 4)
    close = np.clip(close, low + TICK, high - TICK)
    close[rows - rows[0]] = ends
    return pd.Series(close, index=calendar[row].rename("date")), low, high


def _reflect(path: Floats, low: Floats, high: Floats) -> Floats:
    """`path` reflected at `low` and `high` as often as it meets them."""
    width = np.maximum(high - low, 1e-12)
    times = (path - low) / width
    return np.asarray(low + width * np.abs(times - 2.0 * np.round(times / 2.0)))


def _bars(request: Request, close: pd.Series, low: Floats, high: Floats, seed: int) -> pd.DataFrame:
    volatility, turnover = PATHS[request.symbol]
    bars = _widen(
        request, close, floor=low, cap=high, volatility=volatility, turnover=turnover, seed=seed
    )
    return bars.assign(adj_close=close)[list(BAR_COLUMNS)]


def _widen(
    request: Request,
    close: pd.Series,
    *,
    floor: Floats | float,
    cap: Floats | float,
    volatility: float,
    turnover: float,
    seed: int,
) -> pd.DataFrame:
    """Bars for closes: open, high, low and volume, no price outside `floor` and `cap`."""
    last = close.to_numpy()
    before = np.concatenate((last[:1], last[:-1]))
    opened = before if request.kind == "coin" else np.round(before * (last / before) ** 0.3, 4)
    up, down, busy = _generator(f"{request.symbol} bars", seed).random((3, len(last)))
    high = np.round(np.minimum(np.maximum(opened, last) * (1 + volatility * up), cap), 4)
    low = np.round(np.maximum(np.minimum(opened, last) * (1 - volatility * down), floor), 4)
    volume = np.round(
        turnover * (0.5 + np.abs(np.log(last / before)) / volatility) * (0.8 + 0.4 * busy)
    )
    return pd.DataFrame(
        {"open": opened, "high": high, "low": low, "close": last, "volume": volume},
        index=close.index,
    )


def _fund(request: Request, sessions: pd.DatetimeIndex, seed: int) -> pd.DataFrame:
    fund = FUNDS[request.symbol]
    small = _closes(SMALL, sessions, seed)[0]
    broad = _closes(BROAD, sessions, seed)[0][small.index]
    walk = np.cumsum(_draws(request.symbol, len(small), seed))
    noise = fund.volatility * (walk - np.concatenate((np.zeros(QUARTER), walk[:-QUARTER])))
    log = fund.small * np.log(small / small.iloc[-1]) + fund.broad * np.log(broad / broad.iloc[-1])
    close = (fund.level * np.exp(log + noise)).round(4)
    years = (LAST - pd.DatetimeIndex(small.index)).days / 365.25
    usual = max(fund.volatility, 0.01 * (abs(fund.small) + abs(fund.broad)))
    bars = _widen(
        request, close, floor=0.0, cap=np.inf, volatility=usual, turnover=fund.turnover, seed=seed
    )
    return bars.assign(adj_close=(close * np.exp(-fund.payout * years)).round(4))[list(BAR_COLUMNS)]


def _macro(symbol: str, sessions: pd.DatetimeIndex, seed: int) -> pd.DataFrame:
    from brokers.prices.fred import publication_times

    mean = _closes(BROAD, sessions, seed)[0].rolling(QUARTER).mean()
    days = (
        pd.date_range(MACRO_FROM, LAST, freq="W-WED", unit="ns")
        if symbol in WEEKLY
        else sessions[sessions >= pd.Timestamp(MACRO_FROM)]
    )
    known = mean.to_numpy()[mean.index.searchsorted(days, side="right") - 1]
    value = MACRO[symbol] * known * np.exp(0.02 * _draws(symbol, len(days), seed))
    frame = pd.DataFrame({"value": np.round(value, 3)}, index=publication_times(symbol, days))
    return frame[(frame.index <= END) & ~frame.index.duplicated(keep="last")]


def _intraday(request: Request, daily: pd.DataFrame, seed: int) -> pd.DataFrame:
    length = bar_length(request.timeframe)
    count = int(pd.Timedelta(days=1) / length)
    day = daily.iloc[-(MOST_BARS // count) :]
    low, high, first, last = (
        day[name].to_numpy()[:, None] for name in ("low", "high", "open", "close")
    )
    draws = _draws(request.name, day.shape[0] * count, seed).reshape(-1, count)
    walk = PATHS[request.symbol].volatility / count**0.5 * np.cumsum(draws, axis=1)
    share = np.arange(1, count + 1) / count
    log = np.log(first) + share * (np.log(last) - np.log(first)) + walk - share * walk[:, -1:]
    close = np.clip(np.round(np.exp(_reflect(log, np.log(low), np.log(high))), 4), low, high)
    close[:, -1:] = last
    opened = np.concatenate((first, close[:, :-1]), axis=1)
    upper, lower = np.maximum(opened, close), np.minimum(opened, close)
    np.put_along_axis(upper, upper.argmax(axis=1)[:, None], high, axis=1)
    np.put_along_axis(lower, lower.argmin(axis=1)[:, None], low, axis=1)
    columns = {
        "open": opened,
        "high": upper,
        "low": lower,
        "close": close,
        "adj_close": close,
        "volume": _split(day["volume"], count, request, seed),
    }
    starts = pd.date_range(
        day.index[0], periods=close.size, freq=length, tz="UTC", unit="ns", name="start"
    )
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()}, index=starts)


def _split(volume: pd.Series, count: int, request: Request, seed: int) -> Floats:
    """Each day's volume split over its bars, in whole coins; the last takes the rounding."""
    weights = 0.5 + _generator(f"{request.name} volume", seed).random((len(volume), count))
    total = volume.to_numpy()[:, None]
    parts = np.floor(total * weights / weights.sum(axis=1, keepdims=True))
    parts[:, -1:] += total - parts.sum(axis=1, keepdims=True)
    return np.asarray(parts)
