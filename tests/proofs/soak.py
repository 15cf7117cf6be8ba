"""A month of one-minute bars in one process: what it takes of memory, disk and time.

    python -m tests.proofs.soak [--bars 43200]

Three coins at made-up minute prices, an account on paper, the real session, journal and log; time
passes as fast as it goes. Memory counts from the 2,000th bar on, when everything is imported and
every cache has its size. Exit 1 if a bound is passed.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.engine.live import live_strategy
from brokers.clock import SimulatedClock
from brokers.exchange.types import Book
from brokers.journal.incident import Incident
from brokers.journal.opening import open_journal
from brokers.journal.records import DecisionRow, Intent
from brokers.live.array_memory import take_small_blocks
from brokers.live.data_provider import DataProvider
from brokers.live.gate_history import load_gate_rows
from brokers.live.observation import observe_session
from brokers.live.observer import SessionObserver
from brokers.live.session import PaperSession
from brokers.orders.paper import PaperAccount, Rules, Terms
from brokers.prices.calendar import LEAD, session_closes
from brokers.prices.load import Prices, load_prices
from brokers.prices.series import DataError
from config.secrets import Secrets
from config.settings import Settings, load
from strategies.breakout import STATES
from tests.price_folder import HISTORY_FROM, overrides, write_folder

START = pd.Timestamp("2015-10-20", tz="UTC")
MINUTE = pd.Timedelta(minutes=1)
SETTLED = 2_000  # bars
MEGABYTE = 1e6
MEMORY, JOURNAL, LOGS = (
    20.0,
    50.0,
    6.5,
)  # MB: growth from `SETTLED` on; the journal's file; files of 1 MB, five put aside and the last


class Found(NamedTuple):
    """What a run took.

    Bars, fills, seconds, MB of memory at the settled bar and at most after it, MB of the journal
    and of each log.
    """

    bars: int
    fills: int
    seconds: float
    settled: float
    most: float
    journal: float
    logs: tuple[float, ...]

    @property
    def growth(self) -> float:
        """MB of memory from the settled bar on."""
        return self.most - self.settled


class Minutes:
    """Minute bars that were made beforehand, and the books between them.

    A source of prices that is asked bar by bar.
    """

    final = False

    def __init__(self, daily: Prices, bars: Mapping[str, pd.DataFrame]) -> None:
        self._daily, self._bars = daily, bars

    def history(
        self, now: pd.Timestamp, again: Collection[str] = ()
    ) -> tuple[Prices, Mapping[str, DataError]]:
        return self._daily.until(now), {}

    def sessions(self, now: pd.Timestamp) -> int:
        return int(self._daily.sessions.index.searchsorted(now, side="right"))

    def bars(self, history: str, now: pd.Timestamp) -> pd.DataFrame:
        frame = self._bars[history]
        end = int(frame.index.searchsorted(now, side="right"))
        return frame.iloc[max(end - 10, 0) : end]

    def book(self, history: str, now: float) -> Book:
        frame = self._bars[history]
        row = int(frame.index.searchsorted(pd.Timestamp(now, unit="s", tz="UTC"), side="right"))
        price = float(frame["open"].iloc[row])
        return Book(((price * 0.9995, 1e9),), ((price * 1.0005, 1e9),))


class MemoryObserver:
    """Measures this process's memory at decisions, and passes everything on."""

    def __init__(self, observer: SessionObserver, settled: int) -> None:
        self._observer, self._settled = observer, settled
        self.bars, self.least, self.most = 0, 0.0, 0.0

    def on_start(self) -> None:
        self._observer.on_start()

    def on_progress(self, text: str, done: int = 0, of: int = 0) -> None:
        self._observer.on_progress(text, done, of)

    def on_incident(self, incident: Incident) -> None:
        self._observer.on_incident(incident)

    def on_decision(
        self, row: DecisionRow, previous: DecisionRow | None, intents: list[Intent]
    ) -> None:
        self.bars += 1
        if self.bars == self._settled:
            self.least = self.most = resident()
        elif self.bars > self._settled and self.bars % 50 == 0:
            self.most = max(self.most, resident())
        self._observer.on_decision(row, previous, intents)

    def on_orders(self, intents: list[Intent]) -> None:
        self._observer.on_orders(intents)

    def on_completed(self, bar: int) -> None:
        self._observer.on_completed(bar)

    def on_wait(self, until: float) -> None:
        self._observer.on_wait(until)


def resident() -> float:
    """MB of memory this process has now."""
    return (
        int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MEGABYTE
    )


def minutes(daily: pd.DataFrame, count: int, random: np.random.Generator) -> pd.DataFrame:
    """`count` bars of a minute that wander around the daily closes, by the instant they ended."""
    ends = pd.date_range(START + MINUTE, periods=count, freq=MINUTE)
    level = np.interp(ends.asi8, daily.index.as_unit(ends.unit).asi8, daily["close"].to_numpy())
    close = level * np.exp(
        0.002 * np.sin(np.arange(count) / 300) + random.normal(0.0, 0.0007, count)
    )
    opened = np.r_[close[0], close[:-1]]
    high, low = np.maximum(opened, close) * 1.0002, np.minimum(opened, close) * 0.9998
    columns = {
        "open": opened,
        "high": high,
        "low": low,
        "close": close,
        "adj_close": close,
        "volume": np.round(random.uniform(1, 9, count), 3),
    }
    return pd.DataFrame(columns, ends)


def soaked(settings: Settings, daily: Prices, count: int, settled: int = SETTLED) -> Found:
    """Run `count` bars; memory counts from the `settled`th on."""
    random = np.random.default_rng(7)
    source = Minutes(
        daily,
        {
            coin.history: minutes(daily.of(coin.history).frame, count + 2, random)
            for coin in settings.coins
        },
    )
    histories = {coin.name: coin.history for coin in settings.coins}
    clock = SimulatedClock(START.timestamp() + 60.0 + settings.paper.grace)
    path = Path(settings.journal.folder) / "soak.sqlite"
    rules = {
        coin.name: Rules(settings.coin_step(coin.name), settings.costs.min_notional)
        for coin in settings.coins
    }
    began = time.perf_counter()
    strategy = live_strategy(settings)
    with (
        open_journal(path, clock.now) as journal,
        observe_session(settings, Secrets(), journal, STATES, console=False) as observer,
    ):
        watching = MemoryObserver(observer, settled)
        terms = Terms(
            settings.exchange.amount,
            settings.costs.fee,
            settings.guards.tick_gap,
            settings.exchange.price_guard,
        )
        account = PaperAccount(
            journal,
            terms,
            rules,
            rules=lambda: rules,
            books=lambda coin: source.book(histories[coin], clock.now()),
            now=clock.now,
            report=observer.on_incident,
        )
        take_small_blocks()  # as `build_session` does
        provider = DataProvider(
            source,
            strategy.functions,
            settings,
            clock,
            gate_rows=load_gate_rows(journal, strategy.rules_digest),
        )
        session = PaperSession(
            settings,
            strategy,
            provider=provider,
            account=account,
            journal=journal,
            clock=clock,
            observer=watching,
        )
        session.run(until=clock.now() + 60.0 * (count - 1) + 1.0)
        session.end("soaked")
        fills = len(journal.fills())
    logs = tuple(
        file.stat().st_size / MEGABYTE for file in sorted(Path(settings.log.folder).iterdir())
    )
    size = sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*")) / MEGABYTE
    return Found(
        watching.bars, fills, time.perf_counter() - began, watching.least, watching.most, size, logs
    )


def settings_for(folder: Path, calendar: Path, place: Path, rotation: float = 1.0) -> Settings:
    """A dry run of minute bars; a log file of `rotation` MB is put aside."""
    changes = {
        "exchange.timeframe": "1m",
        "exchange.amount": 5000.0,
        "allocation.band": 0.02,
        "log.rotation": rotation,
        "log.keep": 5,
        "log.folder": place / "logs",
        "journal.folder": place / "state",
        "guards.largest_turnover": 100.0,
    }
    return load(
        None, [*overrides(folder, calendar), *(f"{key}={value}" for key, value in changes.items())]
    )


def daily_prices(folder: Path, calendar: Path) -> Prices:
    """All daily series of the folder."""
    return load_prices(
        load(None, overrides(folder, calendar)), pd.Timestamp("2016-12-31", tz="UTC")
    )


def main() -> None:
    """Run, print, and say whether it kept to the bounds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bars", type=int, default=43_200)
    count = parser.parse_args().bars
    with tempfile.TemporaryDirectory() as base:
        place, calendar = Path(base), Path(base) / "calendar"
        session_closes(HISTORY_FROM - LEAD, calendar)
        folder = write_folder(place / "prices", calendar)
        found = soaked(settings_for(folder, calendar, place), daily_prices(folder, calendar), count)
    print(
        f"{found.bars} bars, {found.fills} fills, {found.seconds:.0f} s, "
        f"{found.bars / found.seconds:.0f} bars a second"
    )
    print(
        f"memory {found.settled:.1f} MB at bar {SETTLED}, at most {found.most:.1f} MB after it: "
        f"{found.growth:+.1f} MB"
    )
    print(
        f"journal {found.journal:.1f} MB; {len(found.logs)} log files, "
        f"{sum(found.logs):.1f} MB in all"
    )
    sys.exit(
        found.growth > MEMORY
        or found.journal > JOURNAL
        or sum(found.logs) > LOGS
        or len(found.logs) < 2
    )


if __name__ == "__main__":
    main()
