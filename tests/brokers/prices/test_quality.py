"""What a person is told about each series."""

import json
from pathlib import Path

import pandas as pd
import pytest

from brokers.prices.load import load_each, load_prices, sessions
from brokers.prices.quality import Quality, as_json, quality
from brokers.prices.series import Series
from config.settings import load
from tests.price_folder import edit, overrides, set_cell

NOW = pd.Timestamp("2017-01-04 12:00", tz="UTC")


def told(folder: Path, cache: Path, symbol: str, now: pd.Timestamp = NOW) -> Quality:
    settings = load([], overrides(folder, cache))
    loaded = {request.name: series for request, series in load_each(settings, now)}
    series = loaded[symbol]
    assert isinstance(series, Series)
    return quality(series, sessions(settings, now), now)


def test_a_whole_series_has_nothing_odd(whole_folder: Path, cache: Path):
    found = told(whole_folder, cache, "IWM")
    assert (found.name, found.source, found.rows) == ("IWM", "folder", 1258)
    assert (found.first, found.last) == (
        pd.Timestamp("2012-01-03 21:30", tz="UTC"),
        pd.Timestamp("2016-12-30 21:30", tz="UTC"),
    )
    assert (found.gaps, found.no_volume, found.odd_bars, found.spikes, found.notes) == (
        0,
        0,
        0,
        0,
        (),
    )
    assert (found.last_gap, found.last_spike) == ("", "")


def test_sessions_missing_at_the_end_are_counted_without_the_weekend_and_the_holiday(
    whole_folder: Path, cache: Path
):
    assert told(whole_folder, cache, "^RUT").behind == 1, (
        "of 2017 only Tuesday the 3rd: Monday was a holiday"
    )
    assert told(whole_folder, cache, "^RUT", pd.Timestamp("2017-01-02 12:00", tz="UTC")).behind == 0


def test_days_of_a_coin_missing_at_the_end_are_counted(whole_folder: Path, cache: Path):
    assert told(whole_folder, cache, "BTC-USD").behind == 3, (
        "the files end with 2016-12-31; the 1st, 2nd and 3rd are over"
    )


def test_gaps_are_counted_and_the_last_is_dated(folder: Path, cache: Path):
    edit(
        folder / "daily/HYG.csv",
        lambda rows: [row for row in rows if not row.startswith(("2014-07-03", "2015-03-"))],
    )
    found = told(folder, cache, "HYG")
    assert (found.gaps, found.last_gap) == (1 + 22, "2015-03-31")


def test_a_series_that_starts_late_or_ends_early_has_no_gaps_there(folder: Path, cache: Path):
    edit(folder / "daily/KRE.csv", lambda rows: rows[100:-100])
    found = told(folder, cache, "KRE")
    assert (found.gaps, found.behind) == (0, 101)


def test_rows_without_volume_are_counted_whether_zero_or_unknown(folder: Path, cache: Path):
    set_cell(folder / "daily/XLI.csv", 10, "Volume", "0")
    set_cell(folder / "daily/XLI.csv", 11, "Volume", "")
    assert told(folder, cache, "XLI").no_volume == 2


@pytest.mark.parametrize(("column", "value"), [("High", "0.01"), ("Low", "9999")])
def test_a_bar_whose_close_lies_outside_its_range_is_odd(
    folder: Path, cache: Path, column: str, value: str
):
    set_cell(folder / "daily/IEF.csv", 10, column, value)
    assert told(folder, cache, "IEF").odd_bars == 1


@pytest.mark.parametrize(
    ("symbol", "factor", "spikes"),
    [("GSPC", 1.2, 2), ("GSPC", 1.1, 0), ("BTC-USD", 1.2, 0), ("BTC-USD", 3.0, 2)],
)
def test_a_jump_and_the_way_back_are_spikes_by_the_measure_of_their_kind(
    folder: Path, cache: Path, symbol: str, factor: float, spikes: int
):
    path = folder / f"daily/{symbol}.csv"
    close = float(path.read_text().splitlines()[501].split(",")[4])
    day = set_cell(path, 500, "Close", f"{close * factor:.6f}")
    found = told(folder, cache, symbol.replace("GSPC", "^GSPC"))
    assert found.spikes == spikes
    assert bool(found.last_spike) == bool(spikes)
    assert found.last_spike[:7] in ("", day[:7])


def test_macro_values_have_no_calendar(folder: Path, cache: Path):
    own = folder / "flows.csv"
    own.write_text("Date,Flow\n2014-01-31,-5\n2016-02-29,7\n")
    settings = load(
        [], [*overrides(folder, cache), "haircuts.flows.enabled=true", f"haircuts.flows.file={own}"]
    )
    prices = load_prices(settings, NOW)
    found = quality(prices.of("flows"), prices.sessions, NOW)
    assert (found.rows, found.gaps, found.behind, found.spikes, found.no_volume) == (2, 0, 0, 0, 0)


def test_plain_values_are_json(whole_folder: Path, cache: Path):
    plain = json.loads(json.dumps(as_json(told(whole_folder, cache, "^RUT"))))
    assert plain["first"] == "2012-01-03T21:30:00+00:00"
    assert plain["behind"] == 1
    assert len(plain["vintage"]) == 16
