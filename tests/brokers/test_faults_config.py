"""The fault catalogue, rows 60 to 69.

What a wrong configuration does, what people do wrong, and what is promised of secrets and of dry
runs.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import main
from backtests.checks.parity import compare
from backtests.commands import registration
from backtests.engine.inputs import prepare_inputs
from backtests.engine.simulation import simulate
from backtests.runs.replay import replay_run
from backtests.runs.writer import order_list_hash
from brokers.exchange.errors import CallAPersonError, TryLaterError
from brokers.prices.load import load_prices
from config.secrets import Secrets
from config.settings import load
from tests.brokers import worlds
from tests.brokers.children import config
from tests.brokers.misfortunes import asked_for, bought, change, disturbed, incident_texts, intents
from tests.brokers.worlds import DAY, World
from tests.exchange.account import KEY, SECRET
from tests.exchange.proxy import Answer, Asked, internet
from tests.exchange.venue import LIVE, TESTNET, parameters
from tests.price_folder import options, overrides

ALL = ["BTC", "ETH", "SOL"]
KEYS = {"RUSSELL_GATE_API_KEY": KEY, "RUSSELL_GATE_API_SECRET": SECRET}


@pytest.fixture
def w(
    whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """The world, the working folder in it."""
    monkeypatch.chdir(tmp_path)
    with disturbed(whole_folder, cache, tmp_path) as found:
        yield found


def paper(w: World, *overrides: str, keys: dict[str, str] = KEYS) -> Result:
    """`paper --once` in this process, by the real clock: for what fails before time matters."""
    words = [word for text in overrides for word in ("--set", text)]
    return CliRunner().invoke(
        main.app, ["paper", "--once", "--config", str(config(w)), *words], env=dict(keys)
    )


def assert_refused(result: Result, code: int, *words: str) -> None:
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    assert result.stderr.splitlines()[-1].startswith("error: ") and "Traceback" not in result.stderr
    assert [word for word in words if word not in result.stderr] == [], result.stderr


def signed(asked: Asked) -> bool:
    return "x-mbx-apikey" in asked.headers or "signature" in parameters(asked)


def coins(*markets_and_weights: tuple[str, float]) -> str:
    """An override that trades BTC and ETH so."""
    tables = [
        f"{{name='{name}',history='{name}-USD',market='{market}',weight={weight},lag_days=0}}"
        for name, (market, weight) in zip(("BTC", "ETH"), markets_and_weights, strict=True)
    ]
    return f"coins=[{','.join(tables)}]"


@pytest.mark.parametrize("mode", ["tesnet", "live", "sandbox", "Testnet", ""])
def test_fault_60_a_mode_that_is_none_is_refused(w: World, mode: str) -> None:
    assert_refused(
        paper(w, f"exchange.mode={mode}"),
        registration.USAGE,
        "exchange.mode",
        "'dry-run' or 'testnet'",
        repr(mode),
    )
    assert w.network.hosts() == set()


def test_fault_60_without_a_mode_it_is_a_dry_run() -> None:
    assert load().exchange.mode == "dry-run"


SUPPORTED = (
    "has no supported sandbox, so there is nowhere to send test orders; choose one of binance"
)


@pytest.mark.parametrize(
    ("id_", "words"),
    [
        ("okx", "sends its sandbox orders to the live host"),
        ("kraken", SUPPORTED),
        ("binnance", SUPPORTED),
    ],
)
def test_fault_60_an_exchange_without_a_safe_sandbox_is_refused(
    w: World, id_: str, words: str
) -> None:
    assert_refused(
        paper(w, f"exchange.id={id_}"), registration.EXCHANGE, f"exchange.id {id_!r}", words
    )
    assert w.network.hosts() == set()


def test_fault_60_on_the_testnet_nothing_signed_goes_anywhere_else(w: World) -> None:
    w.run()
    assert {asked.host for asked in w.network.asked if signed(asked) or asked.method != "GET"} == {
        TESTNET
    }
    assert (
        len(asked_for(w, "depth", LIVE))
        + len(asked_for(w, "ticker/price", LIVE))
        + len(asked_for(w, "ticker/24hr", LIVE))
        > 0
    )
    assert w.venue.signed_live == []


@pytest.mark.parametrize("once", [True, False])
def test_fault_61_keys_of_the_live_exchange_are_no_use_at_the_testnet(
    w: World, *, once: bool
) -> None:
    w.venue.keys.clear()
    began = w.clock.now()
    with pytest.raises(
        CallAPersonError,
        match=r"-2015.*belongs to the live exchange instead of the sandbox.*one that may trade",
    ) as raised:
        w.run(once=once)
    assert registration.exit_code(raised.value) == registration.EXCHANGE
    assert KEY not in str(raised.value) and SECRET not in str(raised.value)
    assert w.clock.now() < began + 60.0
    assert sum(signed(asked) for asked in w.network.asked) == 1
    assert w.venue.orders == [] and w.venue.signed_live == []


WRONG = {
    "unknown key": ("exchange.mod=testnet", "exchange.mod: unknown key", "did you mean 'mode'?"),
    "unknown section": ("exchanges.mode=testnet", "exchanges: unknown key"),
    "secret": ("exchange.api_key=abc", "secrets are not allowed in settings files"),
    "weights": (
        coins(("BTC/USDT", 0.8), ("ETH/USDT", 0.3)),
        "coins: the weights sum to 1.1; the maximum is 1",
    ),
    "negative weight": (
        coins(("BTC/USDT", -0.2), ("ETH/USDT", 0.3)),
        "coins.0.weight",
        "greater than 0",
        "-0.2",
    ),
    "quotes": (
        coins(("BTC/USDT", 0.5), ("ETH/EUR", 0.3)),
        "coins: markets are quoted in EUR and USDT",
    ),
    "market": (coins(("BTCUSDT", 0.5), ("ETH/USDT", 0.3)), "coins.0.market", "'BTCUSDT'"),
    "negative": ("exchange.amount=-5", "exchange.amount", "-5"),
    "nan": ("exchange.amount=nan", "exchange.amount", "finite", "nan"),
    "infinite": ("guards.largest_turnover=inf", "guards.largest_turnover", "inf"),
    "word": ("guards.tick_gap=much", "guards.tick_gap", "'much'"),
    "symbol": (
        "prices.sources.DOGE-USD=yahoo",
        "prices.sources.DOGE-USD: no setting uses this symbol",
    ),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_fault_62_what_cannot_be_meant_is_refused_before_anybody_is_asked(
    w: World, case: str
) -> None:
    override, *words = WRONG[case]
    assert_refused(paper(w, override), registration.USAGE, *words)
    assert w.network.hosts() == set()
    assert not Path(w.settings.journal.folder).exists()


@pytest.mark.parametrize("mode", ["testnet", "dry-run"])
def test_fault_62_a_market_nobody_lists_is_refused_by_name(w: World, mode: str) -> None:
    result = paper(w, f"exchange.mode={mode}", coins(("BTC/USDT", 0.5), ("FOO/USDT", 0.3)))
    assert_refused(result, registration.EXCHANGE, "FOO/USDT", "remove those coins")
    assert w.venue.orders == []


@pytest.mark.parametrize(
    ("guard", "kind", "left"),
    [
        ({"guards.largest_order": 0.3}, "largest order", ["ETH", "SOL"]),
        ({"guards.largest_turnover": 0.7}, "turnover", ["BTC", "SOL"]),
    ],
    ids=["order", "turnover"],
)
def test_fault_63_an_order_or_a_day_too_large_is_not_traded(
    w: World, *, whole_folder: Path, cache: Path, guard: dict[str, Any], kind: str, left: list[str]
) -> None:
    change(w, whole_folder, cache, guard)
    incidents = w.run().incidents
    (text,) = incident_texts(incidents, kind)
    assert f"{next(iter(guard))}" in text and "not ordered" in text
    assert bought(w) == left
    assert [one.symbol for one in intents(w)] == left
    with w.journal() as journal:
        row = journal.last_decision()
        assert row is not None
        assert text in row.note


@pytest.mark.parametrize("factor", [100.0, 0.01])
def test_fault_63_a_price_a_hundred_times_off_is_not_traded_on(
    whole_folder: Path, cache: Path, tmp_path: Path, factor: float
) -> None:
    """Candles in another unit, one agreeing with the next: only the price paid now differs."""

    def other_unit(venue: Any, asked: Asked, execute: Any) -> Answer:
        rows = json.loads(execute().body)
        return Answer(
            200,
            json.dumps(
                [
                    row[:1] + [str(float(price) * factor) for price in row[1:5]] + row[5:]
                    for row in rows
                ]
            ).encode(),
        )

    with disturbed(whole_folder, cache, tmp_path, downloads=True) as w:
        w.venue.faults.add(
            other_unit,
            "GET",
            "klines",
            times=1000,
            where=lambda asked: asked.query["symbol"] == "BTCUSDT",
        )
        incidents = w.run().incidents
        assert bought(w) == ["ETH", "SOL"]
        assert [(one.symbol, one.state) for one in intents(w)] == [
            ("BTC", "abandoned"),
            ("ETH", "done"),
            ("SOL", "done"),
        ]
        texts = [incident.text for incident in incidents if "off the close" in incident.text]
        assert texts
        for text in texts:  # first put off, then abandoned
            assert text.startswith("buy ") and "BTC" in text
            assert "guards.tick_gap allows 20%" in text


def everything_in(folder: Path) -> bytes:
    return b"\n".join(
        file.read_bytes() for file in folder.rglob("*") if file.is_file() and file.name != ".env"
    )


def test_fault_64_no_secret_is_left_in_output_logs_journal_or_run_folder(
    w: World, whole_folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer that ends the session has key and signature in it.

    `tests/brokers/test_secrets_stay.py` tries every fault there is.
    """
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)

    def echoed(asked: Asked, number: int) -> Answer | None:
        if not signed(asked):
            return None
        text = (
            f"-2015: {asked.headers['x-mbx-apikey']} {SECRET} may not ask "
            f"https://{asked.host}{asked.path}?{asked.raw_query}"
        )
        return Answer(401, json.dumps({"code": -2015, "msg": text}).encode())

    w.venue.before_request = echoed
    result = paper(w, "log.level=DEBUG")
    assert result.exit_code == registration.EXCHANGE
    shown = CliRunner().invoke(main.app, ["config", "show", "--json"])
    window = [
        "--set",
        "backtest.start=2015-09-01",
        "--set",
        "backtest.end=2015-09-10",
        "--no-benchmarks",
        "--no-report",
        "--output",
        "run",
    ]
    run = CliRunner().invoke(main.app, ["backtest", *options(whole_folder, cache), *window])
    assert (shown.exit_code, run.exit_code) == (0, 0)
    (signature,) = {parameters(asked)["signature"] for asked in w.network.asked if signed(asked)}
    texts = [
        result.output,
        repr(result.exception),
        shown.output,
        run.output,
        everything_in(tmp_path).decode(errors="replace"),
    ]
    assert (tmp_path / "run" / "settings.toml").exists() and (tmp_path / "logs").exists()
    assert [secret for secret in (KEY, SECRET, signature) for text in texts if secret in text] == []
    assert "***" in result.stderr


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_fault_65_a_dotenv_that_others_can_read_is_refused(
    w: World, tmp_path: Path, mode: int
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("".join(f"{name}={value}\n" for name, value in KEYS.items()))
    dotenv.chmod(mode)
    result = paper(w, keys={})
    assert_refused(
        result, registration.USAGE, f"other users can read it (mode {mode:o}); run: chmod 600 .env"
    )
    assert KEY not in result.output and SECRET not in result.output
    assert w.network.hosts() == set()


@pytest.mark.parametrize("keys", [Secrets(), worlds.SECRETS], ids=["without keys", "with keys"])
def test_fault_67_a_dry_run_signs_nothing(
    whole_folder: Path, cache: Path, tmp_path: Path, keys: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worlds, "SECRETS", keys)
    with disturbed(
        whole_folder, cache, tmp_path, {"exchange.mode": "dry-run"}, downloads=True
    ) as w:
        w.run()
        assert [(one.symbol, one.state) for one in intents(w)] == [(coin, "done") for coin in ALL]
        assert len(w.network.asked) > 10
        assert [asked for asked in w.network.asked if signed(asked) or asked.method != "GET"] == []
        assert TESTNET not in w.network.hosts()
        assert w.venue.orders == []


def test_fault_67_without_a_network_a_dry_run_says_so_and_goes_on_when_there_is_one(
    w: World, whole_folder: Path, cache: Path
) -> None:
    change(w, whole_folder, cache, {"exchange.mode": "dry-run"})
    for day in range(2):
        w.network.offline |= set(w.network.sites)
        with pytest.raises(
            TryLaterError, match=r"it is not known what time it is: binance: server time: .*"
        ) as raised:
            w.run()
        assert registration.exit_code(raised.value) == registration.RETRY_LATER
        w.network.offline.clear()
        w.run()
        with w.journal() as journal:
            assert [row.symbol for row in journal.fills()] == ALL
            assert len(list(journal.decisions())) == 1 + day
        w.clock.sleep(DAY)


def test_fault_67_a_dry_run_begun_without_a_network_waits_for_it(
    w: World, whole_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(w, whole_folder, cache, {"exchange.mode": "dry-run"})
    w.network.offline |= set(w.network.sites)
    sleep, back = w.clock.sleep, w.clock.now() + 600.0

    def until_it_is_back(seconds: float) -> None:
        sleep(seconds)
        if w.clock.now() > back:
            w.network.offline.clear()

    monkeypatch.setattr(w.clock, "sleep", until_it_is_back)
    observer = w.run(once=False, until=f"{pd.Timestamp(back + 3600, unit='s')}")
    assert "binance: server time" in incident_texts(observer.incidents, "exchange")[0]
    with w.journal() as journal:
        assert [row.symbol for row in journal.fills()] == ALL


def fills(w: World) -> list[tuple[str, float, float, float]]:
    """Coin, size, average price and fee (quote units) of every order."""
    with w.journal() as journal:
        found = []
        for order in journal.orders():
            rows = [row for row in journal.fills() if row.client_id == order.client_id]
            value = sum(row.size * row.price for row in rows)
            found.append(
                (
                    order.symbol,
                    order.filled,
                    value / order.filled,
                    sum(row.fee_quote for row in rows),
                )
            )
        return found


def both_ways(
    w: World, folder: Path, cache: Path, changes: dict[str, Any], *, thin: bool = False
) -> tuple[Any, Any]:
    """What the same bar comes to on the testnet and in a dry run."""
    found = []
    for mode in ("testnet", "dry-run"):
        change(w, folder, cache, changes | {"exchange.mode": mode})
        for symbol in ("BTCUSDT", "ETHUSDT") if thin else ():
            last = float(w.venue.books.last(symbol))
            w.venue.books.set(
                symbol, [(last * 0.999, 7.0)], [(last * 1.001, 3.0), (last * 1.004, 4.0)]
            )
        w.run()
        found.append(fills(w))
    return found[0], found[1]


@pytest.mark.parametrize("thin", [False, True], ids=["deep", "thin"])
def test_fault_68_a_dry_run_fills_no_better_than_the_testnet(
    w: World, whole_folder: Path, cache: Path, *, thin: bool
) -> None:
    testnet, dry = both_ways(w, whole_folder, cache, {}, thin=thin)
    assert [coin for coin, *_ in dry] == ALL
    for theirs, ours in zip(testnet, dry, strict=True):
        assert ours == (
            theirs[0],
            pytest.approx(theirs[1]),
            pytest.approx(theirs[2]),
            pytest.approx(theirs[3], abs=1e-6),
        )
    for coin, size, price, fee in dry:
        assert price > w.price(f"{coin}USDT", w.clock.now())
        assert fee == pytest.approx(0.001 * size * price)
    if thin:
        assert [size for _, size, _, _ in dry][:2] == [7.0, 7.0]


def test_fault_68_a_dry_run_keeps_to_steps_and_the_smallest_order_too(
    w: World, whole_folder: Path, cache: Path
) -> None:
    testnet, dry = both_ways(w, whole_folder, cache, {"exchange.amount": 20.0})
    assert (
        [coin for coin, *_ in dry] == [coin for coin, *_ in testnet] == ["BTC", "ETH"]
    )  # SOL's fifth is below 5 USDT
    assert [size for _, size, _, _ in dry] == pytest.approx([size for _, size, _, _ in testnet])
    for (_, size, _, _), step in zip(dry, (1e-5, 1e-4), strict=True):
        assert size / step == pytest.approx(round(size / step), abs=1e-6)


def test_fault_69_a_replay_decides_and_orders_as_the_backtest_and_asks_nobody(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """The same on the exchange's own protocol: `tests/brokers/test_wire_parity.py`."""
    with internet() as network, pytest.MonkeyPatch.context() as patch:
        for name, value in network.environment().items():
            patch.setenv(name, value)
        settings = load(
            None,
            [
                *overrides(whole_folder, cache),
                "backtest.start=2015-07-15",
                "backtest.end=2015-08-25",
            ],
        )
        inputs = prepare_inputs(
            settings, load_prices(settings, pd.Timestamp("2017-01-01", tz="UTC"))
        )
        live, backtest = replay_run(inputs, tmp_path / "journal.sqlite"), simulate(inputs)
        assert network.hosts() == set()
    found = compare(live, backtest, list(inputs.coins))
    assert (found.differences, found.equity) == ((), 0.0)
    assert found.bars == len(inputs.grid) == 42
    assert len(live.orders) == len(backtest.orders) >= 2
    assert order_list_hash(live.orders) == order_list_hash(backtest.orders)
