"""What goes into the journal and comes out of it.

Bar times are int epoch seconds (the instant the bar ended), other times float epoch seconds, both UTC. Sizes are signed coin
units (negative sells), prices and values quote units. A number that may be unknown is NaN; one that may not exist is None.
"""

import math
from typing import Literal, NamedTuple, TypedDict

from brokers.errors import SafetyError

IntentState = Literal["planned", "sent", "done", "abandoned", "refused"]
Severity = Literal["info", "warning", "critical"]


class JournalError(SafetyError):
    """The journal cannot be read or written, or is another session's: trading stops before the next order. Exit code 5."""


class HaltedError(Exception):
    """Somebody has said `halt`; the message says why. No order may leave."""


class DamagedError(JournalError):
    """The file is no whole journal of a version that this program knows."""


class Session(NamedTuple):
    """One run of the live loop. `settings` is JSON; `ended` and `outcome` stay None where it was killed."""

    id: int
    started: float
    ended: float | None
    mode: str
    settings: str
    version: str
    pid: int
    outcome: str | None


class Bar(NamedTuple):
    """One bar of one coin, as a decision saw it; `stale` counts the bars missed since the last real one."""

    time: int
    symbol: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    stale: int


class GateRow(NamedTuple):
    """The gate's reading of one session, by the instant it was known; columns as in `strategies.gate.gate_table`."""

    known_at: int
    close: float
    record: float
    base_age: float
    level: float
    state: int
    ceiling: float
    filled: int
    confirmed_at: float | None
    stale: int
    reason: str


class DecisionRow(NamedTuple):
    """One decision, by the end of the bar it was made on. The tuples hold one entry a coin, in the order of the settings."""

    time: int
    decided_at: float
    state: int
    ceiling: float
    filled: int
    confirmed_at: float | None
    gate_stale: int
    equity: float
    cash: float
    drawdown: float
    gross: float
    missing: tuple[float, ...]
    current: tuple[float, ...]
    targets: tuple[float, ...]
    sizes: tuple[float, ...]
    sentence: str
    note: str
    session: int


class Intent(NamedTuple):
    """One order a decision asks for: `size` as decided, `price` the close it was decided on, `leg` its place in the decision."""

    id: int
    time: int
    symbol: str
    leg: int
    size: float
    price: float
    state: IntentState
    why: str


class OrderRow(NamedTuple):
    """One attempt at an intent, as far as the venue's answers say; `limit` None is a market order, `filled` signed like `size`."""

    client_id: str
    intent: int
    attempt: int
    symbol: str
    size: float
    limit: float | None
    sent_at: float
    venue_id: str | None
    status: str
    filled: float
    average: float | None
    updated: float


class OrderChanges(TypedDict, total=False):
    """What may change about an order once it is sent; `updated` is now unless given."""

    venue_id: str | None
    status: str
    filled: float
    average: float | None
    updated: float


class FillRow(NamedTuple):
    """One execution. `fee` is in units of `fee_coin`, `fee_quote` the same in quote units; NaN: not known yet."""

    symbol: str
    trade_id: str
    client_id: str
    time: float
    size: float
    price: float
    fee: float
    fee_coin: str
    fee_quote: float

    def knows_more_than(self, old: "FillRow") -> bool:
        """Whether the fee of this one is the better one: a lagging answer says 0 or nothing where an earlier one named a fee."""
        if math.isnan(old.fee_quote) != math.isnan(self.fee_quote):
            return math.isnan(old.fee_quote)
        return bool(not math.isnan(self.fee) and (math.isnan(old.fee) or self.fee != 0.0))


class EquityRow(NamedTuple):
    """The account at one bar. `flow` is what was paid in (negative: out) since the row before; `unit_value` knows nothing of it."""

    time: int
    value: float
    cash: float
    units: float
    unit_value: float
    flow: float


class Incident(NamedTuple):
    """Something a person should know of: first seen at `time`, `count` times that UTC day, the last time at `last`."""

    id: int
    time: float
    kind: str
    severity: Severity
    text: str
    count: int  # type: ignore[assignment]  # of the incident; the tuple's own method is not missed
    last: float
