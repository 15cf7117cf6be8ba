"""Adds each session's gate to the forward record, in the session's own time."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import pandas as pd

from brokers.clock import Clock
from brokers.journal.forward_record import ForwardError, ForwardRow, append_forward, forward_path
from brokers.journal.incident import Incident
from brokers.live.data_provider import DataProvider
from brokers.live.series_checks import row_sources
from brokers.prices.calendar import closes_and_delay
from brokers.prices.load import Prices
from brokers.prices.series import DataError, Series
from config.settings import Settings


class Reading(NamedTuple):
    """The gate's newest row: when it was known (UTC), its state's name, the ceiling in force.

    `close` is the index's, `stale` how many sessions old the row is, `rules_digest` that of the
    rules it was computed with.
    """

    known_at: pd.Timestamp
    state: str
    ceiling: float
    close: float
    stale: float
    rules_digest: str


def record_reading(reading: Reading, prices: Prices, settings: Settings, now: pd.Timestamp) -> bool:
    """Add the newest session's reading at `now` (UTC) to the forward record.

    Whether the record has it then. It gets none of simulated prices, none that lacks the session's
    own closes, and none after the next session's close: what is written later may rest on what was
    known later.

    Raises
    ------
    ForwardError
        It should have been added, and could not.

    """
    if prices.sample or reading.stale > 0:
        return False
    try:
        if not is_in_own_time(reading.known_at, now, settings):
            return False
    except DataError as error:
        raise ForwardError(f"no row was added to the forward record: {error}") from None
    append_forward(forward_path(settings), _row(reading, prices, settings, now))
    return True


def is_in_own_time(known_at: pd.Timestamp, now: pd.Timestamp, settings: Settings) -> bool:
    """Whether at `now` a session's close, known at `known_at`, is the newest; both UTC.

    The time of a session ends with the close of the next one, before that is known.

    Raises
    ------
    DataError
        It is not known when there are sessions.

    """
    closes, delay = closes_and_delay(settings, now)
    instants = pd.DatetimeIndex(closes)
    following = int(instants.searchsorted(known_at - delay, side="right"))
    is_session = 0 < following < len(instants) and instants[following - 1] == known_at - delay
    return bool(is_session and known_at <= now < instants[following])


def _row(reading: Reading, prices: Prices, settings: Settings, now: pd.Timestamp) -> ForwardRow:
    """The row; a coin is left out whose close of the day before the session is not there."""
    day = reading.known_at.floor("D")  # when the close of the day before was known
    coins = {
        name: series for name, series in _coin_series(prices, settings) if day in series.frame.index
    }
    return ForwardRow(
        known_at=reading.known_at.to_pydatetime(),
        rules_digest=reading.rules_digest,
        state=reading.state,
        ceiling=reading.ceiling,
        index_close=reading.close,
        coin_closes={name: float(item.frame["close"][day]) for name, item in coins.items()},
        sources={
            **row_sources(prices, reading.known_at),
            **{name: item.source_at(day) for name, item in coins.items()},
        },
        written_at=now.floor("s").to_pydatetime(),
    )


def _coin_series(prices: Prices, settings: Settings) -> Iterator[tuple[str, Series]]:
    """The daily series of the coins, of those that were loaded."""
    names = {coin.history for coin in settings.coins_and_bitcoin()}
    for request, series in prices.series.items():
        if request.symbol in names and request.timeframe == "1d":
            yield request.symbol, series


class ForwardRecorder:
    """The forward record's writer in a session, which it never stops or delays for long."""

    def __init__(
        self,
        settings: Settings,
        provider: DataProvider,
        clock: Clock,
        report: Callable[[Incident], None],
        *,
        states: Sequence[str],
        rules_digest: str,
    ) -> None:
        """`states` are the names of the gate's states by code; `report` hears what went wrong."""
        self._settings, self._provider, self._clock, self._report = (
            settings,
            provider,
            clock,
            report,
        )
        self._states, self._digest = states, rules_digest
        self._recorded: float | None = None  # when the newest row that the record has was known
        self._trouble = ""

    def record(self) -> None:
        """Add the newest reading unless it was added; what prevents it is reported once."""
        prices, gate = self._provider.prices, self._provider.newest_gate()
        if prices is None or gate.why is None or gate.known_at == self._recorded:
            return
        reading = Reading(
            known_at=pd.Timestamp(gate.known_at, unit="s", tz="UTC"),
            state=self._states[int(gate.lines["state"])],
            ceiling=gate.lines["ceiling"],
            close=gate.why.close,
            stale=gate.lines["stale"],
            rules_digest=self._digest,
        )
        now = pd.Timestamp(self._clock.now(), unit="s", tz="UTC")
        try:
            if record_reading(reading, prices, self._settings, now):
                self._recorded, self._trouble = gate.known_at, ""
        except ForwardError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._report(Incident("forward record", "warning", self._trouble))
