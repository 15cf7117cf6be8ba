"""Who hears of what: journal, log, notifications, the status line, the dead man's switch."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from brokers.clock import utc_text
from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.records import DecisionRow, Intent
from brokers.live.dead_mans_switch import DeadMansSwitch
from brokers.live.notify import Notifier
from brokers.live.status import Holding, Status
from config.settings import Settings

LEVELS = {"info": "INFO", "warning": "WARNING", "critical": "CRITICAL"}
DAY = 86_400
MARGIN = 120.0  # seconds beyond grace and patience before a decision counts as missed


class SessionObserver(Protocol):
    """What a session reports to, at once and from its own thread."""

    def on_incident(self, incident: Incident) -> None:
        """Something happened that a person should know."""

    def on_decision(
        self, row: DecisionRow, previous: DecisionRow | None, intents: list[Intent]
    ) -> None:
        """A decision was recorded."""

    def on_orders(self, intents: list[Intent]) -> None:
        """The orders of a decision were carried out."""

    def on_wait(self, until: float) -> None:
        """The session waits for the next decision, due at `until` (epoch seconds)."""


class NotifyingObserver:
    """Records, logs and notifies; the status line and the dead man's switch follow."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        *,
        log: Any,
        notifier: Notifier,
        switch: DeadMansSwitch,
        show: Callable[[Status], None],
        states: Sequence[str],
    ) -> None:
        """`states` are the names of the gate's states by code."""
        self._settings = settings
        self._journal = journal
        self._log = log
        self._notifier = notifier
        self._switch = switch
        self._show = show
        self._states = states
        self._row = journal.last_decision()
        self._last_incident = ""
        self._since_decision = False  # whether it came after the newest decision

    def on_incident(self, incident: Incident) -> None:
        """Record and log it; send a notification unless it only informs."""
        self._journal.record_incident(incident.kind, incident.severity, incident.text)
        self._log.log(LEVELS[incident.severity], "{}: {}", incident.kind, incident.text)
        if incident.severity != "info":
            self._last_incident, self._since_decision = incident.text, True
            self._notifier.send("incident", f"Russell Gate: {incident.kind}", incident.text)

    def on_decision(
        self, row: DecisionRow, previous: DecisionRow | None, intents: list[Intent]
    ) -> None:
        """Log it; notify of a changed gate, and once a day."""
        self._switch.decided(row.time)
        self._row = row
        if not self._since_decision:
            self._last_incident = ""  # a whole bar has passed without it
        self._since_decision = False
        self._log.info("{} equity {:,.2f}: {}", utc_text(row.time), row.equity, row.sentence)
        self._notify_of_gate(row, previous)
        shift = self._settings.notify.daily_at * 3600
        if previous is None or (row.time - shift) // DAY != (previous.time - shift) // DAY:
            text = (
                f"Equity {row.equity:,.2f}, gate {self._states[row.state]}, "
                f"at most {row.ceiling:.0%} in coins. {row.sentence}"
            )
            self._notifier.send("daily", "Russell Gate: daily summary", text)

    def _notify_of_gate(self, row: DecisionRow, previous: DecisionRow | None) -> None:
        if previous is None or (row.state, row.ceiling) == (previous.state, previous.ceiling):
            return
        text = (
            f"The gate was {self._states[previous.state]} (at most {previous.ceiling:.0%} in coins)"
            f" and is now {self._states[row.state]} (at most {row.ceiling:.0%}). {row.sentence}"
        )
        self._notifier.send("gate", "Russell Gate: the gate has changed", text)

    def on_orders(self, intents: list[Intent]) -> None:
        """Log each order and notify of all together."""
        lines = [f"{intent.order_text}: {intent.state}, {intent.why}" for intent in intents]
        for line in lines:
            self._log.info("{}", line)
        self._notifier.send("orders", "Russell Gate: orders", "\n".join(lines))

    def on_end(self, outcome: str, *, bug: bool) -> None:
        """Log and notify that the session has ended on an error; a bug with its traceback."""
        self._log.opt(exception=bug).critical("the session has ended: {}", outcome)
        self._notifier.send("incident", "Russell Gate: the session has ended", outcome)

    def on_wait(self, until: float) -> None:
        """Arm the dead man's switch and show the status."""
        paper, bar = self._settings.paper, int(until - self._settings.paper.grace)
        self._switch.expect(bar, until + paper.patience + MARGIN)
        self._show(self._status(until))

    def _status(self, until: float) -> Status:
        row, exchange = self._row, self._settings.exchange
        testnet = exchange.mode == "testnet"
        return Status(
            mode=exchange.mode,
            exchange=exchange.id if testnet else exchange.prices_id,
            next_decision=until,
            gate=self._states[row.state] if row else "",
            ceiling=row.ceiling if row else math.nan,
            equity=row.equity if row else math.nan,
            quote=self._settings.coins[0].market.partition("/")[2],
            drawdown=row.drawdown if row else math.nan,
            holdings=self._holdings(row) if row else (),
            sentence=row.sentence if row else "",
            incident=self._last_incident,
            halted=self._journal.halt_reason() or "",
        )

    def _holdings(self, row: DecisionRow) -> tuple[Holding, ...]:
        coins = self._settings.coins
        if len(row.current) != len(coins):
            return ()  # a coin was added or taken out since that decision
        return tuple(
            Holding(coin.name, current * row.equity, target * row.equity)
            for coin, current, target in zip(coins, row.current, row.targets, strict=True)
        )
