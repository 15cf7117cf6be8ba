"""The broker a live session's strategy talks to: it knows the account, and notes what is wanted instead of sending it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import backtrader as bt


class Wanted(NamedTuple):
    """What the strategy asks for: signed coin units of one coin."""

    coin: str
    size: float


class Held(NamedTuple):
    """A position as the strategy reads it, in coin units."""

    size: float


class Account(Protocol):
    """What an account on paper and one on an exchange's testnet have in common. Coins by name."""

    @property
    def cash(self) -> float:
        """Quote units that may be spent."""

    @property
    def positions(self) -> Mapping[str, float]:
        """Coin units held."""

    def limits(self, coin: str) -> tuple[float, float]:
        """Progress (coin units) and minimum notional (quote units) of an order."""

    def largest_drawdown(self, since: float, value: float) -> float:
        """Largest fall of the unit value from a peak, both since `since` (epoch seconds), the account being worth `value` now."""


class LiveBroker(bt.BrokerBase):  # type: ignore[misc]  # backtrader has no types
    """Shows the strategy the account as it is, values it at the newest closes, and collects `wanted` for the session to carry out.

    Nothing is ever outstanding when the strategy is asked: the session has settled the decision before.
    """

    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account = account
        self.startingcash = account.cash  # backtrader looks at it when it ends
        self.coins: Sequence[Any] = ()
        self.wanted: list[Wanted] = []

    def getcash(self) -> float:
        """Free quote units."""
        return self._account.cash

    def getvalue(self, datas: Sequence[Any] | None = None) -> float:
        """Cash and coins at their last close, quote units; with `datas` those coins alone."""
        value = self._account.cash if datas is None else 0.0
        for coin in self.coins if datas is None else datas:
            if size := self._account.positions.get(coin._name, 0.0):
                value += size * coin.close[0]
        return value

    def getposition(self, data: Any) -> Held:
        """Position in `data`."""
        return Held(self._account.positions.get(data._name, 0.0))

    def limits(self, data: Any) -> tuple[float, float]:
        """Progress (coin units) and minimum notional (quote units) of `data`."""
        return self._account.limits(data._name)

    def largest_drawdown(self, since: float) -> float:
        """Largest fall of the unit value from a peak, both since `since` (epoch seconds), as a fraction; 0 for NaN."""
        return self._account.largest_drawdown(since, self.getvalue()) if since == since else 0.0

    def buy(self, owner: Any, data: Any, size: float, **options: Any) -> None:
        """Note a buy."""
        self.wanted.append(Wanted(data._name, size))

    def sell(self, owner: Any, data: Any, size: float, **options: Any) -> None:
        """Note a sell."""
        self.wanted.append(Wanted(data._name, -size))

    def cancel(self, order: Any) -> None:
        """Nothing is outstanding."""

    def get_orders_open(self, safe: bool = False) -> list[Any]:
        """Nothing is outstanding."""
        return []

    def has_work(self) -> bool:
        """Fills are the session's affair."""
        return False

    def get_notification(self) -> None:
        """The strategy remembers nothing, so it is told nothing."""

    def next(self) -> None:
        """Nothing happens between two bars that the account does not know."""
