"""The status of an account, made from its journal alone."""

import json
import math
from collections.abc import Iterator, Sequence
from itertools import takewhile

from brokers.journal.lock import holder
from brokers.journal.reader import JournalReader
from brokers.journal.records import (
    DecisionRow,
    GateRow,
    IncidentRow,
    Intent,
    SessionRecord,
    Trading,
)
from brokers.live.account_now import account_now, number
from brokers.live.exchange_clock import stored_offset
from brokers.live.health import judge
from brokers.live.hours import buying_hours
from brokers.live.session_setup import SessionSetup, setup_of
from brokers.live.status_document import (
    DecisionNow,
    GateNow,
    IncidentNow,
    KnownNow,
    NextDecision,
    OrderNow,
    SessionNow,
    StatusReport,
    TradingNow,
)
from brokers.local_paths import path_from_here

MOST_SHOWN, MOST_READ = 10, 200  # incidents; critical ones beyond the first of these are shown too
# Kinds of incidents about trading that is not on.
STOPS = ("halt", "halted", "flatten", "flatten called off")
DAY = 86_400


def status_report(journal: JournalReader, states: Sequence[str], now: float) -> StatusReport:
    """The account as its journal shows it at `now` (epoch seconds).

    `states` are the names of the gate's states by code, the confirmed one last.

    Raises
    ------
    JournalError
        The journal cannot be read.

    """
    stored = journal.session()
    setup = setup_of(stored.settings if stored else "{}")
    rows, trading = _newest_decisions(journal, setup), journal.trading()
    decision = _decision(journal, rows[-1]) if rows else None
    incidents = tuple(_incidents(journal, rows, trading))
    known = journal.known()
    report = StatusReport(
        at=now,
        journal=path_from_here(journal.path),
        journal_version=journal.version,
        health="well",
        reasons=(),
        session=_session(journal, stored, setup, decision, incidents) if stored else None,
        trading=TradingNow(state=trading.state, reason=trading.reason, since=number(trading.since)),
        gate=_gate(journal, _on_a_bar(rows), setup, states) if rows else None,
        account=account_now(journal, rows) if rows else None,
        decision=decision,
        next=_next(setup, now) if stored else None,
        open_orders=tuple(_order(journal, intent) for intent in journal.unfinished_intents()),
        incidents=incidents,
        known=tuple(KnownNow(**row._asdict(), passed=row.until < now) for row in known),
        clock_offset=stored_offset(known),
    )
    health, reasons = judge(report, setup)
    return report.model_copy(update={"health": health, "reasons": reasons})


def _newest_decisions(journal: JournalReader, setup: SessionSetup) -> list[DecisionRow]:
    """The newest decision on a bar, those of two bars before it, and flattens; oldest first."""
    last = journal.last_decision()
    since = last.time - 2 * setup.bar_seconds if last else None
    return list(journal.decisions(since=since, kind=None))


def _on_a_bar(rows: Sequence[DecisionRow]) -> DecisionRow:
    """The newest decision on a bar: one to sell everything knows no gate."""
    return next((row for row in reversed(rows) if row.kind == "bar"), rows[-1])


def _session(
    journal: JournalReader,
    stored: SessionRecord,
    setup: SessionSetup,
    decision: DecisionNow | None,
    incidents: Sequence[IncidentNow],
) -> SessionNow:
    process = holder(journal.path)
    seen = [stored.started, stored.ended or 0.0, *(incident.last for incident in incidents)]
    seen += [row.asked_at for row in journal.known()]
    return SessionNow(
        running=bool(process),
        process=process,
        pid=stored.pid,
        mode=stored.mode,
        exchange=setup.exchange,
        timeframe=setup.bar_seconds,
        started=stored.started,
        ended=stored.ended,
        outcome=stored.outcome,
        last_seen=max(*seen, decision.decided_at if decision else 0.0),
        versions=stored.version,
    )


def _gate(
    journal: JournalReader, row: DecisionRow, setup: SessionSetup, states: Sequence[str]
) -> GateNow:
    """The gate of the decision `row`, explained by the newest row of the gate."""
    rows = list(journal.gate_rows(until=row.time))
    newest = rows[-1] if rows else None
    is_confirmed = row.state == len(states) - 1
    since = row.confirmed_at if is_confirmed else _unchanged_since(rows, row.state)
    return GateNow(
        state=states[row.state],
        ceiling=0.0 if row.gate_stale > setup.gate_age else number(row.ceiling),
        row_ceiling=number(row.ceiling),
        since=since,
        stale=row.gate_stale,
        filled=row.filled,
        channels=setup.channels,
        known_at=newest.known_at if newest else None,
        reason=newest.reason if newest else "",
        close=number(newest.close) if newest else None,
        record=number(newest.record) if newest else None,
        held=tuple(json.loads(newest.held or "[]")) if newest else (),
        sources=json.loads(newest.sources or "{}") if newest else {},
        rules_digest=newest.rules_digest if newest else "",
    )


def _unchanged_since(rows: Sequence[GateRow], state: int) -> float | None:
    same = list(takewhile(lambda row: row.state == state, reversed(rows)))
    return float(same[-1].known_at) if same else None


def _decision(journal: JournalReader, row: DecisionRow) -> DecisionNow:
    session = journal.session(row.session)
    coins = setup_of(session.settings).coins if session else ()
    missing = dict(zip(coins, row.missing, strict=False))
    return DecisionNow(
        bar=row.time,
        decided_at=row.decided_at,
        kind=row.kind,
        sentence=row.sentence,
        note=row.note,
        missing={coin: bars for coin, bars in missing.items() if bars > 0.0},
        rules_digest=row.rules_digest,
        orders=tuple(_order(journal, intent) for intent in journal.intents(row.time)),
    )


def _order(journal: JournalReader, intent: Intent) -> OrderNow:
    attempts = journal.orders(intent.id)
    last = attempts[-1] if attempts else None
    return OrderNow(
        decided_on=intent.time,
        coin=intent.symbol,
        size=intent.size,
        state=intent.state,
        why=intent.why,
        client_id=last.client_id if last else None,
        filled=sum(order.filled for order in attempts),
        venue_text=last.venue_text if last else "",
    )


def _incidents(
    journal: JournalReader, rows: Sequence[DecisionRow], trading: Trading
) -> Iterator[IncidentNow]:
    """The newest ones.

    One is open until a decision and the one after it came without it, or until `resume` ended it.
    """
    before = -math.inf
    if rows:
        before = rows[-2].decided_at if len(rows) > 1 else rows[-1].time - DAY
    for place, row in enumerate(journal.incidents(MOST_READ)):
        is_open = row.severity != "info" and row.last >= before and not _is_resumed(row, trading)
        if place < MOST_SHOWN or (is_open and row.severity == "critical"):
            yield IncidentNow(
                kind=row.kind,
                severity=row.severity,
                text=row.text,
                count=row.count,
                first=row.time,
                last=row.last,
                open=is_open,
            )


def _is_resumed(row: IncidentRow, trading: Trading) -> bool:
    """Whether the incident is about a state that `resume` has ended.

    Not by time where the state itself says so: a session follows the exchange's clock.
    """
    if trading.state != "on":
        return False
    return row.kind in STOPS or (row.kind == "drawdown" and row.last <= trading.since)


def _next(setup: SessionSetup, now: float) -> NextDecision:
    hours = buying_hours(setup, now)
    return NextDecision(
        bar=setup.newest_bar(now) + setup.bar_seconds,
        at=setup.next_decision(now),
        buys_from=hours.opens,
        buys_until=hours.closes,
        buys_now=hours.is_open,
        hours=hours.text,
    )
