"""Tables: each cell shows what the files hold, sorts by its number, is coloured by its sign."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.benchmarks.labels import LABELS
from backtests.performance.attribution import OUTSIDE, monthly_returns
from backtests.report.cells import LOWEST, NONE, Cell, Table, gain
from backtests.report.run import page, tables, words
from backtests.report.run.page import StoredRun
from backtests.runs.document import AblationRecord, MetricsDocument, ProfitRecord
from strategies.sentences import UNCHANGED
from tests.backtests.report.conftest import KINDS


@pytest.fixture(scope="module")
def run(run_of: Callable[[str], Path]) -> StoredRun:
    return page.load_run(run_of("usual"))


def column(table: Table, heading: str) -> list[Cell]:
    place = [name for name, _ in table.headings].index(heading)
    return [row[place] for row in table.rows]


def texts(table: Table, heading: str) -> list[str]:
    return [cell.text for cell in column(table, heading)]


def every_table(run: StoredRun) -> list[Table]:
    document = run.document
    return [
        tables.benchmarks(document),
        tables.gate_periods(document),
        tables.profit(document.profit),
        tables.ablation(document),
        tables.other_assumptions(document),
        tables.data(document),
        tables.months(monthly_returns(run.equity.set_index("time")["value"])),
        tables.orders(run.orders),
        tables.decisions(run.decisions),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_has_a_cell_for_every_heading(kind: str, run_of: Callable[[str], Path]) -> None:
    for table in every_table(page.load_run(run_of(kind))):
        for row in table.rows:
            assert len(row) == len(table.headings)
            for cell, (heading, is_number) in zip(row, table.headings, strict=True):
                assert ("number" in cell.kind) == is_number, (heading, cell)
                assert not is_number or cell.sort == LOWEST or np.isfinite(float(cell.sort)), (
                    heading,
                    cell,
                )  # type: ignore[arg-type]  # a number in number columns
                assert not {"nan", "None", "NaT", "inf"} & set(cell.text.split()), (heading, cell)


def test_benchmarks_show_the_metrics_and_their_intervals(run: StoredRun) -> None:
    table, document = tables.benchmarks(run.document), run.document
    everyone = {"strategy": document.strategy, **document.benchmarks}
    assert texts(table, "") == [LABELS[name] for name in everyone]
    for heading, key, form in tables.BENCHMARK_COLUMNS:
        for cell, (name, metrics) in zip(column(table, heading), everyone.items(), strict=True):
            value, span = getattr(metrics, key), document.intervals[name].get(key)
            if value is None:
                assert cell.text == NONE
            else:
                expected = form.format(value) + (
                    f"\n{form.format(span[0])} to {form.format(span[1])}" if span else ""
                )
                assert (cell.text, cell.sort) == (expected, value)
    assert [row[0].kind for row in table.rows] == ["own", *[""] * len(document.benchmarks)]


def test_a_figure_that_does_not_exist_has_no_interval_either(run_of: Callable[[str], Path]) -> None:
    """A strategy that never held anything has no Sharpe ratio; zero to zero would look like one."""
    document = page.load_run(run_of("no gate periods")).document
    assert document.strategy.sharpe is None
    assert texts(tables.benchmarks(document), "Sharpe ratio")[0] == NONE
    assert {what: figure for what, figure, _ in tables.tiles(document)}["Sharpe ratio"] == NONE


def test_tiles_show_the_strategy_and_its_rival(run: StoredRun) -> None:
    document = run.document
    own, bitcoin = document.strategy, document.benchmarks["hold_bitcoin"]
    tiles = {what: (figure, below) for what, figure, below in tables.tiles(document)}
    assert tiles["CAGR"] == (f"{own.cagr:+.1%}", f"hold BTC {bitcoin.cagr:+.1%}")
    low, high = document.intervals["strategy"]["sharpe"]
    assert tiles["Sharpe ratio"] == (f"{own.sharpe:.2f}", f"{low:.2f} to {high:.2f}")
    assert tiles["maximum drawdown"][0] == f"{own.max_drawdown:.0%}"
    assert tiles["average exposure"] == (f"{own.exposure:.0%}", f"{own.orders:,} orders")
    assert tiles["independent events"][0] == str(words.verdict_events(document.events)[0])


@pytest.mark.parametrize(
    ("cash_yield", "ending"),
    [
        (0.0, "no risk-free rate."),
        (0.04, "; those of the verdict and the permutation test are in excess of cash."),
    ],
)
def test_what_ratios_are_of_is_an_assumption(
    run: StoredRun, cash_yield: float, ending: str
) -> None:
    costs = run.settings.costs.model_copy(update={"cash_yield": cash_yield})
    settings = run.settings.model_copy(update={"costs": costs})
    assert tables.assumptions(settings)[-1].endswith(ending)


def test_gate_periods_are_those_of_the_run(run: StoredRun) -> None:
    table, periods = tables.gate_periods(run.document), run.document.events.gate_periods
    assert texts(table, "opened") == [f"{period.opened:%Y-%m-%d}" for period in periods]
    assert texts(table, "closed") == [
        f"{period.closed:%Y-%m-%d}" if period.closed else "open" for period in periods
    ]
    assert [cell.sort for cell in column(table, "strategy")] == [
        period.strategy_return for period in periods
    ]
    assert [cell.sort for cell in column(table, "BTC")] == [
        period.bitcoin_return for period in periods
    ]


def test_profit_has_sums_by_row_and_by_column() -> None:
    profits = ProfitRecord(
        coins=("BTC", "ETH"),
        by_gate_period={
            "2020-01-01": (100.0, -30.0),
            "2021-01-01": (5.5, 0.0),
            OUTSIDE: (-1.0, 2.0),
        },
        interest=12.0,
    )
    rows = [[cell.text for cell in row] for row in tables.profit(profits).rows]
    assert rows == [
        ["2020-01-01", "+100", "-30", "+70"],
        ["2021-01-01", "+6", "0", "+6"],
        [OUTSIDE, "-1", "+2", "+1"],
        ["interest on cash", "", "", "+12"],
        [
            "total",
            "+104",
            "-28",
            "+88",
        ],  # 104.5 rounds to the even digit; 70 + 5.5 + 1 + 12 = 88.5 as well
    ]


def test_profit_of_a_run_is_what_it_gained(run: StoredRun) -> None:
    last = tables.profit(run.document.profit).rows[-1]
    values = run.equity["value"]
    assert last[-1].sort == pytest.approx(values.iloc[-1] - values.iloc[0], rel=1e-9)


def test_profit_without_any_outside_or_interest_has_no_such_row() -> None:
    rows = {"2020-01-01": (1.0,), OUTSIDE: (0.0,)}
    profits = ProfitRecord(coins=("BTC",), by_gate_period=rows, interest=0.0)
    assert texts(tables.profit(profits), "period opened") == ["2020-01-01", "total"]


def test_a_rules_contribution_is_the_whole_less_the_rest(run: StoredRun) -> None:
    rules = [
        ("", "all rules", 1.5),
        ("band", "every difference is traded", 1.25),
        ("lags", "every coin at once", 2.0),
        ("own trend", "off", None),
    ]
    records = [
        AblationRecord(
            **run.document.strategy.model_dump() | {"rule": rule, "text": text, "sharpe": ratio}
        )
        for rule, text, ratio in rules
    ]
    table = tables.ablation(with_ablation(run, records))
    assert texts(table, "rule switched off") == ["none", "band", "lags", "own trend"]
    assert texts(table, "Sharpe contribution") == [NONE, "+0.25", "-0.50", NONE]
    assert [cell.kind for cell in column(table, "Sharpe contribution")][1:3] == [
        "number good",
        "number bad",
    ]
    assert tables.ablation(with_ablation(run, [])).rows == []
    unknown = [record.model_copy(update={"sharpe": None}) for record in records]
    table = tables.ablation(with_ablation(run, unknown))
    assert set(texts(table, "Sharpe contribution")) == {NONE}


def with_ablation(run: StoredRun, records: list[AblationRecord]) -> MetricsDocument:
    return run.document.model_copy(update={"ablation": tuple(records)})


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


def test_years_are_the_products_of_their_months(run: StoredRun) -> None:
    values = run.equity["value"]
    table = tables.months(monthly_returns(run.equity.set_index("time")["value"]))
    growth = np.prod([1 + float(cell.sort or 0.0) for cell in column(table, "year")])
    assert growth == pytest.approx(values.iloc[-1] / values.iloc[0], rel=1e-9)


def test_orders_are_all_there(run: StoredRun) -> None:
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
    assert not any(text.startswith(UNCHANGED) for text in texts(table, "reason"))


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
    assert [name for name, _ in table.headings] == ["time", "state", "ceiling", "BTC", "reason"]
    assert texts(table, "time") == ["2020-01-01 00:00", "2020-01-03 00:00", "2020-01-04 00:00"]
    assert texts(table, "reason") == [
        "Gate dormant.",
        "Gate dormant. Now buy BTC, 0.0% to 50.0%.",
        "Gate confirmed.",
    ]
    assert texts(table, "ceiling") == ["0%", "50%", "100%"]


def test_other_assumptions_follow_the_run_as_it_is(run: StoredRun) -> None:
    document = run.document
    table = tables.other_assumptions(document)
    names = [variant.name for variant in document.other_assumptions]
    assert len(names) >= 3
    assert texts(table, "assumption") == ["as it is", *names]
    assert texts(table, "meaning")[1:] == [one.text for one in document.other_assumptions]
    everyone = [document.strategy, *(variant.figures for variant in document.other_assumptions)]
    assert [cell.sort for cell in column(table, "total return")] == [
        figures.total_return if figures else LOWEST for figures in everyone
    ]
    assert [cell.sort for cell in column(table, "Sharpe ratio")] == [
        LOWEST if figures is None or figures.sharpe is None else figures.sharpe
        for figures in everyone
    ]


def test_a_run_without_benchmarks_has_no_other_assumptions(run_of: Callable[[str], Path]) -> None:
    document = page.load_run(run_of("without benchmarks")).document
    assert tables.other_assumptions(document).rows == []


def test_data_names_every_series(run: StoredRun) -> None:
    table, data = tables.data(run.document), run.document.data
    assert texts(table, "series") == list(data)
    assert [cell.sort for cell in column(table, "rows")] == [
        series.rows for series in data.values()
    ]


def test_assumptions_are_those_of_the_settings(run: StoredRun) -> None:
    text = "\n".join(tables.assumptions(run.settings))
    costs = run.settings.costs
    for expected in (
        f"{costs.fee:.2%}",
        f"{costs.slippage:.2%}",
        f"{costs.cash_yield:.1%}",
        f"{run.settings.backtest.cash:,.0f}",
    ):
        assert expected in text
    assert "No taxes, no borrowing" in text
    taxed = run.settings.model_copy(update={"costs": costs.model_copy(update={"tax_rate": 0.2})})
    assert "No taxes but in the line after tax" in "\n".join(tables.assumptions(taxed))
    for coin in run.settings.coins:
        assert f"{coin.name} {coin.weight:.0%} from {coin.lag_days} day" in text


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
