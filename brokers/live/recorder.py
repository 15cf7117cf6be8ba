"""Records a decision with all it rests on and all it asks for, in one transaction."""

from collections.abc import Mapping
from typing import Generic, NamedTuple

from brokers.journal.decision import bar_row, decision_row, gate_row, time_or_none
from brokers.journal.incident import Incident
from brokers.journal.records import DecisionRow, GateRow, Intent
from brokers.live.broker import LiveBroker
from brokers.live.context import SessionContext
from brokers.live.data_provider import MarketSnapshot
from brokers.live.guards import Guards, Situation
from brokers.live.strategy import D, LiveStrategy


class RecordedDecision(NamedTuple):
    """A decision as it is in the journal, the one before it, and what the guards stopped."""

    row: DecisionRow
    previous: DecisionRow | None
    intents: list[Intent]
    stopped: list[Incident]


class DecisionRecorder(Generic[D]):
    """Turns a decision and its order requests into rows of the journal."""

    def __init__(
        self, context: SessionContext, strategy: LiveStrategy[D], broker: LiveBroker
    ) -> None:
        self._settings, self._account, self._journal, self._clock, _ = context
        self._strategy = strategy
        self._broker = broker
        self._guards = Guards(self._journal, self._settings)
        self._recorded_gate = (0.0, 0.0)  # of the newest gate row: known at, stale

    def record(
        self, decision: D, snapshot: MarketSnapshot, *, flow: float, session: int
    ) -> RecordedDecision:
        """Record `decision`; `flow` is what was paid in since the last one, quote units."""
        previous = self._journal.last_decision()
        in_gate = decision.gate.state == self._strategy.confirmed
        confirmed_at = time_or_none(decision.gate.confirmed_at) if in_gate else None
        if previous is None:
            self._guards.first_start(confirmed_at)
        equity = self._account.nav.equity_row(
            snapshot.due, value=decision.equity, cash=decision.cash, flow=flow
        )
        now = self._clock.now()
        situation = Situation(
            due=snapshot.due,
            now=now,
            equity=decision.equity,
            drawdown=self._drawdown(equity.unit_value),
            closes=closes_of(snapshot),
            confirmed_at=confirmed_at,
            clock_offset=self._clock.offset,
        )
        intents, stopped = self._guards.check_requests(self._broker.requests, situation)
        row = decision_row(
            decision,
            decided_at=now,
            sentence=self._strategy.describe(decision),
            note="; ".join(incident.text for incident in stopped),
            session=session,
            rules_digest=self._strategy.rules_digest,
        )
        bars = [bar_row(snapshot.due, name, lines) for name, lines in snapshot.coins.items()]
        gate = self._new_gate_row(snapshot)
        recorded = self._journal.record_decision(row, gate, bars, equity, intents)
        self._account.nav.remember(equity)
        if gate is not None:
            self._recorded_gate = _version_of_gate(snapshot)
        return RecordedDecision(row, previous, recorded, stopped)

    def _drawdown(self, unit_value: float) -> float:
        """Fall of the account's unit value from its peak since the guard looks."""
        if not self._settings.guards.drawdown_stop:
            return 0.0
        peak, _ = self._journal.drawdown_since(self._guards.peak_since())
        return max(1.0 - unit_value / peak, 0.0) if peak > 0.0 else 0.0

    def _new_gate_row(self, snapshot: MarketSnapshot) -> GateRow | None:
        """The gate's row, unless the newest recorded one is as good.

        A close that comes late or is corrected makes the same session's row a better one.
        """
        if snapshot.why is None or _version_of_gate(snapshot) == self._recorded_gate:
            return None
        return gate_row(
            snapshot.gate_known_at,
            snapshot.why,
            snapshot.gate,
            rules_digest=self._strategy.rules_digest,
            sources=snapshot.sources,
        )


def _version_of_gate(snapshot: MarketSnapshot) -> tuple[float, float]:
    return snapshot.gate_known_at, snapshot.gate.get("stale", 0.0)


def closes_of(snapshot: MarketSnapshot) -> Mapping[str, float]:
    """The newest close of every listed coin."""
    return {name: lines["close"] for name, lines in snapshot.coins.items()}
