"""How long it takes from the last bar's arrival to the first order's, beside what the exchange
itself takes.

    python -m tests.proofs.latency [--cycles 20]

A daily session of three coins in a process of its own, against the test exchange on this machine;
time is real but for the wait from one bar to the next. The exchange's part is the time in which it
works out its answers. Exit 1 above the bound.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from brokers.prices.calendar import LEAD, session_closes
from tests.brokers.worlds import DAY, epoch, world
from tests.exchange.proxy import Answer, Asked
from tests.exchange.venue import BinanceVenue
from tests.price_folder import HISTORY_FROM, write_folder
from tests.proofs.forks import DONE, HurriedClock, forks

BOUND = 0.150  # seconds
START = epoch("2015-10-20 00:00:02")
CANDLES = "/api/v3/klines"


class Cycle(NamedTuple):
    """One cycle.

    Seconds from the last candle's answer to the first order, those of them the exchange worked,
    requests between.
    """

    whole: float
    exchange: float
    requests: int

    @property
    def ours(self) -> float:
        """Seconds that are not the exchange's."""
        return self.whole - self.exchange


class Stopwatch:
    """Looks at every request as it reaches the exchange and as it is answered."""

    def __init__(self, venue: BinanceVenue) -> None:
        self.cycles: list[Cycle] = []
        self._last_bar = self._came = self._worked = 0.0
        self._requests = 0
        venue.before_request, venue.after_request = self._before, self._after

    def _before(self, asked: Asked, number: int) -> Answer | None:
        self._came = time.perf_counter()
        if asked.method == "POST" and self._last_bar:
            self.cycles.append(Cycle(self._came - self._last_bar, self._worked, self._requests))
            self._last_bar = 0.0
        return None

    def _after(self, asked: Asked, number: int) -> Answer | None:
        now = time.perf_counter()
        if asked.path == CANDLES:
            self._last_bar, self._worked, self._requests = now, 0.0, 0
        else:
            self._worked += now - self._came
            self._requests += 1
        return None


def measured(folder: Path, cache: Path, base: Path, cycles: int) -> Sequence[Cycle]:
    """So many cycles that order something, after a first one."""
    changes = {"exchange.timeout": 10.0, "allocation.band": 0.0}
    with (
        forks(folder, cache) as forking,
        world(folder, cache, base, "2015-10-20", changes) as scene,
    ):
        scene.clock = clock = HurriedClock.at(base / "clock", START - time.time())  # type: ignore[assignment]
        watch = Stopwatch(scene.venue)
        until = START + (cycles + 1) * DAY - 60.0
        assert forking.run(scene.settings, clock, scene.network.environment(), until=until) == DONE
    return watch.cycles[1:]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cycles", type=int, default=20)
    count = parser.parse_args().cycles
    with tempfile.TemporaryDirectory() as place:
        base, calendar = Path(place), Path(place) / "calendar"
        session_closes(HISTORY_FROM - LEAD, calendar)
        found = measured(write_folder(base / "prices", calendar), calendar, base, count)
    ours = sorted(cycle.ours for cycle in found)
    median, requests = statistics.median(ours), statistics.median(cycle.requests for cycle in found)
    exchange = statistics.median(cycle.exchange for cycle in found)
    print(
        f"{len(found)} cycles: median {median * 1000:.0f} ms, "
        f"{ours[0] * 1000:.0f} to {ours[-1] * 1000:.0f} ms from the last bar to the first order"
    )
    print(
        f"without the exchange's {exchange * 1000:.0f} ms for the {requests:.0f} requests between"
    )
    sys.exit(median > BOUND)


if __name__ == "__main__":
    main()
