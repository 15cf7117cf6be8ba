"""A drill on the testnet: the smallest lot bought and sold again, by the code that carries out decisions."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from brokers.clock import Clock
from brokers.doctor.account import markets
from brokers.doctor.exchange import connected
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
from brokers.journal.incident import Problem
from brokers.journal.journal import Journal
from brokers.journal.opening import open_journal
from brokers.journal.records import DecisionRow, EquityRow, FillRow, Intent
from brokers.orders.ledger import Ledger
from brokers.orders.testnet import TestnetAccount
from config.settings import Settings

ROOM = 1.05  # times the exchange's smallest order: the price may fall between buying and selling
CASH = 1.5  # times what the lot costs: what the drill may spend
TRIES = 3  # at an order whose end is not known
PAUSE, LONGEST_PAUSE = (
    5.0,
    60.0,
)  # seconds between them; an exchange that asks for more is not waited for
SLIVER = 1e-6  # of a step: what floats lose


class Leg(NamedTuple):
    """One order of the drill: what it filled, the middle of the book before it (quote units), and how many seconds it took."""

    fills: list[FillRow]
    middle: float
    seconds: float


def drilled(settings: Settings, keys: Keys, path: Path, clock: Clock) -> Iterator[Finding]:
    """Buy and sell the smallest lot of the first coin; one finding a step, the last one says what it cost.

    The account's journal at `path` is locked meanwhile, so that no session trades beside it. Orders and executions are kept in a journal
    of the drill's own beside it: the account's has decisions on bars only. What the drill has done to the balances is then taken into
    the account's ledger, which would take it for somebody else's doing. A drill that is killed between is found by the next one, which
    sells what it left; a session that comes first says that somebody else has changed the account.
    """
    try:
        with ExitStack() as ending:
            journal = ending.enter_context(open_journal(path, clock.now))
            _refuse(journal, path)
            practice = ending.enter_context(
                open_journal(path.with_suffix(".drill.sqlite"), clock.now)
            )
            client = connected(settings.exchange.id, keys, settings, clock)
            ending.callback(client.close)
            public = connected(settings.exchange.prices_id, None, settings, clock)
            ending.callback(public.close)
            yield from Drill(settings, client, public.price, journal, practice, clock).run()
    except CallAPersonError as error:
        yield Finding("drill", "wrong", str(error), "do as it says, then drill again")
    except (ExchangeError, SafetyError) as error:
        yield Finding(
            "drill",
            "wrong",
            str(error),
            "drill again when that is mended: it first settles and sells what this one may have left",
        )


def _refuse(journal: Journal, path: Path) -> None:
    if why := journal.halted():
        raise SafetyError(f"{path}: halted ({why}), and a drill is an order; resume first")
    if journal.unfinished():
        raise SafetyError(
            f"{path}: has orders that are not settled; run paper --once first, which settles them"
        )


class Drill:
    """One lot, there and back.

    The one rule: whatever part of it was traded is in the ledger of the account when the method that traded it returns or raises.
    """

    def __init__(
        self, settings: Settings, client: Client, live: Callable[[str], float], journal: Journal, practice: Journal, clock: Clock
    ) -> None:  # fmt: skip
        """`live` is the price of a market now, where it is really traded; `practice` is the drill's own journal."""
        self._settings, self._client, self._live, self._journal, self._practice, self._clock = (
            settings,
            client,
            live,
            journal,
            practice,
            clock,
        )
        self._coin = settings.coins[0]
        listings = client.listings()
        if self._coin.market not in listings:
            raise CallAPersonError(
                f"{client.id}: its testnet does not list {self._coin.market}; take it out of the coins"
            )
        self._listing: Listing = listings[self._coin.market]
        self._ledger, self._own = (
            Ledger(journal, markets(settings)),
            Ledger(practice, markets(settings)),
        )
        self._problems: list[Problem] = []

    def run(self) -> Iterator[Finding]:
        """All steps."""
        began = time.perf_counter()
        self._session = self._practice.begin_session(
            "testnet", self._settings.model_dump_json(), "drill"
        )
        lot, bid = self._lot()
        account = self._account(CASH * lot * bid)
        self._settle_earlier(account)
        yield Finding(
            "drill: account",
            "ok",
            f"clock, key and account are ready, in {time.perf_counter() - began:.2f} s",
        )
        legs = [self._order(account, lot)]
        yield self._said("drill: buy", legs[0])
        if self._left():
            legs.append(self._order(account, -self._left()))
            yield self._said("drill: sell", legs[1])
        yield self._outcome(legs)
        self._practice.end_session("done")

    def _lot(self) -> tuple[float, float]:
        """The smallest lot that can be sold again, in coin units, and the best bid."""
        book = self._client.book(self._listing.symbol)
        if not book.bids or not book.asks:
            raise TryLaterError(
                f"{self._client.id}: the book of {self._listing.symbol} is empty on one side: nothing was bought"
            )
        bid, step = book.bids[0][0], self._listing.step or 1e-8
        least = max(self._listing.min_size, ROOM * self._listing.min_notional / bid)
        # One step more: where the fee is taken from the coin, one step less than was bought may be left to sell.
        return (math.ceil(least / step) + 1) * step, bid

    def _account(self, cash: float) -> TestnetAccount:
        """The account as the drill may use it: `cash` quote units and every coin, so that the lot is sold whole where the fee came off it."""
        balances = self._client.balances()
        there = balances.free.get(self._listing.quote, 0.0)
        if there < cash:
            raise CallAPersonError(
                f"{self._client.id}: a drill needs {cash:,.2f} {self._listing.quote}, {there:,.2f} are free"
            )
        self._own.begin(balances.total, cash, adopt=True)
        account = TestnetAccount(
            self._settings,
            self._client,
            self._live,
            self._practice,
            self._clock,
            self._problems.append,
        )
        account.start()
        return account

    def _settle_earlier(self, account: TestnetAccount) -> None:
        """Find out what became of the orders of a drill that was killed."""
        unfinished = self._practice.unfinished()
        with self._expected():
            for intent in unfinished:
                account.carry_out(intent, may_send=False)
        if unfinished:
            self._own.agree(
                self._client.balances().total
            )  # they had them in already when this drill began

    def _order(self, account: TestnetAccount, size: float) -> Leg:
        """One order of signed `size` coin units, to its end."""
        began = time.perf_counter()
        book = self._client.book(self._listing.symbol)
        middle = (book.bids[0][0] + book.asks[0][0]) / 2 if book.bids and book.asks else math.nan
        intent = self._decided(size)
        with self._expected():
            self._carry_out(account, intent)
        ids = {order.client_id for order in self._practice.orders(intent.id)}
        return Leg(
            [row for row in self._practice.fills() if row.client_id in ids],
            middle,
            time.perf_counter() - began,
        )

    def _decided(self, size: float) -> Intent:
        """The order as a decision of the drill's own journal: nothing is sent that is not written down."""
        last, now = self._practice.last_decision(), self._clock.now()
        bar = max(int(now), last.time + 1 if last else 0)
        unknown, none = math.nan, ()
        row = DecisionRow(
            bar, now, 0, 0.0, 0, None, 0, unknown, unknown, 0.0, 0.0, none, none, none, none, "A drill.", "drill", self._session
        )  # fmt: skip
        intent = Intent(
            0, bar, self._coin.name, 0, size, self._live(self._listing.symbol), "planned", ""
        )
        return self._practice.record_decision(
            row, None, [], EquityRow(bar, unknown, unknown, unknown, unknown, 0.0), [intent]
        )[0]

    def _carry_out(self, account: TestnetAccount, intent: Intent) -> None:
        """Bring `intent` to its end, and look whether the balances are what its executions, some perhaps told late, have made of them."""
        for left in reversed(range(TRIES)):
            wait = PAUSE
            try:
                account.carry_out(intent, may_send=True)
                account.refresh({intent.symbol: intent.price})
            except (TryLaterError, UnknownOutcomeError) as error:
                wait = max(PAUSE, getattr(error, "wait", 0.0))
                if not left or wait > LONGEST_PAUSE:
                    raise
            else:
                if not self._untold():
                    return
            self._clock.sleep(wait)

    def _untold(self) -> float:
        """Coin units that orders have filled and no execution was told of."""
        filled = sum(
            order.filled for order in self._practice.orders() if order.symbol == self._coin.name
        )
        told = sum(row.size for row in self._practice.fills() if row.symbol == self._coin.name)
        return filled - told if abs(filled - told) > SLIVER * self._listing.step else 0.0

    @contextmanager
    def _expected(self) -> Iterator[None]:
        """Take what the block trades into the account's ledger, however the block ends."""
        before = self._own.traded()
        try:
            yield
        finally:
            changes = {
                coin: units - before.get(coin, 0.0) for coin, units in self._own.traded().items()
            }
            if self._ledger.begun and any(changes.values()):
                self._ledger.expect(changes)

    def _left(self) -> float:
        """Coin units that drills have bought and not sold; 0 where, fees taken off, they are less than a step."""
        there = self._own.traded().get(self._listing.base, 0.0) + self._untold()
        if there < self._listing.step * (1.0 - SLIVER) or there <= 0.0:
            return 0.0
        return sum(
            order.filled for order in self._practice.orders() if order.symbol == self._coin.name
        )

    def _said(self, name: str, leg: Leg) -> Finding:
        if not leg.fills:
            why = "; ".join(problem.text for problem in self._problems) or "no execution was told"
            return Finding(
                name,
                "wrong",
                f"nothing was filled: {why}",
                "see what it says; a session would not fare better",
            )
        units = sum(row.size for row in leg.fills)
        average = sum(row.size * row.price for row in leg.fills) / units
        where = f"{average:,.8g} {self._listing.quote}, {abs(average / leg.middle - 1.0):.3%} off the middle of the book"
        return Finding(
            name,
            "ok",
            f"{abs(units):.8g} {self._listing.base} at {where}, fee {_fees(leg.fills)}, in {leg.seconds:.2f} s",
        )

    def _outcome(self, legs: list[Leg]) -> Finding:
        """What the drill cost, whether anything is left, and whether somebody else was at work."""
        quote, base = self._listing.quote, self._listing.base
        spread = sum(row.size * (row.price - leg.middle) for leg in legs for row in leg.fills)
        fees = sum(row.fee_quote for leg in legs for row in leg.fills)
        text = f"paid {spread:,.4f} {quote} for the spread and {fees:,.4f} {quote} in fees"
        self._journal.incident(
            "drill", "info", f"the smallest lot of {base} was bought and sold: {text}"
        )
        ours = [
            one
            for one in self._client.open_orders(self._listing.symbol)
            if is_ours(one.client_id, self._practice.account_id)
        ]
        if self._left() or ours:
            left = f"{self._left():.8g} {base} are left, and {len(ours)} orders are open"
            return Finding(
                "drill: outcome",
                "wrong",
                f"{text}; {left}",
                "drill again, which sells them first, or do it by hand at the exchange",
            )
        if moved := [problem.text for problem in self._problems if problem.kind == "moved"]:
            return Finding(
                "drill: outcome",
                "warning",
                f"{text}; meanwhile {moved[0]}",
                "nothing, if it was you; otherwise make a new key",
            )
        return Finding("drill: outcome", "ok", f"{text}; nothing is left open")


def _fees(fills: list[FillRow]) -> str:
    coins = {row.fee_coin for row in fills}
    return ", ".join(
        f"{sum(row.fee for row in fills if row.fee_coin == coin):.8g} {coin}"
        for coin in sorted(coins)
    )
