"""What a run itself has of what its finding asks for, whatever the worlds are."""

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from backtests.calibration.requirements import requirements_of
from backtests.evidence.document import parse
from backtests.performance.gate_periods import count_events
from backtests.runs.backtest import Backtest
from tests.backtests.calibration.test_outcomes import DAY, PERIOD
from tests.backtests.evidence.documents import claim, document
from tests.scenes import configured


def of_backtest(gates: tuple[int, float] | None, **changes: Any) -> list[tuple[str, float, float]]:
    """Of a run with so many shifted gates and independent shifts, and three events.

    One of them is above a record of 21 sessions, and one has not closed.
    """
    periods = [
        PERIOD,
        PERIOD._replace(event_id=2, event_base=21),
        PERIOD._replace(event_id=3, closed=None),
    ]
    given: Any = gates and SimpleNamespace(n=gates[0], effective_n=gates[1])
    comparison: Any = SimpleNamespace(random_gates=given)
    unread: Any = None
    events = count_events(periods)
    result = Backtest(unread, unread, unread, unread, events, comparison)
    return [(row.what, row.has, row.needs) for row in requirements_of(result, configured(changes))]


def test_a_backtest_has_its_own_events_shifts_and_shifted_gates() -> None:
    assert of_backtest((1000, 17.4)) == [
        ("shifted gates", 1000, 20),
        ("independent shifts", 17.4, 19),
        ("independent closed events", 1, 5),
    ]


def test_without_the_permutation_test_shifts_are_not_what_is_missing() -> None:
    assert [row[:2] for row in of_backtest(None)] == [
        ("shifted gates", 0),
        ("independent closed events", 1),
    ]


def test_where_the_gate_reads_a_coin_it_may_be_another_in_each_world() -> None:
    reads_a_coin = {"confirmations.exhaustion.enabled": True}
    assert [row[0] for row in of_backtest((1000, 17.4), **reads_a_coin)] == ["shifted gates"]


@pytest.mark.parametrize("breakouts", [0, 3, 7])
def test_a_search_has_the_breakouts_of_its_window_whichever_set_is_chosen(breakouts: int) -> None:
    partition = SimpleNamespace(events=pd.DatetimeIndex([DAY] * breakouts))
    result: Any = SimpleNamespace(study=SimpleNamespace(partition=partition))
    (row,) = requirements_of(result, configured({"tune.verdict.min_events": 6}))
    assert (row.what, row.has, row.needs) == ("independent breakouts", breakouts, 6)


def test_evidence_has_no_finding_that_asks_for_any() -> None:
    assert requirements_of(parse(document(claims=[claim()])), configured({})) == ()
