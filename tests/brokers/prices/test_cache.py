"""The cache: what is downloaded when, and that a file is whole whatever happens.

Prices are made up.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brokers import atomic_files as files
from brokers.prices import cache as module
from brokers.prices.cache import Cache
from brokers.prices.series import BAR_COLUMNS, DataError, Request, UnreachableError

FUND = Request("IWM", "session")
COIN = Request("BTC-USD", "coin", "BTC/USDT", "1h")
MACRO = Request("NFCI", "macro")


def bars(last: str, count: int = 30, factor: float = 1.0) -> pd.DataFrame:
    """Bars of `count` days up to `last`; prices depend on the day only, adjusted ones on `factor`
    too.
    """
    days = pd.date_range(end=last, periods=count, name="date")
    close = 100.0 + (days - pd.Timestamp("2020-01-01")).days.to_numpy(dtype=float)
    return pd.DataFrame(
        {name: close * (factor if name == "adj_close" else 1) for name in BAR_COLUMNS}, index=days
    )


class Source:
    """A source with rows up to a day, which notes what it was asked for."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows = rows
        self.asked: list[date | None] = []
        self.down = False

    def __call__(self, start: date | None) -> pd.DataFrame:
        self.asked.append(start)
        if self.down:
            raise UnreachableError("no network")
        return self.rows if start is None else self.rows[self.rows.index >= pd.Timestamp(start)]


def fine(rows: pd.DataFrame) -> None:
    """A check that every frame passes."""


def positive(rows: pd.DataFrame) -> None:
    if not (rows["close"] > 0).all():
        raise DataError("a price must be positive")


def increasing(rows: pd.DataFrame) -> None:
    if not (rows.index.is_monotonic_increasing and rows.index.is_unique):
        raise DataError("a day stands twice")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "prices")


@pytest.fixture
def source() -> Source:
    return Source(bars("2024-01-10"))


@pytest.fixture
def update(cache: Cache, source: Source) -> Callable[..., module.RawRows]:
    """Update the fund as on the evening of `due`."""

    def run(
        due: str,
        *,
        refresh: bool = False,
        check: Callable[[pd.DataFrame], object] = fine,
        request: Request = FUND,
    ) -> module.RawRows:
        return cache.update(
            "yahoo", request, source, last_due=pd.Timestamp(due), check=check, refresh=refresh
        )

    return run


Update = Callable[..., module.RawRows]


def test_downloads_everything_the_first_time_and_keeps_it_as_it_is(
    cache: Cache, source: Source, update: Update
) -> None:
    assert cache.read("yahoo", FUND) is None
    got = update("2024-01-10")
    assert source.asked == [None]
    assert got.notes == ()
    pd.testing.assert_frame_equal(got.frame, source.rows, check_freq=False)
    pd.testing.assert_frame_equal(cache.read("yahoo", FUND), source.rows, check_freq=False)


def test_needs_no_network_while_the_row_that_is_due_is_there(
    source: Source, update: Update
) -> None:
    update("2024-01-10")
    assert update("2024-01-10").frame.index[-1] == pd.Timestamp("2024-01-10")
    assert len(source.asked) == 1


def test_takes_a_plain_date_or_utc_for_what_is_due(cache: Cache, source: Source) -> None:
    cache.update("yahoo", FUND, source, last_due=date(2024, 1, 10), check=fine)
    cache.update("yahoo", FUND, source, last_due=pd.Timestamp("2024-01-10", tz="UTC"), check=fine)
    assert len(source.asked) == 1


def test_appends_what_is_new_after_asking_for_ten_rows_again(
    source: Source, update: Update
) -> None:
    update("2024-01-10")
    source.rows = bars("2024-01-12", 32)
    got = update("2024-01-12")
    assert source.asked == [None, date(2024, 1, 1)]
    pd.testing.assert_frame_equal(got.frame, source.rows, check_freq=False)


def test_keeps_intraday_bars_in_utc(cache: Cache) -> None:
    rows = bars("2024-01-10", 40)
    rows.index = pd.date_range(end="2024-01-10 05:00", periods=40, freq="h", tz="UTC", name="start")
    due = pd.Timestamp("2024-01-10 05:00", tz="UTC")
    cache.update("binance", COIN, lambda _: rows[:-3], last_due=due, check=fine)
    got = cache.update(
        "binance",
        COIN,
        lambda start: rows[rows.index >= pd.Timestamp(str(start), tz="UTC")],
        last_due=due,
        check=fine,
    )
    pd.testing.assert_frame_equal(got.frame, rows, check_freq=False)
    assert cache.path("binance", COIN).name == "BTC-USD_BTC%2FUSDT_1h.parquet"


@pytest.mark.parametrize("factor", [0.98, 1 + 1.1e-6])
def test_downloads_everything_when_a_dividend_has_moved_the_adjusted_prices(
    source: Source, update: Update, factor: float
) -> None:
    update("2024-01-10")
    source.rows = bars("2024-01-11", 31, factor)
    got = update("2024-01-11")
    assert source.asked[1:] == [date(2024, 1, 1), None]
    assert "changed earlier rows" in got.notes[0]
    np.testing.assert_array_equal(got.frame["adj_close"], source.rows["adj_close"])


def test_rounding_is_no_revision(source: Source, update: Update) -> None:
    update("2024-01-10")
    source.rows = bars("2024-01-11", 31, 1 + 0.9e-6)
    update("2024-01-11")
    assert len(source.asked) == 2


def test_downloads_everything_when_a_macro_series_is_revised(cache: Cache) -> None:
    rows = pd.DataFrame(
        {"value": np.arange(20.0)}, index=pd.date_range("2024-01-01", periods=20, tz="UTC")
    )
    cache.update("fred", MACRO, lambda _: rows[:-1], last_due=rows.index[-2], check=fine)
    revised = rows + 0.001
    asked: list[date | None] = []

    def again(start: date | None) -> pd.DataFrame:
        asked.append(start)
        return revised if start is None else revised[-5:]

    got = cache.update("fred", MACRO, again, last_due=rows.index[-1], check=fine)
    assert asked == [date(2024, 1, 10), None]
    pd.testing.assert_frame_equal(got.frame, revised, check_freq=False)


def test_downloads_everything_when_nothing_overlaps(source: Source, update: Update) -> None:
    update("2024-01-10")
    source.rows = bars("2024-03-10", 20)
    assert update("2024-03-10").frame.index[0] == source.rows.index[0]
    assert source.asked[1:] == [date(2024, 1, 1), None]


def test_refresh_downloads_everything(source: Source, update: Update) -> None:
    update("2024-01-10")
    update("2024-01-10", refresh=True)
    assert source.asked == [None, None]


def test_a_running_bar_is_returned_but_never_stored(
    cache: Cache, source: Source, update: Update
) -> None:
    # At noon of the 10th its bar is running: the 9th is the last one due.
    assert update("2024-01-09").frame.index[-1] == pd.Timestamp("2024-01-10")
    assert cache.read("yahoo", FUND).index[-1] == pd.Timestamp("2024-01-09")
    source.rows = source.rows.copy()
    source.rows.loc["2024-01-10", "close"] = 1.0
    assert update("2024-01-10").frame.loc["2024-01-10", "close"] == 1.0


def test_a_row_that_is_due_but_has_no_price_yet_is_asked_for_again(
    source: Source, update: Update
) -> None:
    source.rows = bars("2024-01-11", 31)
    source.rows.loc["2024-01-10", "close"] = np.nan
    update("2024-01-10")
    source.rows = bars("2024-01-11", 31)
    assert (
        update("2024-01-10").frame.loc["2024-01-10", "close"]
        == bars("2024-01-10")["close"].iloc[-1]
    )
    assert len(source.asked) == 2


def test_a_row_the_source_has_lost_since_stays(source: Source, update: Update) -> None:
    update("2024-01-10")
    source.rows = bars("2024-01-11", 31).drop(pd.Timestamp("2024-01-05"))
    got = update("2024-01-11", check=increasing)
    pd.testing.assert_frame_equal(got.frame, bars("2024-01-11", 31), check_freq=False)


def test_bad_rows_leave_the_file_as_it_was(cache: Cache, source: Source, update: Update) -> None:
    update("2024-01-10")
    before = cache.path("yahoo", FUND).read_bytes()
    source.rows = bars("2024-01-11", 31)
    source.rows.loc["2024-01-11", "close"] = -1.0
    with pytest.raises(DataError, match="positive"):
        update("2024-01-11", check=positive)
    source.rows = pd.concat([bars("2024-01-11", 31), bars("2024-01-11", 1)])
    with pytest.raises(DataError, match="twice"):
        update("2024-01-11", check=increasing)
    assert cache.path("yahoo", FUND).read_bytes() == before


def test_bad_rows_are_not_stored_the_first_time(
    cache: Cache, source: Source, update: Update
) -> None:
    source.rows = -source.rows
    with pytest.raises(DataError):
        update("2024-01-10", check=positive)
    assert cache.read("yahoo", FUND) is None


@pytest.mark.parametrize("refresh", [False, True])
def test_without_a_network_returns_what_is_stored_with_a_note(
    source: Source, update: Update, *, refresh: bool
) -> None:
    update("2024-01-10")
    source.down = True
    got = update("2024-01-12", refresh=refresh)
    assert got.frame.index[-1] == pd.Timestamp("2024-01-10")
    assert got.notes == (
        "IWM: rows up to 2024-01-10 00:00 from the cache, newer ones are not available: no network",
    )


def test_without_a_network_and_a_file_is_unreachable(source: Source, update: Update) -> None:
    source.down = True
    with pytest.raises(UnreachableError, match="no network"):
        update("2024-01-10")


@pytest.mark.parametrize("left", [0, 4, 1500])
def test_a_cut_off_file_is_moved_aside_and_downloaded_again(
    cache: Cache, source: Source, update: Update, left: int
) -> None:
    update("2024-01-10")
    path = cache.path("yahoo", FUND)
    os.truncate(path, left)
    got = update("2024-01-10")
    assert source.asked == [None, None]
    assert "could not be read" in got.notes[0]
    assert path.with_suffix(".damaged").stat().st_size == left
    pd.testing.assert_frame_equal(cache.read("yahoo", FUND), source.rows, check_freq=False)


def test_a_file_of_something_else_is_moved_aside(
    cache: Cache, source: Source, update: Update
) -> None:
    path = cache.path("yahoo", FUND)
    path.parent.mkdir(parents=True)
    pd.DataFrame({"close": [1.0]}).to_parquet(path)
    assert len(update("2024-01-10").notes) == 1
    assert path.with_suffix(".damaged").exists()


def test_a_process_killed_while_it_writes_leaves_the_old_rows_and_no_rubbish(
    cache: Cache, source: Source, update: Update
) -> None:
    update("2024-01-10")
    path = cache.path("yahoo", FUND)
    script = """
import os, signal, sys
from pathlib import Path
from brokers.atomic_files import replace_file
def write(name):
    Path(name).write_bytes(b"PAR1 half a file")
    os.kill(os.getpid(), signal.SIGKILL)
replace_file(Path(sys.argv[1]), write)
"""
    killed = subprocess.run(
        [sys.executable, "-c", script, str(path)], cwd=Path(files.__file__).parents[1], check=False
    )
    assert killed.returncode == -9
    assert len(list(path.parent.glob(".IWM*"))) == 1
    pd.testing.assert_frame_equal(update("2024-01-10").frame, source.rows, check_freq=False)
    assert not list(path.parent.glob(".IWM*"))


def test_two_processes_that_update_at_once_download_once(cache: Cache, tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
import pandas as pd
from brokers.prices.cache import Cache
from brokers.prices.series import Request
folder = Path(sys.argv[1])
(folder / sys.argv[2]).touch()
while not ((folder / "a").exists() and (folder / "b").exists()):
    time.sleep(0.002)
def fetch(start):
    with open(folder / "downloads", "a") as log:
        log.write(f"{start}\\n")
    time.sleep(0.1)
    days = pd.date_range("2024-01-01", "2024-01-10")
    return pd.DataFrame({"close": range(1, 11)}, index=days, dtype=float)
due = pd.Timestamp("2024-01-10")
request = Request("IWM", "session")
cache = Cache(folder / "prices")
got = cache.update("yahoo", request, fetch, last_due=due, check=lambda rows: None)
assert len(got.frame) == 10 and not got.notes
"""
    root = Path(files.__file__).parents[1]
    both = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path), name], cwd=root)
        for name in "ab"
    ]
    assert [process.wait(120) for process in both] == [0, 0]
    assert (tmp_path / "downloads").read_text() == "None\n"
    assert len(cache.read("yahoo", FUND)) == 10


def test_a_series_locked_by_another_process_for_too_long_is_an_error(
    cache: Cache, update: Update, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    monkeypatch.setattr(module, "PATIENCE", 0.05)
    path = cache.path("yahoo", FUND)
    path.parent.mkdir(parents=True)
    with (
        FileLock(path.with_suffix(".lock")),
        pytest.raises(DataError, match="another process has downloaded this series"),
    ):
        update("2024-01-10")


def test_a_folder_that_cannot_be_made_is_named_with_the_remedy(
    tmp_path: Path, source: Source
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        DataError, match=r"file: cannot be written .* set prices.cache to another folder"
    ):
        Cache(tmp_path / "file").update(
            "yahoo", FUND, source, last_due=date(2024, 1, 10), check=fine
        )


def test_rows_later_than_a_clock_that_was_set_back_are_left_out_and_kept(
    cache: Cache, source: Source, update: Update
) -> None:
    """Stored up to the 10th; the clock now shows the 5th."""
    update("2024-01-10")
    got = update("2024-01-05")
    assert got.frame.index[-1] == pd.Timestamp("2024-01-05")
    (note,) = got.notes
    assert note == (
        "IWM: 5 rows of the cache are later than now, the last of 2024-01-10 00:00: is this "
        "computer's clock right? They are left out"
    )
    assert source.asked == [None], "nothing newer can be needed"
    assert len(cache.read("yahoo", FUND)) == 30
    assert cache.read("yahoo", FUND, pd.Timestamp("2024-01-05")).index[-1] == got.frame.index[-1]
    assert update("2024-01-10").notes == ()
    assert source.asked == [None]


def test_one_later_row_is_another_process_that_is_ahead_and_no_news(update: Update) -> None:
    update("2024-01-10")
    got = update("2024-01-09")
    assert (got.frame.index[-1], got.notes) == (pd.Timestamp("2024-01-09"), ())


def test_a_clock_before_all_that_is_stored_is_an_error(cache: Cache, update: Update) -> None:
    update("2024-01-10")
    with pytest.raises(DataError, match=r"30 rows of the cache are later than now.* set the clock"):
        update("2020-01-01")
    assert len(cache.read("yahoo", FUND)) == 30


def test_a_macro_value_of_the_last_day_is_not_later_than_now(
    cache: Cache, source: Source, update: Update
) -> None:
    """Releases have no calendar: what is due is what is older than a day."""
    source.rows = pd.DataFrame(
        {"value": [1.0, 2.0, 3.0]},
        index=pd.DatetimeIndex(
            ["2024-01-08 21:30", "2024-01-09 21:30", "2024-01-10 21:30"], tz="UTC"
        ),
    )
    update("2024-01-10 22:00", request=MACRO)
    got = update("2024-01-09 22:00", request=MACRO)
    assert (len(got.frame), got.notes) == (3, ())
    assert len(update("2024-01-08 22:00", request=MACRO).frame) == 2


def test_an_error_of_the_operating_system_while_downloading_is_not_blamed_on_the_folder(
    cache: Cache,
) -> None:
    def failing(start: date | None) -> pd.DataFrame:
        raise OSError("a fault of its own")

    with pytest.raises(OSError, match="a fault of its own"):
        cache.update("yahoo", FUND, failing, last_due=date(2024, 1, 10), check=fine)


@pytest.mark.parametrize("symbol", ["^RUT", "BTC/USDT", "..", "../../x", "a b", "ÄÖ", "a_b"])
def test_every_symbol_has_a_file_of_its_own_within_the_folder(cache: Cache, symbol: str) -> None:
    path = cache.path("yahoo", Request(symbol, "session"))
    assert path.parent == cache.folder / "yahoo"
    assert path.name.isascii()
    assert path != cache.path("yahoo", Request(symbol, "session", timeframe="1h"))


@pytest.mark.parametrize("links", [True, False])
def test_a_pinned_vintage_stays_as_it_was(
    cache: Cache, source: Source, update: Update, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    update("2024-01-10")
    cache.pin("yahoo", FUND, "0123456789abcdef")
    assert len(cache.read("yahoo", FUND)) == 30
    source.rows = bars("2024-01-11", 31, 0.9)
    update("2024-01-11")
    cache.pin("yahoo", FUND, "0123456789abcdef")
    pd.testing.assert_frame_equal(
        cache.read_pinned("0123456789abcdef"), bars("2024-01-10"), check_freq=False
    )
    assert len(cache.read("yahoo", FUND)) == 31


def _no_links(*paths: object) -> None:
    raise OSError("this file system has no hard links")


def test_an_unknown_or_damaged_vintage_is_an_error(cache: Cache, update: Update) -> None:
    with pytest.raises(DataError, match="no rows are stored under vintage 00000000"):
        cache.read_pinned("00000000")
    with pytest.raises(DataError, match="is not a vintage"):
        cache.read_pinned("../../etc")
    update("2024-01-10")
    cache.pin("yahoo", FUND, "0123456789abcdef")
    os.truncate(cache.folder / "vintages" / "0123456789abcdef.parquet", 100)
    with pytest.raises(DataError, match="is damaged"):
        cache.read_pinned("0123456789abcdef")
