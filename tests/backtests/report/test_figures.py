"""Pictures: Plotly accepts each, colours are the page's, and the lines are those of the files."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from backtests.benchmarks.labels import LABELS
from backtests.performance.attribution import OUTSIDE
from backtests.report import figures
from backtests.report.run import page
from backtests.runs.document import GatePeriodRecord, ProfitRecord
from tests.backtests.report.conftest import KINDS

CSS = (Path(page.__file__).parents[1] / "page.css").read_text(encoding="utf-8")
LIGHT = dict(re.findall(r"(--[\w-]+): ([^;]+);", CSS.partition("@media")[0]))


def pictures(folder: Path) -> dict[str, figures.Figure]:
    return page.pictures(page.load_run(folder))


def coloured(value: Any) -> Any:
    """With each colour's name replaced by what the light theme says."""
    if isinstance(value, str):
        return LIGHT[value] if value.startswith("--") else value
    if isinstance(value, Mapping):
        return {name: coloured(one) for name, one in value.items()}
    return [coloured(one) for one in value] if isinstance(value, list) else value


def names(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.startswith("--"):
        yield value
    for one in (
        value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    ):
        yield from names(one)


@pytest.mark.parametrize("kind", KINDS)
def test_plotly_accepts_every_figure(kind: str, run_of: Callable[[str], Path]) -> None:
    found = pictures(run_of(kind))
    assert {"equity", "drawdown", "index", "exposure"} <= found.keys()
    for figure in found.values():
        go.Figure(coloured(figure))  # raises on any name or value it does not know


def test_plotly_would_refuse_a_mistake(run_of: Callable[[str], Path]) -> None:
    figure = coloured(pictures(run_of("usual"))["equity"])
    figure["layout"]["yaxsi"] = {}
    with pytest.raises(ValueError, match="yaxsi"):
        go.Figure(figure)


def test_every_colour_has_a_value_in_both_themes(run_of: Callable[[str], Path]) -> None:
    """The dark theme may keep the light one's value.

    Text and lines on the page's ground may not.
    """
    used = {
        name
        for kind in ("usual", "hourly")
        for figure in pictures(run_of(kind)).values()
        for name in names(figure)
    }
    assert used <= LIGHT.keys()
    assert used >= {
        "--strategy",
        "--shade",
        "--ink",
        "--accent",
        "--coin-1",
        "--yes",
        "--no",
        "--muted",
    }
    dark = re.findall(r"(--[\w-]+): ([^;]+);", CSS.partition("@media")[2].partition("\n* {")[0])
    ground = {name for name in LIGHT if not name.startswith("--coin")}
    assert ground <= {name for name, _ in dark}


def test_pictures_without_content_are_left_out(run_of: Callable[[str], Path]) -> None:
    assert {"profit", "random-gates"} <= pictures(run_of("usual")).keys()
    assert "profit" not in pictures(run_of("no gate periods"))
    for kind in ("without benchmarks", "one coin", "sample", "no gate periods"):
        assert "random-gates" not in pictures(run_of(kind)), kind


def test_equity_lines_begin_at_one_and_end_at_the_total_return(
    run_of: Callable[[str], Path],
) -> None:
    run = page.load_run(run_of("usual"))
    figure = figures.equity(run.curves, run.document.events.gate_periods)
    assert [trace["name"] for trace in figure["data"]] == [
        "strategy",
        *(LABELS[name] for name in run.document.benchmarks),
    ]
    records = [run.document.strategy, *run.document.benchmarks.values()]
    for trace, record in zip(figure["data"], records, strict=True):
        assert trace["y"][0] == 1.0
        assert trace["y"][-1] == pytest.approx(
            1 + record.total_return, rel=1e-4
        )  # five digits are drawn
        assert len(trace["y"]) == len(run.curves)
    assert figure["layout"]["yaxis"]["type"] == "log"


@pytest.mark.parametrize("kind", ["usual", "hourly"])
def test_days_of_a_line_are_the_days_that_ended(kind: str, run_of: Callable[[str], Path]) -> None:
    curves = page.load_run(run_of(kind)).curves
    (trace,) = [one for one in figures.equity(curves, [])["data"] if one["name"] == "strategy"]
    drawn = pd.Timestamp(trace["x0"]) + np.arange(len(curves)) * pd.Timedelta(
        milliseconds=trace["dx"]
    )
    ended = (
        (pd.DatetimeIndex(curves["time"]) - pd.Timedelta(seconds=1)).tz_localize(None).floor("D")
    )
    assert list(drawn) == list(ended)


def test_drawdown_touches_its_largest(run_of: Callable[[str], Path]) -> None:
    run = page.load_run(run_of("usual"))
    strategy, bitcoin = figures.drawdown(run.curves, [])["data"]
    assert min(strategy["y"]) == pytest.approx(-run.document.strategy.max_drawdown, rel=1e-4)
    assert min(bitcoin["y"]) == pytest.approx(
        -run.document.benchmarks["hold_bitcoin"].max_drawdown, rel=1e-4
    )
    assert (max(strategy["y"]), max(bitcoin["y"])) == (0.0, 0.0)


def test_bands_are_the_gate_periods_and_an_open_one_lasts_until_the_end() -> None:
    """A gate period that is still open is drawn to the last day of the curve."""
    curves = pd.DataFrame(
        {"time": pd.date_range("2020-01-02", periods=30, tz="UTC"), "strategy": 1.0}
    )
    periods = [
        gate_period("2020-01-05T21:30:00+00:00", "2020-01-09T21:30:00+00:00"),
        gate_period("2020-01-20T21:30:00+00:00", None),
    ]
    bands = figures.equity(curves, periods)["layout"]["shapes"]
    assert [(band["x0"], band["x1"]) for band in bands] == [
        ("2020-01-05", "2020-01-09"),
        ("2020-01-20", "2020-01-31"),
    ]


def gate_period(opened: str, closed: str | None) -> GatePeriodRecord:
    return GatePeriodRecord(
        opened=datetime.fromisoformat(opened),
        closed=datetime.fromisoformat(closed) if closed else None,
        level=100.0,
        base_age=300,
        rearmed=False,
        event_id=1,
        reason="failed" if closed else "",
        strategy_return=0.1,
        bitcoin_return=0.1,
    )


def test_index_marks_each_change_of_state_with_its_reason(run_of: Callable[[str], Path]) -> None:
    run = page.load_run(run_of("usual"))
    figure = figures.index(run.gate, "^RUT", run.document.events.gate_periods)
    close, level, marks, heat = figure["data"]
    state = run.gate["state"].tolist()
    changes = [row for row in range(1, len(state)) if state[row] != state[row - 1]]
    assert len(changes) > 5
    assert marks["x"] == [f"{run.gate['session_close'][row]:%Y-%m-%d}" for row in changes]
    assert marks["text"] == [
        f"{day}: {run.gate['reason'][row]}, now {state[row]}"
        for day, row in zip(marks["x"], changes, strict=True)
    ]
    assert close["y"] == pytest.approx(run.gate["close"].tolist(), rel=1e-4)
    assert [value is None for value in level["y"]] == run.gate["level"].isna().tolist()
    rows = [
        f"{kind}_{name}" for kind in ("channel", "confirmation") for name in named(run.gate, kind)
    ]
    columns = [label.replace("risk check", "channel").replace(" ", "_", 1) for label in heat["y"]]
    assert sorted(columns) == sorted(rows)
    for label, holds in zip(columns, heat["z"], strict=True):
        column = run.gate[label]
        assert holds == [
            None if pd.isna(one) else int(one in (True, "True", "true")) for one in column
        ], label


def test_without_channels_and_confirmations_the_index_has_the_whole_height(
    run_of: Callable[[str], Path],
) -> None:
    run = page.load_run(run_of("no channels"))
    figure = figures.index(run.gate, "^RUT", [])
    assert [trace["name"] for trace in figure["data"]] == [
        "^RUT",
        "breakout level",
        "change of state",
    ]
    assert "domain" not in figure["layout"]["yaxis"]
    assert "yaxis2" not in figure["layout"]


def named(gate: pd.DataFrame, kind: str) -> list[str]:
    return [name.removeprefix(f"{kind}_") for name in gate.columns if name.startswith(f"{kind}_")]


def test_yes_no_and_unknown_differ() -> None:
    """A column has booleans, or words where something is unknown, or nothing at all."""
    gate = pd.DataFrame(
        {
            "session_close": pd.date_range("2020-01-01", periods=3, tz="UTC"),
            "close": 1.0,
            "level": np.nan,
            "state": "dormant",
        }
    )
    gate = gate.assign(
        reason=np.nan,
        channel_credit=[True, False, True],
        channel_broad=["true", np.nan, "False"],
        confirmation_volume=np.nan,
    )
    heat = figures.index(gate, "^RUT", [])["data"][-1]
    assert dict(zip(heat["y"], heat["z"], strict=True)) == {
        "risk check credit": [1, 0, 1],
        "risk check broad": [1, None, 0],
        "confirmation volume": [None] * 3,
    }


def test_exposures_are_the_files_and_the_ceiling_keeps_every_step(
    run_of: Callable[[str], Path],
) -> None:
    run = page.load_run(run_of("usual"))
    *coins, ceiling = figures.exposure(run.curves, run.gate)["data"]
    assert [trace["name"] for trace in coins] == list(run.document.profit.coins)
    for trace in coins:
        assert trace["y"] == pytest.approx(
            run.curves[f"exposure_{trace['name']}"].tolist(), rel=1e-4
        )
    drawn = pd.Series(ceiling["y"], pd.DatetimeIndex(ceiling["x"]))
    days = pd.DatetimeIndex(run.gate["session_close"]).tz_localize(None).normalize()
    assert drawn.reindex(days, method="ffill").to_list() == pytest.approx(
        run.gate["ceiling"].tolist(), abs=1e-4
    )


def test_a_ceiling_is_drawn_at_its_steps_and_to_the_end() -> None:
    gate = pd.DataFrame(
        {
            "session_close": pd.date_range("2020-01-06 21:00", periods=5, tz="UTC"),
            "ceiling": [0.0, 0.5, 0.5, 0.5, 0.5],
        }
    )
    curves = pd.DataFrame(
        {"time": pd.date_range("2020-01-07", periods=5, tz="UTC"), "strategy": 1.0}
    )
    (ceiling,) = figures.exposure(curves, gate)["data"]
    assert (ceiling["x"], ceiling["y"]) == (
        ["2020-01-06", "2020-01-07", "2020-01-10"],
        [0.0, 0.5, 0.5],
    )


def test_profit_bars_add_up_to_the_profit(run_of: Callable[[str], Path]) -> None:
    profits = page.load_run(run_of("usual")).document.profit
    figure = figures.profit(profits)
    total = sum(sum(trace["y"]) for trace in figure["data"])
    gained = sum(sum(row) for row in profits.by_gate_period.values())
    assert total == pytest.approx(
        gained, abs=0.005 * sum(len(trace["y"]) for trace in figure["data"])
    )


@pytest.mark.parametrize(
    ("outside", "bars"), [(0.0, ["2020-01-01"]), (-1.0, ["2020-01-01", OUTSIDE])]
)
def test_profit_outside_gate_periods_has_a_bar_if_there_was_any(
    outside: float, bars: list[str]
) -> None:
    rows = {"2020-01-01": (5.0,), OUTSIDE: (outside,)}
    profits = ProfitRecord(coins=("BTC",), by_gate_period=rows, interest=0.0)
    assert figures.profit(profits)["data"][0]["x"] == bars


def test_random_gates_are_drawn_as_they_are_and_the_own_is_marked(
    run_of: Callable[[str], Path],
) -> None:
    gates = page.load_run(run_of("usual")).document.random_gates
    assert gates is not None and gates.own_sharpe is not None
    figure = figures.random_gates(gates)
    assert figure["data"][0]["x"] == list(gates.sharpes)
    assert {figure["layout"]["shapes"][0][end] for end in ("x0", "x1")} == {gates.own_sharpe}
    assert figure["layout"]["annotations"][0]["text"] == f"this gate: {gates.own_sharpe:.2f}"
