"""What a recorded session's settings say about its bars and hours, whatever version wrote them."""

import json
import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from brokers.prices.clean import bar_length

MARGIN = 120.0  # seconds beyond grace and patience before a decision counts as late

# Of the oldest bar without a decision. Of a missed one a whole bar has passed, and the hours in
# which it could buy.
Lateness = Literal["in time", "late", "missed"]


class SessionSetup(NamedTuple):
    """The part of a session's settings that a reader of its journal needs.

    Names of its coins, their markets' base coins and the coin they are quoted in; the exchange that
    takes its orders or, in a dry run, gives its prices; the risk checks. Seconds of a bar, from its
    end to the decision (`grace`), within which a running session decides (`in_time`), and from
    which on nothing is bought (`largest_age`). `gate_age` is how many sessions old a gate may be
    that allows coins.
    """

    coins: tuple[str, ...]
    bases: tuple[str, ...]
    quote: str
    exchange: str
    channels: tuple[str, ...]
    bar_seconds: int
    grace: float
    in_time: float
    largest_age: float
    gate_age: float

    def newest_bar(self, now: float) -> int:
        """End of the newest bar that a session decides on at `now`, both epoch seconds."""
        return int((now - self.grace) // self.bar_seconds) * self.bar_seconds

    def next_decision(self, now: float) -> float:
        """When the next bar is decided, epoch seconds."""
        return self.newest_bar(now) + self.bar_seconds + self.grace

    def lateness(
        self,
        now: float,
        *,
        decided: float | None,
        started: float,
        outcome: str | None,
        running: bool,
    ) -> Lateness:
        """Whether a decision is lacking at `now`, for everyone who asks.

        The newest one is that on the bar which ended at `decided`; before the first, one is lacking
        since the session's start. That began at `started`, has ended with `outcome` or is
        `running`: then it has not missed earlier bars. After one that is done, a timer may still
        start the next while that could buy. All times are epoch seconds.
        """
        lacking = self._lacking_for(now, decided, started)
        limit = self.largest_age if outcome == "done" and not running else self.in_time
        if min(lacking, now - started if running else math.inf) <= limit:
            return "in time"
        return "missed" if lacking > max(self.bar_seconds, self.largest_age) else "late"

    def _lacking_for(self, now: float, decided: float | None, started: float) -> float:
        """Seconds since the end of the oldest bar that lacks its decision; 0.0 where none does."""
        if decided is None:
            return now - started
        first = (decided // self.bar_seconds + 1) * self.bar_seconds
        return now - first if first <= self.newest_bar(now) else 0.0

    def is_late(self, bar: int, decided_at: float, started: float) -> bool:
        """Whether the bar that ended at `bar` was decided late by a session begun at `started`.

        Too late to buy is late for everyone. Before that a session that ran at the bar's end has
        its grace, its patience and a margin; one that a timer or a person started afterwards is in
        time.
        """
        delay = decided_at - bar
        return delay > self.largest_age or (started <= bar and delay > self.in_time)


def setup_of(settings: str) -> SessionSetup:
    """What a session's settings (JSON) say; where they cannot be read, what most have."""
    try:
        content: Any = json.loads(settings)
    except ValueError:
        content = {}
    sections: Mapping[str, Any] = content if isinstance(content, dict) else {}
    coins, paper, exchange = (sections.get(name, {}) for name in ("coins", "paper", "exchange"))
    markets = [str(coin["market"]).partition("/") for coin in coins or ()]
    grace, patience = float(paper.get("grace", 0.0)), float(paper.get("patience", 0.0))
    place = "id" if exchange.get("mode") == "testnet" else "prices_id"
    return SessionSetup(
        coins=tuple(str(coin["name"]) for coin in coins or ()),
        bases=tuple(base for base, _, _ in markets),
        quote=markets[0][2] if markets else "quote units",
        exchange=str(exchange.get(place, "")),
        channels=tuple(sections.get("risk_curve", {}).get("channels", ())),
        bar_seconds=int(bar_length(exchange.get("timeframe", "1d")).total_seconds()),
        grace=grace,
        in_time=grace + patience + MARGIN,
        largest_age=60.0 * float(paper.get("max_decision_age", math.inf)),
        gate_age=_gate_age(sections.get("gate", {})),
    )


def _gate_age(gate: Mapping[str, Any]) -> float:
    """Sessions a gate may be old before everything is sold; without end where nothing is."""
    if gate.get("when_stale") == "hold":
        return math.inf
    return float(gate.get("max_gate_age", math.inf))
