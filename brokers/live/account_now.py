"""The account as it is now: at its newest decided bar, and what was filled after it."""

import math
from collections.abc import Iterable, Iterator, Sequence

from brokers.journal.reader import JournalReader
from brokers.journal.records import DecisionRow, FillRow, OrderRow
from brokers.live.session_setup import SessionSetup, setup_of
from brokers.live.status_document import AccountNow, HoldingNow

DAY = 86_400.0  # seconds by which the clocks of an exchange and of this machine may differ


def number(value: float | None) -> float | None:
    """None for what is not known."""
    return None if value is None or math.isnan(value) else value


class _Balances:
    """Cash and units, as fills change them."""

    def __init__(self, setup: SessionSetup, cash: float, units: dict[str, float]) -> None:
        self._coins = dict(zip(setup.bases, setup.coins, strict=True))
        self._quote = setup.quote
        self.cash, self.units = cash, units
        self.changed_at = -math.inf

    def apply(self, order: OrderRow, fills: Sequence[FillRow]) -> None:
        """Book an order's fills, and what else it reports as filled that no fill shows yet."""
        for row in fills:
            self._book(row.symbol, row.size, row.price, row.time)
            self._pay(row)
        rest = order.filled - sum(row.size for row in fills)
        if rest * order.size > 0.0 and order.average is not None:
            self._book(order.symbol, rest, order.average, order.updated)

    def _book(self, coin: str, size: float, price: float, at: float) -> None:
        self.units[coin] = self.units.get(coin, 0.0) + size
        self.cash -= size * price
        self.changed_at = max(self.changed_at, at)

    def _pay(self, row: FillRow) -> None:
        """Take the fee off the coin it was paid in, or what it is worth off the cash."""
        coin = self._coins.get(row.fee_coin)
        if coin is not None and not math.isnan(row.fee):
            self.units[coin] = self.units.get(coin, 0.0) - row.fee
            return
        paid = row.fee if row.fee_coin in ("", self._quote) else row.fee_quote
        self.cash -= 0.0 if math.isnan(paid) else paid


def account_now(journal: JournalReader, rows: Sequence[DecisionRow]) -> AccountNow | None:
    """The account after the newest fill, at the closes of the newest bar among `rows`.

    `rows` are the newest decisions, oldest first; a flatten has no closes of its own.
    """
    base = next((row for row in reversed(rows) if row.kind == "bar"), rows[-1])
    session = journal.session(base.session)
    setup = setup_of(session.settings if session else "{}")
    if len(setup.coins) != len(base.current):
        return None  # its settings cannot be read
    closes = {bar.symbol: bar.close for bar in journal.bars(base.time, base.time)}
    values = {
        coin: share * base.equity for coin, share in zip(setup.coins, base.current, strict=True)
    }
    units = {coin: _units(value, closes.get(coin)) for coin, value in values.items()}
    balances = _Balances(setup, base.cash, units)
    for order, fills in _orders_since(journal, base, rows):
        balances.apply(order, fills)
    worth = {
        coin: _worth(balances.units[coin], closes.get(coin), value)
        for coin, value in values.items()
    }
    is_changed = balances.changed_at > -math.inf
    equity = balances.cash + sum(worth.values()) if is_changed else base.equity
    targets = dict(zip(setup.coins, rows[-1].targets, strict=False))
    return AccountNow(
        quote=setup.quote,
        priced_at=base.time,
        changed_at=max(balances.changed_at, base.time),
        equity=number(equity),
        cash=number(balances.cash),
        drawdown=number(base.drawdown),
        holdings=tuple(
            HoldingNow(
                coin=coin,
                units=number(balances.units[coin]),
                price=number(closes.get(coin)),
                value=number(value),
                share=number(value / equity) if equity > 0.0 else None,
                target_share=number(targets.get(coin)),
                target=number(targets.get(coin, math.nan) * equity),
            )
            for coin, value in worth.items()
        ),
    )


def _units(value: float, close: float | None) -> float:
    if not value:
        return 0.0
    return value / close if close else math.nan


def _worth(units: float, close: float | None, value: float) -> float:
    """The units at their close; without one the `value` at the bar."""
    return units * close if close and not math.isnan(units) else value


def _orders_since(
    journal: JournalReader, base: DecisionRow, rows: Iterable[DecisionRow]
) -> Iterator[tuple[OrderRow, list[FillRow]]]:
    """The orders of `base` and of later decisions, each with its fills.

    By the decision, not by time: a late fill of an earlier one is in the balances already.
    """
    fills: dict[str, list[FillRow]] = {}
    for fill in journal.fills(since=base.time - DAY):
        fills.setdefault(fill.client_id, []).append(fill)
    for row in rows:
        if row.time < base.time:
            continue
        for intent in journal.intents(row.time):
            for order in journal.orders(intent.id):
                yield order, fills.get(order.client_id, [])
