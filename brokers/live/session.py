"""The live loop: wait for a bar, show it to the strategy, record its decision, carry it out."""

import math
import platform
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, Generic

from brokers.cerebro import Cerebro, Step
from brokers.clock import Clock, utc_text
from brokers.exchange.errors import TryLaterError, UnknownOutcomeError
from brokers.feeds import LiveCoinFeed, LiveGateFeed, backtrader_time
from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.records import Intent
from brokers.live.broker import LiveBroker, TradingAccount
from brokers.live.data_provider import DataProvider, MarketSnapshot
from brokers.live.observer import SessionObserver
from brokers.live.recorder import DecisionRecorder, closes_of
from brokers.live.strategy import D, LiveStrategy
from brokers.orders.orphaned_coins import refuse_orphaned_coins
from brokers.prices.clean import bar_length
from brokers.prices.series import DataError
from config.settings import Settings

# Seconds between two attempts at what has failed, doubled after each.
RETRY, LONGEST_RETRY = 30.0, 900.0
MOST_DOUBLINGS = 9
ONCE_ATTEMPTS = 3  # with --once
TEMPORARY = (DataError, TryLaterError, UnknownOutcomeError)


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
    ) -> None:
        self._settings = settings
        self._strategy = strategy
        self._provider = provider
        self._account = account
        self._journal = journal
        self._clock = clock
        self._observer = observer
        self._bar_seconds = int(bar_length(settings.exchange.timeframe).total_seconds())
        self._broker = LiveBroker(account)
        self._recorder = DecisionRecorder(
            settings,
            strategy,
            account=account,
            broker=self._broker,
            journal=journal,
            clock=clock,
        )
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
        DataError, TryLaterError
            With `once`: the bar could not be decided or settled now, for want of prices or of the
            exchange.

        """
        cerebro = Cerebro(lambda feeds: self._steps(feeds, once=once, until=until))
        cerebro.adddata(LiveGateFeed(), name="gate")
        for coin in self._settings.coins:
            cerebro.adddata(LiveCoinFeed(), name=coin.name)
        cerebro.setbroker(self._broker)
        cerebro.addstrategy(
            self._strategy.kind, rules=self._strategy.rules, record=self._keep_decision
        )
        refuse_orphaned_coins(self._journal, [coin.name for coin in self._settings.coins])
        self._session = self._journal.begin_session(
            self._settings.exchange.mode, self._settings.model_dump_json(), _versions()
        )
        last = self._journal.last_decision()
        self._last_bar = last.time if last else -1
        cerebro.run()

    def end(self, outcome: str) -> None:
        """Record how the session ended."""
        if self._session:
            self._journal.end_session(outcome)

    def _keep_decision(self, decision: D) -> None:
        self._decision = decision

    def _steps(self, feeds: Any, *, once: bool, until: float) -> Iterator[Step]:
        self._broker.coins = feeds[1:]
        failures, started = 0, False
        while not self._clock.stopped and self._clock.now() < until:
            due = self._newest_bar()
            try:
                if not started:
                    self._account.start()
                    started = True
                if due > self._last_bar:
                    yield from self._decide(due, feeds)
                elif due < self._last_bar:
                    self._report_clock()
                self._settle(due)
            except TEMPORARY as error:
                failures += 1
                kind = "data" if isinstance(error, DataError) else "exchange"
                self._observer.on_incident(Incident(kind, "warning", str(error)))
                if once and failures >= ONCE_ATTEMPTS:
                    raise
                pause = max(self._pause(failures), getattr(error, "wait", 0.0))
                self._wait(min(self._clock.now() + pause, self._next_bar()))
                continue
            failures = 0
            if once:
                return
            # Which is past if this bar took so long: then the newest one is decided at once.
            self._wait(due + self._bar_seconds + self._settings.paper.grace)

    def _pause(self, failures: int) -> float:
        """Seconds until the next attempt after so many failures in a row."""
        if self._provider.final:
            return math.inf  # nothing can change
        return min(RETRY * 2.0 ** min(failures - 1, MOST_DOUBLINGS), LONGEST_RETRY)

    def _report_clock(self) -> None:
        now, last = utc_text(self._clock.now()), utc_text(self._last_bar)
        text = (
            f"the clock shows {now}, but the bar of {last} is decided already: "
            "the clock may have been set back; nothing is decided until it has passed that bar"
        )
        self._observer.on_incident(Incident("clock", "warning", text))

    def _newest_bar(self) -> int:
        """End of the newest bar that ended a grace ago."""
        length = self._bar_seconds
        return int((self._clock.now() - self._settings.paper.grace) // length) * length

    def _next_bar(self) -> float:
        return self._newest_bar() + self._bar_seconds + self._settings.paper.grace

    def _wait(self, until: float) -> None:
        """Until then by the wall clock, which may jump."""
        while (left := until - self._clock.now()) > 0.0 and not self._clock.stopped:
            self._observer.on_wait(self._next_bar())
            self._clock.sleep(min(left, self._clock.longest_sleep))

    def _decide(self, due: int, feeds: Any) -> Iterator[Step]:
        """Show the strategy what is known at `due`, and record what it decides."""
        if self._journal.unfinished_intents():
            self._settle(due)  # before a new decision nothing of an earlier one is left open
        self._await_bar_end(due)
        snapshot = self._provider.snapshot(due)
        if self._clock.stopped:
            return  # with whatever was there so far: the next start looks again
        for incident in snapshot.incidents:
            self._observer.on_incident(incident)
        self._check_prices(snapshot)
        flow = self._account.refresh(closes_of(snapshot))
        stepping = self._fill_feeds(snapshot, feeds)
        self._broker.requests.clear()
        yield backtrader_time(due), stepping
        self._record(snapshot, flow)

    def _await_bar_end(self, due: int) -> None:
        """Wait until the bar has ended by the exchange's clock too."""
        if (early := due - self._account.time()) > RETRY:
            raise TryLaterError(
                "this machine's clock is ahead of the exchange's: by the exchange's, the bar of "
                f"{utc_text(due)} ends in {early:.0f} s; it is not decided before; set the clock"
            )
        if early > 0.0:
            self._clock.sleep(early)

    def _check_prices(self, snapshot: MarketSnapshot) -> None:
        """Refuse to decide on prices that are missing or old."""
        if not snapshot.fresh:
            raise DataError(
                f"no coin has a bar that ended at {utc_text(snapshot.due)}: nothing is decided on "
                "old prices; prices are requested again soon"
            )
        if not snapshot.gate and not self._provider.final:
            raise DataError(
                "the gate has never been computed, because prices are missing: nothing is decided "
                "and nothing sold; prices are requested again soon"
            )
        unpriced = [
            name
            for name, units in self._account.positions.items()
            if units > 0.0 and name not in snapshot.coins
        ]
        if unpriced:
            raise DataError(
                f"the account holds {', '.join(unpriced)}, of which no price is available: "
                "the account's value is unknown and nothing is decided"
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

    def _settle(self, due: int) -> None:
        """Carry out what is planned and settle what was sent, sells first.

        The first that cannot be ends the round: what follows may rest on it.
        """
        intents = self._journal.unfinished_intents()
        for intent in intents:
            if self._clock.stopped:
                return
            why = self._why_not_sent(intent, due)
            if why and intent.state == "planned":
                self._journal.set_intent(intent.id, "abandoned", why)
                text = f"{intent.order_text}: {why}"
                self._observer.on_incident(Incident("abandoned", "warning", text))
            else:
                self._account.carry_out(intent, may_send=not why)
        if intents:
            self._observer.on_orders(self._journal.intents(intents[-1].time))

    def _why_not_sent(self, intent: Intent, due: int) -> str:
        """Why nothing more may be sent for `intent`; "" if it may."""
        if why := self._journal.halt_reason():
            return f"halted: {why}"
        if intent.time < due:
            return "a newer bar has closed"
        oldest = self._settings.paper.max_decision_age
        if intent.size > 0 and self._clock.now() - intent.time > oldest * 60.0:
            return (
                f"the decision is older than paper.max_decision_age ({oldest:g} minutes), "
                "after which nothing is bought"
            )
        return ""


def _versions() -> str:
    return ", ".join(
        (
            f"python {platform.python_version()}",
            *(f"{name} {version(name)}" for name in ("backtrader", "ccxt", "pandas")),
        )
    )
