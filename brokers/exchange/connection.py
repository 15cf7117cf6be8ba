"""The ccxt client of an exchange, with one way out and one clock."""

import logging
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from brokers.exchange.errors import CallAPersonError
from brokers.exchange.sandboxes import FACTS, Facts
from brokers.exchange.transport import Transport

WHOLE_ANSWER = 3.0  # times the timeout: connecting, waiting for the first byte, and reading
BURST = 5.0  # seconds of the pace ccxt keeps for an exchange, whose requests may come at once; a cycle of three coins has about three
LASTING = (
    11 / 12
)  # of that pace when it goes on: burst and a minute's traffic together are what a minute allows


def made(exchange_id: str, facts: Facts, timeout: float, *, sandbox: bool) -> Any:
    """The ccxt client of the exchange, in its sandbox or at its live hosts, still without keys.

    Raises
    ------
    CallAPersonError
        ccxt knows no such exchange.

    """
    import ccxt

    if exchange_id not in ccxt.exchanges:
        near = ", ".join(get_close_matches(exchange_id, ccxt.exchanges, 3)) or ", ".join(FACTS)
        raise CallAPersonError(f"exchange {exchange_id!r} is none that ccxt knows; nearest: {near}")
    for name in ("ccxt.base.exchange", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(
            logging.INFO
        )  # below it they write signed addresses and keys
    options = {
        "options": dict(facts.options),
        "enableRateLimit": True,
        "timeout": round(timeout * 1000),
        "requests_trust_env": True,
    }
    exchange = getattr(ccxt, exchange_id)(options)
    if sandbox:
        exchange.set_sandbox_mode(True)
    elif isinstance(kinds := exchange.options.get("fetchMarkets"), dict) and isinstance(
        kinds.get("types"), list
    ):
        kinds["types"] = ["spot"]
    return exchange


def walled_in(exchange: Any, facts: Facts, keys: bool) -> Transport:
    """The only way out that `exchange` is left with."""
    hosts = (
        facts.sandbox_hosts
        if keys
        else facts.public_hosts or set(_hosts(exchange, exchange.urls["api"]))
    )
    transport = Transport(exchange.id, hosts, keys, WHOLE_ANSWER * exchange.timeout / 1000)
    exchange.session.mount("https://", transport)
    exchange.session.mount("http://", transport)
    exchange.session.auth = lambda request: (
        request
    )  # else what ~/.netrc has for the host is sent along
    return transport


def _hosts(exchange: Any, urls: Any) -> Iterator[str]:
    if isinstance(urls, dict):
        for each in urls.values():
            yield from _hosts(exchange, each)
    elif isinstance(urls, str):
        yield urlsplit(exchange.implode_hostname(urls)).hostname or ""


def paced(exchange: Any, sleep: Callable[[float], None], now: Callable[[], float]) -> None:
    """Let ccxt's time be ours, and its pauses between requests too: a cycle's requests pass at once, lasting traffic is slowed down."""
    saved, seen = BURST, now()

    def pause(cost: float | None = None) -> None:
        nonlocal saved, seen
        # A clock that has been set back counts for nothing, and must not make anybody wait for it.
        present = now()
        saved = min(
            saved + max(present - seen, 0.0) * LASTING, BURST
        ) - exchange.rateLimit / 1000 * (1 if cost is None else cost)
        seen = present
        if saved < 0.0:
            sleep(-saved / LASTING)

    exchange.milliseconds = lambda: int(now() * 1000)
    exchange.throttle = pause
