"""The calibration of the evidence in little: a few drawn worlds; `make proofs` draws hundreds."""

import pytest

from backtests.evidence.events import LEVEL
from tests.proofs.evidence_calibration import Job, Outcome, run_tests
from tests.scenes import REAL, realdata

WORLDS = 2


def by_test(seed: int, times: float = 0.0, lead: int = 0) -> dict[str, Outcome]:
    return {outcome.test: outcome for outcome in run_tests(Job(str(REAL), seed, times, lead))}


@realdata
def test_worlds_without_an_effect_show_none_and_intervals_hold_it() -> None:
    """Some 60 tests in 2 worlds, many of them alike; of few breakouts there are no intervals.

    Far from a quarter is small by chance, and far from three quarters of intervals miss. No page
    calls a test of coins supported.
    """
    outcomes = [
        outcome
        for seed in range(WORLDS)
        for outcome in by_test(70_000_000 + seed).values()
        if not outcome.test.startswith("lag of")
    ]
    holds = [outcome.holds for outcome in outcomes if outcome.holds is not None]
    assert len(outcomes) > 50 * WORLDS and len(holds) > 34 * WORLDS
    assert sum(outcome.p <= LEVEL for outcome in outcomes) / len(outcomes) < 0.25
    assert sum(holds) / len(holds) > 0.75
    assert [outcome.test for outcome in outcomes if outcome.verdict == "supported"] == []


@realdata
@pytest.mark.parametrize(("lead", "times"), [(0, 12.0), (60, 6.0)])
def test_a_large_effect_is_detected_where_it_was_planted(lead: int, times: float) -> None:
    """Six times what was measured, for coins that are otherwise the same.

    Twelve times as much outlasts the correction for all tests of the page.
    """
    outcomes = by_test(71_000_000, times, lead)
    assert outcomes["B7 BTC, best lag of 0 to 120 days; claimed of ETH and alts"].p <= LEVEL
    assert (outcomes["lag of BTC within 30 to 91 days"].p == 0.0) == (lead == 60)
    signal = outcomes["A15 since 2010"]  # gate periods are longer than the lead
    assert signal.p <= LEVEL
    assert signal.verdict == ("contradicted" if lead == 0 else "inconclusive")
    assert signal.holds == (True if lead == 0 else None)
