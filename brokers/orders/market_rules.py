"""How long the markets' rules of an exchange (steps, minimums, what is listed) are used."""

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Literal

from brokers.exchange.client import Client
from brokers.exchange.errors import CallAPersonError, TryLaterError
from brokers.exchange.types import Listing
from brokers.journal.incident import Incident
from brokers.journal.records import Known

RULES_PERIOD = 3600.0  # seconds until they are loaded again, before the next decision or price


class LivePrice:
    """The price of a market at the exchange where it is really traded.

    The one rule: its list of markets is an hour old at most, or cannot be loaded now.
    """

    def __init__(self, client: Client, now: Callable[[], float]) -> None:
        """`client` asks for public prices; `now` is the clock, epoch seconds."""
        self._client = client
        self._now = now
        self._listed_at = -math.inf

    def __call__(self, symbol: str) -> float:
        """The last price of a market now, quote units; errors as `Client.price`."""
        if self._now() - self._listed_at >= RULES_PERIOD:
            with suppress(TryLaterError):
                self._client.listings(reload=True)
                self._listed_at = self._now()
        return self._client.price(symbol)


def known_markets(source: str, now: float) -> Known:
    """What is recorded of rules that `source` gave at `now` (epoch seconds)."""
    return Known("markets", now + RULES_PERIOD, source, now)


def check_listed(
    markets: Iterable[str],
    listings: Mapping[str, Listing],
    exchange: str,
    *,
    has_begun: bool,
    report: Callable[[Incident], None],
    key: Literal["exchange.id", "exchange.prices_id"],
) -> None:
    """Report the `markets` that an exchange does not list, or no more: what is held is kept.

    `key` is the setting that chooses the exchange: its testnet, or its prices.

    Raises
    ------
    CallAPersonError
        The account has not begun: it is not to begin with a coin it cannot trade.

    """
    missing = [market for market in markets if market not in listings]
    if missing and not has_begun:
        lists = "its testnet does" if key == "exchange.id" else "does"
        raise CallAPersonError(
            f"{exchange}: {lists} not list {', '.join(missing)}; remove those coins, or choose "
            f"another {key}"
        )
    for market in missing:
        text = (
            f"{exchange} does not list {market}: nothing is traded in it, and what is held of it "
            "is kept; doctor says what can be done with it"
        )
        report(Incident("unlisted", "warning", text))
