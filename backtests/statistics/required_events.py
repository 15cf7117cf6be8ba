"""How many events a claim about the mean of an event's effect needs, and in how many years."""

from math import ceil, inf
from typing import NamedTuple

import numpy as np

from strategies.indicators import Floats

LEVEL = 0.05  # of the two-sided test that the number is for
POWER = 0.8
UNKNOWN = "The number of events needed cannot be estimated"
MIN_EVENTS = 5  # below it a deviation of effects is a guess: nothing is estimated


class RequiredEvents(NamedTuple):
    """What a two-sided test at 5 % of an event's mean effect needs for 80 % power.

    had : events that the effects come from.
    events : needed in all at the measured effect; None: it cannot be estimated.
    low, high : the same at the ends of the effect's 95 % Student interval; `high` None: the
        interval reaches zero, so no number is large enough.
    years, years_low, years_high : further years in which the missing events come, 0 if none is
        missing; None beside a None, or where the events' rate is not known.
    why : all of it as one sentence; it says why where there is no number.
    """

    had: int
    events: float | None
    low: float | None
    high: float | None
    years: float | None
    years_low: float | None
    years_high: float | None
    why: str


def required_events(effects: Floats, spread: float, per_year: float) -> RequiredEvents:
    """The events needed to show the mean of `effects` with 80 % power, as every page shows them.

    Parameters
    ----------
    effects : one per independent event, in the claimed direction (positive: as claimed), running
        ones marked to market.
    spread : standard deviation of an event's effect at placebo dates. The larger of it and of the
        effects' own deviation counts: few events rarely show how far events lie apart.
    per_year : independent events a year, in history.

    """
    had = len(effects)
    if had and float(np.mean(effects)) <= 0:
        why = f"{UNKNOWN}: the measured effect is not in the claimed direction."
        return RequiredEvents(had, *(None,) * 6, why)
    if had < MIN_EVENTS:
        return RequiredEvents(had, *(None,) * 6, _too_few(had))
    deviation, mean = effect_deviation(effects, spread), float(np.mean(effects))
    from scipy import stats  # as long to load as all the rest

    half = float(stats.t.ppf(1 - LEVEL / 2, had - 1)) * deviation / np.sqrt(had)
    events, low, high = (
        needed_for(effect, deviation) for effect in (mean, mean + half, mean - half)
    )
    years, years_low, years_high = (
        years_until(had, needed, per_year) for needed in (events, low, high)
    )
    why = _sentence(had, (events, low, high), (years, years_low, years_high))
    return RequiredEvents(
        had, events, low, high if high < inf else None, years, years_low, years_high, why
    )


def effect_deviation(effects: Floats, spread: float) -> float:
    """The larger of the effects' own standard deviation and the placebo `spread`."""
    return max(float(np.std(effects, ddof=1)) if len(effects) > 1 else 0.0, spread)


def needed_for(mean: float, deviation: float) -> float:
    """Events for 80 % power of a two-sided 5 % test of a mean; infinite for none above zero.

    n = (z(0.975) + z(0.8))^2 * deviation^2 / mean^2 (Chow, Shao and Wang 2008, section 3.1).
    """
    from scipy import stats

    if mean <= 0:
        return inf
    quantiles = stats.norm.ppf(1 - LEVEL / 2) + stats.norm.ppf(POWER)
    return float((quantiles * deviation / mean) ** 2)


def years_until(had: int, needed: float, per_year: float) -> float | None:
    """Years in which the events that are missing come; None: never, or at an unknown rate."""
    if needed == inf or per_year <= 0:
        return None
    return max(needed - had, 0.0) / per_year


def _too_few(had: int) -> str:
    there_are = "there is" if had == 1 else "there are"
    return f"{UNKNOWN}: that takes at least {MIN_EVENTS}, and {there_are} {had}."


def _sentence(
    had: int,
    events: tuple[float, float, float],
    years: tuple[float | None, float | None, float | None],
) -> str:
    needed, low, high = events
    if needed <= had:
        start = f"The {had} events are enough for 80 % power at the measured effect"
    else:
        start = (
            f"About {ceil(needed)} events in all are needed for 80 % power, "
            f"{ceil(needed - had)} more than there are"
        )
        start += f", which takes about {_years(years[0])} years" if years[0] is not None else ""
    return f"{start} (95 % range: {_range(low, high)}{_years_range(years[1], years[2])})."


def _range(low: float, high: float) -> str:
    if high == inf:
        return f"{ceil(low)} events to no number at all"
    return f"{ceil(low)} to {ceil(high)} events"


def _years_range(low: float | None, high: float | None) -> str:
    if low is None:
        return ""
    return (
        f", {_years(low)} years to never"
        if high is None
        else f", {_years(low)} to {_years(high)} years"
    )


def _years(years: float) -> str:
    return f"{years:.0f}" if years >= 10 or not years else f"{years:.1f}"
