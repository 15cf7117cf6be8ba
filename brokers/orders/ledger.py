"""Whose coins: what of an exchange's account is ours, what it should hold, and what somebody else has done."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from brokers.exchange.types import Listing
from brokers.journal.journal import FLOW, Journal
from brokers.journal.records import FillRow

BEGUN = "begun"  # journal key: when the account began, at first or after a reset (epoch seconds of the exchange)
BASELINE, SNAPSHOT = (
    "baseline",
    "untraded",
)  # journal keys: balances before us; balances less our trades
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
        self._baseline: dict[str, float] | None = json.loads(journal.get(BASELINE) or "null")
        self._since = float(journal.get(BEGUN) or 0.0)

    @property
    def quote(self) -> str:
        """The quote coin."""
        return next(iter(self._listings.values())).quote

    @property
    def begun(self) -> bool:
        """Whether there is a baseline."""
        return self._baseline is not None

    def begin(
        self,
        totals: Mapping[str, float],
        cash: float,
        adopt: bool,
        now: float = 0.0,
        flow: Callable[[], float] = float,
    ) -> None:
        """Take `cash` quote units and, with `adopt`, the coins there are as ours; the rest is somebody else's from `now` on (epoch
        seconds of the exchange). `flow` tells what has come in since the newest decision, once it is ours.
        """
        ours = {self.quote: cash} | (
            {listing.base: totals.get(listing.base, 0.0) for listing in self._listings.values()}
            if adopt
            else {}
        )
        self._baseline = {coin: units - ours.get(coin, 0.0) for coin, units in totals.items()}
        self._since = now
        kept = {
            BEGUN: repr(now),
            BASELINE: json.dumps(self._baseline),
            SNAPSHOT: json.dumps(self._snapshot(totals)),
        }
        self._journal.keep(kept | {FLOW: repr(flow())})

    def welcome(self, totals: Mapping[str, float]) -> None:
        """Of a coin that the settings have named since, what is there now and was not bought by us is somebody else's."""
        untraded, traded = self._untraded(), self.traded()
        new = [coin for coin in self._watched() if coin not in untraded]
        if new and self._baseline is not None:
            left = {coin: totals.get(coin, 0.0) - traded.get(coin, 0.0) for coin in new}
            self._baseline |= left
            self._journal.keep(
                {BASELINE: json.dumps(self._baseline), SNAPSHOT: json.dumps(untraded | left)}
            )

    def flow(self) -> float:
        """What has been put in (negative: taken out) since the last decision was written down, quote units."""
        return float(self._journal.get(FLOW) or 0.0)

    def owned(self, totals: Mapping[str, float]) -> tuple[float, dict[str, float]]:
        """Our quote units, and our units of each coin."""
        baseline = self._baseline or {}

        def of(coin: str) -> float:
            return max(totals.get(coin, 0.0) - baseline.get(coin, 0.0), 0.0)

        return max(of(self.quote) - self._owed(), 0.0), {
            name: of(listing.base) for name, listing in self._listings.items()
        }

    def _owed(self) -> float:
        """Quote units of fees that were paid in a coin which is not ours: they are a cost all the same."""
        rows = self._journal.fills(self._since)
        ours = {*self._watched(), ""}
        return sum(
            row.fee_quote
            for row in rows
            if row.fee_coin not in ours and not math.isnan(row.fee_quote)
        )

    def agree(self, totals: Mapping[str, float]) -> None:
        """From now on expect these balances and what is traded after this."""
        snapshot = json.dumps(self._untraded() | self._snapshot(totals))
        if snapshot != self._journal.get(SNAPSHOT):
            self._journal.put(SNAPSHOT, snapshot)

    def expect(self, changes: Mapping[str, float]) -> None:
        """Let the balances agreed on take in `changes`, units by coin, which are no trades of this journal and yet nobody else's."""
        self._journal.put(
            SNAPSHOT,
            json.dumps(
                {coin: units + changes.get(coin, 0.0) for coin, units in self._untraded().items()}
            ),
        )

    def moved(self, totals: Mapping[str, float]) -> list[Moved]:
        """What differs from the balances agreed on and our trades since."""
        return _differences(self.expected(), totals)

    def expected(self) -> dict[str, float]:
        """The balances agreed on, and our trades since."""
        traded = self.traded()
        watched = self._watched()
        return {
            coin: units + traded.get(coin, 0.0)
            for coin, units in self._untraded().items()
            if coin in watched
        }

    def behind(self, totals: Mapping[str, float], since: float) -> bool:
        """Whether these are the balances before some of our trades since then (epoch seconds): the newest are not booked yet."""
        expected = self.expected()
        for row in reversed(self._journal.fills(since)):
            for coin, change in self._changes(row):
                if coin in expected:
                    expected[coin] -= change
            if not _differences(expected, totals):
                return True
        return False

    def give_up(
        self, moved: Sequence[Moved], totals: Mapping[str, float], flow: Callable[[], float] = float
    ) -> None:
        """Agree on `totals`, which somebody has changed: what was taken of what was there before us need not be put back out of ours.

        `flow` tells what has come in by that; it is kept in the same transaction, so that no crash makes profit of a deposit.
        """
        taken = {one.coin: totals.get(one.coin, 0.0) for one in moved if one.units < 0.0}
        self._baseline = {
            coin: min(units, taken.get(coin, units))
            for coin, units in (self._baseline or {}).items()
        }
        untraded = self._untraded() | self._snapshot(totals)
        self._journal.keep(
            {
                BASELINE: json.dumps(self._baseline),
                SNAPSHOT: json.dumps(untraded),
                FLOW: repr(self.flow() + flow()),
            }
        )

    def _snapshot(self, totals: Mapping[str, float]) -> dict[str, float]:
        traded = self.traded()
        return {coin: totals.get(coin, 0.0) - traded.get(coin, 0.0) for coin in self._watched()}

    def _untraded(self) -> dict[str, float]:
        """As agreed on last; of a coin that the settings name no more, when they did."""
        untraded: dict[str, float] = json.loads(self._journal.get(SNAPSHOT) or "{}")
        return untraded

    def _watched(self) -> list[str]:
        return [self.quote, *(listing.base for listing in self._listings.values())]

    def traded(self) -> dict[str, float]:
        """What all our trades together have done to the balances."""
        units: dict[str, float] = {}
        for row in self._journal.fills():
            for coin, change in self._changes(row):
                units[coin] = units.get(coin, 0.0) + change
        return units

    def _changes(self, row: FillRow) -> tuple[tuple[str, float], ...]:
        listing = self._listings.get(row.symbol)
        base = (
            listing.base if listing is not None else row.symbol
        )  # of a coin that was taken out of the settings since
        return (base, row.size), (self.quote, -row.size * row.price), (row.fee_coin, -row.fee)


def _differences(expected: Mapping[str, float], totals: Mapping[str, float]) -> list[Moved]:
    pairs = [(coin, units, totals.get(coin, 0.0)) for coin, units in expected.items()]
    return [
        Moved(coin, there - units)
        for coin, units, there in pairs
        if abs(there - units) > CLOSE * max(abs(units), abs(there)) + 1e-8
    ]
