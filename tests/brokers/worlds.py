"""A small world for a live session.

Made-up prices, an exchange on 127.0.0.1 that the real clients are led to, and a clock to turn.

All prices are those of the made-up folder (`tests.price_folder`), whose index breaks out in the
summer of 2015 and stays above: sessions come by way of Yahoo's charts, coins by the exchange's
candles and books.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import SecretStr

from backtests.engine.live import live_strategy
from backtests.runs.replay import ReplayObserver
from brokers.clock import SimulatedClock
from brokers.commands.paper import build_session
from brokers.exchange.rate_limits import RateLimits
from brokers.journal.journal import Journal
from brokers.journal.opening import journal_path, open_journal
from brokers.live.exchange_clock import ExchangeClock
from brokers.live.observer import SessionObserver
from brokers.live.session import PaperSession
from brokers.prices import public_exchange
from config.secrets import Secrets
from config.settings import Settings, load
from tests.exchange.account import KEY, SECRET
from tests.exchange.proxy import Internet, internet
from tests.exchange.venue import LIVE, TESTNET, BinanceVenue
from tests.exchange.yahoo import YahooSite
from tests.price_folder import FUNDS, overrides

DAY = 86_400
SYMBOLS = ("^RUT", "^GSPC", "IWM", "HYG", "IEF", *FUNDS)
SECRETS = Secrets(api_key=SecretStr(KEY), api_secret=SecretStr(SECRET))
Act = Callable[[PaperSession[Any]], None]
Observe = Callable[[Journal, Callable[[], float]], AbstractContextManager[SessionObserver]]
GRANTS = {"USDT": "10000", "BTC": "1", "ETH": "1", "SOL": "5", "BNB": "1", "TRX": "1000"}


def epoch(text: str) -> int:
    return int(pd.Timestamp(text, tz="UTC").timestamp())


class World:
    """One exchange, one folder of prices, one clock; sessions come and go."""

    def __init__(self, network: Internet, settings: Settings, start: str, folder: Path) -> None:
        self.network = network
        self.settings = settings
        self.clock = SimulatedClock(epoch(start))
        self._folder = folder
        self.venue = BinanceVenue(
            self.price, self.candles, now=lambda: self.clock.now(), grants=GRANTS
        )
        self.venue.books.half_spread = settings.costs.slippage
        network.sites |= {TESTNET: self.venue, LIVE: self.venue}
        self.yahoo = YahooSite(
            {request: _frame(folder, request) for request in SYMBOLS}, lambda: self.clock.now()
        ).registered(network)

    def rows(self, symbol: str) -> pd.DataFrame:
        return _rows(self._folder, symbol.removesuffix("USDT"))

    def price(self, symbol: str, now: float) -> float:
        """The open of the running day, all day long."""
        try:
            rows = self.rows(symbol)
        except FileNotFoundError:
            return 100.0
        return float(
            rows["Open"].iloc[
                max(
                    int(rows.index.searchsorted(pd.Timestamp(int(now), unit="s"), side="right"))
                    - 1,
                    0,
                )
            ]
        )

    def candles(self, symbol: str, interval: str) -> list[tuple[float, ...]]:
        try:
            rows = self.rows(symbol)
        except FileNotFoundError:
            return []
        assert interval == "1d"
        columns = [rows[name] for name in ("Open", "High", "Low", "Close", "Volume")]
        return list(zip(rows.index.as_unit("ms").asi8, *columns, strict=True))

    def journal(self, *, locked: bool = False) -> Journal:
        return open_journal(journal_path(self.settings), lambda: self.clock.now(), locked=locked)

    def run(self, *, once: bool = True, until: str | None = None, **changes: Any) -> ReplayObserver:
        """One session in this process, from its start to its end; what it had to say."""
        end = epoch(until) if until else float("inf")
        return self._session(lambda session: session.run(once=once, until=end))

    def flatten(self) -> ReplayObserver:
        """One session that only sells everything."""
        return self._session(lambda session: session.flatten())

    def _session(self, act: Act) -> ReplayObserver:
        observer = ReplayObserver(0, None)
        self.observed_session(lambda journal, now: nullcontext(observer), act)
        return observer

    def observed_session(self, observe: Observe, act: Act) -> None:
        """One session in this process, which `observe` watches."""
        clock = ExchangeClock(self.clock)
        with (
            open_journal(journal_path(self.settings), clock.now) as journal,
            observe(journal, clock.now) as observer,
        ):
            session = build_session(
                self.settings,
                SECRETS,
                live_strategy(self.settings),
                journal=journal,
                clock=clock,
                observer=observer,
            )
            outcome = "bug"
            try:
                act(session)
                outcome = "done"
            except Exception as error:
                outcome = type(error).__name__
                raise
            finally:
                session.end(outcome)

    def owned(self) -> dict[str, float]:
        """Units at the exchange beyond what it granted."""
        return {
            coin: float(self.venue.units(coin)) - float(GRANTS.get(coin, 0))
            for coin in ("USDT", "BTC", "ETH", "SOL", "BNB")
        }


@lru_cache(maxsize=32)
def _rows(folder: Path, base: str) -> pd.DataFrame:
    return pd.read_csv(folder / "daily" / f"{base}-USD.csv", index_col="Date", parse_dates=True)


@lru_cache(maxsize=32)
def _frame(folder: Path, symbol: str) -> pd.DataFrame:
    rows = pd.read_csv(
        folder / "daily" / f"{symbol.removeprefix('^')}.csv", index_col="Date", parse_dates=True
    )
    return rows.rename(columns=lambda name: name.lower().replace(" ", "_"))


def settings_for(
    folder: Path, cache: Path, place: Path, changes: Mapping[str, Any] | None = None
) -> Settings:
    """The testnet's settings, everything written under `place`."""
    usual: dict[str, Any] = {
        "exchange.mode": "testnet",
        "exchange.amount": 5000.0,
        "exchange.timeout": 0.5,
        "paper.grace": 0.0,
        "paper.patience": 30.0,
        "journal.folder": place / "state",
        "log.folder": place / "logs",
        "prices.cache": place / "cache",
        "prices.source": "auto",
    }
    return load(
        None,
        [
            *overrides(folder, cache),
            *(f"{key}={value}" for key, value in {**usual, **(changes or {})}.items()),
        ],
    )


@contextmanager
def world(
    folder: Path, cache: Path, place: Path, start: str, changes: Mapping[str, Any] | None = None
) -> Iterator[World]:
    """A world whose clock stands at `start`."""
    before, quiet = dict(os.environ), public_exchange.RATE_LIMITS
    with internet() as network:
        os.environ.update(network.environment())
        try:
            (place / "cache").mkdir(exist_ok=True)
            for calendar in cache.glob("XNYS*"):
                (place / "cache" / calendar.name).write_bytes(calendar.read_bytes())
            scene = World(network, settings_for(folder, cache, place, changes), start, folder)
            public_exchange.RATE_LIMITS = RateLimits(lambda: scene.clock.now())
            yield scene
        finally:
            public_exchange.RATE_LIMITS = quiet
            os.environ.clear()
            os.environ.update(before)
