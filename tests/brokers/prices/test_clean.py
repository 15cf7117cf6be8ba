"""Rows into bars that may be used."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from brokers.prices.clean import bar_length, clean_series, day_of_close, vintage
from brokers.prices.series import BAR_COLUMNS, DataError, Request, Series

INDEX, COIN, MACRO = (
    Request("^RUT", "session"),
    Request("BTC-USD", "coin", "BTC/USDT"),
    Request("WALCL", "macro"),
)
DELAY = pd.Timedelta(minutes=30)
DAYS = pd.DatetimeIndex(
    ["2020-11-25", "2020-11-27", "2020-11-30", "2020-12-01"]
)  # Thanksgiving between, a half day, a weekend
CLOSES = pd.Series(
    pd.DatetimeIndex(
        ["2020-11-25 21:00", "2020-11-27 18:00", "2020-11-30 21:00", "2020-12-01 21:00"], tz="UTC"
    ),
    DAYS,
)
LATER = pd.Timestamp("2020-12-02", tz="UTC")


def rows(index: Any = DAYS, **columns: Sequence[float]) -> pd.DataFrame:
    index = pd.DatetimeIndex(index)
    plain = dict.fromkeys(BAR_COLUMNS, np.full(len(index), 10.0))
    return pd.DataFrame(plain | columns, index)


def cleaned(raw: pd.DataFrame, request: Request = INDEX, now: pd.Timestamp = LATER) -> Series:
    return clean_series(
        request, raw, source="folder", origin="some.csv", closes=CLOSES, delay=DELAY, now=now
    )


def refused(raw: pd.DataFrame, request: Request = INDEX, now: pd.Timestamp = LATER) -> str:
    with pytest.raises(DataError) as caught:
        cleaned(raw, request, now)
    return str(caught.value)


def test_a_session_is_known_half_an_hour_after_its_own_close():
    assert cleaned(rows()).frame.index.tolist() == [close + DELAY for close in CLOSES]


def test_a_coins_day_is_known_at_24_hours_utc():
    frame = cleaned(rows(["2020-11-28", "2020-11-29"]), COIN).frame
    assert frame.index.tolist() == [
        pd.Timestamp("2020-11-29", tz="UTC"),
        pd.Timestamp("2020-11-30", tz="UTC"),
    ]


def test_an_hourly_bar_is_known_at_its_end():
    hour = pd.DatetimeIndex(["2020-11-28 07:00"], tz="UTC")
    assert cleaned(rows(hour), COIN._replace(timeframe="1h")).frame.index[0] == pd.Timestamp(
        "2020-11-28 08:00", tz="UTC"
    )


def test_a_macro_value_is_known_when_it_says():
    published = pd.DatetimeIndex(["2020-11-26 21:30"], tz="UTC")
    assert cleaned(pd.DataFrame({"value": [7.0]}, published), MACRO).frame.index[0] == published[0]


def test_an_hourly_bar_that_starts_within_the_hour_is_refused():
    message = refused(
        rows(pd.DatetimeIndex(["2020-11-28 07:00", "2020-11-28 08:30"], tz="UTC")),
        COIN._replace(timeframe="1h"),
    )
    assert "2020-11-28 08:30" in message
    assert "not the start of a 1h bar" in message


@pytest.mark.parametrize(
    ("now", "kept"),
    [("2020-12-01 21:29", 3), ("2020-12-01 21:30", 4), ("2020-12-01 14:00", 3)],
    ids=["a minute before it is known", "when it is known", "in the morning"],
)
def test_a_session_in_progress_is_left_out_with_a_note(now: str, kept: int):
    series = cleaned(rows(), now=pd.Timestamp(now, tz="UTC"))
    assert len(series.frame) == kept
    assert series.notes == (() if kept == 4 else ("running bar of 2020-12-01 left out",))


@pytest.mark.parametrize(("now", "kept"), [("2020-11-29 23:59:59", 1), ("2020-11-30", 2)])
def test_a_running_day_of_a_coin_is_left_out(now: str, kept: int):
    assert (
        len(cleaned(rows(["2020-11-28", "2020-11-29"]), COIN, pd.Timestamp(now, tz="UTC")).frame)
        == kept
    )


def test_two_running_bars_are_a_wrong_clock():
    message = refused(rows(), now=pd.Timestamp("2020-11-30 12:00", tz="UTC"))
    assert "is in the future (now 2020-11-30 12:00 UTC); check the clock and the dates" in message


def test_sessions_before_the_calendar_are_left_out():
    early = DAYS.insert(0, pd.Timestamp("1950-01-02"))
    assert len(cleaned(rows(early)).frame) == 4


def test_a_weekend_in_a_file_of_sessions_is_refused():
    message = refused(rows(["2020-11-27", "2020-11-28"]))
    assert "some.csv: 2020-11-28" in message
    assert "is not a New York session" in message


def test_thanksgiving_in_a_file_of_sessions_is_refused():
    assert "2020-11-26" in refused(rows(["2020-11-25", "2020-11-26", "2020-11-27"]))


@pytest.mark.parametrize("value", [0.0, -1.0, np.inf, -np.inf])
@pytest.mark.parametrize("column", ["open", "high", "low", "close", "adj_close"])
def test_a_price_that_is_none_is_refused_by_date_and_column(column: str, value: float):
    message = refused(rows(**{column: [10.0, 10.0, value, 10.0]}))
    assert f"2020-11-30 has {column} {value:g}; it must be positive and finite" in message


def test_the_first_wrong_price_is_named_past_rows_that_were_left_out():
    assert "2020-12-01 has close -1" in refused(rows(close=[np.nan, 10.0, 10.0, -1.0]))


@pytest.mark.parametrize("value", [-1.0, np.inf])
def test_a_volume_that_is_none_is_refused(value: float):
    assert f"has volume {value:g}" in refused(rows(volume=[1.0, 1.0, 1.0, value]))


def test_no_volume_is_left_for_the_gate():
    assert cleaned(rows(volume=[1.0, 0.0, 1.0, np.nan])).frame["volume"].tolist()[:3] == [
        1.0,
        0.0,
        1.0,
    ]


def test_rows_without_a_close_are_left_out_and_counted():
    series = cleaned(rows(close=[10.0, np.nan, 10.0, np.nan]))
    assert len(series.frame) == 2
    assert series.notes == ("2 rows without a close left out, last 2020-12-01",)


def test_no_close_at_all_is_an_error():
    assert "no closed row of ^RUT has a price" in refused(rows(close=[np.nan] * 4))


def test_no_rows_are_an_error():
    assert refused(rows().iloc[:0]) == "some.csv: no rows for ^RUT; check the symbol, or the file"


def test_missing_open_high_and_low_become_the_close_with_a_note():
    series = cleaned(
        rows(open=[np.nan] * 4, high=[np.nan] * 4, low=[np.nan] * 4, close=[1.0, 2.0, 3.0, 4.0])
    )
    assert (
        series.frame[["open", "high", "low"]].to_numpy() == series.frame[["close"]].to_numpy()
    ).all()
    assert series.notes == ("4 rows without open, high or low: the close is used",)


def test_a_coins_missing_open_is_the_close_before():
    frame = cleaned(rows(DAYS[2:], open=[np.nan, np.nan], close=[1.0, 2.0]), COIN).frame
    assert frame["open"].tolist() == [1.0, 1.0], "no fill may happen at a price nobody had seen"


def test_a_missing_adjusted_close_is_the_close():
    assert cleaned(rows(close=[1.0, 2.0, 3.0, 4.0], adj_close=[np.nan, 5.0, np.nan, 6.0])).frame[
        "adj_close"
    ].tolist() == [1.0, 5.0, 3.0, 6.0]


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ([0, 2, 1, 3], "row 4, 2020-11-27 comes after 2020-11-30"),
        ([0, 1, 1, 2], "row 4, 2020-11-27 is a duplicate"),
    ],
)
def test_order_is_checked(order: list[int], words: str):
    assert words in refused(rows(DAYS[order]))


def test_the_raw_rows_are_not_changed():
    raw = rows(open=[np.nan] * 4)
    before = raw.copy()
    cleaned(raw)
    pd.testing.assert_frame_equal(raw, before)


def test_the_vintage_sees_every_value_and_every_instant():
    frame = cleaned(rows()).frame
    hashes = {
        vintage(frame),
        vintage(frame.assign(volume=11.0)),
        vintage(frame.set_axis(frame.index + DELAY)),
        vintage(frame.iloc[1:]),
    }
    assert len(hashes) == 4
    assert vintage(frame.copy()) == vintage(frame)


@pytest.mark.parametrize(
    ("timeframe", "minutes"), [("1d", 1440), ("4h", 240), ("1h", 60), ("15m", 15), ("1m", 1)]
)
def test_a_bars_length_follows_its_name(timeframe: str, minutes: int):
    assert bar_length(timeframe) == pd.Timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("known_at", "day"),
    [
        ("2024-03-14 00:00", "2024-03-13"),  # a coin's day ends when the next begins
        ("2025-01-01 00:00", "2024-12-31"),
        ("2024-03-14 00:00:01", "2024-03-14"),
        ("2024-03-13 21:30", "2024-03-13"),  # a US close and its delay
    ],
)
@pytest.mark.parametrize("unit", ["s", "ns"])
def test_a_close_belongs_to_the_day_that_ends_with_it(known_at: str, day: str, unit: str) -> None:
    instant = pd.Timestamp(known_at, tz="UTC").as_unit(unit)
    assert day_of_close(instant).isoformat() == day
