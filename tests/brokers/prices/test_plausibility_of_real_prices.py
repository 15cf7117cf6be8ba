"""Nothing true is refused or doubted, on every file of the real folder; bent copies of it are."""

from collections.abc import Callable
from datetime import date
from functools import cache as remember
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brokers.prices import folder
from brokers.prices.calendar import session_closes
from brokers.prices.clean import clean_series
from brokers.prices.jumps import find_jumps
from brokers.prices.plausibility import check_plausibility, refusal, series_issues
from brokers.prices.series import Request, Series
from tests.scenes import REAL, realdata

NOW = pd.Timestamp("2026-08-22", tz="UTC")
DELAY = pd.Timedelta(minutes=30)
INDICES = {"RUT": "^RUT", "GSPC": "^GSPC"}


@pytest.fixture(scope="module")
def closes(cache: Path) -> pd.Series:
    return session_closes(date(1969, 1, 1), cache, NOW)


@pytest.fixture(scope="module")
def sessions(closes: pd.Series) -> pd.Series:
    known = pd.Series(closes.array, index=pd.DatetimeIndex(closes) + DELAY)
    return known[known.index <= NOW]


@remember
def names(place: str) -> list[str]:
    return sorted(path.stem for path in (REAL / place).glob("*.csv"))


def requests() -> list[Request]:
    """Of every file, coins at each timeframe there is."""
    daily = [
        Request(INDICES.get(name, name), "coin" if "USD" in name else "session")
        for name in names("daily")
    ]
    hourly = [
        Request(f"{name.removesuffix('USDT_1h')}-USD", "coin", f"{name[:3]}/USDT", "1h")
        for name in names("hourly")
        if name.endswith("USDT_1h")
    ]
    return daily + hourly + [Request(name, "macro") for name in names("macro")]


def read(request: Request, closes: pd.Series) -> Series:
    rows = folder.fetch(request, REAL)[0]
    return clean_series(
        request, rows, source="folder", origin=request.name, closes=closes, delay=DELAY, now=NOW
    )


@realdata
def test_no_true_series_has_an_issue(closes: pd.Series, sessions: pd.Series) -> None:
    series = {request: read(request, closes) for request in requests()}
    assert len(series) >= 50
    assert check_plausibility(series, sessions, {}) == ()


def times(factor: float, first: str, bars: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def bend(frame: pd.DataFrame) -> pd.DataFrame:
        row = int(frame.index.searchsorted(pd.Timestamp(first, tz="UTC")))
        frame.iloc[row : row + bars, :5] *= factor
        return frame

    return bend


def interpolated(step: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def bend(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.iloc[::step].reindex(frame.index).interpolate()

    return bend


@realdata
@pytest.mark.parametrize(
    ("symbol", "bend"),
    [
        ("^RUT", times(0.5, "2008-10-15", 1)),  # in the calmest and the wildest weeks
        ("^RUT", times(1.3, "2017-08-01", 1)),
        ("^GSPC", times(2.0, "1987-11-02", 3)),
        ("HYG", times(0.5, "2020-03-20", 1)),
        ("IEF", times(100.0, "2014-02-03", 20)),
        ("BTC-USD", times(2.0, "2017-12-20", 1)),
        ("BTC-USD", times(1e-6, "2019-05-01", 5)),
        ("DOGE-USD", times(0.1, "2021-01-29", 2)),
        ("BTC-USD", lambda frame: frame.iloc[::7]),
        ("^RUT", lambda frame: frame.iloc[::21]),
        ("IWM", lambda frame: frame.assign(close=frame["volume"], volume=frame["close"])),
        ("ETH-USD", lambda frame: frame.assign(close=frame["volume"], volume=frame["close"])),
        ("^RUT", interpolated(5)),
        ("HYG", interpolated(21)),
        ("SHY", interpolated(5)),
        ("BTC-USD", interpolated(7)),
        ("BTC-USD", lambda frame: frame.assign(open=frame["low"])),
        ("LTC-USD", lambda frame: frame.assign(open=frame["close"])),
        ("ETH-USD", lambda frame: frame.assign(close=frame["high"])),
    ],
)
def test_a_bent_copy_of_a_true_series_is_refused(
    symbol: str,
    bend: Callable[[pd.DataFrame], pd.DataFrame],
    closes: pd.Series,
    sessions: pd.Series,
) -> None:
    kind = "coin" if "USD" in symbol else "session"
    series = read(Request(symbol, kind), closes)
    bent = series._replace(frame=bend(series.frame.copy()))
    assert refusal(series_issues(bent, sessions, {}))


@realdata
@pytest.mark.parametrize("factor", [1.5, 2.0, 3.0, 5.0, 2 / 3, 1 / 2, 1 / 3, 1 / 5, 1 / 10])
def test_a_split_that_nobody_took_out_is_doubted_on_nearly_every_day(factor: float) -> None:
    """Of daily series but VIX, which has none and has moved by 115 % in a day.

    On the others the true move of the day hides it, or one of the days before looks like its other
    half, so that it is refused.
    """
    days, doubted, refused = 0, 0, 0
    for name in names("daily"):
        if name == "VIX":
            continue
        table = pd.read_csv(REAL / f"daily/{name}.csv").dropna(subset=["Close"])
        opens, closes = (table[column].to_numpy() for column in ("Open", "Close"))
        steps, count = np.ones(len(closes) - 1, dtype=int), np.arange(len(closes))
        kind = "coin" if "USD" in name else "session"
        for row in np.random.default_rng(3).integers(100, len(closes) - 30, 50):
            scale = np.where(count >= row, factor, 1.0)
            own = opens * scale if kind == "coin" else None
            found = find_jumps(closes * scale, count * 1.0, steps, kind, own)
            days += 1
            doubted += any(jump.lasting and jump.first == row for jump in found)
            refused += any(not jump.lasting for jump in found)
    assert days >= 1600 and doubted > 0.98 * days and doubted + refused > 0.997 * days


@realdata
@pytest.mark.parametrize("longer", ["2h", "4h", "1D"])
def test_true_longer_bars_filled_into_hours_are_refused(
    longer: str, closes: pd.Series, sessions: pd.Series
) -> None:
    hours = read(Request("SOL-USD", "coin", "SOL/USDT", "1h"), closes)
    starts = hours.frame.set_axis(pd.DatetimeIndex(hours.frame.index) - pd.Timedelta(hours=1))
    filled = starts.resample(longer).last().resample("1h").ffill()
    late = filled.set_axis(pd.DatetimeIndex(filled.index) + pd.Timedelta(hours=1))
    assert "filled into shorter" in refusal(series_issues(hours._replace(frame=late), sessions, {}))


@realdata
def test_true_series_shifted_by_a_row_are_refused(closes: pd.Series, sessions: pd.Series) -> None:
    """A day late: a look-ahead, or a lag, that no check of one series alone can see."""
    for first, kind, others in (
        ("^RUT", "session", ("^GSPC", "IWM", "HYG", "IEF", "KRE")),
        ("BTC-USD", "coin", ("ETH-USD", "SOL-USD", "DOGE-USD")),
    ):
        one = read(Request(first, kind), closes)
        for symbol in others:
            other = read(Request(symbol, kind), closes)
            values = np.roll(other.frame.to_numpy(), 1, axis=0)[1:]
            late = other._replace(
                frame=pd.DataFrame(values, other.frame.index[1:], other.frame.columns)
            )
            issues = check_plausibility({one.request: one, late.request: late}, sessions, {})
            assert [issue.symbol for issue in issues] == [first, symbol]
            assert {issue.kind for issue in issues} == {"daily closes"}, symbol


@realdata
def test_true_series_that_are_early_for_some_years_are_refused(
    closes: pd.Series, sessions: pd.Series
) -> None:
    """The Russell from 2020 on, a coin from 2023 on, and all coins by what they share with it."""
    names = {"^RUT": "session", "^GSPC": "session", "BTC-USD": "coin", "ETH-USD": "coin"}
    series = {name: read(Request(name, kind), closes) for name, kind in names.items()}

    def refused(early: dict[str, str]) -> set[str]:
        some = {each.request: each for each in series.values()}
        for name, since in early.items():
            frame = series[name].frame.copy()
            rows = frame.index >= pd.Timestamp(since, tz="UTC")
            frame[rows] = np.roll(frame.to_numpy(), -1, axis=0)[rows]
            some[series[name].request] = series[name]._replace(frame=frame.iloc[:-1])
        return {issue.symbol for issue in check_plausibility(some, sessions, {})}

    assert refused({}) == set()
    assert refused({"^RUT": "2020-01-02"}) == {"^RUT", "^GSPC"}
    assert refused({"ETH-USD": "2023-01-02"}) == {"BTC-USD", "ETH-USD"}
    assert refused({"BTC-USD": "2010-01-01", "ETH-USD": "2010-01-01"}) == {"^RUT", "BTC-USD"}
