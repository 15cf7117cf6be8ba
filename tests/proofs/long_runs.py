"""Weeks to years of daily bars in little time: sessions that follow each other with one journal.

The real session, journal and log, at the testnet and the price server of the tests; time passes as
fast as it goes. The kept calendar file ends within the time.
"""

import ctypes
import gc
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pandas as pd

from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.opening import journal_path
from brokers.journal.records import DecisionRow, GateRow, Intent, OrderRow
from brokers.live.observation import observe_session
from brokers.live.observer import SessionObserver
from brokers.prices import calendar
from config.secrets import Secrets
from strategies.breakout import STATES
from tests.brokers import worlds
from tests.brokers.misfortunes import disturbed
from tests.brokers.worlds import DAY, World, epoch
from tests.exchange.matching import Order
from tests.proofs.soak import MEGABYTE, MemoryObserver

RESTART = 13  # days from one process to the next
DELAY = pd.Timedelta(minutes=30)  # from a close to its publication
CHANGES: Mapping[str, Any] = {
    "paper.grace": 5.0,
    "exchange.timeout": 10.0,
    "allocation.band": 0.02,  # more orders than by the default
    "risk_curve.dormant_ceilings": [0.1, 0.2, 0.3, 0.4],
}
Visit = tuple[float, float | None]  # a process: when it begins and ends; None: `--once`


class Scene(NamedTuple):
    """What is simulated.

    Price files, a folder with the calendar, the first bar, how many, and the last session of the
    calendar file that is kept.
    """

    prices: Path
    calendar: Path
    start: str
    days: int
    calendar_end: str
    changes: Mapping[str, Any] = CHANGES

    @property
    def bars(self) -> list[int]:
        """The end of each bar, epoch seconds."""
        return [epoch(self.start) + DAY * day for day in range(self.days)]

    def sessions(self) -> dict[int, int]:
        """By bar, when the newest US session was known that was known at its end."""
        import exchange_calendars

        first, last = (pd.Timestamp(self.bars[end], unit="s").normalize() for end in (0, -1))
        schedule = exchange_calendars.get_calendar("XNYS", start=first - 9 * pd.Timedelta(days=1))
        known = (schedule.schedule["close"] + DELAY).loc[:last].dt.as_unit("s").astype("int64")
        return {bar: int(known[known <= bar].iloc[-1]) for bar in self.bars}


class Year(NamedTuple):
    """What came of it."""

    decisions: list[DecisionRow]
    gate_rows: list[GateRow]
    orders: list[OrderRow]  # of the journal
    sent: list[Order]  # at the exchange
    read: dict[int, int]  # by bar, the newest gate row that was in the journal when it was decided
    memory: list[float]  # MB of the process's own at each decision
    incidents: list[Incident]
    renewals: list[str]  # days on which the calendar was computed
    journal: int  # bytes
    settings: int  # bytes of them in the journal
    log: list[str]  # lines
    seconds: float

    def medians(self) -> list[float]:
        """MB of memory, the median of each ten decisions from the tenth on."""
        whole = self.memory[10 : len(self.memory) // 10 * 10]
        return [statistics.median(whole[at : at + 10]) for at in range(0, len(whole), 10)]

    def trend(self) -> float:
        """MB by which the straight line through the medians rises from the first to the last."""
        medians = self.medians()
        return float(np.polyfit(range(len(medians)), medians, 1)[0] * (len(medians) - 1))


class Diary(MemoryObserver):
    """Notes at each decision what the process takes and what the journal has by then."""

    def __init__(
        self, observer: SessionObserver, journal: Journal, year: Year, w: World, *, measure: bool
    ) -> None:
        super().__init__(observer, settled=10)
        self._journal, self._year, self._network = journal, year, w.network
        self._measure = measure

    def on_incident(self, incident: Incident) -> None:
        self._year.incidents.append(incident)
        super().on_incident(incident)

    def on_decision(
        self, row: DecisionRow, previous: DecisionRow | None, intents: list[Intent]
    ) -> None:
        rows = self._journal.gate_rows(since=row.time - 10 * DAY)
        self._year.read[row.time] = max(gate_row.known_at for gate_row in rows)
        self._network.asked.clear()  # the tests' own part of the memory
        if self._measure:
            # pandas keeps up to 500 dead references for each frame that lives long: not the tests'.
            worlds._rows.cache_clear()
            self._year.memory.append(private_memory())
        super().on_decision(row, previous, intents)


def private_memory() -> float:
    """MB of memory that this process holds for itself.

    Without garbage that is not collected yet, pages that are free, and what is mapped from files.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    _, resident, shared, *_ = Path("/proc/self/statm").read_text().split()
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


def one_process(scene: Scene) -> list[Visit]:
    """From the first bar to the last."""
    return [(scene.bars[0] + 60.0, scene.bars[-1] + DAY / 2)]


def restarts(scene: Scene, every: int = RESTART) -> list[Visit]:
    """A process ends when a bar is due and the next one decides it, `every` so many days."""
    starts = [scene.bars[0] + 60.0, *scene.bars[every::every]]
    return list(zip(starts, [*scene.bars[every::every], scene.bars[-1] + DAY / 2], strict=True))


def random_seconds(scene: Scene, seed: int = 15) -> list[Visit]:
    """`--once` at a random second of each day."""
    chance = random.Random(seed)
    return [(bar + chance.randrange(DAY), None) for bar in scene.bars]


def run_year(scene: Scene, place: Path, visits: Sequence[Visit], *, measure: bool = False) -> Year:
    """Run the processes one after the other, with one journal; `measure` their memory."""
    began = time.perf_counter()
    place.mkdir(exist_ok=True)
    year = Year([], [], [], [], {}, [], [], [], 0, 0, [], 0.0)
    start = f"{pd.Timestamp(visits[0][0], unit='s')}"
    with (
        disturbed(
            scene.prices, scene.calendar, place, scene.changes, start=start, downloads=True
        ) as w,
        ending_calendar(w, scene.calendar_end, year.renewals),
    ):
        observe = _observe(w, year, measure=measure)
        for begins, ends in visits:
            calendar._in_memory.clear()  # a new process has none
            w.clock.sleep(begins - w.clock.now())
            end = float("inf") if ends is None else ends
            w.observed_session(observe, lambda s, e=end, v=ends: s.run(once=v is None, until=e))
        path = journal_path(w.settings)
        size = sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
        logs = sorted(Path(w.settings.log.folder).iterdir())
        with w.journal() as journal:
            return year._replace(
                decisions=list(journal.decisions()),
                gate_rows=list(journal.gate_rows()),
                orders=journal.orders(),
                sent=list(w.venue.orders),
                journal=size,
                settings=sum(len(session.settings) for session in journal.sessions()),
                log=[line for file in logs for line in file.read_text().splitlines()],
                seconds=time.perf_counter() - began,
            )


def _observe(w: World, year: Year, *, measure: bool) -> Callable[..., Any]:
    @contextmanager
    def observe(journal: Journal, now: Callable[[], float]) -> Iterator[SessionObserver]:
        with observe_session(
            w.settings, Secrets(), journal, STATES, console=False, now=now
        ) as observer:
            yield Diary(observer, journal, year, w, measure=measure)

    return observe


@contextmanager
def ending_calendar(w: World, last: str, renewals: list[str]) -> Iterator[None]:
    """The kept calendar file ends with the session of `last`.

    As the machine's clock would show the simulated time, one that is computed reaches a year
    beyond it; the days on which that happens go into `renewals`.
    """
    for file in Path(w.settings.prices.cache).glob("XNYS*"):
        closes = pd.read_parquet(file)
        closes[closes.index <= last].to_parquet(file)
    compute = calendar._compute_closes

    def compute_closes(start: Any, end: pd.Timestamp) -> pd.Series:
        now = pd.Timestamp(w.clock.now(), unit="s")
        renewals.append(f"{now:%Y-%m-%d}")
        return compute(start, min(end, now + calendar.YEAR))

    calendar._in_memory.clear()
    try:
        with patch.object(calendar, "_compute_closes", compute_closes):
            yield
    finally:
        calendar._in_memory.clear()
