"""What an order book gives for an order."""

from collections.abc import Sequence

Levels = Sequence[tuple[float, float]]


def walk_book(
    levels: Levels, size: float, limit: float | None = None, *, buying: bool = True
) -> tuple[float, float]:
    """Coin units of `size` that `levels` give, and their average price.

    `levels` are (price, size), best first; none worse than `limit` is used. (0.0, 0.0) where they
    give nothing.
    """
    filled = value = 0.0
    for price, available in levels:
        if limit is not None and (price > limit if buying else price < limit):
            break
        taken = min(available, size - filled)
        filled += taken
        value += taken * price
        if filled >= size:
            break
    if filled <= 0.0:
        return 0.0, 0.0
    # One level has one price: dividing what was multiplied would move its last digit.
    return filled, levels[0][0] if filled <= levels[0][1] else value / filled


def levels_beyond(levels: Levels, size: float) -> Levels:
    """What is left of `levels` when `size` coin units have been taken of them."""
    left = []
    for price, available in levels:
        taken = min(available, size)
        size -= taken
        if available > taken:
            left.append((price, available - taken))
    return left
