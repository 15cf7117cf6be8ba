"""How an account at an exchange begins: what of its balances becomes ours at the first start."""

import math
from collections.abc import Callable, Mapping

from brokers.errors import SafetyError
from brokers.exchange.client import Client
from brokers.exchange.errors import CallAPersonError
from brokers.exchange.types import Balances, Listing
from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.neighbours import account_ids
from brokers.orders.ledger import Ledger
from brokers.orders.lost_journal import (
    NOTHING,
    LostHoldings,
    ask_what_to_do,
    cancel_lost_orders,
    find_lost_holdings,
)
from config.settings import Settings
from config.trading import Exchange


class AccountBeginning:
    """Part of the quote coin becomes ours; of coins what the settings say."""

    def __init__(
        self,
        settings: Settings,
        client: Client,
        *,
        journal: Journal,
        ledger: Ledger,
        listings: Mapping[str, Listing],
        report: Callable[[Incident], None],
    ) -> None:
        """`listings` by coin."""
        self._exchange = settings.exchange
        self._client = client
        self._journal = journal
        self._ledger = ledger
        self._listings = listings
        self._report = report

    def begin(self, balances: Balances, now: float) -> Balances:
        """Begin the account at `now` (epoch seconds of the exchange); its balances then.

        Raises
        ------
        CallAPersonError
            There is nothing to trade with.
        SafetyError
            Orders of a lost journal have left coins, and nobody has chosen what becomes of them.

        """
        lost = self._lost_holdings(balances)
        take = self._exchange.found == "adopt"
        if lost.accounts and take:
            cancel_lost_orders(self._client, self._listings, lost.accounts)
            balances = self._client.balances()
            lost = self._lost_holdings(balances)
        cash = self.grant(balances, lost if take else NOTHING)
        if lost.accounts:  # no order of before is one of this account
            self._journal.renew_account_id(lost.accounts[0] if take else "")
        adopt = self._exchange.adopt
        # With `adopt` all coins are ours, so that here is said which are not; otherwise which are.
        sign = float(take) - float(adopt)
        self._ledger.begin(
            balances.total,
            cash,
            adopt=adopt,
            bought={coin: sign * units for coin, units in lost.units.items()},
            now=now,
        )
        self._report_beginning(balances, cash)
        if lost.accounts:
            what = "is the account's too" if take else "counts as somebody else's"
            text = f"what orders of a lost journal had bought {what}: {lost.text}"
            self._report(Incident("found", "warning", text))
        return balances

    def check_new_coins(self, balances: Balances) -> None:
        """Look for what a lost journal's orders have left in coins that are named since.

        Raises
        ------
        SafetyError
            There is something, and nobody has chosen what becomes of it.

        """
        new = self._ledger.new_coins()
        known = account_ids(self._journal.path.parent)
        lost = find_lost_holdings(self._client, new, balances.total, known) if new else NOTHING
        if not lost.accounts:
            return
        text = f"orders of a lost journal have left {lost.text} at {self._client.id}"
        if self._exchange.found == "ask":
            raise SafetyError(
                f"{self._journal.path}: {', '.join(new)} is named since, and {text}. Nothing is "
                'bought before you have chosen: set exchange.found to "leave", which leaves it as '
                "somebody else's, or sell it by hand first"
            )
        self._report(Incident("found", "warning", f"{text}; it counts as somebody else's"))

    def grant(self, balances: Balances, lost: LostHoldings = NOTHING) -> float:
        """Quote units of `balances` that become ours; what is taken over of `lost` is paid for.

        Raises
        ------
        CallAPersonError
            There are none.

        """
        exchange, quote = self._exchange, self._ledger.quote
        available = balances.total.get(quote, 0.0)
        cash = granted_cash(exchange, available, lost.spent)
        if cash <= 0.0 and not exchange.adopt and not lost.accounts:
            raise CallAPersonError(
                f"{self._client.id}: the testnet account has no {quote} to trade with; "
                "a testnet grants some when it is reset"
            )
        return cash

    def _report_beginning(self, balances: Balances, cash: float) -> None:
        others = ", ".join(sorted(set(balances.total) - {self._ledger.quote}))
        adopted = "the configured ones are used too (exchange.adopt)"
        use = adopted if self._exchange.adopt else "left alone"
        text = f"the account begins with {cash:,.2f} {self._ledger.quote}"
        text += f"; other coins there: {others}: {use}" if others else "; there are no other coins"
        self._report(Incident("account", "info", text))

    def _lost_holdings(self, balances: Balances) -> LostHoldings:
        """What a lost journal's orders have left, if a person has chosen what becomes of it."""
        # Orders with this journal's own id, which has not begun, mean that an older copy of it was
        # put back.
        known = account_ids(self._journal.path.parent) - {self._journal.account_id}
        lost = find_lost_holdings(self._client, self._listings, balances.total, known)
        if lost.accounts and self._exchange.found == "ask":
            raise ask_what_to_do(lost, self._client, self._journal.path)
        return lost


def granted_cash(exchange: Exchange, available: float, spent: float = 0.0) -> float:
    """Quote units of those `available` that an account begins with.

    `spent` are those that it has paid already for what it takes over.
    """
    size = min(exchange.amount or math.inf, exchange.share * (available + spent))
    return min(max(size - spent, 0.0), available)
