"""What the plausibility step refuses, doubts and lets pass, one series at a time.

Spacing, jumps, columns, runs and gaps; the relatives of P1 to P6 and P8 of the field reports.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import date

import numpy as np
import pandas as pd
import pytest

from brokers.prices import jumps
from brokers.prices.plausibility import live_issues, refusal, series_issues
from brokers.prices.series import DataIssue, Request, Series
from strategies import held_closes
from tests.brokers.prices.random_series import (
    DAY,
    INDEX,
    KNOWN,
    SESSIONS,
    bars_of,
    changed,
    closes_of,
    coin_series,
    index_series,
    scaled,
    series_of,
)

ROW = 300
RATIOS = (1.5, 2.0, 3.0, 5.0, 2 / 3, 1 / 2, 1 / 3, 1 / 5, 1 / 10)
NOTHING: Mapping[str, Collection[date]] = {}


def issues(series: Series, accepted: Mapping[str, Collection[date]] = NOTHING) -> list[DataIssue]:
    return list(series_issues(series, SESSIONS, accepted))


def only(series: Series) -> DataIssue:
    found = issues(series)
    assert len(found) == 1, found
    return found[0]


def day_of(series: Series, row: int) -> date:
    """The session, or the UTC day, of a row: all made-up sessions end in the evening, UTC."""
    known_at = series.frame.index[row]
    return (known_at if series.request.kind == "session" else known_at - DAY).date()


@pytest.mark.parametrize("timeframe", ["1d", "4h", "1h", "15m", "1m"])
def test_a_coin_as_it_should_be_has_no_issue(timeframe: str) -> None:
    assert issues(coin_series(timeframe=timeframe)) == []


def test_an_index_as_it_should_be_has_no_issue() -> None:
    assert issues(index_series()) == []
    assert issues(index_series(count=2)) == issues(index_series(count=1)) == []


# Spacing


def every(step: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.iloc[::step]


def business_days(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[(frame.index - DAY).day_of_week < 5]


@pytest.mark.parametrize(
    ("series", "change", "words"),
    [
        (coin_series(), every(7), "a week apart"),
        (coin_series(), every(30), "a month apart"),
        (coin_series(), every(2), "2 days apart"),
        (coin_series(), business_days, "without weekends"),
        (coin_series(timeframe="1h"), every(4), "4 bars apart"),
        (coin_series(timeframe="15m"), every(4), "4 bars apart"),
        (index_series(), every(5), "a week apart"),
        (index_series(), every(21), "a month apart"),
        (index_series(count=60), every(10), "14 days apart"),
        (index_series(), lambda frame: pd.concat([frame[:100:5], frame[100:]]), "a week apart"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rows_further_apart_than_the_bars_they_claim_to_be_are_refused(
    series: Series, change: Callable[[pd.DataFrame], pd.DataFrame], words: str
) -> None:
    issue = only(changed(series, change))
    assert (issue.kind, issue.severity) == ("spacing", "refused")
    assert words in issue.text
    assert series.origin in issue.text


def test_weekends_missing_for_two_months_of_years_are_doubted() -> None:
    series = coin_series(count=1500)
    early = series.frame[:60]
    weekends = early.index.difference(business_days(early).index)
    issue = only(changed(series, lambda frame: frame.drop(weekends)))
    assert (issue.kind, issue.severity) == ("spacing", "high")
    assert issue.first == series.frame.index[0]
    bent = changed(scaled(series, slice(ROW, ROW + 2), 100.0), lambda frame: frame.drop(weekends))
    assert [found.severity for found in issues(bent)] == ["high", "refused"], "a jump is as well"


def test_some_missing_bars_are_no_wrong_spacing() -> None:
    without = np.delete(np.arange(600), [100, 107, 115, 200, 201, 300])
    assert issues(changed(coin_series(), lambda frame: frame.iloc[without])) == []
    assert issues(changed(index_series(), lambda frame: frame.iloc[without])) == []


@pytest.mark.parametrize("share", [0.05, 0.12, 0.3])
def test_hours_without_a_trade_are_a_note(share: float) -> None:
    hours = coin_series(count=3000, deviation=0.005, timeframe="1h")
    traded = np.random.default_rng(4).random(3000) >= share
    issue = only(changed(hours, lambda frame: frame[traded]))
    assert (issue.kind, issue.severity) == ("spacing", "note")
    steps = int(traded.sum()) - 1
    absent = np.diff(np.flatnonzero(traded))
    assert f"{int((absent > 1).sum()):,} of {steps:,} steps" in issue.text


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (np.arange(3000)[:100:4], "4 bars apart"),
        (np.flatnonzero(np.arange(3000) % 24 < 7), "longer than a bar"),  # an exchange's hours
        (np.r_[np.arange(300), np.arange(300, 500, 4), np.arange(500, 3000)], "4 bars apart"),
        (np.flatnonzero(np.random.default_rng(4).random(3000) > 0.7), "longer than a bar"),
    ],
    ids=["four hours", "seven hours a day", "four hours in between", "most hours"],
)
def test_hours_absent_by_a_pattern_are_refused(rows: np.ndarray, words: str) -> None:
    hours = coin_series(count=3000, deviation=0.005, timeframe="1h")
    issue = only(changed(hours, lambda frame: frame.iloc[rows]))
    assert (issue.kind, issue.severity) == ("spacing", "refused")
    assert words in issue.text


# Runs of equal closes


@pytest.mark.parametrize(("equal", "severities"), [(9, []), (10, ["high"]), (30, ["high"])])
def test_closes_that_stand_still_for_two_weeks_are_doubted(
    equal: int, severities: list[str]
) -> None:
    def still(frame: pd.DataFrame) -> pd.DataFrame:
        frame.iloc[ROW : ROW + equal, :5] = frame["close"].iloc[ROW]
        return frame

    for series in (index_series(), coin_series()):
        found = issues(changed(series, still))
        assert [(issue.kind, issue.severity) for issue in found] == [
            ("frozen", severity) for severity in severities
        ]
        if found:
            assert (found[0].first, found[0].last) == tuple(
                series.frame.index[[ROW, ROW + equal - 1]]
            )
            assert str(day_of(series, ROW)) in found[0].text
            accepted = {series.request.symbol: [day_of(series, ROW)]}
            assert issues(changed(series, still), accepted) == []


def test_minutes_without_a_trade_are_no_frozen_run() -> None:
    def still(frame: pd.DataFrame) -> pd.DataFrame:
        frame.iloc[ROW : ROW + 40, :5] = frame["close"].iloc[ROW]
        return frame

    assert issues(changed(coin_series(timeframe="1m"), still)) == []
    frozen = only(changed(coin_series(timeframe="1h"), still))
    assert (frozen.kind, frozen.severity) == ("frozen", "high")


# Jumps


@pytest.mark.parametrize(
    ("series", "factor", "bars"),
    [
        (index_series(), 100.0, 1),
        (index_series(), 0.5, 1),
        (index_series(), 1.3, 1),
        (index_series(), 2.0, 5),
        (index_series(), 0.1, 9),
        (index_series(), 100.0, 21),
        (coin_series(), 1e-6, 5),
        (coin_series(), 1e8, 1),
        (coin_series(), 2.0, 3),
        (coin_series(0.01), 2.0, 9),
        (coin_series(), 0.5, 1),
        (coin_series(), 100.0, 30),
        (coin_series(), 1000.0, 60),
        (coin_series(deviation=0.005, timeframe="1h"), 3.0, 4),
    ],
    ids=lambda value: f"{value:g}" if isinstance(value, float | int) else "",
)
def test_a_jump_that_comes_back_is_refused_with_its_factor_and_both_neighbours(
    series: Series, factor: float, bars: int
) -> None:
    closes = series.frame["close"]
    bent = closes.iloc[ROW] * factor
    issue = only(scaled(series, slice(ROW, ROW + bars), factor))
    assert (issue.kind, issue.severity) == ("jump", "refused")
    assert (issue.first, issue.last) == tuple(series.frame.index[[ROW, ROW + bars - 1]])
    ratio = bent / closes.iloc[ROW - 1]
    numbers = [bent, closes.iloc[ROW - 1], closes.iloc[ROW + bars]]
    words = [f"{number:.10g}" for number in numbers]
    words += [f"{max(ratio, 1.0 / ratio):,.6g}", f'prices.accepted."{series.request.symbol}" = [']
    assert [word for word in words if word not in issue.text] == []


@pytest.mark.parametrize("row", [1, 30, 598])
def test_a_jump_near_the_ends_is_refused_as_elsewhere(row: int) -> None:
    for series in (index_series(), coin_series()):
        issue = only(scaled(series, slice(row, row + 1), 10.0))
        assert (issue.severity, issue.first) == ("refused", series.frame.index[row])


def test_two_jumps_in_a_row_and_two_apart() -> None:
    for series in (index_series(), coin_series()):
        stairs = scaled(scaled(series, slice(ROW, ROW + 4), 10.0), slice(ROW + 2, ROW + 4), 10.0)
        issue = only(stairs)
        assert (issue.first, issue.last) == tuple(series.frame.index[[ROW, ROW + 3]])
        opposite = scaled(scaled(series, slice(ROW, ROW + 1), 100.0), slice(ROW + 1, ROW + 2), 0.01)
        assert refusal(issues(opposite))
        apart = scaled(scaled(series, slice(ROW, ROW + 1), 10.0), slice(ROW + 30, ROW + 31), 0.1)
        assert [issue.first for issue in issues(apart)] == list(series.frame.index[[ROW, ROW + 30]])


@pytest.mark.parametrize(
    ("series", "factor"),
    [
        *((index_series(), factor) for factor in RATIOS),
        *((coin_series(), factor) for factor in (*RATIOS, 1e-3, 100.0)),
    ],
)
def test_a_jump_that_stays_is_doubted_as_a_split(series: Series, factor: float) -> None:
    issue = only(scaled(series, slice(ROW, None), factor))
    assert (issue.kind, issue.severity, issue.first) == ("jump", "high", series.frame.index[ROW])
    assert "a split?" in issue.text
    assert f"{series.frame['close'].iloc[ROW - 1]:.10g}" in issue.text
    assert (
        issues(
            scaled(series, slice(ROW, None), factor), {series.request.symbol: [day_of(series, ROW)]}
        )
        == []
    )


def test_a_coin_without_opens_of_its_own_is_doubted_beyond_what_coins_have_done() -> None:
    """An open that was missing is the close before: it says nothing."""

    def without_opens(factor: float) -> Series:
        series = scaled(coin_series(), slice(ROW, None), factor)
        closes = series.frame["close"]
        return series._replace(frame=series.frame.assign(open=closes.shift().fillna(closes)))

    assert [bool(issues(without_opens(factor))) for factor in (10.0, 5.0, 2.0)] == [
        True,
        False,
        False,
    ]
    assert [bool(issues(without_opens(factor))) for factor in (0.1, 0.2, 0.3, 0.6)] == [
        *(True, True, True),
        False,
    ]


def test_an_open_alone_on_another_level_is_no_split() -> None:
    series = coin_series()
    frame = series.frame.copy()
    frame.iloc[ROW, frame.columns.get_loc("open")] *= 2.0
    assert "the open of BTC-USD" in only(series._replace(frame=frame)).text


def test_the_median_move_of_a_series_says_which_jump_no_market_makes() -> None:
    """VIX has moved by 0.77 in a day, 21 of its median moves: no other series by 0.35.

    Before the split the index moves by 0.05 a day, as in 2008, so that it is 8 deviations.
    """
    calm = index_series()
    moves = np.diff(np.log(calm.frame["close"]))
    moves[ROW - 70 : ROW] *= 5.0
    for series_factor, is_split in ((1.0, True), (7.0, False)):
        closes = 100.0 * np.exp(np.append(0.0, np.cumsum(series_factor * moves)))
        columns = ["open", "high", "low", "close", "adj_close"]
        frame = calm.frame.assign(**dict.fromkeys(columns, closes))
        split = scaled(calm._replace(frame=frame), slice(ROW, None), 1.5)
        assert any("a split?" in issue.text for issue in issues(split)) is is_split


def test_a_bent_first_close_is_doubted() -> None:
    for series in (index_series(), coin_series()):
        issue = only(scaled(series, slice(0, 1), 100.0))
        assert (issue.severity, issue.first) == ("high", series.frame.index[1])


def test_a_bent_newest_close_is_not_refused_since_nobody_can_know() -> None:
    assert issues(scaled(index_series(), slice(-1, None), 0.5)) == [], "it is held"
    newest = only(scaled(coin_series(), slice(-1, None), 1e-6))
    assert (newest.kind, newest.severity) == ("jump", "high")
    assert "the newest" in newest.text
    halved = scaled(coin_series(), slice(-1, None), 0.5)
    assert "the newest" in only(halved).text, "it began at half of the close before"
    frame = halved.frame.copy()
    frame.iloc[-1, frame.columns.get_loc("open")] = frame["close"].iloc[-2]
    assert issues(halved._replace(frame=frame)) == [], "coins have halved in a day"


# The largest true moves: of one day, and out and back in steps.
@pytest.mark.parametrize(
    ("series", "moves"),
    [
        (index_series(), [-0.205, 0.053, 0.091]),  # the S&P in October 1987
        (index_series(0.03), [-0.14, 0.06, -0.05, 0.09]),  # the Russell in March 2020
        (index_series(0.004), [0.123, -0.02]),  # HYG in October 2008
        (index_series(0.07), [1.156, -0.197, -0.075, 0.21, -0.13, -0.12]),  # VIX in February 2018
        (coin_series(0.02), [-0.37, 0.11, -0.07]),  # Bitcoin in March 2020
        (coin_series(0.06), [3.56, 0.38, -0.41, 0.32]),  # DOGE in January 2021
        (coin_series(0.05), [0.47, -0.2, 0.1]),  # SOL
        (coin_series(0.05), [-0.96, -0.99, -0.99, 0.5]),  # LUNA in May 2022
    ],
)
def test_what_markets_have_done_is_not_refused(series: Series, moves: list[float]) -> None:
    closes = series.frame["close"].to_numpy()
    factors = np.ones(600)
    factors[ROW : ROW + len(moves)] += moves
    returns = np.r_[closes[0], closes[1:] / closes[:-1]]
    returns[ROW : ROW + len(moves)] = 1.0
    moved = np.cumprod(returns * factors)
    found = issues(series._replace(frame=bars_of(moved, pd.DatetimeIndex(series.frame.index))))
    assert refusal(found) == ""
    assert found == [] or min(moves) < -0.9, "only the collapse is doubted"


def test_of_adjusted_closes_a_jump_is_refused_too() -> None:
    bent = scaled(index_series(), slice(ROW, ROW + 1), 0.5, ("adj_close",))
    issue = only(bent)
    assert (issue.kind, issue.severity) == ("jump", "refused")
    assert "adjusted close" in issue.text


def test_a_price_that_moved_during_a_gap_has_not_jumped() -> None:
    series = scaled(index_series(), slice(ROW, None), 2.0)
    gap = changed(series, lambda frame: pd.concat([frame[: ROW - 100], frame[ROW:]]))
    assert [(issue.kind, issue.severity) for issue in issues(gap)] == [("gap", "note")]


def test_only_the_named_dates_of_the_named_series_are_accepted() -> None:
    bent = scaled(coin_series(), slice(ROW, ROW + 5), 1e-6)
    days = [day_of(bent, row) for row in (ROW - 1, ROW, ROW + 3, ROW + 5)]
    refused = [bool(refusal(issues(bent, {"BTC-USD": [day]}))) for day in days]
    assert refused == [True, False, False, True]
    assert refusal(issues(bent, {"ETH-USD": days}))


def test_an_open_that_nobody_traded_at_is_refused() -> None:
    bent = scaled(coin_series(), slice(ROW, ROW + 1), 1000.0, ("open",))
    issue = only(bent)
    assert (issue.kind, issue.severity) == ("jump", "refused")
    assert "open" in issue.text
    assert issues(bent, {"BTC-USD": [day_of(bent, ROW)]}) == []
    assert issues(scaled(coin_series(), slice(ROW, ROW + 1), 1.33, ("open",))) == []


# Columns and levels


def test_volumes_in_the_place_of_closes_are_refused() -> None:
    volume = 1e7 * np.exp(np.random.default_rng(3).normal(0.0, 0.3, 600))
    for series in (index_series(), coin_series()):
        issue = only(series._replace(frame=bars_of(volume, pd.DatetimeIndex(series.frame.index))))
        assert (issue.kind, issue.severity) == ("level", "refused")
        assert "volume" in issue.text


def test_closes_in_another_unit_than_high_and_low_are_refused() -> None:
    issue = only(scaled(coin_series(), slice(None), 1.1, ("close",)))
    assert (issue.kind, issue.severity) == ("level", "refused")
    assert "high and low" in issue.text


COLUMNS: list[tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = [
    (lambda frame: frame.assign(open=frame["low"]), "the open"),
    (lambda frame: frame.assign(open=frame["high"]), "the open"),
    (lambda frame: frame.assign(open=frame["close"]), "the open"),
    (lambda frame: frame.assign(open=frame["open"].shift(5, fill_value=100.0)), "the open"),
    (lambda frame: frame.assign(close=frame["high"], adj_close=frame["high"]), "equal the high"),
    (lambda frame: frame.assign(close=frame["low"], adj_close=frame["low"]), "equal the low"),
]


@pytest.mark.parametrize(("change", "words"), COLUMNS)
@pytest.mark.parametrize("timeframe", ["1d", "1h"])
def test_opens_and_closes_of_a_coin_that_are_another_column_are_refused(
    timeframe: str, change: Callable[[pd.DataFrame], pd.DataFrame], words: str
) -> None:
    series = coin_series(timeframe=timeframe, deviation=0.01)
    frame = series.frame
    up, down = np.exp(np.random.default_rng(8).uniform(0.005, 0.02, (2, 600)))
    wide = frame.assign(high=frame["high"] * up, low=frame["low"] / down)
    assert issues(series._replace(frame=wide)) == []
    issue = only(series._replace(frame=change(wide)))
    assert (issue.kind, issue.severity) == ("level", "refused")
    assert words in issue.text


def test_opens_of_rare_trades_are_far_from_the_close_before() -> None:
    """One hour in ten has one trade, others a few: the first of them may be far from the last."""
    series = coin_series(timeframe="1h", deviation=0.01)
    frame = series.frame.copy()
    frame["open"] = frame["close"] * np.where(np.arange(600) % 10 == 0, 1.0, 1.0001)
    frame["high"], frame["low"] = frame["open"], frame["close"]
    assert issues(series._replace(frame=frame.assign(low=frame["close"] / 1.0001))) != []
    frame["low"] = np.where(np.arange(600) % 10 == 0, frame["close"], frame["close"] / 1.0001)
    assert issues(series._replace(frame=frame)) == []


@pytest.mark.parametrize("spread", [0.5, 2.0, 4.0])
@pytest.mark.parametrize("trades", [5, 8, 15])
def test_opens_of_a_coin_with_a_wide_spread_are_a_note(trades: int, spread: float) -> None:
    """The first and the last trade of a bar are each at bid or ask, and in every bar are some."""
    series = coin_series(timeframe="1h", deviation=0.001, count=5000)
    random = np.random.default_rng(trades)
    middle, half = series.frame["close"].to_numpy(), 0.0005 * spread
    first = np.r_[middle[:1], middle[:-1]]
    opens, closes = (at * np.exp(random.choice([-half, half], 5000)) for at in (first, middle))
    edge = np.exp(half) * 1.0005
    high, low = np.maximum(first, middle) * edge, np.minimum(first, middle) / edge
    columns = {"open": opens, "high": high, "low": low, "close": closes, "adj_close": closes}
    found = issues(series._replace(frame=series.frame.assign(**columns)))
    assert {(issue.kind, issue.severity) for issue in found} <= {("level", "note")}
    assert all("is the spread so wide?" in issue.text for issue in found)
    for other in (high, low, closes, np.r_[closes[:1], closes[:1], closes[:-2]]):
        frame = series.frame.assign(**columns | {"open": other})
        assert "another column" in refusal(issues(series._replace(frame=frame)))


def test_adjusted_closes_of_another_series_a_row_late_or_constant_are_refused() -> None:
    series = index_series()
    closes = series.frame["close"].to_numpy()
    late, early = np.r_[closes[:1], closes[:-1]], np.r_[closes[1:], closes[-1:]]
    for column in (late, early, closes_of(600, 0.01, seed=9), np.full(600, 50.0), np.ones(600)):
        issue = only(series._replace(frame=series.frame.assign(adj_close=column)))
        assert (issue.kind, issue.severity) == ("level", "refused")
        assert "adjusted close" in issue.text


def test_adjusted_closes_that_nearly_follow_are_doubted_and_dividends_are_not() -> None:
    series = index_series()
    closes = series.frame["close"].to_numpy()
    noise = np.exp(np.random.default_rng(4).normal(0.0, 0.0025, 600))
    issue = only(series._replace(frame=series.frame.assign(adj_close=closes * noise)))
    assert (issue.kind, issue.severity) == ("level", "high")
    paid_out = np.linspace(0.8, 1.0, 600)  # more often than any fund pays
    assert issues(series._replace(frame=series.frame.assign(adj_close=closes * paid_out))) == []
    calm = scaled(index_series(deviation=0.0002), slice(None), 0.5)
    cents = calm.frame["close"].round(2)
    frame = calm.frame.assign(close=cents, adj_close=(cents * 0.9).round(2))
    assert not [issue for issue in issues(calm._replace(frame=frame)) if issue.kind == "level"]


def macro(symbol: str, values: np.ndarray, days: int = 7) -> Series:
    known_at = pd.date_range("2015-01-08 21:30", periods=len(values), freq=f"{days}D", tz="UTC")
    frame = pd.DataFrame({"value": values}, index=known_at)
    return series_of(Request(symbol, "macro"), frame)


ASSETS = np.linspace(4.2e6, 8.9e6, 400)
TREASURY = np.linspace(2e4, 8e5, 400)
REPOS = np.linspace(0.0, 2500.0, 400)


@pytest.mark.parametrize(
    ("series", "words"),
    [
        (macro("WALCL", ASSETS / 1000.0), "millions of USD"),
        (macro("WALCL", np.where(np.arange(400) == 77, ASSETS / 1000.0, ASSETS)), "1 of 400 rows"),
        (macro("WTREGEN", TREASURY / 1000.0), "millions of USD"),
        (macro("RRPONTSYD", REPOS * 1000.0, days=1), "billions of USD"),
        (macro("BAMLH0A0HYM2", np.full(400, 450.0), days=1), "percent"),
    ],
)
def test_published_values_in_a_wrong_unit_are_refused(series: Series, words: str) -> None:
    issue = only(series)
    assert (issue.kind, issue.severity) == ("level", "refused")
    assert words in issue.text


def test_published_values_as_they_are_have_no_issue() -> None:
    for series in (
        macro("WALCL", ASSETS),
        macro("WTREGEN", TREASURY),
        macro("RRPONTSYD", REPOS, days=1),
        macro("BAMLH0A0HYM2", np.full(400, 4.5), days=1),
        macro("NFCI", np.full(400, -0.3)),
        macro("flows", np.full(400, -5.0), days=90),
    ):
        assert issues(series) == []


def dated(series: Series, days: int, rows: slice = slice(None)) -> Series:
    """`series` with some rows known some days later."""
    later = np.zeros(len(series.frame), dtype=int)
    later[rows] = days
    known_at = pd.DatetimeIndex(series.frame.index) + pd.to_timedelta(later, unit="D")
    return series._replace(frame=series.frame.set_axis(known_at))


@pytest.mark.parametrize(
    ("series", "words"),
    [
        (dated(macro("WALCL", ASSETS), -1), "400 of 400 rows"),
        (dated(macro("WTREGEN", TREASURY), -1), "400 of 400 rows"),
        # six days early: the Thursday before, known on the Friday
        (dated(macro("WALCL", ASSETS), -6), "398 of 400 rows"),
        (dated(macro("WALCL", ASSETS), -1, slice(50, 53)), "3 of 400 rows"),
        (macro("WALCL", ASSETS, days=1), "1 day apart"),
        (macro("WTREGEN", TREASURY, days=1), "1 day apart"),
    ],
)
def test_published_values_of_other_weekdays_are_refused(series: Series, words: str) -> None:
    issue = only(series)
    assert (issue.kind, issue.severity) == ("spacing", "refused")
    assert words in issue.text


def test_a_value_that_holidays_delay_by_a_day_is_true() -> None:
    assert issues(dated(macro("WALCL", ASSETS), 1, slice(50, 52))) == []


@pytest.mark.parametrize(
    ("symbol", "values", "factors"),
    [
        ("WALCL", ASSETS, (0.2, 1.5)),
        ("WTREGEN", TREASURY + 1e5, (0.2, 5.0)),
        ("BAMLH0A0HYM2", np.full(400, 4.5), (0.5, 2.0)),
    ],
)
def test_a_published_value_that_departs_from_both_neighbours_is_refused(
    symbol: str, values: np.ndarray, factors: tuple[float, float]
) -> None:
    days = 1 if symbol == "BAMLH0A0HYM2" else 7
    for factor in factors:
        bent = np.where(np.arange(400) == 77, values * factor, values)
        issue = only(macro(symbol, bent, days))
        assert (issue.kind, issue.severity) == ("jump", "refused")
        assert issue.first == issue.last == macro(symbol, bent, days).frame.index[77]
        for row in (76, 77, 78):
            assert f"{bent[row]:.10g}" in issue.text
    rows, factor = np.arange(400), factors[1]
    stays = np.where(rows >= 77, values * factor, values)
    by_half = np.where(rows == 77, stays * factor, stays)
    for true in (stays, by_half):
        assert issues(macro(symbol, true, days)) == []


@pytest.mark.parametrize(
    "series",
    [
        macro("WTREGEN", np.where(np.arange(400) == 77, 5.0, 1.0) * (TREASURY + 1e5)),
        macro("BAMLH0A0HYM2", np.where(np.arange(400) == 77, 2.0, 4.5), days=1),
        macro("WALCL", np.where(np.arange(400) == 77, 1e-3, 1.0) * ASSETS),
        dated(macro("WALCL", ASSETS), -1, slice(77, 78)),
        dated(macro("WALCL", ASSETS), 4, slice(77, 78)),
    ],
    ids=["jump", "jump of a day", "level", "weekday", "step"],
)
def test_an_odd_published_value_can_be_accepted_by_the_day_that_its_message_names(
    series: Series,
) -> None:
    symbol, day = series.request.symbol, series.frame.index[77].date()
    text = only(series).text
    assert f'prices.accepted."{symbol}" = [{day}]' in text
    assert issues(series, {symbol: [day]}) == []
    others = [day - pd.Timedelta(days=1), day + pd.Timedelta(days=1)]
    assert refusal(issues(series, {symbol: others, "NFCI": [day]})) == text


def test_one_odd_published_value_is_an_incident_in_a_session_and_does_not_blind_it() -> None:
    bent = macro("WTREGEN", np.where(np.arange(400) == 77, 5.0, 1.0) * (TREASURY + 1e5))
    refused = only(bent)
    assert live_issues([refused], bent.request) == (refused._replace(severity="high"),)
    assert refusal(live_issues([refused], bent.request)) == ""
    wrong_unit = issues(macro("WALCL", ASSETS / 1000.0))
    assert refusal(live_issues(wrong_unit, Request("WALCL", "macro"))) == refusal(wrong_unit) != ""


def test_a_month_between_values_that_appear_weekly_is_refused() -> None:
    issue = only(macro("WALCL", ASSETS, days=30))
    assert (issue.kind, issue.severity) == ("spacing", "refused")
    assert "30 days apart" in issue.text


def test_a_published_price_of_a_coin_has_the_rules_of_a_coin() -> None:
    price = coin_series().frame["close"].to_numpy()
    assert issues(macro("BTC_coinmetrics", price, days=1)) == []
    bent = np.where(np.arange(600) == ROW, price * 1e-6, price)
    issue = only(macro("BTC_coinmetrics", bent, days=1))
    assert (issue.kind, issue.severity) == ("jump", "refused")


# Gaps


@pytest.mark.parametrize(
    ("series", "missing", "notes"),
    [
        (index_series(), 5, 0),
        (index_series(), 6, 1),
        (coin_series(), 2, 0),
        (coin_series(), 3, 1),
        (coin_series(timeframe="1h"), 20, 0),
        (coin_series(timeframe="1h"), 24, 1),
    ],
)
def test_missing_bars_in_a_row_are_noted_from_where_prices_count_as_unknown(
    series: Series, missing: int, notes: int
) -> None:
    gap = changed(series, lambda frame: pd.concat([frame[:ROW], frame[ROW + missing :]]))
    found = issues(gap)
    assert [(issue.kind, issue.severity) for issue in found] == [("gap", "note")] * notes
    if notes:
        assert (found[0].first, found[0].last) == tuple(
            series.frame.index[[ROW - 1, ROW + missing]]
        )
        assert f"{missing} " in found[0].text


# Live


def test_a_live_session_is_blind_to_no_series_of_which_held_closes_drop_the_bent_close() -> None:
    bent = [
        (scaled(index_series(), slice(ROW, ROW + 1), 0.5), False),
        (scaled(index_series(), slice(ROW, ROW + 1), 10.0), False),
        (scaled(index_series(), slice(ROW, ROW + 2), 0.5), True),
        (scaled(coin_series(), slice(ROW, ROW + 1), 0.5), True),
        (changed(index_series(), every(5)), True),
    ]
    for series, refused in bent:
        found = issues(series)
        assert refusal(found)
        assert bool(refusal(live_issues(found, series.request))) == refused


def test_a_session_of_a_late_summer_evening_has_its_own_date() -> None:
    closes = closes_of(600, 0.01)
    late = SESSIONS.set_axis(KNOWN + pd.Timedelta(hours=6))  # after midnight UTC
    series = series_of(INDEX, bars_of(closes, KNOWN[:600] + pd.Timedelta(hours=6)))
    bent = scaled(series, slice(ROW, ROW + 1), 10.0)
    session = KNOWN[ROW].date()
    assert series_issues(bent, late, {"^RUT": [session]}) == ()
    assert f"of {session} is" in refusal(series_issues(bent, late, {}))


def test_a_jump_is_measured_as_a_held_close_is() -> None:
    """What the one holds the other must not let pass when it stays in the file."""
    assert (jumps.WINDOW, jumps.DEVIATIONS, jumps.LIMITS["session"].certain) == (
        held_closes.WINDOW,
        held_closes.DEVIATIONS,
        held_closes.EXTREME_MOVE,
    )
