"""The gate of a running session: its rows, what explains the newest one, and how old it is."""

from collections.abc import Collection, Mapping
from itertools import takewhile
from typing import NamedTuple

import numpy as np
import pandas as pd

from brokers.journal.decision import GateExplanation
from brokers.journal.incident import Incident
from brokers.live.gate_history import NO_ROWS, GateHistory
from brokers.live.series_checks import (
    all_substituted,
    read_by_gate,
    replaced_rows,
    report_revisions,
    row_sources,
)
from brokers.live.stale_gate import StaleGate, report_stale_gate
from brokers.live.strategy import Functions
from brokers.prices.load import Prices
from brokers.prices.series import SIBLINGS
from config.settings import Settings

# Between two sessions' closes in New York, in 2001 it was 7 days: a calendar that has no session
# for longer has come to its end.
LONGEST_CLOSURE = pd.Timedelta(days=8)
EPOCH = pd.Timestamp(0, tz="UTC")


class GateNow(NamedTuple):
    """The newest gate row: when it was known (epoch seconds), its lines, what explains it.

    `lines` are those of the gate feed, empty before the first row; `sources` says where its newest
    prices came from, by symbol; `incident` what a person has to know of a row that is stale.
    """

    known_at: float
    lines: Mapping[str, float]
    why: GateExplanation | None
    sources: Mapping[str, str]
    incident: Incident | None


class LiveGate:
    """The gate's rows: those that earlier sessions acted on, then what is computed anew."""

    def __init__(self, settings: Settings, history: GateHistory) -> None:
        self._settings = settings
        self._table = pd.DataFrame()
        self._lines, self._foreign, self._sources = history
        # By earlier sessions; a row by other rules is none that these could revise.
        self._handed_over = pd.DatetimeIndex(self._lines.index.difference(self._foreign))
        self.hand_over()

    def compute(self, functions: Functions, prices: Prices) -> tuple[Incident, ...]:
        """Compute all rows from `prices`; what has changed of those that were acted on.

        Raises
        ------
        DataError
            The prices cannot be used: the rows stay what they were.

        """
        table, read = functions.gate(prices), read_by_gate(prices, self._settings)
        lines = limit_ceilings(
            functions.gate_lines(table),
            table["substituted"].to_numpy(dtype=bool),
            self._acted_on,
            self._allowed,
            whole=bool(all_substituted(read)),
        )
        comparable = self._lines[self._lines.index.isin(self._handed_over)]
        revised = report_revisions(comparable, lines, replaced_rows(self._sources, read))
        self._table, self._lines, self._foreign = table, lines, NO_ROWS
        if len(lines):
            known_at = lines.index[-1]
            self._sources = {**self._sources, known_at: row_sources(read, known_at)}
        return revised

    def hand_over(self) -> None:
        """Note that the newest row is acted on."""
        last = pd.DatetimeIndex(self._lines.index[-1:].difference(self._foreign))
        self._handed_over = self._handed_over.union(last)
        self._acted_on = newest(self._lines)
        self._allowed = float(self._lines["ceiling"].iloc[-1]) if len(self._lines) else np.inf

    @property
    def table(self) -> pd.DataFrame:
        """The rows computed in this process, as the strategy explains them; empty before that."""
        return self._table

    @property
    def held(self) -> list[str]:
        """The series whose newest close is held."""
        names = str(self._table["held"].iloc[-1]).split(", ") if len(self._table) else []
        return [name for name in names if name]

    def held_sessions(self) -> dict[str, list[pd.Timestamp]]:
        """By series whose newest close is held, the newest sessions in a row that held one."""
        return {symbol: _newest_held(self._table["held"], symbol) for symbol in self.held}

    def doubtful_symbols(self) -> set[str]:
        """The series whose newest close is held, and those that contradict it.

        Their vendors may have corrected it.
        """
        return {symbol for name in self.held for symbol in (name, SIBLINGS.get(name, name))}

    @property
    def last_complete(self) -> pd.Timestamp | None:
        """The newest row that was not stale."""
        whole = self._lines.index[self._lines["stale"] == 0]
        return whole[-1] if len(whole) else None

    def is_stale(self, prices: Prices | None) -> bool:
        """Whether the gate lacks the newest session of `prices`, or its index's close."""
        return (
            not len(self._table)
            or bool(self._table["stale"].iloc[-1] > 0)
            or self._missed_sessions(prices) > 0
        )

    def now(self, prices: Prices | None, missing: Collection[str]) -> GateNow:
        """The newest row at `prices.now`; `missing` are the series that lack their newest close.

        Where the newest session could not be computed, the last one that could, marked stale.
        """
        if not len(self._lines):
            return GateNow(0.0, {}, None, {}, None)
        known_at, missed = self._lines.index[-1], self._missed_sessions(prices)
        lines = {str(name): float(value) for name, value in self._lines.iloc[-1].items()}
        lines["stale"] += missed
        is_foreign = len(self._foreign) > 0 and self._foreign[-1] == known_at
        if is_foreign:
            lines["stale"] = max(lines["stale"], 1.0)  # other rules allow nothing to be bought
        why, incident = _explanation(self._table), None
        if lines["stale"] > 0:
            index = self._settings.signal.index
            stale = StaleGate(
                sessions=int(lines["stale"]),
                used=self.last_complete,
                held=why.closes_note if why and why.held and not missed else "",
                without=index if index in missing else "",
                foreign=is_foreign,
            )
            incident = report_stale_gate(stale, self._settings)
        sources = self._sources.get(known_at, {})
        return GateNow(float(known_at.timestamp()), lines, why, sources, incident)

    def _missed_sessions(self, prices: Prices | None) -> int:
        """Sessions since the newest gate row; weekdays where the calendar has come to its end."""
        if prices is None or not len(self._lines):
            return 0
        last, closes, now = self._lines.index[-1], prices.sessions.index, prices.now
        if now - max(last, *closes[-1:]) > LONGEST_CLOSURE:
            return int(np.busday_count(last.date(), now.date()))
        return len(closes) - int(closes.searchsorted(last, side="right"))


def limit_ceilings(
    lines: pd.DataFrame,
    substituted: np.ndarray,
    acted_on: pd.Timestamp,
    allowed: float,
    *,
    whole: bool,
) -> pd.DataFrame:
    """`lines` in which no close of a later source raises the ceiling that was acted on.

    From the row `acted_on` on one that is `substituted` has at most the ceiling of the row before
    it; before the first of them that is what was `allowed` then. `whole`: all rows of a series are
    a later source's, so that none of these is the first one's (`brokers.prices.combine.combine`).
    Where nothing was acted on (`allowed` is infinite), as where no row is as new, it is the newest
    row alone, as in a backtest.

    """
    if not len(lines) or not (substituted[-1] or whole):
        return lines
    ceilings, last = lines["ceiling"].to_numpy(copy=True), len(lines) - 1
    first = min(int(lines.index.searchsorted(acted_on)), last)
    if np.isinf(allowed):
        first, allowed = last, ceilings[last - 1] if last else allowed
    is_later = substituted | whole
    for row in range(first, len(lines)):
        allowed = min(ceilings[row], allowed) if is_later[row] else ceilings[row]
        ceilings[row] = allowed
    return lines.assign(ceiling=ceilings)


def _newest_held(held: pd.Series, symbol: str) -> list[pd.Timestamp]:
    rows = zip(reversed(held.index), reversed(held.tolist()), strict=True)
    return [known_at for known_at, _ in takewhile(lambda row: symbol in row[1].split(", "), rows)]


def newest(frame: pd.DataFrame) -> pd.Timestamp:
    """The newest instant of a frame; the epoch for an empty one."""
    return frame.index[-1] if len(frame) else EPOCH


def _explanation(table: pd.DataFrame) -> GateExplanation | None:
    return GateExplanation(*table[list(GateExplanation._fields)].iloc[-1]) if len(table) else None
