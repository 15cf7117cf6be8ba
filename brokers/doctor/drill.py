"""A drill on the testnet: the smallest lot is bought and sold, by the code of real decisions."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from brokers.clock import Clock
from brokers.doctor.account import ledger_listings
from brokers.doctor.exchange import create_client
from brokers.doctor.finding import Finding
from brokers.errors import SafetyError
from brokers.exchange.client import Client, Keys
from brokers.exchange.errors import (
    CallAPersonError,
    ExchangeError,
    TryLaterError,
    UnknownOutcomeError,
)
from brokers.exchange.types import Listing
from brokers.journal.client_ids import is_ours
from brokers.journal.incident import Incident
from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.journal.records import DecisionRow, EquityRow, FillRow, Intent
from brokers.live.exchange_clock import ExchangeClock
from brokers.orders.ledger import Ledger
from brokers.orders.testnet import TestnetAccount
from brokers.plurals import count
from config.settings import Settings

# Times the exchange's smallest order: the price may fall between buying and selling.
LOT_ROOM = 1.05
CASH_ROOM = 1.5  # times what the lot costs: what the drill may spend
TRIES = 3  # at an order whose end is not known
PAUSE, LONGEST_PAUSE = 5.0, 60.0  # seconds between them; a longer pause is not waited for
TOLERANCE = 1e-6  # of a step: what floats lose


class Leg(NamedTuple):
    """One order: its fills, the middle of the book before it (quote units), seconds it took."""

    fills: list[FillRow]
    middle: float
    seconds: float


def run_drill(settings: Settings, keys: Keys, path: Path, clock: Clock) -> Iterator[Finding]:
    """Buy and sell the smallest lot of the first coin; a finding for each step, the last the cost.

    The account's journal at `path` is locked meanwhile, so that no session trades in parallel.
    Orders and executions are recorded in a journal of the drill's own beside it, since the
    account's has decisions on bars only. The changes of the balances are then entered in the
    account's ledger, which would otherwise take them for somebody else's. What a killed drill has
    bought is sold by the next drill; a session that runs before that reports that somebody else has
    changed the account.
    """
    try:
        with ExitStack() as ending:
            journal = ending.enter_context(open_journal(path, clock.now))
            _refuse(journal, path)
            practice = ending.enter_context(
                open_journal(path.with_suffix(".drill.sqlite"), clock.now)
            )
            client = create_client(settings.exchange.id, keys, settings, clock)
            ending.callback(client.close)
            exchange_clock = ExchangeClock(clock)
            exchange_clock.follow(client, oldest_decision=settings.paper.max_decision_age)
            exchange_clock.synchronise()
            public = create_client(settings.exchange.prices_id, None, settings, clock)
            ending.callback(public.close)
            drill = Drill(
                settings,
                client,
                live_price=public.price,
                journal=journal,
                practice=practice,
                clock=exchange_clock,
            )
            yield from drill.run()
    except CallAPersonError as error:
        yield Finding("drill", "wrong", str(error), "follow the message, then drill again")
    except (ExchangeError, SafetyError) as error:
        remedy = (
            "drill again when that is fixed: it first settles and sells what this one may have left"
        )
        yield Finding("drill", "wrong", str(error), remedy)


def _refuse(journal: Journal, path: Path) -> None:
    trading = journal.trading()
    if trading.state != "on":
        raise SafetyError(
            f"{path}: trading is {trading.state} ({trading.reason}), and a drill is an order; "
            "resume first"
        )
    if journal.unfinished_intents():
        raise SafetyError(
            f"{path}: has orders that are not settled; run paper --once first, which settles them"
        )


class Drill:
    """One lot, bought and sold.

    The one rule: whatever part of it was traded is in the account's ledger when the method that
    traded it returns or raises.
    """

    def __init__(
        self,
        settings: Settings,
        client: Client,
        *,
        live_price: Callable[[str], float],
        journal: Journal,
        practice: Journal,
        clock: Clock,
    ) -> None:
        """`live_price` gives a market's price at the live exchange; `practice` is the drill's own.

        `journal` is the account's.
        """
        self._settings, self._client, self._live_price = settings, client, live_price
        self._journal, self._practice, self._clock = journal, practice, clock
        self._coin = settings.coins[0]
        listings = client.listings()
        if self._coin.market not in listings:
            raise CallAPersonError(
                f"{client.id}: its testnet does not list {self._coin.market}; remove it from the "
                "coins"
            )
        self._listing: Listing = listings[self._coin.market]
        self._ledger = Ledger(journal, ledger_listings(settings))
        self._drill_ledger = Ledger(practice, ledger_listings(settings))
        self._incidents: list[Incident] = []

    def run(self) -> Iterator[Finding]:
        """All steps."""
        began = time.perf_counter()
        self._session = self._practice.begin_session(
            "testnet", self._settings.model_dump_json(), "drill"
        )
        lot, bid = self._lot()
        account = self._account(CASH_ROOM * lot * bid)
        self._settle_earlier(account)
        seconds = time.perf_counter() - began
        text = f"clock, key and account are ready, in {seconds:.2f} s"
        yield Finding("drill: account", "ok", text)
        legs = [self._order(account, lot)]
        yield self._leg_finding("drill: buy", legs[0])
        if self._left():
            legs.append(self._order(account, -self._left()))
            yield self._leg_finding("drill: sell", legs[1])
        yield self._outcome(legs)
        self._practice.end_session("done")

    def _lot(self) -> tuple[float, float]:
        """The smallest lot that can be sold again, in coin units, and the best bid."""
        book = self._client.book(self._listing.symbol)
        if not book.bids or not book.asks:
            raise TryLaterError(
                f"{self._client.id}: the book of {self._listing.symbol} is empty on one side; "
                "nothing was bought"
            )
        bid, step = book.bids[0][0], self._listing.step or 1e-8
        least = max(self._listing.min_size, LOT_ROOM * self._listing.min_notional / bid)
        # One step more: where the fee is taken from the coin, a step less is left to sell.
        return (math.ceil(least / step) + 1) * step, bid

    def _account(self, cash: float) -> TestnetAccount:
        """The account as the drill may use it: `cash` quote units and every coin.

        With every coin the whole lot is sold even where the fee was taken from it.
        """
        balances = self._client.balances()
        free = balances.free.get(self._listing.quote, 0.0)
        if free < cash:
            raise CallAPersonError(
                f"{self._client.id}: a drill needs {cash:,.2f} {self._listing.quote}, {free:,.2f} "
                "are free; sell something there, or make a new account at the testnet"
            )
        self._drill_ledger.begin(balances.total, cash, adopt=True)
        account = TestnetAccount(
            self._settings,
            self._client,
            live_price=self._live_price,
            journal=self._practice,
            clock=self._clock,
            report=self._incidents.append,
        )
        account.start()
        return account

    def _settle_earlier(self, account: TestnetAccount) -> None:
        """Settle the orders of a drill that was killed."""
        unfinished = self._practice.unfinished_intents()
        with self._in_ledger():
            for intent in unfinished:
                account.carry_out(intent, may_send=False)
        if unfinished:
            # The balances had them in already when this drill began.
            self._drill_ledger.accept_balances(self._client.balances().total)

    def _order(self, account: TestnetAccount, size: float) -> Leg:
        """One order of signed `size` coin units, to its end."""
        began = time.perf_counter()
        book = self._client.book(self._listing.symbol)
        middle = (book.bids[0][0] + book.asks[0][0]) / 2 if book.bids and book.asks else math.nan
        intent = self._record_decision(size)
        with self._in_ledger():
            self._carry_out(account, intent)
        ids = {order.client_id for order in self._practice.orders(intent.id)}
        return Leg(
            [row for row in self._practice.fills() if row.client_id in ids],
            middle,
            time.perf_counter() - began,
        )

    def _record_decision(self, size: float) -> Intent:
        """The order as a decision in the drill's journal: no order is sent that is not recorded."""
        last, now = self._practice.last_decision(), self._clock.now()
        bar = max(int(now), last.time + 1 if last else 0)
        unknown, none = math.nan, ()
        row = DecisionRow(
            time=bar,
            decided_at=now,
            state=0,
            ceiling=0.0,
            filled=0,
            confirmed_at=None,
            gate_stale=0,
            equity=unknown,
            cash=unknown,
            drawdown=0.0,
            gross=0.0,
            missing=none,
            current=none,
            targets=none,
            sizes=none,
            sentence="A drill.",
            note="drill",
            session=self._session,
        )
        intent = Intent(
            0, bar, self._coin.name, 0, size, self._live_price(self._listing.symbol), "planned", ""
        )
        return self._practice.record_decision(
            row, None, [], EquityRow(bar, unknown, unknown, unknown, unknown, 0.0), [intent]
        )[0]

    def _carry_out(self, account: TestnetAccount, intent: Intent) -> None:
        """Bring `intent` to its end, and wait for executions that are reported late."""
        for tries_left in reversed(range(TRIES)):
            wait = PAUSE
            try:
                if why := account.carry_out(intent, may_send=True):
                    # A drill is one order: what it did not fill is not continued.
                    account.carry_out(intent._replace(why=why), may_send=False)
                account.refresh({intent.symbol: intent.price})
            except (TryLaterError, UnknownOutcomeError) as error:
                wait = max(PAUSE, getattr(error, "wait", 0.0))
                if not tries_left or wait > LONGEST_PAUSE:
                    raise
            else:
                if not self._unreported():
                    return
            self._clock.sleep(wait)

    def _unreported(self) -> float:
        """Coin units that orders have filled and no execution was reported of."""
        filled = sum(
            order.filled for order in self._practice.orders() if order.symbol == self._coin.name
        )
        reported = sum(row.size for row in self._practice.fills() if row.symbol == self._coin.name)
        units = filled - reported
        return units if abs(units) > TOLERANCE * self._listing.step else 0.0

    @contextmanager
    def _in_ledger(self) -> Iterator[None]:
        """Enter what the block trades in the account's ledger, however the block ends."""
        before = self._drill_ledger.traded_units()
        try:
            yield
        finally:
            changes = {
                coin: units - before.get(coin, 0.0)
                for coin, units in self._drill_ledger.traded_units().items()
            }
            if self._ledger.has_begun and any(changes.values()):
                self._ledger.expect_changes(changes)

    def _left(self) -> float:
        """Coin units that drills have bought and not sold; 0 if, after fees, less than a step."""
        traded = self._drill_ledger.traded_units().get(self._listing.base, 0.0)
        units = traded + self._unreported()
        if units < self._listing.step * (1.0 - TOLERANCE) or units <= 0.0:
            return 0.0
        return sum(
            order.filled for order in self._practice.orders() if order.symbol == self._coin.name
        )

    def _leg_finding(self, name: str, leg: Leg) -> Finding:
        if not leg.fills:
            texts = [incident.text for incident in self._incidents]
            text = f"nothing was filled: {'; '.join(texts) or 'no execution was reported'}"
            remedy = "follow the message; a session would fail in the same way"
            return Finding(name, "wrong", text, remedy)
        units = sum(row.size for row in leg.fills)
        average = sum(row.size * row.price for row in leg.fills) / units
        text = (
            f"{abs(units):.8g} {self._listing.base} at {average:,.8g} {self._listing.quote}, "
            f"{abs(average / leg.middle - 1.0):.3%} off the middle of the book, "
            f"fee {_fees(leg.fills)}, in {leg.seconds:.2f} s"
        )
        return Finding(name, "ok", text)

    def _outcome(self, legs: list[Leg]) -> Finding:
        """What the drill cost, what it left, and whether somebody else changed the account."""
        quote, base = self._listing.quote, self._listing.base
        spread = sum(row.size * (row.price - leg.middle) for leg in legs for row in leg.fills)
        fees = sum(row.fee_quote for leg in legs for row in leg.fills)
        text = f"paid {spread:,.4f} {quote} for the spread and {fees:,.4f} {quote} in fees"
        self._journal.record_incident(
            "drill", "info", f"the smallest lot of {base} was bought and sold: {text}"
        )
        open_orders = [
            order
            for order in self._client.open_orders(self._listing.symbol)
            if is_ours(order.client_id, self._practice.account_id)
        ]
        if (left := self._left()) or open_orders:
            text = f"{text}; not sold: {left:.8g} {base}, {count(len(open_orders), 'open order')}"
            remedy = "drill again, which sells them first, or sell by hand at the exchange"
            return Finding("drill: outcome", "wrong", text, remedy)
        moved = [incident.text for incident in self._incidents if incident.kind == "moved"]
        if moved:
            remedy = "none, if it was you; otherwise make a new key"
            return Finding("drill: outcome", "warning", f"{text}; meanwhile {moved[0]}", remedy)
        return Finding("drill: outcome", "ok", f"{text}; nothing is left open")


def _fees(fills: list[FillRow]) -> str:
    coins = {row.fee_coin for row in fills}
    return ", ".join(
        f"{sum(row.fee for row in fills if row.fee_coin == coin):.8g} {coin}"
        for coin in sorted(coins)
    )
