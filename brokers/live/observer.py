"""Who hears of what: journal, log, notifications, heartbeat, systemd, the status line."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from brokers.clock import utc_text
from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.records import DecisionRow, Intent, JournalUnavailableError, Severity
from brokers.live.dead_mans_switch import DeadMansSwitch
from brokers.live.heartbeat import Heartbeat, Signal
from brokers.live.logs import FILE_ONLY
from brokers.live.notify import Notifier
from brokers.live.session_setup import setup_of
from brokers.live.status_document import StatusReport
from brokers.live.status_report import status_report
from brokers.live.status_words import status_lines, status_sentence
from brokers.live.systemd_notify import SystemdNotifier
from brokers.live.undelivered import UndeliveredStore
from brokers.live.weekly import WeeklyMessage
from brokers.local_paths import hide_paths
from brokers.orders.outcome import how_it_ended
from config.settings import Settings

LEVELS = {"info": "INFO", "warning": "WARNING", "critical": "CRITICAL"}
# What of an incident leaves the machine: one that the session deals with by itself is noted only.
SIGNALS: Mapping[Severity, Signal] = {"warning": "log", "critical": "fail"}
DAY = 86_400
REFRESH = 20.0  # seconds after which the status is read again though nothing has happened


class SessionObserver(Protocol):
    """What a session reports to, at once and from its own thread."""

    def on_start(self) -> None:
        """The session has started: it is in the journal, and goes on to its first bar."""

    def on_progress(self, text: str, done: int = 0, of: int = 0) -> None:
        """Something that may take long goes on; as `Progress`."""

    def on_incident(self, incident: Incident) -> None:
        """Something happened that a person should know."""

    def on_decision(
        self, row: DecisionRow, previous: DecisionRow | None, intents: list[Intent]
    ) -> None:
        """A decision was recorded."""

    def on_orders(self, intents: list[Intent]) -> None:
        """The orders of a decision were carried out."""

    def on_completed(self, bar: int) -> None:
        """`bar` (epoch seconds of its end), the newest, is decided and its orders are settled.

        At a start this may be a decision of an earlier session.
        """

    def on_wait(self, until: float) -> None:
        """The session waits for the next decision, due at `until` (epoch seconds)."""


class Channels(NamedTuple):
    """Where reports go."""

    log: Any
    notifier: Notifier
    heartbeat: Heartbeat
    systemd: SystemdNotifier
    switch: DeadMansSwitch
    weekly: WeeklyMessage
    undelivered: UndeliveredStore
    show: Callable[[StatusReport], None]


class NotifyingObserver:
    """Records, logs and notifies; the status line and the dead man's switch follow."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        channels: Channels,
        states: Sequence[str],
        now: Callable[[], float] = time.time,
    ) -> None:
        """`states` are the names of the gate's states by code, the confirmed one last.

        `now` is the session's clock, epoch seconds.
        """
        self._settings = settings
        self._setup = setup_of(settings.model_dump_json())
        self._journal = journal
        self._log = channels.log
        self._notifier = channels.notifier
        self._heartbeat = channels.heartbeat
        self._systemd = channels.systemd
        self._switch = channels.switch
        self._weekly = channels.weekly
        self._undelivered = channels.undelivered
        self._show = channels.show
        self._states = states
        self._is_day_over = self._is_week_over = False
        self._now = now
        self._is_news, self._shown_at = True, -math.inf

    def on_start(self) -> None:
        """Report it to who watches, and what the last session could not deliver."""
        exchange = self._settings.exchange
        self._systemd.ready()
        self._heartbeat.ping("start", f"{exchange.mode} of {exchange.id} has started")
        for incident in filter(None, (self._killed(), self._undelivered.report())):
            self.on_incident(incident)

    def _killed(self) -> Incident | None:
        """Whether the session before this one has ended without a word."""
        with suppress(JournalUnavailableError):
            current = self._journal.session()
            last = self._journal.session(current.id - 1) if current else None
            if last and last.ended is None:
                text = (
                    f"the last session, process {last.pid}, was killed: it began at "
                    f"{utc_text(last.started)}, and its end is not recorded. Power was cut, it was "
                    "killed by hand or for want of memory, or systemd's watchdog found it hanging"
                )
                return Incident("killed", "warning", text)
        return None

    def on_progress(self, text: str, done: int = 0, of: int = 0) -> None:
        """Give a sign of life."""
        self._systemd.alive()

    def on_incident(self, incident: Incident) -> None:
        """Record and log it; send a notification unless it only informs."""
        incident = incident._replace(text=hide_paths(incident.text))
        try:
            self._journal.record_incident(incident.kind, incident.severity, incident.text)
        except JournalUnavailableError as error:  # which may be the incident itself
            self._log.warning("the journal does not have this: {}", error)
        self._log.log(LEVELS[incident.severity], "{}: {}", incident.kind, incident.text)
        self._is_news = True
        if incident.severity != "info":
            self._notifier.send("incident", f"Russell Gate: {incident.kind}", incident.text)
        if signal := SIGNALS.get(incident.severity):
            self._heartbeat.report(signal, f"{incident.kind}: {incident.text}")

    def on_decision(
        self, row: DecisionRow, previous: DecisionRow | None, intents: list[Intent]
    ) -> None:
        """Log it; notify of a changed gate, and once a day."""
        self._switch.decided(row.time)
        self._is_news = True
        self._log.info("{} equity {:,.2f}: {}", utc_text(row.time), row.equity, row.sentence)
        self._notify_of_gate(row, previous)
        shift = self._settings.notify.daily_at * 3600
        if previous is None or (row.time - shift) // DAY != (previous.time - shift) // DAY:
            self._is_day_over = True
        self._is_week_over |= previous is not None and self._weekly.is_due(previous.time, row.time)

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
        lines = [
            f"{intent.order_text}: {how_it_ended(intent.size, intent.state, intent.why)}"
            for intent in intents
        ]
        for line in lines:
            self._log.info("{}", line)
        self._is_news = True
        self._notifier.send("orders", "Russell Gate: orders", "\n".join(lines))

    def on_completed(self, bar: int) -> None:
        """Give the sign of life that leaves the machine; send the daily, begin the weekly message.

        They show the account after its orders.
        """
        self._heartbeat.ping("success", f"the bar of {utc_text(bar)} is decided")
        if self._is_day_over:
            self._send_daily()
        if self._is_week_over:
            self._is_week_over = False
            self._weekly.send(self._now())

    def _send_daily(self) -> None:
        if report := self._report():
            text = "\n".join(str(line) for line in status_lines(report) if line.text)
            self._notifier.send("daily", "Russell Gate: daily summary", text)
            self._is_day_over = False

    def _report(self) -> StatusReport | None:
        """The account now; None while the journal cannot be read, which must stop nothing here."""
        with suppress(JournalUnavailableError):
            return status_report(self._journal, self._states, self._now())
        return None

    def on_stop(self, outcome: str) -> None:
        """Report that the session has ended as it should."""
        self._systemd.stopping()
        text = f"the session has ended: {outcome}"
        self._log.info("{}", text if outcome == "done" else f"{text}; {self._how_to_go_on()}")
        self._heartbeat.ping("log", text)

    def _how_to_go_on(self) -> str:
        """What a session that a person has ended leaves, and what settles it."""
        left = "unknown"
        with suppress(JournalUnavailableError):
            left = str(len(self._journal.unfinished_intents()))
        return f"open orders: {left}; start `paper` to go on"

    def on_end(self, outcome: str, *, bug: bool, retried: bool) -> None:
        """Log and notify that the session has ended on an error; a bug with its traceback.

        `retried`: on one that the systemd units start again after. The terminal gets the error
        from the command itself.
        """
        self._systemd.status(f"has ended: {outcome}")
        self._systemd.stopping()
        log = self._log.bind(**FILE_ONLY).opt(exception=bug)
        log.critical("the session has ended: {}", outcome)
        title = "Russell Gate: the session has ended"
        self._notifier.send("incident", title, outcome, first=True)
        self._heartbeat.ping("log" if retried else "fail", f"the session has ended: {outcome}")

    def on_wait(self, until: float) -> None:
        """Arm the dead man's switch and show the status."""
        bar = int(until - self._setup.grace)
        self._switch.expect(bar, bar + self._setup.in_time)
        self._systemd.alive()
        now = self._now()
        if self._is_news or abs(now - self._shown_at) >= REFRESH:
            self._is_news, self._shown_at = False, now
            if report := self._report():
                self._show(report)
                self._systemd.status(status_sentence(report))
