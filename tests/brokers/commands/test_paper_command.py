"""The paper-trading commands as a user types them."""

import gc
import json
import math
import signal
from pathlib import Path

import pytest
from typer.testing import CliRunner

import main
from backtests.runs import replay
from brokers.journal.opening import open_journal
from brokers.journal.records import DecisionRow, EquityRow, Intent
from brokers.live.session import PaperSession
from tests.exchange.proxy import internet
from tests.price_folder import options


def called(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(main.app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """State, logs and runs go to a folder of their own, and nobody reaches the internet."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every host refuses."""
    with internet() as network:
        for name, value in network.environment().items():
            monkeypatch.setenv(name, value)
        yield


def test_orders_need_keys(offline: None) -> None:
    code, said = called("paper", "--once", "--set", "exchange.mode=testnet")
    assert code == 4
    assert "RUSSELL_GATE_API_KEY" in said


def test_a_session_has_its_rubbish_collected(
    offline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program does without the collector, as suits a run of seconds.

    A session lives for months.
    """
    monkeypatch.setattr(gc, "enable", lambda: collected.append(True))
    collected: list[bool] = []
    called("paper", "--once", "--set", "exchange.mode=testnet")
    assert collected


def test_a_bug_shows_its_traceback_without_the_secrets_in_it(
    offline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("GET /order?signature=0123abcdef with abc123")

    monkeypatch.setenv("RUSSELL_GATE_API_KEY", "abc123")
    monkeypatch.setenv("RUSSELL_GATE_API_SECRET", "def456")
    monkeypatch.setattr(PaperSession, "run", broken)
    code, said = called("paper", "--once", "--set", "exchange.mode=testnet")
    assert code == 1
    assert "in broken" in said and "ZeroDivisionError" in said
    assert "0123abcdef" not in said and "abc123" not in said


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_the_session_as_interrupted(
    offline: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """The second at once, in whatever is being done: no bug either."""

    def interrupted(self: PaperSession, *_: object, **__: object) -> None:
        self._session = self._journal.begin_session("dry-run", "{}", "")
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(PaperSession, "run", interrupted)
    code, said = called("paper")
    assert code == 130, said
    with open_journal(
        tmp_path / "state" / "dry-run-binance.sqlite", lambda: 0.0, locked=False
    ) as journal:
        assert [one.outcome for one in journal.sessions()] == ["interrupted"]


def test_what_is_not_known_is_null_in_json(
    offline: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A coin that is not listed yet has no confirmation that could be missing."""

    def decided(self: PaperSession, *_: object, **__: object) -> None:
        self._session = self._journal.begin_session("dry-run", "{}", "")
        row = DecisionRow(
            time=86_400,
            decided_at=86_401.0,
            state=0,
            ceiling=0.5,
            filled=3,
            confirmed_at=None,
            gate_stale=0,
            equity=1000.0,
            cash=1000.0,
            drawdown=0.0,
            gross=0.0,
            missing=(math.nan, 1.0),
            current=(0.0, 0.0),
            targets=(0.0, 0.0),
            sizes=(0.0, 0.0),
            sentence="nothing",
            note="",
            session=1,
        )
        intent = Intent(0, 86_400, "BTC", 0, 0.5, 200.0, "planned", "")
        self._journal.record_decision(
            row, None, [], EquityRow(86_400, 1000.0, 1000.0, 1000.0, 1.0, 0.0), [intent]
        )

    monkeypatch.setattr(PaperSession, "run", decided)
    code, said = called("paper", "--once", "--json")
    assert code == 0, said
    found = json.loads(said, parse_constant=pytest.fail)
    assert found["decision"]["missing"] == [None, 1.0]
    assert found["decision"]["targets"] == [0.0, 0.0]
    assert (
        found["decision"]["equity"],
        found["decision"]["confirmed_at"],
        found["decision"]["sentence"],
    ) == (1000.0, None, "nothing")
    assert [(one["symbol"], one["size"], one["price"]) for one in found["intents"]] == [
        ("BTC", 0.5, 200.0)
    ]


def test_half_a_pair_of_keys_is_a_slip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSSELL_GATE_API_KEY", "abc")
    code, said = called("paper", "--once", "--set", "exchange.mode=testnet")
    assert code == 2
    assert "RUSSELL_GATE_API_SECRET is not set" in said


def test_keys_that_others_can_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RUSSELL_GATE_API_KEY=abc\nRUSSELL_GATE_API_SECRET=def\n")
    (tmp_path / ".env").chmod(0o644)
    code, said = called("paper", "--once")
    assert code == 2
    assert "chmod 600 .env" in said
    assert "abc" not in said


@pytest.mark.parametrize("exchange", ["okx", "bitget", "kraken", "nosuch"])
def test_an_exchange_without_a_safe_sandbox_is_refused_by_name(
    exchange: str, monkeypatch: pytest.MonkeyPatch, offline: None
) -> None:
    monkeypatch.setenv("RUSSELL_GATE_API_KEY", "abc123")
    monkeypatch.setenv("RUSSELL_GATE_API_SECRET", "def456")
    code, said = called(
        "paper", "--once", "--set", "exchange.mode=testnet", "--set", f"exchange.id={exchange}"
    )
    assert code == 4
    assert exchange in said
    assert "binance" in said


def test_simulated_prices_are_no_live_ones(offline: None) -> None:
    code, said = called("paper", "--once", "--set", "prices.source=sample")
    assert code == 2
    assert "--replay" in said


@pytest.mark.parametrize("command", ["halt", "resume"])
def test_what_does_not_exist_cannot_be_halted(command: str) -> None:
    code, said = called(command)
    assert code == 2
    assert "state: there is no such journal in this folder or below it" in said


@pytest.mark.parametrize("span", ["2020", "2020-01-01", ":", "2020-13-01:", "monday:tuesday"])
def test_a_window_that_is_none_is_named(span: str) -> None:
    code, said = called("paper", "--replay", span, "--set", "prices.source=sample")
    assert code == 2
    assert "FROM:TO" in said


def test_a_replay_leaves_a_run_with_its_journal(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    code, said = called(
        "paper",
        "--replay",
        "2015-07-20:2015-08-10",
        *options(whole_folder, cache),
        "--output",
        "replayed",
    )
    assert code == 0, said
    assert {path.name for path in (tmp_path / "replayed").iterdir()} >= {
        "journal.sqlite",
        "report.html",
        "metrics.json",
        "orders.csv",
    }
    plain, _ = called(
        "backtest",
        *options(whole_folder, cache),
        "--set",
        "backtest.start=2015-07-20",
        "--set",
        "backtest.end=2015-08-10",
        "--output",
        "plain",
    )
    assert plain == 0
    for name in ("orders.csv", "equity.csv", "decisions.csv", "gate.csv"):
        assert (tmp_path / "replayed" / name).read_bytes() == (
            tmp_path / "plain" / name
        ).read_bytes(), name


def test_parity_holds_and_says_so(whole_folder: Path, cache: Path) -> None:
    code, said = called(
        "check",
        "parity",
        "--window",
        "2015-07-20:2015-08-10",
        *options(whole_folder, cache),
        "--json",
    )
    assert code == 0
    found = json.loads(said)
    assert (found["bars"], found["differences"], found["equity"]) == (22, [], 0.0)
    assert found["orders"] > 0


def test_a_live_path_that_pays_another_price_is_caught(
    whole_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = replay.NextOpenBooks.book

    def dearer(self: replay.NextOpenBooks, coin: str) -> replay.Book:
        book = honest(self, coin)
        return book._replace(asks=tuple((price * 1.001, size) for price, size in book.asks))

    monkeypatch.setattr(replay.NextOpenBooks, "book", dearer)
    code, said = called(
        "check", "parity", "--window", "2015-07-20:2015-08-10", *options(whole_folder, cache)
    )
    assert code == 5
    assert "order: BTC" in said
    assert "2015-07-23" in said


def test_a_halt_and_its_end_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "state" / "dry-run-binance.sqlite"
    open_journal(path, lambda: 0.0).close()
    assert called("halt", "--reason", "looking into it")[0] == 0
    with open_journal(path, lambda: 0.0, locked=False) as journal:
        assert journal.trading().reason == "looking into it"
    assert called("resume")[0] == 0
    with open_journal(path, lambda: 0.0, locked=False) as journal:
        assert journal.trading().state == "on"
        assert {one.text for one in journal.incidents(5)} == {"halted: looking into it", "resumed"}
