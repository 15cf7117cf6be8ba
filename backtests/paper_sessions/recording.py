"""A paper session's journal read once, with the settings of each of its sessions."""

from collections.abc import Mapping
from pathlib import Path
from time import time
from typing import NamedTuple

from backtests.engine.journal_run import run_of
from backtests.engine.simulation import Run
from brokers.journal.journal import Journal
from brokers.journal.lock import holder
from brokers.journal.opening import open_journal
from brokers.journal.records import (
    DecisionRow,
    EquityRow,
    FillRow,
    IncidentRow,
    Intent,
    OrderRow,
    SessionRecord,
)
from brokers.journal.statements import RESUMED
from brokers.live.session_setup import SessionSetup, setup_of
from strategies.decision import Decision

REPLAYED = "replayed"  # outcome of a session that was history through the live path
ALL_INCIDENTS = 1_000_000
UNKNOWN = float("nan")


class JournalSnapshot(NamedTuple):
    """Everything in a journal up to its last decision.

    `decisions` are those on bars; `intents` and `fills` are also those of a person who had
    everything sold. `run` is the same as a backtest has it, with the coins of the last session.
    `opens` are opens of bars by the end of the bar and coin, where an order was filled in them.
    `running`: a session holds the journal now.
    """

    path: Path
    account: str
    sessions: list[SessionRecord]
    setups: Mapping[int, SessionSetup]
    decisions: list[DecisionRow]
    run: Run
    intents: list[Intent]
    orders: list[OrderRow]
    fills: list[FillRow]
    equity: list[EquityRow]
    incidents: list[IncidentRow]
    opens: Mapping[tuple[int, str], float]
    halted: str | None
    resumed: float | None
    running: bool

    @property
    def setup(self) -> SessionSetup:
        """The setup of the last session."""
        return self.setups[self.sessions[-1].id] if self.sessions else setup_of("{}")

    @property
    def replayed(self) -> bool:
        """Whether this was no session on live prices but a replay of history."""
        return bool(self.sessions) and all(session.outcome == REPLAYED for session in self.sessions)

    def setup_at(self, decision: DecisionRow) -> SessionSetup:
        """The setup of the session that made the decision."""
        return self.setups.get(decision.session, self.setup)


def read_journal(path: Path) -> JournalSnapshot:
    """Read the journal at `path`, also while a session writes it.

    Raises
    ------
    JournalError
        It is damaged, or no journal.

    """
    with open_journal(path, time, locked=False) as journal:
        sessions = journal.sessions()
        setups = {session.id: setup_of(session.settings) for session in sessions}
        last = setups[sessions[-1].id] if sessions else setup_of("{}")
        decisions = list(journal.decisions())
        until = decisions[-1].time if decisions else 0
        coins = {row.time: setups[row.session].coins for row in decisions if row.session in setups}
        sold = {row.time for row in journal.decisions(kind="flatten")}
        intents = [row for row in journal.intents() if row.time <= until or row.time in sold]
        resumed, trading = journal.get(RESUMED), journal.trading()
        return JournalSnapshot(
            path=path,
            account=journal.account_id,
            sessions=sessions,
            setups=setups,
            decisions=decisions,
            run=_with_coins(run_of(journal, last.bar_seconds, until=until), coins, last.coins),
            intents=intents,
            orders=journal.orders(),
            fills=journal.fills(),
            equity=[row for row in journal.equity() if row.time <= until],
            incidents=journal.incidents(ALL_INCIDENTS),
            opens=_opens(journal, intents, last.bar_seconds),
            halted=trading.reason if trading.state == "off" else None,
            resumed=float(resumed) if resumed else None,
            running=bool(holder(path)),
        )


def _with_coins(run: Run, coins: Mapping[int, tuple[str, ...]], now: tuple[str, ...]) -> Run:
    """`run` with an entry for each coin of `now` in every decision.

    `coins` are those of a decision, by its time; it knew nothing of the others.
    """
    return run._replace(
        decisions=[
            _rearrange(decision, coins.get(decision.time, now), now) for decision in run.decisions
        ]
    )


def _rearrange(decision: Decision, then: tuple[str, ...], now: tuple[str, ...]) -> Decision:
    if then == now:
        return decision
    positions = [then.index(coin) if coin in then else None for coin in now]

    def pick(values: tuple[float, ...], unknown: float) -> tuple[float, ...]:
        return tuple(unknown if position is None else values[position] for position in positions)

    return decision._replace(
        missing=pick(decision.missing, UNKNOWN),
        current=pick(decision.current, 0.0),
        targets=pick(decision.targets, 0.0),
        sizes=pick(decision.sizes, 0.0),
    )


def _opens(
    journal: Journal, intents: list[Intent], bar_seconds: int
) -> dict[tuple[int, str], float]:
    keys = {(intent.time + bar_seconds, intent.symbol) for intent in intents}
    if not keys:
        return {}
    bars = journal.bars(min(keys)[0], max(keys)[0])
    return {
        (bar.time, bar.symbol): bar.open
        for bar in bars
        if bar.stale == 0 and (bar.time, bar.symbol) in keys
    }
