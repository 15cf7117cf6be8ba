"""The tests that the best parameter set of a search must pass, each with a sentence.

The sentences are written for readers who have never heard of the tests.
"""

from math import ceil, isfinite, isnan
from typing import NamedTuple

from backtests.tuning.search.study import BASE
from config.tuning import FIXED_LIMITS, Limits

EVEN = 0.5  # chance does as well as the parameter set, as often as not
RARE = 0.05  # probability below which an outcome counts as evidence against an assumption
LIMIT_NAMES = {  # by test: its setting under tune.verdict
    "events": "min_events",
    "luck": "max_luck_p",
    "searched_gates": "max_searched_gates_p",
    "pbo": "max_pbo",
    "leave_one_out": "min_leave_one_out",
}


class Facts(NamedTuple):
    """What a search and its tests found about its best parameter set.

    None or NaN: a figure that does not exist. `paths` counts the distinct paths among the sets.
    `objective` is of the whole window, None where no set meets the constraints. `events` counts the
    breakouts in whose folds the set held coins; of `folds` that were left out, on `won` the set
    chosen without them beat exposure-matched holding.
    `luck_p` is that of `statistics.reality_check`; `pbo`, `at_median` and `probability_behind` are
    those of `statistics.cscv`, `searched_gates` the number of shifted gates that were searched,
    `superior_p` the p of Hansen's test against the current settings (for the words only). `agrees`:
    backtrader does the same as the kernel with the best set.
    """

    is_default: bool
    sets: int
    paths: int
    objective: float | None
    events: int
    luck_p: float | None
    pbo: float | None
    at_median: float | None
    probability_behind: float | None
    won: int
    folds: int
    searched_gates_p: float | None
    searched_gates: int
    agrees: bool = True
    superior_p: float | None = None


class Check(NamedTuple):
    """One test.

    `passed` is None if the test could not be made. `condemns`: it is failed so clearly that the set
    is not recommended whatever else is known. `other_limit` is that of `probability_behind`, where
    the test is "pbo".
    """

    name: str
    value: float | None
    limit: float
    passed: bool | None
    condemns: bool
    text: str
    other_limit: float | None = None


def check_all(facts: Facts, limits: Limits) -> tuple[Check, ...]:
    """Every test; that of the engines only where they disagree."""
    limited = (_events, _luck, _time_shifts, _overfitting, _left_out)
    return (
        *(make(facts, limits) for make in limited),
        *([] if facts.agrees else [_engines()]),
    )


def has_choice(facts: Facts) -> bool:
    """Whether any parameter set meets the constraints."""
    value = _existing(facts.objective)
    return value is not None and isfinite(value)


def _events(facts: Facts, limits: Limits) -> Check:
    passed = facts.events >= limits.min_events
    meaning = "enough to compare them"
    if facts.events < FIXED_LIMITS["min_events"]:
        meaning = "so few that a single one decides the result"
    elif not passed:
        meaning = "fewer than the stricter limit of these settings asks for"
    noun = "independent breakout" + ("" if facts.events == 1 else "s")
    text = (
        f"Breakouts: the set held coins in {facts.events} {noun} from a record of {BASE} sessions"
        f" (at least {limits.min_events} are needed): {meaning}."
    )
    values = float(facts.events), float(limits.min_events)
    return Check("events", *values, passed, condemns=False, text=text)


def _overfitting(facts: Facts, limits: Limits) -> Check:
    value, limit = _existing(facts.pbo), limits.max_pbo
    if value is None:
        text = (
            "Overfitting: coins were held too rarely to compare the best set of one half of the"
            " days with the other half."
        )
        return _impossible("pbo", limit, text)
    behind, most = _existing(facts.probability_behind), limits.max_probability_behind
    helps, equal = value <= limit, behind is not None and behind <= most
    text = (
        "Overfitting: the history was split into two halves in thousands of ways; in"
        f" {_percent(value, limit)} of them the best set of one half was at or below the median of"
        f" all sets in the other (PBO; the limit is {_limit(limit)}"
    )
    if not helps and behind is not None:
        text += (
            f"). It earned less there than holding its average exposure all the time in"
            f" {_percent(behind, most)} of them (the limit is {_limit(most)}"
        )
    stayed = value <= FIXED_LIMITS["max_pbo"]
    alike = behind is not None and behind <= FIXED_LIMITS["max_probability_behind"]
    return _evaluated(
        "pbo",
        value,
        limit,
        passed=helps or equal,
        is_good=stayed or alike,
        is_bad=value - (facts.at_median or 0.0) >= EVEN,
        text=f"{text})",
        meanings=(
            "the best stayed good" if stayed else "choosing helps little, but all sets are good",
            "the best of the past says too little about the future",
            "the best of the past is not the best of the future",
        ),
    )._replace(other_limit=most)


def _luck(facts: Facts, limits: Limits) -> Check:
    value, limit = _existing(facts.luck_p), limits.max_luck_p
    if value is None:
        text = (
            "Chance: the set does not differ from holding its average exposure all the time, so"
            " there is no timing to test."
        )
        return _impossible("luck", limit, text)
    return _evaluated(
        "luck",
        value,
        limit,
        passed=value <= limit,
        is_good=value <= FIXED_LIMITS["max_luck_p"],
        is_bad=value >= EVEN,
        text=(
            f"Chance: the best of {_paths(facts.paths)} without any skill at timing does as well"
            " against holding the same exposure all the time in"
            f" {_percent(value, limit)} of all histories (p; at most {_limit(limit)} is allowed)"
        ),
        meanings=(
            "chance hardly explains it",
            "chance may explain it",
            "chance alone usually does better",
        ),
    )


def _left_out(facts: Facts, limits: Limits) -> Check:
    limit = limits.min_leave_one_out
    if not facts.folds:
        text = "Breakouts left out: there are too few to leave one out."
        return _impossible("leave_one_out", limit, text)
    value, share = facts.won / facts.folds, FIXED_LIMITS["min_leave_one_out"]
    return _evaluated(
        "leave_one_out",
        value,
        limit,
        passed=value >= limit,
        is_good=value >= share,
        is_bad=not facts.won and (1.0 - share) ** facts.folds <= RARE,
        text=(
            "Breakouts left out: each was left out in turn and the best set chosen without it; on"
            f" {facts.won} of {facts.folds} left out that set did better than holding the same"
            f" exposure all the time ({_percent(value, limit)}; at least {_limit(limit)} is needed)"
        ),
        meanings=(
            "the choice generalises",
            "the choice generalises too rarely",
            "the choice generalises to none",
        ),
    )


def _time_shifts(facts: Facts, limits: Limits) -> Check:
    value, limit = _existing(facts.searched_gates_p), limits.max_searched_gates_p
    gates = facts.searched_gates
    if value is None or not gates:
        text = "Time-shift test: no search was made on shifted gates; see tune.searched_gates."
        return _impossible("searched_gates", limit, text)
    if 1.0 / (gates + 1) > limit > 0.0:
        noun = "search on a shifted gate is" if gates == 1 else "searches on shifted gates are"
        text = (
            f"Time-shift test: {gates} {noun} too few; a p of {_limit(limit)} needs at least"
            f" {ceil(1.0 / limit) - 1}: raise tune.searched_gates."
        )
        return _impossible("searched_gates", limit, text)
    return _evaluated(
        "searched_gates",
        value,
        limit,
        passed=value <= limit,
        is_good=value <= FIXED_LIMITS["max_searched_gates_p"],
        is_bad=value >= EVEN,
        text=(
            f"Time-shift test: the same search was repeated on {gates:,} gates shifted in time;"
            f" {_percent(value, limit)} of all searches found as good a set, this one included"
            f" (p; at most {_limit(limit)} is allowed)"
        ),
        meanings=(
            "the time at which the gate opens matters",
            "the time at which the gate opens may not matter",
            "gates at other times do as well",
        ),
    )


def _engines() -> Check:
    text = (
        "Engines: run again in backtrader, as a backtest or a paper session runs it,"
        " the set does not do what it did in the search: this is a bug."
    )
    return Check("engines", None, 0.0, passed=False, condemns=True, text=text)


def _evaluated(
    name: str,
    value: float,
    limit: float,
    *,
    passed: bool,
    is_good: bool,
    is_bad: bool,
    text: str,
    meanings: tuple[str, str, str],
) -> Check:
    """A test that could be made.

    `meanings` say at the end of its sentence what a good figure, one between, and a bad one mean.
    `is_good` and `is_bad` come from the figure alone: a limit cannot make it mean something else.
    """
    condemns = is_bad and not is_good
    meaning = meanings[0 if is_good else 2 if is_bad else 1]
    if is_good and not passed:
        meaning += "; the stricter limit of these settings asks for more"
    finite = value if isfinite(value) else None
    return Check(name, finite, limit, passed, condemns=condemns, text=f"{text}: {meaning}.")


def _impossible(name: str, limit: float, text: str) -> Check:
    return Check(name, None, limit, None, condemns=False, text=text)


def _existing(value: float | None) -> float | None:
    return None if value is None or isnan(value) else value


def _paths(count: int) -> str:
    return "1 path" if count == 1 else f"{count:,} different paths"


def _percent(value: float, limit: float) -> str:
    """With as many digits as distinguish it from its limit, up to 6."""
    digits = 0
    while (
        digits < 6 and value != limit and f"{value * 100:.{digits}f}" == f"{limit * 100:.{digits}f}"
    ):
        digits += 1
    return f"{value * 100:.{digits}f}%"


def _limit(limit: float) -> str:
    return f"{limit * 100:g}%"
