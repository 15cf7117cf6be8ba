"""`paper`: build a session, run it, and record how it ended."""

import gc
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from brokers.clock import Clock
from brokers.errors import SafetyError
from brokers.exchange.client import Client, Keys
from brokers.exchange.errors import CallAPersonError, ExchangeError
from brokers.exchange.rate_limits import RateLimits
from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.opening import journal_path, open_journal
from brokers.live.broker import TradingAccount
from brokers.live.data_provider import DataProvider, load_gate_rows
from brokers.live.observer import NotifyingObserver, SessionObserver
from brokers.live.session import PaperSession
from brokers.live.strategy import D, LiveStrategy
from brokers.orders.paper import PaperAccount, Rules, Terms
from brokers.orders.testnet import TestnetAccount
from brokers.prices import public_exchange
from brokers.prices.live import LivePrices
from brokers.prices.series import DataError
from brokers.redaction import redact
from config.secrets import Secrets, load_secrets
from config.settings import ConfigError, Settings, load
from config.tuned import warning_of

FLUSH = 5.0  # seconds for notifications that still wait at the end
# How a session may end; anything else is a bug.
EXPECTED = (ConfigError, DataError, ExchangeError, SafetyError)


def run_paper(
    files: list[Path] | None,
    overrides: list[str] | None,
    strategy_of: Callable[[Settings], LiveStrategy[D]],
    *,
    as_json: bool,
    once: bool,
) -> int:
    """Trade what `strategy_of` the settings decides on paper until stopped; the exit code."""
    gc.enable()  # which a backtest does without: a session lives for months
    settings, secrets = load(files, overrides), load_secrets()
    strategy = strategy_of(settings)
    clock = Clock()
    with stop_on_signals(clock) as received, ExitStack() as parts:
        journal = parts.enter_context(open_journal(journal_path(settings), clock.now))
        observer = parts.enter_context(
            observe_session(settings, secrets, journal, strategy.states, console=not as_json)
        )
        if advice := warning_of(settings):
            observer.on_incident(Incident("tuned", "warning", advice))
        session = build_session(
            settings, secrets, strategy, journal=journal, clock=clock, observer=observer
        )
        with _recorded_end(session, observer, secrets, received):
            session.run(once=once)
        if as_json:
            from brokers.journal.documents import latest_decision

            print(latest_decision(journal))
    return 130 if signal.SIGINT in received else 0


@contextmanager
def _recorded_end(
    session: PaperSession[D],
    observer: NotifyingObserver,
    secrets: Secrets,
    received: Sequence[int],
) -> Iterator[None]:
    """Record how the session ended; a bug ends the program with its traceback, secrets masked."""
    outcome = "bug"
    try:
        yield
        outcome = "interrupted" if signal.SIGINT in received else "stopped" if received else "done"
    except KeyboardInterrupt:  # the second Ctrl-C
        outcome = "interrupted"
        raise
    except Exception as error:
        outcome = redact(f"{type(error).__name__}: {error}", secrets.hidden())
        observer.on_end(outcome, bug=not isinstance(error, EXPECTED))
        if isinstance(error, EXPECTED):
            raise
        sys.stderr.write(redact(traceback.format_exc(), secrets.hidden()))
        raise SystemExit(1) from None
    finally:
        session.end(outcome)


def build_session(
    settings: Settings,
    secrets: Secrets,
    strategy: LiveStrategy[D],
    *,
    journal: Journal,
    clock: Clock,
    observer: SessionObserver,
) -> PaperSession[D]:
    """A session of these settings: which account it trades is decided here, and nowhere else."""
    prices = LivePrices(settings)
    public_exchange.RATE_LIMITS.restore(journal, "pauses of public prices")
    public = _client(
        settings.exchange.prices_id, None, settings, clock, public_exchange.RATE_LIMITS
    )
    account: TradingAccount
    if settings.exchange.mode == "testnet":
        account = _testnet_account(
            settings, secrets, public, journal=journal, clock=clock, observer=observer
        )
    else:
        account = _paper_account(settings, public, journal, clock, observer)
    return PaperSession(
        settings,
        strategy,
        provider=DataProvider(
            prices, strategy.functions, settings, clock, gate_rows=load_gate_rows(journal)
        ),
        account=account,
        journal=journal,
        clock=clock,
        observer=observer,
    )


def _testnet_account(
    settings: Settings,
    secrets: Secrets,
    public: Client,
    *,
    journal: Journal,
    clock: Clock,
    observer: SessionObserver,
) -> TestnetAccount:
    keys = secrets.keys()
    if keys is None:
        raise CallAPersonError(
            f"{settings.exchange.id}: no API keys are set: set RUSSELL_GATE_API_KEY and "
            'RUSSELL_GATE_API_SECRET (see .env.example), or exchange.mode = "dry-run"'
        )
    rate_limits = RateLimits(clock.now)
    rate_limits.restore(journal, "pauses")
    client = _client(settings.exchange.id, Keys(*keys), settings, clock, rate_limits)
    return TestnetAccount(
        settings,
        client,
        live_price=public.price,
        journal=journal,
        clock=clock,
        report=observer.on_incident,
    )


def _paper_account(
    settings: Settings,
    public: Client,
    journal: Journal,
    clock: Clock,
    observer: SessionObserver,
) -> PaperAccount:
    markets = {coin.name: coin.market for coin in settings.coins}
    terms = paper_terms(settings)
    account = PaperAccount(
        journal,
        terms,
        markets,
        rules=lambda: _rules(markets, public),
        books=lambda coin: public.book(markets[coin]),
        now=clock.now,
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
    clock: Clock,
    rate_limits: RateLimits,
) -> Client:
    return Client(
        exchange_id,
        keys,
        timeout=settings.exchange.timeout,
        recv_window=settings.exchange.recv_window,
        sleep=clock.sleep,
        now=clock.now,
        rate_limits=rate_limits,
    )


def _rules(markets: Mapping[str, str], public: Client) -> dict[str, Rules]:
    """What the exchange requires of orders in each coin."""
    listings = public.listings()
    if missing := [market for market in markets.values() if market not in listings]:
        raise CallAPersonError(
            f"{public.id}: does not list {', '.join(missing)}; remove those coins, or choose "
            "another exchange.prices_id"
        )
    return {
        name: Rules(listings[market].step, listings[market].min_notional)
        for name, market in markets.items()
    }


@contextmanager
def observe_session(
    settings: Settings,
    secrets: Secrets,
    journal: Journal,
    states: Sequence[str],
    *,
    console: bool,
) -> Iterator[NotifyingObserver]:
    """Log, notifications, status line and dead man's switch, for as long as the session lasts."""
    from loguru import logger

    from brokers.live import logs
    from brokers.live.dead_mans_switch import DeadMansSwitch
    from brokers.live.notify import Notifier, secret_parts
    from brokers.live.status import show_status
    from brokers.prices.clean import bar_length

    hidden = [*secrets.hidden(), *secret_parts(secrets.urls())]
    logs.start(
        Path(settings.log.folder),
        level=settings.log.level,
        rotation_mb=settings.log.rotation,
        keep=settings.log.keep,
        console=console,
        secrets=hidden,
    )
    try:
        notifier = Notifier(secrets.urls(), settings.notify.events, logger, hidden)
        seconds = int(bar_length(settings.exchange.timeframe).total_seconds())
        switch = DeadMansSwitch(
            seconds,
            lambda text: notifier.send("missed", "Russell Gate: missed decision", text),
            logger,
        )
        try:
            with show_status(logger) if console else no_status() as show:
                yield NotifyingObserver(
                    settings,
                    journal,
                    log=logger,
                    notifier=notifier,
                    switch=switch,
                    show=show,
                    states=states,
                )
        finally:
            switch.close()
            notifier.close(FLUSH)
    finally:
        logs.stop()


@contextmanager
def no_status() -> Iterator[Callable[[Any], None]]:
    """The status is not shown."""
    yield lambda status: None


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
