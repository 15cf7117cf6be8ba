"""Coins that an exchange trades no more, taken out of the account by a person's decision.

The account goes on without them, and the settings may name them no more.
"""

import json
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.reader import FLOW
from brokers.orders.balances import BASELINE
from brokers.orders.holdings import Holdings, current_holdings

# What becomes of a coin's value: it is lost, or leaves the account as a withdrawal would.
Leaving = Literal["loss", "last-price"]
# Journal key: the coins of paper.gone that have been taken out, so that each is once (JSON list).
RELEASED = "released"
KIND = "gone"  # of the incident


class GoneCoins:
    """Takes the coins that `paper.gone` names out of the account, each once.

    The one rule: a coin that is still traded is not taken out, since it would be bought again.
    """

    def __init__(
        self,
        journal: Journal,
        gone: Mapping[str, Leaving],
        *,
        bases: Mapping[str, str],
        report: Callable[[Incident], None],
    ) -> None:
        """`bases` are the coins by which the balances of the settings' coins are kept, by name."""
        self._journal = journal
        self._gone = gone
        self._bases = bases
        self._report = report

    def take_out(self, is_traded: Callable[[str], bool]) -> list[str]:
        """Take out what is held of those that are not traded; which were.

        `is_traded` says it of a coin that the settings name; no other is.
        """
        before: list[str] = json.loads(self._journal.get(RELEASED) or "[]")
        # One that is named no more may be named, and so be taken out, again.
        done = [coin for coin in before if coin in self._gone]
        holdings = current_holdings(self._journal, self._bases, "") if self._gone else None
        taken = []
        for coin, leaving in self._gone.items():
            if coin in done or holdings is None:
                continue
            if coin not in holdings.units:
                text = f"paper.gone names {coin}, which this account has never held: nothing to do"
                self._report(Incident(KIND, "warning", text))
                continue
            if coin in self._bases and is_traded(coin):
                self._report_traded(coin)
                continue
            if holdings.units.get(coin, 0.0) > 0.0:
                self._release(_Departure.of(coin, holdings, leaving))
                taken.append(coin)
            done.append(coin)
        if done != before:
            self._journal.put(RELEASED, json.dumps(done))
        return taken

    def _release(self, departure: "_Departure") -> None:
        """Count what is held as somebody else's; the flow is stored in the same transaction.

        It is reported before: a crash in between must not hide it.
        """
        self._report(Incident(KIND, "warning", departure.text))
        key = self._bases.get(departure.coin, departure.coin)
        baseline: dict[str, float] = json.loads(self._journal.get(BASELINE) or "{}")
        baseline[key] = baseline.get(key, 0.0) + departure.units
        flow = float(self._journal.get(FLOW) or 0.0) - departure.paid_out
        self._journal.put_all({BASELINE: json.dumps(baseline), FLOW: repr(flow)})

    def _report_traded(self, coin: str) -> None:
        text = (
            f"paper.gone names {coin}, which is traded: it is not taken out. Remove it from "
            "paper.gone; to have it sold, take it out of the allocation or use `flatten`"
        )
        self._report(Incident(KIND, "warning", text))


class _Departure(NamedTuple):
    """A coin that leaves: its units, their worth and what of it counts as paid out (quote)."""

    coin: str
    units: float
    worth: float
    paid_out: float

    @classmethod
    def of(cls, coin: str, holdings: Holdings, leaving: Leaving) -> "_Departure":
        worth = holdings.worth(coin)
        paid_out = worth if leaving == "last-price" else 0.0
        return cls(coin, holdings.units[coin], worth, paid_out)

    @property
    def text(self) -> str:
        """What a person reads of it."""
        price = f"its last price {self.worth / self.units:g}"
        if self.paid_out:
            how = f"at {price}: {self.worth:,.2f} paid out, neither profit nor loss"
        else:
            how = f"as worth nothing: at {price} that is a loss of {self.worth:,.2f}"
        return (
            f"{self.units:g} {self.coin} leaves the account, as paper.gone says, {how}. "
            "No [[coins]] table need name it any more"
        )
