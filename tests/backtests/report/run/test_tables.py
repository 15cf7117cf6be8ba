"""Tables: each cell says what the run's files say, sorts by its number, and is coloured by its sign."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.performance.attribution import OUTSIDE, monthly_returns
from backtests.report.cells import LOWEST, NONE, Cell, Table, gain
from backtests.report.run import page, tables
from backtests.report.run.page import Recorded
from strategies.sentences import UNCHANGED
from tests.backtests.report.conftest import KINDS


@pytest.fixture(scope="module")
def run(run_of: Callable[[str], Path]) -> Recorded:
    return page.recorded(run_of("usual"))


def column(table: Table, heading: str) -> list[Cell]:
    place = [name for name, _ in table.headings].index(heading)
    return [row[place] for row in table.rows]


def texts(table: Table, heading: str) -> list[str]:
    return [cell.text for cell in column(table, heading)]


def every_table(run: Recorded) -> list[Table]:
    summary = run.summary
    found = [
        tables.benchmarks(summary),
        tables.spells(summary),
        tables.profit(summary),
        tables.without(summary),
        tables.data(summary),
    ]
    return [
        *found,
        tables.months(monthly_returns(run.equity.set_index("time")["value"])),
        tables.orders(run.orders),
        tables.decisions(run.decisions),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_has_a_cell_for_every_heading(kind: str, run_of: Callable[[str], Path]) -> None:
    for table in every_table(page.recorded(run_of(kind))):
        for row in table.rows:
            assert len(row) == len(table.headings)
            for cell, (heading, is_number) in zip(row, table.headings, strict=True):
                assert ("number" in cell.kind) == is_number, (heading, cell)
                assert not is_number or cell.sort == LOWEST or np.isfinite(float(cell.sort)), (
                    heading,
                    cell,
                )  # type: ignore[arg-type]  # a number in number columns
                assert not {"nan", "None", "NaT", "inf"} & set(cell.text.split()), (heading, cell)


def test_benchmarks_show_the_metrics_and_their_intervals(run: Recorded) -> None:
    table, summary = tables.benchmarks(run.summary), run.summary
    everyone = {"strategy": summary["strategy"], **summary["benchmarks"]}
    assert texts(table, "") == [name.replace("_", " ") for name in everyone]
    for heading, key, form in tables.BENCHMARK_COLUMNS:
        for cell, (name, metrics) in zip(column(table, heading), everyone.items(), strict=True):
            value, span = metrics[key], summary["intervals"][name].get(key)
            if value is None:
                assert cell.text == NONE
            else:
                expected = form.format(value) + (
                    f"\n{form.format(span[0])} to {form.format(span[1])}" if span else ""
                )
                assert (cell.text, cell.sort) == (expected, value)
    assert [row[0].kind for row in table.rows] == ["own", *[""] * len(summary["benchmarks"])]


def test_a_figure_that_does_not_exist_has_no_interval_either(run_of: Callable[[str], Path]) -> None:
    """A strategy that never held anything has no Sharpe ratio; zero to zero would look like one."""
    summary = page.recorded(run_of("no spells")).summary
    assert summary["strategy"]["sharpe"] is None
    assert texts(tables.benchmarks(summary), "Sharpe")[0] == NONE
    assert {what: figure for what, figure, _ in tables.tiles(summary)}["Sharpe ratio"] == NONE


def test_tiles_show_the_strategy_and_its_rival(run: Recorded) -> None:
    own, bitcoin = run.summary["strategy"], run.summary["benchmarks"]["hold_bitcoin"]
    found = {what: (figure, beside) for what, figure, beside in tables.tiles(run.summary)}
    assert found["per year"] == (f"{own['cagr']:+.1%}", f"hold Bitcoin {bitcoin['cagr']:+.1%}")
    low, high = run.summary["intervals"]["strategy"]["sharpe"]
    assert found["Sharpe ratio"] == (f"{own['sharpe']:.2f}", f"{low:.2f} to {high:.2f}")
    assert found["largest drawdown"][0] == f"{own['max_drawdown']:.0%}"
    assert found["in coins, on average"] == (f"{own['exposure']:.0%}", f"{own['orders']:,} orders")
    assert found["independent events"][0] == str(run.summary["events"]["independent_events"])


def test_spells_are_those_of_the_run(run: Recorded) -> None:
    table, spells = tables.spells(run.summary), run.summary["events"]["spells"]
    assert texts(table, "opened") == [one["opened"][:10] for one in spells]
    assert texts(table, "closed") == [
        one["closed"][:10] if one["closed"] else "open" for one in spells
    ]
    assert [cell.sort for cell in column(table, "strategy")] == [
        one["strategy_return"] for one in spells
    ]
    assert [cell.sort for cell in column(table, "Bitcoin")] == [
        one["bitcoin_return"] for one in spells
    ]


def test_profit_has_sums_by_row_and_by_column() -> None:
    found = {
        "coins": ["BTC", "ETH"],
        "spells": {"2020-01-01": [100.0, -30.0], "2021-01-01": [5.5, 0.0], OUTSIDE: [-1.0, 2.0]},
        "interest": 12.0,
    }
    rows = [[cell.text for cell in row] for row in tables.profit({"profit": found}).rows]
    assert rows == [
        ["2020-01-01", "+100", "-30", "+70"],
        ["2021-01-01", "+6", "0", "+6"],
        [OUTSIDE, "-1", "+2", "+1"],
        ["interest on cash", "", "", "+12"],
        [
            "all",
            "+104",
            "-28",
            "+88",
        ],  # 104.5 rounds to the even digit; 70 + 5.5 + 1 + 12 = 88.5 as well
    ]


def test_profit_of_a_run_is_what_it_gained(run: Recorded) -> None:
    last = tables.profit(run.summary).rows[-1]
    values = run.equity["value"]
    assert last[-1].sort == pytest.approx(values.iloc[-1] - values.iloc[0], rel=1e-9)


def test_profit_without_any_outside_or_interest_has_no_such_row() -> None:
    found = {"coins": ["BTC"], "spells": {"2020-01-01": [1.0], OUTSIDE: [0.0]}, "interest": 0.0}
    assert texts(tables.profit({"profit": found}), "spell opened") == ["2020-01-01", "all"]


def test_what_a_rule_earned_is_the_whole_less_the_rest() -> None:
    figures = {"cagr": 0.1, "max_drawdown": 0.2, "exposure": 0.3, "orders": 4}
    rules = [
        ("", "all rules", 1.5),
        ("band", "every difference is traded", 1.25),
        ("lags", "every coin at once", 2.0),
        ("own trend", "off", None),
    ]
    without = [
        {"rule": rule, "text": text, "sharpe": ratio} | figures for rule, text, ratio in rules
    ]
    table = tables.without({"without": without})
    assert texts(table, "without") == ["nothing", "band", "lags", "own trend"]
    assert texts(table, "the rule earned") == [NONE, "+0.25", "-0.50", NONE]
    assert [cell.kind for cell in column(table, "the rule earned")][1:3] == [
        "number good",
        "number bad",
    ]
    assert tables.without({"without": []}).rows == []
    flat = tables.without({"without": [{**one, "sharpe": None} for one in without]})
    assert set(texts(flat, "the rule earned")) == {NONE}


def test_months_by_hand() -> None:
    returns = pd.Series(
        [0.1, -0.3, 0.0, 0.004],
        pd.PeriodIndex(["2020-11", "2020-12", "2021-01", "2021-02"], freq="M"),
    )
    table = tables.months(returns)
    assert texts(table, "") == ["2020", "2021"]
    assert (texts(table, "Nov"), texts(table, "Dec")) == (["+10%", ""], ["-30%", ""])
    assert (texts(table, "Jan"), texts(table, "Feb")) == (["", "0%"], ["", "0%"])
    assert texts(table, "year") == [f"{1.1 * 0.7 - 1:+.0%}", "0%"]
    assert [cell.shade for cell in column(table, "Nov")] == [pytest.approx(0.1 / 0.25), 0.0]
    assert column(table, "Dec")[0].shade == -1.0  # deeper than the deepest shade
    assert column(table, "Dec")[1].sort == LOWEST


def test_years_are_the_products_of_their_months(run: Recorded) -> None:
    values = run.equity["value"]
    table = tables.months(monthly_returns(run.equity.set_index("time")["value"]))
    growth = np.prod([1 + float(cell.sort) for cell in column(table, "year")])  # type: ignore[arg-type]  # as above
    assert growth == pytest.approx(values.iloc[-1] / values.iloc[0], rel=1e-9)


def test_orders_are_all_there(run: Recorded) -> None:
    table = tables.orders(run.orders)
    assert len(table.rows) == len(run.orders) > 100
    assert texts(table, "coin") == run.orders["symbol"].tolist()
    assert texts(table, "status") == run.orders["status"].tolist()
    unfilled = run.orders["price"].isna().tolist()
    assert any(unfilled)
    assert [text == NONE for text in texts(table, "price")] == unfilled
    assert [
        cell.sort
        for cell, missing in zip(column(table, "value"), unfilled, strict=True)
        if not missing
    ] == run.orders["value"].dropna().tolist()
    assert not any(text.startswith(UNCHANGED) for text in texts(table, "why"))


def test_decisions_are_those_that_changed_something() -> None:
    reasons = [
        "Gate dormant.",
        "As before: Gate dormant.",
        "As before: Gate dormant. Now buy BTC, 0.0% to 50.0%.",
        "Gate confirmed.",
    ]
    frame = pd.DataFrame(
        {
            "time": pd.date_range("2020-01-01", periods=4, tz="UTC"),
            "state": "dormant",
            "ceiling": [0.0, 0.0, 0.5, 1.0],
        }
    )
    table = tables.decisions(frame.assign(target_BTC=0.5, gross=0.5, reason=reasons))
    assert [name for name, _ in table.headings] == ["time", "state", "ceiling", "BTC", "why"]
    assert texts(table, "time") == ["2020-01-01 00:00", "2020-01-03 00:00", "2020-01-04 00:00"]
    assert texts(table, "why") == [
        "Gate dormant.",
        "Gate dormant. Now buy BTC, 0.0% to 50.0%.",
        "Gate confirmed.",
    ]
    assert texts(table, "ceiling") == ["0%", "50%", "100%"]


def test_data_names_every_series(run: Recorded) -> None:
    table = tables.data(run.summary)
    assert texts(table, "series") == list(run.summary["data"])
    assert [cell.sort for cell in column(table, "rows")] == [
        one["rows"] for one in run.summary["data"].values()
    ]


def test_assumptions_are_those_of_the_settings(run: Recorded) -> None:
    told = "\n".join(tables.assumptions(run.settings))
    costs = run.settings["costs"]
    for expected in (
        f"{costs['fee']:.2%}",
        f"{costs['slippage']:.2%}",
        f"{costs['cash_yield']:.1%}",
        f"{run.settings['backtest']['cash']:,.0f}",
    ):
        assert expected in told
    for coin in run.settings["coins"]:
        assert f"{coin['name']} {coin['weight']:.0%} after {coin['lag_days']} days" in told


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [
        (0.123, "+12%", "number good"),
        (-0.123, "-12%", "number bad"),
        (0.001, "0%", "number"),  # what reads as nothing has no colour and no sign
        (-0.001, "0%", "number"),
        (0.0, "0%", "number"),
        (None, NONE, "number"),
        (float("nan"), NONE, "number"),
    ],
)
def test_gains_are_coloured_by_what_can_be_read(value: float | None, text: str, kind: str) -> None:
    cell = gain(value, "{:+.0%}")
    assert (cell.text, cell.kind) == (text, kind)
    assert cell.sort == (LOWEST if text == NONE else value)
