"""Closes by the day they belong to: a coin's is known when that day is over."""

import pandas as pd
import pytest

from backtests.evidence.dated_closes import (
    close_on,
    covers,
    first_time,
    format_day,
    gain_between,
    peak_time,
)

# Closes of 2024-03-12 to 2024-03-14, each known at the following midnight.
COIN = pd.Series(
    [71_000.0, 73_000.0, 70_000.0],
    index=pd.date_range("2024-03-13", periods=3, freq="D", tz="UTC"),
)
# A Friday's and the Monday's close of an index.
SESSIONS = pd.Series(
    [2000.0, 2100.0], index=pd.to_datetime(["2024-03-15 20:30", "2024-03-18 20:30"], utc=True)
)


def test_a_day_has_its_own_close() -> None:
    assert [close_on(COIN, f"2024-03-{day}") for day in (12, 13, 14, 20)] == [
        71_000.0,
        73_000.0,
        70_000.0,
        70_000.0,
    ]
    assert [close_on(SESSIONS, f"2024-03-{day}") for day in (15, 16, 18)] == [
        2000.0,
        2000.0,
        2100.0,
    ]
    assert gain_between(COIN, "2024-03-12", "2024-03-13") == pytest.approx(73 / 71 - 1)


def test_the_record_of_march_2024_is_the_13ths() -> None:
    assert format_day(peak_time(COIN)) == "2024-03-13"
    assert format_day(first_time(COIN > 72_000.0)) == "2024-03-13"
    assert format_day(first_time(COIN > 80_000.0), "not yet") == "not yet"


@pytest.mark.parametrize(
    ("first", "last", "is_covered"),
    [
        ("2024-03-12", "2024-03-14", True),
        ("2024-03-11", "2024-03-14", False),
        ("2024-03-12", "2024-03-15", False),
    ],
)
def test_prices_cover_the_days_of_their_closes(*, first: str, last: str, is_covered: bool) -> None:
    assert covers(COIN, first, last) == is_covered
    assert not covers(COIN[:0], first, last)
