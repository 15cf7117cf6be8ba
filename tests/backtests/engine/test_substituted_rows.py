"""Closes of later sources never raise a ceiling: both engines, a search, the live path, a cut."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.checks.lookahead import findings_of_cut
from backtests.checks.parity import compare
from backtests.checks.snapshots import take_snapshot
from backtests.engine import arrays, kernel
from backtests.engine.inputs import Inputs, market, prepare_inputs
from backtests.engine.rules import gate_rules
from backtests.engine.simulation import simulate
from backtests.report.gate_reading import gate_reading, sentences
from backtests.runs.replay import replay_run
from backtests.tuning.search.evaluator import Evaluator
from brokers.prices.combine import with_substitutes
from brokers.prices.load import Prices, load_prices
from config.settings import Settings, load, with_changes
from strategies.gate import cap_ceilings, gate_table
from tests.backtests.tuning.evaluators import spaced
from tests.price_folder import overrides

NOW = pd.Timestamp("2017-01-02", tz="UTC")
# Each holds a rise of the ceiling that the first source's rows would have brought.
SPANS = {"^RUT": ("2013-06-20", "2013-08-09"), "HYG": ("2015-07-20", "2015-08-05")}


@pytest.fixture(scope="module")
def settings(whole_folder: Path, cache: Path) -> Settings:
    return load(None, overrides(whole_folder, cache))


@pytest.fixture(scope="module")
def first_source(settings: Settings) -> Inputs:
    return prepare_inputs(settings, load_prices(settings, NOW))


def marked(prices: Prices) -> Prices:
    """The same closes, some of them of a later source."""
    series = {
        request: with_substitutes(
            one, pd.Series("url", one.frame.loc[slice(*SPANS[request.symbol])].index)
        )
        if request.symbol in SPANS
        else one
        for request, one in prices.series.items()
    }
    return prices._replace(series=series)


@pytest.fixture(scope="module")
def inputs(first_source: Inputs) -> Inputs:
    return prepare_inputs(first_source.settings, marked(first_source.prices))


@pytest.mark.parametrize(
    ("ceilings", "fresh", "later", "expected"),
    [
        ([0.0, 0.5, 1.0], [1, 1, 1], [0, 1, 0], [0.0, 0.0, 1.0]),
        ([0.5, 1.0, 0.25, 0.5], [1, 1, 1, 1], [0, 1, 1, 1], [0.5, 0.5, 0.25, 0.25]),
        ([0.5, 1.0, 1.0, 1.0], [1, 1, 0, 1], [0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5]),
        ([1.0, 0.5, 0.75], [1, 1, 1], [1, 0, 0], [1.0, 0.5, 0.75]),
        ([0.25, 0.5], [1, 0], [0, 0], [0.25, 0.25]),
    ],
)
def test_a_later_source_keeps_or_lowers_and_never_raises(
    ceilings: list[float], fresh: list[int], later: list[int], expected: list[float]
) -> None:
    found = cap_ceilings(np.array(ceilings), np.array(fresh, bool), np.array(later, bool))
    assert found.tolist() == expected


def test_the_table_is_that_of_the_first_source_but_for_its_ceilings(
    first_source: Inputs, inputs: Inputs
) -> None:
    same = inputs.table.columns.difference(["ceiling", "substituted"])
    pd.testing.assert_frame_equal(inputs.table[same], first_source.table[same])
    later = inputs.table["substituted"]
    assert later.sum() == sum(len(first_source.table.loc[slice(*span)]) for span in SPANS.values())
    rises = inputs.table["ceiling"].diff() > 0
    assert not (rises & later).any()
    would_rise = first_source.table["ceiling"].diff() > 0
    assert all((would_rise.loc[slice(*span)]).any() for span in SPANS.values())
    lower = inputs.table["ceiling"] < first_source.table["ceiling"]
    assert lower[~later].sum() == 0, "the first source's next close lifts the cap"
    assert lower.sum() > 10


def test_a_session_without_a_close_rests_on_a_later_sources_close_before_it(
    first_source: Inputs,
) -> None:
    """Which is carried forward: it must not raise a ceiling a session later either."""
    settings, prices = first_source.settings, first_source.prices
    days = prices.of("HYG").frame.loc[slice(*SPANS["HYG"])].index
    silent = prices.of("HYG")._replace(frame=prices.of("HYG").frame.drop(days[1:4]))
    later = with_substitutes(silent, pd.Series("url", days[:1]))
    table = market(
        settings, prices._replace(series={**prices.series, later.request: later})
    ).substituted
    assert table.tolist() == days[:4].tolist()


@pytest.mark.parametrize("first", [0, 380, 400, 900, 1000])
def test_the_kernels_gate_is_the_gate_table(inputs: Inputs, first: int) -> None:
    """From the beginning, from within either span, and from after them."""
    rules = gate_rules(inputs.settings)
    gate = arrays.sessions_of(inputs.rows)
    ceilings = np.array(rules.curve.ceilings), np.array(rules.curve.dormant_ceilings)
    kernel.gate_of(gate, rules.breakout, *ceilings, first)
    expected = arrays.gate_arrays(inputs.table)
    for name, got, line in zip(arrays.Gate._fields, gate.lines, expected, strict=True):
        np.testing.assert_array_equal(got[first:], line[first:], err_msg=name)


def test_a_search_trades_them_as_the_backtest(inputs: Inputs) -> None:
    space = spaced(inputs.settings, {"gate.trend_sessions": (150, 200)})
    evaluator = Evaluator(inputs, space, threads=1)
    for code, sessions in ((0, 150), (1, 200)):
        equity, _ = evaluator.curves(np.array([[code]], dtype=np.int16))
        changed = with_changes(inputs.settings, {"gate.trend_sessions": sessions}, "test")
        rerun = simulate(prepare_inputs(changed, inputs.prices))
        expected = [decision.equity for decision in rerun.decisions]
        np.testing.assert_allclose(equity[0], expected, rtol=1e-9)


def test_the_live_path_decides_as_the_backtest(inputs: Inputs, tmp_path: Path) -> None:
    window = {"backtest.start": "2013-06-15", "backtest.end": "2013-08-25"}
    short = prepare_inputs(with_changes(inputs.settings, window, "test"), inputs.prices)
    run = simulate(short)
    parity = compare(replay_run(short, tmp_path / "replay.sqlite"), run, list(short.coins))
    assert parity.differences == ()
    assert parity.orders > 0
    bought = [order.decided for order in run.orders if order.size > 0]
    assert min(bought) > pd.Timestamp(SPANS["^RUT"][1], tz="UTC").timestamp()


def test_nobody_knows_before_which_source_comes_later(inputs: Inputs) -> None:
    full = take_snapshot(inputs.settings, inputs.prices)
    for day in ("2013-06-28 12:00", "2013-08-09 21:00", "2015-07-21 02:00"):
        instant = pd.Timestamp(day, tz="UTC")
        assert findings_of_cut(inputs.settings, inputs.prices, full, instant) == ()
    whole = market(inputs.settings, inputs.prices)
    cut = inputs.table.index[inputs.table["substituted"]][::9]
    for instant in cut:
        past = gate_table(whole.until(instant), gate_rules(inputs.settings))
        assert past["ceiling"].iloc[-1] == inputs.table["ceiling"][instant]


def test_a_reading_says_why_nothing_may_rise(inputs: Inputs) -> None:
    def text(day: str) -> str:
        at = inputs.prices.until(pd.Timestamp(day, tz="UTC"))
        return " ".join(sentences(gate_reading(inputs.settings, at)))

    words = "not from the first source"
    assert words in text("2013-08-02")
    assert words not in text("2013-08-21")
