"""Claim B7's three clocks on an index that breaks out on chosen days and coins that answer."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.evidence.answers import claims, clock_times, sustained_times
from backtests.evidence.breakouts import run_event_study
from backtests.evidence.document import Claim
from backtests.evidence.history import ALTS, BITCOIN, ETHER, History
from strategies.gate import index_average
from tests.backtests.evidence.scene import ALWAYS, DAYS, SETTINGS, coin, history
from tests.scenes import configured

QUICK = {"evidence.draws": 500, "evidence.bases": [252], "evidence.confirms": [1]}
SESSIONS = pd.bdate_range("2000-01-03", "2024-12-31", tz="UTC") + pd.Timedelta(hours=21)
FIRST, SECOND = 1500, 3000  # sessions of two breakouts
BITCOIN_QUIET = f"{BITCOIN} stays quiet, 3 months from the first close"


def with_closes(closes: pd.Series, **coins: pd.Series) -> History:
    of = history(**coins)
    return of._replace(closes=closes, bars=pd.DataFrame({"close": closes, "high": closes}))


def two_breakouts(second: float) -> pd.Series:
    """100 at first, then below; above it from `FIRST` on, and to 120 from `SECOND` on.

    The first lasts for 40 sessions; the second stays at `second`.
    """
    closes = pd.Series(90.0, index=SESSIONS)
    closes.iloc[0] = 100.0
    closes.iloc[FIRST : FIRST + 40] = 110.0
    closes.iloc[SECOND : SECOND + 5] = 120.0
    closes.iloc[SECOND + 5 :] = second
    return closes


def by_key(of: History, settings: Any = SETTINGS) -> dict[tuple[str, str], Claim]:
    found = claims(run_event_study(of, settings), of, settings)
    return {(one.id, one.reading): one for one in found}


def sessions_of(times: pd.DatetimeIndex) -> list[int]:
    return SESSIONS.get_indexer(times).tolist()


def test_a_sustained_uptrend_is_above_level_and_average_so_many_sessions_later() -> None:
    """The first still is after 21 sessions, not after 63; the second is after both."""
    of = with_closes(two_breakouts(118.0), **{BITCOIN: coin(1, {})})
    study = run_event_study(of, SETTINGS)
    assert sessions_of(study.events) == [FIRST, SECOND]
    times = {n: sustained_times(study, of.closes, n, 200) for n in (21, 39, 40, 63)}
    assert sessions_of(times[21]) == [FIRST + 21, SECOND + 21]
    assert sessions_of(times[39]) == [FIRST + 39, SECOND + 39]
    assert sessions_of(times[40]) == [SECOND + 40]
    assert sessions_of(times[63]) == [SECOND + 63]


@pytest.mark.parametrize(("second", "holds"), [(110.5, True), (110.0, False), (109.5, False)])
def test_the_level_itself_is_not_above_it(*, second: float, holds: bool) -> None:
    of = with_closes(two_breakouts(second), **{BITCOIN: coin(1, {})})
    study = run_event_study(of, SETTINGS)
    assert (SECOND + 21 in sessions_of(sustained_times(study, of.closes, 21, 200))) == holds


def test_an_index_below_its_own_average_is_in_no_uptrend() -> None:
    """Above the level of 110 at 111, below the mean of the four sessions at 120 and one at 111."""
    of = with_closes(two_breakouts(111.0), **{BITCOIN: coin(1, {})})
    study = run_event_study(of, SETTINGS)
    assert index_average(of.closes.to_numpy(), 5)[SECOND + 5] == pytest.approx(118.2)
    assert SECOND + 5 not in sessions_of(sustained_times(study, of.closes, 5, 5))
    assert SECOND + 5 in sessions_of(sustained_times(study, of.closes, 5, 200))


def test_a_session_that_has_not_come_or_has_no_close_sustains_nothing() -> None:
    closes = two_breakouts(118.0)
    closes.iloc[SECOND + 21] = np.nan
    of = with_closes(closes, **{BITCOIN: coin(1, {})})
    study = run_event_study(of, SETTINGS)
    assert sessions_of(sustained_times(study, closes, 21, 200)) == [FIRST + 21]
    beyond = len(SESSIONS) - SECOND
    assert sessions_of(sustained_times(study, closes, beyond, 200)) == []


def test_the_clocks_are_first_close_confirmation_and_sustained() -> None:
    """Confirmed by the gate's own three closes in a row: two sessions after the first."""
    settings = configured({**QUICK, "gate.confirm_sessions": 3})
    of = with_closes(two_breakouts(118.0), **{BITCOIN: coin(1, {})})
    found = clock_times(run_event_study(of, settings), of, settings)
    assert {name: sessions_of(times) for name, times in found.items()} == {
        "the first close": [FIRST, SECOND],
        "its confirmation by 3 closes": [FIRST + 2, SECOND + 2],
        "an uptrend sustained for 21 sessions": [FIRST + 21, SECOND + 21],
        "an uptrend sustained for 63 sessions": [SECOND + 63],
    }


@pytest.fixture(scope="module")
def study_of_answers() -> dict[tuple[str, str], Claim]:
    """Bitcoin and alts gain e in the 90 days after each breakout, Ether nothing."""
    return by_key(history(**{BITCOIN: coin(1, ALWAYS), ETHER: coin(2, {}), ALTS: coin(3, ALWAYS)}))


def test_bitcoin_that_rises_at_once_contradicts_that_it_stays_quiet(
    study_of_answers: dict[tuple[str, str], Claim],
) -> None:
    """And one that does not, or that falls, is no proof of quiet."""
    one = study_of_answers["B7", BITCOIN_QUIET]
    assert (one.kind, one.verdict, one.n) == ("test", "contradicted", 5)
    ether = study_of_answers["B7", f"{ETHER} stays quiet, 1 month from the first close"]
    assert ether.verdict == "inconclusive"
    falling = by_key(history(**{BITCOIN: coin(1, dict.fromkeys(DAYS, -1.0))}))
    assert falling["B7", BITCOIN_QUIET].verdict == "inconclusive"


def test_alts_that_answer_are_supported_and_ether_that_does_not_is_inconclusive(
    study_of_answers: dict[tuple[str, str], Claim],
) -> None:
    alts, ether = (
        study_of_answers["B7", f"the answer of {name}, 3 months from the first close"]
        for name in (ALTS, ETHER)
    )
    assert (alts.verdict, alts.side, alts.n) == ("supported", "above", 5)
    assert alts.estimate == pytest.approx(1.0, abs=0.3)
    assert ether.verdict == "inconclusive" and ether.p is not None and ether.p > 0.05


def test_alts_that_fall_contradict() -> None:
    of = history(**{BITCOIN: coin(1, {}), ALTS: coin(3, dict.fromkeys(DAYS, -1.0))})
    one = by_key(of)["B7", f"the answer of {ALTS}, 3 months from the first close"]
    assert one.verdict == "contradicted"


def test_coins_without_prices_are_named() -> None:
    found = by_key(history(**{BITCOIN: coin(1, ALWAYS)}))
    missing = [one for key, one in found.items() if ALTS in key[1]]
    assert len(missing) == 4
    assert {one.why for one in missing} == {"There are no prices of alts at any breakout."}
