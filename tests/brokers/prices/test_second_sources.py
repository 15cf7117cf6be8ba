"""Lists of sources through the whole way of prices: files, a server, the cache, pinned runs."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from servers import Answer, Site, lead_requests_to, served
from tenacity import wait_none

from backtests.checks.timestamps import check_timestamps
from backtests.engine.inputs import market, prepare_inputs
from backtests.paper_sessions.backtest_inputs import load_session_prices
from brokers.live.series_checks import all_substituted
from brokers.prices import alpaca, candles, download, probe, web, yahoo
from brokers.prices.cache import Cache
from brokers.prices.clean import bar_length
from brokers.prices.combine import with_substitutes
from brokers.prices.load import Prices, load_each, load_prices, read_cached
from brokers.prices.second_sources import load_listed, second_closes
from brokers.prices.series import DataError, Request, Series, UnreachableError, sibling_closes
from brokers.prices.sources import sources_of
from brokers.prices.stored_series import stored_rows
from config.settings import DEFAULT, Settings, load
from tests.price_folder import edit, overrides

NOW = pd.Timestamp("2016-12-31 12:00", tz="UTC")
LACKED = 10  # sessions that the first source has not
EXHAUSTION = ("confirmations.exhaustion.enabled=true",)
OVERLAY = DEFAULT.with_name("second_sources.toml")


class Vendor(Site):
    """The daily files of a folder, whole, by symbol."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def data(self, path: str, query: dict[str, str]) -> Answer:
        file = self.folder / "daily" / f"{query['s'].removeprefix('^')}.csv"
        if not file.exists():
            return Answer(404)
        header, *rows = file.read_text().splitlines()
        chosen = [row for row in rows if row >= query["from"]]
        return Answer(200, "\n".join([header, *chosen]).encode())


@contextmanager
def serving(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    """The address of prices answers what is in `folder`."""
    monkeypatch.setenv("RUSSELL_GATE_PRICES_URL", "https://x.org/?s={symbol}&from={start}")
    monkeypatch.setattr(web, "WAIT", wait_none())
    with served(Vendor(folder)) as running:
        lead_requests_to(running, monkeypatch)
        assert isinstance(running, Vendor)
        yield running


@pytest.fixture
def vendor(whole_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    with serving(whole_folder, monkeypatch) as running:
        yield running


@pytest.fixture
def behind(whole_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same folder, in which the index lacks its last rows."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "behind"
    shutil.copytree(whole_folder, folder)
    edit(folder / "daily/RUT.csv", lambda rows: rows[:-LACKED])
    return folder


def settings_of(folder: Path, cache: Path, sources: str, *more: str) -> Settings:
    return load([], [*overrides(folder, cache), f'prices.sources."^RUT"={sources}', *more])


def substitutes(prices: Prices, symbol: str = "^RUT") -> list[str]:
    names = prices.of(symbol).substitutes
    return [] if names is None else names.tolist()


def test_an_address_tops_up_the_file_that_is_behind(
    behind: Path, whole_folder: Path, cache: Path, tmp_path: Path, vendor: Vendor
) -> None:
    places = f"prices.cache={tmp_path / 'cache'}"
    shutil.copytree(cache, tmp_path / "cache")
    settings = settings_of(behind, cache, '["folder", "url", "proxy:IWM"]', places)
    prices = load_prices(settings, NOW)
    truth = load_prices(load([], overrides(whole_folder, cache)), NOW).of("^RUT").frame
    columns = ["open", "high", "low", "close", "adj_close"]
    pd.testing.assert_frame_equal(prices.of("^RUT").frame[columns], truth[columns])
    assert substitutes(prices) == ["url"] * LACKED
    (issue,) = prices.issues
    assert (issue.symbol, issue.kind, issue.severity) == ("^RUT", "sources", "note")
    inputs = prepare_inputs(settings, prices)
    assert (inputs.table["stale"] == 0).all(), "no stale gate with a second source"
    assert inputs.table["substituted"].sum() == LACKED
    assert len(vendor.asked) == 1


def test_each_source_has_its_own_rows_in_the_cache_and_a_proxy_has_none(
    behind: Path, cache: Path, tmp_path: Path, vendor: Vendor
) -> None:
    own = tmp_path / "cache"
    shutil.copytree(cache, own)
    before = {path.relative_to(own) for path in own.rglob("*.parquet")}
    settings = settings_of(behind, cache, '["folder", "url"]', f"prices.cache={own}")
    load_prices(settings, NOW)
    load_prices(settings, NOW)
    assert len(vendor.asked) == 1, "the second time its rows are in the cache"
    proxied = settings_of(behind, cache, '["folder", "proxy:IWM"]', f"prices.cache={own}")
    load_prices(proxied, NOW)
    after = {path.relative_to(own) for path in own.rglob("*.parquet")} - before
    (stored,) = after
    assert stored.parent.name.startswith("url-") and stored.stem == "%5ERUT_1d"
    assert len(pd.read_parquet(own / stored)) > 1000


def test_a_fund_stands_in_for_the_index_on_its_level(behind: Path, cache: Path) -> None:
    prices = load_prices(settings_of(behind, cache, '["folder", "proxy:IWM"]'), NOW)
    index, fund = prices.of("^RUT").frame, prices.of("IWM").frame
    assert substitutes(prices) == ["proxy:IWM"] * LACKED
    newest = slice(-LACKED, None)
    moves = fund["adj_close"].pct_change().iloc[newest].iloc[1:]
    np.testing.assert_allclose(index["close"].pct_change().iloc[newest].iloc[1:], moves, rtol=1e-9)
    jump = index["close"].iloc[-LACKED] / index["close"].iloc[-LACKED - 1]
    assert abs(jump / (1 + fund["adj_close"].pct_change().iloc[-LACKED]) - 1) < 0.01


def test_a_close_that_is_made_of_a_fund_is_not_compared_with_that_fund(
    behind: Path, cache: Path, vendor: Vendor, tmp_path: Path
) -> None:
    """IWM says nothing of ^RUT's closes where they are IWM's own; those of an address it may."""
    shutil.copytree(cache, tmp_path / "cache")
    for sources, independent in (('["folder", "proxy:IWM"]', False), ('["folder", "url"]', True)):
        settings = settings_of(behind, cache, sources, f"prices.cache={tmp_path / 'cache'}")
        prices = load_prices(settings, NOW)
        fund = prices.of("IWM").frame["adj_close"]
        known = fund if independent else fund.iloc[:-LACKED]
        usable = sibling_closes(prices.of("^RUT"), prices.of("IWM"))
        pd.testing.assert_series_equal(usable, known)
        pd.testing.assert_series_equal(market(settings, prices).siblings["small_caps"], known)
        other = sibling_closes(prices.of("^GSPC"), prices.of("RSP"))
        pd.testing.assert_series_equal(other, prices.of("RSP").frame["adj_close"])


@pytest.mark.parametrize("sources", ['["folder", "url"]', '["folder", "proxy:IWM"]'])
def test_a_run_of_combined_rows_is_read_again_as_it_was(
    sources: str, behind: Path, cache: Path, tmp_path: Path, vendor: Vendor
) -> None:
    own = tmp_path / "cache"
    shutil.copytree(cache, own)
    settings = settings_of(behind, cache, sources, f"prices.cache={own}")
    prices = load_prices(settings, NOW)
    download.pin(prices.series, settings)
    pinned = {request.name: series.vintage for request, series in prices.series.items()}
    shutil.copy(vendor.folder / "daily/RUT.csv", behind / "daily/RUT.csv")  # the first is back
    assert substitutes(load_prices(settings, NOW)) == []
    again = load_prices(settings, NOW, pinned=pinned)
    was, now = prices.of("^RUT"), again.of("^RUT")
    assert now.vintage == was.vintage
    pd.testing.assert_frame_equal(now.frame, was.frame)
    assert was.substitutes is not None and now.substitutes is not None
    assert now.substitutes.to_dict() == was.substitutes.to_dict()
    assert market(settings, again).substituted.equals(market(settings, prices).substituted)
    with pytest.raises(DataError, match="is not what that run used"):
        load_prices(settings, NOW, pinned=pinned | {"^RUT": "0123456789abcdef"})


def scaled(rows: list[str], day: str, factor: float) -> list[str]:
    """The rows of a file in which all prices of one day are times a factor."""

    def scale(row: str) -> str:
        cells = row.split(",")
        if cells[0] != day:
            return row
        return ",".join([day, *(f"{float(cell) * factor:.4f}" for cell in cells[1:6]), *cells[6:]])

    return [scale(row) for row in rows]


@pytest.mark.parametrize(
    ("change", "used"),
    [
        (lambda rows: scaled(rows, "2016-12-09", 1.02), True),  # beyond 1 %: a disagreement
        (lambda rows: scaled(rows, "2016-12-09", 1.08), False),
        (lambda rows: rows, True),
    ],
)
def test_what_sources_disagreed_on_is_read_again_with_the_run_that_noted_it(
    change: Callable[[list[str]], list[str]],
    *,
    used: bool,
    behind: Path,
    whole_folder: Path,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = tmp_path / "cache"
    shutil.copytree(cache, own)
    other = tmp_path / "vendor"
    shutil.copytree(whole_folder, other)
    edit(other / "daily/RUT.csv", change)
    settings = settings_of(behind, cache, '["folder", "url"]', f"prices.cache={own}")
    with serving(other, monkeypatch):
        prices = load_prices(settings, NOW)
    was = prices.of("^RUT")
    assert bool(substitutes(prices)) is used
    is_disagreement = bool(change(["2016-12-09,1,1,1,1,1,1"]) != ["2016-12-09,1,1,1,1,1,1"])
    assert any(issue.severity == "high" for issue in was.issues) is is_disagreement
    download.pin(prices.series, settings)
    pinned = {request.name: series.vintage for request, series in prices.series.items()}
    again = load_prices(settings, NOW, pinned=pinned)
    now = again.of("^RUT")
    assert (now.issues, now.notes, now.vintage) == (was.issues, was.notes, was.vintage)
    assert again.issues == prices.issues
    pd.testing.assert_frame_equal(now.frame, was.frame)


def test_a_run_on_rows_of_a_later_source_alone_is_read_again_as_of_that_source(
    whole_folder: Path, cache: Path, tmp_path: Path, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = without_yahoo(cache, tmp_path, monkeypatch)
    settings = settings_of(whole_folder, cache, '["yahoo", "url"]', f"prices.cache={own}")
    prices = load_prices(settings, NOW)
    download.pin(prices.series, settings)
    pinned = {request.name: series.vintage for request, series in prices.series.items()}
    was, now = prices.of("^RUT"), load_prices(settings, NOW, pinned=pinned).of("^RUT")
    assert now._replace(frame=was.frame, substitutes=was.substitutes) == was
    assert now.source == "url" and all_substituted(prices) == {"^RUT"}
    pd.testing.assert_frame_equal(now.frame, was.frame)
    assert now.substitutes is not None and was.substitutes is not None
    assert now.substitutes.to_dict() == was.substitutes.to_dict()


def test_rows_stored_by_a_version_without_notes_of_its_runs_are_read_again(
    behind: Path, cache: Path, tmp_path: Path, vendor: Vendor
) -> None:
    own = tmp_path / "cache"
    shutil.copytree(cache, own)
    settings = settings_of(behind, cache, '["folder", "url"]', f"prices.cache={own}")
    prices = load_prices(settings, NOW)
    series = prices.of("^RUT")
    old = with_substitutes(series._replace(issues=()), series.substitutes)
    rows = stored_rows(old, pd.Timedelta(minutes=settings.prices.publication_delay))
    rows.attrs.clear()
    Cache(own).pin_rows(old.vintage, rows)
    download.pin(prices.series, settings)
    pinned = {request.name: one.vintage for request, one in prices.series.items()}
    again = load_prices(settings, NOW, pinned=pinned | {"^RUT": old.vintage}).of("^RUT")
    assert (again.vintage, again.source, again.issues) == (old.vintage, "folder", ())


def test_what_is_stored_of_a_later_source_alone_is_named_as_its_own(
    whole_folder: Path, cache: Path, tmp_path: Path, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = without_yahoo(cache, tmp_path, monkeypatch)
    settings = settings_of(whole_folder, cache, '["yahoo", "url"]', f"prices.cache={own}")
    request = next(one for one in load_prices(settings, NOW).series if one.symbol == "^RUT")
    series = read_cached(settings, request, NOW)
    assert series is not None and series.substitutes is not None
    assert (series.source, series.substitutes.to_dict()) == ("url", {series.frame.index[-1]: "url"})
    (issue,) = series.issues
    assert issue.severity == "high", "nothing shows that it is the same series"
    assert issue.text.endswith("(yahoo: nothing usable of it is stored)")
    alone = settings_of(whole_folder, cache, '["url", "yahoo"]', f"prices.cache={own}")
    series = read_cached(alone, request, NOW)
    assert series is not None and series.substitutes is None and series.issues == ()


@pytest.mark.parametrize("timeframe", ["1h", "15m"])
@pytest.mark.parametrize("lacked", [3, 300])
def test_bars_shorter_than_a_day_are_topped_up_to_the_newest_and_read_again(
    timeframe: str, lacked: int, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder lacks the newest three bars, or all."""
    own = Path(shutil.copytree(cache, tmp_path / "cache"))
    length = bar_length(timeframe)
    starts = pd.date_range(end=NOW - length, periods=300, freq=length)
    walk = np.exp(np.cumsum(np.random.default_rng(1).normal(0.0, 0.01, 300)))
    rows = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), walk), starts)
    monkeypatch.setattr(candles, "fetch", lambda *_: rows)
    (tmp_path / "hourly").mkdir()
    if lacked < len(rows):
        file = tmp_path / f"hourly/BTCUSDT_{timeframe}.csv"
        rows.iloc[:-lacked].to_csv(file, index_label="date")
    words = ['prices.sources."BTC-USD"=["folder", "exchange"]', f"prices.cache={own}"]
    settings = load([], [*overrides(tmp_path, cache), *words])
    request = Request("BTC-USD", "coin", "BTC/USDT", timeframe)
    was = load_listed(request, settings, NOW)
    assert was.substitutes is not None and was.frame.index[-1] == NOW
    download.pin({request: was}, settings)
    again = load_listed(request, settings, NOW, pinned={request.name: was.vintage})
    pd.testing.assert_frame_equal(again.frame, was.frame, check_freq=False)
    assert again.substitutes is not None
    assert again.substitutes.to_dict() == was.substitutes.to_dict()
    assert again._replace(frame=was.frame, substitutes=was.substitutes) == was


@pytest.fixture
def stored_and_gone(
    behind: Path, whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Settings, Path]:
    """Settings with the address first, of which all but the newest rows are stored, and a folder.

    From now on the address answers 404.
    """
    own = Path(shutil.copytree(cache, tmp_path / "cache"))
    behind.rename(tmp_path / "vendor")
    second = Path(shutil.copytree(whole_folder, tmp_path / "second"))
    settings = settings_of(second, cache, '["url", "folder"]', f"prices.cache={own}")
    with serving(tmp_path / "vendor", monkeypatch):
        assert substitutes(load_prices(settings, NOW)) == ["folder"] * LACKED
    (tmp_path / "vendor/daily/RUT.csv").unlink()
    return settings, second


def test_a_first_source_that_fails_has_what_is_stored_of_it(
    stored_and_gone: tuple[Settings, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, second = stored_and_gone
    truth = load_prices(load([], overrides(second, tmp_path / "cache")), NOW).of("^RUT").frame
    with serving(tmp_path / "vendor", monkeypatch):
        series = load_prices(settings, NOW).of("^RUT")
        assert (series.source, len(series.frame)) == ("url", len(truth))
        assert series.substitutes is not None and series.substitutes.tolist() == ["folder"] * LACKED
        assert [issue.severity for issue in series.issues] == ["note"]
        assert any("from the cache of url" in note and "404" in note for note in series.notes)
        request = series.request
    stored = read_cached(settings, request, NOW)
    assert stored is not None and stored.source == "url"


def test_another_symbol_does_not_stand_in_for_a_first_source_that_fails(
    stored_and_gone: tuple[Settings, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, second = stored_and_gone
    shutil.copy(second / "daily/GSPC.csv", second / "daily/RUT.csv")
    with serving(tmp_path / "vendor", monkeypatch):
        found = dict(load_each(settings, NOW))
    series = next(one for request, one in found.items() if request.symbol == "^RUT")
    assert isinstance(series, Series)
    assert (series.source, series.substitutes) == ("url", None)
    (issue,) = series.issues
    assert issue.severity == "high" and "url and folder do not have the same series" in issue.text


def test_stored_rows_that_cannot_be_true_do_not_replace_the_error_of_a_source(
    stored_and_gone: tuple[Settings, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, second = stored_and_gone
    (file,) = (tmp_path / "cache").glob("url-*/*RUT*.parquet")
    rows = pd.read_parquet(file)
    rows.iloc[500, :5] *= 3.0
    rows.to_parquet(file)
    with serving(tmp_path / "vendor", monkeypatch):
        series = load_prices(settings, NOW).of("^RUT")
        assert (series.source, series.issues[0].severity) == ("folder", "high")
        (second / "daily/RUT.csv").unlink()
        with pytest.raises(DataError, match="404"):
            load_prices(settings, NOW)


def test_a_newest_row_of_a_coin_that_stands_in_raises_no_ceiling(
    whole_folder: Path, cache: Path, tmp_path: Path, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On New Year's Eve, a Saturday, the newest gate row is Friday's."""
    own = without_yahoo(cache, tmp_path, monkeypatch)
    words = ['prices.sources."BTC-USD"=["yahoo", "folder"]', f"prices.cache={own}"]
    settings = load([], [*overrides(whole_folder, cache), *words, *EXHAUSTION])
    prices = load_prices(settings, NOW)
    names = prices.of("BTC-USD").substitutes
    assert names is not None
    assert [f"{day:%m-%d}" for day in names.index] == ["12-30", "12-31"]
    assert prices.sessions.index[-1] in market(settings, prices).substituted


def test_another_symbol_is_no_witness_of_a_close_and_is_named(
    whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address answers ^GSPC's closes, on the level of ^RUT, whatever it is asked for."""
    own = tmp_path / "cache"
    shutil.copytree(cache, own)
    wrong = tmp_path / "vendor"
    shutil.copytree(whole_folder, wrong)
    shutil.copy(wrong / "daily/GSPC.csv", wrong / "daily/RUT.csv")
    sources = '["folder", "url", "proxy:IWM"]'
    settings = settings_of(whole_folder, cache, sources, f"prices.cache={own}")
    series = load_prices(settings, NOW).of("^RUT")
    with serving(wrong, monkeypatch):
        found = dict(second_closes(series, settings, NOW))
    assert isinstance(found["proxy:IWM"], pd.Series)
    assert isinstance(found["url"], str)
    assert found["url"].startswith("^RUT: folder and url do not have the same series: their daily")


@pytest.mark.parametrize("sources", ['["folder", "url"]', '["folder", "proxy:IWM"]'])
def test_rows_of_a_later_source_are_checked_against_its_own_dates(
    sources: str, behind: Path, cache: Path, tmp_path: Path, vendor: Vendor
) -> None:
    """Rows that are known a session too early are seen, though they are on another level."""
    own = tmp_path / "cache"
    shutil.copytree(cache, own)
    settings = settings_of(behind, cache, sources, f"prices.cache={own}")
    prices = load_prices(settings, NOW)
    assert check_timestamps(settings, prices)[1:] == ((), ())
    request = next(request for request in prices.series if request.symbol == "^RUT")
    series = prices.series[request]
    frame = series.frame.copy()
    early = frame.iloc[-LACKED + 1 :].to_numpy()
    frame.iloc[-LACKED:-1] = early
    shifted = {**prices.series, request: series._replace(frame=frame)}
    (finding,) = check_timestamps(settings, prices._replace(series=shifted)).findings
    assert (finding.series, finding.instant) == ("^RUT", frame.index[-LACKED])


def test_what_came_from_a_second_source_may_not_raise_the_ceiling(
    behind: Path, whole_folder: Path, cache: Path
) -> None:
    """The gate opens on a session for which the index itself has no row."""
    truth = load([], overrides(whole_folder, cache))
    table = prepare_inputs(truth, load_prices(truth, NOW)).table
    rises = table["ceiling"].diff() > 0
    day = table.index[rises][0]
    edit(behind / "daily/RUT.csv", lambda rows: [row for row in rows if row < f"{day:%Y-%m-%d}"])
    settings = settings_of(behind, cache, '["folder", "proxy:IWM"]')
    found = prepare_inputs(settings, load_prices(settings, NOW).until(day))
    assert found.table.index[-1] == day and found.table["substituted"].iloc[-1]
    assert found.rows["ceiling"].iloc[-1] == table["ceiling"][day]
    assert found.table["ceiling"].iloc[-1] == table["ceiling"].shift()[day]
    assert found.table["stale"].iloc[-1] == 0


def without_yahoo(cache: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache without rows of Yahoo, which gives none either."""

    def away(*_: object) -> pd.DataFrame:
        raise UnreachableError("Yahoo: no usable response; try again later")

    monkeypatch.setattr(yahoo, "fetch", away)
    return Path(shutil.copytree(cache, place / "cache"))


def test_with_yahoo_away_and_nothing_stored_the_address_has_it_all_but_raises_nothing(
    whole_folder: Path, cache: Path, tmp_path: Path, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = without_yahoo(cache, tmp_path, monkeypatch)
    settings = settings_of(whole_folder, cache, '["yahoo", "url"]', f"prices.cache={own}")
    prices = load_prices(settings, NOW)
    series = prices.of("^RUT")
    assert (series.source, substitutes(prices)) == ("url", ["url"])
    assert any("Yahoo: no usable response" in note for note in series.notes)
    assert market(settings, prices).substituted.tolist() == [series.frame.index[-1]]


def test_a_report_is_not_refused_because_the_first_of_several_sources_is_away(
    whole_folder: Path, cache: Path, tmp_path: Path, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = without_yahoo(cache, tmp_path, monkeypatch)
    monkeypatch.setattr(probe, "connection_problem", lambda url: "no connection")
    for sources, reached in (('["yahoo", "url"]', True), ('"yahoo"', False)):
        settings = settings_of(whole_folder, cache, sources, f"prices.cache={own}")
        if reached:
            assert load_session_prices(settings, NOW).of("^RUT").source == "url"
        else:
            with pytest.raises(UnreachableError, match="no connection"):
                load_session_prices(settings, NOW)


def test_a_source_without_keys_is_left_out_and_named(
    whole_folder: Path, behind: Path, cache: Path
) -> None:
    edit(behind / "daily/HYG.csv", lambda rows: rows[:-1])
    settings = load([], [*overrides(behind, cache), 'prices.sources.HYG=["folder", "alpaca"]'])
    series = load_prices(settings, NOW).of("HYG")
    assert series.substitutes is None
    assert any("RUSSELL_GATE_ALPACA_KEY" in note for note in series.notes)


def test_the_other_sources_of_a_series_are_asked_for_its_closes(
    whole_folder: Path, behind: Path, cache: Path, tmp_path: Path, vendor: Vendor
) -> None:
    own = tmp_path / "cache"
    shutil.copytree(cache, own)
    edit(behind / "daily/RUT.csv", lambda rows: rows[:-1])
    sources = '["folder", "alpaca", "url", "proxy:IWM"]'
    settings = settings_of(behind, cache, sources, f"prices.cache={own}")
    series = load_prices(settings, NOW).of("^RUT")
    truth = load_prices(load([], overrides(whole_folder, cache)), NOW).of("^RUT").frame["close"]
    found = dict(second_closes(series, settings, NOW))
    assert list(found) == ["url", "proxy:IWM"], "Alpaca has no index"
    assert isinstance(found["url"], pd.Series) and isinstance(found["proxy:IWM"], pd.Series)
    np.testing.assert_allclose(found["url"][truth.index], truth, rtol=1e-9)
    assert abs(found["proxy:IWM"].iloc[-1] / truth.iloc[-1] - 1) < 0.02


def test_the_ready_made_overlay_names_sources_that_can_have_each_series() -> None:
    settings = load([OVERLAY])
    for symbol in (*settings.session_symbols(), *settings.prices.proxies()):
        sources = sources_of(Request(symbol, "session"), settings)
        assert sources[0] == "yahoo" and len(sources) == 2
        assert (sources[1] == "alpaca") == (not symbol.startswith("^"))
    assert settings.prices.proxies() == ("IWM", "SPY")


def test_the_ready_made_overlay_is_asked_in_its_order(
    whole_folder: Path,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Yahoo has all but the last ten sessions of everything, Alpaca the funds."""
    files = {
        path.stem: pd.read_csv(path, index_col="Date", parse_dates=True)
        for path in (whole_folder / "daily").iterdir()
    }
    files["SPY"] = files["GSPC"] / 10.0
    names = {"Adj Close": "adj_close"}

    def frame(symbol: str) -> pd.DataFrame:
        table = files[symbol.removeprefix("^")]
        return table.rename(columns=lambda name: names.get(name, name.lower()))

    def from_yahoo(request: Request, *_: object) -> pd.DataFrame:
        rows = frame(request.symbol)
        return rows if request.kind == "coin" else rows.iloc[:-LACKED]

    monkeypatch.setattr(yahoo, "fetch", from_yahoo)
    monkeypatch.setattr(alpaca, "fetch", lambda request, *_: frame(request.symbol))
    monkeypatch.setattr(alpaca, "keys", lambda: ("key", "secret"))
    own = tmp_path / "cache"
    shutil.copytree(cache, own)
    places = [f"prices.cache={own}", "signal.history_from=2012-01-03"]
    prices = load_prices(load([OVERLAY], places), NOW)
    assert substitutes(prices) == ["proxy:IWM"] * LACKED
    assert substitutes(prices, "^GSPC") == ["proxy:SPY"] * LACKED
    assert substitutes(prices, "HYG") == ["alpaca"] * LACKED
    assert prices.of("BTC-USD").substitutes is None
    inputs = prepare_inputs(load([OVERLAY], places), prices)
    assert (inputs.table["stale"] == 0).all()
    ceilings = inputs.table["ceiling"].iloc[-LACKED - 1 :]
    assert (ceilings.diff().dropna() <= 0).all()
