"""`flatten`: sell everything, then stop trading."""

import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from brokers.clock import Clock
from brokers.commands.account_settings import account_settings
from brokers.commands.paper import build_session, record_end, stop_on_signals
from brokers.errors import RETRY_LATER, STOPPED
from brokers.journal.lock import holder
from brokers.journal.opening import open_journal, read_journal_file
from brokers.journal.reader import JournalReader
from brokers.journal.records import IncidentRow, InUseError, JournalUnavailableError
from brokers.journal.selection import select_journal
from brokers.live.exchange_clock import ExchangeClock
from brokers.live.flatten import KIND
from brokers.live.observation import observe_session
from brokers.live.session import PaperSession
from brokers.live.strategy import D, LiveStrategy
from brokers.orders.outcome import how_it_ended
from config.secrets import load_secrets
from config.settings import ConfigError, Settings

LOOK_PERIOD = 1.0  # seconds between two looks at what a running session does
PATIENCE = 300.0  # seconds until nobody waits for it here any more; it goes on
MOST_READ = 100  # incidents in which the end is looked for
DONE = 0


class Progress(NamedTuple):
    """The sales of everything there have been, by their second, and their endings.

    Not by time: a session follows the exchange's clock, this command the machine's.
    """

    sales: frozenset[int]
    endings: frozenset[IncidentRow]


def run_flatten(
    files: list[Path] | None,
    overrides: list[str] | None,
    strategy_of: Callable[[Settings], LiveStrategy[D]],
    reason: str,
    *,
    confirmed: bool,
) -> int:
    """Sell everything an account holds and halt it: by its session, or here if none runs.

    Returns
    -------
    0 if everything is sold; 5 if something is left, or a person has called it off; 75 if it is not
    done yet.

    Raises
    ------
    ConfigError
        The account was not named, or the settings it trades with cannot be had.
    JournalUnavailableError, JournalError, ExchangeError
        As for `paper --once`; the next start, or `flatten` again, carries on.

    """
    path = select_journal(files, overrides)
    if not holder(path):
        account_settings(path, files, overrides)  # without which nothing could be sold
    if not confirmed:
        _confirm(path.stem)
    before = _ask(path, reason)
    try:
        code = _wait_or_sell(path, files, overrides, strategy_of)
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(_pending(path))
        raise
    except Exception:
        if _is_asked(path):
            print(_pending(path), file=sys.stderr)
        raise
    if code and _is_asked(path):  # a signal has stopped it
        print(_pending(path), file=sys.stderr)
        return code
    return _report(path, before) or code


def _pending(path: Path) -> str:
    return (
        f"{path}: everything is still to be sold: start `flatten` or `paper` again; "
        "`halt` calls it off"
    )


def _wait_or_sell(
    path: Path,
    files: list[Path] | None,
    overrides: list[str] | None,
    strategy_of: Callable[[Settings], LiveStrategy[D]],
) -> int:
    """Wait for the session that sells, or sell where there is none; the exit code so far."""
    ends = time.monotonic() + PATIENCE
    while _is_asked(path) and time.monotonic() < ends:
        if holder(path):
            time.sleep(LOOK_PERIOD)
            continue
        try:
            settings = account_settings(path, files, overrides)
            code = _sell(path, settings, strategy_of(settings))
        except InUseError:
            continue  # a session has just started: it sells
        return code
    return DONE


def _confirm(name: str) -> None:
    """Let a person type the account's name.

    Raises
    ------
    ConfigError
        It is another one, or nobody is there to type it.

    """
    print(f"This sells everything that {name} holds, at market, and halts it.", file=sys.stderr)
    print("Type the account's name to go on: ", end="", file=sys.stderr, flush=True)
    typed = sys.stdin.readline().strip()
    if typed != name:
        raise ConfigError(
            f"nothing was sold: the account is {name!r}, typed was {typed!r}; "
            "--yes goes on without asking"
        )


def _ask(path: Path, reason: str) -> Progress:
    """Record that everything is to be sold; what there was before."""
    try:
        with open_journal(path, time.time, locked=False) as journal:
            before = _progress(journal)
            journal.set_trading("flatten", reason)
            journal.record_incident("halt", "warning", f"everything is to be sold: {reason}")
    except JournalUnavailableError as error:
        raise JournalUnavailableError(
            f"{error}. Nothing is sold and nothing has changed: an order that cannot be recorded "
            "is not sent. `halt` stops all orders even so"
        ) from error
    return before


def _is_asked(path: Path) -> bool:
    with read_journal_file(path) as journal:
        return journal.trading().state == "flatten"


def _sell(path: Path, settings: Settings, strategy: LiveStrategy[D]) -> int:
    """Sell in this process, as the one session of the account."""
    secrets, clock = load_secrets(), ExchangeClock(Clock())
    with stop_on_signals(clock) as received, ExitStack() as parts:
        journal = parts.enter_context(open_journal(path, clock.now))
        observer = parts.enter_context(
            observe_session(
                settings, secrets, journal, strategy.states, console=True, now=clock.now
            )
        )
        begun = list[PaperSession[D]]()
        with record_end(begun, observer, secrets, received):
            session = build_session(
                settings, secrets, strategy, journal=journal, clock=clock, observer=observer
            )
            begun.append(session)
            session.flatten()
    if received:
        return 130 if signal.SIGINT in received else RETRY_LATER
    return DONE


def _progress(journal: JournalReader) -> Progress:
    endings = (row for row in journal.incidents(MOST_READ) if row.kind == KIND)
    sales = (row.time for row in journal.decisions(kind="flatten"))
    return Progress(frozenset(sales), frozenset(endings))


def _report(path: Path, before: Progress) -> int:
    """Print what has come of it since `before`; the exit code."""
    with read_journal_file(path) as journal:
        trading, now = journal.trading(), _progress(journal)
        for second in sorted(now.sales - before.sales):
            for intent in journal.intents(second):
                became = how_it_ended(intent.size, intent.state, intent.why)
                print(f"{intent.order_text}: {became}")
    if trading.state == "flatten":
        print(f"{path}: not everything is sold yet; its session goes on with it")
        return RETRY_LATER
    ending = max(now.endings - before.endings, key=lambda row: row.last, default=None)
    if ending is None:
        print(f"{path}: called off: trading is {trading.state} ({trading.reason})")
        return STOPPED
    print(f"{path}: {ending.text}")
    return DONE if ending.severity != "critical" else STOPPED
