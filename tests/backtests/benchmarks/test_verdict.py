"""The verdict on a backtest, rule by rule."""

from typing import Any

from backtests.benchmarks.verdict import RIVALS, Verdict, verdict
from backtests.performance.gate_periods import Events
from backtests.statistics.bootstrap import Interval

NO_DIFFERENCE, BELOW = Interval(0.0, -0.5, 0.5), Interval(-2.0, -3.0, -1e-9)
ALL_BELOW = dict.fromkeys(RIVALS, BELOW)
MANY = Events(5, 0, 5, 5, [])


def verdict_on(
    own: float | None = 1.5,
    hold: float | None = 1.0,
    trend: float | None = 1.2,
    constant: float | None = 1.3,
    **changes: Any,
) -> Verdict:
    sharpes = {
        "strategy": own,
        "hold_bitcoin": hold,
        "bitcoin_own_trend": trend,
        "constant_exposure": constant,
    }
    gaps = dict.fromkeys(RIVALS, NO_DIFFERENCE) | changes.get("gaps", {})
    return verdict(sharpes, gaps, changes.get("p", 0.01), changes.get("events", MANY))


def closed(number: int) -> Events:
    return MANY._replace(closed_events=number)


def test_the_rivals_are_holding_its_own_trend_and_constant_exposure() -> None:
    assert set(RIVALS) == {"hold_bitcoin", "bitcoin_own_trend", "constant_exposure"}


def test_better_needs_every_condition() -> None:
    assert verdict_on().word == "better"
    failing: dict[str, dict[str, Any]] = {
        "below hold": {"hold": 1.6},
        "below trend": {"trend": 1.6},
        "below constant exposure": {"constant": 1.6},
        "as hold": {"hold": 1.5},
        "as constant exposure": {"constant": 1.5},
        "p": {"p": 0.05},
        "no p": {"p": None},
        "four events": {"events": closed(4)},
    }
    for name, changes in failing.items():
        assert verdict_on(**changes).word == "inconclusive", name


def test_worse_needs_every_interval_below_zero_and_five_events() -> None:
    trailing: dict[str, Any] = {"own": -3.0, "gaps": ALL_BELOW}
    judgement = verdict_on(**trailing)
    assert judgement.word == "worse"
    assert "each difference is significant" in judgement.why
    for name in RIVALS:
        for near in (NO_DIFFERENCE, BELOW._replace(high=0.0)):
            judgement = verdict_on(own=-3.0, gaps=ALL_BELOW | {name: near})
            assert judgement.word == "inconclusive"
            assert "at least one difference is not statistically significant" in judgement.why
    few = verdict_on(**trailing, events=closed(4))
    assert few.word == "inconclusive"
    assert "a verdict takes 5 closed events" in few.why


def test_worse_needs_to_trail_all_three() -> None:
    for rival in ("hold", "trend", "constant"):
        judgement = verdict_on(own=0.5, gaps=ALL_BELOW, **{rival: 0.4})
        assert judgement.word == "inconclusive"
        assert "below all" not in judgement.why


def test_a_strategy_that_never_held_a_coin_is_inconclusive() -> None:
    judgement = verdict_on(own=None)
    assert judgement.word == "inconclusive"
    assert "closed all the time" in judgement.why


def test_a_rival_without_a_ratio_counts_as_zero() -> None:
    assert verdict_on(own=0.1, hold=None, trend=None, constant=None).word == "better"
    assert verdict_on(own=-0.1, hold=None, trend=None, constant=None).word == "inconclusive"


def test_a_rival_that_never_bought_is_not_quoted() -> None:
    one_idle = verdict_on(hold=None).why
    assert "(holding BTC never bought: not compared)" in one_idle
    assert "0.00" not in one_idle
    assert "against 1.30 for constant exposure and 1.20 for BTC > 200-day MA" in one_idle
    all_idle = verdict_on(own=-0.5, hold=None, trend=None, constant=None).why
    assert "against" not in all_idle
    assert "0.00" not in all_idle
    assert "constant exposure and holding BTC and BTC > 200-day MA never bought" in all_idle
    assert "below all" not in all_idle


def test_the_first_sentence_has_the_figures_and_the_fairest_rival_first() -> None:
    why = verdict_on().why
    assert why == (
        "Sharpe ratio 1.50 against 1.30 for constant exposure, 1.00 for holding BTC and 1.20 for"
        " BTC > 200-day MA; 1% of circularly shifted gates match or beat it (p = 0.010);"
        " 5 independent closed events."
    )
    assert "permutation test was not run" in verdict_on(p=None).why
