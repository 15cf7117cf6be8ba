"""The journal: what was decided, sent, filled and noticed, and the account's value at every bar."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, Self, Unpack

from sqlalchemy import Connection, insert, update

from brokers.clock import utc_text
from brokers.journal import drawdown, statements, tables
from brokers.journal.client_ids import new_account_id
from brokers.journal.database import Database, file_error
from brokers.journal.incident import Incident
from brokers.journal.lock import SessionLock
from brokers.journal.permit import grant_permit, permit_path, withdraw_permit
from brokers.journal.reader import ACCOUNT_ID, FLOW, JournalReader, read_trading
from brokers.journal.records import (
    Accepted,
    Bar,
    DecisionRow,
    EquityRow,
    FillRow,
    GateRow,
    HaltedError,
    Intent,
    IntentState,
    JournalError,
    Known,
    OrderChanges,
    OrderRow,
    Severity,
    Trading,
    TradingState,
)
from brokers.journal.statements import incident_values, select_rows, write_trading


class Journal(JournalReader):
    """What one account decided, sent and got, by `open_journal`.

    The one rule: what a method has returned from is on the disk, and nothing stays locked between
    two calls. Every method raises JournalError where the file cannot be read or written.
    """

    def __init__(
        self, database: Database, lock: SessionLock | None, now: Callable[[], float]
    ) -> None:
        super().__init__(database)
        self._lock = lock
        self._now = now
        self._session: int | None = None
        account_id = self.get(ACCOUNT_ID)
        if account_id is None:
            raise JournalError(
                f"{database.path}: has no account id; replace it with an earlier backup"
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

    def put(self, key: str, value: str) -> None:
        """Store `value` under `key`; "account_id", "trading" and "resumed" are its own."""
        self.put_all({key: value})

    def put_all(self, values: Mapping[str, str]) -> None:
        """Store several values by key, all or none."""
        with self._writing() as connection:
            connection.execute(
                statements.PUT, [{"key": key, "value": value} for key, value in values.items()]
            )

    def renew_account_id(self, taken_over: str = "") -> None:
        """Give an account that has not begun another id, marked by the one that it takes over."""
        account_id = new_account_id(taken_over)
        self.put(ACCOUNT_ID, account_id)
        self.account_id = account_id

    def set_trading(self, state: TradingState, reason: str) -> None:
        """Change what may be ordered, from any process; `on` is stored under `RESUMED` too.

        The permit is withdrawn before `off` is written, and granted after `on` or `flatten` is.
        """
        with self._permit():
            if state == "off":
                withdraw_permit(self.path)
            with self._database.writing() as connection:
                write_trading(connection, Trading(state, reason, self._now()))
            if state in ("on", "flatten"):
                grant_permit(self.path)

    def end_flatten(self, reason: str) -> bool:
        """Turn `flatten` to `off`; False where a person has changed the trading state since."""
        with self._permit(), self._writing() as connection:
            if read_trading(connection, self.path, self._version).state != "flatten":
                return False
            withdraw_permit(self.path)
            write_trading(connection, Trading("off", reason, self._now()))
        return True

    @contextmanager
    def _permit(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise file_error(
                f"{permit_path(self.path)}: cannot be changed", error, "make its folder writable"
            ) from error

    def put_known(self, row: Known) -> None:
        """Record what was asked for and until when it is good, in place of an earlier answer."""
        with self._writing() as connection:
            connection.execute(statements.PUT_KNOWN, row._asdict())

    def accept_close(self, row: Accepted) -> None:
        """Record that a close was confirmed, from any process."""
        with self._database.writing() as connection:
            connection.execute(statements.ACCEPT, row._asdict())

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
        self._change(ended, f"no session was begun here that could end ({outcome})")

    def record_decision(
        self,
        decision: DecisionRow,
        gate: GateRow | None,
        bars: Sequence[Bar],
        equity: EquityRow,
        intents: Sequence[Intent],
    ) -> list[Intent]:
        """Record a decision with all it rests on and asks for; the intents with their ids.

        A bar that is there already stays as it was first seen, and so does a gate row, unless the
        new one is less stale.

        Raises
        ------
        JournalError
            This bar, or a later one, is decided already: decisions only go forward.

        """
        with self._writing() as connection:
            last = connection.scalar(statements.last_bar())
            if last is not None and last >= decision.time:
                bar = utc_text(decision.time)
                raise JournalError(
                    f"{self._database.path}: the bar of {bar} cannot be decided, because that of "
                    f"{utc_text(last)} already is"
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
            # The flow is in that row now.
            connection.execute(statements.PUT, {"key": FLOW, "value": "0.0"})
            return _add_intents(connection, intents)

    def record_flatten(self, decision: DecisionRow, intents: Sequence[Intent]) -> list[Intent]:
        """Record a decision to sell everything, at a second of its own; the intents with their ids.

        Raises
        ------
        HaltedError
            The trading state is not `flatten` any more: nothing is recorded.

        """
        with self._writing() as connection:
            if why := read_trading(connection, self.path, self._version).refusal(-1.0, "flatten"):
                raise HaltedError(why)
            connection.execute(statements.ADD_DECISION, decision._asdict())
            return _add_intents(connection, intents)

    def drawdown_since(self, time: float) -> tuple[float, float]:
        """As for a reader; now and then the result is kept, so that the newest rows are enough."""
        with self._database.reading() as connection:
            newest, rows = drawdown.drawdown_since(connection, time)
            kept = drawdown.kept_with(connection, newest)
        if rows > drawdown.STORE_AFTER and self._lock is not None:
            self.put(drawdown.KEY, kept)
        return newest.known

    def set_intent(self, id: int, state: IntentState, why: str) -> None:
        """Record the state of an intent, and why."""
        self._change(
            update(tables.intents).where(tables.intents.c.id == id).values(state=state, why=why),
            f"there is no intent {id}",
        )

    def record_order(self, order: OrderRow) -> None:
        """Record an order *before* it is sent, and its intent as sent.

        Raises
        ------
        JournalError
            An order of this id, or attempt, is there already, or its intent is settled: it must not
            be sent.
        HaltedError
            The trading state refuses it: nothing is recorded to be sent.

        """
        with self._writing() as connection:
            kind: Any = connection.scalar(statements.KIND, {"intent": order.intent}) or "bar"
            trading = read_trading(connection, self.path, self._version)
            if why := trading.refusal(order.size, kind):
                raise HaltedError(why)
            if connection.execute(statements.SENT, {"intent": order.intent}).rowcount != 1:
                raise JournalError(
                    f"{self._database.path}: order {order.client_id} must not be sent, "
                    f"because intent {order.intent} is settled or does not exist"
                )
            connection.execute(insert(tables.orders), order._asdict())

    def update_order(self, client_id: str, **changes: Unpack[OrderChanges]) -> None:
        """Record the exchange's newest report of an order."""
        changed = (
            update(tables.orders)
            .where(tables.orders.c.client_id == client_id)
            .values({"updated": self._now(), **changes})
        )
        self._change(changed, f"there is no order {client_id}")

    def add_fills(self, rows: Sequence[FillRow]) -> int:
        """Record executions, each once however often it is listed; how many were new.

        A fee that was not known before is filled in.
        """
        new = 0
        with self._writing() as connection:
            for row in rows:
                columns = tables.fills.c
                same = (
                    (columns.symbol == row.symbol)
                    & (columns.trade_id == row.trade_id)
                    & (columns.client_id == row.client_id)
                )
                stored = connection.execute(select_rows(tables.fills, FillRow).where(same)).first()
                if stored is None:
                    connection.execute(insert(tables.fills), row._asdict())
                    new += 1
                elif row.knows_more_than(FillRow._make(stored)):
                    connection.execute(
                        update(tables.fills)
                        .where(same)
                        .values(fee=row.fee, fee_coin=row.fee_coin, fee_quote=row.fee_quote)
                    )
        return new

    def record_incident(self, kind: str, severity: Severity, text: str) -> bool:
        """Record an incident, from any process; False if it only repeats one of today (UTC)."""
        row = incident_values(Incident(kind, severity, text), self._now())
        with self._database.writing() as connection:
            return bool(connection.scalar(statements.NOTICE, row) == 1)

    def _writing(self) -> AbstractContextManager[Connection]:
        if self._lock is None:
            raise JournalError(
                f"{self._database.path}: was opened to read, to halt and to resume; "
                "only a session that holds its lock may record more"
            )
        return self._database.writing()

    def _change(self, statement: Any, missing: str) -> None:
        with self._writing() as connection:
            if connection.execute(statement).rowcount != 1:
                raise JournalError(f"{self._database.path}: {missing}")


def _inserted(connection: Connection, statement: Any, row: dict[str, object]) -> int:
    key: Any = connection.execute(statement, row).inserted_primary_key
    return int(key[0])


def _add_intents(connection: Connection, intents: Sequence[Intent]) -> list[Intent]:
    """`intents` with the ids they got."""
    return [
        intent._replace(id=_inserted(connection, statements.ADD_INTENT, _without_id(intent)))
        for intent in intents
    ]


def _without_id(intent: Intent) -> dict[str, object]:
    return {name: value for name, value in intent._asdict().items() if name != "id"}
