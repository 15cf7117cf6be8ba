"""Whose coins: what of an exchange's account is ours, what it should hold, and what somebody else has done."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from brokers.journal.journal import Journal
from brokers.orders.venue import Listing

BASELINE, SNAPSHOT = "baseline", "untraded"  # journal keys: balances before us; balances less our trades
CLOSE = 1e-6  # relative difference of two balances that is rounding


class Moved(NamedTuple):
    """A balance that differs from what our own trades make of it: units of one coin."""

    coin: str
    units: float


class Ledger:
    """Owned is what the exchange says minus the baseline: what was there before us.

    The one rule: positions follow the exchange; the journal's executions only say which changes were ours.
    """

    def __init__(self, journal: Journal, listings: Mapping[str, Listing]) -> None:
        """`listings` by coin; one quote coin for all."""
        self._journal = journal
        self._listings = listings
        self.quote = next(iter(listings.values())).quote
        self._baseline: dict[str, float] | None = json.loads(journal.get(BASELINE) or "null")

    @property
    def begun(self) -> bool:
        """Whether there is a baseline."""
        return self._baseline is not None

    def begin(self, totals: Mapping[str, float], cash: float, adopt: bool) -> None:
        """Take `cash` quote units and, with `adopt`, the coins there are as ours; the rest is somebody else's from now on."""
        ours = {self.quote: cash} | ({listing.base: totals.get(listing.base, 0.0) for listing in self._listings.values()} if adopt else {})
        self._baseline = {coin: units - ours.get(coin, 0.0) for coin, units in totals.items()}
        self._journal.put(BASELINE, json.dumps(self._baseline))
        self.agree(totals)

    def owned(self, totals: Mapping[str, float]) -> tuple[float, dict[str, float]]:
        """Our quote units, and our units of each coin."""
        baseline = self._baseline or {}

        def of(coin: str) -> float:
            return max(totals.get(coin, 0.0) - baseline.get(coin, 0.0), 0.0)

        return of(self.quote), {name: of(listing.base) for name, listing in self._listings.items()}

    def agree(self, totals: Mapping[str, float]) -> None:
        """From now on expect these balances and what is traded after this."""
        traded = self._traded()
        snapshot = json.dumps({coin: totals.get(coin, 0.0) - traded.get(coin, 0.0) for coin in self._watched()})
        if snapshot != self._journal.get(SNAPSHOT):
            self._journal.put(SNAPSHOT, snapshot)

    def moved(self, totals: Mapping[str, float]) -> list[Moved]:
        """What differs from the balances agreed on and our trades since."""
        traded = self._traded()
        untraded: dict[str, float] = json.loads(self._journal.get(SNAPSHOT) or "{}")
        found = []
        for coin, before in untraded.items():
            units, there = before + traded.get(coin, 0.0), totals.get(coin, 0.0)
            if abs(there - units) > CLOSE * max(abs(units), abs(there)) + 1e-8:
                found.append(Moved(coin, there - units))
        return found

    def _watched(self) -> list[str]:
        return [self.quote, *(listing.base for listing in self._listings.values())]

    def _traded(self) -> dict[str, float]:
        """What all our trades together have done to the balances."""
        units: dict[str, float] = {}
        for row in self._journal.fills():
            for coin, change in ((self._listings[row.symbol].base, row.size), (self.quote, -row.size * row.price), (row.fee_coin, -row.fee)):
                units[coin] = units.get(coin, 0.0) + change
        return units
