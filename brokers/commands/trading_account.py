"""The account that a session trades: which one is decided here, and nowhere else."""

from collections.abc import Callable, Mapping

from brokers.clock import Clock
from brokers.exchange.client import Client, Keys
from brokers.exchange.errors import CallAPersonError
from brokers.exchange.rate_limits import RateLimits
from brokers.exchange.sandboxes import facts_of
from brokers.exchange.types import Listing
from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.live.broker import TradingAccount
from brokers.live.exchange_clock import ExchangeClock
from brokers.live.observer import SessionObserver
from brokers.orders.market_rules import LivePrice, check_listed, known_markets
from brokers.orders.paper import PaperAccount, Rules, Terms
from brokers.orders.remainder import why_not_traded
from brokers.orders.testnet import TestnetAccount
from brokers.prices import public_exchange
from config.secrets import Secrets
from config.settings import Settings


def trading_account(
    settings: Settings,
    secrets: Secrets,
    journal: Journal,
    clock: ExchangeClock,
    observer: SessionObserver,
) -> tuple[TradingAccount, Client]:
    """The account that these settings trade, and the exchange whose time it goes by."""
    public_exchange.RATE_LIMITS.restore(journal, "pauses of public prices")
    public = _client(
        settings.exchange.prices_id, None, settings, clock, public_exchange.RATE_LIMITS
    )
    if settings.exchange.mode != "testnet":
        return _paper_account(settings, public, journal, clock, observer), public
    client = _sandbox_client(settings, secrets, journal, clock)
    account = TestnetAccount(
        settings,
        client,
        live_price=LivePrice(public, clock.now),
        journal=journal,
        clock=clock,
        report=observer.on_incident,
    )
    return account, client


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
    terms = _paper_terms(settings)
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


def _paper_terms(settings: Settings) -> Terms:
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
