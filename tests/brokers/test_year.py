"""Eight days in one process, with restarts, and with `--once`, across the end of daylight saving
time and of the kept calendar file. `tests.proofs.year` runs more than a year of them.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from brokers.prices import calendar
from tests.brokers.worlds import DAY, epoch
from tests.proofs.long_runs import (
    CHANGES,
    Scene,
    Year,
    one_process,
    random_seconds,
    restarts,
    run_year,
)
from tests.proofs.year import differences, faults, gate_differences

START, DAYS = "2014-10-29", 8
SOON = pd.Timedelta(days=2)  # a calendar that ends sooner is renewed
# Half past four in New York: 20:30 UTC until the clocks change on Sunday, 2014-11-02.
KNOWN = [
    *(epoch(f"2014-10-{day} 20:30") for day in (28, 29, 30, 31)),
    *(epoch(f"2014-11-0{day} 21:30") for day in (3, 4)),
]


@pytest.fixture(scope="module")
def scene(whole_folder: Path, cache: Path) -> Iterator[Scene]:
    """The first bar ends on Wednesday, 2014-10-29; the kept calendar file on 2014-11-03."""
    changes = CHANGES | {"confirmations.breadth.enabled": "false"}  # fewer series to download
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calendar, "AHEAD", SOON)
        yield Scene(whole_folder, cache, START, DAYS, "2014-11-03", changes)


@pytest.fixture(scope="module")
def whole(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Year:
    """The days in one process."""
    return run_year(scene, tmp_path_factory.mktemp("year") / "whole", one_process(scene))


def test_every_us_session_is_read_within_its_bar_beyond_the_end_of_the_calendar_file(
    scene: Scene, whole: Year
) -> None:
    assert [*faults(scene, whole)] == []
    assert [row.time for row in whole.decisions] == [
        epoch(START) + DAY * day for day in range(DAYS)
    ]
    assert [row.known_at for row in whole.gate_rows] == KNOWN
    assert whole.renewals == ["2014-11-01"]  # asked for by the forward record, 2 days before
    assert {order.side for order in whole.sent} == {"BUY", "SELL"}


def test_restarts_change_no_decision_and_no_order(
    scene: Scene, whole: Year, tmp_path: Path
) -> None:
    again = run_year(scene, tmp_path / "restarts", restarts(scene, 3))
    assert [*faults(scene, again), *differences(whole, again)] == []
    assert len({row.session for row in again.decisions}) == 3


def test_once_at_any_second_decides_the_same_and_buys_only_within_its_hours(
    scene: Scene, whole: Year, tmp_path: Path
) -> None:
    once = run_year(scene, tmp_path / "once", random_seconds(scene))
    assert [*faults(scene, once, once=True), *gate_differences(whole, once)] == []
    late = [row.time for row in once.decisions if row.decided_at - row.time > 180 * 60]
    assert 0 < len(late) < DAYS
    assert any("too late to buy" in row.note.lower() for row in once.decisions if row.time in late)
    assert any(order.side == "BUY" for order in once.sent)


def test_the_trend_of_memory_is_that_of_its_medians_of_ten_days(whole: Year) -> None:
    """0.02 MB a day are 0.2 MB from one median to the next of 39; no peak counts."""
    rising = [300.0 + 0.02 * day + 50.0 * (day % 10 == 3) for day in range(400)]
    assert whole._replace(memory=rising).trend() == pytest.approx(0.2 * 38)
