"""All series of a configuration out of a folder of real files."""

from pathlib import Path

import pandas as pd
import pytest

from backtests.prepare import prepare
from brokers.prices.load import LEAD, Prices, load_prices, source_of, wanted
from brokers.prices.series import DataError, Request
from config.settings import load
from tests.price_folder import HISTORY_FROM, LISTED, edit, overrides

NOW = pd.Timestamp("2016-12-31 12:00", tz="UTC")


def loaded(folder: Path, cache: Path, *more: str, now: pd.Timestamp | None = None) -> Prices:
    return load_prices(load([], [*overrides(folder, cache), *more]), now or pd.Timestamp.now(tz="UTC"))


def test_every_wanted_series_is_read_once_and_stamped_when_it_was_known(whole_folder: Path, cache: Path):
    prices = loaded(whole_folder, cache)
    assert [request.symbol for request in prices.series] == ["^RUT", "^GSPC", "IWM", "HYG", "IEF", "KRE", "XLI", "XBI", "RSP", *LISTED]
    assert prices.of("^RUT").frame.index[0] == pd.Timestamp("2012-01-03 21:30", tz="UTC")
    assert prices.of("BTC-USD").frame.index[0] == pd.Timestamp("2012-06-02", tz="UTC")
    assert all(one.frame.index.tz is not None and one.frame.index.is_monotonic_increasing for one in prices.series.values())


def test_bars_not_finished_by_now_are_left_out(whole_folder: Path, cache: Path, folder: Path):
    for path in (folder / "daily").iterdir():
        edit(path, lambda rows: [row for row in rows if row < "2016-12-01"])
    during_the_session = pd.Timestamp("2016-11-30 20:59", tz="UTC")
    prices = loaded(folder, cache, now=during_the_session)
    assert prices.of("^RUT").frame.index[-1] == pd.Timestamp("2016-11-29 21:30", tz="UTC")
    assert prices.of("BTC-USD").frame.index[-1] == pd.Timestamp("2016-11-30", tz="UTC")
    assert prices.sessions.index[-1] == pd.Timestamp("2016-11-29 21:30", tz="UTC")
    assert any("running bar of 2016-11-30" in note for note in prices.of("^RUT").notes)


def test_a_series_that_ends_early_is_used_as_far_as_it_goes(folder: Path, cache: Path):
    edit(folder / "daily/XBI.csv", lambda rows: [row for row in rows if row < "2015-01-01"])
    settings = load([], overrides(folder, cache))
    table = prepare(settings, load_prices(settings, NOW)).table
    known = table.index[table["confirmation_breadth"].notna()]
    assert known[-1] == pd.Timestamp("2015-01-08 21:30", tz="UTC"), "five sessions after its last one, and not one more"


def test_until_shows_what_was_known_and_nothing_after(whole_folder: Path, cache: Path):
    prices = loaded(whole_folder, cache)
    saturday = pd.Timestamp("2014-03-08 10:00", tz="UTC")
    then = prices.until(saturday)
    assert then.now == saturday
    assert then.sessions.index[-1] == then.of("IWM").frame.index[-1] == pd.Timestamp("2014-03-07 21:30", tz="UTC")
    assert then.of("BTC-USD").frame.index[-1] == pd.Timestamp("2014-03-08", tz="UTC")
    assert prices.of("BTC-USD").frame.index[-1] > saturday, "the original is left as it was"


def test_an_instant_belongs_to_what_was_known_at_it(whole_folder: Path, cache: Path):
    known_at = pd.Timestamp("2014-03-07 21:30", tz="UTC")
    prices = loaded(whole_folder, cache)
    assert prices.until(known_at).of("^RUT").frame.index[-1] == known_at
    assert prices.until(known_at - pd.Timedelta(1, "ns")).of("^RUT").frame.index[-1] < known_at


def test_the_delay_of_publication_moves_every_session(whole_folder: Path, cache: Path):
    prices = loaded(whole_folder, cache, "prices.publication_delay=90")
    assert prices.of("^RUT").frame.index[0] == pd.Timestamp("2012-01-03 22:30", tz="UTC")
    assert prices.sessions.index[-1] - prices.sessions.iloc[-1] == pd.Timedelta(minutes=90)


def test_equal_files_have_equal_vintages_and_one_digit_changes_them(folder: Path, whole_folder: Path, cache: Path):
    before = loaded(whole_folder, cache).of("IEF").vintage
    assert loaded(folder, cache).of("IEF").vintage == before
    edit(folder / "daily/IEF.csv", lambda rows: [*rows[:-1], rows[-1] + "1"])
    assert loaded(folder, cache).of("IEF").vintage != before


def test_a_run_cannot_be_read_again_from_files_that_have_changed(folder: Path, cache: Path):
    settings = load([], overrides(folder, cache))
    pinned = {one.request.name: one.vintage for one in load_prices(settings, NOW).series.values()}
    load_prices(settings, NOW, pinned=pinned)
    edit(folder / "daily/IEF.csv", lambda rows: [*rows[:-1], rows[-1] + "1"])
    with pytest.raises(DataError, match=r"IEF\.csv: IEF is not what that run used"):
        load_prices(settings, NOW, pinned=pinned)


def test_only_what_the_settings_use_is_asked_for():
    few = ["confirmations.breadth.enabled=false", "confirmations.volume.enabled=false", 'risk_curve.channels=["broad"]']
    few += ["risk_curve.ceilings=[0.0, 1.0]", "risk_curve.dormant_ceilings=[0.0, 0.0]", "confirmations.credit.enabled=false"]
    few += ["gate.min_confirmations=1"]
    symbols = [request.symbol for request in wanted(load([], few))]
    assert symbols == ["^RUT", "^GSPC", *LISTED]


def test_macro_and_hourly_series_are_asked_for_where_they_are_used():
    settings = load([], ["confirmations.liquidity.enabled=true", "exchange.timeframe=1h", "confirmations.exhaustion.enabled=true"])
    requests = wanted(settings)
    assert {request.symbol for request in requests if request.kind == "macro"} == {"WALCL", "WTREGEN", "RRPONTSYD"}
    assert Request("BTC-USD", "coin", "BTC/USDT", "1h") in requests
    assert Request("BTC-USD", "coin", "BTC/USDT", "1d") in requests
    assert len(requests) == len({(one.symbol, one.timeframe) for one in requests})


def test_bitcoin_is_read_for_the_benchmarks_even_if_it_is_not_held():
    coin = 'coins=[{name="ETH",history="ETH-USD",market="ETH/USDT",weight=1.0,lag_days=0}]'
    assert [request.symbol for request in wanted(load([], [coin])) if request.kind == "coin"] == ["ETH-USD", "BTC-USD"]


@pytest.mark.parametrize(
    ("request_", "changes", "source"),
    [
        (Request("^RUT", "session"), [], "yahoo"),
        (Request("WALCL", "macro"), [], "fred"),
        (Request("BTC-USD", "coin", "BTC/USDT"), [], "yahoo"),
        (Request("BTC-USD", "coin", "BTC/USDT", "1h"), [], "exchange"),
        (Request("BTC-USD", "coin", "BTC/USDT"), ["prices.sources.BTC-USD=exchange"], "exchange"),
        (Request("WALCL", "macro"), ["prices.source=folder", "prices.folder=x"], "folder"),
        (Request("ETH-USD", "coin", "ETH/USDT"), ["prices.source=folder", "prices.folder=x", 'prices.sources={"ETH-USD"="yahoo"}'], "yahoo"),
    ],
)
def test_each_series_has_its_source(request_: Request, changes: list[str], source: str):
    assert source_of(request_, load([], changes)) == source


def test_the_lead_covers_the_longest_average_of_the_other_series():
    assert HISTORY_FROM.replace(year=HISTORY_FROM.year - 1) > HISTORY_FROM - LEAD


def test_own_figures_of_a_haircut_come_from_the_named_file(whole_folder: Path, cache: Path, tmp_path: Path):
    own = tmp_path / "flows.csv"
    own.write_text("Date,Flow\n2014-01-31,-5\n2014-02-28,7\n")
    prices = loaded(whole_folder, cache, "haircuts.flows.enabled=true", f"haircuts.flows.file={own}")
    assert list(prices.of("flows").frame["value"]) == [-5.0, 7.0]
    assert prices.of("flows").frame.index[0] == pd.Timestamp("2014-02-01", tz="UTC"), "known when the day is over"


def test_a_haircut_whose_file_is_missing_says_so(whole_folder: Path, cache: Path, tmp_path: Path):
    with pytest.raises(DataError, match=r"none\.csv: no such file; \[haircuts\] names it"):
        loaded(whole_folder, cache, "haircuts.losses.enabled=true", f"haircuts.losses.file={tmp_path / 'none.csv'}")
