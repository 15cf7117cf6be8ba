"""May the best parameter set of a search be used? One word by stated rules, and why."""

from typing import NamedTuple

from backtests.tuning.validation.checks import RARE, Check, Facts, check_all, has_choice
from config.tuning import Limits, VerdictWord

CURRENT_SETTINGS = "the current settings"
NOTHING_CHOSEN = "No parameter set meets tune.min_orders and tune.max_drawdown, so none was chosen."


class Verdict(NamedTuple):
    """`why` has the sentences that decided, `tests` all tests with theirs."""

    word: VerdictWord
    why: tuple[str, ...]
    tests: tuple[Check, ...]


def judge(facts: Facts, limits: Limits) -> Verdict:
    """Judge the best parameter set.

    =====================================  ===============================  ===============
    breakouts and figures                  tests                            word
    =====================================  ===============================  ===============
    enough breakouts, every figure exists  all passed                       recommended
    enough breakouts, every figure exists  one failed                       not recommended
    too few, or a figure is missing        one condemns                     not recommended
    too few, or a figure is missing        failed or not, none condemns     inconclusive
    no set meets the constraints           any                              inconclusive
    =====================================  ===============================  ===============

    Every test is one that searches in worlds without an effect rarely pass, and that no passive
    holding passes. A failed test alone is only a lack of evidence for the set: with few breakouts a
    good set fails too. Evidence against it is a figure that says that chance, or holding the same
    exposure all the time, does as well. A test condemns by its figure, whatever the limit, where

    - chance: the best of as many paths without skill does as well in half of all histories or more;
    - time-shift test: half of the shifted searches or more found as good a set;
    - PBO: in half of all splits or more the best set fell below the median (splits in which all
      were equal are not counted), and it fell behind exposure-matched holding too often to say that
      all sets are as good as one another;
    - leave-one-breakout-out: none was won, and so many losses in a row have a probability of 5 % or
      less if the share of `FIXED_LIMITS` were true;
    - engines, a test only where it is failed: backtrader does not do what the kernel did.

    PBO asks whether choosing helps. Where sets are equal it cannot: the best of one half is
    anywhere in the other, whether all are good or none is. There exposure-matched holding decides,
    from the same splits. A recommended set does well; whether it does better than the current
    settings is another question, and the verdict says so.

    The p of too few gates does not exist: 1 / (n + 1) is the smallest possible. The number of
    breakouts never condemns.
    """
    tests = check_all(facts, limits)
    if not has_choice(facts):
        return Verdict("inconclusive", (NOTHING_CHOSEN,), tests)
    enough = facts.events >= limits.min_events and all(test.passed is not None for test in tests)
    word: VerdictWord = "inconclusive"
    if all(test.passed for test in tests):
        word = "recommended"
    elif enough or any(test.condemns for test in tests):
        word = "not recommended"
    return Verdict(word, (*_opening(word, facts), *_deciding(word, tests)), tests)


def _opening(word: VerdictWord, facts: Facts) -> list[str]:
    paths = "" if facts.paths == facts.sets else f" ({facts.paths:,} different paths)"
    best = f"The best of {facts.sets:,} parameter sets{paths}"
    unchanged = f"{best} is {CURRENT_SETTINGS}: there is nothing to change."
    sentences = [unchanged] if facts.is_default else []
    match word:
        case "recommended":
            sentences.append(
                f"{best} passes every test; this makes chance an unlikely explanation, it promises"
                " nothing."
            )
            if not facts.is_default and (facts.superior_p is None or facts.superior_p > RARE):
                p = "unknown" if facts.superior_p is None else f"{facts.superior_p:.3f}"
                sentences.append(
                    f"It is not shown to be better than {CURRENT_SETTINGS} (Hansen's test for"
                    f" superior predictive ability: p = {p})."
                )
        case "not recommended":
            sentences.append(
                "The results are evidence against relying on them."
                if facts.is_default
                else f"{best} gives no reason to change {CURRENT_SETTINGS}."
            )
        case _:
            sentences.append(
                "There is too little evidence for or against them."
                if facts.is_default
                else f"There is too little evidence for or against {best[0].lower()}{best[1:]}."
            )
    return sentences


def _deciding(word: VerdictWord, tests: tuple[Check, ...]) -> list[str]:
    """The sentences of the tests that were not passed, those that decided first."""

    def order(test: Check) -> tuple[bool, bool]:
        lacks = test.passed is None or test.name == "events"
        return not test.condemns, lacks != (word == "inconclusive")

    return [test.text for test in sorted((test for test in tests if not test.passed), key=order)]
