"""The verdict on a backtest: one word by stated rules, and the figures it rests on."""

from collections.abc import Mapping
from math import ceil
from typing import Literal, NamedTuple

import numpy as np

from backtests.performance.gate_periods import Events
from backtests.statistics.bootstrap import Interval
from brokers.plurals import count

MIN_EVENTS = 5
SIGNIFICANCE = 0.05
Z_LEVEL, Z_POWER = 1.959964, 0.841621  # normal quantiles at 97.5 % and 80 %
RIVALS = {
    "hold_bitcoin": "holding BTC",
    "bitcoin_own_trend": "BTC > 200-day MA",
}
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
    drift: float,
) -> Verdict:
    """Judge a strategy by its Sharpe ratio.

    *better*: above both rivals, p of the permutation test below 0.05, at least 5 independent closed
    events. *worse*: below both rivals and both 95 % intervals of the difference exclude zero. Else
    *inconclusive*.

    Parameters
    ----------
    sharpes : Sharpe ratio by name, "strategy" and the rivals among them; None: it never bought.
        Such a rival held cash, which is a ratio of 0 to beat and none to quote.
    gaps : the strategy's Sharpe ratio minus each rival's, with its interval.
    p : of the permutation test; None: it was not run.
    events : of the window.
    drift : Bitcoin's mean daily log return over the window, what an event must beat.

    """
    sharpe = sharpes["strategy"]
    if sharpe is None:
        why = "The strategy never held a coin: its gate was closed all the time."
        return Verdict("inconclusive", why)
    rivals = {name: sharpes[name] or 0.0 for name in RIVALS}
    idle = [name for name in RIVALS if sharpes[name] is None]
    facts = _facts(sharpe, {name: rivals[name] for name in RIVALS if name not in idle}, p, events)
    above = all(sharpe > rival for rival in rivals.values())
    if above and p is not None and p < SIGNIFICANCE and events.closed_events >= MIN_EVENTS:
        return Verdict("better", facts)
    if all(sharpe < rival for rival in rivals.values()):
        if all(gap.high < 0 for gap in gaps.values()):
            return Verdict("worse", f"{facts} Both differences are statistically significant.")
        if not idle:
            facts += (
                " It is below both, but at least one difference is not statistically significant."
            )
    return Verdict("inconclusive", f"{facts} {more_events(events, drift)}")


def _facts(sharpe: float, rivals: Mapping[str, float], p: float | None, events: Events) -> str:
    compared = " and ".join(f"{value:.2f} for {RIVALS[name]}" for name, value in rivals.items())
    idle = " and ".join(RIVALS[name] for name in RIVALS if name not in rivals)
    ratios = f"Sharpe ratio {sharpe:.2f}{f' against {compared}' if compared else ''}"
    ratios += f" ({idle} never bought: not compared)" if idle else ""
    chance = (
        "the permutation test was not run"
        if p is None
        else f"{p:.0%} of circularly shifted gates match or beat it (p = {p:.3f})"
    )
    sample = count(events.closed_events, "independent closed event")
    return f"{ratios}; {chance}; {sample}."


def more_events(events: Events, drift: float) -> str:
    """How many more independent events are needed to detect the measured effect, as a sentence.

    An event's effect is Bitcoin's log return while the gate was open, beyond `drift` for as many
    days; the gate periods of one event are added. Needed for 80 % power in a two-sided 5 % test of
    a mean: ((1.96 + 0.84) * deviation / mean) ** 2 events.
    """
    effects = list(_effects(events, drift).values())
    missing = max(MIN_EVENTS - events.closed_events, 0)
    verb = "is" if missing == 1 else "are"
    at_least = f"At least {count(missing, 'more event')} {verb} needed. " if missing else ""
    if len(effects) < 2:
        sample = count(len(effects), "closed event")
        return f"{at_least}With {sample} the number for 80 % power cannot be estimated."
    mean, deviation = float(np.mean(effects)), float(np.std(effects, ddof=1))
    if mean <= 0:
        return f"{at_least}The measured effect is not positive: no number of events would show one."
    needed = ceil(((Z_LEVEL + Z_POWER) * deviation / mean) ** 2)
    more = max(needed - len(effects), missing)
    if not more:
        sample = count(len(effects), "event")
        return f"At the measured effect {sample} are enough for 80 % power."
    breakouts = count(more, "more breakout")
    return f"About {breakouts} {'is' if more == 1 else 'are'} needed for 80 % power."


def _effects(events: Events, drift: float) -> dict[int, float]:
    """Bitcoin's log return beyond the drift while the gate was open, by independent event."""
    effects: dict[int, float] = {}
    for period in events.gate_periods:
        if period.closed is not None:
            days = (period.closed - period.opened).total_seconds() / 86400
            gain = effects.get(period.event_id, 0.0) + float(np.log1p(period.bitcoin_return))
            effects[period.event_id] = gain - drift * days
    return effects
