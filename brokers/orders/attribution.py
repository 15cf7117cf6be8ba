"""Whose it is when somebody else changes the balances of an account.

What leaves is others' first and ours only beyond their part. What comes is theirs, unless it
replaces what has left our part at the same time: whoever sells our coins leaves us the proceeds, up
to their worth.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Movement(NamedTuple):
    """A balance that differs from what our own trades make of it: units of one coin."""

    coin: str
    units: float


def attribute(
    movements: Sequence[Movement],
    others: Mapping[str, float],
    prices: Mapping[str, float],
    *,
    deposits_are_ours: bool,
) -> dict[str, float]:
    """What of each moved coin is others' after `movements`, units by coin; `others` is before.

    `prices` are quote units by coin, 1 for the quote coin itself; without its price a coin replaces
    nothing. With `deposits_are_ours` all that comes is ours.
    """
    after = {coin: max(others.get(coin, 0.0), 0.0) for coin, _ in movements}
    ours_lost = coming = 0.0
    for coin, units in movements:
        if units < 0.0:
            from_others = min(-units, after[coin])
            after[coin] -= from_others
            ours_lost += (-units - from_others) * prices.get(coin, 0.0)
        else:
            coming += units * prices.get(coin, 0.0)
    replaced = min(ours_lost / coming, 1.0) if coming > 0.0 else 0.0
    for coin, units in movements:
        if units > 0.0 and not deposits_are_ours:
            after[coin] += units * (1.0 - replaced if coin in prices else 1.0)
    return after
