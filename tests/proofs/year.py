"""More than a year of daily bars: what a session that is left alone decides, reads and takes.

    python -m tests.proofs.year [--days 400] [--data FOLDER]

The real session, journal and log, at the testnet and the price server of the tests; time passes as
fast as it goes. The days run three times: in one process, with a restart every 13 days, and with
`--once` at a random second of each day. The kept calendar file ends within them, the gate opens and
closes, daylight saving time begins and ends. With `--data` the prices are those of a folder of
files. Exit 1 if anything is not as it should be.
"""

import argparse
import ctypes
import sys
import tempfile
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from brokers.journal.records import DecisionRow, OrderRow
from brokers.prices.calendar import AHEAD, LEAD, YEAR, session_closes
from config.settings import load
from strategies.sentences import UNCHANGED
from tests.brokers.worlds import DAY
from tests.price_folder import HISTORY_FROM, write_folder
from tests.proofs.long_runs import (
    CHANGES,
    RESTART,
    Scene,
    Year,
    one_process,
    random_seconds,
    restarts,
    run_year,
)
from tests.proofs.soak import JOURNAL, MEGABYTE

START, START_OF_DATA = "2014-06-20", "2020-11-01"  # 17 days of an open gate; 16 of a closed one
DAYS = 400
CALENDAR_AFTER = 150  # days until the last session that the kept calendar file has, or half of all
BARS_OF_SOAK = 43_200
PR_SET_THP_DISABLE = 41  # of Linux
MEMORY = 5.0  # MB that the line through the medians of ten days may rise by
LINE, INCIDENT = 1_000, 500  # bytes of a line of the log and of an incident, on average
WINDOW = 180 * 60 + 60  # seconds: paper.max_decision_age, and the time an order takes


def faults(scene: Scene, year: Year, *, once: bool = False) -> Iterator[str]:
    """What is not as it should be in one run; with `once` a bar may be decided too late to buy."""
    sessions = scene.sessions()
    if [row.time for row in year.decisions] != scene.bars:
        yield f"{len(year.decisions)} decisions, not one for each of {len(scene.bars)} bars"
    unread = [bar for bar in scene.bars if year.read.get(bar) != sessions[bar]]
    if unread or any(row.gate_stale for row in year.decisions):
        yield f"US sessions were not read within their bar: {_days(unread)}"
    if [row.known_at for row in year.gate_rows] != sorted(set(sessions.values())):
        yield "the journal's gate rows are not those of the sessions"
    usual = {"account", "hours", "late"} if once else {"account"}
    for text in {f"{one.kind}: {one.text}" for one in year.incidents if one.kind not in usual}:
        yield f"incident {text}"
    yield from _calendar_faults(scene, year)
    yield from _order_faults(year)
    yield from _size_faults(scene, year)


def _scenery_faults(year: Year) -> Iterator[str]:
    """Whether the days have what they must have."""
    states = [row.state for row in year.decisions]
    if not {-1, 1} <= {int(np.sign(two - one)) for one, two in pairwise(states)}:
        yield "the gate does not both open and close"
    hours = {row.known_at % DAY // 3600 for row in year.gate_rows}
    if not hours > {20, 21} or min(hours) > 18:
        yield "no half day, or no change of daylight saving time"


def _calendar_faults(scene: Scene, year: Year) -> Iterator[str]:
    """It is computed before the kept file ends, and then for a year."""
    computed = pd.DatetimeIndex(year.renewals)
    last_bar = pd.Timestamp(scene.bars[-1], unit="s")
    if pd.Timestamp(scene.calendar_end) >= last_bar or not len(computed):
        yield "the calendar did not end within the days"
    elif computed[0] >= pd.Timestamp(scene.calendar_end):
        yield f"the calendar was first computed on {year.renewals[0]}, when it had ended"
    if (np.diff(computed) < (YEAR - AHEAD) / 2).any():
        yield f"the calendar was computed again and again: {year.renewals[:5]}"


def _order_faults(year: Year) -> Iterator[str]:
    """Each order once, at the exchange as in the journal, and no buy too late."""
    ids = [order.client_id for order in year.sent]
    if sorted(ids) != sorted(order.client_id for order in year.orders):
        yield "journal and exchange have different orders"
    for order in year.sent:
        bar = order.time // 1000 // DAY * DAY
        if order.side == "BUY" and order.time / 1000 - bar > WINDOW:
            yield f"bought {order.market.base} outside the window: {_days([order.time // 1000])}"


def _size_faults(scene: Scene, year: Year) -> Iterator[str]:
    """As much as bars, processes and incidents take; a line for each decision, order, incident."""
    most = JOURNAL / BARS_OF_SOAK * scene.days + year.settings / MEGABYTE + 0.3
    most += INCIDENT * len(year.incidents) / MEGABYTE
    if year.journal / MEGABYTE > most:
        yield f"the journal has {year.journal / MEGABYTE:.2f} MB, more than {most:.2f}"
    lines = len(year.decisions) + len(year.orders) + len(year.incidents)
    if len(year.log) != lines:
        yield f"the log has {len(year.log)} lines, not {lines}"
    if sum(map(len, year.log)) > LINE * lines:
        yield f"a line of the log has more than {LINE} bytes on average"


def differences(year: Year, other: Year) -> Iterator[str]:
    """Where two runs with a decision at the same second of each bar do not agree."""
    for one, two in zip(year.decisions, other.decisions, strict=False):
        if _decided(one) != _decided(two):
            yield f"decided otherwise: {_days([one.time])}"
    if [_order(row) for row in year.orders] != [_order(row) for row in other.orders]:
        yield "other orders"
    yield from gate_differences(year, other)


def gate_differences(year: Year, other: Year) -> Iterator[str]:
    """Where two runs do not agree on what was known and on the targets."""
    for one, two in zip(year.decisions, other.decisions, strict=False):
        if _known(one) != _known(two):
            yield f"another gate or other targets: {_days([one.time])}"
    if [repr(row) for row in year.gate_rows] != [repr(row) for row in other.gate_rows]:
        yield "other gate rows"


def _decided(row: DecisionRow) -> str:
    """All of it but the session, whose first sentence never begins with "As before"."""
    return repr(row._replace(session=0, sentence=row.sentence.removeprefix(UNCHANGED)))


def _order(row: OrderRow) -> tuple[object, ...]:
    return row.symbol, row.attempt, row.size, row.limit, row.status, row.filled, row.average


def _known(row: DecisionRow) -> str:
    return repr(
        (
            *(row.time, row.state, row.ceiling, row.filled, row.confirmed_at, row.gate_stale),
            *(row.gross, row.missing, row.targets, row.rules_digest),
        )
    )


def _days(seconds: Iterable[int]) -> str:
    return ", ".join(f"{pd.Timestamp(one, unit='s'):%Y-%m-%d %H:%M}" for one in seconds)


def describe(name: str, year: Year) -> str:
    """One run in three lines."""
    states = [row.state for row in year.decisions]
    changes = sum(one != two for one, two in pairwise(states))
    times = sorted({f"{pd.Timestamp(row.known_at, unit='s'):%H:%M}" for row in year.gate_rows})
    buys = sum(order.side == "BUY" for order in year.sent)
    return (
        f"{name}: {len(year.decisions)} decisions, {len(year.gate_rows)} sessions known at "
        f"{', '.join(times)} UTC, {changes} changes of the gate's state\n"
        f"  {buys} buys, {len(year.sent) - buys} sells; calendar computed on "
        f"{', '.join(year.renewals)}; {len(year.incidents)} incidents\n"
        f"  journal {year.journal / MEGABYTE:.2f} MB ({year.settings / MEGABYTE:.2f} of settings), "
        f"{len(year.log)} lines of log, {sum(map(len, year.log)) / MEGABYTE:.2f} MB; "
        f"{year.seconds:.0f} s"
    )


def main() -> None:
    """Run, print, and say whether all was as it should be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--data", type=Path, help="daily/*.csv of all series, from 1987 on")
    arguments = parser.parse_args()
    _refuse_huge_pages()
    with tempfile.TemporaryDirectory() as base:
        wrong = _run_all(_scene(Path(base), arguments.days, arguments.data), Path(base))
    for text in wrong:
        print(f"WRONG {text}")
    sys.exit(bool(wrong))


def _refuse_huge_pages() -> None:
    """Memory is taken as it is used, not two megabytes at a time whenever the kernel likes."""
    ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)


def _scene(place: Path, days: int, data: Path | None) -> Scene:
    kept = place / "calendar"
    start = START_OF_DATA if data else START
    after = pd.Timedelta(days=min(CALENDAR_AFTER, days // 2))
    end = f"{pd.Timestamp(start) + after:%Y-%m-%d}"
    if data:
        since = load(None, []).signal.history_from
        changes = CHANGES | {"signal.history_from": since}
        session_closes(since - LEAD, kept)
        return Scene(data, kept, start, days, end, changes)
    session_closes(HISTORY_FROM - LEAD, kept)
    return Scene(write_folder(place / "prices", kept), kept, start, days, end)


def _run_all(scene: Scene, place: Path) -> list[str]:
    """All three runs; what is wrong with them."""
    whole = run_year(scene, place / "whole", one_process(scene), measure=True)
    print(describe("one process", whole))
    medians = whole.medians()
    print(
        f"  memory: medians of ten days from {medians[0]:.1f} to {medians[-1]:.1f} MB "
        f"({medians[len(medians) // 2]:.1f} in the middle), "
        f"the line through them rises by {whole.trend():+.1f} MB"
    )
    wrong = [*faults(scene, whole), *(_scenery_faults(whole) if scene.days >= DAYS else ())]
    if scene.days >= DAYS and whole.trend() > MEMORY:
        wrong.append(f"memory rises by {whole.trend():.1f} MB")
    again = run_year(scene, place / "restarts", restarts(scene))
    print(describe(f"a restart every {RESTART} days", again))
    wrong += [*faults(scene, again), *differences(whole, again)]
    once = run_year(scene, place / "once", random_seconds(scene))
    print(describe("--once at a random second of each day", once))
    return [*wrong, *faults(scene, once, once=True), *gate_differences(whole, once)]


if __name__ == "__main__":
    main()
