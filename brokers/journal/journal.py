"""The journal: everything decided, sent, filled and noticed, and the account's worth at every bar."""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar, Unpack

from sqlalchemy import Connection, Select, Table, insert, select, tuple_, update

from brokers.journal import statements, tables
from brokers.journal.database import Database
from brokers.journal.lock import SessionLock
from brokers.journal.records import (
    Bar,
    DecisionRow,
    EquityRow,
    FillRow,
    GateRow,
    HaltedError,
    Incident,
    Intent,
    IntentState,
    JournalError,
    OrderChanges,
    OrderRow,
    Session,
    Severity,
)
from brokers.journal.statements import chosen, select_rows

ACCOUNT_ID, HALTED, RESUMED, FLOW = (
    "account_id",
    "halted",
    "resumed",
    "flow",
)  # keys of the meta table; the last: put in since the newest decision
PAGE = 1000  # rows a transaction reads at most while a caller goes through them

R = TypeVar("R", bound=NamedTuple)


class Journal:
    """What one account decided, sent and got, by `open_journal`.

    The one rule: what a method has returned from is on the disk, and nothing stays locked between two calls.
    Every method raises JournalError where the file cannot be read or written.
    """

    def __init__(
        self, database: Database, lock: SessionLock | None, now: Callable[[], float]
    ) -> None:
        self._database = database
        self._lock = lock
        self._now = now
        self._session: int | None = None
        account_id = self.get(ACCOUNT_ID)
        if account_id is None:
            raise JournalError(
                f"{database.path}: names no account; put an earlier backup in its place"
            )
        self.account_id = account_id

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file, then of the lock. A second time changes nothing."""
        self._database.close()
        if self._lock is not None:
            self._lock.release()

    def get(self, key: str) -> str | None:
        """What was last put under `key`."""
        with self._database.reading() as connection:
            value: str | None = connection.scalar(statements.VALUE, {"key": key})
        return value

    def put(self, key: str, value: str) -> None:
        """Keep `value` under `key`; "account_id", "halted" and "resumed" are the journal's own."""
        self.keep({key: value})

    def keep(self, values: Mapping[str, str]) -> None:
        """Keep several values by key, all or none."""
        with self._writing() as connection:
            connection.execute(
                statements.PUT, [{"key": key, "value": value} for key, value in values.items()]
            )

    def halt(self, reason: str) -> None:
        """Say that nothing may be ordered until `resume`; from any process."""
        with self._database.writing() as connection:
            connection.execute(
                statements.PUT, {"key": HALTED, "value": reason or "no reason was given"}
            )

    def resume(self) -> None:
        """Take a halt back, from any process; when that was is kept under `RESUMED`."""
        with self._database.writing() as connection:
            connection.execute(tables.meta.delete().where(tables.meta.c.key == HALTED))
            connection.execute(statements.PUT, {"key": RESUMED, "value": repr(self._now())})

    def halted(self) -> str | None:
        """Why nothing may be ordered, None if all may."""
        return self.get(HALTED)

    def begin_session(self, mode: str, settings: str, version: str) -> int:
        """Record that this process trades from now on; the session's id."""
        row = {
            "started": self._now(),
            "mode": mode,
            "settings": settings,
            "version": version,
            "pid": os.getpid(),
        }
        with self._writing() as connection:
            session = _inserted(connection, insert(tables.sessions), row)
        self._session = session
        return session

    def end_session(self, outcome: str) -> None:
        """Record how the session begun here has ended."""
        ended = (
            update(tables.sessions)
            .where(tables.sessions.c.id == self._session)
            .values(ended=self._now(), outcome=outcome)
        )
        self._change(ended, f"no session was begun, so that none ends ({outcome})")

    def sessions(self) -> list[Session]:
        """All sessions, oldest first."""
        return self._list(
            Session, select_rows(tables.sessions, Session).order_by(tables.sessions.c.id)
        )

    def record_decision(
        self,
        decision: DecisionRow,
        gate: GateRow | None,
        bars: Sequence[Bar],
        equity: EquityRow,
        intents: Sequence[Intent],
    ) -> list[Intent]:
        """Keep a decision with all it rests on and asks for; the intents with their ids.

        A bar that is there already stays as it was first seen, and so does a gate row, unless the new one is less stale.

        Raises
        ------
        JournalError
            This bar, or a later one, is decided already: decisions only go forward.

        """
        with self._writing() as connection:
            last = connection.scalar(statements.LAST_TIME)
            if last is not None and last >= decision.time:
                raise JournalError(
                    f"{self._database.path}: the bar of {_utc(decision.time)} cannot be decided, that of {_utc(last)} already is"
                )
            repeated = (
                connection.scalar(statements.SENTENCE, {"until": decision.time})
                == decision.sentence
            )
            connection.execute(
                statements.ADD_DECISION,
                decision._asdict() | ({"sentence": None} if repeated else {}),
            )
            if gate is not None:
                connection.execute(statements.KEEP_GATE, gate._asdict())
            if bars:
                connection.execute(statements.KEEP_BAR, [bar._asdict() for bar in bars])
            connection.execute(statements.ADD_EQUITY, equity._asdict())
            connection.execute(
                statements.PUT, {"key": FLOW, "value": "0.0"}
            )  # it stands in that row now
            return [
                intent._replace(
                    id=_inserted(connection, statements.ADD_INTENT, _without_id(intent))
                )
                for intent in intents
            ]

    def decided(self, time: int) -> bool:
        """Whether the bar that ended at `time` has its decision."""
        with self._database.reading() as connection:
            return (
                connection.scalar(
                    select(tables.decisions.c.time).where(tables.decisions.c.time == time)
                )
                is not None
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
            Intent, chosen(tables.intents, Intent, "time", time).order_by(tables.intents.c.id)
        )

    def unfinished(self) -> list[Intent]:
        """Intents still to be sent, or sent and not settled."""
        return self._list(Intent, statements.UNFINISHED)

    def set_intent(self, id: int, state: IntentState, why: str) -> None:
        """Say what has become of an intent."""
        self._change(
            update(tables.intents).where(tables.intents.c.id == id).values(state=state, why=why),
            f"there is no intent {id}",
        )

    def sending(self, order: OrderRow) -> None:
        """Keep an order *before* it is sent, and its intent as sent.

        Raises
        ------
        JournalError
            An order of this id, or attempt, is there already, or its intent is settled: it must not be sent.
        HaltedError
            Somebody has said `halt`: from then on nothing is written down to be sent.

        """
        with self._writing() as connection:
            if (why := connection.scalar(statements.VALUE, {"key": HALTED})) is not None:
                raise HaltedError(f"halted: {why}")
            if connection.execute(statements.SENT, {"intent": order.intent}).rowcount != 1:
                raise JournalError(
                    f"{self._database.path}: order {order.client_id} must not be sent, intent {order.intent} is settled or not there"
                )
            connection.execute(insert(tables.orders), order._asdict())

    def update_order(self, client_id: str, **changes: Unpack[OrderChanges]) -> None:
        """Keep what the venue now says of an order."""
        changed = (
            update(tables.orders)
            .where(tables.orders.c.client_id == client_id)
            .values({"updated": self._now(), **changes})
        )
        self._change(changed, f"there is no order {client_id}")

    def orders(self, intent: int | None = None) -> list[OrderRow]:
        """The attempts at one intent, or all orders, in the order they were sent (their times may have been stamped by a clock that jumped)."""
        columns = tables.orders.c
        return self._list(
            OrderRow,
            chosen(tables.orders, OrderRow, "intent", intent).order_by(
                columns.intent, columns.attempt
            ),
        )

    def order(self, client_id: str) -> OrderRow | None:
        """The order of this id."""
        return next(
            iter(self._list(OrderRow, chosen(tables.orders, OrderRow, "client_id", client_id))),
            None,
        )

    def add_fills(self, rows: Sequence[FillRow]) -> int:
        """Keep executions, however often they are told; how many were new. A fee that was not known before is filled in."""
        new = 0
        with self._writing() as connection:
            for row in rows:
                columns = tables.fills.c
                same = (
                    (columns.symbol == row.symbol)
                    & (columns.trade_id == row.trade_id)
                    & (columns.client_id == row.client_id)
                )
                kept = connection.execute(select_rows(tables.fills, FillRow).where(same)).first()
                if kept is None:
                    connection.execute(insert(tables.fills), row._asdict())
                    new += 1
                elif row.knows_more_than(FillRow._make(kept)):
                    connection.execute(
                        update(tables.fills)
                        .where(same)
                        .values(fee=row.fee, fee_coin=row.fee_coin, fee_quote=row.fee_quote)
                    )
        return new

    def fills(self, since: float | None = None) -> list[FillRow]:
        """Executions from `since` on, oldest first."""
        query = select_rows(tables.fills, FillRow).order_by(
            tables.fills.c.time, tables.fills.c.symbol, tables.fills.c.trade_id
        )
        return self._list(
            FillRow, query if since is None else query.where(tables.fills.c.time >= since)
        )

    def equity(self, since: int | None = None) -> list[EquityRow]:
        """The account's worth at every bar from `since` on, oldest first."""
        return list(self._pages(tables.equity, EquityRow, since, None))

    def last_equity(self) -> EquityRow | None:
        """The account's worth at the newest bar."""
        return next(
            iter(
                self._list(
                    EquityRow,
                    select_rows(tables.equity, EquityRow)
                    .order_by(tables.equity.c.time.desc())
                    .limit(1),
                )
            ),
            None,
        )

    def drawdown_since(self, time: float) -> tuple[float, float]:
        """The highest unit value from `time` on (NaN: none) and the largest fall from a peak before it, as a fraction."""
        with self._database.reading() as connection:
            highest, largest = connection.execute(statements.DRAWDOWN, {"since": time}).one()
        return math.nan if highest is None else float(highest), float(largest or 0.0)

    def incident(self, kind: str, severity: Severity, text: str) -> bool:
        """Keep that something happened, from any process; whether it is new today (UTC) and not one time more."""
        now = self._now()
        row = {
            "time": now,
            "kind": kind,
            "severity": severity,
            "text": text,
            "count": 1,
            "last": now,
            "day": math.floor(now / 86400),
        }
        with self._database.writing() as connection:
            return bool(connection.scalar(statements.NOTICE, row) == 1)

    def incidents(self, limit: int) -> list[Incident]:
        """The `limit` incidents that were seen last, newest first."""
        order = tables.incidents.c.last.desc(), tables.incidents.c.id.desc()
        return self._list(
            Incident, select_rows(tables.incidents, Incident).order_by(*order).limit(limit)
        )

    def _writing(self) -> AbstractContextManager[Connection]:
        if self._lock is None:
            raise JournalError(
                f"{self._database.path}: was opened to read, to halt and to resume; only a session that holds its lock records more"
            )
        return self._database.writing()

    def _change(self, statement: Any, missing: str) -> None:
        with self._writing() as connection:
            if connection.execute(statement).rowcount != 1:
                raise JournalError(f"{self._database.path}: {missing}")

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


def _inserted(connection: Connection, statement: Any, row: dict[str, Any]) -> int:
    key: Any = connection.execute(statement, row).inserted_primary_key
    return int(key[0])


def _without_id(intent: Intent) -> dict[str, Any]:
    return {name: value for name, value in intent._asdict().items() if name != "id"}


def _utc(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M}"
