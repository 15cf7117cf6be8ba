"""The broker of a live session's strategy: it knows the account, and collects order requests."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import backtrader as bt

from brokers.journal.records import Intent
from brokers.orders.nav import NetAssetValue


class OrderRequest(NamedTuple):
    """What the strategy asks for: signed coin units of one coin."""

    coin: str
    size: float


class Position(NamedTuple):
    """A position as the strategy reads it, in coin units."""

    size: float


class Account(Protocol):
    """What the strategy reads of an account, on paper or on a testnet. Coins by name."""

    @property
    def cash(self) -> float:
        """Quote units that may be spent."""

    @property
    def positions(self) -> Mapping[str, float]:
        """Coin units held."""

    def limits(self, coin: str) -> tuple[float, float]:
        """Step (coin units) and minimum notional (quote units) of an order."""

    def largest_drawdown(self, since: float, value: float) -> float:
        """Largest fall of the unit value from a peak, both since `since` (epoch seconds).

        `value` is what the account is worth now, quote units. A fraction.
        """


class TradingAccount(Account, Protocol):
    """An account in which a session carries out orders."""

    nav: NetAssetValue

    def start(self) -> None:
        """Check the account before the first decision."""

    def refresh(self, closes: Mapping[str, float]) -> float:
        """Read the account again; what was paid in since the last time, quote units at `closes`."""

    def price(self, coin: str) -> float:
        """What a coin is sold at now, quote units; NaN: nobody buys.

        Raises
        ------
        RefusedError, TryLaterError
            The exchange does not say.

        """

    def carry_out(self, intent: Intent, *, may_send: bool, budget: float = math.inf) -> str:
        """Bring one intent as far as it gets now; why it is not at its end, "" if it is.

        Each of its orders is sent once, however often it is called. At most `budget` quote units
        are spent. Without `may_send` what was sent before is settled, and that is its end.
        """


class LiveBroker(bt.BrokerBase):  # type: ignore[misc]  # backtrader has no types
    """Shows the strategy the account, valued at the newest closes, and collects its `requests`.

    Nothing is ever outstanding when the strategy is asked: the session has settled the decision
    before.
    """

    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account = account
        self.startingcash = account.cash  # backtrader looks at it when it ends
        self.coins: Sequence[Any] = ()
        self.requests: list[OrderRequest] = []

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

    def getposition(self, data: Any) -> Position:
        """Position in `data`."""
        return Position(self._account.positions.get(data._name, 0.0))

    def limits(self, data: Any) -> tuple[float, float]:
        """Step (coin units) and minimum notional (quote units) of `data`."""
        return self._account.limits(data._name)

    def largest_drawdown(self, since: float) -> float:
        """Largest fall of the unit value from a peak, both since `since` (epoch seconds).

        A fraction; 0 for NaN.
        """
        return self._account.largest_drawdown(since, self.getvalue()) if since == since else 0.0

    def buy(self, owner: Any, data: Any, size: float, **options: Any) -> None:
        """Collect a buy."""
        self.requests.append(OrderRequest(data._name, size))

    def sell(self, owner: Any, data: Any, size: float, **options: Any) -> None:
        """Collect a sell."""
        self.requests.append(OrderRequest(data._name, -size))

    def cancel(self, order: Any) -> None:
        """Nothing is outstanding."""

    def get_orders_open(self, safe: bool = False) -> list[Any]:  # noqa: FBT001, FBT002  # backtrader's
        """Nothing is outstanding."""
        return []

    def has_work(self) -> bool:
        """Fills are the session's affair."""
        return False

    def get_notification(self) -> None:
        """The strategy keeps no state, so it needs no notifications."""

    def next(self) -> None:
        """Nothing happens between two bars that the account does not know."""
