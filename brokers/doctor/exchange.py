"""Whether the exchanges can be reached, agree about the time, take the key, and list the coins."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

from brokers.clock import Clock
from brokers.doctor.account import balances, size, sizes
from brokers.doctor.finding import Finding
from brokers.errors import SafetyError
from brokers.exchange.client import Client, Keys
from brokers.exchange.errors import CallAPersonError, ExchangeError, NotServedError
from brokers.exchange.sandboxes import FACTS
from brokers.exchange.types import Listing
from brokers.journal.journal import Journal
from brokers.prices import fred, probe, yahoo
from brokers.prices.candles import address
from brokers.prices.live import daily
from brokers.prices.load import source_of, wanted
from brokers.prices.series import DataError, Request
from config.secrets import DOTENV, Secrets
from config.settings import ConfigError, Settings

AGREES = 0.5  # seconds two clocks may differ by without a word
LATER = "run doctor again in a minute; if it stays, look at the exchange's status page"
KEYS = "RUSSELL_GATE_API_KEY and RUSSELL_GATE_API_SECRET"


class Market(NamedTuple):
    """An exchange that answers, what it is called here, and what it lists."""

    client: Client
    name: str
    listings: Mapping[str, Listing]


def examined(
    settings: Settings,
    secrets: Secrets | ConfigError,
    journal: Journal | None,
    running: bool,
    clock: Clock,
) -> Iterator[Finding]:
    """Everything about network, exchanges, keys and account.

    `secrets` may be why there are none; `running` says that a session is at work in the account at this moment.
    """
    exchange = settings.exchange
    lost, found = network(settings)
    yield found
    prices: Market | None = None
    if "prices" not in lost:
        prices, found = reached(exchange.prices_id, None, settings, clock)
        yield found
    yield key_given(settings, secrets)
    keys = secrets.keys() if isinstance(secrets, Secrets) and exchange.mode == "testnet" else None
    sandbox: Market | None = None
    if keys is not None and "testnet" not in lost:
        sandbox, found = reached(exchange.id, Keys(*keys), settings, clock)
        yield found
    markets = [market for market in (prices, sandbox) if market is not None]
    with ExitStack() as ending:
        for market in markets:
            ending.callback(market.client.close)
        if markets:
            yield attempted("clock", partial(offset, markets[-1], exchange.recv_window, clock))
        yield from (coins(settings, market) for market in markets)
        total: Mapping[str, float] | None = None
        if sandbox is not None:
            total, found = key_accepted(settings, sandbox.client)
            yield found
        if total is not None:
            yield balances(settings, total, journal, running)
        if prices is not None:
            account = size(settings, total, journal)
            yield attempted(
                "order sizes",
                partial(
                    sizes, settings, (sandbox or prices).listings, prices.client.price, account
                ),
            )


def attempted(name: str, check: Callable[[], Finding]) -> Finding:
    """What `check` finds; an exchange that does not answer it is a finding too."""
    try:
        return check()
    except CallAPersonError as error:
        return Finding(name, "wrong", str(error), "do as it says, then run doctor again")
    except (ExchangeError, SafetyError) as error:
        return Finding(name, "wrong", str(error), LATER)


def network(settings: Settings) -> tuple[set[str], Finding]:
    """Which of the services that these settings need cannot be reached, and why; exchanges that can are asked more later."""
    try:
        urls = needed(settings)
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
        if (why := unreachable(url, settings.exchange.timeout))
    }
    if failed:
        text = "; ".join(failed.values())
        return set(failed), Finding(
            "network",
            "wrong",
            text,
            "check the network, a firewall, and the proxy that HTTPS_PROXY names",
        )
    return set(), Finding(
        "network",
        "ok",
        f"{', '.join(urlsplit(url).hostname or '' for url in urls.values())} can be reached",
    )


def needed(settings: Settings) -> dict[str, str]:
    """An address at each service that a live session on these settings asks: "yahoo", "fred", "prices", "testnet".

    Raises
    ------
    DataError
        ccxt knows no such exchange, or it has no candles of that length.

    """
    exchange, coin = settings.exchange, settings.coins[0]
    sources = {source_of(request, daily(settings)) for request in wanted(daily(settings))}
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


def unreachable(url: str, timeout: float) -> str:
    """Why nobody answers at the host of `url`, whatever the answer; "" if somebody does. `timeout` is seconds."""
    import requests

    if why := probe.unreachable(url):
        return why
    parts = urlsplit(url)
    try:
        with requests.Session() as session:
            session.auth = lambda request: (
                request
            )  # else what ~/.netrc has for the host is sent along
            session.head(f"{parts.scheme}://{parts.netloc}", timeout=timeout, allow_redirects=False)
    except requests.RequestException as error:
        cause: BaseException = error
        while (deeper := cause.__context__) is not None:
            cause = deeper
        return f"no answer from {parts.hostname} ({type(error).__name__}: {cause})"
    return ""


def reached(
    exchange_id: str, keys: Keys | None, settings: Settings, clock: Clock
) -> tuple[Market | None, Finding]:
    """An exchange if it answers, and what was found: its sandbox with `keys`, its public prices without."""
    name = f"{exchange_id}'s testnet" if keys else exchange_id
    key = "exchange.id" if keys else "exchange.prices_id"
    client: Client | None = None
    try:
        client = connected(exchange_id, keys, settings, clock)
        market = Market(client, name, client.listings())
    except NotServedError as error:
        other = f"a testnet cannot be chosen by place: set exchange.id to another ({', '.join(FACTS)}), or exchange.mode to dry-run"
        remedy = (
            other
            if keys
            else "set exchange.prices_id to an exchange that serves yours, as kraken, bitstamp or okx"
        )
        found = Finding(
            name, "wrong", f"does not serve the place this computer is at: {error}", remedy
        )
    except CallAPersonError as error:
        found = Finding(name, "wrong", str(error), f"set {key} to another exchange")
    except (ExchangeError, SafetyError) as error:
        found = Finding(
            name,
            "wrong",
            str(error),
            f"run doctor again in a minute; if it stays, set {key} to another exchange",
        )
    else:
        return market, Finding(name, "ok", f"answers, {len(market.listings):,} spot markets")
    if client is not None:
        client.close()
    return None, found


def connected(exchange_id: str, keys: Keys | None, settings: Settings, clock: Clock) -> Client:
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


def offset(market: Market, recv_window: int, clock: Clock) -> Finding:
    """How far this computer's clock is off. How long the answer took is no part of it."""
    before = clock.now()
    try:
        there = market.client.server_time()
    except CallAPersonError as error:
        return Finding(
            "clock",
            "warning",
            f"cannot be compared: {error}",
            "make sure that the computer keeps its clock right (NTP)",
        )
    after = clock.now()
    middle, doubt = there - (before + after) / 2, (after - before) / 2
    off, window = max(abs(middle) - doubt, 0.0), recv_window / 1000
    text = f"{abs(middle):.2f} s {'behind' if middle > 0 else 'ahead of'} {market.name} (± {doubt:.2f} s)"
    if off < AGREES:
        return Finding("clock", "ok", text)
    remedy = "let the computer keep its clock right: timedatectl set-ntp true, or w32tm /resync"
    if off < window:
        return Finding("clock", "warning", text, remedy)
    return Finding("clock", "wrong", f"{text}; exchange.recv_window allows {window:g} s", remedy)


def key_given(settings: Settings, secrets: Secrets | ConfigError) -> Finding:
    """Whether there are keys where the mode needs them, and whether others can read them."""
    if isinstance(secrets, ConfigError):
        return Finding(
            "keys",
            "wrong",
            str(secrets),
            "do as it says: keys are only as safe as the file they are in",
        )
    given = secrets.keys() is not None
    place = f"; {DOTENV} has mode {DOTENV.stat().st_mode & 0o777:o}" if DOTENV.exists() else ""
    if settings.exchange.mode == "dry-run":
        return Finding(
            "keys",
            "ok",
            f"{'given, and not used' if given else 'none, and none needed'} in a dry run{place}",
        )
    if not given:
        facts = FACTS.get(settings.exchange.id)
        where = facts.keys_at if facts else "the exchange's testnet"
        return Finding(
            "keys",
            "wrong",
            f"none{place}",
            f"make a pair at {where} and set {KEYS} (see .env.example)",
        )
    return Finding("keys", "ok", f"given{place}")


def key_accepted(settings: Settings, client: Client) -> tuple[Mapping[str, float] | None, Finding]:
    """The account's balances, None if the key is not taken; and whether it is, may trade, and may not withdraw."""
    keys_at = FACTS[settings.exchange.id].keys_at
    try:
        total = client.balances().total
        allowed = client.permissions()
    except CallAPersonError as error:
        return None, Finding(
            "key", "wrong", str(error), f"make a new pair at {keys_at} and set {KEYS}"
        )
    except (ExchangeError, SafetyError) as error:
        return None, Finding("key", "wrong", str(error), LATER)
    if allowed.trade is False:
        return total, Finding(
            "key", "wrong", "accepted, but may not trade", f"make a pair that may at {keys_at}"
        )
    trades = "may trade" if allowed.trade else "whether it may trade only an order can tell"
    if allowed.withdraw:
        refused = settings.guards.withdraw_key == "refuse"
        text = f"accepted, {trades}, may withdraw{', which guards.withdraw_key = refuse does not allow' if refused else ''}"
        remedy = "make a pair that may not; never use one that may at a live exchange"
        return total, Finding("key", "wrong" if refused else "warning", text, remedy)
    return total, Finding(
        "key",
        "ok",
        f"accepted, {trades}{', may not withdraw' if allowed.withdraw is False else ''}",
    )


def coins(settings: Settings, market: Market) -> Finding:
    """Whether the coins are listed, and traded now."""
    name, wanted_ = f"coins at {market.name}", [coin.market for coin in settings.coins]
    missing = [symbol for symbol in wanted_ if symbol not in market.listings]
    if missing:
        key = "exchange.id" if market.name != settings.exchange.prices_id else "exchange.prices_id"
        return Finding(
            name,
            "wrong",
            f"{', '.join(missing)}: not listed",
            f"take them out of the coins, or choose another {key}",
        )
    resting = [symbol for symbol in wanted_ if not market.listings[symbol].active]
    if resting:
        return Finding(
            name,
            "warning",
            f"{', '.join(resting)}: not traded now",
            "what is held is kept; wait, or take them out of the coins",
        )
    return Finding(name, "ok", f"{', '.join(wanted_)} are listed and traded")
