"""What can happen to a session at the test exchange, drawn by chance, and a scene in which it takes
no real time.
"""

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import ccxt
import pandas as pd
from tenacity import wait_none

from brokers.exchange.transport import Transport
from brokers.prices import public_exchange, web, yahoo
from brokers.prices.live import LivePrices
from brokers.prices.load import Prices, load_prices
from brokers.prices.series import DataError
from config.settings import Settings
from tests.brokers.worlds import DAY, World, settings_for
from tests.exchange.account import check_signed
from tests.exchange.endpoints import Call
from tests.exchange.faults import EXECUTED, REFUSALS, UNEXECUTED
from tests.exchange.markets import RefusalError, listed_markets
from tests.exchange.proxy import DROPPED, Answer, Asked
from tests.exchange.venue import TESTNET, BinanceVenue, parameters, signed_text

COINS = ("BTC", "ETH", "SOL")
ORDERS = (
    "invisible",
    "trades_lag",
    "balances_lag",
    "partial_then_rest",
    "partial_then_expired",
    *(name for name in REFUSALS if name not in ("key_rejected", "not_found")),
)
LASTING = ("thin_book", "halted", "filters_changed")  # mended at the next midnight
FINAL = ("key_revoked", "key_read_only", "key_rejected")  # after these only a person can help
LATE = "held back"


class Crash(BaseException):
    """The process is no more, as far as one process can show it."""


class FromMemory(LivePrices):
    """A session's prices from memory; now and then a vendor has none."""

    def __init__(self, settings: Settings, prices: Prices, missing: Callable[[], bool]) -> None:
        super().__init__(settings, lambda *_: None)
        self._prices, self._missing = prices, missing

    def history(
        self, now: pd.Timestamp, again: Collection[str] = ()
    ) -> tuple[Prices, Mapping[str, DataError]]:
        found = self._prices.until(now)
        failed = {
            request.symbol: DataError(f"{request.symbol}: HTTP 500")
            for request in found.series
            if self._missing()
        }
        return found._replace(
            series={
                request: one
                for request, one in found.series.items()
                if request.symbol not in failed
            }
        ), failed

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
        venue.clock_offset = 0.0
        self._scene.yahoo.faults.clear()
        self._mend()
        with self._scene.journal() as journal:
            journal.set_trading("on", "")

    def _mend(self) -> None:
        venue = self._scene.venue
        for symbol, market in listed_markets().items():
            venue.books.unset(symbol)
            venue.markets[symbol].__dict__.update(market.__dict__)

    def _before(self, asked: Asked, number: int) -> Answer | None:
        self._deliver()
        if self.over:
            return None
        now, venue = self._scene.clock.now(), self._scene.venue
        if now // DAY != self._day:
            self._day = now // DAY
            self._mend()
            self._by_day()
        if now < self._dark_until:
            return DROPPED
        if self.happens("stop", 0.001):
            self._scene.clock.stop()
        if self.happens("outage", 0.0005):
            self._dark_until = now + self._chance.choice((60.0, 3600.0, 2.5 * DAY))
        rate = min(self._rate * (3.0 if asked.method in ("POST", "DELETE") else 1.0), 0.5)
        if self._chance.random() < rate:
            name, detail = self._drawn(asked)
            self.met[name] += 1
            venue.faults.add(
                self._hold_back if name == LATE else name,
                where=lambda other: other is asked,
                **detail,
            )
        return None

    def _hold_back(
        self, venue: BinanceVenue, asked: Asked, execute: Callable[..., Answer]
    ) -> Answer:
        """No answer, and an order that is executed as late as an exchange may.

        Within its window and ten seconds.
        """
        params = parameters(asked)
        try:
            check_signed(
                venue.keys, asked.headers["x-mbx-apikey"], signed_text(asked), params, venue.stamp()
            )
        except RefusalError:
            return execute()
        due = int(params["timestamp"]) / 1000 + self._chance.uniform(
            0.1, int(params["recvWindow"]) / 1000 + 9.9
        )
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
            if journal.trading().state != "on":
                journal.set_trading("on", "")
            elif self.happens("halt", 0.03):
                journal.set_trading("off", "somebody wants to look")
        if self.happens("clock jumps", 0.03):
            venue.clock_offset = self._chance.uniform(-20.0, 20.0)
        if self.happens("fees in BNB", 0.03):
            venue.matching.pay_in_bnb = not venue.matching.pay_in_bnb
        if self.happens("somebody else", 0.08):
            self._somebody()
        if self.happens("Yahoo", 0.1):
            answer = self._chance.choice(
                (Answer(429), Answer(500), Answer(200, b"<html>"), DROPPED)
            )
            self._scene.yahoo.faults += [answer] * self._chance.randint(1, 6)

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
            (web, "WAIT", wait_none()),
            (public_exchange, "TIMEOUT", 0.3),
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


def prices_of(folder: Path, calendar: Path) -> Prices:
    """All daily series of a folder."""
    settings = settings_for(
        folder, calendar, calendar, {"prices.source": "folder", "prices.cache": calendar}
    )
    return load_prices(settings, pd.Timestamp("2016-12-31", tz="UTC"))
