"""Which balances are ours, which an exchange's account should hold, and what others changed."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from brokers.exchange.types import Listing
from brokers.journal.journal import Journal
from brokers.journal.reader import FLOW
from brokers.journal.records import FillRow

# Journal keys. When the account began, at first or after a reset (epoch seconds of the exchange).
BEGUN = "begun"
# Balances before us; balances less our trades.
BASELINE, SNAPSHOT = "baseline", "untraded"
ROUNDING = 1e-6  # relative difference of two balances
LEAST = 1e-8  # units


class Movement(NamedTuple):
    """A balance that differs from what our own trades make of it: units of one coin."""

    coin: str
    units: float


class Ledger:
    """Owned is what the exchange says minus the baseline: what was there before us.

    The one rule: positions follow the exchange; the journal's fills only show which changes were
    ours.
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
    def has_begun(self) -> bool:
        """Whether there is a baseline."""
        return self._baseline is not None

    def begin(
        self,
        totals: Mapping[str, float],
        cash: float,
        *,
        adopt: bool,
        now: float = 0.0,
        flow: Callable[[], float] = float,
    ) -> None:
        """Take `cash` quote units and, with `adopt`, all coins as ours; leave the rest alone.

        From `now` on (epoch seconds of the exchange). `flow` returns what has been paid in since
        the newest decision, once it is ours.
        """
        ours = {self.quote: cash} | (
            {listing.base: totals.get(listing.base, 0.0) for listing in self._listings.values()}
            if adopt
            else {}
        )
        self._baseline = {coin: units - ours.get(coin, 0.0) for coin, units in totals.items()}
        self._since = now
        values = {
            BEGUN: repr(now),
            BASELINE: json.dumps(self._baseline),
            SNAPSHOT: json.dumps(self._snapshot(totals)),
        }
        self._journal.put_all(values | {FLOW: repr(flow())})

    def add_new_coins(self, totals: Mapping[str, float]) -> None:
        """Of a coin named since, what is there and was not bought by us is somebody else's."""
        untraded, traded = self._untraded(), self.traded_units()
        new = [coin for coin in self._watched() if coin not in untraded]
        if new and self._baseline is not None:
            left = {coin: totals.get(coin, 0.0) - traded.get(coin, 0.0) for coin in new}
            self._baseline |= left
            self._journal.put_all(
                {BASELINE: json.dumps(self._baseline), SNAPSHOT: json.dumps(untraded | left)}
            )

    def flow(self) -> float:
        """What has been paid in (negative: out) since the last recorded decision, quote units."""
        return float(self._journal.get(FLOW) or 0.0)

    def own_balances(self, totals: Mapping[str, float]) -> tuple[float, dict[str, float]]:
        """Our quote units, and our units of each coin."""
        baseline = self._baseline or {}

        def of(coin: str) -> float:
            return max(totals.get(coin, 0.0) - baseline.get(coin, 0.0), 0.0)

        return max(of(self.quote) - self._fees_owed(), 0.0), {
            name: of(listing.base) for name, listing in self._listings.items()
        }

    def _fees_owed(self) -> float:
        """Quote units of fees paid in a coin that is not ours: they are a cost all the same."""
        rows = self._journal.fills(self._since)
        ours = {*self._watched(), ""}
        return sum(
            row.fee_quote
            for row in rows
            if row.fee_coin not in ours and not math.isnan(row.fee_quote)
        )

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

    def movements(self, totals: Mapping[str, float]) -> list[Movement]:
        """What differs from the accepted balances and our trades since."""
        return _differences(self.expected_balances(), totals)

    def expected_balances(self) -> dict[str, float]:
        """The accepted balances, and our trades since."""
        traded = self.traded_units()
        watched = self._watched()
        return {
            coin: units + traded.get(coin, 0.0)
            for coin, units in self._untraded().items()
            if coin in watched
        }

    def is_behind(self, totals: Mapping[str, float], since: float) -> bool:
        """Whether these are the balances before some of our trades since then (epoch seconds).

        The exchange has not booked the newest yet.
        """
        expected = self.expected_balances()
        for row in reversed(self._journal.fills(since)):
            for coin, change in self._changes(row):
                if coin in expected:
                    expected[coin] -= change
            if not _differences(expected, totals):
                return True
        return False

    def accept_movements(
        self,
        movements: Sequence[Movement],
        totals: Mapping[str, float],
        flow: Callable[[], float] = float,
    ) -> None:
        """Accept `totals`, which somebody else has changed.

        What was taken of what was there before us need not be replaced out of ours. `flow` returns
        what has been paid in by that; it is stored in the same transaction, so that no crash makes
        profit of a deposit.
        """
        taken = {coin: totals.get(coin, 0.0) for coin, units in movements if units < 0.0}
        self._baseline = {
            coin: min(units, taken.get(coin, units))
            for coin, units in (self._baseline or {}).items()
        }
        untraded = self._untraded() | self._snapshot(totals)
        self._journal.put_all(
            {
                BASELINE: json.dumps(self._baseline),
                SNAPSHOT: json.dumps(untraded),
                FLOW: repr(self.flow() + flow()),
            }
        )

    def _snapshot(self, totals: Mapping[str, float]) -> dict[str, float]:
        traded = self.traded_units()
        return {coin: totals.get(coin, 0.0) - traded.get(coin, 0.0) for coin in self._watched()}

    def _untraded(self) -> dict[str, float]:
        """As accepted last; of a coin that the settings name no more, when they did."""
        untraded: dict[str, float] = json.loads(self._journal.get(SNAPSHOT) or "{}")
        return untraded

    def _watched(self) -> list[str]:
        return [self.quote, *(listing.base for listing in self._listings.values())]

    def traded_units(self) -> dict[str, float]:
        """What all our trades together have done to the balances."""
        units: dict[str, float] = {}
        for row in self._journal.fills():
            for coin, change in self._changes(row):
                units[coin] = units.get(coin, 0.0) + change
        return units

    def _changes(self, row: FillRow) -> tuple[tuple[str, float], ...]:
        listing = self._listings.get(row.symbol)
        # Without a listing the coin was taken out of the settings since.
        base = listing.base if listing is not None else row.symbol
        return (base, row.size), (self.quote, -row.size * row.price), (row.fee_coin, -row.fee)


def _differences(expected: Mapping[str, float], totals: Mapping[str, float]) -> list[Movement]:
    pairs = [(coin, units, totals.get(coin, 0.0)) for coin, units in expected.items()]
    return [
        Movement(coin, actual - units)
        for coin, units, actual in pairs
        if abs(actual - units) > ROUNDING * max(abs(units), abs(actual)) + LEAST
    ]
