"""Reading a journal: every row of it, oldest first unless said otherwise."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Select, Table, tuple_

from brokers.journal import statements, tables
from brokers.journal.database import Database
from brokers.journal.records import (
    Bar,
    DecisionRow,
    EquityRow,
    FillRow,
    GateRow,
    IncidentRow,
    Intent,
    OrderRow,
    SessionRecord,
)
from brokers.journal.statements import select_equal, select_rows

# Keys of the meta table; the last: what was paid in since the newest decision.
ACCOUNT_ID, HALTED, RESUMED, FLOW = "account_id", "halted", "resumed", "flow"
PAGE = 1000  # rows a transaction reads at most while a caller goes through them

R = TypeVar("R", bound=NamedTuple)


class JournalReader:
    """What one account decided, sent and got; nothing stays locked between two calls.

    Every method raises JournalError where the file cannot be read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> str | None:
        """What was last put under `key`."""
        with self._database.reading() as connection:
            value: str | None = connection.scalar(statements.VALUE, {"key": key})
        return value

    def halt_reason(self) -> str | None:
        """Why nothing may be ordered, None if all may."""
        return self.get(HALTED)

    def sessions(self) -> list[SessionRecord]:
        """All sessions, oldest first."""
        return self._list(
            SessionRecord,
            select_rows(tables.sessions, SessionRecord).order_by(tables.sessions.c.id),
        )

    def last_decision(self) -> DecisionRow | None:
        """The newest decision."""
        with self._database.reading() as connection:
            last = connection.scalar(statements.LAST_TIME)
        return None if last is None else next(self.decisions(since=last))

    def decisions(
        self, since: int | None = None, until: int | None = None
    ) -> Iterator[DecisionRow]:
        """Decisions on bars from `since` to `until`, both included, oldest first."""
        sentence: str | None = None
        for row in self._pages(tables.decisions, DecisionRow, since, until):
            if row.sentence is not None:
                sentence = row.sentence
            elif sentence is None:
                with self._database.reading() as connection:
                    sentence = connection.scalar(statements.SENTENCE, {"until": row.time})
            yield row._replace(sentence=sentence or "")

    def gate_rows(self, since: int | None = None, until: int | None = None) -> Iterator[GateRow]:
        """Gate rows known from `since` to `until`, oldest first."""
        return self._pages(tables.gate_rows, GateRow, since, until)

    def bars(self, since: int | None = None, until: int | None = None) -> Iterator[Bar]:
        """Bars that ended from `since` to `until`, oldest first, those of one instant by symbol."""
        return self._pages(tables.bars, Bar, since, until)

    def intents(self, time: int | None = None) -> list[Intent]:
        """The intents of one decision, or all, in the order they were decided."""
        return self._list(
            Intent, select_equal(tables.intents, Intent, "time", time).order_by(tables.intents.c.id)
        )

    def unfinished_intents(self) -> list[Intent]:
        """Intents still to be sent, or sent and not settled."""
        return self._list(Intent, statements.UNFINISHED)

    def orders(self, intent: int | None = None) -> list[OrderRow]:
        """The attempts at one intent, or all orders, in the order they were sent.

        Not by their times: the clock may have jumped.
        """
        columns = tables.orders.c
        return self._list(
            OrderRow,
            select_equal(tables.orders, OrderRow, "intent", intent).order_by(
                columns.intent, columns.attempt
            ),
        )

    def order(self, client_id: str) -> OrderRow | None:
        """The order of this id."""
        query = select_equal(tables.orders, OrderRow, "client_id", client_id)
        return next(iter(self._list(OrderRow, query)), None)

    def fills(self, since: float | None = None) -> list[FillRow]:
        """Executions from `since` on, oldest first."""
        query = select_rows(tables.fills, FillRow).order_by(
            tables.fills.c.time, tables.fills.c.symbol, tables.fills.c.trade_id
        )
        return self._list(
            FillRow, query if since is None else query.where(tables.fills.c.time >= since)
        )

    def equity(self, since: int | None = None) -> list[EquityRow]:
        """The account's value at every bar from `since` on, oldest first."""
        return list(self._pages(tables.equity, EquityRow, since, None))

    def last_equity(self) -> EquityRow | None:
        """The account's value at the newest bar."""
        newest = tables.equity.c.time.desc()
        query = select_rows(tables.equity, EquityRow).order_by(newest).limit(1)
        return next(iter(self._list(EquityRow, query)), None)

    def drawdown_since(self, time: float) -> tuple[float, float]:
        """The highest unit value from `time` on (NaN: none), and the largest drawdown since then.

        A fraction.
        """
        with self._database.reading() as connection:
            highest, largest = connection.execute(statements.DRAWDOWN, {"since": time}).one()
        return math.nan if highest is None else float(highest), float(largest or 0.0)

    def incidents(self, limit: int) -> list[IncidentRow]:
        """The `limit` incidents that were seen last, newest first."""
        order = tables.incidents.c.last.desc(), tables.incidents.c.id.desc()
        return self._list(
            IncidentRow, select_rows(tables.incidents, IncidentRow).order_by(*order).limit(limit)
        )

    def _list(self, record: type[R], query: Select[Any]) -> list[R]:
        with self._database.reading() as connection:
            return [record._make(row) for row in connection.execute(query)]

    def _pages(
        self, table: Table, record: type[R], since: int | None, until: int | None
    ) -> Iterator[R]:
        """Rows by the table's key, a transaction a page."""
        key = tuple(table.primary_key)
        query = select_rows(table, record).order_by(*key).limit(PAGE)
        query = query if since is None else query.where(key[0] >= since)
        query = query if until is None else query.where(key[0] <= until)
        page = self._list(record, query)
        while page:
            yield from page
            after = tuple(getattr(page[-1], column.name) for column in key)
            page = (
                self._list(record, query.where(tuple_(*key) > tuple_(*after)))
                if len(page) == PAGE
                else []
            )
