"""What an order becomes at a price: one rule for the simulated broker and the backtest's kernel."""

import math
from typing import NamedTuple


class Costs(NamedTuple):
    """`fee` is a fraction of traded value, `slippage` of price; `min_notional` in quote units."""

    fee: float
    slippage: float
    min_notional: float


class Fill(NamedTuple):
    """Signed coin units, price paid or received, fee in quote units; all zero for no fill."""

    size: float
    price: float
    fee: float


def fill(
    size: float, quote: float, cash: float, step: float, costs: Costs
) -> tuple[float, float, float]:
    """The `Fill` of a market order for `size` coin units (negative sells) at price `quote`.

    A plain tuple. Slippage moves the price against the order. A buy is cut to what `cash` pays for,
    fee included, in whole steps; a rest below the minimum notional is not bought at all. A sell is
    filled whole.
    """
    if size < 0.0:
        price = quote * (1.0 - costs.slippage)
        return size, price, -size * price * costs.fee
    price = quote * (1.0 + costs.slippage)
    # One part in 1e15 less, so that rounding cannot spend more than there is.
    affordable = cash / (price * (1.0 + costs.fee)) * (1.0 - 1e-15)
    if size > affordable:
        size = math.floor(affordable / step) * step if step > 0.0 else affordable
        if size <= 0.0 or size * price < costs.min_notional:
            return 0.0, 0.0, 0.0
    return size, price, size * price * costs.fee


def interest(cash: float, yearly: float, seconds: float) -> float:
    """What `cash` earns over `seconds` at a `yearly` effective rate (365 days)."""
    return cash * (math.pow(1.0 + yearly, seconds / 31_536_000.0) - 1.0)
