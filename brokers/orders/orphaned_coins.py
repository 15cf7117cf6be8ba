"""Coins that an account holds and the configuration no longer names.

Nobody would sell them, and their value would look like a loss.
"""

import json
from collections.abc import Collection

from brokers.errors import SafetyError
from brokers.journal.journal import Journal
from brokers.orders.ledger import BASELINE, BEGUN, SNAPSHOT

DUST = 5.0  # quote units; what fees and steps leave behind


def refuse_orphaned_coins(journal: Journal, coins: Collection[str]) -> None:
    """Check that every coin the account holds, or has an unsettled order in, is one of `coins`.

    It holds what was bought and not sold: by us, or by somebody else if a session has seen it.

    Raises
    ------
    SafetyError
        It is not: the message says which and how much.

    """
    held = {coin: units for coin, units in _held(journal).items() if coin not in coins}
    if held:
        listed = ", ".join(f"{units:g} {coin}" for coin, units in held.items())
        raise SafetyError(
            f"the account holds {listed}, which no [[coins]] table names any more. Add it again, "
            "if with a small weight, until it is sold. If you have sold it yourself, add it for one"
            " bar after `halt`: that session sees it and buys nothing. Or start a new account with "
            "another journal.folder"
        )
    if unsettled := sorted({intent.symbol for intent in journal.unfinished_intents()} - set(coins)):
        raise SafetyError(
            f"an order in {', '.join(unsettled)} is not settled, and no [[coins]] table names that "
            "coin any more. Add it again for one session, which settles the order, or start a new "
            "account with another journal.folder"
        )


def _held(journal: Journal) -> dict[str, float]:
    """Units by coin that are worth more than `DUST` at their last fill."""
    untraded, baseline = (json.loads(journal.get(key) or "{}") for key in (SNAPSHOT, BASELINE))
    units = {coin: left - baseline.get(coin, 0.0) for coin, left in untraded.items()}
    prices: dict[str, float] = {}
    for row in journal.fills(float(journal.get(BEGUN) or 0.0)):
        in_coin = row.fee if row.fee_coin == row.symbol else 0.0
        units[row.symbol] = units.get(row.symbol, 0.0) + row.size - in_coin
        prices[row.symbol] = row.price
    return {coin: units[coin] for coin in prices if units[coin] * prices[coin] > DUST}
