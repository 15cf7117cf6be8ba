"""Claim B7: who stays quiet while small caps rise, and who answers a sustained uptrend.

Three clocks, as the sentence has none of its own: the first close above the record; its
confirmation by the gate's number of closes; and a sustained uptrend, still above the record and
above the index's own average so many sessions later.
"""

from collections.abc import Iterator, Mapping

import pandas as pd

from backtests.engine.rules import breakout_rules
from backtests.evidence.breakout_claims import against_dates
from backtests.evidence.breakouts import ANSWER, NAMED, EventStudy, Response, measure_response
from backtests.evidence.claim import (
    FEWEST,
    estimated_claim,
    missing_prices,
    verdict_on_excess,
    verdict_on_no_effect,
)
from backtests.evidence.document import Claim
from backtests.evidence.events import confirmed_breakouts
from backtests.evidence.history import ALTS, BITCOIN, ETHER, INDEX, History
from config.settings import Settings
from strategies.gate import index_average

SUSTAINED = (21, 63)  # sessions: a month and a quarter
ANSWERING = (ETHER, ALTS)
# Quiet from the first close on: the asset and over what.
QUIET = ((BITCOIN, "1 month"), (BITCOIN, NAMED), (ETHER, "1 month"))
TEST = (
    "mean log gain after breakouts against random dates drawn in three ways; the least favourable"
    " counts"
)


def claims(study: EventStudy, history: History, settings: Settings) -> Iterator[Claim]:
    """Bitcoin and Ether first, which should stay quiet; then Ether and alts by each clock."""
    for asset, horizon in QUIET:
        yield _quiet_claim(study, asset, horizon)
    for clock, times in clock_times(study, history, settings).items():
        for asset in ANSWERING:
            response = None
            if asset in history.assets:
                response = measure_response(history, asset, NAMED, times, settings.evidence)
            yield _answer_claim(clock, asset, response)


def clock_times(
    study: EventStudy, history: History, settings: Settings
) -> Mapping[str, pd.DatetimeIndex]:
    """The instants from which an answer is counted, by clock."""
    confirm, trend = settings.gate.confirm_sessions, settings.gate.trend_sessions
    confirmed = confirmed_breakouts(history.closes, breakout_rules(settings), trend)
    times = {"the first close": study.events, f"its confirmation by {confirm} closes": confirmed}
    return times | {
        f"an uptrend sustained for {sessions} sessions": sustained_times(
            study, history.closes, sessions, trend
        )
        for sessions in SUSTAINED
    }


def sustained_times(
    study: EventStudy, closes: pd.Series, sessions: int, average_sessions: int
) -> pd.DatetimeIndex:
    """So many sessions after each breakout, where the index still is above level and average.

    `closes` has one entry a session, by the instant known, NaN where it is missing.
    """
    values = closes.to_numpy(dtype=float)
    average = index_average(values, average_sessions)
    rows = closes.index.get_indexer(study.events)
    levels = study.levels.reindex(study.events).to_numpy(dtype=float)
    over = rows + sessions < len(values)
    later, levels = rows[over] + sessions, levels[over]
    holds = (values[later] > levels) & (values[later] > average[later])
    return pd.DatetimeIndex(closes.index[later[holds]])


def _quiet_claim(study: EventStudy, asset: str, horizon: str) -> Claim:
    """A rise at once contradicts; that it stayed quiet no test of so few can show."""
    statement = ANSWER.read_as(f"{asset} stays quiet, {horizon} from the first close")
    response = study.responses.get((asset, horizon))
    if response is None:
        return missing_prices(statement, f"{asset} at any breakout")
    excess = response.strictest()
    verdict = verdict_on_no_effect(excess.low) if excess.n >= FEWEST else "inconclusive"
    return estimated_claim(
        statement,
        response.estimate(),
        test=f"{TEST}; a rise speaks against the sentence",
        data=f"{asset}, {INDEX}",
        unit="log",
        verdict=verdict,
        why=against_dates(response, asset),
    )


def _answer_claim(clock: str, asset: str, response: Response | None) -> Claim:
    statement = ANSWER.read_as(f"the answer of {asset}, {NAMED} from {clock}")
    if response is None:
        return missing_prices(statement, f"{asset} at any breakout")
    return estimated_claim(
        statement,
        response.estimate("above"),
        test=TEST,
        data=f"{asset}, {INDEX}",
        unit="log",
        verdict=verdict_on_excess(response.strictest("above")),
        why=against_dates(response, asset, "above"),
        side="above",
    )
