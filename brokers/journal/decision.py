"""A decision between strategy and journal: its fields, and the rows they become, by name."""

import json
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from brokers.journal.records import Bar, DecisionKind, DecisionRow, GateRow


class GateLine(Protocol):
    """The gate's newest row as numbers: `confirmed_at` in epoch seconds, NaN for never."""

    @property
    def state(self) -> float:
        """Code of the gate's state."""

    @property
    def ceiling(self) -> float:
        """Largest share of equity in coins."""

    @property
    def filled(self) -> float:
        """Risk checks that pass."""

    @property
    def confirmed_at(self) -> float:
        """When the breakout was confirmed, epoch seconds; NaN: never."""

    @property
    def stale(self) -> float:
        """Sessions since the gate was last computed from complete prices."""


class Decision(Protocol):
    """What a strategy decided at one bar. Tuples have one entry a coin, in the settings' order."""

    @property
    def time(self) -> int:
        """End of the bar, epoch seconds."""

    @property
    def gate(self) -> GateLine:
        """The gate it was decided on."""

    @property
    def equity(self) -> float:
        """Value of the account, quote units."""

    @property
    def cash(self) -> float:
        """Free quote units."""

    @property
    def drawdown(self) -> float:
        """Largest drawdown since the confirmation, a positive fraction."""

    @property
    def gross(self) -> float:
        """Share of equity that all coins get together."""

    @property
    def missing(self) -> tuple[float, ...]:
        """Bars since each coin's last one; NaN before it is listed."""

    @property
    def current(self) -> tuple[float, ...]:
        """Share of equity held."""

    @property
    def targets(self) -> tuple[float, ...]:
        """Share of equity aimed at."""

    @property
    def sizes(self) -> tuple[float, ...]:
        """Signed coin units to trade."""


def time_or_none(value: float) -> float | None:
    """An instant as the journal stores it: None for one that does not exist (NaN)."""
    return None if math.isnan(value) else float(value)


# Every field of a decision or its gate, the column that stores it, and how.
COLUMNS = (
    "time", "equity", "cash", "drawdown", "gross", "missing", "current", "targets", "sizes",
)  # fmt: skip
GATE_COLUMNS: Mapping[str, tuple[str, Callable[[float], float | None]]] = {
    "state": ("state", int),
    "ceiling": ("ceiling", float),
    "filled": ("filled", int),
    "confirmed_at": ("confirmed_at", time_or_none),
    "stale": ("gate_stale", int),
}


class GateExplanation(NamedTuple):
    """Why a gate row is what it is: columns of the gate's table, with their names."""

    close: float
    record: float
    base_age: float
    level: float
    reason: str
    held: str
    closes_note: str


TABLE_COLUMNS = ("close", "record", "base_age", "level", "reason")  # that the journal stores


def decision_row(
    decision: Decision,
    *,
    decided_at: float,
    sentence: str,
    note: str,
    session: int,
    kind: DecisionKind = "bar",
    rules_digest: str = "",
) -> DecisionRow:
    """The journal's row of `decision`, mapped by field name."""
    values: dict[str, object] = {name: getattr(decision, name) for name in COLUMNS}
    values |= {
        column: convert(getattr(decision.gate, name))
        for name, (column, convert) in GATE_COLUMNS.items()
    }
    values |= {
        "decided_at": decided_at,
        "sentence": sentence,
        "note": note,
        "session": session,
        "kind": kind,
        "rules_digest": rules_digest,
    }
    return DecisionRow._make(values[name] for name in DecisionRow._fields)


def gate_values(row: DecisionRow) -> dict[str, float]:
    """The gate's fields by name, as they were before they became columns of `row`."""
    stored = {name: getattr(row, column) for name, (column, _) in GATE_COLUMNS.items()}
    return {name: math.nan if value is None else float(value) for name, value in stored.items()}


def gate_row(
    known_at: float,
    why: GateExplanation,
    lines: Mapping[str, float],
    *,
    rules_digest: str = "",
    sources: Mapping[str, str],
) -> GateRow:
    """The journal's row of the gate: `lines` as they were acted on, and what explains them.

    `sources` says where each symbol's newest price came from.
    """
    values: dict[str, object] = {name: getattr(why, name) for name in TABLE_COLUMNS}
    values |= {name: convert(lines[name]) for name, (_, convert) in GATE_COLUMNS.items()}
    values |= {
        "known_at": int(known_at),
        "rules_digest": rules_digest,
        "sources": json.dumps(dict(sources)),
        "held": json.dumps(why.held.split(", ") if why.held else []),
    }
    return GateRow._make(
        values.get(name, GateRow._field_defaults.get(name)) for name in GateRow._fields
    )


def bar_row(time: int, symbol: str, lines: Mapping[str, float]) -> Bar:
    """The journal's row of one coin's bar, out of its lines."""
    prices = {name: lines[name] for name in ("open", "high", "low", "close", "volume")}
    return Bar(time=time, symbol=symbol, stale=int(lines["stale"]), **prices)
