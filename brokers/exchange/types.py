"""What an exchange reports, checked and in plain types."""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple, Self

Side = Literal["buy", "sell"]
Status = Literal["open", "filled", "cancelled", "expired", "refused"]


class Listing(NamedTuple):
    """One spot market.

    `step`, `min_size` and `max_size` are coin units, `tick`, `min_notional` and `max_notional`
    quote units; 0, or infinity for the largest: no such rule.
    """

    symbol: str
    base: str
    quote: str
    active: bool
    step: float
    min_size: float
    min_notional: float
    tick: float
    max_size: float = math.inf
    max_notional: float = math.inf

    @classmethod
    def unlisted(cls, symbol: str) -> Self:
        """The market `symbol` where it is not traded."""
        base, _, quote = symbol.partition("/")
        return cls(
            symbol=symbol,
            base=base,
            quote=quote,
            active=False,
            step=0.0,
            min_size=0.0,
            min_notional=0.0,
            tick=0.0,
        )


class Balances(NamedTuple):
    """Units of every coin of the account, without zeros; `total` includes what open orders hold."""

    free: Mapping[str, float]
    total: Mapping[str, float]


class ExchangeOrder(NamedTuple):
    """An order as the exchange reports it.

    `size` and `filled` are positive coin units; `average` is the mean fill price in quote units,
    NaN before the first fill; `time` is epoch seconds. `words` are the exchange's own for the end
    of an order that expired or was refused, "" otherwise.
    """

    id: str
    client_id: str
    symbol: str
    side: Side
    size: float
    filled: float
    average: float
    status: Status
    time: float
    words: str = ""


class Trade(NamedTuple):
    """One execution of an order; `fee` is in units of `fee_coin`."""

    id: str
    order_id: str
    symbol: str
    side: Side
    size: float
    price: float
    fee: float
    fee_coin: str
    time: float


class Book(NamedTuple):
    """Price levels as (price, size), best first; either side may be empty."""

    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]


class Permissions(NamedTuple):
    """What the key may do; None where the exchange does not report it."""

    trade: bool | None
    withdraw: bool | None
