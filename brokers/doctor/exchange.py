"""Whether the exchanges can be reached, agree about the time, take the key, and list the coins."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

from brokers.clock import Clock
from brokers.doctor.account import (
    account_value,
    check_balances,
    check_earlier_orders,
    check_order_sizes,
    has_begun,
)
from brokers.doctor.finding import Finding, State
from brokers.errors import SafetyError
from brokers.exchange.client import Client, Keys
from brokers.exchange.errors import CallAPersonError, ExchangeError, NotServedError
from brokers.exchange.failures import root_cause
from brokers.exchange.sandboxes import FACTS, facts_of
from brokers.exchange.types import Listing
from brokers.journal.journal import Journal
from brokers.orders.holdings import DUST, current_holdings
from brokers.prices import fred, probe, yahoo
from brokers.prices.live import daily
from brokers.prices.public_exchange import address
from brokers.prices.series import DataError, Request
from brokers.prices.sources import required_series, sources_of
from config.secrets import DOTENV, Secrets
from config.settings import ConfigError, Settings

CLOCK_TOLERANCE = 0.5  # seconds two clocks may differ by without a warning
TRY_LATER = "run doctor again in a minute; if it fails again, see the exchange's status page"
BAD_CERTIFICATE = "CERTIFICATE_VERIFY_FAILED"  # of OpenSSL
KEYS = "RUSSELL_GATE_API_KEY and RUSSELL_GATE_API_SECRET"


class Market(NamedTuple):
    """An exchange that responds, its name in findings, and what it lists."""

    client: Client
    name: str
    listings: Mapping[str, Listing]


def check_exchanges(
    settings: Settings,
    secrets: Secrets | ConfigError,
    journal: Journal | None,
    clock: Clock,
    *,
    unreachable: Collection[str],
    running: bool,
) -> Iterator[Finding]:
    """Everything about exchanges, keys and account.

    `secrets` may be the error that they could not be loaded with; `unreachable` are the services
    that `check_network` names; `running` says that a session is using the account.
    """
    exchange = settings.exchange
    prices: Market | None = None
    if "prices" not in unreachable:
        prices, finding = open_market(exchange.prices_id, None, settings, clock)
        yield finding
    without = check_sandbox(settings)
    yield without or check_keys(settings, secrets)
    trades = exchange.mode == "testnet" and without is None
    keys = secrets.keys() if isinstance(secrets, Secrets) and trades else None
    sandbox: Market | None = None
    if keys is not None and "testnet" not in unreachable:
        sandbox, finding = open_market(exchange.id, Keys(*keys), settings, clock)
        yield finding
    markets = [market for market in (prices, sandbox) if market is not None]
    with ExitStack() as ending:
        for market in markets:
            ending.callback(market.client.close)
        if markets:
            yield run_check("clock", partial(check_clock, markets[-1], exchange.recv_window, clock))
        yield from (check_coins(settings, market, journal) for market in markets)
        yield from _check_account(settings, prices, sandbox, journal, running=running)


def _check_account(
    settings: Settings,
    prices: Market | None,
    sandbox: Market | None,
    journal: Journal | None,
    *,
    running: bool,
) -> Iterator[Finding]:
    """The key, the balances, and whether they cover the smallest orders."""
    total: Mapping[str, float] | None = None
    if sandbox is not None:
        total, finding = check_key(settings, sandbox.client)
        yield finding
    if total is not None:
        yield check_balances(settings, total, journal, running=running)
    if sandbox is not None and total is not None and not has_begun(journal):
        check = partial(check_earlier_orders, settings, sandbox.client, total, journal)
        yield run_check("earlier orders", check)
    if prices is not None:
        listings, price = (sandbox or prices).listings, prices.client.price
        account = account_value(settings, total, journal)
        check = partial(check_order_sizes, settings, listings, price, account)
        yield run_check("order sizes", check)


def run_check(name: str, check: Callable[[], Finding]) -> Finding:
    """The finding of `check`; an exchange that does not respond is a finding too."""
    try:
        return check()
    except CallAPersonError as error:
        return Finding(name, "wrong", str(error), "follow the message, then run doctor again")
    except (ExchangeError, SafetyError) as error:
        return Finding(name, "wrong", str(error), TRY_LATER)


def check_network(settings: Settings) -> tuple[set[str], Finding]:
    """The services that these settings need and that cannot be reached, and the finding on them.

    Services as `service_urls` names them.
    """
    try:
        urls = service_urls(settings)
    except DataError as error:
        return {"prices"}, Finding(
            "network",
            "wrong",
            str(error),
            "choose another exchange.prices_id or exchange.timeframe",
        )
    failed = {
        service: why
        for service, url in urls.items()
        if (why := http_problem(url, settings.exchange.timeout))
    }
    if failed:
        remedy = "check the network, a firewall, and the proxy that HTTPS_PROXY names"
        if any(BAD_CERTIFICATE in why for why in failed.values()):
            remedy = (
                "check the clock and the proxy that HTTPS_PROXY names: one that opens TLS needs "
                "its certificate in the file that REQUESTS_CA_BUNDLE names"
            )
        return set(failed), Finding("network", "wrong", "; ".join(failed.values()), remedy)
    hosts = ", ".join(urlsplit(url).hostname or "" for url in urls.values())
    return set(), Finding("network", "ok", f"{hosts} can be reached")


def service_urls(settings: Settings) -> dict[str, str]:
    """A URL of each service that a live session needs: "yahoo", "fred", "prices", "testnet".

    Raises
    ------
    DataError
        The exchange is unknown to ccxt, or has no candles of that length.

    """
    exchange, coin = settings.exchange, settings.coins[0]
    live = daily(settings)
    sources = {name for request in required_series(live) for name in sources_of(request, live)}
    urls = {
        source: url
        for source, url in (("yahoo", yahoo.URL), ("fred", fred.URL))
        if source in sources
    }
    urls["prices"] = address(
        exchange.prices_id, Request(coin.history, "coin", coin.market, exchange.timeframe)
    )
    if exchange.mode == "testnet" and exchange.id in FACTS:
        urls["testnet"] = f"https://{min(FACTS[exchange.id].sandbox_hosts)}"
    return urls


def http_problem(url: str, timeout: float) -> str:
    """Why the host of `url` sends no response at all; "" if it sends any. `timeout` is seconds."""
    import requests

    if why := probe.connection_problem(url):
        return why
    parts = urlsplit(url)
    try:
        with requests.Session() as session:
            # Otherwise the password that ~/.netrc has for the host is sent too.
            session.auth = lambda request: request
            session.head(f"{parts.scheme}://{parts.netloc}", timeout=timeout, allow_redirects=False)
    except requests.RequestException as error:
        cause = root_cause(error)
        return f"no response from {parts.hostname} ({type(error).__name__}: {cause})"
    return ""


def open_market(
    exchange_id: str, keys: Keys | None, settings: Settings, clock: Clock
) -> tuple[Market | None, Finding]:
    """An exchange if it responds, and the finding: its sandbox with `keys`, else public prices."""
    name = f"{exchange_id}'s testnet" if keys else exchange_id
    key = "exchange.id" if keys else "exchange.prices_id"
    client: Client | None = None
    try:
        client = create_client(exchange_id, keys, settings, clock)
        market = Market(client, name, client.listings())
    except NotServedError as error:
        text = f"does not serve the place of this computer: {error}"
        finding = Finding(name, "wrong", text, _other_exchange(sandbox=keys is not None))
    except CallAPersonError as error:
        finding = Finding(name, "wrong", str(error), f"set {key} to another exchange")
    except (ExchangeError, SafetyError) as error:
        remedy = f"run doctor again in a minute; if it fails again, set {key} to another exchange"
        finding = Finding(name, "wrong", str(error), remedy)
    else:
        return market, Finding(name, "ok", f"responds, {len(market.listings):,} spot markets")
    if client is not None:
        client.close()
    return None, finding


def _other_exchange(*, sandbox: bool) -> str:
    if sandbox:
        return f"set exchange.id to another ({', '.join(FACTS)}), or exchange.mode to dry-run"
    return "set exchange.prices_id to an exchange that serves it, such as kraken, bitstamp or okx"


def create_client(exchange_id: str, keys: Keys | None, settings: Settings, clock: Clock) -> Client:
    """A client of an exchange's sandbox with `keys`, of its public prices without."""
    exchange = settings.exchange
    return Client(
        exchange_id,
        keys,
        timeout=exchange.timeout,
        recv_window=exchange.recv_window,
        sleep=clock.sleep,
        now=clock.now,
    )


def check_clock(market: Market, recv_window: int, clock: Clock) -> Finding:
    """How far this computer's clock is off, apart from the time that the response took."""
    before = clock.now()
    try:
        server_time = market.client.server_time()
    except CallAPersonError as error:
        text = f"cannot be compared: {error}"
        remedy = "make sure that the computer synchronises its clock (NTP)"
        return Finding("clock", "warning", text, remedy)
    after = clock.now()
    offset, doubt = server_time - (before + after) / 2, (after - before) / 2
    off, window = max(abs(offset) - doubt, 0.0), recv_window / 1000
    side = "behind" if offset > 0 else "ahead of"
    text = f"{abs(offset):.2f} s {side} {market.name} (± {doubt:.2f} s)"
    if off < CLOCK_TOLERANCE:
        return Finding("clock", "ok", text)
    remedy = "synchronise the computer's clock: timedatectl set-ntp true, or w32tm /resync"
    if off < window:
        return Finding("clock", "warning", text, remedy)
    return Finding("clock", "wrong", f"{text}; exchange.recv_window allows {window:g} s", remedy)


def check_sandbox(settings: Settings) -> Finding | None:
    """The finding that the exchange has no sandbox to trade in; None if none is needed or is."""
    if settings.exchange.mode == "testnet":
        try:
            facts_of(settings.exchange.id)
        except CallAPersonError as error:
            return Finding("testnet", "wrong", str(error), "set exchange.id as the message says")
    return None


def check_keys(settings: Settings, secrets: Secrets | ConfigError) -> Finding:
    """Whether there are keys where the mode needs them, and whether others can read them."""
    if isinstance(secrets, ConfigError):
        remedy = "follow the message: keys are only as safe as the file they are in"
        return Finding("keys", "wrong", str(secrets), remedy)
    given = secrets.keys() is not None
    mode = f"; {DOTENV} has mode {DOTENV.stat().st_mode & 0o777:o}" if DOTENV.exists() else ""
    if settings.exchange.mode == "dry-run":
        text = "set, not used in a dry run" if given else "none, and none needed in a dry run"
        return Finding("keys", "ok", f"{text}{mode}")
    if not given:
        where = FACTS[settings.exchange.id].keys_at
        remedy = f"make a pair at {where} and set {KEYS} (see .env.example)"
        return Finding("keys", "wrong", f"none{mode}", remedy)
    return Finding("keys", "ok", f"set{mode}")


def check_key(settings: Settings, client: Client) -> tuple[Mapping[str, float] | None, Finding]:
    """The account's balances, None if the key is refused; and the finding on the key."""
    keys_at = FACTS[settings.exchange.id].keys_at
    try:
        total = client.balances().total
        allowed = client.permissions()
    except CallAPersonError as error:
        return None, Finding(
            "key", "wrong", str(error), f"make a new pair at {keys_at} and set {KEYS}"
        )
    except (ExchangeError, SafetyError) as error:
        return None, Finding("key", "wrong", str(error), TRY_LATER)
    if allowed.trade is False:
        return total, Finding(
            "key", "wrong", "accepted, but may not trade", f"make a pair that may at {keys_at}"
        )
    trade = "may trade" if allowed.trade else "only an order shows whether it may trade"
    text = f"accepted, {trade}"
    if allowed.withdraw:
        refused = settings.guards.withdraw_key == "refuse"
        rule = ", which guards.withdraw_key = refuse does not allow" if refused else ""
        remedy = "make a pair that may not; never use one that may at a live exchange"
        state: State = "wrong" if refused else "warning"
        return total, Finding("key", state, f"{text}, may withdraw{rule}", remedy)
    withdraw = ", may not withdraw" if allowed.withdraw is False else ""
    return total, Finding("key", "ok", f"{text}{withdraw}")


def check_coins(settings: Settings, market: Market, journal: Journal | None) -> Finding:
    """Whether the coins are listed, and traded now; what can be done with those that are held."""
    name, symbols = f"coins at {market.name}", [coin.market for coin in settings.coins]
    missing = [symbol for symbol in symbols if symbol not in market.listings]
    if missing:
        key = "exchange.id" if market.name != settings.exchange.prices_id else "exchange.prices_id"
        remedy = f"remove them from the coins, or choose another {key}"
        gone = [coin.name for coin in settings.coins if coin.market in missing]
        if held := _held_of(gone, settings, journal):
            remedy = (
                f"they are kept, and the others traded. If they do not come back: set "
                f'{" and ".join(f"paper.gone.{coin}" for coin in held)} to "loss" (worth nothing) '
                f'or "last-price" (taken out at the last price, no loss), then {remedy}'
            )
        return Finding(name, "wrong", f"{', '.join(missing)}: not listed", remedy)
    paused = [symbol for symbol in symbols if not market.listings[symbol].active]
    if paused:
        remedy = (
            "none needed for positions, which are kept; wait, or if they are gone for good, set "
            'paper.gone to "loss" or "last-price" for each and remove them from the coins'
        )
        return Finding(name, "warning", f"{', '.join(paused)}: not traded now", remedy)
    return Finding(name, "ok", f"{', '.join(symbols)} are listed and traded")


def _held_of(coins: Collection[str], settings: Settings, journal: Journal | None) -> list[str]:
    """Those of `coins` that the account holds."""
    holdings = current_holdings(journal, settings.bases, "") if journal is not None else None
    return [coin for coin in coins if holdings is not None and holdings.worth(coin) > DUST]
