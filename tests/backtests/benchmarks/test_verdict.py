"""The verdict on a backtest, rule by rule."""

from typing import Any

import pandas as pd
import pytest

from backtests.benchmarks.verdict import RIVALS, Chance, Verdict, verdict
from backtests.performance.gate_periods import VERDICT_BASE, Events, GatePeriod, count_events
from backtests.statistics.bootstrap import Interval

NO_DIFFERENCE, BELOW = Interval(0.0, -0.5, 0.5), Interval(-2.0, -3.0, -1e-9)
ABOVE = Interval(0.2, 1e-9, 0.4)
ALL_BELOW = dict.fromkeys(RIVALS, BELOW)
ABOVE_CONSTANT = {"constant_exposure": ABOVE}
DAY = pd.Timestamp("2020-01-01", tz="UTC")
SHORT_BASE = GatePeriod(
    opened=DAY,
    closed=DAY,
    level=1.0,
    base_age=21,
    rearmed=False,
    event_id=99,
    reason="failed",
    event_base=21,
)


def closed(number: int, base: int = VERDICT_BASE) -> Events:
    """So many closed events, whose breakouts passed records that had stood `base` sessions."""
    return count_events(
        [SHORT_BASE._replace(event_id=event, event_base=base) for event in range(number)]
    )


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
    gaps = dict.fromkeys(RIVALS, NO_DIFFERENCE) | changes.get("gaps", ABOVE_CONSTANT)
    chance = Chance(changes.get("p", 0.01), changes.get("shifts", 19.0))
    return verdict(
        sharpes,
        gaps,
        changes.get("chance", chance),
        changes.get("events", closed(5)),
        cash_yield=changes.get("cash_yield", 0.0),
    )


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
        "no permutation test": {"chance": None},
        "four events": {"events": closed(4)},
        "four of a year": {"events": count_events([*closed(4).gate_periods, SHORT_BASE])},
        "18 shifts": {"shifts": 18.99},
        "not significant": {"gaps": {"constant_exposure": NO_DIFFERENCE}},
        "touches zero": {"gaps": {"constant_exposure": ABOVE._replace(low=0.0)}},
    }
    for name, changes in failing.items():
        assert verdict_on(**changes).word == "inconclusive", name


NOT_SIGNIFICANT = "its difference to constant exposure is not statistically significant"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"p": 0.05}, "the permutation test is not passed"),
        ({"events": closed(4)}, "a verdict takes 5 closed events"),
        (
            {"shifts": 17.0},
            "the window holds fewer than 19 independent shifts, too few for p = 0.05",
        ),
        (
            {"gaps": {"constant_exposure": NO_DIFFERENCE}, "p": 0.2},
            f"the permutation test is not passed and {NOT_SIGNIFICANT}",
        ),
    ],
)
def test_why_it_is_not_better_is_named(changes: dict[str, Any], reason: str) -> None:
    assert verdict_on(**changes).why.endswith(f" It is above all of them, but {reason}.")


def test_events_of_a_shorter_base_do_not_count_and_the_sentence_says_so() -> None:
    """None of 25, as `gate.base_sessions=21` makes them; nor for *worse*."""
    many = closed(25, VERDICT_BASE - 1)
    judgement = verdict_on(events=many)
    assert judgement.word == "inconclusive"
    assert (
        "0 independent closed events (25 by gate.base_sessions; a verdict counts breakouts above"
        " records of at least 252 sessions)." in judgement.why
    )
    assert verdict_on(own=-3.0, gaps=ALL_BELOW, events=many).word == "inconclusive"


def test_what_better_asks_for_is_listed_with_what_is_unknown() -> None:
    assert all(verdict_on().tests.values())
    assert list(verdict_on(chance=None).tests.values()) == [None, True, True, None, True]
    assert list(verdict_on(own=None).tests.values()) == [True, None, None, True, True]
    assert list(verdict_on(own=1.3, p=0.05, shifts=1.0).tests.values()) == [
        *(False, False, True, False, True)
    ]


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


def test_where_cash_earns_interest_the_sentence_says_that_it_does_not_count() -> None:
    assert verdict_on(cash_yield=0.05).why == (
        f"In excess of cash (5.0% a year): {verdict_on().why}"
    )
    assert "cash" not in verdict_on().why
