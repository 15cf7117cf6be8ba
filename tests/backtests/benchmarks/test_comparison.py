"""What a run is compared with: all of it in a long window, no yearly figure in a short one."""

import numpy as np
import pytest

from backtests.benchmarks.benchmarks import prepare_kernel
from backtests.benchmarks.comparison import Comparison, compare
from backtests.benchmarks.event_effects import event_effects
from backtests.benchmarks.excess_of_cash import sharpe_in_excess
from backtests.benchmarks.verdict import RIVALS, Chance
from backtests.engine.doubtful_prices import why_not_bitcoin
from backtests.engine.inputs import Inputs
from backtests.engine.simulation import simulate
from backtests.performance import short_windows
from backtests.performance.metrics import daily_rows, returns
from backtests.performance.result import Result, evaluate_run
from backtests.performance.short_windows import ANNUALISED
from backtests.statistics import bootstrap
from tests.scenes import changed, random_backtest


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    """A market of some months in which the gate opens."""
    for seed in range(50):
        drawn = random_backtest(np.random.default_rng((31, seed)))
        settings = changed(drawn.settings, {"backtest.random_gates": 19})
        drawn = drawn._replace(settings=settings)
        result = evaluate_run(drawn, simulate(drawn))
        if result.metrics.orders > 20 and len(result.events.gate_periods) > 2:
            return drawn
    raise AssertionError("no such market")


def compared(inputs: Inputs, *, sample: bool = False) -> tuple[Result, Comparison]:
    inputs = inputs._replace(prices=inputs.prices._replace(sample=sample))
    result = evaluate_run(inputs, simulate(inputs))
    return result, compare(result)


def test_a_short_window_is_neither_judged_nor_annualised_and_has_no_intervals(
    inputs: Inputs,
) -> None:
    result, comparison = compared(inputs)
    days = short_windows.window_days(inputs.grid[0], inputs.grid[-1])
    assert 2 < days < 600
    assert (comparison.verdict, comparison.random_gates, comparison.required_events) == (None,) * 3
    assert comparison.intervals == {}
    assert comparison.no_verdict == short_windows.why_short(days)
    everyone = [
        result.metrics,
        *(curve.metrics for curve in comparison.benchmarks.values()),
        *(row.metrics for row in comparison.ablation),
        *(row.metrics for row in comparison.other_assumptions if row.metrics),
    ]
    assert len(everyone) > 10
    for metrics in everyone:
        assert [getattr(metrics, name) for name in ANNUALISED] == [None] * len(ANNUALISED)
        assert metrics.total_return is not None


def test_a_long_window_has_all_of_it(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    days = short_windows.window_days(inputs.grid[0], inputs.grid[-1])
    monkeypatch.setattr(short_windows, "FEWEST_DAYS", days)
    result, comparison = compared(inputs)
    assert comparison.verdict and comparison.random_gates and comparison.no_verdict == ""
    assert comparison.intervals.keys() == {"strategy", *comparison.benchmarks}
    assert result.metrics.sharpe is not None and result.metrics.turnover is not None
    assert comparison.benchmarks["hold_bitcoin"].metrics.sharpe is not None
    bitcoin = inputs.bitcoin["close"].reindex(inputs.grid)
    counted = result.events.of_verdict()
    assert comparison.required_events == event_effects(counted.gate_periods, bitcoin).required()
    assert comparison.required_events.had == counted.independent_events


def test_the_verdict_hears_of_every_rivals_interval(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short_windows, "FEWEST_DAYS", 2)
    heard: list[set[str]] = []

    def hear(
        sharpes: object, gaps: dict[str, bootstrap.Interval], *rest: object, cash_yield: float
    ) -> None:
        heard.append(set(gaps))

    monkeypatch.setattr("backtests.benchmarks.comparison.verdict", hear)
    compared(inputs)
    assert heard == [set(RIVALS)]


def test_the_verdict_is_of_returns_in_excess_of_cash(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ratios, differences and permutation test; the tables' own ratios have the interest in them.

    The strategy's is that of the row "in excess of cash".
    """
    monkeypatch.setattr(short_windows, "FEWEST_DAYS", 2)
    heard: list[tuple[dict[str, float], dict[str, bootstrap.Interval], Chance, float]] = []

    def hear(
        sharpes: dict[str, float],
        gaps: dict[str, bootstrap.Interval],
        chance: Chance,
        events: object,
        *,
        cash_yield: float,
    ) -> None:
        heard.append((sharpes, gaps, chance, cash_yield))

    monkeypatch.setattr("backtests.benchmarks.comparison.verdict", hear)
    inputs = inputs._replace(settings=changed(inputs.settings, {"costs.cash_yield": 0.5}))
    result, comparison = compared(inputs)
    ((sharpes, gaps, chance, cash_yield),) = heard
    (row,) = [row for row in comparison.other_assumptions if row.name == "in excess of cash"]
    assert row.metrics and comparison.random_gates and cash_yield == 0.5
    assert sharpes["strategy"] == pytest.approx(row.metrics.sharpe, rel=1e-12)
    assert sharpes["strategy"] == pytest.approx(comparison.random_gates.own_sharpe, rel=1e-9)
    assert chance.p == comparison.random_gates.p_sharpe
    for name in RIVALS:
        curve = comparison.benchmarks[name]
        assert sharpes[name] == sharpe_in_excess(curve.equity, 0.5)
        difference = sharpes["strategy"] - (sharpes[name] or 0.0)
        assert gaps[name].estimate == pytest.approx(difference)
    own, constant = result.metrics.sharpe, comparison.benchmarks["constant_exposure"].metrics.sharpe
    assert own and constant
    assert abs(own - sharpes["strategy"]) > 0.1
    assert abs(constant - sharpes["constant_exposure"]) > 0.1


def test_without_interest_the_verdict_has_the_ratios_of_the_tables(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit, and the intervals come from the same draws."""
    monkeypatch.setattr(short_windows, "FEWEST_DAYS", 2)
    heard: list[tuple[dict[str, float], dict[str, bootstrap.Interval]]] = []

    def hear(
        sharpes: dict[str, float], gaps: dict[str, bootstrap.Interval], *rest: object, **more: float
    ) -> None:
        heard.append((sharpes, gaps))

    monkeypatch.setattr("backtests.benchmarks.comparison.verdict", hear)
    inputs = inputs._replace(settings=changed(inputs.settings, {"costs.cash_yield": 0.0}))
    result, comparison = compared(inputs)
    ((sharpes, gaps),) = heard
    curves = comparison.benchmarks
    assert sharpes == {"strategy": result.metrics.sharpe} | {
        name: curves[name].metrics.sharpe for name in RIVALS
    }
    equities = [result.equity["value"], *(curve.equity for curve in curves.values())]
    rows = daily_rows(inputs.grid)
    daily = np.column_stack([returns(equity.to_numpy()[rows]) for equity in equities])
    draws = bootstrap.resample(daily, inputs.settings.backtest.seed)
    for name in RIVALS:
        column = list(curves).index(name) + 1
        assert gaps[name] == bootstrap.sharpe_difference(daily, 0, column, draws)


def of_another_coin(inputs: Inputs) -> Inputs:
    """The same, whose benchmarks named after Bitcoin hold XRP."""
    series = {
        request._replace(symbol="XRP-USD") if request.symbol == "BTC-USD" else request: each
        for request, each in inputs.prices.series.items()
    }
    return inputs._replace(
        settings=changed(inputs.settings, {"backtest.bitcoin": "XRP-USD"}),
        prices=inputs.prices._replace(series=inputs.prices.series | series),
    )


def test_a_run_that_compares_with_another_coin_has_no_verdict_and_no_p(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = of_another_coin(inputs)
    assert why_not_bitcoin(other) != ""
    assert compared(other)[1].no_verdict == why_not_bitcoin(other)  # in a short window, too
    monkeypatch.setattr(short_windows, "FEWEST_DAYS", 2)
    _, comparison = compared(other)
    assert (comparison.verdict, comparison.random_gates, comparison.required_events) == (None,) * 3
    assert comparison.no_verdict == why_not_bitcoin(other)
    assert comparison.intervals


def test_a_short_sample_says_nothing_of_verdicts(inputs: Inputs) -> None:
    _, comparison = compared(inputs, sample=True)
    assert (comparison.no_verdict, comparison.intervals) == ("", {})


def test_benchmarks_of_a_short_window_are_otherwise_the_same(inputs: Inputs) -> None:
    from backtests.benchmarks.benchmarks import benchmarks

    result, comparison = compared(inputs)
    whole = benchmarks(prepare_kernel(inputs), result.metrics.exposure)
    for name, curve in comparison.benchmarks.items():
        assert curve.equity.equals(whole[name].equity)
        assert curve.metrics.max_drawdown == whole[name].metrics.max_drawdown
