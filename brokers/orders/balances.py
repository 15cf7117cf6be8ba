"""What an exchange's account should hold, and what of it is ours, as the journal knows it."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from brokers.exchange.types import Listing
from brokers.journal.reader import JournalReader
from brokers.journal.records import FillRow
from brokers.orders.attribution import Movement, attribute

# Journal keys. When the account began, at first or after a reset (epoch seconds of the exchange).
BEGUN = "begun"
# Balances of others; balances less our trades.
BASELINE, SNAPSHOT = "baseline", "untraded"
CASH = "cash"  # what a paper account began with, quote units
ROUNDING = 1e-6  # relative difference of two balances
LISTED_WITHIN = 3 * 86_400.0  # seconds after which fills that were never listed are not waited for
LEAST_UNITS = 1e-8  # units: the last decimal that exchanges keep
FLOAT_ERROR = 1e-12  # of a balance: what differences of floats are wrong by


class OwnBalances(NamedTuple):
    """What is ours: quote units, and units of each coin by its name."""

    cash: float
    positions: dict[str, float]


class AccountBalances:
    """The balances of one exchange account, read from the journal alone.

    Owned is what the exchange says minus the baseline: what is others'.
    """

    def __init__(self, journal: JournalReader, listings: Mapping[str, Listing]) -> None:
        """`listings` by coin; one quote coin for all."""
        self._reader = journal
        self._listings = listings

    @property
    def quote(self) -> str:
        """The quote coin."""
        return next(iter(self._listings.values())).quote

    @property
    def has_begun(self) -> bool:
        """Whether there is a baseline."""
        return self._reader.get(BASELINE) is not None

    def own_balances(
        self, totals: Mapping[str, float], baseline: Mapping[str, float] | None = None
    ) -> OwnBalances:
        """What of `totals` is ours; the recorded baseline unless another is given."""
        others = self._baseline() if baseline is None else baseline

        def of(coin: str) -> float:
            there = totals.get(coin, 0.0)
            left = there - others.get(coin, 0.0)
            return left if left > LEAST_UNITS + FLOAT_ERROR * there else 0.0

        return OwnBalances(
            max(of(self.quote) - self._fees_owed(), 0.0),
            {name: of(listing.base) for name, listing in self._listings.items()},
        )

    def own_amid_movements(self, totals: Mapping[str, float]) -> OwnBalances:
        """What of `totals` is ours if all they differ by is somebody else's doing.

        Others' part changes first; nothing that has come is ours before it is accepted as that.
        """
        return self.own_balances(totals, self._baseline_after(self.movements(totals), totals, {}))

    def movements(self, totals: Mapping[str, float]) -> list[Movement]:
        """What differs from the accepted balances and our trades since."""
        return _differences(self.expected_balances(), totals)

    def expected_balances(self, unlisted: Sequence[FillRow] = ()) -> dict[str, float]:
        """The accepted balances, and our trades since, those that are not listed yet besides."""
        traded = self.traded_units(unlisted)
        watched = self._watched()
        return {
            coin: units + traded.get(coin, 0.0)
            for coin, units in self._untraded().items()
            if coin in watched
        }

    def is_behind(self, totals: Mapping[str, float], since: float) -> bool:
        """Whether some of our trades since then (epoch seconds) are not in these balances yet.

        The coins that the newest trades bought or sold have just the balances before them. The
        quote coin may have changed besides.
        """
        expected = self.expected_balances()
        before: dict[str, float] = {}
        for row in reversed(self._reader.fills(since)):
            for coin, change in self._changes(row):
                if coin in expected and coin != self.quote:
                    before[coin] = before.get(coin, expected[coin]) - change
            if before and not _differences(before, totals):
                return bool(_differences({coin: expected[coin] for coin in before}, totals))
        return False

    def traded_units(self, unlisted: Sequence[FillRow] = ()) -> dict[str, float]:
        """What all our trades together have done to the balances."""
        units: dict[str, float] = {}
        for row in (*self._reader.fills(), *unlisted):
            for coin, change in self._changes(row):
                units[coin] = units.get(coin, 0.0) + change
        return units

    def _baseline_after(
        self,
        movements: list[Movement],
        totals: Mapping[str, float],
        prices: Mapping[str, float],
        *,
        deposits_are_ours: bool = False,
    ) -> dict[str, float]:
        """The baseline once `movements`, which have led to `totals`, are somebody else's doing."""
        # Fees that others' coins have paid for us are theirs too: they are part of the quote coin.
        owed = {self.quote: self._fees_owed()}
        baseline = self._baseline()
        others = {
            coin: baseline.get(coin, 0.0) + owed.get(coin, 0.0) for coin in (*baseline, *owed)
        }
        after = attribute(movements, others, prices, deposits_are_ours=deposits_are_ours)
        for coin, units in movements:
            left = after[coin]
            if units < 0.0:  # nobody owes more than there is
                left = min(left, totals.get(coin, 0.0))
            baseline[coin] = left - owed.get(coin, 0.0)
        return baseline

    def _fees_owed(self) -> float:
        """Quote units of fees paid in a coin that is not ours: they are a cost all the same."""
        rows = self._reader.fills(float(self._reader.get(BEGUN) or 0.0))
        ours = {*self._watched(), ""}
        return sum(
            row.fee_quote
            for row in rows
            if row.fee_coin not in ours and not math.isnan(row.fee_quote)
        )

    def _baseline(self) -> dict[str, float]:
        baseline: dict[str, float] = json.loads(self._reader.get(BASELINE) or "{}")
        return baseline

    def _untraded(self) -> dict[str, float]:
        """As accepted last; of a coin that the settings name no more, when they did."""
        untraded: dict[str, float] = json.loads(self._reader.get(SNAPSHOT) or "{}")
        return untraded

    def _watched(self) -> list[str]:
        return [self.quote, *(listing.base for listing in self._listings.values())]

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
        if abs(actual - units) > ROUNDING * max(abs(units), abs(actual)) + LEAST_UNITS
    ]
