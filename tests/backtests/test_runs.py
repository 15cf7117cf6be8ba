"""Run folders: whole or not at all, with every field DESIGN section 7 names."""

import csv
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests import runs
from backtests.backtest import Result, backtest
from backtests.caveats import caveats
from brokers.orders.simulated import OrderRecord
from config.settings import Settings
from tests.scenes import random_backtest

FIGURES = [
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "max_drawdown_days",
    "exposure",
    "turnover",
    "orders",
    "fees",
]
TOP = {"strategy", "benchmarks", "random_gates", "events", "verdict", "warnings", "data", "order_list_hash", "versions"}
ORDER_COLUMNS = ["decided", "filled", "symbol", "side", "size", "price", "value", "fee", "status", "reason"]
GATE_COLUMNS = ["session_close", "close", "record", "base_age", "level", "state", "reason"]


@pytest.fixture(scope="module")
def result() -> Result:
    """A random market with many orders; few random gates, to be quick."""
    for seed in range(50):
        inputs = random_backtest(np.random.default_rng((31, seed)))
        few = inputs.settings.backtest.model_copy(update={"random_gates": 19})
        inputs = inputs._replace(settings=inputs.settings.model_copy(update={"backtest": few}))
        found = backtest(inputs)
        if len(found.run.orders) > 20 and any(one.filled is None for one in found.run.orders) and len(inputs.coins) > 1 and found.events.spells:
            return found
    raise AssertionError("no such market")


@pytest.fixture(scope="module")
def folder(result: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs") / "run"
    figures = {name: curve.metrics for name, curve in result.benchmarks.items()}
    with runs.new_folder(place) as partial:
        runs.write(result, caveats(result.inputs, result.metrics, figures, result.events, result.equity["value"]), partial)
    return place


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def columns(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return next(csv.reader(file))


# --- whole or not at all -------------------------------------------------------------------------------------------------


def test_a_folder_appears_when_all_is_written(tmp_path: Path) -> None:
    with runs.new_folder(tmp_path / "a" / "run") as partial:
        (partial / "file").write_text("content")
        assert not (tmp_path / "a" / "run").exists()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["run"]
    assert (tmp_path / "a" / "run" / "file").read_text() == "content"


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError, SystemExit])
def test_what_is_interrupted_leaves_nothing(tmp_path: Path, failure: type[BaseException]) -> None:
    def fill() -> None:
        with runs.new_folder(tmp_path / "run") as partial:
            (partial / "metrics.json").write_text("{")
            raise failure

    with pytest.raises(failure):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_in_the_middle_of_writing_leaves_nothing(result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    whole = runs._write_csv

    def interrupted(frame: pd.DataFrame, path: Path) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path.name)
        whole(frame, path)

    monkeypatch.setattr(runs, "_write_csv", interrupted)

    def fill() -> None:
        with runs.new_folder(tmp_path / "run") as partial:
            runs.write(result, [], partial)

    with pytest.raises(KeyboardInterrupt):
        fill()
    assert len(written) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine").write_text("precious")

    def fill() -> None:
        with runs.new_folder(tmp_path / "run"):
            pytest.fail("must not be reached")

    with pytest.raises(runs.RunError, match="exists already"):
        fill()
    assert (tmp_path / "run" / "mine").read_text() == "precious"


def test_a_file_in_the_way_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("precious")
    with pytest.raises(runs.RunError, match="exists already"), runs.new_folder(tmp_path / "run"):
        pytest.fail("must not be reached")
    assert (tmp_path / "run").read_text() == "precious"


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with runs.new_folder(tmp_path / "run") as partial:
        (partial / "file").touch()
    assert (tmp_path / "run" / "file").exists()


def test_a_place_that_cannot_be_made_is_a_run_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(runs.RunError, match="file"), runs.new_folder(tmp_path / "file" / "run"):
        pytest.fail("must not be reached")


def test_what_was_left_by_a_kill_does_not_get_into_the_next_run(tmp_path: Path) -> None:
    (tmp_path / ".run.partial").mkdir()
    (tmp_path / ".run.partial" / "old").touch()
    with runs.new_folder(tmp_path / "run") as partial:
        (partial / "new").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["new"]


# --- metrics.json --------------------------------------------------------------------------------------------------------


def strict(path: Path) -> Any:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def test_all_files_of_a_run_are_there(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert {"settings.toml", "metrics.json", "equity.csv", "orders.csv", "gate.csv", "decisions.csv"} <= names


def test_metrics_have_every_field(folder: Path, result: Result) -> None:
    found = strict(folder / "metrics.json")
    assert found.keys() >= TOP
    assert list(found["strategy"]) == FIGURES
    assert len(found["benchmarks"]) >= 7
    for name, figures in found["benchmarks"].items():
        assert list(figures) == FIGURES, name
    assert found["random_gates"].keys() >= {"n", "effective_n", "p_sharpe", "p_return"}
    assert found["events"].keys() >= {"breakouts", "rearmed", "independent_events", "spells"}
    assert found["verdict"].keys() >= {"word", "why"}
    assert found["data"].keys() == {request.name for request in result.inputs.prices.series}
    for one in found["data"].values():
        assert one.keys() >= {"source", "first", "last", "rows", "sample"}
    assert found["strategy"]["orders"] == sum(one.status == "filled" for one in result.run.orders)
    assert found["strategy"]["fees"] == pytest.approx(sum(one.fee for one in result.run.orders))
    assert found["strategy"]["total_return"] == pytest.approx(result.run.decisions[-1].equity / result.inputs.settings.backtest.cash - 1)


def test_a_run_without_benchmarks_has_no_verdict_and_no_p(result: Result) -> None:
    found = runs.summary(backtest(result.inputs, with_benchmarks=False), [])
    assert (found["benchmarks"], found["random_gates"], found["verdict"]) == ({}, None, None)
    assert found["strategy"] == runs.summary(result, [])["strategy"]


def test_settings_are_written_so_that_they_give_the_run_again(folder: Path, result: Result) -> None:
    content = tomllib.loads((folder / "settings.toml").read_text(encoding="utf-8"))
    assert Settings.model_validate(content) == result.inputs.settings


def test_reading_gives_what_was_written(folder: Path, result: Result) -> None:
    assert runs.read(folder)["order_list_hash"] == runs.order_list_hash(result.run.orders)
    assert runs.listed(folder.parent) == [folder]


def test_a_folder_that_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(runs.RunError, match="no run folder"):
        runs.read(tmp_path)
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(runs.RunError, match="no run folder"):
        runs.read(tmp_path)


def test_half_written_folders_are_not_listed(tmp_path: Path) -> None:
    for name in ("20200101T000000-backtest-aa", ".20200102T000000-backtest-bb.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text("{}")
    assert [path.name for path in runs.listed(tmp_path)] == ["20200101T000000-backtest-aa"]


# --- CSV -----------------------------------------------------------------------------------------------------------------


def test_columns_and_their_order(folder: Path, result: Result) -> None:
    coins = [f"target_{name}" for name in result.inputs.coins]
    assert columns(folder / "equity.csv") == ["time", "value", "cash", "exposure"]
    assert columns(folder / "orders.csv") == ORDER_COLUMNS
    assert columns(folder / "decisions.csv") == ["time", "state", "ceiling", *coins, "gross", "reason"]
    gate = columns(folder / "gate.csv")
    assert gate[:7] == GATE_COLUMNS
    settings = result.inputs.settings
    wanted = {f"confirmation_{name}" for name in settings.confirmations.enabled()} | {f"channel_{name}" for name in settings.risk_curve.channels}
    assert {*gate} >= wanted | {"filled", "ceiling"}


def test_equity_rows_are_the_bars(folder: Path, result: Result) -> None:
    found = rows(folder / "equity.csv")
    assert [row["time"] for row in found] == [f"{end:%Y-%m-%dT%H:%M:%S}Z" for end in result.inputs.grid]
    assert [float(row["value"]) for row in found] == [one.equity for one in result.run.decisions]
    for row in found:
        assert float(row["exposure"]) == pytest.approx(1 - float(row["cash"]) / float(row["value"]), abs=1e-12)


def test_order_rows_are_the_orders(folder: Path, result: Result) -> None:
    found = rows(folder / "orders.csv")
    assert len(found) == len(result.run.orders)
    length = (result.inputs.grid[1] - result.inputs.grid[0]).total_seconds()
    for row, order in zip(found, result.run.orders, strict=True):
        assert pd.Timestamp(row["decided"]).timestamp() == order.decided
        assert (row["symbol"], row["status"], row["side"]) == (order.symbol, order.status, "buy" if order.size > 0 else "sell")
        assert float(row["size"]) == abs(order.size)
        assert row["reason"]
        if order.filled is None:
            assert (row["filled"], row["price"], row["value"]) == ("", "", "")
            continue
        # A fill happens at its bar's open, which is the instant its bar before ended.
        assert pd.Timestamp(row["filled"]).timestamp() == order.filled - length
        assert pd.Timestamp(row["filled"]) >= pd.Timestamp(row["decided"])
        assert float(row["value"]) == pytest.approx(float(row["size"]) * float(row["price"]), rel=1e-12)


def test_decision_rows_add_up(folder: Path, result: Result) -> None:
    for row, one in zip(rows(folder / "decisions.csv"), result.run.decisions, strict=True):
        assert pd.Timestamp(row["time"]).timestamp() == one.time
        assert float(row["ceiling"]) == one.gate.ceiling
        assert [float(row[f"target_{name}"]) for name in result.inputs.coins] == list(one.targets)
        assert row["state"] in {"dormant", "testing", "confirmed"}
        assert row["reason"]


def test_gate_rows_are_the_sessions_known_in_the_window_and_the_one_before(folder: Path, result: Result) -> None:
    table, grid = result.inputs.table, result.inputs.grid
    known = [instant for instant in table.index if instant <= grid[-1]]
    before = [instant for instant in known if instant <= grid[0]]
    expected = len(known) - max(len(before) - 1, 0)
    assert len(rows(folder / "gate.csv")) == expected


def test_missing_numbers_are_empty_cells(folder: Path) -> None:
    for name in ("equity.csv", "orders.csv", "gate.csv", "decisions.csv"):
        for row in rows(folder / name):
            assert not {value.lower() for value in row.values()} & {"nan", "nat", "none", "null", "inf"}, name


# --- identity ------------------------------------------------------------------------------------------------------------

ORDERS = [
    OrderRecord(1_577_923_200, 1_578_009_600, "BTC", 1.5, 100.0, 0.15, "filled"),
    OrderRecord(1_578_009_600, None, "ETH", -2.0, 0.0, 0.0, "cancelled"),
]


def test_equal_orders_have_equal_hashes() -> None:
    assert runs.order_list_hash(list(ORDERS)) == runs.order_list_hash([OrderRecord(*order) for order in ORDERS])


@pytest.mark.parametrize(
    "change",
    [
        {"decided": 1},
        {"filled": None},
        {"filled": 1},
        {"symbol": "SOL"},
        {"size": 1.5000001},
        {"size": -1.5},
        {"price": 100.00001},
        {"status": "open"},
    ],
    ids=str,
)
def test_any_change_of_an_order_changes_the_hash(change: dict[str, Any]) -> None:
    assert runs.order_list_hash([ORDERS[0]._replace(**change), ORDERS[1]]) != runs.order_list_hash(ORDERS)


def test_order_and_number_of_orders_change_the_hash() -> None:
    hashes = {runs.order_list_hash(orders) for orders in (ORDERS, ORDERS[::-1], ORDERS[:1], [*ORDERS, ORDERS[0]], [])}
    assert len(hashes) == 5


def test_a_run_folder_has_time_command_and_a_hash_of_settings_and_data(result: Result) -> None:
    settings, prices = result.inputs.settings, result.inputs.prices
    now = pd.Timestamp("2026-01-02 03:04:05", tz="UTC")
    name = runs.run_folder("backtest", settings, prices, now)
    assert name.parent == runs.RUNS
    assert name.name.startswith("20260102T030405-backtest-")
    assert name == runs.run_folder("backtest", settings, prices, now)
    other_settings = settings.model_copy(update={"costs": settings.costs.model_copy(update={"fee": 0.009})})
    request, one = next(iter(prices.series.items()))
    other_prices = prices._replace(series=dict(prices.series) | {request: one._replace(vintage="another")})
    assert len({name, runs.run_folder("backtest", other_settings, prices, now), runs.run_folder("backtest", settings, other_prices, now)}) == 3
