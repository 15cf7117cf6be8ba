"""The event study on an index that breaks out on chosen days and a coin with known gains."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.evidence import breakout_claims
from backtests.evidence.breakout_claims import claims, too_few_claim
from backtests.evidence.breakouts import NAMED, EventStudy, run_event_study
from backtests.evidence.document import Claim
from backtests.evidence.history import ALTS, BITCOIN, ETHER, INDEX, History
from backtests.performance.forward_returns import HORIZONS
from tests.backtests.evidence.scene import ALWAYS, DAYS, LISTED, SETTINGS, coin, history, index


@pytest.fixture(scope="module")
def study() -> EventStudy:
    """Bitcoin answers each breakout, Ether none."""
    return run_event_study(history(**{BITCOIN: coin(1, ALWAYS), ETHER: coin(2, {})}), SETTINGS)


def claims_by_key(found: EventStudy, of: History) -> dict[tuple[str, str], Claim]:
    return {(one.id, one.reading): one for one in claims(found, of)}


def test_breakouts_are_those_of_the_index_with_the_record_they_broke(study: EventStudy) -> None:
    assert [f"{event:%Y-%m-%d}" for event in study.events] == list(DAYS)
    assert study.levels.tolist() == [100.0 + 10.0 * number for number in range(7)]


def test_a_coin_has_the_breakouts_since_it_was_listed(study: EventStudy) -> None:
    assert {
        (asset, one.gains.events.year.tolist()[0]) for (asset, _), one in study.responses.items()
    } == {
        (BITCOIN, 2013),
        (ETHER, 2013),
        (INDEX, 2005),
    }
    assert all(len(study.responses[BITCOIN, horizon].gains.gains) == 5 for horizon in HORIZONS)


def test_what_formed_the_thesis_is_set_apart(study: EventStudy) -> None:
    assert study.out_of_sample[NAMED].gains.events.year.tolist() == [2013, 2018, 2022]


def test_the_least_favourable_dates_count(study: EventStudy) -> None:
    for one in study.responses.values():
        assert set(one.comparisons) == {
            "any day",
            "days with the same trend of its own",
            "days within a year of it",
        }
        assert one.strictest.p == max(each.p for each in one.comparisons.values())


def test_a_coin_that_answers_is_supported_and_one_that_does_not_is_inconclusive(
    study: EventStudy,
) -> None:
    """A gain of 1 in the log over 90 days of 2 % each: five times the noise of a single event."""
    found = claims_by_key(study, history(**{BITCOIN: coin(1, ALWAYS), ETHER: coin(2, {})}))
    answered, silent = (
        found["B7", "BTC, 3 months; claimed of ETH and alts"],
        found["B7", "ETH, 3 months"],
    )
    assert (
        (answered.verdict, answered.n) == ("supported", 5)
        and answered.p is not None
        and answered.p < 0.01
    )
    assert answered.estimate == pytest.approx(1.0, abs=0.25)
    assert silent.verdict == "inconclusive" and silent.p is not None and silent.p > 0.05


def test_a_coin_that_falls_after_breakouts_contradicts() -> None:
    falling = history(**{BITCOIN: coin(1, dict.fromkeys(DAYS, -1.0))})
    found = claims_by_key(run_event_study(falling, SETTINGS), falling)
    assert found["B7", "BTC, 3 months; claimed of ETH and alts"].verdict == "contradicted"
    assert (
        run_event_study(falling, SETTINGS).required[1].events is None
    )  # of a fall no number of events shows a gain


def test_how_many_breakouts_and_years_are_needed(study: EventStudy) -> None:
    """Seven breakouts in 25 years less 3 days: one every 3.6 years.

    What is still needed takes so long.
    """
    rate = (
        7
        / ((study.events[0] - study.events[0]).days + (index().index[-1] - index().index[0]).days)
        * 365.25
    )
    for one, response in zip(study.required, study.out_of_sample.values(), strict=True):
        own = response.strictest
        assert one.had == 3
        if own.difference > 0.0:
            needed = 3 * (own.smallest / own.difference) ** 2
            assert one.events == pytest.approx(needed)
            assert one.years == pytest.approx(max(needed - 3, 0.0) / rate)


def test_definitions_change_how_many_there_are(study: EventStudy) -> None:
    """The first record stood for 1,343 sessions; none of the next for 2,000.

    A single close above is never confirmed by three.
    """
    counts = {(one.base_sessions, one.confirm_sessions): one.breakouts for one in study.definitions}
    assert counts == {(252, 1): 7, (252, 3): 0, (2000, 1): 0, (2000, 3): 0}
    assert [one.response is None for one in study.definitions] == [False, True, True, True]


def test_both_times_is_a_fact_of_two(study: EventStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    doubled = history(**{BITCOIN: coin(3, dict.fromkeys(DAYS, 2.0))})
    one = claims_by_key(run_event_study(doubled, SETTINGS), doubled)["A1", ""]
    assert (one.verdict, one.n, one.p) == (
        "supported",
        2,
        None,
    ) and "these two breakouts formed the thesis" in one.why
    words = set()
    for boost in (0.4, 0.8, 1.2):
        risen = history(**{BITCOIN: coin(3, dict.fromkeys(DAYS, boost))})
        study = run_event_study(risen, SETTINGS)
        after = study.responses[BITCOIN, "12 months"].gains
        gains = [
            np.expm1(gain)
            for event, gain in zip(after.events, after.gains, strict=True)
            if event.year in (2016, 2020)
        ]
        one = claims_by_key(study, risen)["A1", ""]
        assert one.verdict == (
            "supported" if min(gains) >= 1.0 else "contradicted"
        ) and one.estimate == pytest.approx(min(gains))
        words.add((one.verdict, min(gains) > 0.0))
    assert ("contradicted", True) in words  # a rise that is no doubling is no bull market


def test_three_breakouts_prove_nothing_however_small_p_is(study: EventStudy) -> None:
    one = claims_by_key(study, history(**{BITCOIN: coin(1, ALWAYS), ETHER: coin(2, {})}))["A2", ""]
    assert (one.verdict, one.n) == ("supported", 3) and one.p is not None and one.p < 0.05


def test_enough_breakouts_with_power_would_contradict_that_nothing_can_be_concluded(
    study: EventStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakout_claims, "FEWEST", 3)
    own = study.out_of_sample[NAMED].strictest
    assert own.power >= 0.8
    assert too_few_claim(study).verdict == "contradicted"


def test_altcoins_are_compared_with_bitcoin() -> None:
    ahead = history(
        **{BITCOIN: coin(1, dict.fromkeys(DAYS, 0.5)), ALTS: coin(1, dict.fromkeys(DAYS, 1.5))}
    )
    behind = history(
        **{BITCOIN: coin(1, dict.fromkeys(DAYS, 1.5)), ALTS: coin(1, dict.fromkeys(DAYS, 0.5))}
    )
    words: list[Any] = [
        claims_by_key(run_event_study(one, SETTINGS), one)["B1", ""].verdict
        for one in (ahead, behind)
    ]
    assert words == ["supported", "contradicted"]


def test_missing_prices_are_named(study: EventStudy) -> None:
    found = claims_by_key(study, history(**{BITCOIN: coin(1, ALWAYS)}))
    assert found["B1", ""].verdict == "inconclusive" and "alts" in found["B1", ""].why
    assert found["B7", "alts, 3 months"].why == "There are no prices of alts at any breakout."
    late = history(**{BITCOIN: coin(1, {}).iloc[-700:]})
    assert {
        one.verdict
        for one in claims(run_event_study(late, SETTINGS), late)
        if one.id in ("A1", "A2", "B10")
    } == {"inconclusive"}


def test_what_bitcoin_was_like_at_the_breakouts() -> None:
    """Falling all the time it is far below its highest close and below its mean.

    Rising all the time it is neither.
    """
    days = pd.date_range(LISTED, "2024-12-31", freq="D", tz="UTC")
    words = {}
    for step in (-0.002, 0.002):
        of = history(**{BITCOIN: pd.Series(np.exp(step * np.arange(len(days))), index=days)})
        found = claims_by_key(run_event_study(of, SETTINGS), of)
        words[step] = (found["B9", ""].verdict, found["B11", ""].verdict, found["B9", ""].n)
    assert words == {
        -0.002: ("supported", "supported", 5),
        0.002: ("contradicted", "contradicted", 5),
    }


def test_breakouts_before_and_after_a_coins_prices_are_left_out() -> None:
    """Listed in 2012 and gone in 2019: three of seven."""
    of = history(**{BITCOIN: coin(1, {})[: pd.Timestamp("2019-01-01", tz="UTC")]})
    found = claims_by_key(run_event_study(of, SETTINGS), of)
    assert found["B9", ""].n == found["B11", ""].n == 3
    short = history(**{BITCOIN: coin(1, {}).iloc[:50]})
    assert (
        claims_by_key(run_event_study(short, SETTINGS), short)["B11", ""].verdict == "inconclusive"
    )


def test_events_that_differ_more_than_chance_have_them_contradict_one_engine() -> None:
    mixed = history(
        **{
            BITCOIN: coin(
                4,
                {
                    "2013-01-02": 3.0,
                    "2016-11-14": -3.0,
                    "2018-09-03": 0.0,
                    "2020-11-13": 3.0,
                    "2022-08-01": -3.0,
                },
            )
        }
    )
    one = claims_by_key(run_event_study(mixed, SETTINGS), mixed)["B10", ""]
    assert one.verdict == "contradicted" and one.p is not None and one.p <= 0.05
