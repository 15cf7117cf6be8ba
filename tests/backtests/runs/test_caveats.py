"""Each caveat where it applies and nowhere else."""

import numpy as np
import pandas as pd
import pytest

from backtests.benchmarks.benchmarks import Curve
from backtests.benchmarks.comparison import Comparison
from backtests.engine.inputs import Inputs
from backtests.engine.simulation import Run
from backtests.performance.gate_periods import Events, GatePeriod, count_events
from backtests.performance.metrics import Metrics
from backtests.runs.backtest import Backtest
from backtests.runs.caveats import caveats
from backtests.runs.document import Caveat
from brokers.prices.series import DataIssue, Request
from tests.scenes import bars, changed, ends, gate_rows, written

DAYS = 40
GOOD = Metrics(1.0, 0.5, 0.4, 1.25, 2.0, 1.0, 0.3, 100, 0.4, 2.0, 10, 5.0)


def scene(btc_days: int = DAYS, eth_days: int = DAYS) -> Inputs:
    frames = {
        "BTC": bars([100.0] * btc_days, ends(btc_days)),
        "ETH": bars([10.0] * eth_days, ends(eth_days)),
    }
    return written(frames, gate_rows([0.0] * DAYS, ends(DAYS)))


def gate_period(day: int, gain: float, event_id: int = 1) -> GatePeriod:
    return GatePeriod(
        opened=ends(DAYS)[day],
        closed=ends(DAYS)[day + 2],
        level=100.0,
        base_age=300,
        rearmed=False,
        event_id=event_id,
        reason="failed",
        event_base=300,
        strategy_return=gain,
        bitcoin_return=gain,
    )


def many(*gate_periods: GatePeriod) -> Events:
    """These gate periods, or 12 events without a gain."""
    return count_events(list(gate_periods) or [gate_period(0, 0.0, event) for event in range(12)])


def caveats_of(
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
    """A run's result, of which caveats read the figures, the events and the comparison."""
    equity = pd.DataFrame({"value": values, "cash": values, "exposure": 0.0}, ends(len(values)))
    curves = {
        name: Curve(equity["value"], equity["exposure"].to_numpy(), figures)
        for name, figures in benchmarks.items()
    }
    return Backtest(
        inputs, Run([], []), equity, metrics, events, Comparison(curves, {}, [], None, None)
    )


def about(found: list[Caveat]) -> set[str]:
    return {caveat.about for caveat in found}


def test_what_is_true_of_every_run_is_always_there() -> None:
    assert about(caveats_of()) == {"hindsight in the rules", "hindsight in the coins"}


def test_caveats_come_worst_first() -> None:
    order = [
        ("high", "medium", "low").index(caveat.severity)
        for caveat in caveats_of(scene(eth_days=20), events=Events(1, 0, 1, 1, []))
    ]
    assert order == sorted(order)
    assert len(set(order)) > 1


def test_every_caveat_says_what_to_do() -> None:
    for caveat in caveats_of(
        scene(eth_days=20),
        GOOD._replace(exposure=0.0),
        {"a": GOOD._replace(sharpe=3.0)},
        Events(1, 0, 1, 1, []),
    ):
        assert caveat.text and caveat.remedy


@pytest.mark.parametrize(("independent", "expected"), [(9, True), (10, False)])
def test_fewer_than_ten_independent_events_are_few(independent: int, *, expected: bool) -> None:
    events = count_events(many().gate_periods[:independent])
    assert ("few events" in about(caveats_of(events=events))) == expected


def test_events_of_a_shorter_base_make_them_no_more() -> None:
    short = [row._replace(event_base=251) for row in many().gate_periods]
    found = caveats_of(events=count_events(short))
    (text,) = (caveat.text for caveat in found if caveat.about == "few events")
    assert "0 independent breakouts" in text and "(0 confirmed from a full base, 0 re-" in text


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
def test_a_gate_period_that_made_most_of_the_gains_is_named(
    gains: list[float], *, expected: bool
) -> None:
    found = caveats_of(
        events=many(*(gate_period(5 * number, gain) for number, gain in enumerate(gains)))
    )
    assert ("concentration" in about(found)) == expected
    if expected:
        assert f"{ends(DAYS)[0]:%Y-%m-%d}" in next(
            caveat.text for caveat in found if caveat.about == "concentration"
        )


def test_benchmarks_with_a_higher_sharpe_ratio_are_listed_best_first() -> None:
    rivals = {
        "low": GOOD._replace(sharpe=1.2),
        "best": GOOD._replace(sharpe=2.5),
        "better": GOOD._replace(sharpe=1.5),
        "flat": GOOD._replace(sharpe=None),
    }
    text = next(
        caveat.text
        for caveat in caveats_of(benchmarks=rivals)
        if caveat.about == "beaten by a benchmark"
    )
    assert text.index("best (2.50)") < text.index("better (1.50)")
    assert "low" not in text and "flat" not in text


@pytest.mark.parametrize(("cash_yield", "expected"), [(0.0, []), (0.44, ["hold BTC (2.37)"])])
def test_interest_makes_no_strategy_better_than_a_benchmark(
    cash_yield: float, expected: list[str]
) -> None:
    """An account in cash at 0.1 % a day, and a benchmark at 0.2 % a day with risk.

    In excess of cash the first has a ratio of about 0, the second of 0.124 a day (of 39 days 20 are
    up days: (0.001 + 0.01 / 39) / 0.0101).
    """
    swing = np.where(np.arange(DAYS) % 2, 1.0, -1.0)
    curves = [
        pd.Series(1000.0 * np.cumprod(1.0 + mean + risk * swing), ends(DAYS))
        for mean, risk in ((0.001, 0.0005), (0.002, 0.01))
    ]
    inputs = scene()
    inputs = inputs._replace(settings=changed(inputs.settings, {"costs.cash_yield": cash_yield}))
    result = outcome(inputs, GOOD, {"hold_bitcoin": GOOD}, many(), curves[0].to_numpy())
    assert result.comparison
    rival = result.comparison.benchmarks["hold_bitcoin"]._replace(equity=curves[1])
    comparison = result.comparison._replace(benchmarks={"hold_bitcoin": rival})
    beaten = [
        caveat.text
        for caveat in caveats(result._replace(comparison=comparison))
        if caveat.about == "beaten by a benchmark"
    ]
    assert [text.partition("): ")[2] for text in beaten] == expected
    assert all("Sharpe ratio in excess of cash than" in text for text in beaten)


def test_a_strategy_without_a_ratio_is_beaten_by_any_that_has_one() -> None:
    rivals = {"hold_bitcoin": GOOD._replace(sharpe=-0.5)}
    assert "beaten by a benchmark" in about(
        caveats_of(metrics=GOOD._replace(sharpe=None), benchmarks=rivals)
    )
    assert "beaten by a benchmark" not in about(caveats_of(metrics=GOOD, benchmarks=rivals))


def test_a_run_without_benchmarks_is_not_beaten_by_any() -> None:
    alone = outcome(scene(), GOOD, {}, many(), np.full(DAYS, 1000.0))._replace(comparison=None)
    assert about(caveats(alone)) == about(caveats_of())


@pytest.mark.parametrize(("exposure", "expected"), [(0.019, True), (0.02, False)])
def test_hardly_invested_is_below_two_percent(exposure: float, *, expected: bool) -> None:
    assert (
        "hardly invested" in about(caveats_of(metrics=GOOD._replace(exposure=exposure)))
    ) == expected


def test_a_coin_list_of_bitcoin_alone_was_not_chosen_with_hindsight() -> None:
    frame = bars([100.0] * DAYS, ends(DAYS))
    assert "hindsight in the coins" not in about(
        caveats_of(written({"BTC": frame}, gate_rows([0.0] * DAYS, ends(DAYS))))
    )


@pytest.mark.parametrize(("missing", "expected"), [(2, False), (3, True)])
def test_a_coin_that_ended_before_the_window_is_named(missing: int, *, expected: bool) -> None:
    found = caveats_of(scene(eth_days=DAYS - missing))
    assert ("coin ended" in about(found)) == expected
    if expected:
        assert "ETH-USD" in next(caveat.text for caveat in found if caveat.about == "coin ended")


@pytest.mark.parametrize(("missing", "expected"), [(5, False), (6, True)])
def test_a_series_that_ended_is_named_beyond_its_greatest_age(
    missing: int, *, expected: bool
) -> None:
    inputs = scene()
    request = Request(inputs.settings.signal.broad, "session")
    series = dict(inputs.prices.series)
    series[request] = series[request]._replace(frame=series[request].frame.iloc[: DAYS - missing])
    found = caveats_of(inputs._replace(prices=inputs.prices._replace(series=series)))
    assert inputs.settings.prices.max_age_sessions == 5
    assert ("series ended" in about(found)) == expected


def test_what_was_repaired_in_a_file_is_named() -> None:
    inputs = scene()
    request, caveat = next(iter(inputs.prices.series.items()))
    series = dict(inputs.prices.series) | {
        request: caveat._replace(notes=("running bar of 2020-02-10 left out",))
    }
    found = caveats_of(inputs._replace(prices=inputs.prices._replace(series=series)))
    assert [caveat.text for caveat in found if caveat.about == "data repaired"] == [
        f"{caveat.origin}: running bar of 2020-02-10 left out"
    ]


def test_what_is_implausible_or_missing_is_named_by_what_it_takes() -> None:
    inputs, grid = scene(), ends(DAYS)
    jump = DataIssue("HYG", "jump", "high", "HYG halves", grid[3], grid[3])
    index_gap = DataIssue("^RUT", "gap", "note", "no ^RUT", grid[5], grid[12])
    fund_gap = DataIssue("IWM", "gap", "note", "no IWM", grid[5], grid[12])
    note = DataIssue("^RUT", "sources", "note", "two sources", grid[5], grid[5])
    later = note._replace(text="after the window", first=grid[-1] + pd.Timedelta(days=1))
    prices = inputs.prices._replace(issues=(jump, index_gap, fund_gap, note, later))
    found = caveats_of(inputs._replace(prices=prices))
    severity = {
        caveat.text.partition(";")[0]: caveat.severity
        for caveat in found
        if caveat.text.startswith(("HYG", "no ", "two ", "after"))
    }
    assert severity == {
        "HYG halves": "high",
        "no ^RUT": "high",
        "no IWM": "medium",
        "two sources": "low",
    }
    texts = [caveat.text for caveat in found if "so there is no verdict" in caveat.text]
    assert [text.partition(";")[0] for text in texts] == ["HYG halves", "no ^RUT"]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, []),
        ("2020-01-01", "2020-02-09", []),
        ("2019-12-31", "2020-02-09", ["the window begins on 2020-01-01, not on 2019-12-31"]),
        ("2020-01-05", "2020-02-10", ["the window ends on 2020-02-09, not on 2020-02-10"]),
    ],
)
def test_a_window_that_is_shorter_than_asked_for_is_named(
    start: str | None, end: str | None, expected: list[str]
) -> None:
    inputs = scene()
    window = {name: text for name, text in (("start", start), ("end", end)) if text}
    asked = changed(inputs.settings, {f"backtest.{name}": text for name, text in window.items()})
    found = caveats_of(inputs._replace(settings=asked))
    texts = [caveat.text for caveat in found if caveat.about == "window shortened"]
    assert [text.partition(" (")[0] for text in texts] == expected


def test_gains_are_weighed_in_money_not_in_percent() -> None:
    """20 % of 5000 is more than 60 % of 100: the later period made nearly all of it."""
    values = np.where(np.arange(DAYS) < 10, 100.0, 5000.0)
    found = caveats(
        outcome(scene(), GOOD, {}, many(gate_period(0, 0.6), gate_period(20, 0.2)), values)
    )
    text = next(caveat.text for caveat in found if caveat.about == "concentration")
    assert f"{1000 / 1060:.0%}" in text and f"{ends(DAYS)[20]:%Y-%m-%d}" in text
