"""History through the live path: the pump, the live feeds, the paper account and the journal, as fast as it goes."""

from collections.abc import Collection, Mapping
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
from brokers.journal.incident import Problem
from brokers.journal.opening import open_journal
from brokers.journal.records import DecisionRow, Intent
from brokers.live.data_provider import Pump, remembered
from brokers.live.session import Session
from brokers.orders.paper import PaperAccount, Rules, Terms
from brokers.prices.clean import bar_length
from brokers.prices.load import Prices
from brokers.prices.series import DataError
from brokers.progress import Progress
from config.settings import Settings

SHUT = Book((), ())
UNGUARDED = {"drawdown_stop": 0.0, "largest_order": 1.0, "largest_turnover": 100.0, "tick_gap": 1.0}
ENDLESS = float("inf")


class History:
    """A live session's source that knows all prices and shows those of the session's now."""

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

    def bars(self, history: str, now: pd.Timestamp) -> pd.DataFrame:
        """The newest bars of one coin known at `now`."""
        frame = self._prices.of(history, self._timeframe).frame
        end = int(frame.index.searchsorted(now, side="right"))
        return frame.iloc[max(end - 2 * MAX_MISSING, 0) : end]


class NextOpens:
    """The books of the past: one level, as deep as anyone likes, at the next bar's open and the slippage off it."""

    def __init__(self, inputs: Inputs, clock: SimulatedClock) -> None:
        self._coins = inputs.coins
        self._slippage = inputs.costs.slippage
        self._clock = clock

    def book(self, coin: str) -> Book:
        """The book between the bar that has just ended and the next one; empty where that is missing."""
        lines = self._coins[coin]
        row = int(
            lines.index.searchsorted(
                pd.Timestamp(self._clock.now(), unit="s", tz="UTC"), side="right"
            )
        )
        if row >= len(lines) or 0 < lines["stale"].iloc[row] < MAX_MISSING:
            return SHUT
        price = float(lines["open"].iloc[row])
        return Book(
            ((price * (1.0 - self._slippage), ENDLESS),),
            ((price * (1.0 + self._slippage), ENDLESS),),
        )


class Counted:
    """Nobody is told anything but how far it is."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._progress, self._done = total, progress, 0
        self.problems: list[Problem] = []

    def problem(self, problem: Problem) -> None:
        """Kept for who asks."""
        self.problems.append(problem)

    def decided(self, row: DecisionRow, before: DecisionRow | None, intents: list[Intent]) -> None:
        """One more."""
        self._done += 1
        if self._progress:
            self._progress("replay", self._done, self._total)

    def settled(self, intents: list[Intent]) -> None:
        """Not told."""

    def waiting(self, until: float) -> None:
        """Not told."""


def replayable(settings: Settings) -> Settings:
    """The settings without what only live prices need: waiting, and guards that a backtest does not have."""
    paper = settings.paper.model_copy(update={"grace": 0.0, "patience": 0.0, "join": "now"})
    guards = settings.guards.model_copy(update=UNGUARDED)
    exchange = settings.exchange.model_copy(update={"mode": "dry-run"})
    return settings.model_copy(update={"paper": paper, "guards": guards, "exchange": exchange})


def replayed(inputs: Inputs, path: Path, progress: Progress | None = None) -> Backtest:
    """A replay's result, in a backtest's form."""
    return compare_run(inputs, replayed_run(inputs, path, progress), True, progress)


def replayed_run(inputs: Inputs, path: Path, progress: Progress | None = None) -> Run:
    """A replay's decisions and orders, read back from the journal it leaves at `path`."""
    replay(inputs, path, progress)
    with open_journal(path, lambda: 0.0, locked=False) as journal:
        return run_of(journal, int(bar_length(inputs.settings.exchange.timeframe).total_seconds()))


def replay(inputs: Inputs, path: Path, progress: Progress | None = None) -> list[Problem]:
    """Run the inputs' grid through the live path into a new journal at `path`; what a person would have been told."""
    settings = replayable(inputs.settings)
    strategy = live_strategy(settings)
    clock = SimulatedClock(inputs.grid[0].timestamp())
    voice = Counted(len(inputs.grid), progress)
    with open_journal(path, clock.now) as journal:
        account = PaperAccount(
            journal,
            Terms(settings.backtest.cash, settings.costs.fee, 1.0, 1.0),
            [coin.name for coin in settings.coins],
            lambda: {
                coin.name: Rules(settings.coin_step(coin.name), settings.costs.min_notional)
                for coin in settings.coins
            },
            NextOpens(inputs, clock).book,
            clock.now,
        )
        pump = Pump(
            History(inputs.prices, settings.exchange.timeframe),
            strategy.functions,
            settings,
            clock,
            remembered(journal),
        )
        session = Session(settings, strategy, pump, account, journal, clock, voice)
        session.run(
            until=inputs.grid[-1].timestamp()
            + bar_length(settings.exchange.timeframe).total_seconds()
        )
        session.end("replayed")
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    return voice.problems
