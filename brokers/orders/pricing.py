"""What to send for an intent, given what is on offer now and what there is to spend."""

import math
from typing import NamedTuple

from brokers.exchange.types import Book, Listing
from brokers.journal.records import Intent
from brokers.orders.book import Levels, walk_book
from brokers.orders.fills import Costs, fill
from config.settings import Settings


class Plan(NamedTuple):
    """One order as it will be sent: signed coin units, and the worst price (None: any)."""

    size: float
    limit: float | None


class Means(NamedTuple):
    """What is ours and free: quote units, and units of the coin to trade."""

    cash: float
    units: float


def plan_order(
    intent: Intent,
    listing: Listing,
    *,
    book: Book,
    live_price: float,
    means: Means,
    settings: Settings,
) -> Plan | str:
    """The order for `intent`, or why there is none.

    Never more than is on offer within `exchange.price_guard` of the best price, than there is to
    spend or to sell, in whole steps; nothing where the testnet's price is off the live one, or that
    off the close decided on, by more than the guards allow.
    """
    exchange, buying = settings.exchange, intent.size > 0
    levels = book.asks if buying else book.bids
    if not levels:
        return f"the order book of {listing.symbol} is empty"
    best = levels[0][0]
    if why := _price_gap(best, live_price, intent.price, settings):
        return why
    limit = best * (1.0 + exchange.price_guard if buying else 1.0 - exchange.price_guard)
    size = _size(intent, listing, levels, limit=limit, means=means, fee=settings.costs.fee)
    if not size or size < listing.min_size or size * best < listing.min_notional:
        return (
            f"{size:g} {listing.base} at {best:g} is below the exchange's smallest order "
            f"({listing.min_size:g} {listing.base}, {listing.min_notional:g} {listing.quote})"
        )
    return Plan(math.copysign(size, intent.size), limit if exchange.order == "limit" else None)


def _price_gap(best: float, live_price: float, close: float, settings: Settings) -> str:
    """Why the price is too far off; "" if it is not."""
    guards = settings.guards
    if (gap := abs(best / live_price - 1.0)) > guards.price_gap:
        return (
            f"the testnet's price {best:g} is {gap:.0%} off the live price {live_price:g}; "
            f"guards.price_gap allows {guards.price_gap:.0%}"
        )
    if (gap := abs(live_price / close - 1.0)) > guards.tick_gap:
        return (
            f"the price {live_price:g} is {gap:.0%} off the close {close:g} it was decided on; "
            f"guards.tick_gap allows {guards.tick_gap:.0%}"
        )
    return ""


def _size(
    intent: Intent,
    listing: Listing,
    levels: Levels,
    *,
    limit: float,
    means: Means,
    fee: float,
) -> float:
    """Units that the book gives and that can be paid or delivered, in whole steps."""
    buying = intent.size > 0
    available, average = walk_book(levels, abs(intent.size), limit, buying=buying)
    if buying:
        costs = Costs(fee, 0.0, listing.min_notional)
        price = max(average, levels[0][0])
        units, _, _ = fill(available, price, means.cash, listing.step, costs)
    else:
        units = min(available, means.units)
    return _floor_to_step(units, listing.step)


def _floor_to_step(units: float, step: float) -> float:
    """`units` in whole steps, as an exchange wants it."""
    return math.floor(units / step + 1e-6) * step if step > 0.0 else units
