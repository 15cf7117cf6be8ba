"""The word on a backtest, rule by rule, and the number of events it would take."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.benchmarks.verdict import more_events, verdict
from backtests.performance.gate_periods import Events, Spell
from backtests.statistics.bootstrap import Interval

NAN = float("nan")
DAY0 = pd.Timestamp("2020-01-01 21:30", tz="UTC")


def happened(effects: list[float], closed: int | None = None, days: int = 10) -> Events:
    """One family a log return of Bitcoin, each spell `days` long."""
    found = [
        Spell(
            DAY0,
            DAY0 + pd.Timedelta(days=days),
            100.0,
            300,
            False,
            number,
            "failed",
            0.0,
            math.exp(effect) - 1,
        )
        for number, effect in enumerate(effects, start=1)
    ]
    return Events(len(found), 0, len(found), len(found) if closed is None else closed, found)


ALIKE, BELOW = Interval(0.0, -0.5, 0.5), Interval(-2.0, -3.0, -1e-9)
MANY = happened([0.2, 0.3, 0.1, 0.25, 0.2])


def judged(
    own: float | None = 1.5,
    hold: float | None = 1.0,
    trend: float | None = 1.2,
    p: float | None = 0.01,
    **changes: Any,
) -> Any:
    gaps = {"hold_bitcoin": ALIKE, "bitcoin_own_trend": ALIKE} | changes.get("gaps", {})
    return verdict(
        {"strategy": own, "hold_bitcoin": hold, "bitcoin_own_trend": trend},
        gaps,
        p,
        changes.get("events", MANY),
        0.0,
    )


def test_better_needs_every_condition() -> None:
    assert judged().word == "better"
    worse = {
        "below hold": {"hold": 1.6},
        "below trend": {"trend": 1.6},
        "as hold": {"hold": 1.5},
        "p": {"p": 0.05},
        "no p": {"p": None},
    }
    for name, changes in worse.items():
        assert judged(**changes).word == "cannot be told", name
    assert judged(events=MANY._replace(closed_events=4)).word == "cannot be told"


def test_worse_needs_both_intervals_below_zero() -> None:
    assert (
        judged(
            own=-3.0, hold=5.0, trend=5.0, gaps={"hold_bitcoin": BELOW, "bitcoin_own_trend": BELOW}
        ).word
        == "worse"
    )
    for near in (
        {"hold_bitcoin": BELOW},
        {"bitcoin_own_trend": BELOW},
        {"hold_bitcoin": BELOW, "bitcoin_own_trend": BELOW._replace(high=0.0)},
    ):
        got = judged(own=-3.0, hold=5.0, trend=5.0, gaps=near)
        assert got.word == "cannot be told"
        assert "trails both" in got.why


def test_trailing_one_only_cannot_be_told_and_does_not_claim_both() -> None:
    got = judged(own=1.1)
    assert got.word == "cannot be told"
    assert "trails both" not in got.why


def test_a_strategy_that_never_held_anything_gets_no_judgement() -> None:
    got = judged(own=None)
    assert got.word == "cannot be told"
    assert "shut" in got.why


def test_a_rival_without_a_ratio_counts_as_zero() -> None:
    assert judged(own=0.1, hold=None, trend=None).word == "better"
    assert judged(own=-0.1, hold=None, trend=None).word == "cannot be told"


def test_the_sentence_has_the_figures() -> None:
    why = judged().why
    for part in ("1.50", "1.00", "1.20", "1%", "5 independent closed events"):
        assert part in why
    assert "no random gates" in judged(p=None).why


@pytest.mark.parametrize("closed", [0, 3])
def test_without_events_to_measure_it_says_how_many_are_missing(closed: int) -> None:
    text = more_events(happened([0.1], closed=closed), 0.0)
    assert f"At least {5 - closed} more" in text
    assert "cannot be estimated from 1" in text


def test_events_needed_by_hand() -> None:
    """Effects 0.1, 0.3, 0.5, 0.1, 0.0: mean 0.2, sample deviation 0.2; ((1.96 + 0.84) * 1)**2 = 7.85, so 8, three more than 5."""
    assert np.std([0.1, 0.3, 0.5, 0.1, 0.0], ddof=1) == pytest.approx(0.2)
    assert "about 3 more" in more_events(happened([0.1, 0.3, 0.5, 0.1, 0.0]), 0.0)


def test_the_drift_of_the_days_is_taken_off() -> None:
    """Drift of 0.01 a day over 10 days takes 0.1 off each: mean 0.1, so four times as many (31.4, so 32), 27 more."""
    assert "about 27 more" in more_events(happened([0.1, 0.3, 0.5, 0.1, 0.0]), 0.01)


def test_spells_of_one_family_add_up() -> None:
    apart = happened([0.1, 0.3, 0.5, 0.1, 0.0])
    split = [
        one._replace(bitcoin_return=math.sqrt(1 + one.bitcoin_return) - 1)
        for one in apart.spells
        for _ in range(2)
    ]
    assert more_events(apart._replace(spells=split), 0.0) == more_events(apart, 0.0)


def test_an_effect_that_is_not_positive_is_said_to_be_so() -> None:
    assert "not positive" in more_events(happened([-0.1, 0.05, -0.3, -0.2, 0.1]), 0.0)


def test_enough_events_are_enough() -> None:
    assert "would suffice" in more_events(happened([0.2, 0.21, 0.19, 0.2, 0.2]), 0.0)


def test_open_spells_are_not_measured() -> None:
    closed = happened([0.1, 0.3, 0.5, 0.1, 0.0])
    running = closed.spells[0]._replace(closed=None, family=6, bitcoin_return=9.0)
    assert more_events(closed._replace(spells=[*closed.spells, running]), 0.0) == more_events(
        closed, 0.0
    )
