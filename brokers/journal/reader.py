"""Reading a journal: every row of it, oldest first unless said otherwise."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Table, tuple_

from brokers.journal import statements, tables
from brokers.journal.database import Database
from brokers.journal.drawdown import drawdown_since
from brokers.journal.permit import is_permitted, permit_path
from brokers.journal.records import (
    Accepted,
    Bar,
    DecisionKind,
    DecisionRow,
    EquityRow,
    FillRow,
    GateRow,
    IncidentRow,
    Intent,
    Known,
    OrderRow,
    SessionRecord,
    Trading,
)
from brokers.journal.statements import HALTED, TRADING, select_equal, select_rows

# Keys of the meta table; the last: what was paid in since the newest decision.
ACCOUNT_ID, FLOW = "account_id", "flow"
PAGE = 1000  # rows a transaction reads at most while a caller goes through them

R = TypeVar("R", bound=NamedTuple)


def read_trading(connection: Connection, path: Path, version: int) -> Trading:
    """What the journal at `path`, of that version, and its permit allow to be ordered."""
    trading = stored_trading(connection, version)
    if version >= tables.WITH_PERMIT and trading.state != "off" and not is_permitted(path):
        permit = permit_path(path).name
        return Trading("off", f"{permit} is missing; `resume` makes it again", math.nan)
    return trading


def stored_trading(connection: Connection, version: int) -> Trading:
    """What a journal of that version allows to be ordered, whatever its permit says."""
    if version < tables.WITH_PERMIT:
        halted = connection.scalar(statements.VALUE, {"key": HALTED})
        return Trading("on" if halted is None else "off", halted or "", math.nan)
    stored = connection.scalar(statements.VALUE, {"key": TRADING})
    return Trading(**json.loads(stored)) if stored else Trading("on", "", math.nan)


class JournalReader:
    """What one account decided, sent and got; nothing stays locked between two calls.

    Every method raises JournalError where the file cannot be read. A file of an older `version` is
    read as it is; what it does not have is empty.
    """

    def __init__(self, database: Database, version: int = tables.NEWEST) -> None:
        self._database = database
        self._version = version

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    def get(self, key: str) -> str | None:
        """What was last put under `key`."""
        with self._database.reading() as connection:
            value: str | None = connection.scalar(statements.VALUE, {"key": key})
        return value

    def trading(self) -> Trading:
        """What the account may order now."""
        with self._database.reading() as connection:
            return read_trading(connection, self.path, self._version)

    def known(self) -> list[Known]:
        """What a session has asked for and until when it is good."""
        if self._version < tables.NEWEST:
            return []
        return self._list(Known, select_rows(tables.known, Known).order_by(tables.known.c.what))

    def accepted(self) -> list[Accepted]:
        """The closes that were confirmed, by symbol and session."""
        if self._version < tables.NEWEST:
            return []
        columns = tables.accepted.c
        query = select_rows(tables.accepted, Accepted)
        return self._list(Accepted, query.order_by(columns.symbol, columns.session))

    def sessions(self) -> list[SessionRecord]:
        """All sessions, oldest first."""
        return self._list(
            SessionRecord,
            select_rows(tables.sessions, SessionRecord).order_by(tables.sessions.c.id),
        )

    def session(self, id: int | None = None) -> SessionRecord | None:
        """The session of that id; the newest one without."""
        query = select_equal(tables.sessions, SessionRecord, "id", id)
        return next(
            iter(self._list(SessionRecord, query.order_by(tables.sessions.c.id.desc()).limit(1))),
            None,
        )

    @property
    def version(self) -> int:
        """The version of the file."""
        return self._version

    def last_decision(self) -> DecisionRow | None:
        """The newest decision on a bar."""
        with self._database.reading() as connection:
            last = connection.scalar(statements.last_bar(self._version))
        return None if last is None else next(self.decisions(since=last, until=last))

    def decisions(
        self,
        since: int | None = None,
        until: int | None = None,
        *,
        kind: DecisionKind | None = "bar",
    ) -> Iterator[DecisionRow]:
        """Decisions of one kind, or all, from `since` to `until`, both included, oldest first."""
        where = None
        if kind is not None and self._version >= tables.NEWEST:
            where = tables.decisions.c.kind == kind
        sentence: str | None = None
        for row in self._pages(tables.decisions, DecisionRow, since, until, where):
            if row.sentence is not None:
                sentence = row.sentence
            elif sentence is None:
                with self._database.reading() as connection:
                    sentence = connection.scalar(statements.SENTENCE, {"until": row.time})
            yield row._replace(sentence=sentence or "")

    def kind_at(self, time: int) -> DecisionKind | None:
        """The kind of the decision of that second, None if there is none."""
        with self._database.reading() as connection:
            kind: DecisionKind | None = connection.scalar(statements.KIND_AT, {"time": time})
        return kind

    def gate_rows(self, since: int | None = None, until: int | None = None) -> Iterator[GateRow]:
        """Gate rows known from `since` to `until`, oldest first."""
        return self._pages(tables.gate_rows, GateRow, since, until)

    def bars(self, since: int | None = None, until: int | None = None) -> Iterator[Bar]:
        """Bars that ended from `since` to `until`, oldest first, those of one instant by symbol."""
        return self._pages(tables.bars, Bar, since, until)

    def last_bar(self, symbol: str) -> Bar | None:
        """The newest bar of one coin."""
        columns = tables.bars.c
        query = select_rows(tables.bars, Bar).where(columns.symbol == symbol)
        return next(iter(self._list(Bar, query.order_by(columns.time.desc()).limit(1))), None)

    def intents(self, time: int | None = None) -> list[Intent]:
        """The intents of one decision, or all, in the order they were decided."""
        return self._list(
            Intent, select_equal(tables.intents, Intent, "time", time).order_by(tables.intents.c.id)
        )

    def unfinished_intents(self) -> list[Intent]:
        """Intents still to be sent, or sent and not settled."""
        return self._list(Intent, statements.UNFINISHED)

    def orders(self, intent: int | None = None, *, sent_since: float = -math.inf) -> list[OrderRow]:
        """The attempts at one intent, or all orders sent from then on, in the order they were sent.

        Not by their times: the clock may have jumped.
        """
        columns = tables.orders.c
        query = select_equal(tables.orders, OrderRow, "intent", intent, version=self._version)
        if sent_since > -math.inf:
            query = query.where(columns.sent_at >= sent_since)
        return self._list(OrderRow, query.order_by(columns.intent, columns.attempt))

    def order(self, client_id: str) -> OrderRow | None:
        """The order of this id."""
        query = select_equal(tables.orders, OrderRow, "client_id", client_id, version=self._version)
        return next(iter(self._list(OrderRow, query)), None)

    def flatten_orders(self) -> set[str]:
        """Client ids of the orders by which a person had everything sold."""
        if self._version < tables.NEWEST:
            return set()
        with self._database.reading() as connection:
            return set(connection.scalars(statements.FLATTEN_ORDERS))

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
            return drawdown_since(connection, time)[0].known

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
        self,
        table: Table,
        record: type[R],
        since: int | None,
        until: int | None,
        where: ColumnElement[bool] | None = None,
    ) -> Iterator[R]:
        """Rows by the table's key, a transaction a page."""
        key = tuple(table.primary_key)
        query = select_rows(table, record, self._version).order_by(*key).limit(PAGE)
        query = query if where is None else query.where(where)
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
