"""The status of an account as a document: what `status --json` prints and every other view shows.

Instants are epoch seconds, values are in the quote coin, shares are fractions of equity; null is
what is not known or does not exist.
"""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from brokers.journal.records import IntentState, Severity, TradingState

VERSION: Final = 1
Health = Literal["well", "recovering", "needs a person"]


class Record(BaseModel):
    """A part of the document: closed to unknown keys, never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SessionNow(Record):
    """The session that runs now, or the last one that did."""

    running: bool = Field(description="whether a session holds the journal now")
    process: str = Field(description="the process that holds it, as text; empty: none")
    pid: int = Field(description="process id of this session")
    mode: str = Field(description="dry-run or testnet")
    exchange: str = Field(
        description="ccxt id of the exchange that takes its orders or, in a dry run, gives prices"
    )
    timeframe: int = Field(description="seconds of a bar")
    started: float = Field(description="when it started")
    ended: float | None = Field(description="when it ended; null: it runs, or was killed")
    outcome: str | None = Field(description="how it ended; null: it runs, or was killed")
    last_seen: float = Field(description="the newest time at which anything was recorded")
    versions: str = Field(description="of Python and the libraries it ran with")


class TradingNow(Record):
    """What may be ordered."""

    state: TradingState = Field(
        description="on: everything; no-buys and flatten: only sells; off: nothing"
    )
    reason: str = Field(description="why; empty: no reason was given")
    since: float | None = Field(description="since when")


class GateNow(Record):
    """The gate that the newest decision on a bar went by."""

    state: str = Field(description="dormant, testing or confirmed")
    ceiling: float | None = Field(
        description="largest share of equity in coins; 0 once the gate is older than "
        "gate.max_gate_age allows"
    )
    row_ceiling: float | None = Field(description="the same by its row, however old that is")
    since: float | None = Field(
        description="when the breakout was confirmed; else since when the journal shows this state"
    )
    stale: int = Field(description="US sessions since it was last computed from complete prices")
    filled: int = Field(description="how many of the first risk checks pass")
    channels: tuple[str, ...] = Field(description="all risk checks, in their order")
    known_at: float | None = Field(description="when its newest row was known")
    reason: str = Field(description="of the last change of state; empty: none")
    close: float | None = Field(description="the index's close in that row")
    record: float | None = Field(description="the index's highest earlier close")
    held: tuple[str, ...] = Field(description="symbols whose newest close is held back")
    sources: dict[str, str] = Field(description="the source of each symbol in that row")
    rules_digest: str = Field(description="of the rules it was computed with; empty: not known")


class HoldingNow(Record):
    """One coin: what is held after the newest fill, and what the newest decision aims at."""

    coin: str
    units: float | None = Field(description="coin units")
    price: float | None = Field(
        description="close of the newest decided bar; without one the last known price"
    )
    value: float | None = Field(description="units at that price")
    share: float | None = Field(description="share of equity held")
    target_share: float | None = Field(description="share of equity aimed at")
    target: float | None = Field(description="the same in the quote coin")


class AccountNow(Record):
    """The account after the newest fill, at the closes of the newest decided bar."""

    quote: str = Field(description="the quote coin")
    priced_at: float = Field(description="end of the bar whose closes value it")
    changed_at: float = Field(description="when it last changed: that bar, or the newest fill")
    equity: float | None = Field(description="cash and coins")
    cash: float | None
    drawdown: float | None = Field(
        description="largest drawdown since the gate was confirmed, a positive fraction"
    )
    holdings: tuple[HoldingNow, ...]


class OrderNow(Record):
    """An order that a decision asked for."""

    decided_on: float = Field(description="end of the bar")
    coin: str
    size: float = Field(description="coin units; negative: a sale")
    state: IntentState = Field(description="planned and sent are open, the others settled")
    why: str = Field(description="how it was settled, or why it was not sent")
    client_id: str | None = Field(description="of the last attempt; null: none was sent")
    filled: float = Field(description="coin units filled so far; negative: sold")
    venue_text: str = Field(description="the exchange's own words on a refusal; empty: none")


class DecisionNow(Record):
    """The newest decision."""

    bar: int = Field(description="end of the bar decided on; of a flatten its own second")
    decided_at: float = Field(description="when it was decided")
    kind: Literal["bar", "flatten"]
    sentence: str = Field(description="what was decided and why")
    note: str = Field(description="orders that the guards did not allow, and why")
    missing: dict[str, float] = Field(description="coins without a bar then: bars since the last")
    rules_digest: str = Field(description="of the rules it was made with; empty: not known")
    orders: tuple[OrderNow, ...] = Field(description="all that it asked for")


class NextDecision(Record):
    """When the next bar is decided, and the hours in which something can be bought."""

    bar: int = Field(description="end of that bar")
    at: float = Field(description="when a running session decides on it")
    buys_from: float = Field(description="beginning of the buying hours of now, or of the next")
    buys_until: float = Field(description="their end")
    buys_now: bool = Field(description="whether these are the hours of now")
    hours: str = Field(description="the hours in words")


class IncidentNow(Record):
    """Something that was reported."""

    kind: str
    severity: Severity
    text: str
    count: int = Field(description="how often on that UTC day")
    first: float
    last: float
    open: bool = Field(
        description="whether neither `resume` nor two decisions without it have ended it"
    )


class KnownNow(Record):
    """What the session has asked for and until when it holds."""

    what: str = Field(description='for example "calendar" or "markets"')
    until: float
    source: str
    asked_at: float
    passed: bool = Field(description="whether it does not reach until now")


class StatusReport(Record):
    """An account as its journal shows it now."""

    version: Literal[1] = VERSION
    at: float = Field(description="when this was made")
    journal: str = Field(description="path of the journal")
    journal_version: int
    health: Health = Field(description="well (exit code 0), recovering (75) or needs a person (5)")
    reasons: tuple[str, ...] = Field(description="why it is not well, the worst first")
    session: SessionNow | None = Field(description="null: none has run yet")
    trading: TradingNow
    gate: GateNow | None = Field(description="null before the first decision")
    account: AccountNow | None = Field(description="null before the first decision")
    decision: DecisionNow | None = Field(description="null before the first")
    next: NextDecision | None = Field(description="null before the first session")
    open_orders: tuple[OrderNow, ...] = Field(description="not settled yet")
    incidents: tuple[IncidentNow, ...] = Field(description="the newest first")
    known: tuple[KnownNow, ...]
    clock_offset: float | None = Field(
        description="the exchange's time minus the machine's as last measured, seconds"
    )
