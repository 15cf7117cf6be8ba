"""What to send for an intent, given what is on offer now and what there is to spend."""

import math
from typing import NamedTuple

from brokers.exchange.types import Book, Listing
from brokers.journal.records import Intent
from brokers.orders.book import Levels, walk_book
from brokers.orders.fills import Costs, fill
from brokers.orders.remainder import FILLED_SHARE
from config.settings import Settings


class Plan(NamedTuple):
    """One order as it will be sent: signed coin units, and the worst price (None: any).

    `cut` is why it is less than was asked for, "" where it is not; what is beyond the market's
    largest order (`beyond_largest`) can follow at once.
    """

    size: float
    limit: float | None
    cut: str = ""
    beyond_largest: bool = False


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
    continued: bool = False,
) -> Plan | str:
    """The order for `intent`, or why there is none.

    Never more than is on offer within `exchange.price_guard` of the best price, than there is to
    spend or to sell, than the market's largest order, in whole steps; nothing where the testnet's
    price is off the live one, or that off the close decided on, by more than the guards allow. What
    continues an earlier order keeps to the live price: it has used up the levels that were near.
    """
    exchange, buying = settings.exchange, intent.size > 0
    levels = book.asks if buying else book.bids
    if not levels:
        return f"the order book of {listing.symbol} is empty"
    best = levels[0][0]
    if why := _price_gap(best, live_price, intent.price, settings):
        return why
    guard = 1.0 + exchange.price_guard if buying else 1.0 - exchange.price_guard
    limit = best * guard
    if continued:
        limit = min(limit, live_price * guard) if buying else max(limit, live_price * guard)
    size, cut = _size(intent, listing, levels, limit=limit, means=means, fee=settings.costs.fee)
    if not size and cut:
        return cut
    if not size or size < listing.min_size or size * best < listing.min_notional:
        why = (
            f"{size:g} {listing.base} at {best:g} is below the exchange's smallest order "
            f"({listing.min_size:g} {listing.base}, {listing.min_notional:g} {listing.quote})"
        )
        return f"{why}; {cut}" if cut else why
    largest = min(listing.max_size, listing.max_notional / best)
    if beyond := size > largest:
        size = floor_to_step(largest, listing.step)
    return Plan(
        math.copysign(size, intent.size),
        limit if exchange.order == "limit" else None,
        cut,
        beyond,
    )


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
) -> tuple[float, str]:
    """Units that the book gives and that can be paid or delivered, in whole steps.

    And why these are less than was asked for, "" where they are all but a step or a fee.
    """
    buying, wanted = intent.size > 0, abs(intent.size)
    available, average = walk_book(levels, wanted, limit, buying=buying)
    if buying:
        costs = Costs(fee, 0.0, listing.min_notional)
        price = max(average, levels[0][0])
        units, _, _ = fill(available, price, means.cash, listing.step, costs)
    else:
        units = min(available, means.units)
    size = floor_to_step(units, listing.step)
    there = f"{means.cash:,.2f} {listing.quote}" if buying else f"{means.units:g} {listing.base}"
    return size, why_cut(size, wanted, on_offer=available, there=there, market=listing.symbol)


def why_cut(size: float, wanted: float, *, on_offer: float, there: str, market: str) -> str:
    """Why `size` is less than `wanted`; "" where it is, but for a step or a fee.

    Coin units, all positive: the book has `on_offer`, and `there` is what we have to give.
    """
    if size >= FILLED_SHARE * wanted:
        return ""
    if size < FILLED_SHARE * on_offer:
        return f"{there} is all there is to give"
    return f"the order book of {market} has no more near its best price"


def floor_to_step(units: float, step: float) -> float:
    """`units` in whole steps, as an exchange wants it."""
    return math.floor(units / step + 1e-6) * step if step > 0.0 else units
