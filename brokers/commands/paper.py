"""`paper`: a session is put together, run, and always ended in writing."""

import gc
import json
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
from brokers.exchange.rate_limits import Quiet
from brokers.journal.incident import Problem
from brokers.journal.journal import Journal
from brokers.journal.opening import journal_path, open_journal
from brokers.json_values import plain
from brokers.live.data_provider import Pump, remembered
from brokers.live.observer import SessionVoice
from brokers.live.session import Session, Voice
from brokers.live.strategy import LiveStrategy
from brokers.orders.paper import PaperAccount, Rules, Terms
from brokers.orders.testnet import TestnetAccount
from brokers.prices import candles as public_prices
from brokers.prices.live import LivePrices
from brokers.prices.series import DataError
from brokers.redaction import redacted
from config.secrets import Secrets, load_secrets
from config.settings import ConfigError, Settings, load
from config.tuned import warning_of

FLUSH = 5.0  # seconds for notifications that still wait at the end
EXPECTED = (
    ConfigError,
    DataError,
    ExchangeError,
    SafetyError,
)  # how a session may end; anything else is a bug


StrategyOf = Callable[[Settings], LiveStrategy]


def run_paper(
    files: list[Path] | None,
    overrides: list[str] | None,
    as_json: bool,
    once: bool,
    strategy_of: StrategyOf,
) -> int:
    """Trade what `strategy_of` the settings decides on paper until told to stop; the exit code."""
    gc.enable()  # which a backtest does without: a session lives for months
    settings, secrets = load(files, overrides), load_secrets()
    strategy = strategy_of(settings)
    clock = Clock()
    with ended_by_signals(clock) as received, ExitStack() as parts:
        journal = parts.enter_context(open_journal(journal_path(settings), clock.now))
        voice = parts.enter_context(
            voices(settings, secrets, journal, strategy.states, console=not as_json)
        )
        if advice := warning_of(settings):
            voice.problem(Problem("tuned", "warning", advice))
        session = put_together(settings, secrets, strategy, journal, clock, voice)
        outcome = "bug"
        try:
            session.run(once)
            outcome = (
                "interrupted" if signal.SIGINT in received else "stopped" if received else "done"
            )
        except KeyboardInterrupt:  # the second Ctrl-C
            outcome = "interrupted"
            raise
        except Exception as error:
            outcome = redacted(f"{type(error).__name__}: {error}", secrets.hidden())
            voice.ended(outcome, bug=not isinstance(error, EXPECTED))
            if isinstance(error, EXPECTED):
                raise
            sys.stderr.write(
                redacted(traceback.format_exc(), secrets.hidden())
            )  # what Python would print, but for the secrets in it
            raise SystemExit(1) from None
        finally:
            session.end(outcome)
        if as_json:
            print(json.dumps(said(journal), allow_nan=False))
    return 130 if signal.SIGINT in received else 0


def put_together(
    settings: Settings,
    secrets: Secrets,
    strategy: LiveStrategy,
    journal: Journal,
    clock: Clock,
    voice: Voice,
) -> Session:
    """A session of these settings: which account it trades is decided here, and nowhere else."""
    exchange, prices = settings.exchange, LivePrices(settings)
    public = _client(exchange.prices_id, None, settings, clock, public_prices.QUIET)
    public_prices.QUIET.remember(journal, "pauses of public prices")
    account: TestnetAccount | PaperAccount
    if exchange.mode == "testnet":
        keys = secrets.keys()
        if keys is None:
            raise CallAPersonError(
                f"{exchange.id}: no keys: set RUSSELL_GATE_API_KEY and RUSSELL_GATE_API_SECRET (see .env.example), or exchange.mode dry-run"
            )
        quiet = Quiet(clock.now)
        quiet.remember(journal, "pauses")
        client = _client(exchange.id, Keys(*keys), settings, clock, quiet)
        account = TestnetAccount(settings, client, public.price, journal, clock, voice.problem)
    else:
        markets = {coin.name: coin.market for coin in settings.coins}
        account = PaperAccount(
            journal,
            terms(settings),
            markets,
            lambda: _rules(markets, public),
            lambda coin: public.book(markets[coin]),
            clock.now,
        )
        if account.began_with != (asked := terms(settings).cash):
            text = f"the account on paper began with {account.began_with:,.2f} and goes on with what it has, exchange.amount says {asked:,.2f} now"
            voice.problem(
                Problem("account", "warning", f"{text}; for a new one name another journal.folder")
            )
    pump = Pump(prices, strategy.functions, settings, clock, remembered(journal))
    return Session(settings, strategy, pump, account, journal, clock, voice)


def terms(settings: Settings) -> Terms:
    """What an account on paper begins with."""
    exchange = settings.exchange
    return Terms(
        exchange.amount or settings.backtest.cash,
        settings.costs.fee,
        settings.guards.tick_gap,
        exchange.price_guard,
    )


def _client(
    exchange_id: str, keys: Keys | None, settings: Settings, clock: Clock, quiet: Quiet
) -> Client:
    timeout, window = settings.exchange.timeout, settings.exchange.recv_window
    return Client(
        exchange_id,
        keys,
        timeout=timeout,
        recv_window=window,
        sleep=clock.sleep,
        now=clock.now,
        quiet=quiet,
    )


def _rules(markets: Mapping[str, str], public: Client) -> dict[str, Rules]:
    """What the exchange asks of orders in each coin."""
    listings = public.listings()
    if missing := [market for market in markets.values() if market not in listings]:
        raise CallAPersonError(
            f"{public.id}: does not list {', '.join(missing)}; take those coins out, or choose another exchange.prices_id"
        )
    return {
        name: Rules(listings[market].step, listings[market].min_notional)
        for name, market in markets.items()
    }


@contextmanager
def voices(
    settings: Settings, secrets: Secrets, journal: Journal, states: Sequence[str], console: bool
) -> Iterator[SessionVoice]:
    """Log, notifications, status line and dead man's switch, for as long as the session lasts."""
    from loguru import logger

    from brokers.live import logs
    from brokers.live.notify import DeadMansSwitch, Notifier, secrets_in
    from brokers.live.status import shown
    from brokers.prices.clean import bar_length

    hidden = [*secrets.hidden(), *secrets_in(secrets.urls())]
    logs.start(
        Path(settings.log.folder),
        settings.log.level,
        settings.log.rotation,
        settings.log.keep,
        console,
        hidden,
    )
    try:
        notifier = Notifier(secrets.urls(), settings.notify.events, logger, hidden)
        seconds = int(bar_length(settings.exchange.timeframe).total_seconds())
        switch = DeadMansSwitch(
            seconds,
            lambda text: notifier.send("missed", "Russell Gate: a decision is missed", text),
            logger,
        )
        try:
            with shown(logger) if console else silent() as show:
                yield SessionVoice(settings, journal, logger, notifier, switch, show, states)
        finally:
            switch.close()
            notifier.close(FLUSH)
    finally:
        logs.stop()


@contextmanager
def silent() -> Iterator[Callable[[Any], None]]:
    """No status is shown."""
    yield lambda status: None


@contextmanager
def ended_by_signals(clock: Clock) -> Iterator[list[int]]:
    """SIGTERM and the first Ctrl-C end the session when it is safe; a second Ctrl-C at once. What came is in the list."""
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


def said(journal: Journal) -> dict[str, Any]:
    """The newest decision and what became of it, as plain values; None for what is not known, which JSON has no number for."""
    row = journal.last_decision()
    if row is None:
        return {"decision": None}
    intents = [one._asdict() for one in journal.intents(row.time)]
    found: dict[str, Any] = plain(
        {
            "decision": row._asdict(),
            "intents": intents,
            "equity": (journal.last_equity() or row)._asdict(),
        }
    )
    return found
