"""A spot account on history: market orders at the next bar's open."""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import backtrader as bt

from brokers.orders.fills import Costs, Fill, fill, interest

EPOCH = float(date(1970, 1, 1).toordinal())  # backtrader counts days as date ordinals, in UTC
UNFILLED = Fill(0.0, 0.0, 0.0)


class OrderRecord(NamedTuple):
    """One order as it ended.

    `decided` and `filled` (None: never) are epoch seconds, `size` signed coin units, `price` and
    `fee` quote units.
    """

    decided: int
    filled: int | None
    symbol: str
    size: float
    price: float
    fee: float
    status: str


class SimulatedBroker(bt.BrokerBase):  # type: ignore[misc]  # backtrader has no types
    """Cash and coins, neither ever negative.

    An order fills at the open of its coin's first bar after the decision, by `fills.fill`. On a
    missing bar nothing fills, until the coin has missed `max_missing` bars and counts as ended:
    then its last price is taken. `cash_yield` is paid at every coin bar on the cash held since the
    one before.
    """

    def __init__(
        self,
        coins: Sequence[Any],
        cash: float,
        costs: Costs,
        *,
        steps: Mapping[str, float],
        max_missing: int,
        cash_yield: float,
    ) -> None:
        super().__init__()
        self.startingcash = self._cash = cash
        self._coins = coins
        self._costs = costs
        self._steps = steps
        self._max_missing = max_missing
        self._cash_yield = cash_yield
        self._positions: dict[Any, Any] = {coin: bt.Position() for coin in coins}
        self._held: list[tuple[Any, Any]] = []
        self._pending: list[Any] = []
        self._notifications: deque[Any] = deque()
        self._paid_until = 0
        self._since = self._peak = self._largest = 0.0
        self.records: list[OrderRecord] = []

    def getcash(self) -> float:
        """Free quote units."""
        return self._cash

    def getvalue(self, datas: Sequence[Any] | None = None) -> float:
        """Cash and coins at their last close, quote units; with `datas` those coins alone."""
        if datas is not None:
            return float(sum(self._positions[coin].size * coin.close[0] for coin in datas))
        value = self._cash
        for position, close in self._held:
            value += position.size * close[0]
        return value

    @property
    def fundvalue(self) -> float:
        """Value of one unit; no deposit ever changes the number of units."""
        return self.getvalue() / self.startingcash

    @property
    def fundshares(self) -> float:
        """Units issued at the start, one for each quote unit of cash."""
        return self.startingcash

    def getposition(self, data: Any) -> Any:
        """Position in `data`; its `size` is in coin units."""
        return self._positions[data]

    def limits(self, data: Any) -> tuple[float, float]:
        """Step (coin units) and minimum notional (quote units) of `data`."""
        return self._steps[data._name], self._costs.min_notional

    def largest_drawdown(self, since: float) -> float:
        """Largest fall of the unit value from a peak, both since `since` (epoch seconds).

        A fraction; 0 for NaN. It counts the bars at which it is called: the strategy does at every
        one.
        """
        value = self.getvalue()
        if since != self._since:
            self._since, self._peak, self._largest = since, value, 0.0
        self._peak = max(self._peak, value)
        self._largest = max(self._largest, 1.0 - value / self._peak)
        return self._largest if since == since else 0.0

    def buy(self, owner: Any, data: Any, size: float, **options: Any) -> Any:
        """Take a market buy for the next open."""
        return self._submit(
            bt.BuyOrder(owner=owner, data=data, size=size, exectype=bt.Order.Market)
        )

    def sell(self, owner: Any, data: Any, size: float, **options: Any) -> Any:
        """Take a market sell for the next open."""
        return self._submit(
            bt.SellOrder(owner=owner, data=data, size=size, exectype=bt.Order.Market)
        )

    def cancel(self, order: Any) -> None:
        """Withdraw an order that has not filled."""
        self._pending.remove(order)
        order.cancel()
        self._close(order, "cancelled")

    def get_orders_open(self, safe: bool = False) -> list[Any]:  # noqa: FBT001, FBT002  # backtrader's
        """Orders waiting for their bar."""
        return list(self._pending)

    def get_notification(self) -> Any:
        """The next order whose status changed, or None."""
        return self._notifications.popleft() if self._notifications else None

    def has_work(self) -> bool:
        """Whether `next` or a notification would do anything."""
        return bool(self._pending or self._notifications or self._cash_yield)

    def next(self) -> None:
        """Called when any feed has a new bar, before the strategy is."""
        if self._cash_yield:
            self._pay_interest()
        if self._pending:
            self._pending = [order for order in self._pending if not self._try(order)]

    def stop(self) -> None:
        """Record what the end of the data left open."""
        for order in self._pending:
            self._close(order, "open")

    def _submit(self, order: Any) -> Any:
        order.submit(self)
        order.accept(self)
        self._pending.append(order)
        self._notifications.append(order.clone())
        return order

    def _try(self, order: Any) -> bool:
        """Fill `order` if its coin has a bar to fill it on; whether it is done with."""
        data = order.data
        now = data.datetime[0]
        if now <= order.created.dt or 0 < data.stale[0] < self._max_missing:
            return False
        size, price, fee = fill(
            order.created.size, data.open[0], self._cash, self._steps[data._name], self._costs
        )
        if size == 0.0:
            order.margin()
            self._close(order, "no cash")
            return True
        self._execute(order, size, price, fee)
        self._close(order, "filled", Fill(size, price, fee), round((now - EPOCH) * 86400))
        return True

    def _execute(self, order: Any, size: float, price: float, fee: float) -> None:
        """Move cash and position, and tell backtrader's order."""
        position = self._positions[order.data]
        self._cash -= size * price + fee
        average = position.price
        position_size, position_price, opened, closed = position.update(size, price)
        self._held = [
            (self._positions[coin], coin.lines.close)
            for coin in self._coins
            if self._positions[coin].size
        ]
        order.execute(
            order.data.datetime[0],
            size,
            price,
            closed,
            -closed * average,
            fee if closed else 0.0,
            opened,
            opened * price,
            fee if opened else 0.0,
            None,
            -closed * (price - average),
            position_size,
            position_price,
        )
        order.addcomminfo(self.getcommissioninfo(order.data))
        order.completed()

    def _close(
        self, order: Any, status: str, result: Fill = UNFILLED, filled: int | None = None
    ) -> None:
        self.records.append(
            OrderRecord(
                decided=round((order.created.dt - EPOCH) * 86400),
                filled=filled,
                symbol=order.data._name,
                size=result.size or order.created.size,
                price=result.price,
                fee=result.fee,
                status=status,
            )
        )
        self._notifications.append(order.clone())

    def _pay_interest(self) -> None:
        now = max(
            (round((coin.datetime[0] - EPOCH) * 86400) for coin in self._coins if len(coin)),
            default=0,
        )
        if self._paid_until:
            self._cash += interest(self._cash, self._cash_yield, now - self._paid_until)
        self._paid_until = now
