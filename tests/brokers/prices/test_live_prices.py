"""A live session's prices: said before each series, plausible, and no newest close on trust."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from brokers.journal.opening import journal_path, open_journal
from brokers.journal.records import Accepted
from brokers.prices.clean import vintage
from brokers.prices.live import LivePrices, without_unconfirmed_close
from brokers.prices.load import Prices
from brokers.prices.series import AcceptedClose, DataError, Kind, Request, Series
from brokers.prices.sources import required_series
from config.settings import Settings, load
from tests.price_folder import overrides

NOW = pd.Timestamp("2017-01-01", tz="UTC")
PRICES = ["Open", "High", "Low", "Close", "Adj Close"]


def settings_of(folder: Path, cache: Path, *changes: str) -> Settings:
    """Everything of the session, its coins too, from the folder."""
    coins = ", ".join(f'"{name}-USD" = "folder"' for name in ("BTC", "ETH", "SOL"))
    return load(None, [*overrides(folder, cache), f"prices.sources={{{coins}}}", *changes])


def bent(folder: Path, place: Path, symbol: str, days: slice, factor: float) -> Path:
    """A copy of the folder with all prices of some days of one file times `factor`."""
    shutil.copytree(folder, place / "prices")
    path = place / "prices" / "daily" / f"{symbol.removeprefix('^')}.csv"
    rows = pd.read_csv(path, index_col="Date")
    rows.loc[days, PRICES] *= factor
    rows.to_csv(path)
    return place / "prices"


def silent(text: str, done: int = 0, of: int = 0) -> None:
    pass


def test_each_series_is_progress_because_each_may_take_minutes_to_fail(
    whole_folder: Path, cache: Path
) -> None:
    """By these the watchdog of a service manager knows that the session does not hang."""
    settings = settings_of(whole_folder, cache)
    said: list[str] = []
    prices = LivePrices(settings, lambda text, done=0, of=0: said.append(text))
    loaded, failed = prices.history(NOW)
    assert failed == {}
    names = [request.name for request in required_series(settings)]
    assert [text.partition(" from ")[0] for text in said] == names
    assert len(loaded.series) == len(names)


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_a_coins_newest_daily_close_needs_the_next_day_from_a_folder_too(
    whole_folder: Path, cache: Path, tmp_path: Path, factor: float
) -> None:
    folder = bent(whole_folder, tmp_path, "ETH-USD", slice("2016-12-31", None), factor)
    prices, failed = LivePrices(settings_of(folder, cache), silent).history(NOW)
    assert list(failed) == ["ETH-USD"]
    text = str(failed["ETH-USD"])
    assert "the day that ended at 2017-01-01 00:00 UTC closed at" in text
    assert "the next has not begun: not used before another candle confirms it" in text
    assert prices.of("ETH-USD").frame.index[-1] == NOW - pd.Timedelta(days=1)


def test_the_day_after_confirms_it(whole_folder: Path, cache: Path, tmp_path: Path) -> None:
    folder = bent(whole_folder, tmp_path, "ETH-USD", slice("2016-12-30", None), 3.0)
    prices, failed = LivePrices(settings_of(folder, cache), silent).history(NOW)
    assert failed == {}
    assert prices.of("ETH-USD").frame.index[-1] == NOW


def daily(source: str, *closes: float, kind: Kind = "coin") -> Series:
    index = pd.date_range("2024-01-02", periods=len(closes), freq="D", tz="UTC")
    columns = ("open", "high", "low", "close", "adj_close")
    frame = pd.DataFrame(dict.fromkeys(columns, closes), index).assign(volume=1.0)
    return Series(Request("BTC-USD", kind), source, source, frame, vintage(frame), ())


@pytest.mark.parametrize("source", ["yahoo", "folder", "url", "alpaca"])
@pytest.mark.parametrize(
    ("close", "used"), [(149.0, True), (151.0, False), (67.0, True), (66.0, False)]
)
def test_the_rule_of_candles_holds_of_every_other_source(
    source: str, close: float, *, used: bool
) -> None:
    series, why = without_unconfirmed_close(daily(source, 100.0, close))
    assert (len(series.frame) == 2, why == "") == (used, used)


def test_an_exchanges_own_candles_have_passed_it_with_the_one_that_runs() -> None:
    series = daily("exchange", 100.0, 300.0)
    assert without_unconfirmed_close(series) == (series, "")
    newest = pd.Series("yahoo", series.frame.index[-1:])
    assert len(without_unconfirmed_close(series._replace(substitutes=newest))[0].frame) == 1
    older = pd.Series("yahoo", series.frame.index[:1])
    assert len(without_unconfirmed_close(series._replace(substitutes=older))[0].frame) == 2


def test_us_series_are_held_by_another_rule() -> None:
    series = daily("yahoo", 100.0, 300.0, kind="session")
    assert without_unconfirmed_close(series) == (series, "")


def test_a_series_that_is_implausible_has_failed_and_is_not_used(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """A folder has no version of before: a gate that needs it is not computed."""
    folder = bent(whole_folder, tmp_path, "HYG", slice("2016-11-14", "2016-11-21"), 0.5)
    prices, failed = LivePrices(settings_of(folder, cache), silent).history(NOW)
    assert list(failed) == ["HYG"]
    assert "2016-11-14" in str(failed["HYG"])
    assert "HYG" not in {request.symbol for request in prices.series}


def test_series_that_do_not_fit_each_other_have_failed_both(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Nobody can say which of two files is the other's."""
    folder = tmp_path / "prices"
    shutil.copytree(whole_folder, folder)
    shutil.copy(folder / "daily" / "BTC-USD.csv", folder / "daily" / "ETH-USD.csv")
    prices, failed = LivePrices(settings_of(folder, cache), silent).history(NOW)
    assert sorted(failed) == ["BTC-USD", "ETH-USD"]
    assert {"BTC-USD", "ETH-USD"}.isdisjoint(request.symbol for request in prices.series)
    assert "^RUT" in {request.symbol for request in prices.series}


def test_one_bent_close_among_true_ones_does_not_blind_a_session(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """It was held and is missing for good; a backtest refuses the same file."""
    folder = bent(whole_folder, tmp_path, "HYG", slice("2016-11-15", "2016-11-15"), 0.5)
    prices, failed = LivePrices(settings_of(folder, cache), silent).history(NOW)
    assert failed == {}
    assert len(prices.of("HYG").frame)


def test_one_odd_published_value_is_handed_on_until_its_day_is_accepted(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """It was used when it was new: the session goes on, and a person is told what to do."""
    folder = tmp_path / "prices"
    shutil.copytree(whole_folder, folder)
    (folder / "macro").mkdir(exist_ok=True)
    weeks = pd.date_range("2011-01-05", "2016-12-21", freq="7D")  # Wednesdays
    for name, level in (("WALCL", 4e6), ("WTREGEN", 2e5), ("RRPONTSYD", 100.0)):
        days = weeks if name != "RRPONTSYD" else pd.bdate_range(weeks[0], weeks[-1])
        values = pd.Series(level, days.rename("observation_date"), name=name)
        if name == "WTREGEN":
            values["2016-11-16"] *= 5.0
        values.to_csv(folder / "macro" / f"{name}.csv")

    def history(*changes: str) -> tuple[Prices, Mapping[str, DataError]]:
        enabled = "confirmations.liquidity.enabled=true"
        return LivePrices(settings_of(folder, cache, enabled, *changes), silent).history(NOW)

    prices, failed = history()
    assert failed == {}
    assert "WTREGEN" in {request.symbol for request in prices.series}
    (issue,) = prices.issues
    assert (issue.symbol, issue.kind, issue.severity) == ("WTREGEN", "jump", "high")
    day = issue.first.date()
    assert f'set prices.accepted."WTREGEN" = [{day}]' in issue.text
    prices, failed = history(f"prices.accepted={{WTREGEN = [{day}]}}")
    assert (prices.issues, failed) == ((), {})


def test_what_is_noteworthy_and_used_is_handed_on(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """A level that stays, as after a split."""
    folder = bent(whole_folder, tmp_path, "HYG", slice("2016-11-15", None), 0.5)
    prices, failed = LivePrices(settings_of(folder, cache), silent).history(NOW)
    assert failed == {}
    assert {issue.symbol for issue in prices.issues if issue.severity == "high"} == {"HYG"}


def test_accepted_closes_are_read_from_the_journal_as_they_were_known(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    settings = settings_of(whole_folder, cache, f"journal.folder={tmp_path / 'state'}")
    source = LivePrices(settings, silent)
    assert source.history(NOW)[0].accepted == ()
    close, at = (int(NOW.timestamp()) - hours * 3600 for hours in (27, 10))
    with open_journal(journal_path(settings), lambda: 0.0) as journal:
        journal.accept_close(Accepted("HYG", close, 80.0, "me", float(at)))
    known = pd.Timestamp(at, unit="s", tz="UTC")
    day = pd.Timestamp(close, unit="s").date()
    assert source.accepted(NOW) == (AcceptedClose("HYG", day, 80.0, "me", known),)
    assert source.history(NOW)[0].accepted == source.accepted(NOW)
    assert source.accepted(known - pd.Timedelta(seconds=1)) == ()
