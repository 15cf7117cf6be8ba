"""All series of a configuration out of a folder of real files."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import pytest
from servers import Site, closed_port, lead_probes_to, served

from backtests.engine.inputs import prepare_inputs
from brokers.prices import candles, download, fred, probe, public_exchange, sample, yahoo
from brokers.prices import folder as folder_source
from brokers.prices.cache import Cache
from brokers.prices.calendar import LEAD, session_closes
from brokers.prices.load import Prices, load_prices, read_cached
from brokers.prices.series import DataError, Request, UnreachableError
from brokers.prices.sources import required_series, source_of
from config.settings import Settings, load
from tests.price_folder import HISTORY_FROM, LISTED, edit, overrides

NOW = pd.Timestamp("2016-12-31 12:00", tz="UTC")


def loaded(folder: Path, cache: Path, *more: str, now: pd.Timestamp | None = None) -> Prices:
    return load_prices(
        load([], [*overrides(folder, cache), *more]), now or pd.Timestamp.now(tz="UTC")
    )


def test_every_wanted_series_is_read_once_and_stamped_when_it_was_known(
    whole_folder: Path, cache: Path
):
    prices = loaded(whole_folder, cache)
    assert [request.symbol for request in prices.series] == [
        "^RUT",
        "^GSPC",
        "IWM",
        "HYG",
        "IEF",
        "KRE",
        "XLI",
        "XBI",
        "RSP",
        *LISTED,
    ]
    assert prices.of("^RUT").frame.index[0] == pd.Timestamp("2012-01-03 21:30", tz="UTC")
    assert prices.of("BTC-USD").frame.index[0] == pd.Timestamp("2012-06-02", tz="UTC")
    assert all(
        one.frame.index.tz is not None and one.frame.index.is_monotonic_increasing
        for one in prices.series.values()
    )


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
    table = prepare_inputs(settings, load_prices(settings, NOW)).table
    known = table.index[table["confirmation_breadth"].notna()]
    assert known[-1] == pd.Timestamp("2015-01-08 21:30", tz="UTC"), (
        "five sessions after its last one, and not one more"
    )


def test_until_shows_what_was_known_and_nothing_after(whole_folder: Path, cache: Path):
    prices = loaded(whole_folder, cache)
    saturday = pd.Timestamp("2014-03-08 10:00", tz="UTC")
    then = prices.until(saturday)
    assert then.now == saturday
    assert (
        then.sessions.index[-1]
        == then.of("IWM").frame.index[-1]
        == pd.Timestamp("2014-03-07 21:30", tz="UTC")
    )
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


def test_equal_files_have_equal_vintages_and_one_digit_changes_them(
    folder: Path, whole_folder: Path, cache: Path
):
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
    few = [
        "confirmations.breadth.enabled=false",
        "confirmations.volume.enabled=false",
        'risk_curve.channels=["broad"]',
    ]
    few += [
        "risk_curve.ceilings=[0.0, 1.0]",
        "risk_curve.dormant_ceilings=[0.0, 0.0]",
        "confirmations.credit.enabled=false",
    ]
    few += ["gate.min_confirmations=1"]
    symbols = [request.symbol for request in required_series(load([], few))]
    assert symbols == ["^RUT", "^GSPC", *LISTED]


def test_macro_and_hourly_series_are_asked_for_where_they_are_used():
    settings = load(
        [],
        [
            "confirmations.liquidity.enabled=true",
            "exchange.timeframe=1h",
            "confirmations.exhaustion.enabled=true",
        ],
    )
    requests = required_series(settings)
    assert {request.symbol for request in requests if request.kind == "macro"} == {
        "WALCL",
        "WTREGEN",
        "RRPONTSYD",
    }
    assert Request("BTC-USD", "coin", "BTC/USDT", "1h") in requests
    assert Request("BTC-USD", "coin", "BTC/USDT", "1d") in requests
    assert len(requests) == len({(one.symbol, one.timeframe) for one in requests})


def test_bitcoin_is_read_for_the_benchmarks_even_if_it_is_not_held():
    coin = 'coins=[{name="ETH",history="ETH-USD",market="ETH/USDT",weight=1.0,lag_days=0}]'
    assert [
        request.symbol for request in required_series(load([], [coin])) if request.kind == "coin"
    ] == [
        "ETH-USD",
        "BTC-USD",
    ]


@pytest.mark.parametrize(
    ("request_", "changes", "source"),
    [
        (Request("^RUT", "session"), [], "yahoo"),
        (Request("WALCL", "macro"), [], "fred"),
        (Request("BTC-USD", "coin", "BTC/USDT"), [], "yahoo"),
        (Request("BTC-USD", "coin", "BTC/USDT", "1h"), [], "exchange"),
        (Request("BTC-USD", "coin", "BTC/USDT"), ["prices.sources.BTC-USD=exchange"], "exchange"),
        (Request("WALCL", "macro"), ["prices.source=folder", "prices.folder=x"], "folder"),
        (Request("WALCL", "macro"), ["prices.source=sample"], "sample"),
        (Request("BTC-USD", "coin", "BTC/USDT", "1h"), ["prices.source=sample"], "sample"),
        (
            Request("ETH-USD", "coin", "ETH/USDT"),
            ["prices.source=folder", "prices.folder=x", 'prices.sources={"ETH-USD"="yahoo"}'],
            "yahoo",
        ),
    ],
)
def test_each_series_has_its_source(request_: Request, changes: list[str], source: str):
    assert source_of(request_, load([], changes)) == source


def test_the_lead_covers_the_longest_average_of_the_other_series():
    assert HISTORY_FROM.replace(year=HISTORY_FROM.year - 1) > HISTORY_FROM - LEAD


def test_own_figures_of_a_haircut_come_from_the_named_file(
    whole_folder: Path, cache: Path, tmp_path: Path
):
    own = tmp_path / "flows.csv"
    own.write_text("Date,Flow\n2014-01-31,-5\n2014-02-28,7\n")
    prices = loaded(
        whole_folder, cache, "haircuts.flows.enabled=true", f"haircuts.flows.file={own}"
    )
    assert list(prices.of("flows").frame["value"]) == [-5.0, 7.0]
    assert prices.of("flows").frame.index[0] == pd.Timestamp("2014-02-01", tz="UTC"), (
        "known when the day is over"
    )


def test_a_haircut_whose_file_is_missing_says_so(whole_folder: Path, cache: Path, tmp_path: Path):
    with pytest.raises(DataError, match=r"none\.csv: no such file, but the settings name it"):
        loaded(
            whole_folder,
            cache,
            "haircuts.losses.enabled=true",
            f"haircuts.losses.file={tmp_path / 'none.csv'}",
        )


# The embedded sample instead

LATER = pd.Timestamp("2027-01-01 12:00", tz="UTC")


@pytest.fixture
def empty_cache(tmp_path: Path, cache: Path) -> Path:
    """A cache that holds the calendars and no price."""
    session_closes(sample.FIRST_SESSION, cache)
    own = tmp_path / "own cache"
    own.mkdir()
    for file in cache.glob("XNYS*"):
        shutil.copy(file, own)
    return own


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, no_proxy: None) -> list[str]:
    """Every service listens on a port where nobody is; whoever is asked for prices all the same is
    listed.
    """
    asked: list[str] = []

    def noted(request: Request, *_: object) -> pd.DataFrame:
        asked.append(request.name)
        raise UnreachableError(
            f"Yahoo: no usable response for {request.name}: it is down; try again later"
        )

    port = closed_port()
    monkeypatch.setattr(probe, "_address", lambda url: ("127.0.0.1", port))
    for service in (yahoo, fred, candles):
        monkeypatch.setattr(service, "fetch", noted)
    return asked


def prices_in(folder: Path) -> list[Path]:
    return [
        path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("XNYS")
    ]


def test_without_network_and_cache_the_sample_replaces_them_at_once(
    empty_cache: Path, no_network: list[str]
):
    settings = load([], [f"prices.cache={empty_cache}"])
    prices = load_prices(settings, LATER, may_fall_back=True)
    assert no_network == [], "no client is asked: each would try for a minute"
    assert prices.sample
    assert prices.fallback == (
        "yahoo: ^RUT is not in the cache and no connection to query2.finance.yahoo.com "
        "(Connection refused), so these are the simulated prices of the embedded sample, not the "
        "market's."
    )
    assert {one.source for one in prices.series.values()} == {"sample"}
    assert prices.now == sample.END
    assert prices_in(empty_cache) == []


def test_the_client_is_not_even_imported_for_that(empty_cache: Path):
    program = (
        "import sys, pandas as pd\n"
        "from brokers.prices import load, probe\n"
        "from config.settings import load as settings\n"
        "probe._address = lambda url: ('127.0.0.1', int(sys.argv[1]))\n"
        "now = pd.Timestamp('2027-01-01', tz='UTC')\n"
        "prices = load.load_prices(settings([], sys.argv[2:]), now, may_fall_back=True)\n"
        "print(prices.sample, 'yfinance' in sys.modules, 'ccxt' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run(
        [sys.executable, "-c", program, str(closed_port()), f"prices.cache={empty_cache}"],
        capture_output=True, text=True, cwd=Path(__file__).parents[3], env=environment,
    )  # fmt: skip
    assert done.stdout.split() == ["True", "False", "False"], done.stderr


@pytest.mark.parametrize("hang", ["name", "connection"])
def test_a_network_without_any_response_is_given_up_in_time(
    hang: str, empty_cache: Path, no_proxy: None, monkeypatch: pytest.MonkeyPatch
):
    released = threading.Event()

    def swallowed(*_: object, **__: object) -> None:
        released.wait(60)
        raise OSError

    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))]
    monkeypatch.setattr(
        socket, "getaddrinfo", swallowed if hang == "name" else lambda *_, **__: found
    )
    monkeypatch.setattr(socket, "create_connection", swallowed)
    monkeypatch.setattr(probe, "PATIENCE", 0.2)
    try:
        assert (
            probe.connection_problem(yahoo.URL)
            == "no connection to query2.finance.yahoo.com (no response within 0.2 s)"
        )
        assert not released.is_set()
        prices = load_prices(load([], [f"prices.cache={empty_cache}"]), LATER, may_fall_back=True)
    finally:
        released.set()
    assert "(no response within 0.2 s)" in prices.fallback


def test_one_address_of_a_host_that_answers_is_enough(
    no_proxy: None, monkeypatch: pytest.MonkeyPatch
):
    look_up = socket.getaddrinfo
    with served(Site()) as site:
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
            for port in (closed_port(), site.port, closed_port())
        ]
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *more, **named: (
                found if host == "prices.example" else look_up(host, *more, **named)
            ),
        )
        assert probe.connection_problem("https://prices.example") == ""
    assert "Connection refused" in probe.connection_problem("https://prices.example")


def test_behind_a_proxy_only_the_client_can_tell(
    empty_cache: Path, no_network: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    prices = load_prices(load([], [f"prices.cache={empty_cache}"]), LATER, may_fall_back=True)
    assert no_network == ["^RUT"]
    assert prices.fallback.startswith(
        "Yahoo: no usable response for ^RUT: it is down, so these are the simulated"
    )


def test_a_service_that_can_be_connected_to_is_asked(
    empty_cache: Path, no_network: list[str], monkeypatch: pytest.MonkeyPatch
):
    with served(Site()) as site:
        lead_probes_to(site, monkeypatch)
        prices = load_prices(load([], [f"prices.cache={empty_cache}"]), LATER, may_fall_back=True)
    assert no_network == ["^RUT"]
    assert prices.sample


def test_what_a_service_says_about_a_symbol_is_no_reason_for_the_sample(
    empty_cache: Path, no_network: list[str], monkeypatch: pytest.MonkeyPatch
):
    def unknown(request: Request, *_: object) -> pd.DataFrame:
        raise DataError(f"Yahoo: knows no symbol {request.symbol}")

    monkeypatch.setattr(yahoo, "fetch", unknown)
    with served(Site()) as site:
        lead_probes_to(site, monkeypatch)
        with pytest.raises(DataError, match="knows no symbol"):
            load_prices(load([], [f"prices.cache={empty_cache}"]), LATER, may_fall_back=True)


def fill(cache: Path, settings: Settings, whole_folder: Path) -> None:
    """The made-up folder's rows, in the cache as if Yahoo had given them."""
    stored = Cache(cache)
    for request in required_series(settings):
        rows = folder_source.fetch(request, whole_folder)[0]
        stored.update(
            "yahoo",
            request,
            lambda _, rows=rows: rows,  # type: ignore[misc]  # mypy cannot infer a default
            last_due=rows.index[-1],
            check=lambda _: None,
        )


@pytest.mark.parametrize("days_later", [0, 30])
def test_prices_in_the_cache_are_preferred_even_if_they_are_old(
    days_later: int, whole_folder: Path, empty_cache: Path, no_network: list[str]
):
    settings = load([], [f"prices.cache={empty_cache}", f"signal.history_from={HISTORY_FROM}"])
    fill(empty_cache, settings, whole_folder)
    prices = load_prices(settings, NOW + pd.Timedelta(days=days_later), may_fall_back=True)
    assert not prices.sample
    assert prices.fallback == ""
    assert {one.source for one in prices.series.values()} == {"yahoo"}
    assert bool(no_network) == bool(days_later)


def test_a_cache_ahead_of_a_clock_that_was_set_back_is_read_up_to_now(
    empty_cache: Path, no_network: list[str], whole_folder: Path
) -> None:
    """Stored at the end of 2016, read two months earlier: each series to its row of that day."""
    settings = load([], [f"prices.cache={empty_cache}", f"signal.history_from={HISTORY_FROM}"])
    fill(empty_cache, settings, whole_folder)
    now = pd.Timestamp("2016-10-20 12:00", tz="UTC")
    prices = load_prices(settings, now)
    assert no_network == []
    ends = {request.kind: series.frame.index[-1] for request, series in prices.series.items()}
    assert ends == {
        "session": pd.Timestamp("2016-10-19 20:30", tz="UTC"),
        "coin": pd.Timestamp("2016-10-20", tz="UTC"),
    }
    assert all(
        any("is this computer's clock right?" in note for note in series.notes)
        for series in prices.series.values()
    )
    for request, series in prices.series.items():
        kept = read_cached(settings, request, now)
        assert kept is not None
        pd.testing.assert_frame_equal(kept.frame, series.frame)


def test_one_series_that_is_missing_makes_all_of_them_simulated(
    whole_folder: Path, empty_cache: Path, no_network: list[str]
):
    settings = load([], [f"prices.cache={empty_cache}", f"signal.history_from={HISTORY_FROM}"])
    fill(empty_cache, settings, whole_folder)
    next(empty_cache.rglob("XBI_1d.parquet")).unlink()
    before = {path: path.read_bytes() for path in prices_in(empty_cache)}
    prices = load_prices(settings, NOW, may_fall_back=True)
    assert {one.source for one in prices.series.values()} == {"sample"}
    assert prices.fallback.startswith("yahoo: XBI is not in the cache")
    assert {path: path.read_bytes() for path in prices_in(empty_cache)} == before


@pytest.mark.parametrize(
    "changes",
    [
        ["prices.source=yahoo"],
        ["prices.sources.BTC-USD=exchange"],
        ["haircuts.flows.enabled=true", "haircuts.flows.file=own.csv"],
    ],
    ids=["a source for all", "a source for one", "figures of one's own"],
)
def test_who_names_a_source_gets_it_or_an_error(
    changes: list[str], empty_cache: Path, no_network: list[str]
):
    with pytest.raises(UnreachableError, match="it is down") as raised:
        load_prices(load([], [f"prices.cache={empty_cache}", *changes]), LATER, may_fall_back=True)
    assert "sample" not in str(raised.value)


def test_only_commands_that_may_fall_back_do(empty_cache: Path, no_network: list[str]):
    settings = load([], [f"prices.cache={empty_cache}"])
    with pytest.raises(UnreachableError, match="it is down"):
        load_prices(settings, LATER)
    with pytest.raises(DataError, match="no rows are stored under vintage"):
        load_prices(
            settings,
            LATER,
            pinned={request.name: "0" * 16 for request in required_series(settings)},
            may_fall_back=True,
        )


def test_where_the_sample_lacks_a_series_both_reasons_are_given(
    empty_cache: Path, no_network: list[str]
):
    settings = load([], [f"prices.cache={empty_cache}", "confirmations.breadth.symbols=['SMH']"])
    with pytest.raises(
        UnreachableError,
        match=r"no connection to query2.*the embedded sample cannot replace it: .*holds no SMH",
    ):
        load_prices(settings, LATER, may_fall_back=True)


def test_the_host_looked_for_is_the_one_the_client_asks():
    from yfinance.const import _BASE_URL_

    assert yahoo.URL == _BASE_URL_
    assert public_exchange.address(
        "binance", Request("BTC-USD", "coin", "BTC/USDT", "1h")
    ).startswith("https://api.binance.com/")
    assert public_exchange.address("okx", Request("BTC-USD", "coin", "BTC/USDT", "1h")).startswith(
        "https://www.okx.com"
    )


@pytest.mark.parametrize(
    ("source", "host"), [("url", "prices.example.org"), ("alpaca", "data.alpaca.markets")]
)
def test_every_service_can_be_looked_for_before_a_download(
    source: str, host: str, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUSSELL_GATE_PRICES_URL", "https://prices.example.org/{symbol}")
    monkeypatch.setattr(
        probe, "connection_problem", lambda url: f"no connection to {urlsplit(url).hostname}"
    )
    settings = load([], [f"prices.cache={empty_cache}"])
    with pytest.raises(UnreachableError, match=f"HYG is not in the cache and .* to {host}"):
        download.refuse_unreachable([(Request("HYG", "session"), source)], settings)
