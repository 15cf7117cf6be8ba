"""The journal's tables in the newest version: one a record, columns in the record's order."""

import json
from typing import Any

from sqlalchemy import (
    REAL,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

# "RGJL", in the file's header: no other program's database is taken for a journal.
APPLICATION_ID = 0x52474A4C
NEWEST = 2  # version
WITH_PERMIT = 2  # version from which a journal trades only with its permit
Numbers = tuple[float, ...]


class Number(TypeDecorator[float]):
    """A float that may be NaN, which SQLite keeps as NULL."""

    impl = REAL
    cache_ok = True

    def process_result_value(self, value: float | None, dialect: Any) -> float:
        """NaN for NULL."""
        return float("nan") if value is None else value


class NumberList(TypeDecorator[Numbers]):
    """A tuple of floats as JSON, NaN as null."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Numbers | None, dialect: Any) -> str:
        """As short as it can be read back exactly."""
        return json.dumps(
            [None if number != number else number for number in value or ()],
            separators=(",", ":"),
            allow_nan=False,
        )

    def process_result_value(self, value: str | None, dialect: Any) -> Numbers:
        """The very same floats."""
        return tuple(
            float("nan") if number is None else float(number)
            for number in json.loads(value or "[]")
        )


METADATA = MetaData()


def _table(name: str, *parts: Any, rows_by_key: bool = False) -> Table:
    """A STRICT table: a value of the wrong type is refused.

    `rows_by_key` spares a text key its second copy.
    """
    return Table(name, METADATA, *parts, sqlite_strict=True, sqlite_with_rowid=not rows_by_key)


def _key(name: str, type_: Any = Integer) -> Column[Any]:
    return Column(name, type_, primary_key=True, nullable=False)


def _text(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False)


def _added(name: str, default: str = "") -> Column[Any]:
    """A text column that version 2 added: rows of version 1 have the default."""
    return Column(name, Text, nullable=False, server_default=default)


def _integer(name: str, *parts: Any) -> Column[Any]:
    return Column(name, Integer, *parts, nullable=False)


def _known(name: str) -> Column[Any]:
    return Column(name, REAL, nullable=False)


def _numbers(*names: str) -> list[Column[Any]]:
    return [Column(name, Number) for name in names]


meta = _table("meta", _key("key", Text), _text("value"), rows_by_key=True)

sessions = _table(
    "sessions",
    _key("id"),
    _known("started"),
    Column("ended", REAL),
    *(_text(name) for name in ("mode", "settings", "version")),
    _integer("pid"),
    Column("outcome", Text),
)

bars = _table(
    "bars",
    _key("time"),
    _key("symbol", Text),
    *_numbers("open", "high", "low", "close", "volume"),
    _integer("stale"),
    rows_by_key=True,
)

gate_rows = _table(
    "gate_rows",
    _key("known_at"),
    *_numbers("close", "record", "base_age", "level"),
    _integer("state"),
    *_numbers("ceiling"),
    _integer("filled"),
    Column("confirmed_at", REAL),
    _integer("stale"),
    _text("reason"),
    *(_added(name) for name in ("rules_digest", "sources", "held")),
)

decisions = _table(
    "decisions",
    _key("time"),
    _known("decided_at"),
    _integer("state"),
    *_numbers("ceiling"),
    _integer("filled"),
    Column("confirmed_at", REAL),
    _integer("gate_stale"),
    *_numbers("equity", "cash", "drawdown", "gross"),
    *(
        Column(name, NumberList, nullable=False)
        for name in ("missing", "current", "targets", "sizes")
    ),
    Column("sentence", Text),  # NULL: that of the decision before
    _text("note"),
    _integer("session", ForeignKey("sessions.id")),
    _added("kind", "bar"),
    _added("rules_digest"),
)
Index(
    "decisions_that_say_something_new",
    decisions.c.time,
    sqlite_where=decisions.c.sentence.is_not(None),
)

intents = _table(
    "intents",
    _key("id"),
    _integer("time", ForeignKey("decisions.time")),
    _text("symbol"),
    _integer("leg"),
    _known("size"),
    *_numbers("price"),
    *(_text(name) for name in ("state", "why")),
    UniqueConstraint("time", "leg"),
)
Index("intents_by_state", intents.c.state)

orders = _table(
    "orders",
    _key("client_id", Text),
    _integer("intent", ForeignKey("intents.id")),
    _integer("attempt"),
    _text("symbol"),
    _known("size"),
    Column("limit", REAL),
    _known("sent_at"),
    Column("venue_id", Text),
    _text("status"),
    _known("filled"),
    Column("average", REAL),
    _known("updated"),
    _added("venue_text"),
    UniqueConstraint("intent", "attempt"),
    rows_by_key=True,
)

# No foreign key to the orders: a fill is a fact, even where an older copy of the journal was put
# back that lacks its order.
# The order is part of the key: after a reset a testnet counts its trades from 1 again.
fills = _table(
    "fills",
    _key("symbol", Text),
    _key("trade_id", Text),
    _key("client_id", Text),
    _known("time"),
    _known("size"),
    _known("price"),
    *_numbers("fee"),
    _text("fee_coin"),
    *_numbers("fee_quote"),
    rows_by_key=True,
)
Index("fills_by_time", fills.c.time)

equity = _table("equity", _key("time"), *_numbers("value", "cash", "units", "unit_value", "flow"))

incidents = _table(
    "incidents",
    _key("id"),
    _known("time"),
    *(_text(name) for name in ("kind", "severity", "text")),
    _integer("count"),
    _known("last"),
    _integer("day"),  # of `time`, UTC days since 1970
    UniqueConstraint("day", "kind", "severity", "text"),
)

known = _table(
    "known",
    _key("what", Text),
    _known("until"),
    _text("source"),
    _known("asked_at"),
    rows_by_key=True,
)

accepted = _table(
    "accepted",
    _key("symbol", Text),
    _key("session"),
    _known("close"),
    _text("by_whom"),
    _known("at"),
    rows_by_key=True,
)
