"""The ccxt client of an exchange, with one way out and one clock."""

import logging
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from brokers.exchange.errors import CallAPersonError
from brokers.exchange.sandboxes import FACTS, Facts
from brokers.exchange.transport import Transport

WHOLE_RESPONSE = 3.0  # times the timeout: connecting, waiting for the first byte, and reading
# Seconds of an exchange's request limit that may be used at once; a cycle of three coins needs 3.
BURST = 5.0
# Share of that limit in lasting traffic: a burst and a minute's traffic are what a minute allows.
LASTING = 11 / 12


def create_exchange(exchange_id: str, facts: Facts, timeout: float, *, sandbox: bool) -> Any:
    """The ccxt client of the exchange, in its sandbox or at its live hosts, without keys.

    `timeout` is seconds.

    Raises
    ------
    CallAPersonError
        Not an exchange of ccxt.

    """
    import ccxt

    if exchange_id not in ccxt.exchanges:
        near = ", ".join(get_close_matches(exchange_id, ccxt.exchanges, 3)) or ", ".join(FACTS)
        raise CallAPersonError(f"exchange {exchange_id!r} is unknown to ccxt; nearest: {near}")
    for name in ("ccxt.base.exchange", "urllib3.connectionpool"):
        # Below this level they log signed addresses and keys.
        logging.getLogger(name).setLevel(logging.INFO)
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


def restrict_hosts(exchange: Any, facts: Facts, *, keys: bool) -> Transport:
    """The transport that `exchange` is limited to: the sandbox's hosts with `keys`, else public."""
    hosts = (
        facts.sandbox_hosts
        if keys
        else facts.public_hosts or set(_hosts(exchange, exchange.urls["api"]))
    )
    total = WHOLE_RESPONSE * exchange.timeout / 1000
    transport = Transport(exchange.id, hosts, keys=keys, total=total)
    exchange.session.mount("https://", transport)
    exchange.session.mount("http://", transport)
    # Otherwise the password that ~/.netrc has for the host is sent too.
    exchange.session.auth = lambda request: request
    return transport


def _hosts(exchange: Any, urls: Any) -> Iterator[str]:
    if isinstance(urls, dict):
        for nested in urls.values():
            yield from _hosts(exchange, nested)
    elif isinstance(urls, str):
        yield urlsplit(exchange.implode_hostname(urls)).hostname or ""


def set_pace(exchange: Any, sleep: Callable[[float], None], now: Callable[[], float]) -> None:
    """Give ccxt our clock, and a pace that lets a cycle's requests pass at once and slows the rest.

    `sleep` takes seconds, `now` gives epoch seconds.
    """
    saved, seen = BURST, now()

    def pause(cost: float | None = None) -> None:
        nonlocal saved, seen
        # A clock that was set back adds nothing and must not cause a wait.
        present = now()
        earned = max(present - seen, 0.0) * LASTING
        spent = exchange.rateLimit / 1000 * (1 if cost is None else cost)
        saved = min(saved + earned, BURST) - spent
        seen = present
        if saved < 0.0:
            sleep(-saved / LASTING)

    exchange.milliseconds = lambda: int(now() * 1000)
    exchange.throttle = pause
