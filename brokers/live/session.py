"""The live loop: wait for a bar, show it to the strategy, write down what it decides, carry that out."""

import math
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any, Protocol

from brokers.cerebro import Cerebro, Step
from brokers.clock import Clock
from brokers.exchange.errors import TryLaterError, UnknownOutcomeError
from brokers.feeds import LiveCoinFeed, LiveGateFeed, backtrader_time
from brokers.journal.incident import Problem
from brokers.journal.journal import Journal
from brokers.journal.records import Bar, DecisionRow, GateRow, Intent
from brokers.live.broker import Account, LiveBroker
from brokers.live.data_provider import Known, Pump
from brokers.live.guards import Guards, Situation
from brokers.live.strategy import LiveStrategy
from brokers.orders.nav import Units
from brokers.orders.orphaned_coins import refuse_forgotten
from brokers.prices.clean import bar_length
from brokers.prices.series import DataError
from config.settings import Settings

RETRY, LONGEST_RETRY = (
    30.0,
    900.0,
)  # seconds between two attempts at what could not be settled; doubled each time
PATIENT_ATTEMPTS = 3  # of a single cycle, --once


class TradingAccount(Account, Protocol):
    """An account orders can be carried out in."""

    units: Units

    def start(self) -> None:
        """Make sure of the account before the first decision."""

    def time(self) -> float:
        """Now by the exchange's clock, epoch seconds."""

    def refresh(self, closes: Mapping[str, float]) -> float:
        """Look at the account; what was put in (quote units at `closes`) since it was looked at last."""

    def carry_out(self, intent: Intent, may_send: bool) -> None:
        """Bring one intent to its end, once, however often it is called; without `may_send` only what was sent is settled."""


class Voice(Protocol):
    """Who is told: log, notifications, status line, dead man's switch."""

    def problem(self, problem: Problem) -> None:
        """Something a person should know."""

    def decided(self, row: DecisionRow, before: DecisionRow | None, intents: list[Intent]) -> None:
        """A decision was written down."""

    def settled(self, intents: list[Intent]) -> None:
        """A decision was carried out."""

    def waiting(self, until: float) -> None:
        """The next decision is due at `until` (epoch seconds)."""


class Session:
    """One Cerebro over live feeds.

    The one rule: a bar is decided once. What was decided is in the journal, whole, before anything is sent, and is then carried out
    from there: by this process or by the next.
    """

    def __init__(
        self,
        settings: Settings,
        strategy: LiveStrategy,
        pump: Pump,
        account: TradingAccount,
        journal: Journal,
        clock: Clock,
        voice: Voice,
    ) -> None:
        self._settings = settings
        self._strategy = strategy
        self._pump = pump
        self._account = account
        self._journal = journal
        self._clock = clock
        self._voice = voice
        self._guards = Guards(journal, settings)
        self._length = int(bar_length(settings.exchange.timeframe).total_seconds())
        self._broker = LiveBroker(account)
        self._decision: Any = None
        self._decided = -1  # the newest bar that has its decision
        self._session = 0
        self._gate_seen = (0.0, 0.0)

    def run(self, once: bool = False, until: float = math.inf) -> None:
        """Decide at every bar until the clock is stopped, `until` has passed, or, with `once`, the newest bar is decided and settled.

        Raises
        ------
        CallAPersonError, SafetyError
            Trading must not go on.
        DataError, TryLaterError
            With `once`: the bar could not be decided, for want of prices, or not be decided or settled on the exchange now.

        """
        cerebro = Cerebro(lambda feeds: self._steps(feeds, once, until))
        cerebro.adddata(LiveGateFeed(), name="gate")
        for coin in self._settings.coins:
            cerebro.adddata(LiveCoinFeed(), name=coin.name)
        cerebro.setbroker(self._broker)
        cerebro.addstrategy(self._strategy.kind, rules=self._strategy.rules, record=self._note)
        refuse_forgotten(self._journal, [coin.name for coin in self._settings.coins])
        self._session = self._journal.begin_session(
            self._settings.exchange.mode, self._settings.model_dump_json(), _versions()
        )
        last = self._journal.last_decision()
        self._decided = last.time if last else -1
        cerebro.run()

    def end(self, outcome: str) -> None:
        """Write down how it ended."""
        if self._session:
            self._journal.end_session(outcome)

    def _note(self, decision: Any) -> None:
        self._decision = decision

    def _steps(self, feeds: Any, once: bool, until: float) -> Iterator[Step]:
        self._broker.coins = feeds[1:]
        failed, started = 0, False
        while not self._clock.stopped and self._clock.now() < until:
            due = self._newest_bar()
            try:
                if not started:
                    self._account.start()
                    started = True
                if due > self._decided:
                    yield from self._decide(due, feeds)
                elif due < self._decided:
                    self._tell_of_clock()
                self._settle(due)
            except (DataError, TryLaterError, UnknownOutcomeError) as error:
                failed += 1
                self._voice.problem(
                    Problem(
                        "data" if isinstance(error, DataError) else "exchange",
                        "warning",
                        str(error),
                    )
                )
                if once and failed >= PATIENT_ATTEMPTS:
                    raise
                self._wait(
                    min(
                        self._clock.now() + max(self._pause(failed), getattr(error, "wait", 0.0)),
                        self._next_bar(),
                    )
                )
                continue
            failed = 0
            if once:
                return
            self._wait(
                due + self._length + self._settings.paper.grace
            )  # which is past if this bar took so long: the newest is then decided at once

    def _pause(self, failed: int) -> float:
        """Seconds until it is tried again after so many failures in a row; for ever where nothing can change."""
        return (
            math.inf if self._pump.final else min(RETRY * 2.0 ** min(failed - 1, 9), LONGEST_RETRY)
        )  # more is too much for a float one day

    def _tell_of_clock(self) -> None:
        now, decided = _utc(self._clock.now()), _utc(self._decided)
        text = f"the clock says {now}, the newest decision is of {decided}: was it set back? Nothing is decided until it has passed that bar"
        self._voice.problem(Problem("clock", "warning", text))

    def _newest_bar(self) -> int:
        """End of the newest bar that ended a grace ago."""
        return int((self._clock.now() - self._settings.paper.grace) // self._length) * self._length

    def _next_bar(self) -> float:
        return self._newest_bar() + self._length + self._settings.paper.grace

    def _wait(self, until: float) -> None:
        """Until then by the wall clock, which may jump."""
        while (left := until - self._clock.now()) > 0.0 and not self._clock.stopped:
            self._voice.waiting(self._next_bar())
            self._clock.sleep(min(left, self._clock.longest_sleep))

    def _decide(self, due: int, feeds: Any) -> Iterator[Step]:
        """Show the strategy what is known at `due`, and write down what it decides."""
        self._abandon_older(due)
        if (early := due - self._account.time()) > RETRY:
            raise TryLaterError(
                f"our clock is ahead of the exchange's: there the bar of {_utc(due)} ends in {early:.0f} s, it is not decided before"
            )
        if early > 0.0:
            self._clock.sleep(early)
        known = self._pump.known(due)
        if self._clock.stopped:
            return  # with whatever was there so far: the next start looks again
        for problem in known.problems:
            self._voice.problem(problem)
        if not known.fresh:
            raise DataError(
                f"no coin has a bar that ended at {_utc(due)}: nothing is decided on old prices; the next look is soon"
            )
        if not known.gate and not self._pump.final:
            raise DataError(
                "the gate has never been read: nothing is decided, and nothing sold, for want of data; the next look is soon"
            )
        closes = {name: lines["close"] for name, lines in known.coins.items()}
        if unpriced := [
            name
            for name, units in self._account.positions.items()
            if units > 0.0 and name not in closes
        ]:
            raise DataError(
                f"no price of {', '.join(unpriced)} can be had, which is held: the account's worth is not known, nothing is decided"
            )
        flow = self._account.refresh(closes)
        stepping = []
        for feed in feeds:
            lines = known.gate if feed is feeds[0] else known.coins.get(feed._name, {})
            if lines or len(
                feed
            ):  # a coin that is gone must not show its last bar as if it were new
                feed.hand(known.gate_known_at if feed is feeds[0] else due, lines)
                stepping.append(feed)
        self._broker.wanted.clear()
        yield backtrader_time(due), stepping
        self._write_down(known, closes, flow)

    def _write_down(self, known: Known, closes: Mapping[str, float], flow: float) -> None:
        decision, before = self._decision, self._journal.last_decision()
        gate = decision.gate
        if before is None:
            self._guards.first_start(
                gate.confirmed_at if gate.state == self._strategy.confirmed else None
            )
        equity = self._account.units.row(known.due, decision.equity, decision.cash, flow)
        in_spell = _number(gate.confirmed_at) if gate.state == self._strategy.confirmed else None
        drawdown = self._drawdown(equity.unit_value) if self._settings.guards.drawdown_stop else 0.0
        situation = Situation(
            known.due, self._clock.now(), decision.equity, drawdown, closes, in_spell
        )
        intents, stopped = self._guards.allowed(self._broker.wanted, situation)
        row = DecisionRow(
            known.due, self._clock.now(), int(gate.state), gate.ceiling, int(gate.filled), _number(gate.confirmed_at), int(gate.stale),
            decision.equity, decision.cash, decision.drawdown, decision.gross, decision.missing, decision.current, decision.targets,
            decision.sizes, self._strategy.describe(decision), "; ".join(problem.text for problem in stopped), self._session,
        )  # fmt: skip
        bars = [_bar(known.due, name, lines) for name, lines in known.coins.items()]
        written = self._journal.record_decision(row, self._gate_row(known), bars, equity, intents)
        self._decided = known.due
        self._account.units.recorded(equity)
        for problem in stopped:
            self._voice.problem(problem)
        self._voice.decided(row, before, written)

    def _drawdown(self, unit_value: float) -> float:
        """Fall of the account's unit from its peak since the guard looks."""
        peak, _ = self._journal.drawdown_since(self._guards.peak_since())
        return max(1.0 - unit_value / peak, 0.0) if peak > 0.0 else 0.0

    def _gate_row(self, known: Known) -> GateRow | None:
        """The gate's row where it is a new one."""
        row, gate = known.row, known.gate
        seen = (
            known.gate_known_at,
            gate.get("stale", 0.0),
        )  # a close that comes late or is corrected makes the same session's row a better one
        if not row or seen == self._gate_seen:
            return None
        self._gate_seen = seen
        return GateRow(
            int(known.gate_known_at), float(row["close"]), float(row["record"]), float(row["base_age"]), float(row["level"]), int(gate["state"]),
            gate["ceiling"], int(gate["filled"]), _number(gate["confirmed_at"]), int(gate["stale"]), str(row["reason"]),
        )  # fmt: skip

    def _settle(self, due: int) -> None:
        """Carry out what is planned and settle what was sent, sells first. The first that cannot be ends the round: what follows may rest on it."""
        intents = self._journal.unfinished()
        for intent in intents:
            if self._clock.stopped:
                return
            why = self._too_late(intent, due)
            if why and intent.state == "planned":
                self._journal.set_intent(intent.id, "abandoned", why)
                self._voice.problem(Problem("abandoned", "warning", f"{_said(intent)}: {why}"))
            else:
                self._account.carry_out(intent, may_send=not why)
        if intents:
            self._voice.settled(self._journal.intents(intents[-1].time))

    def _too_late(self, intent: Intent, due: int) -> str:
        """Why nothing more may be sent for `intent`."""
        if why := self._journal.halted():
            return f"halted: {why}"
        if intent.time < due:
            return "a newer bar has closed"
        oldest = self._settings.paper.max_decision_age
        if intent.size > 0 and self._clock.now() - intent.time > oldest * 60.0:
            return f"it is more than paper.max_decision_age ({oldest:g} minutes) old, and would buy"
        return ""

    def _abandon_older(self, due: int) -> None:
        """Before a new decision nothing of an earlier one is left open."""
        if self._journal.unfinished():
            self._settle(due)


def _versions() -> str:
    return ", ".join(
        (
            f"python {platform.python_version()}",
            *(f"{name} {version(name)}" for name in ("backtrader", "ccxt", "pandas")),
        )
    )


def _bar(due: int, name: str, lines: Mapping[str, float]) -> Bar:
    return Bar(
        due,
        name,
        lines["open"],
        lines["high"],
        lines["low"],
        lines["close"],
        lines["volume"],
        int(lines["stale"]),
    )


def _said(intent: Intent) -> str:
    return f"{'buy' if intent.size > 0 else 'sell'} {abs(intent.size):g} {intent.symbol}"


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _utc(seconds: float) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
