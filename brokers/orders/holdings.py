"""What an account holds now, as its journal knows it: after the newest fill, in every mode."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from brokers.exchange.types import Listing
from brokers.journal.reader import JournalReader
from brokers.journal.records import FillRow
from brokers.orders.balances import (
    BASELINE,
    BEGUN,
    CASH,
    LISTED_WITHIN,
    AccountBalances,
    OwnBalances,
)

DUST = 5.0  # quote units; what fees and steps leave behind


class Holdings(NamedTuple):
    """Quote units, units of each coin by name, and the last known price of each that is held.

    A price is the newest close or the newest fill's, whichever came later. The newest fill was at
    `filled_at`, epoch seconds (-inf: none).
    """

    cash: float
    units: Mapping[str, float]
    prices: Mapping[str, float]
    filled_at: float

    @property
    def value(self) -> float:
        """Quote units; NaN where a coin is held of which no price is known."""
        return self.cash + sum(
            units * self.prices.get(coin, math.nan) for coin, units in self.units.items() if units
        )

    def worth(self, coin: str) -> float:
        """What the units of a coin were worth at its last price, quote units; 0 if unknown."""
        return self.units.get(coin, 0.0) * self.prices.get(coin, 0.0)


def current_holdings(
    journal: JournalReader, bases: Mapping[str, str], quote: str
) -> Holdings | None:
    """What the account holds, None before it has begun.

    `bases` are the base coins of the markets by coin, `quote` is that of all. A coin that was
    traded and is named no more counts under its own name. What an order reports as filled counts
    before its fills are listed. What others have done to an exchange's account since the newest
    decision is not in the journal.
    """
    listed = journal.fills()
    unlisted = _unlisted_fills(journal, listed)
    fills = [*listed, *unlisted]
    initial = journal.get(CASH)
    if initial is not None:
        own: OwnBalances | None = paper_balances(journal, float(initial), bases, fills)
    else:
        own = _exchange_balances(journal, bases, quote, listed, unlisted)
    if own is None:
        return None
    held = [coin for coin, size in own.positions.items() if size > 0.0]
    filled_at = max((row.time for row in fills), default=-math.inf)
    return Holdings(own.cash, own.positions, _last_prices(journal, held, fills), filled_at)


def paper_balances(
    journal: JournalReader, cash: float, coins: Collection[str], fills: Sequence[FillRow]
) -> OwnBalances:
    """What `fills` have made of an account that began with `cash` quote units.

    Less the coins that have been taken out of it.
    """
    units = dict.fromkeys(coins, 0.0)
    for row in fills:
        cash -= row.size * row.price + row.fee
        units[row.symbol] = units.get(row.symbol, 0.0) + row.size
    released: dict[str, float] = json.loads(journal.get(BASELINE) or "{}")
    return OwnBalances(cash, {coin: size - released.get(coin, 0.0) for coin, size in units.items()})


def _unlisted_fills(journal: JournalReader, listed: Sequence[FillRow]) -> list[FillRow]:
    """What orders report as filled and no fill shows yet, without its fee.

    Of orders that the newest decision still waited for.
    """
    sizes: dict[str, float] = {}
    for row in listed:
        sizes[row.client_id] = sizes.get(row.client_id, 0.0) + row.size
    last = journal.last_decision()
    oldest = last.time - LISTED_WITHIN if last else -math.inf
    since = max(oldest, float(journal.get(BEGUN) or 0.0))
    return [
        FillRow(
            symbol=order.symbol,
            trade_id="",
            client_id=order.client_id,
            time=order.updated,
            size=left,
            price=order.average,
            fee=0.0,
            fee_coin="",
            fee_quote=0.0,
        )
        for order in journal.orders(sent_since=since)
        if order.average is not None
        and (left := order.filled - sizes.get(order.client_id, 0.0)) * order.size > 0.0
    ]


def _exchange_balances(
    journal: JournalReader,
    bases: Mapping[str, str],
    quote: str,
    fills: Sequence[FillRow],
    unlisted: Sequence[FillRow],
) -> OwnBalances | None:
    named = {row.symbol: row.symbol for row in (*fills, *unlisted)} | dict(bases)
    markets = {name: Listing.unlisted(f"{base}/{quote}") for name, base in named.items()}
    balances = AccountBalances(journal, markets)
    if not balances.has_begun or not markets:
        return None
    return balances.own_balances(balances.expected_balances(unlisted))


def _last_prices(
    journal: JournalReader, coins: Sequence[str], fills: Sequence[FillRow]
) -> dict[str, float]:
    """Of what is known of `coins` at all; `fills` are oldest first."""
    filled = {row.symbol: (row.time, row.price) for row in fills}
    prices = {}
    for coin in coins:
        bar = journal.last_bar(coin)
        closed = (bar.time, bar.close) if bar is not None else (-math.inf, math.nan)
        at, price = max(filled.get(coin, (-math.inf, math.nan)), closed, key=lambda known: known[0])
        if at > -math.inf:
            prices[coin] = price
    return prices
