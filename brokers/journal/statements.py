"""The journal's SQL statements, prepared once."""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Select, Table, bindparam, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from brokers.journal.records import Intent
from brokers.journal.tables import bars, decisions, equity, gate_rows, incidents, intents, meta

OPEN_STATES = ("planned", "sent")  # of an intent that is not settled


def select_rows(table: Table, record: type[NamedTuple]) -> Select[Any]:
    """The columns that make up `record`."""
    return select(*(table.c[name] for name in record._fields))


def select_equal(
    table: Table, record: type[NamedTuple], name: str, value: int | str | None
) -> Select[Any]:
    """The rows with that `value` in the column `name`; all for None."""
    query = select_rows(table, record)
    return query if value is None else query.where(table.c[name] == value)


def _upsert(table: Table, key: str, where: Callable[[Any], Any] = lambda new: None) -> Any:
    """An insert that overwrites the row of the same key, if `where` holds of the new row."""
    statement = upsert(table)
    values = {
        column.name: statement.excluded[column.name] for column in table.c if column.name != key
    }
    return statement.on_conflict_do_update(
        index_elements=[key], set_=values, where=where(statement.excluded)
    )


def _count_incident() -> Any:
    """An insert of an incident that counts up the one of the same day instead; the count."""
    statement = upsert(incidents)
    again = {"count": incidents.c.count + 1, "last": statement.excluded.last}
    return statement.on_conflict_do_update(
        index_elements=["day", "kind", "severity", "text"], set_=again
    ).returning(incidents.c.count)


def _drawdown() -> Any:
    """The highest unit value from `since` on, and the largest drawdown."""
    peak = func.max(equity.c.unit_value).over(order_by=equity.c.time)
    walk = (
        select(equity.c.unit_value, peak.label("peak"))
        .where(equity.c.time >= bindparam("since"))
        .subquery()
    )
    return select(func.max(walk.c.peak), func.max(1.0 - walk.c.unit_value / walk.c.peak))


PUT = _upsert(meta, "key")
VALUE = select(meta.c.value).where(meta.c.key == bindparam("key"))
ADD_DECISION, ADD_EQUITY, ADD_INTENT = insert(decisions), insert(equity), insert(intents)
KEEP_BAR = upsert(bars).on_conflict_do_nothing()
KEEP_GATE = _upsert(gate_rows, "known_at", lambda new: new.stale < gate_rows.c.stale)
LAST_TIME = select(func.max(decisions.c.time))
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
DRAWDOWN = _drawdown()
