"""Rows that no market made: repeated, or interpolated between fewer true ones."""

from collections.abc import Callable
from itertools import accumulate

import numpy as np
import pandas as pd
import pytest

from brokers.prices.plausibility import series_issues
from brokers.prices.series import DataIssue, Series
from tests.brokers.prices.random_series import (
    KNOWN,
    SESSIONS,
    bars_of,
    coin_series,
    index_series,
)

ROWS = np.arange(600)


def issues(series: Series) -> list[DataIssue]:
    return list(series_issues(series, SESSIONS, {}))


def only(series: Series) -> DataIssue:
    found = issues(series)
    assert len(found) == 1, found
    return found[0]


def with_closes(series: Series, closes: np.ndarray) -> Series:
    return series._replace(frame=bars_of(closes, pd.DatetimeIndex(series.frame.index)))


@pytest.mark.parametrize(
    ("series", "closes"),
    [
        (index_series(), lambda closes: closes[ROWS // 5 * 5]),
        (index_series(), lambda closes: closes[ROWS // 21 * 21]),
        (coin_series(), lambda closes: closes[ROWS // 7 * 7]),
        (
            coin_series(),
            lambda closes: closes[ROWS - np.maximum(ROWS % 7 - 4, 0)],
        ),
    ],
    ids=["index by week", "index by month", "coin by week", "coin without weekends"],
)
def test_rows_filled_with_the_last_price_are_refused(
    series: Series, closes: Callable[[np.ndarray], np.ndarray]
) -> None:
    issue = only(with_closes(series, closes(series.frame["close"].to_numpy())))
    assert (issue.kind, issue.severity) == ("spacing", "refused")
    assert "equal the close before" in issue.text


def between(
    known: np.ndarray, *, geometric: bool = False, decimals: int = 12
) -> Callable[[np.ndarray], np.ndarray]:
    """Closes of the rows `known` alone, the others on lines between them."""

    def closes(true: np.ndarray) -> np.ndarray:
        if geometric:
            return np.asarray(np.exp(np.interp(ROWS, known, np.log(true[known]))))
        return np.asarray(np.round(np.interp(ROWS, known, true[known]), decimals))

    return closes


@pytest.mark.parametrize(
    ("series", "closes"),
    [
        (index_series(), between(ROWS[::5])),
        (index_series(), between(ROWS[::21])),
        (index_series(), between(ROWS[::5], decimals=2)),
        (index_series(), between(np.r_[ROWS[:300], ROWS[300:420:5], ROWS[420:]])),
        (coin_series(), between(ROWS[::7])),
        (coin_series(deviation=0.09), between(ROWS[::7], geometric=True)),
        (coin_series(), between(ROWS[ROWS % 7 < 5])),
        (coin_series(deviation=0.005, timeframe="1h"), between(ROWS[::4])),
    ],
    ids=[
        "index by week",
        "index by month",
        "with two decimals",
        "for half a year",
        "coin by week",
        "by logarithms",
        "coin without weekends",
        "four hours",
    ],
)
def test_interpolated_rows_are_refused(
    series: Series, closes: Callable[[np.ndarray], np.ndarray]
) -> None:
    issue = only(with_closes(series, closes(series.frame["close"].to_numpy())))
    assert (issue.kind, issue.severity) == ("spacing", "refused")
    assert "straight line" in issue.text
    assert issue.first < series.frame.index[420]


def test_closes_of_few_ticks_are_often_on_a_line_and_true() -> None:
    """As of SHY, which moves by some cents a day."""
    moves = np.random.default_rng(5).integers(-4, 5, 600) * 0.01
    closes = np.round(80.0 + np.cumsum(moves), 2)
    on_a_line = (np.abs(np.diff(closes, n=2)) < 1e-9) & (np.diff(closes)[1:] != 0.0)
    assert np.convolve(on_a_line, np.ones(100), "valid").max() > 10
    assert issues(index_series()._replace(frame=bars_of(closes, KNOWN[:600]))) == []


@pytest.mark.parametrize(
    ("timeframe", "bars", "longer"),
    [("1h", 2, "2h"), ("1h", 4, "4h"), ("1h", 24, "1d"), ("15m", 4, "1h"), ("15m", 16, "4h")],
)
def test_bars_filled_into_a_shorter_timeframe_are_refused(
    timeframe: str, bars: int, longer: str
) -> None:
    series = coin_series(count=1200, deviation=0.005, timeframe=timeframe)
    closes = series.frame["close"].to_numpy()
    rows = np.arange(1200)
    ends = np.minimum(rows // bars * bars + bars - 1, 1199)
    for filled in (rows >= 0, rows >= 500):
        issue = only(with_closes(series, np.where(filled, closes[ends], closes)))
        assert (issue.kind, issue.severity) == ("spacing", "refused")
        assert f"once in {longer}" in issue.text


def test_minutes_that_nobody_trades_in_are_no_longer_bars() -> None:
    series = coin_series(count=3000, deviation=0.002, timeframe="1m")
    traded = np.random.default_rng(6).random(3000) < 0.3
    traded[0] = True
    last = np.maximum.accumulate(np.where(traded, np.arange(3000), 0))
    assert issues(with_closes(series, series.frame["close"].to_numpy()[last])) == []


def test_places_of_few_rows_are_no_start_of_a_longer_bar_by_chance() -> None:
    """With 20 days of minutes each of 1,440 places in a day has 20 rows; many have no trade."""
    for seed in range(3):
        series = coin_series(count=57_600, deviation=0.002, timeframe="1m", seed=seed)
        traded = np.random.default_rng(seed).random(57_600) < 0.55
        traded[0] = True
        last = np.maximum.accumulate(np.where(traded, np.arange(57_600), 0))
        assert issues(with_closes(series, series.frame["close"].to_numpy()[last])) == []


@pytest.mark.parametrize(
    ("timeframe", "deviation", "tick"), [("5m", 0.003, 0.0045), ("15m", 0.005, 0.008)]
)
def test_shorter_bars_of_a_coin_of_few_decimals_are_no_longer_bars(
    timeframe: str, deviation: float, tick: float
) -> None:
    """As of PEPE at 0.0000010: a tick is about 1 %, and half of the closes equal the one before."""
    for seed in range(5):
        series = coin_series(count=35_000, timeframe=timeframe)
        moves = np.random.default_rng(seed).normal(0.0, deviation, 35_000)
        logs = np.fromiter(accumulate(moves, lambda level, move: 0.999 * level + move), float)
        closes = np.round(np.exp(logs) / tick) * tick * 1e-6
        assert np.mean(closes[1:] == closes[:-1]) > 0.4
        assert issues(with_closes(series, closes)) == []


def rounded(scale: float, decimals: int, deviation: float = 0.03) -> np.ndarray:
    moves = np.random.default_rng(7).normal(0.0, deviation, 600)
    level = np.exp(np.cumsum(moves - np.mean(moves)))
    return np.maximum(np.round(scale * level, decimals), 10.0**-decimals)


@pytest.mark.parametrize(
    "closes",
    [
        rounded(6e-7, 8),
        rounded(9e-6, 6, deviation=0.04),
        rounded(1.0, 2, deviation=0.0005),
        np.round(rounded(6e-6, 9) * np.geomspace(1.0, 50.0, 600), 6),
    ],
    ids=["eight decimals", "six decimals", "a stable coin", "a price of few ticks that rises"],
)
def test_a_coin_of_few_decimals_has_equal_closes(closes: np.ndarray) -> None:
    assert np.mean(closes[1:] == closes[:-1]) > 0.2
    assert issues(with_closes(coin_series(), closes)) == []


def test_a_low_price_with_enough_decimals_is_refused_if_weeks_are_filled() -> None:
    closes = rounded(6e-7, 12)[ROWS // 7 * 7]
    assert "equal the close before" in only(with_closes(coin_series(), closes)).text


def test_a_fund_of_few_ticks_that_stands_still_is_doubted() -> None:
    moves = np.random.default_rng(9).choice([-3, -2, -1, 1, 2, 3], 600) * 0.01
    moves[300:312] = 0.0
    closes = np.round(80.0 + np.cumsum(moves), 2)
    issue = only(index_series()._replace(frame=bars_of(closes, KNOWN[:600])))
    assert (issue.kind, issue.severity) == ("frozen", "high")
