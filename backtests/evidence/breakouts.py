"""The event study: what assets did after the index's breakouts, against random dates."""

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from backtests.engine.rules import breakout_rules
from backtests.evidence.claim import Statement
from backtests.evidence.estimate import Estimate, event_estimate
from backtests.evidence.events import (
    Excess,
    ForwardGains,
    Side,
    above_own_mean,
    compare_with_random_dates,
    confirmed_breakouts,
    forward_gains,
    least_favourable,
    p_on_side,
)
from backtests.evidence.history import BITCOIN, History
from backtests.performance.forward_returns import HORIZONS
from backtests.statistics.required_events import RequiredEvents, required_events
from config.evidence import Evidence
from config.settings import Settings

FORMED = (2016, 2020)  # years whose breakouts the thesis was made from: they cannot prove it
# Of tests that use one horizon: the end of the "one to three months" of claim B7.
NAMED = "3 months"
YEAR_DAYS = 365.25
ANSWER = Statement(
    "B7",
    "BTC and ETH often stay quiet while small caps rise; ETH and altcoins answer within one to"
    " three months of a sustained Russell uptrend",
)


class Response(NamedTuple):
    """What one asset did over one horizon after breakouts.

    `comparisons`: against random dates, by the name of how these were drawn.
    """

    asset: str
    horizon: str
    gains: ForwardGains
    comparisons: Mapping[str, Excess]

    def strictest(self, side: Side = "both") -> Excess:
        """Against the least favourable dates; on `side` of them, where the claim has one."""
        return least_favourable(self.comparisons, side)

    def estimate(self, side: Side = "both") -> Estimate:
        """The same as an estimate. For either side the dates count that speak most against it."""
        estimate = event_estimate(self.strictest(side))
        if side == "both":
            return estimate
        opposite: Side = "below" if side == "above" else "above"
        excess = self.strictest(opposite)
        return estimate._replace(p_opposite=p_on_side(excess.p, excess.difference, opposite))


class Definition(NamedTuple):
    """Bitcoin over `NAMED` after breakouts by another definition; None without prices."""

    base_sessions: int
    confirm_sessions: int
    breakouts: int
    response: Response | None


class NeededBreakouts(NamedTuple):
    """What it takes to show the measured difference of Bitcoin over one horizon.

    `mean`: of the excess after the out-of-sample breakouts, log; `spread` as in `Excess`.
    """

    horizon: str
    mean: float
    spread: float
    required: RequiredEvents


class EventStudy(NamedTuple):
    """Responses by asset and horizon; `out_of_sample` are Bitcoin's by horizon.

    Those are of breakouts that did not form the thesis.
    """

    events: pd.DatetimeIndex
    levels: pd.Series
    responses: Mapping[tuple[str, str], Response]
    out_of_sample: Mapping[str, Response]
    definitions: list[Definition]
    required: list[NeededBreakouts]


def run_event_study(history: History, settings: Settings) -> EventStudy:
    """Gains after the breakouts of the settings' own definition, and of other definitions."""
    rules = breakout_rules(settings)._replace(confirm_sessions=1)
    closes, evidence = history.closes, settings.evidence
    events = confirmed_breakouts(closes, rules, settings.gate.trend_sessions)
    later = events[[event.year not in FORMED for event in events]]
    responses = [
        measure_response(history, asset, horizon, events, evidence)
        for horizon in HORIZONS
        for asset in history.assets
    ]
    out_of_sample = [
        measure_response(history, BITCOIN, horizon, later, evidence) for horizon in HORIZONS
    ]
    later_responses = {response.horizon: response for response in out_of_sample if response}
    return EventStudy(
        events=events,
        levels=closes.cummax().shift().reindex(events),
        responses={
            (response.asset, response.horizon): response for response in responses if response
        },
        out_of_sample=later_responses,
        definitions=_definitions(history, settings),
        required=_required_events(later_responses, events, closes),
    )


def _definitions(history: History, settings: Settings) -> list[Definition]:
    rules, evidence = breakout_rules(settings), settings.evidence
    definitions = []
    for base in evidence.bases:
        for confirm in evidence.confirms:
            changed = rules._replace(base_sessions=base, confirm_sessions=confirm)
            events = confirmed_breakouts(history.closes, changed, settings.gate.trend_sessions)
            response = measure_response(history, BITCOIN, NAMED, events, evidence)
            definitions.append(Definition(base, confirm, len(events), response))
    return definitions


def measure_response(
    history: History, asset: str, horizon: str, events: pd.DatetimeIndex, evidence: Evidence
) -> Response | None:
    """What `asset` gained after `events`; None where no event has prices for so long."""
    closes = history.assets[asset]
    gains = forward_gains(closes, events, HORIZONS[horizon])
    if not len(gains.rows):
        return None
    trend = above_own_mean(closes, gains.starts)
    comparisons = compare_with_random_dates(gains, trend, evidence.draws, evidence.seed)
    return Response(asset, horizon, gains, comparisons)


def _required_events(
    responses: Mapping[str, Response], events: pd.DatetimeIndex, closes: pd.Series
) -> list[NeededBreakouts]:
    """At the rate at which breakouts came since the index began."""
    rate = len(events) / ((closes.index[-1] - closes.index[0]).days / YEAR_DAYS)
    needed = []
    for horizon, response in responses.items():
        excess = response.strictest()
        effects = response.gains.gains - excess.usual
        required = required_events(effects, excess.spread, rate)
        needed.append(NeededBreakouts(horizon, excess.difference, excess.spread, required))
    return needed
