"""The journal's SQL statements, prepared once."""

import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    Select,
    Table,
    Text,
    bindparam,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from brokers.journal.incident import Incident
from brokers.journal.records import Intent, Trading
from brokers.journal.tables import (
    NEWEST,
    WITH_PERMIT,
    accepted,
    bars,
    decisions,
    equity,
    gate_rows,
    incidents,
    intents,
    known,
    meta,
    orders,
)

# Keys of the meta table: what may be ordered, and since when all may; of version 1 only the reason
# of a halt.
TRADING, RESUMED, HALTED = "trading", "resumed", "halted"
DAY = 86_400
OPEN_STATES = ("planned", "sent")  # of an intent that is not settled


def select_rows(table: Table, record: type[NamedTuple], version: int = NEWEST) -> Select[Any]:
    """The columns that make up `record`; of an older version those it has, and defaults."""
    return select(*(_column(table.c[name], version) for name in record._fields))


def _column(column: Column[Any], version: int) -> Any:
    if version >= NEWEST or column.server_default is None:
        return column
    default: Any = column.server_default
    return literal(default.arg, Text).label(column.name)


def select_equal(
    table: Table,
    record: type[NamedTuple],
    name: str,
    value: int | str | None,
    *,
    version: int = NEWEST,
) -> Select[Any]:
    """The rows with that `value` in the column `name`; all for None."""
    query = select_rows(table, record, version)
    return query if value is None else query.where(table.c[name] == value)


def _upsert(table: Table, key: list[str], where: Callable[[Any], Any] = lambda new: None) -> Any:
    """An insert that overwrites the row of the same key, if `where` holds of the new row."""
    statement = upsert(table)
    values = {
        column.name: statement.excluded[column.name] for column in table.c if column.name not in key
    }
    return statement.on_conflict_do_update(
        index_elements=key, set_=values, where=where(statement.excluded)
    )


def _count_incident() -> Any:
    """An insert of an incident that counts up the one of the same day instead; the count."""
    statement = upsert(incidents)
    again = {"count": incidents.c.count + 1, "last": statement.excluded.last}
    return statement.on_conflict_do_update(
        index_elements=["day", "kind", "severity", "text"], set_=again
    ).returning(incidents.c.count)


PUT, PUT_KNOWN = _upsert(meta, ["key"]), _upsert(known, ["what"])
# Of two who accept the same close at once, it counts from the earlier instant on.
ACCEPT = _upsert(
    accepted,
    ["symbol", "session"],
    lambda new: (new.close != accepted.c.close) | (new.at < accepted.c.at),
)
VALUE = select(meta.c.value).where(meta.c.key == bindparam("key"))
ADD_DECISION, ADD_EQUITY, ADD_INTENT = insert(decisions), insert(equity), insert(intents)
KEEP_BAR = upsert(bars).on_conflict_do_nothing()
KEEP_GATE = _upsert(gate_rows, ["known_at"], lambda new: new.stale < gate_rows.c.stale)
# The kind of the decision that asked for an intent, or was made at a second.
KIND = (
    select(decisions.c.kind)
    .join(intents, intents.c.time == decisions.c.time)
    .where(intents.c.id == bindparam("intent"))
)
KIND_AT = select(decisions.c.kind).where(decisions.c.time == bindparam("time"))
FLATTEN_ORDERS = (  # client ids
    select(orders.c.client_id)
    .join(intents, intents.c.id == orders.c.intent)
    .join(decisions, decisions.c.time == intents.c.time)
    .where(decisions.c.kind == "flatten")
)
SENTENCE = (  # the newest one at `until`
    select(decisions.c.sentence)
    .where(decisions.c.sentence.is_not(None), decisions.c.time <= bindparam("until"))
    .order_by(decisions.c.time.desc())
    .limit(1)
)
UNFINISHED = (
    select_rows(intents, Intent).where(intents.c.state.in_(OPEN_STATES)).order_by(intents.c.id)
)
SENT = (
    update(intents)
    .where(intents.c.id == bindparam("intent"), intents.c.state.in_(OPEN_STATES))
    .values(state="sent")
)
NOTICE = _count_incident()


def write_trading(connection: Connection, trading: Trading, version: int = NEWEST) -> None:
    """Store what may be ordered, as a journal of that version has it."""
    trading = trading._replace(reason=trading.reason or "no reason was given")
    if version >= WITH_PERMIT:
        values = {TRADING: json.dumps(trading._asdict())}
    else:
        connection.execute(meta.delete().where(meta.c.key == HALTED))
        values = {HALTED: trading.reason} if trading.state != "on" else {}
    if trading.state == "on":
        values[RESUMED] = repr(trading.since)
    for key, value in values.items():
        connection.execute(PUT, {"key": key, "value": value})


def incident_values(incident: Incident, now: float) -> dict[str, object]:
    """What `NOTICE` needs of an incident that is seen now (epoch seconds)."""
    return incident._asdict() | {
        "time": now,
        "last": now,
        "count": 1,
        "day": math.floor(now / DAY),
    }


def last_bar(version: int = NEWEST) -> Select[Any]:
    """The newest bar that is decided; version 1 has no other decisions."""
    query = select(decisions.c.time).order_by(decisions.c.time.desc()).limit(1)
    return query.where(decisions.c.kind == "bar") if version >= NEWEST else query
