"""The word on a search's best set: what recommends it, what speaks against it, and what is only too
little to judge by.
"""

import json
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.tuning.validation.checks import Facts
from backtests.tuning.validation.verdict import Verdict, judge
from config.tuning import Limits

LIMITS = Limits(
    max_luck_p=0.05,
    max_searched_gates_p=0.05,
    max_pbo=0.2,
    max_probability_behind=0.05,
    min_leave_one_out=0.6,
    min_events=5,
)
GOOD = Facts(
    is_default=False,
    sets=10_000,
    paths=1_231,
    objective=1.1,
    events=5,
    luck_p=0.05,
    pbo=0.2,
    at_median=0.0,
    probability_behind=0.06,
    won=3,
    folds=5,
    searched_gates_p=0.05,
    searched_gates=200,
)
MISSED: dict[str, dict[str, Any]] = {  # each just beyond its limit, none of them clearly
    "pbo": {"pbo": 0.2 + 1e-9},
    "luck": {"luck_p": 0.05 + 1e-9},
    "leave_one_out": {"won": 2},
    "searched_gates": {"searched_gates_p": 0.05 + 1e-9},
}
CONDEMNED: dict[
    str, dict[str, Any]
] = {  # each where luck, or holding nothing, begins to do as well
    "pbo": {"pbo": 0.5},
    "luck": {"luck_p": 0.5},
    "leave_one_out": {"won": 0, "folds": 4},
    "searched_gates": {"searched_gates_p": 0.5},
}
NOT_QUITE: dict[str, dict[str, Any]] = {  # the same, one step less
    "pbo": {"pbo": 0.5 - 1e-9},
    "luck": {"luck_p": 0.5 - 1e-9},
    "leave_one_out": {"won": 0, "folds": 3},  # 0.4 ** 3 = 6.4 %, 0.4 ** 4 = 2.56 %
    "searched_gates": {"searched_gates_p": 0.5 - 1e-9},
}
ABSENT: dict[str, dict[str, Any]] = {
    "pbo": {"pbo": None},
    "luck": {"luck_p": None},
    "leave_one_out": {"won": 0, "folds": 0},
    "searched_gates": {"searched_gates_p": None},
}
FEW = {"events": 4}


def judge_with(**changes: Any) -> Verdict:
    return judge(GOOD._replace(**changes), LIMITS)


def passed(found: Verdict) -> dict[str, bool | None]:
    return {test.name: test.passed for test in found.tests}


def passed_text(found: Verdict, name: str) -> str:
    return next(test.text for test in found.tests if test.name == name)


def test_at_every_limit_it_is_recommended() -> None:
    found = judge_with()
    assert found.word == "recommended"
    assert set(passed(found).values()) == {True}
    assert set(passed(found)) == {"events", *MISSED}


@pytest.mark.parametrize("name", MISSED)
def test_one_test_failed_and_it_is_not(name: str) -> None:
    found = judge_with(**MISSED[name])
    assert found.word == "not recommended"
    assert [test for test, is_passed in passed(found).items() if not is_passed] == [name]
    assert not any(test.condemns for test in found.tests)


@pytest.mark.parametrize("name", MISSED)
def test_with_too_few_breakouts_a_failed_test_is_no_evidence_against_it(name: str) -> None:
    assert judge_with(**FEW).word == "inconclusive"
    assert judge_with(**FEW, **MISSED[name]).word == "inconclusive"
    assert judge_with(**FEW, **NOT_QUITE[name]).word == "inconclusive"


@pytest.mark.parametrize("name", CONDEMNED)
def test_with_too_few_breakouts_a_test_failed_clearly_condemns(name: str) -> None:
    found = judge_with(**FEW, **CONDEMNED[name])
    assert found.word == "not recommended"
    assert [test.name for test in found.tests if test.condemns] == [name]


@pytest.mark.parametrize("name", ABSENT)
def test_without_a_figure_it_is_inconclusive(name: str) -> None:
    found = judge_with(**ABSENT[name])
    assert found.word == "inconclusive"
    assert passed(found)[name] is None


@pytest.mark.parametrize("missing", ABSENT)
@pytest.mark.parametrize("name", CONDEMNED)
def test_unless_another_figure_condemns(name: str, missing: str) -> None:
    if name != missing:
        assert judge_with(**ABSENT[missing] | CONDEMNED[name]).word == "not recommended"
        assert judge_with(**ABSENT[missing] | NOT_QUITE[name]).word == "inconclusive"


@pytest.mark.parametrize("name", ["pbo", "luck_p", "searched_gates_p", "objective"])
def test_not_a_number_is_no_figure(name: str) -> None:
    assert judge_with(**{name: math.nan}).word == "inconclusive"


def test_splits_in_which_all_sets_were_alike_do_not_condemn() -> None:
    """Of 60 % at or below the median, 20 % were ties: 40 % below. Of 75 %, 25 %: 50 % below."""
    assert judge_with(**FEW, pbo=0.6, at_median=0.2).word == "inconclusive"
    assert judge_with(**FEW, pbo=0.75, at_median=0.25).word == "not recommended"


def test_where_choosing_is_a_toss_all_sets_have_to_be_good() -> None:
    """Of sets that are alike the best of one half is anywhere in the other: PBO near a half,
    whether they are good or not.
    """
    alike = judge_with(pbo=0.5, probability_behind=0.05)
    assert alike.word == "recommended" and passed(alike)["pbo"] is True
    text = passed_text(alike, "pbo")
    assert (
        "50%" in text
        and "holding its average exposure all the time in 5%" in text
        and "all sets are good" in text
    )
    beyond = judge_with(pbo=0.5, probability_behind=0.05 + 1e-9)
    assert beyond.word == "not recommended" and passed(beyond)["pbo"] is False
    assert judge_with(pbo=0.5, probability_behind=None).word == "not recommended"
    assert "average exposure" not in passed_text(judge_with(probability_behind=0.9), "pbo")


def test_a_recommended_set_is_not_called_better_than_the_settings() -> None:
    shown, doubtful, unknown = (judge_with(superior_p=p) for p in (0.05, 0.0501, None))
    assert {one.word for one in (shown, doubtful, unknown)} == {"recommended"}
    assert len(shown.why) == 1 and "0.050)" in doubtful.why[1] and "unknown)" in unknown.why[1]
    assert len(judge_with(is_default=True).why) == 2  # there is nothing to compare it with


def test_a_p_of_too_few_gates_is_none() -> None:
    """Of 18 gates the smallest p is 1 / 19 = 5.3 %, of 19 it is 1 / 20."""
    for gates, p, word in (
        (18, 1 / 19, "inconclusive"),
        (19, 1 / 20, "recommended"),
        (1, 1.0, "inconclusive"),
        (0, None, "inconclusive"),
    ):
        assert judge_with(searched_gates=gates, searched_gates_p=p).word == word, gates
    assert "19" in judge_with(searched_gates=18, searched_gates_p=1 / 19).why[-1]


def test_a_limit_no_p_can_reach_is_failed_not_unknown() -> None:
    never = LIMITS.model_copy(update={"max_searched_gates_p": 0.0})
    assert judge(GOOD, never).word == "not recommended"


def test_no_set_that_meets_the_constraints_is_no_choice() -> None:
    for objective in (None, -math.inf):
        found = judge_with(objective=objective, is_default=True)
        assert found.word == "inconclusive"
        assert not any("nothing to change" in line for line in found.why)
        assert len(found.why) == 1 and "tune.min_orders" in found.why[0]
    condemned = judge_with(objective=None, is_default=True, **CONDEMNED["luck"])
    assert condemned.word == "inconclusive"


def test_a_set_that_loses_is_no_test_of_its_own() -> None:
    """Every search has a best set above 0; one that has not is refused by the others."""
    assert judge_with(objective=-0.1).word == judge_with().word == "recommended"
    assert {test.name for test in judge_with().tests} == {
        *("events", "luck", "searched_gates", "pbo", "leave_one_out"),
    }


def test_the_current_settings_are_named_as_such() -> None:
    for changes in ({}, MISSED["pbo"], FEW):
        found = judge_with(is_default=True, **changes)
        assert found.word == judge_with(**changes).word
        assert (
            found.why[0]
            == "The best of 10,000 parameter sets (1,231 different paths) is the current settings:"
            " there is nothing to change."
        )
        assert not any("there is nothing to change" in line for line in judge_with(**changes).why)
    assert "no reason to change the current settings" in judge_with(**MISSED["pbo"]).why[0]
    assert "evidence against relying on them" in judge_with(is_default=True, **MISSED["pbo"]).why[1]


def test_no_count_of_passed_tests_is_given() -> None:
    """A search in a world without any effect passes some of them too."""
    for changes in ({}, MISSED["pbo"], CONDEMNED["luck"], FEW):
        why = " ".join(judge_with(**changes).why)
        assert not re.search(r"\d+ of \d+ tests", why) and "tests are passed" not in why


def test_both_numbers_of_sets_and_of_paths_are_said() -> None:
    for changes in ({}, MISSED["luck"], FEW):
        assert "10,000 parameter sets (1,231 different paths)" in judge_with(**changes).why[0]
    assert "paths)" not in judge_with(paths=10_000).why[0]
    assert "1,231 different paths" in passed_text(judge_with(), "luck")


def test_what_decided_comes_first() -> None:
    """Here two tests fail, one of them clearly; then two, and a figure is missing."""
    against = judge_with(**FEW, **MISSED["pbo"] | CONDEMNED["searched_gates"])
    assert [line.partition(":")[0] for line in against.why[1:]] == [
        "Time-shift test",
        "Overfitting",
        "Breakouts",
    ]
    open_ = judge_with(**FEW, **MISSED["pbo"] | ABSENT["luck"])
    assert [line.partition(":")[0] for line in open_.why[1:]] == [
        "Breakouts",
        "Chance",
        "Overfitting",
    ]
    assert judge_with(superior_p=0.01).why == (
        (
            "The best of 10,000 parameter sets (1,231 different paths) passes every test; this"
            " makes chance an unlikely explanation, it promises nothing."
        ),
    )


@pytest.mark.parametrize("name", [*MISSED, "events"])
def test_every_sentence_has_number_and_limit(name: str) -> None:
    for changes in ({}, MISSED.get(name, FEW), CONDEMNED.get(name, FEW)):
        test = next(test for test in judge_with(**changes).tests if test.name == name)
        assert test.value is not None
        for number in (test.value, test.limit):
            assert (f"{number:.0f}" if name == "events" else f"{number:.0%}") in re.sub(
                r"\.\d+%", "%", test.text
            ), test.text
        assert test.text.endswith(".") and ": " in test.text


def test_numbers_differ_from_their_limits() -> None:
    assert "5.1%" in judge_with(luck_p=0.051).why[1]
    assert "20.04%" in judge_with(pbo=0.2004).why[1]
    assert "(p; at most 5% is allowed)" in judge_with(luck_p=0.051).why[1]
    half = LIMITS.model_copy(update={"max_pbo": 0.125})
    assert "the limit is 12.5%" in judge(GOOD, half).why[1]


def test_it_can_be_written_as_json() -> None:
    for changes in ({}, ABSENT["pbo"], ABSENT["luck"], {"objective": math.nan}):
        json.dumps([test._asdict() for test in judge_with(**changes).tests], allow_nan=False)


# Limits other than the default


def sentence(name: str, limits: Limits, **changes: Any) -> str:
    return passed_text(judge(GOOD._replace(**changes), limits), name)


@pytest.mark.parametrize(
    ("name", "changes", "meaning"),
    [
        ("luck", {"luck_p": 0.289}, "chance may explain it"),
        ("luck", {"luck_p": 0.7}, "chance alone usually does better"),
        ("searched_gates", {"searched_gates_p": 0.3}, "may not matter"),
        ("pbo", {"pbo": 0.62, "at_median": 0.2}, "says too little about the future"),
        ("pbo", {"pbo": 0.62}, "is not the best of the future"),
        ("leave_one_out", {"won": 1}, "generalises too rarely"),
        ("events", {"events": 3}, "so few that a single one decides the result"),
    ],
)
def test_a_looser_limit_does_not_change_what_a_figure_means(
    name: str, changes: dict[str, Any], meaning: str
) -> None:
    """Settings cannot have one; a proof that goes around them still says what is true."""
    loosest = LIMITS.model_copy(
        update={
            **dict.fromkeys(("max_luck_p", "max_searched_gates_p", "max_pbo"), 1.0),
            "min_leave_one_out": 0.0,
            "min_events": 2,
        }
    )
    assert sentence(name, loosest, **changes).endswith(f"{meaning}.")


STRICTEST = Limits(
    max_luck_p=0.01,
    max_searched_gates_p=0.01,
    max_pbo=0.1,
    max_probability_behind=0.01,
    min_leave_one_out=1.0,
    min_events=9,
)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("luck", "chance hardly explains it"),
        ("searched_gates", "the time at which the gate opens matters"),
        ("pbo", "the best stayed good"),
        ("leave_one_out", "the choice generalises"),
    ],
)
def test_a_stricter_limit_is_failed_without_changing_what_a_figure_means(
    name: str, meaning: str
) -> None:
    found = judge(GOOD, STRICTEST)
    assert found.word == "inconclusive" and passed(found)[name] is False
    more = "; the stricter limit of these settings asks for more."
    assert passed_text(found, name).endswith(f": {meaning}{more}")
    assert passed_text(judge_with(), name).endswith(f": {meaning}.")
    assert "fewer than the stricter limit" in passed_text(found, "events")


def test_a_stricter_limit_condemns_no_sooner() -> None:
    """One lost breakout is no evidence, whatever share is asked for; four are, as by default."""
    one = judge(GOOD._replace(won=0, folds=1), STRICTEST)
    four = judge(GOOD._replace(won=0, folds=4), STRICTEST)
    assert [any(test.condemns for test in found.tests) for found in (one, four)] == [False, True]


def test_the_second_limit_of_the_pbo_is_reported() -> None:
    tests = {test.name: test.other_limit for test in judge(GOOD, STRICTEST).tests}
    assert tests.pop("pbo") == 0.01 and set(tests.values()) == {None}


FIGURES = st.one_of(st.none(), st.floats(0, 1))
ANY = st.builds(
    Facts,
    is_default=st.booleans(),
    sets=st.integers(2, 10**6),
    paths=st.integers(1, 10**6),
    objective=st.one_of(st.none(), st.floats(-2, 3)),
    events=st.integers(0, 9),
    pbo=FIGURES,
    at_median=st.one_of(st.none(), st.just(0.0)),
    probability_behind=FIGURES,
    luck_p=FIGURES,
    won=st.just(0),
    folds=st.integers(0, 9),
    searched_gates_p=FIGURES,
    searched_gates=st.integers(0, 300),
).flatmap(lambda facts: st.integers(0, facts.folds).map(lambda won: facts._replace(won=won)))


@given(ANY)
def test_recommended_is_what_the_limits_say_and_nothing_else(facts: Facts) -> None:
    """Written down once more, from the figures alone."""
    f = facts
    exist = None not in (f.objective, f.pbo, f.luck_p, f.searched_gates_p) and f.folds > 0
    within = (
        exist
        and f.events >= 5
        and (f.pbo <= 0.2 or (f.probability_behind is not None and f.probability_behind <= 0.05))
        and f.luck_p <= 0.05
        and f.won / f.folds >= 0.6
        and f.searched_gates_p <= 0.05
        and f.searched_gates >= 19
    )
    assert (judge(facts, LIMITS).word == "recommended") == within


WORSE = {
    "pbo": 1.0,
    "probability_behind": 1.0,
    "luck_p": 1.0,
    "won": 0,
    "searched_gates_p": 1.0,
    "events": 0,
}


@given(ANY, st.sampled_from(sorted(WORSE)))
def test_a_worse_figure_never_brings_a_better_word(facts: Facts, name: str) -> None:
    better = ("not recommended", "inconclusive", "recommended").index
    if name == "events" or getattr(facts, name) is not None:
        worse = judge(facts._replace(**{name: WORSE[name]}), LIMITS).word
        before = judge(facts, LIMITS).word
        assert better(worse) <= better(before) or (
            name == "events" and worse == "inconclusive" and before == "not recommended"
        )


def test_worthless_searches_are_rarely_recommended() -> None:
    """Under luck alone p is even between 1 / (n + 1) and 1; even if every other test were passed, 5
    % would remain.
    """
    p = np.arange(1, 202) / 201
    words = [judge_with(searched_gates_p=float(one)).word for one in p]
    assert words.count("recommended") / len(p) <= 0.05


def test_a_set_that_backtrader_runs_otherwise_is_never_recommended() -> None:
    found = judge(GOOD._replace(agrees=False), LIMITS)
    assert judge(GOOD, LIMITS).word == "recommended" and found.word == "not recommended"
    assert "this is a bug" in found.why[1]
    assert judge(GOOD._replace(agrees=False, events=0), LIMITS).word == "not recommended"
