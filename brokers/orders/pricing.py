"""What to send for an intent, given what is on offer now and what there is to spend."""

import math
from typing import NamedTuple

from brokers.exchange.types import Book, Listing
from brokers.journal.records import Intent
from brokers.orders.book import walked
from brokers.orders.fills import Costs, fill
from config.settings import Settings


class Plan(NamedTuple):
    """One order as it will be sent: signed coin units, and the worst price (None: at the market)."""

    size: float
    limit: float | None


class Means(NamedTuple):
    """What is ours and free: quote units, and units of the coin to trade."""

    cash: float
    units: float


def planned(
    intent: Intent, listing: Listing, book: Book, live: float, means: Means, settings: Settings
) -> Plan | str:
    """The order for `intent`, or why there is none.

    Never more than is on offer within `exchange.price_guard` of the best price, than there is to spend or to sell, in whole steps;
    nothing where the testnet's price is off the `live` one, or that off the close decided on, by more than the guards allow.
    """
    guards, exchange, buying = settings.guards, settings.exchange, intent.size > 0
    levels = book.asks if buying else book.bids
    if not levels:
        return f"the book of {listing.symbol} is empty"
    best = levels[0][0]
    if (gap := abs(best / live - 1.0)) > guards.price_gap:
        return f"the testnet's {best:g} is {gap:.0%} off the live {live:g}; guards.price_gap allows {guards.price_gap:.0%}"
    if (gap := abs(live / intent.price - 1.0)) > guards.tick_gap:
        return f"the price {live:g} is {gap:.0%} off the close {intent.price:g} it was decided on; guards.tick_gap allows {guards.tick_gap:.0%}"
    limit = best * (1.0 + exchange.price_guard if buying else 1.0 - exchange.price_guard)
    there, average = walked(levels, abs(intent.size), limit, buying)
    if buying:
        there, _, _ = fill(
            there,
            max(average, best),
            means.cash,
            listing.step,
            Costs(settings.costs.fee, 0.0, listing.min_notional),
        )
    size = _floored(there if buying else min(there, means.units), listing.step)
    if not size or size < listing.min_size or size * best < listing.min_notional:
        return f"{size:g} {listing.base} at {best:g} is below the exchange's smallest order"
    return Plan(math.copysign(size, intent.size), limit if exchange.order == "limit" else None)


def _floored(units: float, step: float) -> float:
    """`units` in whole steps, as an exchange wants it."""
    return math.floor(units / step + 1e-6) * step if step > 0.0 else units
