"""The verdict on a backtest, rule by rule, and the number of events needed."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.benchmarks.verdict import more_events, verdict
from backtests.performance.gate_periods import Events, GatePeriod
from backtests.statistics.bootstrap import Interval

NAN = float("nan")
DAY0 = pd.Timestamp("2020-01-01 21:30", tz="UTC")


def events_of(effects: list[float], closed: int | None = None, days: int = 10) -> Events:
    """An event for each log return of Bitcoin, each gate period `days` long."""
    found = [
        GatePeriod(
            opened=DAY0,
            closed=DAY0 + pd.Timedelta(days=days),
            level=100.0,
            base_age=300,
            rearmed=False,
            event_id=number,
            reason="failed",
            strategy_return=0.0,
            bitcoin_return=math.exp(effect) - 1,
        )
        for number, effect in enumerate(effects, start=1)
    ]
    return Events(len(found), 0, len(found), len(found) if closed is None else closed, found)


NO_DIFFERENCE, BELOW = Interval(0.0, -0.5, 0.5), Interval(-2.0, -3.0, -1e-9)
MANY = events_of([0.2, 0.3, 0.1, 0.25, 0.2])


def verdict_on(
    own: float | None = 1.5,
    hold: float | None = 1.0,
    trend: float | None = 1.2,
    p: float | None = 0.01,
    **changes: Any,
) -> Any:
    gaps = {"hold_bitcoin": NO_DIFFERENCE, "bitcoin_own_trend": NO_DIFFERENCE} | changes.get(
        "gaps", {}
    )
    return verdict(
        {"strategy": own, "hold_bitcoin": hold, "bitcoin_own_trend": trend},
        gaps,
        p,
        changes.get("events", MANY),
        0.0,
    )


def test_better_needs_every_condition() -> None:
    assert verdict_on().word == "better"
    worse = {
        "below hold": {"hold": 1.6},
        "below trend": {"trend": 1.6},
        "as hold": {"hold": 1.5},
        "p": {"p": 0.05},
        "no p": {"p": None},
    }
    for name, changes in worse.items():
        assert verdict_on(**changes).word == "inconclusive", name
    assert verdict_on(events=MANY._replace(closed_events=4)).word == "inconclusive"


def test_worse_needs_both_intervals_below_zero() -> None:
    assert (
        verdict_on(
            own=-3.0, hold=5.0, trend=5.0, gaps={"hold_bitcoin": BELOW, "bitcoin_own_trend": BELOW}
        ).word
        == "worse"
    )
    for near in (
        {"hold_bitcoin": BELOW},
        {"bitcoin_own_trend": BELOW},
        {"hold_bitcoin": BELOW, "bitcoin_own_trend": BELOW._replace(high=0.0)},
    ):
        judgement = verdict_on(own=-3.0, hold=5.0, trend=5.0, gaps=near)
        assert judgement.word == "inconclusive"
        assert "below both" in judgement.why


def test_below_one_rival_only_is_inconclusive_and_does_not_claim_both() -> None:
    judgement = verdict_on(own=1.1)
    assert judgement.word == "inconclusive"
    assert "below both" not in judgement.why


def test_a_strategy_that_never_held_a_coin_is_inconclusive() -> None:
    judgement = verdict_on(own=None)
    assert judgement.word == "inconclusive"
    assert "closed all the time" in judgement.why


def test_a_rival_without_a_ratio_counts_as_zero() -> None:
    assert verdict_on(own=0.1, hold=None, trend=None).word == "better"
    assert verdict_on(own=-0.1, hold=None, trend=None).word == "inconclusive"


def test_a_rival_that_never_bought_is_not_quoted() -> None:
    one_idle = verdict_on(hold=None).why
    assert "(holding BTC never bought: not compared)" in one_idle
    assert "0.00" not in one_idle
    assert "against 1.20 for BTC > 200-day MA" in one_idle
    both_idle = verdict_on(own=-0.5, hold=None, trend=None).why
    assert "against" not in both_idle
    assert "0.00" not in both_idle
    assert "holding BTC and BTC > 200-day MA never bought" in both_idle
    assert "below both" not in both_idle


def test_the_sentence_has_the_figures() -> None:
    why = verdict_on().why
    for part in ("1.50", "1.00", "1.20", "1%", "5 independent closed events", "(p = 0.010)"):
        assert part in why
    assert "permutation test was not run" in verdict_on(p=None).why


@pytest.mark.parametrize("closed", [0, 3])
def test_without_events_to_measure_it_says_how_many_are_missing(closed: int) -> None:
    text = more_events(events_of([0.1], closed=closed), 0.0)
    assert f"At least {5 - closed} more" in text
    assert "With 1 closed event the number for 80 % power cannot be estimated." in text


def test_events_needed_by_hand() -> None:
    """Effects 0.1, 0.3, 0.5, 0.1, 0.0: mean 0.2, sample deviation 0.2.

    ((1.96 + 0.84) * 1)**2 = 7.85, so 8, three more than 5.
    """
    assert np.std([0.1, 0.3, 0.5, 0.1, 0.0], ddof=1) == pytest.approx(0.2)
    assert "About 3 more breakouts are needed" in more_events(
        events_of([0.1, 0.3, 0.5, 0.1, 0.0]), 0.0
    )


def test_the_drift_of_the_days_is_taken_off() -> None:
    """Drift of 0.01 a day over 10 days takes 0.1 off each: mean 0.1, so 32 events, 27 more."""
    assert "About 27 more breakouts are needed" in more_events(
        events_of([0.1, 0.3, 0.5, 0.1, 0.0]), 0.01
    )


def test_gate_periods_of_one_event_add_up() -> None:
    apart = events_of([0.1, 0.3, 0.5, 0.1, 0.0])
    split = [
        one._replace(bitcoin_return=math.sqrt(1 + one.bitcoin_return) - 1)
        for one in apart.gate_periods
        for _ in range(2)
    ]
    assert more_events(apart._replace(gate_periods=split), 0.0) == more_events(apart, 0.0)


def test_an_effect_that_is_not_positive_is_reported() -> None:
    assert "not positive" in more_events(events_of([-0.1, 0.05, -0.3, -0.2, 0.1]), 0.0)


def test_enough_events_are_enough() -> None:
    assert "5 events are enough" in more_events(events_of([0.2, 0.21, 0.19, 0.2, 0.2]), 0.0)


def test_open_gate_periods_do_not_count() -> None:
    closed = events_of([0.1, 0.3, 0.5, 0.1, 0.0])
    running = closed.gate_periods[0]._replace(closed=None, event_id=6, bitcoin_return=9.0)
    assert more_events(
        closed._replace(gate_periods=[*closed.gate_periods, running]), 0.0
    ) == more_events(closed, 0.0)
