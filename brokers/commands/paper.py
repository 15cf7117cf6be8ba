"""`paper`: build a session, run it, and record how it ended."""

import gc
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pandas as pd

from brokers.clock import Clock
from brokers.errors import RetryLaterError, SafetyError
from brokers.exchange.client import Client, Keys
from brokers.exchange.errors import CallAPersonError, ExchangeError
from brokers.exchange.rate_limits import RateLimits
from brokers.exchange.sandboxes import facts_of
from brokers.exchange.types import Listing
from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.opening import journal_path, open_journal
from brokers.journal.records import Known
from brokers.live.broker import TradingAccount
from brokers.live.data_provider import DataProvider
from brokers.live.exchange_clock import ExchangeClock
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
from brokers.orders.market_rules import check_listed, known_markets
from brokers.orders.paper import PaperAccount, Rules, Terms
from brokers.orders.remainder import why_not_traded
from brokers.orders.testnet import TestnetAccount
from brokers.prices import public_exchange
from brokers.prices.calendar import calendar_source
from brokers.prices.live import LivePrices
from brokers.prices.series import DataError
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
    """A session of these settings: which account it trades is decided here, and nowhere else.

    `clock` is the machine's, or one that follows the exchange's time from here on.
    """
    clock = clock if isinstance(clock, ExchangeClock) else ExchangeClock(clock)
    prices = LivePrices(settings, observer.on_progress)
    public_exchange.RATE_LIMITS.restore(journal, "pauses of public prices")
    public = _client(
        settings.exchange.prices_id, None, settings, clock, public_exchange.RATE_LIMITS
    )
    account: TradingAccount
    if settings.exchange.mode == "testnet":
        client = _sandbox_client(settings, secrets, journal, clock)
        account = TestnetAccount(
            settings,
            client,
            live_price=public.price,
            journal=journal,
            clock=clock,
            report=observer.on_incident,
        )
    else:
        client = public
        account = _paper_account(settings, public, journal, clock, observer)
    clock.follow(
        client,
        oldest_decision=settings.paper.max_decision_age,
        report=observer.on_incident,
        remember=journal.put_known,
    )
    return PaperSession(
        settings,
        strategy,
        provider=DataProvider(
            prices,
            strategy.functions,
            settings,
            clock,
            gate_rows=load_gate_rows(journal, strategy.rules_digest),
            on_download=lambda now: journal.put_known(_known_calendar(prices, now, clock)),
        ),
        account=account,
        journal=journal,
        clock=clock,
        observer=observer,
    )


def _known_calendar(prices: LivePrices, now: pd.Timestamp, clock: Clock) -> Known:
    """Until when sessions are known, as read for the bar that ended at `now`."""
    until = prices.calendar_end(now).timestamp()
    return Known("calendar", until, calendar_source(), clock.now())


def _sandbox_client(
    settings: Settings, secrets: Secrets, journal: Journal, clock: ExchangeClock
) -> Client:
    facts_of(settings.exchange.id)  # refuses one without a sandbox before it asks for its keys
    keys = secrets.keys()
    if keys is None:
        raise CallAPersonError(
            f"{settings.exchange.id}: no API keys are set: set RUSSELL_GATE_API_KEY and "
            'RUSSELL_GATE_API_SECRET (see .env.example), or exchange.mode = "dry-run"'
        )
    # By the machine's clock, which the next process has too before it has asked for the time.
    rate_limits = RateLimits(clock.machine.now)
    rate_limits.restore(journal, "pauses")
    return _client(settings.exchange.id, Keys(*keys), settings, clock, rate_limits)


def _paper_account(
    settings: Settings,
    public: Client,
    journal: Journal,
    clock: ExchangeClock,
    observer: SessionObserver,
) -> PaperAccount:
    markets = {coin.name: coin.market for coin in settings.coins}
    terms = paper_terms(settings)
    account = PaperAccount(
        journal,
        terms,
        markets,
        rules=lambda: _rules(markets, public, journal, clock, observer.on_incident),
        books=lambda coin: public.book(markets[coin]),
        now=clock.now,
        report=observer.on_incident,
        gone=settings.paper.gone,
    )
    if account.initial_cash != terms.cash:
        text = (
            f"the paper account began with {account.initial_cash:,.2f} and continues; the "
            f"{terms.cash:,.2f} of the settings is not used. For a new account set journal.folder "
            "to another"
        )
        observer.on_incident(Incident("account", "warning", text))
    return account


def paper_terms(settings: Settings) -> Terms:
    """What a paper account begins with and how its orders fill."""
    exchange = settings.exchange
    return Terms(
        cash=exchange.amount or settings.backtest.cash,
        fee=settings.costs.fee,
        tick_gap=settings.guards.tick_gap,
        price_guard=exchange.price_guard,
    )


def _client(
    exchange_id: str,
    keys: Keys | None,
    settings: Settings,
    clock: ExchangeClock,
    rate_limits: RateLimits,
) -> Client:
    """A client; it measures how far the machine's clock is off, so it reads that one."""
    return Client(
        exchange_id,
        keys,
        timeout=settings.exchange.timeout,
        recv_window=settings.exchange.recv_window,
        sleep=clock.sleep,
        now=clock.machine.now,
        rate_limits=rate_limits,
    )


def _rules(
    markets: Mapping[str, str],
    public: Client,
    journal: Journal,
    clock: Clock,
    report: Callable[[Incident], None],
) -> dict[str, Rules]:
    """What the exchange requires of orders in each coin.

    A coin that is no longer listed is kept and not traded; at the first start it is refused.
    """
    listings = public.listings(reload=True)
    journal.put_known(known_markets(public.id, clock.now()))
    check_listed(
        markets.values(),
        listings,
        public.id,
        has_begun=journal.last_decision() is not None,
        report=report,
        key="exchange.prices_id",
    )
    return {name: _rules_of(market, listings, public.id) for name, market in markets.items()}


def _rules_of(market: str, listings: Mapping[str, Listing], where: str) -> Rules:
    if market not in listings:
        return Rules(0.0, 0.0, why_not_traded(market, where))
    listing = listings[market]
    why_closed = "" if listing.active else why_not_traded(market, where)
    return Rules(listing.step, listing.min_notional, why_closed)


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
