"""What a run writes: every field of its documents, and what a report is made from."""

import csv
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.performance import attribution, short_windows
from backtests.runs import folder as run_folders
from backtests.runs import writer
from backtests.runs.backtest import Backtest, backtest
from backtests.runs.caveats import caveats
from brokers.orders.simulated import OrderRecord
from config.settings import Settings
from tests.scenes import bars, ends, gate_rows, random_backtest, written

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
TOP = {
    *(
        "version",
        "strategy",
        "benchmarks",
        "intervals",
        "random_gates",
        "without",
        "profit",
        "events",
        "verdict",
        "required_events",
        "other_assumptions",
        "capacity",
        "warnings",
    ),
    *("evidence", "sample", "fallback", "window", "data", "order_list_hash", "versions"),
}
ORDER_COLUMNS = [
    "decided",
    "filled",
    "symbol",
    "side",
    "size",
    "price",
    "value",
    "fee",
    "status",
    "reason",
]
GATE_COLUMNS = ["session_close", "close", "record", "base_age", "level", "state", "reason"]


@pytest.fixture(scope="module", autouse=True)
def long_enough() -> Iterator[None]:
    """The windows here, which are short to be quick, are judged."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(short_windows, "FEWEST_DAYS", 2)
        yield


@pytest.fixture(scope="module")
def result() -> Backtest:
    """A random market with many orders; few random gates, to be quick."""
    for seed in range(50):
        inputs = random_backtest(np.random.default_rng((31, seed)))
        few = inputs.settings.backtest.model_copy(update={"random_gates": 19})
        inputs = inputs._replace(settings=inputs.settings.model_copy(update={"backtest": few}))
        found = backtest(inputs)
        if (
            len(found.run.orders) > 20
            and any(one.filled is None for one in found.run.orders)
            and len(inputs.coins) > 1
            and found.events.gate_periods
        ):
            return found
    raise AssertionError("no such market")


@pytest.fixture(scope="module")
def folder(result: Backtest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs") / "run"
    with run_folders.new_folder(place) as partial:
        writer.write_run(result, caveats(result), partial)
    return place


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def columns(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return next(csv.reader(file))


# --- metrics.json ---------------------------------------------------------------------------------


def strict(path: Path) -> Any:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def test_all_files_of_a_run_are_there(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert {
        "settings.toml",
        "metrics.json",
        "equity.csv",
        "curves.csv",
        "orders.csv",
        "gate.csv",
        "decisions.csv",
    } == names


def test_metrics_have_every_field(folder: Path, result: Backtest) -> None:
    found = strict(folder / "metrics.json")
    assert found.keys() == TOP
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
    assert found["strategy"]["total_return"] == pytest.approx(
        result.run.decisions[-1].equity / result.inputs.settings.backtest.cash - 1
    )


def test_a_run_without_benchmarks_has_no_verdict_and_no_p(result: Backtest) -> None:
    found = writer.metrics_document(backtest(result.inputs, with_benchmarks=False), []).to_json()
    assert (found["benchmarks"], found["random_gates"], found["verdict"]) == ({}, None, None)
    assert found["strategy"] == writer.metrics_document(result, []).to_json()["strategy"]


def test_settings_are_written_so_that_they_give_the_run_again(
    folder: Path, result: Backtest
) -> None:
    content = tomllib.loads((folder / "settings.toml").read_text(encoding="utf-8"))
    assert Settings.model_validate(content) == result.inputs.settings


def test_reading_gives_what_was_written(folder: Path, result: Backtest) -> None:
    document = run_folders.read_run(folder)
    assert document.order_list_hash == writer.order_list_hash(result.run.orders)
    assert document == writer.metrics_document(result, caveats(result))
    assert run_folders.list_runs(folder.parent) == [folder]


def test_an_interrupt_in_the_middle_of_writing_leaves_nothing(
    result: Backtest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    whole = writer._write_csv

    def interrupted(frame: pd.DataFrame, path: Path) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path.name)
        whole(frame, path)

    monkeypatch.setattr(writer, "_write_csv", interrupted)

    def fill() -> None:
        with run_folders.new_folder(tmp_path / "run") as partial:
            writer.write_run(result, [], partial)

    with pytest.raises(KeyboardInterrupt):
        fill()
    assert len(written) == 2
    assert list(tmp_path.iterdir()) == []


# --- comparison -----------------------------------------------------------------------------------


def test_every_curve_has_intervals_that_are_intervals(folder: Path) -> None:
    found = strict(folder / "metrics.json")
    assert list(found["intervals"]) == ["strategy", *found["benchmarks"]]
    for name, one in found["intervals"].items():
        assert list(one) == ["sharpe", "cagr", "max_drawdown"], name
        for figure, (low, high) in one.items():
            assert low <= high, f"{name}: {figure}"
        assert 0.0 <= one["max_drawdown"][0] <= one["max_drawdown"][1] <= 1.0


def test_intervals_are_the_bootstraps_of_the_curves_in_the_file(
    folder: Path, result: Backtest
) -> None:
    from backtests.statistics.bootstrap import interval, resample

    curves = pd.read_csv(folder / "curves.csv")
    found = strict(folder / "metrics.json")["intervals"]
    values = curves[list(found)].to_numpy()
    draws = resample(values[1:] / values[:-1] - 1, result.inputs.settings.backtest.seed)
    for column, name in enumerate(found):
        for figure, bounds in found[name].items():
            assert bounds == pytest.approx(
                interval(getattr(draws, figure)[:, column]), rel=1e-9, abs=1e-12
            ), f"{name}: {figure}"


def test_ablation_has_the_figures_of_the_kernel(folder: Path, result: Backtest) -> None:
    found = strict(folder / "metrics.json")
    assert result.comparison
    assert [(one["rule"], one["text"]) for one in found["without"]] == [
        (ablation.rule, ablation.text) for ablation in result.comparison.ablation
    ]
    for one in found["without"]:
        assert set(one) == {"rule", "text", *FIGURES}
    whole = found["without"][0]
    assert (whole["rule"], whole["orders"]) == ("", found["strategy"]["orders"])
    for name in FIGURES:
        assert whole[name] == pytest.approx(found["strategy"][name], rel=1e-9), name


def test_profit_and_interest_add_up_to_what_was_gained(folder: Path, result: Backtest) -> None:
    found = strict(folder / "metrics.json")
    profit = found["profit"]
    assert profit["coins"] == list(result.inputs.coins)
    assert list(profit["spells"]) == [
        gate_period["opened"][:10] for gate_period in found["events"]["spells"]
    ] + [attribution.OUTSIDE]
    assert all(len(row) == len(profit["coins"]) for row in profit["spells"].values())
    values = result.equity["value"]
    together = sum(sum(row) for row in profit["spells"].values()) + profit["interest"]
    assert together == pytest.approx(values.iloc[-1] - values.iloc[0], rel=1e-9)


@pytest.mark.parametrize("cash_yield", [0.0, 0.05])
def test_interest_is_what_cash_earned_and_nothing_else(cash_yield: float) -> None:
    """Three days of 1000 in cash and no order: 1000 * 1.05 ** (2 / 365) at the third bar's end."""
    frame, table = (
        bars([100.0, 90.0, 80.0], ends(3)),
        gate_rows([0.0] * 3, ends(3)).assign(after_base=False),
    )
    inputs = written({"BTC": frame}, table, {"costs.cash_yield": cash_yield})
    profit = writer.metrics_document(backtest(inputs, with_benchmarks=False), []).to_json()[
        "profit"
    ]
    assert profit["spells"] == {attribution.OUTSIDE: [0.0]}
    assert profit["interest"] == pytest.approx(
        1000.0 * (1 + cash_yield) ** (2 / 365) - 1000.0, abs=1e-9
    )
    assert cash_yield or profit["interest"] == 0.0


def test_random_gates_are_written_from_worst_to_best(folder: Path, result: Backtest) -> None:
    found = strict(folder / "metrics.json")["random_gates"]
    assert result.comparison and result.comparison.random_gates
    drawn = result.comparison.random_gates.sharpes
    assert found["sharpes"] == [round(value, 4) for value in sorted(drawn[np.isfinite(drawn)])]
    assert len(found["sharpes"]) <= found["n"] == len(drawn)
    at_least_as_good = sum(value >= result.comparison.random_gates.own_sharpe for value in drawn)
    assert found["p_sharpe"] == pytest.approx((1 + at_least_as_good) / (1 + found["n"]))
    assert found["own_sharpe"] == pytest.approx(
        strict(folder / "metrics.json")["strategy"]["sharpe"], rel=1e-9
    )


def test_gates_without_a_ratio_are_left_out_and_do_not_spoil_the_order(result: Backtest) -> None:
    assert result.comparison and result.comparison.random_gates
    spoiled = result.comparison.random_gates._replace(
        sharpes=np.array([2.0, np.nan, 0.5, np.nan, 1.0, -1.0]),
        own_sharpe=float("nan"),
        p_sharpe=None,
    )
    found = writer.metrics_document(
        result._replace(comparison=result.comparison._replace(random_gates=spoiled)), []
    ).to_json()["random_gates"]
    assert found["sharpes"] == [-1.0, 0.5, 1.0, 2.0]
    assert found["own_sharpe"] is None
    json.dumps(found, allow_nan=False)


def test_real_prices_are_no_sample(folder: Path) -> None:
    found = strict(folder / "metrics.json")
    assert (found["sample"], found["fallback"]) == (False, "")
    assert {one["sample"] for one in found["data"].values()} == {False}


def test_a_sample_run_says_so_everywhere_and_has_neither_verdict_nor_p(result: Backtest) -> None:
    prices = result.inputs.prices._replace(sample=True, fallback="Yahoo cannot be reached")
    found = writer.metrics_document(backtest(result.inputs._replace(prices=prices)), []).to_json()
    assert (found["sample"], found["fallback"]) == (True, "Yahoo cannot be reached")
    assert {one["sample"] for one in found["data"].values()} == {True}
    assert (found["verdict"], found["random_gates"]) == (None, None)
    assert len(found["benchmarks"]) >= 7 and found["intervals"] and found["without"]
    assert found["strategy"] == writer.metrics_document(result, []).to_json()["strategy"]


def test_curves_are_the_last_bars_of_the_days(folder: Path, result: Backtest) -> None:
    found = pd.read_csv(folder / "curves.csv")
    assert result.comparison
    coins = [f"exposure_{name}" for name in result.inputs.coins]
    assert list(found.columns) == ["time", "strategy", *result.comparison.benchmarks, *coins]
    equity = pd.read_csv(folder / "equity.csv")
    day = (pd.to_datetime(equity["time"]) - pd.Timedelta(seconds=1)).dt.date
    last = equity.groupby(day).last()
    assert found["time"].tolist() == last["time"].tolist()
    assert found["strategy"].tolist() == last["value"].tolist()
    np.testing.assert_allclose(found[coins].sum(axis=1), last["exposure"], atol=1e-9)
    for name, curve in result.comparison.benchmarks.items():
        assert found[name].iloc[-1] == curve.equity.iloc[-1]
        assert found[name].iloc[-1] / found[name].iloc[0] - 1 == pytest.approx(
            curve.metrics.total_return, rel=1e-9
        )


def test_an_intraday_run_has_a_curve_row_a_day(tmp_path: Path) -> None:
    """49 hours touch three days, the last of them for one hour."""
    hour = pd.Timedelta(hours=1)
    instants = ends(49, length=hour)
    table = gate_rows([0.0] * 2, instants[[0, 24]]).assign(
        after_base=False, reason="", record=100.0, base_age=1, level=100.0
    )
    inputs = written(
        {"BTC": bars(np.arange(100.0, 149.0).tolist(), instants)},
        table.assign(session_close=table.index),
        {"exchange.timeframe": "1h"},
        hour,
    )
    writer.write_run(backtest(inputs, with_benchmarks=False), [], tmp_path)
    assert [row["time"] for row in rows(tmp_path / "curves.csv")] == [
        f"2020-01-0{day}T0{hours}:00:00Z" for day, hours in ((2, 0), (3, 0), (3, 1))
    ]
    assert len(rows(tmp_path / "equity.csv")) == 49


def test_a_run_without_benchmarks_writes_its_own_curve(result: Backtest, tmp_path: Path) -> None:
    writer.write_run(backtest(result.inputs, with_benchmarks=False), [], tmp_path)
    assert columns(tmp_path / "curves.csv") == [
        "time",
        "strategy",
        *(f"exposure_{name}" for name in result.inputs.coins),
    ]
    found = strict(tmp_path / "metrics.json")
    assert (found["intervals"], found["without"], found["random_gates"], found["verdict"]) == (
        {},
        [],
        None,
        None,
    )
    assert found["profit"]["coins"]


# --- CSV ------------------------------------------------------------------------------------------


def test_columns_and_their_order(folder: Path, result: Backtest) -> None:
    coins = [f"target_{name}" for name in result.inputs.coins]
    assert columns(folder / "equity.csv") == ["time", "value", "cash", "exposure"]
    assert columns(folder / "orders.csv") == ORDER_COLUMNS
    assert columns(folder / "decisions.csv") == [
        "time",
        "state",
        "ceiling",
        *coins,
        "gross",
        "reason",
    ]
    gate = columns(folder / "gate.csv")
    assert gate[:7] == GATE_COLUMNS
    settings = result.inputs.settings
    wanted = {f"confirmation_{name}" for name in settings.confirmations.enabled()} | {
        f"channel_{name}" for name in settings.risk_curve.channels
    }
    assert {*gate} >= wanted | {"filled", "ceiling"}


def test_equity_rows_are_the_bars(folder: Path, result: Backtest) -> None:
    found = rows(folder / "equity.csv")
    assert [row["time"] for row in found] == [
        f"{end:%Y-%m-%dT%H:%M:%S}Z" for end in result.inputs.grid
    ]
    assert [float(row["value"]) for row in found] == [one.equity for one in result.run.decisions]
    for row in found:
        assert float(row["exposure"]) == pytest.approx(
            1 - float(row["cash"]) / float(row["value"]), abs=1e-12
        )


def test_order_rows_are_the_orders(folder: Path, result: Backtest) -> None:
    found = rows(folder / "orders.csv")
    assert len(found) == len(result.run.orders)
    length = (result.inputs.grid[1] - result.inputs.grid[0]).total_seconds()
    for row, order in zip(found, result.run.orders, strict=True):
        assert pd.Timestamp(row["decided"]).timestamp() == order.decided
        assert (row["symbol"], row["status"], row["side"]) == (
            order.symbol,
            order.status,
            "buy" if order.size > 0 else "sell",
        )
        assert float(row["size"]) == abs(order.size)
        assert row["reason"]
        if order.filled is None:
            assert (row["filled"], row["price"], row["value"]) == ("", "", "")
            continue
        # A fill happens at its bar's open, which is the instant its bar before ended.
        assert pd.Timestamp(row["filled"]).timestamp() == order.filled - length
        assert pd.Timestamp(row["filled"]) >= pd.Timestamp(row["decided"])
        assert float(row["value"]) == pytest.approx(
            float(row["size"]) * float(row["price"]), rel=1e-12
        )


def test_decision_rows_add_up(folder: Path, result: Backtest) -> None:
    for row, one in zip(rows(folder / "decisions.csv"), result.run.decisions, strict=True):
        assert pd.Timestamp(row["time"]).timestamp() == one.time
        assert float(row["ceiling"]) == one.gate.ceiling
        assert [float(row[f"target_{name}"]) for name in result.inputs.coins] == list(one.targets)
        assert row["state"] in {"dormant", "testing", "confirmed"}
        assert row["reason"]


def test_gate_rows_are_the_sessions_known_in_the_window_and_the_one_before(
    folder: Path, result: Backtest
) -> None:
    table, grid = result.inputs.table, result.inputs.grid
    known = [instant for instant in table.index if instant <= grid[-1]]
    before = [instant for instant in known if instant <= grid[0]]
    expected = len(known) - max(len(before) - 1, 0)
    assert len(rows(folder / "gate.csv")) == expected


def test_missing_numbers_are_empty_cells(folder: Path) -> None:
    for name in ("equity.csv", "curves.csv", "orders.csv", "gate.csv", "decisions.csv"):
        for row in rows(folder / name):
            assert not {value.lower() for value in row.values()} & {
                "nan",
                "nat",
                "none",
                "null",
                "inf",
            }, name


# --- identity -------------------------------------------------------------------------------------

ORDERS = [
    OrderRecord(1_577_923_200, 1_578_009_600, "BTC", 1.5, 100.0, 0.15, "filled"),
    OrderRecord(1_578_009_600, None, "ETH", -2.0, 0.0, 0.0, "cancelled"),
]


def test_equal_orders_have_equal_hashes() -> None:
    assert writer.order_list_hash(list(ORDERS)) == writer.order_list_hash(
        [OrderRecord(*order) for order in ORDERS]
    )


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
    assert writer.order_list_hash(
        [ORDERS[0]._replace(**change), ORDERS[1]]
    ) != writer.order_list_hash(ORDERS)


def test_order_and_number_of_orders_change_the_hash() -> None:
    hashes = {
        writer.order_list_hash(orders)
        for orders in (ORDERS, ORDERS[::-1], ORDERS[:1], [*ORDERS, ORDERS[0]], [])
    }
    assert len(hashes) == 5
