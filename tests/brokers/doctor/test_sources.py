"""`doctor` proves each source by a real row of each kind, and says what can be done without."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from brokers.doctor.checks import run_checks
from brokers.doctor.finding import Finding
from brokers.doctor.sources import check_sources, list_probes
from brokers.journal.opening import journal_path
from brokers.prices import fred, yahoo
from brokers.prices.series import DataError, Request, other_source
from config.secrets import Secrets
from tests.brokers.prices.servers import Answer as Served
from tests.brokers.prices.servers import Site, served
from tests.brokers.worlds import SECRETS, World, settings_for, world
from tests.exchange.proxy import Answer, Asked

NOON = "2015-10-20 12:00:00"  # a Tuesday
BUSY = Answer(429, b"Too Many Requests")


@pytest.fixture
def w(
    whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    monkeypatch.setattr(yahoo, "WAIT", lambda state: 0.0)
    with world(whole_folder, cache, tmp_path, NOON) as w:
        yield w


def rows(w: World, limit: float = 30.0, **changes: Any) -> dict[str, Finding]:
    now = pd.Timestamp(w.clock.now(), unit="s", tz="UTC")
    settings = w.settings.model_copy(update=changes)
    return {one.name: one for one in check_sources(settings, now, (), limit)}


def test_each_source_shows_the_newest_row_of_each_kind_and_nothing_is_stored(w: World) -> None:
    before = sorted(Path(w.settings.prices.cache).rglob("*"))
    found = rows(w)
    assert {name: one.state for name, one in found.items()} == {
        "yahoo index row": "ok",
        "binance daily candle": "ok",
    }
    index = w.yahoo.frames["^RUT"]["close"]
    newest = index[index.index < "2015-10-20"].iloc[-1]
    assert found["yahoo index row"].text == f"^RUT: {newest:,.6g} of 2015-10-19"
    assert found["binance daily candle"].text.endswith(" of 2015-10-19")
    assert sorted(Path(w.settings.prices.cache).rglob("*")) == before


def test_intraday_candles_and_macro_values_are_kinds_of_their_own(w: World) -> None:
    enabled = w.settings.confirmations.liquidity.model_copy(update={"enabled": True})
    settings = w.settings.model_copy(
        update={
            "exchange": w.settings.exchange.model_copy(update={"timeframe": "1h"}),
            "confirmations": w.settings.confirmations.model_copy(update={"liquidity": enabled}),
        }
    )
    assert [probe.name for probe in list_probes(settings)] == [
        "yahoo index row",
        "fred value",
        "binance daily candle",
        "binance 1h candle",
    ]


def test_files_are_not_fetched(w: World, whole_folder: Path) -> None:
    prices = w.settings.prices.model_copy(
        update={"source": "folder", "folder": str(whole_folder), "sources": {}}
    )
    settings = w.settings.model_copy(update={"prices": prices})
    assert [probe.source for probe in list_probes(settings)] == ["exchange"]


def test_a_service_that_can_be_connected_to_and_serves_nothing_fails_with_its_cause(
    w: World,
) -> None:
    w.yahoo.always = BUSY
    found = {
        one.name: one
        for _, one in run_checks(w.settings, SECRETS, journal_path(w.settings), w.clock)
    }
    assert found["network"].state == "ok"
    row = found["yahoo index row"]
    assert (row.state, row.text) == (
        "wrong",
        "Yahoo: no usable response for ^RUT: too many requests (HTTP 429)",
    )
    assert 'prices.sources."^RUT" to "folder"' in row.remedy
    assert '"exchange"' not in row.remedy  # which has no index


def test_a_service_that_hangs_fails_within_the_limit(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: object) -> None:
        raise SystemExit  # as good as never: the thread ends without a finding

    monkeypatch.setattr(yahoo, "fetch", hang)
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    found = rows(w, limit=0.5)
    assert found["yahoo index row"].text == "^RUT: no row within 0.5 s"


def test_a_symbol_that_is_unknown_fails_with_the_services_own_advice(w: World) -> None:
    del w.yahoo.frames["^RUT"]
    row = rows(w)["yahoo index row"]
    assert row.state == "wrong"
    assert "has no symbol '^RUT'" in row.text


def test_an_exchange_without_the_candles_fails(w: World) -> None:
    def without(asked: Asked, number: int) -> Answer | None:
        return Answer(200, b"[]") if asked.path.endswith("/klines") else None

    w.venue.before_request = without
    row = rows(w)["binance daily candle"]
    assert row.state == "wrong"
    assert "choose another exchange.prices_id" in row.remedy


def test_a_macro_value_is_asked_of_fred(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(request: Request, start: object) -> pd.DataFrame:
        raise DataError(f"FRED: no series {request.symbol}; look it up")

    monkeypatch.setattr(fred, "fetch", away)
    enabled = w.settings.confirmations.liquidity.model_copy(update={"enabled": True})
    confirmations = w.settings.confirmations.model_copy(update={"liquidity": enabled})
    row = rows(w, confirmations=confirmations)["fred value"]
    assert (row.state, row.text, row.remedy) == ("wrong", "FRED: no series WALCL", "look it up")


def test_each_listed_source_is_proved_by_a_row_of_its_own(
    w: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address answers, Alpaca lacks its keys: both are seen before they are needed."""
    csv = b"Date,Open,High,Low,Close\n2015-10-16,1,2,1,2\n2015-10-19,2,3,2,3\n"

    class Vendor(Site):
        def data(self, path: str, query: dict[str, str]) -> Served:
            return Served(200, csv)

    monkeypatch.chdir(tmp_path)
    listed = {"^RUT": ("yahoo", "url", "proxy:IWM"), "IWM": ("yahoo", "alpaca")}
    prices = w.settings.prices.model_copy(update={"sources": w.settings.prices.sources | listed})
    with served(Vendor()) as site:
        key = "s3cr3t-k3y"
        address = f"http://127.0.0.1:{site.port}/d?s={{symbol}}&from={{start}}&apikey={key}"
        monkeypatch.setenv("RUSSELL_GATE_PRICES_URL", address)
        found = rows(w, prices=prices)
        assert site.asked[0]["s"] == "^RUT" and site.asked[0]["apikey"] == key
        site.always = Served(403)
        refused = rows(w, prices=prices)["url index row"]
    assert found["url index row"].text == "^RUT: 3 of 2015-10-19"
    assert found["alpaca index row"].state == "wrong"
    assert "RUSSELL_GATE_ALPACA_KEY" in found["alpaca index row"].text
    assert found["yahoo index row"].state == "ok"
    assert refused.state == "wrong" and "HTTP 403" in refused.text
    assert key not in f"{refused.text} {refused.remedy}"


@pytest.mark.parametrize(
    ("request_", "source", "possible", "impossible"),
    [
        (Request("^RUT", "session"), "yahoo", '"folder"', '"exchange"'),
        (Request("BTC-USD", "coin", "BTC/USDT"), "yahoo", '"exchange"', "prices_id"),
        (Request("BTC-USD", "coin", "BTC/USDT", "1h"), "exchange", "prices_id", '"yahoo"'),
        (Request("WALCL", "macro"), "fred", "prices.folder/macro", '"exchange"'),
    ],
)
def test_advice_names_only_what_can_serve_the_series(
    request_: Request, source: str, possible: str, impossible: str
) -> None:
    advice = other_source(request_, source)
    assert possible in advice
    assert impossible not in advice


@pytest.mark.parametrize("secrets", [SECRETS, Secrets()], ids=["keys", "no keys"])
def test_an_exchange_without_a_sandbox_is_refused_as_paper_refuses_it(
    w: World, whole_folder: Path, cache: Path, tmp_path: Path, secrets: Secrets
) -> None:
    settings = settings_for(whole_folder, cache, tmp_path, {"exchange.id": "kucoin"})
    found = [one for _, one in run_checks(settings, secrets, journal_path(settings), w.clock)]
    wrong = [one for one in found if one.state == "wrong"]
    assert [one.name for one in wrong] == ["testnet"]
    assert wrong[0].text == (
        "exchange.id 'kucoin' has no supported sandbox, so there is nowhere to send test orders; "
        "choose one of binance, bybit, gate, or exchange.mode dry-run"
    )
    assert not any("make a pair" in one.remedy for one in found)
