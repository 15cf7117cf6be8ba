"""Kill a rebalance at every request and at every write of its journal, start it again, and see
whether each order came to be once.

    python -m tests.proofs.kills [--only TEXT]

Cycles of three coins at the test exchange: one that buys all three, one that sells and buys, one
that sells everything because a person wants it; the first and the last on paper too. The session
runs in a process of its own and is ended by SIGKILL: before a request is executed (which is then
lost on the way, or executed although nobody waits), after it is executed and before it is answered,
while an order is held back on its way for as long as an exchange may take, and around each write of
the journal. Then sessions are started until the bar is settled. Prints how many cases end as the
cycle that nobody disturbed; exit 1 if one does not.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from brokers.journal.journal import Journal
from brokers.journal.opening import journal_path, open_journal
from brokers.prices.calendar import LEAD, session_closes
from config.settings import Settings
from tests.brokers.worlds import DAY, World, epoch, settings_for, world
from tests.exchange.account import Balances
from tests.exchange.endpoints import Call
from tests.exchange.matching import Matching
from tests.exchange.proxy import DROPPED, Answer, Asked
from tests.exchange.venue import BinanceVenue, parameters
from tests.price_folder import HISTORY_FROM, write_folder
from tests.proofs.exactly_once import doubled, lost, unlike
from tests.proofs.forks import DONE, Forks, SharedClock, forks

START = epoch("2015-10-20 00:00:02")
COINS = ("USDT", "BTC", "ETH", "SOL")
RESTARTS = 6
KILLED = -signal.SIGKILL
HOUR = 3600.0
HELD_BACK = 14.0  # seconds: less than recv_window and the ten seconds an exchange may take
LOST, EXECUTED, UNANSWERED, LATE = (
    "lost on the way",
    "executed unheard",
    "unanswered",
    "held back",
)  # a request
BEFORE, AFTER = "before", "after"  # a write of the journal
USUAL = {"exchange.timeout": 10.0, "allocation.band": 0.0}
COIN = '{{name="{0}",history="{0}-USD",market="{0}/USDT",weight={1},lag_days=0,step={2}}}'
WEIGHTS = {
    "coins": f"[{COIN.format('BTC', 0.2, 0.00001)},{COIN.format('ETH', 0.35, 0.0001)},"
    f"{COIN.format('SOL', 0.45, 0.001)}]"
}


class Case(NamedTuple):
    """Where a session dies: at one of the moments of the `number`th request, or write."""

    moment: str
    number: int

    @property
    def writing(self) -> bool:
        return self.moment in (BEFORE, AFTER)


class Beginning(NamedTuple):
    """What a cycle begins with: its settings, the time, the folder of journals, the account.

    `flatten`: a person has asked to sell everything.
    """

    settings: Settings
    now: float
    journals: Path
    account: Matching
    flatten: bool = False


class Rebalance:
    """One cycle, which can be run again and again from the same beginning.

    `requests` and `orders` are those of the cycle that nobody disturbs, by number; `holdings` what
    it ends with.
    """

    def __init__(self, scene: World, forking: Forks, base: Path, beginning: Beginning) -> None:
        base.mkdir()
        self.venue = scene.venue
        self._scene, self._forking, self._base, self._beginning = scene, forking, base, beginning
        self._numbers = count()
        self._late: Callable[[], None] | None = None
        self.requests, self.orders = 0, list[int]()
        self.begin()
        assert self.session() == DONE  # prices are in the cache from now on
        self.begin()
        self.venue.before_request = self._note
        assert self.session() == DONE
        self.holdings = {coin: self.venue.units(coin) for coin in COINS}

    def _note(self, asked: Asked, number: int) -> None:
        self.requests = number
        if asked.method == "POST":
            self.orders.append(number)

    def begin(self) -> None:
        """Everything as it was before the cycle."""
        place = self._base / str(next(self._numbers))
        shutil.copytree(self._beginning.journals, place)
        settings = self._beginning.settings
        self.settings = settings.model_copy(
            update={"journal": settings.journal.model_copy(update={"folder": str(place)})}
        )
        self.venue.matching, self.venue.wiped, self.venue.handled = (
            copied(self._beginning.account),
            [],
            0,
        )
        self.venue.before_request = self.venue.after_request = self._late = None
        self.clock = self._scene.clock = SharedClock.at(place / "clock", self._beginning.now)  # type: ignore[assignment]

    def session(self, **job: Any) -> int:
        """A session in a process of its own, from its start to its end; the exit code."""
        return self._forking.run(
            self.settings, self.clock, self._scene.network.environment(), **job
        )

    def died(self, case: Case) -> bool:
        """Begin again and kill the session at `case`; False if the cycle was over before."""
        self.begin()
        if case.writing:
            return self.session(write=case.number, moment=case.moment) == KILLED
        dead, over = threading.Event(), threading.Event()
        pids: list[int] = []

        def killed(number: int) -> bool:
            if number != case.number:
                return False
            os.kill(pids[0], signal.SIGKILL)
            return dead.wait(10.0)

        def before(asked: Asked, number: int) -> Answer | None:
            if case.moment == UNANSWERED or not killed(number) or case.moment == EXECUTED:
                return None
            if case.moment == LATE:
                self._late = held_back(self.venue, asked)
            over.set()
            return DROPPED

        def after(asked: Asked, number: int) -> Answer | None:
            if number != case.number or (case.moment == UNANSWERED and not killed(number)):
                return None
            over.set()
            return DROPPED

        self.venue.before_request, self.venue.after_request = before, after
        pids.append(
            self._forking.start(self.settings, self.clock, self._scene.network.environment())
        )
        status = self._forking.ended()
        dead.set()
        assert status != KILLED or over.wait(10.0)
        late = self._late
        self.venue.before_request, self.venue.after_request = (
            (lambda *_: late()) if late else None,
            None,
        )
        return status == KILLED

    def wrong(self) -> list[str]:
        """Start sessions until one ends well, and say what is not as it should be then."""
        for _ in range(RESTARTS):
            if (status := self.session()) == DONE:
                break
        else:
            return [f"not settled after {RESTARTS} starts, exit code {status}"]
        if self._late:
            self.clock.sleep(HELD_BACK)
            self._late()
        with open_journal(journal_path(self.settings), self.clock.now) as journal:
            found = self._unsound(journal)
            found += [
                f"intent {one.id} is {one.state}, {one.why}"
                for one in journal.intents()
                if one.state != "done"
            ]
            bars = len(list(journal.decisions(since=int(self._beginning.now) // DAY * DAY)))
            found += unsold(journal) if self._beginning.flatten else []
        return found if bars == 1 else [*found, f"{bars} decisions for one bar"]

    def _unsound(self, journal: Journal) -> list[str]:
        """What exchange and journal do not agree about, and what is held otherwise than without the
        kill.
        """
        found = (
            doubled(self.venue, journal)
            + lost(self.venue, journal)
            + unlike(self.venue, self.holdings)
        )
        return (
            found
            if self.venue.conserved()
            else [*found, f"balances: {self.venue.matching.differences()}"]
        )

    def after_it(self, changes: dict[str, Any], seconds: float) -> Beginning:
        """The beginning of a cycle some time after this one, under other settings."""
        settings = self.settings.model_copy(update=changes)
        return Beginning(
            settings,
            self._beginning.now + seconds,
            Path(self.settings.journal.folder),
            copied(self.venue.matching),
        )

    def asked_to_sell(self, folder: Path) -> Beginning:
        """The beginning of a cycle an hour later, in which everything is to be sold."""
        later = self.after_it({}, HOUR)
        shutil.copytree(later.journals, folder)
        name = journal_path(later.settings).name
        with open_journal(folder / name, lambda: later.now, locked=False) as journal:
            journal.set_trading("flatten", "a person wants it")
        return later._replace(journals=folder, flatten=True)


class OnPaper(Rebalance):
    """A cycle whose orders are filled here: the journal alone knows them."""

    def __init__(self, scene: World, forking: Forks, base: Path, beginning: Beginning) -> None:
        super().__init__(scene, forking, base, beginning)
        with open_journal(journal_path(self.settings), self.clock.now) as journal:
            self._orders, self._fills = told(journal)

    def _unsound(self, journal: Journal) -> list[str]:
        orders, fills = told(journal)
        found = (
            [] if orders == self._orders else [f"orders are {orders} in place of {self._orders}"]
        )
        return (
            found
            if fills == self._fills
            else [*found, f"fills are {fills} in place of {self._fills}"]
        )


def unsold(journal: Journal) -> list[str]:
    """What of a sale of everything is not as it should be."""
    trading, sales = journal.trading(), list(journal.decisions(kind="flatten"))
    found = [] if trading.state == "off" else [f"trading is {trading.state}: {trading.reason}"]
    return found if len(sales) == 1 else [*found, f"{len(sales)} decisions to sell everything"]


def told(journal: Journal) -> tuple[list[Any], list[Any]]:
    """Orders and executions without ids and times."""
    orders = [
        (order.symbol, order.attempt, order.size, order.status, order.filled, order.average)
        for order in journal.orders()
    ]
    return orders, [(row.symbol, row.size, row.price, row.fee) for row in journal.fills()]


def copied(old: Matching) -> Matching:
    """The account as it is now, apart from the one that goes on."""
    new = Matching(old.books, Balances({}), old.stamp)
    for name in ("free", "locked", "moved"):
        setattr(new.balances, name, dict(getattr(old.balances, name)))
    new.orders = {
        number: replace(order, trades=list(order.trades)) for number, order in old.orders.items()
    }
    new.trades = list(old.trades)
    new.order_ids, new.trade_ids = count(len(new.orders) + 1), count(len(new.trades) + 1)
    return new


def held_back(venue: BinanceVenue, asked: Asked) -> Callable[[], None]:
    """Executes an order when it is called late enough, once."""
    due, waiting = venue.now() + HELD_BACK, [parameters(asked)]

    def late() -> None:
        if waiting and venue.now() >= due:
            with venue.turn:
                venue.private.place(Call(waiting.pop()))

    return late


@contextmanager
def rebalances(folder: Path, cache: Path, base: Path) -> Iterator[dict[str, Rebalance]]:
    """The cycles by name."""
    none = base / "none"
    none.mkdir()
    with forks(folder, cache) as forking, world(folder, cache, base, "2015-10-20", USUAL) as scene:
        buys = Rebalance(
            scene,
            forking,
            base / "buys",
            Beginning(scene.settings, START, none, scene.venue.matching),
        )
        other = settings_for(folder, cache, base, USUAL | WEIGHTS)
        rebalanced = buys.after_it({"coins": other.coins}, DAY)
        sold = buys.asked_to_sell(base / "asked, testnet")
        sells = Rebalance(scene, forking, base / "sells", rebalanced)
        dry = settings_for(folder, cache, base, USUAL | {"exchange.mode": "dry-run"})
        paper = OnPaper(
            scene, forking, base / "paper", Beginning(dry, START, none, scene.venue.matching)
        )
        all_ = Rebalance(scene, forking, base / "all", sold)
        paper_all = OnPaper(
            scene, forking, base / "paper all", paper.asked_to_sell(base / "asked, paper")
        )
        yield {
            "buys": buys,
            "sells and buys": sells,
            "sells everything": all_,
            "on paper": paper,
            "sells everything on paper": paper_all,
        }


def cases(cycle: Rebalance) -> Iterator[Case]:
    """Every request at every moment, every order held back, and write after write, for as long as
    somebody asks.
    """
    for moment in (LOST, EXECUTED, UNANSWERED):
        yield from (Case(moment, number) for number in range(1, cycle.requests + 1))
    yield from (Case(LATE, number) for number in cycle.orders)
    yield from (Case(moment, number) for number in count(1) for moment in (BEFORE, AFTER))


def tried(cycle: Rebalance) -> Iterator[tuple[Case, list[str]]]:
    """Each case with what was wrong after it."""
    for case in cases(cycle):
        if cycle.died(case):
            yield case, cycle.wrong()
        elif case.writing:
            return
        else:
            yield case, ["the session was not killed"]


def main() -> None:
    """Kill everywhere and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="cycles whose name contains this")
    chosen = parser.parse_args().only
    good = total = 0
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        base = Path(place)
        cache = base / "calendar"
        session_closes(HISTORY_FROM - LEAD, cache)
        with rebalances(write_folder(base / "prices", cache), cache, base) as found:
            for name, cycle in found.items():
                if chosen not in name:
                    continue
                print(
                    f"{name}: {cycle.requests} requests, {len(cycle.orders)} of them orders",
                    flush=True,
                )
                all_: dict[str, list[bool]] = {}
                for case, wrong in tried(cycle):
                    all_.setdefault(case.moment, []).append(not wrong)
                    if wrong:
                        print(f"  {case.moment} {case.number}: {'; '.join(wrong)}", flush=True)
                for moment, right in all_.items():
                    print(f"  {moment:20} {sum(right)} of {len(right)}", flush=True)
                    good, total = good + sum(right), total + len(right)
    print(
        f"{good} of {total} kills end as the cycle that nobody disturbed, "
        f"{time.perf_counter() - began:.0f} s"
    )
    sys.exit(good != total)


if __name__ == "__main__":
    main()
