"""A day of mourning that was announced after the calendar was released: no series has its row."""

from pathlib import Path

from brokers.clock import SimulatedClock
from tests.brokers.misfortunes import bought, incident_texts
from tests.brokers.test_faults_data import (
    ALL,
    FIRST,
    SECOND,
    US_SERIES,
    change_rows,
    decisions,
    downloading,
)
from tests.brokers.worlds import DAY

THIRD = SECOND + DAY


def test_a_session_that_did_not_take_place_is_stale_for_a_day_and_waited_for_once(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """The calendar has a session on 2015-10-20. Nothing is sold, and the next one counts again."""
    with downloading(whole_folder, cache, tmp_path, {"paper.patience": 30.0}) as w:
        for symbol in US_SERIES:
            change_rows(
                w, symbol, lambda rows: rows.drop(rows.loc["2015-10-20":"2015-10-20"].index)
            )
        w.clock = SimulatedClock(w.clock.now())
        observer = w.run(once=False, until="2015-10-22 00:01")
        rows = decisions(w)
        assert [row.time for row in rows] == [FIRST, SECOND, THIRD]
        assert [row.gate_stale for row in rows] == [0, 1, 0]
        assert bought(w) == ALL
        assert [row.decided_at - row.time >= 30.0 for row in rows] == [False, True, False]
        assert len(incident_texts(observer.incidents, "gate stale")) == 1
