"""Each caveat where it applies and nowhere else."""

import numpy as np
import pandas as pd
import pytest

from backtests.benchmarks.benchmarks import Curve
from backtests.benchmarks.comparison import Comparison
from backtests.engine.inputs import Inputs
from backtests.engine.simulation import Run
from backtests.performance.gate_periods import Events, Spell
from backtests.performance.metrics import Metrics
from backtests.runs.backtest import Backtest
from backtests.runs.caveats import Caveat, caveats
from brokers.prices.series import Request
from tests.scenes import bars, ends, gate_rows, written

DAYS = 40
GOOD = Metrics(1.0, 0.5, 0.4, 1.25, 2.0, 1.0, 0.3, 100, 0.4, 2.0, 10, 5.0)


def scene(btc_days: int = DAYS, eth_days: int = DAYS) -> Inputs:
    frames = {
        "BTC": bars([100.0] * btc_days, ends(btc_days)),
        "ETH": bars([10.0] * eth_days, ends(eth_days)),
    }
    return written(frames, gate_rows([0.0] * DAYS, ends(DAYS)))


def spell(day: int, gain: float, family: int = 1) -> Spell:
    return Spell(
        ends(DAYS)[day], ends(DAYS)[day + 2], 100.0, 300, False, family, "failed", gain, gain
    )


def many(*spells: Spell) -> Events:
    return Events(12, 0, 12, 12, list(spells))


def told(
    inputs: Inputs | None = None,
    metrics: Metrics = GOOD,
    benchmarks: dict[str, Metrics] | None = None,
    events: Events | None = None,
) -> list[Caveat]:
    return caveats(
        outcome(
            inputs or scene(), metrics, benchmarks or {}, events or many(), np.full(DAYS, 1000.0)
        )
    )


def outcome(
    inputs: Inputs,
    metrics: Metrics,
    benchmarks: dict[str, Metrics],
    events: Events,
    values: np.ndarray,
) -> Backtest:
    """A run's result, of which caveats read the figures, the events and what it stands beside."""
    equity = pd.DataFrame({"value": values, "cash": values, "exposure": 0.0}, ends(len(values)))
    curves = {
        name: Curve(equity["value"], equity["exposure"].to_numpy(), figures)
        for name, figures in benchmarks.items()
    }
    return Backtest(
        inputs, Run([], []), equity, metrics, events, Comparison(curves, {}, [], None, None)
    )


def about(found: list[Caveat]) -> set[str]:
    return {one.about for one in found}


def test_what_is_true_of_every_run_is_always_told() -> None:
    assert about(told()) == {"chosen knowing the events", "coins chosen with hindsight"}


def test_caveats_come_worst_first() -> None:
    order = [
        ("high", "medium", "low").index(one.severity)
        for one in told(scene(eth_days=20), events=Events(1, 0, 1, 1, []))
    ]
    assert order == sorted(order)
    assert len(set(order)) > 1


def test_every_caveat_says_what_to_do() -> None:
    for one in told(
        scene(eth_days=20),
        GOOD._replace(exposure=0.0),
        {"a": GOOD._replace(sharpe=3.0)},
        Events(1, 0, 1, 1, []),
    ):
        assert one.text and one.remedy


@pytest.mark.parametrize(("independent", "expected"), [(9, True), (10, False)])
def test_fewer_than_ten_independent_events_are_few(independent: int, expected: bool) -> None:
    found = told(events=many()._replace(independent_events=independent))
    assert ("few events" in about(found)) == expected


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([0.7, 0.3], True),
        ([0.5, 0.5], False),
        ([0.5, -0.9], True),
        ([-0.5, -0.9], False),
        ([0.5], False),
    ],
)
def test_one_spell_that_made_most_of_the_gains_is_named(gains: list[float], expected: bool) -> None:
    found = told(events=many(*(spell(5 * number, gain) for number, gain in enumerate(gains))))
    assert ("one spell" in about(found)) == expected
    if expected:
        assert f"{ends(DAYS)[0]:%Y-%m-%d}" in next(
            one.text for one in found if one.about == "one spell"
        )


def test_benchmarks_with_a_higher_sharpe_ratio_are_listed_best_first() -> None:
    rivals = {
        "low": GOOD._replace(sharpe=1.2),
        "best": GOOD._replace(sharpe=2.5),
        "better": GOOD._replace(sharpe=1.5),
        "flat": GOOD._replace(sharpe=None),
    }
    text = next(one.text for one in told(benchmarks=rivals) if one.about == "a benchmark beats it")
    assert text.index("best (2.50)") < text.index("better (1.50)")
    assert "low" not in text and "flat" not in text


def test_a_strategy_without_a_ratio_is_beaten_by_any_that_has_one() -> None:
    rivals = {"hold_bitcoin": GOOD._replace(sharpe=-0.5)}
    assert "a benchmark beats it" in about(
        told(metrics=GOOD._replace(sharpe=None), benchmarks=rivals)
    )
    assert "a benchmark beats it" not in about(told(metrics=GOOD, benchmarks=rivals))


def test_a_run_without_benchmarks_is_not_beaten_by_any() -> None:
    alone = outcome(scene(), GOOD, {}, many(), np.full(DAYS, 1000.0))._replace(comparison=None)
    assert about(caveats(alone)) == about(told())


@pytest.mark.parametrize(("exposure", "expected"), [(0.019, True), (0.02, False)])
def test_hardly_invested_is_below_two_percent(exposure: float, expected: bool) -> None:
    assert ("hardly invested" in about(told(metrics=GOOD._replace(exposure=exposure)))) == expected


def test_a_coin_list_of_bitcoin_alone_was_not_chosen_with_hindsight() -> None:
    frame = bars([100.0] * DAYS, ends(DAYS))
    assert "coins chosen with hindsight" not in about(
        told(written({"BTC": frame}, gate_rows([0.0] * DAYS, ends(DAYS))))
    )


@pytest.mark.parametrize(("missing", "expected"), [(2, False), (3, True)])
def test_a_coin_that_ended_before_the_window_is_told(missing: int, expected: bool) -> None:
    found = told(scene(eth_days=DAYS - missing))
    assert ("coin ended" in about(found)) == expected
    if expected:
        assert "ETH-USD" in next(one.text for one in found if one.about == "coin ended")


@pytest.mark.parametrize(("missing", "expected"), [(5, False), (6, True)])
def test_a_series_that_ended_is_told_beyond_its_greatest_age(missing: int, expected: bool) -> None:
    inputs = scene()
    request = Request(inputs.settings.signal.broad, "session")
    series = dict(inputs.prices.series)
    series[request] = series[request]._replace(frame=series[request].frame.iloc[: DAYS - missing])
    found = told(inputs._replace(prices=inputs.prices._replace(series=series)))
    assert inputs.settings.prices.max_age_sessions == 5
    assert ("series ended" in about(found)) == expected


def test_what_was_mended_in_a_file_is_told() -> None:
    inputs = scene()
    request, one = next(iter(inputs.prices.series.items()))
    series = dict(inputs.prices.series) | {
        request: one._replace(notes=("running bar of 2020-02-10 left out",))
    }
    found = told(inputs._replace(prices=inputs.prices._replace(series=series)))
    assert [one.text for one in found if one.about == "data mended"] == [
        f"{one.origin}: running bar of 2020-02-10 left out"
    ]


def test_gains_are_weighed_in_money_not_in_percent() -> None:
    """20 % of 5000 is more than 60 % of 100: the later spell made nearly all of it."""
    values = np.where(np.arange(DAYS) < 10, 100.0, 5000.0)
    found = caveats(outcome(scene(), GOOD, {}, many(spell(0, 0.6), spell(20, 0.2)), values))
    text = next(one.text for one in found if one.about == "one spell")
    assert f"{1000 / 1060:.0%}" in text and f"{ends(DAYS)[20]:%Y-%m-%d}" in text
