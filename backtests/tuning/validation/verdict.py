"""May the best set of a search be used? One word by stated rules, and each test in words for somebody who has never heard of it."""

from math import ceil, isfinite, isnan
from typing import Literal, NamedTuple

from config.tuning import Limits

Word = Literal["recommend", "do not recommend", "cannot be told"]
EVEN = 0.5  # where luck does as well as the set, as often as not
RARE = 0.05  # chance below which an outcome speaks against what would have had to be so
STANDING = "the settings as they stand"


class Facts(NamedTuple):
    """What a search and its tests found about its best set. None, or NaN: a figure that does not exist.

    `objective` is of the whole window, None where no set met the constraints. `events` counts the breakouts' folds in which the
    set held coins; of `folds` that were left out, on `won` the set chosen without them was above 0. `pbo`, `at_median` and
    `probability_of_loss` are those of `luck.cscv`, `neighbours` is `robustness.Neighbours.share_of_best`, `searched_gates` the number
    of shifted gates that were searched, `superior_p` that of Hansen's test against the settings as they stand.
    """

    is_default: bool
    sets: int
    objective: float | None
    events: int
    pbo: float | None
    at_median: float | None
    probability_of_loss: float | None
    deflated_sharpe: float | None
    won: int
    folds: int
    neighbours: float | None
    searched_gates_p: float | None
    searched_gates: int
    agrees: bool = True  # backtrader with the kernel about the best set
    superior_p: float | None = None  # in the words only


class Check(NamedTuple):
    """One test. `passed` None: it could not be made; `condemns`: it is failed so clearly that nothing else is needed."""

    name: str
    value: float | None
    limit: float
    passed: bool | None
    condemns: bool
    text: str


class Verdict(NamedTuple):
    """`why` has the sentences that decided, `tests` all tests with theirs."""

    word: Word
    why: tuple[str, ...]
    tests: tuple[Check, ...]


def judge(facts: Facts, limits: Limits) -> Verdict:
    """Judge the best set.

    =====================================  ===============================  ================
    breakouts and figures                  tests                            word
    =====================================  ===============================  ================
    enough breakouts, every figure exists  all passed                       recommend
    enough breakouts, every figure exists  one failed                       do not recommend
    too few, or a figure is missing        one condemns                     do not recommend
    too few, or a figure is missing        failed or not, none condemns     cannot be told
    =====================================  ===============================  ================

    A failed test alone is only a lack of evidence for the set: with few breakouts a good one fails too. Evidence against it is a
    figure that says that luck, or holding nothing, does as well. A test condemns where, besides being failed,

    - objective: the best set scores 0 or less, what holding nothing scores;
    - pbo: in half of all splits or more the best set fell below the median (splits in which all were alike say nothing), and it
      lost money too often to say that all sets are as good as one another;
    - deflated Sharpe ratio: below 0.5, luck alone would be expected to bring a higher ratio;
    - breakouts left out: none was won, and so many losses in a row have a chance of 5 % or less if the demanded share were true;
    - neighbours: half of them or more score 0 or less, or break a constraint;
    - searched gates: half of the searches at wrong times or more found as good a set;
    - engines, a test only where it is failed: backtrader does something else than the kernel that searched.

    PBO asks whether choosing helps. Where sets are alike it cannot: the best of one half is anywhere in the other, whether all are
    good or none is. There the probability of loss decides, from the same splits. Recommended is a set that does well, not one that
    does better than the settings as they stand, which is said beside it.

    A p of too few gates does not exist: 1 / (n + 1) is the smallest there is. Breakouts never condemn: few are few.
    """
    limited = (_events, _overfitting, _luck, _left_out, _neighbours, _wrong_times)
    tests = (
        _best(facts),
        *(make(facts, limits) for make in limited),
        *([] if facts.agrees else [_engines()]),
    )
    enough = facts.events >= limits.min_events and all(test.passed is not None for test in tests)
    word: Word = "cannot be told"
    if all(test.passed for test in tests):
        word = "recommend"
    elif enough or any(test.condemns for test in tests):
        word = "do not recommend"
    return Verdict(word, (*_opening(word, facts, tests), *_deciding(word, tests)), tests)


def _opening(word: Word, facts: Facts, tests: tuple[Check, ...]) -> list[str]:
    passed = sum(test.passed is True for test in tests)
    best = f"The best of {facts.sets:,} sets"
    chosen = facts.objective is not None and isfinite(facts.objective)
    said = (
        [f"{best} is {STANDING}: there is nothing to change."]
        if facts.is_default and chosen
        else []
    )
    counted = f"{passed} of {len(tests)} tests are passed."
    match word:
        case "recommend":
            said.append(
                f"{best} passes all {len(tests)} tests; they make luck unlikely, they promise nothing."
            )
            if not facts.is_default and (facts.superior_p is None or facts.superior_p > RARE):
                said.append(
                    f"That it is better than {STANDING} is not shown (p of Hansen's test of superior predictive ability: {_p(facts)})."
                )
        case "do not recommend":
            said.append(
                f"{counted} What is found speaks {'against relying on it' if facts.is_default else 'for keeping ' + STANDING}."
            )
        case _:
            said.append(f"{counted} There is too little to judge by, for the set or against it.")
    return said


def _deciding(word: Word, tests: tuple[Check, ...]) -> list[str]:
    """The sentences of the tests that were not passed, those that decided first."""

    def turn(test: Check) -> tuple[bool, bool]:
        lacks = test.passed is None or test.name == "events"
        return not test.condemns, lacks != (word == "cannot be told")

    return [test.text for test in sorted((one for one in tests if not one.passed), key=turn)]


def _best(facts: Facts) -> Check:
    value = _existing(facts.objective)
    if value is None or not isfinite(value):
        return Check(
            "objective",
            None,
            0.0,
            None,
            False,
            "Objective: no set met tune.min_orders and tune.max_drawdown, so none was chosen.",
        )
    said = f"Objective: the best of {facts.sets:,} sets scores {value:.2f} in the past (more than 0 is needed, what holding nothing scores)"
    passed = value > 0.0
    return Check("objective", value, 0.0, passed, not passed, f"{said}.")


def _events(facts: Facts, limits: Limits) -> Check:
    passed = facts.events >= limits.min_events
    meaning = (
        "enough to hold them against one another"
        if passed
        else "so few that a single one decides the result"
    )
    times = (
        "one independent breakout" if facts.events == 1 else f"{facts.events} independent breakouts"
    )
    said = f"Breakouts: the set held coins in {times} (at least {limits.min_events} are needed): {meaning}."
    return Check("events", float(facts.events), float(limits.min_events), passed, False, said)


def _overfitting(facts: Facts, limits: Limits) -> Check:
    value, limit = _existing(facts.pbo), limits.max_pbo
    if value is None:
        return _absent(
            "pbo",
            limit,
            "Overfitting: coins were held too rarely to see what becomes of the best set of one half in the other.",
        )
    loss, most = _existing(facts.probability_of_loss), limits.max_probability_of_loss
    helps, alike = value <= limit, loss is not None and loss <= most
    condemns = not helps and not alike and value - (facts.at_median or 0.0) >= EVEN
    said = (
        f"Overfitting: the history was cut into two halves in thousands of ways; in {_percent(value, limit)} of them the set that was best "
        f"in one half did no better than the middle of all sets in the other (PBO; at most {_shown(limit)} is allowed"
    )
    lost = (
        ""
        if helps or loss is None
        else f", or it may lose money there in {_shown(most)}; it did in {_percent(loss, most)}"
    )
    good = (
        "what was best stayed good"
        if helps
        else "choosing is a coin's toss, but of sets that are all good"
    )
    meanings = (
        good,
        "what was best says too little about what comes after",
        "the past's best is not the future's",
    )
    return _told("pbo", value, limit, helps or alike, condemns, f"{said}{lost})", meanings)


def _luck(facts: Facts, limits: Limits) -> Check:
    value, limit = _existing(facts.deflated_sharpe), limits.min_deflated_sharpe
    if value is None:
        return _absent(
            "deflated_sharpe",
            limit,
            "Luck: the set's returns do not vary, so there is no Sharpe ratio to hold against luck.",
        )
    passed = value >= limit
    said = (
        "Luck: the best of many worthless sets has a good Sharpe ratio too; the probability that this set's is higher than that is "
        f"{_percent(value, limit)} (deflated Sharpe ratio; at least {_shown(limit)} is needed)"
    )
    meanings = ("luck hardly explains it", "luck may explain it", "luck alone would bring more")
    return _told(
        "deflated_sharpe", value, limit, passed, not passed and value < EVEN, said, meanings
    )


def _left_out(facts: Facts, limits: Limits) -> Check:
    limit = limits.min_leave_one_out
    if not facts.folds:
        return _absent(
            "leave_one_out",
            limit,
            "Unseen breakouts: none could be left out, so nothing was tried on one it had not seen.",
        )
    value = facts.won / facts.folds
    passed = value >= limit
    condemns = not passed and not facts.won and (1.0 - limit) ** facts.folds <= RARE
    said = (
        f"Unseen breakouts: each was left out in turn and the best set chosen without it; on {facts.won} of {facts.folds} left out that set "
        f"made money ({_percent(value, limit)}; at least {_shown(limit)} is needed)"
    )
    meanings = (
        "the choice carries over",
        "the choice carries over too rarely",
        "the choice carries over to none",
    )
    return _told("leave_one_out", value, limit, passed, condemns, said, meanings)


def _neighbours(facts: Facts, limits: Limits) -> Check:
    value, limit = _existing(facts.neighbours), limits.min_neighbours
    if value is None:
        return _absent(
            "neighbours",
            limit,
            "Neighbours: the set has none to be compared with, or scores 0 or less itself.",
        )
    passed = value >= limit
    if isfinite(value):
        said = f"reach {_percent(value, limit)} of its score (median; at least {_shown(limit)} is needed)"
    else:
        said = f"break a constraint in half of all cases or more (their median must reach {_shown(limit)} of its score)"
    meanings = (
        "it does not hang on exact numbers",
        "it hangs on exact numbers, as luck does",
        "beside it there is nothing",
    )
    said = f"Neighbours: sets that differ from it in one value by one place {said}"
    return _told("neighbours", value, limit, passed, not passed and value <= 0.0, said, meanings)


def _wrong_times(facts: Facts, limits: Limits) -> Check:
    value, limit, gates = (
        _existing(facts.searched_gates_p),
        limits.max_searched_gates_p,
        facts.searched_gates,
    )
    if value is None or not gates:
        return _absent(
            "searched_gates",
            limit,
            "Wrong times: no search was made with the gate at other times; see tune.searched_gates.",
        )
    if 1.0 / (gates + 1) > limit > 0.0:
        needed = f"{_shown(limit)} cannot be shown with fewer than {ceil(1.0 / limit) - 1}; raise tune.searched_gates"
        return _absent(
            "searched_gates",
            limit,
            f"Wrong times: {gates} searches with the gate at other times are too few, {needed}.",
        )
    passed = value <= limit
    said = (
        f"Wrong times: the same search was made {gates:,} times with the gate's openings at other times; {_percent(value, limit)} of them "
        f"found a set as good, this one included (p; at most {_shown(limit)} is allowed)"
    )
    meanings = (
        "when it opens matters",
        "when it opens may not matter",
        "any other times serve as well",
    )
    return _told(
        "searched_gates", value, limit, passed, not passed and value >= EVEN, said, meanings
    )


def _engines() -> Check:
    said = "Engines: run again in backtrader, as a backtest or a session runs it, the set does something else than in the search: this is a bug."
    return Check("engines", None, 0.0, False, True, said)


def _told(
    name: str,
    value: float,
    limit: float,
    passed: bool,
    condemns: bool,
    said: str,
    meanings: tuple[str, str, str],
) -> Check:
    """A test that could be made, its sentence ended by what passing, failing or condemning means."""
    meaning = meanings[0 if passed else 2 if condemns else 1]
    return Check(
        name, value if isfinite(value) else None, limit, passed, condemns, f"{said}: {meaning}."
    )


def _absent(name: str, limit: float, text: str) -> Check:
    return Check(name, None, limit, None, False, text)


def _existing(value: float | None) -> float | None:
    return None if value is None or isnan(value) else value


def _p(facts: Facts) -> str:
    return "unknown" if facts.superior_p is None else f"{facts.superior_p:.3f}"


def _percent(value: float, limit: float) -> str:
    """As few digits as tell it from its limit: 95% that fail a test of 95% would be a riddle."""
    digits = 0
    while (
        digits < 6 and value != limit and f"{value * 100:.{digits}f}" == f"{limit * 100:.{digits}f}"
    ):
        digits += 1
    return f"{value * 100:.{digits}f}%"


def _shown(limit: float) -> str:
    return f"{limit * 100:g}%"
