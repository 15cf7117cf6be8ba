"""What goes into the journal and comes out of it.

Bar times are int epoch seconds (the instant the bar ended), other times float epoch seconds, both
UTC. Sizes are signed coin units (negative sells), prices and values quote units. A number that may
be unknown is NaN; one that may not exist is None.
"""

import math
from typing import Annotated, Literal, NamedTuple, TypedDict

from pydantic import Field, PlainSerializer, WithJsonSchema

from brokers.errors import RetryLaterError, SafetyError

TradingState = Literal["on", "no-buys", "flatten", "off"]
DecisionKind = Literal["bar", "flatten"]
IntentState = Literal["planned", "sent", "done", "abandoned", "refused"]
Severity = Literal["info", "warning", "critical"]
# A number that may be unknown: NaN in a record, NULL in SQL, null in JSON.
Nullable = Annotated[
    float,
    PlainSerializer(lambda number: None if number != number else number, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "null"}]}),
]


class JournalError(SafetyError):
    """The journal cannot be used: trading stops before the next order. Exit code 5."""


class JournalUnavailableError(RetryLaterError, JournalError):
    """It is busy or its disk full: nothing is lost, and the same may be tried again. Exit code 75.

    What was recorded as sent is looked up by its id then, so that this is true after an order too.
    """


class InUseError(JournalError):
    """Another session holds the account."""


class HaltedError(Exception):
    """The account's trading state refuses an order; the message says why. It may not be sent."""


class DamagedError(JournalError):
    """The file is not an intact journal of a version that this program knows."""


class Trading(NamedTuple):
    """What an account may order: `on` all, `no-buys` and `flatten` only sells, `off` nothing.

    Why, and since when (epoch seconds; NaN: not known).
    """

    state: TradingState
    reason: str
    since: float

    def refusal(self, size: float, kind: DecisionKind = "bar") -> str:
        """Why an order of that signed size, from that kind of decision, may not be sent; or ""."""
        if self.state == "off":
            return f"halted: {self.reason}"
        if kind == "flatten" and self.state != "flatten":
            return f"everything is no longer to be sold ({self.state}): {self.reason}"
        if self.state != "on" and size > 0:
            return f"nothing is bought ({self.state}): {self.reason}"
        return ""


class Known(NamedTuple):
    """Something a session has asked for and uses until it asks again.

    `what` it is ("calendar"), `until` when it reaches or holds and when it was `asked_at` (epoch
    seconds), and its `source`.
    """

    what: str
    until: float
    source: str
    asked_at: float


class Accepted(NamedTuple):
    """A close that a second source or a person has confirmed.

    `session` is the session's close and `at` when it was confirmed, epoch seconds.
    """

    symbol: str
    session: int
    close: float
    by_whom: str
    at: float


class SessionRecord(NamedTuple):
    """One run of the live loop. `settings` is JSON; `ended` and `outcome` stay None if killed."""

    id: int
    started: float
    ended: float | None
    mode: str
    settings: str
    version: str
    pid: int
    outcome: str | None


class Bar(NamedTuple):
    """One bar of one coin, as a decision saw it; `stale` counts bars missed since the last one."""

    time: int
    symbol: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    stale: int


class GateRow(NamedTuple):
    """The gate at one US session's close, by the instant it was known.

    Columns as in `strategies.gate.gate_table`.
    """

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
    rules_digest: str = ""  # of the rules it was computed with; "": not known
    sources: str = ""  # JSON: the source of each symbol
    held: str = ""  # JSON: the symbols whose close is held


class DecisionRow(NamedTuple):
    """One decision, by the end of the bar it was made on.

    Lists have one entry a coin, in the order of the settings.
    """

    time: Annotated[int, Field(description="End of the bar decided on, epoch seconds.")]
    decided_at: Annotated[float, Field(description="When it was decided, epoch seconds.")]
    state: Annotated[int, Field(description="Code of the gate's state.")]
    ceiling: Annotated[Nullable, Field(description="Largest share of equity in coins.")]
    filled: Annotated[int, Field(description="How many of the first risk checks pass.")]
    confirmed_at: Annotated[
        float | None,
        Field(description="When the breakout was confirmed, epoch seconds; null: never."),
    ]
    gate_stale: Annotated[int, Field(description="Sessions since the gate was last computed.")]
    equity: Annotated[Nullable, Field(description="Value of the account, quote units.")]
    cash: Annotated[Nullable, Field(description="Free cash, quote units.")]
    drawdown: Annotated[
        Nullable,
        Field(description="Largest drawdown since the confirmation, a positive fraction."),
    ]
    gross: Annotated[Nullable, Field(description="Share of equity all ready coins get together.")]
    missing: Annotated[
        tuple[Nullable, ...],
        Field(description="Bars since each coin's last one; null: not listed yet."),
    ]
    current: Annotated[
        tuple[Nullable, ...], Field(description="Share of equity held in each coin.")
    ]
    targets: Annotated[tuple[Nullable, ...], Field(description="Target share of each coin.")]
    sizes: Annotated[
        tuple[Nullable, ...], Field(description="Coin units to buy (negative: to sell).")
    ]
    sentence: Annotated[str, Field(description="What was decided and why.")]
    note: Annotated[str, Field(description="Orders that the guards did not allow, and why.")]
    session: Annotated[int, Field(description="Id of the session that decided.")]
    kind: Annotated[
        DecisionKind,
        Field(description='"bar": at a bar\'s end; "flatten": a person asked to sell everything.'),
    ] = "bar"
    rules_digest: Annotated[
        str, Field(description="Digest of the rules it was made with; empty: not known.")
    ] = ""


class Intent(NamedTuple):
    """One order a decision asks for.

    `size` as decided, `price` the close it was decided on, `leg` its place in the decision.
    """

    id: int
    time: int
    symbol: str
    leg: int
    size: float
    price: Nullable
    state: IntentState
    why: str

    @property
    def order_text(self) -> str:
        """Side, units and coin, as in "buy 0.5 BTC"."""
        return f"{'buy' if self.size > 0 else 'sell'} {abs(self.size):g} {self.symbol}"


class OrderRow(NamedTuple):
    """One attempt at an intent, as the exchange reports it.

    `limit` None is a market order; `filled` is signed like `size`; `venue_text` are the exchange's
    own words on a refused one.
    """

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
    venue_text: str = ""


class OrderChanges(TypedDict, total=False):
    """What may change about an order once it is sent; `updated` is now unless given."""

    venue_id: str | None
    status: str
    filled: float
    average: float | None
    updated: float
    venue_text: str


class FillRow(NamedTuple):
    """One execution. `fee` is in units of `fee_coin`, `fee_quote` in quote units; NaN: unknown."""

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
        """Whether this row's fee is the better one.

        A lagging answer has 0 or nothing where an earlier one had a fee.
        """
        if math.isnan(old.fee_quote) != math.isnan(self.fee_quote):
            return math.isnan(old.fee_quote)
        return bool(not math.isnan(self.fee) and (math.isnan(old.fee) or self.fee != 0.0))


class EquityRow(NamedTuple):
    """The account at one bar.

    `flow` is what was paid in (negative: out) since the row before; it does not change
    `unit_value`.
    """

    time: int
    value: Nullable
    cash: Nullable
    units: Nullable
    unit_value: Nullable
    flow: Nullable


class IncidentRow(NamedTuple):
    """An incident: first at `time`, `count` times that UTC day, the last time at `last`."""

    id: int
    time: float
    kind: str
    severity: Severity
    text: str
    count: int  # type: ignore[assignment]  # hides the tuple's method, which nobody needs
    last: float
