"""The event study on an index that breaks out on chosen days and a coin with known gains."""

import numpy as np
import pytest

from backtests.evidence.breakout_claims import claims
from backtests.evidence.breakouts import NAMED, EventStudy, run_event_study
from backtests.evidence.document import Claim
from backtests.evidence.events import p_on_side
from backtests.evidence.history import BITCOIN, ETHER, INDEX, History
from backtests.performance.forward_returns import HORIZONS
from tests.backtests.evidence.scene import ALWAYS, DAYS, SETTINGS, coin, history


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
        every = one.comparisons.values()
        assert one.strictest().p == max(each.p for each in every)
        above = [p_on_side(each.p, each.difference, "above") for each in every]
        below = [p_on_side(each.p, each.difference, "below") for each in every]
        estimate, strictest = one.estimate("above"), one.strictest("above")
        assert (estimate.p, estimate.estimate) == (strictest.p, strictest.difference)
        assert p_on_side(strictest.p, strictest.difference, "above") == max(above)
        assert estimate.p_opposite == max(below) >= 1.0 - max(above)


def test_of_a_fall_no_number_of_events_shows_a_gain() -> None:
    falling = history(**{BITCOIN: coin(1, dict.fromkeys(DAYS, -1.0))})
    needed = run_event_study(falling, SETTINGS).required[1].required
    assert needed.events is None and "not in the claimed direction" in needed.why


def test_three_breakouts_out_of_sample_are_too_few_to_say_how_many_are_needed(
    study: EventStudy,
) -> None:
    for needed, response in zip(study.required, study.out_of_sample.values(), strict=True):
        excess = response.strictest()
        assert needed.horizon == response.horizon and needed.required.had == 3
        assert (needed.mean, needed.spread) == (excess.difference, excess.spread)
        assert needed.required.events is None
        is_gain = needed.mean > 0.0
        reason = "at least 5, and there are 3" if is_gain else "not in the claimed direction"
        assert reason in needed.required.why


def test_definitions_change_how_many_there_are(study: EventStudy) -> None:
    """The first record stood for 1,343 sessions; none of the next for 2,000.

    A single close above is never confirmed by three.
    """
    counts = {(one.base_sessions, one.confirm_sessions): one.breakouts for one in study.definitions}
    assert counts == {(252, 1): 7, (252, 3): 0, (2000, 1): 0, (2000, 3): 0}
    assert [one.response is None for one in study.definitions] == [False, True, True, True]


def test_both_times_is_a_fact_of_two(study: EventStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    doubled = history(**{BITCOIN: coin(3, dict.fromkeys(DAYS, 2.0))})
    one = claims_by_key(run_event_study(doubled, SETTINGS), doubled)["A1", "BTC gained afterwards"]
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
        one = claims_by_key(study, risen)["A1", "BTC gained afterwards"]
        assert one.verdict == (
            "supported" if min(gains) >= 1.0 else "contradicted"
        ) and one.estimate == pytest.approx(min(gains))
        words.add((one.verdict, min(gains) > 0.0))
    assert ("contradicted", True) in words  # a rise that is no doubling is no bull market


def test_missing_prices_are_named() -> None:
    late = history(**{BITCOIN: coin(1, {}).iloc[-700:]})
    found = [
        one
        for one in claims(run_event_study(late, SETTINGS), late)
        if one.id in ("A1", "A2", "B10")
    ]
    assert {one.verdict for one in found} == {"inconclusive"}
    assert all(one.why.startswith("There are no prices of BTC") for one in found)


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
