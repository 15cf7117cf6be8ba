"""When New York closed, and the file that keeps it."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from brokers.prices import calendar
from brokers.prices.calendar import session_closes
from brokers.prices.series import DataError

START = date(1987, 9, 10)


@pytest.fixture(scope="module")
def closes(tmp_path_factory: pytest.TempPathFactory) -> pd.Series:
    return session_closes(START, tmp_path_factory.mktemp("calendar"))


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Each test reads its own cache folder."""
    calendar._in_memory.clear()
    yield
    calendar._in_memory.clear()


def close_of(closes: pd.Series, day: str) -> str:
    return f"{closes[day]:%H:%M}"


@pytest.mark.parametrize(
    ("day", "utc"),
    [
        ("2020-01-02", "21:00"),
        ("2020-03-06", "21:00"),
        ("2020-03-09", "20:00"),
        ("2020-10-30", "20:00"),
        ("2020-11-02", "21:00"),
        ("2006-04-03", "20:00"),
        ("2006-03-31", "21:00"),
        ("1987-10-19", "20:00"),
    ],
    ids=[
        "winter",
        "Friday before summer time",
        "Monday after",
        "Friday before winter time",
        "Monday after it",
        "2006 in April",
        "2006 in March",
        "1987",
    ],
)
def test_a_full_day_ends_at_four_in_new_york(closes: pd.Series, day: str, utc: str):
    assert close_of(closes, day) == utc


@pytest.mark.parametrize(
    ("day", "utc"),
    [
        ("2020-11-27", "18:00"),
        ("2020-12-24", "18:00"),
        ("2019-07-03", "17:00"),
        ("2013-11-29", "18:00"),
    ],
)
def test_a_half_day_ends_at_one_in_new_york(closes: pd.Series, day: str, utc: str):
    assert close_of(closes, day) == utc


@pytest.mark.parametrize(
    "day",
    [
        "2001-09-11",
        "2001-09-14",
        "2012-10-29",
        "2012-10-30",
        "2018-12-05",
        "2004-06-11",
        "2007-01-02",
        "2020-07-03",
        "2022-06-20",
        "2025-01-09",
    ],
)
def test_disasters_mourning_and_holidays_are_no_sessions(closes: pd.Series, day: str):
    assert pd.Timestamp(day) not in closes.index


@pytest.mark.parametrize(
    "day", ["2001-09-10", "2001-09-17", "2012-10-31", "2021-06-18", "1987-09-10"]
)
def test_days_beside_them_are(closes: pd.Series, day: str):
    assert pd.Timestamp(day) in closes.index


def test_the_calendar_reaches_beyond_today_and_starts_where_asked(closes: pd.Series):
    assert closes.index[0] == pd.Timestamp(START)
    assert closes.index[-1] > pd.Timestamp.now() + pd.Timedelta(days=100)
    assert closes.index.is_monotonic_increasing
    assert closes.index.tz is None
    assert str(closes.dt.tz) == "UTC"
    assert (
        closes.dt.tz_convert("America/New_York").dt.tz_localize(None).dt.normalize() == closes.index
    ).all()


def worked_out(monkeypatch: pytest.MonkeyPatch, closes: pd.Series) -> list[date]:
    """The starts for which the calendar is worked out anew from now on."""
    asked: list[date] = []

    def instead(start: date, end: pd.Timestamp) -> pd.Series:
        asked.append(start)
        return closes.rename("close")

    monkeypatch.setattr(calendar, "_compute_closes", instead)
    return asked


def test_what_was_computed_once_is_read_from_the_file(
    closes: pd.Series, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = worked_out(monkeypatch, closes)
    first = session_closes(START, tmp_path)
    calendar._in_memory.clear()
    again = session_closes(START, tmp_path)
    assert asked == [START]
    assert len(list(tmp_path.iterdir())) == 1
    pd.testing.assert_series_equal(
        first, again, check_freq=False, check_names=False, check_index_type=False
    )


def test_another_start_is_another_file(
    closes: pd.Series, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = worked_out(monkeypatch, closes)
    session_closes(START, tmp_path)
    session_closes(date(2012, 1, 3), tmp_path)
    assert asked == [START, date(2012, 1, 3)]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all" * 20])
def test_a_damaged_file_is_computed_again(
    content: bytes, closes: pd.Series, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = worked_out(monkeypatch, closes)
    session_closes(START, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    calendar._in_memory.clear()
    assert close_of(session_closes(START, tmp_path), "2020-11-27") == "18:00"
    assert asked == [START, START]
    assert pd.read_parquet(path)["close"].size == len(closes)


def test_a_file_without_its_column_is_computed_again(
    closes: pd.Series, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = worked_out(monkeypatch, closes)
    session_closes(START, tmp_path)
    (path,) = tmp_path.iterdir()
    closes.to_frame("open").to_parquet(path)
    calendar._in_memory.clear()
    session_closes(START, tmp_path)
    assert len(asked) == 2


def test_a_file_whose_year_has_run_out_is_computed_again(
    closes: pd.Series, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = worked_out(
        monkeypatch, closes[closes.index < pd.Timestamp.now() + pd.Timedelta(days=10)]
    )
    session_closes(START, tmp_path)
    calendar._in_memory.clear()
    session_closes(START, tmp_path)
    assert len(asked) == 2


def test_a_calendar_in_memory_is_renewed_before_it_ends(
    closes: pd.Series, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A process of a year: the same folder asked again and again, the file beside it growing old as
    well.
    """
    ends: list[pd.Timestamp] = []

    def instead(start: date, end: pd.Timestamp) -> pd.Series:
        ends.append(end)
        return pd.Series(
            pd.bdate_range(start, end, tz="UTC"), pd.bdate_range(start, end), name="close"
        )

    monkeypatch.setattr(calendar, "_compute_closes", instead)
    for month in range(24):
        now = pd.Timestamp("2030-01-15 12:00", tz="UTC") + pd.DateOffset(months=month)
        assert (
            session_closes(START, tmp_path, now).index[-1]
            >= now.tz_convert(None) + 2 * calendar.AHEAD / 3
        )
    assert 2 <= len(ends) <= 4


def test_the_library_works_out_a_later_end_when_asked_a_second_time(tmp_path: Path):
    first = session_closes(START, tmp_path)
    later = session_closes(START, tmp_path, pd.Timestamp(first.index[-1], tz="UTC"))
    assert later.index[-1] > first.index[-1] + pd.Timedelta(days=300)
    pd.testing.assert_series_equal(
        later[: len(first)], first, check_freq=False, check_index_type=False
    )


def test_a_folder_that_cannot_be_written_stops_a_start_but_no_running_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(path: Path, write: object) -> None:
        raise OSError(28, "No space left on device")

    first = session_closes(START, tmp_path)
    monkeypatch.setattr(calendar, "replace_file", full)
    assert (
        session_closes(START, tmp_path, pd.Timestamp(first.index[-1], tz="UTC")).index[-1]
        > first.index[-1]
    )
    calendar._in_memory.clear()
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match="cannot be written"):
        session_closes(START, tmp_path / "other")
