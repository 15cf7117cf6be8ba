"""The section of prices: one source or a list of them per symbol, and what is accepted."""

import json
from datetime import date
from pathlib import Path

import pytest
import tomli_w

from config.prices import proxy_fund
from config.sections import NEVER
from config.settings import ConfigError, Settings, load, restore


def refused(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load([], list(overrides))
    return str(caught.value)


def test_a_symbol_has_one_source_or_a_list_in_order() -> None:
    prices = load(
        [],
        [
            'prices.sources."^RUT"=["yahoo", "url", "proxy:IWM"]',
            "prices.sources.IWM=['yahoo', 'alpaca']",
            "prices.sources.BTC-USD=exchange",
        ],
    ).prices
    assert prices.sources_of("^RUT") == ("yahoo", "url", "proxy:IWM")
    assert prices.sources_of("BTC-USD") == ("exchange",)
    assert prices.sources_of("^GSPC") == ("auto",)
    assert prices.proxies() == ("IWM",)
    assert [proxy_fund(name) for name in prices.sources_of("^RUT")] == ["", "", "IWM"]


def test_the_environment_takes_them_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = {"^RUT": ["auto", "proxy:IWM"], "IWM": "url"}
    monkeypatch.setenv("RUSSELL_GATE_PRICES__SOURCES", json.dumps(lists))
    assert load().prices.sources == {"^RUT": ("auto", "proxy:IWM"), "IWM": "url"}


def test_lists_and_dates_survive_a_journal_and_a_file(tmp_path: Path) -> None:
    settings = load(
        [],
        [
            'prices.sources."^GSPC"=["yahoo", "proxy:SPY"]',
            "prices.sources.SPY=alpaca",
            "prices.accepted.BTC-USD=[2013-11-15, 2014-02-10]",
            "prices.url_names.SPY=spy.us",
            "gate.when_stale=hold",
        ],
    )
    assert settings.prices.accepted == {"BTC-USD": (date(2013, 11, 15), date(2014, 2, 10))}
    assert restore(settings.model_dump_json(), "a journal") == settings
    file = tmp_path / "settings.toml"
    file.write_text(tomli_w.dumps(settings.model_dump(exclude_none=True)))
    assert load([file]) == settings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prices.sources.IWM=[]", "1 to 5"),
        ("prices.sources.IWM=['yahoo', 'bloomberg']", "'yahoo'"),
        ("prices.sources.IWM=['yahoo', 'yahoo']", "a source is listed twice"),
        ("prices.sources.IWM=3", "a source, or a list of them"),
        ("prices.sources.IWM=['yahoo', 3]", "a source, or a list of them"),
        ("prices.sources.IWM=['sample', 'yahoo']", "cannot be combined"),
        ("prices.sources.IWM=proxy:SPY", "only stands in for newest closes"),
        ("prices.sources.IWM=['yahoo', 'proxy:IWM']", "cannot stand in for itself"),
        ("prices.sources.IWM=['yahoo', 'proxy:']", "'proxy:IWM'"),
        ("prices.sources.IWM=['yahoo', 'folder']", "needs prices.folder"),
        ("prices.sources.BTC-USD=['yahoo', 'proxy:IWM']", "of US sessions"),
        ("prices.sources.WALCL=['auto', 'alpaca']", "of US sessions"),
        ("prices.sources.SPY=yahoo", "no setting uses this symbol"),
        ("prices.source=alpaca", "'yahoo'"),
        ("prices.accepted.BTCUSD=[2013-11-15]", "did you mean 'BTC-USD'?"),
        ("prices.accepted.BTC-USD=['soon']", "date"),
        ("prices.accepted.BTC-USD=2013-11-15", "write [2013-11-15]"),
        ("prices.url_names.NONE=none.us", "no setting uses this symbol"),
        ("gate.when_stale=wait", "'sell' or 'hold'"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_rule(text: str, words: str) -> None:
    message = refused(text)
    assert message.startswith(("prices", "gate"))
    assert words in message
    assert "\n" not in message


def test_a_proxy_has_no_proxy_of_its_own() -> None:
    assert "a proxy has no proxy of its own" in refused(
        'prices.sources."^RUT"=["yahoo", "proxy:IWM"]',
        "prices.sources.IWM=['yahoo', 'proxy:VTWO']",
    )


def test_the_jumps_of_the_series_of_the_evidence_may_be_accepted_too() -> None:
    symbol = load().evidence.alts[0]
    assert symbol not in load().symbols()
    assert load([], [f"prices.accepted.{symbol}=[2018-01-01]"]).prices.accepted[symbol]


def test_nothing_is_sold_for_age_where_the_user_holds() -> None:
    assert load().gate.when_stale == "sell"
    assert load().gate.age_limit == load().gate.max_gate_age
    assert load([], ["gate.when_stale=hold"]).gate.age_limit == NEVER


def test_the_schema_names_every_source() -> None:
    schema = json.dumps(Settings.model_json_schema()["$defs"]["Prices"]["properties"]["sources"])
    assert all(f'"{name}"' in schema for name in ("yahoo", "exchange", "url", "alpaca", "folder"))
    assert "proxy:" in schema
