"""History through the live path: data provider, live feeds, paper account and journal."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import pandas as pd

from backtests.engine.inputs import Inputs
from backtests.engine.journal_run import run_of
from backtests.engine.live import live_strategy
from backtests.engine.rules import MAX_MISSING
from backtests.engine.simulation import Run
from backtests.runs.backtest import Backtest, compare_run
from brokers.clock import SimulatedClock
from brokers.exchange.types import Book
from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.journal.records import DecisionRow, Intent
from brokers.live.data_provider import DataProvider
from brokers.live.gate_history import load_gate_rows
from brokers.live.session import PaperSession
from brokers.orders.paper import PaperAccount, Rules, Terms
from brokers.prices.clean import bar_length
from brokers.prices.load import Prices
from brokers.prices.series import AcceptedClose, DataError, Series
from brokers.progress import Progress
from config.settings import Settings

EMPTY_BOOK = Book((), ())
UNGUARDED = {"drawdown_stop": 0.0, "largest_order": 1.0, "largest_turnover": 100.0, "tick_gap": 1.0}
UNLIMITED = float("inf")


class ReplaySource:
    """A source for a paper session that serves stored prices as they were known at each instant."""

    final = True

    def __init__(self, prices: Prices, timeframe: str) -> None:
        self._prices = prices
        self._timeframe = timeframe

    def history(
        self, now: pd.Timestamp, again: Collection[str] = ()
    ) -> tuple[Prices, Mapping[str, DataError]]:
        """All series as they were known at `now`."""
        return self._prices.until(now), {}

    def sessions(self, now: pd.Timestamp) -> int:
        """How many US sessions' closes were known at `now`."""
        return int(self._prices.sessions.index.searchsorted(now, side="right"))

    def second_closes(self, series: Series, now: pd.Timestamp) -> tuple[tuple[str, pd.Series], ...]:
        """Nothing: what was confirmed then is in the prices."""
        return ()

    def accepted(self, now: pd.Timestamp) -> tuple[AcceptedClose, ...]:
        """The held closes that somebody had stood by at `now`."""
        return self._prices.until(now).accepted

    def bars(self, history: str, now: pd.Timestamp) -> pd.DataFrame:
        """The newest bars of one coin known at `now`."""
        frame = self._prices.of(history, self._timeframe).frame
        end = int(frame.index.searchsorted(now, side="right"))
        return frame.iloc[max(end - 2 * MAX_MISSING, 0) : end]


class NextOpenBooks:
    """Order books of the past: one level of any depth, at the next bar's open less slippage."""

    def __init__(self, inputs: Inputs, clock: SimulatedClock) -> None:
        self._coins = inputs.coins
        self._slippage = inputs.costs.slippage
        self._clock = clock

    def book(self, coin: str) -> Book:
        """The book after the bar that has just ended; empty where the next bar is missing."""
        lines = self._coins[coin]
        row = int(
            lines.index.searchsorted(
                pd.Timestamp(self._clock.now(), unit="s", tz="UTC"), side="right"
            )
        )
        if row >= len(lines) or 0 < lines["stale"].iloc[row] < MAX_MISSING:
            return EMPTY_BOOK
        price = float(lines["open"].iloc[row])
        return Book(
            ((price * (1.0 - self._slippage), UNLIMITED),),
            ((price * (1.0 + self._slippage), UNLIMITED),),
        )


class ReplayObserver:
    """Counts decisions and collects incidents; nothing is notified."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._progress, self._done = total, progress, 0
        self.incidents: list[Incident] = []

    def on_start(self) -> None:
        """Ignore it."""

    def on_progress(self, text: str, done: int = 0, of: int = 0) -> None:
        """Ignore it."""

    def on_incident(self, incident: Incident) -> None:
        """Collect it."""
        self.incidents.append(incident)

    def on_decision(
        self, row: DecisionRow, previous: DecisionRow | None, intents: list[Intent]
    ) -> None:
        """Count it."""
        self._done += 1
        if self._progress:
            self._progress("replay", self._done, self._total)

    def on_orders(self, intents: list[Intent]) -> None:
        """Ignore it."""

    def on_completed(self, bar: int) -> None:
        """Ignore it."""

    def on_wait(self, until: float) -> None:
        """Ignore it."""


def replay_settings(settings: Settings) -> Settings:
    """The settings without waiting times and guards, which only live prices need."""
    paper = settings.paper.model_copy(update={"grace": 0.0, "patience": 0.0, "join": "now"})
    guards = settings.guards.model_copy(update=UNGUARDED)
    exchange = settings.exchange.model_copy(update={"mode": "dry-run"})
    return settings.model_copy(update={"paper": paper, "guards": guards, "exchange": exchange})


def backtest_replay(inputs: Inputs, path: Path, progress: Progress | None = None) -> Backtest:
    """Replay the inputs and evaluate the run as a backtest's; the journal is left at `path`."""
    return compare_run(inputs, replay_run(inputs, path, progress), progress=progress)


def replay_run(inputs: Inputs, path: Path, progress: Progress | None = None) -> Run:
    """Replay the inputs; decisions and orders are read from the journal that is left at `path`."""
    replay(inputs, path, progress)
    with open_journal(path, lambda: 0.0, locked=False) as journal:
        return run_of(journal, int(bar_length(inputs.settings.exchange.timeframe).total_seconds()))


def replay(inputs: Inputs, path: Path, progress: Progress | None = None) -> list[Incident]:
    """Run the inputs' grid through the live path into a new journal at `path`.

    Returns the incidents that a live session would have reported.
    """
    settings = replay_settings(inputs.settings)
    strategy = live_strategy(settings)
    clock = SimulatedClock(inputs.grid[0].timestamp())
    observer = ReplayObserver(len(inputs.grid), progress)
    length = bar_length(settings.exchange.timeframe).total_seconds()
    with open_journal(path, clock.now) as journal:
        provider = DataProvider(
            ReplaySource(inputs.prices, settings.exchange.timeframe),
            strategy.functions,
            settings,
            clock,
            gate_rows=load_gate_rows(journal, strategy.rules_digest),
        )
        session = PaperSession(
            settings,
            strategy,
            provider=provider,
            account=_paper_account(inputs, settings, journal, clock, observer.on_incident),
            journal=journal,
            clock=clock,
            observer=observer,
        )
        session.run(until=inputs.grid[-1].timestamp() + length)
        session.end("replayed")
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    return observer.incidents


def _paper_account(
    inputs: Inputs,
    settings: Settings,
    journal: Journal,
    clock: SimulatedClock,
    report: Callable[[Incident], None],
) -> PaperAccount:
    """A paper account that fills at the next open, under the exchange rules of the simulation."""
    rules = {
        coin.name: Rules(settings.coin_step(coin.name), settings.costs.min_notional)
        for coin in settings.coins
    }
    return PaperAccount(
        journal,
        Terms(settings.backtest.cash, settings.costs.fee, 1.0, 1.0),
        list(rules),
        rules=lambda: rules,
        books=NextOpenBooks(inputs, clock).book,
        now=clock.now,
        report=report,
    )
