"""A journal read once, with what each of its sessions was set up to do."""

import json
from collections.abc import Mapping
from pathlib import Path
from time import time
from typing import Any, NamedTuple

from backtests.engine.journal_run import run_of
from backtests.engine.simulation import Run
from brokers.journal.journal import RESUMED, Journal
from brokers.journal.lock import holder
from brokers.journal.opening import open_journal
from brokers.journal.records import (
    DecisionRow,
    EquityRow,
    FillRow,
    Incident,
    Intent,
    OrderRow,
    Session,
)
from brokers.live.observer import MARGIN
from brokers.prices.clean import bar_length
from strategies.decision import Decision

REPLAYED = "replayed"  # outcome of a session that was history through the live path
EVERY = 1_000_000  # incidents
NAN = float("nan")


class Setup(NamedTuple):
    """What a session's settings say about its bars, whatever version wrote them.

    Names of its coins, of the coin they are quoted in, seconds of a bar, seconds after a bar's end within which a decision is in time.
    """

    coins: tuple[str, ...]
    quote: str
    length: int
    in_time: float


class Kept(NamedTuple):
    """Everything in a journal up to its last decision. `run` is the same in a backtest's words, coins as the last session has them.

    `opens` are opens of bars by the end of the bar and coin, where an order was filled in them; `running`: a session holds the journal now.
    """

    path: Path
    account: str
    sessions: list[Session]
    setups: Mapping[int, Setup]
    decisions: list[DecisionRow]
    run: Run
    intents: list[Intent]
    orders: list[OrderRow]
    fills: list[FillRow]
    equity: list[EquityRow]
    incidents: list[Incident]
    opens: Mapping[tuple[int, str], float]
    halted: str | None
    resumed: float | None
    running: bool

    @property
    def setup(self) -> Setup:
        """What the last session was set up to do."""
        return self.setups[self.sessions[-1].id] if self.sessions else setup_of("{}")

    @property
    def replayed(self) -> bool:
        """Whether this was no session on live prices but a replay of history."""
        return bool(self.sessions) and all(one.outcome == REPLAYED for one in self.sessions)

    def of(self, row: DecisionRow) -> Setup:
        """What the session was set up to do that made the decision."""
        return self.setups.get(row.session, self.setup)


def read(path: Path) -> Kept:
    """Read the journal at `path`, also while a session writes it.

    Raises
    ------
    JournalError
        It is damaged, or no journal.

    """
    with open_journal(path, time, locked=False) as journal:
        sessions = journal.sessions()
        setups = {one.id: setup_of(one.settings) for one in sessions}
        last = setups[sessions[-1].id] if sessions else setup_of("{}")
        decisions = list(journal.decisions())
        until = decisions[-1].time if decisions else 0
        run = _told_alike(run_of(journal, last.length, until=until), decisions, setups, last)
        intents = [one for one in journal.intents() if one.time <= until]
        resumed = journal.get(RESUMED)
        return Kept(
            path=path,
            account=journal.account_id,
            sessions=sessions,
            setups=setups,
            decisions=decisions,
            run=run,
            intents=intents,
            orders=journal.orders(),
            fills=journal.fills(),
            equity=[row for row in journal.equity() if row.time <= until],
            incidents=journal.incidents(EVERY),
            opens=_opens(journal, intents, last.length),
            halted=journal.halted(),
            resumed=float(resumed) if resumed else None,
            running=bool(holder(path)),
        )


def setup_of(settings: str) -> Setup:
    """What a session's settings (JSON) say; where they cannot be read, what most have."""
    try:
        found: Any = json.loads(settings)
    except ValueError:
        found = {}
    sections: Any = found if isinstance(found, dict) else {}
    coins, paper = sections.get("coins", []), sections.get("paper", {})
    quotes = [str(coin["market"]).partition("/")[2] for coin in coins]
    length = int(bar_length(sections.get("exchange", {}).get("timeframe", "1d")).total_seconds())
    in_time = float(paper.get("grace", 0.0)) + float(paper.get("patience", 0.0)) + MARGIN
    return Setup(
        tuple(str(coin["name"]) for coin in coins),
        quotes[0] if quotes else "quote units",
        length,
        in_time,
    )


def _told_alike(run: Run, rows: list[DecisionRow], setups: Mapping[int, Setup], last: Setup) -> Run:
    """Every decision with an entry for each of the last session's coins; one that had other coins knew nothing of them."""
    coins = {row.time: setups[row.session].coins for row in rows if row.session in setups}
    return run._replace(
        decisions=[
            _for_coins(one, coins.get(one.time, last.coins), last.coins) for one in run.decisions
        ]
    )


def _for_coins(one: Decision, then: tuple[str, ...], now: tuple[str, ...]) -> Decision:
    if then == now:
        return one
    places = [then.index(coin) if coin in then else None for coin in now]

    def moved(values: tuple[float, ...], unknown: float) -> tuple[float, ...]:
        return tuple(unknown if place is None else values[place] for place in places)

    return one._replace(
        missing=moved(one.missing, NAN),
        current=moved(one.current, 0.0),
        targets=moved(one.targets, 0.0),
        sizes=moved(one.sizes, 0.0),
    )


def _opens(journal: Journal, intents: list[Intent], length: int) -> dict[tuple[int, str], float]:
    wanted = {(one.time + length, one.symbol) for one in intents}
    if not wanted:
        return {}
    bars = journal.bars(min(wanted)[0], max(wanted)[0])
    return {
        (bar.time, bar.symbol): bar.open
        for bar in bars
        if bar.stale == 0 and (bar.time, bar.symbol) in wanted
    }
