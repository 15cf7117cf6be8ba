"""Who is told what: journal, log, notifications, the status in the terminal, the dead man's switch."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from brokers.journal.incident import Problem
from brokers.journal.journal import Journal
from brokers.journal.records import DecisionRow, Intent
from brokers.live.notify import DeadMansSwitch, Notifier
from brokers.live.status import Holding, Status
from config.settings import Settings

LEVELS = {"info": "INFO", "warning": "WARNING", "critical": "CRITICAL"}
DAY = 86_400
MARGIN = 120.0  # seconds beyond grace and patience before a decision counts as missed


class SessionVoice:
    """Everything a session has to say goes through here, once."""

    def __init__(
        self, settings: Settings, journal: Journal, log: Any, notifier: Notifier, switch: DeadMansSwitch, show: Callable[[Status], None],
        states: Sequence[str],
    ) -> None:  # fmt: skip
        """`states` are the names of the gate's states by code."""
        self._settings = settings
        self._journal = journal
        self._log = log
        self._notifier = notifier
        self._switch = switch
        self._show = show
        self._states = states
        self._row = journal.last_decision()
        self._last_problem = ""
        self._since_decided = False  # whether it came after the newest decision

    def problem(self, problem: Problem) -> None:
        """Something a person should know: always in journal and log; told where it asks for somebody."""
        self._journal.incident(problem.kind, problem.severity, problem.text)
        self._log.log(LEVELS[problem.severity], "{}: {}", problem.kind, problem.text)
        if problem.severity != "info":
            self._last_problem, self._since_decided = problem.text, True
            self._notifier.send("incident", f"Russell Gate: {problem.kind}", problem.text)

    def decided(self, row: DecisionRow, before: DecisionRow | None, intents: list[Intent]) -> None:
        """A decision was written down."""
        self._switch.decided(row.time)
        self._row = row
        if not self._since_decided:
            self._last_problem = ""  # a whole bar has passed without it
        self._since_decided = False
        self._log.info("{} equity {:,.2f}: {}", _utc(row.time), row.equity, row.sentence)
        if before is not None and (row.state, row.ceiling) != (before.state, before.ceiling):
            text = f"{self._states[before.state]} at {before.ceiling:.0%} is now {self._states[row.state]} at {row.ceiling:.0%}. {row.sentence}"
            self._notifier.send("gate", "Russell Gate: the gate has changed", text)
        shift = self._settings.notify.daily_at * 3600
        if before is None or (row.time - shift) // DAY != (before.time - shift) // DAY:
            text = f"equity {row.equity:,.2f}, gate {self._states[row.state]}, at most {row.ceiling:.0%} in coins. {row.sentence}"
            self._notifier.send("daily", "Russell Gate: today", text)

    def settled(self, intents: list[Intent]) -> None:
        """A decision was carried out."""
        lines = [
            f"{'buy' if one.size > 0 else 'sell'} {abs(one.size):g} {one.symbol}: {one.state}, {one.why}"
            for one in intents
        ]
        for line in lines:
            self._log.info("{}", line)
        self._notifier.send("orders", "Russell Gate: orders", "\n".join(lines))

    def ended(self, outcome: str, bug: bool) -> None:
        """The session has ended on an error, which only as a bug needs its traceback: nobody decides until somebody starts it again."""
        self._log.opt(exception=bug).critical("the session has ended: {}", outcome)
        self._notifier.send("incident", "Russell Gate: the session has ended", outcome)

    def waiting(self, until: float) -> None:
        """The next decision is due at `until` (epoch seconds)."""
        paper, bar = self._settings.paper, int(until - self._settings.paper.grace)
        self._switch.expect(bar, until + paper.patience + MARGIN)
        self._show(self._status(until))

    def _status(self, until: float) -> Status:
        row, settings = self._row, self._settings
        quote = settings.coins[0].market.partition("/")[2]
        halted = self._journal.halted() or ""
        exchange = (
            settings.exchange.id
            if settings.exchange.mode == "testnet"
            else settings.exchange.prices_id
        )
        if row is None:
            nothing = math.nan
            return Status(
                settings.exchange.mode,
                exchange,
                until,
                "",
                nothing,
                nothing,
                quote,
                nothing,
                (),
                "",
                self._last_problem,
                halted,
            )
        alike = len(row.current) == len(
            settings.coins
        )  # not so if a coin came or went since that decision
        shares = zip(settings.coins, row.current, row.targets, strict=True) if alike else ()
        holdings = tuple(
            Holding(coin.name, current * row.equity, target * row.equity)
            for coin, current, target in shares
        )
        return Status(
            settings.exchange.mode, exchange, until, self._states[row.state], row.ceiling, row.equity, quote, row.drawdown, holdings, row.sentence,
            self._last_problem, halted,
        )  # fmt: skip


def _utc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
