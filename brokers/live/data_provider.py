"""What is known when a bar closes: the newest gate row, every coin's newest bar, and gaps."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

import pandas as pd

from brokers.clock import Clock
from brokers.journal.decision import GateExplanation
from brokers.journal.incident import Incident
from brokers.live.absent_rows import Absent, absent_coins, absent_series, report_missing_bars
from brokers.live.gate_history import GateHistory
from brokers.live.live_gate import GateNow, LiveGate, newest
from brokers.live.second_opinion import acceptance, report_opinion, second_opinions
from brokers.live.series_checks import (
    check_series,
    report_held_closes,
    report_issues,
    report_substitutes,
    required_closes,
    substituted_symbols,
)
from brokers.live.strategy import Functions
from brokers.prices.clean import bar_length
from brokers.prices.load import Prices
from brokers.prices.quality import missing
from brokers.prices.series import BAR_COLUMNS, AcceptedClose, DataError, Series, UnreachableError
from config.settings import Settings

PAUSES = (2.0, 5.0, 10.0, 20.0, 30.0)  # seconds between two requests for what is missing
LONGEST_WAIT = 0.25  # of a bar: the next one must not find the session still busy
LONGEST_PAUSE = 900.0  # seconds between two downloads while something is missing
REPORTED_BARS = 10  # for which a missing coin is reported; by then it has long counted as ended
DAY = pd.Timedelta(days=1)
NO_BARS = pd.DataFrame(columns=list(BAR_COLUMNS), index=pd.DatetimeIndex([], tz="UTC"), dtype=float)


class MarketSnapshot(NamedTuple):
    """Everything known at the bar that ended at `due` (epoch seconds).

    `gate` is the newest row as the numbers of the gate feed, empty before the first, and `why` what
    explains it, None where only earlier sessions computed it; `sources` says where its newest
    prices came from, by symbol; `coins` has the lines of every listed coin.
    """

    due: int
    gate_known_at: float
    gate: Mapping[str, float]
    why: GateExplanation | None
    coins: Mapping[str, Mapping[str, float]]
    incidents: tuple[Incident, ...]
    sources: Mapping[str, str] = MappingProxyType({})

    @property
    def fresh(self) -> bool:
        """Whether any coin has a bar that ended now: without one there is nothing to decide on."""
        return any(lines["stale"] == 0 for lines in self.coins.values())


class Source(Protocol):
    """Where bars come from. `final`: what is not there when a bar ends never comes."""

    final: bool

    def history(
        self, now: pd.Timestamp, again: Collection[str] = ()
    ) -> tuple[Prices, Mapping[str, DataError]]:
        """All daily series up to `now`, and by symbol why others could not be loaded.

        Those in `again` are requested anew, whatever is cached.
        """

    def sessions(self, now: pd.Timestamp) -> int:
        """How many US sessions' closes were known at `now`."""

    def second_closes(
        self, series: Series, now: pd.Timestamp
    ) -> Iterable[tuple[str, pd.Series | str]]:
        """The closes of `series` as its other sources have them, by `known_at`.

        Of a source that has another series, a sentence about that.
        """

    def accepted(self, now: pd.Timestamp) -> tuple[AcceptedClose, ...]:
        """The held closes that somebody had confirmed at `now`."""

    def bars(self, history: str, now: pd.Timestamp) -> pd.DataFrame:
        """One coin's newest bars at the session's timeframe that ended by `now`; at least a few."""


class DataProvider:
    """Recomputes the gate when a session has closed and the features when a day has ended.

    The one rule: what is handed over was known at the bar's end, and is the newest there is.
    """

    def __init__(
        self,
        source: Source,
        functions: Functions,
        settings: Settings,
        clock: Clock,
        *,
        gate_rows: GateHistory,
        on_download: Callable[[pd.Timestamp], None] = lambda now: None,
        accept: Callable[[AcceptedClose, pd.Timestamp], None] = lambda close, session: None,
    ) -> None:
        """`gate_rows` are those earlier sessions acted on; `on_download` hears of each download.

        `accept` records a close that a second source confirms, and its session's close.
        """
        self._source, self.final = source, source.final
        self._functions, self._settings, self._clock = functions, settings, clock
        self._on_download, self._accept = on_download, accept
        self._length = bar_length(settings.exchange.timeframe)
        self._required_closes = required_closes(settings)
        self._prices: Prices | None = None
        self._failed: dict[str, DataError] = {}
        self._behind: list[str] = []
        self._substituted: list[str] = []  # series whose newest close is another source's
        self._reported: set[Incident] = set()
        self._unreachable: set[str] = set()  # coins whose exchange has not answered
        self._lacking: Absent = frozenset()  # series at the last download
        self._in_vain: Absent = frozenset()  # what was waited for and did not come
        self._again_at, self._pause = 0.0, PAUSES[0]
        self._gate = LiveGate(settings, gate_rows)
        self._news: tuple[Incident, ...] = ()

    def snapshot(self, due: int, interrupted: Callable[[], bool] = lambda: False) -> MarketSnapshot:
        """What is known at the bar that ended at `due`.

        What should exist is waited for, until `paper.patience` or a quarter of a bar is over, or
        until `interrupted`; what was waited for in vain is not waited for again.
        """
        paper = self._settings.paper
        patience = min(paper.patience, self._length.total_seconds() * LONGEST_WAIT)
        # By the clock that nobody can set: one that is set back while prices are late adds no wait.
        ends = self._clock.monotonic() + due + paper.grace + patience - self._clock.now()
        pauses = iter(PAUSES)
        self._news = ()
        while True:
            snapshot = self._look(due)
            absent = self._lacking | absent_coins(
                self._settings.coins, snapshot.coins, due, self._length, self._unreachable
            )
            left = ends - self._clock.monotonic()
            given_up = self._clock.stopped or interrupted()
            if absent <= self._in_vain or left <= 0.0 or given_up:
                self._in_vain = self._in_vain if given_up else absent
                self._gate.hand_over()
                return snapshot._replace(incidents=(*snapshot.incidents, *self._news))
            self._clock.wait(min(next(pauses, PAUSES[-1]), left), interrupted)

    @property
    def prices(self) -> Prices | None:
        """The newest download; None before the first."""
        return self._prices

    def newest_gate(self) -> GateNow:
        """The newest gate row, by the newest download."""
        return self._gate.now(self._prices, (*self._behind, *self._failed))

    def _absent(self) -> Absent:
        """What the last download lacked."""
        if self._prices is None:
            return frozenset()
        absent = absent_series(self._prices, self._failed, [*self._behind, *self._substituted])
        if not self._is_gate_stale():
            return absent
        return absent | {("gate", self._gate.last_complete)}

    def _look(self, due: int) -> MarketSnapshot:
        now = pd.Timestamp(due, unit="s", tz="UTC")
        self._unreachable.clear()
        if self._outdated(now):
            self._refresh(now)
        incidents = [
            Incident("data", "warning", f"{symbol}: {error}")
            for symbol, error in self._failed.items()
        ]
        if self._behind:
            text = (
                f"{', '.join(self._behind)}: no row of the newest session; the one before is used, "
                f"for at most prices.max_age_sessions ({self._settings.prices.max_age_sessions}) "
                "sessions"
            )
            incidents.append(Incident("data", "warning", text))
        gate = self.newest_gate()
        incidents += [gate.incident] if gate.incident else []
        coins = {
            coin.name: lines
            for coin in self._settings.coins
            if (lines := self._coin(coin.history, now, incidents)) is not None
        }
        return MarketSnapshot(
            due=due,
            gate_known_at=gate.known_at,
            gate=gate.lines,
            why=gate.why,
            coins=coins,
            incidents=tuple(incidents),
            sources=gate.sources,
        )

    def _outdated(self, now: pd.Timestamp) -> bool:
        """Whether the last download lacks something that may be available now."""
        prices = self._prices
        if prices is None or prices.now.floor("D") != now.floor("D"):
            return True
        if self._source.sessions(now) > len(prices.sessions):
            return True
        if self._gate.held and self._source.accepted(now) != prices.accepted:
            return True
        return bool(self._lacking) and self._clock.now() >= self._again_at

    def _is_gate_stale(self) -> bool:
        """Whether the gate lacks the newest session, or a series of it."""
        return bool(self._behind) or self._gate.is_stale(self._prices)

    def _refresh(self, now: pd.Timestamp) -> None:
        prices, failed = self._source.history(now, self._gate.doubtful_symbols())
        coins = {coin.history for coin in self._settings.coins_and_bitcoin()}
        self._failed = dict(failed)
        is_new = self._prices is None or len(prices.sessions) != len(self._prices.sessions)
        may_differ = is_new or bool(self._substituted) or self._is_gate_stale()
        if failed.keys() <= coins and may_differ:
            prices = self._compute_gate(prices)
        self._prices = prices
        if not self.final:
            self._check_series(prices)
        lacking = self._absent()
        still = bool(lacking) and lacking <= self._lacking
        self._lacking = lacking
        self._pause = min(self._pause * 2.0, LONGEST_PAUSE) if still else PAUSES[0]
        self._again_at = self._clock.now() + self._pause
        self._on_download(now)

    def _compute_gate(self, prices: Prices) -> Prices:
        """Compute the gate's rows; `prices` with what second sources have confirmed on the way."""
        try:
            self._news += self._gate.compute(self._functions, prices)
            if not self.final and (confirmed := [*self._confirmed(prices)]):
                prices = prices._replace(accepted=(*prices.accepted, *confirmed))
                self._gate.compute(self._functions, prices)
        except DataError as error:
            self._failed["gate"] = error
            return prices
        self._report_once(report_held_closes(self._gate.table))
        return prices

    def _confirmed(self, prices: Prices) -> Iterator[AcceptedClose]:
        """The held closes that another source has as well, recorded as known at this bar."""
        for symbol, sessions in self._gate.held_sessions().items():
            series = prices.of(symbol)
            closes = list[tuple[str, pd.Series]]()
            for source, other in self._source.second_closes(series, prices.now):
                if isinstance(other, str):
                    self._report_once([Incident("data", "warning", other)])
                else:
                    closes.append((source, other))
            for opinion in second_opinions(series, sessions, closes):
                session = pd.Timestamp(prices.sessions[opinion.known_at])
                self._report_once([report_opinion(opinion, session)])
                if opinion.agrees:
                    close = acceptance(opinion, session, prices.now)
                    self._accept(close, session)
                    yield close

    def _check_series(self, prices: Prices) -> None:
        """Note which series lack their newest row; report what else is odd about one, once."""
        self._behind = []
        self._substituted = [*substituted_symbols(prices)]
        self._report_once((*report_issues(prices), *report_substitutes(prices)))
        for request, series in prices.series.items():
            lacking = missing(series, prices.sessions, prices.now)
            if (
                request.kind == "session"
                and request.symbol not in self._failed
                and len(lacking)
                and lacking[-1] > series.frame.index[-1]
            ):
                self._behind.append(request.symbol)
            self._report_once(check_series(series, lacking, prices.now, self._required_closes))

    def _report_once(self, incidents: Iterable[Incident]) -> None:
        fresh = [incident for incident in incidents if incident not in self._reported]
        self._reported.update(fresh)
        self._news += tuple(fresh)

    def _coin(
        self, history: str, now: pd.Timestamp, incidents: list[Incident]
    ) -> Mapping[str, float] | None:
        """A coin's lines at `now`; None before it is listed.

        Without its bars, its last daily close as many bars old as have passed.
        """
        daily = self._daily_bars(history)
        if daily.empty and history in self._failed and self._required_closes:
            return (
                None  # an average of nothing must sell nothing: without a price nothing is decided
            )
        reported = self.final
        try:
            bars = self._source.bars(history, now)
        except DataError as error:
            incidents.append(Incident("data", "warning", f"{history}: {error}"))
            if isinstance(error, UnreachableError):
                self._unreachable.add(history)
            bars, reported = daily, True
        bars = bars[bars.index <= now]
        if bars.empty:
            return None
        closes = self._daily_closes(daily, bars)
        known = closes.iloc[: int(closes.index.searchsorted(now, side="right"))]
        table = self._functions.coin(bars, known, pd.DatetimeIndex([now - self._length, now]))
        lines = {str(name): float(value) for name, value in table.iloc[-1].items()}
        if not reported and 0 < lines["stale"] <= REPORTED_BARS:
            incidents.append(report_missing_bars(history, int(lines["stale"]), bars.index[-1]))
        return lines

    def _daily_closes(self, daily: pd.DataFrame, bars: pd.DataFrame) -> pd.Series:
        """Daily closes, with those of `bars` that are newer where a bar is a day."""
        closes = daily["close"]
        last = newest(daily)
        if self._length == DAY and bars.index[-1] > last:
            closes = pd.concat([closes, bars["close"][bars.index > last]])
        return closes

    def _daily_bars(self, history: str) -> pd.DataFrame:
        for request, series in self._prices.series.items() if self._prices else ():
            if (request.symbol, request.timeframe) == (history, "1d"):
                return series.frame
        return NO_BARS
