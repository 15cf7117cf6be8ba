"""Order books: made from a price, or set level by level."""

from collections.abc import Callable, Iterator, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from tests.exchange.markets import Market

LEVELS = 5
SPACING = Decimal("0.0001")  # between levels, as a fraction of the price
Levels = list[list[Decimal]]  # [price, size], best first


class Taken(NamedTuple):
    price: Decimal
    size: Decimal


class Books:
    """Every market's two sides.

    A book made from `price(symbol, now)` lies `half_spread` (a fraction) to both sides of it, has
    `depth` quote units at each of five levels, and is whole again at every look. A book that was
    set is used up by what trades with it.
    """

    def __init__(self, price: Callable[[str, float], float], now: Callable[[], float]) -> None:
        self.price_at, self.now = price, now
        self.half_spread = 0.0005
        self.depth = 10_000_000.0
        self._set: dict[str, tuple[Levels, Levels]] = {}

    def last(self, symbol: str) -> Decimal:
        """The price now."""
        return Decimal(repr(float(self.price_at(symbol, self.now()))))

    def set(
        self, symbol: str, bids: Sequence[tuple[float, float]], asks: Sequence[tuple[float, float]]
    ) -> None:
        """Give `symbol` these levels (price, size), best first, until `unset`."""
        self._set[symbol] = (_decimals(bids), _decimals(asks))

    def unset(self, symbol: str) -> None:
        self._set.pop(symbol, None)

    def bids(self, market: Market) -> Levels:
        return self._set[market.symbol][0] if market.symbol in self._set else self._made(market, -1)

    def asks(self, market: Market) -> Levels:
        return self._set[market.symbol][1] if market.symbol in self._set else self._made(market, 1)

    def against(self, market: Market, side: str) -> Levels:
        """The levels that an order of `side` trades with."""
        return self.asks(market) if side == "BUY" else self.bids(market)

    def taken(
        self, market: Market, side: str, size: Decimal, limit: Decimal | None = None
    ) -> Iterator[Taken]:
        """Take up to `size` from the levels not worse than `limit`."""
        levels = self.against(market, side)
        while size > 0 and levels and _acceptable(levels[0][0], side, limit):
            level = levels[0]
            taken = Taken(level[0], min(size, level[1]))
            size -= taken.size
            level[1] -= taken.size
            if not level[1]:
                levels.pop(0)
            yield taken

    def offered(self, market: Market, side: str, limit: Decimal | None = None) -> Decimal:
        """Size of all levels not worse than `limit`."""
        return sum(
            (size for price, size in self.against(market, side) if _acceptable(price, side, limit)),
            Decimal(0),
        )

    def cost(self, market: Market, side: str, size: Decimal) -> Decimal:
        """Quote units that `size`, as far as it is offered, would trade for now."""
        cost = Decimal(0)
        for price, offered in self.against(market, side):
            taken = min(size, offered)
            cost += taken * price
            size -= taken
        return cost

    def worth(self, market: Market, side: str, quote: Decimal) -> tuple[Decimal, bool]:
        """Whole steps that `quote` units trade for, and whether the book had enough of them."""
        size = Decimal(0)
        for price, offered in self.against(market, side):
            wanted = quote / price
            if wanted <= offered:
                return _steps(size + wanted, market), True
            size += offered
            quote -= offered * price
        return _steps(size, market), False

    def _made(self, market: Market, sign: int) -> Levels:
        rounding = (
            ROUND_HALF_EVEN if not self.half_spread else ROUND_CEILING if sign > 0 else ROUND_FLOOR
        )
        last = self.last(market.symbol)
        levels = []
        for level in range(LEVELS):
            price = last * (1 + sign * (Decimal(repr(self.half_spread)) + level * SPACING))
            price = max(
                (price / market.tick).to_integral_value(rounding) * market.tick, market.tick
            )
            levels.append(
                [price, max(_steps(Decimal(repr(self.depth)) / price, market), market.step)]
            )
        return levels


def _acceptable(price: Decimal, side: str, limit: Decimal | None) -> bool:
    return limit is None or (price <= limit if side == "BUY" else price >= limit)


def _steps(size: Decimal, market: Market) -> Decimal:
    return size // market.step * market.step


def _decimals(levels: Sequence[tuple[float, float]]) -> Levels:
    return [[Decimal(str(price)), Decimal(str(size))] for price, size in levels]
