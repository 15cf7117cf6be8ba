"""The verdict on a backtest: one word by stated rules, and the figures it rests on."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from backtests.performance.gate_periods import Events
from backtests.statistics.bootstrap import Interval
from backtests.statistics.required_events import MIN_EVENTS
from brokers.plurals import count

SIGNIFICANCE = 0.05
RIVALS = {
    "constant_exposure": "constant exposure",
    "hold_bitcoin": "holding BTC",
    "bitcoin_own_trend": "BTC > 200-day MA",
}  # the fairest first
Word = Literal["better", "worse", "inconclusive"]


class Verdict(NamedTuple):
    """The word, and the figures it rests on as a few sentences."""

    word: Word
    why: str


def verdict(
    sharpes: Mapping[str, float | None],
    gaps: Mapping[str, Interval],
    p: float | None,
    events: Events,
) -> Verdict:
    """Judge a strategy by its Sharpe ratio.

    *better*: above all rivals, p of the permutation test below 0.05, at least 5 independent closed
    events. *worse*: below all rivals, all 95 % intervals of the differences below zero, as many
    events. Else *inconclusive*. A window that `short_windows` calls short is not to be judged.

    Parameters
    ----------
    sharpes : Sharpe ratio by name, "strategy" and the rivals among them; None: it never bought.
        Such a rival held cash, which is a ratio of 0 to beat and none to quote.
    gaps : the strategy's Sharpe ratio minus each rival's, with its interval.
    p : of the permutation test; None: it was not run.
    events : of the window.

    """
    sharpe = sharpes["strategy"]
    if sharpe is None:
        why = "The strategy never held a coin: its gate was closed all the time."
        return Verdict("inconclusive", why)
    rivals = {name: sharpes[name] or 0.0 for name in RIVALS}
    quoted = {name: rivals[name] for name in RIVALS if sharpes[name] is not None}
    facts = _facts(sharpe, quoted, p, events)
    enough = events.closed_events >= MIN_EVENTS
    if all(sharpe > rival for rival in rivals.values()):
        is_better = p is not None and p < SIGNIFICANCE and enough
        return Verdict("better" if is_better else "inconclusive", facts)
    if all(sharpe < rival for rival in rivals.values()):
        significant = bool(gaps) and all(gap.high < 0 for gap in gaps.values())
        if significant and enough:
            why = f"{facts} It is below all of them, and each difference is significant."
            return Verdict("worse", why)
        if len(quoted) == len(RIVALS):
            facts += f" It is below all of them, but {_why_not_worse(significant=significant)}."
    return Verdict("inconclusive", facts)


def _why_not_worse(*, significant: bool) -> str:
    if significant:
        return f"a verdict takes {MIN_EVENTS} closed events"
    return "at least one difference is not statistically significant"


def _facts(sharpe: float, rivals: Mapping[str, float], p: float | None, events: Events) -> str:
    *others, last = [f"{value:.2f} for {RIVALS[name]}" for name, value in rivals.items()] or [""]
    compared = f" against {', '.join(others)}{' and ' if others else ''}{last}" if last else ""
    idle = " and ".join(RIVALS[name] for name in RIVALS if name not in rivals)
    ratios = f"Sharpe ratio {sharpe:.2f}{compared}"
    ratios += f" ({idle} never bought: not compared)" if idle else ""
    chance = (
        "the permutation test was not run"
        if p is None
        else f"{p:.0%} of circularly shifted gates match or beat it (p = {p:.3f})"
    )
    sample = count(events.closed_events, "independent closed event")
    return f"{ratios}; {chance}; {sample}."
