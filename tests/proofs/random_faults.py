"""Weeks of paper trading with random misfortunes at random moments, and what must hold after them.

    python -m tests.proofs.random_faults [--sequences 1000] [--bars 30] [--seed 20160707] [--processes 2]

A sequence is a daily session on simulated time at the test exchange, restarted whenever it ends. It meets lost, late, spoilt and
refused answers of every kind, bans, outages, clocks that jump, thin books, closed markets, resets, persons who trade, vendors without
prices, crashes and restarts. At its end everything is repaired and two more days pass: no order may have come to be twice, no execution
be missing in the journal, no unit be made or lost; and the holdings are those last decided, or the session has ended with a reason.
One sequence in 25 has its prices from Yahoo's and the exchange's sites by way of the cache, the others from memory. Exit 1 if one went wrong.
"""

import argparse
import atexit
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import ccxt
import pandas as pd
from tenacity import wait_none

from backtests import paper
from brokers.clock import SimulatedClock
from brokers.journal.journal import Journal
from brokers.orders.errors import CallAPersonError, ExchangeError, SafetyError
from brokers.orders.transport import Transport
from brokers.prices import exchange, yahoo
from brokers.prices.calendar import session_closes
from brokers.prices.live import LivePrices
from brokers.prices.load import LEAD, Prices, load_prices
from brokers.prices.series import DataError
from config.settings import Settings
from tests.brokers.worlds import DAY, World, epoch, settings_for, world
from tests.exchange.account import check_signed
from tests.exchange.endpoints import Call
from tests.exchange.faults import EXECUTED, REFUSALS, UNEXECUTED
from tests.exchange.markets import RefusalError, listed_markets
from tests.exchange.proxy import DROPPED, Answer, Asked
from tests.exchange.venue import TESTNET, BinanceVenue, parameters, signed_text
from tests.price_folder import HISTORY_FROM, write_folder
from tests.proofs.exactly_once import doubled, lost

COINS = ("BTC", "ETH", "SOL")
ORDERS = ("invisible", "trades_lag", "balances_lag", "partial_then_rest", "partial_then_expired", *(REFUSALS.keys() - {"key_rejected", "not_found"}))
LASTING = ("thin_book", "halted", "filters_changed")  # mended at the next midnight
FINAL = ("key_revoked", "key_read_only", "key_rejected")  # after these only a person can help
ROUNDING = 0.005  # relative: fees, slippage, steps
LATE = "held back"
WHOLE = 25  # one sequence in so many has its prices from the sites
FIRST_START, LAST_START = epoch("2014-02-01"), epoch("2016-11-01")


class Crash(BaseException):
    """The process is no more, as far as one process can show it."""


class Outcome(NamedTuple):
    """How a sequence went. `ended`: "on target", "stopped", or what was wrong; `met` are its misfortunes by name."""

    seed: int
    ended: str
    why: str
    met: dict[str, int]
    orders: int
    seconds: float

    @property
    def recoverable(self) -> bool:
        """Whether nothing happened that only a person can mend."""
        return not any(name in self.met for name in FINAL)


class FromMemory(LivePrices):
    """A session's prices from memory; now and then a vendor has none."""

    def __init__(self, settings: Settings, prices: Prices, missing: Callable[[], bool]) -> None:
        super().__init__(settings)
        self._prices, self._missing = prices, missing

    def history(self, now: pd.Timestamp) -> tuple[Prices, Mapping[str, DataError]]:
        found = self._prices.until(now)
        failed = {request.symbol: DataError(f"{request.symbol}: HTTP 500") for request in found.series if self._missing()}
        return found._replace(series={request: one for request, one in found.series.items() if request.symbol not in failed}), failed

    def bars(self, history: str, now: pd.Timestamp) -> pd.DataFrame:
        if self._missing():
            raise DataError(f"{history}: HTTP 503")
        return self._prices.of(history).frame.loc[:now].iloc[-5:]


class Misfortunes:
    """What happens to one sequence. `chance` decides; while `over`, nothing does."""

    def __init__(self, scene: World, chance: random.Random) -> None:
        self._scene, self._chance = scene, chance
        self.over = False
        self.met: Counter[str] = Counter()
        self.final = chance.random() < 0.05
        self._rate = chance.choice((0.02, 0.06, 0.15))
        self._dark_until = 0.0
        self._held_back: list[tuple[float, dict[str, str]]] = []
        self._day = 0
        scene.venue.before_request = self._before

    def happens(self, name: str, probability: float) -> bool:
        """Whether it happens now; counted."""
        if self.over or self._chance.random() >= probability:
            return False
        self.met[name] += 1
        return True

    def repair(self) -> None:
        """Nothing happens any more, and what was broken is whole."""
        venue = self._scene.venue
        self.over = True
        self._dark_until = 0.0
        venue.faults.clear()
        venue.before_request = None
        venue.clock_offset = 0.0
        self._scene.yahoo.faults.clear()
        self._mend()
        with self._scene.journal() as journal:
            journal.resume()

    def _mend(self) -> None:
        venue = self._scene.venue
        for symbol, market in listed_markets().items():
            venue.books.unset(symbol)
            venue.markets[symbol].__dict__.update(market.__dict__)

    def _before(self, asked: Asked, number: int) -> Answer | None:
        now, venue = self._scene.clock.now(), self._scene.venue
        if now // DAY != self._day:
            self._day = now // DAY
            self._mend()
            self._by_day()
        self._deliver()
        if now < self._dark_until:
            return DROPPED
        if self.happens("stop", 0.001):
            self._scene.clock.stop()
        if self.happens("outage", 0.0005):
            self._dark_until = now + self._chance.choice((60.0, 3600.0, 2.5 * DAY))
        rate = min(self._rate * (3.0 if asked.method in ("POST", "DELETE") else 1.0), 0.5)
        if self._chance.random() < rate and not self.over:
            name, detail = self._drawn(asked)
            self.met[name] += 1
            venue.faults.add(self._hold_back if name == LATE else name, where=lambda other: other is asked, **detail)
        return None

    def _hold_back(self, venue: BinanceVenue, asked: Asked, execute: Callable[..., Answer]) -> Answer:
        """No answer, and an order that is executed as late as an exchange may: within its window and ten seconds."""
        params = parameters(asked)
        try:
            check_signed(venue.keys, asked.headers["x-mbx-apikey"], signed_text(asked), params, venue.stamp())
        except RefusalError:
            return execute()
        due = int(params["timestamp"]) / 1000 + self._chance.uniform(0.1, int(params["recvWindow"]) / 1000 + 9.9)
        self._held_back.append((due, params))
        return DROPPED

    def _deliver(self) -> None:
        venue = self._scene.venue
        for due, params in list(self._held_back):
            if venue.stamp() / 1000 >= due:
                self._held_back.remove((due, params))
                with venue.turn, suppress(RefusalError):
                    venue.private.place(Call(params))

    def _drawn(self, asked: Asked) -> tuple[str, dict[str, Any]]:
        """A fault that this request can meet."""
        names = ["slow", "trickled", *UNEXECUTED, *EXECUTED]
        if asked.host == TESTNET:
            names += ["429", "418", "clock"]
        if asked.method == "POST":
            names = [*names, *ORDERS, *ORDERS, *LASTING, LATE, LATE, LATE]
            names = list(FINAL) if self.final and self._chance.random() < 0.2 else names
        if asked.method == "DELETE":
            names.append("filled_before_cancel")
        name = self._chance.choice(names)
        details = {
            "slow": {"seconds": 0.05},
            "trickled": {"seconds": 0.0001},
            "429": {"retry_after": self._chance.choice((1, 30, 90))},
            "418": {"retry_after": self._chance.choice((120, 3600))},
            "thin_book": {"size": self._chance.choice((0.0, 0.3, 3.0))},
        }
        return name, details.get(name, {})

    def _by_day(self) -> None:
        """What happens at most once a day."""
        venue = self._scene.venue
        if self.happens("reset", 0.02):
            venue.reset()
            self._held_back.clear()
        with self._scene.journal() as journal:
            if journal.halted():
                journal.resume()
            elif self.happens("halt", 0.03):
                journal.halt("somebody wants to look")
        if self.happens("clock jumps", 0.03):
            venue.clock_offset = self._chance.uniform(-20.0, 20.0)
        if self.happens("fees in BNB", 0.03):
            venue.matching.pay_in_bnb = not venue.matching.pay_in_bnb
        if self.happens("somebody else", 0.08):
            self._somebody()
        if self.happens("Yahoo", 0.1):
            self._scene.yahoo.faults += [self._chance.choice((Answer(429), Answer(500), Answer(200, b"<html>"), DROPPED))] * self._chance.randint(
                1, 6
            )

    def _somebody(self) -> None:
        person, coin = self._scene.venue.person, self._chance.choice(COINS)
        units = float(self._scene.venue.units(coin))
        doings: list[Callable[[], object]] = [
            lambda: person.deposit("USDT", "500"),
            lambda: person.withdraw("USDT", "300"),
            lambda: person.deposit(coin, f"{0.2 * units:.3f}"),
            lambda: person.withdraw(coin, f"{0.1 * units:.3f}"),
            lambda: person.buy(f"{coin}USDT", "2"),
            lambda: person.sell(f"{coin}USDT", f"{0.2 * units:.3f}"),
        ]
        try:
            self._chance.choice(doings)()
        except RefusalError:
            self.met["somebody else, refused"] += 1


@contextmanager
def waiting_for_nothing() -> Iterator[None]:
    """The pauses of the price sources, which are real, take no time."""
    with ExitStack() as stack:
        for place, name, value in (
            (exchange, "WAIT", wait_none()),
            (exchange, "TIMEOUT", 300),
            (yahoo, "WAIT", wait_none()),
            (ccxt.Exchange, "throttle", lambda *_: None),
        ):
            stack.enter_context(patch.object(place, name, value))
        yield


@contextmanager
def crashing(misfortunes: Misfortunes) -> Iterator[None]:
    """Let requests to the exchange end the process now and then, before or after they are made."""
    sent = Transport.send

    def send(self: Transport, *arguments: Any, **options: Any) -> Any:
        if misfortunes.happens("crash before a request", 0.0007):
            raise Crash
        answer = sent(self, *arguments, **options)
        if misfortunes.happens("crash after a request", 0.0007):
            raise Crash
        return answer

    with patch.object(Transport, "send", send):
        yield


def lived_through(scene: World, until: float, chance: random.Random) -> str:
    """Sessions one after the other until then; why a person was called, "" if none was."""
    while scene.clock.now() < until:
        scene.clock = SimulatedClock(scene.clock.now())
        try:
            scene.run(once=False, until=str(pd.Timestamp(int(until), unit="s")))
        except Crash:
            scene.clock.sleep(chance.choice((1.0, 10.0, 10.0, 3600.0, 1.5 * DAY)))
        except (CallAPersonError, SafetyError) as error:
            return f"{type(error).__name__}: {error}"
        except ExchangeError:
            scene.clock.sleep(30.0)
    return ""


def off_target(scene: World, journal: Journal) -> list[str]:
    """Coins whose share of the account is not the one last decided."""
    row = journal.last_decision()
    assert row is not None
    baseline = json.loads(journal.get("baseline") or "{}")
    owned = {coin: max(float(scene.venue.units(coin)) - baseline.get(coin, 0.0), 0.0) for coin in ("USDT", *COINS)}
    prices = {coin: scene.price(f"{coin}USDT", row.time) for coin in COINS}
    equity = owned["USDT"] + sum(owned[coin] * prices[coin] for coin in COINS)
    found = []
    for coin, target in zip(COINS, row.targets, strict=True):
        share = owned[coin] * prices[coin] / equity
        market = scene.venue.markets[f"{coin}USDT"]
        smallest = (float(market.min_notional) + float(market.step) * prices[coin]) / equity
        if abs(share - target) > (scene.settings.allocation.band + ROUNDING) * max(share, target) + smallest:
            found.append(f"{coin}: {share:.4f} in place of {target:.4f}")
    return found


def played(seed: int, bars: int, place: Path) -> Outcome:
    """One sequence from its start to what became of it."""
    chance = random.Random(seed)
    folder, calendar, prices = stage()
    began = time.perf_counter()
    start = chance.randrange(FIRST_START, LAST_START, DAY) + 2
    changes = {
        "exchange.timeout": 0.2,
        "allocation.band": chance.choice((0.0, 0.02, 0.2)),
        "exchange.order": chance.choice(("market", "limit")),
    }
    with waiting_for_nothing(), world(folder, calendar, place, str(pd.Timestamp(start, unit="s")), changes) as scene:
        misfortunes = Misfortunes(scene, chance)

        def source(settings: Settings) -> LivePrices:
            if not seed % WHOLE:
                return LivePrices(settings)
            return FromMemory(settings, prices, lambda: misfortunes.happens("no prices", 0.004))

        with crashing(misfortunes), patch.object(paper, "LivePrices", source):
            why = lived_through(scene, start + bars * DAY, chance)
            misfortunes.repair()
            why = why or lived_through(scene, (scene.clock.now() // DAY + 2) * DAY + 100.0, chance)
        with scene.journal() as journal:
            wrong = doubled(scene.venue, journal) + ([] if why else lost(scene.venue, journal))
            wrong += [] if scene.venue.conserved() else [f"balances: {scene.venue.matching.differences()}"]
            wrong += [] if why else off_target(scene, journal)
            orders = len(journal.orders())
    ended = "; ".join(wrong) if wrong else "stopped" if why else "on target"
    return Outcome(seed, ended, why, dict(misfortunes.met), orders, time.perf_counter() - began)


@cache
def stage() -> tuple[Path, Path, Prices]:
    """Folder and calendar of the made-up prices, and the prices, for all sequences of this process."""
    base = Path(tempfile.mkdtemp(prefix="random-faults-"))
    atexit.register(shutil.rmtree, base, ignore_errors=True)
    calendar = base / "calendar"
    session_closes(HISTORY_FROM - LEAD, calendar)
    folder = write_folder(base / "prices", calendar)
    return folder, calendar, prices_of(folder, calendar)


def prices_of(folder: Path, calendar: Path) -> Prices:
    """All daily series of a folder."""
    settings = settings_for(folder, calendar, calendar, {"prices.source": "folder", "prices.cache": calendar})
    return load_prices(settings, pd.Timestamp("2016-12-31", tz="UTC"))


def one(job: tuple[int, int]) -> Outcome:
    """A sequence in a folder of its own, in memory where there is such a place."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as place:
        return played(*job, Path(place))


def main() -> None:
    """Play all and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("sequences", 1000), ("bars", 30), ("seed", 20160707), ("processes", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    began = time.perf_counter()
    jobs = [(given.seed + number, given.bars) for number in range(given.sequences)]
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        outcomes = []
        for outcome in pool.map(one, jobs):
            outcomes.append(outcome)
            if outcome.ended not in ("on target", "stopped"):
                print(f"{outcome.seed}: {outcome.ended}; it met {outcome.met}", flush=True)
    said(outcomes, time.perf_counter() - began)


def said(outcomes: list[Outcome], seconds: float) -> None:
    met: Counter[str] = Counter()
    for outcome in outcomes:
        met.update(outcome.met)
    print(f"{sum(met.values())} misfortunes: {', '.join(f'{name} {times}' for name, times in met.most_common())}")
    reasons = Counter(outcome.why.split(":")[0] for outcome in outcomes if outcome.why)
    wrong = [outcome for outcome in outcomes if outcome.ended not in ("on target", "stopped")]
    recoverable = [outcome for outcome in outcomes if outcome.recoverable]
    right = sum(outcome.ended == "on target" for outcome in recoverable)
    traded = sum(outcome.orders > 0 for outcome in outcomes)
    print(f"{len(outcomes)} sequences, {traded} of them with orders, {sum(outcome.orders for outcome in outcomes)} in all")
    print(f"{right} of {len(recoverable)} recoverable ones end on target; stopped by {dict(reasons)}; {len(wrong)} went wrong")
    print(f"{seconds:.0f} s, {sum(outcome.seconds for outcome in outcomes) / len(outcomes):.2f} s a sequence")
    sys.exit(bool(wrong) or right < 0.95 * len(recoverable))


if __name__ == "__main__":
    main()
