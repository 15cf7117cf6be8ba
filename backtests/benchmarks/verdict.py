"""The verdict on a backtest: one word by stated rules, and the figures it rests on."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from backtests.performance.gate_periods import VERDICT_BASE, Events
from backtests.statistics.bootstrap import Interval
from backtests.statistics.required_events import MIN_EVENTS
from brokers.plurals import count

SIGNIFICANCE = 0.05
# The smallest p of n shifts is 1 / (1 + n): at 0.05 of independent ones, below it of shifted gates.
MIN_SHIFTS = round(1 / SIGNIFICANCE) - 1
MIN_GATES = MIN_SHIFTS + 1
RIVALS = {
    "constant_exposure": "constant exposure",
    "hold_bitcoin": "holding BTC",
    "bitcoin_own_trend": "BTC > 200-day MA",
}  # the fairest first
Word = Literal["better", "worse", "inconclusive"]
# Names of the requirements of *better*, as calibration.json has them.
PERMUTATION_TEST = "permutation test"
ABOVE_ALL = "above every rival"
ABOVE_CONSTANT_EXPOSURE = "significantly above constant exposure"
ENOUGH_SHIFTS = "enough independent shifts"
ENOUGH_EVENTS = f"{MIN_EVENTS} closed events"
WHY_NOT_BETTER = {
    PERMUTATION_TEST: "the permutation test is not passed",
    ABOVE_CONSTANT_EXPOSURE: "its difference to constant exposure is not statistically significant",
    ENOUGH_SHIFTS: f"the window holds fewer than {MIN_SHIFTS} independent shifts,"
    f" too few for p = {SIGNIFICANCE:g}",
    ENOUGH_EVENTS: f"a verdict takes {MIN_EVENTS} closed events",
}


class Verdict(NamedTuple):
    """The word, the figures it rests on as a few sentences, and what *better* asks for.

    `tests` says by name whether each of its requirements is met; None: that is unknown.
    """

    word: Word
    why: str
    tests: Mapping[str, bool | None]


class Chance(NamedTuple):
    """Of the permutation test: its p (None: there is none), and the independent shifts it had."""

    p: float | None
    shifts: float


def verdict(
    sharpes: Mapping[str, float | None],
    gaps: Mapping[str, Interval],
    chance: Chance | None,
    events: Events,
    *,
    cash_yield: float,
) -> Verdict:
    """Judge a strategy by its Sharpe ratio in excess of cash.

    ============  =================================================================
    word          requires all of
    ============  =================================================================
    better        - above all rivals
                  - the 95 % interval of its difference to constant exposure lies above zero
                  - p of the permutation test below 0.05
                  - so many independent shifts n that 1 / (1 + n) is at most 0.05
                  - at least 5 independent closed events
    worse         - below all rivals
                  - the 95 % intervals of the differences to all of them lie below zero
                  - at least 5 independent closed events
    inconclusive  nothing
    ============  =================================================================

    Events are those of `Events.of_verdict`. A window that `short_windows` calls short is not to be
    judged.

    Parameters
    ----------
    sharpes : Sharpe ratio by name, "strategy" and the rivals among them; None: it never bought.
        Such a rival held cash, which is a ratio of 0 to beat and none to quote. These, the
        differences and the permutation test are of returns in excess of cash.
    gaps : the strategy's Sharpe ratio minus each rival's, with its interval.
    chance : of the permutation test; None: it was not run.
    events : of the window.
    cash_yield : a year's interest on cash, a fraction; the sentence says if there is any.

    """
    sharpe = sharpes["strategy"]
    rivals = {name: sharpes[name] or 0.0 for name in RIVALS}
    tests = _requirements(sharpe, rivals, gaps, chance, events)
    if sharpe is None:
        why = "The strategy never held a coin: its gate was closed all the time."
        return Verdict("inconclusive", why, tests)
    quoted = {name: rivals[name] for name in RIVALS if sharpes[name] is not None}
    facts = _facts(sharpe, quoted, chance.p if chance else None, events, cash_yield)
    if tests[ABOVE_ALL]:
        if all(tests.values()):
            return Verdict("better", facts, tests)
        failed = [WHY_NOT_BETTER[name] for name, is_met in tests.items() if is_met is False]
        if failed:
            facts += f" It is above all of them, but {' and '.join(failed)}."
        return Verdict("inconclusive", facts, tests)
    if all(sharpe < rival for rival in rivals.values()):
        significant = bool(gaps) and all(gap.high < 0 for gap in gaps.values())
        if significant and tests[ENOUGH_EVENTS]:
            why = f"{facts} It is below all of them, and each difference is significant."
            return Verdict("worse", why, tests)
        if len(quoted) == len(RIVALS):
            facts += f" It is below all of them, but {_why_not_worse(significant=significant)}."
    return Verdict("inconclusive", facts, tests)


def _requirements(
    sharpe: float | None,
    rivals: Mapping[str, float],
    gaps: Mapping[str, Interval],
    chance: Chance | None,
    events: Events,
) -> dict[str, bool | None]:
    """Whether each requirement of *better* is met, by name."""
    p = chance.p if chance else None
    return {
        PERMUTATION_TEST: None if p is None else p < SIGNIFICANCE,
        ABOVE_ALL: None if sharpe is None else sharpe > max(rivals.values()),
        ABOVE_CONSTANT_EXPOSURE: None if sharpe is None else gaps["constant_exposure"].low > 0,
        ENOUGH_SHIFTS: None if chance is None else 1 / (1 + chance.shifts) <= SIGNIFICANCE,
        ENOUGH_EVENTS: events.of_verdict().closed_events >= MIN_EVENTS,
    }


def _why_not_worse(*, significant: bool) -> str:
    if significant:
        return WHY_NOT_BETTER[ENOUGH_EVENTS]
    return "at least one difference is not statistically significant"


def _facts(
    sharpe: float,
    rivals: Mapping[str, float],
    p: float | None,
    events: Events,
    cash_yield: float,
) -> str:
    *others, last = [f"{value:.2f} for {RIVALS[name]}" for name, value in rivals.items()] or [""]
    compared = f" against {', '.join(others)}{' and ' if others else ''}{last}" if last else ""
    idle = " and ".join(RIVALS[name] for name in RIVALS if name not in rivals)
    excess = f"In excess of cash ({cash_yield:.1%} a year): " if cash_yield else ""
    ratios = f"{excess}Sharpe ratio {sharpe:.2f}{compared}"
    ratios += f" ({idle} never bought: not compared)" if idle else ""
    chance = (
        "the permutation test was not run"
        if p is None
        else f"{p:.0%} of circularly shifted gates match or beat it (p = {p:.3f})"
    )
    return f"{ratios}; {chance}; {_sample(events)}."


def _sample(events: Events) -> str:
    """How many events the verdict counts, and how many it does not."""
    counted, total = events.of_verdict().closed_events, events.closed_events
    sample = count(counted, "independent closed event")
    if counted == total:
        return sample
    return (
        f"{sample} ({total:,} by gate.base_sessions; a verdict counts breakouts above records of at"
        f" least {VERDICT_BASE} sessions)"
    )
