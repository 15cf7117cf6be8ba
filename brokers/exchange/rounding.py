"""Sizes and limits on the steps of an exchange."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from brokers.exchange.errors import RefusedError
from brokers.exchange.types import Listing, Side

# Of a step: a size this close below a whole number of steps is that number, but for float errors.
TOLERANCE = Decimal("1e-6")
DEFAULT_STEP = Decimal("1e-8")  # where the exchange names none


def round_size(size: float, listing: Listing) -> float:
    """`size` (coins) in whole steps, never more than it was.

    Raises
    ------
    RefusedError
        It is less than one step.

    """
    step = Decimal(repr(listing.step)) if listing.step else DEFAULT_STEP
    whole = (Decimal(repr(size)) / step + TOLERANCE).to_integral_value(ROUND_FLOOR) * step
    if whole <= 0:
        raise RefusedError(
            f"{listing.symbol}: a size of {size:g} is less than one step of {step:g}; nothing was "
            "sent",
            "limits",
        )
    return float(whole)


def round_limit(limit: float, listing: Listing, side: Side) -> float:
    """`limit` (quote units) in whole ticks: a buy's rounded down, a sell's up.

    Raises
    ------
    RefusedError
        It is less than one tick.

    """
    tick = Decimal(repr(listing.tick)) if listing.tick else DEFAULT_STEP
    rounding = ROUND_FLOOR if side == "buy" else ROUND_CEILING
    price = (Decimal(repr(limit)) / tick).to_integral_value(rounding) * tick
    if price <= 0:
        raise RefusedError(
            f"{listing.symbol}: a limit of {limit:g} is less than one tick of {tick:g}; nothing "
            "was sent",
            "limits",
        )
    return float(price)
