"""How long the markets' rules of an exchange (steps, minimums, what is listed) are used."""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from brokers.exchange.errors import CallAPersonError
from brokers.exchange.types import Listing
from brokers.journal.incident import Incident
from brokers.journal.records import Known

RENEWED = 3600.0  # seconds until they are loaded again, before the next decision


def known_markets(source: str, now: float) -> Known:
    """What is recorded of rules that `source` gave at `now` (epoch seconds)."""
    return Known("markets", now + RENEWED, source, now)


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
