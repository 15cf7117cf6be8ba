"""One word on a backtest, by stated rules, and why."""

from collections.abc import Mapping
from math import ceil
from typing import NamedTuple

import numpy as np

from backtests.performance.gate_periods import Events
from backtests.statistics.bootstrap import Interval

MIN_EVENTS = 5
SIGNIFICANCE = 0.05
Z_LEVEL, Z_POWER = 1.959964, 0.841621  # normal quantiles at 97.5 % and 80 %
RIVALS = {
    "hold_bitcoin": "holding Bitcoin",
    "bitcoin_own_trend": "Bitcoin above its own 200-day average",
}


class Verdict(NamedTuple):
    """`word` is better, worse or cannot be told; `why` a sentence or three."""

    word: str
    why: str


def verdict(
    sharpes: Mapping[str, float | None],
    gaps: Mapping[str, Interval],
    p: float | None,
    events: Events,
    drift: float,
) -> Verdict:
    """Judge a strategy by its Sharpe ratio.

    *better*: above both rivals, p of the random gates below 0.05, at least 5 independent closed events.
    *worse*: below both rivals and both 95 % intervals of the difference exclude zero. Else *cannot be told*.

    Parameters
    ----------
    sharpes : Sharpe ratio by name, "strategy" and the rivals among them.
    gaps : the strategy's Sharpe ratio minus each rival's, with its interval.
    drift : Bitcoin's mean daily log return over the window, what an event must beat.

    """
    own = sharpes["strategy"]
    if own is None:
        return Verdict(
            "cannot be told", "The strategy never held anything: its gate was shut all the time."
        )
    rivals = {name: sharpes[name] or 0.0 for name in RIVALS}
    compared = " and ".join(f"{value:.2f} for {RIVALS[name]}" for name, value in rivals.items())
    chance = (
        "no random gates were run"
        if p is None
        else f"{p:.0%} of its own gates at random times do as well"
    )
    facts = f"Sharpe {own:.2f} against {compared}; {chance}; {events.closed_events} independent closed events."
    if (
        all(own > value for value in rivals.values())
        and p is not None
        and p < SIGNIFICANCE
        and events.closed_events >= MIN_EVENTS
    ):
        return Verdict("better", facts)
    if all(own < value for value in rivals.values()):
        if all(gap.high < 0 for gap in gaps.values()):
            return Verdict("worse", f"{facts} The 95 % intervals of both differences exclude zero.")
        facts += " It trails both, but not both differences are beyond chance."
    return Verdict("cannot be told", f"{facts} {more_events(events, drift)}")


def more_events(events: Events, drift: float) -> str:
    """How many more independent events until an effect like the measured one would show, as a sentence.

    An event's effect is Bitcoin's log return while the gate was open, beyond `drift` for as many days; spells of one family
    are added. Needed for 80 % power in a two-sided 5 % test of a mean: ((1.96 + 0.84) * deviation / mean) ** 2 events.
    """
    effects: dict[int, float] = {}
    for spell in events.spells:
        if spell.closed is not None:
            open_days = (spell.closed - spell.opened).total_seconds() / 86400
            effects[spell.family] = (
                effects.get(spell.family, 0.0)
                + float(np.log1p(spell.bitcoin_return))
                - drift * open_days
            )
    missing = max(MIN_EVENTS - events.closed_events, 0)
    at_least = f"At least {missing} more are needed." if missing else ""
    if len(effects) < 2:
        return f"{at_least} How many it would take cannot be estimated from {len(effects)} of them.".strip()
    mean, deviation = (
        float(np.mean(list(effects.values()))),
        float(np.std(list(effects.values()), ddof=1)),
    )
    if mean <= 0:
        return f"{at_least} The measured effect of an opening is not positive, so no number of such events would show one.".strip()
    needed = ceil(((Z_LEVEL + Z_POWER) * deviation / mean) ** 2)
    more = max(needed - len(effects), missing)
    return (
        f"At the measured effect it would take about {more} more."
        if more
        else f"{len(effects)} events would suffice at the measured effect."
    )
