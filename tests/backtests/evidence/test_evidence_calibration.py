"""The calibration of the evidence in little: a few drawn worlds; `make proofs` draws hundreds."""

import pytest

from backtests.evidence.events import LEVEL
from tests.proofs.evidence_calibration import Found, Job, asked
from tests.scenes import REAL, realdata

WORLDS = 2


def by_test(seed: int, times: float = 0.0, lead: int = 0) -> dict[str, Found]:
    return {one.test: one for one in asked(Job(str(REAL), seed, times, lead))}


@realdata
def test_worlds_without_an_effect_show_none_and_intervals_hold_it() -> None:
    """45 tests in 2 worlds, many of them alike: far from a quarter is small by chance, and far from three quarters of intervals miss."""
    found = [
        one
        for seed in range(WORLDS)
        for one in by_test(70_000_000 + seed).values()
        if not one.test.startswith("lag of")
    ]
    held = [one.holds for one in found if one.holds is not None]
    assert len(found) > 40 * WORLDS and len(held) > 38 * WORLDS
    assert sum(one.p <= LEVEL for one in found) / len(found) < 0.25
    assert sum(held) / len(held) > 0.75


@realdata
@pytest.mark.parametrize("lead", [0, 60])
def test_a_large_effect_is_found_where_it_was_planted(lead: int) -> None:
    """Six times what was measured, for coins that are otherwise the same."""
    found = by_test(71_000_000, 6.0, lead)
    scan = found["B7 BTC, best lag of 0 to 120 days; said of ETH and alts"]
    assert scan.p <= LEVEL
    assert (found["lag of BTC within 30 to 91 days"].p == 0.0) == (lead == 60)
    assert found["A15"].p <= LEVEL  # spells are longer than the lead
    assert found["A15"].holds == (True if lead == 0 else None)
