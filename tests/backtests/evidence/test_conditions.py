"""The Treasury's account, the Fed's Treasuries and financial conditions, with known answers."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from backtests.evidence.breakouts import run_event_study
from backtests.evidence.conditions import claims
from backtests.evidence.document import Claim
from backtests.evidence.history import BITCOIN
from tests.backtests.evidence.scene import DAYS, SETTINGS, coin, history

WEEKS = pd.date_range("2025-10-02 21:30", "2026-02-19 21:30", freq="W-THU", tz="UTC")


def account(values: dict[str, float]) -> pd.Series:
    """Billions, published on Thursdays, in millions as the Fed does; the same until the next."""
    steps = pd.Series(list(values.values()), index=pd.DatetimeIndex(list(values), tz="UTC")) * 1e3
    return steps.reindex(WEEKS, method="ffill").bfill()


def by_key(**macro: pd.Series) -> dict[tuple[str, str], Claim]:
    of = history(**{BITCOIN: coin(1, {})})._replace(macro=macro)
    return {(one.id, one.reading): one for one in claims(run_event_study(of, SETTINGS), of)}


DRAWN = "the Treasury draws its account down, winter 2025/26"
BOUGHT = "the Fed buys Treasuries, winter 2025/26"


@pytest.mark.parametrize(("end", "word"), [(923.0, "contradicted"), (850.0, "supported")])
def test_an_account_that_is_refilled_was_not_drawn_down(end: float, word: str) -> None:
    """From 954 to 779 and back to 923 is 82 % of it; to 850, 41 %. February does not count."""
    values = {"2025-10-01": 954.0, "2026-01-14": 779.0, "2026-01-28": end, "2026-02-04": 700.0}
    one = by_key(treasury=account(values))["B4", DRAWN]
    assert (one.kind, one.verdict, one.estimate) == ("fact", word, pytest.approx(-175.0))
    assert f"{(end - 779) / 175:.0%} of the fall refilled" in one.why
    assert "published on 2026-01-15" in one.why and "by 2026-01-29 it stood" in one.why


def test_an_account_that_only_rises_contradicts() -> None:
    one = by_key(treasury=account({"2025-10-01": 700.0, "2025-12-01": 800.0}))["B4", DRAWN]
    assert (one.verdict, one.estimate) == ("contradicted", 0.0)


def test_figures_that_end_before_or_are_not_there_decide_nothing() -> None:
    early = account({"2025-10-01": 954.0})[: pd.Timestamp("2026-01-10", tz="UTC")]
    assert by_key(treasury=early)["B4", DRAWN].verdict == "inconclusive"
    found = by_key()
    assert (found["B4", DRAWN].verdict, found["B4", DRAWN].n) == ("inconclusive", 0)
    assert found["B4", BOUGHT].verdict == "not testable with prices"
    assert (
        "TREAST" in found["B4", BOUGHT].why
        and "MTSDS133FMS" in found["B4", "fiscal policy loosens"].why
    )


@pytest.mark.parametrize(("change", "word"), [(40.0, "supported"), (-40.0, "contradicted")])
def test_purchases_are_what_is_held_above_the_lowest(change: float, word: str) -> None:
    held = account({"2025-10-01": 4200.0, "2025-12-10": 4200.0 + change})
    one = by_key(treasuries=held)["B4", BOUGHT]
    assert (one.verdict, one.estimate) == (word, pytest.approx(max(change, 0.0)))


def conditions(falls: list[str]) -> pd.Series:
    """Up by 1 each week, and down by 100 just before each of the days named."""
    weeks = pd.date_range("1999-01-06 14:30", "2024-12-25 14:30", freq="W-WED", tz="UTC")
    steps = np.ones(len(weeks))
    for day in falls:
        steps[weeks.searchsorted(pd.Timestamp(day, tz="UTC")) - 1] -= 100.0
    return pd.Series(np.cumsum(steps), index=weeks)


def test_easier_conditions_at_breakouts_are_counted_against_days_near_a_record() -> None:
    """Six of seven; the index of the scene is near its record on its breakouts' days and on its
    first, six of eight.
    """
    one = by_key(conditions=conditions([*DAYS[:6]]))["B15", ""]
    assert (one.kind, one.n, one.estimate) == ("test", 7, pytest.approx(6 / 7))
    assert one.null == pytest.approx(6 / 8)
    assert one.p == pytest.approx(stats.binomtest(6, 7, 6 / 8, "greater").pvalue)
    assert "revised every week" in one.why and one.verdict == "inconclusive"


def test_changes_are_counted_as_published_and_over_13_weeks() -> None:
    """A fall published the day after the breakout is not known at it; one 14 weeks old is over."""
    late = by_key(conditions=conditions(["2016-11-24"]))["B15", ""]
    old = by_key(conditions=conditions(["2016-08-04"]))["B15", ""]
    within = by_key(conditions=conditions(["2016-08-25"]))["B15", ""]
    assert (late.estimate, old.estimate, within.estimate) == (0.0, 0.0, pytest.approx(1 / 7))


def test_without_the_index_of_conditions_the_claim_names_it() -> None:
    one = by_key()["B15", ""]
    assert one.verdict == "not testable with prices"
    assert "NFCI" in one.why and "revised every week" in one.why
