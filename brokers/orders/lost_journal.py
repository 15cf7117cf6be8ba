"""What an earlier journal's orders have left at the exchange, where that journal is gone.

Every order has an id of our form, so that it is recognised without its journal. Of several lost
journals only the newest is the one that was in use. It may have taken over what an earlier one had
bought, which its id then shows; otherwise a person had left that to somebody else.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from brokers.errors import SafetyError
from brokers.exchange.client import Client
from brokers.exchange.types import ExchangeOrder, Listing
from brokers.journal.client_ids import account_of, has_our_form, has_taken_over
from brokers.journal.neighbours import copies_of
from brokers.orders.holdings import DUST

Choice = Literal["ask", "adopt", "leave"]


class LostHoldings(NamedTuple):
    """What orders of a lost journal have bought and not sold, and is still there.

    `accounts` are its id and those that it has taken over, newest first. `units` by coin, fees
    deducted; `spent` and `value` are quote units: what all of these orders have cost (negative:
    brought in), and what the units were worth at their last price. `first` and `last` are when the
    orders were sent, epoch seconds.
    """

    accounts: tuple[str, ...]
    units: Mapping[str, float]
    spent: float
    value: float
    first: float
    last: float

    @property
    def text(self) -> str:
        """Units and coins, what they are worth, and from when they are."""
        held = ", ".join(f"{units:g} {coin}" for coin, units in self.units.items() if units)
        days = " to ".join(
            dict.fromkeys(
                f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d}" for time in (self.first, self.last)
            )
        )
        return f"{held} (worth about {self.value:,.2f}; ordered {days})"


NOTHING = LostHoldings((), {}, 0.0, 0.0, 0.0, 0.0)


def find_lost_holdings(
    client: Client,
    listings: Mapping[str, Listing],
    totals: Mapping[str, float],
    known_accounts: Collection[str],
) -> LostHoldings:
    """What orders of our form have left in `totals`, unless of `known_accounts`.

    Those of the newest account and of what that one has taken over. It reaches back as far as the
    exchange lists orders. `listings` by coin.
    """

    def is_lost(id_: str) -> bool:
        return has_our_form(id_) and account_of(id_) not in known_accounts

    listed = client.listings()
    orders = {
        coin: client.recent_orders(listing.symbol, is_lost)
        for coin, listing in listings.items()
        if listing.symbol in listed
    }
    accounts = _newest_account(order for rows in orders.values() for order in rows)
    units: dict[str, float] = {}
    times: list[float] = []
    spent = value = 0.0
    for coin, listing in listings.items():
        net = price = 0.0
        for order in sorted(orders.get(coin, ()), key=lambda order: order.time):
            if not order.filled or account_of(order.client_id) not in accounts:
                continue
            times.append(order.time)
            for trade in client.trades(order):
                sign = 1.0 if trade.side == "buy" else -1.0
                net += sign * trade.size - (trade.fee if trade.fee_coin == listing.base else 0.0)
                spent += sign * trade.size * trade.price
                spent += trade.fee if trade.fee_coin == listing.quote else 0.0
                price = trade.price
        units[coin] = min(max(net, 0.0), totals.get(listing.base, 0.0))
        value += units[coin] * price
    if value <= DUST:
        return NOTHING
    return LostHoldings(accounts, units, spent, value, min(times), max(times))


def _newest_account(orders: Iterable[ExchangeOrder]) -> tuple[str, ...]:
    """The account that has sent the newest of `orders`, and what it has taken over, step by step.

    Newest first.
    """
    last: dict[str, float] = {}
    for order in orders:
        account = account_of(order.client_id)
        last[account] = max(last.get(account, order.time), order.time)
    accounts: list[str] = []
    for account in sorted(last, key=lambda account: last[account], reverse=True):
        if not accounts or has_taken_over(accounts[-1], account):
            accounts.append(account)
    return tuple(accounts)


def cancel_lost_orders(
    client: Client, listings: Mapping[str, Listing], accounts: Collection[str]
) -> None:
    """Cancel what is still open of orders of these accounts: none may fill unseen."""
    listed = client.listings()
    for listing in listings.values():
        for order in client.open_orders(listing.symbol) if listing.symbol in listed else ():
            if has_our_form(order.client_id) and account_of(order.client_id) in accounts:
                client.cancel(order)


def ask_what_to_do(holdings: LostHoldings, client: Client, journal: Path) -> SafetyError:
    """The error that asks a person to choose; nothing is bought before."""
    copies = [path.name for id_ in holdings.accounts for path in copies_of(id_, journal.parent)]
    copy = f" ({copies[-1]} is a copy of it)" if copies else ""
    return SafetyError(
        f"{journal}: is new, but orders with ids of this program have left {holdings.text} at "
        f"{client.id}: the journal of account {', '.join(holdings.accounts)} is lost. Nothing is "
        f"bought before you have chosen: put that journal back{copy}, or set exchange.found to "
        '"adopt", which takes the coins over, or to "leave", which leaves them as somebody else\'s'
    )
