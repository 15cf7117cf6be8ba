"""What an order book gives for an order."""

from collections.abc import Sequence

Levels = Sequence[tuple[float, float]]


def walked(
    levels: Levels, size: float, limit: float | None = None, buying: bool = True
) -> tuple[float, float]:
    """Coin units of `size` that `levels` (price, size; best first) give, and their average price; no level worse than `limit`.

    (0.0, 0.0) where they give nothing.
    """
    filled = value = 0.0
    for price, there in levels:
        if limit is not None and (price > limit if buying else price < limit):
            break
        taken = min(there, size - filled)
        filled += taken
        value += taken * price
        if filled >= size:
            break
    if filled <= 0.0:
        return 0.0, 0.0
    # One level has one price: dividing what was multiplied would move its last digit.
    return filled, levels[0][0] if filled <= levels[0][1] else value / filled
