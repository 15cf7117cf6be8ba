"""`paper`: build a session, run it, and record how it ended."""

import gc
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pandas as pd

from brokers.clock import Clock
from brokers.commands.trading_account import trading_account
from brokers.errors import RetryLaterError, SafetyError
from brokers.exchange.errors import ExchangeError
from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.opening import journal_path, open_journal
from brokers.journal.records import Accepted, Known
from brokers.live.array_memory import take_small_blocks
from brokers.live.data_provider import DataProvider
from brokers.live.exchange_clock import ExchangeClock
from brokers.live.forward_recorder import ForwardRecorder
from brokers.live.gate_history import load_gate_rows
from brokers.live.observation import observe_session
from brokers.live.observer import NotifyingObserver, SessionObserver
from brokers.live.session import PaperSession
from brokers.live.status_report import status_report
from brokers.live.status_words import result_line
from brokers.live.strategy import D, LiveStrategy
from brokers.live.systemd_notify import SystemdNotifier, WatchedClock
from brokers.live.weekly import CompareWeek
from brokers.local_paths import hide_paths
from brokers.prices.calendar import calendar_source
from brokers.prices.live import LivePrices
from brokers.prices.series import AcceptedClose, DataError
from brokers.redaction import redact
from config.secrets import Secrets, load_secrets
from config.settings import ConfigError, Settings, load
from config.tuned import warning_of

# How a session may end; anything else is a bug.
EXPECTED = (ConfigError, DataError, ExchangeError, RetryLaterError, SafetyError)
# What the systemd units start a session again after; anything else wants a person.
RETRIED = (DataError, RetryLaterError)


def run_paper(
    files: list[Path] | None,
    overrides: list[str] | None,
    strategy_of: Callable[[Settings], LiveStrategy[D]],
    *,
    compare_week: CompareWeek,
    as_json: bool,
    once: bool,
) -> int:
    """Trade what `strategy_of` the settings decides on paper until stopped; the exit code.

    `compare_week` makes the weekly message.
    """
    gc.enable()  # which a backtest does without: a session lives for months
    settings, secrets = load(files, overrides), load_secrets()
    strategy = strategy_of(settings)
    systemd = SystemdNotifier()
    clock = ExchangeClock(WatchedClock(systemd))
    with stop_on_signals(clock) as received, ExitStack() as parts:
        journal = parts.enter_context(open_journal(journal_path(settings), clock.now))
        observer = parts.enter_context(
            observe_session(
                settings,
                secrets,
                journal,
                strategy.states,
                console=not as_json,
                now=clock.now,
                systemd=systemd,
                compare_week=compare_week,
            )
        )
        if advice := warning_of(settings):
            observer.on_incident(Incident("tuned", "warning", advice))
        begun: list[PaperSession[D]] = []
        with record_end(begun, observer, secrets, received):
            session = build_session(
                settings, secrets, strategy, journal=journal, clock=clock, observer=observer
            )
            begun.append(session)
            session.run(once=once)
        if as_json:
            from brokers.journal.documents import latest_decision

            print(latest_decision(journal))
        elif once:
            report = status_report(journal, strategy.states, clock.now())
            print(result_line(report))
    return 130 if signal.SIGINT in received else 0


@contextmanager
def record_end(
    begun: Sequence[PaperSession[D]],
    observer: NotifyingObserver,
    secrets: Secrets,
    received: Sequence[int],
) -> Iterator[None]:
    """Record and report how the session ended, also where it could not begin.

    A bug ends the program with its traceback, secrets masked.
    """
    outcome = "bug"
    try:
        yield
        outcome = "interrupted" if signal.SIGINT in received else "stopped" if received else "done"
        observer.on_stop(outcome)
    except KeyboardInterrupt:  # the second Ctrl-C
        outcome = "interrupted"
        observer.on_stop(outcome)
        raise
    except Exception as error:
        outcome = hide_paths(redact(f"{_kind(error)}: {error}", secrets.hidden()))
        observer.on_end(
            outcome, bug=not isinstance(error, EXPECTED), retried=isinstance(error, RETRIED)
        )
        if isinstance(error, EXPECTED):
            raise
        sys.stderr.write(redact(traceback.format_exc(), secrets.hidden()))
        raise SystemExit(1) from None
    finally:
        for session in begun:
            session.end(outcome)


def _kind(error: Exception) -> str:
    """The class of an error by which its consequence is known, for the journal."""
    names = (kind.__name__ for kind in type(error).__mro__)
    return next(name for name in names if not name.startswith("_"))


def build_session(
    settings: Settings,
    secrets: Secrets,
    strategy: LiveStrategy[D],
    *,
    journal: Journal,
    clock: Clock,
    observer: SessionObserver,
) -> PaperSession[D]:
    """A session of these settings.

    `clock` is the machine's, or one that follows the exchange's time from here on.
    """
    take_small_blocks()
    clock = clock if isinstance(clock, ExchangeClock) else ExchangeClock(clock)
    prices = LivePrices(settings, observer.on_progress)
    account, client = trading_account(settings, secrets, journal, clock, observer)
    clock.follow(
        client,
        oldest_decision=settings.paper.max_decision_age,
        report=observer.on_incident,
        remember=journal.put_known,
    )
    provider = DataProvider(
        prices,
        strategy.functions,
        settings,
        clock,
        gate_rows=load_gate_rows(journal, strategy.rules_digest),
        on_download=lambda now: journal.put_known(_known_calendar(prices, now, clock)),
        accept=lambda close, session: journal.accept_close(_accepted(close, session)),
    )
    forward = ForwardRecorder(
        settings,
        provider,
        clock,
        observer.on_incident,
        states=strategy.states,
        rules_digest=strategy.rules_digest,
    )
    return PaperSession(
        settings,
        strategy,
        provider=provider,
        account=account,
        journal=journal,
        clock=clock,
        observer=observer,
        on_completed=forward.record,
    )


def _known_calendar(prices: LivePrices, now: pd.Timestamp, clock: Clock) -> Known:
    """Until when sessions are known, as read for the bar that ended at `now`."""
    until = prices.calendar_end(now).timestamp()
    return Known("calendar", until, calendar_source(), clock.now())


def _accepted(close: AcceptedClose, session: pd.Timestamp) -> Accepted:
    """The journal's row of a close that a second source has confirmed."""
    instants = int(session.timestamp()), close.at.timestamp()
    return Accepted(close.symbol, instants[0], close.close, close.by, instants[1])


@contextmanager
def stop_on_signals(clock: Clock) -> Iterator[list[int]]:
    """SIGTERM and the first Ctrl-C stop the clock, a second Ctrl-C interrupts at once.

    What came is in the list.
    """
    received: list[int] = []

    def stop(number: int, _: object) -> None:
        if number == signal.SIGINT and signal.SIGINT in received:
            raise KeyboardInterrupt
        received.append(number)
        clock.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
