"""Everything that hears of a session, put together for as long as the session lasts."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from loguru import logger

from brokers.errors import RetryLaterError, SafetyError
from brokers.journal.journal import Journal
from brokers.journal.opening import journal_path
from brokers.live import logs
from brokers.live.dead_mans_switch import DeadMansSwitch
from brokers.live.heartbeat import Heartbeat
from brokers.live.notify import Notifier
from brokers.live.observer import Channels, NotifyingObserver
from brokers.live.status import show_status
from brokers.live.systemd_notify import SystemdNotifier
from brokers.live.undelivered import UndeliveredStore
from brokers.live.weekly import CompareWeek, WeeklyMessage
from brokers.prices.clean import bar_length
from config.secrets import Secrets
from config.settings import Settings

# Seconds at the end of a session, together less than TimeoutStopSec of the systemd units: for a
# weekly message that is being made, and to stop it; for heartbeats; for notifications.
COMPARE, STOP_COMPARING, PING, FLUSH = 30.0, 5.0, 15.0, 30.0


@contextmanager
def observe_session(
    settings: Settings,
    secrets: Secrets,
    journal: Journal,
    states: Sequence[str],
    *,
    console: bool,
    now: Callable[[], float] = time.time,
    systemd: SystemdNotifier | None = None,
    compare_week: CompareWeek | None = None,
) -> Iterator[NotifyingObserver]:
    """Log, notifications, heartbeat, service manager, status line and dead man's switch.

    `states` are the names of the gate's states by code, `now` is the session's clock. At the end
    what still waits is sent, and what does not arrive in time is kept for the next start.
    """
    hidden = secrets.hidden()
    with ExitStack() as parts:
        logs.start(
            Path(settings.log.folder),
            level=settings.log.level,
            rotation_mb=settings.log.rotation,
            keep=settings.log.keep,
            console=console,
            secrets=hidden,
        )
        parts.callback(logs.stop)
        notifier = Notifier(secrets.urls(), settings.notify.events, logger, hidden)
        undelivered = UndeliveredStore(journal)
        parts.callback(_keep, undelivered, notifier)
        parts.callback(notifier.close, FLUSH)
        heartbeat = Heartbeat(secrets.heartbeat(), logger, hidden)
        parts.callback(heartbeat.close, PING)
        weekly = WeeklyMessage(
            compare_week, journal_path(settings).resolve(), notifier, settings.notify
        )
        parts.callback(weekly.close, COMPARE, STOP_COMPARING)
        switch = _switch(settings, notifier, heartbeat, now)
        parts.callback(switch.close)
        channels = Channels(
            log=logger,
            notifier=notifier,
            heartbeat=heartbeat,
            systemd=systemd or SystemdNotifier(),
            switch=switch,
            weekly=weekly,
            undelivered=undelivered,
            show=parts.enter_context(show_status(logger) if console else no_status()),
        )
        yield NotifyingObserver(settings, journal, channels, states, now)


def _switch(
    settings: Settings, notifier: Notifier, heartbeat: Heartbeat, now: Callable[[], float]
) -> DeadMansSwitch:
    def alarm(text: str) -> None:
        notifier.send("missed", "Russell Gate: missed decision", text)
        heartbeat.report("fail", text)

    seconds = int(bar_length(settings.exchange.timeframe).total_seconds())
    return DeadMansSwitch(seconds, alarm, logger, now)


def _keep(store: UndeliveredStore, notifier: Notifier) -> None:
    try:
        store.keep(notifier.undelivered())
    except (SafetyError, RetryLaterError) as error:  # the log has their titles
        logger.warning(f"what was not delivered could not be kept for the next start: {error}")


@contextmanager
def no_status() -> Iterator[Callable[[Any], None]]:
    """The status is not shown."""
    yield lambda status: None
