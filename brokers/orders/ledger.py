"""The record of whose the balances of an exchange's account are."""

import json
from collections.abc import Callable, Mapping, Sequence

from brokers.exchange.types import Listing
from brokers.journal.journal import Journal
from brokers.journal.reader import FLOW
from brokers.orders.attribution import Movement
from brokers.orders.balances import BASELINE, BEGUN, SNAPSHOT, AccountBalances, OwnBalances

NONE: Mapping[str, float] = {}
FLOW_DECIMALS = 8  # decimals of a flow, quote units; what is smaller is a rounding error


class Ledger(AccountBalances):
    """Owned is what the exchange says minus the baseline: what is others'.

    The one rule: positions follow the exchange; the journal's fills only show which changes were
    ours.
    """

    def __init__(self, journal: Journal, listings: Mapping[str, Listing]) -> None:
        """`listings` by coin; one quote coin for all."""
        super().__init__(journal, listings)
        self._journal = journal

    def begin(
        self,
        totals: Mapping[str, float],
        cash: float,
        *,
        adopt: bool,
        bought: Mapping[str, float] = NONE,
        now: float = 0.0,
        flow: Callable[[OwnBalances], float] = lambda own: 0.0,
    ) -> None:
        """Take `cash` quote units and, with `adopt`, all coins as ours; leave the rest alone.

        From `now` on (epoch seconds of the exchange). `bought` are units by coin that are ours
        besides (negative: not ours, though the rest is). `flow` returns what has been paid in since
        the newest decision, given what is ours from now on.
        """
        ours = {self.quote: cash}
        for name, listing in self._listings.items():
            there = totals.get(listing.base, 0.0)
            units = (there if adopt else 0.0) + bought.get(name, 0.0)
            ours[listing.base] = min(max(units, 0.0), there)
        baseline = {coin: there - ours.get(coin, 0.0) for coin, there in totals.items()}
        own = OwnBalances(
            cash, {name: ours[listing.base] for name, listing in self._listings.items()}
        )
        values = {
            BEGUN: repr(now),
            BASELINE: json.dumps(baseline),
            SNAPSHOT: json.dumps(self._snapshot(totals)),
        }
        self._journal.put_all(values | {FLOW: repr(flow(own))})

    def new_coins(self) -> dict[str, Listing]:
        """Coins that the settings name since the account began, with their listings."""
        known = self._untraded()
        return {name: one for name, one in self._listings.items() if one.base not in known}

    def add_new_coins(self, totals: Mapping[str, float]) -> None:
        """Of a coin named since, what is there and was not bought by us is somebody else's."""
        untraded, traded = self._untraded(), self.traded_units()
        new = [coin for coin in self._watched() if coin not in untraded]
        if new and self.has_begun:
            left = {coin: totals.get(coin, 0.0) - traded.get(coin, 0.0) for coin in new}
            self._journal.put_all(
                {
                    BASELINE: json.dumps(self._baseline() | left),
                    SNAPSHOT: json.dumps(untraded | left),
                }
            )

    def flow(self) -> float:
        """What has been paid in (negative: out) since the last recorded decision, quote units."""
        return float(self._journal.get(FLOW) or 0.0)

    def accept_balances(self, totals: Mapping[str, float]) -> None:
        """From now on expect these balances and what we trade after this."""
        snapshot = json.dumps(self._untraded() | self._snapshot(totals))
        if snapshot != self._journal.get(SNAPSHOT):
            self._journal.put(SNAPSHOT, snapshot)

    def expect_changes(self, changes: Mapping[str, float]) -> None:
        """Expect `changes` too, units by coin: ours, but no trades of this journal."""
        self._journal.put(
            SNAPSHOT,
            json.dumps(
                {coin: units + changes.get(coin, 0.0) for coin, units in self._untraded().items()}
            ),
        )

    def accept_movements(
        self,
        movements: Sequence[Movement],
        totals: Mapping[str, float],
        closes: Mapping[str, float],
        *,
        deposits_are_ours: bool,
    ) -> list[Movement]:
        """Accept `totals`, which somebody else has changed; what of it has changed our part.

        `closes` are quote units by coin's name. The flow is stored in the same transaction, so that
        no crash makes profit of a deposit or a loss of a withdrawal.
        """
        prices = {self.quote: 1.0} | {
            listing.base: closes[name] for name, listing in self._listings.items() if name in closes
        }
        before = self.own_balances(self.expected_balances())
        baseline = self._baseline_after(
            list(movements), totals, prices, deposits_are_ours=deposits_are_ours
        )
        after = self.own_balances(totals, baseline)
        changes = [Movement(self.quote, after.cash - before.cash)] + [
            Movement(listing.base, after.positions[name] - before.positions[name])
            for name, listing in self._listings.items()
        ]
        flow = sum(units * prices.get(coin, 0.0) for coin, units in changes)
        self._journal.put_all(
            {
                BASELINE: json.dumps(baseline),
                SNAPSHOT: json.dumps(self._untraded() | self._snapshot(totals)),
                FLOW: repr(self.flow() + round(flow, FLOW_DECIMALS)),
            }
        )
        return [change for change in changes if round(change.units, FLOW_DECIMALS)]

    def _snapshot(self, totals: Mapping[str, float]) -> dict[str, float]:
        traded = self.traded_units()
        return {coin: totals.get(coin, 0.0) - traded.get(coin, 0.0) for coin in self._watched()}
