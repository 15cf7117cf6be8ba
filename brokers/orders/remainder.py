"""What is left of an intent that orders have filled in part."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from brokers.journal.records import Intent, OrderRow

# Share of an intent from which on it counts as filled: steps and fees take the rest.
FILLED_SHARE = 0.99
MOST_ORDERS = 10  # that the exchange has accepted for one intent; what is left then is given up
TOO_MANY = f"no more than {MOST_ORDERS} orders are sent for one decision"
TOO_LATE = "too late to be sent"


def why_not_traded(market: str, where: str) -> str:
    """Why nothing is sent to a market that has halted, or is gone."""
    return f"{market} is not traded at {where} now; the position is kept"


class Smallest(NamedTuple):
    """The smallest order in a market: coin units, and quote units."""

    size: float
    notional: float


def filled_units(orders: Sequence[OrderRow]) -> float:
    """Signed coin units that `orders` have filled."""
    return sum(order.filled for order in orders)


def units_left(intent: Intent, filled: float, smallest: Smallest) -> float:
    """Signed coin units of `intent` still to be traded after `filled` of them.

    0.0 where what is filled counts as all of it, or what is left is too small for an order.
    """
    left = intent.size - filled
    if not filled:
        return left
    is_small = abs(left) < smallest.size or abs(left) * intent.price < smallest.notional
    if is_small or abs(filled) >= FILLED_SHARE * abs(intent.size):
        return 0.0
    return left


def progress_text(intent: Intent, filled: float) -> str:
    """How much is filled, as in "15 of 42.5 filled"."""
    return f"{abs(filled):g} of {abs(intent.size):g} filled"


def next_part(intent: Intent, left: float) -> Intent:
    """The intent with what is left of it as its size."""
    return intent._replace(size=math.copysign(left, intent.size))
