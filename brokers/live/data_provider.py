"""What is known when a coin's bar closes: the newest gate row and the newest bar of every coin, and what could not be had."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd

from brokers.clock import Clock
from brokers.journal.incident import Problem
from brokers.journal.journal import Journal
from brokers.live.strategy import Functions
from brokers.prices.clean import bar_length
from brokers.prices.load import Prices
from brokers.prices.quality import missing
from brokers.prices.series import BAR_COLUMNS, SIBLINGS, DataError, Series
from config.settings import Settings

PAUSES = (2.0, 5.0, 10.0, 20.0, 30.0)  # seconds between two looks for what should be there
MOST_OF_A_BAR = (
    0.25  # of a bar may be spent waiting: the next one must not find the session still busy
)
LONGEST_PAUSE = 900.0  # seconds between two downloads while something is missing
TOLD = 10  # bars for which a silent coin is told of; by then it has long counted as ended
DAY = pd.Timedelta(days=1)
YEAR = 366 * DAY  # no average reaches further back
LONGEST_CLOSURE = (
    8 * DAY
)  # between two sessions' closes in New York; in 2001 it were 7: a calendar that has none for longer is blind
EPOCH = pd.Timestamp(0, tz="UTC")
NO_BARS = pd.DataFrame(columns=list(BAR_COLUMNS), index=pd.DatetimeIndex([], tz="UTC"), dtype=float)


class Known(NamedTuple):
    """Everything known at the bar that ended at `due` (epoch seconds).

    `gate` is the newest row as the numbers of the gate feed, `row` the same with what explains it, both empty before the first;
    `coins` has the lines of every listed coin.
    """

    due: int
    gate_known_at: float
    gate: Mapping[str, float]
    row: Mapping[str, Any]
    coins: Mapping[str, Mapping[str, float]]
    problems: tuple[Problem, ...]

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
        """All daily series up to `now`, and why the others could not be had, by symbol; those in `again` as the source has them now."""

    def sessions(self, now: pd.Timestamp) -> int:
        """How many US sessions' closes were known at `now`."""

    def bars(self, history: str, now: pd.Timestamp) -> pd.DataFrame:
        """The newest bars of one coin at the session's timeframe that ended by `now`, at least the last few."""


class Pump:
    """Recomputes the gate when a session has closed and the features when a day has ended; keeps history outside Cerebro.

    The one rule: what is handed over was known at the bar's end, and is the newest there is.
    """

    def __init__(
        self,
        source: Source,
        functions: Functions,
        settings: Settings,
        clock: Clock,
        remembered: pd.DataFrame,
    ) -> None:
        """`remembered`: gate rows earlier sessions acted on, as `Functions.gate_lines` makes them."""
        self._source = source
        self.final = source.final
        self._functions = functions
        self._settings = settings
        self._clock = clock
        self._length = bar_length(settings.exchange.timeframe)
        self._warm_up = _warm_up(settings)
        self._prices: Prices | None = None
        self._failed: dict[str, DataError] = {}
        self._behind: list[str] = []
        self._told: set[Problem] = set()
        self._again_at, self._pause = 0.0, PAUSES[0]
        self._table = pd.DataFrame()
        self._lines = remembered
        self._acted_on = (
            remembered.index[-1] if len(remembered) else EPOCH
        )  # the newest gate row that was handed over
        self._news: tuple[Problem, ...] = ()

    def known(self, due: int) -> Known:
        """What is known at the bar that ended at `due`; what should exist is waited for, until `paper.patience` or a quarter of a bar is over."""
        paper = self._settings.paper
        ends = due + paper.grace + min(paper.patience, self._length.total_seconds() * MOST_OF_A_BAR)
        pauses = iter(PAUSES)
        self._news = ()
        while True:
            known = self._look(due)
            complete = len(known.coins) == len(self._settings.coins) and all(
                lines["stale"] == 0 for lines in known.coins.values()
            )
            left = ends - self._clock.now()
            if (complete and not known.problems) or left <= 0.0 or self._clock.stopped:
                self._acted_on = self._lines.index[-1] if len(self._lines) else EPOCH
                return known._replace(problems=(*known.problems, *self._news))
            self._clock.sleep(min(next(pauses, PAUSES[-1]), left))

    def _look(self, due: int) -> Known:
        now = pd.Timestamp(due, unit="s", tz="UTC")
        if self._outdated(now):
            self._refresh(now)
        problems = [
            Problem("data", "warning", f"{symbol}: {error}")
            for symbol, error in self._failed.items()
        ]
        if self._behind:
            text = f"{', '.join(self._behind)}: no row of the newest session; the one before is used for prices.max_age_sessions"
            problems.append(Problem("data", "warning", text))
        known_at, gate, row = self._gate(problems)
        coins = {
            coin.name: lines
            for coin in self._settings.coins
            if (lines := self._coin(coin.history, now, problems)) is not None
        }
        return Known(due, known_at, gate, row, coins, tuple(problems))

    def _outdated(self, now: pd.Timestamp) -> bool:
        """Whether a session has closed or a day has ended since the last download, or something was missing then."""
        prices = self._prices
        if prices is None:
            return True
        if prices.now.floor("D") != now.floor("D") or self._source.sessions(now) > len(
            prices.sessions
        ):
            return True
        return self._lacking() and self._clock.now() >= self._again_at

    def _lacking(self) -> bool:
        """Whether there is something to be had that was not there at the last download."""
        return bool(self._failed or self._behind) or self._stale()

    def _stale(self) -> bool:
        """Whether the gate could not be read at the newest session, or was read without all that belongs to it."""
        return (
            bool(self._behind)
            or not len(self._table)
            or bool(self._table["stale"].iloc[-1] > 0)
            or self._missed() > 0
        )

    def _missed(self) -> int:
        """Sessions since the newest gate row; weekdays where the calendar has none for longer than New York was ever closed."""
        if self._prices is None or not len(self._lines):
            return 0
        newest, closes, now = self._lines.index[-1], self._prices.sessions.index, self._prices.now
        if now - max(newest, *closes[-1:]) > LONGEST_CLOSURE:
            return int(np.busday_count(newest.date(), now.date()))
        return len(closes) - int(closes.searchsorted(newest, side="right"))

    def _refresh(self, now: pd.Timestamp) -> None:
        prices, failed = self._source.history(now, self._doubted())
        coins = {coin.history for coin in self._settings.coins_and_bitcoin()}
        self._failed = dict(failed)
        if failed.keys() <= coins and (
            self._prices is None
            or len(prices.sessions) != len(self._prices.sessions)
            or self._stale()
        ):
            try:
                table = self._functions.gate(prices)
            except DataError as error:
                self._failed["gate"] = error
            else:
                lines = self._functions.gate_lines(table)
                self._news += _revised(self._lines.loc[: self._acted_on], lines)
                self._table, self._lines = table, lines
                self._tell_once(_settled(table))
        self._prices = prices
        if not self.final:
            self._look_over(prices)
        self._pause = min(self._pause * 2.0, LONGEST_PAUSE) if self._lacking() else PAUSES[0]
        self._again_at = self._clock.now() + self._pause

    def _doubted(self) -> set[str]:
        """The series whose newest close is held, and those that speak against it: their vendors may have mended it."""
        held = str(self._table["held"].iloc[-1]).split(", ") if len(self._table) else []
        return {symbol for name in held if name for symbol in (name, SIBLINGS.get(name, name))}

    def _look_over(self, prices: Prices) -> None:
        """See which series lack their newest row; what else is odd about one is said once."""
        self._behind = []
        for request, one in prices.series.items():
            lacking = missing(one, prices.sessions, prices.now)
            if (
                request.kind == "session"
                and request.symbol not in self._failed
                and len(lacking)
                and lacking[-1] > one.frame.index[-1]
            ):
                self._behind.append(request.symbol)
            self._tell_once(_oddities(one, lacking, prices.now, self._warm_up))

    def _tell_once(self, problems: Iterable[Problem]) -> None:
        fresh = [problem for problem in problems if problem not in self._told]
        self._told.update(fresh)
        self._news += tuple(fresh)

    def _gate(
        self, problems: list[Problem]
    ) -> tuple[float, Mapping[str, float], Mapping[str, Any]]:
        """The newest row; where the newest session could not be worked out, the last one that could, marked stale."""
        if not len(self._lines):
            return 0.0, {}, {}
        lines = {str(name): float(value) for name, value in self._lines.iloc[-1].items()}
        lines["stale"] += self._missed()
        row = dict(self._table.iloc[-1]) if len(self._table) else {}
        if lines["stale"] > 0:
            problems.append(self._stale_problem(int(lines["stale"]), row))
        return float(self._lines.index[-1].timestamp()), lines, row

    def _stale_problem(self, stale: int, row: Mapping[str, Any]) -> Problem:
        read = self._lines.index[self._lines["stale"] == 0]
        kept = f"its row of {read[-1]:%Y-%m-%d} is kept" if len(read) else "its last row is kept"
        rule = f"nothing may rise, and beyond gate.max_gate_age ({self._settings.gate.max_gate_age}) everything is sold"
        if row.get("held") and not self._missed():
            return Problem(
                "held close", "critical", f"{row['closes_note']}; of the gate {kept}: {rule}"
            )
        return Problem(
            "gate stale",
            "critical",
            f"the gate could not be read for {stale} session{'s' if stale > 1 else ''}; {kept}: {rule}",
        )

    def _coin(
        self, history: str, now: pd.Timestamp, problems: list[Problem]
    ) -> Mapping[str, float] | None:
        """A coin's lines at `now`; None before it is listed. Without its bars, its last daily close as many bars old as have passed."""
        daily = self._daily(history)
        told = self.final
        try:
            bars = self._source.bars(history, now)
        except DataError as error:
            problems.append(Problem("data", "warning", f"{history}: {error}"))
            bars, told = daily, True
        bars = bars[bars.index <= now]
        if bars.empty:
            return None
        closes = daily["close"]
        if self._length == DAY and (not len(closes) or bars.index[-1] > closes.index[-1]):
            closes = pd.concat(
                [closes, bars["close"][bars.index > (closes.index[-1] if len(closes) else EPOCH)]]
            )
        known = closes.iloc[: int(closes.index.searchsorted(now, side="right"))]
        table = self._functions.coin(bars, known, pd.DatetimeIndex([now - self._length, now]))
        lines = {str(name): float(value) for name, value in table.iloc[-1].items()}
        if not told and 0 < lines["stale"] <= TOLD:
            text = f"{history}: its newest bar ended {lines['stale']:.0f} bars ago, at {bars.index[-1]:%Y-%m-%d %H:%M} UTC"
            problems.append(Problem("data", "warning", f"{text}: it is missing from then on"))
        return lines

    def _daily(self, history: str) -> pd.DataFrame:
        series = self._prices.series.items() if self._prices else ()
        found = (
            one.frame
            for request, one in series
            if (request.symbol, request.timeframe) == (history, "1d")
        )
        return next(found, NO_BARS)


def remembered(journal: Journal) -> pd.DataFrame:
    """The gate rows earlier sessions acted on, as `strategies.gate.gate_lines` makes them."""
    rows = list(journal.gate_rows())
    index = pd.DatetimeIndex([row.known_at * 10**9 for row in rows], tz="UTC")
    columns = ("state", "ceiling", "filled", "confirmed_at", "stale")
    return pd.DataFrame(
        {name: [getattr(row, name) for row in rows] for name in columns}, index=index, dtype=float
    )


def _warm_up(settings: Settings) -> int:
    """Daily closes a coin must have before everything that is asked of it is known."""
    asked = settings.allocation
    return max(
        asked.own_trend_days if asked.own_trend != "off" else 0,
        asked.volatility_days + 1 if asked.target_volatility > 0.0 else 0,
    )


def _oddities(
    one: Series, lacking: pd.DatetimeIndex, now: pd.Timestamp, warm_up: int
) -> Iterator[Problem]:
    """What averages over one series do not show."""
    inside = (
        lacking[(lacking > now - YEAR) & (lacking < one.frame.index[-1])]
        if len(lacking)
        else lacking
    )
    if len(inside):
        text = f"{one.origin}: {len(inside)} bars of the last year are missing, the newest that of {inside[-1]:%Y-%m-%d}"
        yield Problem("gap", "warning", f"{text}; averages are worked out without them")
    if one.request.kind == "coin" and len(one.frame) < warm_up:
        text = f"{one.origin}: has {len(one.frame)} daily closes, allocation asks for {warm_up}"
        yield Problem(
            "short history",
            "warning",
            f"{text}: its own average or volatility is not known, and counts as a no",
        )


def _settled(table: pd.DataFrame) -> Iterator[Problem]:
    """What the newest session says of closes that were held before it."""
    if len(table) and not table["held"].iloc[-1] and (note := table["closes_note"].iloc[-1]):
        yield Problem("held close", "warning", note)


def _revised(before: pd.DataFrame, after: pd.DataFrame) -> tuple[Problem, ...]:
    """What a recompute says otherwise about sessions that were acted on already: said, never acted on backwards."""
    acted = before[before["stale"] == 0] if len(before) else before
    now = after.reindex(acted.index)
    columns = ["state", "ceiling", "confirmed_at"]
    same = (acted[columns].to_numpy() == now[columns].to_numpy()) | (
        acted[columns].isna().to_numpy() & now[columns].isna().to_numpy()
    )
    changed = ~same.all(axis=1) & now["state"].notna().to_numpy()
    if not changed.any():
        return ()
    days = acted.index[changed]
    text = f"{len(days)} earlier gate rows have changed since they were acted on, the first of {days[0]:%Y-%m-%d}: the vendor revised its history"
    return (Problem("revised", "warning", text),)
