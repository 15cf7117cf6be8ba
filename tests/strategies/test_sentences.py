"""A decision as a sentence: state, risk checks, ceiling, what changed, why each coin waits."""

import math
from typing import Any

import pytest

from strategies.breakout import CONFIRMED, DORMANT, TESTING
from strategies.decision import Decision, DecisionRules, GateLine
from strategies.sentences import sentences

DAY = 86400
CONFIRMED_AT = 1_577_923_200.0  # 2020-01-02 00:00 UTC
RULES = DecisionRules(
    weights=(0.5, 0.3),
    lags=(0.0, 30.0 * DAY),
    spread=False,
    own_trend=0,
    target_volatility=0.0,
    drawdown_stop=0.0,
    cash_reserve=0.02,
    band=0.2,
    max_gate_age=5,
    max_missing=3,
)
CHANNELS = ("credit", "broad", "leadership")
GATE = GateLine(float(CONFIRMED), 0.75, 2.0, CONFIRMED_AT, 0.0)


def decision(**changes: Any) -> Decision:
    usual = {
        "time": int(CONFIRMED_AT) + 40 * DAY,
        "gate": GATE,
        "equity": 1000.0,
        "cash": 500.0,
        "drawdown": 0.0,
        "missing": (0.0, 0.0),
    }
    usual |= {"current": (0.5, 0.3), "targets": (0.5, 0.3), "gross": 0.8, "sizes": (0.0, 0.0)}
    return Decision(**(usual | changes))


def texts(*decisions: Decision, rules: DecisionRules = RULES) -> list[str]:
    return list(sentences(decisions, ["BTC", "ETH"], CHANNELS, rules))


def test_it_names_state_ceiling_and_the_risk_checks_that_pass() -> None:
    (text,) = texts(decision())
    for part in (
        "confirmed",
        "since 2020-01-02",
        "75%",
        "first 2 of 3 risk checks pass (credit, broad)",
    ):
        assert part in text
    assert "leadership" not in text


@pytest.mark.parametrize(("state", "word"), [(DORMANT, "dormant"), (TESTING, "testing")])
def test_a_gate_that_is_not_confirmed_has_no_since(state: int, word: str) -> None:
    (text,) = texts(decision(gate=GATE._replace(state=float(state), ceiling=0.0, filled=0.0)))
    assert (
        word in text
        and "since" not in text
        and "first 0 of 3 risk checks pass" in text
        and "(" not in text
    )


def test_one_passing_risk_check_is_in_the_singular() -> None:
    (text,) = texts(decision(gate=GATE._replace(filled=1.0)))
    assert "first 1 of 3 risk checks passes (credit)" in text


def test_one_sentence_a_decision() -> None:
    assert len(texts(*[decision()] * 5)) == 5
    assert texts() == []


def test_what_did_not_change_says_so() -> None:
    first, second, third = texts(
        decision(), decision(time=decision().time + DAY), decision(gate=GATE._replace(ceiling=0.5))
    )
    assert not first.startswith("As before")
    assert second == f"As before: {first}"
    assert not third.startswith("As before") and "50%" in third


def test_the_first_decision_is_never_as_before() -> None:
    (text,) = texts(decision())
    assert "As before" not in text


def test_trades_are_listed_with_shares() -> None:
    (text,) = texts(decision(sizes=(1.5, -2.0), current=(0.1, 0.3), targets=(0.5, 0.0)))
    assert "buy BTC, 10.0% to 50.0%" in text
    assert "sell ETH, 30.0% to 0.0%" in text


def test_without_trades_none_is_listed() -> None:
    (text,) = texts(decision())
    assert "buy" not in text and "sell " not in text


def test_trades_do_not_make_the_situation_new() -> None:
    first, second = texts(decision(sizes=(1.0, 0.0)), decision())
    assert second.startswith("As before")
    assert "buy" in first and "buy" not in second


def test_a_coin_whose_lag_has_not_passed_waits_until_a_day() -> None:
    early, ready = texts(
        decision(time=int(CONFIRMED_AT) + 29 * DAY), decision(time=int(CONFIRMED_AT) + 30 * DAY)
    )
    assert "ETH waits until 2020-02-01" in early
    assert "waits" not in ready


def test_a_lag_counts_only_while_confirmed() -> None:
    (text,) = texts(
        decision(time=int(CONFIRMED_AT) + DAY, gate=GATE._replace(state=float(DORMANT)))
    )
    assert "waits" not in text


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (math.nan, "not listed"),
        (1.0, "no new bar"),
        (2.0, "no new bar"),
        (3.0, "ended"),
        (50.0, "ended"),
    ],
)
def test_a_coin_without_a_bar_is_named(missing: float, words: str) -> None:
    (text,) = texts(decision(missing=(0.0, missing)))
    assert "ETH" in text and words in text
    assert "BTC" not in text


def test_a_stale_gate_is_named_with_its_consequence() -> None:
    fresh, old = texts(
        decision(gate=GATE._replace(stale=5.0)), decision(gate=GATE._replace(stale=6.0))
    )
    assert "5 sessions" in fresh and "nothing may rise" in fresh
    assert "6 sessions" in old and "all is sold" in old


def test_the_drawdown_stop_is_named_once_it_is_reached() -> None:
    rules = RULES._replace(drawdown_stop=0.2)
    below, reached = texts(decision(drawdown=0.19), decision(drawdown=0.2), rules=rules)
    assert "drawdown" not in below
    assert "20%" in reached and "drawdown" in reached
    assert "drawdown" not in texts(decision(drawdown=0.9))[0]


def test_a_coin_that_appears_is_a_change() -> None:
    before, after = texts(decision(missing=(0.0, math.nan)), decision())
    assert "not listed" in before
    assert not after.startswith("As before")
