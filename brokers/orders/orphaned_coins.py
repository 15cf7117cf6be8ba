"""Coins an account holds and the configuration no longer names: nobody would sell them, and their value would look like a loss."""

import json
from collections.abc import Collection

from brokers.errors import SafetyError
from brokers.journal.journal import Journal
from brokers.orders.ledger import BASELINE, BEGUN, SNAPSHOT

DUST = 5.0  # quote units; what fees and steps leave behind


def refuse_forgotten(journal: Journal, coins: Collection[str]) -> None:
    """Make sure that every coin bought and not sold, by us or, as a session has seen, by somebody else, or with an order that is not
    settled, is one of `coins`.

    Raises
    ------
    SafetyError
        It is not: the message says which and how much.

    """
    untraded, baseline = (json.loads(journal.get(key) or "{}") for key in (SNAPSHOT, BASELINE))
    units = {coin: left - baseline.get(coin, 0.0) for coin, left in untraded.items()}
    prices: dict[str, float] = {}
    for row in journal.fills(float(journal.get(BEGUN) or 0.0)):
        in_coin = row.fee if row.fee_coin == row.symbol else 0.0
        units[row.symbol] = units.get(row.symbol, 0.0) + row.size - in_coin
        prices[row.symbol] = row.price
    held = {
        coin: units[coin]
        for coin in prices
        if coin not in coins and units[coin] * prices[coin] > DUST
    }
    if held:
        said = ", ".join(f"{size:g} {coin}" for coin, size in held.items())
        raise SafetyError(
            f"the account holds {said}, which no [[coins]] table names any more: put it back, if with a small weight, until it is sold; if you have "
            "sold it yourself, for one bar after `halt`, which sees that and buys nothing; or begin a new account with another journal.folder"
        )
    if unsettled := sorted({intent.symbol for intent in journal.unfinished()} - set(coins)):
        raise SafetyError(
            f"an order in {', '.join(unsettled)} is not settled, and no [[coins]] table names that any more: put it back for one session, which "
            "settles it; or begin a new account with another journal.folder"
        )
