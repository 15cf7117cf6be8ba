"""How long it takes from a decision to its heartbeat at the server that watches.

    python -m tests.proofs.heartbeat [--days 20]

A daily session of three coins in this process, with its real observers, against the test exchange
and a monitoring service on this machine; only the waits are skipped. Of the time from the decision
to the ping, the part after the orders' end is the heartbeat's own. Exit 1 above the bound, or if a
day has no ping.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from backtests.engine.live import live_strategy
from brokers.commands.paper import build_session
from brokers.journal.records import DecisionRow, Intent
from brokers.live.observation import observe_session
from brokers.live.observer import NotifyingObserver
from brokers.prices.calendar import LEAD, session_closes
from strategies.breakout import STATES
from tests.brokers.receivers import UUID, Monitor
from tests.brokers.worlds import DAY, SECRETS, World, world
from tests.price_folder import HISTORY_FROM, write_folder

BOUND = 0.250  # seconds from the orders' end to the ping


class Beat(NamedTuple):
    """Of one day: seconds from the decision, and from the end of its orders, to the ping."""

    from_decision: float
    from_orders: float


class Stopwatch:
    """Notes when an observer hears of a decision and of its completion."""

    def __init__(self, observer: NotifyingObserver) -> None:
        self.decided: list[float] = []
        self.completed: list[float] = []
        on_decision, on_completed = observer.on_decision, observer.on_completed

        def decide(row: DecisionRow, previous: DecisionRow | None, intents: list[Intent]) -> None:
            self.decided.append(time.perf_counter())
            on_decision(row, previous, intents)

        def complete(bar: int) -> None:
            self.completed.append(time.perf_counter())
            on_completed(bar)

        observer.on_decision, observer.on_completed = decide, complete  # type: ignore[method-assign]


def beats(scene: World, monitor: Monitor, days: int) -> Sequence[Beat]:
    """Those of so many days after the first."""
    secrets = SECRETS.model_copy(update={"heartbeat_url": SecretStr(monitor.url)})
    settings = scene.settings
    with (
        scene.journal(locked=True) as journal,
        observe_session(
            settings, secrets, journal, STATES, console=False, now=scene.clock.now
        ) as observer,
    ):
        watch = Stopwatch(observer)
        session = build_session(
            settings,
            secrets,
            live_strategy(settings),
            journal=journal,
            clock=scene.clock,
            observer=observer,
        )
        session.run(until=scene.clock.now() + (days + 1) * DAY - 60.0)
        session.end("done")
    monitor.close()
    pings = [one.at for one in monitor.got if one.path == f"/ping/{UUID}"]
    times = zip(watch.decided, watch.completed, pings, strict=True)
    return [Beat(ping - decided, ping - completed) for decided, completed, ping in times][1:]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=20)
    days = parser.parse_args().days
    with tempfile.TemporaryDirectory() as place:
        base, calendar = Path(place), Path(place) / "calendar"
        session_closes(HISTORY_FROM - LEAD, calendar)
        folder = write_folder(base / "prices", calendar)
        changes = {"exchange.timeout": 10.0, "allocation.band": 0.0}
        with world(folder, calendar, base, "2015-10-20 00:00:02", changes) as scene:
            os.environ["NO_PROXY"] = "127.0.0.1"
            found = beats(scene, Monitor(), days)
    whole = sorted(beat.from_decision for beat in found)
    own = sorted(beat.from_orders for beat in found)
    print(
        f"{len(found)} days: median {statistics.median(whole) * 1000:.0f} ms, "
        f"{whole[0] * 1000:.0f} to {whole[-1] * 1000:.0f} ms from a decision to its heartbeat"
    )
    print(
        f"of these {statistics.median(own) * 1000:.0f} ms, {own[0] * 1000:.0f} to "
        f"{own[-1] * 1000:.0f} ms, after the last order"
    )
    sys.exit(len(found) != days or statistics.median(own) > BOUND)


if __name__ == "__main__":
    main()
