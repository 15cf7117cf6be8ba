"""The live loop: wait for a bar, show it to the strategy, record its decision, carry it out."""

import math
import platform
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import version
from typing import Any, Generic

from brokers.cerebro import Cerebro, Step
from brokers.clock import Clock, utc_text
from brokers.exchange.errors import ExchangeError, TryLaterError, UnknownOutcomeError
from brokers.feeds import LiveCoinFeed, LiveGateFeed, backtrader_time
from brokers.journal.incident import Incident, first_cause
from brokers.journal.journal import Journal
from brokers.journal.records import JournalUnavailableError, Trading
from brokers.live.broker import LiveBroker, TradingAccount
from brokers.live.changed_settings import refuse_other_markets, report_changes
from brokers.live.context import SessionContext
from brokers.live.data_provider import DataProvider, MarketSnapshot
from brokers.live.exchange_clock import DECISION_OFFSET_AGE, JUMP, OFFSET_PERIOD, REPORT_BEYOND
from brokers.live.flatten import Flatten
from brokers.live.hours import outside_hours
from brokers.live.observer import SessionObserver
from brokers.live.recorder import DecisionRecorder, closes_of
from brokers.live.retries import pause_after
from brokers.live.session_setup import setup_of
from brokers.live.settlement import Settlement
from brokers.live.strategy import D, LiveStrategy
from brokers.orders.orphaned_coins import refuse_orphaned_coins
from brokers.prices.series import DataError
from config.settings import Settings

ONCE_ATTEMPTS = 3  # with --once
TEMPORARY = (DataError, TryLaterError, UnknownOutcomeError, JournalUnavailableError)


class PaperSession(Generic[D]):
    """One Cerebro over live feeds.

    The one rule: a bar is decided once. The decision is in the journal, whole, before anything is
    sent, and is then carried out from there: by this process or by the next.
    """

    def __init__(
        self,
        settings: Settings,
        strategy: LiveStrategy[D],
        *,
        provider: DataProvider,
        account: TradingAccount,
        journal: Journal,
        clock: Clock,
        observer: SessionObserver,
        on_completed: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_completed` is called when the newest bar is decided and its orders are settled."""
        self._settings = settings
        self._strategy = strategy
        self._provider = provider
        self._account = account
        self._journal = journal
        self._clock = clock
        self._observer = observer
        self._on_completed = on_completed
        self._setup = setup_of(settings.model_dump_json())
        self._broker = LiveBroker(account)
        context = SessionContext(settings, account, journal, clock, observer)
        self._recorder = DecisionRecorder(context, strategy, self._broker)
        self._settlement = Settlement(context)
        self._flatten = Flatten(context, self._settlement)
        self._tried: Trading | None = None  # what a person wanted at the newest attempt
        self._decision: D | None = None
        self._last_bar = -1  # the newest bar that has its decision
        self._session = 0

    def run(self, *, once: bool = False, until: float = math.inf) -> None:
        """Decide at every bar until the clock is stopped or `until` has passed.

        With `once`, until the newest bar is decided and its orders are settled.

        Raises
        ------
        CallAPersonError, SafetyError
            Trading must not go on.
        DataError, TryLaterError, JournalUnavailableError
            With `once`: the bar could not be decided or settled now, for want of prices, of the
            exchange or of the journal.

        """
        cerebro = Cerebro(lambda feeds: self._steps(feeds, once=once, until=until))
        cerebro.adddata(LiveGateFeed(), name="gate")
        for coin in self._settings.coins:
            cerebro.adddata(LiveCoinFeed(), name=coin.name)
        cerebro.setbroker(self._broker)
        cerebro.addstrategy(
            self._strategy.kind, rules=self._strategy.rules, record=self._keep_decision
        )
        self._begin()
        last = self._journal.last_decision()
        self._last_bar = last.time if last else -1
        if once or last is None:
            for outside in outside_hours(self._settings, self._clock.now()):
                self._observer.on_incident(outside)
        cerebro.run()

    def flatten(self) -> None:
        """Sell everything, as the trading state asks, and decide on no bar, until stopped.

        Raises
        ------
        CallAPersonError, SafetyError, TryLaterError, UnknownOutcomeError, JournalUnavailableError
            As `run` with `once`; the next start carries on.

        """
        self._begin()
        for attempt in range(1, ONCE_ATTEMPTS + 1):
            try:
                self._clock.synchronise()
                self._account.start()
                self._flatten.run(self._session)
                return
            except TEMPORARY as error:
                if self._clock.stopped:
                    return  # by a person; the error is mostly what the stop has cut off
                self._report_failure(error)
                if attempt == ONCE_ATTEMPTS:
                    raise
                self._clock.wait(pause_after(1, error), self._is_called_off)
                if self._is_called_off():
                    return

    def _begin(self) -> None:
        """Check that the account and these settings belong together, and begin the session."""
        refuse_orphaned_coins(self._journal, self._settings)
        refuse_other_markets(self._journal, self._settings)
        for change in report_changes(self._journal, self._settings, self._strategy.rules_digest):
            self._observer.on_incident(change)
        with suppress(ExchangeError):  # the loop asks again, and says so
            self._clock.synchronise()
        self._session = self._journal.begin_session(
            self._settings.exchange.mode, self._settings.model_dump_json(), _versions()
        )
        self._observer.on_start()

    def end(self, outcome: str) -> None:
        """Record how the session ended."""
        if self._session:
            with suppress(JournalUnavailableError):  # it then looks killed, which is true enough
                self._journal.end_session(outcome)

    def _keep_decision(self, decision: D) -> None:
        self._decision = decision

    def _steps(self, feeds: Any, *, once: bool, until: float) -> Iterator[Step]:
        self._broker.coins = feeds[1:]
        failures, started = 0, False
        while not self._clock.stopped and self._clock.now() < until:
            self._tried = self._trading()  # which is tried again no sooner than after a pause
            try:
                is_new = self._due_bar(once=once) > self._last_bar
                self._clock.synchronise(DECISION_OFFSET_AGE if is_new else OFFSET_PERIOD)
                due = self._due_bar(once=once)
                if not started:
                    self._account.start()
                    started = True
                self._sell_if_asked()
                if due > self._last_bar:
                    yield from self._decide(due, feeds)
                self._report_clock_set_back()
                last_try = self._provider.final or (once and failures >= ONCE_ATTEMPTS - 1)
                waiting = self._settlement.settle(due, to_end=last_try)
            except TEMPORARY as error:
                failures += 1
                self._report_failure(error)
                if once and failures >= ONCE_ATTEMPTS:
                    raise
                self._wait(self._retry_at(failures, error))
                continue
            if due > self._last_bar:
                continue  # stopped, the clock was set, or a person wants everything sold
            if not (waiting and failures):
                self._report_completed(due)
            if waiting:  # what a thin book or too little cash has cut short
                failures += 1
                self._wait(self._retry_at(failures))
                continue
            failures = 0
            if once and not self._is_asked_to_sell() and self._due_bar(once=True) <= due:
                return
            # Which is past if this bar took so long: then the newest one is decided at once.
            self._wait(due + self._setup.bar_seconds + self._setup.grace)

    def _report_completed(self, due: int) -> None:
        if due == self._last_bar and not self._clock.stopped:
            self._observer.on_completed(due)
            self._on_completed()

    def _sell_if_asked(self) -> None:
        """Sell everything if a person has asked for it, before a bar is decided."""
        trading = self._journal.trading()
        if self._flatten.is_asked_for(trading):
            self._tried = trading
            self._flatten.run(self._session)

    def _is_asked_to_sell(self) -> bool:
        """Whether a person has asked to sell everything since the last attempt at it."""
        trading = self._trading()
        return trading is not None and trading.state == "flatten" and trading != self._tried

    def _is_called_off(self) -> bool:
        trading = self._trading()
        return trading is not None and trading.state != "flatten"

    def _report_failure(self, error: Exception) -> None:
        """Report what may succeed at the next attempt."""
        kinds = {DataError: "data", JournalUnavailableError: "journal"}
        kind = next((name for cls, name in kinds.items() if isinstance(error, cls)), "exchange")
        self._observer.on_incident(Incident(kind, "warning", str(error)))

    def _retry_at(self, failures: int, error: Exception | None = None) -> float:
        """When the next attempt is made after so many failures in a row, the newest an `error`."""
        trading = self._trading()
        # An order that cannot be ended, and a person who has asked for quiet.
        is_over = isinstance(error, UnknownOutcomeError) and trading and trading.state == "off"
        if is_over or self._provider.final:
            return self._next_decision()
        return min(self._clock.now() + pause_after(failures, error), self._next_decision())

    def _trading(self) -> Trading | None:
        """The trading state; None while the journal is busy or full, which is waited for."""
        with suppress(JournalUnavailableError):
            trading = self._journal.trading()
            self._flatten.is_asked_for(trading)  # reports what was called off
            return trading
        return None

    def _report_clock_set_back(self) -> None:
        if self._clock.now() >= self._last_bar:
            return
        now, last = utc_text(self._clock.now()), utc_text(self._last_bar)
        text = (
            f"the clock shows {now}, but the bar of {last} is decided already: "
            "the clock may have been set back; nothing is decided until it has passed that bar"
        )
        self._observer.on_incident(Incident("clock", "warning", text))

    def _due_bar(self, *, once: bool) -> int:
        """End of the bar to decide: the newest that ended a grace ago; with `once` that has ended.

        Also by a clock that is ahead by too little to be reported: a timer starts by that clock.
        """
        if not once:
            return self._setup.newest_bar(self._clock.now())
        early = -self._clock.offset if 0.0 < -self._clock.offset <= REPORT_BEYOND else 0.0
        length = self._setup.bar_seconds
        return int((self._clock.now() + early) // length) * length

    def _next_decision(self) -> float:
        return self._setup.next_decision(self._clock.now())

    def _wait(self, until: float) -> None:
        """Until then, or until a person wants everything sold or the clock proves to be wrong."""
        offset = self._clock.offset
        while not self._clock.stopped:
            with suppress(TryLaterError):  # reported when the bar is due
                self._clock.synchronise()
            left = until - self._clock.now()
            was_set = abs(self._clock.offset - offset) > JUMP
            if left <= 0.0 or was_set or self._is_asked_to_sell():
                return
            with suppress(JournalUnavailableError):  # a status line is not worth an end
                self._observer.on_wait(self._next_decision())
            self._clock.sleep(min(left, self._clock.longest_sleep))

    def _decide(self, due: int, feeds: Any) -> Iterator[Step]:
        """Show the strategy what is known at `due`, and record what it decides."""
        if self._journal.unfinished_intents():  # none is left open when the next bar is decided
            self._settlement.settle(due)
        self._wait(due + self._settings.paper.grace)
        if self._is_asked_to_sell() or self._clock.now() < due + self._settings.paper.grace:
            return
        snapshot = self._provider.snapshot(due, self._is_asked_to_sell)
        if self._clock.stopped or self._is_asked_to_sell():
            return  # with whatever was there so far: it is looked at again
        for incident in snapshot.incidents:
            self._observer.on_incident(incident)
        self._check_prices(snapshot)
        flow = self._account.refresh(closes_of(snapshot))
        stepping = self._fill_feeds(snapshot, feeds)
        self._broker.requests.clear()
        yield backtrader_time(due), stepping
        self._record(snapshot, flow)

    def _check_prices(self, snapshot: MarketSnapshot) -> None:
        """Refuse to decide on prices that are missing or old."""
        cause = first_cause(snapshot.incidents)
        if not snapshot.fresh:
            raise DataError(
                f"no coin has a bar that ended at {utc_text(snapshot.due)}: nothing is decided on "
                f"old prices; prices are requested again soon{cause}"
            )
        if not snapshot.gate and not self._provider.final:
            raise DataError(
                "the gate has never been computed, because prices are missing: nothing is decided "
                f"and nothing sold; prices are requested again soon{cause}"
            )
        unpriced = [
            name
            for name, units in self._account.positions.items()
            if units > 0.0 and name not in snapshot.coins
        ]
        if unpriced:
            raise DataError(
                f"the account holds {', '.join(unpriced)}, of which no price is available: "
                f"the account's value is unknown and nothing is decided{cause}"
            )

    def _fill_feeds(self, snapshot: MarketSnapshot, feeds: Any) -> list[Any]:
        """Hand every feed its newest values; those that step.

        A coin that is gone must not show its last bar as if it were new: it steps to no values.
        """
        stepping = []
        for feed in feeds:
            is_gate = feed is feeds[0]
            lines = snapshot.gate if is_gate else snapshot.coins.get(feed._name, {})
            if lines or len(feed):
                feed.hand(snapshot.gate_known_at if is_gate else snapshot.due, lines)
                stepping.append(feed)
        return stepping

    def _record(self, snapshot: MarketSnapshot, flow: float) -> None:
        if self._decision is None:
            raise RuntimeError("the strategy has decided nothing")
        recorded = self._recorder.record(self._decision, snapshot, flow=flow, session=self._session)
        self._last_bar = snapshot.due
        for incident in recorded.stopped:
            self._observer.on_incident(incident)
        self._observer.on_decision(recorded.row, recorded.previous, recorded.intents)


def _versions() -> str:
    return ", ".join(
        (
            f"python {platform.python_version()}",
            *(f"{name} {version(name)}" for name in ("backtrader", "ccxt", "pandas")),
        )
    )
