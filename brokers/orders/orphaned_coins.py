"""Coins that an account holds and the configuration no longer names.

Nobody would sell them, and their value would look like a loss.
"""

from collections.abc import Collection

from brokers.errors import SafetyError
from brokers.journal.journal import Journal
from brokers.journal.reader import JournalReader
from brokers.orders.holdings import DUST, current_holdings
from config.settings import Settings


def refuse_orphaned_coins(journal: Journal, settings: Settings) -> None:
    """Check that `settings` name every coin the account holds or has an unsettled order in.

    It holds what was bought and not sold: by us, or by somebody else if a session has seen it. A
    coin that a person has said is gone is taken out at the start.

    Raises
    ------
    SafetyError
        It is not: the message says which and how much.

    """
    coins = {coin.name for coin in settings.coins}
    if held := _held(journal, coins | settings.paper.gone.keys()):
        listed = ", ".join(f"{units:g} {coin}" for coin, units in held.items())
        it, is_, its = ("it", "is", "its") if len(held) == 1 else ("them", "are", "their")
        they = "it" if len(held) == 1 else "they"
        raise SafetyError(
            f"the account holds {listed}, which no [[coins]] table names any more. Add {it} again, "
            f"if with a small weight, until {they} {is_} sold. If the exchange trades {it} no "
            f'more, or you have sold {it} yourself, set paper.gone: "loss" (worth nothing) or '
            f'"last-price" (taken out at {its} last price). Or start a new account with another '
            "journal.folder"
        )
    if unsettled := sorted({intent.symbol for intent in journal.unfinished_intents()} - coins):
        raise SafetyError(
            f"an order in {', '.join(unsettled)} is not settled, and no [[coins]] table names that "
            f"coin any more. Add {'it' if len(unsettled) == 1 else 'them'} again for one session, "
            "which settles the order, or start a new account with another journal.folder"
        )


def _held(journal: JournalReader, named: Collection[str]) -> dict[str, float]:
    """Units by coin of those beside `named` that are worth more than `DUST`."""
    holdings = current_holdings(journal, {}, "")
    if holdings is None:
        return {}
    return {
        coin: units
        for coin, units in holdings.units.items()
        if coin not in named and holdings.worth(coin) > DUST
    }
